/* main.c - cocobox-vm-init; see vm.h. */
#include "sim/guest/vm/vm.h"
#include "sim/mux/mux.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHELL_TTY "/dev/hvc0"

enum { LAST_WORD_MS = 2000 };

const char machine_root[] = "";

static struct {
    struct mux *mux;
    char *text; /* the configuration as it comes */
    size_t text_len;
    bool configured;
    struct machine_config config;
    int listeners[MACHINE_LISTENERS_MAX];
    int agent; /* for cocobox-init, until it has it */
    int signals;
    pid_t init, shell;
} vm = {.agent = -1};

/* ---- last words ---- */

void vm_say(const char *fmt, ...)
{
    char line[600] = "init: ";
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(line + 6, sizeof(line) - 7, fmt, ap);
    va_end(ap);
    size_t len = 6 + (n > 0 ? strlen(line + 6) : 0);
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0)
        return; /* nobody listens */
}

void vm_power_off(void)
{
    sync();
    (void)reboot(RB_POWER_OFF);
    for (;;)
        (void)pause();
}

void machine_die(int e, const char *fmt, ...)
{
    char step[256];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(step, sizeof(step), fmt, ap);
    va_end(ap);
    for (char *p = step; *p; p++)
        if (*p == '"' || *p == '\\' || (unsigned char)*p < 0x20)
            *p = '\''; /* it goes into JSON */
    vm_say("\x1e{\"name\":\"guest.crashed\",\"phase\":\"boot\",\"outcome\":\"failed\","
           "\"code\":\"guest.crashed\",\"message\":\"cocobox-vm-init: %s: %s\"}",
           step, strerror(e));
    vm_power_off();
}

/* ---- the port ---- */

static int on_control(void *ctx, enum mux_type type, const uint8_t *data, size_t len)
{
    (void)ctx;
    if (type == MUX_POWER) {
        if (vm.init > 0)
            (void)kill(vm.init, SIGTERM);
        else
            vm_power_off();
        return 0;
    }
    if (vm.configured || vm.text_len + len > MACHINE_CONFIG_MAX)
        return -EBADMSG;
    vm.configured = len == 0;
    char *p = realloc(vm.text, vm.text_len + len + 1);
    if (!p)
        return -ENOMEM;
    memcpy(p + vm.text_len, data, len);
    vm.text = p;
    vm.text_len += len;
    return 0;
}

static void step(const struct pollfd *fds, size_t n)
{
    int r = mux_step(vm.mux, fds, n);

    if (r <= 0)
        machine_die(r < 0 ? -r : EPIPE, "the host's port");
}

static void open_ports(void)
{
    static const struct mux_ops ops = {.control = on_control};
    int pair[2];

    int console = vm_port_open("cocobox.console", O_WRONLY);
    if (dup2(console, 1) < 0 || dup2(console, 2) < 0)
        machine_die(errno, "open the console");
    (void)close(console);
    vm.mux = mux_new(vm_port_open("cocobox.mux", O_RDWR), MUX_GUEST, &ops, NULL);
    if (!vm.mux || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
        mux_attach(vm.mux, MUX_AGENT, pair[0]) < 0)
        machine_die(errno, "set the port up");
    vm.agent = pair[1];
}

static void await_config(void)
{
    static struct pollfd fds[MUX_POLL_MAX];

    while (!vm.configured) {
        size_t n = mux_prepare(vm.mux, fds);
        if (poll(fds, n, -1) > 0)
            step(fds, n);
    }
    machine_config_parse(&vm.config, vm.text, vm.text_len);
}

/* ---- the guest's init ---- */

static void start_init(void)
{
    sigset_t none;

    vm.init = fork();
    if (vm.init < 0)
        machine_die(errno, "start cocobox-init");
    if (vm.init > 0) {
        (void)close(vm.agent);
        return;
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setsid();
    if (dup2(vm.agent, 3) < 0) /* may be 3 already; then its close-on-exec flag has to go */
        _exit(126);
    if (vm.agent == 3)
        (void)fcntl(3, F_SETFD, 0);
    machine_exec_init(&vm.config);
}

/* Where the machine has a second console there is a shell at it, for as long as the guest runs. */
static void start_shell(void)
{
    char program[] = "/usr/bin/busybox", sh[] = "sh", login[] = "-l", term[] = "TERM=linux";
    char path[] = "PATH=/usr/bin:/usr/sbin:" MACHINE_BIN_DIR, home[] = "HOME=/root";
    char *argv[] = {sh, login, NULL}, *env[] = {path, home, term, NULL};
    sigset_t none;

    vm.shell = access(SHELL_TTY, F_OK) == 0 && access(program, X_OK) == 0 ? fork() : -1;
    if (vm.shell != 0)
        return;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setsid();
    int tty = open(SHELL_TTY, O_RDWR); /* becomes the controlling terminal */
    if (tty < 0 || dup2(tty, 0) < 0 || dup2(tty, 1) < 0 || dup2(tty, 2) < 0)
        _exit(126);
    (void)ioctl(0, TIOCSCTTY, 1);
    (void)execve(program, argv, env);
    _exit(127);
}

/* Says how it ended, waits until the host has heard it, and switches the machine off. */
static void end(int status)
{
    static struct pollfd fds[MUX_POLL_MAX];
    uint32_t code = (uint32_t)(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    uint8_t le[4] = {(uint8_t)code, 0, 0, 0};

    if (mux_send(vm.mux, MUX_EXIT, le, sizeof(le)) == 0)
        while (mux_pending(vm.mux)) {
            size_t n = mux_prepare(vm.mux, fds);
            if (poll(fds, n, LAST_WORD_MS) <= 0 || mux_step(vm.mux, fds, n) <= 0)
                break;
        }
    vm_power_off();
}

static void reap(void)
{
    struct signalfd_siginfo info;
    int status;
    pid_t pid;

    while (read(vm.signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
        ;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == vm.init)
            end(status);
        else if (pid == vm.shell)
            start_shell();
}

static void take_connection(size_t service)
{
    int fd = accept4(vm.listeners[service], NULL, NULL, SOCK_CLOEXEC);

    if (fd >= 0 && mux_open(vm.mux, (unsigned)service, fd) < 0)
        (void)close(fd); /* all streams are in use */
}

static void loop(void)
{
    static struct pollfd fds[MUX_POLL_MAX + MACHINE_LISTENERS_MAX + 1];

    for (;;) {
        size_t n = mux_prepare(vm.mux, fds), k = n;
        for (size_t i = 0; i < vm.config.n_listeners; i++)
            fds[k++] = (struct pollfd){.fd = vm.listeners[i], .events = POLLIN};
        fds[k++] = (struct pollfd){.fd = vm.signals, .events = POLLIN};
        if (poll(fds, k, -1) < 0)
            continue;
        step(fds, n);
        for (size_t i = 0; i < vm.config.n_listeners; i++)
            if (fds[n + i].revents)
                take_connection(i);
        if (fds[k - 1].revents)
            reap();
    }
}

static bool has_psp(void)
{
    for (size_t i = 0; i < vm.config.n_listeners; i++)
        if (vm.config.listeners[i].path)
            return true;
    return false;
}

static void watch_children(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGPIPE);
    (void)sigprocmask(SIG_SETMASK, &set, NULL);
    (void)sigdelset(&set, SIGPIPE);
    vm.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (vm.signals < 0)
        machine_die(errno, "watch children");
}

int main(void)
{
    if (getpid() != 1) {
        (void)fprintf(stderr, "cocobox-vm-init is pid 1 of a virtual machine, nothing else\n");
        return 2;
    }
    vm_mount_all();
    open_ports();
    watch_children();
    await_config();
    if (sethostname(vm.config.hostname, strlen(vm.config.hostname)) < 0)
        machine_die(errno, "set the host name");
    machine_files_build(&vm.config);
    machine_net_setup(&vm.config, vm.listeners);
    vm_tee_start(has_psp());
    if (mux_send(vm.mux, MUX_READY, NULL, 0) < 0)
        machine_die(ENOMEM, "tell the host");
    start_init();
    start_shell();
    loop();
}
