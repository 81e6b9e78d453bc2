/* report-json.c - the report as the attester sends it: parsed, byte arrays as numbers; see
 * report.h. */
#include "common/snp/report.h"

#include <string.h>

json_t *snp_bytes_to_json(const void *data, size_t len)
{
    const uint8_t *p = data;
    json_t *array = json_array();

    for (size_t i = 0; i < len && array; i++)
        if (json_array_append_new(array, json_integer(p[i])) < 0) {
            json_decref(array);
            array = NULL;
        }
    return array;
}

static int malformed(struct cmn_err *err, const char *what, const char *problem)
{
    return cmn_err_reason(err, EBADMSG, CMN_REASON_SNP_EVIDENCE_MALFORMED,
                          "evidence member '%s' %s", what, problem);
}

int snp_bytes_from_json(const json_t *json, const char *what, size_t len, struct cmn_buf *ret,
                        struct cmn_err *err)
{
    size_t n = json_array_size(json);

    if (!json_is_array(json))
        return malformed(err, what, "is not an array of bytes");
    if (len ? n != len : n > 1 << 20)
        return malformed(err, what, "has the wrong number of bytes");
    if (cmn_buf_reserve(ret, n) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(json, i);
        json_int_t byte = json_is_integer(v) ? json_integer_value(v) : -1;
        if (byte < 0 || byte > 255)
            return malformed(err, what, "holds something that is not a byte");
        ret->data[ret->len++] = (uint8_t)byte;
    }
    ret->data[ret->len] = 0;
    return 0;
}

static json_t *tcb_to_json(const struct snp_tcb *t, bool turin)
{
    return json_pack("{s:o, s:i, s:i, s:i, s:i}", "fmc", turin ? json_integer(t->fmc) : json_null(),
                     "bootloader", t->bootloader, "tee", t->tee, "snp", t->snp, "microcode",
                     t->microcode);
}

static json_t *version_to_json(const struct snp_version *v)
{
    return json_pack("{s:i, s:i, s:i}", "major", v->major, "minor", v->minor, "build", v->build);
}

static json_t *optional(bool present, uint64_t v)
{
    return present ? json_integer((json_int_t)v) : json_null();
}

/* jansson's integers are signed: what is above them would come out as another number. */
static bool fits_json(const struct snp_report *p)
{
    return p->policy <= INT64_MAX && p->plat_info <= INT64_MAX &&
           p->launch_mit_vector <= INT64_MAX && p->current_mit_vector <= INT64_MAX;
}

json_t *snp_report_to_json(const struct snp_report *p)
{
    if (!fits_json(p))
        return NULL;
    const struct {
        const char *name;
        json_t *value;
    } members[] = {
        {"version", json_integer(p->version)},
        {"guest_svn", json_integer(p->guest_svn)},
        {"policy", json_integer((json_int_t)p->policy)},
        {"family_id", snp_bytes_to_json(p->family_id, 16)},
        {"image_id", snp_bytes_to_json(p->image_id, 16)},
        {"vmpl", json_integer(p->vmpl)},
        {"sig_algo", json_integer(p->sig_algo)},
        {"current_tcb", tcb_to_json(&p->current_tcb, p->turin_tcb)},
        {"plat_info", json_integer((json_int_t)p->plat_info)},
        {"key_info", json_integer(p->key_info)},
        {"report_data", snp_bytes_to_json(p->report_data, 64)},
        {"measurement", snp_bytes_to_json(p->measurement, 48)},
        {"host_data", snp_bytes_to_json(p->host_data, 32)},
        {"id_key_digest", snp_bytes_to_json(p->id_key_digest, 48)},
        {"author_key_digest", snp_bytes_to_json(p->author_key_digest, 48)},
        {"report_id", snp_bytes_to_json(p->report_id, 32)},
        {"report_id_ma", snp_bytes_to_json(p->report_id_ma, 32)},
        {"reported_tcb", tcb_to_json(&p->reported_tcb, p->turin_tcb)},
        {"cpuid_fam_id", optional(p->has_cpuid, p->cpuid_fam_id)},
        {"cpuid_mod_id", optional(p->has_cpuid, p->cpuid_mod_id)},
        {"cpuid_step", optional(p->has_cpuid, p->cpuid_step)},
        {"chip_id", snp_bytes_to_json(p->chip_id, 64)},
        {"committed_tcb", tcb_to_json(&p->committed_tcb, p->turin_tcb)},
        {"current", version_to_json(&p->current)},
        {"committed", version_to_json(&p->committed)},
        {"launch_tcb", tcb_to_json(&p->launch_tcb, p->turin_tcb)},
        {"launch_mit_vector", optional(p->has_mit, p->launch_mit_vector)},
        {"current_mit_vector", optional(p->has_mit, p->current_mit_vector)},
        {"signature", json_pack("{s:o, s:o}", "r", snp_bytes_to_json(p->sig_r, 72), "s",
                                snp_bytes_to_json(p->sig_s, 72))},
    };
    json_t *obj = json_object();
    bool ok = obj;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(members); i++)
        if (json_object_set_new(obj, members[i].name, members[i].value) < 0)
            ok = false;
    if (!ok) {
        json_decref(obj);
        return NULL;
    }
    return obj;
}

static int get_uint(const json_t *obj, const char *name, uint64_t max, uint64_t *ret,
                    struct cmn_err *err)
{
    const json_t *v = json_object_get(obj, name);

    if (!v)
        return malformed(err, name, "is missing");
    /* a u64 with its top bit set is beyond jansson's signed integers and arrives as a real: refused
     */
    if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max)
        return malformed(err, name, "is not a number in range");
    *ret = (uint64_t)json_integer_value(v);
    return 0;
}

static int get_u32(const json_t *obj, const char *name, uint32_t *ret, struct cmn_err *err)
{
    uint64_t v;
    int r = get_uint(obj, name, UINT32_MAX, &v, err);
    if (r == 0)
        *ret = (uint32_t)v;
    return r;
}

static int get_u8(const json_t *obj, const char *name, uint8_t *ret, struct cmn_err *err)
{
    uint64_t v;
    int r = get_uint(obj, name, UINT8_MAX, &v, err);
    if (r == 0)
        *ret = (uint8_t)v;
    return r;
}

/* Optional number: null or absent leaves *present false. */
static int get_opt(const json_t *obj, const char *name, uint64_t max, bool *present, uint64_t *ret,
                   struct cmn_err *err)
{
    const json_t *v = json_object_get(obj, name);

    *present = v && !json_is_null(v);
    return *present ? get_uint(obj, name, max, ret, err) : 0;
}

static int get_bytes(const json_t *obj, const char *name, uint8_t *out, size_t len,
                     struct cmn_err *err)
{
    auto_buf struct cmn_buf b = {0};
    int r = snp_bytes_from_json(json_object_get(obj, name), name, len, &b, err);
    if (r == 0)
        memcpy(out, b.data, len);
    return r;
}

static int get_tcb(const json_t *obj, const char *name, struct snp_tcb *t, bool *turin,
                   struct cmn_err *err)
{
    const json_t *v = json_object_get(obj, name);
    uint64_t fmc = 0;
    int r;

    if (!json_is_object(v))
        return malformed(err, name, "is not an object");
    if ((r = get_opt(v, "fmc", UINT8_MAX, turin, &fmc, err)) < 0 ||
        (r = get_u8(v, "bootloader", &t->bootloader, err)) < 0 ||
        (r = get_u8(v, "tee", &t->tee, err)) < 0 || (r = get_u8(v, "snp", &t->snp, err)) < 0 ||
        (r = get_u8(v, "microcode", &t->microcode, err)) < 0)
        return r;
    t->fmc = (uint8_t)fmc;
    return 0;
}

static int get_version(const json_t *obj, const char *name, struct snp_version *v,
                       struct cmn_err *err)
{
    const json_t *o = json_object_get(obj, name);
    int r;

    if (!json_is_object(o))
        return malformed(err, name, "is not an object");
    if ((r = get_u8(o, "major", &v->major, err)) < 0 ||
        (r = get_u8(o, "minor", &v->minor, err)) < 0)
        return r;
    return get_u8(o, "build", &v->build, err);
}

static int get_optionals(const json_t *json, struct snp_report *p, struct cmn_err *err)
{
    bool fam, mod, step, launch, current;
    uint64_t f = 0, m = 0, s = 0;
    int r;

    if ((r = get_opt(json, "cpuid_fam_id", UINT8_MAX, &fam, &f, err)) < 0 ||
        (r = get_opt(json, "cpuid_mod_id", UINT8_MAX, &mod, &m, err)) < 0 ||
        (r = get_opt(json, "cpuid_step", UINT8_MAX, &step, &s, err)) < 0 ||
        (r = get_opt(json, "launch_mit_vector", INT64_MAX, &launch, &p->launch_mit_vector, err)) <
            0 ||
        (r = get_opt(json, "current_mit_vector", INT64_MAX, &current, &p->current_mit_vector,
                     err)) < 0)
        return r;
    p->has_cpuid = fam && mod;
    p->cpuid_fam_id = (uint8_t)f;
    p->cpuid_mod_id = (uint8_t)m;
    p->cpuid_step = (uint8_t)s;
    return 0;
}

/*
 * Upstream chooses the binary layout by version and CPU ids when it prints the report again (sev
 * crate, Encoder of AttestationReport), whatever optional members came along.
 */
static int set_layout(struct snp_report *p, bool reported_fmc, struct cmn_err *err)
{
    enum snp_product product;

    p->has_mit = p->version >= 5;
    if (p->version < 3) {
        p->has_cpuid = false;
        p->turin_tcb = cmn_all_zero(p->chip_id + 8, 56) && !cmn_all_zero(p->chip_id, 8);
    } else {
        p->turin_tcb = p->has_cpuid &&
                       snp_product_from_cpuid(p->cpuid_fam_id, p->cpuid_mod_id, &product) == 0 &&
                       product == SNP_TURIN;
    }
    if (p->turin_tcb && !reported_fmc) /* upstream's worker panics */
        return malformed(err, "reported_tcb", "has no fmc although the processor is a Turin");
    return 0;
}

int snp_report_from_json(const json_t *json, struct snp_report *ret, struct cmn_err *err)
{
    struct snp_report p = {0};
    const json_t *sig = json_object_get(json, "signature");
    bool turin[4] = {0};
    int r;

    if (!json_is_object(json))
        return malformed(err, "attestation_report", "is not an object");
    if (!json_is_object(sig))
        return malformed(err, "signature", "is not an object");
    if ((r = get_u32(json, "version", &p.version, err)) < 0 ||
        (r = get_u32(json, "guest_svn", &p.guest_svn, err)) < 0 ||
        (r = get_uint(json, "policy", INT64_MAX, &p.policy, err)) < 0 ||
        (r = get_bytes(json, "family_id", p.family_id, 16, err)) < 0 ||
        (r = get_bytes(json, "image_id", p.image_id, 16, err)) < 0 ||
        (r = get_u32(json, "vmpl", &p.vmpl, err)) < 0 ||
        (r = get_u32(json, "sig_algo", &p.sig_algo, err)) < 0 ||
        (r = get_tcb(json, "current_tcb", &p.current_tcb, &turin[0], err)) < 0 ||
        (r = get_uint(json, "plat_info", INT64_MAX, &p.plat_info, err)) < 0 ||
        (r = get_u32(json, "key_info", &p.key_info, err)) < 0 ||
        (r = get_bytes(json, "report_data", p.report_data, 64, err)) < 0 ||
        (r = get_bytes(json, "measurement", p.measurement, 48, err)) < 0 ||
        (r = get_bytes(json, "host_data", p.host_data, 32, err)) < 0 ||
        (r = get_bytes(json, "id_key_digest", p.id_key_digest, 48, err)) < 0 ||
        (r = get_bytes(json, "author_key_digest", p.author_key_digest, 48, err)) < 0 ||
        (r = get_bytes(json, "report_id", p.report_id, 32, err)) < 0 ||
        (r = get_bytes(json, "report_id_ma", p.report_id_ma, 32, err)) < 0 ||
        (r = get_tcb(json, "reported_tcb", &p.reported_tcb, &turin[1], err)) < 0 ||
        (r = get_bytes(json, "chip_id", p.chip_id, 64, err)) < 0 ||
        (r = get_tcb(json, "committed_tcb", &p.committed_tcb, &turin[2], err)) < 0 ||
        (r = get_version(json, "current", &p.current, err)) < 0 ||
        (r = get_version(json, "committed", &p.committed, err)) < 0 ||
        (r = get_tcb(json, "launch_tcb", &p.launch_tcb, &turin[3], err)) < 0 ||
        (r = get_bytes(sig, "r", p.sig_r, 72, err)) < 0 ||
        (r = get_bytes(sig, "s", p.sig_s, 72, err)) < 0 || (r = get_optionals(json, &p, err)) < 0)
        return r;
    r = set_layout(&p, turin[1], err);
    if (r < 0)
        return r;
    *ret = p;
    return 0;
}
