/* SPDX-License-Identifier: MIT */
/* Where sockets listen and connect: unix paths, abstract names, TCP hosts and ports. */
#ifndef BACKENDS_CHAR_SOCKET_ADDRESS_H
#define BACKENDS_CHAR_SOCKET_ADDRESS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* As the options say it; strings are borrowed. */
typedef struct SocketName {
    const char *path;        /* unix; NULL: TCP */
    bool abstract, tight;    /* the abstract namespace, unix(7); tight: no padding */
    const char *host, *port; /* host NULL or "": any address, or the loopback to connect to */
    uint32_t to;             /* last port to try when listening; 0: only `port` */
    bool ipv4, ipv6;         /* families allowed */
} SocketName;

typedef struct SocketTarget {
    socklen_t length;
    union {
        struct sockaddr address;
        struct sockaddr_storage storage;
    };
} SocketTarget;

/*
 * The addresses of a name, in the order to try them: an array of SocketTarget.
 * May block on the resolver.
 */
GArray *socket_resolve(const SocketName *name, bool listening, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* A listening socket, non-blocking; an old unix socket of that path is replaced. -1: error. */
int socket_listen(const SocketName *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Connects to the first that answers; blocks. -1: error. */
int socket_connect(const SocketName *name, GArray *targets, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Starts to connect without blocking: *in_progress, or done. -1 with errno. */
int socket_connect_start(const SocketTarget *target, bool *in_progress);

/* "unix:PATH", "tcp:HOST:PORT"; `protocol` replaces "tcp". The caller frees it. */
char *socket_name_print(const SocketName *name, const char *protocol);
/* "HOST:PORT" of the socket's own or its peer's address, or NULL. The caller frees it. */
char *socket_fd_print(int fd, bool peer);

#endif
