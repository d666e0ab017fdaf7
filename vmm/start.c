/* SPDX-License-Identifier: MIT */
#include "vmm/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "accel/accel.h"
#include "accel/qtest/server.h"
#include "arch/x86/models.h"
#include "backends/char/options.h"
#include "base/log.h"
#include "hw/core/machine.h"
#include "hw/core/plug.h"
#include "hw/core/trace.h"
#include "hw/firmware/smbios.h"
#include "monitor/gdb/gdb.h"
#include "monitor/monitor.h"
#include "qom/user-object.h"
#include "vmm/config.h"
#include "vmm/options.h"

/* ---- texts ---- */

static bool wants_help(const char *text)
{
    return text && (g_str_equal(text, "help") || g_str_equal(text, "?"));
}

static bool print_text(char *text)
{
    if (text) {
        fputs(text, stdout);
        if (*text && text[strlen(text) - 1] != '\n') {
            putchar('\n');
        }
        g_free(text);
    }
    return true;
}

static bool device_help(const char *text, bool *ok, GError **error)
{
    g_autofree char *driver = g_strndup(text, strcspn(text, ","));
    const char *rest = text + strlen(driver);
    char *shown;

    if (wants_help(driver)) {
        return print_text(device_types_help());
    }
    if (!g_str_equal(rest, ",help") && !g_str_equal(rest, ",?")) {
        return false;
    }
    shown = device_type_help(driver, error);
    *ok = shown != NULL;
    return print_text(shown);
}

static bool values_help(const char *option, char *(*help)(void))
{
    GPtrArray *values = option_values(option);

    for (guint i = 0; i < values->len; i++) {
        if (wants_help(values->pdata[i])) {
            return print_text(help());
        }
    }
    return false;
}

/* "-machine pc,help": what -machine takes besides the switches of a board. */
static bool machine_properties_help(void)
{
    GPtrArray *values = option_values("machine");

    for (guint i = 0; i < values->len; i++) {
        if (g_str_has_suffix(values->pdata[i], ",help") ||
            g_str_has_suffix(values->pdata[i], ",?")) {
            return print_text(object_type_help(object_type_find("board-machine")));
        }
    }
    return false;
}

static void add_trace_point(const char *name, void *text)
{
    g_string_append_printf(text, "%s\n", name);
}

static char *trace_help(void)
{
    GString *text = g_string_new(NULL);

    trace_points_foreach(add_trace_point, text);
    return g_string_free(text, FALSE);
}

static char *user_types_help(void)
{
    g_autoptr(GPtrArray) types = object_types_list(NULL, false);
    GString *text = g_string_new("List of user creatable objects:\n");

    for (guint i = 0; i < types->len; i++) {
        const ObjectType *type = types->pdata[i];
        if (type->user_creatable) {
            g_string_append_printf(text, "  %-28s %s\n", type->name, type->description);
        }
    }
    return g_string_free(text, FALSE);
}

static char *accel_list_help(void)
{
    return accel_help(NULL);
}

/* "-accel NAME,help": the options of one of them. */
static bool accel_options_help(void)
{
    GPtrArray *values = option_values("accel");

    for (guint i = 0; i < values->len; i++) {
        g_auto(GStrv) words = g_strsplit(values->pdata[i], ",", 2);
        if (words[0] && words[1] && wants_help(words[1])) {
            return print_text(accel_help(words[0]));
        }
    }
    return false;
}

/* Arguments that are a name or a text of the user's: "help" may be one. */
static bool is_free_text(const OptionInfo *info)
{
    static const char *const words[] = { "FILE", "TEXT", "UUID", "DIR", NULL };

    return g_strv_contains(words, info->argument);
}

/* Of what has no list of its own: the option's line; for a DEV, what a DEV may be. */
static bool any_option_help(void)
{
    g_autoptr(GError) error = NULL;

    for (unsigned i = 0; i < option_count; i++) {
        const OptionInfo *info = &option_table[i];
        GPtrArray *values = info->argument && !is_free_text(info) ? option_values(info->name)
                                                                  : NULL;
        for (guint n = 0; values && n < values->len; n++) {
            if (wants_help(values->pdata[n])) {
                return print_text(g_str_equal(info->argument, "DEV") ? chardev_help(NULL, &error)
                                                                     : option_help(info));
            }
        }
    }
    return false;
}

bool start_help(bool *ok, GError **error)
{
    GPtrArray *devices = option_values("device"), *chardevs = option_values("chardev");
    char *text;

    if (option_given("help")) {
        return print_text(options_help());
    }
    if (option_given("version")) {
        return print_text(g_strdup_printf("vmm version %s", VMM_VERSION));
    }
    for (guint i = 0; i < devices->len; i++) {
        if (device_help(devices->pdata[i], ok, error)) {
            return true;
        }
    }
    for (guint i = 0; i < chardevs->len; i++) {
        if (chardev_wants_help(chardevs->pdata[i], &text)) {
            return print_text(text);
        }
    }
    if (wants_help(option_value("cpu"))) {
        return print_text(x86_cpu_help());
    }
    return values_help("machine", machines_help) || machine_properties_help() ||
           values_help("trace", trace_help) || values_help("d", log_items_help) ||
           values_help("accel", accel_list_help) || accel_options_help() ||
           values_help("object", user_types_help) ||
           values_help("mon", monitor_options_help) ||
           values_help("smbios", smbios_options_help) || any_option_help();
}

/* ---- what comes before the machine ---- */

static bool write_pidfile(GError **error)
{
    const char *path = option_value("pidfile");
    g_autofree char *text = g_strdup_printf("%d\n", (int)getpid());
    int fd;

    if (!path) {
        return true;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || lockf(fd, F_TLOCK, 0) < 0 || ftruncate(fd, 0) < 0 ||
        write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        error_set_errno(error, errno, "cannot create PID file '%s'", path);
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    return true;   /* the lock is held while the process lives */
}

/* The parent waits until the machine is up, and tells by its exit status. */
static int daemon_pipe = -1;

static bool daemonize_start(GError **error)
{
    int fds[2];
    pid_t child;

    if (!option_given("daemonize")) {
        return true;
    }
    if (pipe2(fds, O_CLOEXEC) < 0 || (child = fork()) < 0) {
        error_set_errno(error, errno, "cannot go to the background");
        return false;
    }
    if (child) {
        char byte;
        close(fds[1]);
        _exit(read(fds[0], &byte, 1) == 1 ? 0 : 1);
    }
    close(fds[0]);
    setsid();
    daemon_pipe = fds[1];
    return true;
}

static bool daemonize_finish(GError **error)
{
    int null;

    if (daemon_pipe < 0) {
        return true;
    }
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || chdir("/") < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
        dup2(null, 2) < 0 || write(daemon_pipe, "", 1) != 1) {
        error_set_errno(error, errno, "cannot go to the background");
        return false;
    }
    close(null);
    close(daemon_pipe);
    daemon_pipe = -1;
    return true;
}

static bool read_configs(GError **error)
{
    GPtrArray *files = option_values("readconfig");

    for (guint i = 0; i < files->len; i++) {
        if (!options_read_config(files->pdata[i], error)) {
            return false;
        }
    }
    return true;
}

/* ---- the whole ---- */

bool vmm_start(GError **error)
{
    if (!read_configs(error) || !start_logging(error) || !daemonize_start(error) ||
        !write_pidfile(error) || !start_chardevs(error) || !start_machine(error)) {
        return false;
    }
    if (option_given("machine-check")) {
        g_print("machine '%s' is valid\n", machine_get()->board);
        machine_request_exit(0);
        return true;
    }
    if (!start_monitors(error) || !start_qtest(error) || !start_gdb(error) ||
        !daemonize_finish(error)) {
        return false;
    }
    if (!option_given("S")) {
        machine_start();
    }
    return true;
}

void vmm_stop(void)
{
    if (machine_get()) {
        machine_stop(RUN_STATE_SHUTDOWN);
    }
    gdb_server_stop();
    monitor_flush_all();
    qtest_server_stop();
    /* Before the serial ports, or the focus of a terminal that they share would come to them. */
    monitor_delete_all();
    stop_machine();
    chardev_remove_all();
}
