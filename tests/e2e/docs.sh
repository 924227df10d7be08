#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# The documentation tells the truth: programs on its pages compile without a warning and print what the page says, every
# strategy has its page with its parameters, their defaults and ranges, every header and every code is covered, links lead
# somewhere.
#
#     LOADWISE=path/of/the/command LOADWISE_SOURCE=. tests/e2e/docs.sh
set -u
cd "$LOADWISE_SOURCE" || exit 2
. scripts/report.sh

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
pages=$(find README.md docs -name '*.md' | sort)

# The library that the command runs with.
library=$(ldd "$LOADWISE" | awk '/libloadwise\.so/ { print $3 }')
folder=$(dirname "${library:-none}")

# build PROGRAM: compiles PROGRAM.c as a stranger would.
build() {
    "${CC:-cc}" -std=c11 -O1 -Wall -Wextra -Wpedantic -Werror -Iinclude "$1.c" -o "$1" \
        -L"$folder" -Wl,-rpath,"$folder" -lloadwise
}

# block PAGE LANGUAGE: the first fenced block of that language.
block() {
    awk -v fence="\`\`\`$2" '
        $0 == fence && !done { inside = 1; next }
        $0 == "```" { done = done || inside; inside = 0 }
        inside' "$1"
}

program_is_right() {
    local page=$1
    block "$page" c > "$scratch/page.c"
    block "$page" text > "$scratch/expected"
    build "$scratch/page" || return 1
    "$scratch/page" > "$scratch/printed" || { echo "$page: the program failed"; return 1; }
    diff "$scratch/expected" "$scratch/printed"
}

# What the strategies declare, one line a parameter: strategy, parameter, default, range.
cat > "$scratch/declared.c" <<'END'
#include <loadwise/loadwise.h>
#include <loadwise/ops.h>
#include <stdio.h>

static void print_range(const lw_param *param) {
    if (param->min != NULL) {
        printf("%s to %s", param->min, param->max);
        return;
    }
    for (const char *at = param->type == LW_PARAM_BOOL ? "false|true" : param->choices; *at != '\0'; at++) {
        if (*at == '|') {
            fputs(", ", stdout);
        } else {
            putchar(*at);
        }
    }
}

int main(void) {
    for (size_t i = 0; lw_strategy_builtin(i) != NULL; i++) {
        const lw_strategy_ops *ops = lw_strategy_builtin(i);
        printf("%s\n", ops->name);
        for (const lw_param *param = ops->params; param < ops->params + ops->param_count; param++) {
            printf("%s | `%s` | %s | ", ops->name, param->name, param->fallback);
            print_range(param);
            puts(" |");
        }
    }
    return 0;
}
END

list_declared() { build "$scratch/declared" && "$scratch/declared" > "$scratch/all" && [ -s "$scratch/all" ]; }

strategy_is_covered() {
    local name=$1 page=docs/strategies/$1.md
    [ -f "$page" ] || { echo "$page is missing"; return 1; }
    grep -q "^| \[$name\](docs/strategies/$name.md) " README.md || { echo "README.md: no row for $name"; return 1; }
    sed -n "s/^$name | /| /p" "$scratch/all" | diff - <(sed -nE 's/, a (power of two|prime)//; s/^(\| `([^|]*\|){3}).*/\1/p' "$page")
}

# Every fragment on the page is a piece of the example, to the letter.
example_is_quoted() {
    local page=$1 example fragment='' line inside=
    example=$(cat "$2")
    while IFS= read -r line; do
        case $line in
            '```c') inside=yes fragment='' ;;
            '```')
                [ -z "$inside" ] || [[ $example == *"${fragment%$'\n'}"* ]] || { printf '%s' "$fragment"; return 1; }
                inside=
                ;;
            *) fragment+=$line$'\n' ;;
        esac
    done < "$page"
    [ -n "$fragment" ]
}

header_is_covered() { [ -f "docs/api/$1.md" ] || { echo "docs/api/$1.md is missing"; return 1; }; }

codes_are_covered() {
    sed -nE 's/^ +X\(([A-Z_]+), (-[0-9]+),.*/| `LW_\1` | \2 |/p' include/loadwise/error.h > "$scratch/codes"
    [ -s "$scratch/codes" ] && grep -oE '^\| `LW_[A-Z_]+` \| -[0-9]+ \|' docs/errors.md | diff "$scratch/codes" -
}

links_lead_somewhere() {
    local page=$1 link bad=0
    for link in $(grep -oE '\]\([^)#]+' "$page" | sed 's/^](//' | grep -v '^https\?:'); do
        [ -e "$(dirname "$page")/$link" ] || { echo "$page: $link does not exist"; bad=1; }
    done
    return $bad
}

for page in docs/api/*.md; do
    if grep -q '^int main' "$page"; then
        report "docs: $page: its program prints what it says" program_is_right "$page"
    fi
done
report "docs: the strategies can be listed" list_declared
for name in $(grep -v ' ' "$scratch/all"); do
    report "docs: strategy $name has its row, its page, its parameters" strategy_is_covered "$name"
done
for header in include/loadwise/*.h adapters/*/include/loadwise/*.h; do
    report "docs: $header has its page" header_is_covered "$(basename "$header" .h)"
done
report "docs: adding-a-strategy.md quotes its example" example_is_quoted docs/adding-a-strategy.md examples/own_strategy.c
report "docs: errors.md lists every code" codes_are_covered
for page in $pages; do
    report "docs: $page: its links lead somewhere" links_lead_somewhere "$page"
done
report_end
