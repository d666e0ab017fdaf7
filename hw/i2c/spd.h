/* SPDX-License-Identifier: MIT */
/* Serial presence detect of DDR2 modules (JEDEC 21-C, 4.1.2.10, revision 1.2). */
#ifndef HW_I2C_SPD_H
#define HW_I2C_SPD_H

#include <stdint.h>

#define SPD_SIZE 256

/*
 * The contents for slot `slot` (from 0) of a machine with `ram_size` bytes of RAM. The RAM is
 * made of the largest modules that fit, from 128 MiB to 16 GiB; an empty slot
 * is all zero. RAM beyond what the slots hold, and less than 128 MiB, is in no
 * module.
 */
void spd_fill(uint8_t data[SPD_SIZE], uint64_t ram_size, unsigned slot);

#endif
