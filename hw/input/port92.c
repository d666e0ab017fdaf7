/* SPDX-License-Identifier: MIT */
/*
 * System control port A of the IBM PS/2: the fast gate of address line 20, and
 * the fast reset. Bits 2 to 7 only keep what is written.
 */
#include "hw/core/device.h"

enum { CONTROL_RESET = 0x01, CONTROL_A20 = 0x02 };
enum { PIN_A20, PIN_RESET };

typedef struct Port92 {
    Device device;
    uint8_t control;
} Port92;

static void port92_wrote(Device *device, unsigned index, uint64_t old)
{
    if (((Port92 *)device)->control & ~old & CONTROL_RESET) {
        pin_pulse(device, PIN_RESET, 0);
    }
}

static void port92_update(Device *device)
{
    pin_set(device, PIN_A20, 0, ((Port92 *)device)->control & CONTROL_A20);
}

static const RegisterInfo port92_registers[] = {
    { 0, "CONTROL", "system control port A", FIELD(Port92, control), .wrote = port92_wrote },
};
static const BankInfo port92_banks[] = {
    { .name = "registers", .space = SPACE_IO, .size = 1, .hole = 0xff, .base = 0x92,
      .fixed = true, .registers = TABLE(port92_registers) },
};
static const PinInfo port92_pins[] = {
    [PIN_A20] = { "a20", "gate of address line 20", PIN_OUT },
    [PIN_RESET] = { "reset", "a pulse asks for a reset", PIN_OUT },
};

const DeviceType port92_type = {
    .name = "port92", .parent = "isa-device", .size = sizeof(Port92), .board_only = true,
    .description = "system control port A: fast A20 and reset", .compatible = "vmm,port92",
    .bus = "ISA", .banks = TABLE(port92_banks), .pins = TABLE(port92_pins),
    .update = port92_update,
};
