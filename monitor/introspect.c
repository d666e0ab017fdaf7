/* SPDX-License-Identifier: MIT */
/*
 * The schema as query-qmp-schema tells it: a flat list of commands, events and
 * of the types that they reach, each by name.
 */
#include <string.h>

#include "monitor/schema.h"
#include "qom/object.h"

typedef struct Introspection {
    GVariantBuilder list;
    GHashTable *told;       /* names of types that are in the list, or wait */
    GPtrArray *waiting;     /* names of types that were referred to */
} Introspection;

#define EMPTY_OBJECT "Empty"

static const struct {
    const char *name, *told_as, *json_type;
} builtins[] = {
    { "str", "str", "string" },      { "bool", "bool", "boolean" },
    { "number", "number", "number" }, { "any", "any", "value" },
    { "null", "null", "null" },      { "int", "int", "int" },
    /* A client sees integers only; the ranges are errors. */
    { "uint8", "int", "int" },       { "uint16", "int", "int" },
    { "uint32", "int", "int" },      { "uint64", "int", "int" },
    { "size", "int", "int" },
};

/* The name that a type is told by; it will be told itself. */
static const char *refer(Introspection *in, const char *name)
{
    char *key;

    if (!name) {
        name = EMPTY_OBJECT;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(builtins); i++) {
        if (g_str_equal(builtins[i].name, name)) {
            name = builtins[i].told_as;
        }
    }
    if (g_hash_table_lookup_extended(in->told, name, (void **)&key, NULL)) {
        return key;
    }
    key = g_strdup(name);
    g_hash_table_add(in->told, key);
    g_ptr_array_add(in->waiting, key);
    return key;
}

static void begin(GVariantBuilder *info, const char *name, const char *meta_type)
{
    g_variant_builder_init(info, G_VARIANT_TYPE_VARDICT);
    dict_str(info, "name", name);
    dict_str(info, "meta-type", meta_type);
}

static void end(Introspection *in, GVariantBuilder *info)
{
    list_value(&in->list, g_variant_builder_end(info));
}

static void add_members(Introspection *in, GVariantBuilder *list, const SchemaMember *members)
{
    for (const SchemaMember *member = members; member && member->name; member++) {
        g_auto(GVariantBuilder) info = DICT_INIT;
        dict_str(&info, "name", member->name);
        dict_str(&info, "type", refer(in, member->type));
        if (member->optional) {
            dict_value(&info, "default", g_variant_new_tuple(NULL, 0));
        }
        list_value(list, g_variant_builder_end(&info));
    }
}

static void add_base_members(Introspection *in, GVariantBuilder *list, const SchemaType *type)
{
    if (type->base) {
        add_base_members(in, list, schema_type(type->base));
    }
    add_members(in, list, type->members);
}

/* ---- objects whose variants are QOM types ---- */

static const char *qom_type_to_schema(const Property *property)
{
    g_autofree char *name = property_type_name(property);

    if (g_str_equal(name, "bool")) {
        return "bool";
    }
    return g_str_has_prefix(name, "int") || g_str_has_prefix(name, "uint") ||
           g_str_equal(name, "size") ? "int" : "str";
}

typedef struct OpenVariant {
    Introspection *in;
    GVariantBuilder *members;
} OpenVariant;

static bool add_property(const ObjectType *owner, const Property *property, void *opaque)
{
    OpenVariant *variant = opaque;

    if (!(property->flags & PROPERTY_READ_ONLY)) {
        const SchemaMember member[] = {
            { property->name, qom_type_to_schema(property),
              !(property->flags & PROPERTY_REQUIRED) }, { 0 },
        };
        add_members(variant->in, variant->members, member);
    }
    return true;
}

static void tell_open_variant(Introspection *in, const ObjectType *type, const char *name)
{
    GVariantBuilder info;
    g_auto(GVariantBuilder) members = LIST_INIT;
    OpenVariant variant = { in, &members };

    begin(&info, name, "object");
    object_type_foreach_property(type, add_property, &variant);
    dict_value(&info, "members", g_variant_builder_end(&members));
    end(in, &info);
}

/* Tells the union of all user-creatable types, and remembers nothing: each is its own type. */
static void add_open_variants(Introspection *in, GVariantBuilder *variants)
{
    g_autoptr(GPtrArray) all = object_types_list(NULL, false);

    for (guint i = 0; i < all->len; i++) {
        const ObjectType *type = all->pdata[i];
        g_auto(GVariantBuilder) info = DICT_INIT;
        if (!type->user_creatable) {
            continue;
        }
        g_autofree char *name = g_strdup_printf("%s-properties", type->name);
        dict_str(&info, "case", type->name);
        dict_str(&info, "type", name);
        list_value(variants, g_variant_builder_end(&info));
        tell_open_variant(in, type, name);
    }
}

/* ---- types ---- */

static void add_variants(Introspection *in, GVariantBuilder *variants, const SchemaType *type)
{
    const SchemaType *values = NULL;

    for (const SchemaMember *member = type->members; member->name; member++) {
        if (g_str_equal(member->name, type->tag)) {
            values = schema_type(member->type);
        }
    }
    /* Every value of the tag is told, those that add no members as well. */
    for (const char *const *value = values ? values->values : NULL; value && *value; value++) {
        g_auto(GVariantBuilder) info = DICT_INIT;
        const SchemaVariant *variant = type->variants;
        while (variant->value && !g_str_equal(variant->value, *value)) {
            variant++;
        }
        dict_str(&info, "case", *value);
        dict_str(&info, "type", refer(in, variant->value ? variant->type : NULL));
        list_value(variants, g_variant_builder_end(&info));
    }
}

static void tell_object(Introspection *in, const SchemaType *type)
{
    GVariantBuilder info;
    g_auto(GVariantBuilder) members = LIST_INIT;

    begin(&info, type->name, "object");
    add_base_members(in, &members, type);
    dict_value(&info, "members", g_variant_builder_end(&members));
    if (type->tag) {
        g_auto(GVariantBuilder) variants = LIST_INIT;
        if (type->open) {
            add_open_variants(in, &variants);
        } else {
            add_variants(in, &variants, type);
        }
        dict_str(&info, "tag", type->tag);
        dict_value(&info, "variants", g_variant_builder_end(&variants));
    }
    end(in, &info);
}

static void tell_enum(Introspection *in, const SchemaType *type)
{
    GVariantBuilder info;
    g_auto(GVariantBuilder) members = LIST_INIT;

    begin(&info, type->name, "enum");
    for (const char *const *value = type->values; *value; value++) {
        g_auto(GVariantBuilder) member = DICT_INIT;
        dict_str(&member, "name", *value);
        list_value(&members, g_variant_builder_end(&member));
    }
    dict_value(&info, "members", g_variant_builder_end(&members));
    dict_value(&info, "values", g_variant_new_strv(type->values, -1));
    end(in, &info);
}

static void tell_alternate(Introspection *in, const SchemaType *type)
{
    GVariantBuilder info;
    g_auto(GVariantBuilder) members = LIST_INIT;

    begin(&info, type->name, "alternate");
    for (const char *const *name = type->alternatives; *name; name++) {
        g_auto(GVariantBuilder) member = DICT_INIT;
        dict_str(&member, "type", refer(in, *name));
        list_value(&members, g_variant_builder_end(&member));
    }
    dict_value(&info, "members", g_variant_builder_end(&members));
    end(in, &info);
}

static bool tell_builtin(Introspection *in, const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(builtins); i++) {
        if (g_str_equal(builtins[i].name, name)) {
            GVariantBuilder info;
            begin(&info, name, "builtin");
            dict_str(&info, "json-type", builtins[i].json_type);
            end(in, &info);
            return true;
        }
    }
    return false;
}

static void tell_array(Introspection *in, const char *name)
{
    g_autofree char *element = g_strndup(name + 1, strlen(name) - 2);
    GVariantBuilder info;

    begin(&info, name, "array");
    dict_str(&info, "element-type", refer(in, element));
    end(in, &info);
}

static void tell_type(Introspection *in, const char *name)
{
    const SchemaType *type = schema_type(name);
    static const SchemaType empty = { .name = EMPTY_OBJECT };

    if (*name == '[') {
        tell_array(in, name);
    } else if (!type && !tell_builtin(in, name)) {
        tell_object(in, &empty);
    } else if (type && type->values) {
        tell_enum(in, type);
    } else if (type && type->alternatives) {
        tell_alternate(in, type);
    } else if (type) {
        tell_object(in, type);
    }
}

/* ---- commands and events ---- */

/* A list of members becomes an object type of its own. */
static const char *refer_members(Introspection *in, const char *owner, const char *suffix,
                                 const SchemaMember *members)
{
    g_autofree char *name = g_strdup_printf("%s-%s", owner, suffix);
    const SchemaType type = { .name = name, .members = members };
    char *key;

    if (!members || !members->name) {
        return refer(in, NULL);
    }
    tell_object(in, &type);
    key = g_steal_pointer(&name);
    g_hash_table_add(in->told, key);
    return key;
}

static void tell_command(Introspection *in, const Command *command)
{
    const char *arguments = command->arguments_type
        ? refer(in, command->arguments_type)
        : refer_members(in, command->name, "arguments", command->arguments);
    GVariantBuilder info;

    begin(&info, command->name, "command");
    dict_str(&info, "arg-type", arguments);
    dict_str(&info, "ret-type", refer(in, command->returns));
    if (command->flags & COMMAND_OOB) {
        dict_bool(&info, "allow-oob", true);
    }
    end(in, &info);
}

static void tell_event(Introspection *in, const Event *event)
{
    const char *data = refer_members(in, event->name, "data", event->data);
    GVariantBuilder info;

    begin(&info, event->name, "event");
    dict_str(&info, "arg-type", data);
    end(in, &info);
}

GVariant *schema_introspect(void)
{
    Introspection in = {
        .list = LIST_INIT,
        .told = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .waiting = g_ptr_array_new(),
    };

    for (unsigned i = 0; i < schema_module_count(); i++) {
        const SchemaModule *module = schema_module(i);
        for (const Command *command = module->commands; command && command->name; command++) {
            tell_command(&in, command);
        }
        for (const Event *event = module->events; event && event->name; event++) {
            tell_event(&in, event);
        }
    }
    for (guint i = 0; i < in.waiting->len; i++) {
        tell_type(&in, in.waiting->pdata[i]);
    }
    g_ptr_array_unref(in.waiting);
    g_hash_table_unref(in.told);
    return g_variant_builder_end(&in.list);
}
