# SPDX-License-Identifier: MIT OR Apache-2.0
# Says "LINE: what" and exits 1 at the first line that is not one whole JSON object (RFC 8259).
function bad(what) { print NR ": " what ": " substr($0, 1, 120); failed = 1; exit 1 }

# Takes a pattern from the front of the text.
function take(pattern) {
    if (match(text, "^" pattern) == 0) return 0
    taken = substr(text, 1, RLENGTH)
    text = substr(text, RLENGTH + 1)
    return 1
}

function space() { take("[ \t]*") }

function string() {
    if (!take("\"([^\"\\\\\001-\037]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F][0-9a-fA-F][0-9a-fA-F][0-9a-fA-F])*\"")) bad("string")
}

function members() {
    space()
    if (take("}")) return
    do { space(); string(); space(); if (!take(":")) bad("colon"); value() } while (take(","))
    if (!take("}")) bad("end of object")
}

function elements() {
    space()
    if (take("\\]")) return
    do value(); while (take(","))
    if (!take("\\]")) bad("end of array")
}

function value() {
    space()
    if (take("{")) members()
    else if (take("\\[")) elements()
    else if (substr(text, 1, 1) == "\"") string()
    else if (!take("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][-+]?[0-9]+)?") && !take("true") && !take("false") &&
             !take("null")) bad("value")
    space()
}

{
    text = $0
    if (substr(text, 1, 1) != "{") bad("no object")
    value()
    if (text != "") bad("more after the object")
}

END {
    if (!failed && NR == 0) { print "no lines"; exit 1 }
}
