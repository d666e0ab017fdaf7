/* SPDX-License-Identifier: MIT */
#include "monitor/qom-view.h"

#include "monitor/schema.h"

Object *qom_view_resolve(const char *path, GError **error)
{
    bool ambiguous = false;
    Object *object = object_resolve(path, &ambiguous);

    if (!object && ambiguous) {
        error_set(error, ERROR_INVALID, "Path '%s' is ambiguous", path);
    } else if (!object) {
        error_set(error, ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", path);
    }
    return object;
}

/* ---- lists ---- */

typedef struct List {
    GVariantBuilder builder;
    Object *object;            /* whose values are wanted, or NULL */
    const ObjectType *but_of;  /* it and its parents are left out; may be NULL */
    bool defaults;
} List;

static void add_plain(List *list, const char *name, char *type, GVariant *value)
{
    g_auto(GVariantBuilder) info = DICT_INIT;

    dict_str(&info, "name", name);
    dict_take_str(&info, "type", type);
    if (value) {
        dict_value(&info, "value", value);
    }
    list_value(&list->builder, g_variant_builder_end(&info));
}

static bool add_property(const ObjectType *owner, const Property *property, void *opaque)
{
    List *list = opaque;
    g_auto(GVariantBuilder) info = DICT_INIT;
    g_autoptr(GVariant) def = list->defaults ? property_default(property) : NULL;

    if (list->but_of && object_type_is(list->but_of, owner->name)) {
        return true;
    }
    dict_str(&info, "name", property->name);
    dict_take_str(&info, "type", property_type_name(property));
    if (list->object) {
        g_autoptr(GVariant) value = object_get(list->object, property->name, NULL);
        if (value) {
            dict_value(&info, "value", value);
        }
    } else if (property->description && *property->description) {
        dict_str(&info, "description", property->description);
    }
    if (def) {
        dict_value(&info, "default-value", def);
    }
    list_value(&list->builder, g_variant_builder_end(&info));
    return true;
}

static GVariant *list_object(Object *object, bool values)
{
    List list = { .builder = LIST_INIT, .object = values ? object : NULL };

    add_plain(&list, "type", g_strdup("string"),
              values ? g_variant_new_string(object->type->name) : NULL);
    object_type_foreach_property(object->type, add_property, &list);
    for (Object *child = object->first_child; child; child = child->next_sibling) {
        add_plain(&list, child->name, g_strdup_printf("child<%s>", child->type->name),
                  values ? g_variant_new_take_string(object_path(child)) : NULL);
    }
    return g_variant_builder_end(&list.builder);
}

GVariant *qom_view_list(Object *object)
{
    return list_object(object, false);
}

GVariant *qom_view_list_values(Object *object)
{
    return list_object(object, true);
}

GVariant *qom_view_type_properties(const ObjectType *type, const char *but_of, bool defaults)
{
    List list = {
        .builder = LIST_INIT, .defaults = defaults,
        .but_of = but_of ? object_type_find(but_of) : NULL,
    };

    if (!but_of) {
        add_plain(&list, "type", g_strdup("string"), NULL);
    }
    object_type_foreach_property(type, add_property, &list);
    return g_variant_builder_end(&list.builder);
}

/* ---- single properties ---- */

GVariant *qom_view_get(Object *object, const char *property, GError **error)
{
    Object *child = object_child(object, property);

    if (g_str_equal(property, "type")) {
        return g_variant_new_string(object->type->name);
    }
    if (child && !object_type_property(object->type, property)) {
        return g_variant_new_take_string(object_path(child));
    }
    return object_get(object, property, error);
}

bool qom_view_set(Object *object, const char *property, GVariant *value, GError **error)
{
    if (!object_type_property(object->type, property) &&
        (g_str_equal(property, "type") || object_child(object, property))) {
        error_set(error, ERROR_INVALID, "Property '%s.%s' is not writable", object->type->name,
                  property);
        return false;
    }
    return object_set(object, property, value, error);
}
