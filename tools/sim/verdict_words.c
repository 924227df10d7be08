/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A function a sentence. Each is left out where the figures do not carry it: a reason is given only when the winner is
   ahead in it by a factor worth telling. */
#include "figures.h"
#include "verdict.h"

#include <math.h>

#define WORTH 1.25      /* a factor below it is not worth a sentence */
#define NEARLY_ALL 99.0 /* percent lost: there is no winner */
#define MUCH 1.0        /* percent lost: said before any latency */
#define MANY_IDLE 0.1   /* of all nodes, more than others leave without work */

struct telling {
    const struct sim_contest *contest;
    struct sim_verdict verdict;
    FILE *out;
};

/* ---- words ---- */

static void tell_time(FILE *out, double ms) {
    static const struct {
        double below, unit;
        const char *name;
    } units[] = {{0.9995, 0.001, "us"}, {999.5, 1, "ms"}, {599500, 1000, "s"}, {HUGE_VAL, 60000, "minutes"}};
    size_t i = 0;
    while (ms >= units[i].below) {
        i++;
    }
    double value = ms / units[i].unit;
    fprintf(out, "%.*f %s", value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2, value, units[i].name);
}

static void tell_percent(FILE *out, double percent) {
    if (percent <= 0) {
        fputs("none", out);
    } else {
        fprintf(out, percent >= 9.95 ? "%.0f %%" : "%.2g %%", percent);
    }
}

static void tell_factor(FILE *out, double factor) {
    fprintf(out, factor >= 9.95 ? "%.0f times" : "%.1f times", factor);
}

static const char *name_of(const struct telling *telling, size_t entry) {
    return telling->contest->entries[entry].strategy;
}

static double value_of(const struct telling *telling, size_t entry, enum sim_figure figure) {
    return telling->contest->entries[entry].figures[figure].mean;
}

static bool is_known(const struct telling *telling, size_t entry, enum sim_figure figure) {
    return telling->contest->entries[entry].figures[figure].known;
}

static double lost_of(const struct telling *telling, size_t entry) {
    return value_of(telling, entry, SIM_FIGURE_failed) + value_of(telling, entry, SIM_FIGURE_refused);
}

static size_t count(const struct telling *telling, const bool *which) {
    size_t sum = 0;
    for (size_t i = 0; i < telling->contest->entry_count; i++) {
        sum += which[i];
    }
    return sum;
}

static bool is_level(const struct telling *telling) {
    return count(telling, telling->verdict.good) == telling->contest->entry_count;
}

/* Who has most of a figure, or least, of those that have it; the winner where nobody does. */
static size_t extreme(const struct telling *telling, enum sim_figure figure, int sign) {
    size_t found = SIZE_MAX;
    for (size_t i = 0; i < telling->contest->entry_count; i++) {
        bool further =
            found == SIZE_MAX || (value_of(telling, i, figure) - value_of(telling, found, figure)) * sign > 0;
        found = is_known(telling, i, figure) && further ? i : found;
    }
    return found != SIZE_MAX ? found : telling->verdict.winner;
}

/* Is this more by a factor worth telling, and by more than chance explains? */
static bool is_notable(const struct telling *telling, size_t more, size_t less, enum sim_figure figure) {
    struct sim_estimate gap = sim_contest_difference(telling->contest, more, less, SIM_FIGURE_BIT(figure));
    return is_known(telling, more, figure) && is_known(telling, less, figure) &&
           value_of(telling, more, figure) >= WORTH * value_of(telling, less, figure) && gap.mean > gap.half;
}

/* ---- whom to take ---- */

/* What is lost has no latency. */
static void tell_latencies(const struct telling *telling, const char *before) {
    size_t winner = telling->verdict.winner;
    if (!is_known(telling, winner, SIM_FIGURE_p99)) {
        return;
    }
    fprintf(telling->out, "%s%s within ", before,
            lost_of(telling, winner) > 0 ? "of those answered, 99 of 100 were" : "99 of 100 requests are answered");
    tell_time(telling->out, value_of(telling, winner, SIM_FIGURE_p99));
    fputs(", the mean is ", telling->out);
    tell_time(telling->out, value_of(telling, winner, SIM_FIGURE_mean));
}

static void tell_winner(const struct telling *telling) {
    size_t winner = telling->verdict.winner;
    double lost = lost_of(telling, winner);
    if (is_level(telling)) {
        fputs("Users notice no difference between these strategies: ", telling->out);
    } else {
        fprintf(telling->out, "Take `%s` for this: ", name_of(telling, winner));
    }
    if (lost > MUCH || !is_known(telling, winner, SIM_FIGURE_p99)) {
        tell_percent(telling->out, lost);
        fputs(" of the requests are lost", telling->out);
        tell_latencies(telling, "; ");
        fputs(".\n", telling->out);
    } else {
        tell_latencies(telling, "");
        fputs(", and ", telling->out);
        tell_percent(telling->out, lost);
        fputs(lost > 0 ? " of the requests are lost.\n" : " is lost.\n", telling->out);
    }
}

static void tell_names(const struct telling *telling, const bool *which, const char *end) {
    size_t left = count(telling, which);
    for (size_t i = 0; i < telling->contest->entry_count; i++) {
        if (which[i]) {
            left--;
            fprintf(telling->out, " `%s`%s", name_of(telling, i), left > 1 ? "," : left == 1 ? " and" : end);
        }
    }
}

static void tell_equals(const struct telling *telling) {
    struct sim_verdict others = telling->verdict;
    others.good[others.winner] = false;
    if (count(telling, others.good) > 0) {
        fputs("As good, as far as users notice and these runs can tell:", telling->out);
        tell_names(telling, others.good, ".\n");
    }
}

/* Their latencies say as much of the duration as of the strategy. */
static void tell_behind(const struct telling *telling) {
    bool behind[SIM_ENTRIES_MOST] = {false};
    for (size_t i = 0; i < telling->contest->entry_count; i++) {
        behind[i] = sim_figure_is_behind(telling->contest, i);
    }
    size_t number = count(telling, behind);
    if (number == 0) {
        return;
    }
    fputs("The nodes cannot keep up", telling->out);
    if (number < telling->contest->entry_count) {
        fputs(" with", telling->out);
        tell_names(telling, behind, "");
    }
    fputs(": more and more requests wait, so latencies grow with the duration of the run.\n", telling->out);
}

/* ---- how the others fare ---- */

static void tell_lost(const struct telling *telling) {
    size_t worst = 0;
    for (size_t i = 1; i < telling->contest->entry_count; i++) {
        worst = lost_of(telling, i) > lost_of(telling, worst) ? i : worst;
    }
    if (!telling->verdict.good[worst] && lost_of(telling, worst) > lost_of(telling, telling->verdict.winner) + 0.05) {
        fprintf(telling->out, "`%s` loses most: ", name_of(telling, worst));
        tell_percent(telling->out, lost_of(telling, worst));
        fputs(" of its requests fail or are refused.\n", telling->out);
    }
}

static void tell_slowest(const struct telling *telling) {
    size_t worst = extreme(telling, SIM_FIGURE_p99, 1), winner = telling->verdict.winner;
    if (is_notable(telling, worst, winner, SIM_FIGURE_p99)) {
        fprintf(telling->out, "With `%s`, 99 of 100 %s only within ", name_of(telling, worst),
                lost_of(telling, worst) > 0 ? "of those answered were" : "are answered");
        tell_time(telling->out, value_of(telling, worst, SIM_FIGURE_p99));
        fputs(", ", telling->out);
        tell_factor(telling->out, value_of(telling, worst, SIM_FIGURE_p99) / value_of(telling, winner, SIM_FIGURE_p99));
        fputs(" as long.\n", telling->out);
    }
}

/* The winner is not the best in everything. */
static void tell_rarest(const struct telling *telling) {
    size_t best = extreme(telling, SIM_FIGURE_p999, -1), winner = telling->verdict.winner;
    if (is_notable(telling, winner, best, SIM_FIGURE_p999) &&
        lost_of(telling, best) <= lost_of(telling, winner) + 0.05) {
        fprintf(telling->out, "If the slowest of a thousand matters more: `%s` answers 999 of 1000%s within ",
                name_of(telling, best), lost_of(telling, best) > 0 ? " of those answered" : "");
        tell_time(telling->out, value_of(telling, best, SIM_FIGURE_p999));
        fprintf(telling->out, ", `%s` within ", name_of(telling, winner));
        tell_time(telling->out, value_of(telling, winner, SIM_FIGURE_p999));
        fputs(".\n", telling->out);
    }
}

/* ---- why ---- */

/* The longest event that makes some nodes worse than the others while they stay in the list; NULL: there is none. */
static const struct sim_event *trouble_of(const struct sim_scenario *scenario) {
    const struct sim_event *found = NULL;
    for (size_t i = 0; i < scenario->event_count; i++) {
        const struct sim_event *event = &scenario->events[i];
        bool counts = event->action <= SIM_LIMIT && event->every == 0 && event->count < scenario->node_count;
        found = counts && (found == NULL || event->length > found->length) ? event : found;
    }
    return found;
}

static void tell_trouble_of(const struct telling *telling, const struct sim_event *event) {
    static const char *const was[] = {[SIM_SLOW] = "slow",
                                      [SIM_FAIL] = "down",
                                      [SIM_ERRORS] = "failing",
                                      [SIM_FREEZE] = "frozen",
                                      [SIM_LIMIT] = "told clients to come later"};
    const struct sim_node *nodes = telling->contest->scenario->nodes;
    fprintf(telling->out, "While `%s`", nodes[event->first].name);
    if (event->count > 1) {
        fprintf(telling->out, " to `%s`", nodes[event->first + event->count - 1].name);
    }
    const char *verb = event->action == SIM_LIMIT ? "" : event->count > 1 ? "were " : "was ";
    fprintf(telling->out, " %s%s, ", verb, was[event->action]);
}

static void tell_trouble(const struct telling *telling) {
    const struct sim_event *event = trouble_of(telling->contest->scenario);
    size_t worst = 0, winner = telling->verdict.winner;
    if (event == NULL) {
        return;
    }
    for (size_t i = 1; i < telling->contest->entry_count; i++) {
        worst =
            sim_figure_sent_during(telling->contest, i, event) > sim_figure_sent_during(telling->contest, worst, event)
                ? i
                : worst;
    }
    double own = sim_figure_sent_during(telling->contest, winner, event);
    double other = sim_figure_sent_during(telling->contest, worst, event);
    if (own < 0 || other < WORTH * own || other < 0.1) {
        return;
    }
    tell_trouble_of(telling, event);
    fprintf(telling->out, "`%s` sent %s ", name_of(telling, winner), event->count > 1 ? "them" : "it");
    tell_percent(telling->out, own);
    fprintf(telling->out, " of its requests, `%s` ", name_of(telling, worst));
    tell_percent(telling->out, other);
    fputs("; an even share is ", telling->out);
    tell_percent(telling->out, 100.0 * event->count / telling->contest->scenario->node_count);
    fputs(".\n", telling->out);
}

static void tell_busiest(const struct telling *telling) {
    size_t worst = extreme(telling, SIM_FIGURE_max_mean, 1), winner = telling->verdict.winner;
    if (is_notable(telling, worst, winner, SIM_FIGURE_max_mean)) {
        fprintf(telling->out, "Its busiest node carried %.2f times the mean load; with `%s`, %.2f times.\n",
                value_of(telling, winner, SIM_FIGURE_max_mean), name_of(telling, worst),
                value_of(telling, worst, SIM_FIGURE_max_mean));
    }
}

static void tell_waiting(const struct telling *telling) {
    size_t worst = extreme(telling, SIM_FIGURE_waited, 1), winner = telling->verdict.winner;
    if (is_notable(telling, worst, winner, SIM_FIGURE_waited) && value_of(telling, worst, SIM_FIGURE_waited) >= 1) {
        fprintf(telling->out, "At their nodes, ");
        tell_percent(telling->out, value_of(telling, winner, SIM_FIGURE_waited));
        fprintf(telling->out, " of its requests had to wait; with `%s`, ", name_of(telling, worst));
        tell_percent(telling->out, value_of(telling, worst, SIM_FIGURE_waited));
        fputs(".\n", telling->out);
    }
}

static void tell_hits_of(const struct telling *telling, size_t entry, const char *between) {
    fprintf(telling->out, "%s with `%s` ", between, name_of(telling, entry));
    tell_percent(telling->out, value_of(telling, entry, SIM_FIGURE_hits));
}

static void tell_hits(const struct telling *telling) {
    size_t best = extreme(telling, SIM_FIGURE_hits, 1), worst = extreme(telling, SIM_FIGURE_hits, -1);
    size_t winner = telling->verdict.winner;
    struct sim_estimate gap = sim_contest_difference(telling->contest, best, worst, SIM_FIGURE_BIT(SIM_FIGURE_hits));
    if (!telling->contest->entries[best].figures[SIM_FIGURE_hits].known || gap.mean <= fmax(1, gap.half)) {
        return;
    }
    fputs("Requests that found their key in a cache:", telling->out);
    tell_hits_of(telling, winner, "");
    if (value_of(telling, best, SIM_FIGURE_hits) > value_of(telling, winner, SIM_FIGURE_hits) + 1) {
        tell_hits_of(telling, best, ",");
    }
    if (worst != winner) {
        tell_hits_of(telling, worst, ",");
    }
    fputs(".\n", telling->out);
}

static void tell_limited(const struct telling *telling) {
    size_t worst = extreme(telling, SIM_FIGURE_limited, 1), winner = telling->verdict.winner;
    if (is_notable(telling, worst, winner, SIM_FIGURE_limited) && value_of(telling, worst, SIM_FIGURE_limited) >= 0.1) {
        fprintf(telling->out, "Nodes answered 429 to ");
        tell_percent(telling->out, value_of(telling, worst, SIM_FIGURE_limited));
        fprintf(telling->out, " of the tries of `%s`, to ", name_of(telling, worst));
        tell_percent(telling->out, value_of(telling, winner, SIM_FIGURE_limited));
        fprintf(telling->out, " of `%s`.\n", name_of(telling, winner));
    }
}

static void tell_idle(const struct telling *telling) {
    const struct sim_scenario *scenario = telling->contest->scenario;
    size_t best = extreme(telling, SIM_FIGURE_idle, 1), least = extreme(telling, SIM_FIGURE_idle, -1);
    struct sim_estimate gap = sim_contest_difference(telling->contest, best, least, SIM_FIGURE_BIT(SIM_FIGURE_idle));
    bool is_aim = scenario->event_count == 0 && telling->verdict.good[best] && lost_of(telling, best) <= MUCH;
    if (is_aim && gap.mean > gap.half && gap.mean >= fmax(1, MANY_IDLE * scenario->node_count)) {
        fprintf(telling->out, "If nodes may be taken away when they are idle: `%s` leaves %.1f of %u without work.\n",
                name_of(telling, best), value_of(telling, best, SIM_FIGURE_idle), scenario->node_count);
    }
}

/* Where nothing was asked, or next to nothing answered, that is all there is to say, and it is said here. */
static bool has_answers(const struct telling *telling) {
    double lost = lost_of(telling, telling->verdict.winner);
    if (!is_known(telling, telling->verdict.winner, SIM_FIGURE_failed)) {
        fputs("Nothing was measured: no request came within the measured time.\n", telling->out);
        return false;
    }
    if (lost >= NEARLY_ALL) {
        fprintf(telling->out, "No strategy gets %s answered here.\n",
                lost >= 100 ? "a request" : "even one of 100 requests");
        return false;
    }
    return true;
}

void sim_verdict_write(const struct sim_contest *contest, FILE *out) {
    struct telling telling = {contest, sim_verdict_of(contest), out};
    if (contest->entry_count < 2) {
        fprintf(out, "Only `%s` was played; two or more can be compared.\n", contest->entries[0].strategy);
        tell_behind(&telling);
        return;
    }
    if (!has_answers(&telling)) {
        return;
    }
    tell_winner(&telling);
    if (is_level(&telling)) {
        tell_behind(&telling);
    } else {
        tell_equals(&telling);
        tell_behind(&telling);
        tell_lost(&telling);
        tell_slowest(&telling);
        tell_rarest(&telling);
        tell_trouble(&telling);
        tell_busiest(&telling);
        tell_waiting(&telling);
        tell_hits(&telling);
        tell_limited(&telling);
    }
    tell_idle(&telling);
    if (contest->seeds == 1) {
        fputs("One run cannot tell differences from chance; more seeds can.\n", out);
    }
}
