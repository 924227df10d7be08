/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How the test server answers, in words that are the same on its command line, in the query of a request, and in a
 * request to /control, which changes what holds from then on:
 *
 *     test_http_server name=a ms=5 spread=50
 *     GET /anything?status=503&retry_after=3
 *     GET /control?ms=100&share=30
 */
#ifndef LOADWISE_TEST_HTTP_BEHAVIOUR_H
#define LOADWISE_TEST_HTTP_BEHAVIOUR_H

#include <stdbool.h>
#include <stddef.h>

enum { BEHAVIOUR_TEXT = 64, BEHAVIOUR_MOST = 100000000 };

/* What follows the last byte of an answer. */
enum behaviour_end {
    END_KEEP,  /* the next request */
    END_CLOSE, /* the connection is closed */
    END_RESET, /* it is reset */
    END_HALF,  /* nothing more is sent, which the client can see; it is read from */
    END_HANG,  /* nothing, which it cannot */
};

struct behaviour {
    char name[BEHAVIOUR_TEXT]; /* the body of an answer, where nothing else is asked for */
    char retry_after[BEHAVIOUR_TEXT];
    char host[BEHAVIOUR_TEXT]; /* on the command line, as port: where it listens */
    long port;
    long ms;     /* before the first byte */
    long spread; /* percent: ms is drawn from so much less to so much more */
    long share;  /* percent of requests, evenly, that have what follows; the rest is answered well */
    long status;
    long bytes;   /* of the body; 0: its name */
    long drip;    /* ms between two bytes of the answer */
    long header;  /* bytes of one more header */
    long garbage; /* 1: an answer that is not HTTP */
    long cut;     /* the end comes after so many bytes of the answer; -1: after all of them */
    long crowd;   /* answers begin once so many requests are under way, in place of ms; 0: each by itself */
    enum behaviour_end end;
};

void behaviour_plain(struct behaviour *behaviour);

/* "ms=5", or several with '&' between them. False: at `text` there is a word that it does not know, or no number. */
bool behaviour_read(struct behaviour *behaviour, const char *text, size_t size);

#endif
