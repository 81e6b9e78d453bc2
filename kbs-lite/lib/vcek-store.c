/*
 * vcek-store.c - VCEKs from a folder, for evidence that brings none (trustee's OfflineStore):
 * vcek/<hwid>/bl<BL>_tee<TEE>_snp<SNP>_ucode<UC>[_fmc<FMC>]_vcek.der, else vcek/<hwid>/vcek.der.
 */
#include "vcek-store.h"

#include "common/enc/enc.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CERT_MAX (64 * 1024)

/* dir/vcek/<hwid>; NULL without memory. */
static char *folder(const char *dir, const struct snp_report *report, enum snp_product product)
{
    auto_free char *hwid = cmn_hex(report->chip_id, product == SNP_TURIN ? 8 : 64);
    char *path = NULL;

    return hwid && asprintf(&path, "%s/vcek/%s", dir, hwid) >= 0 ? path : NULL;
}

static char *file_of_tcb(const char *in, const struct snp_tcb *t, enum snp_product product)
{
    char fmc[16] = "", *path = NULL;

    if (product == SNP_TURIN)
        (void)snprintf(fmc, sizeof(fmc), "_fmc%02u", t->fmc);
    return asprintf(&path, "%s/bl%02u_tee%02u_snp%02u_ucode%02u%s_vcek.der", in, t->bootloader,
                    t->tee, t->snp, t->microcode, fmc) >= 0
               ? path
               : NULL;
}

int kbs_vcek_find(const char *dir, const struct snp_report *report, enum snp_product product,
                  struct cmn_buf *ret, struct cmn_err *err)
{
    auto_free char *in = folder(dir, report, product), *any = NULL;
    auto_free char *exact = in ? file_of_tcb(in, &report->reported_tcb, product) : NULL;

    if (!exact || asprintf(&any, "%s/vcek.der", in) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (cmn_all_zero(report->chip_id, sizeof(report->chip_id)))
        return cmn_err_set(err, ENOENT, "CHIP_ID is zero: MASK_CHIP_ID may be set on the host");
    return cmn_file_read(access(exact, F_OK) == 0 ? exact : any, CERT_MAX, ret, err);
}

int kbs_vcek_store(const char *dir, const struct snp_report *report, enum snp_product product,
                   struct cmn_bytes cert, struct cmn_err *err)
{
    auto_free char *in = folder(dir, report, product);
    auto_free char *exact = in ? file_of_tcb(in, &report->reported_tcb, product) : NULL;

    if (!exact)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = cmn_mkdir_p(in, 0700, err);
    return r < 0 ? r : cmn_file_write(exact, cert.data, cert.len, 0600, err);
}
