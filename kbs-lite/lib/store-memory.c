/* store-memory.c - values that are gone at exit (upstream's default backend); see store.h. */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
    struct item *next;
    char *name; /* namespace/key */
    struct cmn_buf value;
};

struct memory {
    struct kbs_store base;
    struct item *items;
};

/* The link that points to the item, or to the end of the list. */
static struct item **find(struct memory *m, const char *ns, const char *key)
{
    size_t n = strlen(ns);
    struct item **at = &m->items;

    while (*at && !(strncmp((*at)->name, ns, n) == 0 && (*at)->name[n] == '/' &&
                    strcmp((*at)->name + n + 1, key) == 0))
        at = &(*at)->next;
    return at;
}

static int get(struct kbs_store *s, const char *ns, const char *key, struct cmn_buf *ret,
               struct cmn_err *err)
{
    struct item *item = *find((struct memory *)s, ns, key);

    if (!item)
        return cmn_err_set(err, ENOENT, "%s/%s is not there", ns, key);
    return cmn_buf_put(ret, item->value.data, item->value.len) < 0
               ? cmn_err_set(err, ENOMEM, "no memory")
               : 0;
}

static int put(struct kbs_store *s, const char *ns, const char *key, struct cmn_bytes value,
               struct cmn_err *err)
{
    struct memory *m = (struct memory *)s;
    struct item **at = find(m, ns, key);
    struct cmn_buf copy = {0};

    if (cmn_buf_put(&copy, value.data, value.len) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    if (!*at) {
        struct item *item = calloc(1, sizeof(*item));
        if (!item || asprintf(&item->name, "%s/%s", ns, key) < 0) {
            free(item);
            cmn_buf_done_secret(&copy);
            return cmn_err_set(err, ENOMEM, "no memory");
        }
        *at = item;
    }
    cmn_buf_done_secret(&(*at)->value);
    (*at)->value = copy;
    return 0;
}

static void item_free(struct item *item)
{
    cmn_buf_done_secret(&item->value);
    free(item->name);
    free(item);
}

static int del(struct kbs_store *s, const char *ns, const char *key, struct cmn_err *err)
{
    struct item **at = find((struct memory *)s, ns, key), *item = *at;

    if (!item)
        return cmn_err_set(err, ENOENT, "%s/%s is not there", ns, key);
    *at = item->next;
    item_free(item);
    return 0;
}

static int list(struct kbs_store *s, const char *ns, int (*each)(void *, const char *), void *ctx,
                struct cmn_err *err)
{
    size_t n = strlen(ns);
    int r = 0;

    (void)err;
    for (struct item *i = ((struct memory *)s)->items; i && r >= 0; i = i->next)
        if (strncmp(i->name, ns, n) == 0 && i->name[n] == '/')
            r = each(ctx, i->name + n + 1);
    return r < 0 ? r : 0;
}

static void free_all(struct kbs_store *s)
{
    struct memory *m = (struct memory *)s;

    while (m->items) {
        struct item *item = m->items;
        m->items = item->next;
        item_free(item);
    }
    free(m);
}

int kbs_store_memory(struct kbs_store **ret, struct cmn_err *err)
{
    struct memory *m = calloc(1, sizeof(*m));

    if (!m)
        return cmn_err_set(err, ENOMEM, "no memory");
    m->base = (struct kbs_store){get, put, del, list, free_all};
    *ret = &m->base;
    return 0;
}
