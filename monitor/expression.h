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
 * white space after it. An expression without spaces around its operators ends
 * at white space that no operator follows.
 */
bool expression_parse(const char **text, RegisterLookup lookup, void *opaque, int64_t *value,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
