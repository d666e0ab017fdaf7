/* SPDX-License-Identifier: MIT */
/*
 * CPU topology and APIC identifiers.
 *
 * An APIC id is package | die | core | thread, each field as wide as its count needs
 * (Intel SDM volume 3, 9.9 "Topology enumeration"); so ids have gaps where a count is no
 * power of two. CPUs are numbered thread first, then core, die, socket.
 */
#ifndef ARCH_X86_TOPOLOGY_H
#define ARCH_X86_TOPOLOGY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct X86Topology {
    unsigned sockets; /* each at least 1 */
    unsigned dies;    /* in a socket */
    unsigned cores;   /* in a die */
    unsigned threads; /* of a core */
} X86Topology;

typedef struct X86CpuIds {
    unsigned socket, die, core, thread; /* each within its parent */
} X86CpuIds;

/* How many CPUs the topology has room for; UINT_MAX if that overflows. */
unsigned x86_topology_cpu_count(const X86Topology *topology);

/* Checks counts of at least 1 and APIC ids below 2^32 - 1. */
bool x86_topology_validate(const X86Topology *topology, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Widths in bits, and the positions where fields begin. */
unsigned x86_topology_thread_width(const X86Topology *topology);
unsigned x86_topology_core_width(const X86Topology *topology);
unsigned x86_topology_die_width(const X86Topology *topology);
unsigned x86_topology_core_shift(const X86Topology *topology);
unsigned x86_topology_die_shift(const X86Topology *topology);
unsigned x86_topology_package_shift(const X86Topology *topology);

/* `index` is the CPU's number, from 0. */
X86CpuIds x86_topology_ids(const X86Topology *topology, unsigned index);
uint32_t x86_topology_apic_id(const X86Topology *topology, unsigned index);
uint32_t x86_topology_apic_id_of(const X86Topology *topology, X86CpuIds ids);

/* The way back; false when no CPU has that APIC id. */
bool x86_topology_index_of(const X86Topology *topology, uint32_t apic_id, unsigned *index);

#endif
