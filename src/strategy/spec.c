/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The specification language, read by recursive descent straight into units:
 *
 *     spec  = name [ "(" item { "," item } ")" ] { param }
 *     item  = spec | param
 *     param = key "=" value
 *
 * Names and keys are [a-z0-9_]+, a value is anything up to a space, comma or parenthesis. What went wrong is told with
 * the column, from 1, and with what was expected there.
 */
#include "strategy/unit.h"

#include <string.h>

struct reader {
    lw_strategy *strategy;
    const struct lw__names *names;
    const char *spec;
    const char *at;
};

struct word {
    const char *text;
    size_t size;
};

static size_t column_of(const struct reader *reader, const char *at) { return (size_t)(at - reader->spec) + 1; }

static int expected(const struct reader *reader, const char *what) {
    const lw_env *env = &reader->strategy->env;
    size_t column = column_of(reader, reader->at);
    unsigned char found = (unsigned char)*reader->at;
    if (found == '\0') {
        return lw__fail(env, LW_SYNTAX, "column %zu: expected %s, found the end", column, what);
    }
    if (found < ' ' || found > '~') {
        return lw__fail(env, LW_SYNTAX, "column %zu: expected %s, found the byte 0x%02x", column, what, found);
    }
    return lw__fail(env, LW_SYNTAX, "column %zu: expected %s, found '%c'", column, what, found);
}

static void skip_space(struct reader *reader) { reader->at += strspn(reader->at, " \t\r\n"); }

static bool take(struct reader *reader, char symbol) {
    skip_space(reader);
    if (*reader->at != symbol) {
        return false;
    }
    reader->at++;
    return true;
}

static struct word take_word(struct reader *reader) {
    skip_space(reader);
    struct word word = {reader->at, strspn(reader->at, "abcdefghijklmnopqrstuvwxyz0123456789_")};
    reader->at += word.size;
    return word;
}

static bool names_match(const lw_strategy_ops *ops, struct word word) {
    return ops->name != NULL && strlen(ops->name) == word.size && memcmp(ops->name, word.text, word.size) == 0;
}

static const lw_strategy_ops *find_ops(const struct reader *reader, struct word word) {
    for (size_t i = 0; i < reader->names->count; i++) {
        if (names_match(reader->names->own[i], word)) {
            return reader->names->own[i];
        }
    }
    for (size_t i = 0; lw_strategy_builtin(i) != NULL; i++) {
        if (names_match(lw_strategy_builtin(i), word)) {
            return lw_strategy_builtin(i);
        }
    }
    return NULL;
}

/* After the key: "=" value. */
static int read_param(struct reader *reader, struct lw__unit *unit, struct word key) {
    const lw_env *env = &reader->strategy->env;
    const lw_param *param = lw__param_find(unit->ops.params, unit->ops.param_count, key.text, key.size);
    if (param == NULL) {
        return lw__fail(env, LW_UNKNOWN, "column %zu: %s has no parameter '%.*s'", column_of(reader, key.text),
                        unit->ops.name, key.size < 40 ? (int)key.size : 40, key.text);
    }
    if (!take(reader, '=')) {
        return expected(reader, "'=' after a parameter");
    }
    skip_space(reader);
    struct word value = {reader->at, strcspn(reader->at, " \t\r\n,()")};
    if (value.size == 0) {
        return expected(reader, "a value");
    }
    reader->at += value.size;
    return lw__param_set(env, unit->ops.name, param, unit->config, value.text, value.size,
                         column_of(reader, value.text));
}

static int read_spec(struct reader *reader, struct word name, int depth, struct lw__unit **out);

static int read_child(struct reader *reader, struct lw__unit *unit, struct word name, int depth) {
    struct lw__unit *child;
    if (unit->ops.children_max == 0) {
        return lw__fail(&reader->strategy->env, LW_RANGE, "column %zu: %s takes no strategies in parentheses",
                        column_of(reader, name.text), unit->ops.name);
    }
    if (unit->child_count == unit->ops.children_max) {
        return lw__fail(&reader->strategy->env, LW_RANGE, "column %zu: %s takes at most %u strategies in parentheses",
                        column_of(reader, name.text), unit->ops.name, unit->ops.children_max);
    }
    int error = read_spec(reader, name, depth + 1, &child);
    if (error == LW_OK) {
        unit->children[unit->child_count++] = child->index;
    }
    return error;
}

/* Between parentheses: child strategies and parameters, told apart by the "=" after the first word. */
static int read_items(struct reader *reader, struct lw__unit *unit, int depth) {
    do {
        struct word word = take_word(reader);
        skip_space(reader);
        int error = *reader->at == '=' ? read_param(reader, unit, word) : read_child(reader, unit, word, depth);
        if (error != LW_OK) {
            return error;
        }
    } while (take(reader, ','));
    return take(reader, ')') ? LW_OK : expected(reader, "',' or ')'");
}

static int read_params(struct reader *reader, struct lw__unit *unit) {
    for (;;) {
        struct word key = take_word(reader);
        if (key.size == 0) {
            return LW_OK;
        }
        int error = read_param(reader, unit, key);
        if (error != LW_OK) {
            return error;
        }
    }
}

/* The needs of all that stand in the parentheses of this one. */
static uint32_t needs_below(const lw_strategy *strategy, const struct lw__unit *unit) {
    uint32_t needs = 0;
    for (uint32_t u = unit->index + 1; u < strategy->unit_count; u++) {
        needs |= strategy->units[u]->needs;
    }
    return needs;
}

static int check_fit(struct reader *reader, const struct lw__unit *unit, struct word name) {
    const char *why = unit->ops.misfit != NULL ? unit->ops.misfit(needs_below(reader->strategy, unit)) : NULL;
    return why == NULL ? LW_OK
                       : lw__fail(&reader->strategy->env, LW_UNSUPPORTED, "column %zu: %s: %s",
                                  column_of(reader, name.text), unit->ops.name, why);
}

static int read_unit(struct reader *reader, struct lw__unit *unit, struct word name, int depth) {
    int error = take(reader, '(') ? read_items(reader, unit, depth) : LW_OK;
    if (error == LW_OK) {
        error = read_params(reader, unit);
    }
    if (error == LW_OK && unit->child_count < unit->ops.children_min) {
        return lw__fail(&reader->strategy->env, LW_RANGE, "column %zu: %s needs at least %u strategies in parentheses",
                        column_of(reader, name.text), unit->ops.name, unit->ops.children_min);
    }
    error = error == LW_OK ? check_fit(reader, unit, name) : error;
    return error == LW_OK ? lw__unit_finish(reader->strategy, unit) : error;
}

/* After the name. */
static int read_spec(struct reader *reader, struct word name, int depth, struct lw__unit **out) {
    const lw_env *env = &reader->strategy->env;
    if (name.size == 0) {
        return expected(reader, "the name of a strategy");
    }
    if (depth == LW_SPEC_DEPTH) {
        return lw__fail(env, LW_RANGE, "column %zu: nested deeper than %d", column_of(reader, name.text),
                        LW_SPEC_DEPTH);
    }
    if (reader->strategy->unit_count == LW_SPEC_STRATEGIES) {
        return lw__fail(env, LW_RANGE, "column %zu: more than %d strategies", column_of(reader, name.text),
                        LW_SPEC_STRATEGIES);
    }
    const lw_strategy_ops *ops = find_ops(reader, name);
    if (ops == NULL) {
        return lw__fail(env, LW_UNKNOWN, "column %zu: no strategy is called '%.*s'", column_of(reader, name.text),
                        name.size < 40 ? (int)name.size : 40, name.text);
    }
    int error = lw__unit_add(reader->strategy, ops, out);
    return error == LW_OK ? read_unit(reader, *out, name, depth) : error;
}

int lw__spec_read(lw_strategy *strategy, const struct lw__names *names, const char *spec) {
    struct reader reader = {strategy, names, spec, spec};
    struct lw__unit *root;
    int error = read_spec(&reader, take_word(&reader), 0, &root);
    if (error != LW_OK) {
        return error;
    }
    skip_space(&reader);
    return *reader.at == '\0' ? LW_OK : expected(&reader, "the end or a parameter");
}
