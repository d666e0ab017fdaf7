/* SPDX-License-Identifier: MIT */
#include "hw/core/trace.h"

#include "hw/core/device.h"

static void visit_type(const DeviceType *type, TracePointVisit visit, void *opaque)
{
    for (unsigned i = 0; i < type->banks.count; i++) {
        const RegisterTable *registers = &type->banks.at[i].registers;
        for (unsigned n = 0; n < registers->count; n++) {
            g_autofree char *name = g_strdup_printf("%s.%s", type->name, registers->at[n].name);
            visit(name, opaque);
        }
    }
}

void trace_points_foreach(TracePointVisit visit, void *opaque)
{
    g_autoptr(GPtrArray) types = object_types_list("device", false);

    for (guint i = 0; i < types->len; i++) {
        visit_type(types->pdata[i], visit, opaque);
    }
}
