/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a program says on stderr is for people and goes where ours goes. */
#include "conversation.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(const char *program, int in, int out) {
    if (dup2(in, 0) == 0 && dup2(out, 1) == 1) {
        execl(program, program, (char *)NULL);
    }
    _exit(127);
}

int conversation_open(struct conversation *conversation, const char *program) {
    int questions[2], answers[2];
    *conversation = (struct conversation){.program = program};
    if (pipe2(questions, O_CLOEXEC) != 0) {
        return -1;
    }
    if (pipe2(answers, O_CLOEXEC) != 0) {
        close(questions[0]);
        close(questions[1]);
        return -1;
    }
    conversation->child = fork();
    if (conversation->child == 0) {
        become(program, questions[0], answers[1]);
    }
    close(questions[0]);
    close(answers[1]);
    conversation->ask = questions[1];
    conversation->hear = answers[0];
    if (conversation->child < 0) {
        conversation->child = 0;
        close(questions[1]);
        close(answers[0]);
        return -1;
    }
    return 0;
}

static void end(struct conversation *conversation, int signal) {
    if (conversation->child == 0) {
        return;
    }
    if (signal != 0) {
        kill(conversation->child, signal);
    }
    close(conversation->ask);
    close(conversation->hear);
    waitpid(conversation->child, NULL, 0);
    conversation->child = 0;
}

void conversation_close(struct conversation *conversation) {
    conversation_ask(conversation, "quit\n");
    end(conversation, 0);
}

bool conversation_ask(struct conversation *conversation, const char *question) {
    size_t size = strlen(question);
    if (conversation->child == 0) {
        return false;
    }
    if (write(conversation->ask, question, size) != (ssize_t)size) {
        end(conversation, SIGKILL);
        return false;
    }
    return true;
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

bool conversation_hear(struct conversation *conversation, char line[CONVERSATION_LINE], int seconds) {
    while (conversation->child != 0) {
        if (take_line(conversation, line)) {
            return true;
        }
        struct pollfd waiting = {conversation->hear, POLLIN, 0};
        size_t room = sizeof conversation->heard - conversation->length;
        ssize_t read_now = -1;
        if (room > 0 && poll(&waiting, 1, seconds * 1000) == 1) {
            read_now = read(conversation->hear, conversation->heard + conversation->length, room);
        }
        if (read_now <= 0) {
            end(conversation, SIGKILL);
            return false;
        }
        conversation->length += (size_t)read_now;
    }
    return false;
}
