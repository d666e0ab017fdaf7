/* SPDX-License-Identifier: MIT */
/* chardev-ringbuf: keeps the last bytes that were written, for a monitor to read. */
#include <string.h>

#include "backends/char/backend.h"

#define RINGBUF_MAX_SIZE (1u << 30)

typedef struct ChardevRingbuf {
    Chardev chardev;
    uint64_t size;           /* a power of two */
    uint8_t *bytes;
    uint64_t written, read;  /* counts since it was opened; at most size apart */
} ChardevRingbuf;

static bool ringbuf_open(Chardev *chardev, GError **error)
{
    ChardevRingbuf *ring = (ChardevRingbuf *)chardev;

    if (ring->size & (ring->size - 1)) {
        error_set(error, ERROR_INVALID, "size of ringbuf chardev must be power of two");
        return false;
    }
    ring->bytes = g_try_malloc(ring->size);
    if (!ring->bytes) {
        error_set(error, ERROR_FAILED, "no memory for a ringbuf of %" G_GUINT64_FORMAT " bytes",
                  ring->size);
        return false;
    }
    chardev_event(chardev, CHARDEV_OPENED);
    return true;
}

static size_t ringbuf_write(Chardev *chardev, const uint8_t *data, size_t size)
{
    ChardevRingbuf *ring = (ChardevRingbuf *)chardev;
    size_t skipped = size > ring->size ? size - ring->size : 0;
    size_t at, first;

    /* Only the last ring->size bytes can remain. */
    ring->written += skipped;
    at = ring->written & (ring->size - 1);
    first = MIN(size - skipped, ring->size - at);
    memcpy(ring->bytes + at, data + skipped, first);
    memcpy(ring->bytes, data + skipped + first, size - skipped - first);
    ring->written += size - skipped;
    if (ring->written - ring->read > ring->size) {
        ring->read = ring->written - ring->size;
    }
    return size;
}

static void ringbuf_finalize(Object *object)
{
    g_clear_pointer(&((ChardevRingbuf *)object)->bytes, g_free);
}

static bool check_ringbuf(Chardev *chardev, GError **error)
{
    if (!chardev || !object_is(&chardev->object, "chardev-ringbuf")) {
        error_set(error, ERROR_INVALID, "%s is not a ringbuf device",
                  chardev ? chardev_id(chardev) : "none");
        return false;
    }
    return true;
}

GBytes *chardev_ringbuf_read(Chardev *chardev, size_t max, GError **error)
{
    ChardevRingbuf *ring = (ChardevRingbuf *)chardev;
    size_t size, at, first;
    uint8_t *bytes;

    if (!check_ringbuf(chardev, error)) {
        return NULL;
    }
    size = MIN(max, ring->written - ring->read);
    at = ring->read & (ring->size - 1);
    first = MIN(size, ring->size - at);
    bytes = g_malloc(size);
    if (size) {
        memcpy(bytes, ring->bytes + at, first);
        memcpy(bytes + first, ring->bytes, size - first);
    }
    ring->read += size;
    return g_bytes_new_take(bytes, size);
}

bool chardev_ringbuf_write(Chardev *chardev, const void *data, size_t size, GError **error)
{
    return check_ringbuf(chardev, error) && chardev_write_all(chardev, data, size);
}

static const Property ringbuf_properties[] = {
    { .name = "size", .description = "bytes that are kept, a power of two",
      .field = FIELD_OF(ChardevRingbuf, size), .def.u = 64 << 10, .min = 1,
      .max = RINGBUF_MAX_SIZE, .flags = PROPERTY_SIZE },
};
static const ChardevBackendOps ringbuf_ops = { .open = ringbuf_open, .write = ringbuf_write };
static const Interface ringbuf_interfaces[] = { { CHARDEV_BACKEND, &ringbuf_ops } };

const ObjectType chardev_ringbuf_type = {
    .name = "chardev-ringbuf", .parent = "chardev",
    .description = "keeps the last bytes that were written, for ringbuf-read",
    .size = sizeof(ChardevRingbuf), .properties = TABLE(ringbuf_properties),
    .interfaces = TABLE(ringbuf_interfaces), .finalize = ringbuf_finalize,
};
