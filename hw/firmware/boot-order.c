/* SPDX-License-Identifier: MIT */
#include "hw/firmware/boot-order.h"

#include <string.h>

#include "base/error.h"

typedef struct BootEntry {
    int32_t index;
    char *path, *owner;
} BootEntry;

struct BootOrder {
    GPtrArray *entries; /* of BootEntry, ascending by index */
};

static void entry_free(void *data)
{
    BootEntry *entry = data;

    g_free(entry->path);
    g_free(entry->owner);
    g_free(entry);
}

BootOrder *boot_order_new(void)
{
    BootOrder *order = g_new0(BootOrder, 1);

    order->entries = g_ptr_array_new_with_free_func(entry_free);
    return order;
}

void boot_order_free(BootOrder *order)
{
    if (order) {
        g_ptr_array_unref(order->entries);
        g_free(order);
    }
}

bool boot_order_add(BootOrder *order, int32_t index, const char *path, const char *owner,
                    GError **errp)
{
    BootEntry *entry;
    guint at;

    g_assert(index >= -1 && !strchr(path, '\n'));
    for (at = 0; at < order->entries->len; at++) {
        const BootEntry *other = g_ptr_array_index(order->entries, at);

        if (other->index == index) {
            error_set(errp, ERROR_INVALID,
                      "bootindex %d of %s is taken by %s; every bootindex can be given once",
                      index, owner, other->owner);
            return false;
        }
        if (other->index > index) {
            break;
        }
    }
    entry = g_new0(BootEntry, 1);
    entry->index = index;
    entry->path = g_strdup(path);
    entry->owner = g_strdup(owner);
    g_ptr_array_insert(order->entries, at, entry);
    return true;
}

GByteArray *boot_order_file(const BootOrder *order, bool strict)
{
    GByteArray *file;

    if (!order->entries->len && !strict) {
        return NULL;
    }
    file = g_byte_array_new();
    for (guint i = 0; i < order->entries->len; i++) {
        const BootEntry *entry = g_ptr_array_index(order->entries, i);

        if (i) {
            g_byte_array_append(file, (const guint8 *)"\n", 1);
        }
        g_byte_array_append(file, (const guint8 *)entry->path, strlen(entry->path));
    }
    if (strict) {
        g_byte_array_append(file, (const guint8 *)"\nHALT" + (file->len ? 0 : 1),
                            file->len ? 5 : 4);
    }
    g_byte_array_append(file, (const guint8 *)"", 1);
    return file;
}

/* ---- classes ---- */

enum { CLASS_FLOPPY = 1, CLASS_DISK = 2, CLASS_CDROM = 3, CLASS_NETWORK = 4 };

static const char class_letters[] = "abcdnop";
static const uint8_t class_codes[] = { CLASS_FLOPPY,  CLASS_FLOPPY,  CLASS_DISK,   CLASS_CDROM,
                                       CLASS_NETWORK, CLASS_NETWORK, CLASS_NETWORK };

bool boot_devices_valid(const char *letters, GError **errp)
{
    if (!*letters) {
        error_set(errp, ERROR_INVALID, "-boot order=: no device; the letters are %s",
                  class_letters);
        return false;
    }
    for (const char *p = letters; *p; p++) {
        if (!strchr(class_letters, *p)) {
            error_set(errp, ERROR_INVALID, "-boot order=%s: no device '%c'; the letters are %s",
                      letters, *p, class_letters);
            return false;
        }
        if (strchr(p + 1, *p)) {
            error_set(errp, ERROR_INVALID, "-boot order=%s: '%c' is there twice", letters, *p);
            return false;
        }
    }
    return true;
}

BootCmos boot_devices_cmos(const char *letters)
{
    uint8_t code[3] = { 0 };

    for (unsigned i = 0; i < G_N_ELEMENTS(code) && letters[i]; i++) {
        code[i] = class_codes[strchr(class_letters, letters[i]) - class_letters];
    }
    return (BootCmos){ .reg_3d = code[1] << 4 | code[0], .reg_38 = code[2] << 4 };
}
