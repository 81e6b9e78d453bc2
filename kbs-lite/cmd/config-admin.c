/*
 * config-admin.c - [admin] of kbs.toml (trustee kbs/src/admin): who may act as admin. Unknown
 * members are errors here, as upstream: a misspelt restriction must not be a restriction that is
 * not there.
 */
#include "config-admin.h"

#include <stdlib.h>
#include <string.h>

#define PEM_MAX     (64 * 1024)
#define ENTRIES_MAX 64

/* Every member of obj is one of names (NULL at the end). */
static int only(const json_t *obj, const char *where, const char *const *names, struct cmn_err *err)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)obj, key, value) {
        size_t i = 0;
        while (names[i] && strcmp(names[i], key) != 0)
            i++;
        if (!names[i])
            return cmn_err_set(err, EINVAL, "unknown field `%.64s` in %s", key, where);
    }
    return 0;
}

/* The string member, NULL if absent; -EINVAL for another type. */
static int text(const json_t *obj, const char *key, const char **ret, struct cmn_err *err)
{
    const json_t *v = json_object_get(obj, key);

    if (v && !json_is_string(v))
        return cmn_err_set(err, EINVAL, "'%s' of [admin] is not a string", key);
    *ret = json_string_value(v);
    return 0;
}

static int array(const json_t *obj, const char *where, const char *key, const json_t **ret,
                 struct cmn_err *err)
{
    *ret = json_object_get(obj, key);
    if (!json_is_array(*ret) || !json_array_size(*ret) || json_array_size(*ret) > ENTRIES_MAX)
        return cmn_err_set(err, EINVAL, "%s.%s must be a list of 1 to %d entries", where, key,
                           ENTRIES_MAX);
    return 0;
}

static int read_key(const char *uri, struct cmn_buf *ret, struct cmn_err *err)
{
    if (strncmp(uri, "file://", 7) == 0)
        uri += 7;
    if (strstr(uri, "://"))
        return cmn_err_set(err, EINVAL, "public_key_uri '%.128s': only a file can be read here",
                           uri);
    return cmn_file_read(uri, PEM_MAX, ret, err);
}

static int read_provider(const json_t *from, struct kbs_daemon_admin *a, struct cmn_err *err)
{
    static const char *const names[] = {"issuer", "audience", "public_key_uri", "jwk_set_uri",
                                        NULL};
    struct kbs_admin_issuer *to = &a->issuers[a->n];
    const char *key_uri = NULL, *jwks = NULL;
    int r;

    if ((r = only(from, "identity_providers", names, err)) < 0 ||
        (r = text(from, "issuer", &to->issuer, err)) < 0 ||
        (r = text(from, "audience", &to->audience, err)) < 0 ||
        (r = text(from, "public_key_uri", &key_uri, err)) < 0 ||
        (r = text(from, "jwk_set_uri", &jwks, err)) < 0)
        return r;
    if (jwks)
        return cmn_err_set(err, EINVAL,
                           "jwk_set_uri is not supported here: name the key by public_key_uri");
    if (!key_uri)
        return cmn_err_set(err, EINVAL, "an identity provider needs public_key_uri");
    if ((r = read_key(key_uri, &a->pems[a->n], err)) < 0)
        return r;
    to->public_key_pem = cmn_buf_bytes(&a->pems[a->n]);
    a->n++;
    return 0;
}

static int read_acl(const json_t *from, struct kbs_daemon_admin *a, struct cmn_err *err)
{
    static const char *const names[] = {"role", "allowed_endpoints", NULL};
    struct kbs_admin_acl *to = &a->acls[a->n_acls];
    int r;

    if ((r = only(from, "acls", names, err)) < 0 || (r = text(from, "role", &to->role, err)) < 0 ||
        (r = text(from, "allowed_endpoints", &to->allowed_endpoints, err)) < 0)
        return r;
    if (!to->role || !to->allowed_endpoints)
        return cmn_err_set(err, EINVAL, "an entry of acls needs role and allowed_endpoints");
    a->n_acls++;
    return 0;
}

static int read_lists(const json_t *jwt, const json_t *acl, struct kbs_daemon_admin *a,
                      struct cmn_err *err)
{
    const json_t *providers, *acls;
    size_t i;
    json_t *v;
    int r;

    if ((r = array(jwt, "admin.authentication.bearer_jwt", "identity_providers", &providers, err)) <
            0 ||
        (r = array(acl, "admin.authorization.regex_acl", "acls", &acls, err)) < 0)
        return r;
    a->issuers = calloc(json_array_size(providers), sizeof(*a->issuers));
    a->pems = calloc(json_array_size(providers), sizeof(*a->pems));
    a->acls = calloc(json_array_size(acls), sizeof(*a->acls));
    if (!a->issuers || !a->pems || !a->acls)
        return cmn_err_set(err, ENOMEM, "no memory");
    json_array_foreach(providers, i, v)
        if ((r = read_provider(v, a, err)) < 0)
            return r;
    json_array_foreach(acls, i, v)
        if ((r = read_acl(v, a, err)) < 0)
            return r;
    return 0;
}

static int read_authenticated(const json_t *admin, struct kbs_daemon_admin *a, struct cmn_err *err)
{
    static const char *const in_authentication[] = {"bearer_jwt", NULL};
    static const char *const in_authorization[] = {"regex_acl", NULL};
    static const char *const in_jwt[] = {"identity_providers", NULL};
    static const char *const in_acl[] = {"acls", NULL};
    const json_t *authentication = json_object_get(admin, "authentication");
    const json_t *authorization = json_object_get(admin, "authorization");
    const json_t *jwt = json_object_get(authentication, "bearer_jwt");
    const json_t *acl = json_object_get(authorization, "regex_acl");
    int r;

    if ((r = only(authentication, "admin.authentication", in_authentication, err)) < 0 ||
        (r = only(authorization, "admin.authorization", in_authorization, err)) < 0 ||
        (r = only(jwt, "admin.authentication.bearer_jwt", in_jwt, err)) < 0 ||
        (r = only(acl, "admin.authorization.regex_acl", in_acl, err)) < 0)
        return r;
    return read_lists(jwt, acl, a, err);
}

int kbs_daemon_admin_read(const json_t *admin, struct kbs_daemon_admin *ret, struct cmn_err *err)
{
    static const char *const names[] = {"authorization_mode", "authentication", "authorization",
                                        NULL};
    struct kbs_daemon_admin a = {.mode = KBS_ADMIN_DENY_ALL};
    const char *mode = NULL;
    int r;

    if (!json_is_object(admin))
        return cmn_err_set(err, EINVAL, "missing field `admin`");
    if ((r = only(admin, "admin", names, err)) < 0 ||
        (r = text(admin, "authorization_mode", &mode, err)) < 0)
        return r;
    if (mode && strcmp(mode, "InsecureAllowAll") == 0)
        a.mode = KBS_ADMIN_ALLOW_ALL;
    else if (mode && strcmp(mode, "AuthenticatedAuthorization") == 0)
        a.mode = KBS_ADMIN_AUTHENTICATED;
    else if (!mode || strcmp(mode, "DenyAll") != 0)
        return cmn_err_set(err, EINVAL,
                           "admin.authorization_mode '%.64s' is not known: InsecureAllowAll, "
                           "DenyAll or AuthenticatedAuthorization",
                           mode ? mode : "(none)");
    a.doc = json_incref((json_t *)admin);
    r = a.mode == KBS_ADMIN_AUTHENTICATED ? read_authenticated(admin, &a, err) : 0;
    if (r < 0) {
        kbs_daemon_admin_done(&a);
        return r;
    }
    *ret = a;
    return 0;
}

void kbs_daemon_admin_done(struct kbs_daemon_admin *a)
{
    for (size_t i = 0; a->pems && i < a->n; i++)
        cmn_buf_done(&a->pems[i]);
    free(a->pems);
    free(a->issuers);
    free(a->acls);
    json_decref(a->doc);
    *a = (struct kbs_daemon_admin){0};
}
