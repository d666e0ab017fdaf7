/* SPDX-License-Identifier: MIT */
/* Devices and objects as users add and look at them. */
#include <string.h>

#include "hw/core/machine.h"
#include "hw/core/plug.h"
#include "monitor/hmp.h"
#include "monitor/json.h"
#include "monitor/modules.h"
#include "monitor/monitor.h"
#include "monitor/qom-view.h"
#include "qom/parse.h"
#include "qom/user-object.h"

static Device *add_to_machine(GVariant *options, GError **error)
{
    if (!machine_get()) {
        error_set(error, ERROR_FAILED, "there is no machine yet");
        return NULL;
    }
    return device_add(options, error);
}

static GVariant *device_add_command(Monitor *monitor, GVariant *args, GError **error)
{
    return no_result(add_to_machine(args, error));
}

static GVariant *device_del_command(Monitor *monitor, GVariant *args, GError **error)
{
    return no_result(device_del(args_str(args, "id"), error));
}

/* ---- the human side ---- */

/* The options of -device and -object: "name,key=value…", or JSON. */
static GVariant *parse_options(const char *text, const char *implied, GError **error)
{
    GVariant *options;

    if (*text != '{') {
        return parse_keyval(text, implied, error);
    }
    options = json_parse(text, strlen(text), error);
    if (options && !g_variant_is_of_type(options, G_VARIANT_TYPE_VARDICT)) {
        error_set(error, ERROR_INVALID, "a JSON object is expected");
        g_clear_pointer(&options, g_variant_unref);
    }
    return options;
}

static void print_and_free(Monitor *monitor, char *text)
{
    if (text) {
        monitor_puts(monitor, text);
        g_free(text);
    }
}

static void hmp_device_add(Monitor *monitor, GVariant *args, GError **error)
{
    const char *text = args_str(args, "device");
    g_autoptr(GVariant) options = NULL;

    if (g_str_equal(text, "help") || g_str_equal(text, "?")) {
        print_and_free(monitor, device_types_help());
    } else if (g_str_has_suffix(text, ",help") || g_str_has_suffix(text, ",?")) {
        g_autofree char *driver = g_strndup(text, strcspn(text, ","));
        print_and_free(monitor, device_type_help(driver, error));
    } else {
        options = parse_options(text, "driver", error);
        (void)!(options && add_to_machine(options, error));
    }
}

static void hmp_object_add(Monitor *monitor, GVariant *args, GError **error)
{
    g_autoptr(GVariant) options = parse_options(args_str(args, "object"), "qom-type", error);

    (void)!(options && user_object_add(options, error));
}

static void hmp_qom_list(Monitor *monitor, GVariant *args, GError **error)
{
    const char *path = args_str(args, "path");
    Object *object = path ? qom_view_resolve(path, error) : NULL;
    g_autoptr(GVariant) list = NULL;

    if (!path) {
        monitor_puts(monitor, "/\n");
    }
    if (!object) {
        return;
    }
    list = g_variant_ref_sink(qom_view_list(object));
    for (gsize i = 0; i < g_variant_n_children(list); i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(list, i);
        g_autoptr(GVariant) info = g_variant_get_variant(boxed);
        monitor_printf(monitor, "%s (%s)\n", args_str(info, "name"), args_str(info, "type"));
    }
}

static void hmp_qom_get(Monitor *monitor, GVariant *args, GError **error)
{
    Object *object = qom_view_resolve(args_str(args, "path"), error);
    g_autoptr(GVariant) value = NULL;

    if (object) {
        value = qom_view_get(object, args_str(args, "property"), error);
        value = value ? g_variant_take_ref(g_steal_pointer(&value)) : NULL;
    }
    if (value) {
        g_autofree char *text = json_to_string(value, true);
        monitor_printf(monitor, "%s\n", text);
    }
}

/* A JSON value with -j, else a word that the property parses as the command line would. */
static void hmp_qom_set(Monitor *monitor, GVariant *args, GError **error)
{
    Object *object = qom_view_resolve(args_str(args, "path"), error);
    const char *text = args_str(args, "value");
    g_autoptr(GVariant) value = NULL;

    if (!object) {
        return;
    }
    value = args_bool(args, "j", false) ? json_parse(text, strlen(text), error)
                                        : g_variant_ref_sink(g_variant_new_string(text));
    (void)!(value && qom_view_set(object, args_str(args, "property"), value, error));
}

static void complete_peripheral(const char *prefix, GPtrArray *words)
{
    Object *peripheral = object_resolve("/machine/peripheral", NULL);

    for (Object *child = peripheral ? peripheral->first_child : NULL; child;
         child = child->next_sibling) {
        g_ptr_array_add(words, g_strdup(child->name));
    }
}

/* ---- the tables ---- */

static const SchemaType types[] = {
    { .name = "DeviceAddOptions",
      .members = (const SchemaMember[]){ { "driver", "str" }, { "bus", "str", true },
                                         { "id", "str", true }, { 0 } },
      .open = true },
    { 0 },
};

static const Command commands[] = {
    { .name = "device_add", .help = "Add a device, as -device does.",
      .arguments_type = "DeviceAddOptions", .handler = device_add_command },
    { .name = "device_del", .help = "Ask for the removal of a device.",
      .arguments = (const SchemaMember[]){ { "id", "str" }, { 0 } },
      .handler = device_del_command },
    { 0 },
};

static const Event events[] = {
    { .name = "DEVICE_DELETED", .help = "A device has been removed.",
      .data = (const SchemaMember[]){ { "device", "str", true }, { "path", "str" }, { 0 } } },
    { .name = "DEVICE_UNPLUG_GUEST_ERROR", .help = "The guest has refused to give a device back.",
      .data = (const SchemaMember[]){ { "device", "str", true }, { "path", "str" }, { 0 } } },
    { 0 },
};

static const HmpCommand hmp_commands[] = {
    { .name = "device_add", .params = "driver[,prop=value][,...]",
      .help = "add device, like -device on the command line",
      .args = (const HmpArg[]){ { "device", HMP_REST, false, hmp_complete_device_type }, { 0 } },
      .handler = hmp_device_add },
    { .name = "device_del", .params = "device", .help = "remove device",
      .args = (const HmpArg[]){ { "id", HMP_WORD, false, complete_peripheral }, { 0 } },
      .qmp = "device_del" },
    { .name = "object_add", .params = "[qom-type=]type,id=str[,prop=value][,...]",
      .help = "create QOM object",
      .args = (const HmpArg[]){ { "object", HMP_REST, false, hmp_complete_object_type }, { 0 } },
      .handler = hmp_object_add },
    { .name = "object_del", .params = "id", .help = "destroy QOM object",
      .args = (const HmpArg[]){ { "id", HMP_WORD, false, hmp_complete_user_object }, { 0 } },
      .qmp = "object-del" },
    { .name = "qom-list", .params = "path", .help = "list QOM properties",
      .args = (const HmpArg[]){ { "path", HMP_WORD, true, hmp_complete_path }, { 0 } },
      .handler = hmp_qom_list },
    { .name = "qom-get", .params = "path property", .help = "print QOM property",
      .args = (const HmpArg[]){ { "path", HMP_WORD, false, hmp_complete_path },
                                { "property", HMP_WORD }, { 0 } },
      .handler = hmp_qom_get },
    { .name = "qom-set", .params = "[-j] path property value",
      .help = "set QOM property (-j: the value is JSON)",
      .args = (const HmpArg[]){ { "j", HMP_FLAG }, { "path", HMP_WORD, false, hmp_complete_path },
                                { "property", HMP_WORD }, { "value", HMP_REST }, { 0 } },
      .handler = hmp_qom_set },
    { 0 },
};

const SchemaModule device_module = {
    .title = "Devices", .types = types, .commands = commands, .events = events,
    .hmp_commands = hmp_commands,
};
