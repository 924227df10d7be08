/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Changes walk through the list, so that the same node is not met again for long. */
#include "wishes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 200, PORTS = 50000, FIRST_PORT = 10000 };

int wishes_open(struct wishes *wishes, const struct fleet *fleet, bool weighted) {
    wishes->count = fleet->count;
    wishes->turn = 0;
    wishes->specs = calloc(fleet->count, sizeof *wishes->specs);
    wishes->names = calloc(fleet->count, sizeof *wishes->names);
    if (wishes->specs == NULL || wishes->names == NULL) {
        return -1;
    }
    memcpy(wishes->names, fleet->names, fleet->count * sizeof *wishes->names);
    for (uint32_t i = 0; i < fleet->count; i++) {
        wishes->specs[i] = (lw_node_spec)LW_NODE_SPEC_INIT;
        wishes->specs[i].name = wishes->names[i];
        wishes->specs[i].weight = weighted ? fleet->weights[i] : 1;
        wishes->specs[i].user = fleet->names[i];
    }
    return 0;
}

void wishes_close(struct wishes *wishes) {
    free(wishes->specs);
    free(wishes->names);
    *wishes = (struct wishes){0};
}

static void replace_node(struct wishes *wishes, uint32_t index) {
    char *port = strchr(wishes->names[index], ':') + 1;
    snprintf(port, FLEET_NAME_SIZE - (size_t)(port - wishes->names[index]), "%u", FIRST_PORT + wishes->turn % PORTS);
}

void wishes_change(struct wishes *wishes) {
    uint32_t share = wishes->count / PARTS > 0 ? wishes->count / PARTS : 1;
    bool back = wishes->turn % 2 == 1;
    uint32_t from = wishes->turn / 2 * share;
    for (uint32_t i = 0; i < share; i++) {
        lw_node_spec *spec = &wishes->specs[(from + i) % wishes->count];
        spec->weight = back ? spec->weight - 1 : spec->weight + 1;
        replace_node(wishes, (from + i + wishes->count / 2 + back * wishes->count / 4) % wishes->count);
    }
    wishes->turn++;
}
