/* SPDX-License-Identifier: MIT */
/*
 * Editing a line on a VT100-like terminal, byte by byte: cursor keys, the usual
 * control keys of emacs, history, completion. As long as a line is only typed,
 * what is echoed is what was typed, so a program that reads along sees no
 * escape sequences.
 */
#ifndef MONITOR_READLINE_H
#define MONITOR_READLINE_H

#include <glib.h>
#include <stddef.h>

#define READLINE_MAX_LINE 4095
#define READLINE_HISTORY 64

typedef struct Readline Readline;

typedef struct ReadlineOps {
    void (*write)(void *opaque, const char *text, size_t length);
    /* A line is finished; the next prompt is shown when it returns. */
    void (*line)(void *opaque, const char *line);
    /* The words that could stand at the end of `line`: whole words, borrowed by nobody. */
    GPtrArray *(*complete)(void *opaque, const char *line);
} ReadlineOps;

Readline *readline_new(const ReadlineOps *ops, void *opaque, const char *prompt);
void readline_free(Readline *readline);
/* Forgets the line in progress and shows the prompt. */
void readline_start(Readline *readline);
void readline_feed(Readline *readline, const char *bytes, size_t length);

#endif
