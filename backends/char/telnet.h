/* SPDX-License-Identifier: MIT */
/*
 * The telnet protocol (RFC 854) as a server speaks it for a terminal in
 * character mode: ECHO (RFC 857), SUPPRESS-GO-AHEAD (RFC 858) and binary
 * transmission (RFC 856); every other option is refused.
 */
#ifndef BACKENDS_CHAR_TELNET_H
#define BACKENDS_CHAR_TELNET_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct Telnet {
    uint8_t state;
    uint8_t verb;            /* WILL, WONT, DO or DONT that an option follows */
    bool client_is_binary;   /* else CR NUL stands for CR */
    bool after_cr;
    bool owes_iac;           /* the second IAC of a doubled one could not be written */
} Telnet;

/* What the server sends first. */
const uint8_t *telnet_greeting(size_t *size);

/*
 * Takes the commands out of `data`, in place; returns the bytes that remain.
 * Answers are appended to `reply`; *breaks counts breaks.
 */
size_t telnet_decode(Telnet *telnet, uint8_t *data, size_t size, GByteArray *reply,
                     unsigned *breaks);

/*
 * Writes with send_bytes(), which is as write(), doubling IAC: bytes of `data`
 * that are done, or -1 with errno.
 */
ssize_t telnet_write(Telnet *telnet, const uint8_t *data, size_t size,
                     ssize_t (*send_bytes)(int fd, const void *data, size_t size), int fd);

#endif
