#!/usr/bin/env bash
# test-diagnose.sh COCOBOX - the diagnosis commands as their users call them: exit codes, pipes, a case from log to verdict.
set -euo pipefail
cocobox=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# expect STATUS TEXT COMMAND...: ends with STATUS and says TEXT
expect() {
    local want=$1 text=$2 got=0
    shift 2
    "$@" >"$dir/out" 2>&1 || got=$?
    if [ "$got" != "$want" ] || ! grep -qF -- "$text" "$dir/out"; then
        echo "FAIL: $* ends with $got (want $want, '$text'):" >&2
        head -20 "$dir/out" >&2
        exit 1
    fi
}

mkdir "$dir/case"
cat >"$dir/case/kbs.log" <<'LOG'
10:00 ERROR kbs::error: AttestationError(RcarAttestFailed { source: verify TEE evidence failed
Caused by:
    VMPL Check Failed
LOG
printf '{"svn":"1","report_data":"AAAA"}' >"$dir/case/evidence.json"
printf 'package policy\ndefault allow = false\n' >"$dir/case/resource.rego"
printf 'password: hunter2-%s\nVMPL Check Failed\n' seeded >"$dir/case/guest.log"

expect 0 "snp.vmpl" "$cocobox" why "$dir/case/kbs.log"
expect 0 "line 3" "$cocobox" why - <"$dir/case/kbs.log"
expect 1 "No line" "$cocobox" why /dev/null
expect 3 "nonexistent" "$cocobox" why /nonexistent
expect 2 "--nope" "$cocobox" why --nope
expect 0 "sample-evidence" "$cocobox" inspect "$dir/case/evidence.json"
expect 0 '"kind":"sample-evidence"' "$cocobox" inspect --json - <"$dir/case/evidence.json"
expect 1 "not known" "$cocobox" inspect /dev/null
expect 0 "0 errors" "$cocobox" lint "$dir/case"
printf 'package x\nallow = 1\n' >"$dir/case/bad.rego"
expect 1 "bad.rego:1: error" "$cocobox" lint "$dir/case"
rm "$dir/case/bad.rego"
expect 3 "nonexistent" "$cocobox" lint /nonexistent
expect 2 "from" "$cocobox" bundle "$dir/case"
expect 0 "1 secrets removed" "$cocobox" bundle from "$dir/case" --out "$dir/case.tar.zst"
expect 3 "already" "$cocobox" bundle from "$dir/case" --out "$dir/case.tar.zst"
expect 1 "policy." "$cocobox" replay "$dir/case.tar.zst"
cp "$dir/out" "$dir/first"
expect 1 "policy." "$cocobox" replay "$dir/case.tar.zst"
cmp "$dir/out" "$dir/first" # the same bundle, the same bytes
expect 0 "verdict: accepted" "$cocobox" replay "$dir/case.tar.zst" --policy-set allow-all
expect 3 "no evidence" "$cocobox" replay "$dir/case/kbs.log"
expect 2 "era" "$cocobox" replay "$dir/case" --era 7
expect 2 "no time" "$cocobox" replay "$dir/case" --at yesterday
expect 3 "1 undecided" "$cocobox" replay --summary "$dir/case.tar.zst" "$dir/case/kbs.log"
expect 0 "trustee-0.21" "$cocobox" replay --product list
expect 2 "no http" "$cocobox" tap --upstream ftp://x --out "$dir/tap"
expect 0 "prove it" "$cocobox" reasons snp.vmpl
if zstd -dc "$dir/case.tar.zst" 2>/dev/null | grep -q hunter2; then
    echo "FAIL: a secret is in the bundle" >&2
    exit 1
fi
echo "diagnosis commands: fine"
