/* SPDX-License-Identifier: MIT */
/* Kernels made here, to be loaded by tests: good ones, to which they can do harm. */
#ifndef TESTS_UNIT_BOOT_KERNELS_H
#define TESTS_UNIT_BOOT_KERNELS_H

#include "arch/x86/boot.h"
#include "base/bits.h"

#define MIB (1ull << 20)

/* What request_of() tells of memory: 256 MiB below 4 GiB, 64 MiB above. */
extern const BootE820 map_256m[7];
BootRequest request_of(const GByteArray *kernel);

/* Changes a kernel: little-endian, within what there is. */
void put(GByteArray *b, size_t at, uint64_t value, unsigned size);

/* Two sectors of setup code and 64 KiB of kernel, 2.15. */
GByteArray *make_linux(void);

typedef struct ElfPart {
    uint32_t type;
    uint64_t address, memory_size;
    const void *data;
    size_t size;
} ElfPart;

/* The note that makes an ELF kernel one for PVH, with its entry at 0x1000120. */
extern const uint32_t pvh_note[5];
GByteArray *make_elf(bool is_64, uint64_t entry, const ElfPart *parts, unsigned count);
GByteArray *make_pvh(bool is_64);
/* The header at 0x40, loaded from the file's start. */
GByteArray *make_multiboot(uint32_t flags);

/* The plan that comes of it. */
BootPlan *plan_of(const BootRequest *request);
/* None does, with these words. */
void assert_refused(const BootRequest *request, const char *words);
/* The one of that name, which there is. */
const BootSegment *segment(const BootPlan *plan, const char *name);

#endif
