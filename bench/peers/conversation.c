/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a program says on stderr is for people and goes where ours goes; its first words tell why it ended. */
#include "conversation.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the child ---- */

enum { STREAMS = 3, READ_END = 0, WRITE_END = 1 };

static void close_pipes(int pipes[][2], int count) {
    for (int i = 0; i < count; i++) {
        close(pipes[i][READ_END]);
        close(pipes[i][WRITE_END]);
    }
}

static bool open_pipes(int pipes[STREAMS][2]) {
    for (int i = 0; i < STREAMS; i++) {
        if (pipe2(pipes[i], O_CLOEXEC) != 0) {
            close_pipes(pipes, i);
            return false;
        }
    }
    return true;
}

static void become(const char *program, int pipes[STREAMS][2]) {
    signal(SIGPIPE, SIG_DFL); /* the driver does not hear it, and it would be inherited */
    if (dup2(pipes[0][READ_END], 0) == 0 && dup2(pipes[1][WRITE_END], 1) == 1 && dup2(pipes[2][WRITE_END], 2) == 2) {
        execl(program, program, (char *)NULL);
    }
    _exit(127);
}

int conversation_open(struct conversation *conversation, const char *program, int patience) {
    int pipes[STREAMS][2];
    *conversation = (struct conversation){.program = program, .patience = patience};
    if (!open_pipes(pipes)) {
        return -1;
    }
    conversation->child = fork();
    if (conversation->child == 0) {
        become(program, pipes);
    }
    if (conversation->child < 0) {
        conversation->child = 0;
        close_pipes(pipes, STREAMS);
        return -1;
    }
    close(pipes[0][READ_END]);
    close(pipes[1][WRITE_END]);
    close(pipes[2][WRITE_END]);
    conversation->ask = pipes[0][WRITE_END];
    conversation->hear = pipes[1][READ_END];
    conversation->complaints = pipes[2][READ_END];
    return 0;
}

/* ---- its complaints ---- */

static void stop_complaints(struct conversation *conversation) {
    if (conversation->complaints >= 0) {
        close(conversation->complaints);
    }
    conversation->complaints = -1; /* which poll passes over */
}

static void take_complaints(struct conversation *conversation) {
    char text[CONVERSATION_LINE];
    ssize_t size = read(conversation->complaints, text, sizeof text);
    if (size <= 0) {
        stop_complaints(conversation);
        return;
    }
    size_t known = strlen(conversation->complaint), room = sizeof conversation->complaint - 1 - known;
    size_t kept = (size_t)size < room ? (size_t)size : room;
    fwrite(text, 1, (size_t)size, stderr);
    memcpy(conversation->complaint + known, text, kept);
    conversation->complaint[known + kept] = '\0';
}

/* ---- its end ---- */

static void tell_end(struct conversation *conversation, int status) {
    const char *words = conversation->complaint + strspn(conversation->complaint, "\n");
    bool killed = WIFSIGNALED(status);
    int used = snprintf(conversation->fault, sizeof conversation->fault, "it stopped, %s %d",
                        killed ? "by signal" : "with exit status", killed ? WTERMSIG(status) : WEXITSTATUS(status));
    if (words[0] != '\0') {
        snprintf(conversation->fault + used, sizeof conversation->fault - (size_t)used, ": %.*s",
                 (int)strcspn(words, "\n"), words);
    }
}

static void end(struct conversation *conversation, int signal) {
    int status = 0;
    if (conversation->child == 0) {
        return;
    }
    if (signal != 0) {
        kill(conversation->child, signal);
    }
    close(conversation->ask);
    close(conversation->hear);
    waitpid(conversation->child, &status, 0);
    conversation->child = 0;
    for (struct pollfd last = {conversation->complaints, POLLIN, 0}; last.fd >= 0 && poll(&last, 1, 0) == 1;) {
        take_complaints(conversation);
        last.fd = conversation->complaints;
    }
    stop_complaints(conversation);
    tell_end(conversation, status);
}

static void give_up(struct conversation *conversation) {
    end(conversation, SIGKILL);
    snprintf(conversation->fault, sizeof conversation->fault, "it took more than %d s", conversation->patience);
}

/* ---- words ---- */

static bool say(struct conversation *conversation, const char *question) {
    size_t size = strlen(question);
    conversation->complaint[0] = '\0';
    return write(conversation->ask, question, size) == (ssize_t)size;
}

void conversation_close(struct conversation *conversation) {
    if (conversation->child != 0) {
        say(conversation, "quit\n");
        end(conversation, 0);
    }
}

static bool begin_again(struct conversation *conversation) {
    char line[CONVERSATION_LINE];
    bool ready = false;
    if (!conversation->lost && conversation_open(conversation, conversation->program, conversation->patience) == 0) {
        while (!ready && conversation_hear(conversation, line)) {
            ready = strcmp(line, "ready") == 0;
        }
    }
    conversation->lost = !ready;
    return ready;
}

bool conversation_ask(struct conversation *conversation, const char *question) {
    for (int tries = 0; tries < 2; tries++) {
        if (conversation->child == 0 && !begin_again(conversation)) {
            snprintf(conversation->fault, sizeof conversation->fault, "the program does not start again");
            return false;
        }
        if (say(conversation, question)) {
            return true;
        }
        end(conversation, SIGKILL); /* it went after its last answer */
    }
    return false;
}

static bool take_line(struct conversation *conversation, char line[CONVERSATION_LINE]) {
    char *stop = memchr(conversation->heard, '\n', conversation->length);
    if (stop == NULL) {
        return false;
    }
    size_t size = (size_t)(stop - conversation->heard);
    size_t kept = size < CONVERSATION_LINE - 1 ? size : CONVERSATION_LINE - 1;
    memcpy(line, conversation->heard, kept);
    line[kept] = '\0';
    conversation->length -= size + 1;
    memmove(conversation->heard, stop + 1, conversation->length);
    return true;
}

/* Reads what there is; no line is so long that there is no room for more. */
static void take_words(struct conversation *conversation) {
    size_t room = sizeof conversation->heard - conversation->length;
    ssize_t size = read(conversation->hear, conversation->heard + conversation->length, room);
    if (size <= 0) {
        end(conversation, SIGKILL); /* what has ended keeps its status */
    } else {
        conversation->length += (size_t)size;
    }
}

bool conversation_hear(struct conversation *conversation, char line[CONVERSATION_LINE]) {
    while (conversation->child != 0) {
        if (take_line(conversation, line)) {
            return true;
        }
        struct pollfd both[] = {{conversation->hear, POLLIN, 0}, {conversation->complaints, POLLIN, 0}};
        if (poll(both, 2, conversation->patience * 1000) <= 0) {
            give_up(conversation);
            return false;
        }
        if (both[1].revents != 0) {
            take_complaints(conversation);
        }
        if (both[0].revents != 0) {
            take_words(conversation);
        }
    }
    return false;
}
