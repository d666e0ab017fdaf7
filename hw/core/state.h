/* SPDX-License-Identifier: MIT */
/*
 * Saved state: a walk over a device's tables. Migration, snapshots and the
 * save-and-load tests use it. The form is self-describing: for each device its
 * type and version, then (name, element width, count, bytes) for every
 * register field, state entry, timer and pin level; numbers are little-endian.
 */
#ifndef HW_CORE_STATE_H
#define HW_CORE_STATE_H

#include "hw/core/device.h"

/*
 * Appends the state of one device. Nothing in the device changes but what .pre_save brings up
 * to date.
 */
void device_save(Device *device, GByteArray *out);

/*
 * Loads it. The whole record is checked before anything is changed; unknown,
 * missing or out-of-range entries are errors that name the device and entry.
 * `*used` is the bytes consumed. Lines are restored silently; afterwards
 * .post_load runs.
 */
bool device_load(Device *device, const uint8_t *data, size_t length, size_t *used,
                 GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A readable listing of a record, for tests and `info`. */
char *device_state_print(const uint8_t *data, size_t length);

/*
 * Which bytes of the type's private struct no table names; NULL when all are
 * covered. The caller frees it.
 */
char *device_type_uncovered(const DeviceType *type);

#endif
