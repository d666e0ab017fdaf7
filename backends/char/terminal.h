/* SPDX-License-Identifier: MIT */
/* The terminal of standard input: raw mode, and the way back on every exit. */
#ifndef BACKENDS_CHAR_TERMINAL_H
#define BACKENDS_CHAR_TERMINAL_H

#include <stdbool.h>

/*
 * Raw mode for the terminal `fd`, with or without the keys that raise signals.
 * Returns false when it is no terminal. From the first call on the terminal is
 * restored at exit, on fatal signals and when the program is stopped.
 */
bool terminal_set_raw(int fd, bool signals);

/*
 * While nobody serves events: the signals that ask the program to end (INT,
 * TERM, HUP) end it at once, with the terminal given back; off: as before.
 */
void terminal_signals_end(bool on);

#endif
