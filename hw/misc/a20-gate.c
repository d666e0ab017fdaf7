/* SPDX-License-Identifier: MIT */
/*
 * a20-gate: the PC's gate of address line 20 (IBM PC/AT technical reference, 8042;
 * Intel SDM volume 3, 9.1: the pin A20M#). It is open while the keyboard controller or
 * port 92 opens it, and where the board has no keyboard controller.
 *
 * A closed gate shows the first MiB in the second one, which is what addresses of real
 * mode reach. It does so in the system memory, so that every accelerator has it.
 *
 * Not modelled: the odd megabytes from the third on, which a closed gate shifts as well, and
 * that bus masters do not pass through the gate.
 */
#include "hw/core/bus.h"
#include "hw/core/device.h"

#define MIB 0x100000ull
#define WRAP_PRIORITY 1 /* above RAM */

enum { PIN_KEYBOARD, PIN_FAST };

typedef struct A20Gate {
    Device device;
    MemoryRegion *wrap;
} A20Gate;

static void a20_gate_update(Device *device)
{
    bool open = !pin_connected(device, PIN_KEYBOARD, 0) || pin_level(device, PIN_KEYBOARD, 0) ||
                pin_level(device, PIN_FAST, 0);

    region_set_enabled(((A20Gate *)device)->wrap, !open);
}

static void a20_gate_input(Device *device, unsigned line, bool level)
{
    if (((A20Gate *)device)->wrap) {
        a20_gate_update(device);
    }
}

static bool a20_gate_post_load(Device *device, GError **error)
{
    a20_gate_update(device);
    return true;
}

static bool a20_gate_realize(Device *device, GError **error)
{
    A20Gate *gate = (A20Gate *)device;
    MemoryRegion *memory = system_bus()->memory;

    gate->wrap = region_new_alias(OBJECT(device), "a20-wrap", memory, 0, MIB);
    region_set_enabled(gate->wrap, false);
    region_add(memory, MIB, gate->wrap, WRAP_PRIORITY);
    return true;
}

static void a20_gate_unrealize(Device *device)
{
    A20Gate *gate = (A20Gate *)device;

    if (gate->wrap) {
        region_free(gate->wrap);
        gate->wrap = NULL;
    }
}

static const PinInfo a20_gate_pins[] = {
    [PIN_KEYBOARD] = { "keyboard", "high: the keyboard controller opens the gate", PIN_IN,
                       .set = a20_gate_input },
    [PIN_FAST] = { "fast", "high: port 92 opens the gate", PIN_IN, .set = a20_gate_input },
};

static const TransientInfo a20_gate_transient[] = {
    { FIELD_OF(A20Gate, wrap), "follows the pins" },
};

const DeviceType a20_gate_type = {
    .name = "a20-gate", .parent = "sys-bus-device", .size = sizeof(A20Gate), .board_only = true,
    .description = "gate of address line 20", .compatible = "vmm,a20-gate",
    .pins = TABLE(a20_gate_pins), .transient = TABLE(a20_gate_transient),
    .realize = a20_gate_realize, .unrealize = a20_gate_unrealize, .update = a20_gate_update,
    .post_load = a20_gate_post_load,
};
