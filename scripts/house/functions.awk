# SPDX-License-Identifier: MIT OR Apache-2.0
# Reports C functions of more than `most` lines. Rests on our formatting: a function begins and ends in column one.
FNR == 1 {
    head = ""
    inside = 0
}

inside {
    if ($0 ~ /^}/) {
        inside = 0
        lines = FNR - start + 1
        if (lines > most) print FILENAME ":" start ": function of " lines " lines, at most " most " are allowed"
    }
    next
}

/^#/ || /^[ \t]*$/ || /^[;}]/ || /;[ \t]*(\/[*\/].*)?$/ {
    head = ""
    next
}

/^[A-Za-z_]/ || head != "" {
    if (head == "") start = FNR
    head = head $0
    if ($0 ~ /{$/) {
        inside = head ~ /\(/ && head !~ /= *{$/
        head = ""
    } else if ($0 ~ /}[ \t]*(\/[*\/].*)?$/) {
        head = ""
    }
}
