/* SPDX-License-Identifier: MIT */
/*
 * The serial port of a PC: a 16550A (hw/char/serial.h) on the ISA bus. Ports 0
 * to 3 have the addresses and interrupts that PCs give COM1 to COM4.
 */
#include "hw/char/serial.h"

#define PORTS 4
#define UNSET UINT32_MAX

typedef struct IsaSerial {
    Device device;
    Serial serial;
    uint32_t index, iobase, irq;
} IsaSerial;

static const struct {
    uint16_t iobase;
    uint8_t irq;
} standard[PORTS] = { { 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 } };

typedef struct IndexSearch {
    const Device *except;
    uint32_t used;   /* a bit for each index */
} IndexSearch;

static bool note_index(Object *object, void *opaque)
{
    IndexSearch *search = opaque;

    if (object_is(object, "isa-serial") && DEVICE(object) != search->except) {
        const IsaSerial *other = (const IsaSerial *)object;
        for (unsigned i = 0; i < PORTS; i++) {
            bool used = other->index == i || other->iobase == standard[i].iobase;
            search->used |= used ? BIT(i) : 0;
        }
    }
    return true;
}

static bool isa_serial_prepare(Device *device, GError **error)
{
    IsaSerial *self = (IsaSerial *)device;

    if (self->index == UNSET) {
        IndexSearch search = { .except = device };
        object_foreach(object_root(), note_index, &search);
        for (self->index = 0; self->index < PORTS && search.used & BIT(self->index);
             self->index++) {
        }
    }
    if (self->index >= PORTS && (self->iobase == UNSET || self->irq == UNSET)) {
        error_set(error, ERROR_INVALID,
                  "a PC has %u standard serial ports; give iobase and irq to another one", PORTS);
        return false;
    }
    if (self->iobase == UNSET) {
        self->iobase = standard[self->index].iobase;
    }
    if (self->irq == UNSET) {
        self->irq = standard[self->index].irq;
    }
    return true;
}

static const SerialPlace isa_serial_place = {
    .offset = offsetof(IsaSerial, serial), .irq_pin = 0,
};
static const Interface isa_serial_interfaces[] = { { SERIAL_INTERFACE, &isa_serial_place } };

static const Property isa_serial_properties[] = {
    SERIAL_PROPERTIES(IsaSerial, serial),
    { .name = "index", .description = "number of the port: 0 is COM1; the next free one",
      .field = FIELD_OF(IsaSerial, index), .def.u = UNSET },
    { .name = "iobase", .description = "I/O port, if not that of the index",
      .field = FIELD_OF(IsaSerial, iobase), .def.u = UNSET, .flags = PROPERTY_HEX },
    { .name = "irq", .description = "interrupt line, if not that of the index",
      .field = FIELD_OF(IsaSerial, irq), .def.u = UNSET },
};

static const RegisterInfo isa_serial_registers[] = { SERIAL_REGISTERS(IsaSerial, serial) };
static const BankInfo isa_serial_banks[] = {
    { .name = "registers", .space = SPACE_IO, .size = SERIAL_BANK_SIZE, .hole = 0xff,
      .registers = TABLE(isa_serial_registers), .base_property = "iobase" },
};
static const PinInfo isa_serial_pins[] = {
    { "irq", "interrupt", PIN_OUT, .line_property = "irq" },
};
static const StateInfo isa_serial_state[] = { SERIAL_STATE(IsaSerial, serial) };
static const TimerInfo isa_serial_timers[] = { SERIAL_TIMERS(IsaSerial, serial) };
static const TransientInfo isa_serial_transient[] = { SERIAL_TRANSIENT(IsaSerial, serial) };

const DeviceType isa_serial_type = {
    .name = "isa-serial", .parent = "isa-device", .size = sizeof(IsaSerial),
    .description = "16550A serial port", .compatible = "pnpPNP,501", .bus = "ISA",
    .properties = TABLE(isa_serial_properties), .interfaces = TABLE(isa_serial_interfaces),
    .banks = TABLE(isa_serial_banks), .pins = TABLE(isa_serial_pins),
    .state = TABLE(isa_serial_state), .timers = TABLE(isa_serial_timers),
    .transient = TABLE(isa_serial_transient), .prepare = isa_serial_prepare,
    .realize = serial_realize, .unrealize = serial_unrealize, .reset = serial_reset,
    .update = serial_update, .post_load = serial_post_load, .print = serial_print,
};
