/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The eligibility law: how picks spread over the nodes that may be chosen does not depend on those that may not.
 *
 * Each strategy picks twice: from a set that holds the eligible nodes alone, and from one in which they stand among
 * others that are lighter or heavier, idler or busier, and away. The two samples must be alike. For most that place by
 * key the law is sharper: key by key, the choice is the same.
 */
#include "laws.h"
#include "specs.h"

enum { ELIGIBLE_MOST = 48, ELIGIBLE_PICKS = 30000 };

/* The same nodes twice: alone, and among the absent; `at` says where each of them stands there. */
struct company {
    law_set *alone, *among;
    uint32_t at[ELIGIBLE_MOST];
    uint32_t count;
};

/* What the absent ones are like. */
struct temper {
    uint32_t weight;
    double load, remaining;
    uint32_t inflight;
};

static void copy_node(law_set *to, uint32_t index, const law_set *from, uint32_t which) {
    to->id[index] = from->id[which];
    to->weight[index] = from->weight[which];
    to->load[index] = from->load[which];
    to->remaining[index] = from->remaining[which];
    to->inflight[index] = from->inflight[which];
    to->name[index] = from->name[which];
}

static void absent_node(law_set *among, uint32_t index, const struct temper *temper, uint32_t heaviest) {
    among->id[index] = 50000 + index;
    among->weight[index] = temper->weight < heaviest ? temper->weight : heaviest;
    among->load[index] = temper->load;
    among->remaining[index] = temper->remaining;
    among->inflight[index] = temper->inflight;
    snprintf(among->text[index], LAW_NAME, "absent-%u", (unsigned)index);
}

/* Few eligible nodes among many absent ones, as likely at the head as at the tail. */
static struct company mix_company(uint32_t count, uint32_t absent, const struct temper *temper, uint32_t heaviest,
                                  uint64_t *chance) {
    struct company company = {law_set_new(count), law_set_new(count + absent), {0}, 0};
    for (uint32_t i = 0; i < count; i++) {
        company.alone->weight[i] = 1 + law_below(chance, 5);
        company.alone->load[i] = law_below(chance, 4);
        company.alone->remaining[i] = 0.02 * law_below(chance, 6);
        company.alone->inflight[i] = law_below(chance, 3);
    }
    law_set_none(company.among);
    for (uint32_t i = 0; i < count + absent; i++) {
        uint32_t left = count + absent - i;
        if (law_below(chance, left) < count - company.count) {
            copy_node(company.among, i, company.alone, company.count);
            lw_bitmap_set(company.among->words, i);
            company.at[company.count++] = i;
        } else {
            absent_node(company.among, i, temper, heaviest);
        }
    }
    return company;
}

static void free_company(struct company *company) {
    free(company->alone);
    free(company->among);
}

static void tally_among(const struct company *company, lw_strategy *strategy, uint64_t *counts) {
    uint64_t by_place[LAW_MOST] = {0};
    law_tally(strategy, &company->among->nodes, NULL, ELIGIBLE_PICKS, by_place);
    for (uint32_t i = 0; i < company->count; i++) {
        counts[i] = by_place[company->at[i]];
    }
}

static void assert_alike(const char *spec, const struct company *company, uint64_t seed) {
    uint64_t alone[ELIGIBLE_MOST] = {0}, among[ELIGIBLE_MOST] = {0};
    lw_strategy *strategy = law_strategy(spec, seed);
    law_tally(strategy, &company->alone->nodes, NULL, ELIGIBLE_PICKS, alone);
    tally_among(company, strategy, among);
    if (!law_alike(alone, among, company->count)) {
        fail_msg("%s: %u nodes among %u", spec, (unsigned)company->count, (unsigned)company->among->nodes.count);
    }
    lw_strategy_free(strategy);
}

static const struct temper tempers[] = {
    {1, 1, 0.05, 1},                  /* like the others */
    {0, NAN, NAN, 0},                 /* never chosen, unknown */
    {1000000, -1, 0.9, 0},            /* what everyone would want */
    {1, 100, 0, 200},                 /* what nobody would want */
    {3, -INFINITY, 1e300, UINT32_MAX} /* absurd */
};

/* A circle with a million points a node would be refused, and rightly, and so a long cycle of edf; stride measures by
 * the mean of all. */
static uint32_t heaviest_for(const char *spec) {
    static const char *const modest[] = {"ring", "ketama", "multi_probe", "stride", "edf"};
    for (size_t i = 0; i < LAW_COUNT(modest); i++) {
        if (strstr(spec, modest[i]) != NULL) {
            return 30;
        }
    }
    return UINT32_MAX;
}

static void assert_blind_to_the_absent(const char *spec) {
    uint64_t chance = 51;
    for (uint64_t round = 0; round < 15; round++) {
        static const uint32_t absents[] = {1, 20, 600};
        uint32_t count = 2 + law_below(&chance, 8);
        struct company company =
            mix_company(count, absents[round / 5], &tempers[round % 5], heaviest_for(spec), &chance);
        assert_alike(spec, &company, 1 + round);
        law_set_blocks(company.among);
        assert_alike(spec, &company, 100 + round);
        free_company(&company);
    }
}

static void every_strategy_is_blind_to_the_absent(void **state) {
    (void)state;
    static const char *const specs[] = {
        SPECS_THAT_TURN,
        SPECS_THAT_CHOOSE,
        SPECS_THAT_PLACE,
        "p2c choices=3",
        "ketama flavour=nginx",
        "maglev table=1000003",
        "chain(ring absent_key=next, p2c)",
        "bounded(ring)",
    };
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        assert_blind_to_the_absent(specs[s]);
    }
}

static void assert_keeps_every_choice(const char *spec) {
    uint64_t chance = 52;
    for (uint64_t round = 0; round < 10; round++) {
        struct company company =
            mix_company(2 + law_below(&chance, 30), 40, &tempers[round % 5], heaviest_for(spec), &chance);
        lw_strategy *strategy = law_strategy(spec, 1);
        for (int i = 0; i < 5000; i++) {
            lw_request request = law_keyed(law_random(&chance));
            uint32_t alone = law_pick(strategy, &company.alone->nodes, &request);
            assert_int_equal(law_pick(strategy, &company.among->nodes, &request), company.at[alone]);
        }
        lw_strategy_free(strategy);
        free_company(&company);
    }
}

static void keys_find_the_same_node(void **state) {
    (void)state;
    static const char *const specs[] = {"ring", "rendezvous", "ketama flavour=nginx", "multi_probe"};
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        assert_keeps_every_choice(specs[s]);
    }
}

/* An exclusion is as good as an absence. */
static void an_excluded_node_is_an_absent_one(void **state) {
    (void)state;
    static const char *const specs[] = {
        SPECS_THAT_CHOOSE, SPECS_THAT_PLACE, "ketama flavour=nginx", "maglev table=1000003", "bounded(ring)",
    };
    uint64_t chance = 53;
    for (size_t s = 0; s < LAW_COUNT(specs); s++) {
        struct company company = mix_company(6, 3, &tempers[2], heaviest_for(specs[s]), &chance);
        uint64_t alone[6] = {0}, among[16] = {0}, kept[6], excluded[3];
        size_t away = 0;
        for (uint32_t i = 0; i < 9; i++) {
            if (!lw_bitmap_get(company.among->words, i)) {
                excluded[away++] = i;
            }
        }
        lw_request retry = law_excluding(excluded, away);
        company.among->nodes.eligible = NULL;
        lw_strategy *strategy = law_strategy(specs[s], 1);
        law_tally(strategy, &company.alone->nodes, NULL, ELIGIBLE_PICKS, alone);
        law_tally(strategy, &company.among->nodes, &retry, ELIGIBLE_PICKS, among);
        for (uint32_t i = 0; i < 6; i++) {
            kept[i] = among[company.at[i]];
        }
        if (!law_alike(alone, kept, 6)) {
            fail_msg("%s", specs[s]);
        }
        lw_strategy_free(strategy);
        free_company(&company);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_strategy_is_blind_to_the_absent),
        cmocka_unit_test(keys_find_the_same_node),
        cmocka_unit_test(an_excluded_node_is_an_absent_one),
    };
    return cmocka_run_group_tests_name("eligibility", tests, NULL, NULL);
}
