/* phrase.c - what a milestone means, in one sentence made of its event's details; see text.c. */
#include "sim/report/report-internal.h"

#include <string.h>

static const char *str(const struct sim_event *e, const char *key)
{
    const char *s = cmn_json_str(e->details, key);

    return s ? s : "?";
}

static int num(const struct sim_event *e, const char *key)
{
    return (int)cmn_json_int(e->details, key, 0);
}

static void launch(const struct sim_report *rep, const struct sim_event *e, char *out, size_t cap)
{
    (void)rep;
    if (strcmp(str(e, "tee"), "snp") != 0)
        (void)snprintf(out, cap, "no TEE: the guest will send sample evidence");
    else
        (void)snprintf(out, cap, "%s, launch digest %.12s..., HOST_DATA %.12s... (initdata)",
                       str(e, "product"), str(e, "measurement"), str(e, "host_data"));
}

static void machine(const struct sim_report *rep, const struct sim_event *e, char *out, size_t cap)
{
    const char *accelerator = cmn_json_str(e->details, "accelerator");

    (void)rep;
    if (accelerator) {
        (void)snprintf(
            out, cap,
            "guest in QEMU, %s (backend %s); no network, it reaches KBS and registry only",
            strcmp(accelerator, "kvm") == 0 ? "on KVM" : "emulated (TCG)", str(e, "backend"));
        return;
    }
    (void)snprintf(
        out, cap,
        "guest in fresh namespaces (backend %s, ids %s); it reaches KBS and registry only",
        str(e, "backend"), str(e, "id_mode"));
}

static void sandbox(const struct sim_report *rep, const struct sim_event *e, char *out, size_t cap)
{
    (void)rep;
    (void)e;
    (void)snprintf(out, cap, "attestation-agent, data hub, REST face and kata-agent are up");
}

static void attested(const struct sim_report *rep, const struct sim_event *e, char *out, size_t cap)
{
    (void)rep;
    (void)snprintf(out, cap, "%s evidence fits nonce and TEE key%s%s%s; the token says %s",
                   str(e, "tee"), cmn_json_str(e->details, "root") ? ", chain ends at the " : "",
                   cmn_json_str(e->details, "root") ? str(e, "root") : "",
                   cmn_json_str(e->details, "root") ? " root" : "", str(e, "ear.status"));
}

static void released(const struct sim_report *rep, const struct sim_event *e, char *out, size_t cap)
{
    (void)rep;
    (void)snprintf(out, cap, "%s, encrypted to the guest's TEE key", str(e, "path"));
}

static void pulled(const struct sim_report *rep, const struct sim_event *e, char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s: %u layer%s, %u of them decrypted in the guest", str(e, "image"),
                   rep->layers, rep->layers == 1 ? "" : "s", rep->layers_encrypted);
}

static void ended(const struct sim_report *rep, const struct sim_event *e, char *out, size_t cap)
{
    (void)rep;
    (void)snprintf(out, cap, "container '%s' ended with exit code %d", str(e, "container"),
                   num(e, "exit_code"));
}

static void kept(const struct sim_report *rep, const struct sim_event *e, char *out, size_t cap)
{
    (void)rep;
    (void)e;
    (void)snprintf(out, cap, "the guest stays until ^C; attach to it with: cocobox shell");
}

static void launch_hardware(const struct sim_report *rep, const struct sim_event *e, char *out,
                            size_t cap)
{
    (void)rep;
    (void)snprintf(out, cap, "the processor measures the launch, HOST_DATA %.12s... (initdata)",
                   str(e, "host_data"));
}

static void gone(const struct sim_report *rep, const struct sim_event *e, char *out, size_t cap)
{
    (void)rep;
    (void)e;
    (void)snprintf(out, cap, "no process, mount, namespace or file is left");
}

static void fault(const struct sim_event *e, char *out, size_t cap)
{
    const char *what = cmn_json_str(e->details, "what");

    if (what)
        (void)snprintf(out, cap, "fault at %s: %s %s", e->name, str(e, "fault"), what);
    else
        (void)snprintf(out, cap, "fault at %s: %s, byte %d", e->name, str(e, "fault"),
                       num(e, "offset"));
}

/* The guest may send events of any name: a milestone is one only from the part that reaches it. */
static const struct {
    const char *actor, *event;
    void (*say)(const struct sim_report *rep, const struct sim_event *e, char *out, size_t cap);
} phrases[] = {
    {"psp", "psp.launch", launch},
    {"cocobox", "launch", launch},
    {"adaptor", "machine", machine},
    {"adaptor", "agent.create-sandbox", sandbox},
    {"kbs", "kbs.attest", attested},
    {"kbs", "kbs.resource", released},
    {"adaptor", "agent.create-container", pulled},
    {"adaptor", "container.exit", ended},
    {"cocobox", "launch.hardware", launch_hardware},
    {"cocobox", "run.kept", kept},
    {"adaptor", "machine.stop", gone},
};

bool sim_text_phrase(const struct sim_report *rep, const struct sim_event *e, char *out, size_t cap)
{
    if (strcmp(e->actor, "fault") == 0 && e->outcome == SIM_INFO) {
        fault(e, out, cap);
        return true;
    }
    if (e->outcome != SIM_OK)
        return false;
    for (size_t i = 0; i < CMN_ARRAY_SIZE(phrases); i++)
        if (strcmp(e->name, phrases[i].event) == 0 && strcmp(e->actor, phrases[i].actor) == 0) {
            phrases[i].say(rep, e, out, cap);
            return true;
        }
    return false;
}
