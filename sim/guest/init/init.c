/* init.c - cocobox-init: order of start, reaping, power off; see init.h. */
#include "sim/guest/init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define AA_SOCKET  "/run/confidential-containers/attestation-agent/attestation-agent.sock"
#define CDH_SOCKET "/run/confidential-containers/cdh.sock"
#define INITDATA   "/run/peerpod/initdata.toml"
#define CDH_TOML   "/run/peerpod/cdh.toml"
#define AA_TOML    "/run/peerpod/aa.toml"

enum { USER_DATA, AA, CDH, AGENT, REST, PARTS };

static struct part parts[PARTS] = {
    [USER_DATA] = {.name = "process-user-data",
                   .argv = {(char[]){"process-user-data"}, (char[]){"provision-files"}},
                   .waits_for = "/run",
                   .oneshot = true,
                   .out = -1},
    [AA] = {.name = "attestation-agent",
            .waits_for = AA_TOML,
            .out = -1,
            .argv = {(char[]){"attestation-agent"}, (char[]){"-c"}, (char[]){AA_TOML},
                     (char[]){"--attestation_sock"}, (char[]){"unix://" AA_SOCKET}}},
    [CDH] = {.name = "confidential-data-hub",
             .waits_for = AA_SOCKET,
             .out = -1,
             .argv = {(char[]){"confidential-data-hub"}}},
    [AGENT] = {.name = "kata-agent",
               .waits_for = CDH_SOCKET,
               .out = -1,
               .argv = {(char[]){"kata-agent"}}},
    [REST] = {.name = "api-server-rest",
              .waits_for = CDH_SOCKET,
              .out = -1,
              .argv = {(char[]){"api-server-rest"}, (char[]){"--features"}, (char[]){"all"}}},
};

static int agent_fd = -1;
static char agent_fd_text[16];

static void power_off(int status)
{
    for (int i = 0; i < PARTS; i++)
        init_part_drain(&parts[i]);
    exit(status); /* the kernel ends everything else in here */
}

static void add_arg(struct part *p, const char *text)
{
    size_t n = 0;

    while (p->argv[n])
        n++;
    p->argv[n] = (char *)text; /* execve does not write */
}

/* Options that depend on files which are there by now. */
static void complete_argv(int i)
{
    if (i == AA && access(INITDATA, F_OK) == 0) {
        add_arg(&parts[i], "--initdata-toml");
        add_arg(&parts[i], INITDATA);
    }
    if (i == CDH && access(CDH_TOML, F_OK) == 0) {
        add_arg(&parts[i], "-c");
        add_arg(&parts[i], CDH_TOML);
    }
    if (i == AGENT && agent_fd >= 0) {
        add_arg(&parts[i], "--agent-fd");
        add_arg(&parts[i], agent_fd_text);
    }
}

static void start(int i)
{
    complete_argv(i);
    int r = init_part_start(&parts[i], i == AGENT ? agent_fd : -1);
    if (r < 0) {
        init_say("cannot start %s: %s", parts[i].name, strerror(-r));
        init_event_ended(&parts[i], 127 << 8);
        power_off(1);
    }
    if (i == AGENT && agent_fd >= 0) {
        (void)close(agent_fd);
        agent_fd = -1;
    }
}

static void start_what_can(void)
{
    for (int i = 0; i < PARTS; i++)
        if (parts[i].pid == 0 && (i == USER_DATA || parts[USER_DATA].pid == -1) &&
            access(parts[i].waits_for, F_OK) == 0)
            start(i);
}

static void ended(int i, int status)
{
    struct part *p = &parts[i];

    p->pid = -1;
    init_part_drain(p);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        if (i == AGENT) {
            init_say("kata-agent has ended: power off");
            power_off(0);
        }
        if (p->oneshot) {
            start_what_can();
            if (parts[AA].pid == 0)
                init_event_waiting(&parts[AA]); /* as upstream, it waits for ever */
            return;
        }
    }
    if (!p->oneshot || !WIFEXITED(status) || WEXITSTATUS(status) != 1) /* 1: it has told why */
        init_event_ended(p, status);
    power_off(1);
}

static void reap(int signals)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    while (read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        if (info.ssi_signo != SIGCHLD) {
            init_say("power off");
            power_off(0);
        }
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (int i = 0; i < PARTS; i++)
            if (parts[i].pid == pid)
                ended(i, status);
}

static int watch_files(void)
{
    static const char *const folders[] = {"/run/peerpod", "/run/confidential-containers",
                                          "/run/confidential-containers/attestation-agent"};
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

    for (size_t i = 0; fd >= 0 && i < sizeof(folders) / sizeof(folders[0]); i++)
        if (inotify_add_watch(fd, folders[i], IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0) {
            init_say("cannot watch %s: %s", folders[i], strerror(errno));
            return -1;
        }
    return fd;
}

static int watch_signals(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void loop(int signals, int files)
{
    struct pollfd p[PARTS + 2];
    char events[4096];

    for (;;) {
        for (int i = 0; i < PARTS; i++)
            p[i] = (struct pollfd){.fd = parts[i].out, .events = POLLIN}; /* -1 is passed over */
        p[PARTS] = (struct pollfd){.fd = signals, .events = POLLIN};
        p[PARTS + 1] = (struct pollfd){.fd = files, .events = POLLIN};
        if (poll(p, PARTS + 2, -1) < 0)
            continue;
        for (int i = 0; i < PARTS; i++)
            if (p[i].revents)
                init_part_drain(&parts[i]);
        if (p[PARTS + 1].revents) {
            while (read(files, events, sizeof(events)) > 0)
                ;
            start_what_can();
        }
        if (p[PARTS].revents)
            reap(signals);
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--agent-fd") == 0) {
        agent_fd = atoi(argv[2]);
        (void)snprintf(agent_fd_text, sizeof(agent_fd_text), "%d", agent_fd);
        if (fcntl(agent_fd, F_SETFD, FD_CLOEXEC) < 0) {
            init_say("--agent-fd %s: %s", argv[2], strerror(errno));
            return 2;
        }
    } else if (argc != 1) {
        init_say("usage: cocobox-init [--agent-fd N]");
        return 2;
    }
    int signals = watch_signals();
    int files = watch_files();
    if (signals < 0 || files < 0)
        return 1;
    start_what_can();
    loop(signals, files);
}
