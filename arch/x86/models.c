/* SPDX-License-Identifier: MIT */
/*
 * The table of CPU models.
 *
 * Family, model, stepping, brand string and features are those a guest of a QEMU
 * machine finds, so that images and libvirt's CPU map meet the CPU they know.
 * kvm-… features and `hypervisor` are not listed: the accelerator decides them.
 */
#include "arch/x86/models.h"

#include <string.h>

#include "base/error.h"

#define KIB 1024u
#define CACHE(type_, level_, scope_, size_, ways_)                                           \
    .type = X86_CACHE_##type_, .level = (level_), .scope = X86_CACHE_OF_##scope_,            \
    .line = 64, .lines_per_tag = 1, .ways = (ways_), .sets = (size_) / 64 / (ways_),         \
    .self_init = true

/* Intel's: 32K + 32K, 4M, 16M. Descriptors: SDM volume 2A, CPUID, table "encoding of
 * CPUID leaf 2": 2c, 30: L1 of 32K; 7d: L2 of 2M; 4d: L3 of 16M. */
const X86Caches x86_intel_caches = {
    .cache = {
        { CACHE(DATA, 1, CORE, 32 * KIB, 8), .wbinvd_local = true },
        { CACHE(INSTRUCTION, 1, CORE, 32 * KIB, 8), .wbinvd_local = true },
        { CACHE(UNIFIED, 2, CORE, 4096 * KIB, 16), .wbinvd_local = true },
        { CACHE(UNIFIED, 3, DIE, 16384 * KIB, 16), .inclusive = true, .complex_index = true },
    },
    .leaf2_ecx = 0x4d,
    .leaf2_edx = 0x2c307d,
};

const X86Caches x86_amd_caches = {
    .cache = {
        { CACHE(DATA, 1, CORE, 64 * KIB, 2), .wbinvd_local = true },
        { CACHE(INSTRUCTION, 1, CORE, 64 * KIB, 2), .wbinvd_local = true },
        { CACHE(UNIFIED, 2, CORE, 512 * KIB, 16) },
        { CACHE(UNIFIED, 3, DIE, 16384 * KIB, 16), .inclusive = true, .complex_index = true },
    },
};

#define ZEN_CACHES(l1i_size, l1i_ways, l3_size)                                              \
    {                                                                                        \
        .cache = {                                                                           \
            { CACHE(DATA, 1, CORE, 32 * KIB, 8), .wbinvd_local = true },                     \
            { CACHE(INSTRUCTION, 1, CORE, l1i_size, l1i_ways), .wbinvd_local = true },       \
            { CACHE(UNIFIED, 2, CORE, 512 * KIB, 8) },                                       \
            { CACHE(UNIFIED, 3, DIE, l3_size, 16), .inclusive = true,                        \
              .complex_index = true },                                                       \
        },                                                                                   \
    }

static const X86Caches naples_caches = ZEN_CACHES(64 * KIB, 4, 8192 * KIB);
static const X86Caches rome_caches = ZEN_CACHES(32 * KIB, 8, 16384 * KIB);
static const X86Caches milan_caches = ZEN_CACHES(32 * KIB, 8, 32768 * KIB);

const X86CpuModel x86_cpu_models[] = {
    { .name = "host", .kind = X86_MODEL_HOST, .vendor = "", .model_id = "" },
    { .name = "max", .kind = X86_MODEL_MAX, .vendor = "", .model_id = "" },
    { .name = "base", .kind = X86_MODEL_BASE, .vendor = "", .model_id = "" },
    { .name = "486-v1",
      .vendor = "GenuineIntel", .level = 1, .xlevel = 0,
      .family = 4, .model = 8, .stepping = 0,
      .model_id = "",
      .add = "fpu vme pse" },
    { .name = "pentium-v1", .inherits = "486-v1",
      .vendor = "GenuineIntel", .level = 1, .xlevel = 0,
      .family = 5, .model = 4, .stepping = 3,
      .model_id = "",
      .add = "de tsc msr mce cx8 apic mmx" },
    { .name = "pentium2-v1", .inherits = "pentium-v1",
      .vendor = "GenuineIntel", .level = 2, .xlevel = 0,
      .family = 6, .model = 5, .stepping = 2,
      .model_id = "",
      .add = "pae sep mtrr pge mca cmov pat pse36 fxsr" },
    { .name = "pentium3-v1", .inherits = "pentium2-v1",
      .vendor = "GenuineIntel", .level = 3, .xlevel = 0,
      .family = 6, .model = 7, .stepping = 3,
      .model_id = "",
      .add = "sse" },
    { .name = "athlon-v1", .inherits = "pentium3-v1",
      .vendor = "AuthenticAMD", .level = 2, .xlevel = 0x80000008,
      .family = 6, .model = 2, .stepping = 3,
      .model_id = "QEMU Virtual CPU version 2.5+",
      .add = "sse2 mmxext 3dnowext 3dnow" },
    { .name = "qemu32-v1", .inherits = "pentium3-v1",
      .vendor = "GenuineIntel", .level = 4, .xlevel = 0x80000004,
      .family = 6, .model = 6, .stepping = 3,
      .model_id = "QEMU Virtual CPU version 2.5+",
      .add = "sse2 pni",
      .remove = "vme mtrr mca pse36" },
    { .name = "kvm32-v1", .inherits = "pentium3-v1",
      .vendor = "GenuineIntel", .level = 5, .xlevel = 0x80000008,
      .family = 15, .model = 6, .stepping = 1,
      .model_id = "Common 32-bit KVM processor",
      .add = "clflush sse2 pni" },
    { .name = "coreduo-v1", .inherits = "kvm32-v1",
      .vendor = "GenuineIntel", .level = 0xa, .xlevel = 0x80000008,
      .family = 6, .model = 14, .stepping = 8,
      .model_id = "Genuine Intel(R) CPU           T2600  @ 2.16GHz",
      .add = "acpi ss monitor nx",
      .remove = "pse36" },
    { .name = "n270-v1", .inherits = "coreduo-v1",
      .vendor = "GenuineIntel", .level = 0xa, .xlevel = 0x80000008,
      .family = 6, .model = 28, .stepping = 2,
      .model_id = "Intel(R) Atom(TM) CPU N270   @ 1.60GHz",
      .add = "ssse3 movbe lahf-lm" },
    { .name = "core2duo-v1", .inherits = "coreduo-v1",
      .vendor = "GenuineIntel", .level = 0xa, .xlevel = 0x80000008,
      .family = 6, .model = 15, .stepping = 11,
      .model_id = "Intel(R) Core(TM)2 Duo CPU     T7700  @ 2.40GHz",
      .add = "pse36 ssse3 cx16 syscall lm lahf-lm" },
    { .name = "qemu64-v1", .inherits = "kvm32-v1",
      .vendor = "AuthenticAMD", .level = 0xd, .xlevel = 0x8000000a,
      .family = 15, .model = 107, .stepping = 1,
      .model_id = "QEMU Virtual CPU version 2.5+",
      .add = "cx16 syscall nx lm lahf-lm svm",
      .remove = "vme" },
    { .name = "kvm64-v1", .inherits = "kvm32-v1",
      .vendor = "GenuineIntel", .level = 0xd, .xlevel = 0x80000008,
      .family = 15, .model = 6, .stepping = 1,
      .model_id = "Common KVM processor",
      .add = "cx16 syscall nx lm" },
    { .name = "Conroe-v1", .inherits = "kvm64-v1",
      .vendor = "GenuineIntel", .level = 0xa, .xlevel = 0x80000008,
      .family = 6, .model = 15, .stepping = 3,
      .model_id = "Intel Celeron_4x0 (Conroe/Merom Class Core 2)",
      .add = "ssse3 lahf-lm",
      .remove = "cx16" },
    { .name = "Penryn-v1", .inherits = "Conroe-v1",
      .vendor = "GenuineIntel", .level = 0xa, .xlevel = 0x80000008,
      .family = 6, .model = 23, .stepping = 3,
      .model_id = "Intel Core 2 Duo P9xxx (Penryn Class Core 2)",
      .add = "cx16 sse4.1" },
    { .name = "Nehalem-v1", .inherits = "Penryn-v1",
      .vendor = "GenuineIntel", .level = 0xb, .xlevel = 0x80000008,
      .family = 6, .model = 26, .stepping = 3,
      .model_id = "Intel Core i7 9xx (Nehalem Class Core i7)",
      .add = "sse4.2 popcnt" },
    { .name = "Nehalem-v2", .alias = "Nehalem-IBRS", .inherits = "Nehalem-v1",
      .model_id = "Intel Core i7 9xx (Nehalem Core i7, IBRS update)",
      .add = "spec-ctrl" },
    { .name = "Westmere-v1", .inherits = "Nehalem-v1",
      .vendor = "GenuineIntel", .level = 0xb, .xlevel = 0x80000008,
      .family = 6, .model = 44, .stepping = 1,
      .model_id = "Westmere E56xx/L56xx/X56xx (Nehalem-C)",
      .add = "pclmulqdq aes arat" },
    { .name = "Westmere-v2", .alias = "Westmere-IBRS", .inherits = "Westmere-v1",
      .model_id = "Westmere E56xx/L56xx/X56xx (IBRS update)",
      .add = "spec-ctrl" },
    { .name = "SandyBridge-v1", .inherits = "Westmere-v1",
      .vendor = "GenuineIntel", .level = 0xd, .xlevel = 0x80000008,
      .family = 6, .model = 42, .stepping = 1,
      .model_id = "Intel Xeon E312xx (Sandy Bridge)",
      .add = "x2apic tsc-deadline xsave avx xsaveopt rdtscp" },
    { .name = "SandyBridge-v2", .alias = "SandyBridge-IBRS",
      .inherits = "SandyBridge-v1",
      .model_id = "Intel Xeon E312xx (Sandy Bridge, IBRS update)",
      .add = "spec-ctrl" },
    { .name = "IvyBridge-v1", .inherits = "SandyBridge-v1",
      .vendor = "GenuineIntel", .level = 0xd, .xlevel = 0x80000008,
      .family = 6, .model = 58, .stepping = 9,
      .model_id = "Intel Xeon E3-12xx v2 (Ivy Bridge)",
      .add = "f16c rdrand fsgsbase smep erms" },
    { .name = "IvyBridge-v2", .alias = "IvyBridge-IBRS", .inherits = "IvyBridge-v1",
      .model_id = "Intel Xeon E3-12xx v2 (Ivy Bridge, IBRS)",
      .add = "spec-ctrl" },
    { .name = "Haswell-v1", .inherits = "IvyBridge-v1",
      .vendor = "GenuineIntel", .level = 0xd, .xlevel = 0x80000008,
      .family = 6, .model = 60, .stepping = 4,
      .model_id = "Intel Core Processor (Haswell)",
      .add = "fma pcid movbe bmi1 hle avx2 bmi2 invpcid rtm abm" },
    { .name = "Haswell-v2", .alias = "Haswell-noTSX", .inherits = "Haswell-v1",
      .vendor = "GenuineIntel", .level = 0xd, .xlevel = 0x80000008,
      .family = 6, .model = 60, .stepping = 1,
      .model_id = "Intel Core Processor (Haswell, no TSX)",
      .remove = "hle rtm" },
    { .name = "Haswell-v3", .alias = "Haswell-IBRS", .inherits = "Haswell-v2",
      .vendor = "GenuineIntel", .level = 0xd, .xlevel = 0x80000008,
      .family = 6, .model = 60, .stepping = 4,
      .model_id = "Intel Core Processor (Haswell, IBRS)",
      .add = "hle rtm spec-ctrl" },
    { .name = "Haswell-v4", .alias = "Haswell-noTSX-IBRS", .inherits = "Haswell-v3",
      .vendor = "GenuineIntel", .level = 0xd, .xlevel = 0x80000008,
      .family = 6, .model = 60, .stepping = 1,
      .model_id = "Intel Core Processor (Haswell, no TSX, IBRS)",
      .remove = "hle rtm" },
    { .name = "Broadwell-v1", .inherits = "Haswell-v1",
      .vendor = "GenuineIntel", .level = 0xd, .xlevel = 0x80000008,
      .family = 6, .model = 61, .stepping = 2,
      .model_id = "Intel Core Processor (Broadwell)",
      .add = "rdseed adx smap 3dnowprefetch" },
    { .name = "Broadwell-v2", .alias = "Broadwell-noTSX", .inherits = "Broadwell-v1",
      .model_id = "Intel Core Processor (Broadwell, no TSX)",
      .remove = "hle rtm" },
    { .name = "Broadwell-v3", .alias = "Broadwell-IBRS", .inherits = "Broadwell-v2",
      .model_id = "Intel Core Processor (Broadwell, IBRS)",
      .add = "hle rtm spec-ctrl" },
    { .name = "Broadwell-v4", .alias = "Broadwell-noTSX-IBRS",
      .inherits = "Broadwell-v3",
      .model_id = "Intel Core Processor (Broadwell, no TSX, IBRS)",
      .remove = "hle rtm" },
    { .name = "Skylake-Client-v1", .inherits = "Broadwell-v1",
      .vendor = "GenuineIntel", .level = 0xd, .xlevel = 0x80000008,
      .family = 6, .model = 94, .stepping = 3,
      .model_id = "Intel Core Processor (Skylake)",
      .add = "xsavec xgetbv1" },
    { .name = "Skylake-Client-v2", .alias = "Skylake-Client-IBRS",
      .inherits = "Skylake-Client-v1",
      .model_id = "Intel Core Processor (Skylake, IBRS)",
      .add = "spec-ctrl" },
    { .name = "Skylake-Client-v3", .alias = "Skylake-Client-noTSX-IBRS",
      .inherits = "Skylake-Client-v2",
      .model_id = "Intel Core Processor (Skylake, IBRS, no TSX)",
      .remove = "hle rtm" },
    { .name = "Skylake-Client-v4", .inherits = "Skylake-Client-v3",
      .note = "IBRS, XSAVES, no TSX",
      .add = "xsaves" },
    { .name = "Skylake-Server-v1", .inherits = "Skylake-Client-v1",
      .vendor = "GenuineIntel", .level = 0xd, .xlevel = 0x80000008,
      .family = 6, .model = 85, .stepping = 4,
      .model_id = "Intel Xeon Processor (Skylake)",
      .add = "avx512f avx512dq clflushopt clwb avx512cd avx512bw avx512vl pku "
             "pdpe1gb" },
    { .name = "Skylake-Server-v2", .alias = "Skylake-Server-IBRS",
      .inherits = "Skylake-Server-v1",
      .model_id = "Intel Xeon Processor (Skylake, IBRS)",
      .add = "spec-ctrl",
      .remove = "clflushopt" },
    { .name = "Skylake-Server-v3", .alias = "Skylake-Server-noTSX-IBRS",
      .inherits = "Skylake-Server-v2",
      .model_id = "Intel Xeon Processor (Skylake, IBRS, no TSX)",
      .remove = "hle rtm" },
    { .name = "Skylake-Server-v4", .inherits = "Skylake-Server-v3",
      .note = "IBRS, EPT switching, no TSX" },
    { .name = "Skylake-Server-v5", .inherits = "Skylake-Server-v4",
      .note = "IBRS, XSAVES, EPT switching, no TSX",
      .add = "xsaves" },
    { .name = "Cascadelake-Server-v1", .inherits = "Skylake-Server-v1",
      .vendor = "GenuineIntel", .level = 0xd, .xlevel = 0x80000008,
      .family = 6, .model = 85, .stepping = 6,
      .model_id = "Intel Xeon Processor (Cascadelake)",
      .add = "avx512vnni spec-ctrl ssbd" },
    { .name = "Cascadelake-Server-v2", .inherits = "Cascadelake-Server-v1",
      .note = "ARCH_CAPABILITIES",
      .add = "arch-capabilities rdctl-no ibrs-all skip-l1dfl-vmentry mds-no" },
    { .name = "Cascadelake-Server-v3", .alias = "Cascadelake-Server-noTSX",
      .inherits = "Cascadelake-Server-v2",
      .note = "ARCH_CAPABILITIES, no TSX",
      .remove = "hle rtm" },
    { .name = "Cascadelake-Server-v4", .inherits = "Cascadelake-Server-v3",
      .note = "ARCH_CAPABILITIES, EPT switching, no TSX" },
    { .name = "Cascadelake-Server-v5", .inherits = "Cascadelake-Server-v4",
      .note = "ARCH_CAPABILITIES, EPT switching, XSAVES, no TSX",
      .add = "xsaves" },
    { .name = "Cooperlake-v1", .inherits = "Cascadelake-Server-v1",
      .vendor = "GenuineIntel", .level = 0xd, .xlevel = 0x80000008,
      .family = 6, .model = 85, .stepping = 10,
      .model_id = "Intel Xeon Processor (Cooperlake)",
      .add = "stibp arch-capabilities avx512-bf16 rdctl-no ibrs-all "
             "skip-l1dfl-vmentry mds-no pschange-mc-no taa-no" },
    { .name = "Cooperlake-v2", .inherits = "Cooperlake-v1",
      .note = "XSAVES",
      .add = "xsaves" },
    { .name = "Icelake-Server-v1", .inherits = "Cascadelake-Server-v1",
      .vendor = "GenuineIntel", .level = 0xd, .xlevel = 0x80000008,
      .family = 6, .model = 134, .stepping = 0,
      .model_id = "Intel Xeon Processor (Icelake)",
      .add = "avx512vbmi umip avx512vbmi2 gfni vaes vpclmulqdq avx512bitalg "
             "avx512-vpopcntdq la57 wbnoinvd" },
    { .name = "Icelake-Server-v2", .alias = "Icelake-Server-noTSX",
      .inherits = "Icelake-Server-v1",
      .note = "no TSX",
      .remove = "hle rtm" },
    { .name = "Icelake-Server-v3", .inherits = "Icelake-Server-v2",
      .add = "arch-capabilities rdctl-no ibrs-all skip-l1dfl-vmentry mds-no "
             "pschange-mc-no taa-no" },
    { .name = "Icelake-Server-v4", .inherits = "Icelake-Server-v3",
      .vendor = "GenuineIntel", .level = 0xd, .xlevel = 0x80000008,
      .family = 6, .model = 106, .stepping = 0,
      .add = "avx512ifma sha-ni rdpid fsrm" },
    { .name = "Icelake-Server-v5", .inherits = "Icelake-Server-v4",
      .note = "XSAVES",
      .add = "xsaves" },
    { .name = "Icelake-Server-v6", .inherits = "Icelake-Server-v5",
      .note = "5-level EPT" },
    { .name = "KnightsMill-v1", .inherits = "IvyBridge-v1",
      .vendor = "GenuineIntel", .level = 0xd, .xlevel = 0x80000008,
      .family = 6, .model = 133, .stepping = 0,
      .model_id = "Intel Xeon Phi Processor (Knights Mill)",
      .add = "ss fma movbe bmi1 avx2 bmi2 avx512f rdseed adx avx512pf avx512er "
             "avx512cd avx512-vpopcntdq avx512-4vnniw avx512-4fmaps pdpe1gb abm "
             "3dnowprefetch" },
    { .name = "Denverton-v1", .inherits = "IvyBridge-v1",
      .vendor = "GenuineIntel", .level = 0x15, .xlevel = 0x80000008,
      .family = 6, .model = 95, .stepping = 1,
      .model_id = "Intel Atom Processor (Denverton)",
      .add = "monitor movbe mpx rdseed smap clflushopt sha-ni spec-ctrl "
             "arch-capabilities ssbd xsavec xgetbv1 pdpe1gb 3dnowprefetch rdctl-no "
             "skip-l1dfl-vmentry",
      .remove = "avx f16c" },
    { .name = "Denverton-v2", .inherits = "Denverton-v1",
      .note = "no MPX, no MONITOR",
      .remove = "monitor mpx" },
    { .name = "Denverton-v3", .inherits = "Denverton-v2",
      .note = "XSAVES, no MPX, no MONITOR",
      .add = "xsaves" },
    { .name = "Snowridge-v1", .inherits = "Denverton-v1",
      .vendor = "GenuineIntel", .level = 0x1b, .xlevel = 0x80000008,
      .family = 6, .model = 134, .stepping = 1,
      .model_id = "Intel Atom Processor (SnowRidge)",
      .add = "clwb umip gfni cldemote movdiri movdir64b core-capability "
             "split-lock-detect",
      .remove = "rdctl-no skip-l1dfl-vmentry" },
    { .name = "Snowridge-v2", .inherits = "Snowridge-v1",
      .model_id = "Intel Atom Processor (Snowridge, no MPX)",
      .remove = "mpx" },
    { .name = "Snowridge-v3", .inherits = "Snowridge-v2",
      .note = "XSAVES, no MPX",
      .add = "xsaves" },
    { .name = "Snowridge-v4", .inherits = "Snowridge-v3",
      .note = "no split lock detect, no core-capability",
      .remove = "core-capability split-lock-detect" },
    { .name = "phenom-v1", .inherits = "qemu64-v1",
      .vendor = "AuthenticAMD", .level = 5, .xlevel = 0x8000001a,
      .family = 16, .model = 2, .stepping = 3,
      .model_id = "AMD Phenom(tm) 9550 Quad-Core Processor",
      .add = "vme monitor popcnt mmxext fxsr-opt pdpe1gb rdtscp 3dnowext 3dnow abm "
             "sse4a npt" },
    { .name = "Opteron_G1-v1", .inherits = "kvm64-v1",
      .vendor = "AuthenticAMD", .level = 5, .xlevel = 0x80000008,
      .family = 15, .model = 6, .stepping = 1,
      .model_id = "AMD Opteron 240 (Gen 1 Class Opteron)",
      .remove = "cx16" },
    { .name = "Opteron_G2-v1", .inherits = "qemu64-v1",
      .vendor = "AuthenticAMD", .level = 5, .xlevel = 0x8000000a,
      .family = 15, .model = 6, .stepping = 1,
      .model_id = "AMD Opteron 22xx (Gen 2 Class Opteron)",
      .add = "vme" },
    { .name = "Opteron_G3-v1", .inherits = "Opteron_G2-v1",
      .vendor = "AuthenticAMD", .level = 5, .xlevel = 0x8000000a,
      .family = 16, .model = 2, .stepping = 3,
      .model_id = "AMD Opteron 23xx (Gen 3 Class Opteron)",
      .add = "monitor popcnt rdtscp abm sse4a misalignsse" },
    { .name = "Opteron_G4-v1", .inherits = "Nehalem-v1",
      .vendor = "AuthenticAMD", .level = 0xd, .xlevel = 0x8000001a,
      .family = 21, .model = 1, .stepping = 2,
      .model_id = "AMD Opteron 62xx class CPU",
      .add = "pclmulqdq aes xsave avx pdpe1gb rdtscp svm abm sse4a misalignsse "
             "3dnowprefetch xop fma4 npt nrip-save" },
    { .name = "Opteron_G5-v1", .inherits = "Opteron_G4-v1",
      .vendor = "AuthenticAMD", .level = 0xd, .xlevel = 0x8000001a,
      .family = 21, .model = 2, .stepping = 0,
      .model_id = "AMD Opteron 63xx class CPU",
      .add = "fma f16c tbm" },
    { .name = "EPYC-v1", .inherits = "Skylake-Client-v1",
      .vendor = "AuthenticAMD", .level = 0xd, .xlevel = 0x8000001e,
      .family = 23, .model = 1, .stepping = 2, .caches = &naples_caches,
      .model_id = "AMD EPYC Processor",
      .add = "monitor clflushopt sha-ni mmxext fxsr-opt pdpe1gb svm cr8legacy sse4a "
             "misalignsse osvw topoext npt nrip-save",
      .remove = "pcid x2apic tsc-deadline hle erms invpcid rtm" },
    { .name = "EPYC-v2", .alias = "EPYC-IBPB", .inherits = "EPYC-v1",
      .model_id = "AMD EPYC Processor (with IBPB)",
      .add = "ibpb" },
    { .name = "EPYC-v3", .inherits = "EPYC-v2",
      .model_id = "AMD EPYC Processor",
      .add = "xsaves perfctr-core clzero xsaveerptr" },
    { .name = "EPYC-Rome-v1", .inherits = "EPYC-v1",
      .vendor = "AuthenticAMD", .level = 0xd, .xlevel = 0x8000001e,
      .family = 23, .model = 49, .stepping = 0, .caches = &rome_caches,
      .model_id = "AMD EPYC-Rome Processor",
      .add = "clwb umip rdpid xsaves perfctr-core clzero xsaveerptr wbnoinvd ibpb "
             "amd-stibp" },
    { .name = "EPYC-Rome-v2", .inherits = "EPYC-Rome-v1",
      .add = "ibrs amd-ssbd" },
    { .name = "EPYC-Milan-v1", .inherits = "EPYC-Rome-v1",
      .vendor = "AuthenticAMD", .level = 0xd, .xlevel = 0x8000001e,
      .family = 25, .model = 1, .stepping = 1, .caches = &milan_caches,
      .model_id = "AMD EPYC-Milan Processor",
      .add = "pcid erms invpcid pku fsrm ibrs amd-ssbd svme-addr-chk" },
    { .name = "Dhyana-v1", .inherits = "EPYC-v1",
      .vendor = "HygonGenuine", .level = 0xd, .xlevel = 0x8000001e,
      .family = 24, .model = 0, .stepping = 1, .caches = &naples_caches,
      .model_id = "Hygon Dhyana Processor",
      .add = "ibpb",
      .remove = "pclmulqdq aes sha-ni" },
    { .name = "Dhyana-v2", .inherits = "Dhyana-v1",
      .note = "XSAVES",
      .add = "xsaves" },
};
const size_t x86_cpu_model_count = G_N_ELEMENTS(x86_cpu_models);

/* The length of the name without "-v3", or 0 where there is no version. */
static size_t plain_length(const char *name)
{
    const char *dash = strrchr(name, '-');

    return dash && dash[1] == 'v' && g_ascii_isdigit(dash[2]) ? (size_t)(dash - name) : 0;
}

static bool is_version_1(const char *name)
{
    return strcmp(name + plain_length(name), "-v1") == 0;
}

const X86CpuModel *x86_cpu_model_find(const char *name)
{
    for (size_t i = 0; i < x86_cpu_model_count; i++) {
        const X86CpuModel *m = &x86_cpu_models[i];
        size_t plain = plain_length(m->name);

        if (strcmp(m->name, name) == 0 || (m->alias && strcmp(m->alias, name) == 0) ||
            (is_version_1(m->name) && strlen(name) == plain &&
             memcmp(m->name, name, plain) == 0)) {
            return m;
        }
    }
    return NULL;
}

/* It stands before its heirs in the table, mostly right before. */
static const X86CpuModel *parent(const X86CpuModel *model)
{
    const X86CpuModel *p = model;

    do {
        g_assert(p > x86_cpu_models);
        p--;
    } while (strcmp(p->name, model->inherits) != 0);
    return p;
}

const X86CpuModel *x86_cpu_model_identity(const X86CpuModel *model)
{
    while (!model->vendor) {
        model = parent(model);
    }
    return model;
}

const char *x86_cpu_model_id(const X86CpuModel *model)
{
    while (!model->model_id) {
        model = parent(model);
    }
    return model->model_id;
}

void x86_cpu_model_add_features(const X86CpuModel *model, X86FeatureSet *set)
{
    X86FeatureSet own = { 0 };

    if (model->inherits) {
        x86_cpu_model_add_features(parent(model), &own);
    }
    x86_feature_set_list(&own, model->add, true);
    x86_feature_set_list(&own, model->remove, false);
    for (unsigned w = 0; w < X86_WORD_COUNT; w++) {
        set->word[w] |= own.word[w];
    }
}

static void names_add(GArray *names, const char *name, size_t length, const X86CpuModel *model)
{
    bool own = strlen(model->name) == length && memcmp(model->name, name, length) == 0;
    X86CpuModelName entry = {
        .name = g_strndup(name, length),
        .model = model,
        .alias_of = own ? NULL : model->name,
        .is_plain = !own && length == plain_length(model->name) &&
                    memcmp(model->name, name, length) == 0,
    };

    g_array_append_val(names, entry);
}

static void names_clear(gpointer entry)
{
    g_free(((X86CpuModelName *)entry)->name);
}

/* host, max and base come last, as kinds rather than chips. */
static int names_compare(gconstpointer a, gconstpointer b)
{
    const X86CpuModelName *x = a, *y = b;
    bool kind_x = x->model->kind != X86_MODEL_NAMED, kind_y = y->model->kind != X86_MODEL_NAMED;

    return kind_x != kind_y ? kind_x - kind_y : strcmp(x->name, y->name);
}

GArray *x86_cpu_model_names(void)
{
    GArray *names = g_array_new(FALSE, FALSE, sizeof(X86CpuModelName));

    g_array_set_clear_func(names, names_clear);
    for (size_t i = 0; i < x86_cpu_model_count; i++) {
        const X86CpuModel *m = &x86_cpu_models[i];

        names_add(names, m->name, strlen(m->name), m);
        if (m->alias) {
            names_add(names, m->alias, strlen(m->alias), m);
        }
        if (is_version_1(m->name)) {
            names_add(names, m->name, plain_length(m->name), m);
        }
    }
    g_array_sort(names, names_compare);
    return names;
}

char *x86_cpu_model_hint(const char *name)
{
    NearestName nearest = nearest_name_init(name);
    g_autoptr(GArray) names = x86_cpu_model_names();

    for (guint i = 0; i < names->len; i++) {
        nearest_name_offer(&nearest, g_array_index(names, X86CpuModelName, i).name);
    }
    return g_strdup(nearest_name_hint(&nearest));
}

static const char *kind_description(X86ModelKind kind)
{
    switch (kind) {
    case X86_MODEL_HOST:
        return "processor with all supported host features";
    case X86_MODEL_MAX:
        return "Enables all features supported by the accelerator in the current host";
    default:
        return "base CPU model type with no features enabled";
    }
}

char *x86_cpu_help(void)
{
    g_autoptr(GArray) names = x86_cpu_model_names();
    g_autofree char *flags = x86_feature_help();
    GString *text = g_string_new("Available CPUs:\n");

    for (guint i = 0; i < names->len; i++) {
        const X86CpuModelName *n = &g_array_index(names, X86CpuModelName, i);

        g_string_append_printf(text, "x86 %-20s  ", n->name);
        if (n->model->kind != X86_MODEL_NAMED) {
            g_string_append(text, kind_description(n->model->kind));
        } else if (n->is_plain) {
            g_string_append(text, "(alias configured by machine type)");
        } else if (n->alias_of) {
            g_string_append_printf(text, "(alias of %s)", n->alias_of);
        } else {
            g_string_append(text, x86_cpu_model_id(n->model));
            if (n->model->note) {
                g_string_append_printf(text, " [%s]", n->model->note);
            }
        }
        g_string_append_c(text, '\n');
    }
    g_string_append_printf(text, "\n%s", flags);
    return g_string_free(text, FALSE);
}
