/* domain.c - libvirt's QEMU driver inside this process; see vm.h. */
#include "sim/backend/vm/vm.h"

#include "common/crypto/crypto.h"
#include "common/enc/enc.h"

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CAPS_DIR VM_ROOT "/cache/qemu/capabilities"

struct vm_domain {
    virConnectPtr conn;
    virDomainPtr dom;
};

/* ---- capabilities ---- */

/* libvirt names the file after the SHA-256 of the emulator's path. */
static int caps_path(const char *emulator, char *out, size_t cap, struct cmn_err *err)
{
    auto_env struct cmn_env *env = NULL;
    uint8_t digest[32];
    int r = cmn_env_new_system(&env, err);

    if (r == 0)
        r = cmn_hash(env, "SHA256", emulator, strlen(emulator), digest, err);
    if (r < 0)
        return r;
    auto_free char *hex = cmn_hex(digest, sizeof(digest));
    if (!hex || snprintf(out, cap, CAPS_DIR "/%s.xml", hex) >= (int)cap)
        return cmn_err_set(err, ENOMEM, "no memory");
    return 0;
}

int vm_caps_restore(const char *emulator, struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};
    char path[256];
    int r = caps_path(emulator, path, sizeof(path), err);

    if (r == 0)
        r = cmn_fd_read_all(VM_CAPS_FD, VM_CAPS_MAX, &text, err);
    if (r < 0 || !text.len)
        return r;
    r = cmn_mkdir_p(CAPS_DIR, 0755, err);
    return r < 0 ? r : cmn_file_write(path, text.data, text.len, 0600, err);
}

int vm_caps_save(const char *emulator, struct cmn_err *err)
{
    auto_buf struct cmn_buf text = {0};
    char path[256];
    int r = caps_path(emulator, path, sizeof(path), err);

    if (r == 0)
        r = cmn_file_read(path, VM_CAPS_MAX, &text, err);
    if (r < 0)
        return r;
    if (ftruncate(VM_CAPS_FD, 0) < 0 || lseek(VM_CAPS_FD, 0, SEEK_SET) < 0)
        return cmn_err_set(err, errno, "cannot keep libvirt's capabilities: %s", strerror(errno));
    r = cmn_fd_write_all(VM_CAPS_FD, text.data, text.len);
    return r < 0 ? cmn_err_set(err, -r, "cannot keep libvirt's capabilities: %s", strerror(-r)) : 0;
}

/* ---- the domain ---- */

static void *run_events(void *arg)
{
    (void)arg;
    for (;;)
        if (virEventRunDefaultImpl() < 0)
            return NULL;
}

static void no_print(void *ctx, virErrorPtr e)
{
    (void)ctx;
    (void)e; /* each call's error is taken where it failed */
}

static int explain(struct cmn_err *err, const char *what)
{
    const virError *e = virGetLastError();

    return cmn_err_reason(err, EIO, CMN_REASON_HOST_VM_FAILED, "%s: %.700s", what,
                          e && e->message ? e->message : "no reason given");
}

static int open_connection(struct vm_domain *d, struct cmn_err *err)
{
    pthread_t thread;

    virSetErrorFunc(NULL, no_print);
    if (virEventRegisterDefaultImpl() < 0 || pthread_create(&thread, NULL, run_events, NULL) != 0)
        return cmn_err_set(err, EIO, "cannot run libvirt's event loop");
    (void)pthread_detach(thread);
    d->conn = virConnectOpen("qemu:///embed?root=" VM_ROOT);
    return d->conn ? 0 : explain(err, "libvirt's QEMU driver");
}

int vm_domain_start(const struct vm_shape *shape, struct vm_domain **ret, struct cmn_err *err)
{
    auto_buf struct cmn_buf xml = {0};
    int r = vm_domain_xml(shape, &xml, err);

    if (r < 0)
        return r;
    struct vm_domain *d = calloc(1, sizeof(*d));
    if (!d)
        return cmn_err_set(err, ENOMEM, "no memory");
    r = open_connection(d, err);
    if (r == 0) {
        d->dom = virDomainCreateXML(d->conn, (const char *)xml.data, VIR_DOMAIN_START_PAUSED);
        if (!d->dom)
            r = explain(err, "libvirt does not start the guest");
    }
    if (r < 0) {
        vm_domain_destroy(d);
        return r;
    }
    *ret = d;
    return 0;
}

int vm_domain_resume(struct vm_domain *d, struct cmn_err *err)
{
    return virDomainResume(d->dom) < 0 ? explain(err, "libvirt does not run the guest") : 0;
}

void vm_domain_destroy(struct vm_domain *d)
{
    if (!d)
        return;
    if (d->dom) {
        (void)virDomainDestroy(d->dom); /* it may have ended by itself */
        (void)virDomainFree(d->dom);
    }
    if (d->conn)
        (void)virConnectClose(d->conn);
    free(d);
}
