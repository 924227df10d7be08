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
# value ROW WHAT THREADS [CASE]: the figure in the file of values, of round_robin unless a case is named.
value() { awk -F, -v row="$1" -v what="$2" -v threads="$3" -v case="${4:-round_robin}" \
    '$1 == case && $2 == row && $3 == what && $5 == threads { print $6 }' "$work/peers.csv"; }
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
program begins <<'EOT'
echo 'peer begins 1'; echo 'case begins/round_robin pick'
EOT
! measure --cases round_robin --what pick --skipped 'absent: not installed' "$PEERS/peer-loadwise" "$work/none" \
    "$work/mute" "$work/begins" "$work/rude" "$work/liar" "$work/confused" "$work/refuses" "$work/stops" || fail "the driver finds nothing wrong with mutes"
err_has "$work/none does not speak"
err_has "$work/mute does not speak"
err_has "$work/begins does not speak"
! grep -q begins "$work/peers.md" "$work/peers.csv" || fail "a program that does not get ready takes part"
tables_have '- absent: not installed'
tables_have '- refuses (round_robin at 16): not on a Monday'
tables_have '- stops (round_robin at 16): it stopped, with exit status 0'
tables_have '- rude (round_robin at 16): as quick as you like'
tables_have '- liar (round_robin at 16): ns -3'
tables_have '- confused (round_robin at 16): bytes 3'
for peer in rude liar confused refuses stops; do
    same "$(value "$peer" pick 1)" "" "figure of $peer"
done
positive "$(value loadwise pick 1)" "a pick of ours beside them"
! measure --rounds 0 "$PEERS/peer-loadwise" || fail "no round at all is taken"
err_has "rounds are from 1 to 32"

# ---- one question that ends a program costs no other ----
# One ends by a signal at one question, and has more to say than that; one is silent; one never comes back.
program mortal <<'EOT'
echo begun >>"$0.begun"
echo 'peer mortal 1'; echo 'case mortal/round_robin pick build'; echo 'case mortal/random pick build'; echo ready
while read -r what name nodes _; do
    case "$what $name $nodes" in
        'build mortal/round_robin 16') echo 'cannot bear "16"' >&2; kill -ABRT $$ ;;
        'build mortal/'*) echo 'this is hard' >&2 ;;
    esac
    echo "ns $nodes"
done
EOT
program ponders <<'EOT'
echo 'peer ponders 1'; echo 'case ponders/round_robin pick'; echo 'case ponders/random pick'; echo ready
while read -r _ name _; do [ "$name" = ponders/round_robin ] || echo 'ns 7'; done
EOT
program leaves <<'EOT'
echo begun >>"$0.begun"
[ ! -e "$0.gone" ] || exit 0
echo 'peer leaves 1'; echo 'case leaves/round_robin pick'; echo 'case leaves/random pick'; echo ready
read -r _
echo gone >"$0.gone"
EOT
measure --rounds 2 --patience 3 --nodes 3,16 --cases round_robin,random --what pick,build "$work/mortal" "$work/ponders" \
    "$work/leaves" || fail "the driver fails with a program that stops"
tables_have "- mortal (round_robin build at 16): it stopped, by signal 6: cannot bear '16'"
tables_have '- ponders (round_robin at 3, 16): it took more than 3 s'
tables_have '- leaves (round_robin at 3): it stopped, with exit status 0'
tables_have '- leaves (round_robin at 16; random at 3, 16): the program does not start again'
err_has 'cannot bear "16"'
same "$(value mortal build 1 | tr '\n' ' ')" "3.0000  " "builds of the one that stops"
same "$(value mortal pick 1 | tr '\n' ' ')" "3.0000 16.0000 " "its picks"
same "$(value mortal build 1 random | tr '\n' ' ')" "3.0000 16.0000 " "its builds of another case"
same "$(value ponders pick 1 random | tr '\n' ' ')" "7.0000 7.0000 " "picks of the one that is silent"
same "$(grep -c begun "$work/mortal.begun")" 2 "times that the one that stops was started"
same "$(grep -c begun "$work/leaves.begun")" 2 "times that the one that leaves was started"
! measure --patience 0 "$PEERS/peer-loadwise" || fail "no patience at all is taken"
err_has "patience is from 1 to 3600 s"

# ---- what is said of the figures ----
# Of ours and two others, whose picks, builds and numbers of nodes are to be told apart.
program figures <<'EOT'
for peer in loadwise first seed; do
    echo "peer $peer 1"
    for case in round_robin random; do echo "case $peer/$case pick threads build change"; done
done
echo ready
while read -r question; do
    case $question in
        'pick first/random '*) echo 'ns 50' ;;
        'pick seed/round_robin 16 1 '*) echo 'none too many' ;;
        'pick seed/'*) echo 'ns 200' ;;
        'build seed/random 16 '* | 'change seed/random 3 '*) echo 'ns 10' ;;
        'build seed/random 128 '*) echo 'ns 20' ;;
        'build first/random 128 '* | 'build seed/round_robin 3 '*) echo 'none not today' ;;
        *) echo 'ns 100' ;;
    esac
done
EOT
measure --nodes 3,16,128 "$work/figures" || fail "the driver fails with figures"
same "$(head -1 "$work/peers.md")" "Ahead of all others in 6 of 12 cells of picks (case, nodes, one thread or two); \
behind in: random at 3 to 128." "the conclusion"
tables_have '| random | | 100 | first | 50.0 (**0.50**) | 200 (2.00) |'
tables_have '- random: first at 3 to 128 (0.50), with two threads at 3 to 128 (0.50)'
tables_have '- random: seed build at 16, 128 (0.10 to 0.20), change at 3 (0.10)'
tables_have '- first (random build at 128): not today'
tables_have '- seed (round_robin build at 3): not today'
tables_have '- seed (round_robin pick at 16): too many'
same "$(grep -c '^- r' "$work/peers.md")" 2 "lines about those that are ahead"
same "$(grep -A2 '^\*\*Beyond' "$work/peers.md" | tail -1)" "Nowhere." "what is beyond a limit that is not there"
measure --what pick "$PEERS/peer-loadwise" --cases nothing || fail "the driver fails with us alone"
same "$(head -1 "$work/peers.md")" "No picks of others were measured." "the conclusion without others"

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
