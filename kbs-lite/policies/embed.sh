#!/bin/sh
# embed.sh - prints the Rego files given as C strings: kbs_rego_<name with _ for ->.
set -eu
printf '/* Made by embed.sh from the .rego files. */\n#include "kbs-lite/lib/policy-text.h"\n'
for f; do
    name=$(basename "$f" .rego | tr - _)
    printf '\nconst char kbs_rego_%s[] =\n' "$name"
    awk '{ gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); gsub(/\t/, "\\t"); printf "    \"%s\\n\"\n", $0 }
         END { print "    \"\";" }' "$f"
done
