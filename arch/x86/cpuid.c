/* SPDX-License-Identifier: MIT */
/* The CPUID leaves that a guest reads. */
#include "arch/x86/cpuid.h"

#include <string.h>

#include "arch/x86/xsave.h"
#include "base/bits.h"

typedef struct Builder {
    const X86CpuDefinition *cpu;
    const X86Topology *topology;
    const X86CpuSupport *support;
    GArray *out;
    X86FeatureSet features; /* the CPU's, and what the topology adds */
    X86CpuIds ids;
    uint32_t apic_id;
    uint32_t level;         /* the CPU's, or what the topology needs */
    unsigned cpus;          /* logical CPUs in a package */
    bool intel, amd;
} Builder;

static void add(Builder *b, uint32_t leaf, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
    X86CpuidEntry e = { .leaf = leaf, .eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx };

    g_array_append_val(b->out, e);
}

static void add_sub(Builder *b, uint32_t leaf, uint32_t subleaf, uint32_t eax, uint32_t ebx,
                    uint32_t ecx, uint32_t edx)
{
    X86CpuidEntry e = { .leaf = leaf, .subleaf = subleaf, .flags = X86_CPUID_SUBLEAF,
                        .eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx };

    g_array_append_val(b->out, e);
}

static uint32_t word(const Builder *b, X86FeatureWord w)
{
    return b->features.word[w];
}

static bool has(const Builder *b, const char *name)
{
    return x86_feature_set_has(&b->features, name);
}

/* Copies the accelerator's entries of a leaf; zero when it has none. */
static void add_supported(Builder *b, uint32_t leaf, bool subleaves)
{
    bool any = false;

    for (size_t i = 0; i < b->support->entry_count; i++) {
        X86CpuidEntry e = b->support->entries[i];

        if (e.leaf == leaf) {
            e.flags = subleaves ? X86_CPUID_SUBLEAF : 0;
            g_array_append_val(b->out, e);
            any = true;
        }
    }
    if (!any) {
        add(b, leaf, 0, 0, 0, 0);
    }
}

static uint32_t letters(const char *text, size_t size, unsigned position)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < 4; i++) {
        unsigned at = position + i;

        if (at < size) {
            value |= (uint32_t)(uint8_t)text[at] << (8 * i);
        }
    }
    return value;
}

static void leaf_0(Builder *b, uint32_t leaf, uint32_t highest)
{
    const char *v = b->cpu->vendor;

    add(b, leaf, highest, letters(v, 12, 0), letters(v, 12, 8), letters(v, 12, 4));
}

static void leaf_1(Builder *b)
{
    uint32_t ebx = (b->apic_id & 0xff) << 24 | (has(b, "clflush") ? 8u << 8 : 0);

    if (b->cpus > 1) {
        /* Intel counts addressable ids, AMD counts CPUs. */
        unsigned count = b->intel ? 1u << x86_topology_package_shift(b->topology) : b->cpus;

        ebx |= MIN(count, 0xffu) << 16;
    }
    add(b, 1, x86_cpu_signature(b->cpu), ebx, word(b, X86_WORD_1_ECX), word(b, X86_WORD_1_EDX));
}

static void leaf_2(Builder *b)
{
    if (b->cpu->host_cache_info) {
        add_supported(b, 2, false);
    } else if (b->amd) {
        add(b, 2, 0, 0, 0, 0);
    } else if (b->cpu->caches->leaf2_edx) {
        add(b, 2, 1, 0, b->cpu->l3_cache ? b->cpu->caches->leaf2_ecx : 0,
            b->cpu->caches->leaf2_edx);
    } else {
        add(b, 2, 1, 0, 0, 0xff); /* "CPUID leaf 4 has it" */
    }
}

/* The number of id bits that share a cache. */
static unsigned sharing_shift(const Builder *b, unsigned scope)
{
    return scope == X86_CACHE_OF_CORE ? x86_topology_core_shift(b->topology) :
           x86_topology_die_shift(b->topology);
}

static uint32_t cache_edx(const X86CacheInfo *c)
{
    return (uint32_t)c->wbinvd_local | (uint32_t)c->inclusive << 1 |
           (uint32_t)c->complex_index << 2;
}

static void add_cache(Builder *b, uint32_t leaf, unsigned index, const X86CacheInfo *c,
                      uint32_t sharing, uint32_t core_ids)
{
    add_sub(b, leaf, index,
            c->type | (uint32_t)c->level << 5 | (uint32_t)c->self_init << 8 | sharing << 14 |
                core_ids << 26,
            (c->line - 1u) | (c->ways - 1u) << 22, c->sets - 1, cache_edx(c));
}

static bool shows_cache(const Builder *b, const X86CacheInfo *c)
{
    return c->type != X86_CACHE_NONE && (c->level < 3 || b->cpu->l3_cache);
}

static uint32_t core_ids_field(const Builder *b)
{
    unsigned bits = x86_topology_package_shift(b->topology) - x86_topology_core_shift(b->topology);

    return MIN((1u << MIN(bits, 6u)) - 1, 0x3fu);
}

static uint32_t sharing_field(const Builder *b, unsigned scope)
{
    return MIN((1u << MIN(sharing_shift(b, scope), 12u)) - 1, 0xfffu);
}

/* The host's caches, shared as this topology says. */
static void leaf_4_host(Builder *b)
{
    for (size_t i = 0; i < b->support->entry_count; i++) {
        const X86CpuidEntry *e = &b->support->entries[i];

        if (e->leaf == 4 && (e->eax & 0x1f)) {
            unsigned scope = bits_extract(e->eax, 5, 3) >= 3 ? X86_CACHE_OF_DIE :
                             X86_CACHE_OF_CORE;

            add_sub(b, 4, e->subleaf, (e->eax & 0x3fff) | sharing_field(b, scope) << 14 |
                    core_ids_field(b) << 26, e->ebx, e->ecx, e->edx);
        }
    }
}

static void leaf_4(Builder *b)
{
    unsigned index = 0;

    if (b->amd) {
        add(b, 4, 0, 0, 0, 0); /* AMD tells its caches in 0x8000001d */
        return;
    }
    if (b->cpu->host_cache_info) {
        leaf_4_host(b);
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(b->cpu->caches->cache); i++) {
        const X86CacheInfo *c = &b->cpu->caches->cache[i];

        if (shows_cache(b, c)) {
            add_cache(b, 4, index++, c, sharing_field(b, c->scope), core_ids_field(b));
        }
    }
    add_sub(b, 4, index, 0, 0, 0, 0);
}

static void leaf_5(Builder *b)
{
    /* Monitor lines of 64 bytes; MWAIT's interrupt break works with interrupts off. */
    if (has(b, "monitor")) {
        add(b, 5, 64, 64, 3, 0);
    } else {
        add(b, 5, 0, 0, 0, 0);
    }
}

static void leaf_7(Builder *b)
{
    add_sub(b, 7, 0, b->cpu->level_func7, word(b, X86_WORD_7_0_EBX), word(b, X86_WORD_7_0_ECX),
            word(b, X86_WORD_7_0_EDX));
    if (b->cpu->level_func7 >= 1) {
        add_sub(b, 7, 1, word(b, X86_WORD_7_1_EAX), 0, 0, word(b, X86_WORD_7_1_EDX));
    }
    if (b->cpu->level_func7 >= 2) {
        add_sub(b, 7, 2, 0, 0, 0, word(b, X86_WORD_7_2_EDX));
    }
}

/* Leaves 0xb and 0x1f: the type of a level, how far the next one is, and its CPUs. */
static void leaf_topology(Builder *b, uint32_t leaf, bool dies)
{
    const X86Topology *t = b->topology;
    unsigned index = 0;

    add_sub(b, leaf, index, x86_topology_core_shift(t), t->threads, index | 1u << 8, b->apic_id);
    index++;
    if (dies) {
        add_sub(b, leaf, index, x86_topology_die_shift(t), t->threads * t->cores, index | 2u << 8,
                b->apic_id);
        index++;
        add_sub(b, leaf, index, x86_topology_package_shift(t), b->cpus, index | 5u << 8,
                b->apic_id);
    } else {
        add_sub(b, leaf, index, x86_topology_package_shift(t), b->cpus, index | 2u << 8,
                b->apic_id);
    }
    index++;
    add_sub(b, leaf, index, 0, 0, index, b->apic_id);
}

static void leaf_d(Builder *b)
{
    enum { XCR0_RESET = 1, D_1_XSAVEC = 1 << 1, D_1_XSAVES = 1 << 3 };
    const X86CpuDefinition *cpu = b->cpu;
    uint64_t components = cpu->xcr0 | cpu->xss;
    bool has_compacted = word(b, X86_WORD_D_1_EAX) & (D_1_XSAVEC | D_1_XSAVES);

    if (!cpu->xcr0) {
        add_sub(b, 0xd, 0, 0, 0, 0, 0);
        return;
    }
    /* EBX follows XCR0 and IA32_XSS as it runs; here is its value after reset. */
    add_sub(b, 0xd, 0, cpu->xcr0, x86_xsave_size(b->support, XCR0_RESET), cpu->xsave_size,
            cpu->xcr0 >> 32);
    add_sub(b, 0xd, 1, word(b, X86_WORD_D_1_EAX),
            has_compacted ? x86_xsave_compacted_size(b->support, XCR0_RESET) : 0, cpu->xss,
            cpu->xss >> 32);
    for (unsigned bit = 2; bit < 63; bit++) {
        uint32_t offset, size, flags = cpu->xss >> bit & 1;

        if (components >> bit & 1) {
            const X86CpuidEntry *e = x86_cpu_support_entry(b->support, 0xd, bit);

            flags |= x86_xsave_aligned(b->support, bit) ? 2 : 0;
            x86_xsave_place(b->support, bit, &offset, &size);
            add_sub(b, 0xd, bit, size, flags & 1 ? 0 : offset, e ? e->ecx : flags, 0);
        }
    }
}

/* A leaf of the accelerator's own, shown only with its feature. */
static void leaf_with_feature(Builder *b, uint32_t leaf, bool shown)
{
    guint start = b->out->len;

    if (!shown) {
        add(b, leaf, 0, 0, 0, 0);
        return;
    }
    add_supported(b, leaf, true);
    for (guint i = start; i < b->out->len; i++) {
        X86CpuidEntry *e = &g_array_index(b->out, X86CpuidEntry, i);

        if (leaf == 0x12 && e->subleaf == 0) {
            e->eax &= word(b, X86_WORD_12_0_EAX);
            e->ebx &= word(b, X86_WORD_12_0_EBX);
        } else if (leaf == 0x12 && e->subleaf == 1) {
            e->eax &= word(b, X86_WORD_12_1_EAX);
        } else if (leaf == 0x14 && e->subleaf == 0) {
            e->ecx = (e->ecx & ~(1u << 31)) | word(b, X86_WORD_14_0_ECX);
        }
    }
}

static uint32_t tsc_khz(const Builder *b)
{
    return b->cpu->tsc_hz ? b->cpu->tsc_hz / 1000 : b->support->tsc_khz;
}

static uint32_t gcd(uint32_t a, uint32_t c)
{
    while (c) {
        uint32_t rest = a % c;

        a = c;
        c = rest;
    }
    return a;
}

/* TSC = crystal * EBX / EAX. A guest clocks its APIC timer by the crystal too. */
static void leaf_15(Builder *b)
{
    uint32_t crystal = b->support->apic_bus_khz, tsc = tsc_khz(b);
    uint32_t divisor = crystal && tsc ? gcd(crystal, tsc) : 0;

    if (divisor && crystal <= UINT32_MAX / 1000) {
        add(b, 0x15, crystal / divisor, tsc / divisor, crystal * 1000, 0);
    } else {
        add(b, 0x15, 0, 0, 0, 0);
    }
}

static void leaf_16(Builder *b)
{
    uint32_t mhz = tsc_khz(b) / 1000;

    add(b, 0x16, MIN(mhz, 0xffffu), MIN(mhz, 0xffffu), mhz ? 100 : 0, 0);
}

static void basic_leaf(Builder *b, uint32_t leaf)
{
    switch (leaf) {
    case 0x0:
        leaf_0(b, 0, b->level);
        break;
    case 0x1:
        leaf_1(b);
        break;
    case 0x2:
        leaf_2(b);
        break;
    case 0x4:
        leaf_4(b);
        break;
    case 0x5:
        leaf_5(b);
        break;
    case 0x6:
        add(b, 6, word(b, X86_WORD_6_EAX), 0, 0, 0);
        break;
    case 0x7:
        leaf_7(b);
        break;
    case 0xa:
        if (b->cpu->pmu) {
            add_supported(b, 0xa, false);
        } else {
            add(b, 0xa, 0, 0, 0, 0);
        }
        break;
    case 0xb:
        if (b->cpu->cpuid_0xb) {
            leaf_topology(b, 0xb, false);
        } else {
            add(b, 0xb, 0, 0, 0, 0);
        }
        break;
    case 0xd:
        leaf_d(b);
        break;
    case 0x12:
        leaf_with_feature(b, leaf, has(b, "sgx"));
        break;
    case 0x14:
        leaf_with_feature(b, leaf, has(b, "intel-pt"));
        break;
    case 0x15:
        leaf_15(b);
        break;
    case 0x16:
        leaf_16(b);
        break;
    case 0x1c:
        leaf_with_feature(b, leaf, has(b, "arch-lbr"));
        break;
    case 0x1d:
    case 0x1e:
        leaf_with_feature(b, leaf, has(b, "amx-tile"));
        break;
    case 0x1f:
        if (b->topology->dies > 1) {
            leaf_topology(b, 0x1f, true);
        } else {
            add(b, 0x1f, 0, 0, 0, 0);
        }
        break;
    default:
        add(b, leaf, 0, 0, 0, 0);
        break;
    }
}

/* KVM's leaves, and VMware's of frequencies that its guests read too. */
static void hypervisor_leaves(Builder *b)
{
    const char *s = b->support->signature;
    size_t size = strlen(s);
    bool frequencies = b->cpu->vmware_cpuid_freq && tsc_khz(b) && b->support->apic_bus_khz &&
                       (b->cpu->tsc_hz || has(b, "invtsc"));
    uint32_t highest = frequencies ? 0x40000010 : 0x40000001;

    if (!size || !b->cpu->kvm) {
        return;
    }
    add(b, 0x40000000, highest, letters(s, size, 0), letters(s, size, 4), letters(s, size, 8));
    add(b, 0x40000001, word(b, X86_WORD_40000001_EAX), 0, 0, word(b, X86_WORD_40000001_EDX));
    if (frequencies) {
        for (uint32_t leaf = 0x40000002; leaf < 0x40000010; leaf++) {
            add(b, leaf, 0, 0, 0, 0);
        }
        add(b, 0x40000010, tsc_khz(b), b->support->apic_bus_khz, 0, 0);
    }
}

/* Bits of CPUID.1:EDX that AMD repeats in 0x80000001:EDX (APM volume 3, E.4.2). */
#define AMD_REPEATED 0x0183f3ffu

static void leaf_80000001(Builder *b)
{
    uint32_t edx = word(b, X86_WORD_80000001_EDX);

    if (b->amd) {
        edx |= word(b, X86_WORD_1_EDX) & AMD_REPEATED;
    }
    add(b, 0x80000001, x86_cpu_signature(b->cpu), 0, word(b, X86_WORD_80000001_ECX), edx);
}

static void leaf_brand(Builder *b, uint32_t leaf)
{
    const char *id = b->cpu->model_id;
    size_t size = strlen(id);
    unsigned at = 16 * (leaf - 0x80000002);

    add(b, leaf, letters(id, size, at), letters(id, size, at + 4), letters(id, size, at + 8),
        letters(id, size, at + 12));
}

/* AMD's code of associativity in 0x80000006. */
static uint32_t associativity(unsigned ways)
{
    static const struct {
        unsigned ways, code;
    } codes[] = { { 1, 1 },  { 2, 2 },   { 4, 4 },   { 8, 6 },   { 16, 8 },
                  { 32, 10 }, { 48, 11 }, { 64, 12 }, { 96, 13 }, { 128, 14 } };

    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        if (codes[i].ways == ways) {
            return codes[i].code;
        }
    }
    return 15; /* fully associative */
}

static uint32_t cache_size(const X86CacheInfo *c)
{
    return (uint32_t)c->line * c->ways * c->sets;
}

static uint32_t amd_l1(const X86CacheInfo *c)
{
    return cache_size(c) / 1024 << 24 | (uint32_t)c->ways << 16 | c->lines_per_tag << 8 | c->line;
}

static uint32_t amd_l2(const X86CacheInfo *c)
{
    return cache_size(c) / 1024 << 16 | associativity(c->ways) << 12 | c->lines_per_tag << 8 |
           c->line;
}

static uint32_t amd_l3(const X86CacheInfo *c)
{
    return cache_size(c) / (512 * 1024) << 18 | associativity(c->ways) << 12 |
           c->lines_per_tag << 8 | c->line;
}

/* TLBs of AMD: 255 entries of L1 in one way, 512 4K entries of L2 in four. */
#define AMD_L1_TLB 0x01ff01ffu
#define AMD_L2_TLB 0x42004200u

static void leaf_80000005(Builder *b)
{
    const X86CacheInfo *c = b->cpu->caches->cache;

    if (b->cpu->host_cache_info) {
        add_supported(b, 0x80000005, false);
    } else if (b->intel) {
        add(b, 0x80000005, 0, 0, 0, 0);
    } else {
        add(b, 0x80000005, AMD_L1_TLB, AMD_L1_TLB, amd_l1(&c[0]), amd_l1(&c[1]));
    }
}

static void leaf_80000006(Builder *b)
{
    const X86CacheInfo *c = b->cpu->caches->cache;

    if (b->cpu->host_cache_info) {
        add_supported(b, 0x80000006, false);
    } else if (b->intel) {
        add(b, 0x80000006, 0, 0, amd_l2(&c[2]), 0);
    } else {
        add(b, 0x80000006, 0, AMD_L2_TLB, amd_l2(&c[2]), b->cpu->l3_cache ? amd_l3(&c[3]) : 0);
    }
}

static void leaf_80000008(Builder *b)
{
    uint32_t ecx = 0;

    if (b->cpus > 1 && !b->intel) {
        ecx = x86_topology_package_shift(b->topology) << 12 | MIN(b->cpus - 1, 0xffu);
    }
    add(b, 0x80000008, b->cpu->phys_bits | b->cpu->linear_bits << 8,
        word(b, X86_WORD_80000008_EBX), ecx, 0);
}

/* SVM: revision 1, 16 address space ids, which is as many as a nested guest is given. */
static void leaf_8000000a(Builder *b)
{
    if (has(b, "svm")) {
        add(b, 0x8000000a, 1, 16, 0, word(b, X86_WORD_8000000A_EDX));
    } else {
        add(b, 0x8000000a, 0, 0, 0, 0);
    }
}

/* AMD counts sharers, not id bits. */
static void leaf_8000001d(Builder *b)
{
    const X86Topology *t = b->topology;
    unsigned index = 0;

    if (!has(b, "topoext") || !b->amd) {
        add(b, 0x8000001d, 0, 0, 0, 0);
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(b->cpu->caches->cache); i++) {
        const X86CacheInfo *c = &b->cpu->caches->cache[i];
        unsigned sharers = c->scope == X86_CACHE_OF_CORE ? t->threads : t->threads * t->cores;

        if (shows_cache(b, c)) {
            add_cache(b, 0x8000001d, index++, c, MIN(sharers - 1, 0xfffu), 0);
        }
    }
    add_sub(b, 0x8000001d, index, 0, 0, 0, 0);
}

static void leaf_8000001e(Builder *b)
{
    const X86Topology *t = b->topology;
    unsigned core = b->ids.die * t->cores + b->ids.core;
    unsigned node = b->ids.socket * t->dies + b->ids.die;

    if (!has(b, "topoext") || !b->amd) {
        add(b, 0x8000001e, 0, 0, 0, 0);
        return;
    }
    add(b, 0x8000001e, b->apic_id, (t->threads - 1) << 8 | (core & 0xff),
        MIN(t->dies - 1, 7u) << 8 | (node & 0xff), 0);
}

static void leaf_8000001f(Builder *b)
{
    guint at = b->out->len;

    if (!word(b, X86_WORD_8000001F_EAX)) {
        add(b, 0x8000001f, 0, 0, 0, 0);
        return;
    }
    add_supported(b, 0x8000001f, false);
    g_array_index(b->out, X86CpuidEntry, at).eax &= word(b, X86_WORD_8000001F_EAX);
}

static void extended_leaf(Builder *b, uint32_t leaf)
{
    switch (leaf) {
    case 0x80000000:
        leaf_0(b, leaf, b->cpu->xlevel);
        break;
    case 0x80000001:
        leaf_80000001(b);
        break;
    case 0x80000002:
    case 0x80000003:
    case 0x80000004:
        leaf_brand(b, leaf);
        break;
    case 0x80000005:
        leaf_80000005(b);
        break;
    case 0x80000006:
        leaf_80000006(b);
        break;
    case 0x80000007:
        add(b, leaf, 0, 0, 0, word(b, X86_WORD_80000007_EDX));
        break;
    case 0x80000008:
        leaf_80000008(b);
        break;
    case 0x8000000a:
        leaf_8000000a(b);
        break;
    case 0x8000001d:
        leaf_8000001d(b);
        break;
    case 0x8000001e:
        leaf_8000001e(b);
        break;
    case 0x8000001f:
        leaf_8000001f(b);
        break;
    case 0x80000021:
        add(b, leaf, word(b, X86_WORD_80000021_EAX), 0, 0, 0);
        break;
    default:
        add(b, leaf, 0, 0, 0, 0);
        break;
    }
}

/* A user may set any level; what lies beyond these reads as zero anyway. */
#define HIGHEST_BASIC    0x24u
#define HIGHEST_EXTENDED 0x80000026u
#define HIGHEST_CENTAUR  0xc0000004u

static void topology_features(Builder *b)
{
    if (b->cpus > 1) {
        x86_feature_set_list(&b->features, "ht", true);
        if (b->amd) {
            x86_feature_set_list(&b->features, "cmp-legacy", true);
        }
    }
    /* Dies are told in leaf 0x1f alone. */
    if (b->intel && b->topology->dies > 1 && !b->cpu->level_fixed) {
        b->level = MAX(b->level, 0x1f);
    }
}

GArray *x86_cpuid_build(const X86CpuDefinition *cpu, const X86Topology *topology,
                        unsigned index, const X86CpuSupport *support)
{
    Builder b = {
        .cpu = cpu, .topology = topology, .support = support, .features = cpu->features,
        .out = g_array_new(FALSE, FALSE, sizeof(X86CpuidEntry)),
        .ids = x86_topology_ids(topology, index),
        .apic_id = x86_topology_apic_id(topology, index),
        .level = cpu->level,
        .cpus = topology->dies * topology->cores * topology->threads,
        .amd = strcmp(cpu->vendor, "AuthenticAMD") == 0 ||
               strcmp(cpu->vendor, "HygonGenuine") == 0,
        .intel = strcmp(cpu->vendor, "GenuineIntel") == 0,
    };

    topology_features(&b);
    for (uint32_t leaf = 0; leaf <= MIN(b.level, HIGHEST_BASIC); leaf++) {
        basic_leaf(&b, leaf);
    }
    hypervisor_leaves(&b);
    for (uint32_t leaf = 0x80000000; cpu->xlevel && leaf <= MIN(cpu->xlevel, HIGHEST_EXTENDED);
         leaf++) {
        extended_leaf(&b, leaf);
    }
    if (cpu->xlevel2 >= 0xc0000000) {
        for (uint32_t leaf = 0xc0000000; leaf <= MIN(cpu->xlevel2, HIGHEST_CENTAUR); leaf++) {
            add(&b, leaf, leaf == 0xc0000000 ? cpu->xlevel2 : 0, 0, 0,
                leaf == 0xc0000001 ? word(&b, X86_WORD_C0000001_EDX) : 0);
        }
    }
    return b.out;
}

static const X86CpuidEntry *find(const X86CpuidEntry *entries, size_t count, uint32_t leaf,
                                 uint32_t subleaf)
{
    for (size_t i = 0; i < count; i++) {
        const X86CpuidEntry *e = &entries[i];

        if (e->leaf == leaf && (!(e->flags & X86_CPUID_SUBLEAF) || e->subleaf == subleaf)) {
            return e;
        }
    }
    return NULL;
}

static bool beyond_levels(const X86CpuidEntry *entries, size_t count, uint32_t leaf)
{
    const X86CpuidEntry *base = find(entries, count, leaf & 0xf0000000, 0);

    if (base && leaf <= base->eax) {
        return false;
    }
    return true;
}

X86CpuidEntry x86_cpuid_lookup(const X86CpuidEntry *entries, size_t count, uint32_t leaf,
                               uint32_t subleaf)
{
    const X86CpuidEntry *e = find(entries, count, leaf, subleaf);
    const X86CpuidEntry *zero = find(entries, count, 0, 0);
    X86CpuidEntry answer = { .leaf = leaf, .subleaf = subleaf };

    if (!e && zero && beyond_levels(entries, count, leaf) && zero->ebx == 0x756e6547) {
        e = find(entries, count, zero->eax, subleaf); /* SDM: the highest basic leaf */
        leaf = zero->eax;
    }
    if (e) {
        answer = *e;
        answer.subleaf = subleaf;
    } else if (leaf == 0xb || leaf == 0x1f) {
        /* SDM: any subleaf beyond the last repeats its number and the APIC id. */
        e = find(entries, count, leaf, 0);
        answer.ecx = subleaf & 0xff;
        answer.edx = e ? e->edx : 0;
    }
    return answer;
}
