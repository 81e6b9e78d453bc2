/*
 * test-event.c - what a hostile guest puts on its console, then the bus and the JSON line of an
 * event.
 */
#include "sim/event/event.h"
#include "tests/testlib/testlib.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen {
    unsigned n;
    uint64_t last_seq, last_t_ms;
    bool in_order;
    struct sim_event *last;
};

static void see(void *ctx, const struct sim_event *e)
{
    struct seen *s = ctx;

    s->in_order = (!s->n || e->seq == s->last_seq + 1) && (!s->n || s->in_order);
    s->n++;
    s->last_seq = e->seq;
    s->last_t_ms = e->t_ms;
    sim_event_free(s->last);
    s->last = sim_event_copy(e);
}

struct world {
    struct cmn_env *env;
    struct sim_bus *bus;
    struct seen seen;
};

static void open_world(struct world *w)
{
    struct cmn_err err = {0};

    *w = (struct world){0};
    T_OK(cmn_env_new_seeded("1", 1, &w->env, &err), &err);
    T_OK(sim_bus_new(w->env, &w->bus, &err), &err);
    T_OK(sim_bus_subscribe(w->bus, see, &w->seen), NULL);
}

static void close_world(struct world *w)
{
    sim_bus_free(w->bus);
    cmn_env_unref(w->env);
    sim_event_free(w->seen.last);
}

/* ---- the console ---- */

#define EVENT(members) "kata-agent: \x1e{" members "}"
#define MUST           "\"name\":\"x\",\"phase\":\"boot\",\"outcome\":\"ok\""

static int console(struct world *w, const char *text, const char **actor, const char **rest,
                   char **line, struct cmn_err *err)
{
    *line = strdup(text);
    return sim_event_from_console(w->bus, *line, actor, rest, err);
}

static void an_event_that_breaks_a_rule_is_dropped(void)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"kata-agent: \x1e", "guest event"},
        {"kata-agent: \x1e{", "guest event"},
        {"kata-agent: \x1e[]", "no object"},
        {"kata-agent: \x1e\"text\"", "no object"},
        {"kata-agent: \x1e{} trailing", "guest event"},
        {"kata-agent: \x1e{\"name\":\"a\",\"name\":\"b\"}", "guest event"},
        {"\x1e{}", "'name' is no name"},
        {EVENT(""), "'name' is no name"},
        {EVENT("\"name\":5"), "'name' is no name"},
        {EVENT("\"name\":\"\""), "'name' is no name"},
        {EVENT("\"name\":\"A B\""), "'name' is no name"},
        {EVENT("\"name\":\"x\\u001b[31m\""), "'name' is no name"},
        {EVENT("\"name\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""),
         "'name' is no name of 1 to 64"},
        {EVENT("\"name\":\"x\""), "unknown phase"},
        {EVENT("\"name\":\"x\",\"phase\":\"attestation\""), "unknown phase"},
        {EVENT("\"name\":\"x\",\"phase\":1"), "unknown phase"},
        {EVENT("\"name\":\"x\",\"phase\":\"boot\""), "unknown outcome"},
        {EVENT("\"name\":\"x\",\"phase\":\"boot\",\"outcome\":\"great\""), "unknown outcome"},
        {EVENT(MUST ",\"code\":\"no.such-code\""), "unknown code"},
        {EVENT(MUST ",\"code\":\"\""), "unknown code"},
        {EVENT(MUST ",\"code\":7"), "unknown code"},
        {EVENT(MUST ",\"message\":7"), "'message' is no text"},
        {EVENT(MUST ",\"message\":\"a\\u0000b\""), "guest event"},
        {EVENT(MUST ",\"message\":\"\xff\""), "guest event"},
        {EVENT(MUST ",\"details\":[]"), "'details' is no object"},
        {EVENT(MUST ",\"details\":\"x\""), "'details' is no object"},
        {EVENT(MUST
               ",\"details\":{\"1\":{\"2\":{\"3\":{\"4\":{\"5\":{\"6\":{\"7\":{\"8\":{}}}}}}}}}"),
         "guest event"},
    };
    struct world w;

    open_world(&w);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        struct cmn_err err = {0};
        const char *actor = NULL, *rest = NULL;
        auto_free char *line = NULL;
        T_ERR(console(&w, cases[i].line, &actor, &rest, &line, &err), -EBADMSG, &err,
              cases[i].says);
        T_EQ_INT(w.seen.n, 0);
    }
    close_world(&w);
}

static void a_message_is_bounded_exactly(void)
{
    struct world w;

    open_world(&w);
    for (int over = 0; over <= 1; over++) {
        auto_free char *line = NULL;
        struct cmn_err err = {0};
        const char *actor, *rest;
        T_TRUE(asprintf(&line, EVENT(MUST ",\"message\":\"%0*d\""), 2000 + over, 0) > 0);
        int r = sim_event_from_console(w.bus, line, &actor, &rest, &err);
        T_EQ_INT(r, over ? -EBADMSG : 1);
    }
    T_EQ_INT(w.seen.n, 1);
    close_world(&w);
}

static void a_good_event_is_emitted_with_all_it_has(void)
{
    struct cmn_err err = {0};
    const char *actor = NULL, *rest = NULL;
    auto_free char *line = NULL, *other = NULL;
    struct world w;

    open_world(&w);
    T_EQ_INT(console(&w,
                     "confidential-data-hub: \x1e{\"name\":\"cdh.resource\",\"phase\":\"release-"
                     "key\",\"outcome\":\"refused\",\"code\":\"guest.crashed\",\"message\":\"m\","
                     "\"details\":{\"status\":401},\"t_ms\":99,\"seq\":99,\"actor\":\"kbs\"}",
                     &actor, &rest, &line, &err),
             1);
    if (w.seen.last) {
        T_EQ_STR(w.seen.last->actor, "confidential-data-hub"); /* not what it says of itself */
        T_EQ_STR(w.seen.last->name, "cdh.resource");
        T_EQ_INT(w.seen.last->phase, SIM_PHASE_RELEASE_KEY);
        T_EQ_INT(w.seen.last->outcome, SIM_REFUSED);
        T_EQ_INT(w.seen.last->code, CMN_REASON_GUEST_CRASHED);
        T_EQ_STR(w.seen.last->message, "m");
        T_EQ_INT(cmn_json_int(w.seen.last->details, "status", 0), 401);
        T_TRUE(w.seen.last->seq == 1 && w.seen.last->t_ms == 0);
    }
    T_EQ_INT(console(&w, EVENT(MUST ",\"code\":null,\"message\":null,\"details\":{}"), &actor,
                     &rest, &other, &err),
             1);
    T_TRUE(w.seen.last && !w.seen.last->details && !w.seen.last->message &&
           w.seen.last->code == CMN_REASON_NONE);
    close_world(&w);
}

static void only_known_parts_are_actors(void)
{
    static const struct {
        const char *line, *actor, *text;
    } cases[] = {
        {"kata-agent: hello", "kata-agent", "hello"},
        {"init: a: b", "init", "a: b"},
        {"kbs: I am the broker", "guest", "kbs: I am the broker"},
        {"cocobox: I am the harness", "guest", "cocobox: I am the harness"},
        {"kata-agent : x", "guest", "kata-agent : x"},
        {"kata-agent:x", "guest", "kata-agent:x"},
        {"kata-agen: x", "guest", "kata-agen: x"},
        {"kata-agent: ", "kata-agent", ""},
        {": x", "guest", ": x"},
        {"no colon", "guest", "no colon"},
        {"", "guest", ""},
    };
    struct world w;

    open_world(&w);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(cases); i++) {
        const char *actor = NULL, *rest = NULL;
        auto_free char *line = NULL;
        T_EQ_INT(console(&w, cases[i].line, &actor, &rest, &line, NULL), 0);
        T_EQ_STR(actor, cases[i].actor);
        T_EQ_STR(rest, cases[i].text);
    }
    T_EQ_INT(w.seen.n, 0);
    close_world(&w);
}

static void control_characters_of_a_text_line_are_replaced(void)
{
    const char *actor, *rest;
    auto_free char *line = NULL;
    struct world w;

    open_world(&w);
    T_EQ_INT(console(&w, "init: \x1b[2J\r\x07\x7f\ttab \x1e{}", &actor, &rest, &line, NULL), 0);
    T_EQ_STR(rest, "?[2J???\ttab ?{}");
    close_world(&w);
}

/* ---- the bus ---- */

static void names_are_found_both_ways(void)
{
    enum sim_phase phase = SIM_PHASE_NONE;
    enum sim_outcome outcome = SIM_BEGIN;

    for (int i = 0; i < SIM_PHASE_COUNT; i++) {
        T_OK(sim_phase_by_name(sim_phase_name((enum sim_phase)i), &phase), NULL);
        T_EQ_INT(phase, i);
    }
    for (int i = 0; i < SIM_OUTCOME_COUNT; i++) {
        T_OK(sim_outcome_by_name(sim_outcome_name((enum sim_outcome)i), &outcome), NULL);
        T_EQ_INT(outcome, i);
    }
    T_TRUE(!sim_phase_name(SIM_PHASE_NONE) && !sim_phase_name(SIM_PHASE_COUNT));
    T_TRUE(!sim_outcome_name(SIM_OUTCOME_COUNT));
    T_EQ_INT(sim_phase_by_name(NULL, &phase), -ENOENT);
    T_EQ_INT(sim_outcome_by_name("", &outcome), -ENOENT);
}

static void every_subscriber_sees_every_event_and_the_ninth_is_refused(void)
{
    struct seen others[8] = {0};
    struct world w;

    open_world(&w);
    for (int i = 0; i < 7; i++)
        T_OK(sim_bus_subscribe(w.bus, see, &others[i]), NULL);
    T_EQ_INT(sim_bus_subscribe(w.bus, see, &others[7]), -ENOSPC);
    for (int i = 0; i < 3; i++)
        sim_bus_emit(w.bus, &(struct sim_event){.seq = 77, .actor = "a", .name = "n"});
    T_TRUE(w.seen.n == 3 && w.seen.in_order && w.seen.last_seq == 3);
    for (int i = 0; i < 7; i++) {
        T_TRUE(others[i].n == 3 && others[i].in_order);
        sim_event_free(others[i].last);
    }
    T_EQ_INT(others[7].n, 0);
    close_world(&w);
}

static void *emit_many(void *bus)
{
    for (int i = 0; i < 500; i++)
        sim_bus_emit(bus, &(struct sim_event){.actor = "a", .name = "n"});
    return NULL;
}

static void events_of_many_threads_have_one_order(void)
{
    pthread_t threads[4];
    struct world w;

    open_world(&w);
    for (int i = 0; i < 4; i++)
        T_EQ_INT(pthread_create(&threads[i], NULL, emit_many, w.bus), 0);
    for (int i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    T_TRUE(w.seen.n == 2000 && w.seen.in_order);
    close_world(&w);
}

static void time_is_that_of_the_world(void)
{
    struct world w;

    open_world(&w);
    cmn_env_sleep_ms(w.env, 1500);
    sim_bus_emit(w.bus, &(struct sim_event){.t_ms = 5, .actor = "a", .name = "n"});
    T_EQ_INT(w.seen.last_t_ms, 1500);
    close_world(&w);
}

/* ---- the line ---- */

static void a_line_holds_what_there_is_and_no_more(void)
{
    auto_json json_t *details = json_pack("{s:i}", "status", 401);
    auto_free char *full = sim_event_line(&(struct sim_event){.seq = 9,
                                                              .t_ms = 12,
                                                              .phase = SIM_PHASE_ATTEST,
                                                              .actor = "kbs",
                                                              .name = "kbs.attest",
                                                              .outcome = SIM_REFUSED,
                                                              .code = CMN_REASON_GUEST_CRASHED,
                                                              .message = "a\n\"b\"",
                                                              .details = details});
    auto_free char *least = sim_event_line(&(struct sim_event){
        .phase = SIM_PHASE_NONE, .actor = "a", .name = "n", .outcome = SIM_INFO});

    T_EQ_STR(full,
             "{\"t_ms\":12,\"phase\":\"attest\",\"actor\":\"kbs\",\"name\":\"kbs.attest\","
             "\"outcome\":\"refused\",\"code\":\"guest.crashed\",\"message\":\"a\\n\\\"b\\\"\","
             "\"details\":{\"status\":401}}");
    T_EQ_STR(least, "{\"t_ms\":0,\"actor\":\"a\",\"name\":\"n\",\"outcome\":\"info\"}");
}

static void what_is_no_utf8_is_told_all_the_same(void)
{
    auto_free char *line = sim_event_line(&(struct sim_event){.phase = SIM_PHASE_BOOT,
                                                              .actor = "a\xff",
                                                              .name = "n",
                                                              .message = "cut \xc3",
                                                              .outcome = SIM_WARN});

    T_EQ_STR(line, "{\"t_ms\":0,\"phase\":\"boot\",\"actor\":\"a?\",\"name\":\"n\",\"outcome\":"
                   "\"warn\",\"message\":\"cut ?\"}");
}

static void a_copy_owns_its_parts(void)
{
    json_t *details = json_pack("{s:s}", "k", "v");
    char actor[] = "a", name[] = "n", message[] = "m";
    struct sim_event e = {.actor = actor, .name = name, .message = message, .details = details};
    struct sim_event *c = sim_event_copy(&e);

    actor[0] = name[0] = message[0] = 'x';
    (void)json_object_clear(details);
    json_decref(details);
    if (c) {
        T_TRUE(strcmp(c->actor, "a") == 0 && strcmp(c->name, "n") == 0);
        T_EQ_STR(c->message, "m");
        T_EQ_STR(cmn_json_str(c->details, "k"), "v");
    }
    T_TRUE(c != NULL);
    sim_event_free(c);
    sim_event_free(NULL);
}

TEST_MAIN("event",
          {"an event that breaks a rule is dropped", an_event_that_breaks_a_rule_is_dropped},
          {"a message is bounded exactly", a_message_is_bounded_exactly},
          {"a good event is emitted with all it has", a_good_event_is_emitted_with_all_it_has},
          {"only known parts are actors", only_known_parts_are_actors},
          {"control characters of a text line are replaced",
           control_characters_of_a_text_line_are_replaced},
          {"names are found both ways", names_are_found_both_ways},
          {"every subscriber sees every event and the ninth is refused",
           every_subscriber_sees_every_event_and_the_ninth_is_refused},
          {"events of many threads have one order", events_of_many_threads_have_one_order},
          {"time is that of the world", time_is_that_of_the_world},
          {"a line holds what there is and no more", a_line_holds_what_there_is_and_no_more},
          {"what is no UTF-8 is told all the same", what_is_no_utf8_is_told_all_the_same},
          {"a copy owns its parts", a_copy_owns_its_parts})
