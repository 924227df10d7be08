/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The whole public interface for users of the library. Authors of strategies include ops.h besides. */
#ifndef LOADWISE_LOADWISE_H
#define LOADWISE_LOADWISE_H

#include <loadwise/account.h>
#include <loadwise/bitmap.h>
#include <loadwise/env.h>
#include <loadwise/error.h>
#include <loadwise/explain.h>
#include <loadwise/filter.h>
#include <loadwise/guard.h>
#include <loadwise/health.h>
#include <loadwise/id.h>
#include <loadwise/key.h>
#include <loadwise/latency.h>
#include <loadwise/ledger.h>
#include <loadwise/metrics.h>
#include <loadwise/node_spec.h>
#include <loadwise/nodes.h>
#include <loadwise/observer.h>
#include <loadwise/outcome.h>
#include <loadwise/outlier.h>
#include <loadwise/persist.h>
#include <loadwise/pool.h>
#include <loadwise/pool_stats.h>
#include <loadwise/quota.h>
#include <loadwise/request.h>
#include <loadwise/status.h>
#include <loadwise/store.h>
#include <loadwise/strategy.h>
#include <loadwise/sync.h>
#include <loadwise/ticket.h>
#include <loadwise/version.h>

#endif
