/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A page of metrics, as a scraper sees it: read whole, judged by the rules of the text format (written from its
 * specification, not from our exporter), and looked up series by series.
 *
 * The judge demands for each family: help, type, then samples of that family only, no family and no series twice,
 * names and label names of the allowed letters, labels escaped, values that are numbers, a line feed at the end. For
 * each histogram: buckets that never fall, a last one of +Inf that equals the count, and a sum.
 */
#ifndef LOADWISE_TESTS_METRICS_PAGE_H
#define LOADWISE_TESTS_METRICS_PAGE_H

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>
#include <loadwise/metrics.h>

enum { PAGE_SIZE = 1 << 20, PAGE_LINES = 1 << 14 };

typedef struct page {
    char text[PAGE_SIZE];
    size_t length;
    char copy[PAGE_SIZE]; /* cut into lines */
    char *lines[PAGE_LINES];
    const char *sorted[PAGE_LINES];
    size_t count;
    const char *fault; /* what the judge found, or NULL */
} page;

static inline bool page_is_name(const char *at, size_t size, bool colon) {
    for (size_t i = 0; i < size; i++) {
        bool letter = isalpha((unsigned char)at[i]) || at[i] == '_' || (colon && at[i] == ':');
        if (!letter && (i == 0 || !isdigit((unsigned char)at[i]))) {
            return false;
        }
    }
    return size > 0;
}

/* Past the labels, which begin with "{"; NULL when they are wrong. */
static inline const char *page_after_labels(const char *at) {
    for (at++;; at++) {
        size_t size = strcspn(at, "=");
        if (!page_is_name(at, size, false) || at[size] == '\0' || at[size + 1] != '"') {
            return NULL;
        }
        for (at += size + 2; *at != '"'; at++) {
            if (*at == '\\' && strchr("\\\"n", *++at) == NULL) {
                return NULL;
            }
            if (*at == '\0') {
                return NULL;
            }
        }
        if (*++at != ',') {
            return *at == '}' ? at + 1 : NULL;
        }
    }
}

/* A sample line of the family: name, perhaps with a suffix, labels, one space, a number. */
static inline const char *page_sample_fault(const char *line, const char *family, const char *type) {
    size_t size = strcspn(line, "{ "), own = strlen(family);
    bool suffix = strcmp(type, "histogram") == 0;
    const char *at = line + size;
    char *end;
    if (strncmp(line, family, own) != 0 || (!suffix && size != own) || !page_is_name(line, size, true)) {
        return "a sample outside its family";
    }
    if (suffix && strncmp(line + own, "_bucket", size - own) != 0 && strncmp(line + own, "_sum", size - own) != 0 &&
        strncmp(line + own, "_count", size - own) != 0) {
        return "no part of a histogram";
    }
    if (*at == '{') {
        at = page_after_labels(at);
    }
    if (at == NULL || *at != ' ' || !isdigit((unsigned char)at[1])) {
        return "labels or value";
    }
    strtod(at + 1, &end);
    return *end == '\0' ? NULL : "value";
}

static inline int page_compare(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* No two lines with the same series: sorted, their beginnings up to the last space differ. */
static inline bool page_repeats(page *p) {
    const char **sorted = p->sorted;
    memcpy(sorted, p->lines, p->count * sizeof *sorted);
    qsort(sorted, p->count, sizeof *sorted, page_compare);
    for (size_t i = 1; i < p->count; i++) {
        size_t size = (size_t)(strrchr(sorted[i], ' ') - sorted[i]);
        if (sorted[i][0] != '#' && strncmp(sorted[i - 1], sorted[i], size + 1) == 0) {
            return true;
        }
    }
    return false;
}

static inline double page_number(const char *line) { return strtod(strrchr(line, ' ') + 1, NULL); }

/* Buckets come in order; after +Inf the sum and the count of the same node. */
static inline const char *page_histogram_fault(const page *p, size_t line) {
    double last = -1;
    for (; line + 2 < p->count && strstr(p->lines[line], "_bucket{") != NULL; line++) {
        double value = page_number(p->lines[line]);
        if (value < last) {
            return "buckets that fall";
        }
        last = value;
        if (strstr(p->lines[line], "le=\"+Inf\"") != NULL) {
            bool whole = strstr(p->lines[line + 1], "_sum{") != NULL && strstr(p->lines[line + 2], "_count{") != NULL;
            return whole && page_number(p->lines[line + 2]) == last ? NULL : "a count that is not +Inf";
        }
    }
    return "a histogram that breaks off";
}

static inline const char *page_judge(page *p) {
    char family[128] = "", type[32] = "";
    if (p->length == 0 || p->text[p->length - 1] != '\n') {
        return "no line feed at the end";
    }
    for (size_t i = 0; i < p->count; i++) {
        const char *line = p->lines[i];
        if (strncmp(line, "# HELP ", 7) == 0) {
            char name[128], again[128];
            bool both = sscanf(line, "# HELP %127s %*s", name) == 1 && i + 1 < p->count &&
                        sscanf(p->lines[++i], "# TYPE %127s %31s", again, type) == 2;
            if (!both || strcmp(name, again) != 0 || strstr("counter gauge histogram", type) == NULL) {
                return "help and type";
            }
            snprintf(family, sizeof family, "%s", name);
            continue;
        }
        const char *fault = page_sample_fault(line, family, type);
        if (fault == NULL && strstr(line, "le=\"0.001\"") != NULL) {
            fault = page_histogram_fault(p, i);
        }
        if (fault != NULL) {
            return fault;
        }
    }
    return page_repeats(p) ? "a series twice" : NULL;
}

/* The text, cut into lines. */
static inline void page_cut(page *p) {
    char *rest;
    p->count = 0;
    memcpy(p->copy, p->text, p->length + 1);
    for (char *at = strtok_r(p->copy, "\n", &rest); at != NULL && p->count < PAGE_LINES;) {
        p->lines[p->count++] = at;
        at = strtok_r(NULL, "\n", &rest);
    }
}

/* Reads and judges; for threads too. */
static inline bool page_try(page *p, lw_metrics *metrics) {
    p->length = lw_metrics_text(metrics, p->text, sizeof p->text);
    if (p->length >= sizeof p->text) {
        p->fault = "longer than the test has room for";
        return false;
    }
    page_cut(p);
    p->fault = page_judge(p);
    return p->fault == NULL;
}

static inline void page_read(page *p, lw_metrics *metrics) {
    if (!page_try(p, metrics)) {
        fail_msg("the page has a fault: %s\n%.2000s", p->fault, p->text);
    }
}

/* The value of a series as it is written, or NULL: page_value(&p, "loadwise_probes_total{node=\"a\"}"). */
static inline const char *page_value(const page *p, const char *series) {
    size_t size = strlen(series);
    for (size_t i = 0; i < p->count; i++) {
        if (strncmp(p->lines[i], series, size) == 0 && p->lines[i][size] == ' ') {
            return p->lines[i] + size + 1;
        }
    }
    return NULL;
}

/* How many lines hold this text. */
static inline size_t page_mentions(const page *p, const char *text) {
    size_t count = 0;
    for (size_t i = 0; i < p->count; i++) {
        count += strstr(p->lines[i], text) != NULL;
    }
    return count;
}

#define assert_series(p, series, value)                                                                                \
    do {                                                                                                               \
        const char *found = page_value(p, series);                                                                     \
        if (found == NULL || strcmp(found, value) != 0) {                                                              \
            fail_msg("%s is %s instead of %s", series, found == NULL ? "missing" : found, value);                      \
        }                                                                                                              \
    } while (0)

#endif
