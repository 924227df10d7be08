/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A pool beside the oracle: a hundred thousand random operations a seed, and after each of them the two agree about
 * every node and every count. A node that was picked is one that the oracle would allow, and a refusal comes only where
 * it allows none, for the reason and until the time that it says.
 */
#include "pool_game.h"

enum { OPERATIONS = 100000, SEEDS = 8 };

/* ---- updates ---- */

static void spec_of(const struct life *life, lw_node_spec *spec) {
    *spec = (lw_node_spec)LW_NODE_SPEC_INIT;
    spec->name = game.y.name[life->name];
    spec->weight = life->weight;
    spec->max_inflight = life->cap;
    spec->tags = life->color == 0 ? "color=red" : "color=blue";
    spec->zone = life->local ? "here" : NULL;
    spec->limits = limits[life->limits];
    spec->limit_count = limit_count[life->limits];
    spec->user = &game.y.name[life->name];
}

static void wish(struct life *life) {
    life->weight = 1 + draw(4);
    life->cap = draw(3) == 0 ? 0 : 1 + draw(5);
    life->color = draw(COLORS);
    life->local = draw(2) == 0;
    life->limits = draw(LIMITS);
}

/* Puts a spec into force; 1 when it is another one than before. */
static uint32_t accept_spec(struct life *life, const struct life *wished) {
    bool quota = life->limits != wished->limits, fresh = life->limits == UINT32_MAX;
    uint32_t changed = quota || life->weight != wished->weight || life->cap != wished->cap ||
                       life->color != wished->color || life->local != wished->local;
    life->weight = wished->weight;
    life->cap = wished->cap;
    life->color = wished->color;
    life->local = wished->local;
    life->limits = wished->limits;
    if (quota) {
        agree("limits",
              (uint64_t)lw_quota_register(game.o.quota, life_number(&game.o, life), limits[life->limits],
                                          limit_count[life->limits], !fresh),
              LW_OK);
    }
    return changed;
}

/* Joins or stays, with the wished spec. */
static void admit_name(uint32_t name, const struct life *wished, lw_update_report *expected) {
    struct life *life = game.o.of[name];
    if (life != NULL) {
        uint32_t changed = accept_spec(life, wished);
        expected->changed += changed;
        expected->kept += !changed;
        return;
    }
    life = life_resting(&game.o, name);
    expected->added++;
    expected->resumed += life != NULL;
    life = life != NULL ? life : life_begin(&game.o, name);
    accept_spec(life, wished);
    life->member = true;
    game.o.of[name] = life;
}

/* Which names there shall be: most often one more or one less, or the same. */
static uint32_t wished_names(void) {
    uint32_t names = 0;
    for (uint32_t i = 0; i < ORACLE_NAMES; i++) {
        names |= (uint32_t)(game.o.of[i] != NULL) << i;
    }
    switch (draw(16)) {
    case 0: return draw(1 << ORACLE_NAMES);
    case 1: return draw(4) == 0 ? 0 : names;
    case 2:
    case 3:
    case 4:
    case 5:
    case 6: return names ^ 1U << draw(ORACLE_NAMES);
    default: return names;
    }
}

static void expect_report(const lw_update_report *found, const lw_update_report *expected) {
    agree("added", found->added, expected->added);
    agree("resumed", found->resumed, expected->resumed);
    agree("removed", found->removed, expected->removed);
    agree("changed", found->changed, expected->changed);
    agree("kept", found->kept, expected->kept);
}

static void update(void) {
    uint32_t names = wished_names(), count = 0, change = draw(ORACLE_NAMES);
    lw_node_spec specs[ORACLE_NAMES];
    lw_update_report expected = LW_UPDATE_REPORT_INIT, found = LW_UPDATE_REPORT_INIT;
    for (uint32_t i = 0; i < ORACLE_NAMES; i++) {
        struct life *life = game.o.of[i], wished = {0};
        if ((names >> i & 1) == 0) {
            if (life != NULL) {
                life_end(&game.o, life, game.grace);
                expected.removed++;
            }
            continue;
        }
        if (life != NULL) {
            wished = *life;
        }
        wished.name = i;
        if (life == NULL || (i == change && draw(2) == 0)) {
            wish(&wished);
        }
        admit_name(i, &wished, &expected);
        spec_of(&wished, &specs[count++]);
    }
    agree("update", (uint64_t)lw_pool_update(game.y.pool, specs, count, LW_UPDATE_ALLOW_EMPTY, &found), LW_OK);
    expect_report(&found, &expected);
    game.updates += expected.added + expected.removed + expected.changed > 0;
}

/* ---- operations ---- */

struct asked {
    lw_request request;
    uint64_t exclude[4];
    lw_amount amounts[2];
};

static const lw_request *make_request(struct asked *asked) {
    asked->request = law_keyed(law_random(&game.chance));
    asked->request.exclude = asked->exclude;
    asked->request.amounts = asked->amounts;
    asked->request.exclude_count = draw(3) == 0 ? draw(5) : 0;
    for (size_t i = 0; i < asked->request.exclude_count; i++) {
        asked->exclude[i] = yard_id(&game.y, draw(ORACLE_NAMES + 2)); /* also of nodes that are not there */
    }
    if (draw(4) == 0) {
        asked->amounts[0] = (lw_amount){SLOTS, 1 + draw(4)};
        asked->amounts[1] = (lw_amount){TOKENS, 1 + draw(12)};
        asked->request.amount_count = 1 + draw(2);
    }
    asked->request.cost = draw(4) == 0 ? draw(9) : 0;
    return &asked->request;
}

static void charge(const lw_ticket *ticket, const lw_request *request) {
    struct held *held = &game.held[game.held_count++];
    struct life *life = game.o.of[yard_index(&game.y, ticket->node)];
    uint64_t cost = request != NULL ? request->cost : 0;
    *held = (struct held){.ticket = *ticket, .life = life, .cost = cost > 0 ? cost : 1, .started = game.o.now};
    if ((ticket->flags & LW_TICKET_PANIC) == 0) {
        held->permit = admit(life, game.o.now);
    }
    agree("the flag of a probe", (ticket->flags & LW_TICKET_PROBE) != 0, held->permit.probe);
    agree("a reservation",
          (uint64_t)lw_quota_reserve_at(
              game.o.quota, life_number(&game.o, life), request != NULL ? request->amounts : NULL,
              request != NULL ? request->amount_count : 0, game.o.now, &held->reservation, NULL),
          LW_OK);
    life->inflight++;
    life->started++;
    life->cost += held->cost;
    agree("the user pointer", (uintptr_t)ticket->user, (uintptr_t)&game.y.name[life->name]);
}

static void pick(void) {
    struct asked asked;
    lw_ticket ticket;
    uint32_t route = draw(ROUTES);
    const lw_request *request = draw(2) ? make_request(&asked) : NULL;
    if (game.held_count == HELD_MOST) {
        return;
    }
    struct view view =
        look(route, request != NULL && (request->amount_count | request->exclude_count) ? request : NULL);
    int answer = lw_pick_at(game.y.pool, game.route[route], request, game.o.now, &ticket);
    agree("the reason in the ticket", (uint64_t)ticket.reason, (uint64_t)answer);
    check_answer(&view, answer, &ticket);
    game.picks += answer == LW_OK;
    game.refusals += answer != LW_OK;
    if (answer == LW_OK) {
        charge(&ticket, request);
    }
}

/* A dry run tells the same, and the comparison after it shows that it changed nothing. Of a quota that is used up it
   may be the first to learn, and then it names that, whatever else there is. */
static void explain(void) {
    lw_explanation why = LW_EXPLANATION_INIT;
    uint32_t route = draw(ROUTES);
    struct view view = look(route, NULL);
    int answer = lw_explain(game.y.pool, game.route[route], NULL, game.o.now, NULL, &why);
    lw_ticket told = {.node = why.node, .flags = why.flags, .retry = why.retry, .retry_at = why.retry_at};
    if (answer != LW_OVER_QUOTA || (view.all_reasons & LW_REASON_OVER_QUOTA) == 0) {
        check_answer(&view, answer, &told);
    }
    agree("explained members", why.route, size_of(view.members));
}

/* Forgets one that is held, and remembers its ticket to end it again. */
static void drop_held(struct held *held) {
    game.ended[game.ends++ % ENDED] = held->ticket;
    held->life->inflight--;
    held->life->cost -= held->cost;
    *held = game.held[--game.held_count];
}

static void undo(struct held *held) {
    report(held->life, &held->permit, LW_OUTCOME_CANCELLED, game.o.now);
    agree("undoing a reservation", (uint64_t)lw_quota_cancel_at(game.o.quota, &held->reservation, game.o.now), LW_OK);
    drop_held(held);
}

static void learn(const struct held *held, const lw_sample *sample) {
    struct life *life = held->life;
    lw_sample seen = *sample;
    uint64_t started = held->started, span = sample->retry_after;
    report(life, &held->permit, sample->outcome, game.o.now);
    if (sample->outcome == LW_OUTCOME_RATE_LIMITED || (sample->outcome == LW_OUTCOME_OVERLOAD && span > 0)) {
        life->cooling_until = later_of(life->cooling_until, game.o.now + (span > 0 ? span : SECOND));
    }
    seen.latency = seen.latency == 0 && game.o.now > started ? game.o.now - started : seen.latency;
    assert_true(lw_latency_observe_at(game.o.latency, life_number(&game.o, life), &seen, game.o.now) >= 0);
}

static void done(struct held *held) {
    lw_amount actual = {TOKENS, draw(20)};
    lw_sample sample = LW_SAMPLE_INIT;
    bool silent = draw(8) == 0;
    if (!silent) {
        sample.outcome = draw(2) ? LW_OUTCOME_OK : draw(LW_OUTCOME_CANCELLED + 1);
        sample.latency = draw(4) ? 1 + draw(500) * MS : 0;
        sample.retry_after = draw(2) ? draw(5000) * MS : 0;
        sample.amounts = &actual;
        sample.amount_count = draw(2);
    }
    sample.now = game.o.now;
    learn(held, &sample);
    agree(
        "settling a reservation",
        (uint64_t)lw_quota_commit_at(game.o.quota, &held->reservation, sample.amounts, sample.amount_count, game.o.now),
        LW_OK);

    agree("done", (uint64_t)lw_done(game.y.pool, &held->ticket, silent ? NULL : &sample), LW_OK);
    drop_held(held);
}

static void end_one(void) {
    if (game.held_count == 0) {
        return;
    }
    struct held *held = &game.held[draw(game.held_count)];
    /* Whether an old probe is void depends on who was tried meanwhile and could not be charged; so none is judged. */
    bool stale = held->permit.probe && game.o.now - held->started >= PROBE_TIMEOUT;
    if (stale || draw(8) == 0) {
        agree("cancel", (uint64_t)lw_cancel_at(game.y.pool, &held->ticket, game.o.now), LW_OK);
        undo(held);
    } else {
        done(held);
    }
}

/* Tickets that have ended, that were never given, that belong to nobody. */
static void end_badly(void) {
    lw_ticket ticket = {0};
    lw_sample sample = LW_SAMPLE_INIT;
    sample.now = game.o.now;
    agree("the end of nothing", (uint64_t)lw_done(game.y.pool, &ticket, &sample), (uint64_t)LW_INVALID);
    if (game.ends > 0) {
        ticket = game.ended[draw((uint32_t)(game.ends < ENDED ? game.ends : ENDED))];
        int answer = draw(2) ? lw_done(game.y.pool, &ticket, &sample) : lw_cancel_at(game.y.pool, &ticket, game.o.now);
        agree("a second end", (uint64_t)answer, (uint64_t)LW_ALREADY);
        ticket.generation += 2 * (1 + (uint64_t)draw(1000)) << 20; /* of a future that will not come */
        agree("a forged ticket", (uint64_t)lw_cancel_at(game.y.pool, &ticket, game.o.now), (uint64_t)LW_ALREADY);
        ticket.slot = UINT32_MAX;
        agree("a ticket without a slot", (uint64_t)lw_done(game.y.pool, &ticket, &sample), (uint64_t)LW_INVALID);
        game.already += 2;
    }
}

static void administer(void) {
    uint32_t name = draw(ORACLE_NAMES), state = draw(2) ? LW_ADMIN_ACTIVE : draw(3);
    uint64_t deadline = draw(2) ? game.o.now + draw(4000) * MS : 0;
    struct life *life = game.o.of[name];
    int answer = lw_pool_admin(game.y.pool, yard_id(&game.y, name), state, deadline);
    agree("admin", (uint64_t)answer, (uint64_t)(life != NULL ? LW_OK : LW_UNKNOWN));
    if (life != NULL) {
        life->admin = state;
        life->deadline = deadline;
    }
}

static void cool(void) {
    uint32_t name = draw(ORACLE_NAMES);
    uint64_t until = game.o.now + draw(3000) * MS;
    struct life *life = game.o.of[name];
    int answer = lw_pool_cool(game.y.pool, yard_id(&game.y, name), until, game.o.now);
    agree("cool", (uint64_t)answer, (uint64_t)(life != NULL ? LW_OK : LW_UNKNOWN));
    if (life != NULL) {
        life->cooling_until = later_of(life->cooling_until, until);
    }
}

static void judge_from_outside(void) {
    uint32_t name = draw(ORACLE_NAMES), verdict = draw(3);
    struct life *life = game.o.of[name];
    int answer = lw_pool_verdict(game.y.pool, yard_id(&game.y, name), verdict, game.o.now);
    agree("verdict", (uint64_t)answer, (uint64_t)(life != NULL ? LW_OK : LW_UNKNOWN));
    if (life != NULL) {
        pronounce(life, verdict);
    }
}

/* The earliest time at which somebody comes back for whom not just these reasons stand. */
static uint64_t next_return(uint32_t beside) {
    uint64_t next = UINT64_MAX;
    for (uint32_t i = 0; i < ORACLE_NAMES; i++) {
        const struct life *life = game.o.of[i];
        if (life != NULL && (reasons_of(&game.o, life) & ~beside) != 0) {
            next = sooner_of(next, due_of(&game.o, life, 0));
        }
    }
    return next;
}

/* A little, or far, or to the moment at which something happens, or just before it. */
static void move_time(void) {
    uint64_t next = next_return(0);
    switch (draw(8)) {
    case 0: set_time(game.o.now + draw(6000) * MS); break;
    case 1: set_time(next != UINT64_MAX ? next - 1 : game.o.now); break;
    case 2: set_time(next != UINT64_MAX ? next : game.o.now); break;
    default: set_time(game.o.now + draw(20) * MS); break;
    }
}

/* That a quota is used up is noticed when somebody asks for more, so it is not what a tick waits for. */
static void tick(void) {
    uint64_t next, lost = UINT64_MAX, due = next_return(LW_REASON_OVER_QUOTA);
    agree("tick", (uint64_t)lw_pool_tick(game.y.pool, game.o.now, &next), LW_OK);
    for (uint32_t i = 0; game.ttl != 0 && i < game.held_count;) {
        uint64_t end = game.held[i].started + game.ttl;
        if (end <= game.o.now) {
            game.lost++;
            undo(&game.held[i]);
        } else {
            lost = end < lost ? end : lost;
            i++;
        }
    }
    agree("that the tick looks ahead", next > game.o.now, 1);
    agree("that the tick is in time", next <= due && next <= lost, 1);
}

/* ---- the comparison ---- */

static void compare_node(uint32_t name) {
    const struct life *life = game.o.of[name];
    lw_node_info info = {.size = sizeof info};
    int answer = lw_pool_node(game.y.pool, yard_id(&game.y, name), game.o.now, &info);
    agree("node", (uint64_t)answer, (uint64_t)(life != NULL ? LW_OK : LW_UNKNOWN));
    if (life == NULL) {
        return;
    }
    uint64_t number = life_number(&game.o, life);
    agree("weight", info.weight, life->weight);
    agree("cap", info.max_inflight, life->cap);
    bool over = (reasons_of(&game.o, life) & LW_REASON_DISABLED) != 0; /* draining past its deadline is disabled */
    agree("admin", info.admin, over ? (uint32_t)LW_ADMIN_DISABLED : life->admin);
    agree("status", info.status, shown_status(life));
    agree("reasons", info.reasons, reasons_of(&game.o, life));
    agree("inflight", info.inflight, life->inflight);
    agree("cost", info.cost, life->cost);
    agree("started", info.started, life->started);
    agree("retry_at", info.retry_at, due_of(&game.o, life, 0));
    agree("mean", later_of(info.mean, 1), lw_latency_estimate_at(game.o.latency, number, LW_LATENCY_MEAN, game.o.now));
    agree("peak", later_of(info.peak, 1), lw_latency_estimate_at(game.o.latency, number, LW_LATENCY_PEAK, game.o.now));
    agree("remaining", info.remaining == lw_quota_ratio_at(game.o.quota, number, game.o.now), 1);
}

static void compare_stats(void) {
    lw_pool_stats stats = yard_stats(&game.y);
    uint64_t nodes = 0, eligible = 0, resting = 0, leaving = 0, oldest = game.o.now;
    for (uint32_t i = 0; i < ORACLE_LIVES; i++) {
        const struct life *life = &game.o.life[i];
        nodes += life->member;
        eligible += life->member && reasons_of(&game.o, life) == 0;
        resting += rests(&game.o, life);
        leaving += !life->member && life->inflight > 0;
    }
    for (uint32_t i = 0; i < game.held_count; i++) {
        uint64_t started = game.held[i].started;
        oldest = started < oldest ? started : oldest;
    }
    agree("nodes", stats.nodes, nodes);
    agree("eligible nodes", stats.eligible, eligible);
    agree("resting nodes", stats.resting, resting);
    agree("leaving nodes", stats.leaving, leaving);
    agree("tickets", stats.tickets, game.held_count);
    agree("the oldest ticket", stats.oldest, game.o.now - oldest);
    agree("picks", stats.picks, game.picks);
    agree("refusals", stats.refusals, game.refusals);
    agree("ended", stats.ended, game.picks - game.held_count);
    agree("already", stats.already, game.already);
    agree("lost", stats.lost, game.lost);
    agree("updates", stats.updates, game.updates);
}

static void do_something(void) {
    uint32_t what = draw(100);
    if (what < 36) {
        pick();
    } else if (what < 68) {
        end_one();
    } else {
        void (*const others[])(void) = {end_badly, administer, cool,      judge_from_outside,
                                        move_time, move_time,  move_time, tick,
                                        explain,   update,     update};
        others[draw(LAW_COUNT(others))]();
    }
    if (draw(500) == 0) {
        set_route(draw(ROUTES));
    }
}

static void test_pool_and_oracle(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        open_game(seed);
        for (game.step = 0; game.step < OPERATIONS; game.step++) {
            do_something();
            for (uint32_t i = 0; i < ORACLE_NAMES; i++) {
                compare_node(i);
            }
            compare_stats();
        }
        agree("that there were refusals", game.refusals > OPERATIONS / 1000, 1);
        close_game();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pool_and_oracle)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
