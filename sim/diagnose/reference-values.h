/* reference-values.h - the forms in which reference values are kept, as one: {name: value}. */
#ifndef SIM_REFERENCE_VALUES_H
#define SIM_REFERENCE_VALUES_H

#include "common/json/json.h"

/* text: base64 (any alphabet) of {"name", "expiration", "value"}. Caller owns *ret. */
bool sim_reference_record(const json_t *text, json_t **ret);
/*
 * {"reference-values": {name: value}} (a bundle's), [{name, expiration, value}] (older operators),
 * {name: base64 record} (newer ones), else json itself. A new reference; NULL: no memory or not an
 * object.
 */
json_t *sim_reference_values_plain(const json_t *json);

#endif
