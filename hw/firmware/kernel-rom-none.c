/* SPDX-License-Identifier: MIT */
/* Built where no x86 code can be made: there is no ROM, and its user says so. */
#include "hw/firmware/kernel-rom.h"

const uint8_t kernel_rom[] = { 0 };
const size_t kernel_rom_size = 0;
