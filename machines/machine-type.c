/* SPDX-License-Identifier: MIT */
#include "hw/core/machine.h"

extern const ObjectType board_machine_type;

/* Every machine is one of these: what it is made of is in its board file. */
const ObjectType board_machine_type = {
    .name = "board-machine", .parent = "machine", .size = sizeof(Machine),
    .description = "a machine from a board file",
};
