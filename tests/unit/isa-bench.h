/* SPDX-License-Identifier: MIT */
/* An ISA bus with nothing else, for tests that drive one device in process, in stepped time. */
#ifndef TESTS_UNIT_ISA_BENCH_H
#define TESTS_UNIT_ISA_BENCH_H

#include "hw/core/bus.h"
#include "hw/core/device.h"

/* Types, the bus and stepped time; bench_finish() runs the tests. */
void bench_start(int *argc, char ***argv);
int bench_finish(void);

/*
 * A device of the type, wired, realized and reset; `options` as -device takes
 * them, or NULL. bench_remove() removes it.
 */
Device *bench_device(const char *type, const char *options);
/* Makes it and expects the error to have this in it. */
void bench_refused(const char *type, const char *options, const char *message);
void bench_remove(Device *device);

uint8_t inb(uint16_t port);
uint16_t inw(uint16_t port);
uint32_t inl(uint16_t port);
void outb(uint16_t port, uint8_t value);
void outw(uint16_t port, uint16_t value);
void outl(uint16_t port, uint32_t value);

/* The level of an IRQ, and how often it has risen since the last call. */
bool irq_level(unsigned line);
unsigned irq_edges(unsigned line);

void step_ns(int64_t ns);

/*
 * Saves, resets and loads the state; the record must be the same afterwards,
 * and a record cut short at any byte must be refused.
 */
void bench_save_load(Device *device);
/* Every member of the private struct is in some table. */
void bench_check_tables(const char *type);
/* Accesses of every size to ports of a range, with all kinds of values. */
void bench_hammer(uint16_t first, unsigned count, unsigned rounds);

#endif
