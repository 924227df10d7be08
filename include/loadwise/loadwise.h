/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The whole public interface for users of the library. Authors of strategies include ops.h besides. */
#ifndef LOADWISE_LOADWISE_H
#define LOADWISE_LOADWISE_H

#include <loadwise/account.h>
#include <loadwise/adaptive_throttle.h>
#include <loadwise/balance.h>
#include <loadwise/bitmap.h>
#include <loadwise/buffer.h>
#include <loadwise/circuit_breaker.h>
#include <loadwise/clock.h>
#include <loadwise/concurrency_limit.h>
#include <loadwise/env.h>
#include <loadwise/error.h>
#include <loadwise/explain.h>
#include <loadwise/filter.h>
#include <loadwise/guard.h>
#include <loadwise/health.h>
#include <loadwise/hedge.h>
#include <loadwise/id.h>
#include <loadwise/key.h>
#include <loadwise/latency.h>
#include <loadwise/layer.h>
#include <loadwise/ledger.h>
#include <loadwise/load_shed.h>
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
#include <loadwise/rate_limit.h>
#include <loadwise/request.h>
#include <loadwise/retry.h>
#include <loadwise/service.h>
#include <loadwise/stack.h>
#include <loadwise/status.h>
#include <loadwise/store.h>
#include <loadwise/strategy.h>
#include <loadwise/sync.h>
#include <loadwise/ticket.h>
#include <loadwise/timeout.h>
#include <loadwise/version.h>

#endif
