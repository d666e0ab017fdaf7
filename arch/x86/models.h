/* SPDX-License-Identifier: MIT */
/*
 * The CPU models that `-cpu` names: one table. A model says what it adds to
 * and takes from the one it inherits; its version 1 is what the plain name means.
 */
#ifndef ARCH_X86_MODELS_H
#define ARCH_X86_MODELS_H

#include "arch/x86/features.h"

typedef enum X86CacheType {
    X86_CACHE_NONE = 0, /* as in CPUID.4:EAX[4:0] */
    X86_CACHE_DATA = 1,
    X86_CACHE_INSTRUCTION = 2,
    X86_CACHE_UNIFIED = 3,
} X86CacheType;

/* Which CPUs share a cache. */
typedef enum X86CacheScope {
    X86_CACHE_OF_CORE,
    X86_CACHE_OF_DIE,
} X86CacheScope;

/* A cache as CPUID leaf 4 and 0x8000001d tell it. */
typedef struct X86CacheInfo {
    uint8_t type;       /* X86CacheType; NONE ends the list */
    uint8_t level;
    uint8_t scope;      /* X86CacheScope */
    uint8_t lines_per_tag; /* of 0x80000005 and 0x80000006 */
    uint16_t line;      /* bytes */
    uint16_t ways;
    uint32_t sets;
    bool self_init;
    bool wbinvd_local;  /* WBINVD does not reach lower levels of the sharers: EDX[0] */
    bool inclusive;
    bool complex_index;
} X86CacheInfo;

/* L1 data, L1 instruction, L2, L3, and for leaf 2 the descriptors of the same. */
typedef struct X86Caches {
    X86CacheInfo cache[4];
    uint32_t leaf2_ecx; /* the L3's descriptor */
    uint32_t leaf2_edx; /* L1 and L2; 0: leaf 4 tells */
} X86Caches;

extern const X86Caches x86_intel_caches, x86_amd_caches;

typedef enum X86ModelKind {
    X86_MODEL_NAMED,
    X86_MODEL_HOST, /* all that the accelerator's host supports; needs hardware */
    X86_MODEL_MAX,  /* all that the accelerator supports */
    X86_MODEL_BASE, /* nothing */
} X86ModelKind;

typedef struct X86CpuModel {
    const char *name;     /* with its version: "Haswell-v2" */
    const char *alias;    /* an older name of this very version: "Haswell-noTSX", or NULL */
    const char *note;     /* shown in brackets by `-cpu help`, or NULL */
    const char *inherits; /* the model whose features (and, without .vendor, identity) it takes */
    const char *vendor;   /* 12 characters; NULL: this identity is the parent's */
    uint32_t level;       /* highest basic CPUID leaf, at least */
    uint32_t xlevel;      /* highest extended CPUID leaf, at least; 0: none */
    uint16_t family;
    uint8_t model;
    uint8_t stepping;
    const char *model_id; /* the brand string; NULL: the parent's */
    const X86Caches *caches; /* NULL: the legacy ones of the vendor */
    const char *add;      /* features, separated by spaces */
    const char *remove;
    X86ModelKind kind;
} X86CpuModel;

extern const X86CpuModel x86_cpu_models[];
extern const size_t x86_cpu_model_count;

/* By version name, plain name (version 1) or alias; case matters. NULL if there is none. */
const X86CpuModel *x86_cpu_model_find(const char *name);

/* The row that states the identity (.vendor … .stepping, .caches) of the model. */
const X86CpuModel *x86_cpu_model_identity(const X86CpuModel *model);

const char *x86_cpu_model_id(const X86CpuModel *model);

/* Adds the model's own features to `set`; none for host, max and base. */
void x86_cpu_model_add_features(const X86CpuModel *model, X86FeatureSet *set);

/* " (did you mean 'Haswell'?)" or ""; the caller frees it. */
char *x86_cpu_model_hint(const char *name);

/*
 * Each name that `-cpu` takes, sorted, in turn: the name, the row it means, and the
 * version name it stands for, or NULL when it is one itself. For `-cpu help` and QMP.
 */
typedef struct X86CpuModelName {
    char *name;
    const X86CpuModel *model;
    const char *alias_of; /* NULL: this is the model's own name */
    bool is_plain;        /* the name without a version */
} X86CpuModelName;

/* Of X86CpuModelName; free with g_array_unref(). */
GArray *x86_cpu_model_names(void);

/* What `-cpu help` prints, flags included; the caller frees it. */
char *x86_cpu_help(void);

#endif
