/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The whole public interface for users of the library. Authors of strategies include ops.h besides. */
#ifndef LOADWISE_LOADWISE_H
#define LOADWISE_LOADWISE_H

#include <loadwise/bitmap.h>
#include <loadwise/env.h>
#include <loadwise/error.h>
#include <loadwise/filter.h>
#include <loadwise/id.h>
#include <loadwise/nodes.h>
#include <loadwise/outcome.h>
#include <loadwise/request.h>
#include <loadwise/status.h>
#include <loadwise/strategy.h>
#include <loadwise/version.h>

#endif
