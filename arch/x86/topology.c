/* SPDX-License-Identifier: MIT */
/* CPU topology and APIC identifiers. */
#include "arch/x86/topology.h"

#include <limits.h>

#include "base/error.h"

/* Bits that number `count` things: ceil(log2(count)). */
static unsigned width_of(unsigned count)
{
    return count > 1 ? 32 - (unsigned)__builtin_clz(count - 1) : 0;
}

unsigned x86_topology_cpu_count(const X86Topology *t)
{
    unsigned count;

    if (__builtin_mul_overflow(t->sockets, t->dies, &count) ||
        __builtin_mul_overflow(count, t->cores, &count) ||
        __builtin_mul_overflow(count, t->threads, &count)) {
        return UINT_MAX;
    }
    return count;
}

bool x86_topology_validate(const X86Topology *t, GError **error)
{
    if (!t->sockets || !t->dies || !t->cores || !t->threads) {
        error_set(error, ERROR_INVALID,
                  "CPU topology of %u sockets, %u dies, %u cores, %u threads: each has to be at "
                  "least 1", t->sockets, t->dies, t->cores, t->threads);
        return false;
    }
    if (width_of(t->sockets) + x86_topology_package_shift(t) > 31) {
        error_set(error, ERROR_INVALID,
                  "CPU topology of %u sockets, %u dies, %u cores, %u threads needs APIC ids of "
                  "more than 31 bits", t->sockets, t->dies, t->cores, t->threads);
        return false;
    }
    return true;
}

unsigned x86_topology_thread_width(const X86Topology *t)
{
    return width_of(t->threads);
}

unsigned x86_topology_core_width(const X86Topology *t)
{
    return width_of(t->cores);
}

unsigned x86_topology_die_width(const X86Topology *t)
{
    return width_of(t->dies);
}

unsigned x86_topology_core_shift(const X86Topology *t)
{
    return x86_topology_thread_width(t);
}

unsigned x86_topology_die_shift(const X86Topology *t)
{
    return x86_topology_core_shift(t) + x86_topology_core_width(t);
}

unsigned x86_topology_package_shift(const X86Topology *t)
{
    return x86_topology_die_shift(t) + x86_topology_die_width(t);
}

X86CpuIds x86_topology_ids(const X86Topology *t, unsigned index)
{
    return (X86CpuIds){
        .thread = index % t->threads,
        .core = index / t->threads % t->cores,
        .die = index / t->threads / t->cores % t->dies,
        .socket = index / t->threads / t->cores / t->dies,
    };
}

uint32_t x86_topology_apic_id_of(const X86Topology *t, X86CpuIds ids)
{
    return ids.socket << x86_topology_package_shift(t) | ids.die << x86_topology_die_shift(t) |
           ids.core << x86_topology_core_shift(t) | ids.thread;
}

uint32_t x86_topology_apic_id(const X86Topology *t, unsigned index)
{
    return x86_topology_apic_id_of(t, x86_topology_ids(t, index));
}

bool x86_topology_index_of(const X86Topology *t, uint32_t apic_id, unsigned *index)
{
    unsigned thread = apic_id & ((1u << x86_topology_thread_width(t)) - 1);
    unsigned core = apic_id >> x86_topology_core_shift(t) &
                    ((1u << x86_topology_core_width(t)) - 1);
    unsigned die = apic_id >> x86_topology_die_shift(t) &
                   ((1u << x86_topology_die_width(t)) - 1);
    unsigned socket = apic_id >> x86_topology_package_shift(t);

    if (thread >= t->threads || core >= t->cores || die >= t->dies || socket >= t->sockets) {
        return false;
    }
    *index = ((socket * t->dies + die) * t->cores + core) * t->threads + thread;
    return true;
}
