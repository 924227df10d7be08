/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libcurl on the loop: it says which sockets to watch and when to be called by itself; a poll handle per socket and one
 * timer of the clock do so. A socket's handle closes before libcurl closes the socket.
 */
#include "inner.h"

#define NS_PER_MS UINT64_C(1000000)

struct socket_watch {
    uv_poll_t poll;
    lw_curl *curl;
    curl_socket_t socket;
    int events; /* that libcurl waits for; 0: the handle is closing */
};

/* ---- sockets ---- */

static void act(lw_curl *curl, curl_socket_t socket, int events) {
    int running;
    lw__curl_enter(curl);
    curl_multi_socket_action(curl->multi, socket, events, &running);
    lw__curl_leave(curl);
}

/* An error of the socket stops the handle, but there may be an answer to be read before it: libcurl finds both when it
   tries. The handle lives until the next turn of the loop at least. */
static void socket_ready(uv_poll_t *poll, int status, int events) {
    struct socket_watch *watch = poll->data;
    lw_curl *curl = watch->curl;
    events = status < 0 ? watch->events : events;
    act(curl, watch->socket,
        ((events & UV_READABLE) != 0 ? CURL_CSELECT_IN : 0) | ((events & UV_WRITABLE) != 0 ? CURL_CSELECT_OUT : 0));
    if (status < 0 && watch->events != 0) {
        uv_poll_start(poll, watch->events, socket_ready);
    }
    lw__curl_read(curl);
}

static void socket_closed(uv_handle_t *handle) {
    struct socket_watch *watch = handle->data;
    lw_curl *curl = watch->curl;
    lw__host_release(&curl->env, watch);
    curl->sockets--;
    lw__curl_gone(curl);
}

static struct socket_watch *socket_open(lw_curl *curl, curl_socket_t socket) {
    struct socket_watch *watch = lw__host_alloc(&curl->env, sizeof *watch);
    if (watch == NULL || uv_poll_init_socket(lw_uv_loop(curl->uv), &watch->poll, socket) != 0) {
        lw__host_release(&curl->env, watch);
        return NULL;
    }
    watch->poll.data = watch;
    watch->curl = curl;
    watch->socket = socket;
    curl->sockets++;
    curl_multi_assign(curl->multi, socket, watch);
    return watch;
}

/* libcurl would give up all transfers, were it told, but not before it is called again. */
static int socket_lost(CURL *easy) {
    struct lw__transfer *transfer = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
    if (transfer != NULL && transfer->exchange != NULL) {
        transfer->starved = true;
        lw__curl_later(transfer);
    }
    return 0;
}

static int socket_wanted(CURL *easy, curl_socket_t socket, int what, void *user, void *known) {
    lw_curl *curl = user;
    struct socket_watch *watch = known;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL) {
            watch->events = 0;
            curl_multi_assign(curl->multi, socket, NULL);
            uv_close((uv_handle_t *)&watch->poll, socket_closed);
        }
        return 0;
    }
    watch = watch != NULL ? watch : socket_open(curl, socket);
    if (watch == NULL) {
        return socket_lost(easy);
    }
    watch->events = (what != CURL_POLL_OUT ? UV_READABLE : 0) | (what != CURL_POLL_IN ? UV_WRITABLE : 0);
    return uv_poll_start(&watch->poll, watch->events, socket_ready) == 0 ? 0 : socket_lost(easy);
}

/* ---- the timer ---- */

static void timer_fired(lw_timer *timer) {
    lw_curl *curl = (lw_curl *)(void *)((char *)timer - offsetof(lw_curl, timer));
    act(curl, CURL_SOCKET_TIMEOUT, 0);
    lw__curl_read(curl);
}

static int timer_wanted(CURLM *multi, long wait, void *user) {
    lw_curl *curl = user;
    lw_clock *clock = lw_uv_clock(curl->uv);
    (void)multi;
    if (wait < 0) {
        lw_timer_stop(clock, &curl->timer);
    } else { /* mostly 0: at once, and no need to know the time */
        lw_timer_start(clock, &curl->timer, wait > 0 ? lw_clock_now(clock) + (uint64_t)wait * NS_PER_MS : 0);
    }
    return 0;
}

int lw__curl_loop_open(lw_curl *curl) {
    curl->timer.fired = timer_fired;
    CURLMcode code = curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
    code = code == CURLM_OK ? curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl) : code;
    code = code == CURLM_OK ? curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, timer_wanted) : code;
    code = code == CURLM_OK ? curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl) : code;
    return code == CURLM_OK ? LW_OK : lw__host_fail(&curl->env, LW_UNAVAILABLE, "curl: %s", curl_multi_strerror(code));
}
