/* SPDX-License-Identifier: MIT */
#include "hw/isa/isa.h"

/* Banks and lines as the core attaches them: by the board, by property, or fixed. */
const BusType isa_bus_type = {
    .name = "ISA", .parent = "bus", .size = sizeof(Bus), .description = "ISA bus",
};

const DeviceType isa_device_type = {
    .name = "isa-device", .parent = "device", .size = sizeof(Device), .abstract = true,
    .description = "a device on the ISA bus", .bus = "ISA",
};
