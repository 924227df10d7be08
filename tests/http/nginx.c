/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Beside a real nginx: connections that are used again, ended by the server and multiplexed; bodies that it refuses;
 * its end. One process, with two ports: HTTP/1.1, and HTTP/2 without TLS.
 */
#include "rig/visit.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRIES = 10, MANY = 300, PLAIN = 0, PRIOR = 1, SECURE = 2, PORTS = 3 };

static struct visit_site site;
static struct visit many[MANY];
static pid_t nginx;
static char folder[] = "/tmp/loadwise-nginx-XXXXXX";
static char host[16]; /* an address that is nobody else's, as no other process has our number: its ports are ours */
static unsigned ports[PORTS];
static int sockets[PORTS]; /* hold the ports until nginx takes them */

static const struct script_answer answers[] = {{.target = "/", .text = SCRIPT_OK}};

/* ---- nginx ---- */

static struct sockaddr_in address_of(unsigned port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(0x7f000001 + 4 * (uint32_t)getpid());
    return address;
}

static unsigned free_port(int *holder) {
    struct sockaddr_in address = address_of(0);
    socklen_t size = sizeof address;
    *holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*holder, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(*holder, (struct sockaddr *)&address, &size), 0);
    return ntohs(address.sin_port);
}

/* For this address, by this machine's openssl; good for a day. */
static void make_certificate(void) {
    char command[600];
    snprintf(command, sizeof command,
             "cd %s && openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out certificate -days 1 -subj /CN=test "
             "-addext subjectAltName=IP:%s 2>openssl-said",
             folder, host);
    assert_int_equal(system(command), 0);
}

static void write_config(void) {
    static const char *const ways[PORTS] = {"", " http2", " ssl http2"};
    static const char *const temporary[] = {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"};
    char path[200];
    snprintf(path, sizeof path, "%s/config", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "daemon off; master_process off; pid %s/pid; error_log %s/errors crit;\n", folder, folder);
    fprintf(file, "events { worker_connections 1024; }\nhttp { access_log off; client_max_body_size 1k;\n");
    fprintf(file, "ssl_certificate %s/certificate; ssl_certificate_key %s/key;\n", folder, folder);
    for (size_t i = 0; i < sizeof temporary / sizeof *temporary; i++) {
        fprintf(file, "%s_temp_path %s/%s;\n", temporary[i], folder, temporary[i]);
    }
    for (int i = 0; i < PORTS; i++) {
        fprintf(file,
                "server { listen %s:%u%s; keepalive_requests 120;\n"
                "location / { return 200 \"$connection $server_protocol\"; }\n"
                "location /upload { proxy_pass http://127.0.0.1:1; }\n"
                "location /later { add_header Retry-After 3 always; return 429; } }\n",
                host, ports[i], ways[i]);
    }
    fprintf(file, "}\n");
    fclose(file);
}

static bool listens(unsigned port) {
    struct sockaddr_in address = address_of(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool there = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return there;
}

/* False: a port was taken by somebody else. */
static bool try_nginx(void) {
    const char *program = getenv("NGINX");
    for (int i = 0; i < PORTS; i++) {
        ports[i] = free_port(&sockets[i]);
    }
    write_config();
    for (int i = 0; i < PORTS; i++) {
        close(sockets[i]);
    }
    pid_t parent = getpid();
    nginx = fork();
    if (nginx == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent) {
            char errors[200], config[200];
            snprintf(errors, sizeof errors, "%s/errors", folder);
            snprintf(config, sizeof config, "%s/config", folder);
            unsetenv("NGINX"); /* which it would take for sockets */
            execlp(program != NULL ? program : "nginx", "nginx", "-p", folder, "-e", errors, "-c", config,
                   (char *)NULL);
        }
        _exit(127);
    }
    while (waitpid(nginx, NULL, WNOHANG) == 0) {
        if (listens(ports[PLAIN]) && listens(ports[PRIOR]) && listens(ports[SECURE])) {
            return true;
        }
        sched_yield();
    }
    return false;
}

static int start_nginx(void **state) {
    (void)state;
    assert_non_null(getenv("NGINX"));
    struct sockaddr_in address = address_of(0);
    assert_non_null(inet_ntop(AF_INET, &address.sin_addr, host, sizeof host));
    assert_non_null(mkdtemp(folder));
    make_certificate();
    for (int i = 0; i < TRIES; i++) {
        if (try_nginx()) {
            return 0;
        }
    }
    return 1;
}

static int stop_nginx(void **state) {
    char command[200];
    (void)state;
    kill(nginx, SIGKILL);
    waitpid(nginx, NULL, 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* ---- requests ---- */

static const char *const protocols[PORTS] = {"HTTP/1.1", "HTTP/2.0", "HTTP/2.0"};

static void open_with(int way, uint32_t per_node) {
    static const uint32_t versions[PORTS] = {1, 2, 2};
    lw_curl_options options = LW_CURL_OPTIONS_INIT;
    char base[64], certificate[200];
    snprintf(certificate, sizeof certificate, "%s/certificate", folder);
    options.http_version = versions[way];
    options.per_node = per_node;
    options.ca_file = certificate;
    options.connect_timeout = VISIT_LONG;
    visit_open(&site, answers, 1, &options);
    lw_service_free(site.node);
    snprintf(base, sizeof base, "%s://%s:%u", way == SECURE ? "https" : "http", host, ports[way]);
    assert_int_equal(lw_curl_node(site.curl, base, &site.node), LW_OK);
}

static void send_all(size_t count, const char *path) {
    for (size_t i = 0; i < count; i++) {
        visit_plan(&many[i], &site, path);
        visit_call(&many[i]);
    }
    visit_run(&site);
}

/* How many of them a connection of their own had; the body begins with its number. */
static size_t connections_of(size_t count, const char *protocol) {
    size_t different = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(many[i].completed, 1);
        if (many[i].exchange.sample.outcome != LW_OUTCOME_OK) {
            fail_msg("outcome %u, %s", many[i].exchange.sample.outcome, many[i].http.problem);
        }
        assert_non_null(strstr(many[i].body, protocol));
        size_t before = 0;
        while (strcmp(many[before].body, many[i].body) != 0) {
            before++;
        }
        different += before == i;
    }
    return different;
}

static void connections_are_used_again(void **state) {
    (void)state;
    open_with(PLAIN, 0);
    for (size_t i = 0; i < 50; i++) {
        visit_plan(&many[i], &site, "/");
        visit_go(&many[i]);
        assert_int_equal(many[i].http.reused, i > 0);
    }
    assert_int_equal(connections_of(50, "HTTP/1.1"), 1);
    visit_close(&site);
}

static void connections_to_a_node_have_a_bound(void **state) {
    (void)state;
    for (int way = 0; way < PORTS; way++) {
        if (way != PRIOR) {
            open_with(way, 3);
            send_all(MANY, "/");
            assert_in_range(connections_of(MANY, protocols[way]), 2, 6); /* three, and those that took their place */
            visit_close(&site);
        }
    }
}

static void one_connection_carries_all_of_http2(void **state) {
    (void)state;
    open_with(SECURE, 0);
    send_all(100, "/"); /* nginx takes 128 at once */
    assert_int_equal(connections_of(100, "HTTP/2.0"), 1);
    visit_close(&site);
}

/* nginx ends the connection after 120: by a header, or by GOAWAY. */
static void ends_of_connections_do_no_harm(void **state) {
    (void)state;
    for (int way = 0; way < PORTS; way++) {
        open_with(way, way == PLAIN ? 1 : 0);
        send_all(MANY, "/");
        assert_in_range(connections_of(MANY, protocols[way]), 3, MANY);
        visit_close(&site);
    }
}

static void answers_are_alike_in_both_versions(void **state) {
    static char body[300000];
    (void)state;
    memset(body, 'b', sizeof body);
    for (int way = 0; way < PORTS; way++) {
        open_with(way, 0);
        visit_plan(many, &site, "/later");
        visit_go(many);
        assert_int_equal(many->exchange.sample.outcome, LW_OUTCOME_RATE_LIMITED);
        assert_int_equal(many->exchange.sample.retry_after, 3000 * VISIT_MS);
        visit_plan(many, &site, "/");
        many->http.method = "HEAD";
        visit_go(many);
        assert_int_equal(many->exchange.sample.outcome, LW_OUTCOME_OK);
        assert_int_equal(many->size, 0);
        for (int i = 0; i < 5 && way == PLAIN;
             i++) { /* refused before it is read; of HTTP\/2 libcurl 7.88 hears the reset only */
            visit_plan(many, &site, "/upload");
            many->http.method = "POST";
            many->http.body = body;
            many->http.body_size = sizeof body;
            visit_go(many);
            if (many->http.status != 413) {
                fail_msg("%d %d: %u %s", way, i, many->exchange.sample.outcome, many->http.problem);
            }
            assert_int_equal(many->exchange.sample.outcome, LW_OUTCOME_CALLER_FAULT);
        }
        visit_close(&site);
    }
}

/* Half of them are cancelled once the others are under way. */
static void cancelled_streams_leave_the_others_alone(void **state) {
    (void)state;
    for (int way = 0; way < PORTS; way++) {
        open_with(way, 0);
        for (size_t i = 0; i < 100; i++) {
            visit_plan(&many[i], &site, "/");
            visit_call(&many[i]);
        }
        while (many[0].completed == 0) {
            for (size_t i = 1; i < 100; i += 2) {
                lw_service_cancel(site.node, &many[i].exchange, LW_OUTCOME_CANCELLED);
            }
            uv_run(&site.loop, UV_RUN_ONCE);
        }
        visit_run(&site);
        for (size_t i = 0; i < 100; i++) {
            assert_int_equal(many[i].completed, 1);
            assert_int_equal(many[i].exchange.sample.outcome, i % 2 == 0 ? LW_OUTCOME_OK : LW_OUTCOME_CANCELLED);
        }
        visit_close(&site);
    }
}

static void its_end_is_noticed(void **state) {
    (void)state;
    for (int way = 0; way < PORTS; way++) {
        open_with(way, 0);
        visit_plan(many, &site, "/");
        visit_go(many);
        kill(nginx, SIGKILL);
        waitpid(nginx, NULL, 0);
        visit_plan(many, &site, "/");
        visit_go(many);
        assert_int_equal(many->exchange.sample.outcome, LW_OUTCOME_CONNECT_FAILURE);
        assert_int_equal(many->http.status, 0);
        visit_close(&site);
        for (int i = 0; i < TRIES && !try_nginx(); i++) {
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_used_again),
        cmocka_unit_test(connections_to_a_node_have_a_bound),
        cmocka_unit_test(one_connection_carries_all_of_http2),
        cmocka_unit_test(ends_of_connections_do_no_harm),
        cmocka_unit_test(answers_are_alike_in_both_versions),
        cmocka_unit_test(cancelled_streams_leave_the_others_alone),
        cmocka_unit_test(its_end_is_noticed),
    };
    return cmocka_run_group_tests(tests, start_nginx, stop_nginx);
}
