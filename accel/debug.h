/* SPDX-License-Identifier: MIT */
/*
 * What a debugger outside of the guest asks of the CPUs: breakpoints, watchpoints, single steps.
 * The list of points is the machine's; accelerators bring it into effect (VcpuOps.set_debug).
 *
 * Everything is under the machine lock.
 */
#ifndef ACCEL_DEBUG_H
#define ACCEL_DEBUG_H

#include "accel/vcpu.h"

/* As GDB's Z packets number them. */
typedef enum DebugKind {
    DEBUG_BREAK_SOFTWARE,
    DEBUG_BREAK_HARDWARE,
    DEBUG_WATCH_WRITE,
    DEBUG_WATCH_READ,
    DEBUG_WATCH_ACCESS,
    DEBUG_KINDS,
} DebugKind;

/* The longest range that a watchpoint may cover, in bytes. */
#define DEBUG_MAX_LENGTH 4096
#define DEBUG_MAX_POINTS 1024

typedef struct DebugPoint {
    DebugKind kind;
    uint64_t address;      /* linear */
    uint64_t length;       /* bytes; of breakpoints unused */
    uint64_t physical;     /* of a software breakpoint, if it stands in memory, when it was set */
    uint8_t original;      /* the accelerator's: what it put its breakpoint over */
    bool in_place;         /* … it did */
} DebugPoint;

static inline bool debug_kind_is_watch(DebugKind kind)
{
    return kind >= DEBUG_WATCH_WRITE;
}

/*
 * Only while the machine is stopped. `cpu` says by whose page tables an address is understood.
 * The same point may be set twice: it is one.
 */
bool debug_point_add(DebugKind kind, uint64_t address, uint64_t length, Cpu *cpu,
                     GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool debug_point_remove(DebugKind kind, uint64_t address, uint64_t length, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
/* All points, steps and frozen CPUs. */
void debug_clear(void);

unsigned debug_point_count(void);
DebugPoint *debug_point_at(unsigned n);
/* A breakpoint of either kind at an address, or NULL. */
const DebugPoint *debug_break_at(uint64_t address);
/* A watchpoint that an access of `length` bytes touches, or NULL. */
const DebugPoint *debug_watch_at(uint64_t address, uint64_t length, bool write);

/* What a CPU does at the next resume; a step is over once it was done. */
void debug_set_step(Cpu *cpu, VcpuStep step);
void debug_set_frozen(Cpu *cpu, bool frozen);

/*
 * For accelerators, in the CPU's thread: it met a point (`kind`, the address that is watched), or
 * did its step. The machine stops; the CPU does nothing more before that.
 */
void debug_report_point(Vcpu *vcpu, DebugKind kind, uint64_t address);
void debug_report_step(Vcpu *vcpu);

#endif
