/* SPDX-License-Identifier: MIT */
/*
 * Machine code as text, by libcapstone. A program that was built without it, or where it is not
 * installed, shows bytes only, and disas_unavailable() says why. Any thread may call.
 */
#ifndef BASE_DISAS_H
#define BASE_DISAS_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum DisasMode {
    DISAS_X86_16,
    DISAS_X86_32,
    DISAS_X86_64,
} DisasMode;

/* The longest instruction of any architecture, in bytes. */
#define DISAS_MAX_BYTES 15

/* NULL: there is a disassembler; else why there is none. Loads the library when it is first asked. */
const char *disas_unavailable(void);

/*
 * Appends one instruction, "0xADDRESS:  BYTES MNEMONIC OPERANDS" and no newline, in the
 * syntax that the architecture's GNU assembler reads. Returns the bytes it takes, at least 1: what
 * is no instruction is shown as one `.byte`; 0 when `length` bytes are too few for the instruction.
 */
unsigned disas_print(DisasMode mode, uint64_t address, const uint8_t *bytes, unsigned length,
                     GString *out);

#endif
