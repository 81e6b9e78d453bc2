#!/usr/bin/env bash
# test-verifiers.sh FAKE_TEE - reports and chains of fake-tee before verifiers that are not ours: go-sev-guest's
# tools/check, snpguest, OpenSSL's command line. Each accepts what is genuine and refuses what was changed.
# COCOBOX_INTEROP_REQUIRED=1 (CI): at least one of the first two must run.
. "$(dirname "$0")/lib.sh"
tee=$(realpath "$1")
ca=${COCOBOX_TEST_CA:-$dir/ca}
data=aa55$(printf '00%.0s' $(seq 62))
gochk=$(interop_tool check) snpguest=$(interop_tool snpguest)

# The parts of one report: report.bin, bad.bin (one bit of the measurement), att*.bin (with the table behind),
# certs/ with ark.pem, ask.pem, vcek.der.
make() { # product, version
    rm -rf certs && mkdir certs
    "$tee" ca --dir "$ca" --seed tests -p "$1" >chain.pem 2>/dev/null &&
        "$tee" report --dir "$ca" --seed tests -p "$1" --report-version "$2" --report-data aa55 --out report.bin \
            --certs table.bin || return 1
    python3 - <<'EOF'
import struct
report, table, at = open("report.bin", "rb").read(), open("table.bin", "rb").read(), 0
bad = bytearray(report)
bad[0x90] ^= 1
names = {"63da758de6644564adc5f4b93be8accd": "vcek.der"}
while any(table[at:at + 16]):
    offset, length = struct.unpack("<II", table[at + 16:at + 24])
    name = names.get(table[at:at + 16].hex())
    if name:
        open("certs/" + name, "wb").write(table[offset:offset + length])
    at += 24
open("bad.bin", "wb").write(bad)
open("att.bin", "wb").write(report + table)
open("att-bad.bin", "wb").write(bytes(bad) + table)
# for OpenSSL: what is signed, and the signature as DER
open("signed.bin", "wb").write(report[:0x2A0])
r, s = (int.from_bytes(report[o:o + 48], "little") for o in (0x2A0, 0x2E8))
def der(n):
    b = n.to_bytes(49, "big").lstrip(b"\0")
    b = b"\0" + b if b[0] & 0x80 else b
    return b"\2" + bytes([len(b)]) + b
body = der(r) + der(s)
open("sig.der", "wb").write(b"\x30" + bytes([len(body)]) + body)
EOF
    openssl x509 -in chain.pem -out certs/ask.pem &&
        awk '/BEGIN/ {n++} n == 2' chain.pem >certs/ark.pem && [ -s certs/vcek.der ]
}

other_chain() { # product: a chain of the same names and another seed
    "$tee" ca --dir "$ca" --seed other -p "$1" 2>/dev/null >other.pem
}

with_openssl() {
    accepts "$1: openssl accepts the chain" \
        openssl verify -CAfile certs/ark.pem -untrusted certs/ask.pem certs/vcek.pem
    openssl x509 -inform DER -in certs/vcek.der -noout -pubkey >vcek.pub
    accepts "$1: openssl accepts the report's signature" \
        openssl dgst -sha384 -verify vcek.pub -signature sig.der signed.bin
    head -c $((0x2A0)) bad.bin >signed-bad.bin
    refuses "$1: openssl refuses a changed report" 'Verification (f|F)ailure' \
        openssl dgst -sha384 -verify vcek.pub -signature sig.der signed-bad.bin
}

# Not for Turin: v0.15.0 does not know the extension of its FMC level (1.3.6.1.4.1.3704.1.3.9).
with_go_sev_guest() { # what, product name of the VCEK
    local opts=(-network false -guest_policy 0x30000 -platform_info 1 -product_name "$2")
    accepts "$1: go-sev-guest accepts the report" \
        "$gochk" "${opts[@]}" -product_key_path chain.pem -report_data "$data" -in att.bin
    refuses "$1: go-sev-guest refuses a changed report" 'ECDSA verification failure' \
        "$gochk" "${opts[@]}" -product_key_path chain.pem -in att-bad.bin
    refuses "$1: go-sev-guest refuses other report data" 'REPORT_DATA|report_data' \
        "$gochk" "${opts[@]}" -product_key_path chain.pem -report_data "${data/aa55/aa56}" -in att.bin
    refuses "$1: go-sev-guest refuses the chain of another seed" 'any trusted roots' \
        "$gochk" "${opts[@]}" -product_key_path other.pem -in att.bin
    refuses "$1: go-sev-guest with AMD's own roots refuses" 'any trusted roots' \
        "$gochk" "${opts[@]}" -in att.bin
}

with_snpguest() { # what, product
    accepts "$1: snpguest accepts the chain" "$snpguest" verify certs certs
    accepts "$1: snpguest accepts the report" "$snpguest" verify attestation -p "$2" -r "0x$data" certs report.bin
    refuses "$1: snpguest refuses a changed report" 'did NOT sign' \
        "$snpguest" verify attestation -p "$2" certs bad.bin
    openssl x509 -in other.pem -out certs/ask.pem
    refuses "$1: snpguest refuses the ASK of another seed" 'NOT|not|fail' "$snpguest" verify certs certs
}

cd "$dir" || exit 1
while read -r product version name; do
    what="$product, version $version"
    check "$what: fake-tee makes report and chain" "$(make "$product" "$version" && echo yes)" yes
    other_chain "$product"
    openssl x509 -inform DER -in certs/vcek.der -out certs/vcek.pem
    with_openssl "$what"
    rm certs/vcek.pem
    [ -n "$gochk" ] && [ "$name" != - ] && with_go_sev_guest "$what" "$name"
    [ -n "$snpguest" ] && with_snpguest "$what" "$product"
done <<'EOF'
genoa 3 Genoa-B1
milan 2 Milan-B0
genoa 5 Genoa-B1
turin 5 -
EOF
if [ -n "${COCOBOX_INTEROP_REQUIRED:-}" ]; then
    check "an independent verifier ran" "${gochk:+yes}${snpguest:+yes}" "*yes*"
fi
finish
