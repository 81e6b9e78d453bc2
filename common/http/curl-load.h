/*
 * curl-load.h - libcurl, loaded when the first client is made; private to common/http. Loading it
 * with its two dozen libraries takes longer than everything else a small program does at start, and
 * most runs of most programs never send a request.
 */
#ifndef CMN_CURL_LOAD_H
#define CMN_CURL_LOAD_H

#define CURL_DISABLE_TYPECHECK /* its macros name the functions that are not linked */
#include "common/err/err.h"

#include <curl/curl.h>

struct cmn_curl {
    __typeof__(&curl_global_init) global_init;
    __typeof__(&curl_easy_init) easy_init;
    __typeof__(&curl_easy_cleanup) easy_cleanup;
    __typeof__(&curl_easy_setopt) easy_setopt;
    __typeof__(&curl_easy_getinfo) easy_getinfo;
    __typeof__(&curl_easy_perform) easy_perform;
    __typeof__(&curl_easy_strerror) easy_strerror;
    __typeof__(&curl_slist_append) slist_append;
    __typeof__(&curl_slist_free_all) slist_free_all;
};

extern struct cmn_curl cmn_curl; /* after cmn_curl_load gave 0 */

/* Thread safe, the same answer every time: 0, or -ELIBACC with host.tool-missing. */
int cmn_curl_load(struct cmn_err *err) CMN_MUST_USE;

#endif
