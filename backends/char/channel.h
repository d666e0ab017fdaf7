/* SPDX-License-Identifier: MIT */
/*
 * A pair of non-blocking file descriptors on the main context: the byte pump
 * of every backend that talks to one.
 *
 * Input is polled for while the front end has room. A descriptor that nobody
 * waits for is taken out of the poll set, as poll() would report a hang-up of
 * it for ever.
 */
#ifndef BACKENDS_CHAR_CHANNEL_H
#define BACKENDS_CHAR_CHANNEL_H

#include "backends/char/backend.h"

typedef struct Channel Channel;

typedef struct ChannelOps {
    /* As read() and write(); NULL: those. */
    ssize_t (*read)(Channel *channel, void *buffer, size_t size);
    ssize_t (*write)(Channel *channel, const void *data, size_t size);
    /* What was read goes to the front end through this; NULL: chardev_deliver(). */
    void (*received)(Channel *channel, uint8_t *data, size_t size);
    /* The end of the input, or an error (an errno) of either direction. */
    void (*closed)(Channel *channel, int error);
    /* The other side hung up while the front end had no room for what it sent before. */
    void (*hung_up)(Channel *channel);
} ChannelOps;

struct Channel {
    Chardev *chardev;
    const ChannelOps *ops;
    GSource *source;          /* NULL while closed */
    int in_fd, out_fd;        /* -1: no such direction; may be the same */
    gpointer in_tag, out_tag; /* in the poll set, or NULL */
    bool want_in, want_out;
    bool at_end;              /* no more input comes; writing may go on */
    bool watches_hang_up;     /* input is paused, but a hang-up is of interest */
    bool is_hung_up;
    int write_error;          /* told by the source, not inside of a write */
};

/* Starts it; the descriptors stay the caller's, who closes them after channel_stop(). */
void channel_start(Channel *channel, Chardev *chardev, const ChannelOps *ops, int in_fd,
                   int out_fd);
/* Takes one that is stopped, or zeroed. */
void channel_stop(Channel *channel);
static inline bool channel_is_running(const Channel *channel)
{
    return channel->source != NULL;
}
/* From closed(): stops reading but goes on writing. */
void channel_end_input(Channel *channel);
void channel_resume(Channel *channel);
/* What could be written; all of it while stopped, or after an error. */
size_t channel_write(Channel *channel, const uint8_t *data, size_t size);
void channel_watch(Channel *channel, bool wanted);
void channel_wait(Channel *channel, unsigned timeout_ms);

#endif
