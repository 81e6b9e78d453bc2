#!/usr/bin/env bash
# test-kbs-lite.sh KBS_LITE FAKE_TEE - the daemon as a user starts it: refusals to start, hostile requests,
# limits, and that it is still there afterwards.
set -u
kbs=$(realpath "$1") tee=$(realpath "$2")
dir=$(mktemp -d) pid=
trap '[ -n "$pid" ] && kill "$pid" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
fails=0
check() { # what, got, wanted (a pattern)
    # shellcheck disable=SC2254 # the pattern is meant as one
    case $2 in
    $3) echo "ok: $1" ;;
    *) echo "FAILED: $1: got '$2', want '$3'"; fails=$((fails + 1)) ;;
    esac
}
command -v curl >/dev/null || { echo "SKIP: curl is not installed"; exit 77; }

"$tee" ca --seed test --dir ca --product genoa >chain.pem 2>/dev/null || exit 1
config() {
    cat >kbs.toml <<EOF
[http_server]
sockets = ["$1"]
insecure_http = true
nonsense = 1
[admin]
authorization_mode = "InsecureAllowAll"
[[plugins]]
name = "resource"
storage_backend_type = "kvstorage"
[storage_backend]
storage_type = "LocalFs"
[storage_backend.backends.local_fs]
dir_path = "store"
[cocobox]
test_roots = "chain.pem"
EOF
}

echo 'x = [' >bad.toml
out=$("$kbs" -c bad.toml 2>&1); check "what is not TOML ends with 2" "$?" 2
check "and tells where" "$out" "*line 1*"
out=$("$kbs" -c /nonexistent 2>&1); check "a missing file ends with 2" "$?" 2
config 0.0.0.0:0
out=$("$kbs" -c kbs.toml 2>&1); check "test roots refuse the network" "$?" 2
check "and say why" "$out" "*loopback only*"

# what the SNP verifier's keys refuse at start, each by name
refuse() { # LINE TEXT
	config 127.0.0.1:0
	echo "$1" >>kbs.toml
	out=$("$kbs" -c kbs.toml 2>&1); check "'$1' ends with 2" "$?" 2
	check "and names it" "$out" "*$2*"
}
refuse 'verify_at = "yesterday"' "cocobox.verify_at"
refuse 'offline = "yes"' "cocobox.offline"
refuse 'crls = ["nowhere.crl"]' "cocobox.crls"
refuse 'crls = "one.crl"' "cocobox.crls"
refuse 'kds_cache = 1' "cocobox.kds_cache"
refuse 'verifier = "lenient"' "cocobox.verifier"
echo nonsense >bad.crl
refuse 'crls = ["bad.crl"]' "not a revocation list"
refuse '[attestation_service.verifier_config.snp_verifier]
vcek_sources = [{ type = "IDS" }]' "unknown variant*IDS"
refuse '[attestation_service.verifier_config.snp_verifier]
vcek_sources = [{ type = "KDS", base_url = "kds.local" }]' "http or https URL"

config 127.0.0.1:0
cat >>kbs.toml <<'EOF'
verifier = "strict"
offline = true
kds_cache = "kds"
crl_from_kds = true
crl_required = true
verify_at = "2026-01-01T00:00:00Z"
[attestation_service.verifier_config.snp_verifier]
vcek_sources = [{ type = "OfflineStore", path = "vceks" }, { type = "KDS" }]
EOF
"$kbs" -c kbs.toml >out 2>err &
pid=$!
for _ in $(seq 100); do grep -q listening out && break; sleep 0.1; done
url=$(sed 's/.* on //' out)
check "it tells where it listens" "$url" "http://127.0.0.1:*"
check "an unknown key is a warning that names it" "$(cat err)" "*key 'http_server.nonsense' has no effect*"

status() { curl -s -o body -w '%{http_code}' "$@"; }
check "health" "$(status "$url/healthz")" 200
check "which tells of the test root" "$(cat body)" "*test roots*"
head -c 3000000 /dev/zero >big
check "an oversized body is 413" "$(status --data-binary @big "$url/kbs/v0/auth")" 413
check "invalid JSON is 401" "$(status -d '{' "$url/kbs/v0/auth")" 401
check "with upstream's body" "$(cat body)" '{"type":"https://github.com/confidential-containers/kbs/errors/AttestationError","detail":"Attestation error: RCAR handshake Auth failed: deserialize Request"}'
python3 -c 'print("[" * 100000)' >deep 2>/dev/null && check "deep nesting is 401" "$(status --data-binary @deep "$url/kbs/v0/auth")" 401
check "an unknown path is 404" "$(status "$url/nope")" 404
check "an unknown method is 405" "$(status -X PATCH "$url/kbs/v0/auth")" 405
check "a resource is stored" "$(status -d hello "$url/kbs/v0/resource/default/demo/secret")" 200
check "with mode 0600" "$(stat -c %a 'store/repository/default\x2Fdemo\x2Fsecret')" 600
check "a path that climbs is refused" "$(status --path-as-is -d x "$url/kbs/v0/resource/../../x")" 401
check "an encoded one too" "$(status --path-as-is -d x "$url/kbs/v0/resource/%2e%2e/%2e%2e/x")" 401
check "nothing lies outside the store" "$(ls -d x ../x 2>/dev/null)" ""
check "no token, no resource" "$(status "$url/kbs/v0/resource/default/demo/secret")" 401
check "a foreign token is refused" "$(status -H 'Authorization: Bearer a.b.c' "$url/kbs/v0/resource/default/demo/secret")" 401
check "by the token verifier" "$(cat body)" '*TokenVerifierError*'
head -c 100000 /dev/urandom | timeout 2 bash -c "cat >/dev/tcp/127.0.0.1/${url##*:}" 2>/dev/null
check "noise does not end it" "$(status "$url/healthz")" 200
curl -s -c jar -d '{"version":"0.4.0","tee":"snp","extra-params":""}' "$url/kbs/v0/auth" >challenge
nonce=$(sed 's/.*"nonce":"\([^"]*\)".*/\1/' challenge)
attest='{"runtime-data":{"nonce":"'$nonce'","tee-pubkey":{"kty":"RSA","alg":"RSA-OAEP-256","n":"AA","e":"AQAB"}},"tee-evidence":{"primary_evidence":{"attestation_report":1},"additional_evidence":""}}'
check "evidence of another shape is 401" "$(status -b jar -d "$attest" "$url/kbs/v0/attest")" 401
check "the log names the check" "$(cat err)" "*kbs.attest refused snp.evidence-malformed: Deserialize SNP Evidence failed*check evidence.format*"
check "the log names the reason" "$(cat err)" "*kbs.resource refused token.missing*"
check "and no secret" "$(grep -c hello err)" 0
kill "$pid"; wait "$pid"
check "SIGTERM ends it with 0" "$?" 0
pid=
: >out # or the loop below may still read the first one's line
"$kbs" -c kbs.toml >>out 2>>err &
pid=$!
for _ in $(seq 100); do grep -q listening out && break; sleep 0.1; done
url=$(sed 's/.* on //' out)
check "what was stored is there after a restart" "$(status -X DELETE "$url/kbs/v0/resource/default/demo/secret")" 200
check "and can be deleted once" "$(status -X DELETE "$url/kbs/v0/resource/default/demo/secret")" 401
[ $fails = 0 ]
