/* SPDX-License-Identifier: MIT */
#include "backends/char/chardev.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "backends/char/backend.h"

/* What is gathered during receive() before it is written nevertheless. */
#define GATHER_MAX CHARDEV_PIECE
/* A queue that grew beyond this gives its memory back when it is empty. */
#define QUEUE_KEEP (16u << 10)

static Object *as_object(Chardev *chardev)
{
    return &chardev->object;
}

/* ---- finding ---- */

Object *chardev_container(void)
{
    return object_container(object_root(), "chardevs");
}

Chardev *chardev_find(const char *id)
{
    return (Chardev *)object_child(chardev_container(), id);
}

const char *chardev_id(const Chardev *chardev)
{
    return chardev->object.name;
}

char *chardev_filename(const Chardev *chardev)
{
    if (chardev->ops && chardev->ops->filename) {
        return chardev->ops->filename(chardev);
    }
    return g_strdup(chardev->object.type->name + strlen("chardev-"));
}

bool chardev_remove(const char *id, GError **error)
{
    Chardev *chardev = chardev_find(id);

    if (!chardev) {
        error_set(error, ERROR_NOT_FOUND, "Chardev '%s' not found", id);
        return false;
    }
    if (chardev_is_busy(chardev)) {
        error_set(error, ERROR_FAILED, "Chardev '%s' is busy", id);
        return false;
    }
    object_delete(as_object(chardev));
    return true;
}

void chardev_remove_all(void)
{
    Object *container = chardev_container();

    for (Object *child = container->first_child; child; child = child->next_sibling) {
        chardev_flush((Chardev *)child, 1000);
    }
    /* A mux is made after the backend that it sits on. */
    while (container->last_child) {
        object_delete(container->last_child);
    }
}

/* ---- the front end ---- */

bool chardev_attach(Chardev *chardev, const ChardevFrontendOps *ops, void *opaque,
                    GError **error)
{
    g_assert(opaque);
    if (!chardev) {
        return true;
    }
    if (chardev->ops->attach) {
        return chardev->ops->attach(chardev, ops, opaque, error);
    }
    if (chardev->opaque) {
        error_set(error, ERROR_FAILED,
                  "chardev '%s' is in use by another front end (mux=on lets several share it)",
                  chardev_id(chardev));
        return false;
    }
    chardev->frontend = ops;
    chardev->opaque = opaque;
    chardev->fe_open = true;
    if (chardev->is_open && ops->event) {
        chardev->in_callback++;
        ops->event(opaque, CHARDEV_OPENED);
        chardev->in_callback--;
    }
    chardev_receive_resume(chardev);
    return true;
}

void chardev_detach(Chardev *chardev, void *opaque)
{
    if (!chardev || !opaque) {
        return;
    }
    if (chardev->ops && chardev->ops->detach && chardev->ops->detach(chardev, opaque)) {
        return;
    }
    if (chardev->opaque == opaque) {
        chardev->frontend = NULL;
        chardev->opaque = NULL;
        chardev->fe_open = false;
        chardev->wants_writable = false;
    }
}

bool chardev_is_busy(const Chardev *chardev)
{
    return chardev && (chardev->opaque ||
                       (chardev->ops && chardev->ops->is_busy && chardev->ops->is_busy(chardev)));
}

bool chardev_is_open(const Chardev *chardev)
{
    return chardev && chardev->is_open;
}

void chardev_set_fe_open(Chardev *chardev, bool open)
{
    if (chardev) {
        chardev->fe_open = open;
    }
}

bool chardev_fe_open(const Chardev *chardev)
{
    return chardev && chardev->fe_open;
}

/* ---- input ---- */

size_t chardev_room(Chardev *chardev)
{
    const ChardevFrontendOps *frontend = chardev->frontend;
    size_t room = 0;

    if (frontend) {
        chardev->in_callback++;
        room = frontend->can_receive ? frontend->can_receive(chardev->opaque) : CHARDEV_PIECE;
        chardev->in_callback--;
    }
    return room;
}

static bool queue_flush(Chardev *chardev);

void chardev_deliver(Chardev *chardev, const uint8_t *data, size_t size)
{
    const ChardevFrontendOps *frontend = chardev->frontend;

    if (!size || !frontend || !frontend->receive) {
        return;
    }
    chardev->in_callback++;
    chardev->in_receive++;
    frontend->receive(chardev->opaque, data, size);
    chardev->in_receive--;
    if (!chardev->in_receive && chardev->queue) {
        queue_flush(chardev);
    }
    chardev->in_callback--;
}

void chardev_receive_resume(Chardev *chardev)
{
    if (chardev && chardev->ops->resume) {
        chardev->ops->resume(chardev);
    }
}

void chardev_event(Chardev *chardev, ChardevEvent event)
{
    if (event == CHARDEV_OPENED || event == CHARDEV_CLOSED) {
        bool open = event == CHARDEV_OPENED;
        if (chardev->is_open == open) {
            return;
        }
        chardev->is_open = open;
    }
    if (chardev->frontend && chardev->frontend->event) {
        chardev->in_callback++;
        chardev->frontend->event(chardev->opaque, event);
        chardev->in_callback--;
    }
}

unsigned chardev_take_fds(Chardev *chardev, int *fds, unsigned max)
{
    return chardev && chardev->ops->take_fds ? chardev->ops->take_fds(chardev, fds, max) : 0;
}

/* ---- output ---- */

static void log_output(Chardev *chardev, const uint8_t *data, size_t size)
{
    while (size && chardev->log_fd >= 0) {
        ssize_t written = write(chardev->log_fd, data, size);
        if (written < 0 && errno != EINTR) {
            close(chardev->log_fd);
            chardev->log_fd = -1;
            g_warning("chardev '%s': logfile '%s': %s; logging ends", chardev_id(chardev),
                      chardev->logfile, g_strerror(errno));
        } else if (written > 0) {
            data += written;
            size -= written;
        }
    }
}

static size_t backend_write(Chardev *chardev, const uint8_t *data, size_t size)
{
    size_t written = chardev->ops->write ? chardev->ops->write(chardev, data, size) : size;

    log_output(chardev, data, written);
    return written;
}

static void backend_watch(Chardev *chardev, bool wanted)
{
    if (chardev->ops->watch) {
        chardev->ops->watch(chardev, wanted);
    }
}

size_t chardev_queued(const Chardev *chardev)
{
    return chardev && chardev->queue ? chardev->queue->len - chardev->queue_head : 0;
}

static void queue_drop(Chardev *chardev)
{
    g_clear_pointer(&chardev->queue, g_byte_array_unref);
    chardev->queue_head = 0;
}

static void queue_append(Chardev *chardev, const uint8_t *data, size_t size)
{
    if (!chardev->queue) {
        chardev->queue = g_byte_array_new();
    } else if (chardev->queue_head > QUEUE_KEEP) {
        g_byte_array_remove_range(chardev->queue, 0, chardev->queue_head);
        chardev->queue_head = 0;
    }
    g_byte_array_append(chardev->queue, data, size);
}

/* True when nothing waits any more. */
static bool queue_flush(Chardev *chardev)
{
    while (chardev_queued(chardev)) {
        size_t written = backend_write(chardev, chardev->queue->data + chardev->queue_head,
                                       chardev_queued(chardev));
        if (!written) {
            backend_watch(chardev, true);
            return false;
        }
        chardev->queue_head += written;
    }
    if (chardev->queue && chardev->queue->len > QUEUE_KEEP) {
        queue_drop(chardev);
    } else if (chardev->queue) {
        g_byte_array_set_size(chardev->queue, 0);
        chardev->queue_head = 0;
    }
    return true;
}

size_t chardev_write(Chardev *chardev, const void *data, size_t size)
{
    size_t written;

    if (!chardev || !size) {
        return size;
    }
    if (!queue_flush(chardev)) {
        chardev->wants_writable = true;
        return 0;
    }
    written = backend_write(chardev, data, size);
    if (written < size) {
        chardev->wants_writable = true;
        backend_watch(chardev, true);
    }
    return written;
}

bool chardev_write_all(Chardev *chardev, const void *data, size_t size)
{
    size_t written = 0;

    if (!chardev || !size) {
        return true;
    }
    if (chardev_queued(chardev) > CHARDEV_QUEUE_MAX) {
        return false;
    }
    if (!chardev->in_receive && !chardev_queued(chardev)) {
        written = backend_write(chardev, data, size);
    }
    if (written < size) {
        queue_append(chardev, (const uint8_t *)data + written, size - written);
    }
    if (chardev->in_receive && chardev_queued(chardev) < GATHER_MAX) {
        return true;
    }
    if (!queue_flush(chardev)) {
        chardev->wants_writable = true;
    }
    return true;
}

void chardev_printf(Chardev *chardev, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    chardev_write_all(chardev, text, strlen(text));
}

void chardev_writable(Chardev *chardev)
{
    const ChardevFrontendOps *frontend = chardev->frontend;

    if (!queue_flush(chardev)) {
        return;
    }
    backend_watch(chardev, false);
    if (chardev->wants_writable) {
        chardev->wants_writable = false;
        if (frontend && frontend->writable) {
            chardev->in_callback++;
            frontend->writable(chardev->opaque);
            chardev->in_callback--;
        }
    }
}

bool chardev_flush(Chardev *chardev, unsigned timeout_ms)
{
    gint64 deadline = g_get_monotonic_time() + timeout_ms * (gint64)1000;

    while (chardev && !queue_flush(chardev)) {
        gint64 left = deadline - g_get_monotonic_time();
        if (left <= 0) {
            return false;
        }
        if (!chardev->ops->wait) {
            return false;
        }
        chardev->ops->wait(chardev, (left + 999) / 1000);
    }
    return true;
}

/* ---- serial lines ---- */

bool chardev_set_serial_params(Chardev *chardev, const ChardevSerialParams *params)
{
    return chardev && chardev->ops->set_serial_params &&
           chardev->ops->set_serial_params(chardev, params);
}

bool chardev_set_break(Chardev *chardev, bool on)
{
    return chardev && chardev->ops->set_break && chardev->ops->set_break(chardev, on);
}

bool chardev_set_modem_lines(Chardev *chardev, unsigned lines)
{
    return chardev && chardev->ops->set_modem_lines &&
           chardev->ops->set_modem_lines(chardev, lines);
}

bool chardev_get_modem_lines(Chardev *chardev, unsigned *lines)
{
    return chardev && chardev->ops->get_modem_lines &&
           chardev->ops->get_modem_lines(chardev, lines);
}

/* ---- the type ---- */

bool chardev_open(Chardev *chardev, GError **error)
{
    if (!object_check_required(as_object(chardev), error)) {
        return false;
    }
    if (chardev->logfile) {
        int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (chardev->logappend ? O_APPEND : O_TRUNC);
        chardev->log_fd = open(chardev->logfile, flags, 0666);
        if (chardev->log_fd < 0) {
            error_set_errno(error, errno, "chardev '%s': cannot open logfile '%s'",
                            chardev_id(chardev), chardev->logfile);
            return false;
        }
    } else if (chardev->logappend) {
        error_set(error, ERROR_INVALID, "chardev '%s': logappend needs logfile",
                  chardev_id(chardev));
        return false;
    }
    if (!chardev->ops->open(chardev, error)) {
        return false;
    }
    chardev->object.locked = true;
    return true;
}

static void chardev_init(Object *object)
{
    Chardev *chardev = (Chardev *)object;

    chardev->log_fd = -1;
    chardev->ops = object_interface(object, CHARDEV_BACKEND);
    g_assert(chardev->ops && chardev->ops->open);
}

static void chardev_finalize(Object *object)
{
    Chardev *chardev = (Chardev *)object;
    const ChardevFrontendOps *frontend = chardev->frontend;
    void *opaque = chardev->opaque;

    g_assert(!chardev->in_callback);
    chardev_detach(chardev, opaque);
    if (frontend && frontend->gone) {
        frontend->gone(opaque);
    }
    queue_drop(chardev);
    if (chardev->log_fd >= 0) {
        close(chardev->log_fd);
    }
}

static GVariant *get_connected(Object *object, const Property *property)
{
    return g_variant_ref_sink(g_variant_new_boolean(((Chardev *)object)->is_open));
}

static const Property chardev_properties[] = {
    { .name = "logfile", .description = "file that gets a copy of what is written",
      .field = FIELD_OF(Chardev, logfile) },
    { .name = "logappend", .description = "add to the logfile instead of replacing it",
      .field = FIELD_OF(Chardev, logappend) },
    { .name = "connected", .description = "the other side is there",
      .type_name = "bool", .flags = PROPERTY_READ_ONLY, .get = get_connected },
};

const ObjectType chardev_type = {
    .name = "chardev", .description = "character backend", .abstract = true,
    .size = sizeof(Chardev), .properties = TABLE(chardev_properties),
    .init = chardev_init, .finalize = chardev_finalize,
};
