#!/bin/sh
# build.sh - runs cargo for meson: build.sh SOURCE_DIR PRIVATE_DIR OUTPUT DEPFILE
# $CARGO names another cargo; $CARGO_TARGET_DIR a folder that several build folders share, so that they
# compile it once. The crates of Cargo.lock are fetched the first time.
set -eu

src=$1 target=${CARGO_TARGET_DIR:-$2/target} out=$3 dep=$4
case $target in /*) ;; *) target=$PWD/$target ;; esac
unset CARGO_TARGET_DIR

# What an outer cargo or a compiler wrapper may have put there is not for this build.
unset CARGO_BUILD_TARGET CARGO_ENCODED_RUSTFLAGS CARGO_MAKEFLAGS MAKEFLAGS || :

"${CARGO:-cargo}" build --quiet --locked --release \
    --manifest-path "$src/Cargo.toml" --target-dir "$target"
cp "$target/release/libcmn_rs.a" "$out.tmp"
mv "$out.tmp" "$out"

# cargo's "<archive>: <sources>" becomes "<output>: <sources> <manifest> <lock file>".
{
    printf '%s:' "$out"
    sed 's/^[^:]*://' "$target/release/libcmn_rs.d" | tr -d '\n'
    printf ' %s %s\n' "$src/Cargo.toml" "$src/Cargo.lock"
} >"$dep"
