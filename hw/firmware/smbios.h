/* SPDX-License-Identifier: MIT */
/*
 * SMBIOS tables: DMTF DSP0134, versions 2.8 (32-bit entry point) and 3.0 (64-bit entry point).
 * Structures 0, 1, 2, 3, 4, 8, 11, 16, 17, 19, 32 and 127.
 *
 * The builder reads a description of the machine and the user's -smbios options; it knows no
 * device.
 */
#ifndef HW_FIRMWARE_SMBIOS_H
#define HW_FIRMWARE_SMBIOS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The fw_cfg files that a BIOS looks for. */
#define SMBIOS_TABLES_FILE "etc/smbios/smbios-tables"
#define SMBIOS_ANCHOR_FILE "etc/smbios/smbios-anchor"

/* ---- the user's options ---- */

typedef struct SmbiosOptions SmbiosOptions;

SmbiosOptions *smbios_options_new(void);
void smbios_options_free(SmbiosOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SmbiosOptions, smbios_options_free)

/*
 * One -smbios argument: "type=N,field=value,..." or "file=PATH", a file with one structure as
 * it is to appear. In values ",," stands for a comma. A field given twice for a type takes the
 * last value, but the `value` and `path` of type 11, and whole structures of type 8, add up.
 */
bool smbios_options_add(SmbiosOptions *options, const char *argument,
                        GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/* The types and fields that smbios_options_add() knows, one line each, for `-smbios help`. To
 * be freed by the caller. */
char *smbios_options_help(void);

/* ---- the tables ---- */

typedef struct SmbiosMemoryRange {
    uint64_t base, length; /* multiples of 1 KiB */
} SmbiosMemoryRange;

typedef struct SmbiosMachine {
    const char *manufacturer, *product, *version; /* where the user says nothing */
    const uint8_t *uuid;                          /* 16 bytes as printed, or NULL */
    uint64_t ram_size;                            /* in bytes */
    const SmbiosMemoryRange *ranges;              /* where RAM appears */
    unsigned range_count;
    unsigned sockets, cores, threads; /* cores of a socket, threads of a core; at least 1 */
    uint32_t cpuid_signature, cpuid_features; /* CPUID leaf 1, EAX and EDX */
    bool bios_adds_type0; /* the BIOS has its own, which the user's type=0 replaces */
} SmbiosMachine;

typedef struct SmbiosTables {
    GByteArray *data; /* all structures, the last is of type 127 */
    unsigned count;   /* of structures */
    unsigned largest; /* size of the largest structure, with its strings */
} SmbiosTables;

/* Makes the structures. The caller releases `tables` after true. */
bool smbios_build(const SmbiosMachine *machine, const SmbiosOptions *options,
                  SmbiosTables *tables, GError **errp) G_GNUC_WARN_UNUSED_RESULT;
void smbios_tables_release(SmbiosTables *tables);

/*
 * The entry points, with checksums, for tables at `address`. The 32-bit one fails when the
 * tables exceed 65535 bytes or lie above 4 GiB. To be freed by the caller.
 */
GByteArray *smbios_entry_point_32(const SmbiosTables *tables, uint64_t address,
                                  GError **errp) G_GNUC_WARN_UNUSED_RESULT;
GByteArray *smbios_entry_point_64(const SmbiosTables *tables,
                                  uint64_t address) G_GNUC_WARN_UNUSED_RESULT;

#endif
