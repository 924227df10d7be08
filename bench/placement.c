/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One strategy lives through all changes under one set number, since one of them (anchor) remembers. */
#include "placement.h"

#include "keyed.h"

#include <stdlib.h>
#include <string.h>

enum { ONE_IN = 100, BUILDS = 5 };

uint32_t placement_batch(uint32_t count) { return count / ONE_IN > 0 ? count / ONE_IN : 1; }

double placement_least(uint32_t count, enum placement_change change) {
    double nodes = count, batch = placement_batch(count);
    switch (change) {
    case PLACEMENT_ADDED: return batch / (nodes + batch);
    case PLACEMENT_REMOVED: return batch / nodes;
    case PLACEMENT_REWEIGHTED: return 2 * batch / (nodes + batch) - batch / nodes;
    default: return 0;
    }
}

/* Is it one of those that are removed or grow heavier? They stand evenly spread over the list. */
static bool is_struck(const struct placement *placement, uint32_t number) {
    uint32_t every = placement->count / placement->batch;
    return number % every == every / 2 && number / every < placement->batch;
}

static void list_nodes(struct placement *placement, enum placement_change change) {
    uint32_t count = 0, last = placement->count + (change == PLACEMENT_ADDED ? placement->batch : 0);
    for (uint32_t number = 0; number < last; number++) {
        bool struck = number < placement->count && is_struck(placement, number);
        if (struck && change == PLACEMENT_REMOVED) {
            continue;
        }
        placement->numbers[count] = number;
        placement->names[count] = placement->fleet->name_list[number];
        placement->weights[count] = struck && change == PLACEMENT_REWEIGHTED ? 2 : 1;
        count++;
    }
    placement->nodes.count = count;
    placement->nodes.version++;
}

int placement_make(struct placement *placement, enum placement_change change) {
    list_nodes(placement, change);
    return lw_prepare(placement->strategy, &placement->nodes);
}

int placement_open(struct placement *placement, const char *spec, const struct fleet *fleet, uint32_t count) {
    memset(placement, 0, sizeof *placement);
    placement->spec = spec;
    placement->fleet = fleet;
    placement->count = count;
    placement->batch = placement_batch(count);
    placement->numbers = calloc(fleet->count, sizeof *placement->numbers);
    placement->names = calloc(fleet->count, sizeof *placement->names);
    placement->weights = calloc(fleet->count, sizeof *placement->weights);
    if (placement->numbers == NULL || placement->names == NULL || placement->weights == NULL) {
        return LW_NOMEM;
    }
    lw_nodes_init(&placement->nodes, count);
    LW_SET_VALUES(placement->nodes, name, placement->names);
    LW_SET_VALUES(placement->nodes, weight, placement->weights);
    placement->nodes.set = 1;
    lw_env env = supply_env(&placement->supply);
    int code = lw_strategy_new(&placement->strategy, &env, spec);
    size_t before = placement->supply.bytes;
    if (code == LW_OK) {
        code = placement_make(placement, PLACEMENT_AS_IT_WAS);
        placement->bytes = placement->supply.bytes - before;
    }
    return code;
}

void placement_close(struct placement *placement) {
    lw_strategy_free(placement->strategy);
    free(placement->numbers);
    free(placement->names);
    free(placement->weights);
    memset(placement, 0, sizeof *placement);
}

int placement_owners(const struct placement *placement, uint32_t *owners, uint32_t count) {
    lw_request request = LW_REQUEST_INIT;
    request.flags = LW_REQUEST_KEYED;
    for (uint32_t i = 0; i < count; i++) {
        request.key = fleet_mix(i + UINT64_C(1));
        ptrdiff_t index = lw_select(placement->strategy, &placement->nodes, &request);
        if (index < 0) {
            return (int)index;
        }
        owners[i] = placement->numbers[index];
    }
    return LW_OK;
}

static uint64_t look_up(void *subject, uint32_t thread, uint64_t picks) {
    const struct placement *placement = subject;
    (void)thread;
    return keyed_picks(placement->strategy, &placement->nodes, placement->fleet->keys, picks);
}

struct frame_task placement_task(struct placement *placement) {
    return (struct frame_task){look_up, placement, 0};
}

double placement_build_time(const struct placement *placement) {
    double times[BUILDS];
    for (uint32_t i = 0; i < BUILDS; i++) {
        struct supply supply = {0};
        lw_env env = supply_env(&supply);
        lw_strategy *strategy;
        int code = lw_strategy_new(&strategy, &env, placement->spec);
        if (code != LW_OK) {
            return code;
        }
        double start = frame_now();
        code = lw_prepare(strategy, &placement->nodes);
        times[i] = frame_now() - start;
        lw_strategy_free(strategy);
        if (code != LW_OK) {
            return code;
        }
    }
    return frame_median(times, BUILDS);
}
