#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Which keys move between two lists of nodes: the counts agree with each other, with `loadwise pick` and with the weights.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1

before=$work/before.yaml after=$work/after.yaml
cat >"$before" <<'END'
nodes:
- {name: a, weight: 2}
- {name: b}
- {name: c}
- {name: d}
END
grep -v 'name: c' "$before" >"$after"
echo '- {name: "10.0.0.1:80", weight: 2}' >>"$after"
lists=(--nodes "$before" --nodes "$after")
seq 5000 | sed 's/^/user-/' >"$work/keys"

# line NAME: the words of a node in the first table.
line() { awk -v name="$1" '$1 == "from" { exit } $1 == name { $1 = ""; print }' "$work/out" | xargs; }
figure() { awk -v name="$1" '$1 == name { sub(/,$/, "", $2); print $2; exit }' "$work/out"; }

# ---- what moves ----
expect 0 diff "${lists[@]}" --strategy ring --keys "$work/keys"
same "$(figure keys)" 5000 "keys"
same "$(line c | cut -d' ' -f2,4,6)" "- 0 0" "the node that left"
same "$(line 10.0.0.1:80 | cut -d' ' -f1,3,5)" "- 0 0" "the node that came"
out_has "least     33.333%"
# Every key is somebody's before and after; what left is what arrived, what moved, and the sum of the pairs.
awk -v moved="$(figure moved)" '
    $1 == "node" { nodes = 1; next }
    $1 == "from" { nodes = 0; pairs = 1; next }
    NF == 0 { nodes = 0; if (sum > 0) pairs = 0 }
    nodes { had += $4; has += $5; left += $6; arrived += $7; if ($4 - $6 + $7 != $5) bad = 1 }
    pairs && NF == 4 { sum += $3; if ($3 > last && last) bad = 1; last = $3; if ($1 == $2) bad = 1 }
    END { exit !(had == 5000 && has == 5000 && left == moved && arrived == moved && sum == moved && !bad) }' \
    "$work/out" || fail "the tables do not add up"

# The same owners as `loadwise pick` says, and as many changes.
"$LOADWISE" pick --nodes "$before" --strategy ring --requests "$work/keys" | awk 'NR > 1 && NF == 3 { print $2 }' >"$work/had"
"$LOADWISE" pick --nodes "$after" --strategy ring --requests "$work/keys" | awk 'NR > 1 && NF == 3 { print $2 }' >"$work/has"
same "$(paste "$work/had" "$work/has" | awk 'NR <= 5000 && $1 != $2' | wc -l)" "$(figure moved)" "moved keys by pick"

"$LOADWISE" diff "${lists[@]}" --strategy ketama --hash libmemcached --keys "$work/keys" >"$work/out"
for list in before after; do
    "$LOADWISE" pick --nodes "$work/$list.yaml" --strategy ketama --hash libmemcached --requests "$work/keys" |
        awk 'NR > 1 && NR < 5002 { print $2 }' >"$work/$list.owners"
done
same "$(paste "$work/before.owners" "$work/after.owners" | awk '$1 != $2' | wc -l)" "$(figure moved)" "moved keys by pick --hash"

# ---- lists that are alike, in whatever order; and one more node: only its keys move ----
sed -n '1p;5p;4p;3p;2p' "$before" >"$work/turned.yaml"
expect 0 diff --nodes "$before" --nodes "$work/turned.yaml" --strategy ring --sample 2000
same "$(figure moved)" 0 "keys moved by the order of the list"
grep -q '^from\|^ratio' "$work/out" && fail "a table of moves where none are"
{ cat "$before"; echo '- {name: e}'; } >"$work/more.yaml"
for strategy in ring maglev rendezvous multi_probe "chain(ring, rendezvous)" "ketama flavour=nginx"; do
    expect 0 diff --nodes "$before" --nodes "$work/more.yaml" --strategy "$strategy" --sample 20000
    same "$(figure keys)" 20000 "sample of $strategy"
    awk -v ratio="$(figure ratio)" 'BEGIN { exit !(ratio > 0.7 && ratio < 1.4) }' || fail "$strategy moves too much"
done
expect 0 diff --nodes "$before" --nodes "$work/more.yaml" --strategy ring
same "$(figure keys)" 100000 "sample when nothing is said"
awk '$1 == "from" { on = 1; next } NF == 0 { on = 0 } on && $2 != "e" { bad = 1 } END { exit bad }' "$work/out" ||
    fail "keys moved between nodes that stayed"

# ---- health: who is unhealthy owns nothing, and its weight does not count ----
sed 's/name: d/name: d, health: unhealthy/' "$before" >"$work/sick.yaml"
expect 0 diff --nodes "$before" --nodes "$work/sick.yaml" --strategy ring --sample 3000
same "$(line d | cut -d' ' -f4)" 0 "keys of an unhealthy node"
out_has "least     20.000%"

# ---- a list that takes nobody: counted, and the status says so ----
printf 'nodes:\n- {name: a, weight: 0}\n' >"$work/none.yaml"
expect 1 diff --nodes "$before" --nodes "$work/none.yaml" --strategy ring --sample 100
same "$(awk '$1 == "(no" { print $6; exit }' "$work/out")" 100 "keys that nobody has then"
expect 1 diff --nodes "$before" --nodes "$work/none.yaml" --strategy ring --sample 100 --json
expect_json "$work/out"
out_has '"refused":100'
out_has '"to":null'

# ---- JSON says the same ----
expect 0 diff "${lists[@]}" --strategy ring --keys "$work/keys"
moved=$(figure moved)
expect 0 diff "${lists[@]}" --strategy ring --keys "$work/keys" --json
expect_json "$work/out"
same "$(wc -l <"$work/out" | tr -d ' ')" 1 "lines of JSON"
out_has "\"keys\":5000,\"moved\":$moved,\"refused\":0,\"least\":0.33333333"
out_has '"weight_after":null'

# ---- keys from standard input, from a column, and hashed as others do ----
"$LOADWISE" diff "${lists[@]}" --strategy ring --keys - --json <"$work/keys" >"$work/piped" 2>"$work/err" || fail "keys from a pipe"
cmp -s "$work/out" "$work/piped" || fail "keys from a pipe move otherwise"
{ echo "Key,Size"; sed 's/$/,1/' "$work/keys"; } >"$work/keys.csv"
expect 0 diff "${lists[@]}" --strategy ring --keys "$work/keys.csv" --key Key --json
cmp -s "$work/out" "$work/piped" || fail "keys from a column move otherwise"
for hash in libmemcached nginx; do
    expect 0 diff "${lists[@]}" --strategy "ketama flavour=$hash" --hash "$hash" --keys "$work/keys" --json
    cp "$work/out" "$work/$hash"
    expect 0 diff "${lists[@]}" --strategy "ketama flavour=$hash" --keys "$work/keys" --json
    cmp -s "$work/out" "$work/$hash" && fail "--hash $hash changes nothing"
done

# ---- nothing to compare ----
printf 'nodes:\n- name: a\n  weight: 0\n' >"$work/weightless.yaml"
expect 1 diff --nodes "$before" --nodes "$work/weightless.yaml" --strategy ring
grep -q '^nobody owns keys in the second list: ' "$work/out" || fail "a list of weight 0 is not told"
grep -q '^least\|^ratio' "$work/out" && fail "a least where nobody owns keys"
expect 1 diff --nodes "$work/weightless.yaml" --nodes "$after" --strategy ring
grep -q '^nobody owns keys in the first list: ' "$work/out" || fail "a first list of weight 0 is not told"
expect 0 diff "${lists[@]}" --strategy ring --keys /dev/null
grep -qx 'keys      0' "$work/out" || fail "no keys are not told"
grep -q '^moved\|^least\|^ratio' "$work/out" && fail "figures without keys"
expect 0 diff "${lists[@]}" --strategy ring --keys /dev/null --json
grep -q '"ratio":null' "$work/out" || fail "a ratio without keys"

# ---- mistakes ----
expect 0 diff --help
for word in --nodes --strategy --keys --key --sample --hash --seed --json; do
    grep -qE -- "^  $word( |$)" "$work/out" || fail "help does not list $word"
done
same "$(awk 'length > 100' "$work/out" | wc -l)" 0 "lines of help wider than 100"
expect_message 2 diff --strategy ring <<<"--nodes is missing"
expect_message 2 diff --nodes "$before" --strategy ring <<<"--nodes is given once only"
expect_message 2 diff "${lists[@]}" --nodes "$after" --strategy ring <<<"exactly two of them"
expect_message 2 diff "${lists[@]}" <<<"--strategy is missing"
expect_message 2 diff "${lists[@]}" --strategy ring --sample 0 <<<'"0" is not a whole number from 1 to 100000000'
expect_message 2 diff "${lists[@]}" --strategy ring --sample 100000001 <<<"from 1 to 100000000"
expect_message 2 diff "${lists[@]}" --strategy ring --sample 10 --keys "$work/keys" <<<"--sample: there are --keys already"
expect_message 2 diff "${lists[@]}" --strategy ring --key Key <<<"--key: a column of --keys"
expect_message 2 diff "${lists[@]}" --strategy ring --hash md5 <<<'"md5" is neither id nor libmemcached nor nginx'
expect_message 9 diff "${lists[@]}" --strategy p2c <<<'"p2c" does not place by key'
expect_message 9 diff "${lists[@]}" --strategy "chain(random, random)" <<<"these do: ring, "
expect_message 9 diff "${lists[@]}" --strategy "ring vnodes=0" <<<"from 1 to 65536"
expect_message 10 diff "${lists[@]}" --strategy "ring max_points=700" <<<"the nodes of $before"
expect_message 10 diff "${lists[@]}" --strategy "ring max_points=800" <<<"the nodes of $after"
expect_message 3 diff --nodes "$work/absent" --nodes "$after" --strategy ring <<<"$work/absent"
expect_message 3 diff "${lists[@]}" --strategy ring --keys "$work/absent" <<<"$work/absent"
expect_message 7 diff "${lists[@]}" --strategy ring --keys "$work/keys.csv" <<<"name their column with --key"
expect_message 7 diff "${lists[@]}" --strategy ring --keys "$work/keys.csv" --key Name <<<"Name"
printf 'nodes:\n- name: a\n  weight: -3\n' >"$work/wrong.yaml"
expect_message 4 diff --nodes "$before" --nodes "$work/wrong.yaml" --strategy ring <<<"$work/wrong.yaml:3: "
"$LOADWISE" diff "${lists[@]}" --strategy ring >/dev/full 2>"$work/err"
same $? 11 "exit status when the disk is full"

finish
