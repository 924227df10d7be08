/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A buffer that is flushed before it would overflow, never in the middle of a line. */
#include "writer.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void writer_init(struct writer *writer, int fd) {
    writer->fd = fd;
    writer->used = 0;
}

/* A disk that fills up may take part of a line. When nobody else has added to the file since, take that part back. */
static void writer_trim(const struct writer *writer, const char *lines, size_t written) {
    size_t half = 0;
    while (half < written && lines[written - half - 1] != '\n') {
        half++;
    }
    struct stat file;
    if (half > 0 && fstat(writer->fd, &file) == 0 && S_ISREG(file.st_mode) &&
        lseek(writer->fd, 0, SEEK_CUR) == file.st_size && ftruncate(writer->fd, file.st_size - (off_t)half) == 0) {
        lseek(writer->fd, 0, SEEK_END);
    }
}

static enum status writer_write(struct writer *writer, const char *lines, size_t size, struct problem *problem) {
    size_t written = 0;
    while (written < size) {
        ssize_t took = write(writer->fd, lines + written, size - written);
        if (took > 0) {
            written += (size_t)took;
        } else if (errno != EINTR) {
            const char *why = errno == EPIPE ? "its reader closed it early" : strerror(errno);
            writer_trim(writer, lines, written);
            return problem_set(problem, STATUS_CLOSED, "standard output: %s", why);
        }
    }
    return STATUS_DONE;
}

enum status writer_flush(struct writer *writer, struct problem *problem) {
    size_t size = writer->used;
    writer->used = 0;
    return writer_write(writer, writer->bytes, size, problem);
}

enum status writer_put(struct writer *writer, const char *lines, size_t size, struct problem *problem) {
    if (size > sizeof writer->bytes - writer->used) {
        enum status status = writer_flush(writer, problem);
        if (status != STATUS_DONE) {
            return status;
        }
    }
    if (size > sizeof writer->bytes) {
        return writer_write(writer, lines, size, problem);
    }
    memcpy(writer->bytes + writer->used, lines, size);
    writer->used += size;
    return STATUS_DONE;
}
