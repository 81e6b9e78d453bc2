/*
 * read.h - typed members of a YAML object, for the loader's files only. Every function returns 0
 * with the default when the key is absent, and -EINVAL with file:line when it is there and wrong.
 */
#ifndef SIM_SCENARIO_READ_H
#define SIM_SCENARIO_READ_H

#include "common/yaml/yaml.h"
#include "sim/scenario/plan.h"

struct sim_reader { /* one file being read */
    const struct cmn_yaml *doc;
    const char *dir; /* where its paths start */
    struct cmn_err *err;
};

#define SIM_KEYS(r, obj, ...)                                                                      \
    ({                                                                                             \
        static const char *const keys_[] = {__VA_ARGS__};                                          \
        cmn_yaml_check_keys((r)->doc, (obj), keys_, CMN_ARRAY_SIZE(keys_), (r)->err);              \
    })

int sim_read_missing(struct sim_reader *r, const json_t *obj, const char *key);
/* Malloc'ed copy; *ret stays as it is when absent. Empty text is refused. */
int sim_read_text(struct sim_reader *r, const json_t *obj, const char *key,
                  char **ret) CMN_MUST_USE;
/* The same, but absent is an error. */
int sim_read_needed(struct sim_reader *r, const json_t *obj, const char *key,
                    char **ret) CMN_MUST_USE;
int sim_read_bool(struct sim_reader *r, const json_t *obj, const char *key, bool *ret) CMN_MUST_USE;
int sim_read_int(struct sim_reader *r, const json_t *obj, const char *key, int64_t min, int64_t max,
                 int64_t *ret) CMN_MUST_USE;
int sim_read_uint(struct sim_reader *r, const json_t *obj, const char *key, unsigned min,
                  unsigned max, unsigned *ret) CMN_MUST_USE;
/* Index of the word in names. */
int sim_read_word(struct sim_reader *r, const json_t *obj, const char *key,
                  const char *const *names, size_t n, size_t *ret) CMN_MUST_USE;
/* A list of texts (numbers are refused: quote them). */
int sim_read_list(struct sim_reader *r, const json_t *obj, const char *key,
                  struct sim_strings *ret) CMN_MUST_USE;
/* Borrowed; NULL when absent. */
int sim_read_object(struct sim_reader *r, const json_t *obj, const char *key,
                    const json_t **ret) CMN_MUST_USE;
/* A list of min to max objects; borrowed, NULL when absent. */
int sim_read_objects(struct sim_reader *r, const json_t *obj, const char *key, size_t min,
                     size_t max, const json_t **ret) CMN_MUST_USE;
/* A DNS label, what Kubernetes takes as a name: up to 63 of a-z, 0-9 and '-'. Absent is fine. */
int sim_read_label(struct sim_reader *r, const json_t *obj, const char *key,
                   char **ret) CMN_MUST_USE;
/* "256Mi", "1Gi", a number of bytes. */
int sim_read_size(struct sim_reader *r, const json_t *obj, const char *key,
                  uint64_t *ret) CMN_MUST_USE;
/* "90s", "500ms", "2m", or a number of seconds. */
int sim_read_duration_ms(struct sim_reader *r, const json_t *obj, const char *key,
                         unsigned *ret) CMN_MUST_USE;
/* Absolute or relative path -> malloc'ed path that works from here. NULL without memory. */
char *sim_read_path(const struct sim_reader *r, const char *path);

struct sim_bit {
    const char *key;
    uint64_t bit;
};
/* Each key that is there sets or clears its bit. */
int sim_read_bits(struct sim_reader *r, const json_t *obj, const struct sim_bit *bits, size_t n,
                  uint64_t *value) CMN_MUST_USE;

/* The parts of a scenario; root is the whole of it. */
int sim_load_guest(struct sim_reader *r, const json_t *obj,
                   struct sim_guest_spec *ret) CMN_MUST_USE;
int sim_load_pod(struct sim_reader *r, const json_t *root, struct sim_pod *ret) CMN_MUST_USE;
int sim_load_images(struct sim_reader *r, const json_t *root, struct sim_plan *plan) CMN_MUST_USE;
int sim_load_verifier(struct sim_reader *r, const json_t *kbs,
                      struct sim_verifier_spec *ret) CMN_MUST_USE;
int sim_load_kbs(struct sim_reader *r, const json_t *root, struct sim_plan *plan) CMN_MUST_USE;
int sim_load_faults(struct sim_reader *r, const json_t *root, struct sim_plan *plan) CMN_MUST_USE;
int sim_load_expect(struct sim_reader *r, const json_t *root, struct sim_expect *ret) CMN_MUST_USE;
/* The keys of guest: that speak of the machine below it. Starts from what *ret holds. */
int sim_load_platform(struct sim_reader *r, const json_t *guest, enum snp_product product,
                      struct sim_platform_spec *ret) CMN_MUST_USE;
void sim_platform_spec_default(enum snp_product product, struct sim_platform_spec *ret);
int sim_guest_spec_default(struct sim_guest_spec *ret) CMN_MUST_USE;
int sim_guest_spec_copy(const struct sim_guest_spec *from, struct sim_guest_spec *ret) CMN_MUST_USE;

#endif
