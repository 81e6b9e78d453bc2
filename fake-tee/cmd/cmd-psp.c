/* cmd-psp.c - fake-tee ca, report and psp. */
#include "cmd.h"

#include "common/enc/enc.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Hex text into a zero-padded field of len bytes. */
static int field(const char *hex, const char *what, uint8_t *out, size_t len, struct cmn_err *err)
{
    auto_buf struct cmn_buf b = {0};

    memset(out, 0, len);
    if (!hex)
        return 0;
    int r = cmn_unhex(hex, strlen(hex), &b, err);
    if (r == -EBADMSG)
        r = -EINVAL; /* wrong use */
    if (r < 0)
        return cmn_err_wrap(err, r, "%s", what);
    if (b.len > len)
        return cmn_err_set(err, EINVAL, "%s is %zu bytes, at most %zu fit", what, b.len, len);
    if (b.len)
        memcpy(out, b.data, b.len);
    return 0;
}

int cmd_ca(struct ftee_ca *ca)
{
    struct cmn_bytes pem = ftee_ca_chain_pem(ca);

    (void)fwrite(pem.data, 1, pem.len, stdout);
    (void)fprintf(stderr, "fake-tee: test chain of %s (ASK, ARK). It proves nothing.\n",
                  snp_product_name(ftee_ca_product(ca)));
    return fflush(stdout) ? -EIO : 0;
}

static int make_platform(struct ftee_ca *ca, const struct args *a, struct ftee_platform **ret,
                         struct cmn_err *err)
{
    const struct ftee_platform_opts opts = {.chip = a->chip,
                                            .plat_info = a->has_plat_info ? &a->plat_info : NULL};
    struct ftee_platform *p = NULL;
    int r = ftee_platform_new(ca, &opts, &p, err);

    if (r == 0 && a->vlek)
        r = ftee_platform_load_vlek(p, a->csp_id, err);
    if (r == 0)
        r = ftee_platform_config(p, NULL, a->mask_chip_id, a->mask_chip_key, err);
    if (r < 0) {
        ftee_platform_unref(p);
        return r;
    }
    *ret = p;
    return 0;
}

static int launch(struct cmn_env *env, struct ftee_ca *ca, const struct args *a,
                  struct ftee_psp **ret, struct cmn_err *err)
{
    struct ftee_psp *psp = NULL;
    struct ftee_platform *platform = NULL;
    uint8_t host_data[32];
    int r = field(a->host_data, "--host-data", host_data, sizeof(host_data), err);

    if (r == 0)
        r = make_platform(ca, a, &platform, err);
    if (r == 0)
        r = ftee_psp_launch_start(env, ca,
                                  &(struct ftee_launch){.policy = a->policy,
                                                        .report_version = a->version,
                                                        .platform = platform,
                                                        .certs = {.pem = a->pem}},
                                  &psp, err);
    if (r == 0)
        r = ftee_psp_launch_finish(psp, host_data, err);
    ftee_platform_unref(platform); /* the guest has its own reference */
    if (r < 0) {
        ftee_psp_free(psp);
        return r == -EACCES ? -EINVAL : r; /* the firmware refuses what was asked for */
    }
    *ret = psp;
    return 0;
}

static int write_report(struct ftee_psp *psp, const struct args *a, struct cmn_err *err)
{
    uint8_t data[64], report[SNP_REPORT_BYTES];
    auto_buf struct cmn_buf certs = {0};
    uint32_t status;
    int r = field(a->report_data, "--report-data", data, sizeof(data), err);

    if (r == 0)
        r = ftee_psp_report(psp, data, a->vmpl, report, &status, err);
    if (r == 0 && status)
        return cmn_err_set(err, EINVAL, "the PSP refuses vmpl %u with status 0x%x", a->vmpl,
                           status);
    if (r == 0)
        r = cmn_file_write(a->out, report, sizeof(report), 0644, err);
    if (r == 0 && a->certs) {
        if (ftee_psp_certs(psp, &certs) < 0)
            return cmn_err_set(err, ENOMEM, "no memory");
        r = cmn_file_write(a->certs, certs.data, certs.len, 0644, err);
    }
    return r;
}

int cmd_report(struct cmn_env *env, struct ftee_ca *ca, const struct args *a, struct cmn_err *err)
{
    struct ftee_psp *psp = NULL;
    int r = launch(env, ca, a, &psp, err);

    if (r == 0)
        r = write_report(psp, a, err);
    ftee_psp_free(psp);
    return r;
}

static int listen_on(const char *path, struct cmn_err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(addr.sun_path))
        return cmn_err_set(err, ENAMETOOLONG, "--socket %s", path);
    (void)strcpy(addr.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (void *)&addr, sizeof(addr)) < 0 || listen(fd, 64) < 0) {
        int e = errno;
        if (fd >= 0)
            (void)close(fd);
        return cmn_err_set(err, e, "%s: %s", path, strerror(e));
    }
    return fd;
}

void cmd_block_stop(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void cmd_wait_stop(void)
{
    sigset_t set;
    int sig;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigwait(&set, &sig);
}

static int serve(struct ftee_psp *psp, const struct args *a, struct cmn_err *err)
{
    struct ftee_psp_server *server = NULL;

    cmd_block_stop();
    int fd = listen_on(a->socket, err);
    if (fd < 0)
        return fd;
    int r = ftee_psp_server_new(psp, &(struct ftee_psp_server_opts){.listen_fd = fd}, &server, err);
    if (r == 0) {
        (void)printf("serving on %s\n", a->socket);
        (void)fflush(stdout);
        cmd_wait_stop();
    } else {
        (void)close(fd);
    }
    ftee_psp_server_free(server);
    (void)unlink(a->socket);
    return r;
}

int cmd_psp(struct cmn_env *env, struct ftee_ca *ca, const struct args *a, struct cmn_err *err)
{
    struct ftee_psp *psp = NULL;
    int r = launch(env, ca, a, &psp, err);

    if (r == 0)
        r = serve(psp, a, err);
    ftee_psp_free(psp);
    return r;
}
