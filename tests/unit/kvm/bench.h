/* SPDX-License-Identifier: MIT */
/*
 * A small machine for tests of the KVM accelerator: RAM, a ROM below 4 GiB, a
 * device that records accesses, and CPUs; without a board file.
 */
#ifndef TESTS_UNIT_KVM_BENCH_H
#define TESTS_UNIT_KVM_BENCH_H

#include "accel/accel.h"
#include "accel/kvm/kvm.h"
#include "arch/x86/cpu.h"
#include "hw/core/machine.h"

#define BENCH_RAM  (8ull << 20)
#define BENCH_ROM  0x10000u
#define BENCH_MMIO 0x10000000u  /* 4 KiB of the recording device */
#define BENCH_PORT 0x500u       /* 16 ports of it; a write to the last one ends the run */

typedef struct BenchAccess {
    bool pio, write;
    uint64_t offset, value;
    unsigned size;
} BenchAccess;

typedef struct Bench {
    RamBlock *ram, *rom;
    MemoryRegion *ram_region, *rom_region, *mmio, *pio;
    BenchAccess last[64];       /* the newest ones, in a ring */
    unsigned accesses;
    uint64_t answer;            /* what reads give */
    bool ended;
    void (*on_write)(struct Bench *bench, const BenchAccess *access);
} Bench;

extern Bench bench;

/* Registers all types; once in a program. */
void bench_init(void);
/*
 * A machine with CPUs of `model`, brought up, and the accelerator `options` ("kvm",
 * "kvm,kernel-irqchip=off") attached. Under the machine lock until bench_stop().
 */
bool bench_start(const char *options, const char *model, unsigned cpus, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
/* Only up to an opened accelerator. */
bool bench_open(const char *options, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void bench_stop(void);

/* Runs until a port write ended it, the machine stopped, or the time is over. */
bool bench_run(unsigned milliseconds);
/* Lets the other threads go on for a while, carrying out requests. */
void bench_wait(unsigned milliseconds);
/* Lets them go on until the machine is in that state, which it must come to: seconds, on a busy
 * host. */
void bench_wait_state(RunState state);
/* The same until what they count has come so far. */
void bench_wait_count(const unsigned *counter, unsigned least);
/* Until every CPU has done what it was asked for before. */
void bench_wait_requests(void);

#endif
