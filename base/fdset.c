/* SPDX-License-Identifier: MIT */
#include "base/fdset.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define FDSET_PREFIX "/dev/fdset/"

typedef struct Member {
    int64_t id;
    int fd;
    char *opaque;
} Member;

/* Ordered by id, within one by age. */
static GPtrArray *members;

static void member_free(void *opaque)
{
    Member *member = opaque;

    close(member->fd);
    g_free(member->opaque);
    g_free(member);
}

static bool set_exists(int64_t id)
{
    for (guint i = 0; members && i < members->len; i++) {
        if (((Member *)members->pdata[i])->id == id) {
            return true;
        }
    }
    return false;
}

static int64_t free_id(void)
{
    int64_t id = 0;

    while (set_exists(id)) {
        id++;
    }
    return id;
}

int64_t fdset_add(int64_t id, int fd, const char *opaque, GError **error)
{
    Member *member;
    guint at = 0;

    if (fcntl(fd, F_GETFD) < 0) {
        error_set_errno(error, errno, "file descriptor %d", fd);
        return -1;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (!members) {
        members = g_ptr_array_new_with_free_func(member_free);
    }
    if (id < 0) {
        id = free_id();
    }
    while (at < members->len && ((Member *)members->pdata[at])->id <= id) {
        at++;
    }
    member = g_new0(Member, 1);
    member->id = id;
    member->fd = fd;
    member->opaque = g_strdup(opaque);
    g_ptr_array_insert(members, at, member);
    return id;
}

bool fdset_remove(int64_t id, int fd, GError **error)
{
    bool found = false;

    for (guint i = members ? members->len : 0; i-- > 0;) {
        const Member *member = members->pdata[i];
        if (member->id == id && (fd < 0 || member->fd == fd)) {
            g_ptr_array_remove_index(members, i);
            found = true;
        }
    }
    if (!found && fd < 0) {
        error_set(error, ERROR_NOT_FOUND,
                  "File descriptor named 'fdset-id:%" G_GINT64_FORMAT "' not found", id);
    } else if (!found) {
        error_set(error, ERROR_NOT_FOUND, "File descriptor named 'fdset-id:%" G_GINT64_FORMAT
                  ", fd:%d' not found", id, fd);
    }
    return found;
}

void fdset_foreach(FdsetVisit visit, void *user)
{
    for (guint i = 0; members && i < members->len; i++) {
        const Member *member = members->pdata[i];
        visit(member->id, member->fd, member->opaque, user);
    }
}

static bool mode_fits(int fd, int wanted)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && (flags & O_ACCMODE) == (wanted & O_ACCMODE);
}

static int open_from_set(const char *path, int flags, GError **error)
{
    char *end;
    int64_t id = g_ascii_strtoll(path + strlen(FDSET_PREFIX), &end, 10);
    int fd;

    if (*end || end == path + strlen(FDSET_PREFIX) || !set_exists(id)) {
        error_set(error, ERROR_NOT_FOUND, "cannot open '%s': there is no such fdset", path);
        return -1;
    }
    for (guint i = 0; i < members->len; i++) {
        const Member *member = members->pdata[i];
        if (member->id == id && mode_fits(member->fd, flags)) {
            fd = fcntl(member->fd, F_DUPFD_CLOEXEC, 0);
            if (fd < 0) {
                error_set_errno(error, errno, "cannot open '%s'", path);
            }
            return fd;
        }
    }
    error_set(error, ERROR_INVALID, "cannot open '%s': no descriptor in it is open for %s", path,
              (flags & O_ACCMODE) == O_RDONLY ? "reading only"
              : (flags & O_ACCMODE) == O_WRONLY ? "writing only" : "reading and writing");
    return -1;
}

int file_open(const char *path, int flags, mode_t mode, GError **error)
{
    int fd;

    if (g_str_has_prefix(path, FDSET_PREFIX)) {
        return open_from_set(path, flags, error);
    }
    do {
        fd = open(path, flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        error_set_errno(error, errno, "Could not open '%s'", path);
    }
    return fd;
}
