/* SPDX-License-Identifier: MIT */
/* Runs ACPI tables through the reference compiler, `iasl`, where it is installed. */
#ifndef TESTS_UNIT_IASL_H
#define TESTS_UNIT_IASL_H

#include <glib.h>
#include <stdbool.h>

/* True when iasl can be run. */
bool iasl_found(void);

/*
 * Disassembles the table `data` (with its header), and returns the ASL text, to be freed by
 * the caller. With `recompile`, compiles that text again and fails the test on any error or
 * warning. Fails the test when iasl cannot read the table.
 */
char *iasl_disassemble(const char *name, const void *data, gsize len, bool recompile);

#endif
