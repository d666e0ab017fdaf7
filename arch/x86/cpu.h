/* SPDX-License-Identifier: MIT */
/*
 * The x86 processor as a device: type "<model>-x86_64-cpu" for every name that
 * `-cpu` takes, derived from "x86_64-cpu".
 *
 * What it can do is decided when it is realized, from its configuration and what
 * the accelerator supports. Pins: INTR and NMI, which are LINT0 and LINT1 of the
 * local APIC that is its child "lapic" (Intel SDM volume 3, 11.5.1); SMI, which
 * an accelerator that has system management mode takes over; and FERR and IGNNE, by which
 * an accelerator that can tells of x87 errors while CR0.NE is 0 (SDM volume 1, appendix D).
 */
#ifndef ARCH_X86_CPU_H
#define ARCH_X86_CPU_H

#include "arch/x86/state.h"
#include "arch/x86/topology.h"
#include "hw/core/cpu.h"

enum { X86_CPU_PIN_INTR, X86_CPU_PIN_NMI, X86_CPU_PIN_SMI, X86_CPU_PIN_FERR,
       X86_CPU_PIN_IGNNE };

typedef struct X86Cpu {
    Cpu cpu;
    X86CpuConfig config;        /* owned */
    bool configured;
    GPtrArray *options;         /* names and values set as properties: they outlast a new config */
    X86Topology topology;
    X86CpuDefinition definition;
    GArray *cpuid;              /* of X86CpuidEntry; once realized */
    X86CpuState *registers;     /* cpu.state */
    Device *lapic;              /* NULL: the CPU has none */
    uint8_t *image;             /* the registers as they are saved: length, then savestate.h's */
    uint32_t image_size;
    /* properties */
    uint32_t apic_id;           /* UINT32_MAX: by the topology */
    int32_t socket_id, die_id, core_id, thread_id;
} X86Cpu;

/* debugger.c: the registers as GDB numbers them. */
extern const CpuRegisterOps x86_register_ops;

#define X86_CPU_TYPE "x86_64-cpu" /* the parent of all models' types */

/*
 * That and the types of the models, NULL-terminated, for
 * object_types_register(). The array is made on the first call and stays.
 */
const ObjectType *const *x86_cpu_types(void);

/*
 * A CPU below `parent`, named "cpu[INDEX]", in phase create. `config` is copied.
 * The local APIC is made with it.
 */
Device *x86_cpu_new(Object *parent, unsigned index, const X86CpuConfig *config,
                    const X86Topology *topology, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A feature or property of `-cpu`, before the CPU is realized. */
bool x86_cpu_set_option(X86Cpu *x86, const char *name, const char *value, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/*
 * What the accelerator can do; borrowed, until it is replaced. NULL: no code will
 * run, so every feature counts as supported.
 */
void x86_cpu_set_support(const X86CpuSupport *support);
const X86CpuSupport *x86_cpu_support(void);

#endif
