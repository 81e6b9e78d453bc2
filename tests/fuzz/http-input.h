/*
 * http-input.h - an HTTP request out of a fuzz input, as the server would hand it on:
 *
 *     METHOD TARGET
 *     Name: value
 *                       (an empty line)
 *     body
 *
 * Target is split at '?'. What has no NUL in it, the server may pass.
 */
#ifndef HTTP_INPUT_H
#define HTTP_INPUT_H

#include "common/http/server.h"
#include "tests/fuzz/fuzz.h"

#define HTTP_INPUT_HEADERS 8

struct http_input {
    char *lines[1 + HTTP_INPUT_HEADERS];
    size_t n_lines;
    struct cmn_http_request req;
};

/* The body is borrowed from data. Free with http_input_done. */
void http_input_read(struct http_input *in, const uint8_t *data, size_t size);
void http_input_done(struct http_input *in);
/* An answer that a server may send: a status, headers without line breaks. Frees it. */
void http_input_check(struct cmn_http_response *resp);

#endif
