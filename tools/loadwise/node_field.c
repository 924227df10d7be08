/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* One small reader for each kind of value, and the table that gives each field its reader. */
#include "node_field.h"

#include "nodes_file.h"
#include "text.h"

#include <float.h>
#include <loadwise/quota.h>
#include <loadwise/status.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODE_TEXT_MOST = 255 };

static bool node_field_is_text(const yaml_node_t *yaml) {
    return yaml->type == YAML_SCALAR_NODE && yaml->data.scalar.length > 0 &&
           yaml->data.scalar.length <= NODE_TEXT_MOST &&
           !text_has_controls((const char *)yaml->data.scalar.value, yaml->data.scalar.length);
}

static const char *node_field_text(const yaml_node_t *yaml) { return (const char *)yaml->data.scalar.value; }

static enum node_field_answer node_field_read_text(struct node_value value, void *member) {
    if (!node_field_is_text(value.yaml)) {
        return NODE_FIELD_WRONG;
    }
    char *copy = strdup(node_field_text(value.yaml));
    memcpy(member, &copy, sizeof copy);
    return copy != NULL ? NODE_FIELD_OK : NODE_FIELD_NOMEM;
}

static enum node_field_answer node_field_read_count(struct node_value value, void *member) {
    uint64_t number;
    if (!node_field_is_text(value.yaml) ||
        !text_to_count(node_field_text(value.yaml), value.yaml->data.scalar.length, UINT32_MAX, &number)) {
        return NODE_FIELD_WRONG;
    }
    *(uint32_t *)member = (uint32_t)number;
    return NODE_FIELD_OK;
}

static enum node_field_answer node_field_read_real(struct node_value value, double most, void *member) {
    bool good = node_field_is_text(value.yaml) && text_to_real(node_field_text(value.yaml), 0, most, member);
    return good ? NODE_FIELD_OK : NODE_FIELD_WRONG;
}

static enum node_field_answer node_field_read_load(struct node_value value, void *member) {
    return node_field_read_real(value, DBL_MAX, member);
}

static enum node_field_answer node_field_read_share(struct node_value value, void *member) {
    return node_field_read_real(value, 1, member);
}

static const char *const node_field_healths[] = {"healthy", "degraded", "unhealthy", "recovering"};

const char *nodes_file_health(uint32_t health) { return health <= LW_RECOVERING ? node_field_healths[health] : NULL; }

static enum node_field_answer node_field_read_health(struct node_value value, void *member) {
    for (uint32_t i = LW_HEALTHY; i <= LW_RECOVERING && node_field_is_text(value.yaml); i++) {
        if (strcmp(node_field_text(value.yaml), node_field_healths[i]) == 0) {
            *(uint32_t *)member = i;
            return NODE_FIELD_OK;
        }
    }
    return NODE_FIELD_WRONG;
}

/* Tags become one string with ',' and '=' between them, so their own text may not hold these. */
static bool node_field_is_tag(const yaml_node_t *key, const yaml_node_t *text) {
    return node_field_is_text(key) && node_field_is_text(text) && strpbrk(node_field_text(key), ",=") == NULL &&
           strchr(node_field_text(text), ',') == NULL;
}

static enum node_field_answer node_field_read_tags(struct node_value value, void *member) {
    if (value.yaml->type != YAML_MAPPING_NODE) {
        return NODE_FIELD_WRONG;
    }
    char *tags = NULL;
    size_t size;
    FILE *out = open_memstream(&tags, &size);
    bool good = true;
    if (out == NULL) {
        return NODE_FIELD_NOMEM;
    }
    const yaml_node_pair_t *first = value.yaml->data.mapping.pairs.start;
    for (const yaml_node_pair_t *pair = first; good && pair < value.yaml->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(value.document, pair->key);
        const yaml_node_t *text = yaml_document_get_node(value.document, pair->value);
        good = node_field_is_tag(key, text);
        if (good) {
            fprintf(out, "%s%s=%s", pair > first ? "," : "", node_field_text(key), node_field_text(text));
        }
    }
    bool written = !ferror(out);
    if (fclose(out) != 0 || !written || !good) {
        free(tags);
        return good ? NODE_FIELD_NOMEM : NODE_FIELD_WRONG;
    }
    memcpy(member, &tags, sizeof tags);
    return NODE_FIELD_OK;
}

static bool node_field_has_limit(const struct node_limits *limits, const char *dimension) {
    for (size_t i = 0; i < limits->count; i++) {
        if (strcmp(limits->at[i].dimension, dimension) == 0) {
            return true;
        }
    }
    return false;
}

static enum node_field_answer node_field_add_limit(struct node_value value, struct node_limits *limits,
                                                   const yaml_node_pair_t *pair) {
    const yaml_node_t *key = yaml_document_get_node(value.document, pair->key);
    const yaml_node_t *text = yaml_document_get_node(value.document, pair->value);
    uint64_t most = 0;
    *value.wrong = key;
    if (!node_field_is_text(key) || node_field_has_limit(limits, node_field_text(key))) {
        return NODE_FIELD_WRONG;
    }
    *value.wrong = text;
    if (!node_field_is_text(text) ||
        !text_to_count(node_field_text(text), text->data.scalar.length, LW_QUOTA_LIMIT_MAX, &most) || most == 0) {
        return NODE_FIELD_WRONG;
    }
    char *dimension = strdup(node_field_text(key));
    if (dimension == NULL) {
        return NODE_FIELD_NOMEM;
    }
    limits->at[limits->count++] = (struct node_limit){dimension, most, key->start_mark.line + 1};
    return NODE_FIELD_OK;
}

/* The fleet frees what was read, also when a later limit is wrong. */
static enum node_field_answer node_field_read_limits(struct node_value value, void *member) {
    struct node_limits *limits = member;
    if (value.yaml->type != YAML_MAPPING_NODE ||
        value.yaml->data.mapping.pairs.start == value.yaml->data.mapping.pairs.top) {
        return NODE_FIELD_WRONG;
    }
    const yaml_node_pair_t *pair = value.yaml->data.mapping.pairs.start, *end = value.yaml->data.mapping.pairs.top;
    *limits = (struct node_limits){calloc((size_t)(end - pair), sizeof *limits->at), 0};
    enum node_field_answer answer = limits->at != NULL ? NODE_FIELD_OK : NODE_FIELD_NOMEM;
    for (; answer == NODE_FIELD_OK && pair < end; pair++) {
        answer = node_field_add_limit(value, limits, pair);
    }
    return answer;
}

#define TEXT "text of 1 to 255 bytes without control characters"
#define COUNT "a whole number from 0 to 4294967295"

static const struct node_field node_field_table[] = {
    {"name", node_field_read_text, offsetof(struct node, name), LW_HAS(name), TEXT,
     "what the node is called; its identity, so it must be unique"},
    {"weight", node_field_read_count, offsetof(struct node, weight), LW_HAS(weight), COUNT,
     "share of the requests that it should get; 0: none; default 1"},
    {"load", node_field_read_load, offsetof(struct node, load), LW_HAS(load), "a decimal number, 0 or more",
     "how busy it is, in any unit; left out: unknown"},
    {"remaining", node_field_read_share, offsetof(struct node, remaining), LW_HAS(remaining),
     "a decimal number from 0 to 1", "free share of its quota; left out: unknown"},
    {"health", node_field_read_health, offsetof(struct node, health), LW_HAS(health),
     "healthy, degraded, unhealthy or recovering", "an unhealthy node gets no requests; default healthy"},
    {"priority", node_field_read_count, offsetof(struct node, priority), LW_HAS(priority), COUNT,
     "for `loadwise pool` and fill_first: 0 is used first; default 0"},
    {"zone", node_field_read_text, offsetof(struct node, zone), LW_HAS(zone), TEXT,
     "for `loadwise pool`: where it stands"},
    {"inflight", node_field_read_count, offsetof(struct node, inflight), LW_HAS(inflight), COUNT,
     "requests under way; default 0"},
    {"capacity", node_field_read_count, offsetof(struct node, capacity), LW_HAS(capacity), COUNT,
     "for `loadwise pool` and fill_first: most requests under way; 0: no limit; default 0"},
    {"tags", node_field_read_tags, offsetof(struct node, tags), LW_HAS(tags),
     "a mapping of texts without commas, the names without '='", "checked, but no strategy of this version reads it"},
    {"limits", node_field_read_limits, offsetof(struct node, limits), FLEET_LIMITS,
     "a mapping from dimension, each once, to a whole number from 1 to 1099511627775",
     "the most that it may be given per window of --quota, such as {rpm: 60, tpm: 90000}; left out: no limit"},
};

const struct node_field *node_field_at(size_t position) {
    return position < sizeof node_field_table / sizeof *node_field_table ? &node_field_table[position] : NULL;
}

const struct node_field *node_field_find(const char *name, size_t size) {
    for (size_t i = 0; node_field_at(i) != NULL; i++) {
        if (strlen(node_field_table[i].name) == size && memcmp(node_field_table[i].name, name, size) == 0) {
            return &node_field_table[i];
        }
    }
    return NULL;
}
