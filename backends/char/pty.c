/* SPDX-License-Identifier: MIT */
/*
 * chardev-pty: a new pseudoterminal. It is open while somebody has the other
 * side open; what is written meanwhile vanishes.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

#include "backends/char/channel.h"

typedef struct ChardevPty {
    Chardev chardev;
    int master;
    char *name;          /* of the other side, /dev/pts/N */
    Channel channel;     /* runs while the other side is open */
    int inotify_fd;      /* -1: the other side is looked at every second */
    GSource *waiting;    /* for it to be opened */
} ChardevPty;

static void wait_for_open(ChardevPty *pty);

/* poll() reports a hang-up while nobody has the other side open. */
static bool other_side_is_open(const ChardevPty *pty)
{
    struct pollfd poll_fd = { .fd = pty->master };

    return poll(&poll_fd, 1, 0) >= 0 && !(poll_fd.revents & POLLHUP);
}

static void stop_waiting(ChardevPty *pty)
{
    if (pty->waiting) {
        g_source_destroy(pty->waiting);
        g_clear_pointer(&pty->waiting, g_source_unref);
    }
}

static void pty_closed(Channel *channel, int error)
{
    ChardevPty *pty = (ChardevPty *)channel->chardev;

    channel_stop(channel);
    chardev_event(&pty->chardev, CHARDEV_CLOSED);
    chardev_writable(&pty->chardev);
    wait_for_open(pty);
}

static const ChannelOps pty_channel_ops = { .closed = pty_closed };

static void look(ChardevPty *pty)
{
    if (other_side_is_open(pty)) {
        stop_waiting(pty);
        channel_start(&pty->channel, &pty->chardev, &pty_channel_ops, pty->master, pty->master);
        chardev_event(&pty->chardev, CHARDEV_OPENED);
    }
}

static gboolean on_inotify(gint fd, GIOCondition condition, gpointer opaque)
{
    char events[4096];

    while (read(fd, events, sizeof(events)) > 0) {
    }
    look(opaque);
    return G_SOURCE_CONTINUE;
}

static gboolean on_timer(gpointer opaque)
{
    look(opaque);
    return G_SOURCE_CONTINUE;
}

static void wait_for_open(ChardevPty *pty)
{
    if (pty->inotify_fd >= 0) {
        pty->waiting = g_unix_fd_source_new(pty->inotify_fd, G_IO_IN);
        g_source_set_callback(pty->waiting, G_SOURCE_FUNC(on_inotify), pty, NULL);
    } else {
        pty->waiting = g_timeout_source_new_seconds(1);
        g_source_set_callback(pty->waiting, on_timer, pty, NULL);
    }
    g_source_attach(pty->waiting, NULL);
    /* It may be open already. */
    look(pty);
}

static void set_raw(int fd)
{
    struct termios settings;

    if (!tcgetattr(fd, &settings)) {
        cfmakeraw(&settings);
        tcsetattr(fd, TCSANOW, &settings);
    }
}

static bool open_pair(ChardevPty *pty)
{
    char name[64];
    int other;

    pty->master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (pty->master < 0 || grantpt(pty->master) || unlockpt(pty->master) ||
        ptsname_r(pty->master, name, sizeof(name))) {
        return false;
    }
    pty->name = g_strdup(name);
    /* From the first close of the other side on, a hang-up says that it is not open. */
    other = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (other < 0) {
        return false;
    }
    set_raw(other);
    close(other);
    return true;
}

static bool pty_open(Chardev *chardev, GError **error)
{
    ChardevPty *pty = (ChardevPty *)chardev;

    if (!open_pair(pty)) {
        error_set_errno(error, errno, "chardev '%s': cannot make a pseudoterminal",
                        chardev_id(chardev));
        return false;
    }
    pty->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (pty->inotify_fd >= 0 && inotify_add_watch(pty->inotify_fd, pty->name, IN_OPEN) < 0) {
        close(pty->inotify_fd);
        pty->inotify_fd = -1;
    }
    /* Programs read this line. */
    printf("char device redirected to %s (label %s)\n", pty->name, chardev_id(chardev));
    fflush(stdout);
    wait_for_open(pty);
    return true;
}

static size_t pty_write(Chardev *chardev, const uint8_t *data, size_t size)
{
    return channel_write(&((ChardevPty *)chardev)->channel, data, size);
}

static void pty_watch(Chardev *chardev, bool wanted)
{
    channel_watch(&((ChardevPty *)chardev)->channel, wanted);
}

static void pty_wait(Chardev *chardev, unsigned timeout_ms)
{
    channel_wait(&((ChardevPty *)chardev)->channel, timeout_ms);
}

static void pty_resume(Chardev *chardev)
{
    channel_resume(&((ChardevPty *)chardev)->channel);
}

static char *pty_filename(const Chardev *chardev)
{
    return g_strdup_printf("pty:%s", ((const ChardevPty *)chardev)->name);
}

static void pty_init(Object *object)
{
    ChardevPty *pty = (ChardevPty *)object;

    pty->master = pty->inotify_fd = -1;
}

static void pty_finalize(Object *object)
{
    ChardevPty *pty = (ChardevPty *)object;

    stop_waiting(pty);
    channel_stop(&pty->channel);
    if (pty->inotify_fd >= 0) {
        close(pty->inotify_fd);
    }
    if (pty->master >= 0) {
        close(pty->master);
    }
    g_clear_pointer(&pty->name, g_free);
    pty->master = pty->inotify_fd = -1;
}

static const ChardevBackendOps pty_ops = {
    .open = pty_open, .write = pty_write, .watch = pty_watch, .wait = pty_wait,
    .resume = pty_resume, .filename = pty_filename,
};
static const Interface pty_interfaces[] = { { CHARDEV_BACKEND, &pty_ops } };

const ObjectType chardev_pty_type = {
    .name = "chardev-pty", .parent = "chardev", .description = "a new pseudoterminal",
    .size = sizeof(ChardevPty), .interfaces = TABLE(pty_interfaces),
    .init = pty_init, .finalize = pty_finalize,
};
