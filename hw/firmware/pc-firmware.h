/* SPDX-License-Identifier: MIT */
/*
 * The firmware of a PC: the device that makes, from the finished tree, what software needs
 * beyond the wiring: ACPI and SMBIOS tables, the memory map, the boot order, the contents of
 * CMOS.
 *
 * With a BIOS it maps the image and hands the rest over through fw_cfg. Without one, for a
 * kernel that is started directly, it does in each reset of the machine what a BIOS would have
 * done.
 */
#ifndef HW_FIRMWARE_PC_FIRMWARE_H
#define HW_FIRMWARE_PC_FIRMWARE_H

#include "hw/core/device.h"
#include "hw/firmware/e820.h"

typedef struct PcFirmware PcFirmware;

/* The machine's, or NULL. */
PcFirmware *pc_firmware_find(void);

/* Whether a kernel is to be started without a BIOS: the machine has a kernel and no -bios. */
bool pc_firmware_is_direct(const PcFirmware *firmware);

/*
 * What a directly started kernel is told; valid from the reset of the machine on, when the
 * firmware's turn in it is over. With a BIOS, where a loader may put things; the BIOS tells the
 * kernel itself. The map is borrowed until the next reset. The address is that
 * of the ACPI root pointer (RSDP), 0 with acpi=off.
 */
const E820Map *pc_firmware_memory_map(const PcFirmware *firmware);
uint64_t pc_firmware_rsdp(const PcFirmware *firmware);

#endif
