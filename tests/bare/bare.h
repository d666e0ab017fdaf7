/* SPDX-License-Identifier: MIT */
/* What programs have that run on the machine without a system: x86, 64-bit mode, ring 0. */
#ifndef TESTS_BARE_BARE_H
#define TESTS_BARE_BARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* On the debug console, port 0xe9. %s, %u, %x (64 bits each), %c, and widths such as %016x. */
void bare_print(const char *format, ...);
/* Ends the emulator with a status, by isa-debug-exit at port 0x501. */
_Noreturn void bare_exit(unsigned status);

typedef struct BareFrame {
    uint64_t rdi, vector, error, rip, cs, rflags, rsp, ss;
} BareFrame;
/* Called on every exception and interrupt; the program defines it. Returning resumes. */
void bare_exception(BareFrame *frame);
/* All vectors lead to bare_exception(). */
void bare_set_vectors(void);

/* A program's own. */
void bare_program(const char *command_line);

static inline void bare_out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

#endif
