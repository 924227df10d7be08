/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Greedy wrapping: a word goes on this line if it fits. */
#include "help.h"

#include <stdio.h>
#include <string.h>

enum { HELP_WIDTH = 96 };

void help_wrapped(int indent, const char *text) {
    int column = indent;
    while (*text != '\0') {
        int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > HELP_WIDTH) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        column += printf("%s%.*s", column > indent ? " " : "", length, text);
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

void help_entry(const char *name, int column, const char *text) {
    int used = printf("  %s", name);
    if (used + 2 > column) {
        putchar('\n');
        used = 0;
    }
    printf("%*s", column - used, "");
    help_wrapped(column, text);
}

void help_paragraph(const char *text) {
    putchar('\n');
    help_wrapped(0, text);
}
