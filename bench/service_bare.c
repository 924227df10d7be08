/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libcurl's multi interface on libuv as one writes it by hand: a poll handle per socket, one timer, handles that are
 * used again with all but the URL set once, servers in turn. It looks at the status of each answer and counts its
 * bytes, no more.
 */
#include "service.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

struct bare {
    uv_loop_t *loop;
    uv_timer_t timer;
    CURLM *multi;
    CURL **easy;
    uint32_t easy_count, turn;
    uint32_t to_send, under_way, good;
    uint64_t bytes;
    char urls[SERVICE_PORTS][SERVICE_BASE];
};

struct bare_socket {
    uv_poll_t poll;
    struct bare *bare;
    curl_socket_t socket;
};

static void bare_add(struct bare *bare, CURL *easy) {
    curl_easy_setopt(easy, CURLOPT_URL, bare->urls[bare->turn++ % SERVICE_PORTS]);
    curl_multi_add_handle(bare->multi, easy);
    bare->to_send--;
    bare->under_way++;
}

static void bare_read(struct bare *bare) {
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(bare->multi, &left)) != NULL;) {
        CURL *easy = message->easy_handle;
        long status = 0;
        bool well = message->data.result == CURLE_OK;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        curl_multi_remove_handle(bare->multi, easy);
        bare->under_way--;
        bare->good += well && status == 200;
        if (bare->to_send > 0) {
            bare_add(bare, easy);
        }
    }
}

static void bare_act(struct bare *bare, curl_socket_t socket, int events) {
    int running;
    curl_multi_socket_action(bare->multi, socket, events, &running);
    bare_read(bare);
}

static void bare_ready(uv_poll_t *poll, int status, int events) {
    const struct bare_socket *watch = poll->data;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    flags |= (events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0;
    flags |= (events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0;
    bare_act(watch->bare, watch->socket, flags);
}

static void bare_closed(uv_handle_t *handle) { free(handle->data); }

static int bare_watch(CURL *easy, curl_socket_t socket, int what, void *user, void *known) {
    struct bare *bare = user;
    struct bare_socket *watch = known;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        curl_multi_assign(bare->multi, socket, NULL);
        uv_close((uv_handle_t *)&watch->poll, bare_closed);
        return 0;
    }
    if (watch == NULL) {
        watch = calloc(1, sizeof *watch);
        uv_poll_init_socket(bare->loop, &watch->poll, socket);
        watch->poll.data = watch;
        watch->bare = bare;
        watch->socket = socket;
        curl_multi_assign(bare->multi, socket, watch);
    }
    int events = (what != CURL_POLL_OUT ? UV_READABLE : 0) | (what != CURL_POLL_IN ? UV_WRITABLE : 0);
    return uv_poll_start(&watch->poll, events, bare_ready);
}

static void bare_timer_fired(uv_timer_t *timer) { bare_act(timer->data, CURL_SOCKET_TIMEOUT, 0); }

static int bare_timer(CURLM *multi, long wait, void *user) {
    struct bare *bare = user;
    (void)multi;
    if (wait < 0) {
        uv_timer_stop(&bare->timer);
    } else {
        uv_timer_start(&bare->timer, bare_timer_fired, (uint64_t)wait, 0);
    }
    return 0;
}

static size_t bare_bytes(char *bytes, size_t size, size_t count, void *user) {
    (void)bytes;
    ((struct bare *)user)->bytes += size * count;
    return size * count;
}

static CURL *bare_easy(struct bare *bare) {
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "bench");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, bare_bytes);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, bare);
    return easy;
}

static int bare_open(struct contender *contender, uv_loop_t *loop, char (*bases)[SERVICE_BASE]) {
    struct bare *bare = calloc(1, sizeof *bare);
    if (bare == NULL) {
        return -1;
    }
    contender->state = bare;
    bare->loop = loop;
    bare->multi = curl_multi_init();
    for (int i = 0; i < SERVICE_PORTS; i++) {
        memcpy(bare->urls[i], bases[i], SERVICE_BASE);
    }
    uv_timer_init(loop, &bare->timer);
    bare->timer.data = bare;
    curl_multi_setopt(bare->multi, CURLMOPT_SOCKETFUNCTION, bare_watch);
    curl_multi_setopt(bare->multi, CURLMOPT_SOCKETDATA, bare);
    curl_multi_setopt(bare->multi, CURLMOPT_TIMERFUNCTION, bare_timer);
    curl_multi_setopt(bare->multi, CURLMOPT_TIMERDATA, bare);
    return 0;
}

static int bare_send(struct contender *contender, uint32_t requests, uint32_t at_once) {
    struct bare *bare = contender->state;
    if (bare->easy_count < at_once) {
        bare->easy = realloc(bare->easy, at_once * sizeof *bare->easy);
        while (bare->easy_count < at_once) {
            bare->easy[bare->easy_count++] = bare_easy(bare);
        }
    }
    bare->to_send = requests;
    bare->good = 0;
    for (uint32_t i = 0; i < at_once && bare->to_send > 0; i++) {
        bare_add(bare, bare->easy[i]);
    }
    while (bare->under_way > 0) {
        uv_run(bare->loop, UV_RUN_ONCE);
    }
    return bare->good == requests ? 0 : -1;
}

static void bare_close(struct contender *contender) {
    struct bare *bare = contender->state;
    for (uint32_t i = 0; i < bare->easy_count; i++) {
        curl_easy_cleanup(bare->easy[i]);
    }
    free(bare->easy);
    curl_multi_cleanup(bare->multi);
    uv_close((uv_handle_t *)&bare->timer, bare_closed);
}

const struct contender service_bare = {"libcurl alone", bare_open, bare_send, bare_close, NULL, 0, NULL};
