# SPDX-License-Identifier: MIT OR Apache-2.0
# Prints C files as file:line:text, with comments and the insides of strings and characters taken out, so that
# whoever searches for a call finds calls only.
FNR == 1 { commented = 0 }

{
    text = $0
    kept = ""
    while (text != "") {
        if (commented) {
            end = index(text, "*/")
            if (end == 0) break
            text = substr(text, end + 2)
            commented = 0
        } else if (match(text, /\/\*|\/\/|"|'/) == 0) {
            kept = kept text
            break
        } else {
            kept = kept substr(text, 1, RSTART - 1)
            mark = substr(text, RSTART, RLENGTH)
            text = substr(text, RSTART + RLENGTH)
            if (mark == "//") break
            if (mark == "/*") commented = 1
            else {
                kept = kept mark mark
                text = after_quote(text, mark)
            }
        }
    }
    print FILENAME ":" FNR ":" kept
}

# What follows the closing quote; a backslash guards the character behind it.
function after_quote(text, quote,    i, c) {
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c == "\\") i++
        else if (c == quote) return substr(text, i + 1)
    }
    return ""
}
