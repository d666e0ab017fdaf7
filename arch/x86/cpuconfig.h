/* SPDX-License-Identifier: MIT */
/*
 * `-cpu MODEL[,+feature][,-feature][,feature=on|off][,property=value]…`: what the
 * user asked for. cpuid.h turns it into a CPU, once the accelerator is known.
 */
#ifndef ARCH_X86_CPUCONFIG_H
#define ARCH_X86_CPUCONFIG_H

#include "arch/x86/models.h"

typedef enum X86Tristate {
    X86_DEFAULT,
    X86_ON,
    X86_OFF,
} X86Tristate;

typedef struct X86CpuConfig {
    const X86CpuModel *model;
    char *name;          /* the model's name as it was written */
    X86FeatureSet plus;  /* asked for; a later word wins over an earlier one, and '-' over '+' */
    X86FeatureSet minus; /* asked away; disjoint from .plus */

    /* Properties that stay at the model's value unless they are set. */
    char vendor[13];     /* "": not set */
    char *model_id;      /* NULL: not set; up to 48 characters */
    int64_t family;      /* -1: not set, as all of these */
    int64_t cpu_model;
    int64_t stepping;
    int64_t level;
    int64_t xlevel;
    int64_t xlevel2;
    int64_t min_level;
    int64_t min_xlevel;
    int64_t min_xlevel2;
    int64_t level_func7; /* highest subleaf of leaf 7 */

    uint64_t phys_bits;            /* 0: the default; 32..52 */
    X86Tristate host_phys_bits;    /* default: on for host, off elsewhere */
    uint64_t host_phys_bits_limit; /* 0: none */
    uint64_t tsc_frequency;        /* Hz; 0: the host's */
    uint64_t ucode_rev;            /* 0: the model's */

    bool check;               /* say what the accelerator cannot do (default on) */
    bool enforce;             /* … and fail */
    bool migratable;          /* host and max leave out what cannot migrate (default on) */
    X86Tristate pmu;          /* default: on for host and max */
    bool kvm;                 /* show KVM's CPUID leaves (default on) */
    bool l3_cache;            /* default on */
    bool legacy_cache;        /* ignore the model's own cache sizes */
    bool host_cache_info;     /* the host's cache leaves */
    bool cpuid_0xb;           /* leaf 0xb (default on) */
    bool full_cpuid_auto_level; /* raise the levels to what features need (default on) */
    bool vmware_cpuid_freq;   /* leaf 0x40000010 (default on) */
    bool lmce;
    bool force_features;      /* x-force-features: do not filter by the accelerator */
} X86CpuConfig;

/*
 * Parses the option's argument. `config` is the caller's, released with
 * x86_cpu_config_release() after success; on an error there is nothing to release.
 * A comma inside a value is written ",,". Errors name the nearest known word.
 */
bool x86_cpu_config_parse(X86CpuConfig *config, const char *text, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/*
 * Sets one property or feature, as QMP's query-cpu-model-expansion does after a model
 * was named.
 */
bool x86_cpu_config_set(X86CpuConfig *config, const char *name, const char *value,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A property of `-cpu` that is no feature, for introspection. */
typedef struct X86CpuProperty {
    const char *name;
    const char *type;        /* "bool", "int", "str" */
    const char *description;
} X86CpuProperty;

/* False past the last one. */
bool x86_cpu_property_at(size_t n, X86CpuProperty *property);

/*
 * The property's value, floating: "b", "x", "t" or "s"; what is not set reads as -1, 0, off or
 * "". NULL when there is no such property.
 */
GVariant *x86_cpu_config_value(const X86CpuConfig *config, const char *name);

void x86_cpu_config_release(X86CpuConfig *config);

/* The properties (not features) that `-cpu` takes, one a line with its meaning; caller frees. */
char *x86_cpu_config_help(void);

#endif
