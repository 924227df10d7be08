/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Parameters of strategies and layers, as their declarations have them. */
#ifndef LOADWISE_TOOL_PARAMS_H
#define LOADWISE_TOOL_PARAMS_H

#include <loadwise/param.h>

enum { PARAMS_COLUMN = 20 }; /* where the texts of these lists stand */

/* Prints the parameters of one. what: whose they are, "strategy". */
void params_show(const lw_param *params, uint32_t count, const char *what);

#endif
