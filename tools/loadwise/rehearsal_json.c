/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Members and names come from the lists of the library, so that nothing it tells is left out. A few members are codes:
 * they become the words that they stand for. Times are ns since the first request, one more.
 */
#include "json_text.h"
#include "nodes_file.h"
#include "rehearsal_print.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* JSON has no NaN, and jansson no number above INT64_MAX: such a one is "never" or "none". */
static json_t *rehearsal_json_u64(uint64_t value) {
    return value <= INT64_MAX ? json_integer((json_int_t)value) : json_null();
}
static json_t *rehearsal_json_u32(uint32_t value) { return json_integer(value); }
static json_t *rehearsal_json_real(double value) { return isfinite(value) ? json_real(value) : json_null(); }
static json_t *rehearsal_json_text(const char *value) { return json_text(value, strlen(value)); }
static json_t *rehearsal_json_pointer(const void *value) {
    (void)value;
    return NULL; /* which leaves the member out */
}

#define REHEARSAL_JSON(value)                                                                                          \
    _Generic((value), uint64_t                                                                                         \
             : rehearsal_json_u64, uint32_t                                                                            \
             : rehearsal_json_u32, double                                                                              \
             : rehearsal_json_real, const char *                                                                       \
             : rehearsal_json_text, void *                                                                             \
             : rehearsal_json_pointer)(value)

/* One object, one line. Takes the object; false: no memory. */
static bool rehearsal_json_line(const char *name, json_t *object) {
    json_t *line = json_pack("{s:o}", name, object);
    char *text = line != NULL ? json_dumps(line, JSON_REAL_PRECISION(8)) : NULL;
    if (text != NULL) {
        puts(text);
    }
    free(text);
    json_decref(line);
    return text != NULL;
}

static json_t *rehearsal_json_stats(const lw_pool_stats *stats) {
    json_t *object = json_object();
#define REHEARSAL_STAT(type, member, meaning) json_object_set_new(object, #member, REHEARSAL_JSON(stats->member));
    LW_POOL_STATS_LIST(REHEARSAL_STAT)
#undef REHEARSAL_STAT
    return object;
}

static json_t *rehearsal_json_reasons(uint32_t reasons) {
    json_t *list = json_array();
    for (uint32_t bit = 0; bit < LW_REASON_COUNT; bit++) {
        if ((reasons >> bit & 1) != 0) {
            json_array_append_new(list, json_string(lw_reason_name(UINT32_C(1) << bit)));
        }
    }
    return list;
}

static json_t *rehearsal_json_node(const lw_node_info *info) {
    static const char *const admins[] = {"active", "draining", "disabled"};
    json_t *object = json_object();
    char id[20];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)info->node);
#define REHEARSAL_INFO(type, member, meaning) json_object_set_new(object, #member, REHEARSAL_JSON(info->member));
    LW_NODE_INFO_LIST(REHEARSAL_INFO)
#undef REHEARSAL_INFO
    json_object_set_new(object, "node", json_string(id));
    json_object_set_new(object, "admin", json_string(admins[info->admin]));
    json_object_set_new(object, "status", json_string(nodes_file_health(info->status)));
    json_object_set_new(object, "reasons", rehearsal_json_reasons(info->reasons));
    return object;
}

static int rehearsal_json_each(void *user, const lw_node_info *info) {
    (void)user;
    return rehearsal_json_line("node", rehearsal_json_node(info)) ? 0 : LW_NOMEM;
}

static json_t *rehearsal_json_run(const struct rehearsal *rehearsal) {
    json_t *refused = json_object();
    for (int i = 0; i < REHEARSAL_REFUSALS; i++) {
        if (rehearsal->refused[i] > 0) {
            json_object_set_new(refused, lw_error_name(LW_REFUSALS_BEGIN - i),
                                rehearsal_json_u64(rehearsal->refused[i]));
        }
    }
    uint64_t requests = rehearsal->placed + rehearsal_refusals(rehearsal);
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "requests", rehearsal_json_u64(requests), "placed",
                     rehearsal_json_u64(rehearsal->placed), "refused", refused, "skipped",
                     rehearsal_json_u64(rehearsal->skipped), "now", rehearsal_json_u64(rehearsal->now));
}

enum status rehearsal_print_json(struct rehearsal *rehearsal) {
    lw_pool_stats stats = {.size = sizeof stats};
    int code = lw_pool_stats_read(rehearsal->pool, rehearsal->now, &stats);
    if (code < 0) {
        return problem_set(rehearsal->problem, STATUS_UNFIT, "the pool: %s", lw_error_message(code));
    }
    bool printed = rehearsal_json_line("run", rehearsal_json_run(rehearsal)) &&
                   rehearsal_json_line("pool", rehearsal_json_stats(&stats)) &&
                   lw_pool_each(rehearsal->pool, rehearsal->now, rehearsal_json_each, NULL) == 0;
    return printed ? STATUS_DONE : problem_memory(rehearsal->problem);
}
