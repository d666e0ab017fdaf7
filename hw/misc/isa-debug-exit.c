/* SPDX-License-Identifier: MIT */
/*
 * isa-debug-exit: a port by which test programs end the machine. A write of N
 * exits with the status (N << 1) | 1, of which the host sees the low 8 bits;
 * reads give zero.
 */
#include "hw/core/machine.h"

typedef struct DebugExit {
    Device device;
    uint32_t iobase, iosize;
} DebugExit;

#define MAX_SIZE 4

static MemoryResult debug_exit_read(void *opaque, uint64_t offset, unsigned size,
                                    uint64_t *value, MemoryAttrs attrs)
{
    *value = 0;
    return MEMORY_OK;
}

static MemoryResult debug_exit_write(void *opaque, uint64_t offset, unsigned size,
                                     uint64_t value, MemoryAttrs attrs)
{
    machine_request_exit((value << 1 | 1) & 0xff);
    return MEMORY_OK;
}

static uint64_t debug_exit_size(Device *device)
{
    return ((DebugExit *)device)->iosize;
}

static const RegionOps debug_exit_ops = {
    .read = debug_exit_read, .write = debug_exit_write, .access_min = 1, .access_max = 4,
    .unaligned = true, .impl_unaligned = true,
};

static const BankInfo debug_exit_banks[] = {
    { "isa-debug-exit", "the exit port", .space = SPACE_IO, .size_of = debug_exit_size,
      .ops = &debug_exit_ops, .base_property = "iobase" },
};

static const Property debug_exit_properties[] = {
    { .name = "iobase", .description = "I/O port", .field = FIELD_OF(DebugExit, iobase),
      .def.u = 0x501, .max = 0xffff, .flags = PROPERTY_HEX },
    { .name = "iosize", .description = "number of ports", .field = FIELD_OF(DebugExit, iosize),
      .def.u = 2, .min = 1, .max = MAX_SIZE, .flags = PROPERTY_HEX },
};

const DeviceType isa_debug_exit_type = {
    .name = "isa-debug-exit", .parent = "isa-device", .size = sizeof(DebugExit),
    .description = "exit with a status of the guest's choice", .bus = "ISA",
    .properties = TABLE(debug_exit_properties), .banks = TABLE(debug_exit_banks),
};
