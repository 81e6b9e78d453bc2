/* curl-load.c - see curl-load.h. */
#include "common/http/curl-load.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
struct cmn_curl cmn_curl;
static char why[256];

static void *find(void *lib, const char *name)
{
    void *f = dlsym(lib, name);

    if (!f && !why[0])
        (void)snprintf(why, sizeof(why), "libcurl.so.4 has no %s", name);
    return f;
}

static void load(void)
{
    void *lib = dlopen("libcurl.so.4", RTLD_LAZY | RTLD_LOCAL);

    if (!lib) {
        (void)snprintf(why, sizeof(why), "%s", dlerror());
        return;
    }
    /* POSIX lets dlsym's void * be a function; C has no cast for it without a union or this */
    *(void **)&cmn_curl.global_init = find(lib, "curl_global_init");
    *(void **)&cmn_curl.easy_init = find(lib, "curl_easy_init");
    *(void **)&cmn_curl.easy_cleanup = find(lib, "curl_easy_cleanup");
    *(void **)&cmn_curl.easy_setopt = find(lib, "curl_easy_setopt");
    *(void **)&cmn_curl.easy_getinfo = find(lib, "curl_easy_getinfo");
    *(void **)&cmn_curl.easy_perform = find(lib, "curl_easy_perform");
    *(void **)&cmn_curl.easy_strerror = find(lib, "curl_easy_strerror");
    *(void **)&cmn_curl.slist_append = find(lib, "curl_slist_append");
    *(void **)&cmn_curl.slist_free_all = find(lib, "curl_slist_free_all");
    if (!why[0] && cmn_curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        (void)snprintf(why, sizeof(why), "libcurl did not start");
}

int cmn_curl_load(struct cmn_err *err)
{
    (void)pthread_once(&once, load);
    return why[0] ? cmn_err_reason(err, ELIBACC, CMN_REASON_HOST_TOOL_MISSING, "libcurl: %s", why)
                  : 0;
}
