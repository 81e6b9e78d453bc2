/*
 * load-faults.c - the faults: block of a scenario. Which fault a point can take is one table; each
 * kind has one function that reads its own keys.
 */
#include "common/enc/enc.h"
#include "sim/scenario/read.h"
#include "sim/scenario/scenario.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_FAULTS = 32, MAX_OFFSET = 1 << 30 };

/* Fields of the ATTESTATION_REPORT (AMD 56860, table "ATTESTATION_REPORT Structure"). */
static const struct {
    const char *name;
    size_t offset, length;
} fields[] = {
    {"version", 0x000, 4},
    {"guest_svn", 0x004, 4},
    {"policy", 0x008, 8},
    {"family_id", 0x010, 16},
    {"image_id", 0x020, 16},
    {"vmpl", 0x030, 4},
    {"sig_algo", 0x034, 4},
    {"current_tcb", 0x038, 8},
    {"plat_info", 0x040, 8},
    {"key_info", 0x048, 4},
    {"report_data", 0x050, 64},
    {"measurement", 0x090, 48},
    {"host_data", 0x0C0, 32},
    {"id_key_digest", 0x0E0, 48},
    {"author_key_digest", 0x110, 48},
    {"report_id", 0x140, 32},
    {"report_id_ma", 0x160, 32},
    {"reported_tcb", 0x180, 8},
    {"cpuid", 0x188, 3},
    {"chip_id", 0x1A0, 64},
    {"committed_tcb", 0x1E0, 8},
    {"current_version", 0x1E8, 3},
    {"committed_version", 0x1EC, 3},
    {"launch_tcb", 0x1F0, 8},
    {"signature", 0x2A0, 512},
};

int sim_fault_field(const char *name, size_t *ret_offset, size_t *ret_length)
{
    for (size_t i = 0; i < CMN_ARRAY_SIZE(fields); i++)
        if (strcmp(fields[i].name, name) == 0) {
            *ret_offset = fields[i].offset;
            *ret_length = fields[i].length;
            return 0;
        }
    return -ENOENT;
}

/* ---- one fault of each kind ---- */

static bool of_report(const struct sim_fault *f)
{
    return strcmp(f->at, "psp.report") == 0;
}

/* A field by name, or a byte by its offset; length 0 for an offset. */
static int load_place(struct sim_reader *r, const json_t *obj, const char *key, struct sim_fault *f,
                      size_t *ret_length)
{
    const char *names[CMN_ARRAY_SIZE(fields)];
    int64_t offset = 0;

    *ret_length = 0;
    if (json_is_integer(json_object_get(obj, key))) {
        int x =
            sim_read_int(r, obj, key, 0, of_report(f) ? SNP_REPORT_BYTES - 1 : MAX_OFFSET, &offset);
        f->offset = (size_t)offset;
        return x;
    }
    int x = sim_read_text(r, obj, key, &f->what);
    if (x < 0)
        return x;
    if (!of_report(f))
        return cmn_yaml_fail(r->doc, obj, key, r->err, "'%s' wants the offset of a byte here", key);
    if (sim_fault_field(f->what, &f->offset, ret_length) == 0)
        return 0;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(fields); i++)
        names[i] = fields[i].name;
    const char *near = cmn_yaml_nearest(f->what, names, CMN_ARRAY_SIZE(names));
    return cmn_yaml_fail(r->doc, obj, key, r->err, "the report has no field '%.64s'%s%s%s", f->what,
                         near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int load_flip(struct sim_reader *r, const json_t *obj, struct sim_fault *f)
{
    size_t ignored;
    int x = SIM_KEYS(r, obj, "at", "flip", "resign");

    if (x == 0)
        x = load_place(r, obj, "flip", f, &ignored);
    return x ? x : sim_read_bool(r, obj, "resign", &f->resign);
}

/* `to` as bytes: hex as they stand in the report, or a number for fields of up to 8 bytes
 * (little-endian). */
static int load_bytes(struct sim_reader *r, const json_t *obj, struct sim_fault *f, size_t length)
{
    const json_t *to = json_object_get(obj, "to");
    uint8_t le[8];
    int64_t number = 0;

    if (json_is_integer(to)) {
        size_t n = length ? length : 1;
        if (n > sizeof(le))
            return cmn_yaml_fail(r->doc, obj, "to", r->err,
                                 "'to' wants %zu bytes as hex digits here", n);
        int x = sim_read_int(r, obj, "to", 0, n == 8 ? INT64_MAX : (1LL << (8 * n)) - 1, &number);
        cmn_put_u64le(le, (uint64_t)number);
        return x                                   ? x
               : cmn_buf_put(&f->bytes, le, n) < 0 ? cmn_err_set(r->err, ENOMEM, "no memory")
                                                   : 0;
    }
    const char *hex = json_string_value(to);
    if (!hex || cmn_unhex(hex, strlen(hex), &f->bytes, NULL) < 0 || !f->bytes.len)
        return cmn_yaml_fail(r->doc, obj, "to", r->err,
                             "'to' wants a number or bytes as hex digits");
    if (length && f->bytes.len != length)
        return cmn_yaml_fail(r->doc, obj, "to", r->err, "'%s' has %zu bytes, 'to' has %zu", f->what,
                             length, f->bytes.len);
    if (f->offset + f->bytes.len > SNP_REPORT_BYTES)
        return cmn_yaml_fail(r->doc, obj, "to", r->err, "'to' reaches beyond the report");
    return 0;
}

static int load_set(struct sim_reader *r, const json_t *obj, struct sim_fault *f)
{
    size_t length = 0;
    int x = of_report(f) ? SIM_KEYS(r, obj, "at", "set", "to", "resign")
                         : SIM_KEYS(r, obj, "at", "set", "to");

    if (x == 0 && !json_object_get(obj, "to"))
        x = sim_read_missing(r, obj, "to");
    if (x == 0 && of_report(f)) {
        x = load_place(r, obj, "set", f, &length);
        if (x == 0)
            x = load_bytes(r, obj, f, length);
        return x ? x : sim_read_bool(r, obj, "resign", &f->resign);
    }
    if (x == 0)
        x = sim_read_text(r, obj, "set", &f->what);
    if (x < 0)
        return x;
    f->value = json_deep_copy(json_object_get(obj, "to"));
    return f->value ? 0 : cmn_err_set(r->err, ENOMEM, "no memory");
}

static int load_truncate(struct sim_reader *r, const json_t *obj, struct sim_fault *f)
{
    int64_t length = 0;
    int x = SIM_KEYS(r, obj, "at", "truncate");

    if (x == 0)
        x = sim_read_int(r, obj, "truncate", 0, MAX_OFFSET, &length);
    f->length = (size_t)length;
    return x;
}

static int load_replay(struct sim_reader *r, const json_t *obj, struct sim_fault *f)
{
    static const char *const members[] = {"tee-evidence"};
    size_t ignored = 0;
    int x = SIM_KEYS(r, obj, "at", "replay");

    if (x == 0)
        x = sim_read_word(r, obj, "replay", members, CMN_ARRAY_SIZE(members), &ignored);
    return x ? x : sim_read_text(r, obj, "replay", &f->what);
}

static int load_drop(struct sim_reader *r, const json_t *obj, struct sim_fault *f)
{
    int x = SIM_KEYS(r, obj, "at", "drop");

    return x ? x : sim_read_text(r, obj, "drop", &f->what);
}

static bool is_date(const char *s)
{
    return !s || (strlen(s) == 15 && strspn(s, "0123456789") == 14 && s[14] == 'Z');
}

static int load_reissue(struct sim_reader *r, const json_t *obj, struct sim_fault *f)
{
    static const char *const kinds[] = {"ark", "ask", "asvk", "vcek", "vlek"};
    static const char *const algs[] = {"pss-sha384", "pss-sha256", "pss-salt32", "pkcs1-sha384"};
    struct sim_reissue *n = &f->reissue;
    size_t kind = 0, alg = 0;
    int x = SIM_KEYS(r, obj, "at", "reissue", "not_before", "not_after", "subject",
                     "drop_extension", "alg", "chip", "older_tcb");

    if (x == 0)
        x = sim_read_word(r, obj, "reissue", kinds, CMN_ARRAY_SIZE(kinds), &kind);
    if (x == 0)
        x = sim_read_text(r, obj, "reissue", &f->what);
    if (x == 0)
        x = sim_read_text(r, obj, "not_before", &n->not_before);
    if (x == 0)
        x = sim_read_text(r, obj, "not_after", &n->not_after);
    if (x == 0)
        x = sim_read_text(r, obj, "subject", &n->subject);
    if (x == 0)
        x = sim_read_text(r, obj, "drop_extension", &n->drop);
    if (x == 0)
        x = sim_read_word(r, obj, "alg", algs, CMN_ARRAY_SIZE(algs), &alg);
    if (x == 0)
        x = sim_read_uint(r, obj, "chip", 0, 65535, &n->chip);
    if (x == 0)
        x = sim_read_bool(r, obj, "older_tcb", &n->other_tcb);
    if (x == 0 && (!is_date(n->not_before) || !is_date(n->not_after)))
        x = cmn_yaml_fail(r->doc, obj, "reissue", r->err, "dates are written \"YYYYMMDDHHMMSSZ\"");
    n->kind = (enum ftee_cert_kind)kind;
    n->alg = (enum ftee_sign_alg)alg;
    n->has_chip = json_object_get(obj, "chip") != NULL;
    return x;
}

/* ---- which point takes which kind ---- */

struct kind {
    const char *key;
    int (*load)(struct sim_reader *r, const json_t *obj, struct sim_fault *f);
};

static const struct kind kinds[] = {
    [SIM_FAULT_FLIP] = {"flip", load_flip},
    [SIM_FAULT_SET] = {"set", load_set},
    [SIM_FAULT_TRUNCATE] = {"truncate", load_truncate},
    [SIM_FAULT_REPLAY] = {"replay", load_replay},
    [SIM_FAULT_DROP] = {"drop", load_drop},
    [SIM_FAULT_REISSUE] = {"reissue", load_reissue},
};

#define CAN(kind) (1u << SIM_FAULT_##kind)

static const struct {
    const char *name;
    unsigned can;
} points[] = {
    {"psp.report", CAN(FLIP) | CAN(SET)},
    {"psp.certs", CAN(FLIP) | CAN(TRUNCATE) | CAN(REISSUE)},
    {"registry.blob", CAN(FLIP) | CAN(TRUNCATE)},
    {"registry.manifest", CAN(FLIP) | CAN(TRUNCATE)},
    {"registry.config", CAN(FLIP) | CAN(TRUNCATE)},
    {"wire.auth", CAN(SET) | CAN(DROP)},
    {"wire.attest", CAN(SET) | CAN(DROP) | CAN(REPLAY)},
};

static int load_point(struct sim_reader *r, const json_t *obj, struct sim_fault *f, size_t *ret)
{
    const char *names[CMN_ARRAY_SIZE(points)];

    for (size_t i = 0; i < CMN_ARRAY_SIZE(points); i++)
        names[i] = points[i].name;
    int x = sim_read_needed(r, obj, "at", &f->at);
    return x ? x : sim_read_word(r, obj, "at", names, CMN_ARRAY_SIZE(names), ret);
}

static int load_fault(struct sim_reader *r, const json_t *obj, struct sim_fault *f)
{
    size_t point = 0, found = 0, kind = 0;
    int x = SIM_KEYS(r, obj, "at", "flip", "set", "to", "resign", "truncate", "replay", "drop",
                     "reissue", "not_before", "not_after", "subject", "drop_extension", "alg",
                     "chip", "older_tcb");

    if (x == 0)
        x = load_point(r, obj, f, &point);
    if (x < 0)
        return x;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(kinds); i++)
        if (json_object_get(obj, kinds[i].key)) {
            kind = i;
            found++;
        }
    if (found != 1)
        return cmn_yaml_fail(
            r->doc, obj, NULL, r->err,
            "a fault has 'at' and exactly one of flip, set, truncate, replay, drop and "
            "reissue");
    if (!(points[point].can & 1u << kind))
        return cmn_yaml_fail(r->doc, obj, kinds[kind].key, r->err,
                             "'%s' is nothing that '%s' can do", kinds[kind].key, f->at);
    f->kind = (enum sim_fault_kind)kind;
    return kinds[kind].load(r, obj, f);
}

int sim_load_faults(struct sim_reader *r, const json_t *root, struct sim_plan *plan)
{
    const json_t *arr = NULL;
    int x = sim_read_objects(r, root, "faults", 0, MAX_FAULTS, &arr);

    if (x < 0 || !arr)
        return x;
    plan->faults = calloc(json_array_size(arr) + 1, sizeof(*plan->faults));
    if (!plan->faults)
        return cmn_err_set(r->err, ENOMEM, "no memory");
    for (size_t i = 0; i < json_array_size(arr); i++) {
        x = load_fault(r, json_array_get(arr, i), &plan->faults[plan->n_faults++]);
        if (x < 0)
            return x;
    }
    return 0;
}
