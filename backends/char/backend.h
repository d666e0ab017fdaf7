/* SPDX-License-Identifier: MIT */
/*
 * Inside backends/char: what a backend implements, and what the common part
 * does for it. A type names its ops as the interface CHARDEV_BACKEND.
 */
#ifndef BACKENDS_CHAR_BACKEND_H
#define BACKENDS_CHAR_BACKEND_H

#include <sys/types.h>

#include "backends/char/chardev.h"

#define CHARDEV_BACKEND "chardev-backend"

/* Only open is required. */
typedef struct ChardevBackendOps {
    /* All properties are set. May block. After a failure only finalize follows. */
    bool (*open)(Chardev *chardev, GError **error);
    /* Writes what goes at once: 0 .. size. NULL: all is taken and dropped. */
    size_t (*write)(Chardev *chardev, const uint8_t *data, size_t size);
    /* Whether chardev_writable() is wanted as soon as write() would take something. */
    void (*watch)(Chardev *chardev, bool wanted);
    /* Blocks until write() would take something, at most timeout_ms. */
    void (*wait)(Chardev *chardev, unsigned timeout_ms);
    /* The front end came, or has room: input may be read again. */
    void (*resume)(Chardev *chardev);
    /* For backends that take more than one front end; else the common part does it. */
    bool (*attach)(Chardev *chardev, const ChardevFrontendOps *ops, void *opaque,
                   GError **error);
    bool (*detach)(Chardev *chardev, void *opaque);
    bool (*is_busy)(const Chardev *chardev);
    char *(*filename)(const Chardev *chardev);
    unsigned (*take_fds)(Chardev *chardev, int *fds, unsigned max);
    bool (*set_serial_params)(Chardev *chardev, const ChardevSerialParams *params);
    bool (*set_break)(Chardev *chardev, bool on);
    bool (*set_modem_lines)(Chardev *chardev, unsigned lines);
    bool (*get_modem_lines)(Chardev *chardev, unsigned *lines);
} ChardevBackendOps;

struct Chardev {
    Object object;
    char *logfile;
    bool logappend;

    const ChardevBackendOps *ops;
    const ChardevFrontendOps *frontend;
    void *opaque;              /* the front end's; NULL while none is attached */
    GByteArray *queue;         /* bytes of chardev_write_all(); from queue_head on they wait */
    size_t queue_head;
    int log_fd;
    unsigned in_callback;      /* depth of calls to the front end */
    unsigned in_receive;       /* of these, receive(): writes are gathered */
    bool wants_writable;       /* the front end is to be told */
    bool is_open;
    bool fe_open;
};

extern const ObjectType chardev_type;

/* Opens a backend whose properties are set; on failure it is the caller's to delete. */
bool chardev_open(Chardev *chardev, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Room of the front end; 0 without one. */
size_t chardev_room(Chardev *chardev);
/* Gives bytes, at most chardev_room(), to the front end. */
void chardev_deliver(Chardev *chardev, const uint8_t *data, size_t size);
/* OPENED and CLOSED are kept, and told only when they change something. */
void chardev_event(Chardev *chardev, ChardevEvent event);
/* The backend has room for writes: called from its watch. */
void chardev_writable(Chardev *chardev);

#endif
