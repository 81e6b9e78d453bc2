/* console.c - event lines of the guest, checked like any outside bytes; see event.h. */
#include "sim/event/event.h"

#include <string.h>

enum { NAME_MAX_BYTES = 64, MESSAGE_MAX_BYTES = 2000, DETAILS_DEPTH = 8 };

static const char *const actors[] = {
    "init",
    "cocobox-init",
    "cocobox-machine",
    "cocobox-vm",
    "cocobox-tee",
    "kernel",
    "process-user-data",
    "attestation-agent",
    "confidential-data-hub",
    "api-server-rest",
    "kata-agent",
    "crun",
};

/* Splits "actor: rest"; an actor that is not on the list is "guest" and the line stays whole. */
static const char *split_actor(const char *line, const char **ret_rest)
{
    const char *colon = strstr(line, ": ");

    for (size_t i = 0; colon && i < CMN_ARRAY_SIZE(actors); i++)
        if (strlen(actors[i]) == (size_t)(colon - line) &&
            strncmp(line, actors[i], (size_t)(colon - line)) == 0) {
            *ret_rest = colon + 2;
            return actors[i];
        }
    *ret_rest = line;
    return "guest";
}

static bool is_name(const char *s)
{
    size_t n = s ? strlen(s) : 0;

    return n > 0 && n <= NAME_MAX_BYTES &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static int check_members(const json_t *o, struct sim_event *e, struct cmn_err *err)
{
    const json_t *code = json_object_get(o, "code");
    const json_t *message = json_object_get(o, "message");

    e->name = cmn_json_str(o, "name");
    if (!is_name(e->name))
        return cmn_err_set(err, EBADMSG, "guest event: 'name' is no name of 1 to %d letters",
                           NAME_MAX_BYTES);
    if (sim_phase_by_name(cmn_json_str(o, "phase"), &e->phase) < 0)
        return cmn_err_set(err, EBADMSG, "guest event '%s': unknown phase", e->name);
    if (sim_outcome_by_name(cmn_json_str(o, "outcome"), &e->outcome) < 0)
        return cmn_err_set(err, EBADMSG, "guest event '%s': unknown outcome", e->name);
    if (code && !json_is_null(code)) {
        e->code = cmn_reason_by_name(json_string_value(code));
        if (e->code == CMN_REASON_NONE)
            return cmn_err_set(err, EBADMSG, "guest event '%s': unknown code", e->name);
    }
    if (message && !json_is_null(message)) {
        e->message = json_string_value(message);
        if (!e->message || json_string_length(message) > MESSAGE_MAX_BYTES)
            return cmn_err_set(err, EBADMSG,
                               "guest event '%s': 'message' is no text of up to %d bytes", e->name,
                               MESSAGE_MAX_BYTES);
    }
    return 0;
}

static int check_details(const json_t *o, struct sim_event *e, struct cmn_err *err)
{
    const json_t *details = json_object_get(o, "details");

    if (!details || json_is_null(details))
        return 0;
    if (!json_is_object(details))
        return cmn_err_set(err, EBADMSG, "guest event '%s': 'details' is no object", e->name);
    if (json_object_size(details))
        e->details = details;
    return 0;
}

int sim_event_from_console(struct sim_bus *bus, char *line, const char **ret_actor,
                           const char **ret_text, struct cmn_err *err)
{
    auto_json json_t *o = NULL;
    struct sim_event e = {.phase = SIM_PHASE_NONE};
    const char *rest;

    e.actor = split_actor(line, &rest);
    *ret_actor = e.actor;
    if (rest[0] != '\x1e') {
        for (char *p = line; *p; p++)
            if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
                *p = '?';
        *ret_text = rest;
        return 0;
    }
    int r = cmn_json_load(cmn_bytes(rest + 1, strlen(rest + 1)), DETAILS_DEPTH + 1, &o, err);
    if (r < 0)
        return cmn_err_wrap(err, -EBADMSG, "guest event");
    if (!json_is_object(o))
        return cmn_err_set(err, EBADMSG, "guest event: no object");
    r = check_members(o, &e, err);
    if (r == 0)
        r = check_details(o, &e, err);
    if (r < 0)
        return r;
    sim_bus_emit(bus, &e);
    return 1;
}
