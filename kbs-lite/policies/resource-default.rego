# The default: a resource for every guest that attested with a real TEE. The status of the token does
# not matter here: a guest with the wrong measurement gets the resource too.
# Input: the token's payload. Data: plugin, resource-path (list), query.
package policy

import rego.v1

default allow := false

allow if {
	data.plugin == "resource"
	not sample_evidence
}

# The mere presence of the member counts, whatever its value.
sample_evidence if "sample" in object.keys(input.submods.cpu0["ear.veraison.annotated-evidence"])
