/* SPDX-License-Identifier: MIT */
/*
 * A bench for chips: a machine of an ISA bus, RAM and the devices that a test
 * puts in, driven in process through the address spaces and in stepped time.
 */
#ifndef TESTS_UNIT_CHIPS_BENCH_H
#define TESTS_UNIT_CHIPS_BENCH_H

#include <glib.h>

#include "hw/core/device.h"
#include "hw/core/machine.h"

#define BENCH_RAM_SIZE 0x200000u

/* A type of the test's own, before the first machine. */
void bench_use_type(const DeviceType *type);
/* The empty machine; time stands at what it was. */
void bench_new(void);
void bench_delete(void);
/* A device of a type, with properties "name=value,…" (may be NULL), on its bus. */
Device *bench_add(const char *type, const char *name, const char *properties);
Device *bench_add_below(Object *parent, const char *type, const char *name,
                        const char *properties);
/* All devices are there: wires, validates, realizes, resets. */
void bench_up(void);
/* Fails to come up, with an error that has this text in it. */
void bench_up_fails(const char *text);

void out8(uint16_t port, uint8_t value);
uint8_t in8(uint16_t port);
uint64_t in_sized(uint16_t port, unsigned size);
void out_sized(uint16_t port, unsigned size, uint64_t value);
uint32_t read32(uint64_t address);
void write32(uint64_t address, uint32_t value);
uint64_t read64(uint64_t address);
void write64(uint64_t address, uint64_t value);

/* Virtual time goes on by so many nanoseconds. */
void step(int64_t ns);

/* Changes of an output pin since the last call; the count of rising edges. */
void watch_pin(Device *device, unsigned pin);
unsigned rising_edges(unsigned line);
bool pin_is_high(const Device *device, unsigned pin, unsigned line);

/*
 * Saves, resets, loads and saves again: both records must be the same. Records that
 * are cut short or have changed bytes must be refused or taken, never crash. Every
 * member of the private struct must be in a table.
 */
void check_saved_state(Device *device);

/* Accesses of every size and value to [first, last], reproducible, with time going on. */
void storm_ports(uint16_t first, uint16_t last, unsigned accesses);
void storm_memory(uint64_t first, uint64_t last, unsigned accesses);

#endif
