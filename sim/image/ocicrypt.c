/* ocicrypt.c - packets, options and the layer cipher; see ocicrypt.h. */
#include "sim/image/ocicrypt.h"
#include "common/enc/enc.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

static int packet_invalid(struct cmn_err *err, const char *why)
{
    return cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_KEY_PACKET_INVALID, "%s", why);
}

/* Loads an object; what names it. */
static int load_object(struct cmn_bytes text, const char *what, json_t **ret, struct cmn_err *err)
{
    int r = cmn_json_load(text, CMN_JSON_MAX_DEPTH, ret, err);

    if (r == 0 && !json_is_object(*ret)) {
        json_decref(cmn_take(*ret));
        r = cmn_err_set(err, EBADMSG, "is not an object");
    }
    if (r < 0 && err)
        err->reason = CMN_REASON_IMAGE_KEY_PACKET_INVALID;
    return r < 0 ? cmn_err_wrap(err, r, "%s", what) : 0;
}

/* A base64 member; want: its length in bytes, 0 for any. */
static int get_b64(const json_t *obj, const char *key, size_t want, struct cmn_buf *ret,
                   struct cmn_err *err)
{
    const char *text = cmn_json_str(obj, key);

    if (!text)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_KEY_PACKET_INVALID, "no member `%s`",
                              key);
    if (cmn_unb64(CMN_B64_STD, text, strlen(text), ret, NULL) < 0)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_KEY_PACKET_INVALID,
                              "base64 decoding failed when decode `%s`", key);
    if (want && ret->len != want)
        return cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_KEY_PACKET_INVALID,
                              "`%s` has %zu bytes, expect %zu bytes", key, ret->len, want);
    return 0;
}

int sim_ocicrypt_packet_parse(struct cmn_bytes json, struct sim_ocicrypt_packet *ret,
                              struct cmn_err *err)
{
    auto_json json_t *obj = NULL;
    struct sim_ocicrypt_packet p = {0};
    int r = load_object(json, "malwared AnnotationPacket format", &obj, err);

    if (r < 0)
        return r;
    const char *kid = cmn_json_str(obj, "kid"), *type = cmn_json_str(obj, "wrap_type");
    const char *provider = cmn_json_str(obj, "provider");
    if (!kid)
        return packet_invalid(err, "malwared AnnotationPacket format: no member `kid`");
    if (provider && strcmp(provider, "kbs") != 0)
        return cmn_err_reason(err, ENOTSUP, CMN_REASON_IMAGE_KEY_PACKET_INVALID,
                              "Unsupported provider: %.64s", provider);
    if (type && strcmp(type, "A256GCM") == 0)
        p.wrap_type = SIM_WRAP_A256GCM;
    else if (type && strcmp(type, "A256CTR") == 0)
        p.wrap_type = SIM_WRAP_A256CTR;
    else
        return cmn_err_reason(err, EBADMSG, CMN_REASON_IMAGE_KEY_PACKET_INVALID,
                              "Unknown WrapType: %.64s", type ? type : "");
    r = get_b64(obj, "wrapped_data", 0, &p.wrapped, err);
    if (r == 0)
        r = get_b64(obj, "iv", p.wrap_type == SIM_WRAP_A256GCM ? 12 : 16, &p.iv, err);
    if (r == 0 && !(p.kid = strdup(kid)))
        r = cmn_err_set(err, ENOMEM, "no memory");
    if (r < 0) {
        sim_ocicrypt_packet_done(&p);
        return r;
    }
    *ret = p;
    return 0;
}

void sim_ocicrypt_packet_done(struct sim_ocicrypt_packet *packet)
{
    free(packet->kid);
    cmn_buf_done(&packet->wrapped);
    cmn_buf_done(&packet->iv);
    *packet = (struct sim_ocicrypt_packet){0};
}

/* CTR has no tag: a wrong key gives garbage, which the parser of the options then refuses. */
static int ctr_once(struct cmn_env *env, const uint8_t *key, const uint8_t *iv, struct cmn_bytes in,
                    uint8_t *out, struct cmn_err *err)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(cmn_env_libctx(env), "AES-256-CTR", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;
    bool ok = cipher && ctx && in.len <= INT32_MAX &&
              EVP_EncryptInit_ex2(ctx, cipher, key, iv, NULL) == 1 &&
              EVP_EncryptUpdate(ctx, out, &n, in.data, (int)in.len) == 1;

    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cipher);
    return ok ? 0 : cmn_err_set(err, EIO, "AES-256-CTR failed");
}

int sim_ocicrypt_packet_open(struct cmn_env *env, const struct sim_ocicrypt_packet *packet,
                             struct cmn_bytes kek, struct cmn_buf *ret, struct cmn_err *err)
{
    struct cmn_bytes wrapped = cmn_buf_bytes(&packet->wrapped);
    int r;

    if (kek.len != SIM_OCICRYPT_KEY_BYTES)
        return cmn_err_reason(
            err, EINVAL, CMN_REASON_IMAGE_KEY_WRONG,
            "decrypt LEK using KEK failed: the key has %zu bytes, expect 32 bytes", kek.len);
    if (packet->wrap_type == SIM_WRAP_A256GCM) {
        r = cmn_gcm_open(env, kek.data, packet->iv.data, cmn_bytes(NULL, 0), wrapped, ret, err);
        if (r == -EKEYREJECTED || r == -EBADMSG)
            r = cmn_err_reason(err, EKEYREJECTED, CMN_REASON_IMAGE_KEY_WRONG,
                               "decrypt LEK using KEK failed: aes-256-gcm decrypt failed: Error");
        return r;
    }
    size_t before = ret->len;
    if (cmn_buf_resize(ret, before + wrapped.len) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return ctr_once(env, kek.data, packet->iv.data, wrapped, ret->data + before, err);
}

int sim_ocicrypt_packet_seal(struct cmn_env *env, const char *kid, const uint8_t kek[32],
                             const uint8_t *iv, struct cmn_bytes plain, struct cmn_buf *ret,
                             struct cmn_err *err)
{
    uint8_t fresh[12];
    auto_buf struct cmn_buf sealed = {0};
    int r = 0;

    if (!iv)
        r = cmn_env_random(env, fresh, sizeof(fresh), err);
    iv = iv ? iv : fresh;
    if (r == 0)
        r = cmn_gcm_seal(env, kek, iv, cmn_bytes(NULL, 0), plain, &sealed, err);
    if (r < 0)
        return r;
    auto_free char *wrapped = cmn_b64(CMN_B64_STD, sealed.data, sealed.len);
    auto_free char *iv_text = cmn_b64(CMN_B64_STD, iv, 12);
    if (!wrapped || !iv_text)
        return cmn_err_set(err, ENOMEM, "no memory");
    auto_json json_t *obj = json_pack("{s:s,s:s,s:s,s:s}", "kid", kid, "wrapped_data", wrapped,
                                      "iv", iv_text, "wrap_type", "A256GCM");
    auto_free char *text = obj ? cmn_json_dump(obj) : NULL;
    if (!text || cmn_buf_puts(ret, text) < 0)
        return cmn_err_set(err, ENOMEM, "no memory");
    return 0;
}

int sim_ocicrypt_private_parse(struct cmn_bytes json, struct sim_ocicrypt_private *ret,
                               struct cmn_err *err)
{
    auto_json json_t *obj = NULL;
    auto_buf_secret struct cmn_buf key = {0};
    auto_buf struct cmn_buf nonce = {0};
    int r = load_object(json, "private options of the layer", &obj, err);

    if (r < 0)
        return r;
    r = get_b64(obj, "symkey", SIM_OCICRYPT_KEY_BYTES, &key, err);
    if (r == 0)
        r = get_b64(json_object_get(obj, "cipheroptions"), "nonce", sizeof(ret->nonce), &nonce,
                    err);
    if (r < 0)
        return r;
    const char *digest = cmn_json_str(obj, "digest");
    if (!digest || !sim_digest_valid(digest))
        return packet_invalid(err, "private options of the layer have no sha256 digest");
    memcpy(ret->key, key.data, sizeof(ret->key));
    memcpy(ret->nonce, nonce.data, sizeof(ret->nonce));
    strcpy(ret->digest, digest);
    return 0;
}

int sim_ocicrypt_private_print(const struct sim_ocicrypt_private *opts, struct cmn_buf *ret)
{
    char *key = cmn_b64(CMN_B64_STD, opts->key, sizeof(opts->key));
    auto_free char *nonce = cmn_b64(CMN_B64_STD, opts->nonce, sizeof(opts->nonce));
    int r = -ENOMEM;

    if (key && nonce)
        r = cmn_buf_printf(
            ret, "{\"symkey\":\"%s\",\"digest\":\"%s\",\"cipheroptions\":{\"nonce\":\"%s\"}}", key,
            opts->digest, nonce);
    if (key)
        OPENSSL_cleanse(key, strlen(key));
    free(key);
    return r;
}

int sim_ocicrypt_public_parse(struct cmn_bytes json, uint8_t ret_hmac[32], struct cmn_err *err)
{
    auto_json json_t *obj = NULL;
    auto_buf struct cmn_buf hmac = {0};
    int r = load_object(json, "public options of the layer", &obj, err);

    if (r < 0)
        return r;
    const char *cipher = cmn_json_str(obj, "cipher");
    if (!cipher || strcmp(cipher, SIM_OCICRYPT_CIPHER) != 0)
        return cmn_err_reason(err, ENOTSUP, CMN_REASON_IMAGE_KEY_PACKET_INVALID,
                              "unsupported cipher type %.64s", cipher ? cipher : "");
    if (!cmn_json_str(obj, "hmac"))
        return packet_invalid(err, "HMAC is not provided for decryption process");
    r = get_b64(obj, "hmac", 32, &hmac, err);
    if (r == 0)
        memcpy(ret_hmac, hmac.data, 32);
    return r;
}

int sim_ocicrypt_public_print(const uint8_t hmac[32], struct cmn_buf *ret)
{
    auto_free char *text = cmn_b64(CMN_B64_STD, hmac, 32);

    return text ? cmn_buf_printf(ret,
                                 "{\"cipher\":\"" SIM_OCICRYPT_CIPHER
                                 "\",\"hmac\":\"%s\",\"cipheroptions\":{}}",
                                 text)
                : -ENOMEM;
}

/* The parts of a comma list, as a JSON array of strings. */
static json_t *split_list(const char *list)
{
    json_t *array = json_array();

    while (array && *list) {
        size_t n = strcspn(list, ",");
        if (n && json_array_append_new(array, json_stringn(list, n)) < 0) {
            json_decref(array);
            return NULL;
        }
        list += n + (list[n] == ',');
    }
    return array;
}

int sim_ocicrypt_annotations(const json_t *annotations, json_t **ret_packets, uint8_t ret_hmac[32],
                             struct cmn_err *err)
{
    const char *pub = cmn_json_str(annotations, SIM_OCICRYPT_PUBOPTS), *list = NULL, *key;
    auto_buf struct cmn_buf json = {0};
    json_t *value;

    json_object_foreach((json_t *)annotations, key, value) {
        if (strncmp(key, SIM_OCICRYPT_KEYS_PREFIX, strlen(SIM_OCICRYPT_KEYS_PREFIX)) == 0) {
            list = json_string_value(value);
            break;
        }
    }
    if (!list)
        return cmn_err_reason(err, ENODATA, CMN_REASON_IMAGE_KEY_PACKET_INVALID,
                              "missing private key needed for decryption");
    if (!pub)
        return packet_invalid(err, "HMAC is not provided for decryption process");
    if (cmn_unb64(CMN_B64_STD, pub, strlen(pub), &json, NULL) < 0)
        return packet_invalid(err, "base64 decoding failed of " SIM_OCICRYPT_PUBOPTS);
    int r = sim_ocicrypt_public_parse(cmn_buf_bytes(&json), ret_hmac, err);
    if (r < 0)
        return r;
    json_t *packets = split_list(list);
    if (!packets)
        return cmn_err_set(err, ENOMEM, "no memory");
    *ret_packets = packets;
    return 0;
}

struct sim_layer_cipher {
    EVP_CIPHER_CTX *ctr;
    EVP_MAC_CTX *hmac;
    bool encrypt;
};

static int cipher_start(struct cmn_env *env, struct sim_layer_cipher *c,
                        const struct sim_ocicrypt_private *opts)
{
    EVP_CIPHER *aes = EVP_CIPHER_fetch(cmn_env_libctx(env), "AES-256-CTR", NULL);
    EVP_MAC *mac = EVP_MAC_fetch(cmn_env_libctx(env), "HMAC", NULL);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
        OSSL_PARAM_construct_end(),
    };
    bool ok = aes && mac && (c->ctr = EVP_CIPHER_CTX_new()) && (c->hmac = EVP_MAC_CTX_new(mac)) &&
              EVP_EncryptInit_ex2(c->ctr, aes, opts->key, opts->nonce, NULL) == 1 &&
              EVP_MAC_init(c->hmac, opts->key, sizeof(opts->key), params) == 1;

    EVP_CIPHER_free(aes);
    EVP_MAC_free(mac);
    return ok ? 0 : -EIO;
}

int sim_layer_cipher_new(struct cmn_env *env, const struct sim_ocicrypt_private *opts, bool encrypt,
                         struct sim_layer_cipher **ret, struct cmn_err *err)
{
    struct sim_layer_cipher *c = calloc(1, sizeof(*c));

    if (!c)
        return cmn_err_set(err, ENOMEM, "no memory");
    c->encrypt = encrypt;
    if (cipher_start(env, c, opts) < 0) {
        sim_layer_cipher_free(c);
        return cmn_err_set(err, EIO, SIM_OCICRYPT_CIPHER " did not start");
    }
    *ret = c;
    return 0;
}

int sim_layer_cipher_update(struct sim_layer_cipher *c, const void *in, size_t len, void *out,
                            struct cmn_err *err)
{
    const uint8_t *p = in;
    uint8_t *q = out;

    while (len > 0) {
        int n = len > (1 << 20) ? 1 << 20 : (int)len, done = 0;
        bool ok = c->encrypt || EVP_MAC_update(c->hmac, p, (size_t)n) == 1;
        ok = ok && EVP_EncryptUpdate(c->ctr, q, &done, p, n) == 1 && done == n;
        ok = ok && (!c->encrypt || EVP_MAC_update(c->hmac, q, (size_t)n) == 1);
        if (!ok)
            return cmn_err_set(err, EIO, SIM_OCICRYPT_CIPHER " failed");
        p += n;
        q += n;
        len -= (size_t)n;
    }
    return 0;
}

int sim_layer_cipher_hmac(struct sim_layer_cipher *c, uint8_t ret[32], struct cmn_err *err)
{
    size_t n = 0;

    if (EVP_MAC_final(c->hmac, ret, &n, 32) != 1 || n != 32)
        return cmn_err_set(err, EIO, "HMAC-SHA-256 failed");
    return 0;
}

int sim_layer_cipher_verify(struct sim_layer_cipher *c, const uint8_t want[32], struct cmn_err *err)
{
    uint8_t got[32];
    int r = sim_layer_cipher_hmac(c, got, err);

    if (r < 0 || CRYPTO_memcmp(got, want, sizeof(got)) == 0)
        return r;
    auto_free char *got_hex = cmn_hex(got, sizeof(got)), *want_hex = cmn_hex(want, 32);
    return cmn_err_reason(err, EKEYREJECTED, CMN_REASON_IMAGE_HMAC_MISMATCH,
                          "failed decrypt byte stream, exp hmac: %s, actual hmac: %s",
                          want_hex ? want_hex : "", got_hex ? got_hex : "");
}

void sim_layer_cipher_free(struct sim_layer_cipher *c)
{
    if (!c)
        return;
    EVP_CIPHER_CTX_free(c->ctr);
    EVP_MAC_CTX_free(c->hmac);
    free(c);
}
