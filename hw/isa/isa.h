/* SPDX-License-Identifier: MIT */
/*
 * The ISA bus: "ISA", and the base of the devices on it: "isa-device".
 *
 * Who provides the bus fills it in: `io` and `memory` (what the devices are
 * mapped into), `dma` (the space of the bus masters), and, as `interrupt_device`
 * and `interrupt_pin`, an input with the lines IRQ0 to IRQ15. A device's I/O
 * ports and lines are properties of its own ("iobase", "irq") that the board
 * may set, or wires of the board.
 */
#ifndef HW_ISA_ISA_H
#define HW_ISA_ISA_H

#include "hw/core/bus.h"

#define ISA_IRQS 16

extern const BusType isa_bus_type;
extern const DeviceType isa_device_type;

#endif
