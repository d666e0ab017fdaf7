/* SPDX-License-Identifier: MIT */
/* What the software CPU can give a guest. */
#include "accel/jit/x86/system.h"

/* Features whose instructions and behaviour exist. */
static const char features[] =
    "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse "
    "sse2 syscall nx lm rdtscp pdpe1gb cx16 popcnt sse3 ssse3 sse4.1 sse4.2 movbe lahf_lm fsgsbase "
    "smep smap erms bmi1 bmi2 adx rdrand rdseed xsave xsaveopt xsavec xgetbv1 xsaves pku invpcid "
    "pcid la57 abm umip avx avx2 fma f16c aes pclmulqdq sha-ni clflushopt clwb rdpid x2apic "
    "tsc-deadline tsc-adjust arat monitor 3dnowprefetch mmxext ss invtsc "
    "zero-fcs-fds";

#define PHYS_BITS 40
#define TSC_KHZ   1000000u
#define APIC_BUS_KHZ 1000000u

/*
 * `-cpu max` is an AMD CPU to its guests: they then use SYSCALL from all modes, and do not guard
 * against what chips with a pipeline let through. Family 15, model 107, stepping 1.
 */
static X86CpuidEntry entries[] = {
    { .leaf = 0, .eax = 0xd, .ebx = 0x68747541, .ecx = 0x444d4163, .edx = 0x69746e65 },
    { .leaf = 1, .eax = 0x00060fb1 },
    { .leaf = 0xd, .subleaf = 0, .flags = X86_CPUID_SUBLEAF, .eax = 0x207, .ebx = 576, .ecx = 2696 },
    { .leaf = 0xd, .subleaf = 1, .flags = X86_CPUID_SUBLEAF, .eax = 0xf },
    { .leaf = 0xd, .subleaf = 2, .flags = X86_CPUID_SUBLEAF, .eax = 256, .ebx = 576 },
    { .leaf = 0xd, .subleaf = 9, .flags = X86_CPUID_SUBLEAF, .eax = 8, .ebx = 2688 },
    { .leaf = 0x80000000, .eax = 0x80000008 },
    /* "vmm software CPU" */
    { .leaf = 0x80000002, .eax = 0x206d6d76, .ebx = 0x74666f73, .ecx = 0x65726177, .edx = 0x55504320 },
    { .leaf = 0x80000008, .eax = 48 << 8 | PHYS_BITS },
};

const X86CpuSupport *x86_jit_support(void)
{
    static X86CpuSupport support;
    static bool made;

    if (!made) {
        x86_cpu_support_init(&support, "TCG", entries, G_N_ELEMENTS(entries));
        x86_feature_set_list(&support.features, features, true);
        support.phys_bits = PHYS_BITS;
        support.tsc_khz = TSC_KHZ;
        support.apic_bus_khz = APIC_BUS_KHZ;
        made = true;
    }
    return &support;
}
