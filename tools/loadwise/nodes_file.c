/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * YAML by libyaml into a tree, whose marks give the line numbers; then the tree against the table of fields.
 * An alias (*name) is the node that it stands for: since nothing here recurses, no alias can make it run long.
 */
#include "nodes_file.h"

#include "node_field.h"
#include "text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES_FILE_MOST = 64 << 20 };

struct nodes_reading {
    const char *path;
    const unsigned char *bytes;
    size_t size;
    yaml_document_t document;
    struct fleet *fleet;
    struct problem *problem;
};

/* ---- complaints ---- */

__attribute__((format(printf, 3, 4))) static enum status
nodes_wrong(struct nodes_reading *reading, const yaml_node_t *where, const char *format, ...) {
    char text[800];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return problem_set(reading->problem, STATUS_BAD_NODES, "%s:%zu: %s", reading->path, where->start_mark.line + 1,
                       text);
}

/* A value in a message: its text, or what it is instead of text. */
static struct shown nodes_shown(const yaml_node_t *yaml) {
    if (yaml->type == YAML_SCALAR_NODE) {
        struct shown quoted = {"\""};
        text_show(quoted.text + 1, sizeof quoted.text - 2, (const char *)yaml->data.scalar.value,
                  yaml->data.scalar.length);
        size_t size = strlen(quoted.text);
        memcpy(quoted.text + size, "\"", 2);
        return quoted;
    }
    const char *kind = yaml->type == YAML_MAPPING_NODE ? "a mapping" : "a list";
    return text_shown(kind, strlen(kind));
}

static enum status nodes_unknown_field(struct nodes_reading *reading, const yaml_node_t *key) {
    char list[200] = "";
    for (size_t i = 0, used = 0; node_field_at(i) != NULL; i++) {
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", node_field_at(i)->name);
    }
    return nodes_wrong(reading, key, "a node has no field %s; its fields are %s", nodes_shown(key).text, list);
}

/* For bytes that are no UTF-8 libyaml knows the offset, not the line. */
static size_t nodes_line_of(struct nodes_reading *reading, size_t offset) {
    size_t line = 0;
    for (size_t i = 0; i < offset && i < reading->size; i++) {
        line += reading->bytes[i] == '\n';
    }
    return line;
}

static enum status nodes_bad_yaml(struct nodes_reading *reading, const yaml_parser_t *parser) {
    if (parser->error == YAML_MEMORY_ERROR) {
        return problem_memory(reading->problem);
    }
    bool decoding = parser->error == YAML_READER_ERROR;
    size_t line = decoding ? nodes_line_of(reading, parser->problem_offset) : parser->problem_mark.line;
    return problem_set(reading->problem, STATUS_BAD_NODES, "%s:%zu: not valid YAML: %s%s%s", reading->path, line + 1,
                       parser->context != NULL && !decoding ? parser->context : "",
                       parser->context != NULL && !decoding ? ", " : "",
                       parser->problem != NULL ? parser->problem : "unknown trouble");
}

/* ---- one node ---- */

static enum status nodes_read_field(struct nodes_reading *reading, struct node *node, uint32_t *seen,
                                    const yaml_node_pair_t *pair) {
    const yaml_node_t *key = yaml_document_get_node(&reading->document, pair->key);
    struct node_value value = {&reading->document, yaml_document_get_node(&reading->document, pair->value), NULL};
    const yaml_node_t *wrong = value.yaml;
    value.wrong = &wrong;
    const struct node_field *field =
        key->type == YAML_SCALAR_NODE ? node_field_find((const char *)key->data.scalar.value, key->data.scalar.length)
                                      : NULL;
    if (field == NULL) {
        return nodes_unknown_field(reading, key);
    }
    if (*seen & field->column) {
        return nodes_wrong(reading, key, "%s: given twice for one node", field->name);
    }
    *seen |= field->column;
    switch (field->read(value, (char *)node + field->offset)) {
    case NODE_FIELD_OK: return STATUS_DONE;
    case NODE_FIELD_NOMEM: return problem_memory(reading->problem);
    default:
        return nodes_wrong(reading, wrong, "%s: %s is not allowed; it must be %s", field->name, nodes_shown(wrong).text,
                           field->allowed);
    }
}

static enum status nodes_read_node(struct nodes_reading *reading, const yaml_node_t *yaml) {
    struct node *node = &reading->fleet->nodes[reading->fleet->count++];
    fleet_node_init(node, yaml->start_mark.line + 1);
    if (yaml->type != YAML_MAPPING_NODE) {
        return nodes_wrong(reading, yaml, "a node is a mapping of fields, such as `name: a`; here is %s",
                           nodes_shown(yaml).text);
    }
    uint32_t seen = 0;
    for (const yaml_node_pair_t *pair = yaml->data.mapping.pairs.start; pair < yaml->data.mapping.pairs.top; pair++) {
        enum status status = nodes_read_field(reading, node, &seen, pair);
        if (status != STATUS_DONE) {
            return status;
        }
    }
    reading->fleet->present |= seen;
    return node->name != NULL ? STATUS_DONE : nodes_wrong(reading, yaml, "name: missing; every node needs one");
}

/* ---- all of them ---- */

static int nodes_by_name(const void *left, const void *right) {
    const struct node *a = *(const struct node *const *)left, *b = *(const struct node *const *)right;
    int order = strcmp(a->name, b->name);
    return order != 0 ? order : (a > b) - (a < b);
}

static enum status nodes_check_unique(struct nodes_reading *reading) {
    const struct fleet *fleet = reading->fleet;
    const struct node **sorted = malloc(fleet->count * sizeof *sorted);
    if (sorted == NULL) {
        return problem_memory(reading->problem);
    }
    for (uint32_t i = 0; i < fleet->count; i++) {
        sorted[i] = &fleet->nodes[i];
    }
    qsort(sorted, fleet->count, sizeof *sorted, nodes_by_name);
    enum status status = STATUS_DONE;
    for (uint32_t i = 1; i < fleet->count && status == STATUS_DONE; i++) {
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0) {
            status = problem_set(reading->problem, STATUS_DUPLICATE_NODE,
                                 "%s:%zu: name: a node called \"%s\" is already on line %zu", reading->path,
                                 sorted[i]->line, sorted[i]->name, sorted[i - 1]->line);
        }
    }
    free(sorted);
    return status;
}

static enum status nodes_none(struct nodes_reading *reading, const yaml_node_t *list) {
    return problem_set(reading->problem, STATUS_NO_NODES, "%s:%zu: nodes: the list is empty", reading->path,
                       list->start_mark.line + 1);
}

static enum status nodes_read_list(struct nodes_reading *reading, const yaml_node_t *list) {
    const yaml_node_item_t *first = list->data.sequence.items.start;
    size_t count = (size_t)(list->data.sequence.items.top - first);
    if (count == 0) {
        return nodes_none(reading, list);
    }
    reading->fleet->nodes = calloc(count, sizeof *reading->fleet->nodes);
    if (reading->fleet->nodes == NULL) {
        return problem_memory(reading->problem);
    }
    for (size_t i = 0; i < count; i++) {
        enum status status = nodes_read_node(reading, yaml_document_get_node(&reading->document, first[i]));
        if (status != STATUS_DONE) {
            return status;
        }
    }
    return nodes_check_unique(reading);
}

static enum status nodes_read_root(struct nodes_reading *reading, const yaml_node_t *root) {
    if (root == NULL) {
        return problem_set(reading->problem, STATUS_NO_NODES, "%s: the file is empty", reading->path);
    }
    if (root->type != YAML_MAPPING_NODE) {
        return nodes_wrong(reading, root, "the file must hold a list under `nodes:`; here is %s",
                           nodes_shown(root).text);
    }
    const yaml_node_t *list = NULL;
    for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start; pair < root->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&reading->document, pair->key);
        if (key->type != YAML_SCALAR_NODE || strcmp((const char *)key->data.scalar.value, "nodes") != 0) {
            return nodes_wrong(reading, key, "%s: unknown; the file holds one list, `nodes:`", nodes_shown(key).text);
        }
        if (list != NULL) {
            return nodes_wrong(reading, key, "nodes: given twice");
        }
        list = yaml_document_get_node(&reading->document, pair->value);
    }
    if (list == NULL) {
        return problem_set(reading->problem, STATUS_NO_NODES, "%s: there is no list `nodes:`", reading->path);
    }
    if (list->type == YAML_SCALAR_NODE && list->data.scalar.length == 0) {
        return nodes_none(reading, list);
    }
    return list->type == YAML_SEQUENCE_NODE
               ? nodes_read_list(reading, list)
               : nodes_wrong(reading, list, "nodes: it must be a list; here is %s", nodes_shown(list).text);
}

/* A second document after `---` would be lost without a word. */
static enum status nodes_check_end(struct nodes_reading *reading, yaml_parser_t *parser) {
    yaml_document_t next;
    if (!yaml_parser_load(parser, &next)) {
        return nodes_bad_yaml(reading, parser);
    }
    const yaml_node_t *root = yaml_document_get_root_node(&next);
    enum status status = root == NULL ? STATUS_DONE : nodes_wrong(reading, root, "a second YAML document begins here");
    yaml_document_delete(&next);
    return status;
}

static enum status nodes_read_document(struct nodes_reading *reading, yaml_parser_t *parser) {
    if (!yaml_parser_load(parser, &reading->document)) {
        return nodes_bad_yaml(reading, parser);
    }
    enum status status = nodes_read_root(reading, yaml_document_get_root_node(&reading->document));
    if (status == STATUS_DONE) {
        status = nodes_check_end(reading, parser);
    }
    yaml_document_delete(&reading->document);
    return status;
}

enum status nodes_file_parse(struct fleet *fleet, const char *path, const unsigned char *bytes, size_t size,
                             struct problem *problem) {
    *fleet = (struct fleet){NULL, 0, 0};
    struct nodes_reading reading = {.path = path, .bytes = bytes, .size = size, .fleet = fleet, .problem = problem};
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        return problem_memory(problem);
    }
    yaml_parser_set_input_string(&parser, bytes, size);
    enum status status = nodes_read_document(&reading, &parser);
    yaml_parser_delete(&parser);
    if (status != STATUS_DONE) {
        fleet_free(fleet);
    }
    return status;
}

/* ---- the file ---- */

static enum status nodes_unreadable(const char *path, struct problem *problem) {
    return problem_set(problem, STATUS_UNREADABLE, "%s: cannot be read: %s", path, strerror(errno));
}

/* Read to its end rather than by its size, so that a pipe will do. */
static enum status nodes_slurp(FILE *file, const char *path, char **bytes, size_t *size, struct problem *problem) {
    char block[16384];
    FILE *out = open_memstream(bytes, size);
    if (out == NULL) {
        return problem_memory(problem);
    }
    size_t got, total = 0;
    while ((got = fread(block, 1, sizeof block, file)) > 0 && (total += got) <= NODES_FILE_MOST) {
        fwrite(block, 1, got, out);
    }
    enum status status = STATUS_DONE;
    if (ferror(file)) {
        status = nodes_unreadable(path, problem);
    } else if (total > NODES_FILE_MOST) {
        status = problem_set(problem, STATUS_UNREADABLE, "%s: larger than 64 MiB", path);
    }
    bool kept = !ferror(out);
    kept = fclose(out) == 0 && kept;
    return status == STATUS_DONE && !kept ? problem_memory(problem) : status;
}

enum status nodes_file_read(struct fleet *fleet, const char *path, struct problem *problem) {
    *fleet = (struct fleet){NULL, 0, 0};
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return nodes_unreadable(path, problem);
    }
    char *bytes = NULL;
    size_t size = 0;
    enum status status = nodes_slurp(file, path, &bytes, &size, problem);
    fclose(file);
    if (status == STATUS_DONE) {
        status = nodes_file_parse(fleet, path, (const unsigned char *)bytes, size, problem);
    }
    free(bytes);
    return status;
}
