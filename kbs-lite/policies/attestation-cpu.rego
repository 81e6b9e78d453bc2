# The default appraisal of a CPU's evidence. Input: the annotated evidence, one member per TEE.
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

##### az-snp-vtpm: all claims are strings

az_snp := input["az-snp-vtpm"]

executables := 3 if {
	listed(az_snp.measurement, "measurement")
	listed(az_snp.tpm.pcr11, "snp_pcr11")
}

hardware := 2 if {
	listed(az_snp.reported_tcb_bootloader, "tcb_bootloader")
	listed(az_snp.reported_tcb_microcode, "tcb_microcode")
	listed(az_snp.reported_tcb_snp, "tcb_snp")
	listed(az_snp.reported_tcb_tee, "tcb_tee")
}

configuration := 2 if {
	listed(az_snp.platform_smt_enabled, "smt_enabled")
	listed(az_snp.platform_tsme_enabled, "tsme_enabled")
	listed(az_snp.policy_abi_major, "abi_major")
	listed(az_snp.policy_abi_minor, "abi_minor")
	listed(az_snp.policy_single_socket, "single_socket")
	listed(az_snp.policy_smt_allowed, "smt_allowed")
}

##### tdx

tdx := input.tdx

tdx_measured if {
	listed(tdx.quote.body.rtmr_1, "rtmr_1")
	listed(tdx.quote.body.rtmr_2, "rtmr_2")
}

# The firmware loaded this very kernel with this very command line.
tdx_kernel_logged if {
	some event in tdx.uefi_event_logs
	event.type_name == "EV_EFI_BOOT_SERVICES_APPLICATION"
	"File(kernel)" in event.details.device_paths
	some entry in event.digests
	entry.digest == query_reference_value("tdvfkernel")
}

tdx_cmdline_logged if {
	some event in tdx.uefi_event_logs
	event.type_name == "EV_EVENT_TAG"
	event.details.string == "LOADED_IMAGE::LoadOptions"
	some entry in event.digests
	entry.digest == query_reference_value("tdvfkernelparams")
}

tdx_logged if {
	tdx_kernel_logged
	tdx_cmdline_logged
}

executables := 3 if {
	tdx_measured
	tdx_logged
}

# A boot loader in between: measured, but not by these two events.
executables := 4 if {
	tdx_measured
	not tdx_logged
}

# A TDX quote by Intel's quoting enclave.
intel_quote(quote) if {
	quote.header.tee_type == "81000000"
	quote.header.vendor_id == "939a7233f79c4ca9940a0db3957f0607"
	listed(quote.body.mr_td, "mr_td")
}

hardware := 2 if {
	intel_quote(tdx.quote)
	tdx.tcb_status == "UpToDate"
	tdx.collateral_expiration_status == "0"
}

configuration := 2 if {
	tdx.td_attributes.debug == false
	listed(tdx.quote.body.xfam, "xfam")
}

##### az-tdx-vtpm

az_tdx := input["az-tdx-vtpm"]

executables := 3 if listed(az_tdx.tpm.pcr11, "tdx_pcr11")

hardware := 2 if {
	intel_quote(az_tdx.quote)
	az_tdx.tcb_status == "UpToDate"
}

configuration := 2 if listed(az_tdx.quote.body.xfam, "xfam")

##### tpm: a bare TPM tells nothing of the configuration

hardware := 2 if input.tpm

executables := 3 if {
	listed(input.tpm.pcr11, "tpm_pcr11")
	listed(input.tpm.ak_public, "trusted_aks")
}

configuration := 0 if input.tpm

##### se: the verifier has checked everything there is

executables := 3 if input.se

hardware := 2 if input.se

configuration := 2 if input.se

##### What the token says about the workload

containers := input.init_data_claims.agent_policy_claims.containers

images := [image | image := containers[_].OCI.Annotations["io.kubernetes.cri.image-name"]]

uids := [uid | uid := containers[_].OCI.Process.User.UID]

# Only what is there at all.
validated[name] := list if {
	some name, list in {"container_images": images, "container_uids": uids}
	count(list) > 0
}

extensions := [{"name": "ear.trustee.identifiers", "key": -18, "value": {"validated": validated}}]
