/* SPDX-License-Identifier: MIT */
/*
 * The features of an x86 CPU: one table of every CPUID bit and every bit of a
 * feature MSR that can be named on the command line, with the names QEMU gives
 * them, and sets of such features.
 *
 * Sources: Intel SDM volume 2A (CPUID) and 3 (appendix A: VMX MSRs; volume 4:
 * IA32_ARCH_CAPABILITIES, IA32_CORE_CAPABILITIES), AMD APM volume 3 appendix E,
 * Linux Documentation/virt/kvm/x86/cpuid.rst.
 */
#ifndef ARCH_X86_FEATURES_H
#define ARCH_X86_FEATURES_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* A word is one register of one CPUID leaf, or one MSR. */
typedef enum X86FeatureWord {
    X86_WORD_1_EDX,
    X86_WORD_1_ECX,
    X86_WORD_7_0_EBX,
    X86_WORD_7_0_ECX,
    X86_WORD_7_0_EDX,
    X86_WORD_7_1_EAX,
    X86_WORD_7_1_EDX,
    X86_WORD_7_2_EDX,
    X86_WORD_D_1_EAX,
    X86_WORD_6_EAX,
    X86_WORD_12_0_EAX,
    X86_WORD_12_0_EBX,
    X86_WORD_12_1_EAX,
    X86_WORD_14_0_ECX,
    X86_WORD_40000001_EAX,
    X86_WORD_40000001_EDX,
    X86_WORD_80000001_EDX,
    X86_WORD_80000001_ECX,
    X86_WORD_80000007_EDX,
    X86_WORD_80000008_EBX,
    X86_WORD_8000000A_EDX,
    X86_WORD_8000001F_EAX,
    X86_WORD_80000021_EAX,
    X86_WORD_C0000001_EDX,
    X86_WORD_MSR_CF,
    X86_WORD_MSR_10A,
    X86_WORD_MSR_345,
    X86_WORD_MSR_480,
    X86_WORD_MSR_485,
    X86_WORD_MSR_48B,
    X86_WORD_MSR_48C,
    X86_WORD_MSR_48D,
    X86_WORD_MSR_48E,
    X86_WORD_MSR_48F,
    X86_WORD_MSR_490,
    X86_WORD_MSR_491,
    X86_WORD_COUNT,
} X86FeatureWord;

typedef enum X86CpuidRegister {
    X86_EAX,
    X86_EBX,
    X86_ECX,
    X86_EDX,
} X86CpuidRegister;

typedef struct X86FeatureWordInfo {
    uint32_t msr;      /* the MSR's index, or 0: the word is of CPUID */
    uint32_t leaf;
    uint32_t subleaf;
    bool has_subleaf;  /* ECX selects a subleaf of this leaf */
    uint8_t reg;       /* X86CpuidRegister */
    uint8_t msr_shift; /* bit 0 of the word is this bit of the MSR (allowed-1 halves) */
    const char *needs; /* the feature without which the whole word is absent, or NULL */
} X86FeatureWordInfo;

extern const X86FeatureWordInfo x86_feature_words[X86_WORD_COUNT];

typedef enum X86FeatureFlags {
    X86_FEATURE_UNMIGRATABLE = 1 << 0, /* left out of host and max while migratable=on */
    X86_FEATURE_EXPLICIT = 1 << 1,     /* host and max leave it out; needs more than the bit */
    X86_FEATURE_AGAIN = 1 << 2,        /* another bit of a name that stands above */
} X86FeatureFlags;

typedef struct X86FeatureInfo {
    uint8_t word;       /* X86FeatureWord */
    uint8_t bit;        /* in the word */
    const char *names;  /* the canonical name, then aliases, separated by '|' */
    const char *needs;  /* a feature this one cannot do without, or NULL */
    uint8_t flags;      /* X86FeatureFlags */
} X86FeatureInfo;

/* Ordered by word, then bit. Two bits can share a name (kvmclock). */
extern const X86FeatureInfo x86_features[];
extern const size_t x86_feature_count;

/* A set of features; all zero is the empty set. */
typedef struct X86FeatureSet {
    uint64_t word[X86_WORD_COUNT];
} X86FeatureSet;

/*
 * The first row of the table with this name or alias, or NULL. '_' is the same
 * as '-'. `length` is the name's, or -1 when it ends with a NUL.
 */
const X86FeatureInfo *x86_feature_find(const char *name, ssize_t length);

/* Adds or removes every bit of that name; false when there is no such feature. */
bool x86_feature_set_name(X86FeatureSet *set, const char *name, ssize_t length, bool on);

/* Adds or removes features of a list separated by spaces: tables use it, and
 * an unknown name there is a programming error. */
void x86_feature_set_list(X86FeatureSet *set, const char *list, bool on);

bool x86_feature_set_has(const X86FeatureSet *set, const char *name);

static inline bool x86_feature_set_has_bit(const X86FeatureSet *set, X86FeatureWord word,
                                           unsigned bit)
{
    return set->word[word] >> bit & 1;
}

/* The features of the table that host and max may take over from the accelerator. */
void x86_feature_set_passable(X86FeatureSet *set, bool migratable);

/*
 * Takes out of `set` each feature that lacks one it needs, and what needs that
 * in turn; stores what was taken out in `dropped`. True when anything was.
 */
bool x86_feature_set_close(X86FeatureSet *set, X86FeatureSet *dropped);

/* "CPUID.07H:EBX.avx2 [bit 5]", "MSR(10AH).rdctl-no [bit 0]"; the caller frees it. */
char *x86_feature_describe(X86FeatureWord word, unsigned bit);

/* The canonical name of a bit (in a static table's own storage: copied, freed by
 * the caller), or NULL where the table names none. */
char *x86_feature_name(X86FeatureWord word, unsigned bit);

/* The names of the set, canonical, in the table's order; free with g_ptr_array_unref(). */
GPtrArray *x86_feature_set_names(const X86FeatureSet *set);

/* " (did you mean 'avx2'?)" or ""; the caller frees it. */
char *x86_feature_hint(const char *name);

/* The list of flags in `-cpu help`: sorted, wrapped, indented by two; caller frees. */
char *x86_feature_help(void);

#endif
