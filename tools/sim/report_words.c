/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Nothing from a scenario or a command line reaches the page but through here. */
#include "report_words.h"

#include <math.h>
#include <stdbool.h>

static void put_letter(FILE *page, char letter) {
    switch (letter) {
    case '&': fputs("&amp;", page); break;
    case '<': fputs("&lt;", page); break;
    case '>': fputs("&gt;", page); break;
    case '"': fputs("&quot;", page); break;
    default: fputc(letter, page);
    }
}

void report_put_text(FILE *page, const char *text) {
    for (; *text != '\0'; text++) {
        put_letter(page, *text);
    }
}

void report_put_advice(FILE *page, const char *text) {
    bool code = false;
    fputs("<p>", page);
    for (; *text != '\0'; text++) {
        if (*text == '`') {
            fputs(code ? "</code>" : "<code>", page);
            code = !code;
        } else if (*text == '\n') {
            fputs(code ? "</code>" : "", page); /* a name may hold a backquote */
            code = false;
            fputs(text[1] != '\0' ? "</p>\n<p>" : "", page);
        } else {
            put_letter(page, *text);
        }
    }
    fputs("</p>\n", page);
}

void report_put_number(FILE *page, double value) {
    double size = fabs(value);
    fprintf(page, "%.*f", size >= 99.95 || size == 0 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3, value);
}
