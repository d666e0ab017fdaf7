/* SPDX-License-Identifier: MIT */
/* The table of x86 CPU features, and sets of them. */
#include "arch/x86/features.h"

#include <string.h>

#include "base/error.h"


const X86FeatureWordInfo x86_feature_words[X86_WORD_COUNT] = {
    [X86_WORD_1_EDX] = { .leaf = 0x1, .reg = X86_EDX },
    [X86_WORD_1_ECX] = { .leaf = 0x1, .reg = X86_ECX },
    [X86_WORD_7_0_EBX] = { .leaf = 0x7, .has_subleaf = true, .subleaf = 0, .reg = X86_EBX },
    [X86_WORD_7_0_ECX] = { .leaf = 0x7, .has_subleaf = true, .subleaf = 0, .reg = X86_ECX },
    [X86_WORD_7_0_EDX] = { .leaf = 0x7, .has_subleaf = true, .subleaf = 0, .reg = X86_EDX },
    [X86_WORD_7_1_EAX] = { .leaf = 0x7, .has_subleaf = true, .subleaf = 1, .reg = X86_EAX },
    [X86_WORD_7_1_EDX] = { .leaf = 0x7, .has_subleaf = true, .subleaf = 1, .reg = X86_EDX },
    [X86_WORD_7_2_EDX] = { .leaf = 0x7, .has_subleaf = true, .subleaf = 2, .reg = X86_EDX },
    [X86_WORD_D_1_EAX] = { .leaf = 0xd, .has_subleaf = true, .subleaf = 1, .reg = X86_EAX,
                           .needs = "xsave" },
    [X86_WORD_6_EAX] = { .leaf = 0x6, .reg = X86_EAX },
    [X86_WORD_12_0_EAX] = { .leaf = 0x12, .has_subleaf = true, .subleaf = 0, .reg = X86_EAX,
                            .needs = "sgx" },
    [X86_WORD_12_0_EBX] = { .leaf = 0x12, .has_subleaf = true, .subleaf = 0, .reg = X86_EBX,
                            .needs = "sgx" },
    [X86_WORD_12_1_EAX] = { .leaf = 0x12, .has_subleaf = true, .subleaf = 1, .reg = X86_EAX,
                            .needs = "sgx" },
    [X86_WORD_14_0_ECX] = { .leaf = 0x14, .has_subleaf = true, .subleaf = 0, .reg = X86_ECX,
                            .needs = "intel-pt" },
    [X86_WORD_40000001_EAX] = { .leaf = 0x40000001, .reg = X86_EAX },
    [X86_WORD_40000001_EDX] = { .leaf = 0x40000001, .reg = X86_EDX },
    [X86_WORD_80000001_EDX] = { .leaf = 0x80000001, .reg = X86_EDX },
    [X86_WORD_80000001_ECX] = { .leaf = 0x80000001, .reg = X86_ECX },
    [X86_WORD_80000007_EDX] = { .leaf = 0x80000007, .reg = X86_EDX },
    [X86_WORD_80000008_EBX] = { .leaf = 0x80000008, .reg = X86_EBX },
    [X86_WORD_8000000A_EDX] = { .leaf = 0x8000000a, .reg = X86_EDX, .needs = "svm" },
    [X86_WORD_8000001F_EAX] = { .leaf = 0x8000001f, .reg = X86_EAX },
    [X86_WORD_80000021_EAX] = { .leaf = 0x80000021, .reg = X86_EAX },
    [X86_WORD_C0000001_EDX] = { .leaf = 0xc0000001, .reg = X86_EDX },
    [X86_WORD_MSR_CF] = { .msr = 0xcf, .needs = "core-capability" },
    [X86_WORD_MSR_10A] = { .msr = 0x10a, .needs = "arch-capabilities" },
    [X86_WORD_MSR_345] = { .msr = 0x345, .needs = "pdcm" },
    [X86_WORD_MSR_480] = { .msr = 0x480, .needs = "vmx" },
    [X86_WORD_MSR_485] = { .msr = 0x485, .needs = "vmx" },
    [X86_WORD_MSR_48B] = { .msr = 0x48b, .msr_shift = 32, .needs = "vmx" },
    [X86_WORD_MSR_48C] = { .msr = 0x48c, .needs = "vmx" },
    [X86_WORD_MSR_48D] = { .msr = 0x48d, .msr_shift = 32, .needs = "vmx" },
    [X86_WORD_MSR_48E] = { .msr = 0x48e, .msr_shift = 32, .needs = "vmx" },
    [X86_WORD_MSR_48F] = { .msr = 0x48f, .msr_shift = 32, .needs = "vmx" },
    [X86_WORD_MSR_490] = { .msr = 0x490, .msr_shift = 32, .needs = "vmx" },
    [X86_WORD_MSR_491] = { .msr = 0x491, .needs = "vmx" },
};

#define W(name) X86_WORD_##name

const X86FeatureInfo x86_features[] = {
    { W(1_EDX), 0, "fpu" },
    { W(1_EDX), 1, "vme" },
    { W(1_EDX), 2, "de" },
    { W(1_EDX), 3, "pse" },
    { W(1_EDX), 4, "tsc" },
    { W(1_EDX), 5, "msr" },
    { W(1_EDX), 6, "pae" },
    { W(1_EDX), 7, "mce" },
    { W(1_EDX), 8, "cx8" },
    { W(1_EDX), 9, "apic" },
    { W(1_EDX), 11, "sep" },
    { W(1_EDX), 12, "mtrr" },
    { W(1_EDX), 13, "pge" },
    { W(1_EDX), 14, "mca" },
    { W(1_EDX), 15, "cmov" },
    { W(1_EDX), 16, "pat" },
    { W(1_EDX), 17, "pse36" },
    { W(1_EDX), 18, "pn" },
    { W(1_EDX), 19, "clflush" },
    { W(1_EDX), 21, "ds" },
    { W(1_EDX), 22, "acpi" },
    { W(1_EDX), 23, "mmx" },
    { W(1_EDX), 24, "fxsr" },
    { W(1_EDX), 25, "sse", "fxsr" },
    { W(1_EDX), 26, "sse2", "sse" },
    { W(1_EDX), 27, "ss" },
    { W(1_EDX), 28, "ht" },
    { W(1_EDX), 29, "tm" },
    { W(1_EDX), 30, "ia64" },
    { W(1_EDX), 31, "pbe" },

    { W(1_ECX), 0, "pni|sse3", "sse2" },
    { W(1_ECX), 1, "pclmulqdq|pclmuldq", "sse2" },
    { W(1_ECX), 2, "dtes64" },
    { W(1_ECX), 3, "monitor" },
    { W(1_ECX), 4, "ds-cpl" },
    { W(1_ECX), 5, "vmx" },
    { W(1_ECX), 6, "smx" },
    { W(1_ECX), 7, "est" },
    { W(1_ECX), 8, "tm2" },
    { W(1_ECX), 9, "ssse3", "pni" },
    { W(1_ECX), 10, "cid" },
    { W(1_ECX), 12, "fma", "avx" },
    { W(1_ECX), 13, "cx16" },
    { W(1_ECX), 14, "xtpr" },
    { W(1_ECX), 15, "pdcm" },
    { W(1_ECX), 17, "pcid", "lm" },
    { W(1_ECX), 18, "dca" },
    { W(1_ECX), 19, "sse4.1|sse4-1", "ssse3" },
    { W(1_ECX), 20, "sse4.2|sse4-2", "sse4.1" },
    { W(1_ECX), 21, "x2apic", "apic" },
    { W(1_ECX), 22, "movbe" },
    { W(1_ECX), 23, "popcnt" },
    { W(1_ECX), 24, "tsc-deadline", "apic" },
    { W(1_ECX), 25, "aes", "sse2" },
    { W(1_ECX), 26, "xsave", "fxsr" },
    { W(1_ECX), 28, "avx", "xsave" },
    { W(1_ECX), 29, "f16c", "avx" },
    { W(1_ECX), 30, "rdrand" },
    { W(1_ECX), 31, "hypervisor" },

    { W(7_0_EBX), 0, "fsgsbase" },
    { W(7_0_EBX), 1, "tsc-adjust", "tsc" },
    { W(7_0_EBX), 2, "sgx", NULL, X86_FEATURE_EXPLICIT },
    { W(7_0_EBX), 3, "bmi1" },
    { W(7_0_EBX), 4, "hle" },
    { W(7_0_EBX), 5, "avx2", "avx" },
    { W(7_0_EBX), 6, "fdp-excptn-only" },
    { W(7_0_EBX), 7, "smep" },
    { W(7_0_EBX), 8, "bmi2" },
    { W(7_0_EBX), 9, "erms" },
    { W(7_0_EBX), 10, "invpcid" },
    { W(7_0_EBX), 11, "rtm" },
    { W(7_0_EBX), 13, "zero-fcs-fds" },
    { W(7_0_EBX), 14, "mpx", "xsave" },
    { W(7_0_EBX), 16, "avx512f", "avx2" },
    { W(7_0_EBX), 17, "avx512dq", "avx512f" },
    { W(7_0_EBX), 18, "rdseed" },
    { W(7_0_EBX), 19, "adx" },
    { W(7_0_EBX), 20, "smap" },
    { W(7_0_EBX), 21, "avx512ifma", "avx512f" },
    { W(7_0_EBX), 22, "pcommit" },
    { W(7_0_EBX), 23, "clflushopt" },
    { W(7_0_EBX), 24, "clwb" },
    { W(7_0_EBX), 25, "intel-pt", NULL, X86_FEATURE_EXPLICIT },
    { W(7_0_EBX), 26, "avx512pf", "avx512f" },
    { W(7_0_EBX), 27, "avx512er", "avx512f" },
    { W(7_0_EBX), 28, "avx512cd", "avx512f" },
    { W(7_0_EBX), 29, "sha-ni", "sse2" },
    { W(7_0_EBX), 30, "avx512bw", "avx512f" },
    { W(7_0_EBX), 31, "avx512vl", "avx512f" },

    { W(7_0_ECX), 1, "avx512vbmi", "avx512f" },
    { W(7_0_ECX), 2, "umip" },
    { W(7_0_ECX), 3, "pku", "xsave" },
    { W(7_0_ECX), 5, "waitpkg" },
    { W(7_0_ECX), 6, "avx512vbmi2", "avx512f" },
    { W(7_0_ECX), 7, "cet-ss", NULL, X86_FEATURE_EXPLICIT },
    { W(7_0_ECX), 8, "gfni", "sse2" },
    { W(7_0_ECX), 9, "vaes", "avx" },
    { W(7_0_ECX), 10, "vpclmulqdq", "avx" },
    { W(7_0_ECX), 11, "avx512vnni", "avx512f" },
    { W(7_0_ECX), 12, "avx512bitalg", "avx512f" },
    { W(7_0_ECX), 13, "tme", NULL, X86_FEATURE_EXPLICIT },
    { W(7_0_ECX), 14, "avx512-vpopcntdq", "avx512f" },
    { W(7_0_ECX), 16, "la57", "lm" },
    { W(7_0_ECX), 22, "rdpid" },
    { W(7_0_ECX), 23, "keylocker", NULL, X86_FEATURE_EXPLICIT },
    { W(7_0_ECX), 24, "bus-lock-detect" },
    { W(7_0_ECX), 25, "cldemote" },
    { W(7_0_ECX), 27, "movdiri" },
    { W(7_0_ECX), 28, "movdir64b" },
    { W(7_0_ECX), 29, "enqcmd", NULL, X86_FEATURE_EXPLICIT },
    { W(7_0_ECX), 30, "sgxlc", "sgx" },
    { W(7_0_ECX), 31, "pks" },

    { W(7_0_EDX), 1, "sgx-keys", "sgx" },
    { W(7_0_EDX), 2, "avx512-4vnniw", "avx512f" },
    { W(7_0_EDX), 3, "avx512-4fmaps", "avx512f" },
    { W(7_0_EDX), 4, "fsrm" },
    { W(7_0_EDX), 5, "uintr", NULL, X86_FEATURE_EXPLICIT },
    { W(7_0_EDX), 8, "avx512-vp2intersect", "avx512f" },
    { W(7_0_EDX), 9, "srbds-ctrl" },
    { W(7_0_EDX), 10, "md-clear" },
    { W(7_0_EDX), 11, "rtm-always-abort", NULL, X86_FEATURE_EXPLICIT },
    { W(7_0_EDX), 14, "serialize" },
    { W(7_0_EDX), 15, "hybrid", NULL, X86_FEATURE_EXPLICIT },
    { W(7_0_EDX), 16, "tsx-ldtrk", "rtm" },
    { W(7_0_EDX), 18, "pconfig", NULL, X86_FEATURE_EXPLICIT },
    { W(7_0_EDX), 19, "arch-lbr" },
    { W(7_0_EDX), 20, "cet-ibt", NULL, X86_FEATURE_EXPLICIT },
    { W(7_0_EDX), 22, "amx-bf16", "amx-tile" },
    { W(7_0_EDX), 23, "avx512-fp16", "avx512bw" },
    { W(7_0_EDX), 24, "amx-tile", "xfd" },
    { W(7_0_EDX), 25, "amx-int8", "amx-tile" },
    { W(7_0_EDX), 26, "spec-ctrl" },
    { W(7_0_EDX), 27, "stibp" },
    { W(7_0_EDX), 28, "flush-l1d" },
    { W(7_0_EDX), 29, "arch-capabilities" },
    { W(7_0_EDX), 30, "core-capability" },
    { W(7_0_EDX), 31, "ssbd" },

    { W(7_1_EAX), 0, "sha512", "avx" },
    { W(7_1_EAX), 1, "sm3", "avx" },
    { W(7_1_EAX), 2, "sm4", "avx" },
    { W(7_1_EAX), 4, "avx-vnni", "avx2" },
    { W(7_1_EAX), 5, "avx512-bf16", "avx512f" },
    { W(7_1_EAX), 6, "lass" },
    { W(7_1_EAX), 7, "cmpccxadd" },
    { W(7_1_EAX), 10, "fzrm" },
    { W(7_1_EAX), 11, "fsrs" },
    { W(7_1_EAX), 12, "fsrc" },
    { W(7_1_EAX), 17, "fred", NULL, X86_FEATURE_EXPLICIT },
    { W(7_1_EAX), 18, "lkgs", NULL, X86_FEATURE_EXPLICIT },
    { W(7_1_EAX), 19, "wrmsrns" },
    { W(7_1_EAX), 21, "amx-fp16", "amx-tile" },
    { W(7_1_EAX), 23, "avx-ifma", "avx2" },
    { W(7_1_EAX), 26, "lam", "lm" },

    { W(7_1_EDX), 4, "avx-vnni-int8", "avx2" },
    { W(7_1_EDX), 5, "avx-ne-convert", "avx2" },
    { W(7_1_EDX), 8, "amx-complex", "amx-tile" },
    { W(7_1_EDX), 10, "avx-vnni-int16", "avx2" },
    { W(7_1_EDX), 14, "prefetchiti" },
    { W(7_1_EDX), 19, "avx10", NULL, X86_FEATURE_EXPLICIT },

    { W(7_2_EDX), 0, "intel-psfd" },
    { W(7_2_EDX), 1, "ipred-ctrl" },
    { W(7_2_EDX), 2, "rrsba-ctrl" },
    { W(7_2_EDX), 3, "ddpd-u" },
    { W(7_2_EDX), 4, "bhi-ctrl" },
    { W(7_2_EDX), 5, "mcdt-no" },

    { W(D_1_EAX), 0, "xsaveopt" },
    { W(D_1_EAX), 1, "xsavec" },
    { W(D_1_EAX), 2, "xgetbv1" },
    { W(D_1_EAX), 3, "xsaves" },
    { W(D_1_EAX), 4, "xfd" },

    { W(6_EAX), 2, "arat", "apic" },

    { W(12_0_EAX), 0, "sgx1" },
    { W(12_0_EAX), 1, "sgx2", "sgx1" },

    { W(12_0_EBX), 0, "sgx-exinfo" },

    { W(12_1_EAX), 1, "sgx-debug" },
    { W(12_1_EAX), 2, "sgx-mode64" },
    { W(12_1_EAX), 4, "sgx-provisionkey" },
    { W(12_1_EAX), 5, "sgx-tokenkey" },
    { W(12_1_EAX), 7, "sgx-kss" },

    { W(14_0_ECX), 31, "intel-pt-lip", "intel-pt" },

    { W(40000001_EAX), 0, "kvmclock" },
    { W(40000001_EAX), 1, "kvm-nopiodelay" },
    { W(40000001_EAX), 2, "kvm-mmu" },
    { W(40000001_EAX), 3, "kvmclock", NULL, X86_FEATURE_AGAIN },
    { W(40000001_EAX), 4, "kvm-asyncpf" },
    { W(40000001_EAX), 5, "kvm-steal-time" },
    { W(40000001_EAX), 6, "kvm-pv-eoi" },
    { W(40000001_EAX), 7, "kvm-pv-unhalt" },
    { W(40000001_EAX), 9, "kvm-pv-tlb-flush" },
    { W(40000001_EAX), 11, "kvm-pv-ipi" },
    { W(40000001_EAX), 12, "kvm-poll-control" },
    { W(40000001_EAX), 13, "kvm-pv-sched-yield" },
    { W(40000001_EAX), 14, "kvm-asyncpf-int", "kvm-asyncpf" },
    { W(40000001_EAX), 15, "kvm-msi-ext-dest-id" },
    { W(40000001_EAX), 24, "kvmclock-stable-bit", "kvmclock" },

    { W(40000001_EDX), 0, "kvm-hint-dedicated", NULL, X86_FEATURE_EXPLICIT },

    { W(80000001_EDX), 11, "syscall" },
    { W(80000001_EDX), 20, "nx|xd", "pae" },
    { W(80000001_EDX), 22, "mmxext", "mmx" },
    { W(80000001_EDX), 25, "fxsr-opt|ffxsr", "fxsr" },
    { W(80000001_EDX), 26, "pdpe1gb", "lm" },
    { W(80000001_EDX), 27, "rdtscp", "tsc" },
    { W(80000001_EDX), 29, "lm|i64", "pae" },
    { W(80000001_EDX), 30, "3dnowext", "3dnow" },
    { W(80000001_EDX), 31, "3dnow", "mmx" },

    { W(80000001_ECX), 0, "lahf-lm" },
    { W(80000001_ECX), 1, "cmp-legacy" },
    { W(80000001_ECX), 2, "svm" },
    { W(80000001_ECX), 3, "extapic", "apic" },
    { W(80000001_ECX), 4, "cr8legacy", "apic" },
    { W(80000001_ECX), 5, "abm" },
    { W(80000001_ECX), 6, "sse4a", "pni" },
    { W(80000001_ECX), 7, "misalignsse", "sse" },
    { W(80000001_ECX), 8, "3dnowprefetch" },
    { W(80000001_ECX), 9, "osvw" },
    { W(80000001_ECX), 10, "ibs" },
    { W(80000001_ECX), 11, "xop", "avx" },
    { W(80000001_ECX), 12, "skinit" },
    { W(80000001_ECX), 13, "wdt" },
    { W(80000001_ECX), 15, "lwp", "xsave" },
    { W(80000001_ECX), 16, "fma4", "avx" },
    { W(80000001_ECX), 17, "tce" },
    { W(80000001_ECX), 19, "nodeid-msr" },
    { W(80000001_ECX), 21, "tbm" },
    { W(80000001_ECX), 22, "topoext" },
    { W(80000001_ECX), 23, "perfctr-core" },
    { W(80000001_ECX), 24, "perfctr-nb" },

    { W(80000007_EDX), 8, "invtsc", "tsc", X86_FEATURE_UNMIGRATABLE },

    { W(80000008_EBX), 0, "clzero" },
    { W(80000008_EBX), 2, "xsaveerptr", "xsave" },
    { W(80000008_EBX), 9, "wbnoinvd" },
    { W(80000008_EBX), 12, "ibpb" },
    { W(80000008_EBX), 14, "ibrs" },
    { W(80000008_EBX), 15, "amd-stibp" },
    { W(80000008_EBX), 17, "stibp-always-on" },
    { W(80000008_EBX), 24, "amd-ssbd" },
    { W(80000008_EBX), 25, "virt-ssbd" },
    { W(80000008_EBX), 26, "amd-no-ssb" },
    { W(80000008_EBX), 28, "amd-psfd" },
    { W(80000008_EBX), 29, "btc-no" },

    { W(8000000A_EDX), 0, "npt" },
    { W(8000000A_EDX), 1, "lbrv" },
    { W(8000000A_EDX), 2, "svm-lock" },
    { W(8000000A_EDX), 3, "nrip-save" },
    { W(8000000A_EDX), 4, "tsc-scale" },
    { W(8000000A_EDX), 5, "vmcb-clean" },
    { W(8000000A_EDX), 6, "flushbyasid" },
    { W(8000000A_EDX), 7, "decodeassists" },
    { W(8000000A_EDX), 10, "pause-filter" },
    { W(8000000A_EDX), 12, "pfthreshold" },
    { W(8000000A_EDX), 13, "avic" },
    { W(8000000A_EDX), 15, "v-vmsave-vmload" },
    { W(8000000A_EDX), 16, "vgif" },
    { W(8000000A_EDX), 25, "vnmi" },
    { W(8000000A_EDX), 28, "svme-addr-chk" },

    { W(8000001F_EAX), 0, "sme", NULL, X86_FEATURE_EXPLICIT },
    { W(8000001F_EAX), 1, "sev", NULL, X86_FEATURE_EXPLICIT },
    { W(8000001F_EAX), 3, "sev-es", "sev", X86_FEATURE_EXPLICIT },
    { W(8000001F_EAX), 4, "sev-snp", "sev-es", X86_FEATURE_EXPLICIT },

    { W(80000021_EAX), 0, "no-nested-data-bp" },
    { W(80000021_EAX), 2, "lfence-always-serializing" },
    { W(80000021_EAX), 6, "null-sel-clr-base" },
    { W(80000021_EAX), 8, "auto-ibrs" },
    { W(80000021_EAX), 27, "sbpb" },
    { W(80000021_EAX), 28, "ibpb-brtype" },
    { W(80000021_EAX), 29, "srso-no" },

    { W(C0000001_EDX), 2, "xstore" },
    { W(C0000001_EDX), 3, "xstore-en", "xstore" },
    { W(C0000001_EDX), 6, "xcrypt" },
    { W(C0000001_EDX), 7, "xcrypt-en", "xcrypt" },
    { W(C0000001_EDX), 8, "ace2" },
    { W(C0000001_EDX), 9, "ace2-en", "ace2" },
    { W(C0000001_EDX), 10, "phe" },
    { W(C0000001_EDX), 11, "phe-en", "phe" },
    { W(C0000001_EDX), 12, "pmm" },
    { W(C0000001_EDX), 13, "pmm-en", "pmm" },

    { W(MSR_CF), 5, "split-lock-detect" },

    { W(MSR_10A), 0, "rdctl-no" },
    { W(MSR_10A), 1, "ibrs-all" },
    { W(MSR_10A), 2, "rsba" },
    { W(MSR_10A), 3, "skip-l1dfl-vmentry" },
    { W(MSR_10A), 4, "ssb-no" },
    { W(MSR_10A), 5, "mds-no" },
    { W(MSR_10A), 6, "pschange-mc-no" },
    { W(MSR_10A), 7, "tsx-ctrl" },
    { W(MSR_10A), 8, "taa-no" },
    { W(MSR_10A), 13, "sbdr-ssdp-no" },
    { W(MSR_10A), 14, "fbsdp-no" },
    { W(MSR_10A), 15, "psdp-no" },
    { W(MSR_10A), 17, "fb-clear" },
    { W(MSR_10A), 19, "rrsba" },
    { W(MSR_10A), 20, "bhi-no" },
    { W(MSR_10A), 24, "pbrsb-no" },
    { W(MSR_10A), 26, "gds-no" },
    { W(MSR_10A), 27, "rfds-no" },
    { W(MSR_10A), 28, "rfds-clear" },

    { W(MSR_345), 13, "full-width-write" },

    { W(MSR_480), 54, "vmx-ins-outs" },
    { W(MSR_480), 55, "vmx-true-ctls" },

    { W(MSR_485), 5, "vmx-store-lma" },
    { W(MSR_485), 6, "vmx-activity-hlt" },
    { W(MSR_485), 7, "vmx-activity-shutdown" },
    { W(MSR_485), 8, "vmx-activity-wait-sipi" },
    { W(MSR_485), 29, "vmx-vmwrite-vmexit-fields" },
    { W(MSR_485), 30, "vmx-zero-len-inject" },

    { W(MSR_48B), 0, "vmx-apicv-xapic" },
    { W(MSR_48B), 1, "vmx-ept" },
    { W(MSR_48B), 2, "vmx-desc-exit" },
    { W(MSR_48B), 3, "vmx-rdtscp-exit" },
    { W(MSR_48B), 4, "vmx-apicv-x2apic" },
    { W(MSR_48B), 5, "vmx-vpid" },
    { W(MSR_48B), 6, "vmx-wbinvd-exit" },
    { W(MSR_48B), 7, "vmx-unrestricted-guest" },
    { W(MSR_48B), 8, "vmx-apicv-register" },
    { W(MSR_48B), 9, "vmx-apicv-vid" },
    { W(MSR_48B), 10, "vmx-ple" },
    { W(MSR_48B), 11, "vmx-rdrand-exit" },
    { W(MSR_48B), 12, "vmx-invpcid-exit" },
    { W(MSR_48B), 13, "vmx-vmfunc" },
    { W(MSR_48B), 14, "vmx-shadow-vmcs" },
    { W(MSR_48B), 15, "vmx-encls-exit" },
    { W(MSR_48B), 16, "vmx-rdseed-exit" },
    { W(MSR_48B), 17, "vmx-pml" },
    { W(MSR_48B), 20, "vmx-xsaves" },
    { W(MSR_48B), 25, "vmx-tsc-scaling" },

    { W(MSR_48C), 0, "vmx-ept-execonly" },
    { W(MSR_48C), 6, "vmx-page-walk-4" },
    { W(MSR_48C), 7, "vmx-page-walk-5" },
    { W(MSR_48C), 16, "vmx-ept-2mb" },
    { W(MSR_48C), 17, "vmx-ept-1gb" },
    { W(MSR_48C), 20, "vmx-invept" },
    { W(MSR_48C), 21, "vmx-eptad" },
    { W(MSR_48C), 22, "vmx-ept-advanced-exitinfo" },
    { W(MSR_48C), 25, "vmx-invept-single-context" },
    { W(MSR_48C), 26, "vmx-invept-all-context" },
    { W(MSR_48C), 32, "vmx-invvpid" },
    { W(MSR_48C), 40, "vmx-invvpid-single-addr" },
    { W(MSR_48C), 41, "vmx-invvpid-single-context" },
    { W(MSR_48C), 42, "vmx-invvpid-all-context" },
    { W(MSR_48C), 43, "vmx-invept-single-context-noglobals" },

    { W(MSR_48D), 0, "vmx-intr-exit" },
    { W(MSR_48D), 3, "vmx-nmi-exit" },
    { W(MSR_48D), 5, "vmx-vnmi" },
    { W(MSR_48D), 6, "vmx-preemption-timer" },
    { W(MSR_48D), 7, "vmx-posted-intr" },

    { W(MSR_48E), 2, "vmx-vintr-pending" },
    { W(MSR_48E), 3, "vmx-tsc-offset" },
    { W(MSR_48E), 7, "vmx-hlt-exit" },
    { W(MSR_48E), 9, "vmx-invlpg-exit" },
    { W(MSR_48E), 10, "vmx-mwait-exit" },
    { W(MSR_48E), 11, "vmx-rdpmc-exit" },
    { W(MSR_48E), 12, "vmx-rdtsc-exit" },
    { W(MSR_48E), 15, "vmx-cr3-load-noexit" },
    { W(MSR_48E), 16, "vmx-cr3-store-noexit" },
    { W(MSR_48E), 19, "vmx-cr8-load-exit" },
    { W(MSR_48E), 20, "vmx-cr8-store-exit" },
    { W(MSR_48E), 21, "vmx-flexpriority" },
    { W(MSR_48E), 22, "vmx-vnmi-pending" },
    { W(MSR_48E), 23, "vmx-movdr-exit" },
    { W(MSR_48E), 24, "vmx-io-exit" },
    { W(MSR_48E), 25, "vmx-io-bitmap" },
    { W(MSR_48E), 27, "vmx-mtf" },
    { W(MSR_48E), 28, "vmx-msr-bitmap" },
    { W(MSR_48E), 29, "vmx-monitor-exit" },
    { W(MSR_48E), 30, "vmx-pause-exit" },
    { W(MSR_48E), 31, "vmx-secondary-ctls" },

    { W(MSR_48F), 2, "vmx-exit-nosave-debugctl" },
    { W(MSR_48F), 12, "vmx-exit-load-perf-global-ctrl" },
    { W(MSR_48F), 15, "vmx-exit-ack-intr" },
    { W(MSR_48F), 18, "vmx-exit-save-pat" },
    { W(MSR_48F), 19, "vmx-exit-load-pat" },
    { W(MSR_48F), 20, "vmx-exit-save-efer" },
    { W(MSR_48F), 21, "vmx-exit-load-efer" },
    { W(MSR_48F), 22, "vmx-exit-save-preemption-timer" },
    { W(MSR_48F), 23, "vmx-exit-clear-bndcfgs" },
    { W(MSR_48F), 25, "vmx-exit-clear-rtit-ctl" },
    { W(MSR_48F), 29, "vmx-exit-load-pkrs" },

    { W(MSR_490), 2, "vmx-entry-noload-debugctl" },
    { W(MSR_490), 9, "vmx-entry-ia32e-mode" },
    { W(MSR_490), 13, "vmx-entry-load-perf-global-ctrl" },
    { W(MSR_490), 14, "vmx-entry-load-pat" },
    { W(MSR_490), 15, "vmx-entry-load-efer" },
    { W(MSR_490), 16, "vmx-entry-load-bndcfgs" },
    { W(MSR_490), 18, "vmx-entry-load-rtit-ctl" },
    { W(MSR_490), 22, "vmx-entry-load-pkrs" },

    { W(MSR_491), 0, "vmx-eptp-switching" },
};
const size_t x86_feature_count = G_N_ELEMENTS(x86_features);

#undef W

static bool names_match(const char *names, const char *name, size_t length)
{
    while (*names) {
        size_t n = strcspn(names, "|");

        if (n == length) {
            size_t i = 0;

            while (i < n && (names[i] == name[i] || (names[i] == '-' && name[i] == '_'))) {
                i++;
            }
            if (i == n) {
                return true;
            }
        }
        names += n + (names[n] == '|');
    }
    return false;
}

static size_t name_length(const char *name, ssize_t length)
{
    return length < 0 ? strlen(name) : (size_t)length;
}

/*
 * What the table says, made quick to look up: names hashed, and what each row needs as a row.
 * Made once, from constants.
 */
enum { HASH_SIZE = 1024, NO_ROW = 0xffff };

typedef struct Index {
    uint16_t bucket[HASH_SIZE]; /* a row, by the first of its names that fell here */
    uint16_t needs[512];        /* of each row: the row that it needs, or NO_ROW */
    uint16_t word_needs[X86_WORD_COUNT];
} Index;

G_STATIC_ASSERT(G_N_ELEMENTS(x86_features) <= 512);

/* '_' counts as '-', so that both spellings meet. */
static unsigned hash_name(const char *name, size_t length)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (size_t i = 0; i < length; i++) {
        uint8_t c = name[i] == '_' ? '-' : name[i];

        hash = (hash ^ c) * 16777619u;
    }
    return (hash ^ hash >> 16) % HASH_SIZE;
}

static uint16_t index_find(const Index *index, const char *name, size_t length)
{
    unsigned at = hash_name(name, length);

    for (; index->bucket[at] != NO_ROW; at = (at + 1) % HASH_SIZE) {
        if (names_match(x86_features[index->bucket[at]].names, name, length)) {
            return index->bucket[at];
        }
    }
    return NO_ROW;
}

static void index_add(Index *index, const char *names, uint16_t row)
{
    while (*names) {
        size_t n = strcspn(names, "|");
        unsigned at = hash_name(names, n);

        /* A second row of a name already here is reached by walking from the first. */
        if (index_find(index, names, n) == NO_ROW) {
            while (index->bucket[at] != NO_ROW) {
                at = (at + 1) % HASH_SIZE;
            }
            index->bucket[at] = row;
        }
        names += n + (names[n] == '|');
    }
}

static uint16_t needed_row(const Index *index, const char *name)
{
    return name ? index_find(index, name, strlen(name)) : NO_ROW;
}

static const Index *feature_index(void)
{
    static Index index;
    static gsize ready;

    if (g_once_init_enter(&ready)) {
        memset(index.bucket, 0xff, sizeof(index.bucket));
        for (size_t i = 0; i < x86_feature_count; i++) {
            index_add(&index, x86_features[i].names, i);
        }
        for (size_t i = 0; i < x86_feature_count; i++) {
            index.needs[i] = needed_row(&index, x86_features[i].needs);
        }
        for (unsigned w = 0; w < X86_WORD_COUNT; w++) {
            index.word_needs[w] = needed_row(&index, x86_feature_words[w].needs);
        }
        g_once_init_leave(&ready, 1);
    }
    return &index;
}

const X86FeatureInfo *x86_feature_find(const char *name, ssize_t length)
{
    uint16_t row = index_find(feature_index(), name, name_length(name, length));

    return row == NO_ROW ? NULL : &x86_features[row];
}

/* Rows that share a name share the word, and lie in the table after the first one. */
bool x86_feature_set_name(X86FeatureSet *set, const char *name, ssize_t length, bool on)
{
    size_t n = name_length(name, length);
    const X86FeatureInfo *first = x86_feature_find(name, n);

    for (const X86FeatureInfo *f = first;
         f && f < x86_features + x86_feature_count && f->word == first->word; f++) {
        if (names_match(f->names, name, n)) {
            if (on) {
                set->word[f->word] |= 1ull << f->bit;
            } else {
                set->word[f->word] &= ~(1ull << f->bit);
            }
        }
    }
    return first;
}

void x86_feature_set_list(X86FeatureSet *set, const char *list, bool on)
{
    while (list && *list) {
        size_t n = strcspn(list, " ");

        if (n) {
            bool known = x86_feature_set_name(set, list, n, on);

            g_assert(known);
        }
        list += n + (list[n] == ' ');
    }
}

bool x86_feature_set_has(const X86FeatureSet *set, const char *name)
{
    const X86FeatureInfo *f = x86_feature_find(name, -1);

    g_assert(f);
    return x86_feature_set_has_bit(set, f->word, f->bit);
}

void x86_feature_set_passable(X86FeatureSet *set, bool migratable)
{
    memset(set, 0, sizeof(*set));
    for (size_t i = 0; i < x86_feature_count; i++) {
        const X86FeatureInfo *f = &x86_features[i];

        if (!(f->flags & X86_FEATURE_EXPLICIT) &&
            !(migratable && f->flags & X86_FEATURE_UNMIGRATABLE)) {
            set->word[f->word] |= 1ull << f->bit;
        }
    }
}

static bool has_row(const X86FeatureSet *set, uint16_t row)
{
    return row == NO_ROW ||
           x86_feature_set_has_bit(set, x86_features[row].word, x86_features[row].bit);
}

bool x86_feature_set_close(X86FeatureSet *set, X86FeatureSet *dropped)
{
    const Index *index = feature_index();
    bool any = false, changed;

    memset(dropped, 0, sizeof(*dropped));
    do {
        changed = false;
        for (size_t i = 0; i < x86_feature_count; i++) {
            const X86FeatureInfo *f = &x86_features[i];
            uint64_t bit = 1ull << f->bit;

            if ((set->word[f->word] & bit) &&
                !(has_row(set, index->needs[i]) && has_row(set, index->word_needs[f->word]))) {
                set->word[f->word] &= ~bit;
                dropped->word[f->word] |= bit;
                any = changed = true;
            }
        }
    } while (changed);
    return any;
}

char *x86_feature_name(X86FeatureWord word, unsigned bit)
{
    for (size_t i = 0; i < x86_feature_count; i++) {
        const X86FeatureInfo *f = &x86_features[i];

        if (f->word == word && f->bit == bit) {
            return g_strndup(f->names, strcspn(f->names, "|"));
        }
    }
    return NULL;
}

char *x86_feature_describe(X86FeatureWord word, unsigned bit)
{
    static const char *const registers[] = { "EAX", "EBX", "ECX", "EDX" };
    const X86FeatureWordInfo *info = &x86_feature_words[word];
    g_autofree char *name = x86_feature_name(word, bit);

    if (info->msr) {
        return g_strdup_printf("MSR(%02XH)%s%s [bit %u]", info->msr, name ? "." : "",
                               name ? name : "", bit);
    }
    return g_strdup_printf("CPUID.%02XH:%s%s%s [bit %u]", info->leaf, registers[info->reg],
                           name ? "." : "", name ? name : "", bit);
}

GPtrArray *x86_feature_set_names(const X86FeatureSet *set)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);

    for (size_t i = 0; i < x86_feature_count; i++) {
        const X86FeatureInfo *f = &x86_features[i];

        if (x86_feature_set_has_bit(set, f->word, f->bit)) {
            g_ptr_array_add(names, g_strndup(f->names, strcspn(f->names, "|")));
        }
    }
    return names;
}

char *x86_feature_hint(const char *name)
{
    NearestName nearest = nearest_name_init(name);

    for (size_t i = 0; i < x86_feature_count; i++) {
        g_auto(GStrv) names = g_strsplit(x86_features[i].names, "|", -1);

        for (size_t n = 0; names[n]; n++) {
            nearest_name_offer(&nearest, names[n]);
        }
    }
    return g_strdup(nearest_name_hint(&nearest));
}

static int compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char *x86_feature_help(void)
{
    enum { WIDTH = 75 };
    X86FeatureSet all = { 0 };
    GString *text = g_string_new("Recognized CPUID flags:\n");
    size_t column = 0;
    const char *last = "";
    g_autoptr(GPtrArray) names = NULL;

    memset(&all, 0xff, sizeof(all));
    names = x86_feature_set_names(&all);
    g_ptr_array_sort(names, compare_names);
    for (guint i = 0; i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);

        if (strcmp(name, last) == 0) {
            continue;
        }
        if (column && column + 1 + strlen(name) > WIDTH) {
            g_string_append_c(text, '\n');
            column = 0;
        }
        g_string_append_printf(text, "%s%s", column ? " " : "  ", name);
        column += strlen(name) + (column ? 1 : 2);
        last = name;
    }
    g_string_append_c(text, '\n');
    return g_string_free(text, FALSE);
}
