/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One thread for the life of a storm. While it is calm, the other side holds the lock that each update takes. */
#include "storm.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { MOST_UPDATES = 65536 };

static const double period = 1e7, second = 1e9; /* ns */

struct storm {
    const struct frame *frame;
    struct pool_stand *stand;
    pthread_t thread;
    pthread_mutex_t turn;
    bool leaving;
    int code;
    double blown, since; /* ns in storm so far; when it last began */
    uint32_t updates;
    double times[MOST_UPDATES];
};

static void sleep_until(double when) {
    struct timespec t = {(time_t)(when / second), 0};
    t.tv_nsec = (long)(when - (double)t.tv_sec * second);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0) {
    }
}

static void update_once(struct storm *storm) {
    struct wishes *wishes = &storm->stand->wishes;
    wishes_change(wishes);
    double start = frame_now();
    int code = lw_pool_update(storm->stand->pool, wishes->specs, wishes->count, 0, NULL);
    storm->times[storm->updates++ % MOST_UPDATES] = frame_now() - start;
    storm->code = code != LW_OK ? code : storm->code;
}

static void *storm_thread(void *argument) {
    struct storm *storm = argument;
    frame_pin(storm->frame, 1);
    double next = frame_now();
    for (;;) {
        sleep_until(next += period);
        pthread_mutex_lock(&storm->turn);
        double now = frame_now();
        next = now > next + period ? now : next;
        bool leaving = storm->leaving;
        if (!leaving) {
            update_once(storm);
        }
        pthread_mutex_unlock(&storm->turn);
        if (leaving) {
            return NULL;
        }
    }
}

struct storm *storm_open(const struct frame *frame, struct pool_stand *stand) {
    struct storm *storm = calloc(1, sizeof *storm);
    if (storm == NULL) {
        return NULL;
    }
    storm->frame = frame;
    storm->stand = stand;
    pthread_mutex_init(&storm->turn, NULL);
    pthread_mutex_lock(&storm->turn);
    if (pthread_create(&storm->thread, NULL, storm_thread, storm) != 0) {
        free(storm);
        return NULL;
    }
    return storm;
}

void storm_blow(struct storm *storm) {
    storm->since = frame_now();
    pthread_mutex_unlock(&storm->turn);
}

void storm_calm(struct storm *storm) {
    pthread_mutex_lock(&storm->turn);
    storm->blown += frame_now() - storm->since;
}

struct storm_figures storm_sum_up(struct storm *storm) {
    uint32_t count = storm->updates < MOST_UPDATES ? storm->updates : MOST_UPDATES;
    if (count == 0) {
        return (struct storm_figures){0};
    }
    double median = frame_median(storm->times, count);
    return (struct storm_figures){storm->updates * second / storm->blown, median, storm->times[count - 1]};
}

int storm_close(struct storm *storm) {
    int code = storm->code;
    storm->leaving = true;
    pthread_mutex_unlock(&storm->turn);
    pthread_join(storm->thread, NULL);
    pthread_mutex_destroy(&storm->turn);
    free(storm);
    return code;
}
