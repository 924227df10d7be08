#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# A million requests through a pipe in constant memory; decisions that follow a slow pipe; an interrupt.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1

run=(pick --nodes "$data/nodes.yaml" --requests - --key Key)

# The limit is what the program takes for a hundred rows and 2 MB more: a million rows are 44 MB.
limited() { (ulimit -v "$1" && "$LOADWISE" "${run[@]}" "${@:2}" >"$work/out" 2>"$work/err"); }
rows=1000000
if [ -n "${LOADWISE_SANITIZED-}" ]; then
    echo "skipped: the limit of memory, since sanitizers reserve terabytes; a tenth of the rows, since they are slow"
    limit=unlimited
    rows=100000
else
    limit=4000
    until "$LOADWISE_TRACE" --rows 100 | limited "$limit" --strategy ring --output json || [ "$limit" -gt 200000 ]; do
        limit=$((limit + 1000))
    done
    limit=$((limit + 2000))
    echo "limit of memory: $limit kB"
fi
for words in "--summary" "--output json" "--output text"; do
    # shellcheck disable=SC2086
    "$LOADWISE_TRACE" --rows $rows | limited "$limit" --strategy ring --cost ContextTokens $words
    same "${PIPESTATUS[*]}" "0 0" "exit statuses for $rows rows, $words"
    case $words in
    --summary) out_has "$rows placed, 0 refused" ;;
    *json) same "$(wc -l <"$work/out" | tr -d ' ')" $((rows + 1)) "lines of JSON" ;;
    *text) out_has "$rows placed, 0 refused" ;;
    esac
done
same "$(wc -c <"$work/err" | tr -d ' ')" 0 "bytes on standard error, which is no terminal"

# A decision comes as soon as its request has come, though the input goes on.
coproc slow { exec "$LOADWISE" "${run[@]}" --strategy ring --seed 1 --output json 2>"$work/err"; }
# shellcheck disable=SC2154
pid=$slow_PID
exec 8>&"${slow[1]}" 9<&"${slow[0]}"
eval "exec ${slow[1]}>&- ${slow[0]}<&-"
printf 'TIMESTAMP,ContextTokens,GeneratedTokens,Key\nt,1,2,alice\n' >&8
read -r -t 60 decision <&9 || fail "no decision before the input ends"
case "$decision" in '{"row": 1, "key": "alice", "node": "'*'"}') ;; *) fail "decision: $decision" ;; esac
printf 't,1,2,bob\nt,1,2,car' >&8
read -r -t 60 decision <&9 || fail "no second decision"

# An interrupt ends the input: half a row is dropped, the summary comes, no line is cut.
kill -TERM "$pid"
cat <&9 >"$work/out"
wait "$pid"
same "$?" 143 "exit status after SIGTERM"
expect_json "$work/out"
same "$(wc -l <"$work/out" | tr -d ' ')" 1 "lines after the interrupt"
out_has '"placed": 2, "refused": 0'
exec 8>&- 9<&-
finish
