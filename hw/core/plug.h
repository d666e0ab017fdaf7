/* SPDX-License-Identifier: MIT */
/* Devices that a user adds: -device, device_add, and the defaults of -global. */
#ifndef HW_CORE_PLUG_H
#define HW_CORE_PLUG_H

#include "hw/core/device.h"

/*
 * Makes a device from an "a{sv}": "driver" names the type, "id" and "bus" (both
 * optional) its name and place, the rest are properties. While the machine is
 * being configured the device waits for the machine's phases; afterwards it
 * goes through them at once, which its type and bus must allow.
 */
Device *device_add(GVariant *options, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Asks for the removal of a device by id or path; DEVICE_DELETED tells when it is gone. */
bool device_del(const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Types that -device takes, by category for people; the caller frees it. */
char *device_types_help(void);
/* The properties of one type; NULL with an error for an unknown one. */
char *device_type_help(const char *type, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* -global DRIVER.PROPERTY=VALUE, for every object of that type or derived from it. */
bool global_add(const char *driver, const char *property, const char *value, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
/* Applies them to an object that its maker has configured so far. */
bool globals_apply(Object *object, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* And to a whole tree of devices. */
bool globals_apply_all(Object *root, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A warning for each that named a type but was never used. */
void globals_check_used(void);

#endif
