/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The least HTTP server: every packet is taken for a request, and answered with the same bytes. So that as little as
 * possible of the machine is its, and none of what is measured: CPU time is that of the client's process.
 */
#include "service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BACKLOG = 4096, EVENTS = 256, PACKET = 4096 };

static int listen_on_loopback(char *base) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, BACKLOG) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
        return -1;
    }
    snprintf(base, SERVICE_BASE, "http://127.0.0.1:%d", ntohs(address.sin_port));
    return listener;
}

static void watch(int poll, int socket, bool listens) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)socket << 1 | listens};
    epoll_ctl(poll, EPOLL_CTL_ADD, socket, &event);
}

static void answer(int socket) {
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";
    char request[PACKET];
    ssize_t size = recv(socket, request, sizeof request, 0);
    if (size == 0 || (size < 0 && errno != EAGAIN)) {
        close(socket);
    } else if (size > 0) {
        send(socket, text, sizeof text - 1, MSG_NOSIGNAL);
    }
}

static void serve(const int *listeners) {
    int poll = epoll_create1(0);
    for (int i = 0; i < SERVICE_PORTS; i++) {
        watch(poll, listeners[i], true);
    }
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(poll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int socket = (int)(events[i].data.u64 >> 1);
            if ((events[i].data.u64 & 1) == 0) {
                answer(socket);
                continue;
            }
            for (int guest; (guest = accept4(socket, NULL, NULL, SOCK_NONBLOCK)) >= 0;) {
                watch(poll, guest, false);
            }
        }
    }
}

int service_server_start(char bases[SERVICE_PORTS][SERVICE_BASE]) {
    int listeners[SERVICE_PORTS];
    for (int i = 0; i < SERVICE_PORTS; i++) {
        listeners[i] = listen_on_loopback(bases[i]);
        if (listeners[i] < 0) {
            return -1;
        }
    }
    fflush(NULL);
    int server = fork();
    if (server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(listeners);
    }
    for (int i = 0; i < SERVICE_PORTS; i++) {
        close(listeners[i]);
    }
    return server;
}

void service_server_stop(int server) {
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}
