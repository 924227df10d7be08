/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The fields that a node may have in the nodes file: one table drives reading, range errors and the help. */
#ifndef LOADWISE_TOOL_NODE_FIELD_H
#define LOADWISE_TOOL_NODE_FIELD_H

#include "fleet.h"

#include <stdbool.h>
#include <yaml.h>

enum node_field_answer { NODE_FIELD_OK, NODE_FIELD_WRONG, NODE_FIELD_NOMEM };

/* The value of one field as YAML has it. */
struct node_value {
    yaml_document_t *document;
    const yaml_node_t *yaml;
    const yaml_node_t **wrong; /* the value, until a reader finds the part of it that is to blame */
};

struct node_field {
    const char *name;
    enum node_field_answer (*read)(struct node_value value, void *member);
    size_t offset;       /* of the member in struct node */
    uint32_t column;     /* LW_HAS bit, or FLEET_LIMITS, that a value makes present */
    const char *allowed; /* "a whole number from 0 to 4294967295" */
    const char *meaning;
};

/* The fields by position, NULL past the last. */
const struct node_field *node_field_at(size_t position);

const struct node_field *node_field_find(const char *name, size_t size);

#endif
