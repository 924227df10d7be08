#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# ketama beside a real nginx: some thousand keys, the same server for each, with weights from 1 to 5, with one server marked
# down, and with one that refuses connections.
#
#     NGINX=/usr/sbin/nginx NGINX_CHOICE=path/of/the/program LOADWISE_SOURCE=. tests/peers/nginx.sh
#
# One process plays all parts: server blocks that answer their own names, and in front of them a balancer for each case. It
# lives as long as this script and listens on loopback only.
set -u
. "$LOADWISE_SOURCE/scripts/report.sh"

keys=3000
scratch=$(mktemp -d)
process=
stop() {
    [ -z "$process" ] || { kill "$process" && wait "$process"; } 2>/dev/null
    rm -rf "$scratch"
}
trap stop EXIT

# home NUMBER: of four addresses that are nobody else's, since no other process has our number.
home() { echo "127.$(($$ >> 14 & 255)).$(($$ >> 6 & 255)).$((($$ & 63) * 4 + $1))"; }
host=$(home 0)

# name_servers BASE: servers and their weights; the last one listens nowhere.
name_servers() {
    local base=$1 i
    servers=()
    weights=(1 2 3 4 5 1 2)
    for i in 0 1 2 3 4; do servers+=("$(home $((i % 3))):$((base + i))"); done
    servers+=("unix:$scratch/socket" "$host:$((base + 5))")
    silent=${servers[6]} marked=${servers[3]}
}

# upstream NAME DOWN: one group of all servers; DOWN is marked.
upstream() {
    local i
    echo "upstream $1 { hash \$arg_key consistent;"
    for i in "${!servers[@]}"; do
        [ "$1" != refusing ] && [ "${servers[i]}" = "$silent" ] && continue
        echo "server ${servers[i]} weight=${weights[i]} max_fails=0$([ "${servers[i]}" = "$2" ] && echo " down");"
    done
    echo "}"
}

balancer() { echo "server { listen $host:$1; location / { proxy_pass http://$2; } }"; }

write_config() {
    local base=$1 server
    echo "daemon off; master_process off; pid $scratch/pid; error_log $scratch/errors crit;"
    echo "events { worker_connections 512; }"
    echo "http { access_log off; keepalive_requests 1000000;"
    for server in client_body proxy fastcgi uwsgi scgi; do echo "${server}_temp_path $scratch/$server;"; done
    upstream calm -
    upstream marked "$marked"
    upstream refusing -
    balancer $((base + 6)) calm
    balancer $((base + 7)) marked
    balancer $((base + 8)) refusing
    for server in "${servers[@]}"; do
        [ "$server" = "$silent" ] || echo "server { listen $server; location / { return 200 \"$server\\n\"; } }"
    done
    echo "}"
}

# Waits until it answers; fails when it has ended, because a port was taken.
answers() {
    while kill -0 "$process" 2>/dev/null; do
        curl -s -o "$scratch/first" "http://$host:$1/?key=first" && return 0
    done
    return 1
}

start_nginx() {
    local try
    for try in 1 2 3 4 5; do
        base=$((20000 + RANDOM % 12000))
        name_servers "$base"
        write_config "$base" > "$scratch/config"
        "$NGINX" -p "$scratch" -e "$scratch/errors" -c "$scratch/config" 2>>"$scratch/said" &
        process=$!
        answers $((base + 6)) && return 0
        wait "$process"
    done
    process=
    cat "$scratch/said" "$scratch/errors" >&2
    return 1
}

# asked PORT: what nginx chooses for each key, over one connection.
asked() {
    awk -v at="$host:$1" '{ printf "url = \"http://%s/?key=%s\"\n", at, $0 }' "$scratch/keys" |
        curl -s -K -
}

# agree PORT UP DOWN SERVER WEIGHT...: both choose alike, and each of the UP servers at least once.
agree() {
    local port=$1 up=$2
    shift 2
    asked "$port" > "$scratch/theirs"
    "$NGINX_CHOICE" "$@" < "$scratch/keys" > "$scratch/ours" || return 1
    [ "$(wc -l < "$scratch/theirs")" -eq "$keys" ] || { echo "nginx answered too few"; return 1; }
    [ "$(sort -u "$scratch/ours" | wc -l)" -eq "$up" ] || { echo "not all servers were chosen"; return 1; }
    diff "$scratch/theirs" "$scratch/ours" | head -5
    cmp -s "$scratch/theirs" "$scratch/ours"
}

# pair_up [BUT]: the servers and their weights as arguments, but for one.
pair_up() {
    local i
    pairs=()
    for i in "${!servers[@]}"; do
        [ "${1-}" = "${servers[i]}" ] || pairs+=("${servers[i]}" "${weights[i]}")
    done
}

all_up() { pair_up "$silent" && agree $((base + 6)) 6 - "${pairs[@]}"; }
one_marked_down() { pair_up "$silent" && agree $((base + 7)) 5 "$marked" "${pairs[@]}"; }
one_refuses() { pair_up && agree $((base + 8)) 6 "$silent" "${pairs[@]}"; }

seq "$keys" | awk '{ printf "user-%d/%d\n", $1, $1 * 2654435761 % 1000003 }' > "$scratch/keys"
start_nginx || { echo "nginx did not start" >&2; exit 1; }
report "the same server for each key, weights from 1 to 5" all_up
report "the same server with one marked down" one_marked_down
report "the same server with one that refuses connections" one_refuses
report_end
