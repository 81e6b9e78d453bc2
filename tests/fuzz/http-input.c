/* http-input.c - see http-input.h. */
#include "tests/fuzz/http-input.h"

#include <strings.h>

static const char *header(const struct cmn_http_request *req, const char *name)
{
    const struct http_input *in = req->impl;
    size_t n = strlen(name);

    for (size_t i = 1; i < in->n_lines; i++)
        if (strncasecmp(in->lines[i], name, n) == 0 && strncmp(in->lines[i] + n, ": ", 2) == 0)
            return in->lines[i] + n + 2;
    return NULL;
}

void http_input_read(struct http_input *in, const uint8_t *data, size_t size)
{
    *in = (struct http_input){0};
    in->lines[in->n_lines++] = fuzz_line(&data, &size);
    while (size && in->n_lines < CMN_ARRAY_SIZE(in->lines)) {
        char *line = fuzz_line(&data, &size);
        if (!*line) {
            free(line);
            break;
        }
        in->lines[in->n_lines++] = line;
    }
    char *path = strchr(in->lines[0], ' ');
    if (path)
        *path++ = 0;
    char *query = path ? strchr(path, '?') : NULL;
    if (query)
        *query++ = 0;
    in->req = (struct cmn_http_request){.method = in->lines[0],
                                        .path = path ? path : "/",
                                        .query = query ? query : "",
                                        .body = cmn_bytes(data, size),
                                        .peer_is_loopback = true,
                                        .header = header,
                                        .impl = in};
}

void http_input_done(struct http_input *in)
{
    for (size_t i = 0; i < in->n_lines; i++)
        free(in->lines[i]);
}

void http_input_check(struct cmn_http_response *resp)
{
    FUZZ_CHECK(resp->status >= 200 && resp->status < 600);
    for (size_t i = 0; i < resp->n_headers; i++)
        FUZZ_CHECK(!strpbrk(resp->headers[i].value, "\r\n"));
    cmn_http_response_done(resp);
}
