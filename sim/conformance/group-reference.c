/* group-reference.c - 11xx: reference values over HTTP (kbs-protocol 1.6, 5). */
#include "sim/conformance/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL "/kbs/v0/reference-value"
#define FAILED                                                                                     \
    "RVPS configuration failed: Failed to register reference value: register reference value*"
#define MISSING                                                                                    \
    "RVPS configuration failed: Failed to get reference_values: No reference value found for the " \
    "given id: "

/* Registers the JSON of text under a name and reads it back. */
static void there_and_back(struct conf *c, const char *name, const char *json)
{
    auto_json json_t *value = json_loads(json, JSON_DECODE_ANY, NULL), *got = NULL;
    char path[256];

    (void)snprintf(path, sizeof(path), URL "/%s", name);
    if (!conf_put_reference(c, name, json_incref(value)) ||
        conf_send(c, &(struct conf_req){.method = "GET", .path = path, .bearer = conf_admin(c)}) <
            0 ||
        !conf_status(c, 200))
        return;
    got = conf_json(c);
    (void)conf_expect(c, json_equal(got, value), "the bare value %s", json);
}

static void run_value(struct conf *c, const struct conf_check *check)
{
    char name[64];

    (void)snprintf(name, sizeof(name), "conformance-%u", check->number);
    there_and_back(c, name, check->text);
}

static void run_slashes(struct conf *c, const struct conf_check *check)
{
    (void)check;
    there_and_back(c, "conformance/with/slashes", "[\"x\"]");
}

static void run_overwrites(struct conf *c, const struct conf_check *check)
{
    (void)check;
    there_and_back(c, "conformance-over", "[\"one\"]");
    there_and_back(c, "conformance-over", "\"two\"");
}

static void run_message(struct conf *c, const struct conf_check *check)
{
    if (conf_send(c, &(struct conf_req){.method = "POST",
                                        .path = URL,
                                        .body = check->text,
                                        .bearer = conf_admin(c)}) > 0)
        (void)conf_status(c, 200);
}

static void run_several(struct conf *c, const struct conf_check *check)
{
    static const char *const names[] = {"conformance-a", "conformance-b"};

    run_message(c, check);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(names); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), URL "/%s", names[i]);
        if (conf_send(
                c, &(struct conf_req){.method = "GET", .path = path, .bearer = conf_admin(c)}) > 0)
            (void)conf_status(c, 200);
    }
}

static void run_missing(struct conf *c, const struct conf_check *check)
{
    char path[256], detail[512];

    (void)snprintf(path, sizeof(path), URL "/%s", check->text);
    (void)snprintf(detail, sizeof(detail), MISSING "%s", check->text);
    if (conf_send(c, &(struct conf_req){.method = "GET", .path = path, .bearer = conf_admin(c)}) >
        0)
        (void)conf_error(c, 401, "RvpsError", detail);
}

#define VALUE(n, text_, json)                                                                      \
    {                                                                                              \
        n, "5", text_, .needs = CONF_DESTRUCTIVE, .since = CONF_ERA_0_16, .run = run_value,        \
                       .text = json                                                                \
    }
#define BAD(n, text_, json)                                                                        \
    {                                                                                              \
        n, "8.2#68", text_, .needs = CONF_DESTRUCTIVE, .since = CONF_ERA_0_16,                     \
                            .run = conf_run_admin,                                                 \
                            .send = {.method = "POST", .path = URL, .body = json}, .status = 401,  \
                            .type = "RvpsError", .detail = FAILED                                  \
    }

static const struct conf_check checks[] = {
    VALUE(1101, "a list is registered and read back bare", "[\"a\",\"b\"]"),
    VALUE(1102, "a string is registered and read back", "\"text\""),
    VALUE(1103, "a number is registered and read back", "42"),
    VALUE(1104, "true is registered and read back", "true"),
    VALUE(1105, "false is registered and read back", "false"),
    VALUE(1106, "an object is registered and read back", "{\"x\":{\"y\":[1]}}"),
    VALUE(1107, "an empty list is registered and read back", "[]"),
    VALUE(1108, "a list of mixed types is registered and read back", "[1,\"1\",true]"),
    {1110, "5", "the id of a value may have slashes", .needs = CONF_DESTRUCTIVE,
     .since = CONF_ERA_0_17, .run = run_slashes},
    {1111, "5", "a name registered again is overwritten", .needs = CONF_DESTRUCTIVE,
     .since = CONF_ERA_0_16, .run = run_overwrites},
    {1112, "5", "the version of a message may be left out", .needs = CONF_DESTRUCTIVE,
     .since = CONF_ERA_0_16, .run = run_message,
     .text = "{\"type\":\"sample\",\"payload\":\"e30=\"}"},
    {1113, "5", "one message may have several values", .needs = CONF_DESTRUCTIVE,
     .since = CONF_ERA_0_16, .run = run_several,
     .text = "{\"version\":\"0.1.0\",\"type\":\"sample\",\"payload\":"
             "\"eyJjb25mb3JtYW5jZS1hIjpbMV0sImNvbmZvcm1hbmNlLWIiOlsyXX0=\"}"},
    {1120, "8.2#67", "an id that is not registered is refused and named", .needs = CONF_ADMIN,
     .since = CONF_ERA_0_18, .run = run_missing, .text = "conformance-nonesuch"},
    {1121, "8.2#67", "the id in the refusal has its slashes", .needs = CONF_ADMIN,
     .since = CONF_ERA_0_18, .run = run_missing, .text = "conformance/none/such"},
    BAD(1130, "a message that is no JSON is refused", "{"),
    BAD(1131, "an empty message is refused", NULL),
    BAD(1132, "a message of another version is refused",
        "{\"version\":\"0.2.0\",\"type\":\"sample\",\"payload\":\"e30=\"}"),
    BAD(1133, "a message without a type is refused",
        "{\"version\":\"0.1.0\",\"payload\":\"e30=\"}"),
    BAD(1134, "a message of unknown type is refused",
        "{\"version\":\"0.1.0\",\"type\":\"nonesuch\",\"payload\":\"e30=\"}"),
    BAD(1135, "a message without a payload is refused",
        "{\"version\":\"0.1.0\",\"type\":\"sample\"}"),
    BAD(1136, "the stale member provenance is no payload",
        "{\"version\":\"0.1.0\",\"type\":\"sample\",\"provenance\":\"e30=\"}"),
    BAD(1137, "a payload that is no base64 is refused",
        "{\"version\":\"0.1.0\",\"type\":\"sample\",\"payload\":\"*\"}"),
    BAD(1138, "a payload that is no JSON is refused",
        "{\"version\":\"0.1.0\",\"type\":\"sample\",\"payload\":\"ew==\"}"),
    BAD(1139, "a payload that is a list is refused",
        "{\"version\":\"0.1.0\",\"type\":\"sample\",\"payload\":\"W10=\"}"),
    {1140, "1.6", "a message that is not UTF-8 is refused", .needs = CONF_DESTRUCTIVE,
     .since = CONF_ERA_0_14, .run = conf_run_admin,
     .send = {.method = "POST", .path = URL, .body = "{\"type\":\"\xff\"}"}, .status = 401,
     .type = "RvpsError",
     .detail = "RVPS configuration failed: Failed to parse reference value message"},
};

const struct conf_group conf_group_reference = {"reference", checks, CMN_ARRAY_SIZE(checks)};
