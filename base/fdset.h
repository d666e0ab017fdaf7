/* SPDX-License-Identifier: MIT */
/*
 * Sets of file descriptors that a client or the command line hands over
 * (add-fd, -add-fd). The path "/dev/fdset/N" opens the member of set N whose
 * access mode fits. Main thread only.
 */
#ifndef BASE_FDSET_H
#define BASE_FDSET_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/*
 * Adds `fd`, which it owns from now on, to set `id`, or to a new one when `id`
 * is negative. Returns the set's id, or -1 with an error.
 */
int64_t fdset_add(int64_t id, int fd, const char *opaque, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/*
 * Removes one descriptor, or all of the set when `fd` is negative. What was
 * opened from it lives on.
 */
bool fdset_remove(int64_t id, int fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Ordered by set, then by descriptor's age. `opaque` may be NULL. */
typedef void (*FdsetVisit)(int64_t id, int fd, const char *opaque, void *user);
void fdset_foreach(FdsetVisit visit, void *user);

/*
 * open(2) with O_CLOEXEC, for paths that a user gave: knows "/dev/fdset/N", of
 * which it gives a duplicate. -1 with an error that names the path.
 */
int file_open(const char *path, int flags, mode_t mode, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

#endif
