/* SPDX-License-Identifier: MIT */
#include "backends/hostmem.h"

static bool backend_complete(Object *object, GError **error)
{
    MemoryBackend *backend = MEMORY_BACKEND(object);
    RamOptions options = {
        .share = backend->share, .prealloc = backend->prealloc, .no_dump = !backend->dump,
        .merge = backend->merge, .path = backend->path, .read_only = backend->readonly,
    };

    if (!backend->size) {
        error_set(error, ERROR_INVALID, "memory backend '%s' has no size: give size=BYTES",
                  object->name);
        return false;
    }
    if (backend->readonly && backend->share) {
        error_set(error, ERROR_INVALID, "memory backend '%s': a file opened with readonly=on is "
                  "mapped privately, so share=on cannot be", object->name);
        return false;
    }
    backend->block = ram_block_new(object->name, backend->size, &options, error);
    return backend->block != NULL;
}

static void backend_finalize(Object *object)
{
    MemoryBackend *backend = MEMORY_BACKEND(object);

    g_clear_pointer(&backend->block, ram_block_free);
    object_link_set(&backend->user, NULL);
}

RamBlock *memory_backend_take(MemoryBackend *backend, Object *user, GError **error)
{
    if (backend->user && backend->user != user) {
        g_autofree char *path = object_path(backend->user);
        error_set(error, ERROR_INVALID, "memory backend '%s' is in use already, by %s",
                  backend->object.name, path);
        return NULL;
    }
    if (!backend->block) {
        error_set(error, ERROR_INVALID, "memory backend '%s' has no memory yet",
                  backend->object.name);
        return NULL;
    }
    object_link_set(&backend->user, user);
    return backend->block;
}

static const Property backend_properties[] = {
    { .name = "size", .description = "Size of the memory region (ex: 500M)",
      .field = FIELD_OF(MemoryBackend, size), .flags = PROPERTY_SIZE },
    { .name = "prealloc", .description = "Preallocate memory",
      .field = FIELD_OF(MemoryBackend, prealloc) },
    { .name = "merge", .description = "Mark memory as mergeable",
      .field = FIELD_OF(MemoryBackend, merge), .def.u = 1 },
    { .name = "dump", .description = "Set to 'off' to exclude from core dump",
      .field = FIELD_OF(MemoryBackend, dump), .def.u = 1 },
};

static const Property private_properties[] = {
    { .name = "share", .description = "Let other processes map the memory",
      .field = FIELD_OF(MemoryBackend, share) },
};

static const Property file_properties[] = {
    { .name = "share", .description = "Write to the file, and let others see it",
      .field = FIELD_OF(MemoryBackend, share) },
    { .name = "mem-path", .description = "the file, or a directory of tmpfs or hugetlbfs",
      .field = FIELD_OF(MemoryBackend, path), .flags = PROPERTY_REQUIRED },
    { .name = "readonly", .description = "Open the file for reading only",
      .field = FIELD_OF(MemoryBackend, readonly) },
};

static const Property memfd_properties[] = {
    { .name = "share", .description = "Let other processes map the memory",
      .field = FIELD_OF(MemoryBackend, share), .def.u = 1 },
};

const ObjectType memory_backend_type = {
    .name = "memory-backend", .description = "guest RAM", .abstract = true,
    .size = sizeof(MemoryBackend), .properties = TABLE(backend_properties),
    .finalize = backend_finalize,
};

const ObjectType memory_backend_ram_type = {
    .name = "memory-backend-ram", .parent = "memory-backend", .user_creatable = true,
    .description = "anonymous memory", .size = sizeof(MemoryBackend),
    .properties = TABLE(private_properties), .complete = backend_complete,
};

const ObjectType memory_backend_file_type = {
    .name = "memory-backend-file", .parent = "memory-backend", .user_creatable = true,
    .description = "memory from a file", .size = sizeof(MemoryBackend),
    .properties = TABLE(file_properties), .complete = backend_complete,
};

const ObjectType memory_backend_memfd_type = {
    .name = "memory-backend-memfd", .parent = "memory-backend", .user_creatable = true,
    .description = "memory in a file that has no name", .size = sizeof(MemoryBackend),
    .properties = TABLE(memfd_properties), .complete = backend_complete,
};
