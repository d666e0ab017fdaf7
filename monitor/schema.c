/* SPDX-License-Identifier: MIT */
#include "monitor/schema.h"

#include <string.h>

#include "monitor/modules.h"

static GPtrArray *modules;
static GHashTable *commands, *events, *types;

typedef enum JsonType {
    JSON_STRING, JSON_BOOLEAN, JSON_NUMBER, JSON_VALUE, JSON_NULL, JSON_INTEGER,
} JsonType;

typedef struct Builtin {
    const char *name;
    JsonType type;
    uint64_t max;             /* of unsigned integers */
} Builtin;

/* As errors call them. */
static const char *const json_type_names[] = {
    [JSON_STRING] = "string", [JSON_BOOLEAN] = "boolean", [JSON_NUMBER] = "number",
    [JSON_VALUE] = "value", [JSON_NULL] = "null", [JSON_INTEGER] = "integer",
};

static const Builtin builtins[] = {
    { "str", JSON_STRING },
    { "bool", JSON_BOOLEAN },
    { "number", JSON_NUMBER },
    { "any", JSON_VALUE },
    { "null", JSON_NULL },
    { "int", JSON_INTEGER },
    { "uint8", JSON_INTEGER, UINT8_MAX },
    { "uint16", JSON_INTEGER, UINT16_MAX },
    { "uint32", JSON_INTEGER, UINT32_MAX },
    { "uint64", JSON_INTEGER, UINT64_MAX },
    { "size", JSON_INTEGER, UINT64_MAX },
};

/* ---- the tables ---- */

static void index_module(const SchemaModule *module)
{
    g_ptr_array_add(modules, (void *)module);
    for (const SchemaType *type = module->types; type && type->name; type++) {
        if (!g_hash_table_insert(types, (char *)type->name, (void *)type)) {
            g_error("the schema has the type '%s' twice", type->name);
        }
    }
    for (const Command *command = module->commands; command && command->name; command++) {
        if (!g_hash_table_insert(commands, (char *)command->name, (void *)command)) {
            g_error("the schema has the command '%s' twice", command->name);
        }
    }
    for (const Event *event = module->events; event && event->name; event++) {
        if (!g_hash_table_insert(events, (char *)event->name, (void *)event)) {
            g_error("the schema has the event '%s' twice", event->name);
        }
    }
}

static void ensure_modules(void)
{
    if (modules) {
        return;
    }
    modules = g_ptr_array_new();
    commands = g_hash_table_new(g_str_hash, g_str_equal);
    events = g_hash_table_new(g_str_hash, g_str_equal);
    types = g_hash_table_new(g_str_hash, g_str_equal);
    for (unsigned i = 0; monitor_modules[i]; i++) {
        index_module(monitor_modules[i]);
    }
}

void schema_add_module(const SchemaModule *module)
{
    ensure_modules();
    index_module(module);
}

unsigned schema_module_count(void)
{
    ensure_modules();
    return modules->len;
}

const SchemaModule *schema_module(unsigned index)
{
    ensure_modules();
    return modules->pdata[index];
}

const Command *schema_command(const char *name)
{
    ensure_modules();
    return g_hash_table_lookup(commands, name);
}

const Event *schema_event(const char *name)
{
    ensure_modules();
    return g_hash_table_lookup(events, name);
}

const SchemaType *schema_type(const char *name)
{
    ensure_modules();
    return g_hash_table_lookup(types, name);
}

static const Builtin *find_builtin(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(builtins); i++) {
        if (g_str_equal(builtins[i].name, name)) {
            return &builtins[i];
        }
    }
    return NULL;
}

/* "[x]" to "x". The caller frees it. */
static char *element_type(const char *array)
{
    return g_strndup(array + 1, strlen(array) - 2);
}

bool schema_type_exists(const char *name)
{
    if (*name == '[') {
        g_autofree char *element = element_type(name);
        return schema_type_exists(element);
    }
    return find_builtin(name) || schema_type(name);
}

/* ---- checking ---- */

static char *join_path(const char *path, const char *name)
{
    return *path ? g_strdup_printf("%s.%s", path, name) : g_strdup(name);
}

static bool wrong_type(const char *path, const char *expected, GError **error)
{
    error_set(error, ERROR_INVALID, "Invalid parameter type for '%s', expected: %s", path,
              expected);
    return false;
}

static bool check_integer(const Builtin *type, GVariant *value, const char *path, GError **error)
{
    bool large = g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64);

    if (!large && !g_variant_is_of_type(value, G_VARIANT_TYPE_INT64)) {
        return wrong_type(path, "integer", error);
    }
    if (!type->max) {
        return !large || g_variant_get_uint64(value) <= INT64_MAX ||
               wrong_type(path, "integer", error);
    }
    if (large ? g_variant_get_uint64(value) > type->max
              : g_variant_get_int64(value) < 0 ||
                (uint64_t)g_variant_get_int64(value) > type->max) {
        error_set(error, ERROR_INVALID, "Parameter '%s' expects %s", path, type->name);
        return false;
    }
    return true;
}

static bool check_builtin(const Builtin *type, GVariant *value, const char *path, GError **error)
{
    GVariantClass class = g_variant_classify(value);
    bool right = true;

    switch (type->type) {
    case JSON_INTEGER:
        return check_integer(type, value, path, error);
    case JSON_STRING:
        right = class == G_VARIANT_CLASS_STRING;
        break;
    case JSON_BOOLEAN:
        right = class == G_VARIANT_CLASS_BOOLEAN;
        break;
    case JSON_NUMBER:
        right = class == G_VARIANT_CLASS_DOUBLE || class == G_VARIANT_CLASS_INT64 ||
                class == G_VARIANT_CLASS_UINT64;
        break;
    case JSON_NULL:
        right = g_variant_is_of_type(value, G_VARIANT_TYPE_UNIT);
        break;
    case JSON_VALUE:
        break;
    }
    return right || wrong_type(path, json_type_names[type->type], error);
}

static bool check_array(const char *type, GVariant *value, const char *path, GError **error)
{
    g_autofree char *element = element_type(type);
    gsize count;

    if (g_variant_classify(value) != G_VARIANT_CLASS_ARRAY ||
        g_variant_is_of_type(value, G_VARIANT_TYPE_DICTIONARY)) {
        return wrong_type(path, "array", error);
    }
    count = g_variant_n_children(value);
    for (gsize i = 0; i < count; i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(value, i);
        g_autoptr(GVariant) item = g_variant_is_of_type(boxed, G_VARIANT_TYPE_VARIANT)
            ? g_variant_get_variant(boxed) : g_variant_ref(boxed);
        g_autofree char *item_path = g_strdup_printf("%s[%" G_GSIZE_FORMAT "]", path, i);
        if (!schema_check(element, item, item_path, error)) {
            return false;
        }
    }
    return true;
}

static bool check_enum(const SchemaType *type, GVariant *value, const char *path, GError **error)
{
    const char *text;

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        return wrong_type(path, "string", error);
    }
    text = g_variant_get_string(value, NULL);
    if (!g_strv_contains(type->values, text)) {
        error_set(error, ERROR_INVALID, "Parameter '%s' does not accept value '%s'", path, text);
        return false;
    }
    return true;
}

static bool check_alternate(const SchemaType *type, GVariant *value, const char *path,
                            GError **error)
{
    bool object = g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT);

    for (const char *const *name = type->alternatives; *name; name++) {
        const SchemaType *one = schema_type(*name);
        bool is_object = one && !one->values && !one->alternatives;
        /* Of two objects there is only ever one: then its own error is the useful one. */
        if (object && is_object) {
            return schema_check(*name, value, path, error);
        }
        if (!is_object && schema_check(*name, value, path, NULL)) {
            return true;
        }
    }
    return wrong_type(path, type->name, error);
}

static bool check_members(const SchemaMember *members, GVariant *dict, const char *path,
                          GError **error)
{
    for (const SchemaMember *member = members; member && member->name; member++) {
        g_autoptr(GVariant) value = g_variant_lookup_value(dict, member->name, NULL);
        g_autofree char *member_path = join_path(path, member->name);
        if (!value && !member->optional) {
            error_set(error, ERROR_INVALID, "Parameter '%s' is missing", member_path);
            return false;
        }
        if (value && !schema_check(member->type, value, member_path, error)) {
            return false;
        }
    }
    return true;
}

static bool lists_member(const SchemaMember *members, const char *name)
{
    for (; members && members->name; members++) {
        if (g_str_equal(members->name, name)) {
            return true;
        }
    }
    return false;
}

/* The object type that a union's tag chooses, or NULL. */
static const SchemaType *chosen_variant(const SchemaType *type, GVariant *dict)
{
    const char *chosen = type->tag ? args_str(dict, type->tag) : NULL;

    for (const SchemaVariant *variant = type->variants; chosen && variant && variant->value;
         variant++) {
        if (g_str_equal(variant->value, chosen)) {
            return schema_type(variant->type);
        }
    }
    return NULL;
}

static bool type_has_member(const SchemaType *type, GVariant *dict, const char *name)
{
    for (; type; type = chosen_variant(type, dict)) {
        if (type->open || lists_member(type->members, name) ||
            (type->base && type_has_member(schema_type(type->base), dict, name))) {
            return true;
        }
    }
    return false;
}

static bool check_type_members(const SchemaType *type, GVariant *dict, const char *path,
                               GError **error)
{
    for (; type; type = chosen_variant(type, dict)) {
        if ((type->base && !check_type_members(schema_type(type->base), dict, path, error)) ||
            !check_members(type->members, dict, path, error)) {
            return false;
        }
    }
    return true;
}

static bool unexpected(const char *path, const char *name, GError **error)
{
    g_autofree char *full = join_path(path, name);

    error_set(error, ERROR_INVALID, "Parameter '%s' is unexpected", full);
    return false;
}

static bool check_object(const SchemaType *type, GVariant *value, const char *path,
                         GError **error)
{
    GVariantIter iter;
    GVariant *member;
    const char *name;
    bool known = true;

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)) {
        return wrong_type(path, "object", error);
    }
    if (!check_type_members(type, value, path, error)) {
        return false;
    }
    g_variant_iter_init(&iter, value);
    while (known && g_variant_iter_next(&iter, "{&sv}", &name, &member)) {
        known = type_has_member(type, value, name) || unexpected(path, name, error);
        g_variant_unref(member);
    }
    return known;
}

bool schema_check(const char *name, GVariant *value, const char *path, GError **error)
{
    const SchemaType *type;

    if (*name == '[') {
        return check_array(name, value, path, error);
    }
    type = schema_type(name);
    if (!type) {
        const Builtin *builtin = find_builtin(name);
        g_assert(builtin);
        return check_builtin(builtin, value, path, error);
    }
    if (type->values) {
        return check_enum(type, value, path, error);
    }
    if (type->alternatives) {
        return check_alternate(type, value, path, error);
    }
    return check_object(type, value, path, error);
}

bool schema_check_members(const SchemaMember *members, GVariant *dict, GError **error)
{
    const SchemaType implicit = { .name = "arguments", .members = members };

    return check_object(&implicit, dict, "", error);
}

bool schema_check_arguments(const Command *command, GVariant *args, GError **error)
{
    if (command->arguments_type) {
        return schema_check(command->arguments_type, args, "", error);
    }
    return schema_check_members(command->arguments, args, error);
}
