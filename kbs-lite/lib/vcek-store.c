/*
 * vcek-store.c - VCEKs from a folder, for evidence that brings none (trustee's OfflineStore):
 * vcek/<hwid>/bl<BL>_tee<TEE>_snp<SNP>_ucode<UC>[_fmc<FMC>]_vcek.der, else vcek/<hwid>/vcek.der.
 */
#include "vcek-store.h"

#include "common/enc/enc.h"

#include <stdlib.h>
#include <unistd.h>

#define CERT_MAX (64 * 1024)

int kbs_vcek_find(const char *dir, const struct snp_report *report, enum snp_product product,
                  struct cmn_buf *ret, struct cmn_err *err)
{
    const struct snp_tcb *t = &report->reported_tcb;
    bool turin = product == SNP_TURIN;
    auto_buf struct cmn_buf name = {0};

    if (cmn_all_zero(report->chip_id, sizeof(report->chip_id)))
        return cmn_err_set(err, ENOENT, "CHIP_ID is zero: MASK_CHIP_ID may be set on the host");
    auto_free char *hwid = cmn_hex(report->chip_id, turin ? 8 : 64);
    int r = hwid ? cmn_buf_printf(&name, "%s/vcek/%s/bl%02u_tee%02u_snp%02u_ucode%02u", dir, hwid,
                                  t->bootloader, t->tee, t->snp, t->microcode)
                 : -ENOMEM;
    if (r == 0 && turin)
        r = cmn_buf_printf(&name, "_fmc%02u", t->fmc);
    if (r == 0)
        r = cmn_buf_puts(&name, "_vcek.der");
    if (r == 0 && access((char *)name.data, F_OK) < 0) {
        cmn_buf_done(&name);
        r = cmn_buf_printf(&name, "%s/vcek/%s/vcek.der", dir, hwid);
    }
    if (r < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return cmn_file_read((char *)name.data, CERT_MAX, ret, err);
}
