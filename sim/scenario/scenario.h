/*
 * scenario.h - reads a scenario file into a plan, strictly.
 *
 *     auto_plan struct sim_plan *plan = NULL;
 *     int r = sim_scenario_load("scenarios/hello.yaml", &plan, &err);
 *
 * An unknown key, a wrong type, a missing file or a value out of its range is -EINVAL, and the
 * message names file and line (and the nearest known key). Paths in a scenario are relative to its
 * folder.
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "sim/scenario/plan.h"

int sim_scenario_load(const char *path, struct sim_plan **ret, struct cmn_err *err) CMN_MUST_USE;
/* The same from text: name stands in messages, dir is where paths start. */
int sim_scenario_parse(const char *name, const char *dir, struct cmn_bytes text,
                       struct sim_plan **ret, struct cmn_err *err) CMN_MUST_USE;

/*
 * Appends what `path` stands for: a folder is its *.yaml files by name, without *.pod.yaml;
 * anything else is itself. -ENOENT for a folder without scenarios. Free the list with
 * sim_strings_done.
 */
int sim_scenario_files(const char *path, struct sim_strings *list,
                       struct cmn_err *err) CMN_MUST_USE;

/* A field of the attestation report that a fault can name: offset and length in bytes. -ENOENT. */
int sim_fault_field(const char *name, size_t *ret_offset, size_t *ret_length);

#endif
