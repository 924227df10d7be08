#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Wrong scenarios and traces: each complaint names file, line and field, the value and what is allowed.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1

file=$work/scenario.yaml

# Writes a scenario from standard input and expects this message about it.
wrong() {
    local status=$1
    cat >"$file"
    shift
    expect_message "$status" sim "$file" < <(printf '%s\n' "$@")
}

good_nodes='nodes: [{name: web, count: 3}]'

wrong 14 "scenario.yaml:2: a scenario has no field \"duraton\"; its fields are title, text, duration" <<EOT
$good_nodes
duraton: 10s
EOT
wrong 14 "scenario.yaml:1: duration: \"ten\" is not allowed; it must be a duration from 1ms to 365d" <<<"duration: ten"
wrong 14 "scenario.yaml:1: duration: \"-5s\" is not allowed" <<<"duration: -5s"
wrong 14 "scenario.yaml:1: duration: \"400d\" is not allowed" <<<"duration: 400d"
wrong 14 "scenario.yaml:2: warmup: given twice" <<<$'warmup: 1s\nwarmup: 2s'
wrong 14 "scenario.yaml:1: rate: \"-5/s\" is not allowed; it must be a rate such as 800/s" <<<"arrivals: {rate: -5/s}"
wrong 14 "scenario.yaml:1: rate: \"fast\" is not allowed" <<<"arrivals: {rate: fast}"
wrong 14 "scenario.yaml:1: process: \"sometimes\" is not allowed; it must be one of poisson|paced|bursty|diurnal|trace" \
    <<<"arrivals: {process: sometimes}"
wrong 14 "scenario.yaml:1: arrivals is a mapping of fields; here is a list" <<<"arrivals: [1]"
wrong 14 "scenario.yaml:1: skew: \"9\" is not allowed; it must be a number from 0 to 5" <<<"arrivals: {skew: 9}"
wrong 14 "scenario.yaml:2: shape: \"odd\" is not allowed; it must be one of fixed|exponential" <<<$'service:\n  time: {shape: odd}'
wrong 14 "time: mean: missing" <<<"service: {time: {shape: exponential}}"
wrong 14 "time: values: for shape empirical, and only there" <<<"service: {time: {shape: empirical, mean: 5ms}}"
wrong 14 "time: values: for shape empirical, and only there" <<<"service: {time: {values: [5ms]}}"
wrong 14 "time: sigma: for shape lognormal only" <<<"service: {time: {shape: exponential, mean: 5ms, sigma: 1}}"
wrong 14 "time: alpha: for shape pareto only" <<<"service: {time: {shape: fixed, mean: 5ms, alpha: 2}}"
wrong 14 'time: "10" is not allowed; it must be a duration above 0' <<<"service: {time: 10}"
wrong 14 'context: "5ms" is not allowed; it must be a number' <<<"service: {context: 5ms}"
wrong 14 "scenario.yaml:1: nodes: missing" <<<"duration: 1s"
wrong 14 "nodes: the list is empty" <<<"nodes: []"
wrong 14 "nodes: it must be a list; here is \"web\"" <<<"nodes: web"
wrong 14 "name: missing; every node needs one" <<<"nodes: [{slots: 1}]"
wrong 14 "nodes: two are called \"web\"" <<<"nodes: [{name: web}, {name: web}]"
wrong 14 "slots: \"1.5\" is not allowed; it must be a whole number from 0 to 1000000" <<<"nodes: [{name: a, slots: 1.5}]"
wrong 14 "a node has no field \"wait\"; its fields are name, count, zone" <<<"nodes: [{name: a, wait: 1}]"
wrong 14 "joins: after the end of the run" <<<$'duration: 5s\nwarmup: 1s\nnodes: [{name: a, joins: 9s}]'
wrong 14 "quota: pool.quotas declares none" <<<"nodes: [{name: a, quota: {requests: 5}}]"
wrong 14 "name: requests is given twice" <<EOT
pool: {quotas: [{name: requests, window: 1s}, {name: requests, window: 2s}]}
$good_nodes
EOT
wrong 14 "scenario.yaml:2: at: after the end of the run" <<EOT
duration: 10s
events: [{at: 10s, nodes: web, do: drain}]
warmup: 1s
$good_nodes
EOT
wrong 14 "at: \"-1s\" is not allowed" <<EOT
events: [{at: -1s, nodes: web, do: drain}]
$good_nodes
EOT
wrong 14 "at: missing; an event says at, nodes and do" <<EOT
events: [{nodes: web, do: drain}]
$good_nodes
EOT
wrong 14 "nodes: \"db-1\" is no node, nodes of one name, or range" <<EOT
events: [{at: 1s, nodes: db-1, do: drain}]
$good_nodes
EOT
wrong 14 "nodes: \"web-3..web-1\" is no node" <<EOT
events: [{at: 1s, nodes: web-3..web-1, do: drain}]
$good_nodes
EOT
wrong 14 "do: \"explode\" is not allowed; it must be one of slow|fail" <<EOT
events: [{at: 1s, nodes: web, do: explode}]
$good_nodes
EOT
wrong 14 "factor: a share must be from 0 to 1" <<EOT
events: [{at: 1s, nodes: web, do: errors, factor: 50}]
$good_nodes
EOT
wrong 14 "wait: limit takes the Retry-After that nodes answer" <<EOT
events: [{at: 1s, nodes: web, do: limit}]
$good_nodes
EOT
wrong 14 "for: a restart takes how long the node is gone" <<EOT
events: [{at: 1s, nodes: web, do: restart}]
$good_nodes
EOT
wrong 14 "factor: slow takes how many times as slow, above 0" <<EOT
events: [{at: 1s, nodes: web, do: slow}]
$good_nodes
EOT
wrong 14 "scenario.yaml:2: events: number 2 does to a node what number 1 is still doing" <<EOT
events:
- {at: 1s, for: 5s, nodes: web, do: restart, wait: 2s, every: 10s}
- {at: 17s, nodes: web-2, do: drain}
$good_nodes
EOT
wrong 14 "scenario.yaml:2: events: number 2 does to a node what number 1 is still doing" <<EOT
events:
- {at: 1s, for: 5s, nodes: web, do: freeze}
- {at: 4s, for: 1s, nodes: web-2, do: freeze}
$good_nodes
EOT
wrong 14 "warmup: it must be shorter than the duration" <<EOT
duration: 2s
warmup: 2s
$good_nodes
EOT
wrong 14 "burst: 20 times the rate for that long is more than all requests" <<EOT
arrivals: {process: bursty, rate: 100/s, burst: 20, burst_for: 1s, burst_every: 10s}
$good_nodes
EOT
wrong 14 "rate: a share needs nodes with slots" <<EOT
arrivals: {rate: 50%}
nodes: [{name: a, slots: 0}]
EOT
wrong 9 "scenario.yaml:2: strategies: \"p3c\": column 1: no strategy is called 'p3c'" <<EOT
$good_nodes
strategies: [p3c]
EOT
wrong 14 "trace: it has its own times" <<EOT
arrivals: {trace: trace.csv, rate: 70%}
$good_nodes
EOT
wrong 2 "scenario.yaml names none either" <<<"$good_nodes"
wrong 14 "trace: missing; process is trace" <<EOT
arrivals: {process: trace}
$good_nodes
EOT
wrong 14 "not valid YAML" <<<"nodes: [{"
wrong 14 "a second YAML document begins here" <<<$'nodes: [{name: web}]\n---\nduration: 2s'

# ---- traces, found beside the scenario ----
cat >"$file" <<EOT
arrivals: {trace: trace.csv}
strategies: [p2c]
$good_nodes
EOT
expect_message 3 sim "$file" <<<"trace.csv: cannot be read"
printf 'TIMESTAMP,ContextTokens\n2026-01-01 10:00:00,5\nlater,6\n' >"$work/trace.csv"
expect_message 15 sim "$file" <<<'trace.csv:3: the time must be like 2026-01-01 10:00:00.0913569'
printf 'TIMESTAMP,ContextTokens\n2026-01-01 10:00:00,5\n2026-01-01 10:00:01,many\n' >"$work/trace.csv"
expect_message 15 sim "$file" <<<'trace.csv:3: the context must be a number; here is "many"'
printf 'TIMESTAMP\n1.5\n' >"$work/trace.csv"
expect_message 15 sim "$file" <<<'a trace takes at least two requests; here are 1'
printf 'nonsense\n' >"$work/trace.csv"
expect_message 15 sim "$file" <<<'trace.csv:1: no column TIMESTAMP, timestamp, time or at, and no access log; here is "nonsense"'

printf '1.2.3.4 - - [yesterday] "GET / HTTP/1.1" 200 5\n' >"$work/trace.csv"
expect_message 15 sim "$file" <<<'trace.csv:1: this is no line of an access log'
printf '\357\273\277TIMESTAMP\n1.5\n2.5\n' >"$work/trace.csv"
expect 0 sim "$file"
{ cat "$file"; echo 'service: {work: llm}'; } >"$work/llm.yaml"
expect_message 14 sim "$work/llm.yaml" <<<'trace: it has no columns of tokens, and work is llm'
printf 'TIMESTAMP\n1\n1.0000001\n' >"$work/trace.csv"
sed 's/trace.csv}/trace.csv, speedup: 1000000}/' "$file" >"$work/fast.yaml"
expect_message 14 sim "$work/fast.yaml" <<<'speedup: more than 1e8 requests a second'

# ---- the command line ----
expect_message 2 sim <<<"the scenario is missing"
expect_message 2 sim "$file" another <<<'unexpected argument "another"'
expect_message 2 sim "$file" --seeds 0 <<<'--seeds: "0" is not a whole number from 1 to 1000'
expect_message 2 sim "$file" --frobnicate <<<"--frobnicate is not an option of sim"
expect_message 9 sim "$file" --strategy nonsense <<<"--strategy: \"nonsense\": column 1: no strategy is called 'nonsense'"
expect_message 3 sim "$work/none.yaml" <<<"none.yaml: cannot be read: No such file"
expect 0 sim --help
for word in "duration" "burst_every" "batch_slowdown" "max_inflight" "retry_budget" "p99.9" "report FILE"; do
    out_has "$word"
done
finish
