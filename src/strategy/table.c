/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The one list of built-in strategies. A new one adds its line here and in src/CMakeLists.txt. */
#include "strategy/table.h"

#include <loadwise/strategy.h>

static const lw_strategy_ops *const builtin[] = {
    // clang-format off
    &lw__round_robin,
    &lw__smooth_wrr,
    &lw__stride,
    &lw__edf,
    &lw__random,
    &lw__weighted_random,
    &lw__least_load,
    &lw__p2c,
    &lw__least_request,
    &lw__sed,
    &lw__nq,
    &lw__jiq,
    &lw__least_time,
    &lw__c3,
    &lw__prequal,
    &lw__most_available,
    &lw__fill_first,
    &lw__ring,
    &lw__maglev,
    &lw__rendezvous,
    &lw__ketama,
    &lw__jump,
    &lw__anchor,
    &lw__multi_probe,
    &lw__chain,
    &lw__bounded,
    &lw__sticky,
    &lw__subset,
    // clang-format on
};

const lw_strategy_ops *lw_strategy_builtin(size_t position) {
    return position < sizeof builtin / sizeof *builtin ? builtin[position] : NULL;
}
