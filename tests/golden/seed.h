/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The seed, the Rust crate loadwise 0.1.0, beside this library, step by step. A program tells a story in steps (lines
 * of text that bench/peers/rust/seed_steps plays through the crate) and plays each step itself.
 *
 *     test_golden_seed_picks                 holds our answers to those of the seed that are recorded
 *     test_golden_seed_picks steps           prints the steps
 *     test_golden_seed_picks check  < all    holds our answers to all of the seed's, one line a step
 *     test_golden_seed_picks record < all    prints what to record; scripts/differences does all of this
 *
 * Cases agree, agree in distribution (two-sample chi-square), or differ on purpose: docs/differences.md says why. One
 * that differs on purpose must differ.
 */
#ifndef LOADWISE_TESTS_SEED_H
#define LOADWISE_TESTS_SEED_H

#include <inttypes.h>
#include <loadwise/loadwise.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum seed_kind { SEED_AGREES, SEED_DRAWN, SEED_DIFFERS };
enum seed_mode { SEED_TEST, SEED_STEPS, SEED_CHECK, SEED_RECORD };
enum { SEED_LONG = 400, SEED_TEXT = 1 << 16, SEED_SHOWN = 5 };

struct seed_step {
    char *step, *seed, *ours;
};

static struct seed_play {
    enum seed_mode mode;
    enum seed_kind kind;
    FILE *golden;
    struct seed_step *steps;
    size_t count, room;
    char name[128];
    uint64_t cases, played, failures;
} seed_play;

static char seed_text[SEED_TEXT];

static inline char *seed_copy(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    if (copy == NULL) {
        exit(EXIT_FAILURE);
    }
    return memcpy(copy, text, size);
}

/* The next line of a file, without its end; "" past the last. */
static inline const char *seed_line(FILE *file) {
    if (file == NULL || fgets(seed_text, SEED_TEXT, file) == NULL) {
        return "";
    }
    seed_text[strcspn(seed_text, "\n")] = '\0';
    return seed_text;
}

static inline void seed_wrong(const char *step, const char *expected, const char *found) {
    if (seed_play.failures++ < SEED_SHOWN) {
        printf("%s: %.100s\n    seed: %.300s\n    ours: %.300s\n", seed_play.name, step, expected, found);
    }
}

/* ---- answers that should be alike ---- */

static inline uint64_t seed_digest(bool of_seed) {
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < seed_play.count; i++) {
        for (const char *c = of_seed ? seed_play.steps[i].seed : seed_play.steps[i].ours;; c++) {
            digest = (digest ^ (unsigned char)(*c == '\0' ? '\n' : *c)) * UINT64_C(0x100000001b3);
            if (*c == '\0') {
                break;
            }
        }
    }
    return digest;
}

/* All answers of the case in one line: themselves, or their digest. */
static inline char *seed_condensed(bool of_seed) {
    size_t at = 0;
    char *line = malloc(SEED_TEXT);
    if (line == NULL) {
        exit(EXIT_FAILURE);
    }
    at += (size_t)snprintf(line, SEED_TEXT, "%s:", seed_play.name);
    if (seed_play.count > SEED_LONG) {
        snprintf(line + at, SEED_TEXT - at, " %zu answers, digest %016" PRIx64, seed_play.count, seed_digest(of_seed));
        return line;
    }
    for (size_t i = 0; i < seed_play.count; i++) {
        const struct seed_step *step = &seed_play.steps[i];
        at += (size_t)snprintf(line + at, SEED_TEXT - at, " %s", of_seed ? step->seed : step->ours);
    }
    return line;
}

/* Two samples of counts, comma by comma: do they come from one distribution? What one never shows, the other must not
   show; the sum of (a - b)^2 / (a + b) is chi-square, of mean k and variance 2 k. */
static inline bool seed_alike(const char *one, const char *other) {
    double sum = 0, degrees = 0;
    for (;;) {
        char *end, *other_end;
        double a = strtod(one, &end), b = strtod(other, &other_end);
        if (end == one || other_end == other || *end != *other_end || (a == 0) != (b == 0)) {
            return strcmp(one, other) == 0;
        }
        if (a > 0) {
            sum += (a - b) * (a - b) / (a + b);
            degrees++;
        }
        if (*end == '\0') {
            return sum < 2 * degrees + 24; /* beyond it: less than one in 10^5, for any number of nodes */
        }
        one = end + 1;
        other = other_end + 1;
    }
}

/* ---- a case ---- */

static inline void seed_check_steps(void) {
    size_t unlike = 0;
    for (size_t i = 0; i < seed_play.count; i++) {
        struct seed_step *s = &seed_play.steps[i];
        bool same = strcmp(s->seed, s->ours) == 0;
        unlike += !same;
        if (!same &&
            (seed_play.kind == SEED_AGREES || (seed_play.kind == SEED_DRAWN && !seed_alike(s->seed, s->ours)))) {
            seed_wrong(s->step, s->seed, s->ours);
        }
    }
    if (seed_play.kind == SEED_DIFFERS && unlike == 0) {
        seed_wrong("all steps", "as ours", "no difference any more");
    }
}

/* As it stands in the file: one line, or a heading and one line a step. */
static inline void seed_record_case(void) {
    if (seed_play.kind == SEED_AGREES) {
        char *line = seed_condensed(true);
        puts(line);
        free(line);
        return;
    }
    printf("%s:\n", seed_play.name);
    for (size_t i = 0; i < seed_play.count; i++) {
        const struct seed_step *s = &seed_play.steps[i];
        printf("    %s | %s | %s\n", s->step, s->seed, s->ours);
    }
}

static inline void seed_test_row(const struct seed_step *s, size_t *unlike) {
    char *row = seed_copy(seed_line(seed_play.golden));
    char *answer = strstr(row, " | "), *ours = answer != NULL ? strstr(answer + 3, " | ") : NULL;
    if (ours == NULL) {
        seed_wrong(s->step, "nothing recorded", s->ours);
    } else {
        *answer = *ours = '\0';
        bool drawn = seed_play.kind == SEED_DRAWN;
        bool right = drawn ? seed_alike(answer + 3, s->ours) : strcmp(ours + 3, s->ours) == 0;
        if (!right || strncmp(row, "    ", 4) != 0 || strcmp(row + 4, s->step) != 0) {
            seed_wrong(s->step, drawn ? answer + 3 : ours + 3, s->ours);
        }
        *unlike += strcmp(answer + 3, s->ours) != 0;
    }
    free(row);
}

static inline void seed_test_case(void) {
    char *line = seed_condensed(false);
    size_t unlike = 0;
    if (seed_play.kind != SEED_AGREES) {
        line[strlen(seed_play.name) + 1] = '\0';
    }
    if (strcmp(seed_line(seed_play.golden), line) != 0) {
        seed_wrong("recorded", seed_text, line);
    }
    for (size_t i = 0; seed_play.kind != SEED_AGREES && i < seed_play.count; i++) {
        seed_test_row(&seed_play.steps[i], &unlike);
    }
    if (seed_play.kind == SEED_DIFFERS && unlike == 0) {
        seed_wrong("all steps", "as ours", "no difference any more");
    }
    free(line);
}

static inline void seed_end_case(void) {
    if (seed_play.count > 0) {
        if (seed_play.mode == SEED_CHECK) {
            seed_check_steps();
        } else if (seed_play.mode == SEED_RECORD) {
            seed_record_case();
        } else if (seed_play.mode == SEED_TEST) {
            seed_test_case();
        }
        seed_play.cases++;
        seed_play.played += seed_play.count;
    }
    while (seed_play.count > 0) {
        struct seed_step *s = &seed_play.steps[--seed_play.count];
        free(s->step);
        free(s->seed);
        free(s->ours);
    }
}

/* ---- what stories are made of ---- */

/* Begins a step; its answer has to follow. */
__attribute__((format(printf, 1, 2))) static inline void seed_step(const char *format, ...) {
    static char text[SEED_TEXT];
    va_list rest;
    va_start(rest, format);
    vsnprintf(text, sizeof text, format, rest);
    va_end(rest);
    if (seed_play.count == seed_play.room) {
        seed_play.room = seed_play.room * 2 + 1024;
        seed_play.steps = realloc(seed_play.steps, seed_play.room * sizeof *seed_play.steps);
        if (seed_play.steps == NULL) {
            exit(EXIT_FAILURE);
        }
    }
    if (seed_play.mode == SEED_STEPS) {
        puts(text);
    }
    bool told = seed_play.mode == SEED_CHECK || seed_play.mode == SEED_RECORD;
    seed_play.steps[seed_play.count++] =
        (struct seed_step){seed_copy(text), seed_copy(told ? seed_line(stdin) : ""), NULL};
}

__attribute__((format(printf, 1, 2))) static inline void seed_answer(const char *format, ...) {
    static char text[SEED_TEXT];
    va_list rest;
    va_start(rest, format);
    vsnprintf(text, sizeof text, format, rest);
    va_end(rest);
    seed_play.steps[seed_play.count - 1].ours = seed_copy(text);
}

/* Begins a case; both forget all that was before. */
__attribute__((format(printf, 2, 3))) static inline void seed_case(enum seed_kind kind, const char *format, ...) {
    static const char *const marks[] = {"", "drawn: ", "differs: "};
    seed_end_case();
    size_t at = (size_t)snprintf(seed_play.name, sizeof seed_play.name, "%s", marks[kind]);
    va_list rest;
    va_start(rest, format);
    vsnprintf(seed_play.name + at, sizeof seed_play.name - at, format, rest);
    va_end(rest);
    seed_play.kind = kind;
    if (seed_play.mode == SEED_STEPS) {
        printf("case %s\n", seed_play.name);
    } else if (seed_play.mode != SEED_TEST && strcmp(seed_line(stdin), seed_play.name) != 0) {
        seed_wrong("case", seed_text, "this case; the answers are not those to these steps");
    }
}

/* Tells all stories in the way that the arguments say. `name` is that of the file below tests/golden/seed. */
static inline int seed_tell(int argc, char **argv, const char *name, void (*stories)(void)) {
    static const char *const modes[] = {"test", "steps", "check", "record"};
    const char *mode = argc > 1 ? argv[1] : modes[SEED_TEST], *root = getenv("LOADWISE_SOURCE");
    while (seed_play.mode < SEED_RECORD && strcmp(mode, modes[seed_play.mode]) != 0) {
        seed_play.mode++;
    }
    if (seed_play.mode == SEED_TEST) {
        snprintf(seed_text, sizeof seed_text, "%s/tests/golden/seed/%s.txt", root != NULL ? root : ".", name);
        seed_play.golden = fopen(seed_text, "r");
        seed_line(seed_play.golden);
    } else if (seed_play.mode == SEED_RECORD) {
        puts("# Written by scripts/differences: answers of the Rust crate loadwise 0.1.0 to the steps of "
             "tests/golden/seed_*.c. Do not edit.");
    }
    stories();
    seed_end_case();
    if (seed_play.mode == SEED_TEST && strcmp(seed_line(seed_play.golden), "") != 0) {
        seed_wrong("end", seed_text, "nothing");
    }
    if (seed_play.golden != NULL) {
        fclose(seed_play.golden);
    }
    free(seed_play.steps);
    if (seed_play.mode == SEED_TEST || seed_play.mode == SEED_CHECK) {
        printf("%s: %" PRIu64 " cases, %" PRIu64 " steps, %" PRIu64 " wrong\n", name, seed_play.cases, seed_play.played,
               seed_play.failures);
    }
    return seed_play.failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static uint64_t seed_chance = 1;

/* Chance of the stories themselves, below a bound: the same on every machine. */
static inline uint32_t seed_below(uint32_t bound) {
    uint64_t z = seed_chance += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bound == 0 ? 0 : (uint32_t)((z ^ (z >> 31)) >> 32) % bound;
}

#endif
