/* SPDX-License-Identifier: MIT */
/*
 * The memory map of a PC as INT 15h AX=E820h reports it: ACPI specification 6.x chapter 15.
 *
 * Ranges are added one over the other, and a later one covers what it overlaps. So RAM goes in
 * first, then what of it is taken.
 */
#ifndef HW_FIRMWARE_E820_H
#define HW_FIRMWARE_E820_H

#include <glib.h>
#include <stdint.h>

typedef enum E820Type {
    E820_NONE = 0, /* takes a range out of the map; never in it */
    E820_RAM = 1,
    E820_RESERVED = 2,
    E820_ACPI = 3, /* free for use once the tables are read */
    E820_NVS = 4,
    E820_UNUSABLE = 5,
} E820Type;

typedef struct E820Entry {
    uint64_t base, length; /* length is not 0; the range ends within 64 bits */
    E820Type type;
} E820Entry;

typedef struct E820Map E820Map;

E820Map *e820_new(void);
void e820_free(E820Map *map);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(E820Map, e820_free)

/* Makes [base, base + length) be of `type`; nothing happens when the length is 0. The end must
 * not exceed 2^64 - 1. */
void e820_add(E820Map *map, uint64_t base, uint64_t length, E820Type type);

/* The entries: ascending, without overlap, neighbours of one type joined. */
unsigned e820_count(const E820Map *map);
E820Entry e820_entry(const E820Map *map, unsigned index);

/* The fw_cfg file "etc/e820", and the boot protocols' form: 20 bytes an entry, of base, length
 * and type, little endian. To be freed by the caller. */
GByteArray *e820_encode(const E820Map *map) G_GNUC_WARN_UNUSED_RESULT;

#endif
