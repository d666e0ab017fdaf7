/* SPDX-License-Identifier: MIT */
/* The names of trace points: TYPE.REGISTER, of every device type. */
#ifndef HW_CORE_TRACE_H
#define HW_CORE_TRACE_H

typedef void (*TracePointVisit)(const char *name, void *opaque);
void trace_points_foreach(TracePointVisit visit, void *opaque);

#endif
