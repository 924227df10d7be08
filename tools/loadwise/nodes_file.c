/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The tree of a YAML file (yaml_file.h) against the table of fields. Since nothing here recurses, no alias can make it
 * run long.
 */
#include "nodes_file.h"

#include "node_field.h"
#include "yaml_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- complaints ---- */

static enum status nodes_unknown_field(struct yaml_file *file, const yaml_node_t *key) {
    char list[200] = "";
    for (size_t i = 0, used = 0; node_field_at(i) != NULL; i++) {
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", node_field_at(i)->name);
    }
    return yaml_file_wrong(file, key, "a node has no field %s; its fields are %s", yaml_shown(key).text, list);
}

/* ---- one node ---- */

static enum status nodes_read_field(struct yaml_file *file, struct node *node, uint32_t *seen,
                                    const yaml_node_pair_t *pair) {
    const yaml_node_t *key = yaml_document_get_node(&file->document, pair->key);
    struct node_value value = {&file->document, yaml_document_get_node(&file->document, pair->value), NULL};
    const yaml_node_t *wrong = value.yaml;
    value.wrong = &wrong;
    const struct node_field *field =
        key->type == YAML_SCALAR_NODE ? node_field_find((const char *)key->data.scalar.value, key->data.scalar.length)
                                      : NULL;
    if (field == NULL) {
        return nodes_unknown_field(file, key);
    }
    if (*seen & field->column) {
        return yaml_file_wrong(file, key, "%s: given twice for one node", field->name);
    }
    *seen |= field->column;
    switch (field->read(value, (char *)node + field->offset)) {
    case NODE_FIELD_OK: return STATUS_DONE;
    case NODE_FIELD_NOMEM: return problem_memory(file->problem);
    default:
        return yaml_file_wrong(file, wrong, "%s: %s is not allowed; it must be %s", field->name, yaml_shown(wrong).text,
                               field->allowed);
    }
}

static enum status nodes_read_node(struct yaml_file *file, struct fleet *fleet, const yaml_node_t *yaml) {
    struct node *node = &fleet->nodes[fleet->count++];
    fleet_node_init(node, yaml->start_mark.line + 1);
    if (yaml->type != YAML_MAPPING_NODE) {
        return yaml_file_wrong(file, yaml, "a node is a mapping of fields, such as `name: a`; here is %s",
                               yaml_shown(yaml).text);
    }
    uint32_t seen = 0;
    for (const yaml_node_pair_t *pair = yaml->data.mapping.pairs.start; pair < yaml->data.mapping.pairs.top; pair++) {
        enum status status = nodes_read_field(file, node, &seen, pair);
        if (status != STATUS_DONE) {
            return status;
        }
    }
    fleet->present |= seen;
    return node->name != NULL ? STATUS_DONE : yaml_file_wrong(file, yaml, "name: missing; every node needs one");
}

/* ---- all of them ---- */

static int nodes_by_name(const void *left, const void *right) {
    const struct node *a = *(const struct node *const *)left, *b = *(const struct node *const *)right;
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : (a > b) - (a < b);
}

static enum status nodes_check_unique(struct yaml_file *file, const struct fleet *fleet) {
    const struct node **sorted = malloc(fleet->count * sizeof *sorted);
    if (sorted == NULL) {
        return problem_memory(file->problem);
    }
    for (uint32_t i = 0; i < fleet->count; i++) {
        sorted[i] = &fleet->nodes[i];
    }
    qsort(sorted, fleet->count, sizeof *sorted, nodes_by_name);
    enum status status = STATUS_DONE;
    for (uint32_t i = 1; i < fleet->count && status == STATUS_DONE; i++) {
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0) {
            status = problem_set(file->problem, STATUS_DUPLICATE_NODE,
                                 "%s:%zu: name: a node called \"%s\" is already on line %zu", file->path,
                                 sorted[i]->line, sorted[i]->name, sorted[i - 1]->line);
        }
    }
    free(sorted);
    return status;
}

static enum status nodes_none(struct yaml_file *file, const yaml_node_t *list) {
    return problem_set(file->problem, STATUS_NO_NODES, "%s:%zu: nodes: the list is empty", file->path,
                       list->start_mark.line + 1);
}

static enum status nodes_read_list(struct yaml_file *file, struct fleet *fleet, const yaml_node_t *list) {
    const yaml_node_item_t *first = list->data.sequence.items.start;
    size_t count = (size_t)(list->data.sequence.items.top - first);
    if (count == 0) {
        return nodes_none(file, list);
    }
    fleet->nodes = calloc(count, sizeof *fleet->nodes);
    if (fleet->nodes == NULL) {
        return problem_memory(file->problem);
    }
    for (size_t i = 0; i < count; i++) {
        enum status status = nodes_read_node(file, fleet, yaml_document_get_node(&file->document, first[i]));
        if (status != STATUS_DONE) {
            return status;
        }
    }
    return nodes_check_unique(file, fleet);
}

static enum status nodes_read_root(struct yaml_file *file, const yaml_node_t *root, void *user) {
    if (root == NULL) {
        return problem_set(file->problem, STATUS_NO_NODES, "%s: the file is empty", file->path);
    }
    if (root->type != YAML_MAPPING_NODE) {
        return yaml_file_wrong(file, root, "the file must hold a list under `nodes:`; here is %s",
                               yaml_shown(root).text);
    }
    const yaml_node_t *list = NULL;
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start; pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&file->document, pair->key);
        if (key->type != YAML_SCALAR_NODE || strcmp((const char *)key->data.scalar.value, "nodes") != 0) {
            return yaml_file_wrong(file, key, "%s: unknown; the file holds one list, `nodes:`", yaml_shown(key).text);
        }
        if (list != NULL) {
            return yaml_file_wrong(file, key, "nodes: given twice");
        }
        list = yaml_document_get_node(&file->document, pair->value);
    }
    if (list == NULL) {
        return problem_set(file->problem, STATUS_NO_NODES, "%s: there is no list `nodes:`", file->path);
    }
    if (list->type == YAML_SCALAR_NODE && list->data.scalar.length == 0) {
        return nodes_none(file, list);
    }
    return list->type == YAML_SEQUENCE_NODE
               ? nodes_read_list(file, user, list)
               : yaml_file_wrong(file, list, "nodes: it must be a list; here is %s", yaml_shown(list).text);
}

static enum status nodes_close(struct fleet *fleet, enum status status) {
    if (status != STATUS_DONE) {
        fleet_free(fleet);
    }
    return status;
}

enum status nodes_file_parse(struct fleet *fleet, const char *path, const unsigned char *bytes, size_t size,
                             struct problem *problem) {
    *fleet = (struct fleet){NULL, 0, 0};
    struct yaml_file file = {.path = path, .bad = STATUS_BAD_NODES, .problem = problem};
    return nodes_close(fleet, yaml_file_parse(&file, bytes, size, nodes_read_root, fleet));
}

enum status nodes_file_read(struct fleet *fleet, const char *path, struct problem *problem) {
    *fleet = (struct fleet){NULL, 0, 0};
    struct yaml_file file = {.path = path, .bad = STATUS_BAD_NODES, .problem = problem};
    return nodes_close(fleet, yaml_file_read(&file, nodes_read_root, fleet));
}
