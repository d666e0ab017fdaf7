/* SPDX-License-Identifier: MIT */
/*
 * The keyboard controller of a PC: an 8042 with the program of the IBM PS/2's
 * keyboard and auxiliary device controller (IBM PS/2 Hardware Interface
 * Technical Reference), with its keyboard and mouse.
 *
 * The output buffer holds one byte. A reply of the controller goes into it
 * first, then the keyboard's bytes, then the mouse's; bytes stay in the devices
 * meanwhile. The interrupt line falls when the buffer is read, so that the next
 * byte makes an edge. That byte is there at once, or with kbd-throttle=on after
 * the millisecond that the wire takes.
 *
 * Not modelled: the version, diagnostic dump and input port polling commands
 * (A1, AC, C1, C2) and RAM beyond 32 bytes; a password cannot be set, so the
 * keyboard cannot be locked.
 */
#include <string.h>

#include "base/log.h"
#include "hw/input/input.h"
#include "hw/input/ps2.h"

enum {
    STATUS_OBF = 0x01, STATUS_SYS = 0x04, STATUS_A2 = 0x08, STATUS_UNLOCKED = 0x10,
    STATUS_AUX = 0x20,
};
enum {
    MODE_KBD_INT = 0x01, MODE_AUX_INT = 0x02, MODE_SYS = 0x04, MODE_KBD_DISABLE = 0x10,
    MODE_AUX_DISABLE = 0x20, MODE_TRANSLATE = 0x40,
};
enum {
    OUT_NOT_RESET = 0x01, OUT_A20 = 0x02, OUT_KBD_FULL = 0x10, OUT_AUX_FULL = 0x20,
};
enum {
    CMD_READ_RAM = 0x20, CMD_WRITE_RAM = 0x60, CMD_PASSWORD_TEST = 0xa4,
    CMD_PASSWORD_LOAD = 0xa5, CMD_PASSWORD_ENABLE = 0xa6, CMD_AUX_DISABLE = 0xa7,
    CMD_AUX_ENABLE = 0xa8, CMD_AUX_TEST = 0xa9, CMD_SELF_TEST = 0xaa, CMD_KBD_TEST = 0xab,
    CMD_KBD_DISABLE = 0xad, CMD_KBD_ENABLE = 0xae, CMD_READ_INPUT = 0xc0,
    CMD_READ_OUTPUT = 0xd0, CMD_WRITE_OUTPUT = 0xd1, CMD_WRITE_KBD_BUFFER = 0xd2,
    CMD_WRITE_AUX_BUFFER = 0xd3, CMD_WRITE_AUX = 0xd4, CMD_A20_OFF = 0xdd, CMD_A20_ON = 0xdf,
    CMD_READ_TEST = 0xe0, CMD_PULSE = 0xf0,
};

#define RAM_SIZE 32
#define BYTE_TIME_NS 1000000

enum { PIN_KBD_IRQ, PIN_AUX_IRQ, PIN_A20, PIN_RESET, PIN_KBD_READY, PIN_AUX_READY };

typedef struct I8042 {
    Device device;
    uint8_t kbd_irq, mouse_irq;
    bool throttle;
    Device *kbd, *mouse;        /* children */

    uint8_t ram[RAM_SIZE];      /* ram[0] is the command byte, "mode" */
    uint8_t output_port;
    uint8_t output;             /* the output buffer */
    bool output_full, output_is_aux;
    uint8_t reply;              /* of the controller, until the buffer is free */
    bool reply_waits, reply_is_aux;
    uint8_t awaiting;           /* the command whose parameter comes next; 0: none */
    bool last_was_command;
    bool translating_break;     /* F0 was taken from the keyboard */
    Timer wire;                 /* armed while a byte is on the wire */
} I8042;

static I8042 *i8042_of(Device *device)
{
    return (I8042 *)device;
}

/* ---- the output buffer ---- */

static void put_output(I8042 *self, uint8_t byte, bool is_aux)
{
    self->output = byte;
    self->output_is_aux = is_aux;
    self->output_full = true;
}

static void take_from_keyboard(I8042 *self)
{
    uint8_t byte;

    if (!(self->ram[0] & MODE_TRANSLATE)) {
        /* Full first: the keyboard tells that it has more while it gives this one. */
        self->output_full = true;
        put_output(self, ps2_take(self->kbd), false);
        return;
    }
    while (!self->output_full && ps2_has_byte(self->kbd)) {
        self->output_full = true;
        byte = ps2_take(self->kbd);
        self->output_full = false;
        if (byte == 0xf0) {
            self->translating_break = true;
        } else {
            put_output(self, input_translate_set2(byte) | (self->translating_break ? 0x80 : 0),
                       false);
            self->translating_break = false;
        }
    }
}

static void fill_output(I8042 *self)
{
    uint8_t mode = self->ram[0];

    if (self->output_full) {
        return;
    }
    if (self->reply_waits) {
        self->reply_waits = false;
        put_output(self, self->reply, self->reply_is_aux);
        return;
    }
    if (timer_armed(&self->wire)) {
        return;
    }
    if (!(mode & MODE_KBD_DISABLE) && ps2_has_byte(self->kbd)) {
        take_from_keyboard(self);
    }
    if (!self->output_full && !(mode & MODE_AUX_DISABLE) && ps2_has_byte(self->mouse)) {
        self->output_full = true;
        put_output(self, ps2_take(self->mouse), true);
    }
}

static void put_reply(I8042 *self, uint8_t byte, bool is_aux)
{
    self->reply = byte;
    self->reply_is_aux = is_aux;
    self->reply_waits = true;
}

static void i8042_ready(Device *device, unsigned line, bool level)
{
    if (level) {
        fill_output(i8042_of(device));
    }
}

static void i8042_wire_free(Device *device, unsigned index)
{
    fill_output(i8042_of(device));
}

static void i8042_update(Device *device)
{
    const I8042 *self = i8042_of(device);
    uint8_t mode = self->ram[0];

    pin_set(device, PIN_KBD_IRQ, 0,
            self->output_full && !self->output_is_aux && mode & MODE_KBD_INT);
    pin_set(device, PIN_AUX_IRQ, 0,
            self->output_full && self->output_is_aux && mode & MODE_AUX_INT);
    pin_set(device, PIN_A20, 0, self->output_port & OUT_A20);
}

/* ---- the output port ---- */

static void write_output_port(I8042 *self, uint8_t value)
{
    self->output_port = value | OUT_NOT_RESET;
    if (!(value & OUT_NOT_RESET)) {
        pin_pulse(&self->device, PIN_RESET, 0);
    }
}

static uint8_t read_output_port(const I8042 *self)
{
    uint8_t mode = self->ram[0], value = self->output_port & ~(OUT_KBD_FULL | OUT_AUX_FULL);

    if (self->output_full && mode & (self->output_is_aux ? MODE_AUX_INT : MODE_KBD_INT)) {
        value |= self->output_is_aux ? OUT_AUX_FULL : OUT_KBD_FULL;
    }
    return value;
}

/* ---- port 60 ---- */

static uint64_t i8042_read_data(Device *device, unsigned index)
{
    I8042 *self = i8042_of(device);
    uint8_t value = self->output;

    if (self->output_full) {
        self->output_full = false;
        pin_set(device, PIN_KBD_IRQ, 0, false);
        pin_set(device, PIN_AUX_IRQ, 0, false);
        if (self->throttle) {
            timer_set(&self->wire, time_virtual() + BYTE_TIME_NS);
        }
        fill_output(self);
    }
    return value;
}

static void take_parameter(I8042 *self, uint8_t command, uint8_t value)
{
    switch (command) {
    case CMD_WRITE_OUTPUT:
        write_output_port(self, value);
        break;
    case CMD_WRITE_KBD_BUFFER:
        put_reply(self, value, false);
        break;
    case CMD_WRITE_AUX_BUFFER:
        put_reply(self, value, true);
        break;
    case CMD_WRITE_AUX:
        self->ram[0] &= ~MODE_AUX_DISABLE;
        ps2_write(self->mouse, value);
        break;
    case CMD_PASSWORD_LOAD:
        /* Scan codes up to a zero; there is no place to keep them. */
        self->awaiting = value ? CMD_PASSWORD_LOAD : 0;
        break;
    default:
        self->ram[command - CMD_WRITE_RAM] = value;
        break;
    }
}

static void i8042_write_data(Device *device, unsigned index, uint64_t value)
{
    I8042 *self = i8042_of(device);
    uint8_t awaiting = self->awaiting;

    self->last_was_command = false;
    self->awaiting = 0;
    if (awaiting) {
        take_parameter(self, awaiting, value);
    } else {
        /* Sending to the keyboard turns its interface on. */
        self->ram[0] &= ~MODE_KBD_DISABLE;
        ps2_write(self->kbd, value);
    }
    fill_output(self);
}

/* ---- port 64 ---- */

static uint64_t i8042_read_status(Device *device, unsigned index)
{
    const I8042 *self = i8042_of(device);

    return (self->output_full ? STATUS_OBF | (self->output_is_aux ? STATUS_AUX : 0) : 0) |
           (self->ram[0] & MODE_SYS ? STATUS_SYS : 0) |
           (self->last_was_command ? STATUS_A2 : 0) | STATUS_UNLOCKED;
}

static uint8_t test_inputs(const I8042 *self)
{
    return (self->ram[0] & MODE_KBD_DISABLE ? 0 : 1) | (self->ram[0] & MODE_AUX_DISABLE ? 0 : 2);
}

/* Commands that change or ask for a bit or a byte; false: it is none of these. */
static bool run_simple_command(I8042 *self, uint8_t command)
{
    switch (command) {
    case CMD_AUX_DISABLE:
        self->ram[0] |= MODE_AUX_DISABLE;
        return true;
    case CMD_AUX_ENABLE:
        self->ram[0] &= ~MODE_AUX_DISABLE;
        return true;
    case CMD_KBD_DISABLE:
        self->ram[0] |= MODE_KBD_DISABLE;
        return true;
    case CMD_KBD_ENABLE:
        self->ram[0] &= ~MODE_KBD_DISABLE;
        return true;
    case CMD_A20_OFF:
        self->output_port &= ~OUT_A20;
        return true;
    case CMD_A20_ON:
        self->output_port |= OUT_A20;
        return true;
    case CMD_AUX_TEST:
    case CMD_KBD_TEST:
        put_reply(self, 0x00, false);
        return true;
    case CMD_PASSWORD_TEST:
        put_reply(self, 0xf1, false);   /* none is installed */
        return true;
    case CMD_PASSWORD_ENABLE:
        return true;                    /* which has no effect without one */
    case CMD_READ_INPUT:
        put_reply(self, 0x80, false);   /* bit 7: the keyboard is not locked */
        return true;
    case CMD_READ_OUTPUT:
        put_reply(self, read_output_port(self), false);
        return true;
    case CMD_READ_TEST:
        put_reply(self, test_inputs(self), false);
        return true;
    case CMD_SELF_TEST:
        self->ram[0] |= MODE_SYS;
        self->output_full = false;
        put_reply(self, 0x55, false);
        return true;
    default:
        return false;
    }
}

static void i8042_write_command(Device *device, unsigned index, uint64_t value)
{
    I8042 *self = i8042_of(device);

    self->last_was_command = true;
    self->awaiting = 0;
    if (value >= CMD_READ_RAM && value < CMD_READ_RAM + RAM_SIZE) {
        put_reply(self, self->ram[value - CMD_READ_RAM], false);
    } else if (value >= CMD_WRITE_RAM && value < CMD_WRITE_RAM + RAM_SIZE) {
        self->awaiting = value;
    } else if (value == CMD_PASSWORD_LOAD ||
               (value >= CMD_WRITE_OUTPUT && value <= CMD_WRITE_AUX)) {
        self->awaiting = value;
    } else if (value >= CMD_PULSE) {
        /* Bits 0 to 3 that are 0 go low for six microseconds. Only bit 0 leads anywhere then. */
        if (!(value & OUT_NOT_RESET)) {
            pin_pulse(device, PIN_RESET, 0);
        }
    } else if (!run_simple_command(self, value)) {
        log_unimplemented("i8042: controller command 0x%02" PRIx64, value);
    }
    fill_output(self);
}

/* ---- life ---- */

static void i8042_init(Object *object)
{
    I8042 *self = (I8042 *)object;

    self->kbd = device_new(&ps2_kbd_type, object, "ps2kbd", NULL);
    self->mouse = device_new(&ps2_mouse_type, object, "ps2mouse", NULL);
    pin_connect(self->kbd, PS2_PIN_READY, 0, &self->device, PIN_KBD_READY, 0);
    pin_connect(self->mouse, PS2_PIN_READY, 0, &self->device, PIN_AUX_READY, 0);
}

static void i8042_reset(Device *device)
{
    I8042 *self = i8042_of(device);

    memset(self->ram, 0, sizeof(self->ram));
    self->ram[0] = MODE_KBD_INT | MODE_AUX_INT;
    self->output_port = 0xcf;
    self->output = self->reply = self->awaiting = 0;
    self->output_full = self->output_is_aux = self->reply_waits = self->reply_is_aux = false;
    self->translating_break = false;
    self->last_was_command = true;
}

static void i8042_print(Device *device, GString *out)
{
    const I8042 *self = i8042_of(device);

    g_string_append_printf(out, "%s: command byte 0x%02x, output port 0x%02x, output %s\n",
                           device->object.name, self->ram[0], read_output_port(self),
                           !self->output_full ? "empty"
                           : self->output_is_aux ? "full (mouse)" : "full");
}

/* ---- tables ---- */

static const Property i8042_properties[] = {
    { .name = "kbd-irq", .description = "the keyboard's interrupt line",
      .field = FIELD_OF(I8042, kbd_irq), .def.u = 1 },
    { .name = "mouse-irq", .description = "the mouse's interrupt line",
      .field = FIELD_OF(I8042, mouse_irq), .def.u = 12 },
    { .name = "kbd-throttle", .description = "bytes come a millisecond apart, as on the wire",
      .field = FIELD_OF(I8042, throttle) },
};
static const RegisterInfo i8042_data_registers[] = {
    { 0, "DATA", "output and input buffer", FIELD(I8042, output), .read = i8042_read_data,
      .write = i8042_write_data },
};
static const RegisterInfo i8042_command_registers[] = {
    { 0, "STATUS", "status", .access = REG_RO, .read = i8042_read_status },
    { 0, "COMMAND", "controller command", .access = REG_WO, .write = i8042_write_command },
};
static const BankInfo i8042_banks[] = {
    { .name = "data", .space = SPACE_IO, .size = 1, .hole = 0xff, .base = 0x60, .fixed = true,
      .registers = TABLE(i8042_data_registers) },
    { .name = "command", .space = SPACE_IO, .size = 1, .hole = 0xff, .base = 0x64, .fixed = true,
      .registers = TABLE(i8042_command_registers) },
};
static const PinInfo i8042_pins[] = {
    [PIN_KBD_IRQ] = { "kbd-irq", "the keyboard's interrupt", PIN_OUT,
                      .line_property = "kbd-irq" },
    [PIN_AUX_IRQ] = { "mouse-irq", "the mouse's interrupt", PIN_OUT,
                      .line_property = "mouse-irq" },
    [PIN_A20] = { "a20", "gate of address line 20", PIN_OUT },
    [PIN_RESET] = { "reset", "a pulse asks for a reset", PIN_OUT },
    [PIN_KBD_READY] = { "ps2-kbd-input-irq", "the keyboard has a byte", PIN_IN,
                        .set = i8042_ready },
    [PIN_AUX_READY] = { "ps2-mouse-input-irq", "the mouse has a byte", PIN_IN,
                        .set = i8042_ready },
};
static const TimerInfo i8042_timers[] = {
    { "wire", FIELD(I8042, wire), .expired = i8042_wire_free },
};
static const StateInfo i8042_state[] = {
    { "ram", FIELD_ARRAY(I8042, ram) },
    { "output_port", FIELD(I8042, output_port) },
    { "output_full", FIELD(I8042, output_full) },
    { "output_is_aux", FIELD(I8042, output_is_aux) },
    { "reply", FIELD(I8042, reply) },
    { "reply_waits", FIELD(I8042, reply_waits) },
    { "reply_is_aux", FIELD(I8042, reply_is_aux) },
    { "awaiting", FIELD(I8042, awaiting) },
    { "last_was_command", FIELD(I8042, last_was_command) },
    { "translating_break", FIELD(I8042, translating_break) },
};
static const TransientInfo i8042_transient[] = {
    { FIELD_OF(I8042, kbd), "a child, made with the controller" },
    { FIELD_OF(I8042, mouse), "a child, made with the controller" },
};

/* What awaits a parameter indexes the RAM. */
static bool i8042_post_load(Device *device, GError **error)
{
    const I8042 *self = i8042_of(device);
    uint8_t at = self->awaiting;

    if (at && at != CMD_PASSWORD_LOAD && !(at >= CMD_WRITE_OUTPUT && at <= CMD_WRITE_AUX) &&
        !(at >= CMD_WRITE_RAM && at < CMD_WRITE_RAM + RAM_SIZE)) {
        error_set(error, ERROR_INVALID,
                  "the saved state of i8042 awaits the parameter of command 0x%02x", at);
        return false;
    }
    return true;
}

const DeviceType i8042_type = {
    .name = "i8042", .parent = "isa-device", .size = sizeof(I8042), .board_only = true,
    .description = "keyboard controller with PS/2 keyboard and mouse",
    .compatible = "pnpPNP,303", .bus = "ISA", .init = i8042_init,
    .properties = TABLE(i8042_properties), .banks = TABLE(i8042_banks),
    .pins = TABLE(i8042_pins), .timers = TABLE(i8042_timers), .state = TABLE(i8042_state),
    .transient = TABLE(i8042_transient), .reset = i8042_reset, .update = i8042_update,
    .post_load = i8042_post_load, .print = i8042_print,
};
