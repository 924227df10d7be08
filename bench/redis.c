/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * bench-redis: what it costs to share quotas through a redis-server, which it starts itself on loopback and ends.
 *
 * Limits, taken in turn with ours on the same server: redis-benchmark, from as many connections, with the very EVALSHA
 * that the library sends (a look at MONITOR says which); for leases, the same picks with quotas of the process alone.
 * redis-benchmark makes one command, and asks with it again and again; we reserve, settle and keep books.
 */
#include "../tests/redis/rig/server.h"
#include "frame.h"
#include "table.h"

#include <getopt.h>
#include <loadwise/loadwise.h>
#include <loadwise/redis.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_THREADS = 8, MOST_ROUNDS = 100, MOST_STEPS = 1000, WORDS = 64, WORD = 64, NODE = 7 };
enum { OURS, LIMIT, RATIO, COLUMNS };

#define SECOND UINT64_C(1000000000)
#define TURN (SECOND / 5) /* of each contender in a round */

struct desk {
    lw_store *store;
    lw_ledger *ledger;
    lw_pool *shared, *alone; /* with leases, and without */
    uint32_t routes[2];
    char words[WORDS][WORD]; /* the EVALSHA of a reserve */
    int word_count;
};

static struct server bench_server;

/* ---- the desk ---- */

static lw_quota_dimension redis_dimensions[] = {
    {.size = sizeof *redis_dimensions,
     .name = "rpm",
     .kind = LW_QUOTA_SLIDING,
     .estimate = LW_QUOTA_FIXED,
     .fixed = 1,
     .window = 60 * SECOND},
    {.size = sizeof *redis_dimensions, .name = "tpm", .kind = LW_QUOTA_SLIDING, .window = 60 * SECOND}};
static const lw_quota_limit redis_limits[] = {{0, 0, LW_QUOTA_LIMIT_MAX, 0}, {1, 0, LW_QUOTA_LIMIT_MAX, 0}};

static void redis_check(int code, const char *what) { rig_need(code >= 0, what); }

static lw_pool *pool_open(uint32_t shared, uint32_t *route) {
    lw_pool_options options = LW_POOL_OPTIONS_INIT;
    lw_sync_options sync = LW_SYNC_OPTIONS_INIT;
    lw_node_spec spec = LW_NODE_SPEC_INIT;
    lw_pool *pool;
    sync.interval = SECOND / 50;
    spec.name = "one";
    spec.limits = redis_limits;
    spec.limit_count = 2;
    redis_dimensions[0].shared = redis_dimensions[1].shared = shared;
    options.sync = shared ? &sync : NULL;
    options.dimensions = redis_dimensions;
    options.dimension_count = 2;
    redis_check(lw_pool_new(&pool, NULL, &options), "a pool");
    redis_check(lw_pool_route(pool, "default", "random", NULL, route), "a route");
    redis_check(lw_pool_update(pool, &spec, 1, 0, NULL), "a node");
    return pool;
}

static void redis_open(struct desk *desk) {
    lw_redis_options options = LW_REDIS_OPTIONS_INIT;
    lw_ledger_options ledger = LW_LEDGER_OPTIONS_INIT;
    server_start(&bench_server, NULL);
    options.port = bench_server.port;
    ledger.dimensions = redis_dimensions;
    ledger.dimension_count = 2;
    redis_check(lw_store_redis_new(&desk->store, NULL, &options), "a store");
    redis_check(lw_ledger_new(&desk->ledger, NULL, desk->store, &ledger), "a ledger");
    redis_check(lw_ledger_limits(desk->ledger, NODE, redis_limits, 2), "limits");
    desk->alone = pool_open(0, &desk->routes[0]);
    desk->shared = pool_open(1, &desk->routes[1]);
}

static void redis_close(struct desk *desk) {
    lw_pool_free(desk->alone);
    lw_pool_free(desk->shared);
    lw_ledger_free(desk->ledger);
    lw_store_free(desk->store);
    server_stop(&bench_server);
}

/* ---- ours ---- */

struct worker {
    struct desk *desk;
    uint64_t (*work)(struct worker *worker); /* returns how much was done */
    uint64_t done, end;
    uint32_t number, steps;
    pthread_t thread;
};

static uint64_t work_reserve(struct worker *worker) {
    lw_amount tokens = {1, 10};
    lw_reservation reservation;
    if (lw_ledger_reserve(worker->desk->ledger, NODE, &tokens, 1, 0, &reservation, NULL) != LW_OK) {
        return 0;
    }
    lw_ledger_commit(worker->desk->ledger, &reservation, NULL, 0, 0);
    return 1;
}

static uint64_t work_picks(struct worker *worker, lw_pool *pool, uint32_t route) {
    enum { PICKS = 1000 };
    lw_amount tokens = {1, 10};
    lw_request request = LW_REQUEST_INIT;
    uint64_t granted = 0;
    (void)worker;
    request.amounts = &tokens;
    request.amount_count = 1;
    for (int i = 0; i < PICKS; i++) {
        lw_ticket ticket;
        if (lw_pick(pool, route, &request, &ticket) == LW_OK) {
            granted++;
            lw_done(pool, &ticket, NULL);
        }
    }
    return granted;
}

static uint64_t work_alone(struct worker *worker) {
    return work_picks(worker, worker->desk->alone, worker->desk->routes[0]);
}

/* The first one syncs when it is time, as the thread of a host would. */
static uint64_t work_leased(struct worker *worker) {
    static uint64_t next;
    if (worker->number == 0 && rig_now() >= next) {
        lw_sync_report report = LW_SYNC_REPORT_INIT;
        lw_pool_sync(worker->desk->shared, worker->desk->store, 0, &report);
        next = report.next;
    }
    return work_picks(worker, worker->desk->shared, worker->desk->routes[1]);
}

static uint64_t work_batch(struct worker *worker) {
    static lw_store_step steps[MOST_STEPS];
    static lw_posting postings[MOST_STEPS];
    static lw_charge charges[MOST_STEPS][2];
    for (uint32_t i = 0; i < worker->steps; i++) {
        for (int k = 0; k < 2; k++) {
            charges[i][k] = (lw_charge)LW_CHARGE_INIT;
            charges[i][k].name = redis_dimensions[k].name;
            charges[i][k].window = 60 * SECOND;
            charges[i][k].limit = LW_QUOTA_LIMIT_MAX;
            charges[i][k].amount = 1;
        }
        postings[i] = (lw_posting)LW_POSTING_INIT;
        postings[i].charges = charges[i];
        postings[i].count = 2;
        steps[i] = (lw_store_step){.op = LW_STORE_CHARGE, .key = "{bench}/quota", .posting = &postings[i]};
    }
    return lw_store_batch(worker->desk->store, steps, worker->steps, rig_now() + 5 * SECOND) == LW_OK ? worker->steps
                                                                                                      : 0;
}

static void *worker_run(void *argument) {
    struct worker *worker = argument;
    while (rig_now() < worker->end) {
        worker->done += worker->work(worker);
    }
    return NULL;
}

/* How much is done in a second. */
static double redis_rate(struct desk *desk, uint64_t (*work)(struct worker *), uint32_t threads, uint32_t steps) {
    struct worker workers[MOST_THREADS];
    uint64_t began = rig_now(), done = 0;
    for (uint32_t i = 0; i < threads; i++) {
        workers[i] = (struct worker){.desk = desk, .work = work, .end = began + TURN, .number = i, .steps = steps};
        rig_need(pthread_create(&workers[i].thread, NULL, worker_run, &workers[i]) == 0, "a thread");
    }
    for (uint32_t i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        done += workers[i].done;
    }
    return (double)done * 1e9 / (double)(rig_now() - began);
}

/* ---- limits ---- */

/* The words of "... "EVALSHA" "..." ..." as MONITOR writes them; none of ours needs an escape. */
static int words_read(char words[WORDS][WORD], char *line) {
    int count = 0;
    char *rest = NULL, *from = strcasestr(line, "\"EVALSHA\"");
    for (char *word = from != NULL ? strtok_r(from, "\"", &rest) : NULL; word != NULL && count < WORDS;
         word = strtok_r(NULL, "\"", &rest)) {
        if (strcmp(word, " ") != 0) {
            snprintf(words[count++], WORD, "%s", word);
        }
    }
    return count;
}

/* Lets one reserve be seen, and keeps what it sent. The script is there then. */
static void redis_look(struct desk *desk) {
    struct worker worker = {.desk = desk};
    work_reserve(&worker);
    redisContext *monitor = redisConnect("127.0.0.1", (int)bench_server.port);
    redisReply *reply = redisCommand(monitor, "MONITOR");
    freeReplyObject(reply);
    rig_need(work_reserve(&worker) == 1, "a reserve");
    while (desk->word_count == 0) {
        rig_need(redisGetReply(monitor, (void **)&reply) == REDIS_OK, "MONITOR");
        desk->word_count = words_read(desk->words, reply->str);
        freeReplyObject(reply);
    }
    redisFree(monitor);
}

/* Starts it with its output on the returned stream. */
static FILE *benchmark_start(struct desk *desk, const char *connections, const char *requests, const char *pipeline,
                             pid_t *process) {
    const char *program = getenv("REDIS_BENCHMARK");
    const char *words[WORDS + 16] = {"redis-benchmark", "-p", NULL,     "-c",   connections, "-n",
                                     requests,          "-P", pipeline, "--csv"};
    char port[16];
    int count = 10, ends[2];
    snprintf(port, sizeof port, "%u", bench_server.port);
    words[2] = port;
    for (int i = 0; i < desk->word_count; i++) {
        words[count++] = desk->words[i];
    }
    words[count] = NULL;
    rig_need(pipe(ends) == 0, "a pipe");
    *process = fork();
    if (*process == 0) {
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        close(ends[0]);
        execvp(program != NULL ? program : "redis-benchmark", (char *const *)words);
        _exit(127);
    }
    close(ends[1]);
    return fdopen(ends[0], "r");
}

/* Commands a second; below 0 without redis-benchmark. */
static double redis_limit(struct desk *desk, uint32_t connections, uint32_t pipeline, double about) {
    char texts[3][16], line[1024];
    double rate = -1;
    pid_t process;
    long requests = (long)(about * TURN / SECOND) / pipeline + 1;
    snprintf(texts[0], sizeof *texts, "%u", connections);
    snprintf(texts[1], sizeof *texts, "%ld", requests * pipeline);
    snprintf(texts[2], sizeof *texts, "%u", pipeline);
    FILE *stream = benchmark_start(desk, texts[0], texts[1], texts[2], &process);
    rig_need(stream != NULL, "a stream");
    while (fgets(line, sizeof line, stream) != NULL) {
        char *number = strcasestr(line, "\"EVALSHA") == line ? strstr(line, "\",\"") : NULL;
        rate = number != NULL ? strtod(number + 3, NULL) : rate;
    }
    fclose(stream);
    waitpid(process, NULL, 0);
    return rate;
}

/* ---- rows ---- */

struct redis_row {
    const char *label;
    uint64_t (*work)(struct worker *);
    uint64_t (*limit)(struct worker *); /* NULL: redis-benchmark */
    uint32_t threads, steps;
    double rounds[COLUMNS][MOST_ROUNDS];
};

static struct redis_row redis_rows[] = {
    {.label = "reserve, 1 thread", .work = work_reserve, .threads = 1, .steps = 1},
    {.label = "reserve, 2 threads", .work = work_reserve, .threads = 2, .steps = 1},
    {.label = "reserve, 8 threads", .work = work_reserve, .threads = 8, .steps = 1},
    {.label = "batch of 1", .work = work_batch, .threads = 1, .steps = 1},
    {.label = "batch of 10", .work = work_batch, .threads = 1, .steps = 10},
    {.label = "batch of 100", .work = work_batch, .threads = 1, .steps = 100},
    {.label = "batch of 1000", .work = work_batch, .threads = 1, .steps = 1000},
    {.label = "leased picks, 1 thread", .work = work_leased, .limit = work_alone, .threads = 1},
    {.label = "leased picks, 2 threads", .work = work_leased, .limit = work_alone, .threads = 2},
};

enum { REDIS_ROWS = sizeof redis_rows / sizeof *redis_rows };

static void row_round(struct desk *desk, struct redis_row *row, uint32_t round) {
    double ours = redis_rate(desk, row->work, row->threads, row->steps);
    double limit = row->limit != NULL ? redis_rate(desk, row->limit, row->threads, 0)
                                      : redis_limit(desk, row->threads, row->steps, ours);
    row->rounds[OURS][round] = ours / 1000;
    row->rounds[LIMIT][round] = limit < 0 ? -1 : limit / 1000;
    row->rounds[RATIO][round] = limit < 0 ? -1 : ours / limit;
}

static void redis_measure(struct desk *desk, uint32_t rounds, bool csv) {
    static const struct table_column columns[COLUMNS] = {{"loadwise", 10, 1}, {"limit", 10, 1}, {"ratio", 7, 2}};
    const struct table table = {"Thousands a second: reserves, steps of batches, picks", "what", columns, COLUMNS, csv};
    for (uint32_t round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < REDIS_ROWS; i++) {
            row_round(desk, &redis_rows[i], round);
        }
    }
    table_head(&table);
    for (uint32_t i = 0; i < REDIS_ROWS; i++) {
        double values[COLUMNS];
        for (int c = 0; c < COLUMNS; c++) {
            values[c] = frame_median(redis_rows[i].rounds[c], rounds);
        }
        table_row(&table, redis_rows[i].label, values, "");
    }
}

/* ---- bytes ---- */

/* Bytes of an account of so many dimensions, of which as many buckets are in use as the window has. */
static double account_bytes(struct desk *desk, uint32_t kind, uint32_t dimensions, uint32_t resolution) {
    static const char *const names[] = {"rpm", "tpm", "rpd", "tpd"};
    lw_charge charges[4];
    lw_posting posting = LW_POSTING_INIT;
    lw_store_step step = {.op = LW_STORE_CHARGE, .key = "{bytes}/quota", .posting = &posting};
    server_tell(&bench_server, "DEL lw:a:{bytes}/quota");
    posting.charges = charges;
    posting.count = dimensions;
    for (uint32_t bucket = 0; bucket <= resolution; bucket++) {
        posting.now = UINT64_C(1700000000) * SECOND + bucket * 60 * SECOND / (resolution > 0 ? resolution : 1);
        for (uint32_t i = 0; i < dimensions; i++) {
            charges[i] = (lw_charge)LW_CHARGE_INIT;
            charges[i].name = names[i];
            charges[i].kind = kind;
            charges[i].resolution = resolution;
            charges[i].window = 60 * SECOND;
            charges[i].limit = charges[i].burst = 10000000;
            charges[i].amount = 1000;
        }
        redis_check(lw_store_batch(desk->store, &step, 1, 0), "an account");
        redis_check((int)step.answer, "an account");
    }
    return (double)server_count(&bench_server, "MEMORY USAGE lw:a:{bytes}/quota");
}

static void redis_weigh(struct desk *desk, bool csv) {
    static const struct table_column columns[] = {{"bytes", 10, 0}};
    static const struct {
        const char *label;
        uint32_t kind, dimensions, resolution;
    } rows[] = {{"1 gcra", LW_QUOTA_GCRA, 1, 0},        {"4 gcra", LW_QUOTA_GCRA, 4, 0},
                {"1 sliding, 20 buckets", 0, 1, 20},    {"2 sliding, 20 buckets", 0, 2, 20},
                {"4 sliding, 20 buckets", 0, 4, 20},    {"1 sliding, 60 buckets", 0, 1, 60},
                {"1 sliding, 1000 buckets", 0, 1, 1000}};
    const struct table table = {"Memory of an account in use, by MEMORY USAGE", "dimensions", columns, 1, csv};
    table_head(&table);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double bytes = account_bytes(desk, rows[i].kind, rows[i].dimensions, rows[i].resolution);
        table_row(&table, rows[i].label, &bytes, "");
    }
}

/* ---- the program ---- */

static const char redis_help[] = "Usage: bench-redis [--rounds N] [--csv]\n"
                                 "Measures quotas shared through a redis-server of its own, beside redis-benchmark.\n"
                                 "\n"
                                 "  --rounds N  rounds over the table (default 5)\n"
                                 "  --csv       comma-separated values\n"
                                 "\n"
                                 "REDIS_SERVER and REDIS_BENCHMARK name the programs, if they are not on the path.\n";

int main(int argc, char **argv) {
    static const struct option known[] = {
        {"rounds", required_argument, NULL, 'r'}, {"csv", no_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
    static struct desk desk;
    long rounds = 5;
    bool csv = false;
    for (int letter; (letter = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        csv = csv || letter == 'c';
        rounds = letter == 'r' ? strtol(optarg, NULL, 10) : rounds;
        if (letter == '?' || rounds < 1 || rounds > MOST_ROUNDS) {
            fputs(redis_help, stderr);
            return 2;
        }
    }
    redis_open(&desk);
    redis_look(&desk);
    redis_measure(&desk, (uint32_t)rounds, csv);
    redis_weigh(&desk, csv);
    redis_close(&desk);
    return 0;
}
