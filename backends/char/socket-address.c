/* SPDX-License-Identifier: MIT */
#include "backends/char/socket-address.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "qom/parse.h"

/* ---- names to addresses ---- */

static bool resolve_unix(const SocketName *name, SocketTarget *target, GError **error)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&target->storage;
    size_t length = strlen(name->path);
    /* A path ends with a zero; an abstract name begins with one. Both cost a byte. */
    size_t max = sizeof(un->sun_path) - 1;

    if (!length || length > max) {
        error_set(error, ERROR_INVALID,
                  "UNIX socket path '%s' is %s: 1 to %zu bytes are possible", name->path,
                  length ? "too long" : "empty", max);
        return false;
    }
    memset(un, 0, sizeof(*un));
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path + (name->abstract ? 1 : 0), name->path, length);
    target->length = name->abstract && name->tight
        ? offsetof(struct sockaddr_un, sun_path) + 1 + length : sizeof(*un);
    return true;
}

static int wanted_family(const SocketName *name)
{
    return name->ipv4 && name->ipv6 ? AF_UNSPEC : name->ipv4 ? AF_INET : AF_INET6;
}

static bool resolve_tcp(const SocketName *name, bool listening, GArray *targets, GError **error)
{
    struct addrinfo hints = {
        .ai_family = wanted_family(name), .ai_socktype = SOCK_STREAM,
        .ai_flags = listening ? AI_PASSIVE : 0,
    };
    const char *host = name->host && *name->host ? name->host : NULL;
    struct addrinfo *list;
    uint64_t port;
    int code;

    if (!name->ipv4 && !name->ipv6) {
        error_set(error, ERROR_INVALID, "ipv4=off and ipv6=off leave no address to use");
        return false;
    }
    /* The resolver takes numbers of any size, modulo 65536. */
    if (parse_uint(name->port, &port, NULL) && port > 65535) {
        error_set(error, ERROR_INVALID, "port %s is out of range: 0 to 65535 is allowed",
                  name->port);
        return false;
    }
    code = getaddrinfo(host, name->port, &hints, &list);
    if (code) {
        error_set(error, ERROR_SYSTEM, "address resolution failed for %s:%s: %s",
                  host ? host : "", name->port,
                  code == EAI_SYSTEM ? g_strerror(errno) : gai_strerror(code));
        return false;
    }
    for (struct addrinfo *info = list; info; info = info->ai_next) {
        SocketTarget target = { .length = info->ai_addrlen };
        if (info->ai_addrlen <= sizeof(target.storage)) {
            memcpy(&target.storage, info->ai_addr, info->ai_addrlen);
            g_array_append_val(targets, target);
        }
    }
    freeaddrinfo(list);
    return true;
}

GArray *socket_resolve(const SocketName *name, bool listening, GError **error)
{
    GArray *targets = g_array_new(FALSE, TRUE, sizeof(SocketTarget));
    SocketTarget target = { 0 };
    bool ok;

    if (name->path) {
        ok = resolve_unix(name, &target, error);
        if (ok) {
            g_array_append_val(targets, target);
        }
    } else {
        ok = resolve_tcp(name, listening, targets, error);
    }
    if (!ok) {
        g_array_unref(targets);
        return NULL;
    }
    return targets;
}

/* ---- listening ---- */

static void target_set_port(SocketTarget *target, unsigned port)
{
    if (target->address.sa_family == AF_INET6) {
        ((struct sockaddr_in6 *)&target->storage)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)&target->storage)->sin_port = htons(port);
    }
}

static unsigned target_port(const SocketTarget *target)
{
    return ntohs(target->address.sa_family == AF_INET6
                     ? ((const struct sockaddr_in6 *)&target->storage)->sin6_port
                     : ((const struct sockaddr_in *)&target->storage)->sin_port);
}

/* -1 with errno. */
static int listen_on(const SocketName *name, const SocketTarget *target)
{
    int family = target->address.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int one = 1, zero = 0, saved;

    if (fd < 0) {
        return -1;
    }
    if (family != AF_UNIX) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    }
    if (family == AF_INET6) {
        /* "::" takes IPv4 clients too, unless ipv4=off. */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, name->ipv4 ? &zero : &one, sizeof(one));
    }
    if (bind(fd, &target->address, target->length) || listen(fd, 1)) {
        saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static bool remove_old_socket(const char *path, GError **error)
{
    struct stat status;

    if (lstat(path, &status)) {
        return true;
    }
    if (!S_ISSOCK(status.st_mode)) {
        error_set(error, ERROR_FAILED,
                  "cannot listen on '%s': it exists and is not a socket", path);
        return false;
    }
    unlink(path);
    return true;
}

static int listen_tcp(const SocketName *name, GArray *targets)
{
    SocketTarget *first = &g_array_index(targets, SocketTarget, 0);
    unsigned port = target_port(first);
    unsigned last = name->to ? name->to : port;

    for (; port <= last; port++) {
        for (guint i = 0; i < targets->len; i++) {
            SocketTarget *target = &g_array_index(targets, SocketTarget, i);
            int fd;
            target_set_port(target, port);
            fd = listen_on(name, target);
            if (fd >= 0) {
                return fd;
            }
        }
    }
    return -1;
}

int socket_listen(const SocketName *name, GError **error)
{
    g_autoptr(GArray) targets = socket_resolve(name, true, error);
    int fd;

    if (!targets) {
        return -1;
    }
    if (name->path) {
        if (!name->abstract && !remove_old_socket(name->path, error)) {
            return -1;
        }
        fd = listen_on(name, &g_array_index(targets, SocketTarget, 0));
    } else {
        fd = listen_tcp(name, targets);
    }
    if (fd < 0) {
        int number = errno;
        g_autofree char *text = socket_name_print(name, "tcp");
        error_set_errno(error, number, "Failed to listen on '%s'", text);
    }
    return fd;
}

/* ---- connecting ---- */

static int finish_connect(int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
    int error = 0;
    socklen_t length = sizeof(error);

    while (poll(&poll_fd, 1, -1) < 0 && errno == EINTR) {
    }
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    return error;
}

/* -1 with errno. */
static int connect_blocking(const SocketTarget *target)
{
    int fd = socket(target->address.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0) {
        return -1;
    }
    error = connect(fd, &target->address, target->length) ? errno : 0;
    if (error == EINTR) {
        error = finish_connect(fd);
    }
    if (!error) {
        return fd;
    }
    close(fd);
    errno = error;
    return -1;
}

int socket_connect(const SocketName *name, GArray *targets, GError **error)
{
    g_autofree char *text = NULL;
    int number = EADDRNOTAVAIL;

    for (guint i = 0; i < targets->len; i++) {
        int fd = connect_blocking(&g_array_index(targets, SocketTarget, i));
        if (fd >= 0) {
            return fd;
        }
        number = errno;
    }
    text = name->path ? g_strdup(name->path) : socket_name_print(name, "tcp");
    error_set_errno(error, number, "Failed to connect to '%s'", text);
    return -1;
}

int socket_connect_start(const SocketTarget *target, bool *in_progress)
{
    int fd = socket(target->address.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int saved;

    *in_progress = false;
    if (fd < 0 || !connect(fd, &target->address, target->length)) {
        return fd;
    }
    if (errno == EINPROGRESS) {
        *in_progress = true;
        return fd;
    }
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* ---- for people ---- */

char *socket_name_print(const SocketName *name, const char *protocol)
{
    bool bracket;

    if (name->path) {
        return g_strdup_printf("unix:%s%s", name->path,
                               !name->abstract ? ""
                               : name->tight   ? ",abstract=on,tight=on"
                                               : ",abstract=on,tight=off");
    }
    bracket = name->host && strchr(name->host, ':');
    return g_strdup_printf("%s:%s%s%s:%s", protocol, bracket ? "[" : "",
                           name->host ? name->host : "", bracket ? "]" : "", name->port);
}

char *socket_fd_print(int fd, bool peer)
{
    SocketTarget target = { .length = sizeof(target.storage) };
    char host[NI_MAXHOST], port[NI_MAXSERV];

    if (peer ? getpeername(fd, &target.address, &target.length)
             : getsockname(fd, &target.address, &target.length)) {
        return NULL;
    }
    if (target.address.sa_family != AF_INET && target.address.sa_family != AF_INET6) {
        return NULL;
    }
    if (getnameinfo(&target.address, target.length, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV)) {
        return NULL;
    }
    return g_strdup_printf(target.address.sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
                           port);
}
