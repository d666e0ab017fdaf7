/* SPDX-License-Identifier: MIT */
#include "backends/char/channel.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

typedef struct ChannelSource {
    GSource source;
    Channel *channel;
} ChannelSource;

/* ---- the poll set ---- */

static void update_fd(Channel *channel, gpointer *tag, int fd, bool polled, GIOCondition events)
{
    if (fd < 0 || !polled) {
        if (*tag) {
            g_source_remove_unix_fd(channel->source, *tag);
            *tag = NULL;
        }
    } else if (!*tag) {
        *tag = g_source_add_unix_fd(channel->source, fd, events);
    } else {
        g_source_modify_unix_fd(channel->source, *tag, events);
    }
}

static void update_poll(Channel *channel)
{
    GIOCondition in = channel->want_in ? G_IO_IN : 0;
    GIOCondition out = channel->want_out ? G_IO_OUT : 0;
    bool hang_up = channel->watches_hang_up && !channel->is_hung_up;

    if (channel->in_fd == channel->out_fd) {
        update_fd(channel, &channel->in_tag, channel->in_fd, in || out || hang_up, in | out);
    } else {
        update_fd(channel, &channel->in_tag, channel->in_fd, in || hang_up, in);
        update_fd(channel, &channel->out_tag, channel->out_fd, out, out);
    }
}

static void set_want_in(Channel *channel, bool want)
{
    want = want && !channel->at_end && channel->in_fd >= 0;
    if (channel->want_in != want) {
        channel->want_in = want;
        channel->watches_hang_up = !want && !channel->at_end && channel->ops->hung_up;
        update_poll(channel);
    }
}

/* ---- input ---- */

/* Read in one turn of the main loop from what does not block. */
#define MAX_PIECES 16

static ssize_t read_in(Channel *channel, void *buffer, size_t size)
{
    return channel->ops->read ? channel->ops->read(channel, buffer, size)
                              : read(channel->in_fd, buffer, size);
}

/* Returns whether something was received. */
static bool read_piece(Channel *channel)
{
    /* Up to CHARDEV_PIECE of stack that need not be cleared. */
    __attribute__((uninitialized)) uint8_t buffer[CHARDEV_PIECE];
    size_t room = chardev_room(channel->chardev);
    ssize_t size;

    if (!room) {
        set_want_in(channel, false);
        return false;
    }
    size = read_in(channel, buffer, MIN(room, sizeof(buffer)));
    if (size > 0 && channel->ops->received) {
        channel->ops->received(channel, buffer, size);
    } else if (size > 0) {
        chardev_deliver(channel->chardev, buffer, size);
    } else if (size == 0) {
        channel->ops->closed(channel, 0);
    } else if (errno != EAGAIN && errno != EINTR) {
        channel->ops->closed(channel, errno);
    }
    return size > 0;
}

static void readable(Channel *channel)
{
    /*
     * A peer with many commands under way has sent more by now, and asking the
     * socket is cheaper than a turn of the main loop.
     */
    unsigned pieces = channel->ops->read ? MAX_PIECES : 1;

    while (pieces-- && channel->source && channel->want_in && read_piece(channel)) {
    }
}

void channel_resume(Channel *channel)
{
    if (channel->source && !channel->want_in && chardev_room(channel->chardev)) {
        set_want_in(channel, true);
    }
}

/* ---- output ---- */

size_t channel_write(Channel *channel, const uint8_t *data, size_t size)
{
    size_t done = 0;

    while (channel->source && channel->out_fd >= 0 && !channel->write_error && done < size) {
        ssize_t written = channel->ops->write
            ? channel->ops->write(channel, data + done, size - done)
            : write(channel->out_fd, data + done, size - done);
        if (written >= 0) {
            done += written;
        } else if (errno == EAGAIN) {
            return done;
        } else if (errno != EINTR) {
            channel->write_error = errno;
            g_source_set_ready_time(channel->source, 0);
        }
    }
    return size;
}

void channel_watch(Channel *channel, bool wanted)
{
    if (channel->source && channel->want_out != wanted) {
        channel->want_out = wanted;
        update_poll(channel);
    }
}

void channel_wait(Channel *channel, unsigned timeout_ms)
{
    struct pollfd poll_fd = { .fd = channel->out_fd, .events = POLLOUT };

    if (channel->source && channel->out_fd >= 0) {
        poll(&poll_fd, 1, MIN(timeout_ms, G_MAXINT));
    }
}

/* ---- the source ---- */

static void take_write_error(Channel *channel)
{
    int error = channel->write_error;

    /* What was sent before the other side went is still to be read; its end comes behind. */
    if (error && (channel->at_end || channel->in_fd < 0 || !channel->want_in)) {
        channel->ops->closed(channel, error);
    }
}

static gboolean channel_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    Channel *channel = ((ChannelSource *)source)->channel;
    GIOCondition in = channel->in_tag ? g_source_query_unix_fd(source, channel->in_tag) : 0;
    GIOCondition out = channel->out_tag ? g_source_query_unix_fd(source, channel->out_tag)
                                        : channel->in_fd == channel->out_fd ? in : 0;

    g_source_set_ready_time(source, -1);
    if (channel->want_out && (out & (G_IO_OUT | G_IO_HUP | G_IO_ERR))) {
        chardev_writable(channel->chardev);
    }
    if (!g_source_is_destroyed(source) && channel->want_in &&
        (in & (G_IO_IN | G_IO_HUP | G_IO_ERR))) {
        readable(channel);
    } else if (!g_source_is_destroyed(source) && channel->watches_hang_up &&
               (in & (G_IO_HUP | G_IO_ERR))) {
        channel->is_hung_up = true;
        update_poll(channel);
        channel->ops->hung_up(channel);
    }
    if (!g_source_is_destroyed(source)) {
        take_write_error(channel);
    }
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs channel_source_funcs = { .dispatch = channel_dispatch };

void channel_start(Channel *channel, Chardev *chardev, const ChannelOps *ops, int in_fd,
                   int out_fd)
{
    struct sigaction action;

    g_assert(!channel->source);
    /* A reader that went is an error of write(), not the program's end. */
    if (!sigaction(SIGPIPE, NULL, &action) && action.sa_handler == SIG_DFL) {
        signal(SIGPIPE, SIG_IGN);
    }
    *channel = (Channel){ .chardev = chardev, .ops = ops, .in_fd = in_fd, .out_fd = out_fd };
    channel->source = g_source_new(&channel_source_funcs, sizeof(ChannelSource));
    ((ChannelSource *)channel->source)->channel = channel;
    g_source_set_name(channel->source, "chardev");
    g_source_attach(channel->source, NULL);
    channel->watches_hang_up = in_fd >= 0 && ops->hung_up;
    update_poll(channel);
    channel_resume(channel);
}

void channel_stop(Channel *channel)
{
    if (channel->source) {
        g_source_destroy(channel->source);
        g_clear_pointer(&channel->source, g_source_unref);
        channel->in_tag = channel->out_tag = NULL;
        channel->want_in = channel->want_out = false;
    }
}

void channel_end_input(Channel *channel)
{
    channel->at_end = true;
    channel->want_in = channel->watches_hang_up = false;
    update_poll(channel);
}
