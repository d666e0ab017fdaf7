/* SPDX-License-Identifier: MIT */
/* chardev-stdio: standard input and output; a terminal is put into raw mode. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/char/fd.h"
#include "backends/char/terminal.h"

typedef struct ChardevStdio {
    ChardevFd fd;
    bool signal;
    /* Transient: the status flags to give back, or -1 when they are as they were. */
    int in_flags, out_flags;
} ChardevStdio;

static ChardevStdio *stdio_user;

/*
 * A descriptor of our own that does not block. O_NONBLOCK belongs to the open
 * file, which the shell and standard error share, so a terminal or FIFO is
 * opened anew. Where that is not allowed, the flag is set and given back. Plain
 * files do not block and sockets are told with each call.
 */
static int unblocked(int fd, int mode, int *old_flags)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    struct stat status;
    int own = -1;

    if (fstat(fd, &status)) {
        return -1;
    }
    if (S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode)) {
        own = open(path, mode | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    }
    if (own < 0) {
        own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (own >= 0 && !S_ISREG(status.st_mode) && !S_ISSOCK(status.st_mode)) {
            *old_flags = fcntl(fd, F_GETFL);
            fcntl(fd, F_SETFL, *old_flags | O_NONBLOCK);
        }
    }
    return own;
}

static bool stdio_open(Chardev *chardev, GError **error)
{
    ChardevStdio *self = (ChardevStdio *)chardev;

    if (stdio_user) {
        error_set(error, ERROR_FAILED,
                  "cannot use stdio by multiple character devices: '%s' has it (mux=on shares it)",
                  chardev_id(&stdio_user->fd.chardev));
        return false;
    }
    self->fd.in_fd = unblocked(STDIN_FILENO, O_RDONLY, &self->in_flags);
    self->fd.out_fd = unblocked(STDOUT_FILENO, O_WRONLY, &self->out_flags);
    if (self->fd.out_fd < 0) {
        error_set_errno(error, errno, "chardev '%s': standard output cannot be used",
                        chardev_id(chardev));
        return false;
    }
    stdio_user = self;
    fflush(stdout);
    terminal_set_raw(STDIN_FILENO, self->signal);
    chardev_fd_start(&self->fd);
    return true;
}

static void stdio_init(Object *object)
{
    ChardevStdio *self = (ChardevStdio *)object;

    self->in_flags = self->out_flags = -1;
}

static void stdio_finalize(Object *object)
{
    ChardevStdio *self = (ChardevStdio *)object;

    if (stdio_user == self) {
        stdio_user = NULL;
        chardev_restore_terminal();
    }
    if (self->in_flags >= 0) {
        fcntl(STDIN_FILENO, F_SETFL, self->in_flags);
    }
    if (self->out_flags >= 0) {
        fcntl(STDOUT_FILENO, F_SETFL, self->out_flags);
    }
}

static const Property stdio_properties[] = {
    { .name = "signal", .description = "let the terminal's keys (Ctrl-C) raise signals",
      .field = FIELD_OF(ChardevStdio, signal), .def.u = 1 },
};
static const ChardevBackendOps stdio_ops = { .open = stdio_open, CHARDEV_FD_OPS };
static const Interface stdio_interfaces[] = { { CHARDEV_BACKEND, &stdio_ops } };

const ObjectType chardev_stdio_type = {
    .name = "chardev-stdio", .parent = "chardev-fd",
    .description = "standard input and output", .size = sizeof(ChardevStdio),
    .properties = TABLE(stdio_properties), .interfaces = TABLE(stdio_interfaces),
    .init = stdio_init, .finalize = stdio_finalize,
};
