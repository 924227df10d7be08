/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Names by which processes that share a store know each other and what they count. They become parts of keys and lines
   of text, so they are printable ASCII without spaces. */
#ifndef LW_BASE_FLEET_NAMES_H
#define LW_BASE_FLEET_NAMES_H

#include "base/env.h"

#include <stdbool.h>

enum lw__fleet_bound { LW__FLEET_PREFIX = 100, LW__FLEET_INSTANCE = 64 };

struct lw__fleet_names {
    char prefix[LW__FLEET_PREFIX + 1];
    char instance[LW__FLEET_INSTANCE + 1];
    char meeting[LW__FLEET_PREFIX + sizeof "fleet"]; /* the key of who is alive */
    bool drawn;                                      /* the instance */
};

/* Is it 1 to `most` such bytes, none of `without` among them? */
bool lw__name_travels(const char *name, size_t most, const char *without);

/* The same for what a posting, and so a dimension that is shared, may be called. */
bool lw__name_is_charged(const char *name);

/* Takes over what the caller of `who` wants; NULL: the default prefix, an instance that is drawn. LW_INVALID (logged).
 */
int lw__fleet_names_take(struct lw__fleet_names *names, const lw_env *env, const char *who, const char *prefix,
                         const char *instance);

/* Draws another instance. */
void lw__fleet_names_draw(struct lw__fleet_names *names);

#endif
