/* SPDX-License-Identifier: MIT */
/*
 * Character backends from the command line and QMP. The options of a backend
 * are the properties of its type "chardev-NAME".
 */
#ifndef BACKENDS_CHAR_OPTIONS_H
#define BACKENDS_CHAR_OPTIONS_H

#include "backends/char/chardev.h"

/*
 * Makes and opens a backend from the "a{sv}" of -chardev: "backend" names the
 * type, "id" (when `id` is NULL) the object, "mux" puts a mux on it that takes
 * the id, while the backend becomes "ID-base"; the rest are properties. May
 * block: a server with wait=on until somebody connects, a client until it is
 * connected. NULL with an error; then nothing remains.
 */
Chardev *chardev_new_from_options(const char *id, GVariant *dict, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* The text of -chardev: "TYPE,key=value,…". JSON texts are not handled here. */
Chardev *chardev_new_from_string(const char *text, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The "backend" of QMP's chardev-add, {"type": …, "data": {…}}, as options; a full reference. */
GVariant *chardev_options_from_backend(GVariant *backend, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/*
 * The short form of -serial, -parallel, -monitor, -qmp, -qtest, -debugcon:
 * stdio, null, none, pty, ringbuf, unix:PATH[,…], tcp:HOST:PORT[,…],
 * telnet:HOST:PORT[,…], file:PATH[,…], pipe:PATH, /dev/…, chardev:ID,
 * and mon:… , which asks for a monitor beside the front end on a mux.
 * Returns the options as chardev_new_from_options() takes them (a full
 * reference); "none" and "chardev" are backends here with no type behind them.
 * `monitor` (may be NULL: mon: is refused) tells whether mon: was asked for.
 */
GVariant *chardev_parse_legacy(const char *spec, bool *monitor, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/*
 * The same, made: true with *chardev set, or with NULL for "none". A "chardev:ID"
 * is looked up.
 */
bool chardev_new_from_legacy(const char *id, const char *spec, bool *monitor,
                             Chardev **chardev, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Whether a text asks for help: "help", "?", "TYPE,help". Then *text is what to print. */
bool chardev_wants_help(const char *options, char **text);
/* The list of backends, or the options of one; the caller frees it. */
char *chardev_help(const char *backend, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
