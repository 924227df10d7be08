/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One pass over the text: at each place, the first cut that fits is skipped or replaced; all else is copied. */
#include "svg.h"

#include <stdio.h>
#include <string.h>

/* As gnuplot writes SVG_INK, for lines and for letters. */
#define INK_LINES "rgb( 18,  52,  86)"
#define INK_LETTERS "rgb(18,52,86)"

/* In the place of all from `begin` to the next `end` stands `instead`. */
static const struct svg_cut {
    const char *begin, *end, *instead;
} cuts[] = {
    {INK_LINES, "", "currentColor"}, {INK_LETTERS, "", "currentColor"}, {"<defs>", "</defs>\n", ""},
    {"<title>", "</title>", ""},     {"<desc>", "</desc>\n", ""},       {" id=\"", "\"", ""},
    {" font-family=\"", "\"", ""},   {" color=\"", "\"", ""},           {" xmlns", "\n", ""},
};

/* <g ...> with nothing in it: where what follows it begins, else NULL. */
static const char *past_empty_group(const char *at) {
    static const char closing[] = ">\n</g>\n";
    const char *end = strncmp(at, "<g ", 3) == 0 ? strchr(at, '>') : NULL;
    return end != NULL && strncmp(end, closing, sizeof closing - 1) == 0 ? end + sizeof closing - 1 : NULL;
}

static const char *past_cut(const char *at, FILE *out) {
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        size_t size = strlen(cuts[i].begin);
        const char *end = strncmp(at, cuts[i].begin, size) == 0 ? strstr(at + size, cuts[i].end) : NULL;
        if (end != NULL) {
            fputs(cuts[i].instead, out);
            return end + strlen(cuts[i].end);
        }
    }
    return past_empty_group(at);
}

static void put_label(FILE *out, const char *label) {
    fputs("<svg role=\"img\" aria-label=\"", out);
    for (; *label != '\0'; label++) {
        fputs(*label == '"'   ? "&quot;"
              : *label == '&' ? "&amp;"
              : *label == '<' ? "&lt;"
                              : (char[]){*label, '\0'},
              out);
    }
    fputs("\" ", out);
}

char *svg_embed(const char *drawing, const char *label) {
    const char *at = strstr(drawing, "<svg");
    char *svg = NULL;
    size_t size;
    FILE *out = at != NULL ? open_memstream(&svg, &size) : NULL;
    if (out == NULL) {
        return NULL;
    }
    put_label(out, label);
    for (at += strlen("<svg"); *at != '\0';) {
        const char *past = strchr("<r ", *at) != NULL ? past_cut(at, out) : NULL;
        if (past == NULL) {
            fputc(*at, out);
        }
        at = past != NULL ? past : at + 1;
    }
    if (fclose(out) == 0) {
        return svg;
    }
    return NULL;
}
