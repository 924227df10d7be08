#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# The README tells the truth: its C programs are examples/first_*.c, its commands run, and what it says `make run`,
# `make pick` and the other commands print is what they print, given the seed that is shown.
set -u
cd "$LOADWISE_SOURCE" || exit 2
. scripts/report.sh

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# blocks LANGUAGE: all fenced blocks of that language.
blocks() { awk -v fence="\`\`\`$1" '/^```/ { inside = $0 == fence; next } inside' README.md; }

same_programs() { diff <(blocks c) <(sed '/^\/\* SPDX/d' examples/first_pool.c examples/first_pick.c); }

# The command line of `make pick`, with the built command and the seed that the README shows.
shown_pick() {
    local seed
    seed=$(blocks text | sed -nE 's/^strategy .*, seed ([0-9]+)$/\1/p')
    [ -n "$seed" ] || { echo "the README shows no seed"; return 1; }
    eval "$(make -n pick | sed -n 's/.*tools\/loadwise pick/"$LOADWISE" pick/p') --seed $seed"
}

# in_order SHOWN PRINTED: each line that is shown, but for "...", is printed, and in that order.
in_order() {
    grep -vx '\.\.\.' "$1" | awk '
        NR == FNR { printed[NR] = $0; lines = NR; next }
        { while (++at <= lines && printed[at] != $0) continue }
        at > lines { print "not printed, or not in this order: " $0; missing = 1; exit }
        END { exit missing || FNR == NR }' "$2" -
}

same_pick() { shown_pick > "$scratch/printed" && in_order <(blocks text) "$scratch/printed"; }

# What is printed, without spaces at the ends of lines.
same_run() {
    eval "$(make -n run | sed -nE 's/.*tools\/loadwise sim (.*) --report .*/"$LOADWISE" sim \1/p')" > "$scratch/run" || return 1
    sed 's/ *$//' "$scratch/run" > "$scratch/printed"
    diff <(blocks "console sim") "$scratch/printed"
}

# Exit status 1: the run is complete, and as the README says, requests were refused.
same_quota_output() {
    eval "$(grep -e --quota "$scratch/commands" | sed 's/^loadwise/"$LOADWISE"/')" > "$scratch/printed"
    [ $? -eq 1 ] && in_order <(blocks console) "$scratch/printed"
}

same_diff_output() {
    eval "$(grep '^loadwise diff' "$scratch/commands" | sed 's/^loadwise/"$LOADWISE"/')" > "$scratch/printed"
    in_order <(blocks "console diff") "$scratch/printed"
}

runs() { eval "\"\$LOADWISE\" ${1#loadwise }"; }

report "readme: the C programs are examples/first_pool.c and first_pick.c" same_programs
report "readme: make run prints what is shown" same_run
report "readme: make pick prints what is shown" same_pick
blocks sh | sed ':a; /\\$/ { N; s/\\\n *//; ba }' | grep '^loadwise ' > "$scratch/commands"
report "readme: there are commands to try" test -s "$scratch/commands"
report "readme: the command with quotas prints what is shown" same_quota_output
report "readme: the comparison of two lists prints what is shown" same_diff_output
report "readme: the scenario that is shown is the one of make run" grep -q "^loadwise sim $(make -n run | sed -nE "s/.*loadwise sim '([^']*)'.*/\1/p") " "$scratch/commands"
grep -v -e --quota -e '^loadwise sim' "$scratch/commands" > "$scratch/others"
while IFS= read -r command; do
    report "readme: $command" runs "$command"
done < "$scratch/others"
report_end
