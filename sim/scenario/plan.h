/*
 * plan.h - what a scenario asks for, as plain structs. Made by scenario.h, read by the engine;
 * nothing here knows YAML. Strings are owned by the plan; optional ones are NULL. sim_plan_free
 * frees all.
 */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include "common/json/json.h"
#include "common/snp/report.h"
#include "fake-tee/issue.h"
#include "sim/event/event.h"

struct sim_strings {
    char **items;
    size_t n;
};

void sim_strings_done(struct sim_strings *s);

enum sim_tee { SIM_TEE_SNP, SIM_TEE_SAMPLE };

enum sim_vek { SIM_VEK_VCEK, SIM_VEK_VLEK };

/* certs: what the host's certificate table leaves out */
enum sim_certs_omit { SIM_CERTS_OMIT_VEK = 1, SIM_CERTS_OMIT_ASK = 2, SIM_CERTS_OMIT_ARK = 4 };

struct sim_id_block { /* id_block: what the guest's owner signed */
    bool present;
    bool author_key; /* the ID key is signed by an author key */
    unsigned guest_svn;
    uint8_t family_id[16], image_id[16];
    bool has_measurement;    /* else the launch's own */
    uint8_t measurement[48]; /* another one: the firmware refuses the launch */
};

struct sim_platform_spec { /* the machine below the guest; none of it is measured */
    enum sim_vek vek;
    uint64_t info; /* PLATFORM_INFO */
    uint8_t cpuid[3];
    struct snp_version abi; /* of the firmware, current and committed */
    /* reported <= committed <= current and launch <= current, in every component */
    struct snp_tcb current, committed, reported, launch;
    bool mask_chip_id, mask_chip_key;
    unsigned vmpl; /* the guest's own */
    uint64_t mit_vector;
    struct sim_id_block id_block;
    bool certs_pem, certs_crl;
    unsigned certs_omit; /* enum sim_certs_omit */
};

/* What the attestation agent makes a TEE key for (tee_key_algorithm of aa.toml). */
enum sim_tee_key { SIM_TEE_KEY_EC_P256, SIM_TEE_KEY_EC_P521, SIM_TEE_KEY_RSA };

struct sim_guest_spec { /* what is launched */
    enum sim_tee tee;
    enum snp_product product;
    unsigned vcpus;
    uint64_t memory_bytes;
    char *cmdline;
    uint64_t policy;         /* SNP guest policy */
    uint32_t report_version; /* 2 to 5 */
    unsigned chip;
    enum sim_tee_key tee_key; /* in the initdata, so HOST_DATA covers it */
    unsigned retry_delay_ms;  /* of the attestation agent between attempts; not measured */
    struct sim_platform_spec platform;
};

struct sim_env_var {
    char *name;
    char *value;
};

struct sim_container {
    char *name;
    char *image;
    bool has_command; /* `command` replaces the image's entry point */
    bool has_args;
    struct sim_strings command;
    struct sim_strings args;
    struct sim_env_var *env;
    size_t n_env;
    char *working_dir;
    int64_t run_as_user; /* -1: the image's */
    int64_t run_as_group;
    bool read_only_root;
};

struct sim_pod {
    char *name;
    char *ns;
    char *init_data; /* annotation io.katacontainers.config.hypervisor.cc_init_data; NULL: made for
                        the run */
    struct sim_container *containers;
    size_t n_containers;
};

struct sim_image {
    char *reference;
    char *from;     /* name of a fixture, or path of an OCI layout folder */
    char *from_dir; /* absolute folder when `from` is a path */
    char *key_uri;  /* encrypted for this key; NULL: plain */
    uint8_t key[32];
    bool has_key; /* else random */
};

struct sim_resource {
    char *path;           /* "default/demo/secret" */
    struct cmn_buf bytes; /* secret */
    size_t random;        /* that many random bytes instead */
};

enum sim_reference_mode {
    SIM_REFERENCE_NONE,
    SIM_REFERENCE_GUEST,  /* computed for plan->reference_guest */
    SIM_REFERENCE_VALUES, /* plan->reference_values */
};

enum sim_kds { SIM_KDS_NONE, SIM_KDS_SERVED, SIM_KDS_EMPTY, SIM_KDS_UNREACHABLE };
enum sim_crl { SIM_CRL_NONE, SIM_CRL_CLEAN, SIM_CRL_REVOKED, SIM_CRL_STALE };

struct sim_verifier_spec { /* whom and what the broker's verifier believes */
    bool trust_test, trust_amd;
    enum sim_kds kds; /* where a VCEK comes from that the evidence does not bring */
    enum sim_crl crl; /* the ARK's list: none, revoking nothing, the ASK, or past its next update */
    bool crl_required;
    int64_t at; /* the time for dates of certificates, seconds since 1970; 0: now */
};

enum sim_fault_kind {
    SIM_FAULT_FLIP,     /* one bit of a byte */
    SIM_FAULT_SET,      /* a field of the report, a member of a request */
    SIM_FAULT_TRUNCATE, /* bytes that stay */
    SIM_FAULT_REPLAY,   /* a member of the first request in every later one */
    SIM_FAULT_DROP,     /* a member of a request, or its cookie */
    SIM_FAULT_REISSUE,  /* a certificate of the host's table, deliberately other */
};
const char *sim_fault_kind_name(enum sim_fault_kind kind); /* "flip", ... */

struct sim_reissue { /* what is other about it; NULL and false: as AMD issues it */
    enum ftee_cert_kind kind;
    char *not_before, *not_after; /* "YYYYMMDDHHMMSSZ" */
    char *subject;                /* common name */
    char *drop;                   /* OID of an extension that is left out */
    enum ftee_sign_alg alg;
    bool has_chip;
    unsigned chip;  /* VCEK of another chip */
    bool other_tcb; /* of firmware one SNP version older */
};

struct sim_fault {
    char *at; /* "psp.report", "registry.blob", ... */
    enum sim_fault_kind kind;
    char *what;           /* field, member or offset as written */
    size_t offset;        /* flip, set at psp.report */
    size_t length;        /* truncate: bytes that stay */
    struct cmn_buf bytes; /* set at psp.report: the field's new bytes as they stand in the report */
    bool resign;          /* psp.report: the PSP signs what came of it */
    json_t *value;        /* set at wire.*: the member's new value */
    struct sim_reissue reissue;
};

enum sim_result { SIM_RESULT_COMPLETED, SIM_RESULT_REFUSED, SIM_RESULT_FAILED };

struct sim_expect {
    enum sim_result outcome;
    enum sim_phase phase; /* NONE: any */
    enum cmn_reason code; /* NONE: any */
    int status;           /* 0: any */
    int exit_code;        /* of every container, when completed */
    struct sim_strings stdout_contains;
    enum cmn_reason *warns; /* every one of these warnings happens */
    size_t n_warns;
};

struct sim_plan {
    char *file; /* as named by the user */
    char *name;
    char *summary;
    char *stands_for;
    struct sim_strings tags;
    struct sim_strings needs;
    unsigned timeout_ms;
    bool attest_eager;
    struct sim_guest_spec guest;
    struct sim_pod pod;
    struct sim_image *images;
    size_t n_images;
    const char *era; /* Trustee release the key broker is; a name of its table, never NULL */
    char *policy_set;
    bool strict;
    struct sim_verifier_spec verifier;
    enum sim_reference_mode reference_mode;
    struct sim_guest_spec reference_guest;
    json_t *reference_values;
    struct sim_resource *resources;
    size_t n_resources;
    struct sim_fault *faults;
    size_t n_faults;
    struct sim_expect expect;
};

void sim_plan_free(struct sim_plan *plan); /* NULL ok; cleanses secrets */
void sim_plan_cleanup(struct sim_plan **plan);
#define auto_plan __attribute__((cleanup(sim_plan_cleanup)))

const char *sim_result_name(enum sim_result result); /* "completed", ... */

#endif
