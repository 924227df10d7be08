#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# docs/sim.md tells the truth: its lists of fields and figures are those of `loadwise sim --help`, its commands run, and
# its scenario can be played.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1

page=$LOADWISE_SOURCE/docs/sim.md
block() { awk -v fence="\`\`\`$1" '/^```/ { inside = $0 == fence; next } inside' "$page"; }

expect 0 sim --help
block "text fields" >"$work/fields"
[ "$(wc -l <"$work/fields")" -gt 60 ] || fail "the page has no fields"
sed -n '/^a scenario:/,/^Figures:/p' "$work/out" | sed '$d' | sed '$d' | diff - "$work/fields" >"$work/err" ||
    fail "the fields of the page are others"
block "text figures" >"$work/figures"
sed -n '/^Figures:/,/^Exit status/p' "$work/out" | sed '1d;$d' | sed '$d' | diff - "$work/figures" >"$work/err" ||
    fail "the figures of the page are others"

block yaml >"$work/page.yaml"
expect 0 sim "$work/page.yaml" --seeds 1
out_has "Ten servers, one of them slow for a while"

block sh >"$work/commands"
[ "$(wc -l <"$work/commands")" = 3 ] || fail "the page has another number of commands"
cd "$LOADWISE_SOURCE" || exit 1
while IFS= read -r command; do
    eval "expect 0 ${command#loadwise }" --seeds 1 --report "$work/report.html"
done <"$work/commands"
[ -s "$work/report.html" ] || fail "no report was written"
finish
