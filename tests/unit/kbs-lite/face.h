/* face.h - a client of the broker in process: one request at a time, with what the observer saw. */
#ifndef FACE_H
#define FACE_H

#include "kbs-lite/kbs.h"
#include "tests/testlib/testlib.h"

struct face {
    struct kbs *kbs;
    char cookie[128];         /* sent as Cookie when not empty */
    char authorization[8192]; /* sent as Authorization when not empty */
    char seen[4096];          /* of the last request: "name outcome reason; ..." */
    struct cmn_buf body;      /* of the last answer */
    char set_cookie[128];
};

void face_done(struct face *f);
void face_observe(struct face *f);
/* The status. path may hold a query. body NULL: none. */
int face_call(struct face *f, const char *method, const char *path, const char *body);
/* The same, and the answer holds part. */
void face_expect(struct face *f, const char *method, const char *path, const char *body, int status,
                 const char *part);
bool face_saw(const struct face *f, const char *part);

/* A handshake with the sample TEE. nonce gets the challenge; the cookie is kept. */
void face_challenge(struct face *f, const char *tee, char nonce[64]);
/* alg of the TEE key in face_runtime, instead of its kind's usual one; NULL: that. */
extern const char *face_tee_alg;
/* runtime-data for nonce and key; its SHA-384 in digest. Caller owns the result. */
json_t *face_runtime(struct cmn_env *env, EVP_PKEY *key, const char *nonce, const char *additional,
                     uint8_t digest[48]);
/* The body of /attest with evidence of the sample TEE; init_data may be NULL. Caller frees. */
char *face_sample(struct cmn_env *env, EVP_PKEY *key, const char *nonce, const char *additional,
                  const json_t *init_data);
/* Challenge and attest with sample evidence; the token (caller frees) or NULL. */
char *face_sample_token(struct face *f, struct cmn_env *env, EVP_PKEY *key);

#endif
