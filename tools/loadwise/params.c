/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A parameter is two entries: its range and default, and what it is for. */
#include "params.h"

#include "help.h"

#include <stddef.h>
#include <stdio.h>

static void params_range(const lw_param *param, char *text, size_t room) {
    switch (param->type) {
    case LW_PARAM_U64: snprintf(text, room, "whole number from %s to %s", param->min, param->max); break;
    case LW_PARAM_PRIME: snprintf(text, room, "prime from %s to %s", param->min, param->max); break;
    case LW_PARAM_POWER: snprintf(text, room, "power of two from %s to %s", param->min, param->max); break;
    case LW_PARAM_TIME: snprintf(text, room, "time from %s to %s", param->min, param->max); break;
    case LW_PARAM_PERCENTILE: snprintf(text, room, "percentile from %s to %s", param->min, param->max); break;
    case LW_PARAM_F64: snprintf(text, room, "decimal number from %s to %s", param->min, param->max); break;
    case LW_PARAM_BOOL: snprintf(text, room, "true or false"); break;
    default: snprintf(text, room, "one of %s", param->choices); break;
    }
}

void params_show(const lw_param *params, uint32_t count, const char *what) {
    if (count == 0) {
        printf("\nNo parameters.\n");
        return;
    }
    printf("\nParameters, written as name=value after the name of the %s:\n", what);
    for (uint32_t i = 0; i < count; i++) {
        const lw_param *param = &params[i];
        char range[160], text[256];
        params_range(param, range, sizeof range);
        if (param->fallback != NULL) {
            snprintf(text, sizeof text, "%s, default %s", range, param->fallback);
        } else {
            snprintf(text, sizeof text, "%s, has to be given", range);
        }
        help_entry(param->name, PARAMS_COLUMN, text);
        help_entry("", PARAMS_COLUMN, param->help);
    }
}
