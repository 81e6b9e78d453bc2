/*
 * unwrap.c - keys of encrypted image layers: annotation packets and the keyprovider protocol.
 * Source: guest-components 8246e5e confidential-data-hub/hub/src/image, hub/src/bin/message.
 */
#include "common/enc/enc.h"
#include "sim/guest/cdh/cdh.h"
#include "sim/image/ocicrypt.h"

#include <string.h>

int cdh_packet_open(struct cdh *cdh, struct cmn_bytes packet, struct cmn_buf *ret,
                    struct cmn_err *err)
{
    struct sim_ocicrypt_packet p = {0};
    auto_buf_secret struct cmn_buf kek = {0};
    auto_buf struct cmn_buf path = {0};
    int r = sim_ocicrypt_packet_parse(packet, &p, err);

    if (r < 0)
        return r;
    if (cdh_resource_path(p.kid, &path, NULL) < 0)
        r = cmn_err_reason(err, EINVAL, CMN_REASON_IMAGE_KEY_PACKET_INVALID,
                           "illegal ResourceUri in `kid` field: %.300s", p.kid);
    if (r == 0) {
        r = cdh_resource_get(cdh, p.kid, &kek, err);
        if (r < 0) {
            if (err) /* the cause has its own event, in release-key */
                err->reason = CMN_REASON_IMAGE_KEY_UNAVAILABLE;
            r = cmn_err_wrap(err, r, "kms interface when get KEK failed");
        }
    }
    if (r == 0)
        r = sim_ocicrypt_packet_open(cdh->env, &p, cmn_buf_bytes(&kek), ret, err);
    sim_ocicrypt_packet_done(&p);
    return r;
}

/* annotation: base64 text (Go) or an array of byte numbers (Rust). */
static int annotation_bytes(const json_t *value, struct cmn_buf *ret, struct cmn_err *err)
{
    const json_t *n;
    size_t i;

    if (json_is_string(value))
        return cmn_unb64(CMN_B64_STD, json_string_value(value), json_string_length(value), ret,
                         err);
    if (!json_is_array(value) || json_array_size(value) > (1u << 20))
        return cmn_err_set(err, EBADMSG, "no annotation");
    json_array_foreach(value, i, n) {
        json_int_t v = json_is_integer(n) ? json_integer_value(n) : -1;
        uint8_t byte = (uint8_t)v;
        if (v < 0 || v > 255)
            return cmn_err_set(err, EBADMSG, "annotation: not a byte");
        if (cmn_buf_put(ret, &byte, 1) < 0)
            return cmn_err_set(err, ENOMEM, "no memory");
    }
    return 0;
}

int cdh_unwrap_key(struct cdh *cdh, struct cmn_bytes request, struct cmn_buf *ret,
                   struct cmn_err *err)
{
    auto_json json_t *json = NULL;
    auto_buf struct cmn_buf packet = {0};
    auto_buf_secret struct cmn_buf plain = {0};
    int r = cmn_json_load(request, CMN_JSON_MAX_DEPTH, &json, err);

    if (r == 0)
        r = annotation_bytes(
            json_object_get(json_object_get(json, "keyunwrapparams"), "annotation"), &packet, err);
    if (r < 0)
        return cmn_err_wrap(err, r, "UnwrapKey Parse request failed");
    r = cdh_packet_open(cdh, cmn_buf_bytes(&packet), &plain, err);
    if (r < 0)
        return r;
    /* An array of numbers: Rust's Vec<u8> takes nothing else. */
    r = cmn_buf_puts(ret, "{\"keyunwrapresults\":{\"optsdata\":[");
    for (size_t i = 0; r == 0 && i < plain.len; i++)
        r = cmn_buf_printf(ret, "%s%u", i ? "," : "", plain.data[i]);
    if (r == 0)
        r = cmn_buf_puts(ret, "]}}");
    return r < 0 ? cmn_err_set(err, ENOMEM, "no memory") : 0;
}
