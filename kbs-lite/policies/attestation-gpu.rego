# The default appraisal of a device's evidence: no device is recognised, whatever it says.
# A rule per claim as well, for the releases that read the claims one by one.
package policy

import rego.v1

executables := 33

hardware := 97

configuration := 36

trust_claims := {
	"executables": executables,
	"hardware": hardware,
	"configuration": configuration,
	"instance-identity": 0,
	"file-system": 0,
	"runtime-opaque": 0,
	"storage-opaque": 0,
	"sourced-data": 0,
}
