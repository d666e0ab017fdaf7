/* SPDX-License-Identifier: MIT */
/*
 * Memory backends: guest RAM as objects, which a machine or a device takes by a
 * link. "memory-backend-ram" is anonymous memory, "-memfd" memory that other
 * processes can map, "-file" a file, a hugetlbfs or a tmpfs directory.
 */
#ifndef BACKENDS_HOSTMEM_H
#define BACKENDS_HOSTMEM_H

#include "memory/ram.h"
#include "qom/object.h"

typedef struct MemoryBackend {
    Object object;
    uint64_t size;       /* bytes, as asked */
    bool share, prealloc, merge, dump, readonly;
    char *path;
    RamBlock *block;     /* from .complete on */
    Object *user;        /* whoever mapped it; a backend has one user */
} MemoryBackend;

#define MEMORY_BACKEND(pointer) ((MemoryBackend *)(pointer))

extern const ObjectType memory_backend_type;       /* "memory-backend" */
extern const ObjectType memory_backend_ram_type;
extern const ObjectType memory_backend_file_type;
extern const ObjectType memory_backend_memfd_type;

/*
 * Takes the backend for its one user and returns its block, named by the
 * backend's id; it stays the backend's. Fails when it is taken already.
 */
RamBlock *memory_backend_take(MemoryBackend *backend, Object *user, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

#endif
