/* test-store.c - both kinds of store behave alike; the folder has upstream's layout and modes. */
#include "kbs-lite/lib/store.h"
#include "tests/testlib/testlib.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void keys_that_would_leave_the_folder_are_refused(void)
{
    static const char *const keys[] = {"",    ".",       "..",  "../x", ".hidden",
                                       "a b", "a\\x2Fb", "a:b", "a\nb", "\xc3\xa9"};
    struct kbs_store *s = NULL;
    auto_buf struct cmn_buf value = {0};
    struct cmn_err err = {0};

    T_OK(kbs_store_dir(t_tmpdir(), &s, &err), &err);
    for (size_t i = 0; i < CMN_ARRAY_SIZE(keys); i++) {
        T_ERR(s->put(s, "repository", keys[i], cmn_bytes("x", 1), &err), -EINVAL, &err,
              "key contains invalid characters");
        T_ERR(s->get(s, "repository", keys[i], &value, &err), -EINVAL, &err, "key contains");
        T_ERR(s->del(s, "repository", keys[i], &err), -EINVAL, &err, "key contains");
    }
    s->free(s);
}

static void values_live_by_namespace_and_key(struct kbs_store *s)
{
    struct cmn_err err = {0};
    auto_buf struct cmn_buf a = {0}, b = {0};

    T_ERR(s->get(s, "kbs", "x", &a, &err), -ENOENT, &err, NULL);
    T_ERR(s->del(s, "kbs", "x", &err), -ENOENT, &err, NULL);
    T_OK(s->put(s, "kbs", "x", cmn_bytes("one", 3), &err), &err);
    T_OK(s->put(s, "repository", "x", cmn_bytes("a\0b", 3), &err), &err);
    T_OK(s->put(s, "kbs", "x", cmn_bytes("two", 3), &err), &err);
    T_OK(s->get(s, "kbs", "x", &a, &err), &err);
    T_EQ_STR((char *)a.data, "two");
    T_OK(s->get(s, "repository", "x", &b, &err), &err);
    T_EQ_INT(b.len, 3);
    T_EQ_MEM(b.data, "a\0b", 3);
    T_OK(s->del(s, "kbs", "x", &err), &err);
    T_ERR(s->get(s, "kbs", "x", &a, &err), -ENOENT, &err, NULL);
    T_OK(s->put(s, "repository", "e", cmn_bytes("", 0), &err), &err);
    cmn_buf_done(&b);
    T_OK(s->get(s, "repository", "e", &b, &err), &err);
    T_EQ_INT(b.len, 0);
}

static void both_stores_keep_what_they_were_given(void)
{
    struct kbs_store *s = NULL;
    char dir[256];

    T_OK(kbs_store_memory(&s, NULL), NULL);
    values_live_by_namespace_and_key(s);
    s->free(s);
    (void)snprintf(dir, sizeof(dir), "%s/both", t_tmpdir());
    T_OK(kbs_store_dir(dir, &s, NULL), NULL);
    values_live_by_namespace_and_key(s);
    s->free(s);
}

static void folder_has_upstreams_layout_and_outlives_the_store(void)
{
    struct kbs_store *s = NULL;
    struct stat st;
    char dir[256], file[512];
    auto_buf struct cmn_buf value = {0};

    (void)snprintf(dir, sizeof(dir), "%s/layout", t_tmpdir());
    T_OK(kbs_store_dir(dir, &s, NULL), NULL);
    T_OK(s->put(s, "repository", "default/key/1", cmn_bytes("v", 1), NULL), NULL);
    s->free(s);
    (void)snprintf(file, sizeof(file), "%s/repository/default\\x2Fkey\\x2F1", dir);
    T_EQ_INT(stat(file, &st), 0);
    T_EQ_INT(st.st_mode & 0777, 0600);
    (void)snprintf(file, sizeof(file), "%s/repository", dir);
    T_EQ_INT(stat(file, &st), 0);
    T_EQ_INT(st.st_mode & 0777, 0700);
    T_OK(kbs_store_dir(dir, &s, NULL), NULL);
    T_OK(s->get(s, "repository", "default/key/1", &value, NULL), NULL);
    T_EQ_STR((char *)value.data, "v");
    s->free(s);
}

TEST_MAIN("kbs-store",
          {"keys that would leave the folder are refused",
           keys_that_would_leave_the_folder_are_refused},
          {"both stores keep what they were given", both_stores_keep_what_they_were_given},
          {"the folder has upstream's layout and outlives the store",
           folder_has_upstreams_layout_and_outlives_the_store})
