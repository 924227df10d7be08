# SPDX-License-Identifier: MIT OR Apache-2.0
# What the end-to-end tests share. They see the command from outside: words in; output, messages and exit status back.
#
# ctest sets LOADWISE and LOADWISE_TRACE (the programs) and LOADWISE_SOURCE (the tree). LOADWISE_SANITIZED is set when a
# sanitizer is built in: its shadow memory forbids tests that limit memory.
set -u
: "${LOADWISE:?the command}" "${LOADWISE_TRACE:?the trace generator}" "${LOADWISE_SOURCE:?the source tree}"
export LC_ALL=C

data=$LOADWISE_SOURCE/examples/data
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failures=0

# An address that is nobody else's, as no other process has our number: ports at it are free, and stay so while their
# server is away, whatever runs beside this. Connections have 127.0.0.1 at their own end, so none can come upon itself.
host=127.$(($$ >> 14 & 255)).$(($$ >> 6 & 255)).$((($$ & 63) * 4 + 1))

fail() {
    failures=$((failures + 1))
    printf 'FAILED: %s\n' "$*"
    [ ! -s "$work/out" ] || head -c 2000 "$work/out" | sed 's/^/    out: /'
    [ ! -s "$work/err" ] || head -c 2000 "$work/err" | sed 's/^/    err: /'
}

# Runs `loadwise WORDS...`, keeps its output and messages in $work/out and $work/err, and expects an exit status.
expect() {
    local want=$1 got
    shift
    "$LOADWISE" "$@" >"$work/out" 2>"$work/err"
    got=$?
    [ "$got" = "$want" ] || fail "exit status $got instead of $want: loadwise $*"
    [ "$got" -le 16 ] && ! grep -q 'runtime error\|AddressSanitizer\|ThreadSanitizer' "$work/err" ||
        fail "crashed: loadwise $*"
}

# The same, and every further line of standard input must occur in the message, which must be there.
expect_message() {
    local line lines=()
    mapfile -t lines
    expect "$@" </dev/null
    [ "${#lines[@]}" -gt 0 ] || fail "the test expects no message"
    for line in "${lines[@]}"; do
        grep -qF -- "$line" "$work/err" || fail "the message does not say: $line"
    done
}

out_has() { grep -qF -- "$1" "$work/out" || fail "the output does not say: $1"; }
err_has() { grep -qF -- "$1" "$work/err" || fail "the message does not say: $1"; }
same() { [ "$1" = "$2" ] || fail "$3: '$1' instead of '$2'"; }

# The column `want` of the summary's line of one node: summary_of NODE requests|share|...
summary_of() {
    awk -v node="$1" -v want="$2" '
        $1 == "node" { for (i = 1; i <= NF; i++) if ($i == want && !at) at = i }
        at && $1 == node { print $at; exit }' "$work/out"
}

# Every line of the output is one JSON object. The judge is not the library that wrote it.
expect_json() {
    awk -f "$LOADWISE_SOURCE/tests/e2e/json.awk" "$1" >"$work/json" || fail "not JSON lines: $(cat "$work/json")"
}

finish() {
    [ "$failures" = 0 ] && echo "passed" && exit 0
    echo "$failures failed"
    exit 1
}
