/* cmd.h - the options of the program and its commands. Commands return 0 or a negative errno;
 * -EINVAL is wrong use. */
#ifndef FTEE_CMD_H
#define FTEE_CMD_H

#include "fake-tee/psp.h"

struct args {
    const char *command, *seed, *dir, *product, *report_data, *host_data, *out, *certs, *socket;
    const char *csp_id, *listen, *tls_cert, *tls_key, *newest;
    uint64_t policy, plat_info;
    uint32_t vmpl, version, chip, chips, throttle_ms;
    uint64_t revoked[16];
    size_t n_revoked;
    bool vlek, mask_chip_id, mask_chip_key, pem, has_plat_info, has_throttle;
};

int cmd_ca(struct ftee_ca *ca);
int cmd_report(struct cmn_env *env, struct ftee_ca *ca, const struct args *a,
               struct cmn_err *err) CMN_MUST_USE;
int cmd_psp(struct cmn_env *env, struct ftee_ca *ca, const struct args *a,
            struct cmn_err *err) CMN_MUST_USE;
int cmd_kds(struct cmn_env *env, const struct args *a, struct cmn_err *err) CMN_MUST_USE;

/* Blocks SIGINT and SIGTERM in this thread and those it starts; then waits for one of them. */
void cmd_block_stop(void);
void cmd_wait_stop(void);

#endif
