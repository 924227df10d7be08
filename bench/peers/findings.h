/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What follows from the cells, in words. */
#ifndef BENCH_FINDINGS_H
#define BENCH_FINDINGS_H

#include "cells.h"

/* One line: in how many cells of picks we are ahead of everybody, and where not. */
void findings_write_first(FILE *out, const struct cells *cells);

/* Where somebody is ahead of us, in picks, then in builds and changes; and where our picks are far from the limit. */
void findings_write_behind(FILE *out, const struct cells *cells);

/* What has no figure, and why; `skipped` are lines about peers that are not there. */
void findings_write_unmeasured(FILE *out, const struct cells *cells, const char *const *skipped, uint32_t count);

#endif
