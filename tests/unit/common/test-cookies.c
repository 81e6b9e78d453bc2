/* test-cookies.c - the cookies of an HTTP client. */
#include "common/http/cookies.h"
#include "tests/testlib/testlib.h"

#include <stdio.h>
#include <string.h>

static struct cmn_cookies jar;

static void take(const char *header)
{
    T_OK(cmn_cookies_take(&jar, header), NULL);
}

static void expect(const char *want)
{
    auto_buf struct cmn_buf line = {0};

    T_OK(cmn_cookies_put(&jar, &line), NULL);
    T_EQ_STR(line.data ? (const char *)line.data : "", want);
}

static void what_is_no_cookie_is_passed_over(void)
{
    static const char *const bad[] = {"", "=x", "name", "; a=b", "name; a=b"};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++)
        take(bad[i]);
    expect("");
    cmn_cookies_done(&jar);
}

static void a_name_is_replaced_others_stay(void)
{
    take("session=1; Path=/; HttpOnly");
    take("sessionx=2");
    take("route=abc; Secure");
    take("session=3");
    expect("route=abc; sessionx=2; session=3");
    cmn_cookies_done(&jar);
}

static void the_wall_clock_does_not_end_a_cookie_but_max_age_does(void)
{
    take("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    take("b=2; max-age=3600");
    expect("a=1; b=2");
    take("b=2; Path=/; Max-Age=0");
    take("a=; Max-Age=-1");
    expect("");
    cmn_cookies_done(&jar);
}

static void a_server_cannot_make_the_jar_grow_without_end(void)
{
    char big[CMN_COOKIE_BYTES_MAX + 16], line[64];

    memset(big, 'x', sizeof(big));
    big[1] = '=';
    big[sizeof(big) - 1] = '\0';
    take(big);
    expect("");
    for (int i = 0; i < 2 * CMN_COOKIES_MAX; i++) {
        (void)snprintf(line, sizeof(line), "c%d=v", i);
        take(line);
    }
    T_EQ_INT(jar.n, CMN_COOKIES_MAX);
    cmn_cookies_done(&jar);
}

TEST_MAIN("cookies", {"what is no cookie is passed over", what_is_no_cookie_is_passed_over},
          {"a name is replaced, others stay", a_name_is_replaced_others_stay},
          {"the wall clock does not end a cookie, but Max-Age does",
           the_wall_clock_does_not_end_a_cookie_but_max_age_does},
          {"a server cannot make the jar grow without end",
           a_server_cannot_make_the_jar_grow_without_end})
