/* layer.c - see layer.h. */
#include "sim/guest/cdh/layer.h"
#include "common/enc/enc.h"
#include "sim/image/inflate.h"
#include "sim/image/ocicrypt.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct stream {
    const struct cdh_layer_job *job;
    /* the downloading thread's */
    int in_fd;
    EVP_MD_CTX *blob_md;
    uint64_t received;
    bool nobody_reads;
    int fetch_r;
    struct cmn_err fetch_err;
    /* this thread's, from the socket inwards */
    int out_fd;
    struct sim_layer_cipher *cipher; /* NULL: not encrypted */
    uint8_t hmac[32];
    struct sim_inflate *inflate;
    EVP_MD_CTX *diff_md;
};

/* Download side: hashes what comes and passes it on; goes on hashing when the reader has given up.
 */
static int on_data(void *ctx, const void *data, size_t len)
{
    struct stream *s = ctx;
    const uint8_t *p = data;

    s->received += len;
    if (EVP_DigestUpdate(s->blob_md, data, len) != 1)
        return -EIO;
    while (len > 0 && !s->nobody_reads) {
        ssize_t n = send(s->in_fd, p, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            s->nobody_reads = true;
            break;
        }
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int download(struct stream *s, struct cmn_err *err)
{
    const struct sim_oci_desc *desc = &s->job->layer->desc;
    auto_buf struct cmn_buf url = {0};
    struct cmn_http_answer answer = {0};

    if (cdh_source_url(s->job->source, "blobs", desc->digest, &url) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    const struct cmn_http_call call = {
        .method = "GET",
        .url = (const char *)url.data,
        .max_body = (size_t)desc->size + 1, /* one more shows that it is too long */
        .sink = on_data,
        .sink_ctx = s,
    };
    int r = cmn_http_do(s->job->http, &call, &answer, err);
    r = cdh_fetch_judge(r, &answer, "layer", call.url, err);
    cmn_http_answer_done(&answer);
    return r;
}

static void *download_thread(void *ctx)
{
    struct stream *s = ctx;

    s->fetch_r = download(s, &s->fetch_err);
    (void)shutdown(s->in_fd, SHUT_WR);
    return NULL;
}

/* Reading side, a chain of readers: socket, cipher, decompression, diff_id. */
static ssize_t read_blob(void *ctx, void *buf, size_t cap, struct cmn_err *err)
{
    struct stream *s = ctx;
    ssize_t n;

    do
        n = recv(s->out_fd, buf, cap, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return cmn_err_set(err, errno, "reading the layer: %s", strerror(errno));
    if (n > 0 && s->cipher) {
        int r = sim_layer_cipher_update(s->cipher, buf, (size_t)n, buf, err);
        if (r < 0)
            return r;
    }
    return n;
}

static ssize_t read_tar(void *ctx, void *buf, size_t cap, struct cmn_err *err)
{
    struct stream *s = ctx;
    ssize_t n = sim_inflate_read(s->inflate, buf, cap, err);

    if (n > 0 && EVP_DigestUpdate(s->diff_md, buf, (size_t)n) != 1)
        return cmn_err_set(err, EIO, "SHA-256 failed");
    return n;
}

static int drain(sim_read_fn *read_fn, struct stream *s, struct cmn_err *err)
{
    uint8_t buf[65536];
    ssize_t n;

    while ((n = read_fn(s, buf, sizeof(buf), err)) > 0)
        ;
    return (int)n;
}

static int md_is(EVP_MD_CTX *md, const char *want, char got[SIM_DIGEST_CAP])
{
    uint8_t out[32];
    auto_free char *hex = NULL;

    if (EVP_DigestFinal_ex(md, out, NULL) != 1 || !(hex = cmn_hex(out, sizeof(out))))
        return -EIO;
    (void)snprintf(got, SIM_DIGEST_CAP, "sha256:%s", hex);
    return strcmp(got, want) == 0;
}

/* What was wrong, outermost first. */
static int judge(struct stream *s, int unpack_r, struct cmn_err *err)
{
    const struct sim_oci_desc *desc = &s->job->layer->desc;
    char got[SIM_DIGEST_CAP];

    if (s->received == desc->size + 1 || (s->fetch_r == 0 && s->received > desc->size))
        return cmn_err_reason(err, EFBIG, CMN_REASON_IMAGE_TOO_LARGE,
                              "blob %s is longer than the %llu bytes the manifest says",
                              desc->digest, (unsigned long long)desc->size);
    if (s->fetch_r < 0) {
        if (err)
            *err = s->fetch_err;
        return s->fetch_r;
    }
    if (s->received < desc->size)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_TRUNCATED,
                              "blob %s ended after %llu of %llu bytes", desc->digest,
                              (unsigned long long)s->received, (unsigned long long)desc->size);
    int same = md_is(s->blob_md, desc->digest, got);
    if (same == 0)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_BLOB_DIGEST_MISMATCH,
                              "blob has digest %s, expected %s", got, desc->digest);
    if (same < 0)
        return cmn_err_set(err, EIO, "SHA-256 failed");
    int r = s->cipher ? sim_layer_cipher_verify(s->cipher, s->hmac, err) : 0;
    if (r < 0 || unpack_r < 0)
        return r < 0 ? r : unpack_r; /* err of the unpacking is there already */
    same = md_is(s->diff_md, s->job->diff_id, got);
    if (same == 0)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_DIFF_ID_MISMATCH,
                              "unequal uncompressed digest %s config diff_id %s", got,
                              s->job->diff_id);
    return same < 0 ? cmn_err_set(err, EIO, "SHA-256 failed") : 0;
}

/* The layer's key from the first packet that opens. */
static int open_key(struct stream *s, struct cmn_err *err)
{
    struct cdh *cdh = s->job->cdh;
    auto_json json_t *packets = NULL;
    auto_buf_secret struct cmn_buf plain = {0};
    struct sim_ocicrypt_private opts = {0};
    const json_t *packet;
    size_t i;
    int r = sim_ocicrypt_annotations(s->job->layer->annotations, &packets, s->hmac, err);

    if (r < 0)
        return r;
    r = cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_KEY_PACKET_INVALID,
                       "no suitable key found for decrypting layer key:");
    json_array_foreach(packets, i, packet) {
        auto_buf struct cmn_buf bytes = {0};
        plain.len = 0;
        if (cmn_unb64(CMN_B64_STD, json_string_value(packet), json_string_length(packet), &bytes,
                      NULL) < 0)
            continue;
        r = cdh_packet_open(cdh, cmn_buf_bytes(&bytes), &plain, err);
        if (r == 0)
            break;
    }
    if (r == 0)
        r = sim_ocicrypt_private_parse(cmn_buf_bytes(&plain), &opts, err);
    if (r == 0)
        r = sim_layer_cipher_new(cdh->env, &opts, false, &s->cipher, err);
    OPENSSL_cleanse(&opts, sizeof(opts));
    return r;
}

static int run(struct stream *s, struct cmn_err *err)
{
    pthread_t thread;
    struct cmn_err rest = {0};

    if (pthread_create(&thread, NULL, download_thread, s) != 0)
        return cmn_err_set(err, EAGAIN, "no thread for the download");
    int r = sim_unpack_layer(s->job->unpack, read_tar, s, err);
    if (r == 0)
        r = drain(read_tar, s, err);  /* padding behind the archive belongs to the diff_id */
    (void)drain(read_blob, s, &rest); /* to the blob's end, for its digest and HMAC */
    (void)pthread_join(thread, NULL);
    return judge(s, r, err);
}

int cdh_layer_apply(const struct cdh_layer_job *job, struct cmn_err *err)
{
    struct stream s = {.job = job, .in_fd = -1, .out_fd = -1};
    int fds[2], r = 0;

    if (job->layer->encrypted) {
        r = open_key(&s, err);
        if (r < 0)
            return r;
    }
    s.blob_md = EVP_MD_CTX_new();
    s.diff_md = EVP_MD_CTX_new();
    if (!s.blob_md || !s.diff_md || EVP_DigestInit_ex(s.blob_md, EVP_sha256(), NULL) != 1 ||
        EVP_DigestInit_ex(s.diff_md, EVP_sha256(), NULL) != 1)
        r = cmn_err_set(err, EIO, "SHA-256 failed");
    if (r == 0)
        r = sim_inflate_new(job->layer->compression, read_blob, &s, &s.inflate, err);
    if (r == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        r = cmn_err_set(err, errno, "socketpair: %s", strerror(errno));
    if (r == 0) {
        s.in_fd = fds[0];
        s.out_fd = fds[1];
        r = run(&s, err);
        (void)close(fds[0]);
        (void)close(fds[1]);
    }
    sim_inflate_free(s.inflate);
    sim_layer_cipher_free(s.cipher);
    EVP_MD_CTX_free(s.blob_md);
    EVP_MD_CTX_free(s.diff_md);
    return r;
}
