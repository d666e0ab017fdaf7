/* SPDX-License-Identifier: MIT */
#include "hw/core/trace.h"

#include <string.h>

#include "base/error.h"
#include "hw/core/device.h"

static void visit_registers(const DeviceType *type, TracePointVisit visit, void *opaque)
{
    for (unsigned i = 0; i < type->banks.count; i++) {
        const RegisterTable *registers = &type->banks.at[i].registers;
        for (unsigned n = 0; n < registers->count; n++) {
            g_autofree char *name = g_strdup_printf("%s.%s", type->name, registers->at[n].name);
            visit(name, opaque);
        }
    }
}

static void visit_names(const ObjectType *type, TracePointVisit visit, void *opaque)
{
    for (unsigned i = 0; i < type->interfaces.count; i++) {
        const Interface *interface = &type->interfaces.at[i];
        if (g_str_equal(interface->name, TRACE_POINTS_INTERFACE)) {
            for (const char *const *name = interface->ops; *name; name++) {
                visit(*name, opaque);
            }
        }
    }
}

void trace_points_foreach(TracePointVisit visit, void *opaque)
{
    g_autoptr(GPtrArray) devices = object_types_list("device", false);
    g_autoptr(GPtrArray) others = object_types_list(TRACE_POINTS_INTERFACE, true);

    for (guint i = 0; i < devices->len; i++) {
        visit_registers(devices->pdata[i], visit, opaque);
    }
    for (guint i = 0; i < others->len; i++) {
        visit_names(others->pdata[i], visit, opaque);
    }
}

/* ---- patterns ---- */

typedef struct Search {
    const char *pattern;
    bool found;
    NearestName nearest;
} Search;

static void match(const char *name, void *opaque)
{
    Search *search = opaque;

    search->found |= g_pattern_match_simple(search->pattern, name);
    nearest_name_offer(&search->nearest, name);
}

bool trace_pattern_check(const char *pattern, GError **error)
{
    Search search = { .pattern = pattern + (*pattern == '-') };

    search.nearest = nearest_name_init(search.pattern);
    trace_points_foreach(match, &search);
    if (!search.found) {
        error_set(error, ERROR_NOT_FOUND, strpbrk(search.pattern, "*?")
                  ? "no trace point's name matches '%s'%s" : "there is no trace point '%s'%s",
                  search.pattern, nearest_name_hint(&search.nearest));
    }
    return search.found;
}

bool trace_items_check(const char *items, GError **error)
{
    g_auto(GStrv) names = g_strsplit(items, ",", -1);

    for (char **name = names; *name; name++) {
        if (g_str_has_prefix(*name, "trace:") &&
            !trace_pattern_check(*name + strlen("trace:"), error)) {
            return false;
        }
    }
    return true;
}
