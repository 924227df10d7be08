/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A game: a pool, the oracle beside it, and what the oracle lets a pick do. Panics have two thresholds, between which
 * the oracle does not know whether there is one: then the pool may do either.
 */
#ifndef LOADWISE_TESTS_POOL_GAME_H
#define LOADWISE_TESTS_POOL_GAME_H

#include "pool_oracle.h"

enum { HELD_MOST = 60, ROUTES = 4, ENDED = 32, COLORS = 2, LIMITS = 3 };
enum { RPM, SLOTS, TOKENS, DIMENSIONS };
enum { ANY_COLOR = COLORS };

struct held {
    lw_ticket ticket;
    struct life *life;
    struct permit permit;
    lw_reservation reservation;
    uint64_t cost, started;
};

static struct game {
    yard y;
    struct oracle o;
    uint64_t seed, step, chance, grace, ttl;
    uint32_t policy, enter, reuse;
    bool zones;
    uint32_t route[ROUTES], color[ROUTES];
    uint32_t held_count;
    struct held held[HELD_MOST];
    lw_ticket ended[ENDED];
    uint64_t ends; /* how many were put there */
    uint64_t picks, refusals, already, lost, updates;
} game;

static inline uint32_t draw(uint32_t bound) { return law_below(&game.chance, bound); }

static inline void agree(const char *what, uint64_t found, uint64_t expected) {
    if (found != expected) {
        fail_msg("seed %llu, operation %llu: %s is %llu in place of %llu", (unsigned long long)game.seed,
                 (unsigned long long)game.step, what, (unsigned long long)found, (unsigned long long)expected);
    }
}

/* ---- a world ---- */

static const lw_quota_dimension dimensions[DIMENSIONS] = {
    {sizeof(lw_quota_dimension), "rpm", LW_QUOTA_SLIDING, LW_QUOTA_FIXED, 20 * SECOND, 10, LW_QUOTA_COVER_FULL, 1, 0},
    {sizeof(lw_quota_dimension), "slots", LW_QUOTA_CONCURRENCY, LW_QUOTA_EXACT, 0, 0, LW_QUOTA_COVER_FULL, 0, 0},
    {sizeof(lw_quota_dimension), "tokens", LW_QUOTA_GCRA, LW_QUOTA_EXACT, 10 * SECOND, 0, LW_QUOTA_COVER_FULL, 0, 0}};

static const lw_quota_limit limits[LIMITS][DIMENSIONS] = {
    {{0, 0, 0, 0}}, {{RPM, 0, 60, 0}}, {{RPM, 0, 200, 0}, {SLOTS, 0, 6, 0}, {TOKENS, 0, 100, 12}}};
static const size_t limit_count[LIMITS] = {0, 1, 3};

static const char *const strategies[] = {"round_robin",
                                         "p2c",
                                         "p2c metric=peak_ewma",
                                         "least_load metric=inflight",
                                         "ring vnodes=20",
                                         "smooth_wrr",
                                         "random",
                                         "chain(ring vnodes=5, random)",
                                         "least_load metric=peak_ewma",
                                         "weighted_random",
                                         "least_load",
                                         "round_robin lanes=1"};

static inline const lw_tag_filter *filter_of(uint32_t color) {
    static lw_tag_filter filters[COLORS];
    filters[0] = lw_filter_tag("color", "red");
    filters[1] = lw_filter_tag("color", "blue");
    return &filters[color];
}

static inline void set_route(uint32_t r) {
    char name[16];
    const char *spec = strategies[draw(LAW_COUNT(strategies))];
    const lw_filter *filter = game.color[r] == ANY_COLOR ? NULL : &filter_of(game.color[r])->filter;
    snprintf(name, sizeof name, "route-%u", (unsigned)r);
    agree("route", (uint64_t)lw_pool_route(game.y.pool, name, spec, filter, &game.route[r]), LW_OK);
    agree("route number", game.route[r], r);
}

static inline void open_trackers(void) {
    lw_quota_options quota = LW_QUOTA_OPTIONS_INIT;
    quota.dimensions = dimensions;
    quota.dimension_count = DIMENSIONS;
    quota.ttl = LW_QUOTA_NEVER;
    assert_int_equal(lw_quota_new(&game.o.quota, NULL, &quota), LW_OK);
    assert_int_equal(lw_latency_new(&game.o.latency, NULL, NULL), LW_OK);
}

static inline void open_game(uint64_t seed) {
    static const lw_latency_options latency = LW_LATENCY_OPTIONS_INIT;
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    memset(&game, 0, sizeof game);
    game.seed = game.chance = seed;
    game.grace = options.grace = seed % 3 == 0 ? 3 * SECOND : 0;
    game.ttl = options.ticket_ttl = seed % 2 == 0 ? 20 * SECOND : 0;
    game.policy = options.panic = seed % 4 == 1 ? LW_PANIC_FAIL_CLOSED : LW_PANIC_FAIL_OPEN;
    game.enter = options.panic_enter = seed % 4 == 2 ? 50 : 0;
    game.reuse = options.reuse = seed % 5 == 0 ? LW_REUSE_NEVER : LW_REUSE_SOLE;
    game.zones = seed % 4 == 3;
    options.zone = game.zones ? "here" : NULL;
    options.slow_start = seed % 5 == 2 ? 20 * SECOND : 0;
    options.max_tickets = 128;
    options.tries = LW_POOL_TRIES;
    options.latency = &latency;
    options.dimensions = dimensions;
    options.dimension_count = DIMENSIONS;
    open_trackers();
    yard_found(&game.y, &options, seed);
    game.o.now = game.y.now;
    for (uint32_t r = 0; r < ROUTES; r++) {
        game.color[r] = r < 2 ? ANY_COLOR : r - 2;
        set_route(r);
    }
}

static inline void close_game(void) {
    yard_close(&game.y);
    lw_quota_free(game.o.quota);
    lw_latency_free(game.o.latency);
}

static inline void set_time(uint64_t now) { game.y.now = game.o.now = now; }

/* ---- what a pick may do ---- */

struct view {
    uint32_t members, eligible, ill, active, excluded, fit, but_for_health, full; /* sets of names */
    uint32_t all_reasons;
    bool picky; /* the request has exclusions or amounts of its own */
    uint32_t reasons[ORACLE_NAMES];
    /* When the first comes back: by all reasons; whatever their health; only the ill. */
    uint64_t due, due_open, due_ill;
    uint64_t fit_at[ORACLE_NAMES], due_at[ORACLE_NAMES], due_open_at[ORACLE_NAMES];
};

/* What must come of a pick, if there is a panic or if there is none. */
struct verdict {
    uint32_t allowed;    /* names; 0: a refusal */
    uint32_t flags;      /* PANIC, REUSED */
    int reason, another; /* of the refusal; where levels have parts, the part that is tried first may decide */
    uint32_t retry;
    uint64_t retry_at;
    bool timed; /* retry and retry_at are foretold */
};

static inline bool is_excluded(const lw_request *request, uint32_t name) {
    for (size_t i = 0; request != NULL && i < request->exclude_count; i++) {
        if (request->exclude[i] == yard_id(&game.y, name)) {
            return true;
        }
    }
    return false;
}

static inline struct view look(uint32_t route, const lw_request *request) {
    struct view view = {.picky = request != NULL, .due = UINT64_MAX, .due_open = UINT64_MAX, .due_ill = UINT64_MAX};
    for (uint32_t i = 0; i < ORACLE_NAMES; i++) {
        const struct life *life = game.o.of[i];
        if (life == NULL || (game.color[route] != ANY_COLOR && life->color != game.color[route])) {
            continue;
        }
        uint32_t bit = 1U << i, reasons = view.reasons[i] = reasons_of(&game.o, life);
        view.members |= bit;
        view.eligible |= reasons == 0 ? bit : 0;
        view.but_for_health |= (reasons & ~(uint32_t)LW_REASON_UNHEALTHY) == 0 ? bit : 0;
        view.excluded |= is_excluded(request, i) ? bit : 0;
        view.fit |= fits(&game.o, life, request, &view.fit_at[i]) ? bit : 0;
        view.due_at[i] = due_of(&game.o, life, 0);
        view.due_open_at[i] = due_of(&game.o, life, LW_REASON_UNHEALTHY);
        if ((reasons & (LW_REASON_DRAINING | LW_REASON_DISABLED)) == 0) {
            view.active |= bit;
            view.ill |= is_ill(life) ? bit : 0;
        }
        view.all_reasons |= reasons;
        view.full |= (reasons & ~(uint32_t)LW_REASON_UNHEALTHY) == LW_REASON_SATURATED ? bit : 0;
        if (reasons != 0) {
            view.due = sooner_of(view.due_at[i], view.due);
            view.due_ill = is_ill(life) ? sooner_of(view.due_at[i], view.due_ill) : view.due_ill;
            view.due_open = sooner_of(view.due_open_at[i], view.due_open);
        }
    }
    return view;
}

static inline uint32_t size_of(uint32_t names) { return (uint32_t)__builtin_popcount(names); }

static inline struct verdict refusal(int reason, uint32_t retry, uint64_t at) {
    return (struct verdict){.reason = reason, .another = reason, .retry = retry, .retry_at = at, .timed = true};
}

static inline struct verdict shortage(const struct view *view, bool open, bool closed) {
    uint64_t due = open ? view->due_open : closed ? view->due_ill : view->due;
    uint32_t retry = due != UINT64_MAX ? LW_RETRY_AT : LW_RETRY_ON_COMPLETION;
    if (view->members == 0) {
        bool none = true;
        for (uint32_t i = 0; i < ORACLE_NAMES; i++) {
            none &= game.o.of[i] == NULL;
        }
        return refusal(none ? LW_NO_NODES : LW_FILTERED, LW_RETRY_NEVER, UINT64_MAX);
    }
    if (closed) {
        return refusal(LW_ALL_UNHEALTHY, retry, due);
    }
    if (view->full != 0) {
        return refusal(LW_SATURATED, LW_RETRY_ON_COMPLETION, due);
    }
    if ((view->all_reasons & (LW_REASON_COOLING | LW_REASON_OVER_QUOTA)) != 0) {
        return refusal(LW_OVER_QUOTA, retry, due);
    }
    return (view->all_reasons & LW_REASON_UNHEALTHY) != 0 ? refusal(LW_ALL_UNHEALTHY, retry, due)
                                                          : refusal(LW_DRAINING, LW_RETRY_NEVER, UINT64_MAX);
}

/* Nobody can be charged the amounts: when somebody can, if that is a matter of time. */
static inline struct verdict over_quota(const struct view *view, bool open, bool closed, bool either) {
    uint64_t first = UINT64_MAX;
    for (uint32_t i = 0; i < ORACLE_NAMES; i++) {
        uint64_t due = open ? view->due_open_at[i] : view->due_at[i];
        bool counts = (view->members & ~view->excluded) >> i & 1, comes = !closed || (view->ill >> i & 1) != 0;
        if (counts && comes && due != UINT64_MAX && view->fit_at[i] != UINT64_MAX) {
            first = sooner_of(first, later_of(due, view->fit_at[i]));
        }
    }
    return (struct verdict){.reason = LW_OVER_QUOTA,
                            .another = either ? LW_EXCLUDED : LW_OVER_QUOTA,
                            .retry = LW_RETRY_AT,
                            .retry_at = first,
                            .timed = first != UINT64_MAX && !either};
}

static inline struct verdict foretell(const struct view *view, bool panic) {
    bool closed = panic && game.policy == LW_PANIC_FAIL_CLOSED, open = panic && !closed;
    uint32_t possible = open ? view->but_for_health : closed ? view->eligible & view->ill : view->eligible;
    uint32_t asked = possible & ~view->excluded, flags = open ? LW_TICKET_PANIC : 0;
    if ((asked & view->fit) != 0) {
        return (struct verdict){.allowed = asked & view->fit, .flags = flags};
    }
    if (asked != 0) {
        return over_quota(view, open, closed, game.zones && asked != possible);
    }
    if (possible == 0) {
        return shortage(view, open, closed);
    }
    if (size_of(view->eligible) != 1 || game.reuse != LW_REUSE_SOLE) {
        return refusal(LW_EXCLUDED, LW_RETRY_NEVER, UINT64_MAX);
    }
    if ((possible & view->fit) == 0) {
        return (struct verdict){.reason = LW_OVER_QUOTA, .another = LW_OVER_QUOTA};
    }
    return (struct verdict){.allowed = possible & view->fit, .flags = flags | LW_TICKET_REUSED};
}

static inline bool is_borne_out(const struct verdict *verdict, int answer, const lw_ticket *ticket) {
    if (verdict->allowed == 0) {
        bool timed = ticket->retry == verdict->retry && ticket->retry_at == verdict->retry_at;
        return (answer == verdict->reason || answer == verdict->another) && (timed || !verdict->timed);
    }
    return answer == LW_OK && (verdict->allowed >> yard_index(&game.y, ticket->node) & 1) != 0 &&
           (ticket->flags & (LW_TICKET_PANIC | LW_TICKET_REUSED)) == verdict->flags;
}

/* That a quota is used up is noticed when somebody asks for more. Until then a request that is picky may be refused for
   that, or because it excludes such a node. */
static inline bool is_unnoticed(const struct view *view, int answer) {
    return view->picky && (view->all_reasons & LW_REASON_OVER_QUOTA) != 0 &&
           (answer == LW_OVER_QUOTA || answer == LW_EXCLUDED);
}

/* Between the thresholds a panic may go on or not have begun. */
static inline void check_answer(const struct view *view, int answer, const lw_ticket *ticket) {
    uint32_t well = size_of(view->active & ~view->ill), active = size_of(view->active);
    bool may = active > 0 && (well == 0 || well * 100 < (game.enter + 10) * active);
    bool must = active > 0 && (well == 0 || well * 100 < game.enter * active);
    struct verdict panic = foretell(view, true), none = foretell(view, false);
    if ((must ? panic : none).allowed == 0 && is_unnoticed(view, answer)) {
        return;
    }
    if (!(may && is_borne_out(&panic, answer, ticket)) && !(!must && is_borne_out(&none, answer, ticket))) {
        const struct verdict *expected = must ? &panic : &none;
        fail_msg("seed %llu, operation %llu: %s, node %d, flags %x, retry %u at now + %lld, where %s of %x (panic: "
                 "%d..%d), flags %x, retry %u at now + %lld was foretold",
                 (unsigned long long)game.seed, (unsigned long long)game.step, lw_error_name(answer),
                 answer == LW_OK ? (int)yard_index(&game.y, ticket->node) : -1, ticket->flags, ticket->retry,
                 (long long)(ticket->retry_at - game.o.now), lw_error_name(expected->reason), expected->allowed, must,
                 may, expected->flags, expected->retry, (long long)(expected->retry_at - game.o.now));
    }
}

#endif
