#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Limits of nodes, held in the time of the trace: nobody gets more than his limit, refused requests learn how long to
# wait, and whoever waits that long is served.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1

keys=(pick --nodes "$data/keys.yaml" --requests "$data/requests.csv" --seed 1
      --quota rpm=row:sliding:60s --quota tpm=ContextTokens+GeneratedTokens:gcra:60s)
decisions() { sed '1d;/^$/,$d' "$work/out"; }

# The arithmetic of both kinds, made again from decisions, trace and limits: the most requests in any 60 s, and the
# highest level of a bucket that loses a 60th of the limit each second.
recount() {
    decisions | paste -d' ' <(sed 1d "$data/requests.csv" | tr ',:' '  ') - | awk '
        NR == FNR { if ($1 == "-") name = $3
                    if ($1 == "limits:") { gsub(/[{},]/, ""); rpm[name] = $3; tpm[name] = $5 }
                    next }
        $9 in rpm { node = $9; now = $2 * 3600 + $3 * 60 + $4; n = ++count[node]; at[node, n] = now
                    if (n == 1) first[node] = 1
                    while (now - at[node, first[node]] >= 60) first[node]++
                    if (n - first[node] + 1 > most[node]) most[node] = n - first[node] + 1
                    level[node] -= (now - last[node]) * tpm[node] / 60; last[node] = now
                    if (level[node] < 0) level[node] = 0
                    level[node] += $5 + $6
                    if (level[node] > high[node]) high[node] = level[node] }
        END { for (node in rpm) print node, rpm[node], most[node], tpm[node], int(high[node] + 0.5) }' "$data/keys.yaml" - |
        sort
}

# The last three columns of the summary for a limit: limit, peak use, share.
peak_of() { awk -v node="$1" -v quota="$2" '$1 == node && $2 == quota { print $5, $6, $7 }' "$work/out"; }

for strategy in most_available smooth_wrr random ring; do
    expect 1 "${keys[@]}" --strategy "$strategy"
    recount >"$work/recount"
    same "$(wc -l <"$work/recount" | tr -d ' ')" 4 "$strategy: nodes counted"
    while read -r node rpm most tpm high; do
        [ "$most" -le "$rpm" ] || fail "$strategy: $node got $most requests in 60 s, limit $rpm"
        [ "$high" -le "$tpm" ] || fail "$strategy: $node held $high tokens, limit $tpm"
        set -- $(peak_of "$node" tpm)
        same "$1" "$tpm" "$strategy: $node: limit in the summary"
        [ $(($2 - high)) -ge -2 ] && [ $(($2 - high)) -le 2 ] || fail "$strategy: $node: peak $2, counted $high"
        set -- $(peak_of "$node" rpm)
        [ "$2" -ge "$most" ] && [ "$2" -le "$rpm" ] || fail "$strategy: $node: peak $2 requests, counted $most"
    done <"$work/recount"
    refused=$(decisions | grep -cE ' - +refused: every node is over its quota, wait [0-9]+\.[0-9]{3} s for [rt]pm$')
    [ "$refused" -gt 100 ] || fail "$strategy: only $refused refusals"
    out_has "requests  6000: $((6000 - refused)) placed, $refused refused"
    out_has "$refused  LW_OVER_QUOTA: "
    figures=$(decisions | awk '/wait/ { for (i = 1; i <= NF; i++) if ($i == "wait") w = $(i + 1); sum += w; n++
                                        if (w > top) top = w } END { printf "%.2f %.2f", sum / n, top }')
    same "$(sed -nE 's/^waits     mean ([0-9.]+) s, longest ([0-9.]+) s.*/\1 \2/p' "$work/out" |
        awk '{ printf "%.2f %.2f", $1, $2 }')" "$figures" "$strategy: waits in the summary"
    mv "$work/out" "$work/first"
    expect 1 "${keys[@]}" --strategy "$strategy"
    cmp -s "$work/out" "$work/first" || fail "$strategy: the same seed, another run"
done

# ---- a small world with literal times ----
nodes=$work/nodes.yaml csv=$work/requests.csv
run=(pick --nodes "$nodes" --requests "$csv" --seed 1 --strategy "least_load tie=first")
verdicts() { decisions | awk '{ printf "%s%s ", $2, $2 == "-" ? ":" $(NF - 3) $(NF - 2) $(NF - 1) $NF : "" }'; }
printf 'nodes:\n- {name: a, load: 1, limits: {n: 2}}\n- {name: b, load: 2, limits: {n: 1}}\n' >"$nodes"

# A bucket of 2 at a, of 1 at b, refilled over 10 s: a gets one back 5 s after it was whole, b after 10 s.
printf 'TIMESTAMP,t\n' >"$csv"
printf '2026-03-01 00:00:%s,5\n' 00 00 00 00 04.999 05 05 >>"$csv"
expect 1 "${run[@]}" --quota n=row:gcra:10s
same "$(verdicts)" "a a b -:5.000sforn -:0.001sforn a -:5.000sforn " "gcra by hand"
expect 1 "${run[@]}" --quota n=row:gcra:10s --output json
expect_json "$work/out"
out_has '{"row": 4, "key": null, "node": null, "refused": "LW_OVER_QUOTA", "limit": "n", "wait_ns": 5000000000}'
out_has '{"row": 5, "key": null, "node": null, "refused": "LW_OVER_QUOTA", "limit": "n", "wait_ns": 1000000}'
out_has '"limits": {"n": {"limit": 2, "peak": 2, "share": 1.0}}'
out_has '"waits": {"count": 3, '

# Whoever waits as long as a sliding window says is served, and a moment earlier is not.
expect 1 "${run[@]}" --quota n=row:sliding:10s --output json
wait_ns=$(sed -nE 's/^\{"row": 4, .*"wait_ns": ([0-9]+)\}/\1/p' "$work/out")
[ "${wait_ns:-0}" -ge 10000000000 ] && [ "$wait_ns" -le 10500000001 ] || fail "a wait of $wait_ns ns for a window of 10 s"
for late in -1 0; do
    printf 'at\n0\n0\n0\n%d.%09d\n' $(((wait_ns + late) / 1000000000)) $(((wait_ns + late) % 1000000000)) >"$csv"
    expect $((late < 0)) "${run[@]}" --quota n=row:sliding:10s --time at --summary
done

# Time does not go back; offsets, leap days and the T of ISO 8601 count.
printf 'at\n2028-02-28T23:59:58Z\n2028-02-28 23:59:58\n2028-02-28 23:59:58\n2020-01-01 00:00:00\n2028-03-01 01:00:03+01:00\n' >"$csv"
expect 1 "${run[@]}" --quota n=row:gcra:10s --time at
same "$(verdicts)" "a a b -:5.000sforn a " "times of other forms"
printf 'at\n2028-02-28T23:59:58Z\n2028-02-28 23:59:58\n2028-02-28 23:59:58\n2028-02-29 00:59:58.5+01:00\n' >"$csv"
expect 1 "${run[@]}" --quota n=row:gcra:10s --time at
same "$(verdicts)" "a a b -:4.500sforn " "half a second later, told with an offset"

# More than any limit allows is never served; who has no limit takes all.
printf 'at,t\n0,3\n0,2\n' >"$csv"
expect 1 "${run[@]}" --quota n=t:gcra:10s --time at
out_has "refused: every node is over its quota: more n than any limit"
out_has "never     1 asked for more than any limit"
same "$(summary_of a requests)" 1 "requests of a"
expect 1 "${run[@]}" --quota n=t:gcra:10s --time at --output json
out_has '"refused": "LW_OVER_QUOTA", "limit": "n", "wait_ns": null}'
expect 1 "${run[@]}" --quota n=t:gcra:10s --time at --exclude a
out_has "2 refused"
expect 1 "${run[@]}" --quota n=t:gcra:10s --time at --exclude a --exclude b
out_has "LW_EXCLUDED"
printf 'nodes:\n- {name: a, load: 1, limits: {n: 2}}\n- {name: c, load: 2}\n' >"$nodes"
expect 0 "${run[@]}" --quota n=t:gcra:10s --time at
same "$(verdicts)" "c a " "a node without limits"

# most_available follows the quotas, whatever the file says.
printf 'nodes:\n- {name: a, remaining: 1, limits: {n: 2}}\n- {name: b, remaining: 0, limits: {n: 4}}\n' >"$nodes"
printf 'at\n0\n0\n0\n0\n0\n0\n' >"$csv"
expect 0 "${run[@]}" --quota n=row:gcra:10s --time at --strategy "most_available epsilon=0"
same "$(verdicts | tr -d ' ' | cut -c1-3 | tr -d a)" "bb" "of the first three two go to b"
# Weights of 0 beside a node over its quota: it is the quota that refuses.
printf 'nodes:\n- {name: a, weight: 1, limits: {n: 1}}\n- {name: b, weight: 0}\n' >"$nodes"
expect 1 "${run[@]}" --quota n=row:gcra:10s --time at --strategy smooth_wrr
out_has "5  LW_OVER_QUOTA"
printf 'nodes:\n- {name: a, health: unhealthy, limits: {n: 1}}\n' >"$nodes"
expect 1 "${run[@]}" --quota n=row:gcra:10s --time at --strategy random
out_has "LW_ALL_UNHEALTHY"

# ---- what is wrong is named ----
ok=(--requests "$data/requests.csv" --strategy random)
bad_nodes() {
    printf 'nodes:\n- name: a\n  limits: %s\n' "$1" >"$nodes"
    expect 4 pick --nodes "$nodes" "${ok[@]}" --quota rpm=row:sliding:60s
    err_has "$nodes:3: limits: $2"
}
bad_nodes '{tpm: 3}' 'no --quota says how "tpm" is counted'
bad_nodes '{rpm: many}' '"many" is not allowed; it must be a mapping from dimension'
bad_nodes '{rpm: 0}' '"0" is not allowed'
bad_nodes '{rpm: 1099511627776}' '"1099511627776" is not allowed'
bad_nodes '{rpm: }' '"" is not allowed'
bad_nodes '{rpm: [1]}' 'a list is not allowed'
bad_nodes '{rpm: 1, rpm: 2}' '"rpm" is not allowed'
bad_nodes '60' '"60" is not allowed'
bad_nodes '{}' 'a mapping is not allowed'
expect_message 4 pick --nodes "$data/keys.yaml" "${ok[@]}" <<<'no --quota says how "rpm" is counted'
bad_option() {
    expect 2 pick --nodes "$data/keys.yaml" "${ok[@]}" "${@:2}"
    err_has "$1"
}
for form in rpm =row:gcra:1s rpm=row rpm=row:gcra row:gcra:1s; do
    bad_option "--quota: \"$form\" is not of the form" --quota "$form"
done
for window in 60 0s s 1.5s -1s 366d 1w 99999999999999999999s; do
    bad_option "--quota rpm: \"$window\" is not a window from 1ms to 365d" --quota "rpm=row:gcra:$window"
done
bad_option '--quota rpm: "concurrency" is neither sliding nor gcra' --quota rpm=row:concurrency:1s
bad_option "--quota rpm: the name of a column is missing" --quota rpm=row+:gcra:1s
bad_option "--quota: rpm is declared twice" --quota rpm=row:gcra:1s --quota rpm=row:gcra:1s
bad_option 'has a limit called "x"' --quota rpm=row:gcra:1s --quota tpm=row:gcra:1s --quota x=row:gcra:1s
bad_option "'all'" --quota all=row:gcra:1s
bad_option "--time: only --quota looks at the time" --time TIMESTAMP
many=()
for i in 1 2 3 4 5 6 7 8 9; do many+=(--quota "q$i=row:gcra:1s"); done
bad_option "--quota: at most 8 of them" "${many[@]}"

printf 'nodes:\n- {name: a, limits: {n: 1}}\n' >"$nodes"
run=(pick --nodes "$nodes" --requests "$csv" --strategy random --quota)
printf 'user,t\nalice,3\n' >"$csv"
expect_message 7 "${run[@]}" n=row:gcra:1s <<<'no column is called "TIMESTAMP"; the header has user, t (--quota needs the time'
expect_message 7 "${run[@]}" n=x:gcra:1s --time user <<<'no column is called "x"'
expect_message 8 "${run[@]}" n=row:gcra:1s --time user <<<'malformed row: user is "alice", not a time such as'
printf 'alice\nbob\n' >"$csv"
expect_message 7 "${run[@]}" n=row:gcra:1s <<<"--time names its column"
for time in 2026-02-29\ 00:00:00 2026-13-01\ 00:00:00 2026-01-01 2026-01-01\ 24:00:00 2026-01-01\ 00:00:00. 2026-01-01\ 00:00:00+1 1e3 -1 3. .5 99999999999; do
    printf 'at,t\n%s,1\n' "$time" >"$csv"
    expect_message 8 "${run[@]}" n=row:gcra:1s --time at <<<"$csv:2: malformed row: at is \"$time\", not a time"
done
finish
