#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Prometheus' own promtool accepts our pages: with plain names, with names that need escaping, with more nodes than have
# series, with none. ctest sets LOADWISE_METRICS, the example that writes such a page for the nodes it is given.
. "$LOADWISE_SOURCE/tests/e2e/helpers.bash"
: "${LOADWISE_METRICS:?the example}"

promtool=$(command -v promtool) || promtool=$LOADWISE_SOURCE/build/promtool
if [ ! -x "$promtool" ]; then
    [ -n "${LOADWISE_QUICK:-}" ] && echo "skipped: promtool is not here; scripts/setup.sh test fetches it" && exit 0
    echo "promtool is missing; scripts/setup.sh test fetches it"
    exit 1
fi

# page NAME...: writes the page for these nodes, and lets promtool judge it.
page() {
    "$LOADWISE_METRICS" "$@" >"$work/out" 2>"$work/err" || fail "no page for: $*"
    "$promtool" check metrics <"$work/out" >"$work/verdict" 2>&1 || fail "promtool: $(cat "$work/verdict")"
    [ ! -s "$work/verdict" ] || fail "promtool remarks: $(cat "$work/verdict")"
}

page
same "$(grep -c 'node=' "$work/out")" 0 "series without nodes"

page one two three
same "$(grep -c 'node="one"' "$work/out")" 41 "series of a node"
out_has 'loadwise_health{node="three",status="unhealthy"} 1'
out_has 'loadwise_strategy_selections_total{strategy="round_robin"} '
grep -q '^loadwise_refusals_total{reason="LW_ALL_UNHEALTHY"} [1-9]' "$work/out" || fail "nobody was refused"

page 'a "quoted" one' 'C:\nodes\n' $'two\nlines' $'tab\tand\rreturn' 'köln € 🌍' '{a="b"}' '' ' '
out_has 'node="a \"quoted\" one"'
out_has 'node="C:\\nodes\\n"'
out_has 'node="two\nlines"'
out_has 'node="köln € 🌍"'
err_has 'node 7 has no name'

page $'\xff\xfe' "#other" "$(printf 'x%.0s' {1..300})"
same "$(grep -c 'has no name' "$work/err")" 3 "names refused"
out_has 'node="#'

page {1..40}
out_has 'node="#other"'
same "$(grep -c '^loadwise_probes_total{' "$work/out")" 17 "nodes that are told apart, and one for the rest"

# The judge is awake.
sed 's/^# TYPE loadwise_probes_total counter/# TYPE loadwise_probes_total nonsense/' "$work/out" >"$work/bad"
! "$promtool" check metrics <"$work/bad" >/dev/null 2>&1 || fail "promtool takes a bad type"
sed '/loadwise_probes_total{/s/}/ }x/' "$work/out" >"$work/bad"
! "$promtool" check metrics <"$work/bad" >/dev/null 2>&1 || fail "promtool takes bad labels"

finish
