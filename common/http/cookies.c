/* cookies.c - see cookies.h. */
#include "common/http/cookies.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void drop(struct cmn_cookies *jar, size_t i)
{
    explicit_bzero(jar->pairs[i], strlen(jar->pairs[i]));
    free(jar->pairs[i]);
    jar->pairs[i] = jar->pairs[--jar->n];
}

/* Does the rest of the header say that the cookie ends now? */
static bool ends_now(const char *attributes)
{
    while ((attributes = strchr(attributes, ';'))) {
        attributes += 1 + strspn(attributes + 1, " ");
        if (strncasecmp(attributes, "Max-Age=", 8) == 0)
            return attributes[8] == '-' || attributes[8] == '0';
    }
    return false;
}

int cmn_cookies_take(struct cmn_cookies *jar, const char *set_cookie)
{
    size_t len = strcspn(set_cookie, ";"), name = strcspn(set_cookie, "=");

    if (name == 0 || name >= len || len > CMN_COOKIE_BYTES_MAX)
        return 0; /* no cookie: to be passed over */
    for (size_t i = 0; i < jar->n; i++)
        if (strncmp(jar->pairs[i], set_cookie, name + 1) == 0) {
            drop(jar, i);
            break;
        }
    if (ends_now(set_cookie + len) || jar->n == CMN_COOKIES_MAX)
        return 0;
    jar->pairs[jar->n] = strndup(set_cookie, len);
    if (!jar->pairs[jar->n])
        return -ENOMEM;
    jar->n++;
    return 0;
}

int cmn_cookies_put(const struct cmn_cookies *jar, struct cmn_buf *ret)
{
    int r = 0;

    for (size_t i = 0; i < jar->n && r >= 0; i++)
        r = cmn_buf_printf(ret, "%s%s", i ? "; " : "", jar->pairs[i]);
    return r < 0 ? r : 0;
}

void cmn_cookies_done(struct cmn_cookies *jar)
{
    while (jar->n)
        drop(jar, jar->n - 1);
}
