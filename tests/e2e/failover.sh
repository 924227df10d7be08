#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# What a stack is for, on real processes and real sockets: one of four servers is killed, or becomes twenty times slower;
# all four are restarted one after the other; ten thousand requests are under way at once.
#
# Servers take so long (20 ms and more) that a loaded machine adds little; what is compared comes from the same run.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/servers.bash" || exit 1

# begin WORD...: `loadwise fetch` in the background; its table in $work/out, its requests in $work/csv.
begin() {
    "$LOADWISE" fetch --nodes "$nodes" --csv "$work/csv" "$@" >"$work/out" 2>"$work/err" &
    fetch=$!
}
# ended STATUS: waits for it.
ended() {
    wait "$fetch"
    same $? "$1" "exit status of fetch"
}
serve_four() {
    local i
    for i in 0 1 2 3; do serve "$i" "$@"; done
}
# stop_fetch: as Ctrl-C does, which leaves what is under way a second and cancels the rest; nothing else may have failed.
stop_fetch() {
    kill -TERM "$fetch"
    ended 143
}
# lost: requests that failed, but for those that were cancelled at the end.
lost() {
    local cancelled
    cancelled=$(sed -nE 's/^whole requests .* ([0-9]+) cancelled.*/\1/p' "$work/out")
    echo $(($(table whole not) - ${cancelled:-0}))
}
# served NUMBER: so many it has answered so far.
served() {
    local count
    count=$(ask "$1" /count)
    echo "${count%% *}"
}

# ---- one of four is killed: its requests under way fail, or, tried again, none does ----
# kill_one: once it has answered 50. It is halted before, until all that it has answered has been read, which is so when
# another one has answered much more: an answer between two failures would begin their count anew. Then the rest goes on.
kill_one() {
    until_counted 0 served 50
    kill -STOP "${processes[0]}"
    until_counted 1 served $(($(served 1) + 50))
    end 0 KILL
    until_counted 1 served $(($(served 1) + 100))
    stop_fetch
}
most=8
serve_four ms=20 spread=50
name_nodes "capacity: $most"
begin --concurrency 20 --stack "balance p2c metric=peak_ewma" /
kill_one
# Three failures eject a node, so two may have come before those that were under way then.
[ "$(lost)" -ge 1 ] && [ "$(lost)" -le $((most + 2)) ] || fail "$(lost) requests failed of at most $most under way and 2"
grep -q ": unhealthy, was" "$work/out" || fail "the killed server is not unhealthy"
echo "killed, without retry: $(lost) of $(table whole requests) failed, at most $most were under way there"

serve 0 ms=20 spread=50
begin --concurrency 20 --stack "retry | balance p2c metric=peak_ewma" /
kill_one
same "$(lost)" 0 "requests that failed with retry"
! grep -q '^Refused' "$work/out" || fail "requests were refused with retry"
rescued=$(sed -nE 's/^Retries: .* rescued ([0-9]+) .*/\1/p' "$work/out")
[ "${rescued:-0}" -ge 1 ] || fail "nothing was rescued"
echo "killed, with retry: 0 of $(table whole requests) failed, $rescued were rescued"
serve 0 ms=20 spread=50

# ---- one of four becomes twenty times slower ----
# From the requests: until when the slow node was fast, how many it got from a second later on, and the p99 before and then.
figures() {
    sort -t, -k1,1n "$work/csv" | awk -F, -v slow="$host:${ports[0]}" '
        $5 != "ok" { next }
        { begun[++n] = $1; latency[n] = $2; node[n] = $3 }
        $3 == slow && $2 < 150 { at = $1 }
        function p99(from, to,    i, count, sorted, j) {
            printf "" | "sort -n >" file
            for (i = 1; i <= n; i++) if (begun[i] >= from && begun[i] < to) print latency[i] | "sort -n >" file
            close("sort -n >" file)
            while ((getline line < file) > 0) sorted[++count] = line
            close(file)
            return sorted[int(count * 0.99 + 0.999)]
        }
        END {
            for (i = 1; i <= n; i++) if (begun[i] >= at + 1) { after++; late += node[i] == slow }
            before = p99(0.5, at); later = p99(at + 1, 1e9)
            printf "%.1f %.1f %.4f %d\n", before, later, after ? late / after : 1, after
        }' file="$work/sorted"
}
# slowed NAME STRATEGY CONDITION: there is a run in which it holds for b, the p99 before, l, that from a second later on, and
# s, the share of the slow server then. Where a processor is taken away for long, times say nothing: so there are five runs.
slowed() {
    local run b=0 l=0 s=0 after=0
    for run in 1 2 3 4 5; do
        ask 0 "/control?ms=20&spread=50" >"$work/asked"
        begin --count 1200 --rate 200 --concurrency 400 --stack "balance $2" /
        until_counted 0 served $(($(served 0) + 80))
        ask 0 "/control?ms=400&spread=50" >"$work/asked"
        ended 0
        read -r b l s after < <(figures)
        echo "slow, $1: p99 $b ms before, $l ms from a second later on; $s of $after requests to the slow server"
        awk -v b="$b" -v l="$l" -v s="$s" "BEGIN { exit !(b > 0 && $3) }" && return
    done
    fail "$1: not once $3"
}
name_nodes
slowed "peak ewma" "p2c metric=peak_ewma" "l <= 2 * b && s <= 0.02"
slowed "round robin" "round_robin" "l > 2 * b && s > 0.2"
for i in 0 1 2 3; do end "$i" KILL; done

# ---- a rolling restart of all four loses nothing ----
# nginx ends as it does for an update: it answers what it has, and listens no more.
# logged NUMBER COUNT: waits until that nginx has answered so many.
logged() {
    until [ "$(wc -l <"$work/nginx.$1/log")" -ge "$2" ]; do
        kill -0 "${processes[$1]}" 2>/dev/null || { fail "nginx $1 is gone"; finish; }
    done
}
ports=()
for i in 0 1 2 3; do serve_nginx "$i"; done
name_nodes
begin --rate 400 --concurrency 50 --stack "timeout 10s | retry | balance p2c" /
for i in 0 1 2 3; do
    logged "$i" 20
    end "$i" QUIT
    : >"$work/nginx.$i/log"
    serve_nginx "$i"
done
for i in 0 1 2 3; do logged "$i" 20; done
stop_fetch
same "$(lost)" 0 "requests that failed while nginx was restarted"
! grep -q '^Refused' "$work/out" || fail "requests were refused while nginx was restarted"
echo "rolling restart of nginx: 0 of $(table whole requests) failed"
for i in 0 1 2 3; do end "$i" KILL; done

# The others end in the middle of answers, stay away until they are known to be, and serve again before the next one goes.
ports=()
serve_four ms=20 spread=50
name_nodes
begin --rate 200 --concurrency 50 --stack "timeout 10s | retry | balance p2c" /
for i in 0 1 2 3; do
    until_counted "$i" served 20
    end "$i" TERM
    other=$(((i + 1) % 4))
    until_counted "$other" served $(($(served "$other") + 50))
    serve "$i" ms=20 spread=50
    until_counted "$i" served 20
done
stop_fetch
same "$(lost)" 0 "requests that failed while servers were restarted"
! grep -q '^Refused' "$work/out" || fail "requests were refused while servers were restarted"
same "$(grep -c ': unhealthy, was degraded' "$work/out")" 4 "servers that were ejected"
echo "rolling restart of servers that just end: 0 of $(table whole requests) failed," \
    "$(sed -nE 's/^Retries: .* rescued ([0-9]+) .*/\1/p' "$work/out") were rescued"
for i in 0 1 2 3; do end "$i" KILL; done

# ---- ten thousand at once, on one loop ----
crowd=10000
if [ "$(ulimit -Hn)" != unlimited ] && [ "$(ulimit -Hn)" -lt $((crowd + 100)) ]; then
    echo "ten thousand at once: left out, since at most $(ulimit -Hn) files may be open here"
    finish
fi
# Nobody is answered before all are there, twice, however long that takes. They begin by and by, so that none waits for its
# connection as long as those of all others take.
ports=()
serve 0 crowd=$crowd
name_nodes
expect 0 fetch --nodes "$nodes" --count $((2 * crowd)) --concurrency "$crowd" --rate 4000 \
    --stack "timeout 120s | balance p2c" /
same "$(table whole ok)" $((2 * crowd)) "answers to ten thousand at once"
read -r answers under_way at_once open < <(ask 0 /count)
[ "$at_once" -ge "$crowd" ] || fail "at most $at_once were under way at once"
echo "at once: $at_once, $(sed -nE 's/^([0-9.]+ s, [0-9]+ answers a second).*/\1/p' "$work/out")"
finish
