/*
 * kds.h - AMD's Key Distribution Service over the test chain: the HTTP face of
 * https://kdsintf.amd.com (AMD 57230, "KDS interface"; bodies as the real one answers).
 *
 *     GET /vcek/v1/{Milan,Genoa,Turin}/cert_chain            PEM: ASK, ARK (Turin with CRLF)
 *     GET /vlek/v1/{product}/cert_chain                      PEM: ASVK, ARK
 *     GET /vcek/v1/{product}/{hwid}?blSPL=..&teeSPL=..&snpSPL=..&ucodeSPL=..   DER VCEK
 *     GET /vcek/v1/Turin/{hwid}?fmcSPL=..&blSPL=..           (16 hex digits, and fmcSPL)
 *     GET /{vcek,vlek}/v1/{product}/crl                      DER CRL
 *
 * 404: unknown product, chip or TCB, or a hwid of the wrong length; 429: the same VCEK asked for
 * again too soon.
 *
 * FAKE: a parameter that is missing, doubled or no number is 400, another method 405, and
 * /vlek/v1/{product}/cert, which needs a provider's secret, 403: what AMD answers there is not
 * public. Throttling counts requests for the same URL from anybody.
 */
#ifndef FTEE_KDS_H
#define FTEE_KDS_H

#include "fake-tee/ca.h"

#define FTEE_KDS_THROTTLE_MS 10000 /* the real one's: the same request once in 10 s */

struct ftee_kds_opts {
    struct cmn_env *env;                    /* its clock times the throttle and dates the CRL */
    struct ftee_ca *cas[SNP_PRODUCT_COUNT]; /* borrowed; NULL: from dir */
    const char *dir; /* chains are opened there when first asked for; NULL: 404 then */
    unsigned chips;  /* numbers 0 to chips - 1 exist, at most FTEE_KDS_CHIPS_MAX */
    const struct snp_tcb *newest[SNP_PRODUCT_COUNT]; /* above in a component: 404; NULL: any TCB */
    unsigned throttle_ms;                            /* 0: never 429 */
    const uint64_t *revoked;                         /* serial numbers in every CRL; copied */
    size_t n_revoked;
};

#define FTEE_KDS_CHIPS_MAX 4096

struct ftee_kds;

/* -EINVAL: too many chips. env is referenced. */
int ftee_kds_new(const struct ftee_kds_opts *opts, struct ftee_kds **ret,
                 struct cmn_err *err) CMN_MUST_USE;
void ftee_kds_free(struct ftee_kds *kds); /* NULL ok */

struct ftee_kds_answer {
    int status;
    const char *content_type;
    struct cmn_buf body;
};

/*
 * One request: path as sent (not percent-decoded), query after '?' or "". Outside bytes. A failure
 * of our own is status 500 with its text in the body. Thread-safe. Caller: cmn_buf_done of the
 * body.
 */
void ftee_kds_ask(struct ftee_kds *kds, const char *method, const char *path, const char *query,
                  struct ftee_kds_answer *ret);

/* "blSPL=1&teeSPL=0&snpSPL=2&ucodeSPL=3", for Turin with fmcSPL; any order. -EINVAL. */
int ftee_kds_tcb_parse(const char *query, enum snp_product product, struct snp_tcb *ret,
                       struct cmn_err *err) CMN_MUST_USE;

/* ---- over HTTP and HTTPS ---- */

struct ftee_kds_server_opts {
    int listen_fd;            /* adopted, also on failure; -1: address and port */
    const char *address;      /* "127.0.0.1" */
    uint16_t port;            /* 0: any */
    const char *tls_cert_pem; /* both: HTTPS */
    const char *tls_key_pem;
};

struct ftee_kds_server;

int ftee_kds_server_new(struct ftee_kds *kds, const struct ftee_kds_server_opts *opts,
                        struct ftee_kds_server **ret, struct cmn_err *err) CMN_MUST_USE;
uint16_t ftee_kds_server_port(const struct ftee_kds_server *server);
void ftee_kds_server_free(struct ftee_kds_server *server); /* stops it; NULL ok */

#endif
