#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# What a nodes file may be, and what is said of one that is wrong: file, line, field, value, allowed range.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1

nodes=$work/nodes.yaml
printf 'one\ntwo\n' >"$work/keys"
run=(pick --nodes "$nodes" --requests "$work/keys" --strategy random --seed 1)

# wrong STATUS LINE TEXT... : the file on standard input fails with this status, the message points at this line.
wrong() {
    local status=$1 line=$2
    shift 2
    cat >"$nodes"
    expect "$status" "${run[@]}"
    err_has "$nodes:$line: "
    for text in "$@"; do err_has "$text"; done
    same "$(wc -c <"$work/out" | tr -d ' ')" 0 "output before a failure"
}

# ---- fields ----
wrong 4 3 "weight" '"-3"' "a whole number from 0 to 4294967295" <<<$'nodes:\n- name: a\n  weight: -3'
wrong 4 3 "weight" '"4294967296"' <<<$'nodes:\n- name: a\n  weight: 4294967296'
wrong 4 3 "weight" '"2.5"' <<<$'nodes:\n- name: a\n  weight: 2.5'
wrong 4 3 "weight" '""' <<<$'nodes:\n- name: a\n  weight:'
wrong 4 5 "load" '"high"' "a decimal number, 0 or more" <<<$'nodes:\n- name: a\n\n- name: b\n  load: high'
wrong 4 3 "load" '"-0.5"' <<<$'nodes:\n- name: a\n  load: -0.5'
wrong 4 3 "load" '"1e999"' <<<$'nodes:\n- name: a\n  load: 1e999'
wrong 4 3 "load" '"0x10"' <<<$'nodes:\n- name: a\n  load: 0x10'
wrong 4 3 "remaining" '"1.01"' "a decimal number from 0 to 1" <<<$'nodes:\n- name: a\n  remaining: 1.01'
wrong 4 3 "health" '"sick"' "healthy, degraded, unhealthy or recovering" <<<$'nodes:\n- name: a\n  health: sick'
wrong 4 3 "priority" '"first"' <<<$'nodes:\n- name: a\n  priority: first'
wrong 4 3 "inflight" '"many"' <<<$'nodes:\n- name: a\n  inflight: many'
wrong 4 3 "inflight" '"4294967296"' <<<$'nodes:\n- name: a\n  inflight: 4294967296'
wrong 4 3 "capacity" '"-1"' <<<$'nodes:\n- name: a\n  capacity: -1'
wrong 4 3 "zone" "a list" <<<$'nodes:\n- name: a\n  zone: [east]'
wrong 4 3 "tags" '"gpu"' "a mapping of texts" <<<$'nodes:\n- name: a\n  tags: gpu'
wrong 4 3 "tags" "a mapping" <<<$'nodes:\n- name: a\n  tags: {gpu: "a,b"}'
wrong 4 3 "tags" <<<$'nodes:\n- name: a\n  tags: {"g=u": a}'
wrong 4 3 "wieght" "name, weight, load, remaining, health, priority, zone, inflight, capacity, tags, limits" <<<$'nodes:\n- name: a\n  wieght: 3'
wrong 4 4 "weight" "given twice" <<<$'nodes:\n- name: a\n  weight: 3\n  weight: 4'
wrong 4 2 "name: missing" <<<$'nodes:\n- weight: 3'
wrong 4 2 "name" "a mapping" <<<$'nodes:\n- name: {a: b}'
wrong 4 2 "name" "control" <<<$'nodes:\n- name: "a\\x1b[31m"'
wrong 4 2 "name" '""' <<<$'nodes:\n- name: ""'
wrong 4 2 "name" <<<$'nodes:\n- name: '"$(printf 'x%.0s' {1..256})"
wrong 4 3 'a node is a mapping' '"b"' <<<$'nodes:\n- name: a\n- b'

# ---- the whole ----
wrong 6 4 'a node called "a" is already on line 2' <<<$'nodes:\n- name: a\n- name: b\n- name: a'
wrong 6 3 'a node called "a" is already on line 2' <<<$'nodes:\n- &n {name: a}\n- {name: a}'
wrong 5 1 "the list is empty" <<<'nodes: []'
wrong 5 1 "the list is empty" <<<'nodes:'
wrong 4 1 "it must be a list" <<<'nodes: none'
wrong 4 1 "nodes" "a list" <<<$'- name: a'
wrong 4 1 "servers" <<<$'servers:\n- name: a'
wrong 4 3 "given twice" <<<$'nodes:\n- name: a\nnodes:\n- name: b'
wrong 4 4 "second YAML document" <<<$'nodes:\n- name: a\n---\nnodes:\n- name: b'
wrong 4 3 "not valid YAML" <<<$'nodes:\n- name: a\n name: b'
wrong 4 3 "not valid YAML" <<<$'nodes:\n- name: a\n\tweight: 3'
wrong 4 3 "not valid YAML" <<<$'nodes:\n- name: a\n- name: \xff\n'
: >"$nodes"
expect_message 5 "${run[@]}" <<<"the file is empty"
printf '# nothing\n' >"$nodes"
expect_message 5 "${run[@]}" <<<"the file is empty"
printf '{}\n' >"$nodes"
expect_message 5 "${run[@]}" <<<"no list"

# ---- files that cannot be read ----
expect_message 3 pick --nodes "$work/missing" --requests "$work/keys" --strategy random <<<"$work/missing: cannot be read: No such file"
expect_message 3 pick --nodes "$work" --requests "$work/keys" --strategy random <<<"Is a directory"

# ---- what may be ----
cat >"$nodes" <<'YAML'
# quoted, flow and block styles, an alias, spaces and UTF-8 in a name
nodes:
  - {name: "node one", weight: "3", tags: {gpu: h100}, zone: east}
  - name: Zürich
    health: &state healthy
    weight: 0
  - name: c
    health: *state
    load: 5e-1
YAML
expect 0 "${run[@]}"
out_has "node one"
expect 0 pick --nodes "$nodes" --requests "$work/keys" --strategy weighted_random --summary
same "$(summary_of Zürich requests)" 0 "requests of weight 0"
same "$(awk '/^(node one|Zürich|c) / { gsub(/ü/, "u"); print index($0, "%") }' "$work/out" | sort -u | wc -l)" 1 "columns not aligned"
expect 0 pick --nodes <(cat "$nodes") --requests "$work/keys" --strategy random
# A node that does not say its load is unknown, and comes last.
expect 0 "${run[@]}" --strategy least_load
same "$(sed '1d;/^$/,$d' "$work/out" | awk '$2 != "c"' | wc -l)" 0 "picks of a node with unknown load"
# Requests under way are those of the file; where it says nothing, none.
printf 'nodes:\n- {name: a, inflight: 3}\n- {name: b, inflight: 1}\n- {name: c, inflight: 2}\n' >"$nodes"
for strategy in sed nq "least_request mode=scan" "fill_first limit=2"; do
    expect 0 "${run[@]}" --strategy "$strategy" --summary
    same "$(summary_of b requests)" 2 "$strategy: requests of the node with the fewest under way"
done
printf 'nodes:\n- {name: a, inflight: 1}\n- name: b\n' >"$nodes"
expect 0 "${run[@]}" --strategy nq --summary
same "$(summary_of b requests)" 2 "requests of the node of which the file says nothing"
printf 'nodes:\n- name: a\n- name: b\n' >"$nodes"
expect 0 "${run[@]}" --strategy sed --summary
# fill_first goes by priority and capacity of the file.
printf 'nodes:\n- {name: a, priority: 1}\n- {name: b, capacity: 2, inflight: 2}\n- {name: c, capacity: 2, inflight: 1}\n' >"$nodes"
expect 0 "${run[@]}" --strategy fill_first --summary
same "$(summary_of c requests)" 2 "requests of the first node with room"
finish
