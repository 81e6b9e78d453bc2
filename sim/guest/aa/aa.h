/*
 * aa.h - the attestation agent: attesters, the KBS handshake and the ttrpc service over them.
 * As guest-components 8246e5e: evidence is never cached, every token is a whole handshake.
 */
#ifndef SIM_GUEST_AA_H
#define SIM_GUEST_AA_H

#include "common/env/env.h"
#include "common/json/json.h"
#include "common/snp/certs.h"
#include "common/snp/report.h"
#include "common/ttrpc/ttrpc.h"

struct aa_attester {
    struct cmn_env *env;
    const char *tee;      /* "snp" or "sample" */
    const char *psp_path; /* socket of the PSP, for snp without a device */
    const char *device;   /* /dev/sev-guest where the kernel has it, else NULL */
    bool sample_device;   /* env ENABLE_SAMPLE_DEVICE */
};

struct aa_config {
    json_t *json; /* owns the texts below; NULL without a file */
    char *params_kbc, *params_uri;
    const char *kbs_url;  /* NULL: token_configs.kbs is absent */
    const char *kbs_cert; /* PEM or NULL */
    const char *key_algorithm;
    const char *as_url; /* NULL: token_configs.coco_as is absent */
    bool enable_eventlog;
    const char *log_level;
};

struct aa {
    struct cmn_env *env;
    struct aa_attester attester;
    struct aa_config config;
    struct cmn_buf initdata_toml; /* sent in every handshake when not empty */
    unsigned retry_delay_ms;
};

/* attester.c */

/*
 * snp: the environment names the PSP's socket (COCOBOX_PSP), or the kernel has the platform device
 * that upstream looks for, or the PSP's socket is at its usual place. Else sample, with upstream's
 * warning.
 */
void aa_attester_detect(struct aa_attester *attester, struct cmn_env *env);
/* Evidence JSON over report_data (snp: at most 64 bytes, padded). Reason aa.evidence-failed or the
 * PSP's. */
int aa_attester_evidence(const struct aa_attester *attester, struct cmn_bytes report_data,
                         json_t **ret, struct cmn_err *err) CMN_MUST_USE;
/* Text of the device evidence, {"sampledevice":{...}}; nothing is appended without devices. */
int aa_attester_additional(const struct aa_attester *attester, struct cmn_bytes report_data,
                           struct cmn_buf *ret, struct cmn_err *err) CMN_MUST_USE;
/* -EKEYREJECTED: HOST_DATA is another digest (aa.initdata-mismatch). sample: logged, 0. */
int aa_attester_check_initdata(const struct aa_attester *attester, struct cmn_bytes digest,
                               struct cmn_err *err) CMN_MUST_USE;

/* sev-guest.c */

/* A report through the kernel's device. ret_certs NULL: SNP_GET_REPORT, else SNP_GET_EXT_REPORT.
 * aa.evidence-failed, psp.request-invalid, psp.unreachable. */
int aa_sev_guest_report(const char *device, const uint8_t report_data[64],
                        uint8_t ret_report[SNP_REPORT_BYTES], struct snp_certs *ret_certs,
                        struct cmn_err *err) CMN_MUST_USE;

/* config.c */

/* path NULL: from AA_KBC_PARAMS or the kernel command line. -EBADMSG, aa.config-invalid. */
int aa_config_load(const char *path, struct aa_config *ret, struct cmn_err *err) CMN_MUST_USE;
void aa_config_done(struct aa_config *config);
/* Reads the initdata file, computes its digest with its own algorithm. initdata.invalid. */
int aa_initdata_load(struct cmn_env *env, const char *path, struct cmn_buf *ret_toml,
                     struct cmn_buf *ret_digest, struct cmn_err *err) CMN_MUST_USE;

/* rcar.c */

/*
 * Up to five handshakes with the configured KBS. Appends {"token":...,"tee_keypair":...} to ret
 * (secret). The error's text is upstream's.
 */
int aa_rcar_token(const struct aa *aa, struct cmn_buf *ret, struct cmn_err *err) CMN_MUST_USE;
/* Asks the attestation service itself (token type coco_as). */
int aa_coco_as_token(const struct aa *aa, struct cmn_buf *ret, struct cmn_err *err) CMN_MUST_USE;

/* service.c */
extern const struct cmn_ttrpc_method aa_methods[];
extern const size_t aa_n_methods; /* ctx: struct aa */

#endif
