#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Help, version, lists; wrong options; wrong strategies. Each failure has its exit status and names what is wrong.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1

ok=(--nodes "$data/nodes.yaml" --requests "$data/requests.csv")

# ---- what is printed on request goes to standard output ----
for words in "--help" "-h" "pick --help" "pick -h" "pick --summary --help" "pool --help" "diff --help" "strategies --help" "layers --help"; do
    # shellcheck disable=SC2086
    expect 0 $words
    out_has "Usage: loadwise"
    same "$(wc -c <"$work/err" | tr -d ' ')" 0 "messages of $words"
done
expect 0 --version
major=$(sed -n 's/^#define LW_VERSION_MAJOR //p' "$LOADWISE_SOURCE/include/loadwise/version.h")
grep -qE "^loadwise $major\.[0-9]+\.[0-9]+$" "$work/out" || fail "version"

# The help of pick names every option, every field and every exit status.
expect 0 pick --help
for word in --nodes --strategy --requests --key --hash --cost --quota --time --seed --exclude --on-error --output --summary \
    name weight load remaining health priority zone inflight capacity tags limits; do
    grep -qE -- "^  $word( |$)" "$work/out" || fail "help does not list $word"
done
for status in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 128+N; do
    grep -qE "^  ${status/+/\\+} " "$work/out" || fail "help does not list exit status $status"
done
same "$(awk 'length > 100' "$work/out" | wc -l)" 0 "lines of help wider than 100"

# ---- strategies ----
expect 0 strategies
for name in round_robin smooth_wrr random weighted_random least_load p2c ring most_available chain; do
    grep -qE "^  $name +[A-Z]" "$work/out" || fail "strategies does not list $name"
done
# By families, each strategy once.
same "$(awk '/^  [a-z]/ { print $1 }' "$work/out" | sort | uniq -d)" "" "strategies listed twice"
for heading in "In turn, or by chance:" "By load:" "By key:" "Around others:"; do out_has "$heading"; done
family() { awk -v name="$1" '/^[A-Z].*:$/ { heading = $0 } $1 == name { print heading }' "$work/out"; }
same "$(family smooth_wrr)" "In turn, or by chance:" "family of smooth_wrr"
same "$(family most_available)" "By load:" "family of most_available"
same "$(family ring)" "By key:" "family of ring"
same "$(family chain)" "Around others:" "family of chain"
expect 0 strategies ring
for word in vnodes max_points absent_key "whole number from 1 to 65536, default 150" "one of random|error|next, default random"; do
    out_has "$word"
done
expect 0 strategies most_available
out_has "remaining"
out_has "decimal number from 0 to 1, default 0.05"
expect 0 strategies chain
out_has "1 to 16 strategies, in parentheses: chain(ring, p2c)"
expect 0 strategies bounded
out_has "one strategy, in parentheses: bounded(ring)"
expect 0 strategies random
out_has "No parameters."
expect_message 9 strategies nonsense <<<'no strategy is called "nonsense"'
expect_message 2 strategies p2c ring <<<"one name at most"
expect_message 2 strategies --frob <<<"--frob"

# ---- layers ----
expect 0 layers
for name in adaptive_throttle balance buffer circuit_breaker concurrency_limit hedge load_shed rate_limit retry timeout; do
    grep -qE "^  $name +[A-Z]" "$work/out" || fail "layers does not list $name"
done
expect 0 layers retry
for word in "whole number from 1 to 16, default 3" "time from 0 to 1h, default 25ms" budget_window; do out_has "$word"; done
expect 0 layers timeout
out_has "time from 1us to 24h, has to be given"
expect 0 layers balance
out_has "balance wait=1s p2c"
expect_message 9 layers nonsense <<<'no layer is called "nonsense"'
expect_message 2 layers retry hedge <<<"one name at most"
expect_message 2 layers --frob <<<"--frob"

# ---- options ----
expect_message 2 <<<"a command is missing"
expect_message 2 place <<<'"place" is not a command'
expect_message 2 pick --strategy p2c --requests - <<<"--nodes is missing"
expect_message 2 pick "${ok[@]}" <<<"--strategy is missing"
expect_message 2 pick --nodes "$data/nodes.yaml" --strategy p2c <<<"--requests is missing"
expect_message 2 pick "${ok[@]}" --strategy p2c --frobnicate <<<"--frobnicate is not an option"
expect_message 2 pick "${ok[@]}" --strategy p2c -x <<<"-x is not an option"
expect_message 2 pick "${ok[@]}" --strategy p2c --summary=yes <<<"--summary takes no value"
expect_message 2 pick "${ok[@]}" --strategy <<<"--strategy needs a value"
expect_message 2 pick "${ok[@]}" --strategy p2c extra <<<'unexpected argument "extra"'
expect_message 2 pick "${ok[@]}" --strategy p2c --output xml <<<'"xml" is neither text nor json'
expect_message 2 pick "${ok[@]}" --strategy p2c --on-error ignore <<<'"ignore" is neither stop nor skip'
for seed in -1 1.5 0x10 "" 18446744073709551616 "1 "; do
    expect_message 2 pick "${ok[@]}" --strategy p2c --seed "$seed" <<<"\"$seed\" is not a whole number from 0 to 18446744073709551615"
done
expect 0 pick "${ok[@]}" --strategy p2c --seed 18446744073709551615 --summary
expect_message 2 pick "${ok[@]}" --strategy p2c --cost =ContextTokens <<<"--cost: it must be COLUMN or DIM=COLUMN"
expect_message 2 pick "${ok[@]}" --strategy p2c --cost tokens= <<<"--cost: it must be COLUMN or DIM=COLUMN"
expect_message 2 pick "${ok[@]}" --strategy ring --hash md5 <<<'"md5" is neither id nor libmemcached nor nginx'
many=()
for i in 1 2 3 4 5 6 7 8 9; do many+=(--cost "d$i=ContextTokens"); done
expect_message 2 pick "${ok[@]}" --strategy p2c "${many[@]}" <<<"--cost: at most 8"

# ---- strategies that cannot be: the caret stands under the column of the complaint ----
caret() {
    local column
    expect 9 pick "${ok[@]}" --strategy "$1"
    err_has "$2"
    column=$(sed -n 's/.*column \([0-9]*\):.*/\1/p' "$work/err")
    same "$(sed -n 2p "$work/err")" "  $1" "the specification under the message"
    same "$(sed -n 3p "$work/err")" "$(printf '%*s^' $((column + 1)) '')" "caret"
    same "$column" "$3" "column"
}
caret "p3c" "no strategy is called 'p3c'" 1
caret "chain(ring vnodes=200, p3c)" "no strategy is called 'p3c'" 24
caret "ring vnodes=many" "from 1 to 65536" 13
caret "ring vnodes=0" "from 1 to 65536" 13
caret "p2c choices=99" "from 2 to 16" 13
caret "ring points=3" "ring has no parameter 'points'" 6
caret "most_available epsilon=1.5" "from 0 to 1" 24
caret "ring absent_key=maybe" "random|error|next" 17
caret "p2c; ring" "found ';'" 4
expect_message 9 pick "${ok[@]}" --strategy "" <<<"expected the name of a strategy"
expect_message 9 pick "${ok[@]}" --strategy "chain(ring" <<<"found the end"

# ---- strategies that cannot work with these nodes ----
printf 'nodes:\n- name: a\n- name: b\n' >"$work/plain.yaml"
expect_message 10 pick --nodes "$work/plain.yaml" --requests "$data/requests.csv" --strategy p2c <<<"load"
expect_message 10 pick --nodes "$work/plain.yaml" --requests "$data/requests.csv" --strategy most_available <<<"remaining"
expect_message 10 pick "${ok[@]}" --strategy "ring max_points=10" <<<"max_points"
finish
