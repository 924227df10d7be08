#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# JSON that any reader takes, the same picks for the same seed, and an output that goes away.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1

run=(pick --nodes "$data/nodes.yaml" --requests "$data/requests.csv" --key Key)

# ---- JSON ----
expect 0 "${run[@]}" --strategy p2c --seed 3 --output json --cost tokens=ContextTokens
expect_json "$work/out"
same "$(wc -l <"$work/out" | tr -d ' ')" 6001 "lines of JSON"
same "$(grep -cE '^\{"row": [0-9]+, "key": "user-[0-9]+", "node": "[a-z0-9-]+"\}$' "$work/out")" 6000 "decisions"
same "$(sed -n '$p' "$work/out" | cut -c1-13)" '{"summary": {' "last line"
out_has '"seed": "3"'
out_has '"placed": 6000, "refused": 0, "skipped": 0'
same "$(sed '$d' "$work/out" | sed 's/.*"node": "\([^"]*\)".*/\1/' | cksum)" \
    "$("$LOADWISE" "${run[@]}" --strategy p2c --seed 3 | sed '1d;/^$/,$d' | awk '{ print $2 }' | cksum)" "picks in JSON and in text"
expect 0 "${run[@]}" --strategy p2c --output json --summary
expect_json "$work/out"
same "$(wc -l <"$work/out" | tr -d ' ')" 1 "lines of a summary in JSON"

# Keys that are hard to print: quotes, control characters, Latin-1, none.
printf 'user,n\n"a\\""b\tc",1\nm\xfcller,2\nm\xc3\xbcller,3\n\x1b[31mred,4\n,5\n' >"$work/hard.csv"
hard=(pick --nodes "$data/nodes.yaml" --requests "$work/hard.csv" --key user --strategy ring)
expect 0 "${hard[@]}" --output json --cost $'d\xfc=n'
expect_json "$work/out"
for key in '"key": "a\\\"b\tc"' '"key": "m\\xfcller"' '"key": "müller"' '"key": "\u001B[31mred"' '"key": null'; do
    out_has "$key"
done
expect 0 "${hard[@]}"
same "$(tr -d '\n' <"$work/out" | grep -cP '[\x00-\x1f]')" 0 "control characters in text"

# ---- the same seed, the same picks ----
for strategy in round_robin smooth_wrr random weighted_random "least_load" p2c ring most_available "chain(ring, p2c)"; do
    expect 0 "${run[@]}" --strategy "$strategy" --seed 42
    mv "$work/out" "$work/first"
    expect 0 "${run[@]}" --strategy "$strategy" --seed 42
    cmp -s "$work/out" "$work/first" || fail "$strategy: the same seed, other picks"
done
expect 0 "${run[@]}" --strategy random --seed 43
mv "$work/out" "$work/first"
expect 0 "${run[@]}" --strategy random --seed 42
cmp -s "$work/out" "$work/first" && fail "another seed, the same picks"
# Without a seed one is drawn; the summary names it, and with it the run can be repeated.
expect 0 "${run[@]}" --strategy random
mv "$work/out" "$work/first"
seed=$(sed -n 's/^strategy .*seed \([0-9]*\)$/\1/p' "$work/first")
expect 0 "${run[@]}" --strategy random --seed "$seed"
cmp -s "$work/out" "$work/first" || fail "the seed that was drawn does not repeat the run"

# ---- an output that goes away ----
"$LOADWISE" "${run[@]}" --strategy p2c 2>"$work/err" | head -1 >"$work/out"
same "${PIPESTATUS[0]}" 11 "exit status for a closed pipe"
err_has "its reader closed it early"
"$LOADWISE" pick --help 2>"$work/err" | true
case "${PIPESTATUS[0]}" in 0 | 11) ;; *) fail "exit status of help into a closed pipe" ;; esac
for words in "--help" "strategies" "pick --help"; do
    # shellcheck disable=SC2086
    "$LOADWISE" $words 2>"$work/err" >/dev/full
    same "$?" 11 "exit status for a full disk: $words"
    err_has "No space left"
done
"$LOADWISE" "${run[@]}" --strategy p2c --summary 2>"$work/err" >/dev/full
same "$?" 11 "exit status for a full disk"

# A file that may not grow ends with a whole line, never with half of one. ulimit counts kilobytes.
: >"$work/out"
(ulimit -f 100 && "$LOADWISE" "${run[@]}" --strategy p2c --output json >"$work/out" 2>"$work/err")
same "$?" 11 "exit status for a file that may not grow"
expect_json "$work/out"
[ "$(wc -l <"$work/out")" -gt 1000 ] || fail "hardly any line before the limit of 100 kB"
finish
