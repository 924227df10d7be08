/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * ketama: the circle of another program, point for point, so that both choose the same server for a key. The key of the
 * request is that program's own hash of the key (key.h), 32 bits, and its place as it stands.
 *
 *   libmemcached            100 points a node: point i at the first word of MD5("host:port-i"); as soon as a weight is
 *                           above 1, the next
 *   libmemcached_weighted   about 160 points for the mean weight: MD5 number i gives four. A node of share s among n
 *                           has 4 floor(40 s n) of them, computed in float as there
 *   nginx                   160 points for each unit of weight: point i is crc32(host 0 port p), p the four bytes of
 *                           point i - 1, least significant first, 0 for the first one
 *
 * libmemcached leaves the port 11211 out, and so "-i" follows the host. Of points at one place the node that stands
 * first in the list has the first, with nginx the only one. An owner that may not be chosen passes its keys on to the
 * next different node clockwise, as both programs do; after all of them come nodes without points, as in distance.h.
 *
 * Source: Jones, libketama 2007; libmemcached 1.1.4 and nginx 1.22 as tests/peers finds them.
 * Cost per pick: that of ring. Build: one MD5 for one or four points, or one CRC-32 of 4 bytes for one; then the sort.
 * In a version after another one of the set only for nodes that are new or have other points.
 */
#include "base/crc32.h"
#include "base/md5.h"
#include "strategy/keyed.h"
#include "strategy/points.h"
#include "strategy/server_name.h"
#include "strategy/table.h"
#include "strategy/weighted.h"

#include <loadwise/id.h>
#include <stdio.h>
#include <string.h>

enum { PLAIN, WEIGHTED, NGINX }; /* in the order of the choices */
enum { PLAIN_POINTS = 100, DIGEST_POINTS = 4, NGINX_POINTS = 160 };

struct ketama_config {
    uint64_t flavour;
    uint64_t max_points;
    uint64_t absent_key;
};

static void md5_origin(const char *name, struct lw__md5 *md5) {
    struct lw__server_name server = lw__server_name_for_libmemcached(name);
    char port[16] = "-";
    if (server.port != LW__MEMCACHED_PORT) {
        snprintf(port, sizeof port, ":%u-", (unsigned)server.port);
    }
    lw__md5_start(md5);
    lw__md5_add(md5, server.host, server.host_size);
    lw__md5_add(md5, port, strlen(port));
}

static void md5_numbered(const struct lw__md5 *origin, uint64_t number, uint32_t digest[4]) {
    struct lw__md5 md5 = *origin;
    char text[24];
    lw__md5_add(&md5, text, (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)number));
    lw__md5_end(&md5, digest);
}

static void place_md5(const lw_build *build, const struct lw__points *points, uint32_t node, uint64_t *to) {
    uint32_t per_digest = points->kind == PLAIN ? 1 : DIGEST_POINTS;
    struct lw__md5 origin;
    md5_origin(lw_build_name(build, node), &origin);
    for (uint64_t number = 0; number < points->own[node] / per_digest; number++) {
        uint32_t digest[DIGEST_POINTS];
        md5_numbered(&origin, number, digest);
        for (uint32_t i = 0; i < per_digest; i++) {
            *to++ = (uint64_t)digest[i] << 32 | node;
        }
    }
}

/* In float, step by step as there: rounding decides between 39 and 40 where the exact result is 40. */
static uint64_t weighted_points(uint32_t weight, uint64_t sum, uint32_t sharers) {
    float digests = (float)weight / (float)sum * 160.0F / 4.0F * (float)sharers + 0.0000000001F;
    return (uint64_t)digests * DIGEST_POINTS;
}

static uint32_t crc_origin(const char *name) {
    struct lw__server_name server = lw__server_name_for_nginx(name);
    uint32_t crc = lw__crc32_add(LW__CRC32_START, server.host, server.host_size);
    crc = lw__crc32_add(crc, "", 1);
    return lw__crc32_add(crc, server.port_text, server.port_size);
}

static void place_crc(const lw_build *build, const struct lw__points *points, uint32_t node, uint64_t *to) {
    uint32_t origin = crc_origin(lw_build_name(build, node)), place = 0;
    for (uint32_t i = 0; i < points->own[node]; i++) {
        const uint8_t before[4] = {(uint8_t)place, (uint8_t)(place >> 8), (uint8_t)(place >> 16),
                                   (uint8_t)(place >> 24)};
        place = ~lw__crc32_add(origin, before, sizeof before);
        to[i] = (uint64_t)place << 32 | node;
    }
}

struct ketama_sharing {
    uint32_t flavour;
    uint64_t sum;     /* of the weights */
    uint32_t sharers; /* nodes of any weight */
};

static struct ketama_sharing sharing_of(const lw_build *build) {
    const struct ketama_config *config = build->config;
    struct ketama_sharing sharing = {(uint32_t)config->flavour, 0, 0};
    for (uint32_t i = 0; i < build->count; i++) {
        uint32_t weight = build->weights[i];
        sharing.sum += weight;
        sharing.sharers += weight > 0;
        if (sharing.flavour == PLAIN && weight > 1) {
            sharing.flavour = WEIGHTED;
        }
    }
    return sharing;
}

static uint64_t points_of(const struct ketama_sharing *sharing, uint32_t weight) {
    switch (sharing->flavour) {
    case PLAIN: return weight * (uint64_t)PLAIN_POINTS;
    case WEIGHTED: return weight == 0 ? 0 : weighted_points(weight, sharing->sum, sharing->sharers);
    default: return weight * (uint64_t)NGINX_POINTS;
    }
}

/* How many points there will be; names the node that has no name or breaks the bound. */
static int count_points(const lw_build *build, const struct ketama_sharing *sharing, uint64_t *count) {
    const struct ketama_config *config = build->config;
    *count = 0;
    for (uint32_t i = 0; i < build->count; i++) {
        if (lw_build_name(build, i) == NULL) {
            return lw_build_fail(build, LW_NO_COLUMN, i, "it has no name, and ketama makes its points from names");
        }
        *count += points_of(sharing, build->weights[i]);
        if (*count > config->max_points) {
            return lw_build_fail(build, LW_TOO_LARGE, i,
                                 "weight=%u brings the points to %llu; max_points=%llu is allowed", build->weights[i],
                                 (unsigned long long)*count, (unsigned long long)config->max_points);
        }
    }
    return LW_OK;
}

static void tell_stems(const lw_build *build, const struct ketama_sharing *sharing, struct lw__points *points) {
    for (uint32_t i = 0; i < build->count; i++) {
        const char *name = lw_build_name(build, i);
        points->stem[i] = lw_id(name, strlen(name));
        points->own[i] = (uint32_t)points_of(sharing, build->weights[i]);
    }
}

/* Do both names mean the same points, as "a" and "a:11211" do with libmemcached? */
static bool are_one_server(const char *one, const char *other, uint64_t flavour) {
    if (flavour == NGINX) {
        return crc_origin(one) == crc_origin(other);
    }
    struct lw__md5 md5[2];
    uint32_t digest[2][4];
    md5_origin(one, &md5[0]);
    md5_origin(other, &md5[1]);
    lw__md5_end(&md5[0], digest[0]);
    lw__md5_end(&md5[1], digest[1]);
    return memcmp(digest[0], digest[1], sizeof digest[0]) == 0;
}

/* Names that mean one server share all their places, so it is enough to look where places are shared. */
static int refuse_twins(const lw_build *build, const struct lw__points *points, uint64_t flavour) {
    for (uint32_t i = 1; i < points->count; i++) {
        uint32_t node = (uint32_t)points->at[i], before = (uint32_t)points->at[i - 1];
        if (points->at[i] >> 32 == points->at[i - 1] >> 32 && node != before &&
            are_one_server(lw_build_name(build, node), lw_build_name(build, before), flavour)) {
            return lw_build_fail(build, LW_DUPLICATE, node, "means the same server as %s",
                                 lw_build_name(build, before));
        }
    }
    return LW_OK;
}

static int ketama_build(const lw_build *build, void **out) {
    struct ketama_sharing sharing = sharing_of(build);
    uint64_t count;
    int error = count_points(build, &sharing, &count);
    if (error != LW_OK || count == 0) {
        return error;
    }
    struct lw__points *points = lw__points_new(build, count, sharing.flavour);
    if (points == NULL) {
        return LW_NOMEM;
    }
    tell_stems(build, &sharing, points);
    error = lw__points_gather(build, points, sharing.flavour == NGINX ? place_crc : place_md5, NULL);
    error = error == LW_OK ? refuse_twins(build, points, sharing.flavour) : error;
    if (error != LW_OK) {
        lw_build_release(build, points);
        return error;
    }
    if (sharing.flavour == NGINX) {
        lw__points_drop_ties(points);
    }
    lw__points_seal(points);
    *out = points;
    return LW_OK;
}

static ptrdiff_t ketama_pick(const lw_view *view) {
    const struct ketama_config *config = lw_view_config(view);
    const struct lw__points *points = lw_view_plan(view);
    uint64_t key = 0;
    int error = points == NULL ? LW_NO_WEIGHT : lw__key_of(view, config->absent_key, &key);
    ptrdiff_t index = error == LW_OK ? lw__points_walk(view, points, lw__points_from(points, (uint32_t)key)) : error;
    return __builtin_expect(index == LW_NO_WEIGHT, 0) ? lw__nearest(view, (uint32_t)key) : index;
}

static ptrdiff_t ketama_sequence(const lw_view *view, uint64_t key, uint32_t *out, uint32_t room) {
    const struct lw__points *points = lw_view_plan(view);
    ptrdiff_t found = points == NULL
                          ? lw__weightless(view)
                          : lw__points_sequence(view, points, lw__points_from(points, (uint32_t)key), out, room);
    return lw__then_nearest(view, (uint32_t)key, out, found, room);
}

static const lw_param ketama_params[] = {
    {"flavour", LW_PARAM_CHOICE, offsetof(struct ketama_config, flavour), "libmemcached", NULL, NULL,
     "libmemcached|libmemcached_weighted|nginx", "whose points: nodes are then named and keys hashed as there"},
    LW__MAX_POINTS_PARAM(struct ketama_config),
    LW__ABSENT_KEY_PARAM(struct ketama_config),
};

const lw_strategy_ops lw__ketama = {
    .size = sizeof lw__ketama,
    .name = "ketama",
    .help = "The same server for a key as libmemcached or nginx choose. For fleets where they place keys as well.",
    .params = ketama_params,
    .param_count = sizeof ketama_params / sizeof *ketama_params,
    .config_size = sizeof(struct ketama_config),
    .needs = LW_HAS(id) | LW_HAS(name) | LW_NEEDS_PLAN | LW_NEEDS_KEY,
    .plan_build = ketama_build,
    .pick = ketama_pick,
    .sequence = ketama_sequence,
};
