/* SPDX-License-Identifier: MIT */
/* CPU models and features for QOM and QMP. */
#include "arch/x86/query.h"

#include <string.h>

#include "base/error.h"

#define TYPE_SUFFIX "-x86_64-cpu"

/* ---- values of one CPU ---- */

static bool definition_has(const X86CpuDefinition *cpu, const char *feature)
{
    return x86_feature_set_has(&cpu->features, feature);
}

/* A property as it came out, where deciding the CPU changes it; else as it was configured. */
static GVariant *property_value(const X86CpuConfig *config, const X86CpuDefinition *cpu,
                                const char *name)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        { "family", cpu->family },       { "model", cpu->model },
        { "stepping", cpu->stepping },   { "level", cpu->level },
        { "xlevel", cpu->xlevel },       { "xlevel2", cpu->xlevel2 },
        { "min-level", cpu->level },     { "min-xlevel", cpu->xlevel },
        { "min-xlevel2", cpu->xlevel2 }, { "level-func7", cpu->level_func7 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (strcmp(numbers[i].name, name) == 0) {
            return g_variant_new_uint64(numbers[i].value);
        }
    }
    /* A host's strings need not be UTF-8. */
    if (strcmp(name, "vendor") == 0) {
        return g_variant_new_take_string(g_utf8_make_valid(cpu->vendor, -1));
    }
    if (strcmp(name, "model-id") == 0) {
        return g_variant_new_take_string(g_utf8_make_valid(cpu->model_id, -1));
    }
    if (strcmp(name, "legacy-cache") == 0) {
        return g_variant_new_boolean(cpu->caches == &x86_intel_caches ||
                                     cpu->caches == &x86_amd_caches);
    }
    if (strcmp(name, "pmu") == 0) {
        return g_variant_new_boolean(cpu->pmu);
    }
    return x86_cpu_config_value(config, name);
}

/* ---- properties of the types ---- */

static GVariant *get_property(Object *object, const Property *property)
{
    X86Cpu *x86 = (X86Cpu *)object;
    const X86FeatureInfo *f = x86_feature_find(property->name, -1);

    if (f) {
        return g_variant_new_boolean(
            x86->registers ? definition_has(&x86->definition, property->name)
                           : x86_feature_set_has(&x86->config.plus, property->name));
    }
    return x86->registers ? property_value(&x86->config, &x86->definition, property->name)
                          : x86_cpu_config_value(&x86->config, property->name);
}

/* Numbers and truth values as `-cpu` writes them. */
static char *value_text(GVariant *value)
{
    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_BOOLEAN:
        return g_strdup(g_variant_get_boolean(value) ? "on" : "off");
    case G_VARIANT_CLASS_STRING:
        return g_variant_dup_string(value, NULL);
    default:
        return g_variant_print(value, FALSE);
    }
}

static bool set_property(Object *object, const Property *property, GVariant *value,
                         GError **error)
{
    g_autofree char *text = value_text(value);

    return x86_cpu_set_option((X86Cpu *)object, property->name, text, error);
}

static void add_property(GArray *list, const char *name, const char *description,
                         const char *type)
{
    Property property = {
        .name = name, .description = description, .type_name = type, .get = get_property,
        .set = set_property,
    };

    g_array_append_val(list, property);
}

/* One for each alias, too. */
static void add_feature(GArray *list, const char *names)
{
    const char *bar;

    for (; (bar = strchr(names, '|')); names = bar + 1) {
        add_property(list, g_strndup(names, bar - names), "CPUID feature", "bool");
    }
    add_property(list, names, "CPUID feature", "bool");
}

PropertyTable x86_cpu_model_properties(void)
{
    static GArray *list;
    X86CpuProperty option;

    if (!list) {
        list = g_array_sized_new(FALSE, FALSE, sizeof(Property), 512);
        for (size_t i = 0; x86_cpu_property_at(i, &option); i++) {
            add_property(list, option.name, option.description, option.type);
        }
        for (size_t i = 0; i < x86_feature_count; i++) {
            if (!(x86_features[i].flags & X86_FEATURE_AGAIN)) {
                add_feature(list, x86_features[i].names);
            }
        }
    }
    return (PropertyTable){ (const Property *)list->data, list->len };
}

/* ---- lists of a CPU ---- */

static GVariant *feature_words(const X86FeatureSet *set)
{
    static const char *const registers[] = { "EAX", "EBX", "ECX", "EDX" };
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
    for (unsigned w = 0; w < X86_WORD_COUNT; w++) {
        const X86FeatureWordInfo *info = &x86_feature_words[w];
        GVariantBuilder word;

        if (info->msr) {
            continue;
        }
        g_variant_builder_init(&word, G_VARIANT_TYPE_VARDICT);
        g_variant_builder_add(&word, "{sv}", "cpuid-register",
                              g_variant_new_string(registers[info->reg]));
        if (info->has_subleaf) {
            g_variant_builder_add(&word, "{sv}", "cpuid-input-ecx",
                                  g_variant_new_int64(info->subleaf));
        }
        g_variant_builder_add(&word, "{sv}", "cpuid-input-eax", g_variant_new_int64(info->leaf));
        g_variant_builder_add(&word, "{sv}", "features", g_variant_new_int64(set->word[w]));
        g_variant_builder_add(&list, "v", g_variant_builder_end(&word));
    }
    return g_variant_builder_end(&list);
}

static GVariant *name_list(const X86FeatureSet *set)
{
    g_autoptr(GPtrArray) names = x86_feature_set_names(set);
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
    for (guint i = 0; i < names->len; i++) {
        g_variant_builder_add(&list, "v", g_variant_new_string(names->pdata[i]));
    }
    return g_variant_builder_end(&list);
}

GVariant *x86_cpu_get_feature_words(Object *object, const Property *property)
{
    return feature_words(&((X86Cpu *)object)->definition.features);
}

GVariant *x86_cpu_get_filtered_features(Object *object, const Property *property)
{
    return feature_words(&((X86Cpu *)object)->definition.filtered);
}

GVariant *x86_cpu_get_unavailable_features(Object *object, const Property *property)
{
    return name_list(&((X86Cpu *)object)->definition.filtered);
}

/* ---- query-cpu-definitions ---- */

static GVariant *unavailable_here(const char *name)
{
    X86CpuConfig config;
    X86CpuDefinition cpu;
    GVariant *answer;

    if (!x86_cpu_config_parse(&config, name, NULL)) {
        g_assert_not_reached();
    }
    if (x86_cpu_define(&cpu, &config, x86_cpu_support(), NULL, NULL)) {
        answer = name_list(&cpu.filtered);
    } else {
        GVariant *kvm = g_variant_new_variant(g_variant_new_string("kvm"));

        answer = g_variant_new_array(G_VARIANT_TYPE_VARIANT, &kvm, 1);
    }
    x86_cpu_config_release(&config);
    return answer;
}

static GVariant *definitions(GError **error)
{
    g_autoptr(GArray) names = x86_cpu_model_names();
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
    for (guint i = 0; i < names->len; i++) {
        const X86CpuModelName *n = &g_array_index(names, X86CpuModelName, i);
        X86ModelKind kind = n->model->kind;
        g_autofree char *type = g_strconcat(n->name, TYPE_SUFFIX, NULL);
        GVariantBuilder info;

        g_variant_builder_init(&info, G_VARIANT_TYPE_VARDICT);
        g_variant_builder_add(&info, "{sv}", "name", g_variant_new_string(n->name));
        g_variant_builder_add(&info, "{sv}", "typename", g_variant_new_string(type));
        g_variant_builder_add(&info, "{sv}", "unavailable-features", unavailable_here(n->name));
        if (n->alias_of) {
            g_variant_builder_add(&info, "{sv}", "alias-of", g_variant_new_string(n->alias_of));
        }
        g_variant_builder_add(&info, "{sv}", "static",
                              g_variant_new_boolean(kind == X86_MODEL_BASE));
        g_variant_builder_add(&info, "{sv}", "migration-safe",
                              g_variant_new_boolean(kind == X86_MODEL_NAMED ||
                                                    kind == X86_MODEL_BASE));
        g_variant_builder_add(&info, "{sv}", "deprecated", g_variant_new_boolean(FALSE));
        g_variant_builder_add(&list, "v", g_variant_builder_end(&info));
    }
    return g_variant_builder_end(&list);
}

/* ---- query-cpu-model-expansion ---- */

static bool check_type(const char *name, GVariant *value, GError **error)
{
    const char *expected = "boolean";
    X86CpuProperty option;
    GVariantClass class = g_variant_classify(value);
    bool number = class == G_VARIANT_CLASS_INT64 || class == G_VARIANT_CLASS_UINT64, fits;

    for (size_t i = 0; x86_cpu_property_at(i, &option); i++) {
        if (strcmp(option.name, name) == 0) {
            expected = strcmp(option.type, "int") == 0   ? "integer"
                       : strcmp(option.type, "str") == 0 ? "string"
                                                         : "boolean";
        }
    }
    fits = expected[0] == 'i'   ? number
           : expected[0] == 's' ? class == G_VARIANT_CLASS_STRING
                                : class == G_VARIANT_CLASS_BOOLEAN;
    /* A name nobody knows is told by who sets it. */
    if (!fits && (expected[0] != 'b' || x86_feature_find(name, -1))) {
        error_set(error, ERROR_INVALID, "Invalid parameter type for '%s', expected: %s", name,
                  expected);
        return false;
    }
    return true;
}

static bool apply_props(X86CpuConfig *config, GVariant *props, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *value;

    if (!props) {
        return true;
    }
    g_variant_iter_init(&iter, props);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        g_autofree char *text = value_text(value);
        bool ok = check_type(name, value, error) &&
                  x86_cpu_config_set(config, name, text, error);

        g_variant_unref(value);
        if (!ok) {
            return false;
        }
    }
    return true;
}

/*
 * What a named model means does not depend on what this host lacks: it is decided as if the
 * accelerator had every feature.
 */
static bool define_unfiltered(X86CpuDefinition *cpu, const X86CpuConfig *config, GError **error)
{
    X86CpuSupport support = *x86_cpu_support();

    if (config->model->kind == X86_MODEL_NAMED || config->model->kind == X86_MODEL_BASE) {
        memset(&support.features, 0xff, sizeof(support.features));
    }
    return x86_cpu_define(cpu, config, &support, NULL, error);
}

static void add_features(GVariantBuilder *props, const X86CpuDefinition *cpu, bool aliases)
{
    for (size_t i = 0; i < x86_feature_count; i++) {
        g_auto(GStrv) names = g_strsplit(x86_features[i].names, "|", -1);
        bool on = x86_feature_set_has_bit(&cpu->features, x86_features[i].word,
                                          x86_features[i].bit);

        if (x86_features[i].flags & X86_FEATURE_AGAIN) {
            continue;
        }
        for (size_t n = 0; names[n] && (aliases || n == 0); n++) {
            g_variant_builder_add(props, "{sv}", names[n], g_variant_new_boolean(on));
        }
    }
}

/* A static expansion is "base" and what makes it this CPU; a full one names all there is. */
static GVariant *expansion(const X86CpuConfig *config, const X86CpuDefinition *cpu, bool full)
{
    static const char *const identity[] = { "vendor", "family", "model", "stepping", "model-id",
                                            "min-level", "min-xlevel", "lmce", NULL };
    GVariantBuilder props, model;
    X86CpuProperty option;

    g_variant_builder_init(&props, G_VARIANT_TYPE_VARDICT);
    for (size_t i = 0; x86_cpu_property_at(i, &option); i++) {
        if (full || g_strv_contains(identity, option.name)) {
            g_variant_builder_add(&props, "{sv}", option.name,
                                  property_value(config, cpu, option.name));
        }
    }
    add_features(&props, cpu, full);
    g_variant_builder_init(&model, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&model, "{sv}", "name",
                          g_variant_new_string(full ? config->name : "base"));
    g_variant_builder_add(&model, "{sv}", "props", g_variant_builder_end(&props));
    return g_variant_builder_end(&model);
}

static GVariant *expand(const char *name, GVariant *props, bool full, GError **error)
{
    X86CpuConfig config;
    X86CpuDefinition cpu;
    GVariant *answer = NULL;

    if (!x86_cpu_model_find(name)) {
        g_autofree char *hint = x86_cpu_model_hint(name);

        error_set(error, ERROR_NOT_FOUND, "CPU model '%s' not found%s", name, hint);
        return NULL;
    }
    if (!x86_cpu_config_parse(&config, name, error)) {
        return NULL;
    }
    if (apply_props(&config, props, error) && define_unfiltered(&cpu, &config, error)) {
        answer = expansion(&config, &cpu, full);
    }
    x86_cpu_config_release(&config);
    return answer;
}

const CpuModelsOps x86_cpu_models_ops = { .definitions = definitions, .expand = expand };
