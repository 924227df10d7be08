#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# The page of `loadwise sim --report`: whole, in need of nothing else, with a chart of each kind, and with no word of a
# scenario or a command line taken for HTML. And what happens when it cannot be written.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1

page=$work/page.html
file=$work/small.yaml
cat >"$file" <<'EOT'
title: Is 1 < 2 & "so" 'on'?
text: A text with <b>tags</b> & an ampersand.
duration: 3s
warmup: 1s
arrivals: {rate: 200/s}
service: {time: {shape: exponential, mean: 4ms}}
nodes: [{name: 'a<i>"&%s''`-', count: 3, slots: 2}]
events:
  - {at: 1s, for: 1s, nodes: 'a<i>"&%s''`--2', do: slow, factor: 3}
  - {at: 1s, for: 1s, nodes: 'a<i>"&%s''`--3', do: freeze}
strategies: [round_robin, "p2c", "chain(ring, random)"]
EOT
count() { grep -o -- "$1" "$page" | wc -l; }

# ---- whole ----
expect 0 sim "$file" --seeds 2 --report "$page"
out_has "* nobody is better"
[ "$(head -1 "$page")" = "<!doctype html>" ] || fail "the page has another beginning"
[ "$(tail -1 "$page")" = "</body></html>" ] || fail "the page has no end"
[ "$(wc -c <"$page")" -lt 1000000 ] || fail "the page is larger than 1 MB"
# Of lines in two widths: latency, p99 and median over time; then nodes for each strategy.
same "$(count '<svg role="img"')" 9 "charts"
for chart in "Latency by share of requests" "p99 of latency over time" "p50 of latency over time"; do
    same "$(count "aria-label=\"$chart\"")" 2 "charts of: $chart"
done
same "$(count '<image ')" 3 "maps of nodes"
same "$(count 'times as slow')" 4 "names of the event in charts over time"
for word in "Each strategy met the same requests" "p99.9" "nobody is better" "What the figures mean"; do
    grep -qF -- "$word" "$page" || fail "the page does not say: $word"
done
# What opens is closed.
for tag in svg g figure figcaption div table tr code ul dl p; do
    same "$(count "<$tag[ >]")" "$(count "</$tag>")" "<$tag> and </$tag>"
done

# ---- in need of nothing ----
! grep -qE 'https?:|src=|<script|<link|@import|url\(' "$page" || fail "the page refers to something outside"
same "$(count 'href=')" "$(count "href='data:")" "references, and those to data within"
same "$(count ' id=')" 0 "names, which charts would share"

# ---- words are words ----
grep -qF '<h1>Is 1 &lt; 2 &amp; &quot;so&quot;' "$page" || fail "the title is not escaped"
grep -qF '&lt;b&gt;tags&lt;/b&gt; &amp; an ampersand' "$page" || fail "the text is not escaped"
! grep -qF '<i>' "$page" || fail "the name of a node is taken for HTML"
grep -qF "<text>a&lt;i>\"&amp;%s'\`--1</text>" "$page" || fail "the name of a node is missing in the charts"

# ---- one strategy, one seed, nothing that ends well ----
expect 0 sim "$file" --seeds 1 --strategy p2c --report "$page"
grep -qF 'Only <code>p2c</code> was played' "$page" || fail "one strategy is compared"
! grep -q '&plusmn;' "$page" || fail "there is an interval with one seed"
cat >"$work/down.yaml" <<'EOT'
title: All down
duration: 2s
arrivals: {rate: 50/s}
nodes: [{name: web, count: 2}]
events: [{at: 0s, nodes: web, do: fail}]
strategies: [round_robin, p2c]
EOT
expect 0 sim "$work/down.yaml" --seeds 1 --report "$page"
same "$(count 'no request ended well')" 6 "charts without a line"

# ---- what cannot be written ----
expect_message 11 sim "$file" --seeds 1 --report "$work/none/page.html" <<'EOT'
page.html: cannot be written: No such file or directory
EOT
expect_message 11 sim "$file" --seeds 1 --report /dev/full <<'EOT'
/dev/full: cannot be written: No space left on device
EOT
[ -c /dev/full ] || fail "/dev/full is gone"
if [ -z "${LOADWISE_SANITIZED:-}" ]; then
    # A disk that is full half-way through, as a limit on the size of files is.
    rm -f "$page"
    (trap '' XFSZ && ulimit -f 8 && exec "$LOADWISE" sim "$file" --seeds 1 --report "$page") >/dev/null 2>"$work/err"
    same "$?" 11 "exit status when the file cannot grow"
    err_has "page.html: cannot be written: File too large"
    [ ! -e "$page" ] || fail "half a page is left behind"
fi

# ---- without gnuplot ----
mkdir "$work/empty"
rm -f "$page"
PATH=$work/empty "$LOADWISE" sim "$file" --seeds 1 --report "$page" >"$work/out" 2>"$work/err"
same "$?" 11 "exit status without gnuplot"
err_has "gnuplot, which draws the charts, cannot be run"
err_has "Debian's package is gnuplot-nox"
[ ! -e "$page" ] || fail "a page without charts is left behind"
printf '#!/bin/sh\necho broken >&2\nexit 3\n' >"$work/empty/gnuplot" && chmod +x "$work/empty/gnuplot"
PATH=$work/empty:$PATH "$LOADWISE" sim "$file" --seeds 1 --report "$page" >"$work/out" 2>"$work/err"
same "$?" 11 "exit status when gnuplot fails"
err_has "gnuplot, which draws the charts, failed: broken"
[ ! -e "$page" ] || fail "a page without charts is left behind"
finish
