/* SPDX-License-Identifier: MIT */
/*
 * A server of GDB's remote serial protocol ("Debugging with GDB", appendix E): one client debugs
 * the machine, each CPU as a thread. All-stop mode. Main thread, under the machine lock.
 */
#ifndef MONITOR_GDB_GDB_H
#define MONITOR_GDB_GDB_H

#include <glib.h>
#include <stdbool.h>

#include "monitor/schema.h"

/*
 * Serves on a character backend as -serial takes it; "tcp:…" means a server that waits for nobody.
 * "none" ends the server, which the program must do before the machine goes.
 */
bool gdb_server_start(const char *device, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Accepts no server. */
void gdb_server_stop(void);

/* HMP's "gdbserver". */
extern const SchemaModule gdb_module;

#endif
