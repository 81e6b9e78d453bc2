/* status.c - statuses of ttrpc and how ttrpc-rust prints them; packing of messages. See ttrpc.h. */
#include "common/ttrpc/ttrpc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *cmn_ttrpc_code_name(int code)
{
    static const char *const names[] = {
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    };
    return code >= 0 && (size_t)code < CMN_ARRAY_SIZE(names) ? names[code] : "UNKNOWN";
}

int cmn_ttrpc_fail(struct cmn_ttrpc_status *status, enum cmn_ttrpc_code code, const char *fmt, ...)
{
    va_list ap;

    if (status) {
        status->code = code;
        va_start(ap, fmt);
        (void)vsnprintf(status->message, sizeof(status->message), fmt, ap);
        va_end(ap);
    }
    return -EREMOTEIO;
}

static int quote_char(struct cmn_buf *ret, unsigned char c)
{
    switch (c) {
    case '"':
        return cmn_buf_puts(ret, "\\\"");
    case '\\':
        return cmn_buf_puts(ret, "\\\\");
    case '\n':
        return cmn_buf_puts(ret, "\\n");
    case '\r':
        return cmn_buf_puts(ret, "\\r");
    case '\t':
        return cmn_buf_puts(ret, "\\t");
    case '\0':
        return cmn_buf_puts(ret, "\\0");
    default:
        if (c < 0x20 || c == 0x7f)
            return cmn_buf_printf(ret, "\\u{%x}", c);
        return cmn_buf_put(ret, &c, 1);
    }
}

int cmn_ttrpc_quote(struct cmn_buf *ret, const char *s)
{
    int r = cmn_buf_puts(ret, "\"");

    for (; r >= 0 && *s; s++)
        r = quote_char(ret, (unsigned char)*s);
    return r < 0 ? r : cmn_buf_puts(ret, "\"");
}

static int status_body(const struct cmn_ttrpc_status *status, struct cmn_buf *ret)
{
    int r = cmn_buf_printf(ret, "Status { code: %s, message: ", cmn_ttrpc_code_name(status->code));

    if (r >= 0)
        r = cmn_ttrpc_quote(ret, status->message);
    if (r >= 0)
        r = cmn_buf_puts(ret,
                         ", details: [], special_fields: SpecialFields { unknown_fields: "
                         "UnknownFields { fields: None }, cached_size: CachedSize { size: 0 } } }");
    return r;
}

int cmn_ttrpc_status_display(const struct cmn_ttrpc_status *status, struct cmn_buf *ret)
{
    int r = cmn_buf_puts(ret, "rpc status: ");

    return r < 0 ? r : status_body(status, ret);
}

int cmn_ttrpc_status_debug(const struct cmn_ttrpc_status *status, struct cmn_buf *ret)
{
    int r = cmn_buf_puts(ret, "RpcStatus(");

    if (r >= 0)
        r = status_body(status, ret);
    return r < 0 ? r : cmn_buf_puts(ret, ")");
}

int cmn_ttrpc_pack(const ProtobufCMessage *msg, struct cmn_buf *reply)
{
    size_t len = protobuf_c_message_get_packed_size(msg), at = reply->len;

    int r = cmn_buf_resize(reply, at + len);
    if (r < 0)
        return r;
    (void)protobuf_c_message_pack(msg, reply->data + at);
    return 0;
}

ProtobufCMessage *cmn_ttrpc_unpack(const ProtobufCMessageDescriptor *type, struct cmn_bytes request,
                                   struct cmn_ttrpc_status *status)
{
    ProtobufCMessage *msg = protobuf_c_message_unpack(type, NULL, request.len, request.data);

    if (!msg)
        (void)cmn_ttrpc_fail(status, CMN_TTRPC_INVALID_ARGUMENT, "malformed %s of %zu bytes",
                             type->name, request.len);
    return msg;
}

void cmn_ttrpc_msg_cleanup(void *msg_pp)
{
    ProtobufCMessage **msg = msg_pp;

    if (*msg)
        protobuf_c_message_free_unpacked(*msg, NULL);
    *msg = NULL;
}
