/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* YAML by libyaml: the bytes are read to their end, parsed into a tree, and a second document is an error. */
#include "yaml_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { YAML_FILE_MOST = 64 << 20 };

/* ---- complaints ---- */

enum status yaml_file_wrong(struct yaml_file *file, const yaml_node_t *where, const char *format, ...) {
    char text[800];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return problem_set(file->problem, file->bad, "%s:%zu: %s", file->path, where->start_mark.line + 1, text);
}

struct shown yaml_shown(const yaml_node_t *yaml) {
    if (yaml->type == YAML_SCALAR_NODE) {
        struct shown quoted = {"\""};
        text_show(quoted.text + 1, sizeof quoted.text - 2, (const char *)yaml->data.scalar.value,
                  yaml->data.scalar.length);
        size_t size = strlen(quoted.text);
        memcpy(quoted.text + size, "\"", 2);
        return quoted;
    }
    const char *kind = yaml->type == YAML_MAPPING_NODE ? "a mapping" : "a list";
    return text_shown(kind, strlen(kind));
}

/* For bytes that are no UTF-8 libyaml knows the offset, not the line. */
static size_t yaml_line_of(const struct yaml_file *file, size_t offset) {
    size_t line = 0;
    for (size_t i = 0; i < offset && i < file->size; i++) {
        line += file->bytes[i] == '\n';
    }
    return line;
}

static enum status yaml_invalid(struct yaml_file *file, const yaml_parser_t *parser) {
    if (parser->error == YAML_MEMORY_ERROR) {
        return problem_memory(file->problem);
    }
    bool decoding = parser->error == YAML_READER_ERROR;
    size_t line = decoding ? yaml_line_of(file, parser->problem_offset) : parser->problem_mark.line;
    return problem_set(file->problem, file->bad, "%s:%zu: not valid YAML: %s%s%s", file->path, line + 1,
                       parser->context != NULL && !decoding ? parser->context : "",
                       parser->context != NULL && !decoding ? ", " : "",
                       parser->problem != NULL ? parser->problem : "unknown trouble");
}

/* ---- the document ---- */

/* A second document after `---` would be lost without a word. */
static enum status yaml_check_end(struct yaml_file *file, yaml_parser_t *parser) {
    yaml_document_t next;
    if (!yaml_parser_load(parser, &next)) {
        return yaml_invalid(file, parser);
    }
    const yaml_node_t *root = yaml_document_get_root_node(&next);
    enum status status = root == NULL ? STATUS_DONE : yaml_file_wrong(file, root, "a second YAML document begins here");
    yaml_document_delete(&next);
    return status;
}

static enum status yaml_load(struct yaml_file *file, yaml_parser_t *parser, yaml_root_fn *read, void *user) {
    if (!yaml_parser_load(parser, &file->document)) {
        return yaml_invalid(file, parser);
    }
    enum status status = read(file, yaml_document_get_root_node(&file->document), user);
    if (status == STATUS_DONE) {
        status = yaml_check_end(file, parser);
    }
    yaml_document_delete(&file->document);
    return status;
}

enum status yaml_file_parse(struct yaml_file *file, const unsigned char *bytes, size_t size, yaml_root_fn *read,
                            void *user) {
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser)) {
        return problem_memory(file->problem);
    }
    file->bytes = bytes;
    file->size = size;
    yaml_parser_set_input_string(&parser, bytes, size);
    enum status status = yaml_load(file, &parser, read, user);
    yaml_parser_delete(&parser);
    return status;
}

/* ---- the file ---- */

static enum status yaml_unreadable(const struct yaml_file *file) {
    return problem_set(file->problem, STATUS_UNREADABLE, "%s: cannot be read: %s", file->path, strerror(errno));
}

/* Read to its end rather than by its size, so that a pipe will do. */
static enum status yaml_slurp(const struct yaml_file *file, FILE *in, char **bytes, size_t *size) {
    char block[16384];
    FILE *out = open_memstream(bytes, size);
    if (out == NULL) {
        return problem_memory(file->problem);
    }
    size_t got, total = 0;
    while ((got = fread(block, 1, sizeof block, in)) > 0 && (total += got) <= YAML_FILE_MOST) {
        fwrite(block, 1, got, out);
    }
    enum status status = STATUS_DONE;
    if (ferror(in)) {
        status = yaml_unreadable(file);
    } else if (total > YAML_FILE_MOST) {
        status = problem_set(file->problem, STATUS_UNREADABLE, "%s: larger than 64 MiB", file->path);
    }
    bool kept = !ferror(out);
    kept = fclose(out) == 0 && kept;
    return status == STATUS_DONE && !kept ? problem_memory(file->problem) : status;
}

enum status yaml_file_read(struct yaml_file *file, yaml_root_fn *read, void *user) {
    FILE *in = fopen(file->path, "re");
    if (in == NULL) {
        return yaml_unreadable(file);
    }
    char *bytes = NULL;
    size_t size = 0;
    enum status status = yaml_slurp(file, in, &bytes, &size);
    fclose(in);
    if (status == STATUS_DONE) {
        status = yaml_file_parse(file, (const unsigned char *)bytes, size, read, user);
    }
    free(bytes);
    return status;
}
