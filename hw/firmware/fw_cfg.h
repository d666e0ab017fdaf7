/* SPDX-License-Identifier: MIT */
/*
 * The firmware configuration device: items that the machine hands to its firmware and operating
 * system, by number or, for files, by name. The interface is documented in QEMU's
 * docs/specs/fw_cfg; types "fw_cfg_io" (ports, x86) and "fw_cfg_mem" (memory, other boards).
 *
 * Items are set by the machine, before the guest runs or in a reset, or when the guest selects
 * them (fw_cfg_on_select()); the guest only reads them.
 */
#ifndef HW_FIRMWARE_FW_CFG_H
#define HW_FIRMWARE_FW_CFG_H

#include <glib.h>

#include "hw/core/device.h"

/* The items that have a number of their own. */
typedef enum FwCfgKey {
    FW_CFG_SIGNATURE = 0x00,
    FW_CFG_ID = 0x01,
    FW_CFG_UUID = 0x02,
    FW_CFG_RAM_SIZE = 0x03,   /* 64 bits */
    FW_CFG_NOGRAPHIC = 0x04,  /* 16 bits */
    FW_CFG_NB_CPUS = 0x05,    /* 16 bits */
    FW_CFG_MACHINE_ID = 0x06, /* 16 bits */
    FW_CFG_KERNEL_ADDR = 0x07,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_KERNEL_CMDLINE = 0x09,
    FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_BOOT_DEVICE = 0x0c, /* 16 bits */
    FW_CFG_NUMA = 0x0d,        /* 64 bits each */
    FW_CFG_BOOT_MENU = 0x0e,   /* 16 bits */
    FW_CFG_MAX_CPUS = 0x0f,    /* 16 bits */
    FW_CFG_KERNEL_ENTRY = 0x10,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_ADDR = 0x13,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    FW_CFG_SETUP_ADDR = 0x16,
    FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19,
    FW_CFG_FILE_FIRST = 0x20,
    FW_CFG_IRQ0_OVERRIDE = 0x8002, /* 32 bits; x86 */
    FW_CFG_HPET = 0x8004,          /* x86 */
} FwCfgKey;

/* What a file's name can hold, without its end. */
#define FW_CFG_NAME_MAX 55

typedef struct FwCfg FwCfg;

/* The machine's device of either type, or NULL. */
FwCfg *fw_cfg_find(void);

/* Sets an item or replaces it. The bytes are referenced; NULL makes the item empty. */
void fw_cfg_set_item(FwCfg *fw, uint16_t key, GBytes *data);
/* The same for a little endian number of `size` bytes, and for a string with its end. */
void fw_cfg_set_number(FwCfg *fw, uint16_t key, uint64_t value, unsigned size);
void fw_cfg_set_string(FwCfg *fw, uint16_t key, const char *text);

/*
 * Sets a file or replaces its content. Files are kept in the order of their names, and adding
 * one may change the others' numbers, so all names are set before the guest runs. Fails when
 * the name is too long or too many files are there.
 */
bool fw_cfg_set_file(FwCfg *fw, const char *name, GBytes *data,
                     GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/*
 * `update` is called each time the guest selects the file, before it reads a byte; it may set
 * files that exist, with contents as long as before: the guest may have read the directory
 * already. After state was loaded it is called for the file that is selected. The file has to
 * exist. `opaque` has to live as long as the device.
 */
typedef void FwCfgUpdate(void *opaque, FwCfg *fw);
void fw_cfg_on_select(FwCfg *fw, const char *name, FwCfgUpdate *update, void *opaque);

/* The content of a file, borrowed, or NULL when there is none. */
GBytes *fw_cfg_file(const FwCfg *fw, const char *name);

/*
 * One argument of the -fw_cfg option, "[name=]NAME,file=PATH" or "[name=]NAME,string=TEXT"
 * (",," is a comma). A name that the machine uses itself, too, is found in fw_cfg_set_file().
 * Setting the device's property "file" does the same.
 */
bool fw_cfg_add_option(FwCfg *fw, const char *argument,
                       GError **errp) G_GNUC_WARN_UNUSED_RESULT;

#endif
