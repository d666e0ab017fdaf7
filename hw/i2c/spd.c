/* SPDX-License-Identifier: MIT */
#include "hw/i2c/spd.h"

#include <string.h>

#define MIB 0x100000ull
#define SMALLEST (128 * MIB)
#define LARGEST  (16384 * MIB)

static uint64_t module_size(uint64_t ram_size, unsigned slot)
{
    for (;;) {
        uint64_t size = LARGEST;

        while (size > ram_size) {
            size >>= 1;
        }
        if (size < SMALLEST) {
            return 0;
        }
        if (!slot--) {
            return size;
        }
        ram_size -= size;
    }
}

/* Of one rank of eight devices with 8 data bits each, by size. */
static const struct {
    uint8_t rows, columns, banks;
    uint8_t density;            /* byte 31 */
} geometries[] = {
    { 13, 9, 4, 0x20 },  { 13, 10, 4, 0x40 }, { 14, 10, 4, 0x80 }, { 14, 10, 8, 0x01 },
    { 15, 10, 8, 0x02 }, { 15, 11, 8, 0x04 }, { 16, 11, 8, 0x08 }, { 16, 12, 8, 0x10 },
};

static void geometry(uint8_t *data, uint64_t size)
{
    unsigned power = 0;

    while (SMALLEST << power < size) {
        power++;
    }
    data[3] = geometries[power].rows;
    data[4] = geometries[power].columns;
    data[17] = geometries[power].banks;
    data[31] = geometries[power].density;
}

void spd_fill(uint8_t data[SPD_SIZE], uint64_t ram_size, unsigned slot)
{
    static const uint8_t common[] = {
        [0] = 128,          /* bytes in use */
        [1] = 8,            /* 2^8 bytes in all */
        [2] = 8,            /* DDR2 */
        [5] = 0x60,         /* one rank, module height 30 mm */
        [6] = 64,           /* data width */
        [8] = 0x05,         /* SSTL 1.8 V */
        [9] = 0x25,         /* 2.5 ns at the highest CAS latency */
        [10] = 0x40,        /* access from clock */
        [12] = 0x82,        /* refresh every 7.8 us, self refresh */
        [13] = 8,           /* device width */
        [16] = 0x0c,        /* bursts of 4 and 8 */
        [18] = 0x38,        /* CAS latencies 3, 4, 5 */
        [20] = 0x02,        /* unbuffered DIMM */
        [22] = 0x07,
        [23] = 0x30, [24] = 0x45, [25] = 0x3d, [26] = 0x50,
        [27] = 0x32,        /* row precharge 12.5 ns */
        [28] = 0x1e,
        [29] = 0x32,
        [30] = 0x2d,        /* active to precharge 45 ns */
        [32] = 0x17, [33] = 0x25, [34] = 0x05, [35] = 0x12,
        [36] = 0x3c, [37] = 0x1e, [38] = 0x1e,
        [41] = 0x39, [42] = 0x69, [43] = 0x80, [44] = 0x14, [45] = 0x1e,
        [62] = 0x12,        /* revision 1.2 */
    };
    uint64_t size = module_size(ram_size, slot);
    uint8_t sum = 0;

    memset(data, 0, SPD_SIZE);
    if (!size) {
        return;
    }
    memcpy(data, common, sizeof(common));
    geometry(data, size);
    for (unsigned i = 0; i < 63; i++) {
        sum += data[i];
    }
    data[63] = sum;
}
