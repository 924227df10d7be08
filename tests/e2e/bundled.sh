#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# The main job on the bundled files: one decision for each request, and a summary that agrees with the decisions.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1

place=(pick --nodes "$data/nodes.yaml" --requests "$data/requests.csv" --key Key --seed 7
       --cost tokens=ContextTokens --cost tokens=GeneratedTokens)
rows=$(($(wc -l <"$data/requests.csv") - 1))

# Text: headings, one line a request, an empty line, the summary.
expect 0 "${place[@]}" --strategy smooth_wrr
same "$(sed -n '1s/  */ /gp' "$work/out")" " row node key" "headings"
sed '1d;/^$/,$d' "$work/out" >"$work/decisions"
same "$(wc -l <"$work/decisions")" "$rows" "decisions"
same "$(awk '{print $3}' "$work/decisions" | cksum)" "$(cut -d, -f4 "$data/requests.csv" | sed 1d | cksum)" "keys in order"
same "$(awk '$1 != NR' "$work/decisions" | wc -l)" 0 "rows out of order"

# The nginx rule is exact: over whole cycles of 35 requests each node has its weight, and the rest is at most one more.
awk 'BEGIN { split("h100-east-1 8 h100-east-2 8 h100-west-1 8 a100-east-1 4 a100-east-2 4 l40s-east-1 2 l40s-west-1 1", w)
             for (i = 1; i in w; i += 2) weight[w[i]] = w[i + 1] }
     { count[$2]++; total++ }
     END { for (node in count) {
               want = total * weight[node] / 35; off = count[node] - want
               if (off > 1 || off < -1) { print node, count[node], want; bad = 1 } }
           exit bad }' "$work/decisions" >"$work/off" || fail "shares against weight: $(cat "$work/off")"
same "$(awk '$2 == "a100-west-1"' "$work/decisions" | wc -l)" 0 "requests on the unhealthy node"
out_has "unhealthy"

# Each figure of the summary, made again from decisions and requests.
for node in h100-east-1 a100-east-2 l40s-west-1; do
    count=$(awk -v node="$node" '$2 == node' "$work/decisions" | wc -l)
    same "$(summary_of "$node" requests)" "$count" "$node: requests"
    same "$(summary_of "$node" share)" "$(awk -v a="$count" -v b="$rows" 'BEGIN { printf "%.2f%%", 100 * a / b }')" "$node: share"
    tokens=$(sed 1d "$data/requests.csv" | tr , ' ' | paste -d' ' - "$work/decisions" |
        awk -v node="$node" '$7 == node { sum += $3 + $4 } END { print sum }')
    same "$(summary_of "$node" tokens)" "$tokens" "$node: tokens"
done
same "$(summary_of h100-east-1 expected)" "22.86%" "expected share of weight 8 in 35"
busiest=$(awk '{ n[$2]++ } END { for (i in n) if (n[i] > most) most = n[i]; print most }' "$work/decisions")
same "$(sed -n 's/^max\/mean *\([0-9.]*\).*/\1/p' "$work/out")" \
    "$(awk -v a="$busiest" -v b="$rows" 'BEGIN { printf "%.3f", a * 7 / b }')" "max/mean"
out_has "$rows placed, 0 refused"
same "$(summary_of all tokens)" "$(sed 1d "$data/requests.csv" | awk -F, '{ sum += $2 + $3 } END { print sum }')" "all tokens"

# A key has one node, whoever asks; that is what ring promises.
expect 0 "${place[@]}" --strategy ring
same "$(sed '1d;/^$/,$d' "$work/out" | awk '{ if ($3 in node && node[$3] != $2) print; node[$3] = $2 }' | wc -l)" 0 "keys with two nodes"

# --summary prints the summary alone, the same one.
sed '1,/^$/d' "$work/out" >"$work/summary"
expect 0 "${place[@]}" --strategy ring --summary
cmp -s "$work/out" "$work/summary" || fail "--summary differs from the summary after the decisions"

# Every strategy runs on the bundled files.
"$LOADWISE" strategies | awk '/^  [a-z]/ { print $1 }' >"$work/names"
same "$(wc -l <"$work/names" | tr -d ' ')" "$(sort -u "$work/names" | wc -l | tr -d ' ')" "names listed twice"
while read -r name; do
    case $name in
        chain) name="chain(ring absent_key=next, p2c)" ;;
        bounded) name="bounded(ring)" ;;
        sticky) name="sticky(p2c)" ;;
        subset) name="subset(sed, size=3, client=1)" ;;
    esac
    expect 0 "${place[@]}" --strategy "$name" --summary
    out_has "$rows placed, 0 refused"
done <"$work/names"
[ "$(wc -l <"$work/names")" -ge 28 ] || fail "fewer than 28 strategies are listed"
finish
