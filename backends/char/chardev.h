/* SPDX-License-Identifier: MIT */
/*
 * Character backends: what a serial port, a monitor or a test server talks to.
 *
 * A Chardev is an object of the container /chardevs, under its id. One front
 * end attaches to it (a mux takes several); until then input stays where it
 * is. Everything runs on the default main context, under the machine lock, and
 * nothing here blocks unless it says so.
 *
 * A front end keeps its Chardev in a link property (link "chardev", link_root
 * "/chardevs"), which is cleared when the backend goes. Every function takes
 * NULL for "no backend": written bytes vanish, nothing is received.
 *
 * A backend must not be deleted from inside a callback that it makes; a front
 * end may attach, detach and write there.
 */
#ifndef BACKENDS_CHAR_CHARDEV_H
#define BACKENDS_CHAR_CHARDEV_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qom/object.h"

typedef struct Chardev Chardev;

typedef enum ChardevEvent {
    CHARDEV_OPENED,  /* the other side is there; also on attaching, when it is there already */
    CHARDEV_CLOSED,  /* it went; no input comes until the next CHARDEV_OPENED */
    CHARDEV_BREAK,   /* a break was received */
    CHARDEV_MUX_IN,  /* this front end of a mux got the keyboard; not by attaching */
    CHARDEV_MUX_OUT, /* it lost it */
} ChardevEvent;

/* Every member may be NULL. */
typedef struct ChardevFrontendOps {
    /* Bytes that receive() takes now. NULL: any number. */
    size_t (*can_receive)(void *opaque);
    /* 1 .. can_receive() bytes, in pieces of up to CHARDEV_PIECE. NULL: input is dropped. */
    void (*receive)(void *opaque, const uint8_t *data, size_t size);
    void (*event)(void *opaque, ChardevEvent event);
    /* After chardev_write() took less than asked, or chardev_write_all() queued: there is room. */
    void (*writable)(void *opaque);
    /* The backend is being deleted; the front end is detached already. */
    void (*gone)(void *opaque);
} ChardevFrontendOps;

/* Input is read and delivered in pieces of up to this many bytes. */
#define CHARDEV_PIECE (64u << 10)
/* chardev_write_all() refuses while more than this many bytes wait. */
#define CHARDEV_QUEUE_MAX (4u << 20)

/* ---- finding ---- */

/* The container /chardevs. */
Object *chardev_container(void);
/* NULL when there is none of that id. */
Chardev *chardev_find(const char *id);
const char *chardev_id(const Chardev *chardev);
/*
 * What query-chardev calls "filename", e.g. "pty:/dev/pts/3",
 * "disconnected:unix:/run/q,server=on". The caller frees it.
 */
char *chardev_filename(const Chardev *chardev);
/* Deletes it, unless a front end or a mux uses it ("Chardev 'x' is busy"). */
bool chardev_remove(const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Deletes all, muxes first, after what is queued was written or a second has passed. */
void chardev_remove_all(void);

/* ---- the front end ---- */

/* `opaque` names the front end and is not NULL. Fails when the backend has one already. */
bool chardev_attach(Chardev *chardev, const ChardevFrontendOps *ops, void *opaque,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Takes one that is not attached. No callback comes after it. */
void chardev_detach(Chardev *chardev, void *opaque);
/* A front end (or a mux) is attached. */
bool chardev_is_busy(const Chardev *chardev);
/* The other side is there. */
bool chardev_is_open(const Chardev *chardev);

/*
 * Writes what goes without waiting and returns how many bytes that were; the
 * rest is to be offered again after ops->writable(). Without another side
 * (nobody is connected) everything is taken and dropped.
 */
size_t chardev_write(Chardev *chardev, const void *data, size_t size);
/*
 * Takes all of it: what cannot be written now is queued. What a front end
 * writes while it is in receive() goes out in one piece afterwards. Returns
 * false, with nothing taken, when CHARDEV_QUEUE_MAX bytes wait already.
 */
bool chardev_write_all(Chardev *chardev, const void *data, size_t size);
void chardev_printf(Chardev *chardev, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Bytes that wait to be written. */
size_t chardev_queued(const Chardev *chardev);
/* Blocks until all is written, at most `timeout_ms`. False when bytes remain. */
bool chardev_flush(Chardev *chardev, unsigned timeout_ms);

/* The front end has room again, after can_receive() answered 0. */
void chardev_receive_resume(Chardev *chardev);

/* Whether the front end is in use (query-chardev "frontend-open"); true from attaching on. */
void chardev_set_fe_open(Chardev *chardev, bool open);
bool chardev_fe_open(const Chardev *chardev);

/*
 * File descriptors that came with the last received bytes (unix sockets). The
 * caller owns those it gets; the rest stay until more descriptors arrive.
 */
unsigned chardev_take_fds(Chardev *chardev, int *fds, unsigned max);

/* ---- serial lines; false when the backend has none ---- */

typedef struct ChardevSerialParams {
    unsigned speed;      /* bits per second */
    unsigned data_bits;  /* 5..8 */
    unsigned stop_bits;  /* 1 or 2 */
    char parity;         /* 'N', 'E' or 'O' */
} ChardevSerialParams;

enum ChardevModemLines {
    CHARDEV_DTR = 1 << 0, CHARDEV_RTS = 1 << 1,                      /* out */
    CHARDEV_CTS = 1 << 2, CHARDEV_DSR = 1 << 3,                      /* in */
    CHARDEV_RI  = 1 << 4, CHARDEV_DCD = 1 << 5,
};

bool chardev_set_serial_params(Chardev *chardev, const ChardevSerialParams *params);
bool chardev_set_break(Chardev *chardev, bool on);
bool chardev_set_modem_lines(Chardev *chardev, unsigned lines);
bool chardev_get_modem_lines(Chardev *chardev, unsigned *lines);

/* ---- ringbuf ---- */

/* Up to `max` of the oldest bytes, removed. NULL with an error when it is not a ringbuf. */
GBytes *chardev_ringbuf_read(Chardev *chardev, size_t max, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
bool chardev_ringbuf_write(Chardev *chardev, const void *data, size_t size, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* ---- mux and terminal ---- */

/* What the escapes of a mux ask of the program. */
typedef struct ChardevEscapes {
    void (*quit)(void);    /* Ctrl-A x */
    void (*commit)(void);  /* Ctrl-A s: write changed disk data back */
} ChardevEscapes;

bool chardev_is_mux(const Chardev *chardev);
/*
 * The front end that attached last has the focus: what is typed goes to it.
 * CHARDEV_MUX_IN comes only when the focus comes back from another. This gives it to another,
 * as Ctrl-A c does. Not a mux: nothing happens.
 */
void chardev_mux_focus(Chardev *chardev, void *opaque);
void chardev_mux_set_escapes(const ChardevEscapes *escapes);
/* Another escape than Ctrl-A (1): -echr. */
void chardev_mux_set_escape_character(uint8_t character);

/* Gives the terminal back as it was; also done at exit and on fatal signals. */
void chardev_restore_terminal(void);

#endif
