/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "qom/object.h"

static const ObjectType root_type = {
    .name = "object", .description = "the root of all types", .size = sizeof(Object),
    .abstract = true,
};

static const ObjectType container_type = {
    .name = "container", .description = "a named place in the composition tree",
    .size = sizeof(Object),
};

static GHashTable *types_by_name;

static void type_check(const ObjectType *type)
{
    const ObjectType *parent = object_type_parent(type);

    if (type != &root_type && !parent) {
        g_error("type '%s' has the unknown parent '%s'", type->name, type->parent);
    }
    if (parent && type->size < parent->size) {
        g_error("type '%s' is smaller than its parent '%s'", type->name, parent->name);
    }
    for (unsigned i = 0; i < type->properties.count; i++) {
        const Property *property = &type->properties.at[i];
        bool computed = property->get || property->set;

        if (!property->name || !property->description) {
            g_error("type '%s': property %u lacks its name or description", type->name, i);
        }
        if (!computed && (property->field.kind == FIELD_NONE ||
                          property->field.offset + property->field.width > type->size)) {
            g_error("type '%s': property '%s' has no storage", type->name, property->name);
        }
    }
}

static void type_add(const ObjectType *type)
{
    if (!g_hash_table_insert(types_by_name, (char *)type->name, (void *)type)) {
        g_error("two types are named '%s'", type->name);
    }
}

void object_types_register(const ObjectType *const *types)
{
    if (!types_by_name) {
        types_by_name = g_hash_table_new(g_str_hash, g_str_equal);
        type_add(&root_type);
        type_add(&container_type);
    }
    for (const ObjectType *const *type = types; *type; type++) {
        type_add(*type);
    }
    for (const ObjectType *const *type = types; *type; type++) {
        type_check(*type);
    }
}

const ObjectType *object_type_find(const char *name)
{
    if (!types_by_name) {
        static const ObjectType *const none[] = { NULL };
        object_types_register(none);
    }
    return g_hash_table_lookup(types_by_name, name);
}

const ObjectType *object_type_parent(const ObjectType *type)
{
    if (type == &root_type) {
        return NULL;
    }
    return type->parent ? object_type_find(type->parent) : &root_type;
}

static bool type_has_interface(const ObjectType *type, const char *name)
{
    for (unsigned i = 0; i < type->interfaces.count; i++) {
        if (g_str_equal(type->interfaces.at[i].name, name)) {
            return true;
        }
    }
    return false;
}

bool object_type_is(const ObjectType *type, const char *name)
{
    for (; type; type = object_type_parent(type)) {
        if (g_str_equal(type->name, name) || type_has_interface(type, name)) {
            return true;
        }
    }
    return false;
}

static int compare_types(const void *a, const void *b)
{
    const ObjectType *ta = *(const ObjectType *const *)a;
    const ObjectType *tb = *(const ObjectType *const *)b;

    return strcmp(ta->name, tb->name);
}

GPtrArray *object_types_list(const char *implements, bool include_abstract)
{
    GPtrArray *list = g_ptr_array_new();
    GHashTableIter iter;
    void *value;

    object_type_find("object");
    g_hash_table_iter_init(&iter, types_by_name);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const ObjectType *type = value;
        if ((include_abstract || !type->abstract) &&
            (!implements || object_type_is(type, implements))) {
            g_ptr_array_add(list, value);
        }
    }
    g_ptr_array_sort(list, compare_types);
    return list;
}

const ObjectType *object_type_lookup(const char *name, const char *base, GError **error)
{
    const ObjectType *type = object_type_find(name);
    NearestName nearest;

    if (type && object_type_is(type, base) && !type->abstract) {
        return type;
    }
    if (type) {
        error_set(error, ERROR_INVALID, "'%s' is not a %s that can be made%s", name, base,
                  type->abstract ? ": the type is abstract" : "");
        return NULL;
    }
    nearest = nearest_name_init(name);
    g_autoptr(GPtrArray) all = object_types_list(base, false);
    for (guint i = 0; i < all->len; i++) {
        nearest_name_offer(&nearest, ((const ObjectType *)all->pdata[i])->name);
    }
    error_set(error, ERROR_NOT_FOUND, "'%s' is not a valid %s type%s", name, base,
              nearest_name_hint(&nearest));
    return NULL;
}

void object_type_foreach_property(const ObjectType *type, PropertyVisit visit, void *opaque)
{
    for (const ObjectType *owner = type; owner; owner = object_type_parent(owner)) {
        for (unsigned i = 0; i < owner->properties.count; i++) {
            if (!visit(owner, &owner->properties.at[i], opaque)) {
                return;
            }
        }
    }
}

const Property *object_type_property(const ObjectType *type, const char *name)
{
    for (; type; type = object_type_parent(type)) {
        for (unsigned i = 0; i < type->properties.count; i++) {
            if (g_str_equal(type->properties.at[i].name, name)) {
                return &type->properties.at[i];
            }
        }
    }
    return NULL;
}

/* ---- help ---- */

static bool help_property(const ObjectType *owner, const Property *property, void *opaque)
{
    g_autofree char *type = property_type_name(property);
    g_autoptr(GVariant) value = property_default(property);
    g_autofree char *line = g_strdup_printf("  %s=<%s>", property->name, type);

    if (property->flags & PROPERTY_READ_ONLY) {
        return true;
    }
    g_string_append_printf(opaque, "%-24s - %s", line, property->description);
    if (property->values) {
        g_autofree char *all = g_strjoinv("/", (char **)property->values);
        g_string_append_printf(opaque, " (%s)", all);
    }
    if (value) {
        g_autofree char *shown = property_print(property, value);
        g_string_append_printf(opaque, " (default: %s)", shown);
    }
    g_string_append_c(opaque, '\n');
    return true;
}

char *object_type_help(const ObjectType *type)
{
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "%s options:\n", type->name);
    object_type_foreach_property(type, help_property, text);
    return g_string_free(text, FALSE);
}
