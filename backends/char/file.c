/* SPDX-License-Identifier: MIT */
/* chardev-file writes to a file and may read another; chardev-pipe uses two FIFOs. */
#include <errno.h>
#include <fcntl.h>

#include "backends/char/fd.h"

typedef struct ChardevFile {
    ChardevFd fd;
    char *path;
    char *input_path;  /* file only */
    bool append;       /* file only */
} ChardevFile;

/* ---- file ---- */

static bool file_open(Chardev *chardev, GError **error)
{
    ChardevFile *file = (ChardevFile *)chardev;
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

    file->fd.out_fd = open(file->path, flags | (file->append ? O_APPEND : O_TRUNC), 0666);
    if (file->fd.out_fd < 0) {
        error_set_errno(error, errno, "Could not open '%s'", file->path);
        return false;
    }
    if (file->input_path) {
        file->fd.in_fd = open(file->input_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (file->fd.in_fd < 0) {
            error_set_errno(error, errno, "Could not open '%s'", file->input_path);
            return false;
        }
    }
    chardev_fd_start(&file->fd);
    return true;
}

static const Property file_properties[] = {
    { .name = "path", .description = "file that is written", .flags = PROPERTY_REQUIRED,
      .field = FIELD_OF(ChardevFile, path) },
    { .name = "input-path", .description = "file that is read",
      .field = FIELD_OF(ChardevFile, input_path) },
    { .name = "append", .description = "add to the file instead of replacing it",
      .field = FIELD_OF(ChardevFile, append) },
};
static const ChardevBackendOps file_ops = { .open = file_open, CHARDEV_FD_OPS };
static const Interface file_interfaces[] = { { CHARDEV_BACKEND, &file_ops } };

const ObjectType chardev_file_type = {
    .name = "chardev-file", .parent = "chardev-fd", .description = "writes to a file",
    .size = sizeof(ChardevFile), .properties = TABLE(file_properties),
    .interfaces = TABLE(file_interfaces),
};

/* ---- pipe ---- */

/*
 * Opened for reading and writing, FIFOs neither wait for the other side nor
 * report that it went (fifo(7)).
 */
static int fifo_open(const char *path)
{
    return open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static bool pipe_open(Chardev *chardev, GError **error)
{
    ChardevFile *file = (ChardevFile *)chardev;
    g_autofree char *in = g_strdup_printf("%s.in", file->path);
    g_autofree char *out = g_strdup_printf("%s.out", file->path);

    file->fd.in_fd = fifo_open(in);
    file->fd.out_fd = fifo_open(out);
    if (file->fd.in_fd < 0 && file->fd.out_fd < 0) {
        file->fd.in_fd = file->fd.out_fd = fifo_open(file->path);
        if (file->fd.in_fd < 0) {
            error_set_errno(error, errno,
                            "Could not open '%s' (make two FIFOs, '%s' and '%s', or one)",
                            file->path, in, out);
            return false;
        }
    } else if (file->fd.in_fd < 0 || file->fd.out_fd < 0) {
        error_set(error, ERROR_FAILED,
                  "Could not open both '%s' and '%s': the pipe needs the two FIFOs", in, out);
        return false;
    }
    chardev_fd_start(&file->fd);
    return true;
}

static const Property pipe_properties[] = {
    { .name = "path", .description = "FIFO, or the two FIFOs PATH.in and PATH.out",
      .flags = PROPERTY_REQUIRED, .field = FIELD_OF(ChardevFile, path) },
};
static const ChardevBackendOps pipe_ops = { .open = pipe_open, CHARDEV_FD_OPS };
static const Interface pipe_interfaces[] = { { CHARDEV_BACKEND, &pipe_ops } };

const ObjectType chardev_pipe_type = {
    .name = "chardev-pipe", .parent = "chardev-fd",
    .description = "reads and writes FIFOs", .size = sizeof(ChardevFile),
    .properties = TABLE(pipe_properties), .interfaces = TABLE(pipe_interfaces),
};
