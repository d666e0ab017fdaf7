/* SPDX-License-Identifier: MIT */
#include "qom/object.h"

#include <string.h>

#include "qom/property.h"

static Object *root;

/* ---- making and deleting ---- */

static void init_properties(Object *object)
{
    for (const ObjectType *type = object->type; type; type = object_type_parent(type)) {
        for (unsigned i = 0; i < type->properties.count; i++) {
            property_set_default(object, &type->properties.at[i]);
        }
    }
}

static void init_types(Object *object, const ObjectType *type)
{
    const ObjectType *parent = object_type_parent(type);

    if (parent) {
        init_types(object, parent);
    }
    if (type->init) {
        type->init(object);
    }
}

static void object_attach(Object *parent, Object *object)
{
    object->parent = parent;
    object->previous_sibling = parent->last_child;
    if (parent->last_child) {
        parent->last_child->next_sibling = object;
    } else {
        parent->first_child = object;
    }
    parent->last_child = object;
}

static void object_detach(Object *object)
{
    Object *parent = object->parent;

    if (!parent) {
        return;
    }
    if (object->previous_sibling) {
        object->previous_sibling->next_sibling = object->next_sibling;
    } else {
        parent->first_child = object->next_sibling;
    }
    if (object->next_sibling) {
        object->next_sibling->previous_sibling = object->previous_sibling;
    } else {
        parent->last_child = object->previous_sibling;
    }
    object->parent = object->next_sibling = object->previous_sibling = NULL;
}

static Object *object_make(const ObjectType *type, char *name)
{
    Object *object = g_malloc0(type->size);

    object->type = type;
    object->name = name;
    init_properties(object);
    init_types(object, type);
    return object;
}

static char *free_name(Object *parent, const ObjectType *type)
{
    for (unsigned i = 0;; i++) {
        char *name = g_strdup_printf("%s[%u]", type->name, i);
        if (!object_child(parent, name)) {
            return name;
        }
        g_free(name);
    }
}

Object *object_new(const ObjectType *type, Object *parent, const char *name, GError **error)
{
    Object *object;

    g_assert(!type->abstract);
    if (name && (!*name || strchr(name, '/'))) {
        error_set(error, ERROR_INVALID, "'%s' cannot be an object's name", name);
        return NULL;
    }
    if (name && object_child(parent, name)) {
        g_autofree char *path = object_path(parent);
        error_set(error, ERROR_INVALID, "'%s' exists already in %s", name, path);
        return NULL;
    }
    object = object_make(type, name ? g_strdup(name) : free_name(parent, type));
    object_attach(parent, object);
    return object;
}

void object_rename(Object *object, const char *name)
{
    g_assert(!object_child(object->parent, name));
    g_free(object->name);
    object->name = g_strdup(name);
}

static void clear_incoming_links(Object *object)
{
    for (guint i = 0; object->links_here && i < object->links_here->len; i++) {
        Object **slot = object->links_here->pdata[i];
        *slot = NULL;
    }
    g_clear_pointer(&object->links_here, g_ptr_array_unref);
}

void object_delete(Object *object)
{
    if (!object) {
        return;
    }
    while (object->last_child) {
        object_delete(object->last_child);
    }
    for (const ObjectType *type = object->type; type; type = object_type_parent(type)) {
        if (type->finalize) {
            type->finalize(object);
        }
    }
    for (const ObjectType *type = object->type; type; type = object_type_parent(type)) {
        for (unsigned i = 0; i < type->properties.count; i++) {
            property_release(object, &type->properties.at[i]);
        }
    }
    clear_incoming_links(object);
    object_detach(object);
    if (object == root) {
        root = NULL;
    }
    g_free(object->name);
    g_free(object);
}

Object *object_root(void)
{
    if (!root) {
        root = object_make(object_type_find("container"), g_strdup(""));
    }
    return root;
}

Object *object_container(Object *parent, const char *name)
{
    Object *child = object_child(parent, name);

    if (!child) {
        child = object_make(object_type_find("container"), g_strdup(name));
        object_attach(parent, child);
    }
    return child;
}

void object_link_set(Object **slot, Object *target)
{
    if (*slot) {
        g_ptr_array_remove_fast((*slot)->links_here, slot);
    }
    *slot = target;
    if (target) {
        if (!target->links_here) {
            target->links_here = g_ptr_array_new();
        }
        g_ptr_array_add(target->links_here, slot);
    }
}

/* ---- the tree ---- */

bool object_is(const Object *object, const char *name)
{
    return object && object_type_is(object->type, name);
}

const void *object_interface(const Object *object, const char *name)
{
    for (const ObjectType *type = object->type; type; type = object_type_parent(type)) {
        for (unsigned i = 0; i < type->interfaces.count; i++) {
            if (g_str_equal(type->interfaces.at[i].name, name)) {
                return type->interfaces.at[i].ops;
            }
        }
    }
    return NULL;
}

Object *object_child(const Object *parent, const char *name)
{
    for (Object *child = parent->first_child; child; child = child->next_sibling) {
        if (g_str_equal(child->name, name)) {
            return child;
        }
    }
    return NULL;
}

char *object_path(const Object *object)
{
    GString *path = g_string_new(NULL);

    for (; object && object->parent; object = object->parent) {
        g_string_prepend(path, object->name);
        g_string_prepend_c(path, '/');
    }
    if (!path->len) {
        g_string_append_c(path, '/');
    }
    return g_string_free(path, FALSE);
}

static Object *resolve_from(Object *object, char **names)
{
    for (; object && *names; names++) {
        if (**names) {
            object = object_child(object, *names);
        }
    }
    return object;
}

static Object *resolve_partial(Object *from, char **names, bool *ambiguous)
{
    Object *found = resolve_from(from, names);

    for (Object *child = from->first_child; child; child = child->next_sibling) {
        Object *other = resolve_partial(child, names, ambiguous);
        if (other && found && other != found) {
            *ambiguous = true;
        }
        if (other) {
            found = other;
        }
    }
    return found;
}

Object *object_resolve(const char *path, bool *ambiguous)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);
    bool twice = false;
    Object *found;

    if (*path == '/') {
        return resolve_from(object_root(), names);
    }
    found = *path ? resolve_partial(object_root(), names, &twice) : NULL;
    if (ambiguous) {
        *ambiguous = twice;
    }
    return twice ? NULL : found;
}

bool object_foreach(Object *object, ObjectVisit visit, void *opaque)
{
    if (!visit(object, opaque)) {
        return false;
    }
    for (Object *child = object->first_child, *next; child; child = next) {
        next = child->next_sibling;
        if (!object_foreach(child, visit, opaque)) {
            return false;
        }
    }
    return true;
}

/* ---- properties ---- */

static bool offer_property(const ObjectType *owner, const Property *property, void *opaque)
{
    nearest_name_offer(opaque, property->name);
    return true;
}

static const Property *find_property(Object *object, const char *name, GError **error)
{
    const Property *property = object_type_property(object->type, name);

    if (!property) {
        NearestName nearest = nearest_name_init(name);
        object_type_foreach_property(object->type, offer_property, &nearest);
        error_set(error, ERROR_NOT_FOUND, "Property '%s.%s' not found%s", object->type->name,
                  name, nearest_name_hint(&nearest));
    }
    return property;
}

bool object_set(Object *object, const char *name, GVariant *value, GError **error)
{
    g_autoptr(GVariant) held = g_variant_ref_sink(value);
    const Property *property = find_property(object, name, error);

    if (!property) {
        return false;
    }
    if (property->flags & PROPERTY_READ_ONLY) {
        error_set(error, ERROR_INVALID, "Property '%s.%s' is read-only", object->type->name, name);
        return false;
    }
    if (object->locked && !(property->flags & PROPERTY_LIVE)) {
        g_autofree char *path = object_path(object);
        error_set(error, ERROR_INVALID,
                  "Property '%s.%s' cannot be set: %s is realized already", object->type->name,
                  name, path);
        return false;
    }
    if (!property_store(object, property, held, error)) {
        g_prefix_error(error, "Property '%s.%s': ", object->type->name, name);
        return false;
    }
    return true;
}

bool object_set_string(Object *object, const char *name, const char *value, GError **error)
{
    return object_set(object, name, g_variant_new_string(value), error);
}

bool object_set_all(Object *object, GVariant *dict, const char *const *skip, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *value;

    g_variant_iter_init(&iter, dict);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        bool ok = (skip && g_strv_contains(skip, name)) || object_set(object, name, value, error);
        g_variant_unref(value);
        if (!ok) {
            return false;
        }
    }
    return true;
}

GVariant *object_get(Object *object, const char *name, GError **error)
{
    const Property *property = find_property(object, name, error);

    return property ? property_load(object, property) : NULL;
}

bool object_check_required(Object *object, GError **error)
{
    g_autoptr(GString) missing = g_string_new(NULL);

    for (const ObjectType *type = object->type; type; type = object_type_parent(type)) {
        for (unsigned i = 0; i < type->properties.count; i++) {
            const Property *property = &type->properties.at[i];
            if (property->flags & PROPERTY_REQUIRED && property_is_unset(object, property)) {
                g_string_append_printf(missing, "%s'%s'", missing->len ? ", " : "",
                                       property->name);
            }
        }
    }
    if (missing->len) {
        g_autofree char *path = object_path(object);
        error_set(error, ERROR_INVALID, "%s (%s) needs the property %s", path,
                  object->type->name, missing->str);
        return false;
    }
    return true;
}
