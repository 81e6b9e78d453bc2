/* cmd-kds.c - fake-tee kds. */
#include "cmd.h"

#include "fake-tee/issue.h"
#include "fake-tee/kds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEM_MAX (64 * 1024)

/* "127.0.0.1:8080" */
static int split_listen(const char *text, char address[64], uint16_t *port, struct cmn_err *err)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    unsigned long v =
        colon && colon[1] >= '0' && colon[1] <= '9' ? strtoul(colon + 1, &end, 10) : 65536;

    if (!colon || colon == text || colon - text >= 64 || v > 65535 || *end)
        return cmn_err_set(err, EINVAL, "--listen '%.64s' is not ADDRESS:PORT", text);
    memcpy(address, text, (size_t)(colon - text));
    address[colon - text] = 0;
    *port = (uint16_t)v;
    return 0;
}

static int read_tls(const struct args *a, struct cmn_buf *cert, struct cmn_buf *key,
                    struct cmn_err *err)
{
    if (!a->tls_cert != !a->tls_key)
        return cmn_err_set(err, EINVAL, "--tls-cert and --tls-key go together");
    if (!a->tls_cert)
        return 0;
    int r = cmn_file_read(a->tls_cert, PEM_MAX, cert, err);
    return r < 0 ? r : cmn_file_read(a->tls_key, PEM_MAX, key, err);
}

static int make_kds(struct cmn_env *env, const struct args *a, struct ftee_kds **ret,
                    struct cmn_err *err)
{
    struct ftee_kds_opts opts = {.env = env,
                                 .dir = a->dir,
                                 .chips = a->chips,
                                 .revoked = a->revoked,
                                 .n_revoked = a->n_revoked};
    struct snp_tcb newest;
    enum snp_product product = SNP_GENOA;

    /* a seeded clock stands still: no time would ever be over */
    opts.throttle_ms = a->has_throttle ? a->throttle_ms : a->seed ? 0 : FTEE_KDS_THROTTLE_MS;
    if (a->newest) {
        if (snp_product_by_name(a->product, &product) < 0)
            return cmn_err_set(err, EINVAL, "product '%s' is not known", a->product);
        int r = ftee_kds_tcb_parse(a->newest, product, &newest, err);
        if (r < 0)
            return cmn_err_wrap(err, r, "--newest");
        opts.newest[product] = &newest;
    }
    return ftee_kds_new(&opts, ret, err);
}

int cmd_kds(struct cmn_env *env, const struct args *a, struct cmn_err *err)
{
    auto_buf struct cmn_buf cert = {0};
    auto_buf_secret struct cmn_buf key = {0};
    struct ftee_kds *kds = NULL;
    struct ftee_kds_server *server = NULL;
    char address[64];
    struct ftee_kds_server_opts opts = {.listen_fd = -1, .address = address};
    int r = split_listen(a->listen, address, &opts.port, err);

    if (r == 0)
        r = read_tls(a, &cert, &key, err);
    if (r == 0)
        r = make_kds(env, a, &kds, err);
    if (r < 0)
        return r;
    if (cert.len) {
        opts.tls_cert_pem = (const char *)cert.data;
        opts.tls_key_pem = (const char *)key.data;
    }
    cmd_block_stop();
    r = ftee_kds_server_new(kds, &opts, &server, err);
    if (r == 0) {
        (void)printf("serving on %s://%s:%u\n", cert.len ? "https" : "http", address,
                     ftee_kds_server_port(server));
        (void)fflush(stdout);
        cmd_wait_stop();
    }
    ftee_kds_server_free(server);
    ftee_kds_free(kds);
    return r;
}
