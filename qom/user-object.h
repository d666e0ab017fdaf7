/* SPDX-License-Identifier: MIT */
/*
 * Objects that users make: -object, object-add, object_add. They live in
 * /objects under their id.
 */
#ifndef QOM_USER_OBJECT_H
#define QOM_USER_OBJECT_H

#include "qom/object.h"

/*
 * `options` is an "a{sv}" with qom-type, id and the type's properties, typed or
 * as strings. On failure nothing stays.
 */
Object *user_object_add(GVariant *options, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Fails when there is none of that id, or something else links to it. */
bool user_object_delete(const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Letters, digits, '-', '.', '_'; a letter first: what ids are made of. */
bool user_id_is_valid(const char *id);

#endif
