/* SPDX-License-Identifier: MIT */
/*
 * The PS/2 mouse: IBM PS/2 Hardware Interface Technical Reference, auxiliary
 * device; Microsoft's IntelliMouse (identity 3, a wheel) and IntelliMouse
 * Explorer (identity 4, two more buttons), which a driver turns on by sample
 * rates of 200, 100, 80 and 200, 200, 80.
 */
#include <string.h>

#include "base/log.h"
#include "hw/core/machine.h"
#include "hw/input/input.h"
#include "hw/input/ps2.h"

enum {
    MOUSE_SCALE_1 = 0xe6, MOUSE_SCALE_2 = 0xe7, MOUSE_RESOLUTION = 0xe8, MOUSE_STATUS = 0xe9,
    MOUSE_STREAM = 0xea, MOUSE_READ = 0xeb, MOUSE_UNWRAP = 0xec, MOUSE_WRAP = 0xee,
    MOUSE_REMOTE = 0xf0, MOUSE_IDENTIFY = 0xf2, MOUSE_RATE = 0xf3, MOUSE_ENABLE = 0xf4,
    MOUSE_DISABLE = 0xf5, MOUSE_DEFAULTS = 0xf6, MOUSE_RESEND = 0xfe, MOUSE_RESET = 0xff,
};

enum { BUTTON_LEFT = 0x01, BUTTON_RIGHT = 0x02, BUTTON_MIDDLE = 0x04, BUTTON_SIDE = 0x08,
       BUTTON_EXTRA = 0x10 };

enum { IDENTITY_PLAIN = 0, IDENTITY_WHEEL = 3, IDENTITY_EXPLORER = 4 };

#define MOVEMENT_MAX 0x7fff
#define PACKET_MAX 4

typedef struct Ps2Mouse {
    Ps2Device ps2;
    bool enabled, remote, wrap, scale_2;
    uint8_t resolution;        /* 0 to 3 */
    uint8_t rate;              /* samples a second */
    uint8_t identity;
    uint8_t rates[2];          /* the last ones that were set, oldest first */
    bool failed;               /* the last byte was no command */
    uint8_t buttons, sent_buttons;
    int32_t dx, dy, dz;        /* moved since the last packet; right, up, toward the user */
    uint8_t last[PACKET_MAX];  /* what was sent last, for MOUSE_RESEND */
    uint8_t last_length;
    Timer sample;              /* the next packet may go */
} Ps2Mouse;

/* ---- packets ---- */

static unsigned packet_length(const Ps2Mouse *mouse)
{
    return mouse->identity == IDENTITY_PLAIN ? 3 : 4;
}

/* At most `max` of a movement, taken off it. */
static int take_movement(int32_t *movement, int min, int max)
{
    int taken = CLAMP(*movement, min, max);

    *movement -= taken;
    return taken;
}

/* 2:1 scaling, in stream mode only. */
static int scaled(const Ps2Mouse *mouse, int movement)
{
    static const uint8_t table[] = { 0, 1, 1, 3, 6, 9 };
    unsigned size = ABS(movement);

    if (!mouse->scale_2 || mouse->remote) {
        return movement;
    }
    size = size < G_N_ELEMENTS(table) ? table[size] : MIN(2 * size, 255);
    return movement < 0 ? -(int)size : (int)size;
}

static unsigned make_packet(Ps2Mouse *mouse, uint8_t *packet)
{
    int dx = scaled(mouse, take_movement(&mouse->dx, -255, 255));
    int dy = scaled(mouse, take_movement(&mouse->dy, -255, 255));

    packet[0] = 0x08 | (mouse->buttons & 0x07) | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0);
    packet[1] = dx;
    packet[2] = dy;
    if (mouse->identity == IDENTITY_WHEEL) {
        packet[3] = take_movement(&mouse->dz, -127, 127);
    } else if (mouse->identity == IDENTITY_EXPLORER) {
        packet[3] = (take_movement(&mouse->dz, -8, 7) & 0x0f) |
                    (mouse->buttons & BUTTON_SIDE ? 0x10 : 0) |
                    (mouse->buttons & BUTTON_EXTRA ? 0x20 : 0);
    } else {
        mouse->dz = 0;
    }
    mouse->sent_buttons = mouse->buttons;
    mouse->last_length = packet_length(mouse);
    memcpy(mouse->last, packet, mouse->last_length);
    return mouse->last_length;
}

static bool has_changed(const Ps2Mouse *mouse)
{
    uint8_t known = mouse->identity == IDENTITY_EXPLORER ? 0x1f : 0x07;

    return mouse->dx || mouse->dy || (mouse->dz && mouse->identity != IDENTITY_PLAIN) ||
           ((mouse->buttons ^ mouse->sent_buttons) & known);
}

/* At most one packet in a sample period, and none while the controller takes none. */
static void send_sample(Ps2Mouse *mouse)
{
    uint8_t packet[PACKET_MAX];

    if (!mouse->enabled || mouse->remote || mouse->wrap || timer_armed(&mouse->sample) ||
        !has_changed(mouse)) {
        return;
    }
    if (fifo_room(&mouse->ps2.stream) >= packet_length(mouse)) {
        unsigned length = make_packet(mouse, packet);
        for (unsigned i = 0; i < length; i++) {
            fifo_push(&mouse->ps2.stream, packet[i]);
        }
    }
    timer_set(&mouse->sample, time_virtual() + NANOSECONDS_PER_SECOND / MAX(mouse->rate, 1));
}

static void mouse_sample(Device *device, unsigned index)
{
    send_sample((Ps2Mouse *)device);
}

/* ---- events ---- */

static void add_movement(int32_t *movement, int32_t distance)
{
    *movement = CLAMP((int64_t)*movement + distance, -MOVEMENT_MAX, MOVEMENT_MAX);
}

static void take_button(Ps2Mouse *mouse, unsigned code, bool down)
{
    static const uint8_t bits[INPUT_BUTTONS] = {
        [INPUT_LEFT] = BUTTON_LEFT, [INPUT_RIGHT] = BUTTON_RIGHT,
        [INPUT_MIDDLE] = BUTTON_MIDDLE, [INPUT_SIDE] = BUTTON_SIDE,
        [INPUT_EXTRA] = BUTTON_EXTRA,
    };

    if (code == INPUT_WHEEL_UP || code == INPUT_WHEEL_DOWN) {
        add_movement(&mouse->dz, !down ? 0 : code == INPUT_WHEEL_UP ? -1 : 1);
    } else if (code < INPUT_BUTTONS) {
        mouse->buttons = down ? mouse->buttons | bits[code] : mouse->buttons & ~bits[code];
    }
}

static void mouse_event(Device *device, const InputEvent *event)
{
    Ps2Mouse *mouse = (Ps2Mouse *)device;

    if (event->kind == INPUT_BUTTON) {
        take_button(mouse, event->code, event->value != 0);
        if (event->value) {
            machine_request_wakeup();
        }
    } else if (event->code == INPUT_X) {
        add_movement(&mouse->dx, CLAMP(event->value, -MOVEMENT_MAX, MOVEMENT_MAX));
    } else {
        add_movement(&mouse->dy, -CLAMP(event->value, -MOVEMENT_MAX, MOVEMENT_MAX));
    }
}

static void mouse_sync(Device *device)
{
    Ps2Mouse *mouse = (Ps2Mouse *)device;

    if (!mouse->enabled && !mouse->remote) {
        mouse->dx = mouse->dy = mouse->dz = 0;
    }
    send_sample(mouse);
    device_update(device);
}

/* ---- commands ---- */

static void forget_movement(Ps2Mouse *mouse)
{
    mouse->dx = mouse->dy = mouse->dz = 0;
    mouse->sent_buttons = mouse->buttons;
    timer_cancel(&mouse->sample);
}

static void set_defaults(Ps2Mouse *mouse)
{
    mouse->enabled = mouse->remote = mouse->wrap = mouse->scale_2 = false;
    mouse->resolution = 2;
    mouse->rate = 100;
    forget_movement(mouse);
}

static void set_rate(Ps2Mouse *mouse, uint8_t rate)
{
    if (mouse->rates[0] == 200 && rate == 80) {
        if (mouse->rates[1] == 100) {
            mouse->identity = IDENTITY_WHEEL;
        } else if (mouse->rates[1] == 200) {
            mouse->identity = IDENTITY_EXPLORER;
        }
    }
    mouse->rates[0] = mouse->rates[1];
    mouse->rates[1] = rate;
    mouse->rate = rate;
}

/* False: not what the command takes. */
static bool take_parameter(Ps2Mouse *mouse, uint8_t command, uint8_t byte)
{
    static const uint8_t rates[] = { 10, 20, 40, 60, 80, 100, 200 };

    if (command == MOUSE_RESOLUTION) {
        if (byte > 3) {
            return false;
        }
        mouse->resolution = byte;
        return true;
    }
    if (!memchr(rates, byte, sizeof(rates))) {
        return false;
    }
    set_rate(mouse, byte);
    return true;
}

static void reply_with(Ps2Mouse *mouse, const uint8_t *bytes, unsigned length)
{
    for (unsigned i = 0; i < length; i++) {
        ps2_reply(&mouse->ps2, bytes[i]);
    }
    mouse->last_length = length;
    memcpy(mouse->last, bytes, length);
}

static void reply_status(Ps2Mouse *mouse)
{
    uint8_t status[3] = {
        (mouse->remote ? 0x40 : 0) | (mouse->enabled ? 0x20 : 0) | (mouse->scale_2 ? 0x10 : 0) |
        (mouse->buttons & BUTTON_LEFT ? 4 : 0) | (mouse->buttons & BUTTON_MIDDLE ? 2 : 0) |
        (mouse->buttons & BUTTON_RIGHT ? 1 : 0),
        mouse->resolution, mouse->rate,
    };

    reply_with(mouse, status, sizeof(status));
}

static void refuse(Ps2Mouse *mouse, uint8_t byte)
{
    log_guest_error("ps2-mouse: 0x%02x is no command or parameter", byte);
    ps2_reply(&mouse->ps2, mouse->failed ? PS2_ERROR : PS2_RESEND);
    mouse->failed = true;
}

/* What a command does, before it is acknowledged. False: it is none. */
static bool take_command(Ps2Mouse *mouse, uint8_t byte)
{
    switch (byte) {
    case MOUSE_SCALE_1:
    case MOUSE_SCALE_2:
        mouse->scale_2 = byte == MOUSE_SCALE_2;
        return true;
    case MOUSE_RESOLUTION:
    case MOUSE_RATE:
        mouse->ps2.awaiting = byte;
        return true;
    case MOUSE_STREAM:
    case MOUSE_REMOTE:
        mouse->remote = byte == MOUSE_REMOTE;
        forget_movement(mouse);
        return true;
    case MOUSE_UNWRAP:
    case MOUSE_WRAP:
        mouse->wrap = byte == MOUSE_WRAP;
        forget_movement(mouse);
        return true;
    case MOUSE_ENABLE:
    case MOUSE_DISABLE:
        mouse->enabled = byte == MOUSE_ENABLE;
        forget_movement(mouse);
        return true;
    case MOUSE_RESET:
        mouse->identity = IDENTITY_PLAIN;
        memset(mouse->rates, 0, sizeof(mouse->rates));
        set_defaults(mouse);
        return true;
    case MOUSE_DEFAULTS:
        set_defaults(mouse);
        return true;
    case MOUSE_STATUS:
    case MOUSE_READ:
    case MOUSE_IDENTIFY:
        return true;
    default:
        return false;
    }
}

/* What follows the acknowledgement. */
static void answer_command(Ps2Mouse *mouse, uint8_t byte)
{
    static const uint8_t started[] = { PS2_BAT_OK, IDENTITY_PLAIN };
    uint8_t packet[PACKET_MAX];

    switch (byte) {
    case MOUSE_STATUS:
        reply_status(mouse);
        break;
    case MOUSE_READ:
        reply_with(mouse, packet, make_packet(mouse, packet));
        break;
    case MOUSE_IDENTIFY:
        reply_with(mouse, &mouse->identity, 1);
        break;
    case MOUSE_RESET:
        reply_with(mouse, started, sizeof(started));
        break;
    }
}

static void mouse_command(Ps2Device *ps2, uint8_t byte)
{
    Ps2Mouse *mouse = (Ps2Mouse *)ps2;
    uint8_t awaiting = ps2->awaiting;
    bool ok;

    /* A packet that is under way is not finished. */
    fifo_clear(&ps2->stream);
    ps2->awaiting = 0;
    if (mouse->wrap && byte != MOUSE_UNWRAP && byte != MOUSE_RESET) {
        ps2_reply(ps2, byte);
        return;
    }
    if (byte == MOUSE_RESEND && !awaiting) {
        for (unsigned i = 0; i < MIN(mouse->last_length, PACKET_MAX); i++) {
            ps2_reply(ps2, mouse->last[i]);
        }
        return;
    }
    ok = awaiting ? take_parameter(mouse, awaiting, byte) : take_command(mouse, byte);
    if (!ok) {
        refuse(mouse, byte);
        return;
    }
    mouse->failed = false;
    ps2_reply(ps2, PS2_ACK);
    if (!awaiting) {
        answer_command(mouse, byte);
    }
}

/* ---- life ---- */

static void mouse_reset(Device *device)
{
    Ps2Mouse *mouse = (Ps2Mouse *)device;

    mouse->buttons = 0;
    mouse->identity = IDENTITY_PLAIN;
    memset(mouse->rates, 0, sizeof(mouse->rates));
    memset(mouse->last, 0, sizeof(mouse->last));
    mouse->last_length = 0;
    mouse->failed = false;
    set_defaults(mouse);
}

static const InputOps mouse_input = {
    .name = "PS/2 Mouse", .kinds = BIT(INPUT_BUTTON) | BIT(INPUT_RELATIVE),
    .event = mouse_event, .sync = mouse_sync,
};

static bool mouse_realize(Device *device, GError **error)
{
    input_attach(device, &mouse_input);
    return true;
}

static void mouse_unrealize(Device *device)
{
    input_detach(device);
}

static void mouse_print(Device *device, GString *out)
{
    const Ps2Mouse *mouse = (const Ps2Mouse *)device;

    g_string_append_printf(out, "%s: identity %u, %s, %s mode, %u samples a second\n",
                           device->object.name, mouse->identity,
                           mouse->enabled ? "enabled" : "disabled",
                           mouse->remote ? "remote" : "stream", mouse->rate);
}

static const Ps2Ops mouse_ops = { .command = mouse_command };
static const Interface mouse_interfaces[] = { { PS2_INTERFACE, &mouse_ops } };

static const PinInfo mouse_pins[] = {
    [PS2_PIN_READY] = { "ready", "a byte is there for the controller", PIN_OUT },
};
static const TimerInfo mouse_timers[] = {
    { "sample", FIELD(Ps2Mouse, sample), .expired = mouse_sample },
};
static const StateInfo mouse_state[] = {
    { "enabled", FIELD(Ps2Mouse, enabled) },
    { "remote", FIELD(Ps2Mouse, remote) },
    { "wrap", FIELD(Ps2Mouse, wrap) },
    { "scale_2", FIELD(Ps2Mouse, scale_2) },
    { "resolution", FIELD(Ps2Mouse, resolution), .max = 3 },
    { "rate", FIELD(Ps2Mouse, rate), .max = 200 },
    { "identity", FIELD(Ps2Mouse, identity), .max = IDENTITY_EXPLORER },
    { "rates", FIELD_ARRAY(Ps2Mouse, rates) },
    { "failed", FIELD(Ps2Mouse, failed) },
    { "buttons", FIELD(Ps2Mouse, buttons), .max = 0x1f },
    { "sent_buttons", FIELD(Ps2Mouse, sent_buttons), .max = 0x1f },
    { "dx", FIELD(Ps2Mouse, dx) },
    { "dy", FIELD(Ps2Mouse, dy) },
    { "dz", FIELD(Ps2Mouse, dz) },
    { "last", FIELD_ARRAY(Ps2Mouse, last) },
    { "last_length", FIELD(Ps2Mouse, last_length), .max = PACKET_MAX },
};

const DeviceType ps2_mouse_type = {
    .name = "ps2-mouse", .parent = "ps2-device", .size = sizeof(Ps2Mouse),
    .description = "PS/2 mouse with a wheel", .board_only = true,
    .interfaces = TABLE(mouse_interfaces), .pins = TABLE(mouse_pins),
    .timers = TABLE(mouse_timers), .state = TABLE(mouse_state), .realize = mouse_realize,
    .unrealize = mouse_unrealize, .reset = mouse_reset, .print = mouse_print,
};
