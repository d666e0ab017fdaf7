/* SPDX-License-Identifier: MIT */
/*
 * The PS/2 keyboard: IBM PS/2 Hardware Interface Technical Reference, keyboards
 * (101- and 102-key); scan code sets 1 to 3. The keyboard repeats a key that is
 * held by itself.
 *
 * Not modelled: the Shift codes that keyboards wrap around the grey keys while
 * Num Lock or Shift is on (guests ignore them).
 */
#include <string.h>

#include "base/log.h"
#include "hw/core/machine.h"
#include "hw/input/input.h"
#include "hw/input/ps2.h"

enum {
    KBD_SET_LEDS = 0xed, KBD_ECHO = 0xee, KBD_SCAN_SET = 0xf0, KBD_IDENTIFY = 0xf2,
    KBD_TYPEMATIC = 0xf3, KBD_ENABLE = 0xf4, KBD_DISABLE = 0xf5, KBD_DEFAULTS = 0xf6,
    KBD_ALL_TYPEMATIC = 0xf7, KBD_ALL_BREAK = 0xf8, KBD_ALL_MAKE = 0xf9, KBD_ALL_BOTH = 0xfa,
    KBD_KEY_TYPEMATIC = 0xfb, KBD_KEY_BREAK = 0xfc, KBD_KEY_MAKE = 0xfd, KBD_RESEND = 0xfe,
    KBD_RESET = 0xff, KBD_FIRST_COMMAND = KBD_SET_LEDS,
};

#define DEFAULT_TYPEMATIC 0x2b   /* 500 ms, 10.9 a second */
#define SET3_CODES 256

typedef struct Ps2Keyboard {
    Ps2Device ps2;
    bool enabled;
    uint8_t scan_set;                     /* 1 to 3 */
    uint8_t leds;                         /* Scroll, Num, Caps */
    uint8_t typematic;                    /* as KBD_TYPEMATIC sets it */
    uint8_t last_sent;                    /* for KBD_RESEND */
    bool overrun;                         /* keys are being lost, and that was said */
    uint8_t pressed[32];                  /* a bit for each key of input_keys */
    uint8_t repeating;                    /* key; 0: none */
    uint8_t set3_repeats[SET3_CODES / 8]; /* codes of set 3 that repeat, */
    uint8_t set3_breaks[SET3_CODES / 8];  /* and that have a break code */
    Timer repeat;
} Ps2Keyboard;

static bool bit_get(const uint8_t *bits, unsigned at)
{
    return bits[at / 8] >> (at % 8) & 1;
}

static void bit_put(uint8_t *bits, unsigned at, bool on)
{
    bits[at / 8] = (bits[at / 8] & ~(1 << at % 8)) | on << at % 8;
}

/* ---- scan codes ---- */

typedef struct Sequence {
    uint8_t bytes[8];
    unsigned length;
} Sequence;

static void put_byte(Sequence *sequence, uint8_t byte)
{
    sequence->bytes[sequence->length++] = byte;
}

/* One code of set 2 in the set that is in use, with its prefix. */
static void put_code(const Ps2Keyboard *kbd, Sequence *sequence, uint16_t code, bool down)
{
    if (code >> 8) {
        put_byte(sequence, code >> 8);
    }
    if (kbd->scan_set == 1) {
        put_byte(sequence, input_translate_set2(code & 0xff) | (down ? 0 : 0x80));
        return;
    }
    if (!down) {
        put_byte(sequence, 0xf0);
    }
    put_byte(sequence, code & 0xff);
}

static bool is_pressed(const Ps2Keyboard *kbd, const char *left, const char *right)
{
    for (unsigned i = 1; i < input_key_count; i++) {
        if (bit_get(kbd->pressed, i) && (g_str_equal(input_keys[i].name, left) ||
                                         g_str_equal(input_keys[i].name, right))) {
            return true;
        }
    }
    return false;
}

static void put_print(const Ps2Keyboard *kbd, Sequence *sequence, bool down)
{
    bool plain = !is_pressed(kbd, "shift", "shift_r") && !is_pressed(kbd, "ctrl", "ctrl_r");

    if (is_pressed(kbd, "alt", "alt_r")) {
        put_code(kbd, sequence, 0x84, down);
        return;
    }
    if (down && plain) {
        put_code(kbd, sequence, 0xe012, true);
    }
    put_code(kbd, sequence, 0xe07c, down);
    if (!down && plain) {
        put_code(kbd, sequence, 0xe012, false);
    }
}

/* Make and break in one; with Ctrl it is Break. */
static void put_pause(const Ps2Keyboard *kbd, Sequence *sequence)
{
    if (is_pressed(kbd, "ctrl", "ctrl_r")) {
        put_code(kbd, sequence, 0xe07e, true);
        put_code(kbd, sequence, 0xe07e, false);
        return;
    }
    put_code(kbd, sequence, 0xe114, true);
    put_code(kbd, sequence, 0x77, true);
    put_code(kbd, sequence, 0xe114, false);
    put_code(kbd, sequence, 0x77, false);
}

static void make_sequence(const Ps2Keyboard *kbd, Sequence *sequence, const InputKey *key,
                          bool down)
{
    if (kbd->scan_set == 3) {
        if (key->set3 && !down && bit_get(kbd->set3_breaks, key->set3)) {
            put_byte(sequence, 0xf0);
        }
        if (key->set3 && (down || sequence->length)) {
            put_byte(sequence, key->set3);
        }
    } else if (key->set2 == 0xe07c) {
        put_print(kbd, sequence, down);
    } else if (key->set2 >> 8 == 0xe1) {
        if (down) {
            put_pause(kbd, sequence);
        }
    } else if (key->set2 == 0xf1 || key->set2 == 0xf2) {
        /* Hangul and Hanja are the same in all sets, and have no break code. */
        if (down) {
            put_byte(sequence, key->set2);
        }
    } else if (key->set2) {
        put_code(kbd, sequence, key->set2, down);
    }
}

static void send_key(Ps2Keyboard *kbd, unsigned key, bool down)
{
    Fifo *stream = &kbd->ps2.stream;
    Sequence sequence = { .length = 0 };

    make_sequence(kbd, &sequence, &input_keys[key], down);
    /* The last place is for the code that says that keys were lost. */
    if (sequence.length + 1 > fifo_room(stream)) {
        if (!kbd->overrun && sequence.length) {
            fifo_push(stream, kbd->scan_set == 1 ? 0xff : 0x00);
            kbd->overrun = true;
        }
        return;
    }
    kbd->overrun = false;
    for (unsigned i = 0; i < sequence.length; i++) {
        fifo_push(stream, sequence.bytes[i]);
    }
}

/* ---- keys ---- */

static bool key_repeats(const Ps2Keyboard *kbd, unsigned key)
{
    const InputKey *info = &input_keys[key];

    return kbd->scan_set == 3 ? bit_get(kbd->set3_repeats, info->set3)
                              : info->set2 && info->set2 >> 8 != 0xe1;
}

static int64_t typematic_delay(const Ps2Keyboard *kbd)
{
    return ((kbd->typematic >> 5 & 3) + 1) * 250000000ll;
}

/* (8 + A) × 2^B × 4.17 ms */
static int64_t typematic_period(const Ps2Keyboard *kbd)
{
    return (8 + (kbd->typematic & 7)) * (1ll << (kbd->typematic >> 3 & 3)) * 4170000;
}

static void kbd_repeat(Device *device, unsigned index)
{
    Ps2Keyboard *kbd = (Ps2Keyboard *)device;

    if (kbd->repeating && kbd->enabled) {
        if (fifo_is_empty(&kbd->ps2.stream)) {
            send_key(kbd, kbd->repeating, true);
        }
        timer_set(&kbd->repeat, time_virtual() + typematic_period(kbd));
    }
}

static void stop_repeating(Ps2Keyboard *kbd)
{
    kbd->repeating = 0;
    timer_cancel(&kbd->repeat);
}

static void kbd_event(Device *device, const InputEvent *event)
{
    Ps2Keyboard *kbd = (Ps2Keyboard *)device;
    unsigned key = event->code;
    bool down = event->value != 0;

    if (!key || key >= input_key_count || bit_get(kbd->pressed, key) == down) {
        return;
    }
    bit_put(kbd->pressed, key, down);
    if (down) {
        machine_request_wakeup();
    }
    if (!kbd->enabled) {
        return;
    }
    if (down && key_repeats(kbd, key)) {
        kbd->repeating = key;
        timer_set(&kbd->repeat, time_virtual() + typematic_delay(kbd));
    } else if (kbd->repeating == key) {
        stop_repeating(kbd);
    }
    send_key(kbd, key, down);
    device_update(device);
}

/* ---- commands ---- */

static void set_all_keys(Ps2Keyboard *kbd, bool repeats, bool breaks)
{
    memset(kbd->set3_repeats, repeats ? 0xff : 0, sizeof(kbd->set3_repeats));
    memset(kbd->set3_breaks, breaks ? 0xff : 0, sizeof(kbd->set3_breaks));
}

static void set_defaults(Ps2Keyboard *kbd)
{
    kbd->scan_set = 2;
    kbd->typematic = DEFAULT_TYPEMATIC;
    set_all_keys(kbd, false, false);
    for (unsigned i = 1; i < input_key_count; i++) {
        if (input_keys[i].set3) {
            bit_put(kbd->set3_repeats, input_keys[i].set3, input_keys[i].set3_kind == 'T');
            bit_put(kbd->set3_breaks, input_keys[i].set3, input_keys[i].set3_kind == 'B');
        }
    }
    stop_repeating(kbd);
    fifo_clear(&kbd->ps2.stream);
    kbd->overrun = false;
}

static void take_scan_set(Ps2Keyboard *kbd, uint8_t byte)
{
    if (byte > 3) {
        ps2_reply(&kbd->ps2, PS2_RESEND);
        return;
    }
    ps2_reply(&kbd->ps2, PS2_ACK);
    if (byte == 0) {
        ps2_reply(&kbd->ps2, kbd->scan_set);
    } else {
        kbd->scan_set = byte;
        stop_repeating(kbd);
        fifo_clear(&kbd->ps2.stream);
    }
}

static void take_parameter(Ps2Keyboard *kbd, uint8_t command, uint8_t byte)
{
    switch (command) {
    case KBD_SET_LEDS:
        kbd->leds = byte & 7;
        break;
    case KBD_SCAN_SET:
        take_scan_set(kbd, byte);
        return;
    case KBD_TYPEMATIC:
        kbd->typematic = byte & 0x7f;
        break;
    default:
        /* One key after the other, until the next command. */
        bit_put(kbd->set3_repeats, byte, command == KBD_KEY_TYPEMATIC);
        bit_put(kbd->set3_breaks, byte, command == KBD_KEY_BREAK);
        kbd->ps2.awaiting = command;
        break;
    }
    ps2_reply(&kbd->ps2, PS2_ACK);
}

static void take_command(Ps2Keyboard *kbd, uint8_t byte)
{
    Ps2Device *ps2 = &kbd->ps2;

    switch (byte) {
    case KBD_ECHO:
        ps2_reply(ps2, KBD_ECHO);
        return;
    case KBD_RESEND:
        ps2_reply(ps2, kbd->last_sent);
        return;
    case KBD_SET_LEDS:
    case KBD_SCAN_SET:
    case KBD_TYPEMATIC:
    case KBD_KEY_TYPEMATIC:
    case KBD_KEY_BREAK:
    case KBD_KEY_MAKE:
        ps2->awaiting = byte;
        break;
    case KBD_IDENTIFY:
        break;
    case KBD_ENABLE:
        fifo_clear(&ps2->stream);
        kbd->enabled = true;
        break;
    case KBD_DISABLE:
    case KBD_DEFAULTS:
        set_defaults(kbd);
        kbd->enabled &= byte != KBD_DISABLE;
        break;
    case KBD_ALL_TYPEMATIC:
    case KBD_ALL_BREAK:
    case KBD_ALL_MAKE:
    case KBD_ALL_BOTH:
        set_all_keys(kbd, byte == KBD_ALL_TYPEMATIC || byte == KBD_ALL_BOTH,
                     byte == KBD_ALL_BREAK || byte == KBD_ALL_BOTH);
        break;
    case KBD_RESET:
        set_defaults(kbd);
        kbd->leds = 0;
        kbd->enabled = true;
        break;
    default:
        log_guest_error("ps2-kbd: 0x%02x is no command", byte);
        ps2_reply(ps2, PS2_RESEND);
        return;
    }
    ps2_reply(ps2, PS2_ACK);
    if (byte == KBD_IDENTIFY) {
        ps2_reply(ps2, 0xab);
        ps2_reply(ps2, 0x83);
    } else if (byte == KBD_RESET) {
        ps2_reply(ps2, PS2_BAT_OK);
    }
}

static void kbd_command(Ps2Device *ps2, uint8_t byte)
{
    Ps2Keyboard *kbd = (Ps2Keyboard *)ps2;
    uint8_t awaiting = ps2->awaiting;

    ps2->awaiting = 0;
    if (awaiting && byte < KBD_FIRST_COMMAND) {
        take_parameter(kbd, awaiting, byte);
    } else {
        take_command(kbd, byte);
    }
    if (byte != KBD_RESEND && !fifo_is_empty(&ps2->replies)) {
        kbd->last_sent = fifo_peek(&ps2->replies, ps2->replies.count - 1);
    }
}

/* ---- life ---- */

static void kbd_reset(Device *device)
{
    Ps2Keyboard *kbd = (Ps2Keyboard *)device;

    set_defaults(kbd);
    memset(kbd->pressed, 0, sizeof(kbd->pressed));
    kbd->leds = 0;
    kbd->last_sent = PS2_BAT_OK;
    kbd->enabled = true;
}

static const InputOps kbd_input = {
    .name = "PS/2 Keyboard", .kinds = BIT(INPUT_KEY), .event = kbd_event,
};

static bool kbd_realize(Device *device, GError **error)
{
    input_attach(device, &kbd_input);
    return true;
}

static void kbd_unrealize(Device *device)
{
    input_detach(device);
}

static bool kbd_post_load(Device *device, GError **error)
{
    Ps2Keyboard *kbd = (Ps2Keyboard *)device;

    if (kbd->scan_set < 1 || kbd->repeating >= input_key_count) {
        error_set(error, ERROR_INVALID, "the saved state of ps2-kbd has scan code set %u and "
                  "repeats key %u", kbd->scan_set, kbd->repeating);
        return false;
    }
    return true;
}

static void kbd_print(Device *device, GString *out)
{
    const Ps2Keyboard *kbd = (const Ps2Keyboard *)device;

    g_string_append_printf(out, "%s: scan code set %u, %s, LEDs:%s%s%s\n", device->object.name,
                           kbd->scan_set, kbd->enabled ? "enabled" : "disabled",
                           kbd->leds & 1 ? " Scroll" : "", kbd->leds & 2 ? " Num" : "",
                           kbd->leds & 4 ? " Caps" : "");
}

static const Ps2Ops kbd_ops = { .command = kbd_command };
static const Interface kbd_interfaces[] = { { PS2_INTERFACE, &kbd_ops } };

static const PinInfo kbd_pins[] = {
    [PS2_PIN_READY] = { "ready", "a byte is there for the controller", PIN_OUT },
};
static const TimerInfo kbd_timers[] = {
    { "repeat", FIELD(Ps2Keyboard, repeat), .expired = kbd_repeat },
};
static const StateInfo kbd_state[] = {
    { "enabled", FIELD(Ps2Keyboard, enabled) },
    { "scan_set", FIELD(Ps2Keyboard, scan_set), .max = 3 },
    { "leds", FIELD(Ps2Keyboard, leds), .max = 7 },
    { "typematic", FIELD(Ps2Keyboard, typematic), .max = 0x7f },
    { "last_sent", FIELD(Ps2Keyboard, last_sent) },
    { "overrun", FIELD(Ps2Keyboard, overrun) },
    { "pressed", FIELD_ARRAY(Ps2Keyboard, pressed) },
    { "repeating", FIELD(Ps2Keyboard, repeating) },
    { "set3_repeats", FIELD_ARRAY(Ps2Keyboard, set3_repeats) },
    { "set3_breaks", FIELD_ARRAY(Ps2Keyboard, set3_breaks) },
};

const DeviceType ps2_kbd_type = {
    .name = "ps2-kbd", .parent = "ps2-device", .size = sizeof(Ps2Keyboard),
    .description = "PS/2 keyboard", .board_only = true, .interfaces = TABLE(kbd_interfaces),
    .pins = TABLE(kbd_pins), .timers = TABLE(kbd_timers), .state = TABLE(kbd_state),
    .realize = kbd_realize, .unrealize = kbd_unrealize, .reset = kbd_reset,
    .post_load = kbd_post_load, .print = kbd_print,
};

