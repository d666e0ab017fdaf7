/* SPDX-License-Identifier: MIT */
/*
 * The qtest server: a test program on a Chardev drives every device of the
 * machine without a CPU. The protocol is QEMU 7.2's; docs/internals/qtest.rst
 * lists it with what goes beyond it.
 */
#ifndef ACCEL_QTEST_SERVER_H
#define ACCEL_QTEST_SERVER_H

#include "backends/char/chardev.h"

/*
 * Serves on the chardev from now on. `log` is a file for the dialogue, "none",
 * or NULL for standard error. One server in a program.
 */
bool qtest_server_start(Chardev *chardev, const char *log, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
void qtest_server_stop(void);
bool qtest_server_running(void);

#endif
