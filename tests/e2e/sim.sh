#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# `loadwise sim` from outside: every bundled scenario comes to the bytes that scripts/scenario-goldens kept, made by one
# thread and played here by four; and what the command prints and writes.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1

scenarios=$LOADWISE_SOURCE/examples/scenarios
goldens=$LOADWISE_SOURCE/tests/golden/scenarios

# ---- goldens ----
count=0
for scenario in "$scenarios"/*.yaml; do
    name=$(basename "$scenario" .yaml)
    # A sanitizer makes the long ones ten times as long, and they say nothing that the short ones do not.
    if [ -n "${LOADWISE_SANITIZED:-}" ]; then
        case $name in llm_* | game_sessions | zone_loss) ;; *) continue ;; esac
    fi
    expect 0 sim "$scenario" --seeds 1 --threads 4 --json
    cmp "$work/out" "$goldens/$name.json" >"$work/err" 2>&1 ||
        fail "$name is not what it was; if that is meant: scripts/scenario-goldens"
    count=$((count + 1))
done
[ "$count" -ge 4 ] || fail "only $count scenarios were played"
same "$(ls "$goldens" | sed 's/json$/yaml/')" "$(cd "$scenarios" && ls ./*.yaml | sed 's|^\./||')" "scenarios with goldens"

# ---- a small scenario: what it says is known ----
file=$work/small.yaml
cat >"$file" <<EOT
title: Three nodes, one idle
duration: 2s
warmup: 500ms
arrivals: {process: paced, rate: 100/s}
service: {time: 4ms}
nodes: [{name: web, count: 3}]
events: [{at: 1ns, nodes: web-3, do: drain}]
strategies: [round_robin, "p2c choices=3", "chain(ring, random)"]
EOT

expect 0 sim "$file"
out_has "Three nodes, one idle"
out_has "3 nodes, 1 client, 2 s of which 1.5 s are measured, 3 seeds from 1"
for word in round_robin "p2c choices=3" "chain(ring, random)" done/s p99.9 "nobody is better"; do
    out_has "$word"
done
same "$(awk '$1 == "round_robin" { print $2, $3 }' "$work/out")" "100 4.00" "throughput and mean of round_robin"
[ ! -s "$work/err" ] || fail "something was said though there is no terminal to show progress on"
cp "$work/out" "$work/table"
for threads in 1 2 7; do
    expect 0 sim "$file" --threads "$threads"
    cmp -s "$work/out" "$work/table" || fail "the table is another one with $threads threads"
done

expect 0 sim "$file" --strategy random --seeds 1 --seed 77
out_has "1 seed from 77"
! grep -q round_robin "$work/out" || fail "a strategy of the scenario runs though the command line names others"
! grep -q '±' "$work/out" || fail "there is an interval with one seed"

# ---- JSON ----
expect 0 sim "$file" --json
tr -d '\n' <"$work/out" >"$work/line"
echo >>"$work/line"
expect_json "$work/line"
for word in '"scenario": "small"' '"strategy": "p2c choices=3"' '"seed": 3' '"requests": 150' '"well": 150'; do
    out_has "$word"
done
same "$(grep -c '"seed": ' "$work/out")" 9 "runs in JSON"
cp "$work/out" "$work/first"
expect 0 sim "$file" --json --threads 1
cmp -s "$work/out" "$work/first" || fail "one thread comes to other JSON than many"
expect 0 sim "$file" --json --seed 2
! cmp -s "$work/out" "$work/first" || fail "another seed comes to the same JSON"

# ---- CSV ----
expect 0 sim "$file" --csv "$work/csv"
same "$(ls "$work/csv" | tr '\n' ' ')" "figures.csv latency.csv nodes.csv series.csv " "files of --csv"
for name in figures latency nodes series; do
    head -1 "$work/csv/$name.csv" | grep -q '^strategy,seed,' || fail "$name.csv has no heading"
done
same "$(wc -l <"$work/csv/series.csv")" $((1 + 3 * 3 * 120)) "rows of series.csv"
same "$(wc -l <"$work/csv/nodes.csv")" $((1 + 3 * 3 * 3)) "rows of nodes.csv"
same "$(grep -c '^"chain(ring, random)",2,' "$work/csv/nodes.csv")" 3 "rows of one run"
same "$(awk -F, '/^"round_robin",1,"web-/ { sum += $4 } END { print sum }' "$work/csv/nodes.csv")" 150 "requests served"
same "$(awk -F, '/^"round_robin",1,"web-3"/ { print $4 }' "$work/csv/nodes.csv")" 0 "requests at a drained node"
same "$(awk -F, '/^"round_robin",1,/ { sum += $4 } END { print sum }' "$work/csv/series.csv")" 150 "requests over time"
expect 0 sim "$file" --csv "$work/csv" # again, into the same folder

# ---- what cannot be done ----
: >"$work/taken"
expect_message 11 sim "$file" --csv "$work/taken" <<<"taken"
expect_message 11 sim "$file" --csv "$work/none/csv" <<<"cannot be made"
expect_message 2 sim "$file" --threads 0 <<<'--threads: "0" is not a whole number from 1 to 1024'
expect_message 2 sim "$file" --seed 0 <<<'--seed: "0" is not a whole number from 1'

# ---- progress, where somebody looks ----
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then # there may be no terminals to be had
    script -qec "'$LOADWISE' sim '$scenarios/zone_loss.yaml' --seeds 1" /dev/null </dev/null >"$work/out" 2>"$work/err" ||
        fail "the command fails on a terminal"
    out_has '%'
    out_has '[#'
fi
finish
