/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An adversary who knows how a quota is counted, and looks for the worst stretch of time.
 *
 * It takes shares of all there is at some chosen times, holds what it took and gives some of it back at others; the
 * search changes the moves and keeps what makes the worst stretch worse. What was taken with a hold is used at
 * whichever moment of the hold is worst, so it lies in every stretch that touches [at, at + hold]. A search must come
 * to the bound, which shows that it finds what is there, and not beyond.
 */
#ifndef LOADWISE_TESTS_ADVERSARY_H
#define LOADWISE_TESTS_ADVERSARY_H

#include <loadwise/quota.h>
#include <stdbool.h>
#include <stdint.h>

enum { ATTACK_MOVES = 24, ATTACK_CLIMBS = 1500, ATTACK_SEARCHES = 12 };

/* At this time, take `share` 256ths of what is there for `hold`, and give back `refund` 256ths of it before move
   number `until`. */
struct attack_move {
    uint64_t at, hold;
    uint32_t share, refund, until;
};

/* What was taken, from when to when it may be used, and how much of it has not been given back. */
struct attack_taken {
    uint64_t at, end, amount;
};

struct attack;

/* Who is attacked: empty at the beginning. Moves are known by their numbers. */
struct attack_target {
    void (*begin)(const struct attack *attack);
    uint64_t (*take)(const struct attack *attack, uint32_t number); /* how much it was */
    void (*give_back)(uint32_t number, uint64_t unused, uint64_t used, uint64_t now);
    void (*end)(void);
};

struct attack {
    const struct attack_target *target;
    uint32_t kind, resolution;
    uint64_t window, limit, burst;
    uint64_t epoch, grain, most_hold; /* times are whole grains after the epoch */
    struct attack_move moves[ATTACK_MOVES];
    struct attack_taken taken[ATTACK_MOVES];
};

static uint64_t attack_chance;

static inline uint64_t attack_draw(uint64_t below) {
    attack_chance = attack_chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (attack_chance >> 33) % below;
}

/* ---- how bad it gets ---- */

/* Most that can have been used in a stretch of one window, both ends included. Worst ones begin at the end of a hold.
 */
static inline uint64_t attack_worst_window(const struct attack *attack, uint32_t moves) {
    uint64_t worst = 0;
    for (uint32_t first = 0; first < moves; first++) {
        uint64_t sum = 0, begin = attack->taken[first].end;
        for (uint32_t i = 0; i < moves; i++) {
            const struct attack_taken *taken = &attack->taken[i];
            sum += taken->at <= begin + attack->window && taken->end >= begin ? taken->amount : 0;
        }
        worst = sum > worst ? sum : worst;
    }
    return worst;
}

/* Most in any stretch, beyond what the rate allows in it. */
static inline uint64_t attack_worst_excess(const struct attack *attack, uint32_t moves) {
    uint64_t worst = 0, interval = attack->window / attack->limit;
    for (uint32_t first = 0; first < moves; first++) {
        uint64_t sum = 0;
        for (uint32_t i = first; i < moves; i++) {
            uint64_t rate = (attack->taken[i].at - attack->taken[first].at) / interval;
            sum += attack->taken[i].amount;
            worst = sum > rate && sum - rate > worst ? sum - rate : worst;
        }
    }
    return worst;
}

static inline uint64_t attack_harm(const struct attack *attack, uint32_t moves) {
    return attack->kind == LW_QUOTA_GCRA ? attack_worst_excess(attack, moves) : attack_worst_window(attack, moves);
}

static inline void attack_give_back(struct attack *attack, uint32_t until, uint64_t now) {
    for (uint32_t i = 0; i < until; i++) {
        uint64_t unused = attack->taken[i].amount * attack->moves[i].refund / 256;
        if (attack->moves[i].until == until && attack->taken[i].amount > 0) {
            attack->taken[i].amount -= unused;
            attack->target->give_back(i, unused, attack->taken[i].amount, now);
        }
    }
}

static inline uint64_t attack_carry_out(struct attack *attack) {
    uint64_t worst = 0;
    attack->target->begin(attack);
    for (uint32_t i = 0; i < ATTACK_MOVES; i++) {
        const struct attack_move *move = &attack->moves[i];
        attack_give_back(attack, i, move->at);
        attack->taken[i] = (struct attack_taken){.at = move->at, .end = move->at + move->hold};
        attack->taken[i].amount = attack->target->take(attack, i);
        uint64_t harm = attack_harm(attack, i + 1);
        worst = harm > worst ? harm : worst;
    }
    attack->target->end();
    return worst;
}

/* ---- the search ---- */

/* Near the borders of buckets more often than not. */
static inline uint64_t attack_time(const struct attack *attack) {
    uint64_t window = attack->window, grain = attack->grain, border = attack_draw(4 * 20) * (window / 20);
    return attack->epoch + (attack_draw(3) == 0 ? attack_draw(4 * window) / grain * grain
                                                : border - (border > 0 ? attack_draw(2) * grain : 0));
}

static inline void attack_invent(struct attack *attack, uint32_t number) {
    struct attack_move *move = &attack->moves[number];
    uint64_t most = attack->most_hold, grain = attack->grain;
    move->at = attack_time(attack);
    move->hold = most == 0 || attack_draw(2) == 0 ? most : attack_draw(most / grain + 1) * grain;
    move->share = attack_draw(2) == 0 ? 256 : (uint32_t)attack_draw(257);
    move->refund = attack_draw(2) == 0 ? 256 : (uint32_t)attack_draw(257);
    move->until = number + (uint32_t)attack_draw(ATTACK_MOVES);
}

/* Only the times: what is done first stays first. */
static inline void attack_order(struct attack *attack) {
    struct attack_move *moves = attack->moves;
    for (uint32_t i = 1; i < ATTACK_MOVES; i++) {
        for (uint32_t k = i; k > 0 && moves[k - 1].at > moves[k].at; k--) {
            uint64_t at = moves[k].at;
            moves[k].at = moves[k - 1].at;
            moves[k - 1].at = at;
        }
    }
}

/* As bad as it gets from here, one to three changes at a time. */
static inline uint64_t attack_climb(struct attack *attack) {
    uint64_t worst = attack_carry_out(attack);
    for (uint32_t climb = 0; climb < ATTACK_CLIMBS; climb++) {
        struct attack other = *attack;
        for (uint64_t changes = 1 + attack_draw(3); changes > 0; changes--) {
            attack_invent(&other, (uint32_t)attack_draw(ATTACK_MOVES));
        }
        attack_order(&other);
        uint64_t harm = attack_carry_out(&other);
        if (harm >= worst) {
            worst = harm;
            *attack = other;
        }
    }
    return worst;
}

static inline uint64_t attack_search(struct attack *attack) {
    uint64_t most = 0;
    for (uint64_t seed = 1; seed <= ATTACK_SEARCHES; seed++) {
        attack_chance = seed;
        for (uint32_t i = 0; i < ATTACK_MOVES; i++) {
            attack_invent(attack, i);
        }
        attack_order(attack);
        uint64_t worst = attack_climb(attack);
        most = worst > most ? worst : most;
    }
    return most;
}

#endif
