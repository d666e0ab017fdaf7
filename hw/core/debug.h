/* SPDX-License-Identifier: MIT */
/*
 * What devices tell of themselves besides their tables, as QOM interfaces: the
 * monitor walks the objects that have them and knows nothing else of a device.
 */
#ifndef HW_CORE_DEBUG_H
#define HW_CORE_DEBUG_H

#include "qom/object.h"

/* Text for people: `info TOPIC` prints all objects of a topic, in order of the tree. */
#define DEBUG_INFO_INTERFACE "debug-info"

typedef struct DebugInfoOps {
    const char *topic;                            /* "pic", "ioapic", "lapic", "irq" */
    void (*print)(Object *object, GString *out);  /* whole lines */
} DebugInfoOps;

/* Parts of the answer to a QMP query whose result is an array: "query-pci". */
#define QUERY_INTERFACE "query"

typedef struct QueryOps {
    const char *command;
    GVariant *(*answer)(Object *object);          /* an "av", floating or not */
    /* The same for people, below `info TOPIC`; may be NULL. */
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
