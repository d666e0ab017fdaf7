/* SPDX-License-Identifier: MIT */
#include "qom/user-object.h"

#include <string.h>

bool user_id_is_valid(const char *id)
{
    if (!g_ascii_isalpha(*id)) {
        return false;
    }
    for (; *id; id++) {
        if (!g_ascii_isalnum(*id) && !strchr("-._", *id)) {
            return false;
        }
    }
    return true;
}

/* NULL with an error when it is absent or no string. */
static const char *required_string(GVariant *options, const char *name, GError **error)
{
    const char *text = NULL;

    if (!g_variant_lookup(options, name, "&s", &text)) {
        error_set(error, ERROR_INVALID, "Parameter '%s' is missing", name);
    }
    return text;
}

static const ObjectType *find_type(const char *name, GError **error)
{
    const ObjectType *type = object_type_find(name);
    NearestName nearest = nearest_name_init(name);

    if (type && type->user_creatable && !type->abstract) {
        return type;
    }
    g_autoptr(GPtrArray) all = object_types_list(NULL, false);
    for (guint i = 0; i < all->len; i++) {
        const ObjectType *candidate = all->pdata[i];
        if (candidate->user_creatable) {
            nearest_name_offer(&nearest, candidate->name);
        }
    }
    error_set(error, ERROR_INVALID, "Parameter 'qom-type' does not accept value '%s'%s", name,
              nearest_name_hint(&nearest));
    return NULL;
}

static bool fill(Object *object, GVariant *options, GError **error)
{
    static const char *const skip[] = { "qom-type", "id", NULL };

    return object_set_all(object, options, skip, error) &&
           object_check_required(object, error) &&
           (!object->type->complete || object->type->complete(object, error));
}

Object *user_object_add(GVariant *options, GError **error)
{
    const char *name = required_string(options, "qom-type", error);
    const char *id = name ? required_string(options, "id", error) : NULL;
    const ObjectType *type = id ? find_type(name, error) : NULL;
    Object *objects = object_container(object_root(), "objects");
    Object *object;

    if (!type) {
        return NULL;
    }
    if (!user_id_is_valid(id)) {
        error_set(error, ERROR_INVALID, "Parameter 'id' expects an identifier: letters, digits, "
                  "'-', '.', '_', starting with a letter; not '%s'", id);
        return NULL;
    }
    object = object_new(type, objects, id, error);
    if (object && !fill(object, options, error)) {
        object_delete(object);
        return NULL;
    }
    if (object) {
        object->locked = true;
    }
    return object;
}

bool user_object_delete(const char *id, GError **error)
{
    Object *object = object_child(object_container(object_root(), "objects"), id);

    if (!object) {
        error_set(error, ERROR_NOT_FOUND, "object '%s' not found", id);
        return false;
    }
    if (object->links_here && object->links_here->len) {
        error_set(error, ERROR_INVALID, "object '%s' is in use, can not be deleted", id);
        return false;
    }
    object_delete(object);
    return true;
}
