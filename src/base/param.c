/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Parameters as text. Numbers are read here and not by the C library, whose answer depends on the locale: a decimal is
 * digits over a power of ten, both exact as doubles, so one correctly rounded division gives the nearest double.
 */
#include "base/param.h"

#include "base/env.h"

#include <loadwise/error.h>

#include <stdbool.h>
#include <string.h>

enum { MANTISSA_DIGITS = 15 };

const lw_param *lw__param_find(const lw_param *params, uint32_t count, const char *name, size_t size) {
    for (uint32_t i = 0; i < count; i++) {
        if (strlen(params[i].name) == size && memcmp(params[i].name, name, size) == 0) {
            return &params[i];
        }
    }
    return NULL;
}

static bool read_u64(const char *text, size_t size, uint64_t *out) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        uint64_t digit = (uint64_t)(unsigned char)text[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return size > 0;
}

/* digits[.digits], at most 15 of them. */
static bool read_f64(const char *text, size_t size, double *out) {
    double digits = 0, scale = 1;
    bool fraction = false;
    size_t seen = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9' || ++seen > MANTISSA_DIGITS) {
            return false;
        }
        digits = digits * 10 + (text[i] - '0');
        scale = fraction ? scale * 10 : scale;
    }
    *out = digits / scale;
    return seen > 0;
}

/* Position of the text among "a|b|c". */
static bool read_choice(const char *choices, const char *text, size_t size, uint64_t *out) {
    *out = 0;
    for (const char *choice = choices;; (*out)++) {
        size_t length = strcspn(choice, "|");
        if (length == size && memcmp(choice, text, size) == 0) {
            return true;
        }
        if (choice[length] == '\0') {
            return false;
        }
        choice += length + 1;
    }
}

static bool read_time(const char *text, size_t size, uint64_t *out) {
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}};
    size_t digits = 0;
    while (digits < size && text[digits] >= '0' && text[digits] <= '9') {
        digits++;
    }
    if (!read_u64(text, digits, out)) {
        return false;
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strlen(units[i].name) == size - digits && memcmp(units[i].name, text + digits, size - digits) == 0) {
            return !__builtin_mul_overflow(*out, units[i].ns, out);
        }
    }
    return digits == size && *out == 0;
}

static bool is_prime(uint64_t number) {
    for (uint64_t divisor = 2; divisor * divisor <= number; divisor++) {
        if (number % divisor == 0) {
            return false;
        }
    }
    return number > 1;
}

static bool has_form(const lw_param *param, uint64_t number) {
    switch (param->type) {
    case LW_PARAM_POWER: return (number & (number - 1)) == 0;
    case LW_PARAM_PRIME: return is_prime(number);
    default: return true;
    }
}

static bool read_number(const lw_param *param, const char *text, size_t size, uint64_t *out) {
    return param->type == LW_PARAM_TIME ? read_time(text, size, out) : read_u64(text, size, out);
}

static bool is_within(const lw_param *param, uint64_t number) {
    uint64_t least, most;
    return read_number(param, param->min, strlen(param->min), &least) &&
           read_number(param, param->max, strlen(param->max), &most) && number >= least && number <= most;
}

/* A percentile may have a p before it. */
static bool read_decimal(const lw_param *param, const char *text, size_t size, double *out) {
    size_t mark = param->type == LW_PARAM_PERCENTILE && size > 0 && *text == 'p';
    return read_f64(text + mark, size - mark, out);
}

static bool is_between(const lw_param *param, double decimal) {
    double low, high;
    return read_decimal(param, param->min, strlen(param->min), &low) &&
           read_decimal(param, param->max, strlen(param->max), &high) && decimal >= low && decimal <= high;
}

static bool read_value(const lw_param *param, const char *text, size_t size, void *value) {
    uint64_t number;
    double decimal;
    switch (param->type) {
    case LW_PARAM_TIME:
    case LW_PARAM_PRIME:
    case LW_PARAM_POWER:
    case LW_PARAM_U64:
        if (!read_number(param, text, size, &number) || !is_within(param, number) || !has_form(param, number)) {
            return false;
        }
        memcpy(value, &number, sizeof number);
        return true;
    case LW_PARAM_PERCENTILE:
    case LW_PARAM_F64:
        if (!read_decimal(param, text, size, &decimal) || !is_between(param, decimal)) {
            return false;
        }
        memcpy(value, &decimal, sizeof decimal);
        return true;
    default: return read_choice(param->type == LW_PARAM_BOOL ? "false|true" : param->choices, text, size, value);
    }
}

/* Within the range there is a prime on both sides, since its ends are primes. */
static int refuse_composite(const lw_env *env, const char *owner, const lw_param *param, uint64_t number,
                            size_t column) {
    uint64_t below = number, above = number;
    while (!is_prime(below)) {
        below--;
    }
    while (!is_prime(above)) {
        above++;
    }
    return lw__fail(env, LW_RANGE, "column %zu: %s: %s=%llu is not a prime; the nearest are %llu and %llu", column,
                    owner, param->name, (unsigned long long)number, (unsigned long long)below,
                    (unsigned long long)above);
}

static int refuse(const lw_env *env, const char *owner, const lw_param *param, const char *text, size_t size,
                  size_t column) {
    int shown = size < 40 ? (int)size : 40;
    uint64_t number;
    switch (param->type) {
    case LW_PARAM_PRIME:
        return read_u64(text, size, &number) && is_within(param, number)
                   ? refuse_composite(env, owner, param, number, column)
                   : lw__fail(env, LW_RANGE, "column %zu: %s: %s=%.*s must be a prime from %s to %s", column, owner,
                              param->name, shown, text, param->min, param->max);
    case LW_PARAM_U64:
        return lw__fail(env, LW_RANGE, "column %zu: %s: %s=%.*s must be a whole number from %s to %s", column, owner,
                        param->name, shown, text, param->min, param->max);
    case LW_PARAM_POWER:
        return lw__fail(env, LW_RANGE, "column %zu: %s: %s=%.*s must be a power of two from %s to %s", column, owner,
                        param->name, shown, text, param->min, param->max);
    case LW_PARAM_TIME:
        return lw__fail(env, LW_RANGE, "column %zu: %s: %s=%.*s must be a time from %s to %s, such as 250ms", column,
                        owner, param->name, shown, text, param->min, param->max);
    case LW_PARAM_PERCENTILE:
        return lw__fail(env, LW_RANGE, "column %zu: %s: %s=%.*s must be a percentile from %s to %s", column, owner,
                        param->name, shown, text, param->min, param->max);
    case LW_PARAM_F64:
        return lw__fail(env, LW_RANGE, "column %zu: %s: %s=%.*s must be a decimal number from %s to %s", column, owner,
                        param->name, shown, text, param->min, param->max);
    default:
        return lw__fail(env, LW_RANGE, "column %zu: %s: %s=%.*s must be one of %s", column, owner, param->name, shown,
                        text, param->type == LW_PARAM_BOOL ? "false|true" : param->choices);
    }
}

int lw__param_set(const lw_env *env, const char *owner, const lw_param *param, void *config, const char *text,
                  size_t size, size_t column) {
    unsigned char value[sizeof(uint64_t)];
    if (!read_value(param, text, size, value)) {
        return refuse(env, owner, param, text, size, column);
    }
    memcpy((unsigned char *)config + param->offset, value, sizeof value);
    return LW_OK;
}

static uint64_t choices_of(const lw_param *param) {
    uint64_t count = 1;
    for (const char *at = param->choices; *at != '\0'; at++) {
        count += *at == '|';
    }
    return count;
}

int lw__param_check(const lw_env *env, const char *owner, const lw_param *param, const void *config) {
    uint64_t number;
    double decimal;
    memcpy(&number, (const unsigned char *)config + param->offset, sizeof number);
    memcpy(&decimal, (const unsigned char *)config + param->offset, sizeof decimal);
    bool good;
    switch (param->type) {
    case LW_PARAM_BOOL: good = number <= 1; break;
    case LW_PARAM_CHOICE: good = number < choices_of(param); break;
    case LW_PARAM_PERCENTILE:
    case LW_PARAM_F64: good = is_between(param, decimal); break;
    default: good = is_within(param, number) && has_form(param, number); break;
    }
    if (good) {
        return LW_OK;
    }
    return param->type == LW_PARAM_F64 || param->type == LW_PARAM_PERCENTILE
               ? lw__fail(env, LW_RANGE, "%s: %s=%g must be from %s to %s", owner, param->name, decimal, param->min,
                          param->max)
               : lw__fail(env, LW_RANGE, "%s: %s=%llu must be from %s to %s", owner, param->name,
                          (unsigned long long)number, param->min != NULL ? param->min : "0",
                          param->max != NULL ? param->max : "the last choice");
}
