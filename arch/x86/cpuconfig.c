/* SPDX-License-Identifier: MIT */
/* The argument of `-cpu`. */
#include "arch/x86/cpuconfig.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "qom/parse.h"

typedef enum OptionKind {
    OPTION_BOOL,
    OPTION_TRISTATE,
    OPTION_NUMBER,    /* uint64_t */
    OPTION_OPTIONAL,  /* int64_t, -1 when not set */
    OPTION_FREQUENCY, /* uint64_t, Hz, with a suffix of powers of 1000 */
    OPTION_VENDOR,
    OPTION_STRING,
} OptionKind;

typedef struct Option {
    const char *name;
    OptionKind kind;
    uint32_t offset;
    uint64_t low, high; /* of numbers; the longest of a string */
    const char *help;
} Option;

#define AT(member) offsetof(X86CpuConfig, member)

static const Option properties[] = {
    { "vendor", OPTION_VENDOR, AT(vendor), 12, 12, "the 12 letters of CPUID leaf 0" },
    { "family", OPTION_OPTIONAL, AT(family), 0, 0xf + 0xff, "with the extended family" },
    { "model", OPTION_OPTIONAL, AT(cpu_model), 0, 0xff, "with the extended model" },
    { "stepping", OPTION_OPTIONAL, AT(stepping), 0, 0xf, "the revision of the chip" },
    { "model-id", OPTION_STRING, AT(model_id), 0, 48, "the brand string" },
    { "level", OPTION_OPTIONAL, AT(level), 0, UINT32_MAX, "the highest basic CPUID leaf" },
    { "xlevel", OPTION_OPTIONAL, AT(xlevel), 0, UINT32_MAX, "the highest extended leaf" },
    { "xlevel2", OPTION_OPTIONAL, AT(xlevel2), 0, UINT32_MAX, "the highest Centaur leaf" },
    { "min-level", OPTION_OPTIONAL, AT(min_level), 0, UINT32_MAX,
      "where the highest leaf starts before features raise it" },
    { "min-xlevel", OPTION_OPTIONAL, AT(min_xlevel), 0, UINT32_MAX,
      "the same of the extended leaves" },
    { "min-xlevel2", OPTION_OPTIONAL, AT(min_xlevel2), 0, UINT32_MAX,
      "the same of Centaur's leaves" },
    { "level-func7", OPTION_OPTIONAL, AT(level_func7), 0, UINT32_MAX,
      "the highest subleaf of leaf 7" },
    { "phys-bits", OPTION_NUMBER, AT(phys_bits), 0, UINT32_MAX,
      "physical address bits, 32 to 52; 0: the default" },
    { "host-phys-bits", OPTION_TRISTATE, AT(host_phys_bits), 0, 0,
      "as many physical address bits as the host has" },
    { "host-phys-bits-limit", OPTION_NUMBER, AT(host_phys_bits_limit), 0, 255,
      "but no more than this; 0: no limit" },
    { "tsc-frequency", OPTION_FREQUENCY, AT(tsc_frequency), 0, INT64_MAX, "in Hz" },
    { "tsc-freq", OPTION_FREQUENCY, AT(tsc_frequency), 0, INT64_MAX, "the same" },
    { "ucode-rev", OPTION_NUMBER, AT(ucode_rev), 0, UINT64_MAX,
      "the microcode revision, as MSR 8BH reads" },
    { "check", OPTION_BOOL, AT(check), 0, 0,
      "warn of features that the accelerator lacks (default on)" },
    { "enforce", OPTION_BOOL, AT(enforce), 0, 0, "fail when the accelerator lacks one" },
    { "migratable", OPTION_BOOL, AT(migratable), 0, 0,
      "host and max leave out what cannot migrate (default on)" },
    { "pmu", OPTION_TRISTATE, AT(pmu), 0, 0, "show the performance counters" },
    { "kvm", OPTION_BOOL, AT(kvm), 0, 0, "show KVM's own CPUID leaves (default on)" },
    { "l3-cache", OPTION_BOOL, AT(l3_cache), 0, 0, "show an L3 cache (default on)" },
    { "legacy-cache", OPTION_BOOL, AT(legacy_cache), 0, 0,
      "the vendor's legacy cache sizes instead of the model's" },
    { "host-cache-info", OPTION_BOOL, AT(host_cache_info), 0, 0, "the host's cache leaves" },
    { "cpuid-0xb", OPTION_BOOL, AT(cpuid_0xb), 0, 0, "show leaf 0xb (default on)" },
    { "full-cpuid-auto-level", OPTION_BOOL, AT(full_cpuid_auto_level), 0, 0,
      "raise the levels to what the features need (default on)" },
    { "vmware-cpuid-freq", OPTION_BOOL, AT(vmware_cpuid_freq), 0, 0,
      "show the TSC and APIC frequencies in leaf 0x40000010 (default on)" },
    { "lmce", OPTION_BOOL, AT(lmce), 0, 0, "local machine check exceptions" },
    { "x-force-features", OPTION_BOOL, AT(force_features), 0, 0,
      "show features even where the accelerator lacks them" },
};

/* Hyper-V's enlightenments, whose interface (synthetic MSRs, hypercall page) is not modelled. */
static bool is_hyperv(const char *name)
{
    return g_str_has_prefix(name, "hv-") || g_str_has_prefix(name, "hv_") ||
           g_str_has_prefix(name, "x-hv-");
}

static const Option *property_find(const char *name)
{
    g_autofree char *dashed = g_strdelimit(g_strdup(name), "_", '-');

    for (size_t i = 0; i < G_N_ELEMENTS(properties); i++) {
        if (strcmp(properties[i].name, dashed) == 0) {
            return &properties[i];
        }
    }
    return NULL;
}

static char *unknown_hint(const char *name)
{
    NearestName nearest = nearest_name_init(name);

    for (size_t i = 0; i < x86_feature_count; i++) {
        g_auto(GStrv) names = g_strsplit(x86_features[i].names, "|", -1);

        for (size_t n = 0; names[n]; n++) {
            nearest_name_offer(&nearest, names[n]);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(properties); i++) {
        nearest_name_offer(&nearest, properties[i].name);
    }
    return g_strdup(nearest_name_hint(&nearest));
}

static bool unknown(const X86CpuConfig *config, const char *name, GError **error)
{
    g_autofree char *hint = unknown_hint(name);

    error_set(error, ERROR_NOT_FOUND, "Property '%s-x86_64-cpu.%s' not found%s", config->name,
              name, hint);
    return false;
}

static bool set_frequency(uint64_t *hz, const char *name, const char *value, GError **error)
{
    static const char suffixes[] = "kMGT";
    char *end;
    double number = g_ascii_strtod(value, &end);
    const char *suffix = *end ? strchr(suffixes, *end == 'K' ? 'k' : *end) : NULL;

    for (const char *s = suffixes; suffix && s <= suffix; s++) {
        number *= 1000;
    }
    if (end == value || (*end && (!suffix || end[1])) || !(number >= 0 && number < 9.2e18)) {
        error_set(error, ERROR_INVALID,
                  "Parameter '%s' expects a frequency in Hz (2400000000, 2.4G), not '%s'", name,
                  value);
        return false;
    }
    *hz = number;
    return true;
}

static bool set_number(const Option *p, void *at, const char *value, GError **error)
{
    uint64_t number;
    g_autoptr(GError) reason = NULL;

    if (!parse_uint(value, &number, &reason)) {
        error_set(error, ERROR_INVALID, "Parameter '%s' expects a number, not '%s'", p->name,
                  value);
        return false;
    }
    if (number < p->low || number > p->high) {
        error_set(error, ERROR_INVALID,
                  "Property .%s doesn't take value %" PRIu64 " (minimum: %" PRIu64
                  ", maximum: %" PRIu64 ")", p->name, number, p->low, p->high);
        return false;
    }
    *(uint64_t *)at = number;
    return true;
}

static bool set_text(const Option *p, void *at, const char *value, GError **error)
{
    size_t length = strlen(value);

    if (length < p->low || length > p->high) {
        if (p->low == p->high) {
            error_set(error, ERROR_INVALID,
                      "Property '.%s' doesn't take value '%s': it has to have %u characters",
                      p->name, value, (unsigned)p->high);
        } else {
            error_set(error, ERROR_INVALID,
                      "Property '.%s' takes up to %u characters, and this has %zu", p->name,
                      (unsigned)p->high, length);
        }
        return false;
    }
    if (p->kind == OPTION_VENDOR) {
        memcpy(at, value, length + 1);
    } else {
        g_free(*(char **)at);
        *(char **)at = g_strdup(value);
    }
    return true;
}

static bool set_property(X86CpuConfig *config, const Option *p, const char *value,
                         GError **error)
{
    void *at = (char *)config + p->offset;
    bool on;

    switch (p->kind) {
    case OPTION_BOOL:
    case OPTION_TRISTATE: {
        g_autoptr(GError) reason = NULL;

        if (!parse_bool(value, &on, &reason)) {
            error_set(error, ERROR_INVALID, "Parameter '%s' expects 'on' or 'off', not '%s'",
                      p->name, value);
            return false;
        }
        if (p->kind == OPTION_BOOL) {
            *(bool *)at = on;
        } else {
            *(X86Tristate *)at = on ? X86_ON : X86_OFF;
        }
        return true;
    }
    case OPTION_NUMBER:
    case OPTION_OPTIONAL:
        return set_number(p, at, value, error);
    case OPTION_FREQUENCY:
        return set_frequency(at, p->name, value, error);
    default:
        return set_text(p, at, value, error);
    }
}

static void set_feature(X86CpuConfig *config, const char *name, bool on)
{
    x86_feature_set_name(&config->plus, name, -1, on);
    x86_feature_set_name(&config->minus, name, -1, !on);
}

static bool set_hyperv(const char *name, const char *value, GError **error)
{
    bool on;
    g_autoptr(GError) reason = NULL;

    if (parse_bool(value, &on, &reason) && !on) {
        return true; /* that is how it is */
    }
    error_set(error, ERROR_INVALID,
              "'%s' asks for a Hyper-V enlightenment, and Hyper-V's interface is not modelled; "
              "leave it out (Windows runs without it)", name);
    return false;
}

bool x86_cpu_config_set(X86CpuConfig *config, const char *name, const char *value,
                        GError **error)
{
    const Option *p = property_find(name);
    bool on;
    g_autoptr(GError) reason = NULL;

    if (p) {
        return set_property(config, p, value, error);
    }
    if (is_hyperv(name)) {
        return set_hyperv(name, value, error);
    }
    if (!x86_feature_find(name, -1)) {
        return unknown(config, name, error);
    }
    if (!parse_bool(value, &on, &reason)) {
        error_set(error, ERROR_INVALID, "Parameter '%s' expects 'on' or 'off', not '%s'", name,
                  value);
        return false;
    }
    set_feature(config, name, on);
    return true;
}

bool x86_cpu_property_at(size_t n, X86CpuProperty *property)
{
    static const char *const types[] = {
        [OPTION_BOOL] = "bool", [OPTION_TRISTATE] = "bool", [OPTION_NUMBER] = "int",
        [OPTION_OPTIONAL] = "int", [OPTION_FREQUENCY] = "int", [OPTION_VENDOR] = "str",
        [OPTION_STRING] = "str",
    };

    if (n >= G_N_ELEMENTS(properties)) {
        return false;
    }
    *property = (X86CpuProperty){ properties[n].name, types[properties[n].kind],
                                  properties[n].help };
    return true;
}

GVariant *x86_cpu_config_value(const X86CpuConfig *config, const char *name)
{
    const Option *p = property_find(name);
    const void *at = p ? (const char *)config + p->offset : NULL;

    if (!p) {
        return NULL;
    }
    switch (p->kind) {
    case OPTION_BOOL:
        return g_variant_new_boolean(*(const bool *)at);
    case OPTION_TRISTATE:
        return g_variant_new_boolean(*(const X86Tristate *)at == X86_ON);
    case OPTION_OPTIONAL:
        return g_variant_new_int64(*(const int64_t *)at);
    case OPTION_NUMBER:
    case OPTION_FREQUENCY:
        return g_variant_new_uint64(*(const uint64_t *)at);
    case OPTION_VENDOR:
        return g_variant_new_string(at);
    default: {
        const char *text = *(char *const *)at;

        return g_variant_new_string(text ? text : "");
    }
    }
}

/* The next word; ",," in it is a comma. `*text` moves behind its end, or becomes NULL. */
static char *next_word(const char **text)
{
    GString *word = g_string_new(NULL);
    const char *p = *text;

    for (; *p; p++) {
        if (*p == ',') {
            if (p[1] != ',') {
                break;
            }
            p++;
        }
        g_string_append_c(word, *p);
    }
    *text = *p ? p + 1 : NULL;
    return g_string_free(word, FALSE);
}

/* `+f` and `-f` are kept for the end: they win over `f=on|off` wherever they stand. */
static bool parse_signed(X86CpuConfig *config, const char *word, GPtrArray *plus,
                         GPtrArray *minus, GError **error)
{
    if (!x86_feature_find(word + 1, -1)) {
        if (is_hyperv(word + 1)) {
            return set_hyperv(word + 1, word[0] == '+' ? "on" : "off", error);
        }
        if (property_find(word + 1)) {
            return x86_cpu_config_set(config, word + 1, word[0] == '+' ? "on" : "off", error);
        }
        return unknown(config, word + 1, error);
    }
    g_ptr_array_add(word[0] == '+' ? plus : minus, g_strdup(word + 1));
    return true;
}

static bool parse_words(X86CpuConfig *config, const char *text, GError **error)
{
    g_autoptr(GPtrArray) plus = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) minus = g_ptr_array_new_with_free_func(g_free);

    while (text) {
        g_autofree char *word = next_word(&text);
        char *equals = strchr(word, '=');

        if (word[0] == '+' || word[0] == '-') {
            if (!parse_signed(config, word, plus, minus, error)) {
                return false;
            }
        } else if (equals) {
            *equals = 0;
            if (!x86_cpu_config_set(config, word, equals + 1, error)) {
                return false;
            }
        } else if (*word && !x86_cpu_config_set(config, word, "on", error)) {
            return false;
        }
    }
    for (guint i = 0; i < plus->len; i++) {
        set_feature(config, g_ptr_array_index(plus, i), true);
    }
    for (guint i = 0; i < minus->len; i++) {
        set_feature(config, g_ptr_array_index(minus, i), false);
    }
    return true;
}

static void config_init(X86CpuConfig *config)
{
    *config = (X86CpuConfig){
        .family = -1, .cpu_model = -1, .stepping = -1, .level = -1, .xlevel = -1,
        .xlevel2 = -1, .min_level = -1, .min_xlevel = -1, .min_xlevel2 = -1,
        .level_func7 = -1,
        .check = true, .migratable = true, .kvm = true, .l3_cache = true, .cpuid_0xb = true,
        .full_cpuid_auto_level = true, .vmware_cpuid_freq = true,
    };
}

bool x86_cpu_config_parse(X86CpuConfig *config, const char *text, GError **error)
{
    const char *rest = text;
    g_autofree char *name = next_word(&rest);

    if (!*name) {
        error_set(error, ERROR_INVALID, "-cpu option cannot be empty; see -cpu help");
        return false;
    }
    config_init(config);
    config->model = x86_cpu_model_find(name);
    if (!config->model) {
        g_autofree char *hint = x86_cpu_model_hint(name);

        error_set(error, ERROR_NOT_FOUND, "unable to find CPU model '%s'%s; see -cpu help", name,
                  hint);
        return false;
    }
    config->name = g_steal_pointer(&name);
    if (!parse_words(config, rest, error)) {
        x86_cpu_config_release(config);
        return false;
    }
    return true;
}

void x86_cpu_config_release(X86CpuConfig *config)
{
    g_clear_pointer(&config->name, g_free);
    g_clear_pointer(&config->model_id, g_free);
}

char *x86_cpu_config_help(void)
{
    GString *text = g_string_new("CPU properties:\n");

    for (size_t i = 0; i < G_N_ELEMENTS(properties); i++) {
        const Option *p = &properties[i];
        static const char *const kinds[] = {
            [OPTION_BOOL] = "<on|off>", [OPTION_TRISTATE] = "<on|off>",
            [OPTION_NUMBER] = "<number>", [OPTION_OPTIONAL] = "<number>",
            [OPTION_FREQUENCY] = "<frequency>", [OPTION_VENDOR] = "<string>",
            [OPTION_STRING] = "<string>",
        };
        g_autofree char *left = g_strdup_printf("%s=%s", p->name, kinds[p->kind]);

        g_string_append_printf(text, "  %-32s - %s\n", left, p->help);
    }
    return g_string_free(text, FALSE);
}
