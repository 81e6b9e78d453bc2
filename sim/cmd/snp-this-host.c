/* snp-this-host.c - the view of the host that cocobox runs on; see snp-host.h. */
#include "sim/cmd/snp-host.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

bool sim_dir_has_entries(const char *path)
{
    DIR *d = opendir(path);
    const struct dirent *e;
    bool found = false;

    while (d && !found && (e = readdir(d)))
        found = e->d_name[0] != '.';
    if (d)
        (void)closedir(d);
    return found;
}

static int this_cpuid(void *ctx, uint32_t leaf, uint32_t ret[4])
{
    (void)ctx;
#if defined(__x86_64__)
    return __get_cpuid_count(leaf, 0, &ret[0], &ret[1], &ret[2], &ret[3]) ? 0 : -ENOTSUP;
#else
    (void)leaf;
    (void)ret;
    return -ENOTSUP;
#endif
}

/* linux/psp-sev.h of 6.11; older headers lack the command. */
struct issue_cmd {
    uint32_t cmd;
    uint64_t data;
    uint32_t error;
} __attribute__((packed));

struct snp_status {
    uint8_t api_major, api_minor, state, flags;
    uint32_t build_id, mask, guest_count;
    uint8_t current_tcb[8], reported_tcb[8];
} __attribute__((packed));

static int this_psp(void *ctx, struct sim_psp_status *ret)
{
    enum { SNP_PLATFORM_STATUS = 9 };
    struct snp_status s = {0};
    struct issue_cmd cmd = {.cmd = SNP_PLATFORM_STATUS, .data = (uintptr_t)&s};
    auto_close int fd = open("/dev/sev", O_RDWR | O_CLOEXEC);

    (void)ctx;
    if (fd < 0 || ioctl(fd, _IOWR('S', 0, struct issue_cmd), &cmd) < 0)
        return -errno;
    *ret = (struct sim_psp_status){.api_major = s.api_major,
                                   .api_minor = s.api_minor,
                                   .state = s.state,
                                   .rmp_initialized = s.flags & 1};
    memcpy(ret->current_tcb, s.current_tcb, 8);
    memcpy(ret->reported_tcb, s.reported_tcb, 8);
    return 0;
}

/* The library says its version itself; there need be no daemon. */
static int libvirt_version(char *ret, size_t cap)
{
    void *lib = dlopen("libvirt.so.0", RTLD_LAZY | RTLD_LOCAL);
    int (*get)(unsigned long *, const char *, unsigned long *) = NULL;
    unsigned long v = 0;

    if (!lib)
        return -ENOENT;
    *(void **)&get = dlsym(lib, "virGetVersion");
    int r = get && get(&v, NULL, NULL) == 0 ? 0 : -ENOENT;
    if (r == 0)
        (void)snprintf(ret, cap, "libvirt %lu.%lu.%lu", v / 1000000, v / 1000 % 1000, v % 1000);
    (void)dlclose(lib);
    return r;
}

static int this_version(void *ctx, const char *program, char *ret, size_t cap)
{
    char path[4096], command[4200];

    (void)ctx;
    if (strcmp(program, "libvirtd") == 0)
        return libvirt_version(ret, cap);
    if (!sim_host_find_program(program, path, sizeof(path)) || strchr(path, '\''))
        return -ENOENT;
    (void)snprintf(command, sizeof(command), "'%s' --version 2>/dev/null", path);
    FILE *f = popen(command, "re");
    if (!f)
        return -errno;
    bool got = fgets(ret, (int)cap, f) != NULL;
    (void)pclose(f);
    ret[got ? strcspn(ret, "\n") : 0] = '\0';
    return got ? 0 : -ENOENT;
}

const struct sim_host_view sim_snp_this_host = {
    .root = "", .cpuid = this_cpuid, .psp = this_psp, .version = this_version};
