/* SPDX-License-Identifier: MIT */
/* Values as the command line writes them. All return false with an error. */
#ifndef QOM_PARSE_H
#define QOM_PARSE_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* on/off, yes/no, true/false, y/n */
bool parse_bool(const char *text, bool *value, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Decimal, 0x…, 0… is decimal too; the whole text must be a number. */
bool parse_uint(const char *text, uint64_t *value, GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool parse_int(const char *text, int64_t *value, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* A number, possibly fractional, with a suffix b k M G T P E (powers of 1024). */
bool parse_size(const char *text, uint64_t default_unit, uint64_t *value, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/*
 * "a=1,b=2": the words of an option, as "a{sv}" of strings, in order. ",," is a
 * comma. A first word without "=" goes to `implied` (may be NULL: an error);
 * a later word without "=" is "on", or "off" when it starts with "no". A text that starts
 * with '{' is not handled here. A key given twice is an error that names it.
 */
GVariant *parse_keyval(const char *text, const char *implied, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

#endif
