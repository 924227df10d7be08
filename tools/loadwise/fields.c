/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Each line is parsed and finished by itself, so that a quote left open spoils one row and not the rest of the file.
 */
#include "fields.h"

#include <string.h>

#define FIELDS_OPTIONS (CSV_STRICT | CSV_STRICT_FINI)

void fields_init(struct fields *fields) {
    csv_init(&fields->parser, FIELDS_OPTIONS);
    fields->count = 0;
}

void fields_free(struct fields *fields) { csv_free(&fields->parser); }

static void fields_keep(void *bytes, size_t size, void *user) {
    struct fields *fields = user;
    if (fields->count == FIELDS_MOST) {
        fields->too_many = true;
        return;
    }
    char *copy = fields->bytes + fields->used;
    if (size > 0) {
        memcpy(copy, bytes, size);
    }
    copy[size] = '\0';
    fields->at[fields->count++] = (struct field){copy, size};
    fields->used += size + 1;
}

static void fields_end(int terminator, void *user) {
    (void)terminator;
    ((struct fields *)user)->ends++;
}

static const char *fields_explain(struct fields *fields) {
    int code = csv_error(&fields->parser);
    csv_free(&fields->parser);
    csv_init(&fields->parser, FIELDS_OPTIONS);
    return code == CSV_EPARSE ? "a quote is left open or stands inside a field" : csv_strerror(code);
}

const char *fields_split(struct fields *fields, const char *line, size_t size) {
    fields->count = fields->ends = fields->used = 0;
    fields->too_many = false;
    if (csv_parse(&fields->parser, line, size, fields_keep, fields_end, fields) != size ||
        csv_fini(&fields->parser, fields_keep, fields_end, fields) != 0) {
        return fields_explain(fields);
    }
    if (fields->ends > 1) {
        return "a carriage return stands inside the row";
    }
    return fields->too_many ? "it has more than 256 fields" : NULL;
}
