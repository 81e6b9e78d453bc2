/*
 * cookies.h - the cookies of one client, which talks to one server; private to common/http. curl's
 * own jar goes by the machine's clock and would drop the cookies of a seeded world as long expired.
 * Source: RFC 6265 section 5.2.
 */
#ifndef CMN_HTTP_COOKIES_H
#define CMN_HTTP_COOKIES_H

#include "common/buf/buf.h"

#include <stdbool.h>

enum { CMN_COOKIES_MAX = 32, CMN_COOKIE_BYTES_MAX = 4096 };

struct cmn_cookies {
    bool on;
    size_t n;
    char *pairs[CMN_COOKIES_MAX]; /* "name=value" */
};

/* Takes the value of a Set-Cookie header: replaces a cookie of the same name; Max-Age=0 removes it.
 * -ENOMEM. */
int cmn_cookies_take(struct cmn_cookies *jar, const char *set_cookie) CMN_MUST_USE;
/* The value of the Cookie header, "" when there is none: appended to ret. -ENOMEM. */
int cmn_cookies_put(const struct cmn_cookies *jar, struct cmn_buf *ret) CMN_MUST_USE;
void cmn_cookies_done(struct cmn_cookies *jar);

#endif
