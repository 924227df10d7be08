/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The nodes file: YAML with one list called nodes.
 *
 *     nodes:
 *       - name: gpu-1
 *         weight: 4
 *         health: healthy
 *         tags: {model: llama-70b}
 *
 * Only the name is required. Every complaint names the file, the line, the field, the value and what is allowed.
 */
#ifndef LOADWISE_TOOL_NODES_FILE_H
#define LOADWISE_TOOL_NODES_FILE_H

#include "fleet.h"
#include "problem.h"

/* On failure the fleet is empty. */
enum status nodes_file_read(struct fleet *fleet, const char *path, struct problem *problem);

/* The same from memory; the path is for messages only. */
enum status nodes_file_parse(struct fleet *fleet, const char *path, const unsigned char *bytes, size_t size,
                             struct problem *problem);

/* The name of a health, "healthy"; NULL past the last. */
const char *nodes_file_health(uint32_t health);

#endif
