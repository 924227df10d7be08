# SPDX-License-Identifier: MIT OR Apache-2.0
# How every script says what it checked: one line a check, `ok` or `FAIL` first. scripts/test counts these lines.
# To be sourced. The script ends with `report_end`, which fails if any check did.

report_failures=0

report_ok() { printf 'ok    %s\n' "$1"; }

report_fail() {
    printf 'FAIL  %s\n' "$1"
    report_failures=$((report_failures + 1))
}

# report NAME COMMAND...: the check passes if the command does; what the command says is shown only if it fails.
report() {
    local name=$1 said
    shift
    if said=$("$@" 2>&1 </dev/null); then
        report_ok "$name"
    else
        report_fail "$name"
        printf '%s\n' "$said" | sed 's/^/      /'
    fi
}

report_end() { [ "$report_failures" -eq 0 ]; }
