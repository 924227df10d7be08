/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The label of a node: which names are taken, how they are escaped, and that no two nodes have one. */
#include "ledger.h"
#include "metrics_page.h"

#include <loadwise/id.h>

static ledger book;
static lw_metrics *metrics;
static page now;

static int open_metrics(void **state) {
    (void)state;
    lw_metrics_options options = LW_METRICS_OPTIONS_INIT;
    options.max_nodes = 100;
    ledger_open(&book);
    lw_env env = ledger_env(&book, 1);
    assert_int_equal(lw_metrics_new(&metrics, &env, &options), LW_OK);
    return 0;
}

static int close_metrics(void **state) {
    (void)state;
    lw_metrics_free(metrics);
    ledger_close(&book);
    return 0;
}

/* The page says of the node what it must, in the family of selections. */
static void assert_label(const char *label) {
    char series[600];
    snprintf(series, sizeof series, "loadwise_selections_total{node=\"%s\"}", label);
    page_read(&now, metrics);
    assert_series(&now, series, "0");
}

static void test_escaping(void **state) {
    (void)state;
    static const struct {
        const char *name, *label;
    } names[] = {
        {"10.0.0.1:80", "10.0.0.1:80"},
        {"a \"quoted\" name", "a \\\"quoted\\\" name"},
        {"C:\\nodes\\n", "C:\\\\nodes\\\\n"},
        {"two\nlines", "two\\nlines"},
        {"\\\"\n", "\\\\\\\"\\n"},
        {"k\xc3\xb6ln \xe2\x82\xac \xf0\x9f\x8c\x8d", "k\xc3\xb6ln \xe2\x82\xac \xf0\x9f\x8c\x8d"},
        {"{}=,", "{}=,"},
        {"%s%n", "%s%n"},
        {"tab\tand #", "tab\tand #"},
        {" ", " "},
    };
    for (uint64_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(lw_metrics_name(metrics, i, names[i].name), 1);
        assert_label(names[i].label);
    }
}

static void test_lengths(void **state) {
    (void)state;
    char longest[256], escaped[511], longer[257];
    memset(longest, '"', sizeof longest);
    memset(longer, 'y', sizeof longer);
    longest[255] = longer[256] = '\0';
    assert_int_equal(lw_metrics_name(metrics, 1, longer), LW_RANGE);
    assert_told(&book, LW_RANGE, "256 bytes; at most 255");
    assert_int_equal(lw_metrics_name(metrics, 1, longest), 1);
    for (int i = 0; i < 510; i += 2) {
        escaped[i] = '\\';
        escaped[i + 1] = '"';
    }
    escaped[510] = '\0';
    assert_label(escaped);
}

/* From the table of well-formed sequences in the Unicode standard: the first and the last of each row, and what lies
   just outside. */
static void test_utf_8(void **state) {
    (void)state;
    static const char *const good[] = {"\x01",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xe0\xbf\xbf",
                                       "\xe1\x80\x80",
                                       "\xec\xbf\xbf",
                                       "\xed\x80\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf0\xbf\xbf\xbf",
                                       "\xf1\x80\x80\x80",
                                       "\xf3\xbf\xbf\xbf",
                                       "\xf4\x80\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x7f",
                                      "\xc2\xc0",
                                      "\xe0\x9f\xbf",
                                      "\xe1\x80",
                                      "\xe1\x80\xc0",
                                      "\xe1\x7f\x80",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf0\x90\x80",
                                      "\xf1\x80\x80\x7f",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xfe",
                                      "\xff",
                                      "a\x80",
                                      "a\xe2\x82"};
    for (uint64_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(lw_metrics_name(metrics, i, good[i]), 1);
        assert_label(good[i]);
    }
    for (uint64_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(lw_metrics_name(metrics, 50 + i, bad[i]), LW_INVALID);
        assert_told(&book, LW_INVALID, "a name is UTF-8");
    }
    page_read(&now, metrics);
    assert_int_equal(page_mentions(&now, "loadwise_selections_total{"), sizeof good / sizeof *good);
}

/* "#" begins what the library itself says; so nothing can be mistaken for it. */
static void test_marks(void **state) {
    (void)state;
    assert_int_equal(lw_metrics_name(metrics, 1, ""), LW_INVALID);
    assert_int_equal(lw_metrics_name(metrics, 1, "#other"), LW_INVALID);
    assert_int_equal(lw_metrics_name(metrics, 1, "#0000000000000002"), LW_INVALID);
    assert_int_equal(lw_metrics_name(metrics, 1, "other"), 1);
    assert_label("other");
}

static void test_without_a_name(void **state) {
    (void)state;
    const lw_observer *tell = lw_metrics_observer(metrics);
    tell->probe(tell->user, UINT64_C(0xfedcba9876543210), 1);
    tell->probe(tell->user, 0, 1);
    assert_label("#fedcba9876543210");
    assert_label("#0000000000000000");
    assert_int_equal(lw_metrics_name(metrics, UINT64_C(0xfedcba9876543210), "late"), 1);
    assert_label("late");
    assert_series(&now, "loadwise_probes_total{node=\"late\"}", "1"); /* it keeps its counts */
    assert_int_equal(page_mentions(&now, "fedcba"), 0);
}

static void test_names_differ(void **state) {
    (void)state;
    assert_int_equal(lw_metrics_name(metrics, 1, "one"), 1);
    assert_int_equal(lw_metrics_name(metrics, 1, "one"), 0);
    assert_int_equal(lw_metrics_name(metrics, 1, "two"), 0); /* has one already */
    assert_int_equal(lw_metrics_name(metrics, 2, "one"), LW_DUPLICATE);
    assert_told(&book, LW_DUPLICATE, "another node is named 'one'");
    page_read(&now, metrics);
    assert_int_equal(page_mentions(&now, "loadwise_selections_total{"), 2);
    assert_label("#0000000000000002");
    assert_int_equal(lw_metrics_name(metrics, 2, "two"), 1);
    assert_label("two");
}

/* A name is free again when its node was forgotten, and another node may have it then. */
static void test_names_are_free_again(void **state) {
    (void)state;
    const lw_observer *tell = lw_metrics_observer(metrics);
    for (uint64_t node = 1; node < 200; node++) {
        assert_int_equal(lw_metrics_name(metrics, node, "the one"), 1);
        tell->forgotten(tell->user, node);
    }
    page_read(&now, metrics);
    assert_int_equal(page_mentions(&now, "node="), 0);
    assert_in_range(book.live_bytes, 0, 40000); /* 200 names and records would be more */
}

/* What the name is copied from may go. */
static void test_names_are_copied(void **state) {
    (void)state;
    char name[] = "mine";
    assert_int_equal(lw_metrics_name(metrics, 1, name), 1);
    memset(name, '?', sizeof name - 1);
    assert_label("mine");
}

#define NAMING(test) cmocka_unit_test_setup_teardown(test, open_metrics, close_metrics)

int main(void) {
    const struct CMUnitTest tests[] = {
        NAMING(test_escaping),
        NAMING(test_lengths),
        NAMING(test_utf_8),
        NAMING(test_marks),
        NAMING(test_without_a_name),
        NAMING(test_names_differ),
        NAMING(test_names_are_free_again),
        NAMING(test_names_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
