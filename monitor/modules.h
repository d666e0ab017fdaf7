/* SPDX-License-Identifier: MIT */
/* The subjects that make up the schema. Each is a table in its own commands-*.c. */
#ifndef MONITOR_MODULES_H
#define MONITOR_MODULES_H

#include "monitor/schema.h"

/* Ends with NULL. */
extern const SchemaModule *const monitor_modules[];

extern const SchemaModule char_module;
extern const SchemaModule device_module;
extern const SchemaModule fd_module;
extern const SchemaModule general_module;
extern const SchemaModule input_module;
extern const SchemaModule inspect_module;
extern const SchemaModule machine_module;
extern const SchemaModule memory_module;
extern const SchemaModule qom_module;
extern const SchemaModule trace_module;

#endif
