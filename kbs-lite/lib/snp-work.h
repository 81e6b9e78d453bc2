/*
 * snp-work.h - the state that the SNP checks share, and the checks themselves, by the file they are
 * in. A check says yes, no or not asked and fills its expected and actual texts; the table in
 * snp-verify.c says what a no means. It may rest on every check that stands before it in the table.
 */
#ifndef KBS_SNP_WORK_H
#define KBS_SNP_WORK_H

#include "cert.h"
#include "crl.h"
#include "kbs-lite/snp-verify.h"
#include "roots.h"

#define SNP_YES       0
#define SNP_NO        1
#define SNP_NOT_ASKED 2

struct snp_work {
    struct cmn_env *env;
    const struct kbs_snp_input *in;
    const struct kbs_snp_expect *expect; /* never NULL */
    struct kbs_snp_result *res;
    struct snp_report *report; /* of res */
    bool strict;

    uint8_t raw[SNP_REPORT_BYTES]; /* what the signature covers */
    uint32_t version;

    struct snp_certs own;          /* from the evidence, the table, or fetched */
    const struct snp_certs *certs; /* own or the caller's; NULL: none came along */
    bool fetched;
    struct kbs_cert *read[SNP_CERTS_MAX]; /* by index in certs; NULL: of no interest */
    struct kbs_cert *ark, *ask, *vek;     /* borrowed from read; ark and ask may be NULL */

    const struct kbs_root_family *candidates[KBS_MAX_FAMILIES]; /* whose ARK fits */
    size_t n_candidates;
    const struct kbs_root_family *family; /* what the chain rests on */
    struct kbs_crl_facts crl;
};

typedef int snp_check(struct snp_work *w, struct kbs_check *c, struct cmn_err *err);

/* A no with reason and one sentence; returns SNP_NO. */
int snp_no(struct kbs_check *c, enum cmn_reason reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void snp_expected(struct kbs_check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void snp_actual(struct kbs_check *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Bytes as hex, up to 64 of them. */
void snp_hex(char out[136], const void *data, size_t len);
/* "bl 4 tee 0 snp 24 ucode 219", on Turin with fmc. */
void snp_tcb_text(char out[136], const struct snp_tcb *tcb, bool turin);
/* Is any component of a above that of b? */
bool snp_tcb_above(const struct snp_tcb *a, const struct snp_tcb *b);
/* Is CURRENT (TCB or firmware version) above COMMITTED? Fills expected and actual. */
bool snp_provisional(const struct snp_report *report, struct kbs_check *c);

/* snp-check-evidence.c: can it be read, whose is it, which certificates came along */
snp_check snp_check_format, snp_check_version, snp_check_product, snp_check_reserved,
    snp_check_certs_source, snp_check_certs_readable, snp_check_certs_product;
/* snp-check-chain.c: from the root to the VEK */
snp_check snp_check_root, snp_check_chain, snp_check_algorithm, snp_check_names, snp_check_ca,
    snp_check_intermediate, snp_check_validity, snp_check_crl_signature, snp_check_crl_current,
    snp_check_crl_revoked;
/* snp-check-vek.c: the VCEK or VLEK by itself and against the report */
snp_check snp_check_vek_key, snp_check_vek_extensions, snp_check_vek_kind, snp_check_signature,
    snp_check_tcb_cert, snp_check_signing_key_kind, snp_check_chip_id_masked, snp_check_chip_id;
/* snp-check-report.c: the report by itself */
snp_check snp_check_vmpl, snp_check_report_data, snp_check_host_data, snp_check_sig_algo,
    snp_check_key_info, snp_check_key_masked, snp_check_key_none, snp_check_policy_format,
    snp_check_debug, snp_check_migration, snp_check_tcb_order, snp_check_tcb_provisional,
    snp_check_firmware_order, snp_check_author_key, snp_check_test_root;
/* snp-check-expect.c: what the caller asks for */
snp_check snp_check_measurement, snp_check_family_id, snp_check_image_id, snp_check_report_id,
    snp_check_report_id_ma, snp_check_expected_chip_id, snp_check_id_keys, snp_check_author_keys,
    snp_check_guest_svn, snp_check_policy_forbidden, snp_check_policy_required,
    snp_check_policy_abi, snp_check_platform, snp_check_committed, snp_check_tcb_minimum,
    snp_check_launch_tcb_minimum, snp_check_firmware_minimum, snp_check_mitigations;

#endif
