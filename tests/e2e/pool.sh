#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Requests through a pool, in their own time: who gets them, what fails, drains and fills up, and what is told of it.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1

nodes=$work/nodes.yaml
cat >"$nodes" <<'YAML'
nodes:
  - {name: one, weight: 3, zone: east, load: 5}
  - {name: two, zone: west, load: 3}
  - {name: three, zone: west, priority: 1, load: 2}
YAML
seq 1 400 >"$work/keys"
run=(pool --nodes "$nodes" --requests "$work/keys" --gap 10 --seed 1)

# ---- help and wrong options ----
expect 0 pool --help
for word in --nodes --strategy --requests --key --time --gap --service --fail --drain --zone --explain --seed --on-error \
    --json weight priority zone capacity health load; do
    grep -qE -- "^  $word( |$)" "$work/out" || fail "help does not list $word"
done
same "$(awk 'length > 100' "$work/out" | wc -l)" 0 "lines of help wider than 100"
expect_message 2 pool --nodes "$nodes" --requests "$work/keys" <<<"--strategy is missing"
expect_message 2 pool --strategy p2c --requests "$work/keys" <<<"--nodes is missing"
expect_message 2 "${run[@]}" --strategy p2c --summary <<<"--summary is not an option of pool"
expect_message 2 "${run[@]}" --strategy p2c --time T <<<"--gap and --time"
expect_message 2 "${run[@]}" --strategy p2c --json --explain 1 <<<"--explain"
expect_message 2 "${run[@]}" --strategy p2c --gap soon <<<'--gap: "soon" is not a number of ms'
expect_message 2 "${run[@]}" --strategy p2c --explain all <<<'--explain: "all" is not a whole number'
for value in 20 =20 one= one=101 one=-1 one=x; do
    expect_message 2 "${run[@]}" --strategy p2c --fail "$value" <<<"--fail: \"$value\" is not NODE=PERCENT"
done
for value in one @3 one@ one@-1 one=3; do
    expect_message 2 "${run[@]}" --strategy p2c --drain "$value" <<<"--drain: \"$value\" is not NODE@SECONDS"
done
for value in x =3 one= -1; do
    expect_message 2 "${run[@]}" --strategy p2c --service "$value" <<<"--service: \"$value\" is not [NODE=]MS"
done
for option in service=1 fail=1 drain@1; do
    expect_message 12 "${run[@]}" --strategy p2c "--${option%[=@]1}" "four${option#"${option%[=@]1}"}" <<<'names no node "four"'
done
expect_message 9 "${run[@]}" --strategy p3c <<<"no strategy is called 'p3c'"
expect_message 9 "${run[@]}" --strategy "p2c metric=weather" <<<"metric"
expect_message 7 pool --nodes "$nodes" --requests "$data/requests.csv" --strategy p2c --time When <<<'no column is called "When"'
expect_message 7 pool --nodes "$nodes" --requests "$work/keys" --strategy p2c <<<'no column is called "TIMESTAMP"'

# ---- who gets them ----
# The lower priority number takes all while its nodes are well; weights rule among them.
expect 0 "${run[@]}" --strategy smooth_wrr
same "$(summary_of one requests) $(summary_of two requests) $(summary_of three requests)" "300 100 0" "by weight"
out_has "400 in 3.990 s: 400 placed, 0 refused"
# 100 ms each, one every 10 ms: ten at a time, also when the last one has been placed.
out_has "under way  10, the oldest for 0.090 s"
expect 0 "${run[@]}" --strategy smooth_wrr --service 0
out_has "under way  1"
# Each request ends at its own time: in turn, hence every 20 ms, 50 ms here and 200 ms there. One of them came last.
expect 0 "${run[@]}" --strategy round_robin --service one=50 --service two=200
same "$(summary_of one current) $(summary_of two current)" "3 10" "under way at nodes of different speed"
# A node that takes longer has more under way, and a strategy that looks at that gives it less.
expect 0 "${run[@]}" --strategy least_load --service 20 --service two=200
[ "$(summary_of two requests)" -lt 80 ] || fail "the slow node got $(summary_of two requests)"
cp "$work/out" "$work/first"
expect 0 "${run[@]}" --strategy least_load --service two=200 --service 20
cmp -s "$work/out" "$work/first" || fail "what is said of one node does not go before what is said of all"
# With another source of time: the column of a CSV.
printf 'TIMESTAMP,Key\n1.5,a\n2.5,b\n2.0,c\n4.5,d\n' >"$work/four.csv"
expect 0 pool --nodes "$nodes" --requests "$work/four.csv" --strategy round_robin --seed 1 --service 1000 \
    --explain 4
out_has "request 3 at 1.000 s: " # never back
out_has "4 in 3.000 s: 4 placed"
out_has "under way  1, the oldest for 0.000 s"
# The loads of the file are what the nodes report: the least of the level that is used first.
expect 0 "${run[@]}" --strategy "least_load metric=external" --service 0 --explain 1
grep -q "^request 1 at 0.000 s: two (least_load, priority 0)$" "$work/out" || fail "external load"
out_has "considered  two: load 3, weight 1"

# ---- nodes fail, drain, fill up ----
expect 0 "${run[@]}" --strategy round_robin --fail one=100
grep -qE '^one .* unhealthy, for another [0-9.]+ s$' "$work/out" || fail "state of a node that fails always"
[ "$(summary_of one requests)" -lt 20 ] || fail "a node that fails always got $(summary_of one requests)"
same "$(summary_of one failed)" "$(summary_of one requests)" "failures"
[ "$(summary_of three requests)" -gt 50 ] || fail "the next level took $(summary_of three requests)"
expect 0 "${run[@]}" --strategy round_robin --fail one=0
same "$(summary_of one failed)" 0 "failures of a node that never fails"

expect 0 "${run[@]}" --strategy round_robin --drain one@1
same "$(summary_of one requests)" 50 "requests before the drain"
out_has "healthy, draining"
expect 0 "${run[@]}" --strategy round_robin --drain one@0 --drain two@0
same "$(summary_of three requests)" 400 "requests of the last node that is left"
expect 1 "${run[@]}" --strategy round_robin --drain one@0 --drain two@0 --drain three@3.0 --explain 400
out_has "400 in 3.990 s: 300 placed, 100 refused"
out_has "  100: every node is draining"
out_has "request 301 at 3.000 s: refused: every node is draining"

printf 'nodes:\n- {name: a, capacity: 3}\n- {name: b, capacity: 2}\n' >"$work/small.yaml"
expect 1 pool --nodes "$work/small.yaml" --requests "$work/keys" --gap 10 --strategy p2c --seed 1 --explain 6
same "$(summary_of a busiest) $(summary_of b busiest)" "3 2" "caps"
out_has "request 6 at 0.050 s: refused: every node is at its in-flight cap, until a request ends"
out_has "rejected    a: saturated"
out_has "ties        1 of these would have done as well"
# Five places, 100 ms each, and every 10 ms one that asks: half of them.
out_has "400 in 3.990 s: 200 placed, 200 refused"

printf 'nodes:\n- {name: a, health: unhealthy}\n- {name: b}\n- {name: c}\n' >"$work/ill.yaml"
expect 0 pool --nodes "$work/ill.yaml" --requests "$work/keys" --gap 10 --strategy random --seed 1
same "$(summary_of a requests)" 0 "requests of an unhealthy node"

# Far times stay in their order.
expect 0 pool --nodes "$nodes" --requests "$data/requests.csv" --strategy random --seed 1 --drain one@31536000 --service 86400000
expect 0 "${run[@]/10/86400000}" --strategy random
out_has "400 in 34473600.000 s: 400 placed"

# ---- zones ----
printf 'nodes:\n- {name: a, zone: x}\n- {name: b, zone: y}\n- {name: c, zone: y}\n- {name: d, zone: y}\n' >"$work/zones.yaml"
expect 0 pool --nodes "$work/zones.yaml" --requests "$work/keys" --gap 10 --strategy random --seed 1 --zone y
same "$(summary_of a requests)" 0 "requests outside of a zone that is large enough"
expect 0 pool --nodes "$work/zones.yaml" --requests "$work/keys" --gap 10 --strategy random --seed 1 --zone x
[ "$(summary_of a requests)" -gt 150 ] && [ "$(summary_of a requests)" -lt 250 ] ||
    fail "a lone node of the zone got $(summary_of a requests), not about twice its even share"

# ---- rows ----
printf 'TIMESTAMP,Key\n1,a\nnever,b\n3,c\n' >"$work/bad.csv"
expect_message 8 pool --nodes "$nodes" --requests "$work/bad.csv" --strategy random <<<'TIMESTAMP is "never"'
expect 0 pool --nodes "$nodes" --requests "$work/bad.csv" --strategy random --on-error skip
err_has ":3: malformed row"
out_has "2 in 2.000 s: 2 placed, 0 refused; 1 malformed rows skipped"
expect_message 8 pool --nodes "$nodes" --requests "$work/four.csv" --strategy "ring absent_key=error" <<<"four.csv:2"
expect 0 pool --nodes "$nodes" --requests "$work/four.csv" --strategy "ring absent_key=error" --key Key

# ---- the same seed, the same run ----
expect 0 "${run[@]}" --strategy "p2c metric=peak_ewma" --fail one=30 --explain 400
cp "$work/out" "$work/first"
expect 0 "${run[@]}" --strategy "p2c metric=peak_ewma" --fail one=30 --explain 400
cmp -s "$work/out" "$work/first" || fail "two runs with one seed differ"
# Explaining changes nothing.
expect 0 "${run[@]}" --strategy "p2c metric=peak_ewma" --fail one=30
same "$(cat "$work/out")" "$(sed '1,/^$/d' "$work/first")" "the table without explanations"

# ---- JSON ----
expect 1 pool --nodes "$work/small.yaml" --requests "$work/keys" --gap 10 --strategy p2c --seed 1 --drain b@3.95 --json
expect_json "$work/out"
same "$(wc -l <"$work/out" | tr -d ' ')" 4 "lines of JSON"
out_has '"LW_SATURATED": '
# Every member that the lists of the header name is there.
members() {
    sed -n "/define $1/,/^\$/p" "$LOADWISE_SOURCE/include/loadwise/pool_stats.h" | sed -n 's/^ *X([^,]*, \([a-z_]*\),.*/\1/p'
}
[ "$(members LW_POOL_STATS_LIST | wc -l)" -ge 20 ] || fail "the list of the statistics"
for member in $(members LW_POOL_STATS_LIST); do
    grep '^{"pool"' "$work/out" | grep -q "\"$member\": " || fail "the pool lacks $member"
done
for member in $(members LW_NODE_INFO_LIST | grep -v '^user$'); do
    same "$(grep '^{"node"' "$work/out" | grep -c "\"$member\": ")" 2 "nodes with $member"
done
out_has '"name": "b", "weight": 1, "priority": 0, "admin": "draining", "status": "healthy", "reasons": ["saturated", "draining"]'

finish
