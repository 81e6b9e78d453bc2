#!/usr/bin/env bash
# test-images.sh INTEROP_REGISTRY COCOBOX MAKE_FIXTURE - skopeo and umoci read our OCI layouts and pull from our
# registry; what was encrypted stays a legal image to them.
. "$(dirname "$0")/lib.sh"
serve=$(realpath "$1") cocobox=$(realpath "$2") fixture=$(realpath "$3")
for t in skopeo umoci jq; do
    command -v $t >/dev/null || finish "$t is not installed"
done
cd "$dir" || exit 1
export XDG_RUNTIME_DIR=$dir
"$fixture" hello fixture >/dev/null 2>fixture.log || finish "no fixture: $(tail -n 1 fixture.log)"
want=$(skopeo inspect --raw oci:fixture:hello | sha256sum)

mkfifo hold && exec 9<>hold
"$serve" fixture hello ours registry.local/hello:hello <hold >port &
pids+=($!)
for _ in $(seq 100); do grep -q port port && break; sleep 0.1; done
at=127.0.0.1:$(sed 's/port //' port)

check "skopeo reads our layout" "$(skopeo inspect --raw oci:ours:hello 2>&1 | sha256sum)" "$want"
accepts "umoci unpacks our layout" umoci unpack --rootless --image ours:hello bundle
check "with all in it" "$(cat bundle/rootfs/etc/passwd 2>&1)" 'root:x:0:0:root:/root:/bin/sh'
check "and without what a layer deleted" "$(ls bundle/rootfs/etc/lower-only 2>&1)" '*No such file*'
accepts "skopeo pulls from our registry" \
    skopeo copy --src-tls-verify=false "docker://$at/hello:hello" oci:pulled:hello
check "the same manifest" "$(skopeo inspect --raw oci:pulled:hello 2>&1 | sha256sum)" "$want"
digest=$(sed 's/ .*//' <<<"$want")
accepts "and by digest" skopeo inspect --raw --tls-verify=false "docker://$at/hello@sha256:$digest"
refuses "an unknown tag is told as the registry API wants it" 'manifest unknown|MANIFEST_UNKNOWN' \
    skopeo inspect --raw --tls-verify=false "docker://$at/hello:nope"
refuses "and an unknown name" 'name unknown|NAME_UNKNOWN|not known' \
    skopeo inspect --raw --tls-verify=false "docker://$at/nope:1"

accepts "we encrypt the image" \
    "$cocobox" image encrypt fixture:hello encrypted:hello --key kbs:///default/image/hello --key-file key
accepts "skopeo copies the encrypted one, digests and all" skopeo copy oci:encrypted:hello oci:copied:hello
check "its layers say so" \
    "$(skopeo inspect --raw oci:copied:hello | jq -r '.layers | map(.mediaType | endswith("+encrypted")) | all')" true
refuses "and nobody unpacks them without the key" '' umoci unpack --rootless --image copied:hello bundle2
finish
