/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A YAML file as a tree whose nodes know their lines, by libyaml. Every complaint names file and line.
 * An alias (*name) is the node that it stands for.
 */
#ifndef LOADWISE_TOOL_YAML_FILE_H
#define LOADWISE_TOOL_YAML_FILE_H

#include "problem.h"
#include "text.h"

#include <stddef.h>
#include <yaml.h>

struct yaml_file {
    const char *path;
    enum status bad; /* what a fault in the file counts as */
    struct problem *problem;
    yaml_document_t document;
    const unsigned char *bytes;
    size_t size;
};

/* Reads the tree; NULL: the document is empty. The tree lives for the call. */
typedef enum status yaml_root_fn(struct yaml_file *file, const yaml_node_t *root, void *user);

/* Loads the one document of the file and lets `read` see it. path, bad and problem of *file are set by the caller. */
enum status yaml_file_read(struct yaml_file *file, yaml_root_fn *read, void *user);

/* The same from memory; the path is for messages only. */
enum status yaml_file_parse(struct yaml_file *file, const unsigned char *bytes, size_t size, yaml_root_fn *read,
                            void *user);

/* "path:line: ...", as what a fault counts as. */
enum status yaml_file_wrong(struct yaml_file *file, const yaml_node_t *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A value in a message: its text, or what it is instead of text. */
struct shown yaml_shown(const yaml_node_t *yaml);

#endif
