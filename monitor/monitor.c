/* SPDX-License-Identifier: MIT */
#include "monitor/monitor.h"

#include <string.h>
#include <unistd.h>

#include "monitor/events.h"
#include "monitor/monitor-private.h"
#include "qom/parse.h"

static GPtrArray *monitors;
static const MonitorProgram no_program = { .target = "x86_64" };
static const MonitorProgram *program = &no_program;

void monitor_set_program(const MonitorProgram *given)
{
    program = given ? given : &no_program;
}

const MonitorProgram *monitor_program(void)
{
    return program;
}

/* ---- the front end of the chardev ---- */

static size_t frontend_can_receive(void *opaque)
{
    Monitor *monitor = opaque;

    return monitor->kind->can_receive(monitor);
}

void fd_list_close(FdList *list)
{
    while (list->count) {
        close(list->fd[--list->count]);
    }
}

void fd_list_move(FdList *to, FdList *from)
{
    if (from->count) {
        fd_list_close(to);
        *to = *from;
        from->count = 0;
    }
}

/* Descriptors come with the bytes that they belong to, so they are taken at once. */
static void receive_fds(Monitor *monitor)
{
    FdList came = { 0 };

    came.count = chardev_take_fds(monitor->chardev, came.fd, MONITOR_MAX_FDS);
    fd_list_move(&monitor->incoming, &came);
}

static void frontend_receive(void *opaque, const uint8_t *data, size_t size)
{
    Monitor *monitor = opaque;

    receive_fds(monitor);
    monitor->kind->receive(monitor, data, size);
}

static void frontend_event(void *opaque, ChardevEvent event)
{
    Monitor *monitor = opaque;

    monitor->kind->event(monitor, event);
}

static void frontend_writable(void *opaque)
{
    Monitor *monitor = opaque;

    monitor->kind->writable(monitor);
}

static void frontend_gone(void *opaque)
{
    Monitor *monitor = opaque;

    monitor->chardev = NULL;
    monitor->kind->event(monitor, CHARDEV_CLOSED);
}

static const ChardevFrontendOps frontend_ops = {
    .can_receive = frontend_can_receive,
    .receive = frontend_receive,
    .event = frontend_event,
    .writable = frontend_writable,
    .gone = frontend_gone,
};

bool monitor_attach(Monitor *monitor, Chardev *chardev, GError **error)
{
    /* Attaching opens at once when somebody is there: the greeting needs the chardev. */
    monitor->chardev = chardev;
    if (!chardev_attach(chardev, &frontend_ops, monitor, error)) {
        monitor->chardev = NULL;
        return false;
    }
    return true;
}

/* ---- life ---- */

static void close_named_fd(gpointer fd)
{
    close(GPOINTER_TO_INT(fd));
}

void monitor_init(Monitor *monitor, const MonitorKind *kind)
{
    monitor->kind = kind;
    monitor->text = g_string_new(NULL);
    monitor->named_fds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, close_named_fd);
}

void monitor_release(Monitor *monitor)
{
    if (monitor->chardev) {
        chardev_detach(monitor->chardev, monitor);
        monitor->chardev = NULL;
    }
    monitor->kind->release(monitor);
    fd_list_close(&monitor->incoming);
    fd_list_close(&monitor->fds);
    g_hash_table_unref(monitor->named_fds);
    g_string_free(monitor->text, TRUE);
    g_free(monitor);
}

Monitor *monitor_new(Chardev *chardev, const MonitorOptions *options, GError **error)
{
    Monitor *monitor = options->mode == MONITOR_CONTROL
        ? qmp_alloc(options->pretty) : hmp_alloc(options->mode == MONITOR_READLINE);

    if (!monitor_attach(monitor, chardev, error)) {
        monitor_release(monitor);
        return NULL;
    }
    if (!monitors) {
        monitors = g_ptr_array_new();
    }
    g_ptr_array_add(monitors, monitor);
    return monitor;
}

void monitor_delete(Monitor *monitor)
{
    if (monitor) {
        g_ptr_array_remove(monitors, monitor);
        monitor_release(monitor);
    }
}

void monitor_flush_all(void)
{
    monitor_events_flush();
    for (guint i = 0; monitors && i < monitors->len; i++) {
        Monitor *monitor = monitors->pdata[i];
        if (monitor->chardev) {
            (void)chardev_flush(monitor->chardev, 1000);
        }
    }
}

void monitor_delete_all(void)
{
    while (monitors && monitors->len) {
        monitor_delete(monitors->pdata[monitors->len - 1]);
    }
    g_clear_pointer(&monitors, g_ptr_array_unref);
}

void monitor_foreach(const MonitorKind *kind, void (*func)(Monitor *, void *), void *opaque)
{
    for (guint i = 0; monitors && i < monitors->len; i++) {
        Monitor *monitor = monitors->pdata[i];
        if (monitor->kind == kind) {
            func(monitor, opaque);
        }
    }
}

/* ---- -mon ---- */

static const SchemaMember option_members[] = {
    { "chardev", "str" }, { "mode", "str", true }, { "pretty", "str", true },
    { "id", "str", true }, { 0 },
};

char *monitor_options_help(void)
{
    return g_strdup("mon options:\n"
                    "  chardev=<str>          - id of the chardev (required)\n"
                    "  mode=<str>             - readline (a human monitor, the default) or "
                    "control (QMP)\n"
                    "  pretty=<bool (on/off)> - QMP answers are indented\n");
}

static bool option_mode(const char *text, MonitorMode *mode, GError **error)
{
    if (!text || g_str_equal(text, "readline")) {
        *mode = MONITOR_READLINE;
    } else if (g_str_equal(text, "control")) {
        *mode = MONITOR_CONTROL;
    } else {
        error_set(error, ERROR_INVALID, "mon: mode '%s' is neither 'readline' nor 'control'", text);
        return false;
    }
    return true;
}

static bool option_pretty(GVariant *options, MonitorOptions *result, GError **error)
{
    g_autoptr(GVariant) pretty = args_value(options, "pretty");

    if (!pretty) {
        return true;
    }
    if (g_variant_is_of_type(pretty, G_VARIANT_TYPE_BOOLEAN)) {
        result->pretty = g_variant_get_boolean(pretty);
    } else if (!g_variant_is_of_type(pretty, G_VARIANT_TYPE_STRING) ||
               !parse_bool(g_variant_get_string(pretty, NULL), &result->pretty, NULL)) {
        error_set(error, ERROR_INVALID, "mon: 'pretty' must be on or off");
        return false;
    }
    if (result->mode != MONITOR_CONTROL) {
        error_set(error, ERROR_INVALID, "mon: 'pretty' needs mode=control");
        return false;
    }
    return true;
}

static bool check_option_names(GVariant *options, GError **error)
{
    GVariantIter iter;
    const char *name;

    g_variant_iter_init(&iter, options);
    while (g_variant_iter_next(&iter, "{&sv}", &name, NULL)) {
        NearestName nearest = nearest_name_init(name);
        const SchemaMember *member = option_members;
        for (; member->name && !g_str_equal(member->name, name); member++) {
            nearest_name_offer(&nearest, member->name);
        }
        if (!member->name) {
            error_set(error, ERROR_INVALID, "mon: unknown option '%s'%s", name,
                      nearest_name_hint(&nearest));
            return false;
        }
    }
    return true;
}

bool monitor_add(GVariant *options, GError **error)
{
    MonitorOptions parsed = { 0 };
    const char *id = args_str(options, "chardev");
    Chardev *chardev = id ? chardev_find(id) : NULL;

    if (!check_option_names(options, error) ||
        !option_mode(args_str(options, "mode"), &parsed.mode, error) ||
        !option_pretty(options, &parsed, error)) {
        return false;
    }
    if (!chardev) {
        error_set(error, ERROR_INVALID, id ? "mon: chardev '%s' not found"
                                           : "mon: 'chardev' is missing", id);
        return false;
    }
    return monitor_new(chardev, &parsed, error) != NULL;
}

/* ---- for handlers ---- */

void monitor_printf(Monitor *monitor, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_string_append_vprintf(monitor->text, format, args);
    va_end(args);
}

void monitor_puts(Monitor *monitor, const char *text)
{
    g_string_append(monitor->text, text);
}

char *monitor_line_ends(const char *text, size_t length)
{
    GString *out = g_string_sized_new(length + 16);

    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n') {
            g_string_append_c(out, '\r');
        }
        g_string_append_c(out, text[i]);
    }
    return g_string_free(out, FALSE);
}

int monitor_take_fd(Monitor *monitor, GError **error)
{
    FdList *list = &monitor->fds;

    if (!list->count) {
        error_set(error, ERROR_INVALID, "No file descriptor supplied via SCM_RIGHTS");
        return -1;
    }
    return list->fd[--list->count];
}

void monitor_name_fd(Monitor *monitor, const char *name, int fd)
{
    g_hash_table_replace(monitor->named_fds, g_strdup(name), GINT_TO_POINTER(fd));
}

int monitor_take_named_fd(Monitor *monitor, const char *name, GError **error)
{
    void *key, *fd;

    if (!g_hash_table_steal_extended(monitor->named_fds, name, &key, &fd)) {
        error_set(error, ERROR_INVALID, "File descriptor named '%s' not found", name);
        return -1;
    }
    g_free(key);
    return GPOINTER_TO_INT(fd);
}

unsigned monitor_cpu(const Monitor *monitor)
{
    return monitor->cpu;
}

void monitor_set_cpu(Monitor *monitor, unsigned index)
{
    monitor->cpu = index;
}
