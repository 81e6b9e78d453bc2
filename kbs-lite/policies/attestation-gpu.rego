# The default appraisal of a device's evidence: no device is recognised, whatever it says.
package policy

import rego.v1

trust_claims := {
	"executables": 33,
	"hardware": 97,
	"configuration": 36,
	"instance-identity": 0,
	"file-system": 0,
	"runtime-opaque": 0,
	"storage-opaque": 0,
	"sourced-data": 0,
}
