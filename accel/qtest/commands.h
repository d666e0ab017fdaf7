/* SPDX-License-Identifier: MIT */
/* Inside accel/qtest/: one command line in, one answer out. */
#ifndef ACCEL_QTEST_COMMANDS_H
#define ACCEL_QTEST_COMMANDS_H

#include <glib.h>
#include <stdbool.h>

/* More words than any command has are an error of the line. */
#define QTEST_MAX_WORDS 8

/*
 * Carries out a line (without its newline; it is taken apart in place) and
 * appends the answer with its newline to `out`. Lines that change meanwhile are
 * told through `irq`.
 */
void qtest_command(char *line, GString *out, void (*irq)(unsigned line, bool level));
/* Lets go of intercepted pins. */
void qtest_commands_reset(void);

#endif
