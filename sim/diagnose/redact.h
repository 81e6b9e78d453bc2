/*
 * redact.h - takes secrets out of text: bearer tokens, JWTs, sealed secrets, session ids, private
 * key blocks, passwords and auth members of configuration. What is taken is replaced by
 * "[removed]", so that the shape of the text stays. Public parts (certificates, evidence) stay.
 */
#ifndef SIM_REDACT_H
#define SIM_REDACT_H

#include "common/json/json.h"

/* Same text, secrets overwritten with 'x'; never longer. */
void sim_redact_in_place(char *text);

/* Appends text without its secrets to ret; *ret_removed counts them. -ENOMEM. */
int sim_redact_text(struct cmn_bytes text, struct cmn_buf *ret, size_t *ret_removed,
                    struct cmn_err *err) CMN_MUST_USE;

#endif
