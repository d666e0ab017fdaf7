/* SPDX-License-Identifier: MIT */
/*
 * chardev-mux: several front ends share one backend. What they write goes out
 * as it comes; what is typed goes to the one that has the focus, but for the
 * escapes, Ctrl-A and a letter.
 */
#include <string.h>

#include "backends/char/backend.h"
#include "backends/char/mux.h"

#define PORTS_MAX 8
/* Typed bytes are kept for each front end, so that escapes work while it takes none. */
#define TYPED_MAX 4096

typedef struct MuxPort {
    const ChardevFrontendOps *ops;
    void *opaque;              /* NULL: the port is free */
    GByteArray *typed;         /* what it has not taken yet */
} MuxPort;

typedef struct ChardevMux {
    Chardev chardev;
    Object *backend;
    bool owns_backend;
    MuxPort ports[PORTS_MAX];
    MuxPort *focus;            /* NULL while no port is in use */
    bool escape_seen;
    bool timestamps, at_line_start;
    gint64 start;              /* of the time that the stamps count */
} ChardevMux;

static const ChardevEscapes *escapes;
static uint8_t escape_character = 1;

void chardev_mux_set_escapes(const ChardevEscapes *new_escapes)
{
    escapes = new_escapes;
}

void chardev_mux_set_escape_character(uint8_t character)
{
    escape_character = character;
}

static Chardev *backend_of(const ChardevMux *mux)
{
    return (Chardev *)mux->backend;
}

/* ---- front ends ---- */

static void port_event(ChardevMux *mux, MuxPort *port, ChardevEvent event)
{
    if (port && port->opaque && port->ops->event) {
        mux->chardev.in_callback++;
        port->ops->event(port->opaque, event);
        mux->chardev.in_callback--;
    }
}

static MuxPort *find_port(ChardevMux *mux, const void *opaque)
{
    for (unsigned i = 0; i < PORTS_MAX; i++) {
        if (mux->ports[i].opaque == opaque) {
            return &mux->ports[i];
        }
    }
    return NULL;
}

static void set_focus(ChardevMux *mux, MuxPort *port)
{
    MuxPort *old = mux->focus;

    if (old != port) {
        mux->focus = port;
        port_event(mux, old, CHARDEV_MUX_OUT);
        port_event(mux, port, CHARDEV_MUX_IN);
        chardev_receive_resume(backend_of(mux));
    }
}

/* Who attaches has the focus, but it was not given to it by anybody. */
static void focus_on_new(ChardevMux *mux, MuxPort *port)
{
    MuxPort *old = mux->focus;

    mux->focus = port;
    port_event(mux, old, CHARDEV_MUX_OUT);
    chardev_receive_resume(backend_of(mux));
}

static MuxPort *next_port(ChardevMux *mux)
{
    unsigned at = mux->focus ? mux->focus - mux->ports : PORTS_MAX - 1;

    for (unsigned i = 1; i <= PORTS_MAX; i++) {
        MuxPort *port = &mux->ports[(at + i) % PORTS_MAX];
        if (port->opaque) {
            return port;
        }
    }
    return NULL;
}

static size_t port_room(ChardevMux *mux, const MuxPort *port)
{
    size_t room;

    mux->chardev.in_callback++;
    room = port->ops->can_receive ? port->ops->can_receive(port->opaque) : SIZE_MAX;
    mux->chardev.in_callback--;
    return room;
}

/* Gives a port what was typed for it, as far as it takes it. */
static void port_deliver(ChardevMux *mux, MuxPort *port)
{
    uint8_t piece[256];

    while (port->opaque && port->typed->len) {
        size_t size = MIN(port->typed->len, MIN(port_room(mux, port), sizeof(piece)));
        if (!size) {
            return;
        }
        memcpy(piece, port->typed->data, size);
        g_byte_array_remove_range(port->typed, 0, size);
        if (port->ops->receive) {
            mux->chardev.in_callback++;
            port->ops->receive(port->opaque, piece, size);
            mux->chardev.in_callback--;
        }
    }
}

static bool mux_attach(Chardev *chardev, const ChardevFrontendOps *ops, void *opaque,
                       GError **error)
{
    ChardevMux *mux = (ChardevMux *)chardev;
    MuxPort *port = find_port(mux, NULL);

    if (!port) {
        error_set(error, ERROR_FAILED, "chardev '%s' is a mux that has %u front ends already",
                  chardev_id(chardev), PORTS_MAX);
        return false;
    }
    *port = (MuxPort){ .ops = ops, .opaque = opaque, .typed = g_byte_array_new() };
    chardev->fe_open = true;
    if (chardev->is_open) {
        port_event(mux, port, CHARDEV_OPENED);
    }
    focus_on_new(mux, port);
    return true;
}

static bool mux_detach(Chardev *chardev, void *opaque)
{
    ChardevMux *mux = (ChardevMux *)chardev;
    MuxPort *port = find_port(mux, opaque);

    if (!port) {
        return false;
    }
    g_byte_array_unref(port->typed);
    *port = (MuxPort){ 0 };
    if (mux->focus == port) {
        mux->focus = NULL;
        set_focus(mux, next_port(mux));
    }
    chardev->fe_open = mux->focus != NULL;
    return true;
}

static bool mux_is_busy(const Chardev *chardev)
{
    return ((const ChardevMux *)chardev)->focus != NULL;
}

bool chardev_is_mux(const Chardev *chardev)
{
    return chardev && object_is(&chardev->object, "chardev-mux");
}

void chardev_mux_focus(Chardev *chardev, void *opaque)
{
    ChardevMux *mux = (ChardevMux *)chardev;
    MuxPort *port;

    if (opaque && chardev_is_mux(chardev)) {
        port = find_port(mux, opaque);
        if (port) {
            set_focus(mux, port);
        }
    }
}

/* ---- escapes ---- */

static void say(ChardevMux *mux, const char *text)
{
    chardev_write_all(backend_of(mux), text, strlen(text));
}

static void print_help(ChardevMux *mux)
{
    static const struct {
        char key;
        const char *effect;
    } keys[] = {
        { 'h', "this help" },
        { 'x', "end the emulator" },
        { 's', "write changed disk data back to its files (-snapshot)" },
        { 't', "switch time stamps on and off" },
        { 'b', "send a break" },
        { 'c', "switch between the front ends: console and monitor" },
    };
    g_autoptr(GString) text = g_string_new("\r\n");
    char name[8];

    g_snprintf(name, sizeof(name), escape_character < 32 ? "C-%c" : "%c",
               escape_character < 32 ? g_ascii_tolower(escape_character + '@')
                                     : escape_character);
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_string_append_printf(text, "%s %c    %s\r\n", name, keys[i].key, keys[i].effect);
    }
    g_string_append_printf(text, "%s %s  send %s\r\n", name, name, name);
    say(mux, text->str);
}

/* True when the byte after the escape is itself typed. */
static bool take_escape(ChardevMux *mux, uint8_t byte)
{
    if (byte == escape_character) {
        return true;
    }
    switch (byte) {
    case 'h':
    case '?':
        print_help(mux);
        break;
    case 'x':
        if (escapes && escapes->quit) {
            say(mux, "\r\nvmm: Terminated\r\n");
            escapes->quit();
        }
        break;
    case 's':
        if (escapes && escapes->commit) {
            escapes->commit();
        }
        break;
    case 'b':
        port_event(mux, mux->focus, CHARDEV_BREAK);
        break;
    case 'c':
        set_focus(mux, next_port(mux));
        break;
    case 't':
        mux->timestamps = !mux->timestamps;
        mux->at_line_start = false;
        mux->start = g_get_monotonic_time();
        break;
    }
    return false;
}

/* ---- the backend's side ---- */

static size_t mux_can_receive(void *opaque)
{
    ChardevMux *mux = opaque;

    if (!mux->focus) {
        return 0;
    }
    /* A port may have got room without asking for more. */
    if (mux->focus->typed->len >= TYPED_MAX) {
        port_deliver(mux, mux->focus);
    }
    return mux->focus ? TYPED_MAX - mux->focus->typed->len : 0;
}

static void mux_receive(void *opaque, const uint8_t *data, size_t size)
{
    ChardevMux *mux = opaque;

    for (size_t i = 0; i < size; i++) {
        if (mux->escape_seen) {
            mux->escape_seen = false;
            if (!take_escape(mux, data[i])) {
                continue;
            }
        } else if (data[i] == escape_character) {
            mux->escape_seen = true;
            continue;
        }
        if (mux->focus) {
            g_byte_array_append(mux->focus->typed, &data[i], 1);
        }
    }
    for (unsigned i = 0; i < PORTS_MAX; i++) {
        if (mux->ports[i].opaque) {
            port_deliver(mux, &mux->ports[i]);
        }
    }
}

static void mux_event(void *opaque, ChardevEvent event)
{
    ChardevMux *mux = opaque;

    if (event == CHARDEV_BREAK) {
        port_event(mux, mux->focus, event);
        return;
    }
    mux->escape_seen = false;
    chardev_event(&mux->chardev, event);
    for (unsigned i = 0; i < PORTS_MAX; i++) {
        port_event(mux, &mux->ports[i], event);
    }
}

static void mux_writable(void *opaque)
{
    ChardevMux *mux = opaque;

    chardev_writable(&mux->chardev);
    for (unsigned i = 0; i < PORTS_MAX; i++) {
        MuxPort *port = &mux->ports[i];
        if (port->opaque && port->ops->writable && !chardev_queued(&mux->chardev)) {
            mux->chardev.in_callback++;
            port->ops->writable(port->opaque);
            mux->chardev.in_callback--;
        }
    }
}

static void mux_gone(void *opaque)
{
    mux_event(opaque, CHARDEV_CLOSED);
}

static const ChardevFrontendOps mux_frontend = {
    .can_receive = mux_can_receive, .receive = mux_receive, .event = mux_event,
    .writable = mux_writable, .gone = mux_gone,
};

/* ---- output ---- */

static bool write_stamp(ChardevMux *mux)
{
    gint64 ms = (g_get_monotonic_time() - mux->start) / 1000;
    g_autofree char *stamp = g_strdup_printf("[%02d:%02d:%02d.%03d] ", (int)(ms / 3600000),
                                             (int)(ms / 60000 % 60), (int)(ms / 1000 % 60),
                                             (int)(ms % 1000));

    return chardev_write_all(backend_of(mux), stamp, strlen(stamp));
}

static size_t write_stamped(ChardevMux *mux, const uint8_t *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        const uint8_t *newline = memchr(data + done, '\n', size - done);
        size_t line = newline ? newline + 1 - (data + done) : size - done, written;
        if (mux->at_line_start && !write_stamp(mux)) {
            return done;
        }
        mux->at_line_start = false;
        written = chardev_write(backend_of(mux), data + done, line);
        done += written;
        if (written < line) {
            return done;
        }
        mux->at_line_start = newline != NULL;
    }
    return done;
}

static size_t mux_write(Chardev *chardev, const uint8_t *data, size_t size)
{
    ChardevMux *mux = (ChardevMux *)chardev;

    return mux->timestamps ? write_stamped(mux, data, size)
                           : chardev_write(backend_of(mux), data, size);
}

static void mux_wait(Chardev *chardev, unsigned timeout_ms)
{
    Chardev *backend = backend_of((ChardevMux *)chardev);

    if (backend && backend->ops->wait) {
        backend->ops->wait(backend, timeout_ms);
    }
}

static void mux_resume(Chardev *chardev)
{
    ChardevMux *mux = (ChardevMux *)chardev;

    for (unsigned i = 0; i < PORTS_MAX; i++) {
        if (mux->ports[i].opaque) {
            port_deliver(mux, &mux->ports[i]);
        }
    }
    chardev_receive_resume(backend_of(mux));
}

/* ---- the lines of a serial backend ---- */

static bool mux_set_serial_params(Chardev *chardev, const ChardevSerialParams *params)
{
    return chardev_set_serial_params(backend_of((ChardevMux *)chardev), params);
}

static bool mux_set_break(Chardev *chardev, bool on)
{
    return chardev_set_break(backend_of((ChardevMux *)chardev), on);
}

static bool mux_set_modem_lines(Chardev *chardev, unsigned lines)
{
    return chardev_set_modem_lines(backend_of((ChardevMux *)chardev), lines);
}

static bool mux_get_modem_lines(Chardev *chardev, unsigned *lines)
{
    return chardev_get_modem_lines(backend_of((ChardevMux *)chardev), lines);
}

/* ---- the type ---- */

static bool mux_open(Chardev *chardev, GError **error)
{
    ChardevMux *mux = (ChardevMux *)chardev;
    Chardev *backend = backend_of(mux);

    if (backend == chardev || object_is(mux->backend, "chardev-mux")) {
        error_set(error, ERROR_INVALID, "chardev '%s': a mux cannot sit on the mux '%s'",
                  chardev_id(chardev), chardev_id(backend));
        return false;
    }
    return chardev_attach(backend, &mux_frontend, mux, error);
}

static void mux_finalize(Object *object)
{
    ChardevMux *mux = (ChardevMux *)object;
    Object *backend = mux->backend;

    for (unsigned i = 0; i < PORTS_MAX; i++) {
        MuxPort port = mux->ports[i];
        if (port.opaque) {
            g_byte_array_unref(port.typed);
            mux->ports[i] = (MuxPort){ 0 };
            if (port.ops->gone) {
                port.ops->gone(port.opaque);
            }
        }
    }
    mux->focus = NULL;
    chardev_detach((Chardev *)backend, mux);
    if (mux->owns_backend) {
        object_delete(backend);
    }
}

void chardev_mux_own_backend(Chardev *chardev)
{
    ((ChardevMux *)chardev)->owns_backend = true;
}

static const Property mux_properties[] = {
    { .name = "chardev", .description = "the backend that is shared",
      .field = FIELD_LINK_OF(ChardevMux, backend), .link = "chardev", .link_root = "/chardevs",
      .flags = PROPERTY_REQUIRED },
};
static const ChardevBackendOps mux_ops = {
    .open = mux_open, .write = mux_write, .wait = mux_wait, .resume = mux_resume,
    .attach = mux_attach, .detach = mux_detach, .is_busy = mux_is_busy,
    .set_serial_params = mux_set_serial_params, .set_break = mux_set_break,
    .set_modem_lines = mux_set_modem_lines, .get_modem_lines = mux_get_modem_lines,
};
static const Interface mux_interfaces[] = { { CHARDEV_BACKEND, &mux_ops } };

const ObjectType chardev_mux_type = {
    .name = "chardev-mux", .parent = "chardev",
    .description = "several front ends on one backend", .size = sizeof(ChardevMux),
    .properties = TABLE(mux_properties), .interfaces = TABLE(mux_interfaces),
    .finalize = mux_finalize,
};
