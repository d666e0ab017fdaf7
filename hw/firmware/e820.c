/* SPDX-License-Identifier: MIT */
#include "hw/firmware/e820.h"

#include "base/bits.h"

struct E820Map {
    GArray *entries; /* of E820Entry, as the header promises them */
};

E820Map *e820_new(void)
{
    E820Map *map = g_new0(E820Map, 1);

    map->entries = g_array_new(FALSE, FALSE, sizeof(E820Entry));
    return map;
}

void e820_free(E820Map *map)
{
    if (map) {
        g_array_free(map->entries, TRUE);
        g_free(map);
    }
}

/* Appends to `entries`, joining with the last one where they meet. */
static void append(GArray *entries, uint64_t base, uint64_t end, E820Type type)
{
    E820Entry entry = { base, end - base, type };

    if (base >= end || type == E820_NONE) {
        return;
    }
    if (entries->len) {
        E820Entry *last = &g_array_index(entries, E820Entry, entries->len - 1);

        if (last->type == type && last->base + last->length == base) {
            last->length += entry.length;
            return;
        }
    }
    g_array_append_val(entries, entry);
}

void e820_add(E820Map *map, uint64_t base, uint64_t length, E820Type type)
{
    GArray *old = map->entries, *new;
    uint64_t end = base + length;
    bool placed = false;

    g_assert(end >= base);
    if (!length) {
        return;
    }
    new = g_array_new(FALSE, FALSE, sizeof(E820Entry));
    for (guint i = 0; i < old->len; i++) {
        const E820Entry *e = &g_array_index(old, E820Entry, i);
        uint64_t e_end = e->base + e->length;

        append(new, e->base, MIN(e_end, base), e->type);
        if (!placed && e_end > base) {
            append(new, base, end, type);
            placed = true;
        }
        append(new, MAX(e->base, end), e_end, e->type);
    }
    if (!placed) {
        append(new, base, end, type);
    }
    map->entries = new;
    g_array_free(old, TRUE);
}

unsigned e820_count(const E820Map *map)
{
    return map->entries->len;
}

E820Entry e820_entry(const E820Map *map, unsigned index)
{
    g_assert(index < map->entries->len);
    return g_array_index(map->entries, E820Entry, index);
}

GByteArray *e820_encode(const E820Map *map)
{
    enum { ENTRY_SIZE = 20 };
    GByteArray *bytes = g_byte_array_new();

    g_byte_array_set_size(bytes, ENTRY_SIZE * map->entries->len);
    for (guint i = 0; i < map->entries->len; i++) {
        const E820Entry *e = &g_array_index(map->entries, E820Entry, i);
        uint8_t *out = bytes->data + ENTRY_SIZE * i;

        store_le(out, e->base, 8);
        store_le(out + 8, e->length, 8);
        store_le(out + 16, e->type, 4);
    }
    return bytes;
}
