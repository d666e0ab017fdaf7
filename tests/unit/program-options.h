/* SPDX-License-Identifier: MIT */
/* Options of a test program's own, beside those of g_test_init(). */
#ifndef TESTS_UNIT_PROGRAM_OPTIONS_H
#define TESTS_UNIT_PROGRAM_OPTIONS_H

#include <glib.h>
#include <stdbool.h>

/*
 * Takes the options of `entries` (to a NULL entry) off the command line, before g_test_init()
 * gets the rest. What is wrong with them is printed: false.
 */
bool program_options(const GOptionEntry *entries, int *argc, char ***argv) G_GNUC_WARN_UNUSED_RESULT;

#endif
