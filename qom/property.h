/* SPDX-License-Identifier: MIT */
/* Inside qom/: how a property's field is set, read and shown. */
#ifndef QOM_PROPERTY_H
#define QOM_PROPERTY_H

#include "qom/object.h"

/* Ranges, enumerations and links are checked; the lock is not. */
bool property_store(Object *object, const Property *property, GVariant *value, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
GVariant *property_load(Object *object, const Property *property);
void property_set_default(Object *object, const Property *property);
/* Frees what the field owns. */
void property_release(Object *object, const Property *property);
bool property_is_unset(Object *object, const Property *property);

#endif
