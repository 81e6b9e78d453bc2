/* sample.h - evidence of real processors from the shared reference data, and its verification. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "kbs-lite/snp-verify.h"
#include "tests/testlib/testlib.h"

#define JUNE_2025    1748736000 /* 2025-06-01T00:00:00Z */
#define JANUARY_2026 1767225600 /* within the validity of all VCEKs there */
#define LATE_2026    1795478400 /* 2026-11-24T00:00:00Z */

struct sample {
    struct cmn_buf raw, cert;
    struct snp_certs certs;
    struct snp_report fields;
};

/* The world the samples are verified in, made once: the system's, with AMD's keys. */
struct cmn_env *sample_env(void);
struct kbs_roots *sample_roots(void);
void sample_world_done(void);

/* false: there is no reference data (t_shared has said so). cert: "vcek.der" or "vlek.der". */
bool sample_load(const char *folder, const char *cert, struct sample *ret);
/* The same for another file beside the folders: "crl/genoa_vcek.crl". */
bool sample_file(const char *name, struct cmn_buf *ret);
void sample_done(struct sample *s);

/* Trustee's evidence of fields; with its certificates or without. Caller: json_decref. */
json_t *sample_evidence(const struct sample *s, bool with_certs);

/* Verifies in: roots are set when it has none. The verdict's reason. */
enum cmn_reason sample_verify(struct kbs_snp_input *in, struct kbs_snp_result *ret);

/* Reasons of the advisories, separated by blanks. */
const char *sample_advisories(const struct kbs_snp_result *res);

#endif
