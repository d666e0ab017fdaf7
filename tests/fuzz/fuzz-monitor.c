/* SPDX-License-Identifier: MIT */
/*
 * Monitors: any bytes come in on a QMP session (first byte even) or a human one (odd), in
 * pieces. There is no machine, so the commands are those that make do without.
 */
#include "backends/char/backend.h"
#include "backends/char/options.h"
#include "base/lock.h"
#include "monitor/monitor.h"
#include "qom/types.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    object_types_register(all_types);
    machine_lock();
    return 0;
}

static void send_in_pieces(Chardev *chardev, const uint8_t *data, size_t size)
{
    for (size_t at = 0, piece = 1; at < size; piece = piece * 2 % 61) {
        size_t n = MIN(MIN(piece, size - at), chardev_room(chardev));

        if (n) {
            chardev_deliver(chardev, data + at, n);
            at += n;
        } else if (!g_main_context_iteration(NULL, FALSE)) {
            return;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MonitorOptions options = { .mode = size && data[0] % 2 ? MONITOR_READLINE : MONITOR_CONTROL };
    g_autoptr(GError) error = NULL;
    Chardev *chardev = chardev_new_from_string("null,id=fuzz", &error);
    Monitor *monitor;

    g_assert_no_error(error);
    monitor = monitor_new(chardev, &options, &error);
    g_assert_no_error(error);
    if (size) {
        send_in_pieces(chardev, data + 1, size - 1);
    }
    while (g_main_context_iteration(NULL, FALSE)) {
        /* what the commands left to do */
    }
    monitor_delete(monitor);
    chardev_remove_all();
    return 0;
}
