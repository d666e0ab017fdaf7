/* SPDX-License-Identifier: MIT */
/* The CPU models as monitors ask for them: query-cpu-definitions and query-cpu-model-expansion. */
#include "arch/x86/cpuid.h"
#include "arch/x86/cpu.h"
#include "arch/x86/model-query.h"
#include "base/error.h"

static void add(GVariantBuilder *dict, const char *name, GVariant *value)
{
    g_variant_builder_add(dict, "{sv}", name, value);
}

/* ---- definitions ---- */

/* What the accelerator cannot give it; ["kvm"] for one that needs hardware. */
static GVariant *unavailable(const char *name, const X86CpuModel *model)
{
    const X86CpuSupport *support = x86_cpu_support();
    g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("as"));
    X86CpuDefinition definition;
    X86CpuConfig config;

    if (model->kind == X86_MODEL_HOST && !(support && support->hardware)) {
        g_variant_builder_add(&list, "s", "kvm");
        return g_variant_builder_end(&list);
    }
    if (!x86_cpu_config_parse(&config, name, NULL)) {
        return g_variant_builder_end(&list);
    }
    if (x86_cpu_define(&definition, &config, support, NULL, NULL)) {
        g_autoptr(GPtrArray) names = x86_feature_set_names(&definition.filtered);
        for (guint i = 0; i < names->len; i++) {
            g_variant_builder_add(&list, "s", names->pdata[i]);
        }
    }
    x86_cpu_config_release(&config);
    return g_variant_builder_end(&list);
}

static GVariant *define(const X86CpuModelName *name)
{
    X86ModelKind kind = name->model->kind;
    g_auto(GVariantBuilder) info = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

    add(&info, "name", g_variant_new_string(name->name));
    add(&info, "typename", g_variant_new_take_string(g_strdup_printf("%s-x86_64-cpu",
                                                                     name->name)));
    add(&info, "unavailable-features", unavailable(name->name, name->model));
    if (name->alias_of) {
        add(&info, "alias-of", g_variant_new_string(name->alias_of));
    }
    add(&info, "static", g_variant_new_boolean(kind == X86_MODEL_BASE));
    add(&info, "migration-safe", g_variant_new_boolean(kind != X86_MODEL_HOST &&
                                                       kind != X86_MODEL_MAX));
    add(&info, "deprecated", g_variant_new_boolean(FALSE));
    return g_variant_builder_end(&info);
}

static GVariant *definitions(GError **error)
{
    g_autoptr(GArray) names = x86_cpu_model_names();
    g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("av"));

    for (guint i = 0; i < names->len; i++) {
        g_variant_builder_add(&list, "v", define(&g_array_index(names, X86CpuModelName, i)));
    }
    return g_variant_builder_end(&list);
}

/* ---- expansion ---- */

/* A property's value in the words of -cpu. The caller frees it. */
static char *to_text(GVariant *value)
{
    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_BOOLEAN:
        return g_strdup(g_variant_get_boolean(value) ? "on" : "off");
    case G_VARIANT_CLASS_STRING:
        return g_variant_dup_string(value, NULL);
    case G_VARIANT_CLASS_INT64:
    case G_VARIANT_CLASS_UINT64:
        return g_variant_print(value, FALSE);
    default:
        return NULL;
    }
}

static bool set_one(X86CpuConfig *config, const char *name, GVariant *value, GError **error)
{
    g_autofree char *text = to_text(value);

    if (!text) {
        error_set(error, ERROR_INVALID, "Property '%s': a boolean, a number or a string is "
                  "expected", name);
        return false;
    }
    return x86_cpu_config_set(config, name, text, error);
}

static bool set_all(X86CpuConfig *config, GVariant *props, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *value;
    bool good = true;

    g_variant_iter_init(&iter, props);
    while (good && g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        good = set_one(config, name, value, error);
        g_variant_unref(value);
    }
    return good;
}

/* Every feature that has a name, by the table, on or off. */
static void add_features(GVariantBuilder *props, const X86FeatureSet *set)
{
    for (unsigned word = 0; word < X86_WORD_COUNT; word++) {
        for (unsigned bit = 0; bit < 64; bit++) {
            g_autofree char *name = x86_feature_name(word, bit);
            if (name) {
                add(props, name, g_variant_new_boolean(x86_feature_set_has_bit(set, word, bit)));
            }
        }
    }
}

static void add_number(GVariantBuilder *props, const char *name, int64_t number)
{
    add(props, name, g_variant_new_int64(number));
}

static GVariant *properties_of(const X86CpuDefinition *cpu)
{
    g_auto(GVariantBuilder) props = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

    add(&props, "vendor", g_variant_new_string(cpu->vendor));
    add(&props, "model-id", g_variant_new_take_string(g_utf8_make_valid(cpu->model_id, -1)));
    add_number(&props, "family", cpu->family);
    add_number(&props, "model", cpu->model);
    add_number(&props, "stepping", cpu->stepping);
    add_number(&props, "min-level", cpu->level);
    add_number(&props, "min-xlevel", cpu->xlevel);
    add_number(&props, "min-xlevel2", cpu->xlevel2);
    add_number(&props, "phys-bits", cpu->phys_bits);
    add(&props, "pmu", g_variant_new_boolean(cpu->pmu));
    add(&props, "kvm", g_variant_new_boolean(cpu->kvm));
    add(&props, "l3-cache", g_variant_new_boolean(cpu->l3_cache));
    add(&props, "host-cache-info", g_variant_new_boolean(cpu->host_cache_info));
    add(&props, "lmce", g_variant_new_boolean(cpu->lmce));
    add_features(&props, &cpu->features);
    return g_variant_builder_end(&props);
}

/*
 * Static: the model "base" and all that it takes to make this one of it. Full:
 * the model's own name and all properties it comes out with.
 */
static GVariant *expand(const char *name, GVariant *props, bool full, GError **error)
{
    g_auto(GVariantBuilder) model = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
    X86CpuDefinition definition;
    X86CpuConfig config;
    bool good;

    if (!x86_cpu_model_find(name)) {
        g_autofree char *hint = x86_cpu_model_hint(name);
        error_set(error, ERROR_NOT_FOUND, "CPU model '%s' not found%s", name, hint);
        return NULL;
    }
    if (!x86_cpu_config_parse(&config, name, error)) {
        return NULL;
    }
    good = (!props || set_all(&config, props, error)) &&
           x86_cpu_define(&definition, &config, x86_cpu_support(), NULL, error);
    x86_cpu_config_release(&config);
    if (!good) {
        return NULL;
    }
    add(&model, "name", g_variant_new_string(full ? name : "base"));
    add(&model, "props", properties_of(&definition));
    return g_variant_builder_end(&model);
}

const CpuModelsOps x86_model_query_ops = { .definitions = definitions, .expand = expand };
