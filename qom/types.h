/* SPDX-License-Identifier: MIT */
/* Every type that is configured in, NULL-terminated; the build makes the array. */
#ifndef QOM_TYPES_H
#define QOM_TYPES_H

#include "qom/object.h"

extern const ObjectType *const all_types[];

#endif
