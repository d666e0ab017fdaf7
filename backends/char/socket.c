/* SPDX-License-Identifier: MIT */
/*
 * chardev-socket: a stream socket, as server for one client at a time or as
 * client, that may reconnect. TCP sockets can speak telnet; unix sockets can
 * pass file descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "backends/char/channel.h"
#include "backends/char/socket-address.h"
#include "backends/char/telnet.h"
#include "backends/char/terminal.h"
#include "base/log.h"

#define FDS_MAX 16

enum { UNSET, ON, OFF };
static const char *const on_off_auto[] = { "auto", "on", "off", NULL };

typedef struct ChardevSocket {
    Chardev chardev;
    /* Properties. */
    char *path, *host, *port, *fd_name;
    uint32_t to, reconnect, reconnect_ms;
    bool server, telnet, abstract, tight, nodelay, delay;
    uint8_t wait, ipv4, ipv6;

    int listen_fd;
    bool owns_path;            /* the socket's file is ours to remove */
    GSource *listener;         /* waits for a client */
    GArray *targets;           /* to connect to, again and again */
    guint next_target;
    int connecting_fd;
    GSource *connecting, *timer;
    int fd;                    /* connected, or -1 */
    Channel channel;
    Telnet telnet_state;
    char *connected_name;      /* "A:P <-> B:Q" of TCP, while connected */
    int fds[FDS_MAX];          /* came with the last message */
    unsigned fd_count;
} ChardevSocket;

static void accept_clients(ChardevSocket *self, bool wanted);
static void connect_later(ChardevSocket *self);

static ChardevSocket *socket_of(const Channel *channel)
{
    return (ChardevSocket *)channel->chardev;
}

static SocketName name_of(const ChardevSocket *self)
{
    SocketName name = {
        .path = self->path, .abstract = self->abstract, .tight = self->tight,
        .host = self->host, .port = self->port, .to = self->to,
        /* One of them "on" excludes the other. */
        .ipv4 = self->ipv4 == ON || (self->ipv4 == UNSET && self->ipv6 != ON),
        .ipv6 = self->ipv6 == ON || (self->ipv6 == UNSET && self->ipv4 != ON),
    };

    return name;
}

/* Milliseconds, or 0: it does not. */
static guint reconnect_interval(const ChardevSocket *self)
{
    return self->reconnect_ms ? self->reconnect_ms : self->reconnect * 1000;
}

static void source_clear(GSource **source)
{
    if (*source) {
        g_source_destroy(*source);
        g_clear_pointer(source, g_source_unref);
    }
}

static void source_start(GSource **slot, GSource *source, GSourceFunc callback, void *opaque)
{
    *slot = source;
    g_source_set_callback(source, callback, opaque, NULL);
    g_source_attach(source, NULL);
}

/* ---- bytes ---- */

static void drop_fds(ChardevSocket *self)
{
    for (unsigned i = 0; i < self->fd_count; i++) {
        close(self->fds[i]);
    }
    self->fd_count = 0;
}

static void take_message_fds(ChardevSocket *self, struct msghdr *message)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
         header = CMSG_NXTHDR(message, header)) {
        int *fds = (int *)CMSG_DATA(header);
        size_t count;
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        drop_fds(self);
        for (size_t i = 0; i < count; i++) {
            if (self->fd_count < FDS_MAX) {
                self->fds[self->fd_count++] = fds[i];
            } else {
                close(fds[i]);
            }
        }
    }
}

static ssize_t socket_read(Channel *channel, void *buffer, size_t size)
{
    ChardevSocket *self = socket_of(channel);
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
    } control;
    struct iovec vector = { buffer, size };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
    ssize_t result;

    if (!self->path && !self->fd_name) {
        return recv(self->fd, buffer, size, 0);
    }
    message.msg_control = &control;
    message.msg_controllen = sizeof(control);
    result = recvmsg(self->fd, &message, MSG_CMSG_CLOEXEC);
    if (result >= 0) {
        take_message_fds(self, &message);
    }
    return result;
}

static ssize_t send_bytes(int fd, const void *data, size_t size)
{
    return send(fd, data, size, MSG_NOSIGNAL);
}

static ssize_t socket_write(Channel *channel, const void *data, size_t size)
{
    ChardevSocket *self = socket_of(channel);

    if (self->telnet) {
        return telnet_write(&self->telnet_state, data, size, send_bytes, self->fd);
    }
    return send_bytes(self->fd, data, size);
}

static void telnet_received(Channel *channel, uint8_t *data, size_t size)
{
    ChardevSocket *self = socket_of(channel);
    g_autoptr(GByteArray) reply = g_byte_array_new();
    unsigned breaks = 0;

    size = telnet_decode(&self->telnet_state, data, size, reply, &breaks);
    /* An answer that does not go at once is lost: nobody may make us keep many. */
    if (reply->len && !self->telnet_state.owes_iac) {
        send_bytes(self->fd, reply->data, reply->len);
    }
    if (breaks) {
        chardev_event(&self->chardev, CHARDEV_BREAK);
    }
    chardev_deliver(&self->chardev, data, size);
}

/* ---- connections ---- */

static void disconnect(ChardevSocket *self)
{
    if (self->fd < 0) {
        return;
    }
    channel_stop(&self->channel);
    close(self->fd);
    self->fd = -1;
    drop_fds(self);
    g_clear_pointer(&self->connected_name, g_free);
}

static void socket_closed(Channel *channel, int error)
{
    ChardevSocket *self = socket_of(channel);

    disconnect(self);
    chardev_event(&self->chardev, CHARDEV_CLOSED);
    /* What was queued for the client that went vanishes; its writer may go on. */
    chardev_writable(&self->chardev);
    if (self->fd < 0 && self->server) {
        accept_clients(self, true);
    } else if (self->fd < 0 && reconnect_interval(self)) {
        connect_later(self);
    }
}

/*
 * The client went, but the front end does not take its last bytes. They are
 * kept until another client comes.
 */
static void socket_hung_up(Channel *channel)
{
    ChardevSocket *self = socket_of(channel);

    if (self->server) {
        accept_clients(self, true);
    }
}

static const ChannelOps socket_channel_ops = {
    .read = socket_read, .write = socket_write, .closed = socket_closed,
    .hung_up = socket_hung_up,
};
static const ChannelOps telnet_channel_ops = {
    .read = socket_read, .write = socket_write, .closed = socket_closed,
    .hung_up = socket_hung_up, .received = telnet_received,
};

static void connected(ChardevSocket *self, int fd)
{
    g_autofree char *own = socket_fd_print(fd, false), *peer = socket_fd_print(fd, true);
    int one = 1;

    self->fd = fd;
    g_unix_set_fd_nonblocking(fd, TRUE, NULL);
    if (own && peer) {
        self->connected_name = g_strdup_printf("%s%s <-> %s", own,
                                               self->server ? ",server=on" : "", peer);
        if (self->nodelay || !self->delay) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        }
    }
    if (self->telnet) {
        size_t size;
        const uint8_t *greeting = telnet_greeting(&size);
        memset(&self->telnet_state, 0, sizeof(self->telnet_state));
        send_bytes(fd, greeting, size);
    }
    channel_start(&self->channel, &self->chardev,
                  self->telnet ? &telnet_channel_ops : &socket_channel_ops, fd, fd);
    chardev_event(&self->chardev, CHARDEV_OPENED);
}

/* ---- the server ---- */

static gboolean on_client(gint listen_fd, GIOCondition condition, gpointer opaque)
{
    ChardevSocket *self = opaque;
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0) {
        return G_SOURCE_CONTINUE;
    }
    accept_clients(self, false);
    if (self->fd >= 0) {
        disconnect(self);
        chardev_event(&self->chardev, CHARDEV_CLOSED);
        chardev_writable(&self->chardev);
    }
    connected(self, fd);
    return G_SOURCE_REMOVE;
}

/* The next client waits in the backlog while one is connected. */
static void accept_clients(ChardevSocket *self, bool wanted)
{
    if (!wanted) {
        source_clear(&self->listener);
    } else if (!self->listener) {
        source_start(&self->listener, g_unix_fd_source_new(self->listen_fd, G_IO_IN),
                     G_SOURCE_FUNC(on_client), self);
    }
}

/* Blocks for as long as it takes; signals end the program meanwhile. */
static void wait_for_client(ChardevSocket *self)
{
    g_autofree char *where = chardev_filename(&self->chardev);
    struct pollfd poll_fd = { .fd = self->listen_fd, .events = POLLIN };
    int fd = -1;

    report_info("waiting for connection on: %s", where);
    terminal_signals_end(true);
    while (fd < 0) {
        if (poll(&poll_fd, 1, -1) > 0) {
            fd = accept4(self->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        }
    }
    terminal_signals_end(false);
    connected(self, fd);
}

static bool open_server(ChardevSocket *self, int given_fd, GError **error)
{
    SocketName name = name_of(self);

    self->listen_fd = given_fd >= 0 ? given_fd : socket_listen(&name, error);
    if (self->listen_fd < 0) {
        return false;
    }
    self->owns_path = given_fd < 0 && self->path && !self->abstract;
    g_unix_set_fd_nonblocking(self->listen_fd, TRUE, NULL);
    if (self->wait != OFF) {
        wait_for_client(self);
    } else {
        accept_clients(self, true);
    }
    return true;
}

/* ---- the client ---- */

static void try_connect(ChardevSocket *self);

static gboolean on_timer(gpointer opaque)
{
    ChardevSocket *self = opaque;

    source_clear(&self->timer);
    self->next_target = 0;
    try_connect(self);
    return G_SOURCE_REMOVE;
}

static void connect_later(ChardevSocket *self)
{
    if (!self->timer) {
        source_start(&self->timer, g_timeout_source_new(reconnect_interval(self)), on_timer, self);
    }
}

static gboolean on_connecting(gint fd, GIOCondition condition, gpointer opaque)
{
    ChardevSocket *self = opaque;
    int error = 0;
    socklen_t length = sizeof(error);

    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    source_clear(&self->connecting);
    self->connecting_fd = -1;
    if (error) {
        close(fd);
        try_connect(self);
    } else {
        connected(self, fd);
    }
    return G_SOURCE_REMOVE;
}

/* One address after the other; then again after a while. */
static void try_connect(ChardevSocket *self)
{
    while (self->next_target < self->targets->len) {
        SocketTarget *target = &g_array_index(self->targets, SocketTarget, self->next_target++);
        bool in_progress;
        int fd = socket_connect_start(target, &in_progress);
        if (fd >= 0 && in_progress) {
            self->connecting_fd = fd;
            source_start(&self->connecting, g_unix_fd_source_new(fd, G_IO_OUT),
                         G_SOURCE_FUNC(on_connecting), self);
            return;
        }
        if (fd >= 0) {
            connected(self, fd);
            return;
        }
    }
    connect_later(self);
}

static bool open_client(ChardevSocket *self, int given_fd, GError **error)
{
    SocketName name = name_of(self);
    int fd = given_fd;

    if (fd < 0) {
        self->targets = socket_resolve(&name, false, error);
        if (!self->targets) {
            return false;
        }
        if (reconnect_interval(self)) {
            try_connect(self);
            return true;
        }
        fd = socket_connect(&name, self->targets, error);
    }
    if (fd < 0) {
        return false;
    }
    connected(self, fd);
    return true;
}

/* ---- options ---- */

/* An option that means nothing with what else was given, or NULL. */
static const char *misplaced_option(const ChardevSocket *self)
{
    if (self->reconnect && self->reconnect_ms) {
        return "'reconnect' and 'reconnect-ms' are mutually exclusive";
    }
    if (self->server && reconnect_interval(self)) {
        return "'reconnect' option is incompatible with socket in server listen mode";
    }
    if (!self->server && self->wait != UNSET) {
        return "'wait' option is incompatible with socket in client connect mode";
    }
    if (!self->server && self->to) {
        return "'to' option is incompatible with socket in client connect mode";
    }
    if (!!self->path + !!self->port + !!self->fd_name != 1) {
        return self->host && !self->port
            ? "no port given"
            : "exactly one of path, port (with host) and fd must be given";
    }
    if (self->host && !self->port) {
        return "'host' needs 'port'";
    }
    if (!self->path && self->abstract) {
        return "'abstract' needs a unix socket ('path')";
    }
    if (!self->port && (self->to || self->ipv4 != UNSET || self->ipv6 != UNSET)) {
        return "'to', 'ipv4' and 'ipv6' need a TCP socket ('host' and 'port')";
    }
    if (self->fd_name && reconnect_interval(self)) {
        return "'reconnect' cannot connect an inherited 'fd' again";
    }
    return NULL;
}

static bool parse_fd(const ChardevSocket *self, int *fd, GError **error)
{
    guint64 number;
    int type = 0;
    socklen_t length = sizeof(type);

    *fd = -1;
    if (!self->fd_name) {
        return true;
    }
    if (!g_ascii_string_to_unsigned(self->fd_name, 10, 0, G_MAXINT, &number, NULL)) {
        error_set(error, ERROR_INVALID, "chardev '%s': Unable to parse FD number %s",
                  chardev_id(&self->chardev), self->fd_name);
        return false;
    }
    if (getsockopt(number, SOL_SOCKET, SO_TYPE, &type, &length) || type != SOCK_STREAM) {
        error_set(error, ERROR_INVALID, "chardev '%s': file descriptor %s is not a stream socket",
                  chardev_id(&self->chardev), self->fd_name);
        return false;
    }
    *fd = number;
    return true;
}

static bool socket_open(Chardev *chardev, GError **error)
{
    ChardevSocket *self = (ChardevSocket *)chardev;
    const char *mistake = misplaced_option(self);
    int given_fd;

    if (mistake) {
        error_set(error, ERROR_INVALID, "chardev '%s': socket: %s", chardev_id(chardev), mistake);
        return false;
    }
    if (self->to && (!g_ascii_isdigit(*self->port) ||
                     self->to < g_ascii_strtoull(self->port, NULL, 10))) {
        error_set(error, ERROR_INVALID, "chardev '%s': socket: to=%u must be a port from port=%s on",
                  chardev_id(chardev), self->to, self->port);
        return false;
    }
    if (!parse_fd(self, &given_fd, error)) {
        return false;
    }
    return self->server ? open_server(self, given_fd, error)
                        : open_client(self, given_fd, error);
}

/* ---- the backend ---- */

static size_t socket_backend_write(Chardev *chardev, const uint8_t *data, size_t size)
{
    return channel_write(&((ChardevSocket *)chardev)->channel, data, size);
}

static void socket_watch(Chardev *chardev, bool wanted)
{
    channel_watch(&((ChardevSocket *)chardev)->channel, wanted);
}

static void socket_wait(Chardev *chardev, unsigned timeout_ms)
{
    channel_wait(&((ChardevSocket *)chardev)->channel, timeout_ms);
}

static void socket_resume(Chardev *chardev)
{
    channel_resume(&((ChardevSocket *)chardev)->channel);
}

static unsigned socket_take_fds(Chardev *chardev, int *fds, unsigned max)
{
    ChardevSocket *self = (ChardevSocket *)chardev;
    unsigned count = MIN(max, self->fd_count);

    memcpy(fds, self->fds, count * sizeof(int));
    self->fd_count -= count;
    memmove(self->fds, self->fds + count, self->fd_count * sizeof(int));
    return count;
}

static char *socket_filename(const Chardev *chardev)
{
    const ChardevSocket *self = (const ChardevSocket *)chardev;
    const char *protocol = self->telnet ? "telnet" : "tcp";
    const char *prefix = self->fd >= 0 ? "" : "disconnected:";
    SocketName name = name_of(self);
    g_autofree char *listening = NULL, *text = NULL;

    if (self->connected_name) {
        return g_strdup_printf("%s:%s", protocol, self->connected_name);
    }
    if (self->fd_name) {
        return g_strdup_printf("%sfd:%s%s", prefix, self->fd_name,
                               self->server ? ",server=on" : "");
    }
    /* With port=0 or to=N, the port that it became. */
    listening = self->listen_fd >= 0 ? socket_fd_print(self->listen_fd, false) : NULL;
    text = listening && !self->path ? g_strdup_printf("%s:%s", protocol, listening)
                                    : socket_name_print(&name, protocol);
    return g_strdup_printf("%s%s%s", prefix, text, self->server ? ",server=on" : "");
}

static void socket_init(Object *object)
{
    ChardevSocket *self = (ChardevSocket *)object;

    self->fd = self->listen_fd = self->connecting_fd = -1;
}

static void socket_finalize(Object *object)
{
    ChardevSocket *self = (ChardevSocket *)object;

    disconnect(self);
    source_clear(&self->listener);
    source_clear(&self->connecting);
    source_clear(&self->timer);
    if (self->connecting_fd >= 0) {
        close(self->connecting_fd);
    }
    if (self->listen_fd >= 0) {
        close(self->listen_fd);
    }
    if (self->owns_path) {
        unlink(self->path);
    }
    g_clear_pointer(&self->targets, g_array_unref);
    self->fd = self->listen_fd = self->connecting_fd = -1;
}

static const Property socket_properties[] = {
    { .name = "path", .description = "unix socket", .field = FIELD_OF(ChardevSocket, path) },
    { .name = "abstract", .description = "path is a name of the abstract namespace",
      .field = FIELD_OF(ChardevSocket, abstract) },
    { .name = "tight", .description = "an abstract name is not padded with zeros",
      .field = FIELD_OF(ChardevSocket, tight), .def.u = 1 },
    { .name = "host", .description = "TCP host", .field = FIELD_OF(ChardevSocket, host) },
    { .name = "port", .description = "TCP port or service",
      .field = FIELD_OF(ChardevSocket, port) },
    { .name = "to", .description = "last TCP port to try to listen on",
      .field = FIELD_OF(ChardevSocket, to), .max = 65535 },
    { .name = "ipv4", .description = "use IPv4", .field = FIELD_OF(ChardevSocket, ipv4),
      .values = on_off_auto },
    { .name = "ipv6", .description = "use IPv6", .field = FIELD_OF(ChardevSocket, ipv6),
      .values = on_off_auto },
    { .name = "fd", .description = "number of an inherited socket",
      .field = FIELD_OF(ChardevSocket, fd_name) },
    { .name = "server", .description = "listen instead of connecting",
      .field = FIELD_OF(ChardevSocket, server) },
    { .name = "wait", .description = "a server waits for its client before anything starts (auto: on)",
      .field = FIELD_OF(ChardevSocket, wait), .values = on_off_auto },
    { .name = "reconnect", .description = "seconds after which a client connects again; 0: never",
      .field = FIELD_OF(ChardevSocket, reconnect), .max = 24 * 60 * 60 },
    { .name = "reconnect-ms", .description = "the same in milliseconds",
      .field = FIELD_OF(ChardevSocket, reconnect_ms), .max = 24 * 60 * 60 * 1000 },
    { .name = "telnet", .description = "speak the telnet protocol",
      .field = FIELD_OF(ChardevSocket, telnet) },
    { .name = "nodelay", .description = "send small TCP segments at once",
      .field = FIELD_OF(ChardevSocket, nodelay) },
    { .name = "delay", .description = "off: the same as nodelay=on",
      .field = FIELD_OF(ChardevSocket, delay), .def.u = 1 },
};
static const ChardevBackendOps socket_ops = {
    .open = socket_open, .write = socket_backend_write, .watch = socket_watch,
    .wait = socket_wait, .resume = socket_resume, .filename = socket_filename,
    .take_fds = socket_take_fds,
};
static const Interface socket_interfaces[] = { { CHARDEV_BACKEND, &socket_ops } };

const ObjectType chardev_socket_type = {
    .name = "chardev-socket", .parent = "chardev",
    .description = "unix or TCP socket, server or client", .size = sizeof(ChardevSocket),
    .properties = TABLE(socket_properties), .interfaces = TABLE(socket_interfaces),
    .init = socket_init, .finalize = socket_finalize,
};
