/* SPDX-License-Identifier: MIT */
/* Resource descriptors for the AML writer: ACPI 6.x section 6.4. */
#include "hw/firmware/aml-private.h"

enum {
    /* Small descriptors: type << 3 | length. */
    RES_IRQ_NO_FLAGS = 0x22,
    RES_IRQ = 0x23,
    RES_DMA = 0x2a,
    RES_IO = 0x47,
    /* Large descriptors. */
    RES_MEMORY24 = 0x81,
    RES_MEMORY32_FIXED = 0x86,
    RES_DWORD_SPACE = 0x87,
    RES_WORD_SPACE = 0x88,
    RES_INTERRUPT = 0x89,
    RES_QWORD_SPACE = 0x8a,
};

/* Resource types of the address space descriptors, section 6.4.3.5. */
enum { SPACE_MEMORY = 0, SPACE_IO = 1, SPACE_BUS_NUMBER = 2 };

/* General flags of the same: the ends are fixed; positive decode; producer. */
enum { SPACE_MIN_FIXED = 1 << 2, SPACE_MAX_FIXED = 1 << 3 };

static void res_begin(Aml *a, uint8_t tag)
{
    g_assert(aml_block_kind(a) == AML_BLOCK_RESOURCES);
    aml_put(a, tag, 1);
}

void aml_res_io(Aml *a, uint16_t min, uint16_t max, uint8_t align, uint8_t len)
{
    g_assert(min <= max);
    res_begin(a, RES_IO);
    aml_put(a, 1, 1); /* decodes 16 address bits */
    aml_put(a, min, 2);
    aml_put(a, max, 2);
    aml_put(a, align, 1);
    aml_put(a, len, 1);
}

void aml_res_irq_no_flags(Aml *a, unsigned irq)
{
    g_assert(irq < 16);
    res_begin(a, RES_IRQ_NO_FLAGS);
    aml_put(a, 1u << irq, 2);
}

void aml_res_irq(Aml *a, uint16_t mask, bool level, bool active_low, bool shared)
{
    g_assert(mask);
    res_begin(a, RES_IRQ);
    aml_put(a, mask, 2);
    aml_put(a, (level ? 0 : 1) | active_low << 3 | shared << 4, 1);
}

void aml_res_interrupt(Aml *a, bool level, bool active_low, bool shared, const uint32_t *irqs,
                       unsigned count)
{
    g_assert(count >= 1 && count <= 255);
    res_begin(a, RES_INTERRUPT);
    aml_put(a, 2 + 4 * count, 2);
    aml_put(a, 1 /* consumer */ | (level ? 0 : 2) | active_low << 2 | shared << 3, 1);
    aml_put(a, count, 1);
    for (unsigned i = 0; i < count; i++) {
        aml_put(a, irqs[i], 4);
    }
}

void aml_res_dma(Aml *a, unsigned channel, bool transfer16)
{
    g_assert(channel < 8);
    res_begin(a, RES_DMA);
    aml_put(a, 1u << channel, 1);
    /* Compatibility timing, not a bus master; 8-bit only (0) or 16-bit only (2). */
    aml_put(a, transfer16 ? 2 : 0, 1);
}

void aml_res_memory24(Aml *a, bool writable, uint32_t min, uint32_t max, uint16_t align,
                      uint32_t len)
{
    g_assert(!((min | max | len) & 0xff) && max < 0x1000000 && len < 0x1000000 && min <= max);
    res_begin(a, RES_MEMORY24);
    aml_put(a, 9, 2);
    aml_put(a, writable, 1);
    aml_put(a, min >> 8, 2);
    aml_put(a, max >> 8, 2);
    aml_put(a, align, 2);
    aml_put(a, len >> 8, 2);
}

void aml_res_memory32_fixed(Aml *a, bool writable, uint32_t base, uint32_t len)
{
    res_begin(a, RES_MEMORY32_FIXED);
    aml_put(a, 9, 2);
    aml_put(a, writable, 1);
    aml_put(a, base, 4);
    aml_put(a, len, 4);
}

/* An address space descriptor whose five numbers are `size` bytes wide each. */
static void put_space(Aml *a, uint8_t tag, unsigned size, uint8_t type, uint8_t type_flags,
                      uint64_t min, uint64_t max)
{
    g_assert(min <= max && (size == 8 || max - min + 1 <= UINT64_MAX >> (64 - 8 * size)));
    res_begin(a, tag);
    aml_put(a, 3 + 5 * size, 2);
    aml_put(a, type, 1);
    aml_put(a, SPACE_MIN_FIXED | SPACE_MAX_FIXED, 1);
    aml_put(a, type_flags, 1);
    aml_put(a, 0, size); /* granularity */
    aml_put(a, min, size);
    aml_put(a, max, size);
    aml_put(a, 0, size); /* translation */
    aml_put(a, max - min + 1, size);
}

void aml_res_word_bus_number(Aml *a, uint16_t min, uint16_t max)
{
    put_space(a, RES_WORD_SPACE, 2, SPACE_BUS_NUMBER, 0, min, max);
}

void aml_res_word_io(Aml *a, uint16_t min, uint16_t max)
{
    enum { ENTIRE_RANGE = 3 }; /* ISA and non-ISA addresses */

    put_space(a, RES_WORD_SPACE, 2, SPACE_IO, ENTIRE_RANGE, min, max);
}

/* Memory flags: bit 0 writable, bits 1-2 caching (0 none, 1 cacheable). */
static uint8_t memory_flags(bool cacheable)
{
    return 1 | (cacheable ? 1 << 1 : 0);
}

void aml_res_dword_memory(Aml *a, bool cacheable, uint32_t min, uint32_t max)
{
    put_space(a, RES_DWORD_SPACE, 4, SPACE_MEMORY, memory_flags(cacheable), min, max);
}

void aml_res_qword_memory(Aml *a, bool cacheable, uint64_t min, uint64_t max)
{
    put_space(a, RES_QWORD_SPACE, 8, SPACE_MEMORY, memory_flags(cacheable), min, max);
}
