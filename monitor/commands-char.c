/* SPDX-License-Identifier: MIT */
/* Character backends. */
#include <string.h>

#include "backends/char/backend.h"
#include "backends/char/options.h"
#include "monitor/hmp.h"
#include "monitor/modules.h"
#include "qom/parse.h"

#define TYPE_PREFIX "chardev-"

static GVariant *query_chardev(Monitor *monitor, GVariant *args, GError **error)
{
    g_auto(GVariantBuilder) list = LIST_INIT;

    for (Object *object = chardev_container()->first_child; object;
         object = object->next_sibling) {
        Chardev *chardev = (Chardev *)object;
        g_auto(GVariantBuilder) info = DICT_INIT;
        dict_bool(&info, "frontend-open", chardev_fe_open(chardev));
        dict_take_str(&info, "filename", chardev_filename(chardev));
        dict_str(&info, "label", chardev_id(chardev));
        list_value(&list, g_variant_builder_end(&info));
    }
    return g_variant_builder_end(&list);
}

static GVariant *query_chardev_backends(Monitor *monitor, GVariant *args, GError **error)
{
    g_autoptr(GPtrArray) types = object_types_list("chardev", false);
    g_auto(GVariantBuilder) list = LIST_INIT;

    for (guint i = 0; i < types->len; i++) {
        const char *name = ((const ObjectType *)types->pdata[i])->name;
        if (g_str_has_prefix(name, TYPE_PREFIX)) {
            list_value(&list, g_variant_new_parsed("{'name': <%s>}",
                                                   name + strlen(TYPE_PREFIX)));
        }
    }
    return g_variant_builder_end(&list);
}

/*
 * A server of QMP's does not wait for its client unless it is asked to: the
 * monitor, and with it the machine, would wait too.
 */
static GVariant *without_waiting(GVariant *options)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, options);
    if (g_strcmp0(args_str(options, "backend"), "socket") == 0 &&
        args_bool(options, "server", false) && !args_has(options, "wait")) {
        g_variant_dict_insert(&dict, "wait", "b", FALSE);
    }
    g_variant_unref(options);
    return g_variant_ref_sink(g_variant_dict_end(&dict));
}

static Chardev *add(const char *id, GVariant *backend, GError **error)
{
    GVariant *options = chardev_options_from_backend(backend, error);
    Chardev *chardev;

    if (!options) {
        return NULL;
    }
    options = without_waiting(options);
    chardev = chardev_new_from_options(id, options, error);
    g_variant_unref(options);
    return chardev;
}

/* {"pty": path} for a pseudoterminal. */
static GVariant *describe_return(Chardev *chardev)
{
    g_autofree char *filename = chardev_filename(chardev);

    return g_str_has_prefix(filename, "pty:")
        ? g_variant_new_parsed("{'pty': <%s>}", filename + strlen("pty:"))
        : g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0);
}

static GVariant *chardev_add(Monitor *monitor, GVariant *args, GError **error)
{
    g_autoptr(GVariant) backend = args_value(args, "backend");
    Chardev *chardev = add(args_str(args, "id"), backend, error);

    return chardev ? describe_return(chardev) : NULL;
}

static GVariant *chardev_remove_command(Monitor *monitor, GVariant *args, GError **error)
{
    return no_result(chardev_remove(args_str(args, "id"), error));
}

/* The one that must be there to be changed, with nobody on it. */
static bool may_change(const char *id, GError **error)
{
    Chardev *chardev = chardev_find(id);

    if (!chardev) {
        error_set(error, ERROR_INVALID, "Chardev '%s' does not exist", id);
        return false;
    }
    if (chardev_is_busy(chardev)) {
        error_set(error, ERROR_INVALID, "Chardev user does not support chardev hotswap");
        return false;
    }
    return true;
}

/* The new one is opened before the old one goes, so a failure changes nothing. */
static Chardev *replace(const char *id, Chardev *made, GError **error)
{
    if (!chardev_remove(id, error)) {
        object_delete(OBJECT(made));
        return NULL;
    }
    object_rename(OBJECT(made), id);
    return made;
}

static GVariant *chardev_change(Monitor *monitor, GVariant *args, GError **error)
{
    const char *id = args_str(args, "id");
    g_autofree char *new_id = g_strdup_printf("%s.new", id);
    g_autoptr(GVariant) backend = args_value(args, "backend");
    Chardev *chardev = may_change(id, error) ? add(new_id, backend, error) : NULL;

    chardev = chardev ? replace(id, chardev, error) : NULL;
    return chardev ? describe_return(chardev) : NULL;
}

static Chardev *find(const char *id, GError **error)
{
    Chardev *chardev = chardev_find(id);

    if (!chardev) {
        error_set(error, ERROR_INVALID, "Chardev '%s' not found", id);
    }
    return chardev;
}

static GVariant *chardev_send_break(Monitor *monitor, GVariant *args, GError **error)
{
    Chardev *chardev = find(args_str(args, "id"), error);

    if (chardev) {
        chardev_event(chardev, CHARDEV_BREAK);
    }
    return NULL;
}

/* ---- ring buffers ---- */

static bool wants_base64(GVariant *args)
{
    return g_strcmp0(args_str(args, "format"), "base64") == 0;
}

static GVariant *ringbuf_write(Monitor *monitor, GVariant *args, GError **error)
{
    Chardev *chardev = find(args_str(args, "device"), error);
    const char *data = args_str(args, "data");
    g_autofree guchar *bytes = NULL;
    gsize size = strlen(data);

    if (!chardev) {
        return NULL;
    }
    if (wants_base64(args)) {
        bytes = g_base64_decode(data, &size);
        data = (const char *)bytes;
    }
    return no_result(chardev_ringbuf_write(chardev, data, size, error));
}

static GVariant *ringbuf_read(Monitor *monitor, GVariant *args, GError **error)
{
    Chardev *chardev = find(args_str(args, "device"), error);
    int64_t size = args_int(args, "size", 0);
    g_autoptr(GBytes) bytes = NULL;
    const char *data;
    gsize length;

    if (chardev && size <= 0) {
        error_set(error, ERROR_INVALID, "size must be greater than zero");
    }
    if (!chardev || size <= 0) {
        return NULL;
    }
    bytes = chardev_ringbuf_read(chardev, size, error);
    if (!bytes) {
        return NULL;
    }
    data = g_bytes_get_data(bytes, &length);
    if (wants_base64(args)) {
        return g_variant_new_take_string(g_base64_encode((const guchar *)data, length));
    }
    return g_variant_new_take_string(g_utf8_make_valid(data ? data : "", length));
}

/* ---- the human side ---- */

static void info_chardev(Monitor *monitor, GVariant *args, GError **error)
{
    for (Object *object = chardev_container()->first_child; object;
         object = object->next_sibling) {
        g_autofree char *filename = chardev_filename((Chardev *)object);
        monitor_printf(monitor, "%s: filename=%s\n", object->name, filename);
    }
}

static void hmp_chardev_add(Monitor *monitor, GVariant *args, GError **error)
{
    Chardev *chardev = chardev_new_from_string(args_str(args, "args"), error);
    g_autofree char *filename = chardev ? chardev_filename(chardev) : NULL;

    if (filename && g_str_has_prefix(filename, "pty:")) {
        monitor_printf(monitor, "char device redirected to %s (label %s)\n",
                       filename + strlen("pty:"), chardev_id(chardev));
    }
}

static void hmp_chardev_change(Monitor *monitor, GVariant *args, GError **error)
{
    const char *id = args_str(args, "id");
    g_autofree char *new_id = g_strdup_printf("%s.new", id);
    g_autoptr(GVariant) options = parse_keyval(args_str(args, "args"), "backend", error);
    Chardev *chardev;

    if (!options || !may_change(id, error)) {
        return;
    }
    chardev = chardev_new_from_options(new_id, options, error);
    if (chardev) {
        (void)!replace(id, chardev, error);
    }
}

static void hmp_ringbuf_read(Monitor *monitor, GVariant *args, GError **error)
{
    g_autoptr(GVariant) text = g_variant_take_ref(ringbuf_read(monitor, args, error));

    if (text) {
        monitor_printf(monitor, "%s\n", g_variant_get_string(text, NULL));
    }
}

/* ---- the tables ---- */

static const char *const backend_values[] = {
    "file", "serial", "pipe", "socket", "pty", "null", "mux", "stdio", "ringbuf", "memory", NULL,
};
static const char *const address_values[] = { "inet", "unix", "fd", NULL };
static const char *const format_values[] = { "utf8", "base64", NULL };

#define DATA_TYPE(wrapper, data)                                                              \
    { .name = wrapper, .members = (const SchemaMember[]){ { "data", data }, { 0 } } }

static const SchemaType types[] = {
    { .name = "ChardevInfo",
      .members = (const SchemaMember[]){ { "label", "str" }, { "filename", "str" },
                                         { "frontend-open", "bool" }, { 0 } } },
    { .name = "ChardevBackendInfo", .members = (const SchemaMember[]){ { "name", "str" }, { 0 } } },
    { .name = "DataFormat", .values = format_values },
    { .name = "ChardevReturn", .members = (const SchemaMember[]){ { "pty", "str", true }, { 0 } } },
    { .name = "ChardevBackendKind", .values = backend_values },
    { .name = "ChardevCommon" },
    { .name = "ChardevFile",
      .members = (const SchemaMember[]){ { "in", "str", true }, { "out", "str" },
                                         { "append", "bool", true }, { 0 } } },
    { .name = "ChardevHostdev",
      .members = (const SchemaMember[]){ { "device", "str" }, { 0 } } },
    { .name = "SocketAddressType", .values = address_values },
    { .name = "InetSocketAddress",
      .members = (const SchemaMember[]){ { "host", "str" }, { "port", "str" },
                                         { "to", "uint16", true }, { "ipv4", "bool", true },
                                         { "ipv6", "bool", true }, { 0 } } },
    { .name = "UnixSocketAddress",
      .members = (const SchemaMember[]){ { "path", "str" }, { "abstract", "bool", true },
                                         { "tight", "bool", true }, { 0 } } },
    { .name = "String", .members = (const SchemaMember[]){ { "str", "str" }, { 0 } } },
    DATA_TYPE("InetSocketAddressWrapper", "InetSocketAddress"),
    DATA_TYPE("UnixSocketAddressWrapper", "UnixSocketAddress"),
    DATA_TYPE("StringWrapper", "String"),
    { .name = "SocketAddressLegacy",
      .members = (const SchemaMember[]){ { "type", "SocketAddressType" }, { 0 } }, .tag = "type",
      .variants = (const SchemaVariant[]){ { "inet", "InetSocketAddressWrapper" },
                                           { "unix", "UnixSocketAddressWrapper" },
                                           { "fd", "StringWrapper" }, { 0 } } },
    { .name = "ChardevSocket",
      .members = (const SchemaMember[]){
          { "addr", "SocketAddressLegacy" }, { "server", "bool", true }, { "wait", "bool", true },
          { "nodelay", "bool", true }, { "telnet", "bool", true },
          { "reconnect", "uint32", true }, { 0 } } },
    { .name = "ChardevMux", .members = (const SchemaMember[]){ { "chardev", "str" }, { 0 } } },
    { .name = "ChardevStdio",
      .members = (const SchemaMember[]){ { "signal", "bool", true }, { 0 } } },
    { .name = "ChardevRingbuf",
      .members = (const SchemaMember[]){ { "size", "size", true }, { 0 } } },
    DATA_TYPE("ChardevCommonWrapper", "ChardevCommon"),
    DATA_TYPE("ChardevFileWrapper", "ChardevFile"),
    DATA_TYPE("ChardevHostdevWrapper", "ChardevHostdev"),
    DATA_TYPE("ChardevSocketWrapper", "ChardevSocket"),
    DATA_TYPE("ChardevMuxWrapper", "ChardevMux"),
    DATA_TYPE("ChardevStdioWrapper", "ChardevStdio"),
    DATA_TYPE("ChardevRingbufWrapper", "ChardevRingbuf"),
    { .name = "ChardevBackend",
      .members = (const SchemaMember[]){ { "type", "ChardevBackendKind" }, { 0 } }, .tag = "type",
      .variants = (const SchemaVariant[]){
          { "file", "ChardevFileWrapper" }, { "serial", "ChardevHostdevWrapper" },
          { "pipe", "ChardevHostdevWrapper" }, { "socket", "ChardevSocketWrapper" },
          { "pty", "ChardevCommonWrapper" }, { "null", "ChardevCommonWrapper" },
          { "mux", "ChardevMuxWrapper" }, { "stdio", "ChardevStdioWrapper" },
          { "ringbuf", "ChardevRingbufWrapper" }, { "memory", "ChardevRingbufWrapper" },
          { 0 } } },
    { 0 },
};

static const SchemaMember id_argument[] = { { "id", "str" }, { 0 } };
static const SchemaMember backend_arguments[] = {
    { "id", "str" }, { "backend", "ChardevBackend" }, { 0 },
};

static const Command commands[] = {
    { .name = "query-chardev", .help = "The character backends.", .returns = "[ChardevInfo]",
      .handler = query_chardev, .flags = COMMAND_PRECONFIG },
    { .name = "query-chardev-backends", .help = "The kinds of character backends.",
      .returns = "[ChardevBackendInfo]", .handler = query_chardev_backends },
    { .name = "chardev-add", .help = "Make a character backend.", .arguments = backend_arguments,
      .returns = "ChardevReturn", .handler = chardev_add },
    { .name = "chardev-change", .help = "Replace a character backend that nobody uses.",
      .arguments = backend_arguments, .returns = "ChardevReturn", .handler = chardev_change },
    { .name = "chardev-remove", .help = "Delete a character backend that nobody uses.",
      .arguments = id_argument, .handler = chardev_remove_command },
    { .name = "chardev-send-break", .help = "Let the front end receive a break.",
      .arguments = id_argument, .handler = chardev_send_break },
    { .name = "ringbuf-write", .help = "Write to a ring buffer, as its front end receives it.",
      .arguments = (const SchemaMember[]){ { "device", "str" }, { "data", "str" },
                                           { "format", "DataFormat", true }, { 0 } },
      .handler = ringbuf_write },
    { .name = "ringbuf-read", .help = "Take the oldest bytes out of a ring buffer.",
      .arguments = (const SchemaMember[]){ { "device", "str" }, { "size", "int" },
                                           { "format", "DataFormat", true }, { 0 } },
      .returns = "str", .handler = ringbuf_read },
    { 0 },
};

static const HmpCommand hmp_commands[] = {
    { .name = "chardev-add", .params = "args", .help = "add chardev",
      .args = (const HmpArg[]){ { "args", HMP_WORD }, { 0 } }, .handler = hmp_chardev_add },
    { .name = "chardev-change", .params = "id args", .help = "change chardev",
      .args = (const HmpArg[]){ { "id", HMP_WORD, false, hmp_complete_chardev },
                                { "args", HMP_WORD }, { 0 } },
      .handler = hmp_chardev_change },
    { .name = "chardev-remove", .params = "id", .help = "remove chardev",
      .args = (const HmpArg[]){ { "id", HMP_WORD, false, hmp_complete_chardev }, { 0 } },
      .qmp = "chardev-remove" },
    { .name = "chardev-send-break", .params = "id", .help = "send a break on chardev",
      .args = (const HmpArg[]){ { "id", HMP_WORD, false, hmp_complete_chardev }, { 0 } },
      .qmp = "chardev-send-break" },
    { .name = "ringbuf_write", .params = "device data",
      .help = "Write to a ring buffer character device",
      .args = (const HmpArg[]){ { "device", HMP_WORD, false, hmp_complete_chardev },
                                { "data", HMP_WORD }, { 0 } },
      .qmp = "ringbuf-write" },
    { .name = "ringbuf_read", .params = "device size",
      .help = "Read from a ring buffer character device",
      .args = (const HmpArg[]){ { "device", HMP_WORD, false, hmp_complete_chardev },
                                { "size", HMP_NUMBER }, { 0 } },
      .handler = hmp_ringbuf_read },
    { 0 },
};

static const HmpCommand hmp_infos[] = {
    { .name = "chardev", .help = "show the character devices", .handler = info_chardev },
    { 0 },
};

const SchemaModule char_module = {
    .title = "Character backends", .types = types, .commands = commands,
    .hmp_commands = hmp_commands, .hmp_infos = hmp_infos,
};
