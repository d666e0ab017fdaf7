/* SPDX-License-Identifier: MIT */
/*
 * Objects as clients see them: besides its properties an object has "type", and
 * each child under its name, typed "child<TYPE>", whose value is its path.
 */
#ifndef MONITOR_QOM_VIEW_H
#define MONITOR_QOM_VIEW_H

#include "qom/object.h"

/* By path, absolute or partial; the error tells absent from ambiguous. */
Object *qom_view_resolve(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* [{name, type, description?, default-value?}]; floating, as the other values here. */
GVariant *qom_view_list(Object *object);
/* [{name, type, value?}] */
GVariant *qom_view_list_values(Object *object);
/* As qom_view_list(), of a type; without what `but_of` has itself (may be NULL). */
GVariant *qom_view_type_properties(const ObjectType *type, const char *but_of, bool defaults);

GVariant *qom_view_get(Object *object, const char *property, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
bool qom_view_set(Object *object, const char *property, GVariant *value, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

#endif
