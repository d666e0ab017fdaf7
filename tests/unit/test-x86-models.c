/* SPDX-License-Identifier: MIT */
/* The feature table and the CPU models; `--dump` prints the models for x86-models-peer. */
#include <string.h>

#include "arch/x86/features.h"
#include "arch/x86/models.h"
#include "arch/x86/query.h"

static void test_table_rows(void)
{
    for (size_t i = 0; i < x86_feature_count; i++) {
        const X86FeatureInfo *f = &x86_features[i];
        const X86FeatureWordInfo *w = &x86_feature_words[f->word];

        g_assert_cmpuint(f->word, <, X86_WORD_COUNT);
        g_assert_cmpuint(f->bit, <, w->msr ? 64 : 32);
        if (i) {
            const X86FeatureInfo *before = f - 1;

            g_assert_true(before->word < f->word ||
                          (before->word == f->word && before->bit < f->bit));
        }
        if (f->needs) {
            g_assert_nonnull(x86_feature_find(f->needs, -1));
        }
        if (w->needs) {
            g_assert_nonnull(x86_feature_find(w->needs, -1));
        }
    }
}

/* Every name and alias leads to one row; only kvmclock has two bits. */
static void test_table_names(void)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    for (size_t i = 0; i < x86_feature_count; i++) {
        g_auto(GStrv) names = g_strsplit(x86_features[i].names, "|", -1);

        for (size_t n = 0; names[n]; n++) {
            bool fresh = g_hash_table_add(seen, g_strdup(names[n]));

            g_assert_true(fresh == !(x86_features[i].flags & X86_FEATURE_AGAIN));
            g_assert_nonnull(x86_feature_find(names[n], -1));
            g_assert_cmpuint(x86_feature_find(names[n], -1)->word, ==, x86_features[i].word);
        }
    }
}

static void test_find(void)
{
    const X86FeatureInfo *f = x86_feature_find("sse4_1", -1);
    X86FeatureSet set = { 0 };

    g_assert_nonnull(f);
    g_assert_cmpuint(f->word, ==, X86_WORD_1_ECX);
    g_assert_cmpuint(f->bit, ==, 19);
    g_assert_true(x86_feature_find("sse4.1", -1) == f);
    g_assert_true(x86_feature_find("sse4-1", -1) == f);
    g_assert_true(x86_feature_find("lahf_lm", -1) == x86_feature_find("lahf-lm", -1));
    g_assert_true(x86_feature_find("xd", -1) == x86_feature_find("nx", -1));
    g_assert_true(x86_feature_find("avx2,whatever", 4) == x86_feature_find("avx2", -1));
    g_assert_null(x86_feature_find("", -1));
    g_assert_null(x86_feature_find("avx", 2));
    g_assert_null(x86_feature_find("avx3", -1));

    g_assert_true(x86_feature_set_name(&set, "kvmclock", -1, true));
    g_assert_cmphex(set.word[X86_WORD_40000001_EAX], ==, 0x9);
    g_assert_true(x86_feature_set_name(&set, "kvmclock", -1, false));
    g_assert_cmphex(set.word[X86_WORD_40000001_EAX], ==, 0);
    g_assert_false(x86_feature_set_name(&set, "bogus", -1, true));
}

static void test_describe(void)
{
    static const struct {
        X86FeatureWord word;
        unsigned bit;
        const char *text;
    } cases[] = {
        { X86_WORD_1_ECX, 17, "CPUID.01H:ECX.pcid [bit 17]" },
        { X86_WORD_7_0_EBX, 5, "CPUID.07H:EBX.avx2 [bit 5]" },
        { X86_WORD_80000001_ECX, 22, "CPUID.80000001H:ECX.topoext [bit 22]" },
        { X86_WORD_MSR_10A, 0, "MSR(10AH).rdctl-no [bit 0]" },
        { X86_WORD_1_EDX, 10, "CPUID.01H:EDX [bit 10]" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = x86_feature_describe(cases[i].word, cases[i].bit);

        g_assert_cmpstr(text, ==, cases[i].text);
    }
}

static void test_close(void)
{
    X86FeatureSet set = { 0 }, dropped;

    x86_feature_set_list(&set, "fpu fxsr sse sse2 avx avx2 avx512f avx512bw xsaveopt npt", true);
    g_assert_true(x86_feature_set_close(&set, &dropped));
    g_assert_true(x86_feature_set_has(&set, "sse2"));
    g_assert_false(x86_feature_set_has(&set, "avx"));
    g_assert_false(x86_feature_set_has(&set, "avx512bw"));
    g_assert_false(x86_feature_set_has(&set, "xsaveopt"));
    g_assert_false(x86_feature_set_has(&set, "npt"));
    g_assert_true(x86_feature_set_has(&dropped, "avx512bw"));
    g_assert_false(x86_feature_set_has(&dropped, "sse2"));
    g_assert_false(x86_feature_set_close(&set, &dropped));
}

static void test_passable(void)
{
    X86FeatureSet set;

    x86_feature_set_passable(&set, true);
    g_assert_true(x86_feature_set_has(&set, "avx2"));
    g_assert_false(x86_feature_set_has(&set, "invtsc"));
    g_assert_false(x86_feature_set_has(&set, "sev"));
    x86_feature_set_passable(&set, false);
    g_assert_true(x86_feature_set_has(&set, "invtsc"));
}

static void test_models_whole(void)
{
    for (size_t i = 0; i < x86_cpu_model_count; i++) {
        const X86CpuModel *m = &x86_cpu_models[i];
        const X86CpuModel *identity = x86_cpu_model_identity(m);
        X86FeatureSet set = { 0 }, dropped;

        g_assert_true(x86_cpu_model_find(m->name) == m);
        x86_cpu_model_add_features(m, &set);
        if (m->kind != X86_MODEL_NAMED) {
            continue;
        }
        g_assert_cmpuint(strlen(identity->vendor), ==, 12);
        g_assert_cmpuint(strlen(x86_cpu_model_id(m)), <=, 48);
        g_assert_cmpuint(identity->family, <=, 0xf + 0xff);
        g_assert_cmpuint(identity->stepping, <=, 0xf);
        g_assert_true(x86_feature_set_has(&set, "fpu"));
        /* No model lists what it lacks the ground for. */
        g_assert_false(x86_feature_set_close(&set, &dropped));
    }
}

static void test_models_names(void)
{
    const X86CpuModel *m = x86_cpu_model_find("Haswell");
    X86FeatureSet set = { 0 };

    g_assert_nonnull(m);
    g_assert_cmpstr(m->name, ==, "Haswell-v1");
    g_assert_cmpstr(x86_cpu_model_find("Haswell-noTSX")->name, ==, "Haswell-v2");
    g_assert_cmpstr(x86_cpu_model_find("EPYC-IBPB")->name, ==, "EPYC-v2");
    g_assert_null(x86_cpu_model_find("haswell"));
    g_assert_null(x86_cpu_model_find("Haswell-v9"));
    g_assert_null(x86_cpu_model_find(""));
    g_assert_cmpuint(x86_cpu_model_find("host")->kind, ==, X86_MODEL_HOST);

    x86_cpu_model_add_features(x86_cpu_model_find("Haswell-noTSX-IBRS"), &set);
    g_assert_true(x86_feature_set_has(&set, "spec-ctrl"));
    g_assert_true(x86_feature_set_has(&set, "avx2"));
    g_assert_false(x86_feature_set_has(&set, "rtm"));
    g_assert_cmpstr(x86_cpu_model_id(x86_cpu_model_find("EPYC-v3")), ==, "AMD EPYC Processor");
    g_assert_cmpuint(x86_cpu_model_identity(x86_cpu_model_find("EPYC-IBPB"))->family, ==, 23);
}

static void test_help(void)
{
    g_autofree char *help = x86_cpu_help();
    g_autofree char *hint = x86_cpu_model_hint("Haswel");
    g_autofree char *far = x86_cpu_model_hint("zzzzzzzzzzzzzzzz");
    g_autofree char *feature = x86_feature_hint("avx512");

    g_assert_nonnull(strstr(help, "x86 Haswell               (alias configured by machine type)"));
    g_assert_nonnull(strstr(help, "x86 Haswell-noTSX         (alias of Haswell-v2)"));
    g_assert_nonnull(strstr(help, "x86 host                  processor with all"));
    g_assert_nonnull(strstr(help, "Recognized CPUID flags:\n  3dnow "));
    g_assert_nonnull(strstr(hint, "'Haswell'"));
    g_assert_cmpstr(far, ==, "");
    g_assert_nonnull(strstr(feature, "did you mean 'avx512"));
}

/* ---- QMP ---- */

static GVariant *expand(const char *name, const char *props, bool full, GError **error)
{
    g_autoptr(GVariant) dict = props ? g_variant_ref_sink(g_variant_new_parsed(props)) : NULL;
    GVariant *answer = x86_cpu_models_ops.expand(name, dict, full, error);

    return answer ? g_variant_ref_sink(answer) : NULL;
}

static bool prop_is(GVariant *model, const char *name)
{
    g_autoptr(GVariant) props = g_variant_lookup_value(model, "props", NULL);
    gboolean value = FALSE;

    g_assert_true(g_variant_lookup(props, name, "b", &value));
    return value;
}

static void test_expansion(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) model = expand("Haswell-noTSX", "{'avx2': <false>, 'aes': <true>}", false,
                                       &error);
    g_autoptr(GVariant) whole = expand("Haswell", NULL, true, &error);
    const char *name;

    g_assert_no_error(error);
    g_assert_true(g_variant_lookup(model, "name", "&s", &name));
    g_assert_cmpstr(name, ==, "base");
    g_assert_false(prop_is(model, "avx2"));
    g_assert_false(prop_is(model, "rtm"));
    g_assert_true(prop_is(model, "avx"));
    g_assert_true(g_variant_lookup(whole, "name", "&s", &name));
    g_assert_cmpstr(name, ==, "Haswell");
    g_assert_true(prop_is(whole, "xd"));
    g_assert_true(prop_is(whole, "legacy-cache"));

    g_assert_null(expand("nope", NULL, true, &error));
    g_assert_nonnull(strstr(error->message, "CPU model 'nope' not found"));
    g_clear_error(&error);
    g_assert_null(expand("qemu64", "{'avx': <1>}", true, &error));
    g_assert_nonnull(strstr(error->message, "Invalid parameter type for 'avx', expected: boolean"));
    g_clear_error(&error);
    g_assert_null(expand("qemu64", "{'family': <'x'>}", true, &error));
    g_assert_nonnull(strstr(error->message, "expected: integer"));
    g_clear_error(&error);
    g_assert_null(expand("qemu64", "{'foo': <true>}", true, &error));
    g_assert_nonnull(strstr(error->message, "Property 'qemu64-x86_64-cpu.foo' not found"));
}

static void test_definitions(void)
{
    g_autoptr(GVariant) list = g_variant_ref_sink(x86_cpu_models_ops.definitions(NULL));
    g_autoptr(GArray) names = x86_cpu_model_names();

    g_assert_cmpuint(g_variant_n_children(list), ==, names->len);
}

/* The types know each feature by all its names, and an option goes to the configuration. */
static void test_types(void)
{
    const ObjectType *const *types = x86_cpu_types();
    const Property *found = NULL;

    g_assert_cmpstr(types[0]->name, ==, "x86_64-cpu");
    for (unsigned i = 0; i < types[0]->properties.count; i++) {
        const Property *p = &types[0]->properties.at[i];

        g_assert_nonnull(p->description);
        if (strcmp(p->name, "sse4-1") == 0) {
            g_assert_null(found);
            found = p;
        }
    }
    g_assert_nonnull(found);
    g_assert_cmpstr(types[1]->name, ==, "486-x86_64-cpu");
}

static int dump(void)
{
    for (size_t i = 0; i < x86_cpu_model_count; i++) {
        const X86CpuModel *m = &x86_cpu_models[i], *id = x86_cpu_model_identity(m);
        X86FeatureSet set = { 0 };
        g_autoptr(GPtrArray) names = NULL;

        if (m->kind != X86_MODEL_NAMED) {
            continue;
        }
        x86_cpu_model_add_features(m, &set);
        names = x86_feature_set_names(&set);
        g_print("%s\t%s\t%u\t%u\t%u\t%u\t%u\t%s\t", m->name, id->vendor, id->level, id->xlevel,
                id->family, id->model, id->stepping, x86_cpu_model_id(m));
        for (guint n = 0; n < names->len; n++) {
            g_print("%s%s", n ? " " : "", (char *)g_ptr_array_index(names, n));
        }
        g_print("\n");
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--dump") == 0) {
        return dump();
    }
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86/features/rows", test_table_rows);
    g_test_add_func("/x86/features/names", test_table_names);
    g_test_add_func("/x86/features/find", test_find);
    g_test_add_func("/x86/features/describe", test_describe);
    g_test_add_func("/x86/features/close", test_close);
    g_test_add_func("/x86/features/passable", test_passable);
    g_test_add_func("/x86/models/whole", test_models_whole);
    g_test_add_func("/x86/models/names", test_models_names);
    g_test_add_func("/x86/models/help", test_help);
    g_test_add_func("/x86/models/expansion", test_expansion);
    g_test_add_func("/x86/models/definitions", test_definitions);
    g_test_add_func("/x86/models/types", test_types);
    return g_test_run();
}
