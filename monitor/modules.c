/* SPDX-License-Identifier: MIT */
#include "monitor/modules.h"

#include "monitor/hmp.h"

const SchemaModule *const monitor_modules[] = {
    &general_module, &hmp_module, &qom_module, NULL,
};
