/* SPDX-License-Identifier: MIT */
/*
 * JSON text at the edge, GVariant values inside.
 *
 *   null     "()"                     string  "s"
 *   boolean  "b"                      array   "av"
 *   integer  "x", above INT64_MAX "t" object  "a{sv}", in the order of the text
 *   number   "d", finite
 *
 * The input is RFC 8259 with QEMU's one extension: a string may stand in single
 * quotes, and then \' is a quote in it. Refused are duplicate keys, U+0000 (no
 * GVariant string can hold it), invalid UTF-8 and lone surrogates; an integer
 * that no 64 bits hold becomes a number.
 */
#ifndef MONITOR_JSON_H
#define MONITOR_JSON_H

#include <glib.h>
#include <stdbool.h>

#include "base/error.h"

#define JSON_MAX_DEPTH 1024           /* arrays and objects in each other */
#define JSON_MAX_BYTES (64u << 20)    /* of one value */
#define JSON_MAX_TOKENS (2u << 20)    /* of one value */

/* Exactly one value, with white space around it. The result is not floating. */
GVariant *json_parse(const char *text, size_t length, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/*
 * A stream of values that nothing frames. Each complete value, or mistake, is
 * reported at the byte that completes it: a number or keyword at the byte after
 * it. A byte that cannot be JSON (0xff, control characters, stray punctuation)
 * drops the value in progress and the word it stands in, so a client that lost
 * its place sends one of them, or a line end, and starts anew.
 */
typedef struct JsonStream JsonStream;

/* Either a value, borrowed, or an error, borrowed. It must not free the stream. */
typedef void (*JsonStreamFunc)(void *opaque, GVariant *value, const GError *error);

JsonStream *json_stream_new(JsonStreamFunc func, void *opaque);
void json_stream_free(JsonStream *stream);
void json_stream_feed(JsonStream *stream, const char *bytes, size_t length);
/* The input has ended or starts anew: forgets what is incomplete, in silence. */
void json_stream_reset(JsonStream *stream);

/*
 * Appends the value as JSON: ASCII only, "key": value, no line ends unless
 * `pretty` (four spaces a level). Besides the types above all integers, object
 * paths, nested dictionaries "a{s*}" and arrays are written; "mv" without a
 * value is null.
 */
void json_write(GString *out, GVariant *value, bool pretty);
/* The caller frees it. */
char *json_to_string(GVariant *value, bool pretty);

#endif
