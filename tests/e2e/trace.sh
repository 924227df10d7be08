#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# The bundled requests are what the generator writes, byte for byte, and as their page describes them.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1

"$LOADWISE_TRACE" >"$work/out" 2>"$work/err" || fail "the generator fails"
cmp "$work/out" "$data/requests.csv" || fail "requests.csv is not what loadwise-trace writes"
same "$(head -1 "$work/out")" "TIMESTAMP,ContextTokens,GeneratedTokens,Key" "header"
same "$(sed 1d "$work/out" | grep -cvE '^20[0-9]{2}-[01][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-5][0-9]\.[0-9]{7},[0-9]+,[0-9]+,user-[0-9]{3}$')" 0 "rows of another form"
same "$(sed 1d "$work/out" | cut -d, -f1 | LC_ALL=C sort -c 2>&1)" "" "rows out of time order"

# The smallest value that so many percent of the lines do not exceed.
quantile() { LC_ALL=C sort -g | awk -v percent="$1" '{ v[NR] = $1 } END { print v[int((percent * NR + 99) / 100)] }'; }

sed 1d "$work/out" | cut -d, -f2 >"$work/context"
sed 1d "$work/out" | cut -d, -f3 >"$work/generated"
sed 1d "$work/out" | awk -F'[, :-]' '{ t = $3 * 86400 + $4 * 3600 + $5 * 60 + $6
    if (NR > 1) printf "%.1f\n", (t - last) * 1000
    last = t }' >"$work/gaps"
checked=0
while read -r _ percent _ _ _ _ context _ _ _ generated _ _ _ gap _; do
    same "$(quantile "$percent" <"$work/context")" "$context" "README: ContextTokens at $percent %"
    same "$(quantile "$percent" <"$work/generated")" "$generated" "README: GeneratedTokens at $percent %"
    same "$(quantile "$percent" <"$work/gaps")" "$gap" "README: gap at $percent %"
    checked=$((checked + 1))
done < <(grep -E '^\| [0-9]+ % \|' "$data/README.md")
same "$checked" 8 "quantiles checked"

# Another seed is another trace; fewer rows are the beginning of the same.
"$LOADWISE_TRACE" --rows 100 | cmp - <(head -101 "$data/requests.csv") || fail "a shorter trace is not the beginning"
"$LOADWISE_TRACE" --rows 100 --seed 2 | cmp -s - <(head -101 "$data/requests.csv") && fail "the seed changes nothing"
same "$("$LOADWISE_TRACE" --rows 2000 --users 3 | sed 1d | cut -d, -f4 | sort -u | tr '\n' ' ')" "user-001 user-002 user-003 " "users"
"$LOADWISE_TRACE" --rows x >"$work/out" 2>"$work/err"
same "$?" 2 "exit status for a wrong number"
"$LOADWISE_TRACE" --rows 1000 2>"$work/err" >/dev/full
same "$?" 11 "exit status on a full disk"
finish
