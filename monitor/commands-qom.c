/* SPDX-License-Identifier: MIT */
/* Types, objects and their properties. */
#include <string.h>

#include "monitor/modules.h"
#include "monitor/qom-view.h"
#include "qom/user-object.h"

static GVariant *qom_list(Monitor *monitor, GVariant *args, GError **error)
{
    Object *object = qom_view_resolve(args_str(args, "path"), error);

    return object ? qom_view_list(object) : NULL;
}

static GVariant *qom_list_get(Monitor *monitor, GVariant *args, GError **error)
{
    g_autoptr(GVariant) paths = args_value(args, "paths");
    g_auto(GVariantBuilder) list = LIST_INIT;

    for (gsize i = 0; i < g_variant_n_children(paths); i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(paths, i);
        g_autoptr(GVariant) path = g_variant_get_variant(boxed);
        g_auto(GVariantBuilder) entry = DICT_INIT;
        Object *object = qom_view_resolve(g_variant_get_string(path, NULL), error);
        if (!object) {
            return NULL;
        }
        dict_value(&entry, "properties", qom_view_list_values(object));
        list_value(&list, g_variant_builder_end(&entry));
    }
    return g_variant_builder_end(&list);
}

static GVariant *qom_get(Monitor *monitor, GVariant *args, GError **error)
{
    Object *object = qom_view_resolve(args_str(args, "path"), error);

    return object ? qom_view_get(object, args_str(args, "property"), error) : NULL;
}

static GVariant *qom_set(Monitor *monitor, GVariant *args, GError **error)
{
    Object *object = qom_view_resolve(args_str(args, "path"), error);
    g_autoptr(GVariant) value = args_value(args, "value");

    return no_result(object && qom_view_set(object, args_str(args, "property"), value, error));
}

static GVariant *qom_list_types(Monitor *monitor, GVariant *args, GError **error)
{
    g_autoptr(GPtrArray) all = object_types_list(args_str(args, "implements"),
                                                 args_bool(args, "abstract", false));
    g_auto(GVariantBuilder) list = LIST_INIT;

    for (guint i = 0; i < all->len; i++) {
        const ObjectType *type = all->pdata[i], *parent = object_type_parent(type);
        g_auto(GVariantBuilder) info = DICT_INIT;
        dict_str(&info, "name", type->name);
        if (type->abstract) {
            dict_bool(&info, "abstract", true);
        }
        if (parent) {
            dict_str(&info, "parent", parent->name);
        }
        list_value(&list, g_variant_builder_end(&info));
    }
    return g_variant_builder_end(&list);
}

static GVariant *qom_list_properties(Monitor *monitor, GVariant *args, GError **error)
{
    const char *name = args_str(args, "typename");
    const ObjectType *type = object_type_find(name);

    if (!type) {
        error_set(error, ERROR_DEVICE_NOT_FOUND, "Class '%s' not found", name);
        return NULL;
    }
    return qom_view_type_properties(type, NULL, false);
}

static GVariant *device_list_properties(Monitor *monitor, GVariant *args, GError **error)
{
    const char *name = args_str(args, "typename");
    const ObjectType *type = object_type_find(name);

    if (!type) {
        error_set(error, ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", name);
        return NULL;
    }
    if (type->abstract || !object_type_is(type, "device")) {
        error_set(error, ERROR_INVALID,
                  "Parameter 'typename' expects a non-abstract device type");
        return NULL;
    }
    return qom_view_type_properties(type, "device", true);
}

static GVariant *object_add(Monitor *monitor, GVariant *args, GError **error)
{
    return no_result(user_object_add(args, error));
}

static GVariant *object_del(Monitor *monitor, GVariant *args, GError **error)
{
    return no_result(user_object_delete(args_str(args, "id"), error));
}

/* ---- the tables ---- */

static const SchemaType types[] = {
    { .name = "ObjectPropertyInfo",
      .members = (const SchemaMember[]){ { "name", "str" }, { "type", "str" },
                                         { "description", "str", true },
                                         { "default-value", "any", true }, { 0 } } },
    { .name = "ObjectPropertyValue",
      .members = (const SchemaMember[]){ { "name", "str" }, { "type", "str" },
                                         { "value", "any", true }, { 0 } } },
    { .name = "ObjectPropertiesValues",
      .members = (const SchemaMember[]){ { "properties", "[ObjectPropertyValue]" }, { 0 } } },
    { .name = "ObjectTypeInfo",
      .members = (const SchemaMember[]){ { "name", "str" }, { "abstract", "bool", true },
                                         { "parent", "str", true }, { 0 } } },
    { .name = "ObjectOptions",
      .members = (const SchemaMember[]){ { "qom-type", "str" }, { "id", "str" }, { 0 } },
      .tag = "qom-type", .open = true },
    { 0 },
};

static const SchemaMember typename_argument[] = { { "typename", "str" }, { 0 } };
static const SchemaMember path_argument[] = { { "path", "str" }, { 0 } };

static const Command commands[] = {
    { .name = "qom-list", .help = "The properties and children of an object.",
      .arguments = path_argument, .returns = "[ObjectPropertyInfo]", .handler = qom_list,
      .flags = COMMAND_PRECONFIG },
    { .name = "qom-list-get", .help = "The properties of several objects, with their values.",
      .arguments = (const SchemaMember[]){ { "paths", "[str]" }, { 0 } },
      .returns = "[ObjectPropertiesValues]", .handler = qom_list_get, .flags = COMMAND_PRECONFIG },
    { .name = "qom-get", .help = "The value of a property.",
      .arguments = (const SchemaMember[]){ { "path", "str" }, { "property", "str" }, { 0 } },
      .returns = "any", .handler = qom_get, .flags = COMMAND_PRECONFIG },
    { .name = "qom-set", .help = "Set a property.",
      .arguments = (const SchemaMember[]){ { "path", "str" }, { "property", "str" },
                                           { "value", "any" }, { 0 } },
      .handler = qom_set, .flags = COMMAND_PRECONFIG },
    { .name = "qom-list-types", .help = "The types that there are.",
      .arguments = (const SchemaMember[]){ { "implements", "str", true },
                                           { "abstract", "bool", true }, { 0 } },
      .returns = "[ObjectTypeInfo]", .handler = qom_list_types, .flags = COMMAND_PRECONFIG },
    { .name = "qom-list-properties", .help = "The properties that objects of a type have.",
      .arguments = typename_argument, .returns = "[ObjectPropertyInfo]",
      .handler = qom_list_properties, .flags = COMMAND_PRECONFIG },
    { .name = "device-list-properties", .help = "The options that -device takes for a type.",
      .arguments = typename_argument, .returns = "[ObjectPropertyInfo]",
      .handler = device_list_properties },
    { .name = "object-add", .help = "Make an object, as -object does.",
      .arguments_type = "ObjectOptions", .handler = object_add, .flags = COMMAND_PRECONFIG },
    { .name = "object-del", .help = "Delete an object that the user made.",
      .arguments = (const SchemaMember[]){ { "id", "str" }, { 0 } },
      .handler = object_del, .flags = COMMAND_PRECONFIG },
    { 0 },
};

const SchemaModule qom_module = {
    .title = "Types and objects", .types = types, .commands = commands,
};
