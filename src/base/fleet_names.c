/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/fleet_names.h"
#include "base/entropy.h"

#include <inttypes.h>
#include <loadwise/account.h>
#include <loadwise/error.h>
#include <stdio.h>
#include <string.h>

bool lw__name_travels(const char *name, size_t most, const char *without) {
    size_t size = 0;
    while (size <= most && name[size] > ' ' && name[size] <= '~' && strchr(without, name[size]) == NULL) {
        size++;
    }
    return size >= 1 && size <= most && name[size] == 0;
}

bool lw__name_is_charged(const char *name) { return lw__name_travels(name, LW_ACCOUNT_NAME, ":"); }

void lw__fleet_names_draw(struct lw__fleet_names *names) {
    snprintf(names->instance, sizeof names->instance, "%016" PRIx64, lw__entropy());
    names->drawn = true;
}

int lw__fleet_names_take(struct lw__fleet_names *names, const lw_env *env, const char *who, const char *prefix,
                         const char *instance) {
    prefix = prefix != NULL ? prefix : "loadwise/";
    if (prefix[0] != 0 && !lw__name_travels(prefix, LW__FLEET_PREFIX, "{}")) {
        return lw__fail(env, LW_INVALID, "%s: prefix='%.200s' is not at most %d printable bytes, no space, '{' or '}'",
                        who, prefix, LW__FLEET_PREFIX);
    }
    if (instance != NULL && !lw__name_travels(instance, LW__FLEET_INSTANCE, "")) {
        return lw__fail(env, LW_INVALID, "%s: instance='%.200s' is not 1 to %d printable bytes, no space", who,
                        instance, LW__FLEET_INSTANCE);
    }
    snprintf(names->prefix, sizeof names->prefix, "%s", prefix);
    snprintf(names->meeting, sizeof names->meeting, "%sfleet", names->prefix);
    if (instance != NULL) {
        snprintf(names->instance, sizeof names->instance, "%s", instance);
    } else {
        lw__fleet_names_draw(names);
    }
    return LW_OK;
}
