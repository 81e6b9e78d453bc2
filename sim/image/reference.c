/* reference.c - see reference.h. */
#include "sim/image/reference.h"

#include <string.h>

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

bool sim_digest_valid(const char *digest)
{
    if (strncmp(digest, "sha256:", 7) != 0 || strlen(digest) != SIM_DIGEST_CAP - 1)
        return false;
    for (const char *p = digest + 7; *p; p++)
        if (!((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f')))
            return false;
    return true;
}

static int refuse(struct cmn_err *err, const char *text, const char *why)
{
    return cmn_err_reason(err, EINVAL, CMN_REASON_IMAGE_REFERENCE_INVALID,
                          "image reference '%.200s': %s", text, why);
}

/* A host name or address with an optional port. */
static bool host_valid(const char *s, size_t len)
{
    size_t colon = len;

    if (len == 0 || len >= 256)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] == ':' && colon == len)
            colon = i;
        else if (colon != len ? (s[i] < '0' || s[i] > '9')
                              : !(is_word(s[i]) || s[i] == '.' || s[i] == '-'))
            return false;
    }
    return colon > 0 && s[0] != '.' && s[0] != '-' && colon + 1 != len &&
           (colon == len || len - colon <= 6);
}

/* Parts of lower-case letters and digits, with '.', '_' and '-' between them. */
static bool repository_valid(const char *s)
{
    char before = '/';

    for (; *s; before = *s++) {
        if (is_lower_alnum(*s))
            continue;
        if (before == '/' || !strchr("./_-", *s) || (*s == '.' && before == '.'))
            return false;
        if (*s == '/' && !is_lower_alnum(before))
            return false;
    }
    return is_lower_alnum(before);
}

static bool tag_valid(const char *s)
{
    if (!is_word(s[0]) || strlen(s) > 128)
        return false;
    for (; *s; s++)
        if (!is_word(*s) && *s != '.' && *s != '-')
            return false;
    return true;
}

/* Length of the leading registry part of name, 0 when there is none. */
static size_t registry_len(const char *name)
{
    const char *slash = strchr(name, '/');

    if (!slash)
        return 0;
    size_t n = (size_t)(slash - name);
    if (memchr(name, '.', n) || memchr(name, ':', n) ||
        (n == 9 && strncmp(name, "localhost", 9) == 0))
        return n;
    return 0;
}

static int split_name(const char *text, const char *name, struct sim_reference *ref,
                      struct cmn_err *err)
{
    size_t n = registry_len(name);
    const char *path = n ? name + n + 1 : name;

    if (n && !host_valid(name, n))
        return refuse(err, text, "the registry is no host[:port]");
    if (n)
        memcpy(ref->registry, name, n);
    else
        strcpy(ref->registry, "docker.io");
    bool official = strcmp(ref->registry, "docker.io") == 0 && !strchr(path, '/');
    if (strlen(path) + (official ? strlen("library/") : 0) >= sizeof(ref->repository))
        return refuse(err, text, "the name is too long");
    if (official)
        strcpy(ref->repository, "library/");
    strcat(ref->repository, path);
    if (!repository_valid(ref->repository))
        return refuse(err, text, "the name has to be lower-case letters, digits and . _ - /");
    return 0;
}

int sim_reference_parse(const char *text, struct sim_reference *ret, struct cmn_err *err)
{
    struct sim_reference ref = {0};
    char name[1024];

    if (strlen(text) >= sizeof(name))
        return refuse(err, text, "it is too long");
    strcpy(name, text);
    char *at = strchr(name, '@');
    if (at) {
        *at = 0;
        if (!sim_digest_valid(at + 1))
            return refuse(err, text, "the digest is not sha256: and 64 lower-case hex digits");
        strcpy(ref.digest, at + 1);
    }
    char *slash = strrchr(name, '/');
    char *colon = strchr(slash ? slash : name, ':');
    if (colon) {
        *colon = 0;
        if (!tag_valid(colon + 1))
            return refuse(err, text, "the tag is not legal");
        strcpy(ref.tag, colon + 1);
    } else if (!at) {
        strcpy(ref.tag, "latest");
    }
    if (!name[0])
        return refuse(err, text, "it has no name");
    int r = split_name(text, name, &ref, err);
    if (r < 0)
        return r;
    *ret = ref;
    return 0;
}

int sim_reference_print(const struct sim_reference *ref, struct cmn_buf *ret)
{
    return cmn_buf_printf(ret, "%s/%s%s%s%s%s", ref->registry, ref->repository,
                          ref->tag[0] ? ":" : "", ref->tag, ref->digest[0] ? "@" : "", ref->digest);
}

const char *sim_reference_target(const struct sim_reference *ref)
{
    return ref->digest[0] ? ref->digest : ref->tag;
}
