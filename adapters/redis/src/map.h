/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Which server has which slot. A store on one server has a map too: that server has all.
 *
 * A cluster tells the map (CLUSTER SLOTS), corrects it slot by slot (MOVED), and any of its servers will do to ask. It
 * is read when it is first needed, when a server is not reached or lets a call wait in vain, and when a slot has no
 * server; by one call at a time, and not more often than once in `backoff`.
 */
#ifndef LW_REDIS_MAP_H
#define LW_REDIS_MAP_H

#include "exchange.h"
#include "slots.h"

enum { LW__REDIS_SERVERS = 1024, LW__REDIS_SEED_ADDRESSES = LW__REDIS_SEEDS * 2 };

struct lw__redis_map {
    struct lw__redis_common *common;
    pthread_mutex_t lock;
    pthread_cond_t read;
    struct lw__redis_server *server[LW__REDIS_SERVERS]; /* gaps are NULL */
    uint16_t owner[LW__REDIS_SLOTS];                    /* 1 + index of its server, 0: none */
    struct lw__redis_address seed[LW__REDIS_SEED_ADDRESSES];
    uint32_t seeds;
    uint64_t version;  /* how often it was read */
    uint64_t again_at; /* when it may be read again */
    int error;         /* of reading it, the last time */
    bool reading;      /* by a call */
    bool stale;        /* some call had reason to doubt it */
};

/* LW_OK, LW_UNAVAILABLE (a name that cannot be resolved), LW_NOMEM. */
int lw__redis_map_init(struct lw__redis_map *map, struct lw__redis_common *common);
void lw__redis_map_end(struct lw__redis_map *map);
void lw__redis_map_after_fork(struct lw__redis_map *map);

/* Resolves the names of the options again. LW_OK, LW_UNAVAILABLE, LW_RANGE: then nothing has changed. */
int lw__redis_map_resolve(struct lw__redis_map *map);

/* The server of a slot, held; NULL when none is known. *version: of the map that says so. */
struct lw__redis_server *lw__redis_map_server(struct lw__redis_map *map, uint32_t slot, uint64_t *version);

/* The master number `index` in the order of slots, held; NULL when there are not so many. */
struct lw__redis_server *lw__redis_map_master(struct lw__redis_map *map, uint32_t index);

/* The server of that name, held, made if it is new; host "": the one of `teller`. NULL: out of memory, or a name that
   is no number and not known. */
struct lw__redis_server *lw__redis_map_find(struct lw__redis_map *map, const char *host, uint32_t port,
                                            const struct lw__redis_server *teller);

/* From now on this server has that slot. */
void lw__redis_map_correct(struct lw__redis_map *map, uint32_t slot, struct lw__redis_server *server);

/* The same server, held once more; NULL for NULL. */
struct lw__redis_server *lw__redis_map_hold(struct lw__redis_map *map, struct lw__redis_server *server);
void lw__redis_map_let_go(struct lw__redis_map *map, struct lw__redis_server *server);

/* Reads the map, unless it has been read since `version`. LW_OK: there is a newer one. LW_UNAVAILABLE: none could be
   had, or it is too early to ask again. LW_UNSUPPORTED: not a cluster; LW_DENIED, LW_NOMEM. */
int lw__redis_map_read(struct lw__redis_map *map, uint64_t version, uint64_t deadline);

/* Somebody has reason to doubt it: it is read when the next call begins. */
void lw__redis_map_doubt(struct lw__redis_map *map);

/* Reads the map if it was doubted. */
void lw__redis_map_refresh(struct lw__redis_map *map, uint64_t deadline);

#endif
