/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A subject lives for one question, so that no question is the easier for the one before. */
#include "protocol.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 15, MOST_BUILDS = 15, LEAST_BUILDS = 3, LINE = 160, NAME = 64 };

static const double run_ns = 4e6;
static const double build_budget = 100e6; /* ns for all builds of a question, once there are LEAST_BUILDS */

static struct frame *frame;

/* ---- nodes and keys ---- */

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double unit_of(uint64_t bits) { return (double)(bits >> 11) * 0x1p-53; }

static void scene_close(struct scene *scene) {
    fleet_close(&scene->fleet);
    free(scene->texts);
}

static int scene_open(struct scene *scene, uint32_t count, uint64_t seed) {
    struct fleet *fleet = &scene->fleet;
    scene->texts = malloc(PROTOCOL_KEYS * sizeof *scene->texts);
    if (fleet_open(fleet, count) != 0 || scene->texts == NULL) {
        return -1;
    }
    for (uint32_t i = 0; i < count; i++) {
        snprintf(fleet->names[i], FLEET_NAME_SIZE, "node-%05u", i);
        fleet->weights[i] = i * 7 % 5 + 1;
    }
    for (uint32_t i = 0; i < count; i++) {
        fleet->loads[i] = unit_of(splitmix(&seed));
    }
    for (uint32_t i = 0; i < count; i++) {
        fleet->remaining[i] = unit_of(splitmix(&seed));
    }
    for (uint32_t i = 0; i < PROTOCOL_KEYS; i++) {
        char text[PROTOCOL_KEY_SIZE + 1];
        fleet->keys[i] = splitmix(&seed);
        snprintf(text, sizeof text, "%016llx", (unsigned long long)fleet->keys[i]);
        memcpy(scene->texts[i], text, PROTOCOL_KEY_SIZE);
    }
    for (uint32_t i = PROTOCOL_KEYS; i < FLEET_KEYS; i++) {
        fleet->keys[i] = fleet->keys[i % PROTOCOL_KEYS];
    }
    return 0;
}

/* ---- questions ---- */

struct question {
    const struct peer_case *kind;
    struct scene scene;
    uint32_t threads;
};

static void answer_none(const char *why) { printf("none %s\n", why != NULL ? why : "no memory"); }

static void answer_pick(const struct question *question) {
    const struct peer_case *kind = question->kind;
    const char *why = NULL;
    double ns;
    if (question->threads > 1 && (!kind->threads || frame_threads(frame) < 2)) {
        answer_none(kind->threads ? "one processor" : "not for two threads");
        return;
    }
    void *subject = kind->open(kind, &question->scene, &why);
    if (subject == NULL) {
        answer_none(why);
        return;
    }
    struct frame_task task = {kind->pick, subject, 0};
    frame_calibrate(frame, &task, question->threads, run_ns);
    frame_round(frame, &task, 1, question->threads, RUNS, &ns);
    printf("ns %.4f\n", ns);
    kind->close(subject);
}

static void answer_build(const struct question *question) {
    const struct peer_case *kind = question->kind;
    double times[MOST_BUILDS], spent = 0;
    uint32_t builds = 0;
    while (builds < LEAST_BUILDS || (builds < MOST_BUILDS && spent < build_budget)) {
        const char *why = NULL;
        double start = frame_now();
        void *subject = kind->open(kind, &question->scene, &why);
        times[builds] = frame_now() - start;
        if (subject == NULL) {
            answer_none(why);
            return;
        }
        kind->close(subject);
        spent += times[builds++];
    }
    printf("ns %.1f\n", frame_median(times, builds));
}

static void answer_change(const struct question *question) {
    const struct peer_case *kind = question->kind;
    const char *why = NULL;
    double times[MOST_BUILDS], spent = 0;
    uint32_t changes = 0;
    void *subject = kind->open(kind, &question->scene, &why);
    int code = subject == NULL ? -1 : kind->change(subject); /* the first one has no memory of others to use again */
    while (code == 0 && (changes < LEAST_BUILDS || (changes < MOST_BUILDS && spent < build_budget))) {
        double start = frame_now();
        code = kind->change(subject);
        times[changes] = (frame_now() - start) / 2;
        spent += 2 * times[changes++];
    }
    if (code == 0) {
        printf("ns %.1f\n", frame_median(times, changes));
    } else {
        answer_none(subject == NULL ? why : "the change failed");
    }
    if (subject != NULL) {
        kind->close(subject);
    }
}

static void answer_bytes(const struct question *question) {
    const struct peer_case *kind = question->kind;
    const char *why = NULL;
    void *subject = kind->open(kind, &question->scene, &why);
    if (subject == NULL) {
        answer_none(why);
        return;
    }
    printf("bytes %.1f\n", (double)kind->bytes(subject) / question->scene.fleet.count);
    kind->close(subject);
}

static void answer(struct question *question, const char *what) {
    const struct peer_case *kind = question->kind;
    if (strcmp(what, "pick") == 0) {
        answer_pick(question);
    } else if (strcmp(what, "build") == 0 && !kind->only_picks) {
        answer_build(question);
    } else if (strcmp(what, "change") == 0 && kind->change != NULL) {
        answer_change(question);
    } else if (strcmp(what, "bytes") == 0 && kind->bytes != NULL) {
        answer_bytes(question);
    } else {
        answer_none("not asked of this case");
    }
}

static const struct peer_case *find_case(const struct peer_case *cases, uint32_t count, const char *name) {
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(cases[i].name, name) == 0) {
            return &cases[i];
        }
    }
    return NULL;
}

static void take_question(const struct peer_case *cases, uint32_t count, const char *line) {
    char what[NAME], name[NAME];
    unsigned nodes, threads = 1;
    unsigned long long seed = 0;
    struct question question = {0};
    bool pick = strncmp(line, "pick ", 5) == 0;
    int read = pick ? sscanf(line, "%63s %63s %u %u %llu", what, name, &nodes, &threads, &seed)
                    : sscanf(line, "%63s %63s %u %llu", what, name, &nodes, &seed);
    if (read != (pick ? 5 : 4) || nodes < FLEET_LEAST || nodes > FLEET_MOST || threads < 1 || threads > 2) {
        answer_none("cannot read that question");
        return;
    }
    question.kind = find_case(cases, count, name);
    question.threads = threads;
    if (question.kind == NULL) {
        answer_none("no such case");
    } else if (scene_open(&question.scene, nodes, seed) != 0) {
        answer_none("no memory");
    } else {
        answer(&question, what);
    }
    scene_close(&question.scene);
}

/* ---- the conversation ---- */

static void introduce(const char *const *peers, const struct peer_case *cases, uint32_t count) {
    for (; *peers != NULL; peers++) {
        printf("peer %s\n", *peers);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct peer_case *kind = &cases[i];
        printf("case %s pick%s%s%s%s", kind->name, kind->threads ? " threads" : "", kind->only_picks ? "" : " build",
               kind->change != NULL ? " change" : "", kind->bytes != NULL ? " bytes" : "");
        printf(kind->beside != NULL ? " beside %s\n" : "\n", kind->beside);
    }
    puts("ready");
}

int protocol_serve(const char *const *peers, const struct peer_case *cases, uint32_t count) {
    char line[LINE];
    setvbuf(stdout, NULL, _IOLBF, 0);
    frame = frame_open();
    if (frame == NULL) {
        fprintf(stderr, "no thread can be pinned\n");
        return 1;
    }
    introduce(peers, cases, count);
    while (fgets(line, sizeof line, stdin) != NULL && strcmp(line, "quit\n") != 0) {
        take_question(cases, count, line);
    }
    frame_close(frame);
    return 0;
}
