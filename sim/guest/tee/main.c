/* main.c - cocobox-tee: both devices, until the guest ends; see tee.h. A byte on fd 3 says that
 * they are there. */
#include "sim/guest/common/guest.h"
#include "sim/guest/tee/tee.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define CONFIGFS   "/sys/kernel/config"
#define REPORT_DIR CONFIGFS "/tsm/report"

enum { READY_FD = 3 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The two fronts share the device and its one sequence of messages. */
static int call(void *ctx, uint8_t type, struct cmn_bytes body, struct cmn_buf *ret_body,
                struct cmn_buf *ret_table, struct cmn_err *err)
{
    (void)pthread_mutex_lock(&lock);
    int r = snp_psp_call(ctx, type, body, ret_body, ret_table, err);
    (void)pthread_mutex_unlock(&lock);
    return r;
}

static void ready(void)
{
    static atomic_int n;

    if (atomic_fetch_add(&n, 1) + 1 < 2)
        return;
    CMN_IGNORE(cmn_fd_write_all(READY_FD, "1", 1)); /* nobody waits when it was started by hand */
    (void)close(READY_FD);
}

/* Kernels without tsm.ko have no such folder. */
static int make_report_dir(struct cmn_err *err)
{
    if (access(REPORT_DIR, F_OK) == 0)
        return 0;
    int r = cmn_mkdir_p(CONFIGFS, 0755, NULL);
    if (r < 0 || mount("tmpfs", CONFIGFS, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                       "size=64k,mode=0755") < 0)
        return cmn_err_set(err, EIO, "no place for %s", REPORT_DIR);
    return cmn_mkdir_p(REPORT_DIR, 0755, err);
}

static void *run_tsm(void *arg)
{
    if (tee_fuse_run(arg, REPORT_DIR, ready) < 0) {
        (void)fprintf(stderr, "cocobox-tee: cannot serve %s\n", REPORT_DIR);
        exit(1);
    }
    return NULL;
}

int main(void)
{
    static struct tee_device device = {.call = call};
    static struct tsm tsm = {.device = &device};
    const char *psp = getenv("COCOBOX_PSP");
    static char socket[] = GUEST_PSP_SOCKET;
    struct cmn_err err = {0};
    pthread_t thread;

    device.ctx = psp && *psp ? strdup(psp) : socket;
    (void)signal(SIGPIPE, SIG_IGN);
    int r = make_report_dir(&err);
    if (r < 0) {
        (void)fprintf(stderr, "cocobox-tee: %s\n", err.msg);
        return 1;
    }
    if (pthread_create(&thread, NULL, run_tsm, &tsm) != 0)
        return 1;
    if (tee_cuse_run(&device, ready) < 0) {
        (void)fprintf(stderr, "cocobox-tee: cannot serve /dev/sev-guest\n");
        return 1;
    }
    return 0;
}
