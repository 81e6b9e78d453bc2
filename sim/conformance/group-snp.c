/* group-snp.c - 45xx: each check of the SNP verifier met alone (kbs-protocol 4.2, 8.2). */
#include "sim/conformance/conf.h"

#include <stdlib.h>
#include <string.h>

#define ATTEST_FAILED "Attestation error: RCAR handshake Attest failed"
#define INIT_TOML     "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\n\"a\" = \"b\"\n"

static int attest_so(struct conf *c, const struct conf_evidence *how,
                     const struct conf_binding *bind)
{
    struct conf_session s;

    if (!conf_challenge(c, &s))
        return -1;
    auto_json json_t *body = conf_attest_body(c, &s, CONF_P256, how, bind);
    return conf_attest(c, &s, body);
}

static void run_refused(struct conf *c, const struct conf_check *check)
{
    if (attest_so(c, check->how, NULL) > 0 && c->era->id >= CONF_ERA_0_11)
        (void)conf_error(c, 401, "AttestationError", ATTEST_FAILED);
}

static void run_taken(struct conf *c, const struct conf_check *check)
{
    if (attest_so(c, check->how, NULL) > 0)
        (void)conf_status(c, 200);
}

/* Evidence of a guest launched with the digest of this init-data, or with another. */
static void run_host_data(struct conf *c, const struct conf_check *check)
{
    auto_json json_t *init = json_pack("{s:s, s:s}", "format", "toml", "body", INIT_TOML);
    uint8_t digest[32];
    struct conf_evidence how = CONF_GENUINE;

    if (cmn_hash(c->opts->env, "SHA256", INIT_TOML, strlen(INIT_TOML), digest, NULL) < 0)
        return;
    if (check->number_arg)
        digest[0] ^= 1;
    how.host_data = digest;
    if (attest_so(c, &how, &(struct conf_binding){.init_data = init}) < 0)
        return;
    if (check->number_arg)
        (void)conf_error(c, 401, "AttestationError", ATTEST_FAILED);
    else
        (void)conf_status(c, 200);
}

/* The report's JSON with one member changed, after signing. text: "member=JSON" */
static void run_changed(struct conf *c, const struct conf_check *check)
{
    const char *eq = strchr(check->text, '=');
    auto_free char *name = strndup(check->text, (size_t)(eq - check->text));
    struct conf_session s;

    if (!conf_challenge(c, &s))
        return;
    auto_json json_t *body = conf_attest_body(c, &s, CONF_P256, NULL, NULL);
    json_t *report =
        json_object_get(json_object_get(json_object_get(body, "tee-evidence"), "primary_evidence"),
                        "attestation_report");
    CMN_IGNORE(json_object_set_new(report, name, json_loads(eq + 1, JSON_DECODE_ANY, NULL)));
    if (conf_attest(c, &s, body) > 0)
        (void)conf_error(c, 401, "AttestationError", ATTEST_FAILED);
}

#define HOW(name, ...)                                                                             \
    static const struct conf_evidence name = {.family = -1, .model = -1, __VA_ARGS__}
HOW(version_2, .version = 2);
HOW(version_4, .version = 4);
HOW(version_5, .version = 5);
HOW(version_6, .version = 6);
HOW(vmpl_1, .vmpl = 1);
HOW(vmpl_3, .vmpl = 3);
HOW(flipped, .flip_measurement = true);
HOW(flipped_signature, .flip_signature = true);
HOW(other_chip, .wrong_key = true);
HOW(stale_vcek, .other_tcb = true);
HOW(empty_chain, .no_chain = true);
HOW(no_vcek, .chain_without_vcek = true);
HOW(foreign, .foreign_ark = true);
static const struct conf_evidence family = {.family = 0x17, .model = -1};
static const struct conf_evidence model = {.family = -1, .model = 0x50};

#define REFUSED(n, text_, how_)                                                                    \
    {                                                                                              \
        .number = n, .section = "4.2", .rule = text_, .needs = CONF_SNP, .run = run_refused,       \
        .how = &how_                                                                               \
    }
#define CHANGED(n, text_, change)                                                                  \
    {                                                                                              \
        .number = n, .section = "4.2", .rule = text_, .needs = CONF_SNP, .since = CONF_ERA_0_14,   \
        .run = run_changed, .text = change                                                         \
    }

static const struct conf_check checks[] = {
    {.number = 4501,
     .section = "4.2",
     .rule = "a report of version 2 is refused",
     .needs = CONF_SNP,
     .since = CONF_ERA_0_14,
     .run = run_refused,
     .how = &version_2},
    {.number = 4502,
     .section = "4.2",
     .rule = "a report of version 4 is taken",
     .needs = CONF_SNP,
     .since = CONF_ERA_0_14,
     .run = run_taken,
     .how = &version_4},
    {.number = 4503,
     .section = "4.2",
     .rule = "a report of version 5 is taken",
     .needs = CONF_SNP,
     .since = CONF_ERA_0_15,
     .run = run_taken,
     .how = &version_5},
    {.number = 4504,
     .section = "4.2",
     .rule = "a report of version 5 is refused",
     .needs = CONF_SNP,
     .until = CONF_ERA_0_14,
     .run = run_refused,
     .how = &version_5},
    REFUSED(4505, "a report of version 6 is refused", version_6),
    REFUSED(4506, "a report from VMPL 1 is refused", vmpl_1),
    REFUSED(4507, "a report from VMPL 3 is refused", vmpl_3),
    REFUSED(4508, "a report changed after signing is refused", flipped),
    REFUSED(4509, "a changed signature is refused", flipped_signature),
    REFUSED(4510, "a report signed by another chip is refused", other_chip),
    REFUSED(4511, "a reported TCB other than the certificate's is refused", stale_vcek),
    {.number = 4512,
     .section = "4.2",
     .rule = "a chain of no certificates is refused",
     .needs = CONF_SNP,
     .run = run_refused,
     .how = &empty_chain},
    REFUSED(4513, "a chain without VCEK and VLEK is refused", no_vcek),
    REFUSED(4514, "a foreign ARK is refused", foreign),
    {.number = 4515,
     .section = "4.2",
     .rule = "an unknown processor family is refused",
     .needs = CONF_SNP,
     .since = CONF_ERA_0_14,
     .run = run_refused,
     .how = &family},
    {.number = 4516,
     .section = "4.2",
     .rule = "an unknown processor model is refused",
     .needs = CONF_SNP,
     .since = CONF_ERA_0_14,
     .run = run_refused,
     .how = &model},
    {.number = 4517,
     .section = "4.2",
     .rule = "init-data whose digest is HOST_DATA is taken",
     .needs = CONF_SNP,
     .since = CONF_ERA_0_14,
     .run = run_host_data},
    {.number = 4518,
     .section = "4.2",
     .rule = "init-data with another HOST_DATA is refused",
     .needs = CONF_SNP,
     .since = CONF_ERA_0_14,
     .run = run_host_data,
     .number_arg = 1},
    CHANGED(4520, "a report data of 63 bytes is refused", "report_data=[1,2,3]"),
    CHANGED(4521, "bytes above 255 are refused", "chip_id=[256]"),
    CHANGED(4522, "a member of another type is refused", "policy=\"0x30000\""),
    CHANGED(4523, "a report without measurement is refused", "measurement=null"),
    CHANGED(4524, "a report whose policy was changed is refused", "policy=131072"),
    CHANGED(4525, "a report whose VMPL was changed is refused", "vmpl=2"),
};

const struct conf_group conf_group_snp = {"snp", checks, CMN_ARRAY_SIZE(checks)};
