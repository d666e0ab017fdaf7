/* SPDX-License-Identifier: MIT */
/*
 * JSON: any text is parsed whole and as a stream in pieces, and what was a value is written
 * and parsed again to what is written the same (a number such as 3.5e3 returns as an integer).
 */
#include <stdint.h>
#include <string.h>

#include "monitor/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_value(void *opaque, GVariant *value, const GError *error)
{
    g_assert((value == NULL) == (error != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    JsonStream *stream = json_stream_new(take_value, NULL);
    g_autoptr(GVariant) value = json_parse((const char *)data, size, NULL);

    for (size_t at = 0, piece = 1; at < size; at += piece, piece = piece % 7 + 1) {
        json_stream_feed(stream, (const char *)data + at, MIN(piece, size - at));
    }
    json_stream_free(stream);

    if (value) {
        g_autofree char *text = json_to_string(value, false);
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) again = json_parse(text, strlen(text), &error);
        g_autofree char *same = NULL;

        g_assert_no_error(error);
        same = json_to_string(again, false);
        g_assert_cmpstr(same, ==, text);
    }
    return 0;
}
