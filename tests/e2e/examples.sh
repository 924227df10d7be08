#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# The example of an HTTP client, beside real servers: one that answers, one that fails, one that is not there. ctest sets
# LOADWISE_HTTP_CLIENT and HTTP_SERVER.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1
: "${LOADWISE_HTTP_CLIENT:?the example}" "${HTTP_SERVER:?the test server}"

# serve NAME WORD...: a server in the background; its address in $address, its process in $server.
serve() {
    mkfifo "$work/$1"
    "$HTTP_SERVER" host="$host" "name=$@" >"$work/$1" &
    server=$!
    read -r address <"$work/$1" || fail "the server does not say where it is"
}

# client WANT PATH NODE...: runs the example and expects an exit status.
client() {
    local want=$1
    shift
    timeout 60 "$LOADWISE_HTTP_CLIENT" "$@" >"$work/out" 2>"$work/err"
    same "$?" "$want" "exit status of http_client $*"
    ! grep -q 'runtime error\|AddressSanitizer' "$work/err" || fail "crashed"
}

serve good
good=$address good_server=$server
serve bad status=500
bad=$address bad_server=$server
serve gone
gone=$address
kill "$server"
wait "$server" 2>/dev/null

# The example gives a try half a second. A machine that takes longer says nothing of the client: once in three is enough.
# answered TRIES NODE...: of three runs there is one in which all requests are answered, and by the good server.
answered() {
    local run count=0 tries=$1
    shift
    for run in 1 2 3; do
        client 0 /v1/things "$@"
        count=$(grep -c "^200, 5 bytes, tries: $tries: good\$" "$work/out")
        [ "$count" = 20 ] && return
    done
    fail "$count of 20 answers in tries: $tries"
}
answered 1 "http://$good"

# Whatever the others do, all requests are answered. Chance may ask the good one only, but not run after run.
for run in 1 2 3 4 5; do
    answered "[123]" "http://$good" "http://$bad" "http://$gone"
    grep -q 'tries: [23]' "$work/out" && break
done
grep -q 'tries: [23]' "$work/out" || fail "nothing was tried again"

# Nobody is there: it says so, and ends.
client 0 / "http://$gone"
same "$(grep -vc '^no answer\|^refused' "$work/out")" 0 "answers from nowhere"
client 2
err_has usage

kill "$good_server" "$bad_server"
finish
