/* tap.c - the proxy; see tap.h. One server thread, so its parts need no lock but the counter. */
#include "sim/diagnose/tap/tap.h"

#include "common/http/client.h"
#include "common/http/server.h"
#include "kbs-lite/capture.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 16 << 20, SESSIONS = 256 };

#define PREFIX "/kbs/v0/"

/* Challenges seen, so that an attest can be told with its session's nonce. */
struct session {
    char cookie[160]; /* name=value */
    char nonce[128];
    char tee[32];
};

struct sim_tap {
    struct cmn_env *env;
    char *upstream, *dir;
    struct cmn_http_client *client;
    struct cmn_http_server *server;
    struct session sessions[SESSIONS];
    size_t next;
    atomic_uint kept;
};

static const char *const request_headers[] = {"Accept", "Authorization", "Cookie", "User-Agent"};

/* "Name: value" of those that came; freed by the caller. */
static int pick_headers(const struct cmn_http_request *req, char *out[], size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(request_headers) && n + 1 < cap; i++) {
        const char *value = req->header(req, request_headers[i]);
        if (value && asprintf(&out[n], "%s: %s", request_headers[i], value) < 0)
            return -ENOMEM;
        n += value != NULL;
    }
    return (int)n;
}

static int forward(struct sim_tap *tap, const struct cmn_http_request *req,
                   struct cmn_http_answer *ret, struct cmn_err *err)
{
    char *headers[CMN_ARRAY_SIZE(request_headers) + 1] = {0};
    auto_free char *url = NULL;
    int r = pick_headers(req, headers, CMN_ARRAY_SIZE(headers));

    if (r >= 0 && asprintf(&url, "%s%s%s%s", tap->upstream, req->path, *req->query ? "?" : "",
                           req->query) < 0)
        r = -ENOMEM;
    if (r >= 0)
        r = cmn_http_do(tap->client,
                        &(struct cmn_http_call){.method = req->method,
                                                .url = url,
                                                .content_type = req->header(req, "Content-Type"),
                                                .headers = (const char *const *)headers,
                                                .body = req->body,
                                                .max_body = BODY_MAX},
                        ret, err);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(headers); i++)
        free(headers[i]);
    return r;
}

static struct session *find_session(struct sim_tap *tap, const char *cookie)
{
    for (size_t i = 0; cookie && i < SESSIONS; i++)
        if (*tap->sessions[i].cookie && strstr(cookie, tap->sessions[i].cookie))
            return &tap->sessions[i];
    return NULL;
}

/* A challenge opens a session: its cookie, nonce and TEE. */
static void note_challenge(struct sim_tap *tap, const struct cmn_http_request *req,
                           const struct cmn_http_answer *answer)
{
    const char *cookie = cmn_http_answer_header(answer, "Set-Cookie");
    auto_json json_t *request = NULL, *challenge = NULL;
    struct session *s = &tap->sessions[tap->next];

    CMN_IGNORE(cmn_json_load(req->body, CMN_JSON_MAX_DEPTH, &request, NULL));
    CMN_IGNORE(cmn_json_load(cmn_buf_bytes(&answer->body), CMN_JSON_MAX_DEPTH, &challenge, NULL));
    const char *nonce = cmn_json_str(challenge, "nonce"), *tee = cmn_json_str(request, "tee");
    if (!cookie || !nonce || !tee)
        return;
    (void)snprintf(s->cookie, sizeof(s->cookie), "%.*s", (int)strcspn(cookie, "; "), cookie);
    (void)snprintf(s->nonce, sizeof(s->nonce), "%s", nonce);
    (void)snprintf(s->tee, sizeof(s->tee), "%s", tee);
    tap->next = (tap->next + 1) % SESSIONS;
}

static void keep(struct sim_tap *tap, const char *path, const struct cmn_http_request *req,
                 const struct cmn_http_answer *answer)
{
    const char *cookie = req->header(req, "Cookie");
    const struct session *s = find_session(tap, cookie);
    auto_json json_t *file =
        kbs_exchange_json(&(struct kbs_exchange){.path = path,
                                                 .status = answer->status,
                                                 .request = req->body,
                                                 .answer = cmn_buf_bytes(&answer->body),
                                                 .time = cmn_env_now(tap->env),
                                                 .cookie = cookie != NULL,
                                                 .session = s != NULL,
                                                 .tee = s ? s->tee : "",
                                                 .session_nonce = s ? s->nonce : ""});
    auto_free char *text = file ? json_dumps(file, JSON_INDENT(1)) : NULL, *name = NULL;

    if (text && asprintf(&name, "%s/%04u-%s.json", tap->dir, atomic_fetch_add(&tap->kept, 1) + 1,
                         path) >= 0)
        CMN_IGNORE(
            cmn_file_write(name, text, strlen(text), 0600, NULL)); /* never a request's failure */
}

static void answer_back(const struct cmn_http_answer *answer, struct cmn_http_response *resp)
{
    static const char *const names[] = {"Content-Type", "Set-Cookie", "Allow"};

    resp->status = answer->status;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++) {
        const char *value = cmn_http_answer_header(answer, names[i]);
        if (value)
            CMN_IGNORE(cmn_http_response_header(resp, names[i], value));
    }
    CMN_IGNORE(cmn_buf_put(&resp->body, answer->body.data, answer->body.len));
}

static void handle(void *ctx, const struct cmn_http_request *req, struct cmn_http_response *resp)
{
    struct sim_tap *tap = ctx;
    struct cmn_http_answer answer = {0};
    struct cmn_err err = {0};
    const char *path =
        strncmp(req->path, PREFIX, strlen(PREFIX)) == 0 ? req->path + strlen(PREFIX) : "";

    if (forward(tap, req, &answer, &err) < 0) {
        resp->status = 502;
        CMN_IGNORE(cmn_buf_printf(&resp->body, "cocobox tap: %s\n", err.msg));
        cmn_http_answer_done(&answer);
        return;
    }
    if (strcmp(path, "auth") == 0)
        note_challenge(tap, req, &answer);
    if (kbs_exchange_wanted(path))
        keep(tap, path, req, &answer);
    answer_back(&answer, resp);
    cmn_http_answer_done(&answer);
}

static int write_info(struct sim_tap *tap, struct cmn_err *err)
{
    auto_free char *path = NULL, *text = NULL;

    if (asprintf(&path, "%s/bundle.json", tap->dir) < 0 ||
        asprintf(&text, "{\"cocobox-bundle\": 1, \"clock\": %lld}\n",
                 (long long)cmn_env_now(tap->env)) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return cmn_file_write(path, text, strlen(text), 0600, err);
}

int sim_tap_new(const struct sim_tap_opts *opts, struct sim_tap **ret, struct cmn_err *err)
{
    struct sim_tap *tap = calloc(1, sizeof(*tap));
    const struct cmn_http_client_opts client = {.ca_pem = opts->upstream_ca};
    const struct cmn_http_server_opts server = {.listen_fd = -1,
                                                .address = opts->address,
                                                .port = opts->port,
                                                .body_limit = BODY_MAX,
                                                .tls_cert_pem = opts->cert_pem,
                                                .tls_key_pem = opts->key_pem,
                                                .handle = handle,
                                                .ctx = tap};

    if (!tap)
        return cmn_err_set(err, ENOMEM, "no memory");
    tap->env = cmn_env_ref(opts->env);
    tap->upstream = strdup(opts->upstream);
    tap->dir = strdup(opts->dir);
    int r =
        tap->upstream && tap->dir ? write_info(tap, err) : cmn_err_set(err, ENOMEM, "no memory");
    if (r >= 0)
        r = cmn_http_client_new(&client, &tap->client, err);
    if (r >= 0)
        r = cmn_http_server_new(&server, &tap->server, err);
    if (r < 0) {
        sim_tap_free(tap);
        return r;
    }
    *ret = tap;
    return 0;
}

uint16_t sim_tap_port(const struct sim_tap *tap)
{
    return cmn_http_server_port(tap->server);
}

unsigned sim_tap_exchanges(struct sim_tap *tap)
{
    return atomic_load(&tap->kept);
}

void sim_tap_free(struct sim_tap *tap)
{
    if (!tap)
        return;
    cmn_http_server_free(tap->server);
    cmn_http_client_free(tap->client);
    cmn_env_unref(tap->env);
    free(tap->upstream);
    free(tap->dir);
    free(tap);
}
