#!/usr/bin/env bash
# test-jose.sh INTEROP_JOSE - libjose's program opens what we seal, verifies what we sign, and the other way round.
# (libjose 11 has no RSA-OAEP-256 with OpenSSL 3 and writes epk where the KBS protocol does not read it, so there
# is nothing of it to open here.)
. "$(dirname "$0")/lib.sh"
ours=$(realpath "$1")
command -v jose >/dev/null || finish "jose is not installed"
cd "$dir" || exit 1

for crv in P-256 P-521; do
    jose jwk gen -i "{\"kty\":\"EC\",\"crv\":\"$crv\"}" -o key.jwk
    jose jwk pub -i key.jwk | jq -c '. + {alg: "ECDH-ES+A256KW"} | del(.key_ops)' >pub.jwk
    "$ours" seal pub.jwk 'the colour of the sea' >sealed.jwe
    check "$crv: jose opens our JWE" "$(jose jwe dec -i sealed.jwe -k key.jwk 2>&1)" 'the colour of the sea'
    jq -c '.ciphertext |= (if startswith("A") then "B" else "A" end) + .[1:]' sealed.jwe >changed.jwe
    refuses "$crv: jose refuses a changed one" '' jose jwe dec -i changed.jwe -k key.jwk
    jose jwk gen -i "{\"kty\":\"EC\",\"crv\":\"$crv\"}" -o other.jwk
    refuses "$crv: and another key" '' jose jwe dec -i sealed.jwe -k other.jwk
done

"$ours" sign signer.jwk >signed.jws
check "jose verifies our JWS" "$(jose jws ver -i signed.jws -k signer.jwk -O - 2>&1)" '{"hello":"world"}'
jose jwk gen -i '{"alg":"ES256"}' -o theirs.jwk
refuses "jose refuses it with another key" '' jose jws ver -i signed.jws -k theirs.jwk
printf '{"a":1}' | jose jws sig -I - -k theirs.jwk -c -s '{"protected":{"typ":"JWT"}}' -o theirs.jws
jose jwk pub -i theirs.jwk -o theirs.pub
accepts "we verify jose's JWS" "$ours" verify theirs.pub "$(cat theirs.jws)"
refuses "and not with another key" 'interop-jose' "$ours" verify signer.jwk "$(cat theirs.jws)"
finish
