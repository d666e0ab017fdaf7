/* SPDX-License-Identifier: MIT */
/*
 * What a PC's set-up program leaves in the clock's CMOS memory: the bytes that firmware and old
 * operating systems read (the PC AT's, and those that Bochs' and SeaBIOS's BIOS added). Written
 * through the clock's ports, as a set-up program would.
 */
#include "hw/firmware/pc-private.h"

enum { CMOS_INDEX = 0x70, CMOS_DATA = 0x71 };

enum {
    CMOS_EQUIPMENT = 0x14,
    CMOS_BASE_MEMORY = 0x15,       /* KiB, 16 bits */
    CMOS_EXTENDED_MEMORY = 0x17,   /* KiB above 1 MiB, 16 bits */
    CMOS_EXTENDED_MEMORY_2 = 0x30, /* the same, as found by the power-on test */
    CMOS_MEMORY_16M = 0x34,        /* 64 KiB above 16 MiB, 16 bits */
    CMOS_BOOT_3 = 0x38,
    CMOS_BOOT_1_2 = 0x3d,
    CMOS_MEMORY_4G = 0x5b, /* 64 KiB above 4 GiB, 24 bits */
    CMOS_CPUS = 0x5f,      /* processors less one */
};

static void cmos_write(uint8_t index, uint8_t value)
{
    address_space_store(machine_io(), CMOS_INDEX, 1, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, index);
    address_space_store(machine_io(), CMOS_DATA, 1, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, value);
}

static void cmos_write_number(uint8_t index, uint64_t value, unsigned size)
{
    uint64_t limit = (1ull << (8 * size)) - 1;

    value = MIN(value, limit);
    for (unsigned i = 0; i < size; i++) {
        cmos_write(index + i, value >> (8 * i));
    }
}

static uint64_t above(uint64_t end, uint64_t start)
{
    return end > start ? end - start : 0;
}

void pc_write_cmos(const PcDescription *d)
{
    enum { HAS_FPU = 1 << 1, HAS_MOUSE = 1 << 2 };
    const Machine *machine = machine_get();
    const char *order =
        machine->boot_order && *machine->boot_order ? machine->boot_order : "cad";
    BootCmos boot = boot_devices_cmos(order);
    uint64_t extended = above(d->low_end, 1 << 20) >> 10;

    cmos_write(CMOS_EQUIPMENT, HAS_FPU | (d->acpi.has_8042 ? HAS_MOUSE : 0));
    cmos_write_number(CMOS_BASE_MEMORY, MIN(d->low_end >> 10, 640), 2);
    cmos_write_number(CMOS_EXTENDED_MEMORY, extended, 2);
    cmos_write_number(CMOS_EXTENDED_MEMORY_2, extended, 2);
    cmos_write_number(CMOS_MEMORY_16M, above(d->low_end, 16 << 20) >> 16, 2);
    cmos_write_number(CMOS_MEMORY_4G, above(d->high_end, 1ull << 32) >> 16, 3);
    cmos_write_number(CMOS_CPUS, MAX(d->cpus->len, 1) - 1, 1);
    cmos_write(CMOS_BOOT_1_2, boot.reg_3d);
    /* Bit 0: no check of a floppy's boot signature. */
    cmos_write(CMOS_BOOT_3, boot.reg_38 | 1);
}
