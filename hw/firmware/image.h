/* SPDX-License-Identifier: MIT */
/* Firmware images: files that come with the distribution or from the user. */
#ifndef HW_FIRMWARE_IMAGE_H
#define HW_FIRMWARE_IMAGE_H

#include <glib.h>

/*
 * The path of an image: `name` itself when it is a file, else in the first of the machine's
 * firmware directories (-L, then the built-in ones) that has it. The error names them. The
 * caller frees it.
 */
char *firmware_image_find(const char *name, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

#endif
