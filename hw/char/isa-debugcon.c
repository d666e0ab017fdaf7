/* SPDX-License-Identifier: MIT */
/*
 * The debug console of Bochs: one port; a byte written to it is printed, and a
 * read gives a constant by which a guest finds it.
 *
 * Bytes that the backend does not take are queued, and dropped when far too
 * many wait.
 */
#include "backends/char/chardev.h"
#include "hw/core/device.h"

typedef struct IsaDebugcon {
    Device device;
    uint32_t iobase;
    uint32_t readback;
    Chardev *chardev;
} IsaDebugcon;

static uint64_t debugcon_read(Device *device, unsigned index)
{
    return ((IsaDebugcon *)device)->readback;
}

static void debugcon_write(Device *device, unsigned index, uint64_t value)
{
    uint8_t byte = value;

    chardev_write_all(((IsaDebugcon *)device)->chardev, &byte, 1);
}

static bool debugcon_realize(Device *device, GError **error)
{
    static const ChardevFrontendOps none;

    return chardev_attach(((IsaDebugcon *)device)->chardev, &none, device, error);
}

static void debugcon_unrealize(Device *device)
{
    chardev_detach(((IsaDebugcon *)device)->chardev, device);
}

static const Property debugcon_properties[] = {
    { .name = "chardev", .description = "ID of a chardev to use as a backend",
      .field = FIELD_LINK_OF(IsaDebugcon, chardev), .link = "chardev", .link_root = "/chardevs",
      .type_name = "str" },
    { .name = "iobase", .description = "I/O port", .field = FIELD_OF(IsaDebugcon, iobase),
      .def.u = 0xe9, .max = 0xffff, .flags = PROPERTY_HEX },
    { .name = "readback", .description = "what a read gives",
      .field = FIELD_OF(IsaDebugcon, readback), .def.u = 0xe9, .flags = PROPERTY_HEX },
};
static const RegisterInfo debugcon_registers[] = {
    { 0, "DATA", "the byte to print", .read = debugcon_read, .write = debugcon_write },
};
static const BankInfo debugcon_banks[] = {
    { .name = "registers", .space = SPACE_IO, .size = 1, .hole = 0xff,
      .registers = TABLE(debugcon_registers), .base_property = "iobase" },
};

const DeviceType isa_debugcon_type = {
    .name = "isa-debugcon", .parent = "isa-device", .size = sizeof(IsaDebugcon),
    .description = "debug console port", .bus = "ISA",
    .properties = TABLE(debugcon_properties), .banks = TABLE(debugcon_banks),
    .realize = debugcon_realize, .unrealize = debugcon_unrealize,
};
