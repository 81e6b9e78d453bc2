/* certs.c - certificate tables and the cert_chain member of evidence; see certs.h. */
#include "common/snp/certs.h"

#include "common/snp/report.h"

#include <string.h>

#define ENTRY_BYTES 24

static const struct {
    const char *name; /* in evidence JSON */
    uint8_t guid[16];
} types[SNP_CERT_TYPE_COUNT] = {
    [SNP_CERT_ARK] = {"ARK",
                      {0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6, 0x01,
                       0x4c, 0xd0, 0xae}},
    [SNP_CERT_VCEK] = {"VCEK",
                       {0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9,
                        0x3b, 0xe8, 0xac, 0xcd}},
    [SNP_CERT_VLEK] = {"VLEK",
                       {0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0,
                        0x45, 0xa0, 0xb8, 0xa1}},
    [SNP_CERT_ASK] = {"ASK",
                      {0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3,
                       0x27, 0xc7, 0x82}},
    [SNP_CERT_CRL] = {"CRL",
                      {0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff, 0xd1, 0x9f, 0x88,
                       0xdc, 0x67, 0xea}},
    [SNP_CERT_OTHER] = {"OTHER", {0}},
};

void snp_certs_done(struct snp_certs *certs)
{
    for (size_t i = 0; i < certs->n; i++)
        cmn_buf_done(&certs->list[i].bytes);
    certs->n = 0;
}

int snp_certs_add(struct snp_certs *certs, enum snp_cert_type type, struct cmn_bytes bytes,
                  struct cmn_err *err)
{
    struct snp_cert *c = &certs->list[certs->n];

    if (certs->n == SNP_CERTS_MAX)
        return cmn_err_set(err, EBADMSG, "more than %d certificates", SNP_CERTS_MAX);
    *c = (struct snp_cert){.type = type};
    memcpy(c->guid, types[type].guid, 16);
    if (cmn_buf_put(&c->bytes, bytes.data, bytes.len) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    certs->n++;
    return 0;
}

const struct snp_cert *snp_certs_find(const struct snp_certs *certs, enum snp_cert_type type)
{
    for (size_t i = 0; i < certs->n; i++)
        if (certs->list[i].type == type)
            return &certs->list[i];
    return NULL;
}

static enum snp_cert_type type_of(const uint8_t guid[16])
{
    for (unsigned i = 0; i < SNP_CERT_OTHER; i++)
        if (memcmp(types[i].guid, guid, 16) == 0)
            return (enum snp_cert_type)i;
    return SNP_CERT_OTHER;
}

static int decode_entries(const uint8_t *base, size_t len, struct snp_certs *certs,
                          struct cmn_err *err)
{
    struct cmn_rd c = cmn_rd_init(base, len);

    for (;;) {
        uint8_t guid[16];
        uint32_t offset, size;
        if (cmn_rd_bytes(&c, guid, 16) || cmn_rd_u32le(&c, &offset) || cmn_rd_u32le(&c, &size))
            return cmn_err_set(err, EBADMSG, "certificate table has no end mark in %zu bytes", len);
        size_t header = len - cmn_rd_left(&c);
        if (cmn_all_zero(guid, 16))
            return 0;
        if (offset < header || offset > len || size > len - offset || size == 0)
            return cmn_err_set(
                err, EBADMSG,
                "certificate at offset %u length %u is outside the table of %zu bytes", offset,
                size, len);
        int r = snp_certs_add(certs, type_of(guid), cmn_bytes(base + offset, size), err);
        if (r < 0)
            return r;
        memcpy(certs->list[certs->n - 1].guid, guid, 16);
    }
}

int snp_certs_decode(const void *data, size_t len, struct snp_certs *ret, struct cmn_err *err)
{
    struct snp_certs certs = {0};
    int r = len ? decode_entries(data, len, &certs, err) : 0;

    if (r < 0) {
        snp_certs_done(&certs);
        return r;
    }
    *ret = certs;
    return 0;
}

int snp_certs_encode(const struct snp_certs *certs, struct cmn_buf *ret)
{
    size_t at = ret->len, offset = (certs->n + 1) * ENTRY_BYTES;
    int r = 0;

    if (!certs->n)
        return 0;
    for (size_t i = 0; i < certs->n && r == 0; i++) {
        uint8_t entry[ENTRY_BYTES];
        memcpy(entry, certs->list[i].guid, 16);
        cmn_put_u32le(entry + 16, (uint32_t)offset);
        cmn_put_u32le(entry + 20, (uint32_t)certs->list[i].bytes.len);
        offset += certs->list[i].bytes.len;
        r = cmn_buf_put(ret, entry, sizeof(entry));
    }
    if (r == 0)
        r = cmn_buf_resize(ret, ret->len + ENTRY_BYTES);
    for (size_t i = 0; i < certs->n && r == 0; i++)
        r = cmn_buf_put(ret, certs->list[i].bytes.data, certs->list[i].bytes.len);
    return r < 0 ? r : cmn_buf_resize(ret, at + (ret->len - at + 4095) / 4096 * 4096);
}

static json_t *uuid_json(const uint8_t g[16])
{
    return json_sprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                        g[0], g[1], g[2], g[3], g[4], g[5], g[6], g[7], g[8], g[9], g[10], g[11],
                        g[12], g[13], g[14], g[15]);
}

json_t *snp_certs_to_json(const struct snp_certs *certs)
{
    if (!certs->n)
        return json_null();
    json_t *array = json_array();
    for (unsigned t = 0; t < SNP_CERT_TYPE_COUNT; t++) /* the enum is in the crate's order */
        for (size_t i = 0; i < certs->n; i++) {
            const struct snp_cert *c = &certs->list[i];
            if (c->type != t)
                continue;
            json_t *type = t == SNP_CERT_OTHER ? json_pack("{s:o}", "OTHER", uuid_json(c->guid))
                                               : json_string(types[t].name);
            (void)json_array_append_new(array,
                                        json_pack("{s:o, s:o}", "cert_type", type, "data",
                                                  snp_bytes_to_json(c->bytes.data, c->bytes.len)));
        }
    return array;
}

int snp_certs_from_json(const json_t *json, struct snp_certs *ret, struct cmn_err *err)
{
    struct snp_certs certs = {0};
    size_t i;
    json_t *v;
    int r = json_is_array(json) ? 0
                                : cmn_err_reason(err, EBADMSG, CMN_REASON_SNP_EVIDENCE_MALFORMED,
                                                 "evidence member 'cert_chain' is not an array");

    if (r < 0)
        return r;
    json_array_foreach(json, i, v) {
        auto_buf struct cmn_buf bytes = {0};
        const json_t *type = json_object_get(v, "cert_type");
        enum snp_cert_type t = SNP_CERT_OTHER;
        bool known = json_is_object(type) && json_is_string(json_object_get(type, "OTHER"));
        for (unsigned k = 0; k < SNP_CERT_OTHER && json_is_string(type); k++)
            if (strcmp(types[k].name, json_string_value(type)) == 0) {
                t = (enum snp_cert_type)k;
                known = true;
            }
        known = known || (json_is_string(type) && strcmp(json_string_value(type), "Empty") == 0);
        r = !known
                ? cmn_err_reason(err, EBADMSG, CMN_REASON_SNP_EVIDENCE_MALFORMED,
                                 "evidence member 'cert_chain' has an entry whose cert_type is not "
                                 "known")
                : snp_bytes_from_json(json_object_get(v, "data"), "data", 0, &bytes, err);
        if (r == 0)
            r = snp_certs_add(&certs, t, cmn_buf_bytes(&bytes), err);
        if (r < 0) {
            snp_certs_done(&certs);
            return r;
        }
    }
    *ret = certs;
    return 0;
}
