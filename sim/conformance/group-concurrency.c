/* group-concurrency.c - 13xx: several clients at once. Each has a connection of its own. */
#include "sim/conformance/conf.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 4, ROUNDS = 4 };

/* One client: a suite of its own on the same KBS, whose one check is to do its work. */
struct client {
    struct conf conf;
    struct sim_conf_result result;
    const struct conf_check *check;
    void (*work)(struct client *client);
    unsigned number;
    char ids[ROUNDS][80];
    pthread_t thread;
    bool started;
};

static void *client_main(void *arg)
{
    struct client *client = arg;

    client->work(client);
    return NULL;
}

static int client_open(struct client *client, struct conf *of)
{
    client->conf = (struct conf){.opts = of->opts,
                                 .era = of->era,
                                 .base = of->base,
                                 .tee = of->tee,
                                 .admin_open = of->admin_open,
                                 .admin_ok = of->admin_ok,
                                 .snp = of->snp};
    client->conf.now = &client->result;
    return cmn_http_client_new(
        &(struct cmn_http_client_opts){.timeout_ms = 20000, .ca_pem = of->opts->ca_pem},
        &client->conf.http, NULL);
}

static void client_close(struct client *client)
{
    for (size_t i = 0; i < CONF_KEYS; i++)
        EVP_PKEY_free(client->conf.keys[i]);
    cmn_http_answer_done(&client->conf.answer);
    cmn_http_client_free(client->conf.http);
    free(client->result.sent);
    free(client->result.received);
    free(client->result.expected);
    free(client->result.remark);
}

/* The first client that missed something tells it for all. */
static void adopt(struct conf *c, struct client *client)
{
    if (!client->conf.missed || c->missed)
        return;
    (void)conf_expect(c, false, "client %u: %s", client->number,
                      client->result.expected ? client->result.expected : "?");
    free(c->now->sent);
    free(c->now->received);
    c->now->sent = cmn_take(client->result.sent);
    c->now->received = cmn_take(client->result.received);
}

static void all_at_once(struct conf *c, const struct conf_check *check,
                        void (*work)(struct client *), struct client clients[CLIENTS])
{
    memset(clients, 0, CLIENTS * sizeof(*clients));
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i].check = check;
        clients[i].work = work;
        clients[i].number = i;
        if (client_open(&clients[i], c) == 0)
            clients[i].started =
                pthread_create(&clients[i].thread, NULL, client_main, &clients[i]) == 0;
        (void)conf_expect(c, clients[i].started, "%d clients", CLIENTS);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        if (clients[i].started)
            (void)pthread_join(clients[i].thread, NULL);
    for (unsigned i = 0; i < CLIENTS; i++)
        adopt(c, &clients[i]);
}

static void close_all(struct client clients[CLIENTS])
{
    for (unsigned i = 0; i < CLIENTS; i++)
        client_close(&clients[i]);
}

static void work_challenges(struct client *client)
{
    struct conf_session s;

    for (unsigned i = 0; i < ROUNDS; i++)
        if (conf_challenge(&client->conf, &s))
            memcpy(client->ids[i], s.id, sizeof(client->ids[i]));
}

static void run_challenges(struct conf *c, const struct conf_check *check)
{
    struct client clients[CLIENTS];
    const unsigned n = CLIENTS * ROUNDS;

    all_at_once(c, check, work_challenges, clients);
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j < i; j++)
            (void)conf_expect(c,
                              strcmp(clients[i / ROUNDS].ids[i % ROUNDS],
                                     clients[j / ROUNDS].ids[j % ROUNDS]) != 0,
                              "%u sessions with ids of their own", n);
    close_all(clients);
}

/* Each token must be of this client's nonce and key. */
static void work_handshakes(struct client *client)
{
    struct conf *c = &client->conf;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct conf_session s;
        struct conf_token token = {0};
        auto_free char *text = conf_handshake(c, CONF_P256, &s);
        if (text && conf_token_parse(c, text, &token)) {
            auto_free char *payload = json_dumps(token.payload, JSON_COMPACT);
            (void)conf_expect(c, payload && strstr(payload, s.nonce),
                              "a token of this client's own nonce");
        }
        conf_token_done(&token);
    }
}

static void run_handshakes(struct conf *c, const struct conf_check *check)
{
    struct client clients[CLIENTS];

    all_at_once(c, check, work_handshakes, clients);
    close_all(clients);
}

static void work_resources(struct client *client)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        char path[96], text[64];
        (void)snprintf(path, sizeof(path), "conformance/writers/c%u-%u", client->number, i);
        (void)snprintf(text, sizeof(text), "client %u round %u", client->number, i);
        (void)conf_put_resource(&client->conf, path, cmn_bytes(text, strlen(text)));
    }
}

static void run_writers(struct conf *c, const struct conf_check *check)
{
    struct client clients[CLIENTS];
    struct conf_session s;

    all_at_once(c, check, work_resources, clients);
    close_all(clients);
    auto_free char *token = conf_handshake(c, CONF_P256, &s);
    for (unsigned i = 0; token && i < CLIENTS * ROUNDS; i++) {
        struct conf_jwe jwe;
        char path[96], text[64];
        (void)snprintf(path, sizeof(path), "conformance/writers/c%u-%u", i / ROUNDS, i % ROUNDS);
        (void)snprintf(text, sizeof(text), "client %u round %u", i / ROUNDS, i % ROUNDS);
        if (conf_get_resource(c, path, s.id, NULL) < 0 || !conf_status(c, 200))
            return;
        conf_jwe_open(c, CONF_P256, cmn_buf_bytes(&c->answer.body), &jwe);
        (void)conf_expect(c,
                          jwe.opened && jwe.plain.len == strlen(text) &&
                              memcmp(jwe.plain.data, text, jwe.plain.len) == 0,
                          "what client %u stored", i / ROUNDS);
        conf_jwe_done(&jwe);
    }
}

static void work_one_resource(struct client *client)
{
    char text[64];

    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)snprintf(text, sizeof(text), "whole text of client %u", client->number);
        (void)conf_put_resource(&client->conf, "conformance/writers/same",
                                cmn_bytes(text, strlen(text)));
    }
}

static void run_same_resource(struct conf *c, const struct conf_check *check)
{
    struct client clients[CLIENTS];
    struct conf_session s;
    struct conf_jwe jwe = {0};
    unsigned number;

    all_at_once(c, check, work_one_resource, clients);
    close_all(clients);
    auto_free char *token = conf_handshake(c, CONF_P256, &s);
    if (!token || conf_get_resource(c, "conformance/writers/same", s.id, NULL) < 0 ||
        !conf_status(c, 200))
        return;
    conf_jwe_open(c, CONF_P256, cmn_buf_bytes(&c->answer.body), &jwe);
    (void)conf_expect(c,
                      jwe.opened && jwe.plain.len == strlen("whole text of client 0") &&
                          sscanf((char *)jwe.plain.data, "whole text of client %u", &number) == 1,
                      "the whole text of one of the writers");
    conf_jwe_done(&jwe);
}

static void work_policies(struct client *client)
{
    for (unsigned i = 0; i < ROUNDS; i++)
        (void)conf_set_resource_policy(&client->conf, "package policy\ndefault allow = true\n");
}

static void run_policies(struct conf *c, const struct conf_check *check)
{
    struct client clients[CLIENTS];

    all_at_once(c, check, work_policies, clients);
    close_all(clients);
    if (conf_get_resource(c, CONF_RESOURCE, NULL, conf_good_token(c)) > 0)
        (void)conf_status(c, 200);
}

static void work_references(struct client *client)
{
    char name[64];

    for (unsigned i = 0; i < ROUNDS; i++) {
        (void)snprintf(name, sizeof(name), "conformance-writers-%u-%u", client->number, i);
        (void)conf_put_reference(&client->conf, name, json_integer(i));
    }
}

static void run_references(struct conf *c, const struct conf_check *check)
{
    struct client clients[CLIENTS];

    all_at_once(c, check, work_references, clients);
    close_all(clients);
    for (unsigned i = 0; i < CLIENTS * ROUNDS; i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "/kbs/v0/reference-value/conformance-writers-%u-%u",
                       i / ROUNDS, i % ROUNDS);
        if (conf_send(c,
                      &(struct conf_req){.method = "GET", .path = path, .bearer = conf_admin(c)}) <
                0 ||
            !conf_status(c, 200))
            return;
    }
}

static const struct conf_check checks[] = {
    {1301, "2.2", "requests at once get sessions of their own", .run = run_challenges},
    {1302, "2.3", "handshakes at once do not mix", .needs = CONF_TOKEN, .since = CONF_ERA_0_11,
     .run = run_handshakes},
    {1303, "1.4", "writers at once lose nothing", .since = CONF_ERA_0_12,
     .needs = CONF_DESTRUCTIVE | CONF_TOKEN | CONF_READABLE, .run = run_writers},
    {1304, "1.4", "of writers to one path one wins whole", .since = CONF_ERA_0_12,
     .needs = CONF_DESTRUCTIVE | CONF_TOKEN | CONF_READABLE, .run = run_same_resource},
    {1305, "1.6", "policies set at once leave one in force", .since = CONF_ERA_0_11,
     .needs = CONF_DESTRUCTIVE | CONF_TOKEN | CONF_READABLE, .run = run_policies},
    {1306, "5", "reference values registered at once are all there", .since = CONF_ERA_0_16,
     .needs = CONF_DESTRUCTIVE, .run = run_references},
};

const struct conf_group conf_group_concurrency = {"concurrency", checks, CMN_ARRAY_SIZE(checks)};
