#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# The example of an HTTP client, beside real servers: one that answers, one that fails, one that is not there. ctest sets
# LOADWISE_HTTP_CLIENT and HTTP_SERVER.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1
: "${LOADWISE_HTTP_CLIENT:?the example}" "${HTTP_SERVER:?the test server}"

# serve NAME WORD...: a server in the background; its address in $address, its process in $server.
serve() {
    mkfifo "$work/$1"
    "$HTTP_SERVER" "name=$@" >"$work/$1" &
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

client 0 /v1/things "http://$good"
same "$(grep -c '^200, 5 bytes, tries: 1: good$' "$work/out")" 20 "answers of a server that is well"

# Whatever the others do, all requests are answered.
client 0 /v1/things "http://$good" "http://$bad" "http://$gone"
same "$(grep -c '^200, 5 bytes, tries: [123]: good$' "$work/out")" 20 "answers in spite of two that fail"
grep -q 'tries: [23]' "$work/out" || fail "nothing was tried again"

# Nobody is there: it says so, and ends.
client 0 / "http://$gone"
same "$(grep -vc '^no answer\|^refused' "$work/out")" 0 "answers from nowhere"
client 2
err_has usage

kill "$good_server" "$bad_server"
finish
