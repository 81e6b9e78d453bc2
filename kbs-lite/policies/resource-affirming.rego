# Everything for guests whose every part (CPU, devices) is affirmed by the attestation policy.
package policy

import rego.v1

default allow := false

allow if {
	count(input.submods) > 0
	every submod in input.submods {
		submod["ear.status"] == "affirming"
	}
}
