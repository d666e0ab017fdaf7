/* SPDX-License-Identifier: MIT */
/* Character backends from -chardev and from the ports' own options; who serves on them. */
#include <string.h>
#include <unistd.h>

#include "accel/qtest/server.h"
#include "backends/char/options.h"
#include "hw/core/machine.h"
#include "monitor/gdb/gdb.h"
#include "monitor/monitor.h"
#include "vmm/options.h"
#include "vmm/start.h"

#define MAX_PORTS 4

typedef struct Port {
    const char *kind;
    char *ids[MAX_PORTS];
} Port;

static Port ports[] = { { .kind = "serial" }, { .kind = "parallel" }, { .kind = "debugcon" } };

static Port *find_port(const char *kind)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(ports); i++) {
        if (g_str_equal(ports[i].kind, kind)) {
            return &ports[i];
        }
    }
    return NULL;
}

const char *port_backend(const char *kind, unsigned index, void *opaque)
{
    const Port *port = find_port(kind);

    return port && index < MAX_PORTS ? port->ids[index] : NULL;
}

static bool add_monitor(Chardev *chardev, MonitorMode mode, bool pretty, GError **error)
{
    MonitorOptions options = { .mode = mode, .pretty = pretty };

    return monitor_new(chardev, &options, error) != NULL;
}

static void quit_by_key(void)
{
    machine_request_shutdown(SHUTDOWN_HOST_UI);
}

static const ChardevEscapes escapes = { .quit = quit_by_key };

static bool connect_port(Port *port, unsigned index, const char *spec, GError **error)
{
    g_autofree char *id = g_strdup_printf("%s%u", port->kind, index);
    bool with_monitor = false;
    Chardev *chardev;

    chardev_mux_set_escapes(&escapes);
    if (!chardev_new_from_legacy(id, spec, &with_monitor, &chardev, error)) {
        g_prefix_error(error, "-%s %s: ", port->kind, spec);
        return false;
    }
    if (!chardev) {
        return true;
    }
    port->ids[index] = g_strdup(chardev_id(chardev));
    /* Before the port's device, which thereby gets the keyboard first. */
    return !with_monitor || add_monitor(chardev, MONITOR_READLINE, false, error);
}

bool terminal_is_console(void)
{
    if (option_given("nographic")) {
        return true;
    }
    return isatty(0) && isatty(1) && !option_given("display") && !option_given("nodefaults") && !option_given("qtest") &&
           !option_given("daemonize") && !option_given("machine-check") &&
           !option_given("monitor") && !option_given("S");
}

static bool connect_ports(Port *port, const char *otherwise, GError **error)
{
    GPtrArray *specs = option_values(port->kind);

    if (specs->len > MAX_PORTS) {
        error_set(error, ERROR_INVALID, "-%s is given %u times; there are at most %u", port->kind,
                  specs->len, MAX_PORTS);
        return false;
    }
    for (guint i = 0; i < specs->len; i++) {
        if (!connect_port(port, i, specs->pdata[i], error)) {
            return false;
        }
    }
    return specs->len || !otherwise || connect_port(port, 0, otherwise, error);
}

bool start_chardevs(GError **error)
{
    GPtrArray *chardevs = option_values("chardev");
    bool defaults = !option_given("nodefaults");

    for (guint i = 0; i < chardevs->len; i++) {
        const char *text = chardevs->pdata[i];
        if (*text == '{') {
            g_autoptr(GVariant) dict = option_parse_dict(text, NULL, error);
            if (!dict || !chardev_new_from_options(NULL, dict, error)) {
                g_prefix_error(error, "-chardev %s: ", text);
                return false;
            }
        } else if (!chardev_new_from_string(text, error)) {
            g_prefix_error(error, "-chardev %s: ", text);
            return false;
        }
    }
    return connect_ports(&ports[0], terminal_is_console() ? "mon:stdio"
                         : defaults ? "null" : NULL, error) &&
           connect_ports(&ports[1], defaults ? "null" : NULL, error) &&
           connect_ports(&ports[2], NULL, error);
}

/* ---- monitors ---- */

static bool legacy_monitors(const char *option, const char *prefix, MonitorMode mode,
                            bool pretty, GError **error)
{
    GPtrArray *specs = option_values(option);

    for (guint i = 0; i < specs->len; i++) {
        g_autofree char *id = g_strdup_printf("%s%u", prefix, i);
        Chardev *chardev;
        if (!chardev_new_from_legacy(id, specs->pdata[i], NULL, &chardev, error) ||
            (chardev && !add_monitor(chardev, mode, pretty, error))) {
            g_prefix_error(error, "-%s %s: ", option, (char *)specs->pdata[i]);
            return false;
        }
    }
    return true;
}

bool start_monitors(GError **error)
{
    GPtrArray *mons = option_values("mon");

    start_describe();
    for (guint i = 0; i < mons->len; i++) {
        g_autoptr(GVariant) dict = option_parse_dict(mons->pdata[i], "chardev", error);
        if (!dict || !monitor_add(dict, error)) {
            g_prefix_error(error, "-mon %s: ", (char *)mons->pdata[i]);
            return false;
        }
    }
    return legacy_monitors("monitor", "compat_monitor", MONITOR_READLINE, false, error) &&
           legacy_monitors("qmp", "compat_qmp", MONITOR_CONTROL, false, error) &&
           legacy_monitors("qmp-pretty", "compat_qmp_pretty", MONITOR_CONTROL, true, error);
}

bool start_qtest(GError **error)
{
    const char *spec = option_value("qtest");
    Chardev *chardev;

    if (!spec) {
        return true;
    }
    if (!chardev_new_from_legacy("qtest", spec, NULL, &chardev, error)) {
        g_prefix_error(error, "-qtest %s: ", spec);
        return false;
    }
    return !chardev || qtest_server_start(chardev, option_value("qtest-log"), error);
}

bool start_gdb(GError **error)
{
    const char *spec = option_value("gdb");

    if (!spec || gdb_server_start(spec, error)) {
        return true;
    }
    g_prefix_error(error, "-gdb %s: ", spec);
    return false;
}
