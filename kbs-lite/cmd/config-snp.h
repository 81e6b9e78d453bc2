/* config-snp.h - what kbs.toml says about the SNP verifier: sources of VCEKs, revocation, time. */
#ifndef KBS_CMD_CONFIG_SNP_H
#define KBS_CMD_CONFIG_SNP_H

#include "kbs-lite/kbs.h"

struct kbs_daemon_snp {
    struct kbs_vcek_source *sources; /* n of them; texts lie in doc */
    size_t n;
    struct cmn_buf *crl_files; /* their contents, n_crls of them */
    struct cmn_bytes *crls;    /* the same, as the broker takes them */
    size_t n_crls;
    const char *kds_cache_dir; /* in doc */
    bool offline, crl_from_kds, crl_required;
    int64_t verify_at; /* 0: now */
    json_t *doc;
};

/*
 * Reads attestation_service.verifier_config.snp_verifier and the keys of [cocobox] from the whole
 * document, and the files they name. -EINVAL names the key; -ENOENT and the like the file.
 */
int kbs_daemon_snp_read(json_t *root, struct kbs_daemon_snp *ret, struct cmn_err *err) CMN_MUST_USE;
void kbs_daemon_snp_done(struct kbs_daemon_snp *snp);

#endif
