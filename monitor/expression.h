/* SPDX-License-Identifier: MIT */
/*
 * Numbers as people write them in the human monitor: C's operators (unary - + ~,
 * * / %, + -, << >>, &, ^, |), parentheses, decimal, 0x and 0 (octal) numbers,
 * 'c' characters and $registers, in 64 bits that wrap.
 */
#ifndef MONITOR_EXPRESSION_H
#define MONITOR_EXPRESSION_H

#include <glib.h>
#include <stdbool.h>

/* A register of the CPU that is meant; false when there is none of that name. */
typedef bool (*RegisterLookup)(void *opaque, const char *name, int64_t *value);

/*
 * Evaluates what stands at *text and moves it behind the expression and the
 * white space after it. Outside of parentheses an operator with white space
 * before it has some after it too: "1 - 1" is one expression, "1 -1" are two.
 */
bool expression_parse(const char **text, RegisterLookup lookup, void *opaque, int64_t *value,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
