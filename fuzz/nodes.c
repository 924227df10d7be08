/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Any bytes as a nodes file: either a fleet of named nodes, or a status with a message. The fleet must hold what the
 * parser promises, since nothing after it looks again.
 */
#include "loadwise/nodes_file.h"

#include <loadwise/status.h>
#include <stdlib.h>
#include <string.h>

static void nodes_check(int holds) {
    if (!holds) {
        abort();
    }
}

static void nodes_check_limits(const struct node_limits *limits) {
    for (size_t i = 0; i < limits->count; i++) {
        nodes_check(limits->at[i].dimension[0] != '\0' && limits->at[i].most > 0 && limits->at[i].line > 0);
    }
}

static void nodes_check_fleet(const struct fleet *fleet) {
    nodes_check(fleet->count > 0 && (fleet->present & LW_HAS(name)));
    for (uint32_t i = 0; i < fleet->count; i++) {
        const struct node *node = &fleet->nodes[i];
        nodes_check(node->name[0] != '\0' && strpbrk(node->name, "\n\r\t\033") == NULL);
        nodes_check(fleet_find(fleet, node->name) == i);
        nodes_check(node->health <= LW_RECOVERING);
        nodes_check(!(node->load < 0) && !(node->remaining < 0) && !(node->remaining > 1));
        nodes_check_limits(&node->limits);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    struct problem problem = {STATUS_DONE, ""};
    struct fleet fleet;
    enum status status = nodes_file_parse(&fleet, "nodes.yaml", bytes, size, &problem);
    if (status == STATUS_DONE) {
        nodes_check_fleet(&fleet);
    } else {
        nodes_check(fleet.count == 0 && fleet.nodes == NULL);
        nodes_check(problem.status == status && problem.text[0] != '\0');
    }
    fleet_free(&fleet);
    return 0;
}
