#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# The comparison with peers (bench/peers), as small as it goes: one case, one number of nodes, one round, by us and the
# limit alone. And programs that are missing, talk nonsense or stop: each is named with a reason, and the rest goes on.
. "${LOADWISE_SOURCE:?the source tree}/tests/e2e/helpers.bash" || exit 1
: "${PEERS:?the folder of the programs}"
if [ ! -x "$PEERS/peers-driver" ]; then
    echo "skipped: bench is not built"
    finish
fi

measure() { "$PEERS/peers-driver" --rounds 1 --nodes 16 --out "$work" "$@" >"$work/out" 2>"$work/err"; }
tables_have() { grep -qF -- "$1" "$work/peers.md" || fail "the tables do not say: $1"; }
# value ROW WHAT THREADS: the figure of round_robin in the file of values.
value() { awk -F, -v row="$1" -v what="$2" -v threads="$3" \
    '$1 == "round_robin" && $2 == row && $3 == what && $5 == threads { print $6 }' "$work/peers.csv"; }
positive() { awk -v value="$1" 'BEGIN { exit !(value > 0 && value < 1e6) }' || fail "$2: '$1' is not a figure"; }

# ---- what everybody sees ----
measure --cases round_robin "$PEERS/peer-limits" "$PEERS/peer-loadwise" || fail "the driver fails"
same "$(head -1 "$work/peers.csv")" "case,row,what,nodes,threads,median,least,most,beside,ratio,to_limit,reason" "heading"
positive "$(value limit pick 1)" "the limit"
positive "$(value loadwise pick 1)" "a pick of ours"
positive "$(value loadwise build 1)" "a build of ours"
positive "$(value loadwise change 1)" "a change of ours"
positive "$(value loadwise bytes 1)" "memory of ours"
same "$(grep -c -v '^case,\|^round_robin,' "$work/peers.csv")" 0 "rows of other cases"
same "$(awk -F, 'NR > 1 && $4 != 16' "$work/peers.csv")" "" "rows of other numbers of nodes"
for word in '**round_robin**' '| loadwise |' '| limit |' '**build: ' '- loadwise '"$("$LOADWISE" --version | awk '{ print $2 }')"; do
    tables_have "$word"
done

# ---- peers that are not there, or lie ----
program() {
    { echo '#!/bin/sh'; cat; } >"$work/$1"
    chmod +x "$work/$1"
}
program mute </dev/null
program rude <<'EOT'
echo 'peer rude 1'; echo 'case rude/round_robin pick'; echo ready
while read -r _; do echo 'as quick as you like'; done
EOT
program liar <<'EOT'
echo 'peer liar 1'; echo 'case liar/round_robin pick'; echo ready
while read -r _; do echo 'ns -3'; done
EOT
program confused <<'EOT'
echo 'peer confused 1'; echo 'case confused/round_robin pick'; echo ready
while read -r _; do echo 'bytes 3'; done
EOT
program refuses <<'EOT'
echo 'peer refuses 1'; echo 'case refuses/round_robin pick'; echo ready
while read -r _; do echo 'none not on a Monday'; done
EOT
program stops <<'EOT'
echo 'peer stops 1'; echo 'case stops/round_robin pick'; echo ready
read -r _
EOT
! measure --cases round_robin --what pick --skipped 'absent: not installed' "$PEERS/peer-loadwise" "$work/none" \
    "$work/mute" "$work/rude" "$work/liar" "$work/confused" "$work/refuses" "$work/stops" || fail "the driver finds nothing wrong with mutes"
err_has "$work/none does not speak"
err_has "$work/mute does not speak"
tables_have '- absent: not installed'
tables_have 'refuses/round_robin, pick, from 16 nodes on: not on a Monday'
tables_have 'stops/round_robin, pick, from 16 nodes on: the program stopped or took too long'
tables_have 'rude/round_robin, pick, from 16 nodes on: as quick as you like'
tables_have 'liar/round_robin, pick, from 16 nodes on: ns -3'
tables_have 'confused/round_robin, pick, from 16 nodes on: bytes 3'
for peer in rude liar confused refuses stops; do
    same "$(value "$peer" pick 1)" "" "figure of $peer"
done
positive "$(value loadwise pick 1)" "a pick of ours beside them"
! measure --rounds 0 "$PEERS/peer-loadwise" || fail "no round at all is taken"
err_has "rounds are from 1 to 32"

# ---- the chart, of what was measured ----
if command -v gnuplot >/dev/null; then
    printf '1 2 "round robin" "seed"\n\n\n1 3 "" ""\n\n\n1 1 "" ""\n' >"$work/picks.dat"
    gnuplot -e "folder='$work'" "$LOADWISE_SOURCE/bench/peers/chart.gp" >"$work/out" 2>"$work/err" ||
        fail "no chart can be drawn"
    grep -q '</svg>' "$work/peers.svg" || fail "the chart is not whole"
    grep -q 'round' "$work/peers.svg" || fail "the chart does not name its cases"
else
    echo "skipped: the chart, as gnuplot is not installed"
fi
finish
