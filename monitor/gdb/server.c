/* SPDX-License-Identifier: MIT */
/* The connection: frames, acknowledgments, stops of the machine, begin and end. */
#include <string.h>

#include "backends/char/options.h"
#include "base/log.h"
#include "hw/core/machine.h"
#include "monitor/gdb/private.h"
#include "monitor/hmp.h"

Gdb gdb;

enum { OUTSIDE, CONTENT, SUM_HIGH, SUM_LOW };
#define INTERRUPT 0x03

/* ---- out ---- */

void gdb_send(void)
{
    uint8_t sum = 0;

    g_string_truncate(gdb.sent, 0);
    g_string_append_c(gdb.sent, '$');
    for (gsize i = 0; i < gdb.out->len; i++) {
        char c = gdb.out->str[i];
        if (strchr("#$}*", c)) {    /* NUL, too */
            g_string_append_c(gdb.sent, '}');
            c ^= 0x20;
        }
        g_string_append_c(gdb.sent, c);
    }
    for (gsize i = 1; i < gdb.sent->len; i++) {
        sum += (uint8_t)gdb.sent->str[i];
    }
    g_string_append_printf(gdb.sent, "#%02x", sum);
    if (gdb.chardev) {
        (void)chardev_write_all(gdb.chardev, gdb.sent->str, gdb.sent->len);
    }
    g_string_truncate(gdb.out, 0);
}

static void put_byte(char byte)
{
    (void)chardev_write_all(gdb.chardev, &byte, 1);
}

/* ---- in ---- */

static void whole_packet(void)
{
    bool good = gdb.said == gdb.sum;

    if (!gdb.no_ack) {
        put_byte(good || gdb.overlong ? '+' : '-');
    }
    if (!good && !gdb.no_ack && !gdb.overlong) {
        return;
    }
    g_string_truncate(gdb.out, 0);
    if (gdb.overlong) {
        gdb_error(GDB_EINVAL);
    } else {
        gdb.in_packet = true;
        gdb.answer_later = false;
        gdb_command(gdb.in->str, gdb.in->len);
        gdb.in_packet = false;
    }
    /* The command may have ended the connection. */
    if (gdb.chardev && !gdb.answer_later) {
        gdb_send();
    }
}

static void take_outside(uint8_t byte)
{
    switch (byte) {
    case '$':
        g_string_truncate(gdb.in, 0);
        gdb.sum = 0;
        gdb.escaped = gdb.overlong = false;
        gdb.state = CONTENT;
        break;
    case '-':
        if (gdb.sent->len && !gdb.no_ack) {
            (void)chardev_write_all(gdb.chardev, gdb.sent->str, gdb.sent->len);
        }
        break;
    case INTERRUPT:
        if (machine_is_running()) {
            machine_stop(RUN_STATE_PAUSED);
        }
        break;
    default:
        break;    /* '+', and noise */
    }
}

static void take_content(uint8_t byte)
{
    if (byte == '#') {
        gdb.state = SUM_HIGH;
        return;
    }
    gdb.sum += byte;
    if (byte == '}' && !gdb.escaped) {
        gdb.escaped = true;
        return;
    }
    if (gdb.in->len >= GDB_PACKET_MAX) {
        gdb.overlong = true;
    } else {
        g_string_append_c(gdb.in, gdb.escaped ? byte ^ 0x20 : byte);
    }
    gdb.escaped = false;
}

static void take_byte(uint8_t byte)
{
    switch (gdb.state) {
    case OUTSIDE:
        take_outside(byte);
        break;
    case CONTENT:
        /* A new one begins: the end of that before was lost. */
        if (byte == '$') {
            take_outside(byte);
        } else {
            take_content(byte);
        }
        break;
    case SUM_HIGH:
    case SUM_LOW:
        if (!g_ascii_isxdigit(byte)) {
            gdb.said = ~gdb.sum;
        } else if (gdb.state == SUM_HIGH) {
            gdb.said = g_ascii_xdigit_value(byte) << 4;
            gdb.state = SUM_LOW;
            return;
        } else {
            gdb.said |= g_ascii_xdigit_value(byte);
        }
        gdb.state = OUTSIDE;
        whole_packet();
        break;
    }
}

static void receive(void *opaque, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size && gdb.chardev; i++) {
        take_byte(data[i]);
    }
}

/* ---- the client comes and goes ---- */

static void forget_client(void)
{
    gdb.connected = gdb.waiting = gdb.no_ack = gdb.physical = false;
    gdb.multiprocess = gdb.swbreak = gdb.hwbreak = false;
    gdb.step_flags = GDB_STEP_NO_IRQ | GDB_STEP_NO_TIMER;
    gdb.state = OUTSIDE;
    gdb.cpu_g = gdb.cpu_c = 0;
    gdb.next_thread = 0;
    g_string_truncate(gdb.sent, 0);
    g_clear_pointer(&gdb.description, g_free);
}

static void event(void *opaque, ChardevEvent what)
{
    if (what == CHARDEV_OPENED) {
        forget_client();
        gdb.connected = true;
        if (machine_is_running()) {
            machine_stop(RUN_STATE_PAUSED);
        }
    } else if (what == CHARDEV_CLOSED && gdb.connected) {
        forget_client();
        /* Nobody is there to take them away: the guest goes on without its debugger. */
        if (machine_is_running()) {
            machine_stop(RUN_STATE_PAUSED);
            debug_clear();
            machine_start();
        } else {
            debug_clear();
        }
    }
}

static void gone(void *opaque)
{
    gdb.chardev = NULL;
}

static void run_state_changed(void *opaque, bool running, RunState state)
{
    if (running || !gdb.waiting || !gdb.connected) {
        return;
    }
    /* It goes on by itself, or is about to end. */
    if (state == RUN_STATE_SAVE_VM || state == RUN_STATE_RESTORE_VM) {
        return;
    }
    gdb.waiting = false;
    gdb_stop_reason();
    gdb_send();
}

/* ---- begin and end ---- */

static char *spell_device(const char *device)
{
    return g_str_has_prefix(device, "tcp:")
        ? g_strdup_printf("%s,server=on,wait=off", device) : g_strdup(device);
}

bool gdb_server_start(const char *device, GError **error)
{
    static const ChardevFrontendOps ops = { .receive = receive, .event = event, .gone = gone };
    g_autofree char *spec = spell_device(device);
    Chardev *chardev = NULL;

    if (gdb.in_packet) {
        error_set(error, ERROR_FAILED, "the client that asks is the one that would go");
        return false;
    }
    gdb_server_stop();
    if (!chardev_new_from_legacy("gdb", spec, NULL, &chardev, error)) {
        return false;
    }
    if (!chardev) {
        return true;
    }
    gdb = (Gdb){ .in = g_string_new(NULL), .out = g_string_new(NULL), .sent = g_string_new(NULL) };
    forget_client();
    gdb.chardev = chardev;
    machine_on_run_state(run_state_changed, NULL);
    if (!chardev_attach(chardev, &ops, &gdb, error)) {
        gdb.chardev = NULL;
        gdb_server_stop();
        return false;
    }
    return true;
}

void gdb_server_stop(void)
{
    g_autofree char *id = gdb.chardev ? g_strdup(chardev_id(gdb.chardev)) : NULL;
    g_autoptr(GError) error = NULL;

    if (!gdb.in) {
        return;
    }
    if (gdb.connected) {
        g_string_assign(gdb.out, "W00");
        gdb_send();
        event(NULL, CHARDEV_CLOSED);
    }
    machine_off_run_state(run_state_changed, NULL);
    if (gdb.chardev) {
        (void)chardev_flush(gdb.chardev, 100);
        chardev_detach(gdb.chardev, &gdb);
    }
    /* One of -chardev stays. */
    if (id && g_str_equal(id, "gdb") && !chardev_remove(id, &error)) {
        report_warning("%s", error->message);
    }
    g_string_free(gdb.in, TRUE);
    g_string_free(gdb.out, TRUE);
    g_string_free(gdb.sent, TRUE);
    g_free(gdb.description);
    gdb = (Gdb){ 0 };
}

static void gdbserver(Monitor *monitor, GVariant *args, GError **error)
{
    const char *device = args_str(args, "device");

    if (!device) {
        device = "tcp::1234";
    }
    if (!gdb_server_start(device, error)) {
        g_prefix_error(error, "could not open gdbserver on device '%s': ", device);
    } else if (g_str_equal(device, "none")) {
        monitor_puts(monitor, "Disabled gdbserver\n");
    } else {
        monitor_printf(monitor, "Waiting for gdb connection on device '%s'\n", device);
    }
}

static const HmpCommand hmp_commands[] = {
    { .name = "gdbserver", .args = (const HmpArg[]){ { "device", HMP_WORD, true }, { 0 } },
      .params = "[device]",
      .help = "start gdbserver on given device (default 'tcp::1234'), stop with 'none'",
      .handler = gdbserver },
    { 0 },
};

const SchemaModule gdb_module = { .title = "The GDB server", .hmp_commands = hmp_commands };
