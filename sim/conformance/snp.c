/*
 * snp.c - evidence of a software SEV-SNP guest (fake-tee), told as the sev crate tells it
 * (kbs-protocol 4.2): the layout is written here from that table, not taken from common/snp. Since
 * the test chain's VCEK key is at hand, a report can be changed and signed again, so that each
 * check of a verifier can be met alone.
 */
#include "sim/conformance/conf.h"

#include "fake-tee/psp.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct conf_snp {
    struct ftee_ca *ca, *foreign; /* foreign: same names, other keys; made when it is needed */
    EVP_PKEY *vcek, *other_vcek;
    struct cmn_buf vcek_der;
};

enum { REPORT = 1184, SIGNED = 0x2A0 };

enum kind { NUM, BYTES, TCB, VERSION, MAYBE_U8 };

static const struct field {
    const char *name;
    enum kind kind;
    unsigned at, len;
} fields[] = {
    {"version", NUM, 0x000, 4},
    {"guest_svn", NUM, 0x004, 4},
    {"policy", NUM, 0x008, 8},
    {"family_id", BYTES, 0x010, 16},
    {"image_id", BYTES, 0x020, 16},
    {"vmpl", NUM, 0x030, 4},
    {"sig_algo", NUM, 0x034, 4},
    {"current_tcb", TCB, 0x038, 8},
    {"plat_info", NUM, 0x040, 8},
    {"key_info", NUM, 0x048, 4},
    {"report_data", BYTES, 0x050, 64},
    {"measurement", BYTES, 0x090, 48},
    {"host_data", BYTES, 0x0C0, 32},
    {"id_key_digest", BYTES, 0x0E0, 48},
    {"author_key_digest", BYTES, 0x110, 48},
    {"report_id", BYTES, 0x140, 32},
    {"report_id_ma", BYTES, 0x160, 32},
    {"reported_tcb", TCB, 0x180, 8},
    {"cpuid_fam_id", MAYBE_U8, 0x188, 1},
    {"cpuid_mod_id", MAYBE_U8, 0x189, 1},
    {"cpuid_step", MAYBE_U8, 0x18A, 1},
    {"chip_id", BYTES, 0x1A0, 64},
    {"committed_tcb", TCB, 0x1E0, 8},
    {"current", VERSION, 0x1E8, 3},
    {"committed", VERSION, 0x1EC, 3},
    {"launch_tcb", TCB, 0x1F0, 8},
};

static json_t *byte_array(const uint8_t *p, size_t len)
{
    json_t *list = json_array();

    for (size_t i = 0; list && i < len; i++)
        CMN_IGNORE(json_array_append_new(list, json_integer(p[i])));
    return list;
}

static json_int_t little_endian(const uint8_t *p, size_t len)
{
    uint64_t v = 0;

    for (size_t i = 0; i < len; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return (json_int_t)v;
}

/* Milan and Genoa: bootloader, tee, four reserved, snp, microcode. */
static json_t *field_json(const struct field *f, const uint8_t *raw)
{
    const uint8_t *p = raw + f->at;

    switch (f->kind) {
    case NUM:
        return json_integer(little_endian(p, f->len));
    case BYTES:
        return byte_array(p, f->len);
    case TCB:
        return json_pack("{s:n, s:i, s:i, s:i, s:i}", "fmc", "bootloader", p[0], "tee", p[1], "snp",
                         p[6], "microcode", p[7]);
    case VERSION:
        return json_pack("{s:i, s:i, s:i}", "major", p[2], "minor", p[1], "build", p[0]);
    case MAYBE_U8:
        return raw[0] >= 3 ? json_integer(p[0]) : json_null();
    }
    return NULL;
}

static json_t *report_json(const uint8_t raw[REPORT])
{
    json_t *report = json_object();

    for (size_t i = 0; report && i < CMN_ARRAY_SIZE(fields); i++)
        CMN_IGNORE(json_object_set_new(report, fields[i].name, field_json(&fields[i], raw)));
    if (raw[0] >= 5) {
        CMN_IGNORE(json_object_set_new(report, "launch_mit_vector",
                                       json_integer(little_endian(raw + 0x1F8, 8))));
        CMN_IGNORE(json_object_set_new(report, "current_mit_vector",
                                       json_integer(little_endian(raw + 0x200, 8))));
    }
    CMN_IGNORE(json_object_set_new(report, "signature",
                                   json_pack("{s:o, s:o}", "r", byte_array(raw + 0x2A0, 72), "s",
                                             byte_array(raw + 0x2E8, 72))));
    return report;
}

int conf_snp_open(struct conf *c, struct cmn_err *err)
{
    const char *seed = c->opts->tee_seed;
    auto_env struct cmn_env *env = NULL;
    struct conf_snp *snp = calloc(1, sizeof(*snp));
    struct snp_tcb tcb = ftee_default_tcb(SNP_GENOA);

    c->snp = snp;
    if (!snp)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r =
        seed ? cmn_env_new_seeded(seed, strlen(seed), &env, err) : cmn_env_new_system(&env, err);
    if (r == 0)
        r = ftee_ca_open(env, c->opts->tee_dir ? c->opts->tee_dir : "fake-tee-ca", SNP_GENOA,
                         &snp->ca, err);
    if (r == 0)
        r = ftee_ca_vcek(snp->ca, 0, &tcb, &snp->vcek, &snp->vcek_der, err);
    return r;
}

void conf_snp_close(struct conf *c)
{
    if (!c->snp)
        return;
    EVP_PKEY_free(c->snp->vcek);
    EVP_PKEY_free(c->snp->other_vcek);
    cmn_buf_done(&c->snp->vcek_der);
    ftee_ca_free(c->snp->ca);
    ftee_ca_free(c->snp->foreign);
    free(c->snp);
    c->snp = NULL;
}

/* r and s big-endian to little-endian in 72 bytes each. */
static int sign(struct conf *c, EVP_PKEY *key, uint8_t raw[REPORT])
{
    auto_buf struct cmn_buf sig = {0};
    int r = cmn_ecdsa_sign(c->opts->env, key, "SHA384", cmn_bytes(raw, SIGNED), &sig, NULL);

    if (r < 0 || sig.len != 96)
        return -EIO;
    memset(raw + 0x2A0, 0, 144);
    for (size_t i = 0; i < 48; i++) {
        raw[0x2A0 + i] = sig.data[47 - i];
        raw[0x2E8 + i] = sig.data[95 - i];
    }
    return 0;
}

static int fresh_report(struct conf *c, const struct conf_evidence *how,
                        const uint8_t report_data[64], uint8_t raw[REPORT])
{
    struct ftee_psp *psp = NULL;
    uint32_t status = 0;
    int r = ftee_psp_launch_start(c->opts->env, c->snp->ca, &(struct ftee_launch){0}, &psp, NULL);

    if (r == 0)
        r = ftee_psp_launch_finish(psp, how->host_data, NULL);
    if (r == 0)
        r = ftee_psp_report(psp, report_data, 0, raw, &status, NULL);
    ftee_psp_free(psp);
    return r == 0 && status == 0 ? 0 : -EIO;
}

/* Turns a genuine report into the one that is wanted, signed by a genuine key. */
static int alter(struct conf *c, const struct conf_evidence *how, uint8_t raw[REPORT])
{
    struct snp_tcb tcb = ftee_default_tcb(SNP_GENOA);

    uint32_t version = how->version ? how->version : c->era->id <= CONF_ERA_0_10 ? 2 : 3;
    cmn_put_u32le(raw, version);
    if (version == 2) /* it has no ids of the processor */
        memset(raw + 0x188, 0, 3);
    if (how->vmpl)
        cmn_put_u32le(raw + 0x030, how->vmpl);
    if (how->family >= 0)
        raw[0x188] = (uint8_t)how->family;
    if (how->model >= 0)
        raw[0x189] = (uint8_t)how->model;
    if (how->other_tcb)
        raw[0x187]++; /* reported microcode */
    EVP_PKEY *key = c->snp->vcek;
    if (how->wrong_key) {
        auto_buf struct cmn_buf der = {0};
        if (!c->snp->other_vcek &&
            ftee_ca_vcek(c->snp->ca, 7, &tcb, &c->snp->other_vcek, &der, NULL) < 0)
            return -EIO;
        key = c->snp->other_vcek;
    }
    if (sign(c, key, raw) < 0)
        return -EIO;
    if (how->flip_measurement)
        raw[0x090] ^= 1;
    if (how->flip_signature)
        raw[0x2A0] ^= 1;
    return 0;
}

static json_t *certificate(const char *type, struct cmn_bytes der)
{
    return json_pack("{s:s, s:o}", "cert_type", type, "data", byte_array(der.data, der.len));
}

static struct ftee_ca *foreign_ca(struct conf *c)
{
    auto_env struct cmn_env *env = NULL;

    if (!c->snp->foreign && cmn_env_new_seeded("conformance-foreign", 19, &env, NULL) == 0)
        CMN_IGNORE(ftee_ca_open(env, c->opts->tee_dir ? c->opts->tee_dir : "fake-tee-ca", SNP_GENOA,
                                &c->snp->foreign, NULL)); /* NULL tells it */
    return c->snp->foreign;
}

static json_t *chain(struct conf *c, const struct conf_evidence *how)
{
    struct ftee_ca *ark = how->foreign_ark ? foreign_ca(c) : c->snp->ca;

    if (how->null_chain)
        return json_null();
    if (how->no_chain)
        return json_array();
    if (!ark)
        return NULL;
    json_t *list = json_array();
    CMN_IGNORE(json_array_append_new(list, certificate("ARK", ftee_ca_ark_der(ark))));
    CMN_IGNORE(json_array_append_new(list, certificate("ASK", ftee_ca_ask_der(c->snp->ca))));
    if (!how->chain_without_vcek)
        CMN_IGNORE(
            json_array_append_new(list, certificate("VCEK", cmn_buf_bytes(&c->snp->vcek_der))));
    return list;
}

json_t *conf_snp_evidence(struct conf *c, const struct conf_evidence *how,
                          const uint8_t report_data[64])
{
    uint8_t raw[REPORT];

    if (fresh_report(c, how, report_data, raw) < 0 || alter(c, how, raw) < 0)
        return NULL;
    return json_pack("{s:o, s:o}", "attestation_report", report_json(raw), "cert_chain",
                     chain(c, how));
}
