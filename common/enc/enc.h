/*
 * enc.h - hex, base64 (standard, padded) and base64url (unpadded), the forms the protocols use.
 * Decoding is strict: canonical alphabet and padding, no white space; -EBADMSG otherwise.
 */
#ifndef CMN_ENC_H
#define CMN_ENC_H

#include "common/buf/buf.h"

enum cmn_b64_kind {
    CMN_B64_STD,     /* + / with '=' padding */
    CMN_B64_URL,     /* - _ without padding; padding is an error */
    CMN_B64_URL_PAD, /* - _ with padding */
};

/* Lower case. Returns a malloc'ed string or NULL (no memory). */
char *cmn_hex(const void *data, size_t len);
char *cmn_b64(enum cmn_b64_kind kind, const void *data, size_t len);

/* Appends the decoded bytes to ret. */
int cmn_unhex(const char *s, size_t len, struct cmn_buf *ret, struct cmn_err *err) CMN_MUST_USE;
int cmn_unb64(enum cmn_b64_kind kind, const char *s, size_t len, struct cmn_buf *ret,
              struct cmn_err *err) CMN_MUST_USE;

/*
 * Appends the decoded form of an application/x-www-form-urlencoded piece: '+' is a blank; a '%'
 * that begins no escape stays what it is (URL standard, "percent-decode"). -ENOMEM.
 */
int cmn_form_decode(const char *s, size_t len, struct cmn_buf *ret) CMN_MUST_USE;

#endif
