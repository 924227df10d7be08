# SPDX-License-Identifier: MIT OR Apache-2.0
# HTTP servers on loopback for the tests of `loadwise fetch`, on top of helpers.bash.
#
# ctest sets NGINX and HTTP_SERVER (tests/http/rig).
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1
: "${NGINX:?nginx}" "${HTTP_SERVER:?the test server}"

nodes=$work/nodes.yaml
ports=() processes=()
trap '{ kill -9 "${processes[@]}"; wait; } 2>/dev/null; rm -rf "$work"' EXIT

# next_port: in `port` one that nobody listens at, not even at every address.
port=20000
next_port() {
    port=$((port + 1))
    while (exec 5<>"/dev/tcp/$host/$port") 2>/dev/null; do port=$((port + 1)); done
}

# serve NUMBER WORD...: the test server of that number, which listens when this returns; at its port, if it had one.
serve() {
    local number=$1 line
    shift
    [ -n "${ports[number]-}" ] || { next_port && ports[number]=$port; }
    mkfifo "$work/said" 2>/dev/null
    exec 6<>"$work/said"
    "$HTTP_SERVER" host="$host" port="${ports[number]}" name="s$number" "$@" >&6 2>"$work/server" 6>&- &
    processes[number]=$!
    IFS= read -r -t 60 line <&6
    exec 6>&-
    [ -n "$line" ] || { fail "server $number did not start: $(cat "$work/server")"; finish; }
}

# serve_nginx NUMBER: an nginx with one server block, which listens when this returns.
serve_nginx() {
    local number=$1 folder=$work/nginx.$1
    [ -n "${ports[number]-}" ] || { next_port && ports[number]=$port; }
    mkdir -p "$folder"
    {
        echo "daemon off; master_process off; pid $folder/pid; error_log $folder/errors crit;"
        echo "events { worker_connections 1024; }"
        echo "http { access_log $folder/log; keepalive_requests 1000000;"
        for part in client_body proxy fastcgi uwsgi scgi; do echo "${part}_temp_path $folder/$part;"; done
        echo "server { listen $host:${ports[number]};"
        echo "location / { return 200 \"n$number\\n\"; }"
        echo "location /busy { return 503; } } }"
    } >"$folder/config"
    "$NGINX" -p "$folder" -e "$folder/errors" -c "$folder/config" 2>>"$folder/said" &
    processes[number]=$!
    until (exec 5<>"/dev/tcp/$host/${ports[number]}") 2>/dev/null; do
        kill -0 "${processes[number]}" 2>/dev/null || { fail "nginx: $(cat "$folder/said" "$folder/errors")"; finish; }
    done
}

# ask NUMBER TARGET: the body of the answer.
ask() {
    local line answer=
    exec 5<>"/dev/tcp/$host/${ports[$1]}" || return 1
    printf 'GET %s HTTP/1.1\r\nConnection: close\r\n\r\n' "$2" >&5
    while IFS= read -r -t 60 line <&5 && [ "$line" != $'\r' ]; do :; done
    IFS= read -r -t 60 answer <&5
    exec 5>&-
    printf '%s\n' "$answer"
} 2>/dev/null

# name_nodes [FIELD]...: the nodes file, of all servers; fields go to each.
name_nodes() {
    local at fields=
    [ $# -eq 0 ] || fields=$(printf ', %s' "$@")
    echo "nodes:"
    for at in "${ports[@]}"; do echo "- {name: \"$host:$at\"$fields}"; done
} >"$nodes"

# end NUMBER SIGNAL: ends a server, and waits until it is gone.
end() {
    kill "-$2" "${processes[$1]}"
    wait "${processes[$1]}"
    unset "processes[$1]"
} 2>/dev/null


# The column `want` of the table's line of a node, or of "whole" for all: table NODE requests|ok|not|p50|p99
table() {
    awk -v node="$1" -v want="$2" '
        BEGIN { at["requests"] = 2; at["ok"] = 3; at["not"] = 4; at["p50"] = 5; at["p90"] = 6; at["p99"] = 7 }
        $1 == node { print $(at[want] + (node == "whole")); exit }' "${3-$work/out}"
}

# until_counted NUMBER served|under_way COUNT: waits until the test server has answered so many, or has so many to answer.
until_counted() {
    local served under_way _
    until read -r served under_way _ <<<"$(ask "$1" "/count?ms=10")" && [ "${!2}" -ge "$3" ]; do
        kill -0 "${processes[$1]}" 2>/dev/null || { fail "server $1 is gone"; finish; }
    done
}
