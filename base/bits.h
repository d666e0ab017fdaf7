/* SPDX-License-Identifier: MIT */
/* Bit fields, masks and unaligned little- and big-endian memory. */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BIT(n)   (1u << (n))
#define BIT64(n) (1ull << (n))

/* `length` in 1..64; bits [start, start + length). */
static inline uint64_t bits_mask(unsigned length)
{
    return length >= 64 ? UINT64_MAX : (1ull << length) - 1;
}

static inline uint64_t bits_extract(uint64_t value, unsigned start, unsigned length)
{
    return (value >> start) & bits_mask(length);
}

static inline uint64_t bits_deposit(uint64_t value, unsigned start, unsigned length,
                                    uint64_t field)
{
    uint64_t mask = bits_mask(length) << start;

    return (value & ~mask) | ((field << start) & mask);
}

/* `size` in 1..8; whole words are one access of the host. */
static inline uint64_t load_le(const void *from, unsigned size)
{
    const uint8_t *p = from;
    uint64_t value = 0;

    switch (size) {
    case 1:
        return *p;
    case 2: {
        uint16_t v;
        memcpy(&v, from, 2);
        return GUINT16_FROM_LE(v);
    }
    case 4: {
        uint32_t v;
        memcpy(&v, from, 4);
        return GUINT32_FROM_LE(v);
    }
    case 8:
        memcpy(&value, from, 8);
        return GUINT64_FROM_LE(value);
    }
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)p[i] << (8 * i);
    }
    return value;
}

static inline void store_le(void *to, uint64_t value, unsigned size)
{
    uint8_t *p = to;

    switch (size) {
    case 1:
        *p = value;
        return;
    case 2: {
        uint16_t v = GUINT16_TO_LE((uint16_t)value);
        memcpy(to, &v, 2);
        return;
    }
    case 4: {
        uint32_t v = GUINT32_TO_LE((uint32_t)value);
        memcpy(to, &v, 4);
        return;
    }
    case 8:
        value = GUINT64_TO_LE(value);
        memcpy(to, &value, 8);
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        p[i] = value >> (8 * i);
    }
}

static inline uint64_t load_be(const void *from, unsigned size)
{
    const uint8_t *p = from;
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value = value << 8 | p[i];
    }
    return value;
}

static inline void store_be(void *to, uint64_t value, unsigned size)
{
    uint8_t *p = to;

    for (unsigned i = 0; i < size; i++) {
        p[i] = value >> (8 * (size - 1 - i));
    }
}

/* Loads and stores of the host's own order, as a struct member is kept. */
static inline uint64_t load_host(const void *from, unsigned size)
{
    switch (size) {
    case 1:
        return *(const uint8_t *)from;
    case 2: {
        uint16_t v;
        memcpy(&v, from, 2);
        return v;
    }
    case 4: {
        uint32_t v;
        memcpy(&v, from, 4);
        return v;
    }
    default: {
        uint64_t v;
        memcpy(&v, from, 8);
        return v;
    }
    }
}

static inline void store_host(void *to, uint64_t value, unsigned size)
{
    switch (size) {
    case 1:
        *(uint8_t *)to = value;
        break;
    case 2: {
        uint16_t v = value;
        memcpy(to, &v, 2);
        break;
    }
    case 4: {
        uint32_t v = value;
        memcpy(to, &v, 4);
        break;
    }
    default:
        memcpy(to, &value, 8);
        break;
    }
}

static inline uint64_t swap_bytes(uint64_t value, unsigned size)
{
    return GUINT64_SWAP_LE_BE(value) >> (64 - 8 * size);
}

#endif
