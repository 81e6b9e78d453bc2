/*
 * tap.h - stands between real clients and a real Trustee, passes everything through and keeps the
 * attestations, without secrets, as a bundle.
 *
 *     struct sim_tap *tap = NULL;
 *     r = sim_tap_new(&(struct sim_tap_opts){.env = env, .upstream = "https://kbs:8443", .dir =
 * "case", .address = "127.0.0.1"}, &tap, &err);
 *     ... sim_tap_port(tap) ...
 *     sim_tap_free(tap);
 *
 * Passed through: method, path, query, body, and the headers Accept, Authorization, Content-Type,
 * Cookie and User-Agent; of the answer status, body, Content-Type and Set-Cookie. Kept: auth and
 * attest exchanges (kbs-lite/capture.h).
 */
#ifndef SIM_TAP_H
#define SIM_TAP_H

#include "common/buf/buf.h"
#include "common/env/env.h"

struct sim_tap;

struct sim_tap_opts {
    struct cmn_env *env;
    const char *upstream;    /* "https://host[:port]", no path */
    const char *upstream_ca; /* PEM text, trusted beside the system's; NULL: none */
    const char *dir;         /* of the bundle; exists */
    const char *address;
    uint16_t port;                  /* 0: any */
    const char *cert_pem, *key_pem; /* NULL: plain HTTP */
};

int sim_tap_new(const struct sim_tap_opts *opts, struct sim_tap **ret,
                struct cmn_err *err) CMN_MUST_USE;
uint16_t sim_tap_port(const struct sim_tap *tap);
unsigned sim_tap_exchanges(struct sim_tap *tap); /* kept so far */
void sim_tap_free(struct sim_tap *tap);          /* NULL ok */

/* A self-signed server certificate for name (a DNS name or an IPv4 address) and its key, as PEM; 30
 * days. */
int sim_tap_certificate(struct cmn_env *env, const char *name, struct cmn_buf *ret_cert,
                        struct cmn_buf *ret_key, struct cmn_err *err) CMN_MUST_USE;

#endif
