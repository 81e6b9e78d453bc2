/*
 * verifier-az.c - SNP evidence of Azure's vTPM (trustee 78962cd deps/verifier/src/az_snp_vtpm): a
 * TPM quote by the AK that the HCL report names, and the HCL report bound into REPORT_DATA.
 */
#include "verifier.h"

#include "common/crypto/jose.h"
#include "common/enc/enc.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FORMAT,
    AK,
    QUOTE_SIGNATURE,
    NONCE,
    PCRS,
    HCL_DIGEST,
    USER_DATA,
    PCR8,
    OWN_CHECKS,
    PCR_COUNT = 24,
    REPORT_AT = 32,
    DATA_AT = REPORT_AT + SNP_REPORT_BYTES, /* five u32, then the runtime data */
    RUNTIME_AT = DATA_AT + 20,
};

static const char *const check_names[OWN_CHECKS] = {
    "az.format",     "az.ak",         "az.quote-signature", "az.nonce",
    "az.pcr-digest", "az.hcl-digest", "az.user-data",       "az.initdata"};

struct az {
    struct cmn_env *env;
    const struct kbs_verify_input *in;
    struct kbs_check *own;
    json_int_t version;
    struct cmn_buf hcl, vcek, message, signature, pcrs; /* pcrs: 32 bytes each */
    uint32_t runtime_len;
    json_t *runtime;
    struct cmn_bytes nonce, pcr_digest; /* of the quote */
};

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A check that says no: the refusal. */
static int no(struct kbs_check *c, struct cmn_err *err, enum cmn_reason reason, const char *fmt,
              ...) __attribute__((format(printf, 4, 5)));
static int no(struct kbs_check *c, struct cmn_err *err, enum cmn_reason reason, const char *fmt,
              ...)
{
    va_list ap;

    c->result = KBS_CHECK_FAIL;
    c->reason = reason;
    va_start(ap, fmt);
    (void)vsnprintf(c->message, sizeof(c->message), fmt, ap);
    va_end(ap);
    return cmn_err_reason(err, EKEYREJECTED, reason, "%s", c->message);
}

static int yes(struct kbs_check *c)
{
    c->result = KBS_CHECK_PASS;
    return 0;
}

/* Hex, base64url with padding (both of versions 1 and 2), or numbers (before). */
static int read_bytes(const json_t *json, bool b64, struct cmn_buf *ret)
{
    const char *s = json_string_value(json);

    if (json_is_array(json))
        return snp_bytes_from_json(json, "bytes", 0, ret, NULL);
    if (!s)
        return -EBADMSG;
    return b64 ? cmn_unb64(CMN_B64_URL_PAD, s, strlen(s), ret, NULL)
               : cmn_unhex(s, strlen(s), ret, NULL);
}

static int read_pcrs(struct az *a, const json_t *list)
{
    size_t i;
    json_t *pcr;

    json_array_foreach((json_t *)list, i, pcr) {
        size_t before = a->pcrs.len;
        if (i >= PCR_COUNT || read_bytes(pcr, false, &a->pcrs) < 0 || a->pcrs.len - before != 32)
            return -EBADMSG;
    }
    return 0;
}

/* TPMS_ATTEST, big-endian (TPM 2.0 Library part 2, 10.12). */
static bool read_quote(struct az *a)
{
    const uint8_t *p = a->message.data;
    size_t len = a->message.len;

    if (len < 44 || memcmp(p, "\xff\x54\x43\x47\x80\x18", 6) != 0)
        return false;
    size_t at = 8 + ((size_t)p[6] << 8 | p[7]);
    if (at + 2 > len)
        return false;
    size_t n = (size_t)p[at] << 8 | p[at + 1];
    if (n > len - at - 2)
        return false;
    a->nonce = cmn_bytes(p + at + 2, n);
    a->pcr_digest = cmn_bytes(p + len - 32, 32); /* the last member */
    return at + 2 + n + 25 + 4 + 6 + 2 + 32 == len && p[len - 34] == 0 && p[len - 33] == 32;
}

static int check_format(struct az *a, struct cmn_err *err)
{
    struct kbs_check *c = &a->own[FORMAT];
    const json_t *e = a->in->evidence, *quote = json_object_get(e, "tpm_quote");
    bool old = !quote;
    const char *pem = old ? cmn_json_str(e, "vcek") : NULL;

    quote = old ? json_object_get(e, "quote") : quote;
    a->version = cmn_json_int(e, "version", 0);
    if (a->version < 0 || a->version > 2 || (!old && a->version == 0) ||
        read_bytes(json_object_get(e, old ? "report" : "hcl_report"), true, &a->hcl) < 0 ||
        (pem ? cmn_buf_puts(&a->vcek, pem)
             : read_bytes(json_object_get(e, "vcek"), true, &a->vcek)) < 0 ||
        read_bytes(json_object_get(quote, "message"), false, &a->message) < 0 ||
        read_bytes(json_object_get(quote, "signature"), false, &a->signature) < 0 ||
        read_pcrs(a, json_object_get(quote, "pcrs")) < 0)
        return no(c, err, CMN_REASON_SNP_EVIDENCE_MALFORMED,
                  "Failed to deserialize Azure vTPM SEV-SNP evidence");
    (void)snprintf(c->actual, sizeof(c->actual), "version %lld, HCL report of %zu bytes",
                   (long long)a->version, a->hcl.len);
    if (a->hcl.len < RUNTIME_AT || le32(a->hcl.data + DATA_AT + 16) > a->hcl.len - RUNTIME_AT)
        return no(c, err, CMN_REASON_AZ_HCL_MALFORMED, "invalid report size");
    if (le32(a->hcl.data + DATA_AT + 8) != 2 || le32(a->hcl.data + DATA_AT + 12) != 1)
        return no(c, err, CMN_REASON_AZ_HCL_MALFORMED, "invalid report type");
    a->runtime_len = le32(a->hcl.data + DATA_AT + 16);
    return yes(c);
}

static int check_ak(struct az *a, EVP_PKEY **ret, struct cmn_err *err)
{
    struct kbs_check *c = &a->own[AK];
    size_t i;
    json_t *key;

    if (cmn_json_load(cmn_bytes(a->hcl.data + RUNTIME_AT, a->runtime_len), CMN_JSON_MAX_DEPTH,
                      &a->runtime, NULL) == 0)
        json_array_foreach(json_object_get(a->runtime, "keys"), i, key) {
            const char *kid = cmn_json_str(key, "kid");
            if (kid && strcmp(kid, "HCLAkPub") == 0 && cmn_jwk_to_key(a->env, key, ret, NULL) == 0)
                return yes(c);
        }
    return no(c, err, CMN_REASON_AZ_AK_MISSING, "Failed to get AKpub");
}

static int check_signature(struct az *a, EVP_PKEY *ak, struct cmn_err *err)
{
    struct kbs_check *c = &a->own[QUOTE_SIGNATURE];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good =
        ctx &&
        EVP_DigestVerifyInit_ex(ctx, NULL, "SHA256", cmn_env_libctx(a->env), NULL, ak, NULL) == 1 &&
        EVP_DigestVerify(ctx, a->signature.data, a->signature.len, a->message.data,
                         a->message.len) == 1;

    EVP_MD_CTX_free(ctx);
    return good ? yes(c)
                : no(c, err, CMN_REASON_AZ_QUOTE_SIGNATURE, "vTPM quote is not signed by AKpub");
}

static int check_nonce(struct az *a, struct cmn_err *err)
{
    struct kbs_check *c = &a->own[NONCE];

    if (!read_quote(a))
        return no(c, err, CMN_REASON_AZ_QUOTE_SIGNATURE, "TPM attestation is not a quote");
    if (!a->in->report_data) {
        c->result = KBS_CHECK_NOT_ASKED;
        return 0;
    }
    if (a->nonce.len != a->in->report_data_len ||
        memcmp(a->nonce.data, a->in->report_data, a->nonce.len) != 0)
        return no(c, err, CMN_REASON_AZ_NONCE_MISMATCH,
                  "TPM quote nonce doesn't match expected report_data");
    return yes(c);
}

static int check_pcrs(struct az *a, struct cmn_err *err)
{
    uint8_t digest[32];
    int r = cmn_hash(a->env, "SHA256", a->pcrs.data, a->pcrs.len, digest, err);

    if (r < 0)
        return r;
    return memcmp(digest, a->pcr_digest.data, 32) == 0
               ? yes(&a->own[PCRS])
               : no(&a->own[PCRS], err, CMN_REASON_AZ_PCR_DIGEST,
                    "Digest of PCRs does not match digest in Quote");
}

static int check_hcl(struct az *a, struct cmn_err *err)
{
    uint8_t digest[32];
    int r = cmn_hash(a->env, "SHA256", a->hcl.data + RUNTIME_AT, a->runtime_len, digest, err);

    if (r < 0)
        return r;
    return memcmp(digest, a->hcl.data + REPORT_AT + 0x50, 32) == 0
               ? yes(&a->own[HCL_DIGEST])
               : no(&a->own[HCL_DIGEST], err, CMN_REASON_AZ_HCL_DIGEST,
                    "HCL variable data digest doesn't match SNP report data");
}

static int check_user_data(struct az *a, struct cmn_err *err)
{
    struct kbs_check *c = &a->own[USER_DATA];
    const char *text = cmn_json_str(a->runtime, "user-data");
    auto_buf struct cmn_buf data = {0};

    if (a->version < 2 || !a->in->report_data) {
        c->result = KBS_CHECK_NOT_ASKED;
        return 0;
    }
    if (!text || cmn_unhex(text, strlen(text), &data, NULL) < 0 ||
        data.len < a->in->report_data_len ||
        memcmp(data.data, a->in->report_data, a->in->report_data_len) != 0)
        return no(c, err, CMN_REASON_AZ_USER_DATA_MISMATCH,
                  "User-data in HCL variable data doesn't match report_data");
    return yes(c);
}

static int check_pcr8(struct az *a, struct cmn_err *err)
{
    struct kbs_check *c = &a->own[PCR8];
    uint8_t extend[64] = {0}, digest[32];

    if (!a->in->init_data) {
        c->result = KBS_CHECK_NOT_ASKED;
        return 0;
    }
    if (a->in->init_data_len != 32 || a->pcrs.len < (8 + 1) * 32)
        return no(c, err, CMN_REASON_KBS_WORKER_PANIC,
                  "a digest of %zu bytes, %zu PCRs: upstream's worker panics here",
                  a->in->init_data_len, a->pcrs.len / 32);
    memcpy(extend + 32, a->in->init_data, 32);
    int r = cmn_hash(a->env, "SHA256", extend, sizeof(extend), digest, err);
    if (r < 0)
        return r;
    return memcmp(digest, a->pcrs.data + (size_t)8 * 32, 32) == 0
               ? yes(c)
               : no(c, err, CMN_REASON_AZ_INITDATA_MISMATCH,
                    "Expected init_data digest is different from the content of PCR8");
}

/* The report under its VCEK, as for SNP; and, unlike there, the dates of the VCEK count. */
static int check_report(struct az *a, struct kbs_checks *checks, struct kbs_snp_result *res,
                        struct cmn_err *err)
{
    auto_certs struct snp_certs certs = {0};
    struct kbs_snp_input snp = *a->in->snp;
    int r = snp_certs_add(&certs, SNP_CERT_VCEK, cmn_buf_bytes(&a->vcek), err);

    if (r < 0)
        return r;
    snp.mode = a->in->strict ? KBS_SNP_STRICT : KBS_SNP_TRUSTEE;
    snp.min_version = 3;
    snp.max_version = 255; /* versions are not looked at here */
    snp.evidence = NULL;
    snp.report = cmn_bytes(a->hcl.data + REPORT_AT, SNP_REPORT_BYTES);
    snp.certs = &certs;
    snp.now = a->in->now;
    snp.expect = NULL;
    r = kbs_snp_verify(a->env, &snp, res, err);
    for (size_t i = 0; i < res->checks.n && checks->n < KBS_CHECKS_MAX; i++) {
        struct kbs_check *c = &res->checks.list[i];
        if (strncmp(c->name, "expect.", 7) == 0) /* nobody can ask for them here */
            continue;
        if (strcmp(c->name, "chain.validity") == 0 && c->result == KBS_CHECK_ADVISORY) {
            c->result = KBS_CHECK_FAIL;
            c->reason = CMN_REASON_AZ_VCEK_INVALID;
        }
        checks->list[checks->n++] = *c;
    }
    if (r < 0)
        return r;
    const struct kbs_check *dates = kbs_checks_find(checks, "chain.validity");
    if (dates && dates->result == KBS_CHECK_FAIL)
        return cmn_err_reason(err, EKEYREJECTED, CMN_REASON_AZ_VCEK_INVALID,
                              "Failed to validate VCEK: %.200s", dates->message);
    return res->accepted ? 0 : cmn_err_reason(err, EKEYREJECTED, res->reason, "%s", res->message);
}

static int put_text(json_t *obj, const char *key, unsigned value)
{
    return json_object_set_new(obj, key, json_sprintf("%u", value));
}

static int put_bool(json_t *obj, const char *key, uint64_t value)
{
    return json_object_set_new(obj, key, json_string(value ? "true" : "false"));
}

/* All of them texts, as upstream has them for this TEE. */
static int make_claims(const struct az *a, const struct kbs_snp_result *res, struct kbs_claims *ret,
                       struct cmn_err *err)
{
    const struct snp_report *p = &res->report;
    json_t *tpm = json_object(), *c = json_object();
    auto_free char *measurement = cmn_b64(CMN_B64_STD, p->measurement, 48);
    int bad = !tpm || !c || !measurement;

    for (size_t i = 0; !bad && i < a->pcrs.len / 32; i++) {
        char name[32];
        auto_free char *hex = cmn_hex(a->pcrs.data + i * 32, 32);
        (void)snprintf(name, sizeof(name), "pcr%02zu", i);
        bad |= json_object_set_new(tpm, name, json_string(hex));
        if (i == 8)
            ret->init_data = cmn_take(hex);
    }
    bad |= json_object_set_new(c, "measurement", json_string(measurement));
    bad |= put_text(c, "policy_abi_major", (unsigned)(p->policy >> 8 & 0xFF));
    bad |= put_text(c, "policy_abi_minor", (unsigned)(p->policy & 0xFF));
    bad |= put_bool(c, "policy_smt_allowed", p->policy & SNP_POLICY_SMT);
    bad |= put_bool(c, "policy_migrate_ma", p->policy & SNP_POLICY_MIGRATE_MA);
    bad |= put_bool(c, "policy_debug_allowed", p->policy & SNP_POLICY_DEBUG);
    bad |= put_bool(c, "policy_single_socket", p->policy & SNP_POLICY_SINGLE_SOCKET);
    bad |= put_text(c, "reported_tcb_bootloader", p->reported_tcb.bootloader);
    bad |= put_text(c, "reported_tcb_tee", p->reported_tcb.tee);
    bad |= put_text(c, "reported_tcb_snp", p->reported_tcb.snp);
    bad |= put_text(c, "reported_tcb_microcode", p->reported_tcb.microcode);
    bad |= put_bool(c, "platform_tsme_enabled", p->plat_info & SNP_PLAT_TSME);
    bad |= put_bool(c, "platform_smt_enabled", p->plat_info & SNP_PLAT_SMT);
    bad |= json_object_set_new(c, "tpm", tpm);
    ret->claims = c;
    ret->report_data = cmn_hex(a->nonce.data, a->nonce.len);
    ret->root = res->root;
    return bad || !ret->report_data ? cmn_err_set(err, ENOMEM, "no memory") : 0;
}

static int run(struct az *a, struct kbs_checks *checks, struct kbs_snp_result *res,
               struct cmn_err *err)
{
    auto_pkey EVP_PKEY *ak = NULL;
    int r = check_format(a, err);

    if (r == 0)
        r = check_ak(a, &ak, err);
    if (r == 0)
        r = check_signature(a, ak, err);
    if (r == 0)
        r = check_nonce(a, err);
    if (r == 0)
        r = check_pcrs(a, err);
    if (r == 0)
        r = check_hcl(a, err);
    if (r == 0)
        r = check_user_data(a, err);
    if (r == 0)
        r = check_report(a, checks, res, err);
    return r == 0 ? check_pcr8(a, err) : r;
}

static int verify(struct cmn_env *env, const struct kbs_verify_input *in,
                  struct kbs_checks *ret_checks, struct kbs_claims *ret, struct cmn_err *err)
{
    struct az a = {.env = env, .in = in, .own = ret_checks->list};
    auto_free struct kbs_snp_result *res = calloc(1, sizeof(*res));
    struct kbs_claims claims = {0};

    if (!res)
        return cmn_err_set(err, ENOMEM, "no memory");
    memset(ret_checks, 0, sizeof(*ret_checks));
    for (size_t i = 0; i < OWN_CHECKS; i++)
        ret_checks->list[i].name = check_names[i];
    ret_checks->n = OWN_CHECKS;
    int r = run(&a, ret_checks, res, err);
    if (r == 0)
        r = make_claims(&a, res, &claims, err);
    if (r == 0)
        *ret = claims;
    else
        kbs_claims_done(&claims);
    json_decref(a.runtime);
    cmn_buf_done(&a.hcl);
    cmn_buf_done(&a.vcek);
    cmn_buf_done(&a.message);
    cmn_buf_done(&a.signature);
    cmn_buf_done(&a.pcrs);
    return r;
}

const struct kbs_verifier kbs_verifier_az = {"az-snp-vtpm", "cpu", verify};
