/* rego-package.h - is a text a Rego policy? Used by inspect and lint to recognise one among other
 * files. */
#ifndef SIM_DIAGNOSE_REGO_PACKAGE_H
#define SIM_DIAGNOSE_REGO_PACKAGE_H

#include "common/buf/buf.h"

#include <stdbool.h>

/*
 * True if the first line that is neither empty nor a comment begins with "package " and a name,
 * which goes to name (cut to cap). Outside bytes.
 */
bool sim_rego_package(struct cmn_bytes text, char *name, size_t cap);

#endif
