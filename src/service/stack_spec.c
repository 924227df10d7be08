/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reads a stack: names and values up to the next '|'. What goes wrong is told with its column, from 1. What follows the
 * parameters of a balance is a strategy's specification, and read by the pool.
 */
#include "service/stack_spec.h"

#include <string.h>

struct stack_reader {
    struct lw__stack_spec *spec;
    const lw_env *env;
    const lw_layer *const *own;
    const char *text, *at;
};

struct stack_word {
    const char *text;
    size_t size;
};

static size_t stack_column(const struct stack_reader *reader, const char *at) {
    return (size_t)(at - reader->text) + 1;
}

static void stack_skip(struct stack_reader *reader) { reader->at += strspn(reader->at, " \t\r\n"); }

/* Up to a space, '|' or the end; empty at those. */
static struct stack_word stack_take(struct stack_reader *reader) {
    stack_skip(reader);
    struct stack_word word = {reader->at, strcspn(reader->at, " \t\r\n|")};
    reader->at += word.size;
    return word;
}

static int shown(struct stack_word word) { return word.size < 40 ? (int)word.size : 40; }

/* ---- layers ---- */

static const lw_layer *stack_find(const lw_layer *const *layers, struct stack_word name) {
    for (; layers != NULL && *layers != NULL; layers++) {
        if (strlen((*layers)->name) == name.size && memcmp((*layers)->name, name.text, name.size) == 0) {
            return *layers;
        }
    }
    return NULL;
}

/* A table of the host's own may have faults. */
static bool is_sound(const lw_layer *kind) {
    bool sound = kind->size >= offsetof(lw_layer, misfit) && kind->make != NULL &&
                 kind->options_size <= LW_STACK_OPTIONS && kind->param_count <= LW__STACK_PARAMS;
    for (uint32_t i = 0; sound && i < kind->param_count; i++) {
        sound = kind->params[i].offset + sizeof(uint64_t) <= kind->options_size;
    }
    return sound;
}

/* One word behind the name: value, or name=value. given: a bit for each parameter that was. */
static int read_option(struct stack_reader *reader, const lw_layer *kind, void *options, struct stack_word word,
                       uint64_t *given) {
    const char *equals = memchr(word.text, '=', word.size);
    struct stack_word key = {word.text, equals != NULL ? (size_t)(equals - word.text) : word.size};
    const char *value = equals != NULL ? equals + 1 : word.text;
    size_t column = stack_column(reader, word.text);
    const lw_param *param = equals != NULL ? lw__param_find(kind->params, kind->param_count, key.text, key.size)
                            : kind->param_count > 0 ? kind->params
                                                    : NULL;
    if (param == NULL) {
        return lw__fail(reader->env, LW_UNKNOWN, "column %zu: %s has no parameter '%.*s'", column, kind->name,
                        shown(key), key.text);
    }
    uint64_t bit = UINT64_C(1) << (param - kind->params);
    if ((*given & bit) != 0) {
        return lw__fail(reader->env, LW_SYNTAX, "column %zu: %s has its %s already", column, kind->name, param->name);
    }
    *given |= bit;
    return lw__param_set(reader->env, kind->name, param, options, value, (size_t)(word.text + word.size - value),
                         stack_column(reader, value));
}

/* What no single option tells: some are missing, or they do not go together. */
static int check_options(const struct stack_reader *reader, const lw_layer *kind, const void *options,
                         struct stack_word name, uint64_t given) {
    size_t column = stack_column(reader, name.text);
    for (uint32_t i = 0; i < kind->param_count; i++) {
        if (kind->params[i].fallback == NULL && (given >> i & 1) == 0) {
            return lw__fail(reader->env, LW_SYNTAX, "column %zu: %s needs its %s, from %s to %s", column, kind->name,
                            kind->params[i].name, kind->params[i].min, kind->params[i].max);
        }
    }
    const char *misfit = lw__layer_misfit(kind, options);
    return misfit != NULL ? lw__fail(reader->env, LW_RANGE, "column %zu: %s: %s", column, kind->name, misfit) : LW_OK;
}

static int read_layer(struct stack_reader *reader, const lw_layer *kind, struct stack_word name) {
    struct lw__stack_spec *spec = reader->spec;
    uint32_t *count = spec->balances ? &spec->below : &spec->above;
    if (*count == LW_STACK_LAYERS) {
        return lw__fail(reader->env, LW_RANGE, "column %zu: at most %d layers %s the balance",
                        stack_column(reader, name.text), LW_STACK_LAYERS, spec->balances ? "below" : "above");
    }
    struct lw__stack_step *step = &spec->step[spec->above + spec->below];
    uint64_t given = 0;
    step->kind = kind;
    (*count)++;
    int error = lw__layer_defaults(reader->env, kind, step->options);
    for (struct stack_word word; error == LW_OK && (word = stack_take(reader)).size > 0;) {
        error = read_option(reader, kind, step->options, word, &given);
    }
    return error == LW_OK ? check_options(reader, kind, step->options, name, given) : error;
}

/* ---- the balance ---- */

static int take_strategy(struct stack_reader *reader) {
    struct stack_word rest = {reader->at, strcspn(reader->at, "|")};
    reader->at += rest.size;
    while (rest.size > 0 && strchr(" \t\r\n", rest.text[rest.size - 1]) != NULL) {
        rest.size--;
    }
    if (rest.size == 0) {
        rest = (struct stack_word){"round_robin", strlen("round_robin")};
    }
    reader->spec->strategy = lw__alloc(reader->env, rest.size + 1);
    if (reader->spec->strategy == NULL) {
        return LW_NOMEM;
    }
    memcpy(reader->spec->strategy, rest.text, rest.size);
    return LW_OK;
}

static int read_balance(struct stack_reader *reader, struct stack_word name) {
    struct lw__stack_spec *spec = reader->spec;
    if (spec->balances) {
        return lw__fail(reader->env, LW_SYNTAX, "column %zu: a stack has one balance", stack_column(reader, name.text));
    }
    uint64_t given = 0;
    spec->balances = true;
    lw__layer_defaults(reader->env, &lw__layer_balance, &spec->balance);
    for (;;) {
        stack_skip(reader);
        const char *before = reader->at;
        struct stack_word word = stack_take(reader);
        if (word.size == 0 || memchr(word.text, '=', word.size) == NULL) {
            reader->at = before;
            return take_strategy(reader);
        }
        int error = read_option(reader, &lw__layer_balance, &spec->balance, word, &given);
        if (error != LW_OK) {
            return error;
        }
    }
}

/* ---- all ---- */

static int read_step(struct stack_reader *reader) {
    struct stack_word name = stack_take(reader);
    if (name.size == 0) {
        return lw__fail(reader->env, LW_SYNTAX, "column %zu: expected the name of a layer",
                        stack_column(reader, reader->at));
    }
    if (name.size == strlen("balance") && memcmp(name.text, "balance", name.size) == 0) {
        return read_balance(reader, name);
    }
    const lw_layer *kind = stack_find(reader->own, name);
    kind = kind != NULL ? kind : stack_find(lw_layers(), name);
    if (kind == NULL) {
        return lw__fail(reader->env, LW_UNKNOWN, "column %zu: there is no layer '%.*s'",
                        stack_column(reader, name.text), shown(name), name.text);
    }
    if (!is_sound(kind)) {
        return lw__fail(reader->env, LW_INVALID, "column %zu: the table of layer '%s' has a fault",
                        stack_column(reader, name.text), kind->name);
    }
    return read_layer(reader, kind, name);
}

int lw__stack_read(struct lw__stack_spec *spec, const lw_env *env, const char *text, const lw_layer *const *layers) {
    struct stack_reader reader = {spec, env, layers, text, text};
    if (text == NULL) {
        return lw__fail(env, LW_INVALID, "stack: no specification");
    }
    for (;;) {
        int error = read_step(&reader);
        if (error != LW_OK || *reader.at == '\0') {
            return error;
        }
        reader.at++; /* the '|' */
    }
}

void lw__stack_forget(struct lw__stack_spec *spec, const lw_env *env) { lw__release(env, spec->strategy); }
