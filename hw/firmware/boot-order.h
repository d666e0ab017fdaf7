/* SPDX-License-Identifier: MIT */
/*
 * What the firmware is to boot from: the devices in the order of their `bootindex`, as the
 * fw_cfg file "bootorder", and the classes of devices of the -boot option, as a PC keeps them
 * in CMOS.
 */
#ifndef HW_FIRMWARE_BOOT_ORDER_H
#define HW_FIRMWARE_BOOT_ORDER_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define BOOT_ORDER_FILE "bootorder"

typedef struct BootOrder BootOrder;

BootOrder *boot_order_new(void);
void boot_order_free(BootOrder *order);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BootOrder, boot_order_free)

/*
 * Adds a device. `index` is nobody else's and not negative, or -1 for what goes before all that
 * the user names; `path` is the device's path in Open
 * Firmware's form, without a line end; `owner` names the device in the message on failure.
 */
bool boot_order_add(BootOrder *order, int32_t index, const char *path, const char *owner,
                    GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/*
 * The file: paths in ascending order, one a line, and a zero byte at the end. With `strict` the
 * last line is "HALT": nothing else is tried. NULL when it would be empty. To be freed by the
 * caller.
 */
GByteArray *boot_order_file(const BootOrder *order, bool strict) G_GNUC_WARN_UNUSED_RESULT;

/*
 * Reads the letters of `-boot order=`: a, b (floppy), c (disk), d (CD-ROM), n, o, p (network),
 * each at most once; `letters` must not be empty.
 */
bool boot_devices_valid(const char *letters, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/*
 * The two CMOS registers in which a PC's BIOS finds the first three classes: 0x3d holds the
 * first in its low and the second in its high half, 0x38 the third in its high half. Bit 0 of
 * 0x38 set keeps the BIOS from checking the boot signature of a floppy.
 */
typedef struct BootCmos {
    uint8_t reg_3d, reg_38;
} BootCmos;

/* `letters` are valid. */
BootCmos boot_devices_cmos(const char *letters);

#endif
