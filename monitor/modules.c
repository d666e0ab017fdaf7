/* SPDX-License-Identifier: MIT */
#include "monitor/modules.h"

#include "monitor/gdb/gdb.h"
#include "monitor/hmp.h"

const SchemaModule *const monitor_modules[] = {
    &general_module, &machine_module, &device_module, &qom_module, &char_module, &fd_module,
    &memory_module, &input_module, &trace_module, &inspect_module, &hmp_module,
    &gdb_module, NULL,
};
