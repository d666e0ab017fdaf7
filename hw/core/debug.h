/* SPDX-License-Identifier: MIT */
/*
 * What objects tell of themselves besides their tables, as QOM interfaces: the
 * monitor walks the objects that have them and knows nothing else of them.
 */
#ifndef HW_CORE_DEBUG_H
#define HW_CORE_DEBUG_H

#include "qom/object.h"

/* Parts of the answer to a QMP query whose result is an array ("query-pci"). */
#define QUERY_INTERFACE "query"

typedef struct QueryOps {
    const char *command;                          /* NULL: only .print */
    GVariant *(*answer)(Object *object);          /* an "av", floating or not */
    /* The same for people, `info TOPIC`: whole lines; may be NULL. See also DeviceType.topic. */
    const char *topic;
    void (*print)(Object *object, GString *out);
} QueryOps;

/* CPU models of an architecture; an interface of its (abstract) CPU type. */
#define CPU_MODELS_INTERFACE "cpu-models"

typedef struct CpuModelsOps {
    /* "av" of QMP's CpuDefinitionInfo. */
    GVariant *(*definitions)(GError **error);
    /* "a{sv}" with name and props. `props` is an "a{sv}" or NULL; `full`: every property. */
    GVariant *(*expand)(const char *name, GVariant *props, bool full, GError **error);
} CpuModelsOps;

#endif
