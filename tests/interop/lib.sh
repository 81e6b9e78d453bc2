# lib.sh - sourced by the interop tests. check WHAT GOT PATTERN counts; finish ends the test.
set -u
fails=0 done_=0
dir=$(mktemp -d)
pids=()
end_all() {
    for p in "${pids[@]:-}"; do [ -n "$p" ] && kill "$p" 2>/dev/null; done
    rm -rf "$dir"
}
trap end_all EXIT

check() { # what, got, wanted (a pattern)
    done_=$((done_ + 1))
    # shellcheck disable=SC2254 # the pattern is meant as one
    case $2 in
    $3) echo "ok: $1" ;;
    *) echo "FAILED: $1: got '$2', want '$3'"; fails=$((fails + 1)) ;;
    esac
}

accepts() { # what, command...: exit code 0
    local what=$1
    shift
    "$@" >"$dir/log" 2>&1
    local rc=$?
    check "$what" "$rc" 0
    [ $rc = 0 ] || sed 's/^/    /' "$dir/log" | head -n 5
}

refuses() { # what, pattern in its output, command...: exit code other than 0, and not by a signal
    local what=$1 part=$2
    shift 2
    "$@" >"$dir/log" 2>&1
    local rc=$?
    check "$what" "$((rc > 0 && rc < 126))" 1
    grep -qE "$part" "$dir/log" || {
        check "$what: its reason" "$(tail -n 3 "$dir/log")" "*$part*"
    }
}

finish() {
    if [ $done_ = 0 ]; then
        echo "SKIP: ${1:-nothing could run}"
        exit 77
    fi
    [ $fails = 0 ]
    exit
}

# Path of a verifier that install-tools put there; empty, with the reason on stdout, when it is not.
interop_tool() { # name
    local at=${COCOBOX_INTEROP_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/cocobox/interop} found
    found=$(ls -d "$at/$1"-*/"$1" 2>/dev/null | sort -V | tail -n 1)
    if [ -z "$found" ]; then
        echo "skip: $1 is not installed: $(cat "$at/$1"-*.why 2>/dev/null || echo "run tests/interop/install-tools")" >&2
    fi
    echo "$found"
}
