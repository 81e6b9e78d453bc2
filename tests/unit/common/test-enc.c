/* test-enc.c - hex and base64: strictness first, then RFC 4648 section 10. */
#include "tests/testlib/testlib.h"

#include "common/enc/enc.h"

#include <stdlib.h>
#include <string.h>

static void not_quite_base64_is_refused(void)
{
    static const struct {
        enum cmn_b64_kind kind;
        const char *text;
    } bad[] = {
        {CMN_B64_STD, "Zg"},   {CMN_B64_STD, "Zg="},    {CMN_B64_STD, "Zh=="},
        {CMN_B64_STD, "Zm9="}, {CMN_B64_STD, "Z==="},   {CMN_B64_STD, "Zm-v"},
        {CMN_B64_STD, "Zm 9"}, {CMN_B64_URL, "Zg=="},   {CMN_B64_URL, "Z"},
        {CMN_B64_URL, "Zm+v"}, {CMN_B64_URL, "Zm9v\n"}, {CMN_B64_STD, "===="},
    };
    struct cmn_err err;

    for (size_t i = 0; i < CMN_ARRAY_SIZE(bad); i++) {
        auto_buf struct cmn_buf out = {0};
        T_ERR(cmn_unb64(bad[i].kind, bad[i].text, strlen(bad[i].text), &out, &err), -EBADMSG, &err,
              "base64");
    }
}

static void rfc4648_vectors(void)
{
    static const char *const v[][3] = {{"", "", ""},
                                       {"f", "Zg==", "Zg"},
                                       {"fo", "Zm8=", "Zm8"},
                                       {"foo", "Zm9v", "Zm9v"},
                                       {"foob", "Zm9vYg==", "Zm9vYg"},
                                       {"fooba", "Zm9vYmE=", "Zm9vYmE"},
                                       {"foobar", "Zm9vYmFy", "Zm9vYmFy"}};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(v); i++) {
        auto_buf struct cmn_buf a = {0}, b = {0};
        auto_free char *std = cmn_b64(CMN_B64_STD, v[i][0], strlen(v[i][0]));
        auto_free char *url = cmn_b64(CMN_B64_URL, v[i][0], strlen(v[i][0]));
        T_EQ_STR(std, v[i][1]);
        T_EQ_STR(url, v[i][2]);
        T_OK(cmn_unb64(CMN_B64_STD, std, strlen(std), &a, NULL), NULL);
        T_OK(cmn_unb64(CMN_B64_URL, url, strlen(url), &b, NULL), NULL);
        T_EQ_STR((char *)a.data, v[i][0]);
        T_EQ_STR((char *)b.data, v[i][0]);
    }
}

static void hex_is_whole_bytes(void)
{
    struct cmn_err err;
    auto_buf struct cmn_buf out = {0};

    T_ERR(cmn_unhex("abc", 3, &out, &err), -EBADMSG, &err, "odd length");
    T_ERR(cmn_unhex("ag", 2, &out, &err), -EBADMSG, &err, "offset 1");
    T_OK(cmn_unhex("00fFA5", 6, &out, &err), &err);
    T_EQ_MEM(out.data, "\x00\xff\xa5", 3);
}

static void form_text_is_decoded_as_a_browser_does(void)
{
    static const char *const v[][2] = {{"", ""},         {"a+b", "a b"}, {"%41%6a%6A", "Ajj"},
                                       {"100%", "100%"}, {"%4", "%4"},   {"%zz", "%zz"},
                                       {"%%41", "%A"},   {"%2B+", "+ "}, {"a%0", "a%0"}};

    for (size_t i = 0; i < CMN_ARRAY_SIZE(v); i++) {
        auto_buf struct cmn_buf out = {0};
        T_OK(cmn_form_decode(v[i][0], strlen(v[i][0]), &out), NULL);
        T_EQ_STR((const char *)out.data, v[i][1]);
    }
}

TEST_MAIN("enc", {"what is not quite base64 is refused", not_quite_base64_is_refused},
          {"RFC 4648 vectors", rfc4648_vectors}, {"hex is whole bytes", hex_is_whole_bytes},
          {"form text is decoded as a browser does", form_text_is_decoded_as_a_browser_does})
