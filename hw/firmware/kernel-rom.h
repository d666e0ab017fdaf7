/* SPDX-License-Identifier: MIT */
/*
 * The option ROM that starts a Linux kernel which fw_cfg holds in the items KERNEL_*, INITRD_*,
 * CMDLINE_* and SETUP_* (hw/firmware/kernel-rom.S); a file "genroms/..." for the BIOS.
 */
#ifndef HW_FIRMWARE_KERNEL_ROM_H
#define HW_FIRMWARE_KERNEL_ROM_H

#include <stddef.h>
#include <stdint.h>

#define KERNEL_ROM_FILE "genroms/kernel.bin"
/* As the boot order names it. */
#define KERNEL_ROM_PATH "/rom@genroms/kernel.bin"

extern const uint8_t kernel_rom[];
extern const size_t kernel_rom_size;

#endif
