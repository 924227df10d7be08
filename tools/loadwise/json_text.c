/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* JSON is UTF-8, keys in requests may be anything; a key in Latin-1 should not cost a request its decision. */
#include "json_text.h"

#include <stdio.h>
#include <stdlib.h>

static json_t *json_text_escaped(const char *bytes, size_t size) {
    char *escaped = malloc(size * 4 + 1), *at = escaped;
    if (escaped == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte < 0x80) {
            *at++ = bytes[i];
        } else {
            at += snprintf(at, 5, "\\x%02x", byte);
        }
    }
    json_t *string = json_stringn(escaped, (size_t)(at - escaped));
    free(escaped);
    return string;
}

json_t *json_text(const char *bytes, size_t size) {
    json_t *string = json_stringn(bytes, size);
    return string != NULL ? string : json_text_escaped(bytes, size);
}
