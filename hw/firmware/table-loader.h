/* SPDX-License-Identifier: MIT */
/*
 * Firmware tables and what has to be done to put them into guest memory.
 *
 * The tables are built without knowing where they will lie. A loader holds them as named blobs,
 * with the steps that place them: a pointer between blobs, a checksum over what the pointers
 * changed. Who places them differs:
 *
 * - a BIOS in the guest gets the blobs and the steps as fw_cfg files and does it itself; the
 *   steps are then an array of 128-byte records, the "table loader" script which SeaBIOS
 *   (src/fw/romfile_loader.h) and OVMF (QemuLoader.h) execute;
 * - without a BIOS, the caller chooses addresses, table_loader_link() executes the steps, and
 * the caller copies the blobs to their places.
 *
 * Linking changes the blobs; a loader is published or linked, not both.
 */
#ifndef HW_FIRMWARE_TABLE_LOADER_H
#define HW_FIRMWARE_TABLE_LOADER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Where a blob has to lie. */
typedef enum TableZone {
    TABLE_ZONE_HIGH = 1,      /* anywhere below 4 GiB */
    TABLE_ZONE_F_SEGMENT = 2, /* 0xe0000 to 0xfffff, where anchors are searched for */
} TableZone;

typedef struct TableBlob {
    char *name;         /* the fw_cfg file's, at most 55 characters */
    GByteArray *data;   /* may grow until the loader is published or linked */
    uint32_t alignment; /* a power of two */
    TableZone zone;
    uint64_t address; /* set by who places it, before table_loader_link() */
} TableBlob;

typedef struct TableLoader TableLoader;

TableLoader *table_loader_new(void);
void table_loader_free(TableLoader *loader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TableLoader, table_loader_free)

/* Adds an empty blob; the loader owns it. Names are unique. */
TableBlob *table_loader_add_blob(TableLoader *loader, const char *name, uint32_t alignment,
                                 TableZone zone);

/* The blobs in the order of their addition. */
unsigned table_loader_blob_count(const TableLoader *loader);
TableBlob *table_loader_blob(const TableLoader *loader, unsigned index);

/*
 * Makes the `size` (1, 2, 4 or 8) bytes at `offset` of `blob` the address of byte
 * `target_offset` of `target`. Writes `target_offset` there now; the address is added later.
 */
void table_loader_add_pointer(TableLoader *loader, TableBlob *blob, uint32_t offset,
                              unsigned size, const TableBlob *target, uint32_t target_offset);

/*
 * Makes the byte at `offset`, inside the `length` bytes at `start`, such that these bytes sum
 * up to zero. Steps are executed in the order of their addition, so this comes after the
 * pointers.
 */
void table_loader_add_checksum(TableLoader *loader, TableBlob *blob, uint32_t start,
                               uint32_t length, uint32_t offset);

/* The script of the steps for a BIOS. To be freed by the caller. */
GByteArray *table_loader_script(const TableLoader *loader) G_GNUC_WARN_UNUSED_RESULT;

/* Executes the steps with the blobs' addresses. Fails when an address does not fit its field.
 */
bool table_loader_link(TableLoader *loader, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

#endif
