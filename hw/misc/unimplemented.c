/* SPDX-License-Identifier: MIT */
/*
 * A place where a device of the real board is that nothing models. It reads as
 * zero, drops writes, logs every access (-d unimp) and counts them, so that a
 * board's report shows what a guest misses.
 */
#include "base/log.h"
#include "hw/core/device.h"

typedef struct Unimplemented {
    Device device;
    char *name;
    uint64_t size;
    uint64_t accesses;
} Unimplemented;

static MemoryResult unimplemented_read(void *opaque, uint64_t offset, unsigned size,
                                       uint64_t *value, MemoryAttrs attrs)
{
    Unimplemented *self = opaque;

    self->accesses++;
    log_unimplemented("%s: read of %u bytes at offset 0x%" PRIx64, self->name, size, offset);
    *value = 0;
    return MEMORY_OK;
}

static MemoryResult unimplemented_write(void *opaque, uint64_t offset, unsigned size,
                                        uint64_t value, MemoryAttrs attrs)
{
    Unimplemented *self = opaque;

    self->accesses++;
    log_unimplemented("%s: write of 0x%" PRIx64 " (%u bytes) at offset 0x%" PRIx64, self->name,
                      value, size, offset);
    return MEMORY_OK;
}

static uint64_t unimplemented_size(Device *device)
{
    return ((Unimplemented *)device)->size;
}

static const RegionOps unimplemented_ops = {
    .read = unimplemented_read, .write = unimplemented_write, .endian = ENDIAN_LITTLE,
    .access_min = 1, .access_max = 8, .unaligned = true, .impl_unaligned = true,
};

static const BankInfo unimplemented_banks[] = {
    { .name = "space", .description = "all of it", .size_of = unimplemented_size,
      .ops = &unimplemented_ops, .priority = -1000 },
};

static const Property unimplemented_properties[] = {
    { .name = "name", .description = "what is missing here",
      .field = FIELD_OF(Unimplemented, name), .flags = PROPERTY_REQUIRED },
    { .name = "size", .description = "bytes that it takes", .min = 1, .max = UINT64_MAX,
      .field = FIELD_OF(Unimplemented, size), .flags = PROPERTY_REQUIRED | PROPERTY_SIZE },
    { .name = "accesses", .description = "accesses so far",
      .field = FIELD_OF(Unimplemented, accesses), .flags = PROPERTY_READ_ONLY },
};

const DeviceType unimplemented_type = {
    .name = "unimplemented-device", .parent = "sys-bus-device", .size = sizeof(Unimplemented),
    .description = "a place that reads as zero and counts", .board_only = true,
    .properties = TABLE(unimplemented_properties), .banks = TABLE(unimplemented_banks),
};
