#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# `loadwise fetch` against four nginx and a server that is as broken as we like: who answered, what was tried again, what
# it says when it cannot, how it ends.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/servers.bash" || exit 1

fetch=(fetch --nodes "$nodes")
sum() { awk -v want="$1" '/^127/ { sum += $want } END { print sum }' "$work/out"; }
between() { [ "$1" -ge "$2" ] && [ "$1" -le "$3" ] || fail "$4: $1 instead of $2 to $3"; }

# ---- help and words ----
expect 0 fetch --help
for word in nodes stack count concurrency rate seconds method body header safe latency csv seed json; do
    grep -qE -- "^  --$word( |$)" "$work/out" || fail "help does not list --$word"
done
same "$(awk 'length > 100' "$work/out" | wc -l)" 0 "lines of help wider than 100"
expect_message 2 fetch / <<<"--nodes is missing"
expect_message 2 "${fetch[@]}" <<<"the path is missing"
expect_message 2 "${fetch[@]}" v1 <<<'the path "v1" does not begin with /'
expect_message 2 "${fetch[@]}" / /two <<<'one path only'
expect_message 2 "${fetch[@]}" --frobnicate / <<<"--frobnicate is not an option of fetch"
for word in count concurrency rate seconds; do
    expect_message 2 "${fetch[@]}" --$word 0 / <<<"--$word: \"0\" is not a whole number from 1"
done
expect_message 2 "${fetch[@]}" --header nonsense / <<<'--header: "nonsense" is not "Name: value"'
expect_message 2 "${fetch[@]}" --latency last / <<<'"last" is neither total nor first-byte'
expect_message 3 fetch --nodes "$work/absent" / <<<"$work/absent: cannot be read"
printf 'nodes:\n- name: "ftp://host"\n' >"$nodes"
expect_message 4 "${fetch[@]}" --count 1 / <<<"ftp://host"

# ---- stacks that cannot be: the caret stands under the column, also of what is wrong with the strategy ----
for i in 0 1 2 3; do serve_nginx "$i"; done
name_nodes
caret() {
    expect 9 "${fetch[@]}" --count 1 --stack "$1" /
    err_has "--stack: column $3: "
    err_has "$2"
    same "$(sed -n 2p "$work/err")" "  $1" "the stack under the message"
    same "$(sed -n 3p "$work/err")" "$(printf '%*s^' $(($3 + 1)) '')" "caret"
}
caret "retry | balance p3c" "no strategy is called 'p3c'" 17
caret "timeout 1s | balance wait=1s p2c metric=foo | timeout 1s" "metric=foo" 41
caret "retry max=99 | balance p2c" "from 1 to 16" 11
caret "retri | balance p2c" "there is no layer 'retri'" 1
caret "retry | balance chain(p2c" "found the end" 26
expect_message 2 "${fetch[@]}" --concurrency 100001 / <<<"from 1 to 100000"
(ulimit -n 100 && expect_message 2 "${fetch[@]}" --count 1 --concurrency 90 / <<<"--concurrency: 90 at a time need 154 open files" &&
    exit "$failures") || fail "the limit of open files"

# ---- four nginx ----
expect 0 "${fetch[@]}" --count 400 --concurrency 8 --stack "retry | balance round_robin" /
same "$(awk '/^127/ { print $2 }' "$work/out" | xargs)" "100 100 100 100" "requests of each in turn"
same "$(table whole ok)" 400 "requests that went well"
out_has "Retries: 0,"
same "$(wc -c <"$work/err" | tr -d ' ')" 0 "messages, without a terminal"
expect 0 "${fetch[@]}" --count 100 --json --stack "hedge p95 | retry | balance p2c" /
expect_json "$work/out"
for word in '"requests":100' '"outcomes":{"ok":100}' '"refused":0' '"retry":{' '"hedge":{' '"events":['; do out_has "$word"; done
expect 1 "${fetch[@]}" --count 30 --stack "balance round_robin" /busy
same "$(table whole not)" 30 "requests to a busy server"
out_has "30 overload"
out_has ": status 503"
expect 1 "${fetch[@]}" --count 10 --json --stack "balance round_robin" "/busy"
out_has '"outcomes":{"overload":10}'
# At most 100 a second: 60 take half a second and more, however fast they are answered; fewer begin in one second.
expect 0 "${fetch[@]}" --count 60 --rate 100 --concurrency 60 --json /
awk -F'"seconds":' '{ exit !($2 + 0 >= 0.58) }' "$work/out" || fail "faster than --rate"
expect 0 "${fetch[@]}" --seconds 1 --rate 100 --concurrency 4 /
# It looks at the time ten times a second, so the end is up to a tenth late; what then waited for its turn begins besides.
between "$(table whole requests)" 1 $((110 + 1 + 4)) "requests of a second"
expect 0 "${fetch[@]}" --count 50 --concurrency 5 --csv "$work/csv" /
same "$(sed -n 1p "$work/csv")" "begun_s,latency_ms,node,tries,outcome,status" "head of the csv"
same "$(grep -cE "^[0-9]+\.[0-9]{6},[0-9]+\.[0-9]{3},${host//./\\.}:[0-9]+,1,ok,200\$" "$work/csv")" 50 "lines of the csv"
expect_message 11 "${fetch[@]}" --count 1 --csv "$work/absent/csv" / <<<"$work/absent/csv: cannot be written"

# One ends: it is tried elsewhere, and what became of it is told.
end 2 KILL
dead=$host:${ports[2]}
expect 0 "${fetch[@]}" --count 200 --concurrency 4 --stack "retry | balance round_robin" /
same "$(table whole ok)" 200 "requests that went well with a server gone"
same "$(table "$dead" ok)" 0 "answers of the server that is gone"
between "$(table "$dead" not)" 3 6 "tries of the server that is gone"
out_has "connect_failure"
grep -qE "^ +[0-9.]+ s  $dead: degraded, was healthy" "$work/out" || fail "no word of the degraded server"
grep -qE "^ +[0-9.]+ s  $dead: unhealthy, was degraded" "$work/out" || fail "no word of the unhealthy server"
grep -qE "^Retries: $(table "$dead" not), which rescued $(table "$dead" not) requests" "$work/out" || fail "retries"
expect 1 "${fetch[@]}" --count 200 --concurrency 4 --stack "balance round_robin" /
out_has "The last that was not well, from $dead: "
for i in 0 1 3; do end "$i" KILL; done
expect 1 "${fetch[@]}" --count 20 --stack "balance round_robin" /
same "$(table whole ok)" 0 "answers of nobody"
out_has ": Couldn't connect to server"

# ---- a server with moods ----
ports=()
serve 0 ms=2
serve 1 ms=2
name_nodes
expect 0 "${fetch[@]}" --count 20 --body hello --safe /echo
same "$(table whole ok)" 20 "bodies"
expect 0 "${fetch[@]}" --count 5 --method HEAD /
for trouble in "status=500:5 failure:status 500" "status=404:5 caller_fault:status 404" "status=429:5 rate_limited:status 429" \
    "end=reset&cut=0:5 failure:from 127" "garbage=1:5 failure:from 127" "bytes=100&cut=90&end=close:5 failure:from 127"; do
    IFS=: read -r query kind last <<<"$trouble"
    expect 1 "${fetch[@]}" --count 5 --stack "balance random" "/?$query"
    grep -q "^whole requests.* $kind\$\|^Refused: " "$work/out" || fail "$query is not $kind"
    grep -q "^The last that was not well.*$last" "$work/out" || fail "$query: the last is not $last"
done
# Where no node may take more, the rest is refused, and says so.
name_nodes "capacity: 1"
expect 1 "${fetch[@]}" --count 20 --concurrency 20 --stack "balance round_robin" "/?ms=100"
same "$(table whole ok)" 2 "answers of nodes that take one at a time"
out_has "Refused: 18, at last because "
expect 1 "${fetch[@]}" --count 20 --concurrency 20 --json --csv "$work/csv" --stack "balance round_robin" "/?ms=100"
out_has '"refused":18'
same "$(grep -cE '^[0-9.]+,[0-9.]+,,0,refused,0$' "$work/csv")" 18 "refusals in the csv"
name_nodes
# What hangs ends with the timeout, not later.
expect 1 "${fetch[@]}" --count 2 --concurrency 2 --stack "timeout 300ms | balance round_robin" "/?end=hang&cut=0"
out_has "2 timeout"
awk '/answers a second/ { exit !($1 >= 0.3 && $1 < 30) }' "$work/out" || fail "a timeout of 300 ms"
# A POST may have been done: it is not sent again. With --safe it is.
expect 1 "${fetch[@]}" --count 40 --body x --stack "retry max=9 budget=1000 | balance random" "/?status=500&share=30"
out_has "Retries: 0,"
expect 0 "${fetch[@]}" --count 40 --body x --safe --stack "retry max=9 budget=1000 backoff=1ms | balance random" "/?status=500&share=20"
[ "$(sum 4)" -ge 1 ] || fail "nothing was tried again with --safe"
# One is slow: hedges go to the other, and most of them win.
ask 0 "/control?ms=300" >"$work/asked"
expect 0 "${fetch[@]}" --count 300 --concurrency 2 --stack "hedge p50 budget=100 | balance p2c" /
hedges=$(sed -nE 's/^Hedges: ([0-9]+), of which ([0-9]+) won.*/\1 \2/p' "$work/out")
between "${hedges% *}" 1 300 "hedges"
between "${hedges#* }" 1 "${hedges% *}" "hedges that won"

# ---- Ctrl-C: nothing begins any more, what hangs is cancelled, and the table is printed ----
# In a group of its own, since a shell starts what is in the background deaf to Ctrl-C.
interrupted() {
    local signal=$1 number=$2 what=$3 count=$4 got
    shift 4
    env --default-signal=INT "$LOADWISE" "$@" >"$work/out" 2>"$work/err" &
    until_counted "$number" "$what" "$count"
    kill "-$signal" $!
    wait $!
    got=$?
    same "$got" $((128 + $(kill -l "$signal"))) "exit status after $signal"
    [ "$(table whole requests)" -ge 1 ] || fail "no table after $signal"
}
# What is under way has a second to end, of which it needs 300 ms: a machine that is busy may need another run.
for run in 1 2 3; do
    count=$(ask 1 /count)
    interrupted INT 1 served $((${count%% *} + 20)) "${fetch[@]}" --concurrency 4 --stack "balance round_robin" /
    [ "$(table whole not)" != 0 ] || break
done
same "$(table whole not)" 0 "requests lost to an interrupt"
ask 0 "/control?ms=0&end=hang&cut=0" >"$work/asked"
# Not before one hangs, wherever those before it were drawn.
interrupted TERM 0 under_way 1 "${fetch[@]}" --concurrency 4 --stack "timeout 60s | balance random" /
out_has " cancelled"

# ---- what somebody at a terminal sees meanwhile ----
ask 0 "/control?ms=20&end=keep&cut=-1" >"$work/asked"
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then # there may be no terminals to be had
    script -qec "'$LOADWISE' fetch --nodes '$nodes' --seconds 1 --concurrency 3 /" /dev/null </dev/null >"$work/out" 2>"$work/err"
    tr '\r' '\n' <"$work/out" >"$work/lines"
    grep -qE '^[0-9]+ s  [0-9]+ answered, [0-9]+ a second, 0 not well, [0-9]+ under way' "$work/lines" || fail "no progress"
fi
finish
