#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# The forms of requests, and rows that are malformed: line numbers, stop, skip.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1

csv=$work/requests.csv
run=(pick --nodes "$data/nodes.yaml" --strategy ring --seed 1 --requests)

decisions() { sed '1d;/^$/,$d' "$work/out"; }
keys() { decisions | awk '{ printf "%s:%s ", $1, $3 }'; }

# ---- one key per line ----
printf 'alice\n\nbob\r\ncarol' >"$csv"
expect 0 "${run[@]}" "$csv"
same "$(keys)" "1:alice 2:bob 3:carol " "keys of a list"
alice=$(decisions | awk '$3 == "alice" { print $2 }')
expect 0 "${run[@]}" - <"$csv"
same "$(keys)" "1:alice 2:bob 3:carol " "keys of a list from standard input"
expect_message 7 "${run[@]}" "$csv" --key user <<<'no column is called "user"'
expect_message 7 "${run[@]}" "$csv" --cost tokens <<<'no column is called "tokens"'
expect 0 "${run[@]}" "$csv" --key row
same "$(keys)" "1:1 2:2 3:3 " "row numbers as keys"

# ---- CSV ----
printf '\xef\xbb\xbfuser,tokens\r\nalice,3\r\n\r\n"al,""ice",4\r\n,5\r\n' >"$csv"
expect 0 "${run[@]}" "$csv" --key user --cost tokens
same "$(keys)" '1:alice 2:al,"ice 3: ' "keys of a CSV: quotes, none"
same "$(decisions | awk '$3 == "alice" { print $2 }')" "$alice" "the node of a key, whatever the form"
same "$(summary_of all tokens)" 12 "tokens"
expect 0 "${run[@]}" "$csv"
same "$(keys)" "1: 2: 3: " "no --key: no key"
printf 'user\nalice\nbob\n' >"$csv"
expect 0 "${run[@]}" "$csv" --key user
same "$(keys)" "1:alice 2:bob " "a header of the one column that is asked for"
printf 'row,user\n7,alice\n' >"$csv"
expect 0 "${run[@]}" "$csv" --key row
same "$(keys)" "1:1 " "row is the number of the row"

# ---- headers that will not do ----
printf 'user,tokens\nalice,3\n' >"$csv"
expect_message 7 "${run[@]}" "$csv" --key User <<<'no column is called "User"; the header has user, tokens'
expect_message 7 "${run[@]}" "$csv" --cost d=Tokens <<<'no column is called "Tokens"'
printf 'user,user\nalice,3\n' >"$csv"
expect_message 7 "${run[@]}" "$csv" --key user <<<'two columns are called "user"'
sed 1d "$data/requests.csv" >"$csv"
expect_message 7 "${run[@]}" "$csv" <<<"$csv:1: the first line must be a header"
printf 'user,"tokens\n' >"$csv"
expect_message 7 "${run[@]}" "$csv" <<<"$csv:1: the header cannot be read"
printf 'c%s,' $(seq 300) >"$csv"
expect_message 7 "${run[@]}" "$csv" <<<"256"
: >"$csv"
expect_message 7 "${run[@]}" "$csv" --key user <<<"the input is empty"
expect 0 "${run[@]}" "$csv"
out_has "0 placed, 0 refused"

# ---- malformed rows ----
# bad LINE TEXT: the second request of this file is malformed, at this line.
bad() {
    cat >"$csv"
    expect 8 "${run[@]}" "$csv" --key user --cost tokens
    err_has "$csv:$1: malformed row: $2"
    same "$(keys)" "1:alice " "decisions before the malformed row"
    expect 0 "${run[@]}" "$csv" --key user --cost tokens --on-error skip
    err_has "$csv:$1: malformed row: $2"
    same "$(keys)" "1:alice 3:carol " "decisions around the malformed row"
    out_has "1 malformed row was skipped"
    same "$(summary_of all tokens)" 10 "costs around the malformed row"
    expect 0 "${run[@]}" "$csv" --key user --cost tokens --on-error skip --output json
    expect_json "$work/out"
    out_has '"skipped": 1'
}
bad 3 "1 field where the header has 2" <<<$'user,tokens\nalice,3\nbob\ncarol,7'
bad 4 "3 fields where the header has 2" <<<$'user,tokens\nalice,3\n\nbob,1,2\ncarol,7'
bad 3 'tokens is "many", not a whole number from 0 to 1000000000000' <<<$'user,tokens\nalice,3\nbob,many\ncarol,7'
bad 3 'tokens is "-1"' <<<$'user,tokens\nalice,3\nbob,-1\ncarol,7'
bad 3 'tokens is "1000000000001"' <<<$'user,tokens\nalice,3\nbob,1000000000001\ncarol,7'
bad 3 'tokens is ""' <<<$'user,tokens\nalice,3\nbob,\ncarol,7'
bad 3 "a quote is left open" <<<$'user,tokens\nalice,3\n"bob,1\ncarol,7'
bad 3 "a quote is left open or stands inside" <<<$'user,tokens\nalice,3\nb"ob,1\ncarol,7'
bad 3 "a carriage return" <<<$'user,tokens\nalice,3\nbob,1\rbob,2\ncarol,7'
bad 3 "it is longer than 65535 bytes" < <(printf 'user,tokens\nalice,3\n%070000d,1\ncarol,7\n' 0)
printf 'user,tokens\nalice,3\n%0200000d' 0 >"$csv"
expect_message 8 "${run[@]}" "$csv" <<<"$csv:3: malformed row: it is longer"

# Many bad rows do not drown the messages.
{ echo user,tokens; seq 1000; } >"$csv"
expect 0 "${run[@]}" "$csv" --on-error skip
same "$(wc -l <"$work/err" | tr -d ' ')" 11 "messages for a thousand malformed rows"
out_has "1000 malformed rows were skipped"

# A strategy that insists on a key makes the row without one malformed; a refusal does not.
printf 'user,tokens\nalice,3\n,4\ncarol,7\n' >"$csv"
expect_message 8 "${run[@]}" "$csv" --key user --strategy "ring absent_key=error" <<<"$csv:3: "
expect 0 "${run[@]}" "$csv" --key user --strategy "ring absent_key=error" --on-error skip
same "$(keys)" "1:alice 3:carol " "decisions around the row without key"
expect 1 "${run[@]}" "$csv" --key user --strategy "ring absent_key=next"
out_has "LW_NO_KEY: the request has no key"
out_has "2 placed, 1 refused"

expect_message 3 "${run[@]}" "$work/missing" <<<"$work/missing: cannot be opened"
expect_message 3 "${run[@]}" "$work" <<<"Is a directory"
"$LOADWISE" "${run[@]}" - <&- >"$work/out" 2>"$work/err"
same "$?" 3 "exit status for a closed standard input"
finish
