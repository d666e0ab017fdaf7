/* SPDX-License-Identifier: MIT */
/* The trees of `info qtree` and `info qom-tree`. */
#ifndef MONITOR_TREE_PRINT_H
#define MONITOR_TREE_PRINT_H

#include <glib.h>

#include "qom/object.h"

/* Buses and the devices on them, with properties, pins and addresses. */
void tree_print_buses(GString *out);
/* The composition tree below an object. */
void tree_print_objects(GString *out, Object *root);

#endif
