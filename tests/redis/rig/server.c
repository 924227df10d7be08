/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The server dies with the test by PR_SET_PDEATHSIG. Its folder goes by a keeper: a process that does nothing but wait
 * for the end of a pipe, which comes when no process of the test is left, even after kill -9.
 */
#include "server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PORT_FIRST = 10000, PORT_COUNT = 9000, START_TRIES = 20, READY_MS = 60000 };

void rig_fail(const char *what) {
    fprintf(stderr, "the rig of this test fails: %s\n", what);
    abort();
}

uint64_t rig_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The second number of the file; 0 where the kernel does not count it. */
uint64_t rig_kept_waiting(void) {
    char text[96] = "";
    int file = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        rig_need(read(file, text, sizeof text - 1) >= 0, "the delays of a thread");
        close(file);
    }
    const char *second = strchr(text, ' ');
    return second != NULL ? strtoull(second, NULL, 10) : 0;
}

/* ---- ports ---- */

/* Takes it for as long as this process lives, by a socket that is bound and does not listen: other tests find the port
   taken, also while the server of this one is down, and a server, who asks for SO_REUSEADDR, may listen at it. */
static bool port_take(uint32_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int yes = 1, made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    rig_need(made >= 0, "a socket");
    bool taken = bind(made, (const struct sockaddr *)&address, sizeof address) == 0;
    setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (!taken) {
        close(made);
    }
    return taken;
}

/* A port that connections may get as their own could be taken while a server is down: by the very client that tries to
   reach it, which then speaks with itself. The shell tests have theirs above these. */
uint32_t rig_port(void) {
    static uint32_t turn;
    for (int i = 0; i < PORT_COUNT; i++) {
        uint32_t port = PORT_FIRST + ((uint32_t)getpid() * 37 + turn++) % PORT_COUNT;
        if (port_take(port)) {
            return port;
        }
    }
    rig_fail("a free port");
}

/* ---- the folder ---- */

static void folder_make(struct server *server) {
    int ends[2];
    const char *place = getenv("TMPDIR");
    snprintf(server->folder, SERVER_PATH, "%s/redis-XXXXXX", place != NULL && strlen(place) < 40 ? place : "/tmp");
    rig_need(mkdtemp(server->folder) != NULL, "a folder");
    rig_need(pipe2(ends, O_CLOEXEC) == 0, "a pipe");
    pid_t keeper = fork();
    rig_need(keeper >= 0, "a process");
    if (keeper == 0) {
        char nothing;
        setsid();
        /* What it has open of the test's would not end with the test; the sockets of other servers among that. */
        for (int i = 0; i < 1024; i++) {
            if (i != ends[0]) {
                close(i);
            }
        }
        while (read(ends[0], &nothing, 1) > 0) {
        }
        execl("/bin/rm", "rm", "-rf", "--", server->folder, (char *)NULL);
        _exit(1);
    }
    close(ends[0]);
    server->keeper = ends[1];
    server->keeper_pid = keeper;
}

static void folder_write(const struct server *server) {
    char path[2 * SERVER_PATH];
    snprintf(path, sizeof path, "%s/conf", server->folder);
    FILE *file = fopen(path, "we");
    rig_need(file != NULL, "a configuration");
    fprintf(file, "bind 127.0.0.1\nport %u\ndir %s\nlogfile %s/log\nsave \"\"\nenable-debug-command yes\n%s\n",
            server->port, server->folder, server->folder, server->lines);
    if (strstr(server->lines, "cluster-enabled") != NULL) {
        fprintf(file, "cluster-port %u\n", server->bus);
    }
    fclose(file);
}

/* ---- starting ---- */

static void server_become(const struct server *server, const char *program, pid_t parent) {
    char path[2 * SERVER_PATH];
    snprintf(path, sizeof path, "%s/conf", server->folder);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(1); /* the test has ended in between */
    }
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, 0);
    dup2(nothing, 1);
    execlp(program, "redis-server", path, (char *)NULL);
    perror(program);
    _exit(1);
}

static bool server_has_ended(const struct server *server, int ms) {
    struct pollfd end = {.fd = server->life};
    return poll(&end, 1, ms) > 0;
}

void server_wait(const struct server *server, int ms) { server_has_ended(server, ms); }

/* A password is no hindrance: the server answers, be it with an error. */
static bool server_is_ready(struct server *server) {
    struct timeval patience = {1, 0};
    redisContext *line = redisConnectWithTimeout("127.0.0.1", (int)server->port, patience);
    redisReply *reply = NULL;
    if (line != NULL && line->err == 0) {
        redisSetTimeout(line, patience);
        reply = redisCommand(line, "PING");
    }
    bool ready = reply != NULL && (reply->type != REDIS_REPLY_ERROR || strstr(reply->str, "LOADING") == NULL);
    if (reply != NULL) {
        freeReplyObject(reply);
    }
    if (line != NULL) {
        redisFree(line);
    }
    return ready;
}

static void server_collect(struct server *server) {
    waitpid(server->pid, NULL, 0);
    close(server->life);
    server->pid = 0;
    server->life = -1;
    if (server->line != NULL) {
        redisFree(server->line);
        server->line = NULL;
    }
}

static bool server_launch(struct server *server) {
    const char *named = getenv("REDIS_SERVER"), *program = named != NULL ? named : "redis-server";
    pid_t parent = getpid();
    int ends[2];
    folder_write(server);
    rig_need(pipe2(ends, O_CLOEXEC) == 0, "a pipe");
    server->pid = fork();
    rig_need(server->pid >= 0, "a process");
    if (server->pid == 0) {
        fcntl(ends[1], F_SETFD, 0); /* the server holds it open as long as it lives */
        server_become(server, program, parent);
    }
    close(ends[1]);
    server->life = ends[0];
    for (uint64_t end = rig_now() + READY_MS * UINT64_C(1000000); rig_now() < end;) {
        if (server_has_ended(server, 1)) {
            server_collect(server);
            return false;
        }
        if (server_is_ready(server)) {
            return true;
        }
    }
    rig_fail("the server answers");
}

void server_start(struct server *server, const char *lines) {
    memset(server, 0, sizeof *server);
    rig_need(lines == NULL || strlen(lines) < SERVER_LINES, "so much configuration");
    snprintf(server->lines, SERVER_LINES, "%s", lines != NULL ? lines : "");
    folder_make(server);
    for (int i = 0; i < START_TRIES; i++) { /* who knows nothing of us may be faster than the server */
        server->port = rig_port();
        server->bus = rig_port();
        if (server_launch(server)) {
            return;
        }
    }
    rig_fail("a server that starts");
}

void server_restart(struct server *server) {
    rig_need(server->pid == 0, "a server that does not run");
    rig_need(server_launch(server), "a server that starts again");
}

/* ---- hurting ---- */

void server_kill(struct server *server) {
    kill(server->pid, SIGKILL);
    server_collect(server);
}

void server_freeze(struct server *server) {
    int status;
    kill(server->pid, SIGSTOP);
    rig_need(waitpid(server->pid, &status, WUNTRACED) == server->pid && WIFSTOPPED(status), "a server that stops");
}

void server_thaw(struct server *server) { kill(server->pid, SIGCONT); }

void server_stop(struct server *server) {
    if (server->pid != 0) {
        server_kill(server);
    }
    close(server->keeper);
    waitpid(server->keeper_pid, NULL, 0);
}

/* ---- asking ---- */

/* Never NULL, and no error. */
static redisReply *server_ask_list(struct server *server, const char *format, va_list list) {
    char text[1024], *words[64], *rest = NULL;
    size_t count = 0;
    vsnprintf(text, sizeof text, format, list);
    for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        rig_need(count < 64, "so many words");
        words[count++] = word;
    }
    if (server->line == NULL) {
        server->line = redisConnect("127.0.0.1", (int)server->port);
        rig_need(server->line != NULL && server->line->err == 0, "a connection to the server");
    }
    redisReply *reply = redisCommandArgv(server->line, (int)count, (const char **)words, NULL);
    rig_need(reply != NULL, format);
    rig_need(reply->type != REDIS_REPLY_ERROR, reply->str);
    return reply;
}

redisReply *server_ask(struct server *server, const char *format, ...) {
    va_list list;
    va_start(list, format);
    redisReply *reply = server_ask_list(server, format, list);
    va_end(list);
    return reply;
}

void server_tell(struct server *server, const char *format, ...) {
    va_list list;
    va_start(list, format);
    redisReply *reply = server_ask_list(server, format, list);
    va_end(list);
    freeReplyObject(reply);
}

long long server_count(struct server *server, const char *format, ...) {
    va_list list;
    va_start(list, format);
    redisReply *reply = server_ask_list(server, format, list);
    va_end(list);
    rig_need(reply->type == REDIS_REPLY_INTEGER, format);
    long long number = reply->integer;
    freeReplyObject(reply);
    return number;
}
