/* paths.c - see cmd.h. */
#include "sim/cmd/cmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool exists(const char *path)
{
    return path && access(path, F_OK) == 0;
}

/* Folder of the running program, "" when it cannot be known. */
static void exe_dir(char *out, size_t cap)
{
    ssize_t n = readlink("/proc/self/exe", out, cap - 1);

    out[n < 0 ? 0 : n] = '\0';
    char *slash = strrchr(out, '/');
    if (slash)
        *slash = '\0';
}

/* The first of: the variable's value, candidates (relative ones from this program) that exists. */
static char *pick(const char *variable, const char *const *candidates, size_t n)
{
    const char *set = getenv(variable);
    char dir[4096];

    if (set && *set)
        return strdup(set);
    exe_dir(dir, sizeof(dir));
    for (size_t i = 0; i < n; i++) {
        char *path = NULL;
        if (candidates[i][0] == '/')
            path = strdup(candidates[i]);
        else if (asprintf(&path, "%s/%s", dir, candidates[i]) < 0)
            path = NULL;
        if (exists(path))
            return path;
        free(path);
    }
    return NULL;
}

int sim_path_cache(char **ret, struct cmn_err *err)
{
    const char *own = getenv("COCOBOX_CACHE"), *xdg = getenv("XDG_CACHE_HOME"),
               *home = getenv("HOME");
    char *path = NULL;
    int n;

    if (own && *own)
        n = asprintf(&path, "%s", own);
    else if (xdg && *xdg == '/')
        n = asprintf(&path, "%s/cocobox", xdg);
    else if (home && *home == '/')
        n = asprintf(&path, "%s/.cache/cocobox", home);
    else
        return cmn_err_set(err, ENOENT,
                           "no cache folder: set HOME, XDG_CACHE_HOME or COCOBOX_CACHE");
    if (n < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    int r = cmn_mkdir_p(path, 0700, err);
    if (r < 0) {
        free(path);
        return r;
    }
    *ret = path;
    return 0;
}

int sim_path_guest(char **ret, struct cmn_err *err)
{
    static const char *const places[] = {"sim/guest", "../libexec/cocobox"};
    auto_free char *dir = pick("COCOBOX_GUEST_DIR", places, CMN_ARRAY_SIZE(places));
    char *real = dir ? realpath(dir, NULL) : NULL;

    if (!real)
        return cmn_err_set(err, ENOENT, "the guest's programs are not there: %s",
                           dir ? dir : "neither beside this program nor in ../libexec/cocobox");
    *ret = real;
    return 0;
}

char *sim_path_fixture_script(void)
{
    static const char *const places[] = {COCOBOX_SOURCE_ROOT "/scripts/make-image-fixture",
                                         "../libexec/cocobox/make-image-fixture"};

    return pick("COCOBOX_FIXTURE_SCRIPT", places, CMN_ARRAY_SIZE(places));
}

char *sim_path_image_script(void)
{
    static const char *const places[] = {COCOBOX_SOURCE_ROOT "/scripts/build-guest-image",
                                         "../libexec/cocobox/build-guest-image"};

    return pick("COCOBOX_IMAGE_SCRIPT", places, CMN_ARRAY_SIZE(places));
}

char *sim_path_scenarios(void)
{
    static const char *const places[] = {COCOBOX_SOURCE_ROOT "/scenarios",
                                         "../share/cocobox/scenarios"};

    return pick("COCOBOX_SCENARIOS", places, CMN_ARRAY_SIZE(places));
}
