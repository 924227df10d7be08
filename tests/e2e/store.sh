#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Commands that share limits through a real Redis server: together they place what one alone may, exactly; a server that
# goes away is told of once; and who cannot be let in at the start learns why.
#
# REDIS_SERVER is the path of redis-server, besides what helpers.bash wants.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1
: "${REDIS_SERVER:?the server}"

server=
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; rm -rf "$work"' EXIT

# ask WORD...: one command, inline; the first line of the answer, or failure when nobody listens.
ask() {
    local answer
    exec 5<>"/dev/tcp/$host/$port" || return 1
    printf '%s\r\n' "$*" >&5
    IFS= read -r -t 60 answer <&5
    exec 5>&-
    printf '%s\n' "${answer%$'\r'}"
} 2>/dev/null

# start OPTION...: a server on the port, which answers when this returns.
start() {
    "$REDIS_SERVER" --bind "$host" --port "$port" --save '' --appendonly no --dir "$work" "$@" >"$work/server" 2>&1 6>&- 7<&- &
    server=$!
    until [ -n "$(ask PING)" ]; do
        kill -0 "$server" 2>/dev/null || return 1
    done
}

stop() {
    kill -9 "$server"
    wait "$server"
    server=
} 2>/dev/null

# One that nobody listens at, not even at every address.
for port in {20001..20020}; do
    [ -n "$(ask PING)" ] || ! start || break
done
[ -n "$server" ] || { fail "no server: $(cat "$work/server")"; finish; }
url=redis://$host:$port

nodes=$work/nodes.yaml csv=$work/requests.csv
printf 'nodes:\n- {name: a, limits: {n: 700}}\n- {name: b, limits: {n: 301}}\n' >"$nodes"
run=(pick --nodes "$nodes" --quota n=row:sliding:60s --time at --strategy round_robin)
placed() { sed -nE 's/^requests +[0-9]+: ([0-9]+) placed.*/\1/p' "$1"; }

# undisturbed WORD...: looks at commands with the store, with a prefix of their own, until they do not complain of it: on
# a busy machine an answer may take longer than the half second that they give it.
prefixes=0
undisturbed() {
    local try before=$failures
    for try in 1 2 3 4 5; do
        prefixes=$((prefixes + 1)) failures=$before
        "$@" --prefix "$prefixes/"
        grep -qF -- "--store $url" "$work/err" || return
    done
    fail "the server does not answer in time: $*"
}

# ---- three commands at once: 1001 of 3000 requests of one minute, whoever is faster ----
{ echo at; yes 12.5 | head -1000; } >"$csv"
together() {
    : >"$work/err"
    for i in 1 2 3; do
        "$LOADWISE" "${run[@]}" --requests "$csv" --store "$url" "$@" --summary >"$work/$i" 2>>"$work/err" &
    done
    wait $(jobs -p | grep -vx "$server")
}
for quota in sliding gcra; do
    run[4]=n=row:$quota:60s
    undisturbed together
    same $(($(placed "$work/1") + $(placed "$work/2") + $(placed "$work/3"))) 1001 "$quota: placed by three commands"
done
run[4]=n=row:sliding:60s

# Another prefix, another run; the same one, and nothing is left. Without a store the limits are one's own.
twice() {
    expect 0 "${run[@]}" --requests "$csv" --store "$url" "$@" --summary
    same "$(summary_of a requests) $(summary_of b requests)" "699 301" "another prefix"
    mv "$work/err" "$work/first"
    expect 1 "${run[@]}" --requests "$csv" --store "$url" "$@" --summary
    same "$(placed "$work/out")" 1 "the same prefix"
    out_has "waits "
    cat "$work/first" >>"$work/err"
}
undisturbed twice
expect 0 "${run[@]}" --requests "$csv" --summary

# Alone with a store is as alone without: the same picks, the same refusals, but for steps of the buckets.
keys=(pick --nodes "$data/keys.yaml" --requests "$data/requests.csv" --seed 1 --strategy random
      --quota rpm=row:sliding:60s --quota tpm=ContextTokens+GeneratedTokens:gcra:60s)
expect 1 "${keys[@]}" --summary
alone=$(placed "$work/out")
undisturbed expect 1 "${keys[@]}" --summary --store "$url"
by=$(($(placed "$work/out") - alone))
[ "${by#-}" -le $((alone / 100)) ] || fail "alone with a store: $by placed more than $alone"

# The command of docs/redis.md, as it stands there but for the port and the fleet.
told=$(sed -n '/^loadwise pick/,/--summary$/p' "$LOADWISE_SOURCE/docs/redis.md" | sed 's/\\$//')
read -r -a words <<<"${told//$'\n'/ }"
words=("${words[@]/#redis:*/$url}")
(cd "$LOADWISE_SOURCE" && "$LOADWISE" "${words[@]:1}" --prefix guide/ >"$work/out" 2>"$work/err")
[ $? -eq 1 ] || fail "the command of docs/redis.md: $(<"$work/err")"
out_has "over its quota"

# The example: four processes, of whose 200 prompts a provider may be asked 100.
if [ -n "${LOADWISE_FLEET:-}" ]; then
    "$LOADWISE_FLEET" "$url" >"$work/out" 2>"$work/err" || fail "the example failed"
    same "$(awk '{ sum += $6 } END { print NR, sum }' "$work/out")" "4 100" "the example: processes, prompts"
fi

# ---- the server goes while a command runs, and comes back ----
mkfifo "$work/rows" "$work/decisions"
printf 'nodes:\n- {name: a, limits: {n: 1000000}}\n' >"$nodes"
"$LOADWISE" "${run[@]}" --requests - --store "$url" --prefix outage/ <"$work/rows" >"$work/decisions" 2>"$work/err" &
command=$!
exec 6>"$work/rows" 7<"$work/decisions"
# row TIME: writes it, waits for its decision.
row() { echo "$1" >&6; IFS= read -r -t 60 decision <&7; }
echo at >&6
read -r -t 60 _ <&7 # the head
news() { grep -c "$1" "$work/err"; }
for i in 1 2 3; do row "$i"; done
until [ "$(news 'cannot be reached')" = "$(news 'reached again')" ]; do row 3; done # it may have been slow
told=$(news 'cannot be reached')
stop
for i in 4 5 6 7; do row "$i"; [[ $decision == *" a" ]] || fail "row $i has no node: $decision"; done
same "$(news 'cannot be reached')" $((told + 1)) "messages of the outage"
grep -qF -- "--store $url cannot be reached; until it can, this command keeps to its share" "$work/err" ||
    fail "the outage: $(cat "$work/err")"
start || fail "the server does not start again"
# The guard lets a question through after a second or two of real time; until then rows are of the share.
for ((i = 0; i < 200000; i++)); do
    row 8
    [ "$(news 'reached again')" = "$told" ] || break
done
same "$(news 'reached again')" $((told + 1)) "messages of the end"
same "$(news 'cannot be reached')" $((told + 1)) "messages of the outage, at last"
row 70
[[ $decision == *" a" ]] || fail "a window later: $decision"
exec 6>&-
cat <&7 >"$work/out"
exec 7<&-
wait "$command"
same $? 0 "exit status with an outage"
stop

# ---- who is not let in ----
printf 'at\n1\n' >"$csv"
expect_message 16 "${run[@]}" --requests "$csv" --store "$url" <<<"--store $url: "
[ ! -s "$work/out" ] || fail "there is output without a store"
start --requirepass sesame || fail "the server does not start with a password"
expect_message 16 "${run[@]}" --requests "$csv" --store "$url" <<<"--store $url: "
expect_message 16 "${run[@]}" --requests "$csv" --store "redis://:mellon@$host:$port" <<<"WRONGPASS"
expect 0 "${run[@]}" --requests "$csv" --store "redis://:sesame@$host:$port"
expect_message 16 "${run[@]}" --requests "$csv" --store "http://$host:$port" <<<"--store http://$host:$port: "
expect_message 16 "${run[@]}" --requests "$csv" --store "redis://no.such.host.invalid:1" <<<"no.such.host.invalid"
expect_message 16 "${run[@]}" --requests "$csv" --store "redis://:sesame@$host:$port" --prefix 'a{b' <<<"prefix='a{b'"
expect_message 2 pick --nodes "$nodes" --requests "$csv" --strategy random --store "$url" <<<"--store: only --quota shares"
expect_message 2 "${run[@]}" --requests "$csv" --prefix x/ <<<"--prefix: only --store has keys"
stop
finish
