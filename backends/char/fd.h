/* SPDX-License-Identifier: MIT */
/* chardev-fd: the abstract parent of backends that own a pair of file descriptors. */
#ifndef BACKENDS_CHAR_FD_H
#define BACKENDS_CHAR_FD_H

#include "backends/char/channel.h"

typedef struct ChardevFd {
    Chardev chardev;
    int in_fd, out_fd;  /* owned; -1: none; may be the same */
    Channel channel;
} ChardevFd;

extern const ObjectType chardev_fd_type;

/* Starts the channel on in_fd and out_fd and tells OPENED. */
void chardev_fd_start(ChardevFd *fd);

/* The ops of all of them but for open (and what serial lines add). */
#define CHARDEV_FD_OPS                                                          \
    .write = chardev_fd_write, .watch = chardev_fd_watch, .wait = chardev_fd_wait, \
    .resume = chardev_fd_resume
size_t chardev_fd_write(Chardev *chardev, const uint8_t *data, size_t size);
void chardev_fd_watch(Chardev *chardev, bool wanted);
void chardev_fd_wait(Chardev *chardev, unsigned timeout_ms);
void chardev_fd_resume(Chardev *chardev);

#endif
