# SPDX-License-Identifier: MIT OR Apache-2.0
# Reports includes that climb. First argument: the list of all C files; the others: the files to judge.
# A room of src/ may use itself and the rooms before it in the ladder; the public headers are open to everyone.
BEGIN {
    rooms = split("base strategy filter health latency quota store metrics persist fleet pool service", ladder, " ")
    for (i = 1; i <= rooms; i++) rank[ladder[i]] = i
    # These never see each other; they meet in base and in the public headers.
    split("strategy filter health latency quota store metrics", names, " ")
    for (i in names) apart[names[i]] = 1
    searched = split("src/ tools/ bench/ fuzz/ tests/ examples/ adapters/ adapters/redis/src/ adapters/uv/src/ adapters/curl/src/", folders, " ")
}

FNR == NR {
    known[$0] = 1
    if (sub(/^adapters\/[a-z]+\/include\//, "")) by_adapter[$0] = 1
    next
}

/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, parts, "\"")
    target = resolve(FILENAME, parts[2])
    if (target == "") complain("\"" parts[2] "\" names no file of the tree")
    else judge(FILENAME, target)
}

/^[ \t]*#[ \t]*include[ \t]*<loadwise\// {
    split($0, parts, /[<>]/)
    if (parts[2] in by_adapter) {
        if (FILENAME ~ /^(src|include)\//) complain("the library does not know its adapters, nor <" parts[2] ">")
    } else if (!("include/" parts[2] in known)) {
        complain("<" parts[2] "> is not a public header")
    }
}

function complain(what) { print FILENAME ":" FNR ": " what }

function resolve(from, name,    path, i) {
    path = tidy(folder_of(from) name)
    if (path in known) return path
    for (i = 1; i <= searched; i++) {
        path = tidy(folders[i] name)
        if (path in known) return path
    }
    return ""
}

function folder_of(path) {
    sub(/[^\/]*$/, "", path)
    return path
}

# Takes out "./" and "folder/..".
function tidy(path) {
    while (sub(/\/\.\//, "/", path)) continue
    sub(/^\.\//, "", path)
    while (sub(/[^\/]+\/\.\.\//, "", path)) continue
    return path
}

function judge(from, target,    f, t) {
    split(from, f, "/")
    split(target, t, "/")
    if (f[1] == "include" || (f[1] == "adapters" && f[3] == "include")) {
        complain("a public header includes public headers only, as <loadwise/...>")
    } else if (f[1] == "src") {
        if (t[1] != "src") complain(target " lies outside src/")
        else if (f[2] != t[2]) judge_rooms(f[2], t[2])
    } else if (t[1] == "adapters") {
        if (f[1] != "adapters" && f[1] != "fuzz" && !(f[1] == "tests" && f[2] == t[2]))
            complain(f[1] "/ uses what an adapter installs only, not " target)
        if (f[1] == "adapters" && t[3] != "" && f[2] != t[2]) complain("an adapter does not look into another one")
    } else if (t[1] == "src" && !(f[1] == "tests" && (f[2] == "unit" || f[2] == "oom" || f[2] == "golden"))) {
        complain(f[1] "/ uses the public headers only, not " target)
    } else if (t[1] == "include") {
        complain("write <loadwise/...> for a public header")
    }
}

function judge_rooms(from, to) {
    if (!(from in rank)) complain("room src/" from " has no place in the ladder")
    else if (!(to in rank)) complain("room src/" to " has no place in the ladder")
    else if (from == "service" && to != "base") complain("room service sees base and the public headers only, not " to)
    else if (rank[to] > rank[from]) complain("room " from " must not include room " to ", which stands above it")
    else if ((from in apart) && (to in apart)) complain("rooms " from " and " to " must not see each other")
}
