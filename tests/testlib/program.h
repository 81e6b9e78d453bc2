/*
 * program.h - runs a program to its end, as a user would, and keeps what it said.
 *
 *     struct t_ran r = t_program((const char *[]){getenv("COCOBOX"), "reasons", NULL});
 *     T_EQ_INT(r.status, 0);
 *     ... r.out, r.err: text ...
 *     t_ran_done(&r);
 */
#ifndef TESTLIB_PROGRAM_H
#define TESTLIB_PROGRAM_H

#include "common/buf/buf.h"

struct t_ran {
    int status; /* exit status, 128 + signal */
    struct cmn_buf out, err;
};

/* argv[0] is found in PATH, or a path; stdin is empty; up to 16 MiB of output. */
struct t_ran t_program(const char *const argv[]);
void t_ran_done(struct t_ran *ran);

#endif
