# The appraisal of a CPU's evidence as the Red Hat build of the Trustee operator sets it up: as the
# default for sample and snp, but by boot PCRs on Azure.
# Input: the annotated evidence, one member per TEE.
# Reference values: query_reference_value(name); null when none of this name is registered.
#
# Each claim starts at "not as it should be" and improves only when everything it stands for was
# recognised. 2 and 3 affirm; 33 unrecognised software, 97 unrecognised hardware, 36 no usable
# configuration.
package policy

import rego.v1

default executables := 33

default hardware := 97

default configuration := 36

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

# Is the value in the registered list?
listed(value, name) if value in query_reference_value(name)

##### sample: a stand-in TEE, proves nothing

executables := 3 if {
	input.sample
	listed(input.sample.launch_digest, "launch_digest")
}

hardware := 2 if {
	input.sample
	listed(input.sample.svn, "svn")
	input.sample.platform_version.major == query_reference_value("major_version")
	input.sample.platform_version.minor >= query_reference_value("minimum_minor_version")
}

configuration := 2 if {
	input.sample
	input.sample.debug == false
}

##### snp

executables := 3 if {
	input.snp
	listed(input.snp.measurement, "snp_launch_measurement")
}

hardware := 2 if {
	input.snp
	listed(input.snp.reported_tcb_bootloader, "snp_bootloader")
	listed(input.snp.reported_tcb_microcode, "snp_microcode")
	listed(input.snp.reported_tcb_snp, "snp_snp_svn")
	listed(input.snp.reported_tcb_tee, "snp_tee_svn")
}

# Nobody but the guest may read its memory.
snp_closed if {
	input.snp.policy_debug_allowed == false
	input.snp.policy_migrate_ma == false
}

# The configuration values are registered as scalars, not as lists.
snp_configured if {
	input.snp.platform_smt_enabled == query_reference_value("snp_smt_enabled")
	input.snp.platform_tsme_enabled == query_reference_value("snp_tsme_enabled")
	input.snp.policy_abi_major == query_reference_value("snp_guest_abi_major")
	input.snp.policy_abi_minor == query_reference_value("snp_guest_abi_minor")
	input.snp.policy_single_socket == query_reference_value("snp_single_socket")
	input.snp.policy_smt_allowed == query_reference_value("snp_smt_allowed")
}

configuration := 2 if {
	snp_closed
	snp_configured
}

configuration := 3 if {
	snp_closed
	not snp_configured
}

##### az-snp-vtpm: the PCRs decide; TCB and configuration are taken as they are

az_snp := input["az-snp-vtpm"]

executables := 3 if {
	listed(az_snp.tpm.pcr03, "snp_pcr03")
	listed(az_snp.tpm.pcr08, "snp_pcr08")
	listed(az_snp.tpm.pcr09, "snp_pcr09")
	listed(az_snp.tpm.pcr11, "snp_pcr11")
	listed(az_snp.tpm.pcr12, "snp_pcr12")
}

hardware := 2 if az_snp

configuration := 2 if az_snp
