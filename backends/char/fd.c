/* SPDX-License-Identifier: MIT */
#include "backends/char/fd.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Input that ended is told as CLOSED, but output goes on: a serial port whose
 * standard input is /dev/null still prints. An output that failed swallows.
 */
static void fd_closed(Channel *channel, int error)
{
    if (!channel->at_end) {
        channel_end_input(channel);
        chardev_event(channel->chardev, CHARDEV_CLOSED);
    }
}

static bool is_socket(int fd)
{
    struct stat status;

    return fd >= 0 && !fstat(fd, &status) && S_ISSOCK(status.st_mode);
}

static ssize_t fd_receive(Channel *channel, void *buffer, size_t size)
{
    return recv(channel->in_fd, buffer, size, MSG_DONTWAIT);
}

static ssize_t fd_send(Channel *channel, const void *data, size_t size)
{
    return send(channel->out_fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* By whether the input and the output are sockets, which need no O_NONBLOCK. */
static const ChannelOps fd_channel_ops[2][2] = {
    { { .closed = fd_closed }, { .closed = fd_closed, .write = fd_send } },
    { { .closed = fd_closed, .read = fd_receive },
      { .closed = fd_closed, .read = fd_receive, .write = fd_send } },
};

void chardev_fd_start(ChardevFd *fd)
{
    const ChannelOps *ops = &fd_channel_ops[is_socket(fd->in_fd)][is_socket(fd->out_fd)];

    channel_start(&fd->channel, &fd->chardev, ops, fd->in_fd, fd->out_fd);
    chardev_event(&fd->chardev, CHARDEV_OPENED);
}

size_t chardev_fd_write(Chardev *chardev, const uint8_t *data, size_t size)
{
    return channel_write(&((ChardevFd *)chardev)->channel, data, size);
}

void chardev_fd_watch(Chardev *chardev, bool wanted)
{
    channel_watch(&((ChardevFd *)chardev)->channel, wanted);
}

void chardev_fd_wait(Chardev *chardev, unsigned timeout_ms)
{
    channel_wait(&((ChardevFd *)chardev)->channel, timeout_ms);
}

void chardev_fd_resume(Chardev *chardev)
{
    channel_resume(&((ChardevFd *)chardev)->channel);
}

static void fd_init(Object *object)
{
    ChardevFd *fd = (ChardevFd *)object;

    fd->in_fd = fd->out_fd = -1;
}

static void fd_finalize(Object *object)
{
    ChardevFd *fd = (ChardevFd *)object;

    channel_stop(&fd->channel);
    if (fd->in_fd >= 0) {
        close(fd->in_fd);
    }
    if (fd->out_fd >= 0 && fd->out_fd != fd->in_fd) {
        close(fd->out_fd);
    }
    fd->in_fd = fd->out_fd = -1;
}

const ObjectType chardev_fd_type = {
    .name = "chardev-fd", .parent = "chardev", .description = "a pair of file descriptors",
    .abstract = true, .size = sizeof(ChardevFd), .init = fd_init, .finalize = fd_finalize,
};
