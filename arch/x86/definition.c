/* SPDX-License-Identifier: MIT */
/* Deciding what a CPU is: the model, the user's wishes, the accelerator's limits. */
#include <string.h>

#include "arch/x86/cpuid.h"
#include "arch/x86/xsave.h"
#include "base/bits.h"
#include "base/error.h"

/* What a named model gets under an accelerator with KVM's paravirtual interface … */
#define PARAVIRT_FEATURES                                                                    \
    "kvmclock kvm-nopiodelay kvm-asyncpf kvm-steal-time kvm-pv-eoi kvmclock-stable-bit"
/* … and what it loses on real hardware, where a guest seldom wants it. */
#define HARDWARE_REMOVES "acpi monitor svm"
/* … and on a software CPU that does not have it: qemu64, the default, lists svm. */
#define SOFTWARE_REMOVES "acpi svm"

#define DEFAULT_PHYS_BITS 40

/* CPUID describes with these; they need nothing of the accelerator. */
#define ALWAYS_SUPPORTED "hypervisor ht cmp-legacy"

const X86CpuidEntry *x86_cpu_support_entry(const X86CpuSupport *support, uint32_t leaf,
                                           uint32_t subleaf)
{
    for (size_t i = 0; i < support->entry_count; i++) {
        const X86CpuidEntry *e = &support->entries[i];

        if (e->leaf == leaf && e->subleaf == subleaf) {
            return e;
        }
    }
    return NULL;
}

static uint32_t entry_register(const X86CpuidEntry *e, X86CpuidRegister reg)
{
    switch (reg) {
    case X86_EAX:
        return e->eax;
    case X86_EBX:
        return e->ebx;
    case X86_ECX:
        return e->ecx;
    default:
        return e->edx;
    }
}

/*
 * What cannot be saved cannot be used: a kernel may list a feature whose state it does not let
 * this process's guests have (AMX without the permission for it).
 */
static void drop_stateless(X86CpuSupport *support)
{
    const X86CpuidEntry *e = x86_cpu_support_entry(support, 0xd, 0);
    uint64_t components = e ? e->eax | (uint64_t)e->edx << 32 : 0;

    for (size_t i = 0; e && i < x86_xsave_component_count; i++) {
        const X86XsaveComponent *c = &x86_xsave_components[i];

        if (!c->supervisor && !(components >> c->bit & 1)) {
            x86_feature_set_list(&support->features, c->features, false);
        }
    }
}

void x86_cpu_support_init(X86CpuSupport *support, const char *name,
                          const X86CpuidEntry *entries, size_t count)
{
    const X86CpuidEntry *e;

    *support = (X86CpuSupport){ .name = name, .entries = entries, .entry_count = count };
    for (unsigned w = 0; w < X86_WORD_COUNT; w++) {
        const X86FeatureWordInfo *info = &x86_feature_words[w];

        e = info->msr ? NULL : x86_cpu_support_entry(support, info->leaf, info->subleaf);
        if (e) {
            support->features.word[w] = entry_register(e, info->reg);
        }
    }
    drop_stateless(support);
    x86_feature_set_list(&support->features, ALWAYS_SUPPORTED, true);
    e = x86_cpu_support_entry(support, 0x80000008, 0);
    support->phys_bits = e ? e->eax & 0xff : 0;
    e = x86_cpu_support_entry(support, 0xd, 1);
    support->xss = e ? e->ecx | (uint64_t)e->edx << 32 : 0;
}

void x86_cpu_support_add_msr(X86CpuSupport *support, uint32_t index, uint64_t value)
{
    for (unsigned w = 0; w < X86_WORD_COUNT; w++) {
        if (x86_feature_words[w].msr == index && index) {
            support->features.word[w] |= value >> x86_feature_words[w].msr_shift;
        }
    }
}

static void set_and(X86FeatureSet *set, const X86FeatureSet *other)
{
    for (unsigned w = 0; w < X86_WORD_COUNT; w++) {
        set->word[w] &= other->word[w];
    }
}

static void set_or(X86FeatureSet *set, const X86FeatureSet *other)
{
    for (unsigned w = 0; w < X86_WORD_COUNT; w++) {
        set->word[w] |= other->word[w];
    }
}

static void set_and_not(X86FeatureSet *set, const X86FeatureSet *other)
{
    for (unsigned w = 0; w < X86_WORD_COUNT; w++) {
        set->word[w] &= ~other->word[w];
    }
}

static void warn_each(GPtrArray *warnings, const X86FeatureSet *set, const char *text)
{
    for (unsigned w = 0; warnings && w < X86_WORD_COUNT; w++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            if (set->word[w] >> bit & 1) {
                g_autofree char *what = x86_feature_describe(w, bit);

                g_ptr_array_add(warnings, g_strdup_printf("%s: %s", text, what));
            }
        }
    }
}

static void remove_lacking(X86FeatureSet *set, const char *names, const X86CpuSupport *support)
{
    X86FeatureSet these = { 0 };

    x86_feature_set_list(&these, names, true);
    for (unsigned w = 0; w < X86_WORD_COUNT; w++) {
        set->word[w] &= ~(these.word[w] & ~support->features.word[w]);
    }
}

static void features_of_model(X86FeatureSet *set, const X86CpuConfig *config,
                              const X86CpuSupport *support)
{
    X86FeatureSet passable, implied = { 0 };

    memset(set, 0, sizeof(*set));
    switch (config->model->kind) {
    case X86_MODEL_BASE:
        return;
    case X86_MODEL_HOST:
    case X86_MODEL_MAX:
        x86_feature_set_passable(&passable, config->migratable);
        *set = support->features;
        set_and(set, &passable);
        /* Described from the topology, not taken over. */
        x86_feature_set_list(set, "ht cmp-legacy", false);
        break;
    case X86_MODEL_NAMED:
        x86_cpu_model_add_features(config->model, set);
        if (support->hardware) {
            x86_feature_set_list(set, HARDWARE_REMOVES, false);
            x86_feature_set_list(&implied, "x2apic", true);
        } else {
            remove_lacking(set, SOFTWARE_REMOVES, support);
        }
        if (support->paravirt) {
            x86_feature_set_list(&implied, PARAVIRT_FEATURES, true);
        }
        /* Nobody asked for these: not to have them is not worth a warning. */
        set_and(&implied, &support->features);
        set_or(set, &implied);
        break;
    }
    x86_feature_set_list(set, "hypervisor", true);
}

/* A named model does not list what a nested hypervisor may use: with vmx it gets the host's. */
static void features_of_vmx(X86FeatureSet *set, const X86CpuConfig *config,
                            const X86CpuSupport *support)
{
    if (config->model->kind != X86_MODEL_NAMED || !x86_feature_set_has(set, "vmx")) {
        return;
    }
    for (unsigned w = 0; w < X86_WORD_COUNT; w++) {
        const char *needs = x86_feature_words[w].needs;

        if (needs && strcmp(needs, "vmx") == 0) {
            set->word[w] |= support->features.word[w] & ~config->minus.word[w];
        }
    }
}

static bool decide_features(X86CpuDefinition *cpu, const X86CpuConfig *config,
                            const X86CpuSupport *support, GPtrArray *warnings, GError **error)
{
    X86FeatureSet dropped;

    features_of_model(&cpu->features, config, support);
    set_or(&cpu->features, &config->plus);
    set_and_not(&cpu->features, &config->minus);
    features_of_vmx(&cpu->features, config, support);
    if (!config->kvm) {
        cpu->features.word[X86_WORD_40000001_EAX] = 0;
        cpu->features.word[X86_WORD_40000001_EDX] = 0;
    }
    if (config->force_features) {
        return true;
    }
    x86_feature_set_close(&cpu->features, &dropped);
    set_and(&dropped, &config->plus);
    set_or(&cpu->filtered, &dropped);
    warn_each(warnings, &dropped,
              "This feature depends on other features that were not requested");

    dropped = cpu->features;
    set_and_not(&dropped, &support->features);
    set_and_not(&cpu->features, &dropped);
    set_or(&cpu->filtered, &dropped);
    if (config->check || config->enforce) {
        g_autofree char *text = g_strdup_printf("%s doesn't support requested feature",
                                                support->name);

        warn_each(warnings, &dropped, text);
    }
    for (unsigned w = 0; config->enforce && w < X86_WORD_COUNT; w++) {
        if (cpu->filtered.word[w]) {
            error_set(error, ERROR_INVALID, "%c%s doesn't support requested features",
                      g_ascii_toupper(support->name[0]), support->name + 1);
            return false;
        }
    }
    /* What stood on a feature that is gone goes with it. */
    x86_feature_set_close(&cpu->features, &dropped);
    set_or(&cpu->filtered, &dropped);
    return true;
}

static void unpack_words(char *to, const uint32_t *words, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        store_le(to + 4 * i, words[i], 4);
    }
    to[4 * count] = 0;
}

static void host_vendor(const X86CpuSupport *support, char vendor[13])
{
    const X86CpuidEntry *e = x86_cpu_support_entry(support, 0, 0);

    if (e) {
        unpack_words(vendor, (uint32_t[]){ e->ebx, e->edx, e->ecx }, 3);
    }
}

static void host_identity(X86CpuDefinition *cpu, const X86CpuSupport *support)
{
    const X86CpuidEntry *e = x86_cpu_support_entry(support, 1, 0);
    uint32_t words[12] = { 0 };

    if (e) {
        cpu->family = bits_extract(e->eax, 8, 4);
        cpu->model = bits_extract(e->eax, 4, 4) | bits_extract(e->eax, 16, 4) << 4;
        cpu->stepping = bits_extract(e->eax, 0, 4);
        if (cpu->family == 0xf) {
            cpu->family += bits_extract(e->eax, 20, 8);
        }
    }
    for (unsigned i = 0; i < 3; i++) {
        e = x86_cpu_support_entry(support, 0x80000002 + i, 0);
        if (e) {
            memcpy(words + 4 * i, (uint32_t[]){ e->eax, e->ebx, e->ecx, e->edx }, 16);
        }
    }
    unpack_words(cpu->model_id, words, 12);
}

static void decide_identity(X86CpuDefinition *cpu, const X86CpuConfig *config,
                            const X86CpuSupport *support)
{
    const X86CpuModel *identity = x86_cpu_model_identity(config->model);

    if (config->model->kind == X86_MODEL_NAMED) {
        cpu->family = identity->family;
        cpu->model = identity->model;
        cpu->stepping = identity->stepping;
        g_strlcpy(cpu->model_id, x86_cpu_model_id(config->model), sizeof(cpu->model_id));
        g_strlcpy(cpu->vendor, identity->vendor, sizeof(cpu->vendor));
    } else if (config->model->kind != X86_MODEL_BASE) {
        host_identity(cpu, support);
    }
    /* Guests choose SYSCALL or SYSENTER, and their workarounds, by the vendor: on real
     * hardware it had better be the true one. */
    if (support->hardware || config->model->kind != X86_MODEL_NAMED) {
        host_vendor(support, cpu->vendor);
    }
    if (config->vendor[0]) {
        g_strlcpy(cpu->vendor, config->vendor, sizeof(cpu->vendor));
    }
    if (config->model_id) {
        g_strlcpy(cpu->model_id, config->model_id, sizeof(cpu->model_id));
    }
    cpu->family = config->family >= 0 ? (uint32_t)config->family : cpu->family;
    cpu->model = config->cpu_model >= 0 ? (uint32_t)config->cpu_model : cpu->model;
    cpu->stepping = config->stepping >= 0 ? (uint32_t)config->stepping : cpu->stepping;
}

static bool is_amd(const X86CpuDefinition *cpu)
{
    return strcmp(cpu->vendor, "AuthenticAMD") == 0 || strcmp(cpu->vendor, "HygonGenuine") == 0;
}

/* The highest leaf of the range of `base` that a feature of the CPU is told in. */
static uint32_t level_for_features(const X86CpuDefinition *cpu, uint32_t base, uint32_t range)
{
    uint32_t level = 0;

    for (unsigned w = 0; w < X86_WORD_COUNT; w++) {
        const X86FeatureWordInfo *info = &x86_feature_words[w];

        if (!info->msr && cpu->features.word[w] && info->leaf - base < range) {
            level = MAX(level, info->leaf);
        }
    }
    return level;
}

static uint32_t decide_level(int64_t fixed, int64_t low, uint32_t model, uint32_t features)
{
    if (fixed >= 0) {
        return fixed;
    }
    return MAX(low >= 0 ? (uint32_t)low : model, features);
}

static void decide_levels(X86CpuDefinition *cpu, const X86CpuConfig *config,
                          const X86CpuSupport *support)
{
    const X86CpuModel *identity = x86_cpu_model_identity(config->model);
    bool host = config->model->kind == X86_MODEL_HOST || config->model->kind == X86_MODEL_MAX;
    const X86CpuidEntry *low = x86_cpu_support_entry(support, 0, 0);
    const X86CpuidEntry *high = x86_cpu_support_entry(support, 0x80000000, 0);
    uint32_t basic = 0, extended = 0, centaur = 0;

    if (config->full_cpuid_auto_level) {
        basic = level_for_features(cpu, 0, 0x10000);
        extended = level_for_features(cpu, 0x80000000, 0x10000);
        centaur = level_for_features(cpu, 0xc0000000, 0x10000);
        if (x86_feature_set_has(&cpu->features, "xsave")) {
            basic = MAX(basic, 0xd);
        }
        if (x86_feature_set_has(&cpu->features, "amx-tile")) {
            basic = MAX(basic, 0x1e);
        }
        if (x86_feature_set_has(&cpu->features, "lm")) {
            extended = MAX(extended, 0x80000008);
        }
        if (x86_feature_set_has(&cpu->features, "svm")) {
            extended = MAX(extended, 0x8000000a);
        }
        if (x86_feature_set_has(&cpu->features, "topoext") && is_amd(cpu)) {
            extended = MAX(extended, 0x8000001e);
        }
    }
    cpu->level = decide_level(config->level, config->min_level,
                              host && low ? low->eax : identity->level, basic);
    cpu->xlevel = decide_level(config->xlevel, config->min_xlevel,
                               host && high ? high->eax : identity->xlevel, extended);
    cpu->xlevel2 = decide_level(config->xlevel2, config->min_xlevel2, 0, centaur);
    cpu->level_fixed = config->level >= 0 || !config->full_cpuid_auto_level;
    cpu->level_func7 = config->level_func7 >= 0 ? (uint32_t)config->level_func7 :
                       cpu->features.word[X86_WORD_7_2_EDX] ? 2 :
                       cpu->features.word[X86_WORD_7_1_EAX] ||
                       cpu->features.word[X86_WORD_7_1_EDX] ? 1 : 0;
}

static bool decide_address_bits(X86CpuDefinition *cpu, const X86CpuConfig *config,
                                const X86CpuSupport *support, GError **error)
{
    bool lm = x86_feature_set_has(&cpu->features, "lm");
    bool host = config->host_phys_bits == X86_ON ||
                (config->host_phys_bits == X86_DEFAULT && support->hardware &&
                 (config->model->kind == X86_MODEL_HOST ||
                  config->model->kind == X86_MODEL_MAX));

    cpu->linear_bits = !lm ? 32 : x86_feature_set_has(&cpu->features, "la57") ? 57 : 48;
    if (!lm) {
        if (config->phys_bits) {
            error_set(error, ERROR_INVALID,
                      "phys-bits cannot be set for the CPU '%s', which has no 64-bit mode (lm)",
                      config->name);
            return false;
        }
        cpu->phys_bits = x86_feature_set_has(&cpu->features, "pse36") ||
                         x86_feature_set_has(&cpu->features, "pae") ? 36 : 32;
        return true;
    }
    cpu->phys_bits = config->phys_bits ? config->phys_bits : DEFAULT_PHYS_BITS;
    if (host && !config->phys_bits && support->phys_bits) {
        cpu->phys_bits = support->phys_bits;
        if (config->host_phys_bits_limit) {
            cpu->phys_bits = MIN(cpu->phys_bits, config->host_phys_bits_limit);
        }
    }
    if (cpu->phys_bits < 32 || cpu->phys_bits > 52) {
        error_set(error, ERROR_INVALID, "phys-bits should be between 32 and 52 (but is %u)",
                  cpu->phys_bits);
        return false;
    }
    return true;
}

static void decide_xsave(X86CpuDefinition *cpu, const X86CpuSupport *support)
{
    const X86CpuidEntry *e = x86_cpu_support_entry(support, 0xd, 0);
    uint64_t supported = e ? e->eax | (uint64_t)e->edx << 32 : 0;

    cpu->xcr0 = x86_xsave_components_of(&cpu->features, false) & supported;
    cpu->xss = x86_xsave_components_of(&cpu->features, true) & support->xss;
    cpu->xsave_size = cpu->xcr0 ? x86_xsave_size(support, cpu->xcr0) : 0;
}

bool x86_cpu_define(X86CpuDefinition *cpu, const X86CpuConfig *config,
                    const X86CpuSupport *support, GPtrArray *warnings, GError **error)
{
    const X86CpuModel *identity = x86_cpu_model_identity(config->model);
    bool host = config->model->kind == X86_MODEL_HOST || config->model->kind == X86_MODEL_MAX;

    memset(cpu, 0, sizeof(*cpu));
    if (config->model->kind == X86_MODEL_HOST && !support->hardware) {
        error_set(error, ERROR_INVALID, "CPU model 'host' requires KVM; use 'max' without it");
        return false;
    }
    if (!decide_features(cpu, config, support, warnings, error)) {
        return false;
    }
    decide_identity(cpu, config, support);
    decide_levels(cpu, config, support);
    if (!decide_address_bits(cpu, config, support, error)) {
        return false;
    }
    if (support->hardware && support->phys_bits && config->phys_bits > support->phys_bits &&
        warnings) {
        g_ptr_array_add(warnings, g_strdup_printf(
            "phys-bits=%u is more than the host's %u: memory above may not work",
            cpu->phys_bits, support->phys_bits));
    }
    decide_xsave(cpu, support);
    cpu->tsc_hz = config->tsc_frequency;
    cpu->ucode_rev = config->ucode_rev;
    cpu->pmu = config->pmu == X86_ON || (config->pmu == X86_DEFAULT && host);
    cpu->kvm = config->kvm;
    cpu->l3_cache = config->l3_cache;
    cpu->host_cache_info = config->host_cache_info;
    cpu->cpuid_0xb = config->cpuid_0xb;
    cpu->vmware_cpuid_freq = config->vmware_cpuid_freq;
    cpu->lmce = config->lmce;
    cpu->caches = identity->caches && !config->legacy_cache ? identity->caches :
                  is_amd(cpu) ? &x86_amd_caches : &x86_intel_caches;
    return true;
}

/* A family beyond 15 and a model beyond 15 go to the extended fields. */
uint32_t x86_cpu_signature(const X86CpuDefinition *cpu)
{
    uint32_t family = MIN(cpu->family, 0xfu);

    return cpu->stepping | (cpu->model & 0xf) << 4 | family << 8 | (cpu->model >> 4) << 16 |
           (cpu->family - family) << 20;
}

uint64_t x86_cpu_feature_msr(const X86CpuDefinition *cpu, X86FeatureWord word)
{
    g_assert(x86_feature_words[word].msr);
    return cpu->features.word[word] << x86_feature_words[word].msr_shift;
}

uint64_t x86_cpu_misc_enable(const X86CpuDefinition *cpu)
{
    uint64_t value = BIT64(0); /* fast strings */

    /* Bits 11, 12: no branch trace, no PEBS. */
    value |= BIT64(11) | BIT64(12);
    if (cpu->pmu) {
        value |= BIT64(7);
    }
    if (x86_feature_set_has(&cpu->features, "monitor")) {
        value |= BIT64(18);
    }
    return value;
}
