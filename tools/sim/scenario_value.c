/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Values of a scenario file: a scalar is text, what it may be says its field. */
#include "scenario_value.h"

#include "memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- complaints ---- */

enum status scenario_refuse(struct scenario_reading *reading, const struct scenario_field *field,
                            const yaml_node_t *yaml) {
    return yaml_file_wrong(reading->file, yaml, "%s: %s is not allowed; it must be %s", field->name,
                           yaml_shown(yaml).text, field->allowed);
}

static enum status unknown_field(struct scenario_reading *reading, const struct scenario_table *table,
                                 const yaml_node_t *key) {
    char list[600] = "";
    for (size_t i = 0, used = 0; i < table->count && used < sizeof list; i++) {
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", table->fields[i].name);
    }
    return yaml_file_wrong(reading->file, key, "%s has no field %s; its fields are %s", table->what,
                           yaml_shown(key).text, list);
}

/* ---- memory ---- */

void *scenario_keep(struct scenario_reading *reading, size_t size) { return sim_memory_add(reading->memory, size); }

const char *scenario_keep_text(struct scenario_reading *reading, const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = scenario_keep(reading, size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

/* ---- mappings and lists ---- */

static const struct scenario_field *find_field(const struct scenario_table *table, const yaml_node_t *key) {
    for (size_t i = 0; key->type == YAML_SCALAR_NODE && i < table->count; i++) {
        if (strcmp(table->fields[i].name, (const char *)key->data.scalar.value) == 0) {
            return &table->fields[i];
        }
    }
    return NULL;
}

enum status scenario_mapping(struct scenario_reading *reading, const struct scenario_table *table,
                             const yaml_node_t *yaml, void *into) {
    uint64_t seen = 0;
    if (yaml->type != YAML_MAPPING_NODE) {
        return yaml_file_wrong(reading->file, yaml, "%s is a mapping of fields; here is %s", table->what,
                               yaml_shown(yaml).text);
    }
    for (const yaml_node_pair_t *pair = yaml->data.mapping.pairs.start; pair < yaml->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(&reading->file->document, pair->key);
        const struct scenario_field *field = find_field(table, key);
        if (field == NULL) {
            return unknown_field(reading, table, key);
        }
        uint64_t bit = UINT64_C(1) << (field - table->fields);
        if ((seen & bit) != 0) {
            return yaml_file_wrong(reading->file, key, "%s: given twice", field->name);
        }
        seen |= bit;
        enum status status = field->read(reading, field, yaml_document_get_node(&reading->file->document, pair->value),
                                         (char *)into + field->offset);
        if (status != STATUS_DONE) {
            return status;
        }
    }
    return STATUS_DONE;
}

enum status scenario_list(struct scenario_reading *reading, const char *name, const yaml_node_t *yaml,
                          scenario_each_fn *each, void *user) {
    if (yaml->type != YAML_SEQUENCE_NODE) {
        return yaml_file_wrong(reading->file, yaml, "%s: it must be a list; here is %s", name, yaml_shown(yaml).text);
    }
    const yaml_node_item_t *first = yaml->data.sequence.items.start;
    size_t count = (size_t)(yaml->data.sequence.items.top - first);
    for (size_t i = 0; i < count; i++) {
        enum status status = each(reading, yaml_document_get_node(&reading->file->document, first[i]), i, count, user);
        if (status != STATUS_DONE) {
            return status;
        }
    }
    return STATUS_DONE;
}

/* ---- scalars ---- */

static const char *scalar(const yaml_node_t *yaml) {
    return yaml->type == YAML_SCALAR_NODE ? (const char *)yaml->data.scalar.value : "";
}

/* A number and the unit behind it. */
static bool split_unit(const char *text, char *number, size_t room, const char **unit) {
    size_t digits = strspn(text, "0123456789.");
    if (digits == 0 || digits >= room) {
        return false;
    }
    memcpy(number, text, digits);
    number[digits] = '\0';
    *unit = text + digits + strspn(text + digits, " ");
    return true;
}

static bool read_ns(const char *text, double *ns) {
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12}, {"d", 8.64e13}};
    char number[32];
    const char *unit;
    if (strcmp(text, "0") == 0) {
        *ns = 0;
        return true;
    }
    if (!split_unit(text, number, sizeof number, &unit)) {
        return false;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(unit, units[i].unit) == 0 && text_to_real(number, 0, 1e12, ns)) {
            *ns *= units[i].ns;
            return true;
        }
    }
    return false;
}

enum status scenario_span(struct scenario_reading *reading, const struct scenario_field *field, const yaml_node_t *yaml,
                          void *member) {
    double ns;
    if (!read_ns(scalar(yaml), &ns) || ns < field->least || ns > field->most) {
        return scenario_refuse(reading, field, yaml);
    }
    memcpy(member, &ns, sizeof ns);
    return STATUS_DONE;
}

enum status scenario_duration(struct scenario_reading *reading, const struct scenario_field *field,
                              const yaml_node_t *yaml, void *member) {
    double ns = 0;
    enum status status = scenario_span(reading, field, yaml, &ns);
    uint64_t whole = (uint64_t)llround(ns);
    memcpy(member, &whole, sizeof whole);
    return status;
}

enum status scenario_real(struct scenario_reading *reading, const struct scenario_field *field, const yaml_node_t *yaml,
                          void *member) {
    double real;
    if (!text_to_real(scalar(yaml), field->least, field->most, &real)) {
        return scenario_refuse(reading, field, yaml);
    }
    memcpy(member, &real, sizeof real);
    return STATUS_DONE;
}

enum status scenario_number(struct scenario_reading *reading, const struct scenario_field *field,
                            const yaml_node_t *yaml, void *member) {
    uint64_t count;
    if (!text_to_count(scalar(yaml), strlen(scalar(yaml)), (uint64_t)field->most, &count) ||
        (double)count < field->least) {
        return scenario_refuse(reading, field, yaml);
    }
    memcpy(member, &count, sizeof count);
    return STATUS_DONE;
}

enum status scenario_count(struct scenario_reading *reading, const struct scenario_field *field,
                           const yaml_node_t *yaml, void *member) {
    uint64_t wide = 0;
    enum status status = scenario_number(reading, field, yaml, &wide);
    uint32_t count = (uint32_t)wide;
    if (status == STATUS_DONE) {
        memcpy(member, &count, sizeof count);
    }
    return status;
}

enum status scenario_share(struct scenario_reading *reading, const struct scenario_field *field,
                           const yaml_node_t *yaml, void *member) {
    char number[32];
    const char *unit;
    double share;
    bool good = split_unit(scalar(yaml), number, sizeof number, &unit) && text_to_real(number, 0, 1e9, &share);
    if (good && strcmp(unit, "%") == 0) {
        share /= 100;
    } else if (good && *unit != '\0') {
        good = false;
    }
    if (!good || share < field->least || share > field->most) {
        return scenario_refuse(reading, field, yaml);
    }
    memcpy(member, &share, sizeof share);
    return STATUS_DONE;
}

enum status scenario_flag(struct scenario_reading *reading, const struct scenario_field *field, const yaml_node_t *yaml,
                          void *member) {
    uint32_t flag = strcmp(scalar(yaml), "true") == 0;
    if (!flag && strcmp(scalar(yaml), "false") != 0) {
        return scenario_refuse(reading, field, yaml);
    }
    memcpy(member, &flag, sizeof flag);
    return STATUS_DONE;
}

enum status scenario_text(struct scenario_reading *reading, const struct scenario_field *field, const yaml_node_t *yaml,
                          void *member) {
    if (yaml->type != YAML_SCALAR_NODE || yaml->data.scalar.length > (size_t)field->most ||
        strlen(scalar(yaml)) != yaml->data.scalar.length) {
        return scenario_refuse(reading, field, yaml);
    }
    const char *text = scenario_keep_text(reading, scalar(yaml));
    memcpy(member, &text, sizeof text);
    return text != NULL ? STATUS_DONE : problem_memory(reading->file->problem);
}

enum status scenario_choice(struct scenario_reading *reading, const struct scenario_field *field,
                            const yaml_node_t *yaml, void *member) {
    size_t size = strlen(scalar(yaml));
    uint32_t position = 0;
    for (const char *choice = field->allowed; size > 0; position++) {
        size_t length = strcspn(choice, "|");
        if (length == size && memcmp(choice, scalar(yaml), size) == 0) {
            memcpy(member, &position, sizeof position);
            return STATUS_DONE;
        }
        if (choice[length] == '\0') {
            break;
        }
        choice += length + 1;
    }
    return yaml_file_wrong(reading->file, yaml, "%s: %s is not allowed; it must be one of %s", field->name,
                           yaml_shown(yaml).text, field->allowed);
}

enum status scenario_inner(struct scenario_reading *reading, const struct scenario_field *field,
                           const yaml_node_t *yaml, void *member) {
    return scenario_mapping(reading, field->table, yaml, member);
}

/* ---- distributions ---- */

#define NOT_SAID (-1.0)

struct drawn {
    struct sim_distribution distribution;
    double sigma, alpha;
};

#define SHAPES "fixed|exponential|lognormal|pareto|uniform|empirical"

/* Of durations or of numbers: the readers of one value and of a list of them. */
#define DISTRIBUTION_FIELDS(one, list, unit)                                                                           \
    {                                                                                                                  \
        {                                                                                                              \
            "shape",                                                                                                   \
            scenario_choice,                                                                                           \
            offsetof(struct drawn, distribution.shape),                                                                \
            0,                                                                                                         \
            0,                                                                                                         \
            SHAPES,                                                                                                    \
            "the kind of distribution",                                                                                \
            NULL},                                                                                                     \
            {"mean", one, offsetof(struct drawn, distribution.mean), 0, 1e18, unit, "the mean", NULL},                 \
            {"sigma",                                                                                                  \
             scenario_real,                                                                                            \
             offsetof(struct drawn, sigma),                                                                            \
             0,                                                                                                        \
             5,                                                                                                        \
             "a number from 0 to 5",                                                                                   \
             "lognormal: standard deviation of the logarithm; 1 unless said",                                          \
             NULL},                                                                                                    \
            {"alpha",                                                                                                  \
             scenario_real,                                                                                            \
             offsetof(struct drawn, alpha),                                                                            \
             1.01,                                                                                                     \
             100,                                                                                                      \
             "a number from 1.01 to 100",                                                                              \
             "pareto: the exponent of the tail; 2 unless said",                                                        \
             NULL},                                                                                                    \
            {"values", list, offsetof(struct drawn, distribution), 0,                                                  \
             1e18,     unit, "empirical: drawn from this list",    NULL},                                              \
    }

static scenario_read_fn span_values, number_values;

static const struct scenario_field span_fields[] =
    DISTRIBUTION_FIELDS(scenario_span, span_values, "a duration such as 10ms");
static const struct scenario_field number_fields[] =
    DISTRIBUTION_FIELDS(scenario_real, number_values, "a number from 0 to 1e18");

const struct scenario_table scenario_spans = {"a distribution of durations", span_fields,
                                              sizeof span_fields / sizeof *span_fields};
const struct scenario_table scenario_numbers = {"a distribution of numbers", number_fields,
                                                sizeof number_fields / sizeof *number_fields};

/* A list under way. */
struct values {
    struct sim_distribution *distribution;
    double *at; /* its values */
    const struct scenario_field *each;
};

static enum status read_value(struct scenario_reading *reading, const yaml_node_t *yaml, size_t position, size_t count,
                              void *user) {
    struct values *values = user;
    struct sim_distribution *distribution = values->distribution;
    if (position == 0) {
        distribution->values = values->at = scenario_keep(reading, count * sizeof *values->at);
        distribution->value_count = count;
    }
    if (distribution->values == NULL) {
        return problem_memory(reading->file->problem);
    }
    return values->each->read(reading, values->each, yaml, &values->at[position]);
}

static enum status span_values(struct scenario_reading *reading, const struct scenario_field *field,
                               const yaml_node_t *yaml, void *member) {
    struct values values = {member, NULL, &span_fields[1]};
    return scenario_list(reading, field->name, yaml, read_value, &values);
}

static enum status number_values(struct scenario_reading *reading, const struct scenario_field *field,
                                 const yaml_node_t *yaml, void *member) {
    struct values values = {member, NULL, &number_fields[1]};
    return scenario_list(reading, field->name, yaml, read_value, &values);
}

/* What does not belong to the shape, or is missing. */
static const char *distribution_fault(const struct drawn *drawn) {
    const struct sim_distribution *made = &drawn->distribution;
    bool empirical = made->shape == SIM_EMPIRICAL;
    if (empirical != (made->value_count > 0)) {
        return "values: for shape empirical, and only there";
    }
    if (empirical != (made->mean < 0)) {
        return empirical ? "mean: an empirical distribution has that of its values" : "mean: missing";
    }
    if (drawn->sigma >= 0 && made->shape != SIM_LOGNORMAL) {
        return "sigma: for shape lognormal only";
    }
    return drawn->alpha >= 0 && made->shape != SIM_PARETO ? "alpha: for shape pareto only" : NULL;
}

static void settle(struct drawn *drawn) {
    struct sim_distribution *made = &drawn->distribution;
    for (size_t i = 0; i < made->value_count; i++) {
        made->mean = (i == 0 ? 0 : made->mean) + made->values[i] / (double)made->value_count;
    }
    double sigma = drawn->sigma >= 0 ? drawn->sigma : 1, alpha = drawn->alpha >= 0 ? drawn->alpha : 2;
    made->spread = made->shape == SIM_PARETO ? alpha : sigma;
}

/* A mapping by the field's table, or just the value that it always is. */
enum status scenario_distribution(struct scenario_reading *reading, const struct scenario_field *field,
                                  const yaml_node_t *yaml, void *member) {
    struct drawn drawn = {.distribution = {.mean = NOT_SAID}, .sigma = NOT_SAID, .alpha = NOT_SAID};
    enum status status;
    if (yaml->type == YAML_SCALAR_NODE) {
        status = field->table->fields[1].read(reading, field, yaml, &drawn.distribution.mean);
    } else {
        status = scenario_mapping(reading, field->table, yaml, &drawn);
    }
    const char *fault = status == STATUS_DONE ? distribution_fault(&drawn) : NULL;
    if (fault != NULL) {
        return yaml_file_wrong(reading->file, yaml, "%s: %s", field->name, fault);
    }
    settle(&drawn);
    double mean = drawn.distribution.mean;
    if (status == STATUS_DONE && (mean < field->least || mean > field->most)) {
        return yaml_file_wrong(reading->file, yaml, "%s: its mean must be %s", field->name, field->allowed);
    }
    memcpy(member, &drawn.distribution, sizeof drawn.distribution);
    return status;
}
