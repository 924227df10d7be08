/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "key_hash.h"

#include "text.h"

#include <loadwise/id.h>
#include <loadwise/key.h>
#include <string.h>

static const struct {
    const char *name;
    key_hash_fn *hash;
} key_hash_table[] = {{"id", lw_id}, {"libmemcached", lw_key_libmemcached}, {"nginx", lw_key_nginx}};

enum status key_hash_set(const struct setting *setting, key_hash_fn **out) {
    for (size_t i = 0; i < sizeof key_hash_table / sizeof *key_hash_table; i++) {
        if (strcmp(key_hash_table[i].name, setting->value) == 0) {
            *out = key_hash_table[i].hash;
            return STATUS_DONE;
        }
    }
    return problem_set(setting->problem, STATUS_USAGE, "--hash: \"%s\" is neither id nor libmemcached nor nginx",
                       text_shown(setting->value, strlen(setting->value)).text);
}
