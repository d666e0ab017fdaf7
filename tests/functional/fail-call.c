/* SPDX-License-Identifier: MIT */
/*
 * A library to be preloaded: makes one call of the C library fail. VMM_FAIL="NAME:N" is the call
 * and which one of its calls, from 1; once it happened there is the file VMM_FAIL_MARK. Calls
 * on the standard streams are not counted, so that messages come out.
 */
/* Both names of a call that comes with offsets of 32 and of 64 bits are defined here. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;

static void leave_mark(void)
{
    const char *path = getenv("VMM_FAIL_MARK");
    long fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT, 0600) : -1;

    if (fd >= 0) {
        syscall(SYS_close, fd);
    }
}

/* Is this the call that fails? Then errno is `number`. */
static int fails(const char *name, int number)
{
    const char *wanted = getenv("VMM_FAIL");
    size_t length = strlen(name);

    if (!wanted || strncmp(wanted, name, length) || wanted[length] != ':' ||
        atomic_fetch_add(&calls, 1) + 1 != atol(wanted + length + 1)) {
        return 0;
    }
    leave_mark();
    errno = number;
    return 1;
}

/* The function that this one stands before. */
static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (!function) {
        abort();
    }
    return function;
}

static int open_by(const char *name, const char *path, int flags, va_list args)
{
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;

    return fails("open", EIO) ? -1
                              : ((int (*)(const char *, int, ...))next(name))(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list args;
    int fd;

    va_start(args, flags);
    fd = open_by("open64", path, flags, args);
    va_end(args);
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list args;
    int fd;

    va_start(args, flags);
    fd = open_by("open", path, flags, args);
    va_end(args);
    return fd;
}

int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
    return fails("open", EIO) ? -1
                              : ((int (*)(const char *, int))next("__open64_2"))(path, flags);
}

FILE *fopen64(const char *path, const char *mode)
{
    return fails("fopen", EIO) ? NULL
                               : ((FILE *(*)(const char *, const char *))next("fopen64"))(path, mode);
}

ssize_t read(int fd, void *buffer, size_t length)
{
    return fd > 2 && fails("read", EIO)
        ? -1 : ((ssize_t (*)(int, void *, size_t))next("read"))(fd, buffer, length);
}

ssize_t write(int fd, const void *buffer, size_t length)
{
    return fd > 2 && fails("write", ENOSPC)
        ? -1 : ((ssize_t (*)(int, const void *, size_t))next("write"))(fd, buffer, length);
}

int fstat64(int fd, struct stat64 *status)
{
    return fd > 2 && fails("fstat", EIO)
        ? -1 : ((int (*)(int, struct stat64 *))next("fstat64"))(fd, status);
}

int ftruncate64(int fd, off64_t length)
{
    return fails("ftruncate", ENOSPC) ? -1
                                      : ((int (*)(int, off64_t))next("ftruncate64"))(fd, length);
}

int memfd_create(const char *name, unsigned flags)
{
    return fails("memfd_create", EMFILE)
        ? -1 : ((int (*)(const char *, unsigned))next("memfd_create"))(name, flags);
}

void *mmap64(void *address, size_t length, int access, int flags, int fd, off64_t offset)
{
    return fails("mmap", ENOMEM)
        ? MAP_FAILED
        : ((void *(*)(void *, size_t, int, int, int, off64_t))next("mmap64"))(address, length, access,
                                                                             flags, fd, offset);
}

int socket(int domain, int type, int protocol)
{
    return fails("socket", EMFILE) ? -1
                                   : ((int (*)(int, int, int))next("socket"))(domain, type, protocol);
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    return fails("bind", EACCES)
        ? -1
        : ((int (*)(int, const struct sockaddr *, socklen_t))next("bind"))(fd, address, length);
}

int listen(int fd, int backlog)
{
    return fails("listen", EADDRINUSE) ? -1 : ((int (*)(int, int))next("listen"))(fd, backlog);
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    return fails("connect", ECONNREFUSED)
        ? -1
        : ((int (*)(int, const struct sockaddr *, socklen_t))next("connect"))(fd, address, length);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    return fails("getaddrinfo", EIO)
        ? EAI_SYSTEM
        : ((int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))
           next("getaddrinfo"))(node, service, hints, result);
}

int posix_openpt(int flags)
{
    return fails("posix_openpt", ENOSPC) ? -1 : ((int (*)(int))next("posix_openpt"))(flags);
}

int pipe2(int fds[2], int flags)
{
    return fails("pipe2", EMFILE) ? -1 : ((int (*)(int *, int))next("pipe2"))(fds, flags);
}

int dup2(int from, int to)
{
    return fails("dup2", EMFILE) ? -1 : ((int (*)(int, int))next("dup2"))(from, to);
}
