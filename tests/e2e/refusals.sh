#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Excluded and unhealthy nodes get nothing; when nobody is left, the request is refused and the reason is counted.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1

run=(pick --nodes "$data/nodes.yaml" --requests "$data/requests.csv" --key Key --seed 5)
all=(h100-east-1 h100-east-2 h100-west-1 a100-east-1 a100-east-2 l40s-east-1 l40s-west-1)

for strategy in round_robin smooth_wrr random weighted_random least_load p2c ring most_available "chain(ring, p2c)"; do
    expect 0 "${run[@]}" --strategy "$strategy" --exclude l40s-east-1 --exclude h100-east-2 --summary
    same "$(summary_of l40s-east-1 requests)" 0 "$strategy: requests of an excluded node"
    same "$(summary_of h100-east-2 requests)" 0 "$strategy: requests of the other excluded node"
    same "$(summary_of a100-west-1 requests)" 0 "$strategy: requests of the unhealthy node"
    same "$(grep -cE '^(l40s-east-1|h100-east-2) .* excluded$' "$work/out")" 2 "$strategy: nodes marked excluded"
    same "$(summary_of h100-west-1 expected)" "32.00%" "$strategy: weight 8 of the 25 that are left"
done

# A key that loses its node moves; the others stay where they were.
expect 0 "${run[@]}" --strategy ring
sed '1d;/^$/,$d' "$work/out" >"$work/before"
expect 0 "${run[@]}" --strategy ring --exclude h100-east-1
sed '1d;/^$/,$d' "$work/out" >"$work/after"
same "$(paste "$work/before" "$work/after" | awk '$2 != "h100-east-1" && $2 != $5' | wc -l)" 0 "keys that moved without need"

excludes=()
for node in "${all[@]}"; do excludes+=(--exclude "$node"); done
expect 1 "${run[@]}" --strategy random "${excludes[@]}"
out_has "LW_EXCLUDED: the request excludes every node that is eligible"
out_has "0 placed, 6000 refused"
same "$(sed '1d;/^$/,$d' "$work/out" | awk '$2 != "-" || !/refused: /' | wc -l)" 0 "decisions that are no refusals"
expect 1 "${run[@]}" --strategy random "${excludes[@]}" --output json
expect_json "$work/out"
same "$(grep -c '"node": null, "refused": "LW_EXCLUDED"}' "$work/out")" 6000 "refusals in JSON"
out_has '"refusals": {"LW_EXCLUDED": 6000}'
expect_message 12 "${run[@]}" --strategy random --exclude nobody <<<'"nobody"'

printf 'nodes:\n- {name: a, health: unhealthy}\n- {name: b, health: unhealthy}\n' >"$work/ill.yaml"
printf 'one\ntwo\n' >"$work/keys"
expect 1 pick --nodes "$work/ill.yaml" --requests "$work/keys" --strategy random
out_has "LW_ALL_UNHEALTHY: every node is unhealthy"
printf 'nodes:\n- {name: a, weight: 0}\n- {name: b, weight: 0}\n' >"$work/idle.yaml"
for strategy in smooth_wrr weighted_random ring; do
    expect 1 pick --nodes "$work/idle.yaml" --requests "$work/keys" --strategy "$strategy"
    out_has "LW_NO_WEIGHT"
    out_has "0 placed, 2 refused"
done
expect 0 pick --nodes "$work/idle.yaml" --requests "$work/keys" --strategy "chain(smooth_wrr, random)"
finish
