# The operator's Restricted profile: software, configuration and hardware of every part must be
# affirmed (2 to 31) by the attestation policy. The other members of the vector do not matter.
package policy

import rego.v1

default allow := false

affirmed(value) if {
	value >= 2
	value <= 31
}

allow if {
	count(input.submods) > 0
	every submod in input.submods {
		vector := submod["ear.trustworthiness-vector"]
		affirmed(vector.executables)
		affirmed(vector.configuration)
		affirmed(vector.hardware)
	}
}
