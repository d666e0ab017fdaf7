/* SPDX-License-Identifier: MIT */
/*
 * From what the user asked for (X86CpuConfig) and what the accelerator can do
 * (X86CpuSupport) to a CPU (X86CpuDefinition) and to the CPUID leaves that a guest reads.
 *
 * Leaves: Intel SDM volume 2A, CPUID; AMD APM volume 3 appendix E; Linux
 * Documentation/virt/kvm/x86/cpuid.rst for 0x40000000 and up.
 *
 * Not modelled: Hyper-V's leaves, leaf 0x12 beyond what the accelerator reports, hybrid
 * parts (0x1a), L2/L3 allocation (0xf, 0x10), which all read as zero.
 */
#ifndef ARCH_X86_CPUID_H
#define ARCH_X86_CPUID_H

#include "arch/x86/cpuconfig.h"
#include "arch/x86/topology.h"

#define X86_CPUID_SUBLEAF 1u /* ECX selects; the value KVM uses too */

typedef struct X86CpuidEntry {
    uint32_t leaf;
    uint32_t subleaf;
    uint32_t flags;
    uint32_t eax, ebx, ecx, edx;
} X86CpuidEntry;

/* What an accelerator can give a guest. */
typedef struct X86CpuSupport {
    const char *name;      /* in warnings: "host" for KVM, "TCG" and the like */
    bool hardware;         /* runs guest code on the host's CPU: vendor and `host` come from it */
    bool paravirt;         /* has KVM's paravirtual interface (leaf 0x40000001) */
    char signature[13];    /* of leaf 0x40000000: "KVMKVMKVM"; "" shows no such leaves */
    const X86CpuidEntry *entries; /* as KVM_GET_SUPPORTED_CPUID gives; borrowed */
    size_t entry_count;
    X86FeatureSet features;    /* filled by x86_cpu_support_init(), then as you like */
    uint32_t phys_bits;        /* 0: taken from leaf 0x80000008 */
    uint32_t tsc_khz;          /* 0: unknown */
    uint32_t apic_bus_khz;     /* the APIC timer's clock; 0: unknown */
    uint64_t xss;              /* supervisor state components (leaf 0xd.1) */
} X86CpuSupport;

/*
 * Fills `support` from a list of supported entries, which must outlive it. Features that
 * an accelerator need not report, because they only describe (hypervisor, ht,
 * cmp-legacy), are taken as supported.
 */
void x86_cpu_support_init(X86CpuSupport *support, const char *name,
                          const X86CpuidEntry *entries, size_t count);

/* The supported entry of a leaf and subleaf, or NULL. */
const X86CpuidEntry *x86_cpu_support_entry(const X86CpuSupport *support, uint32_t leaf,
                                           uint32_t subleaf);

/* Adds what a feature MSR of the host offers (KVM_GET_MSRS on /dev/kvm); others are ignored. */
void x86_cpu_support_add_msr(X86CpuSupport *support, uint32_t index, uint64_t value);

/* The CPU, decided. */
typedef struct X86CpuDefinition {
    X86FeatureSet features;
    X86FeatureSet filtered;  /* asked for, and not to be had */
    char vendor[13];
    char model_id[49];
    uint32_t family, model, stepping;
    uint32_t level, xlevel, xlevel2, level_func7;
    uint32_t phys_bits, linear_bits;
    uint64_t xcr0, xss;      /* state components the guest may enable */
    uint32_t xsave_size;     /* bytes of the standard form with all of xcr0; 0: no XSAVE */
    uint64_t tsc_hz;         /* asked for; 0: the accelerator's own */
    uint64_t ucode_rev;
    bool level_fixed;        /* the topology must not raise .level */
    bool pmu, kvm, l3_cache, host_cache_info, cpuid_0xb, vmware_cpuid_freq, lmce;
    const X86Caches *caches;
} X86CpuDefinition;

/*
 * Decides. Features the accelerator lacks are taken out, each with a line in `warnings`
 * (of char *, to be freed by the caller's free function; NULL drops them) when `check` or
 * `enforce` is on; with `enforce` that is an error. Names what is wrong otherwise.
 */
bool x86_cpu_define(X86CpuDefinition *cpu, const X86CpuConfig *config,
                    const X86CpuSupport *support, GPtrArray *warnings, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* CPUID.1:EAX, which reset leaves in EDX too. */
uint32_t x86_cpu_signature(const X86CpuDefinition *cpu);

/* The value of a feature MSR word (e.g. X86_WORD_MSR_10A) for this CPU. */
uint64_t x86_cpu_feature_msr(const X86CpuDefinition *cpu, X86FeatureWord word);

/* IA32_MISC_ENABLE at power-on: fast strings; performance counters as .pmu; MWAIT as the CPU. */
uint64_t x86_cpu_misc_enable(const X86CpuDefinition *cpu);

/*
 * The leaves of CPU number `index`, ordered by leaf and subleaf, of X86CpuidEntry; free with
 * g_array_unref(). Leaves that read as zero and lie inside the levels are present, so that
 * the accelerator has no leaf to invent.
 */
GArray *x86_cpuid_build(const X86CpuDefinition *cpu, const X86Topology *topology,
                        unsigned index, const X86CpuSupport *support);

/*
 * What the CPUID instruction answers from such a list: exact, or for a leaf beyond the
 * levels, Intel's rule (the highest basic leaf) or AMD's (zero).
 */
X86CpuidEntry x86_cpuid_lookup(const X86CpuidEntry *entries, size_t count, uint32_t leaf,
                               uint32_t subleaf);

#endif
