/* SPDX-License-Identifier: MIT */
/* `-cpu`, topology, and the CPUID leaves that come of them. */
#include <string.h>

#include "arch/x86/cpuid.h"
#include "arch/x86/xsave.h"

/* An accelerator that can do all that the table names, on an Intel host. */
static X86CpuidEntry all_entries[64];
static size_t all_count;

static void fill_all(const char *vendor)
{
    X86CpuidEntry *e = all_entries;
    uint32_t v[3];

    memcpy(v, vendor, 12);
    memset(all_entries, 0, sizeof(all_entries));
    *e++ = (X86CpuidEntry){ .leaf = 0, .eax = 0x16, .ebx = v[0], .edx = v[1], .ecx = v[2] };
    *e++ = (X86CpuidEntry){ .leaf = 1, .eax = 0x50657 };
    *e++ = (X86CpuidEntry){ .leaf = 4, .subleaf = 0, .flags = 1, .eax = 0x7c004121,
                            .ebx = 0x1c0003f, .ecx = 63 };
    *e++ = (X86CpuidEntry){ .leaf = 0xa, .eax = 0x07300402, .edx = 0x603 };
    *e++ = (X86CpuidEntry){ .leaf = 0xd, .subleaf = 0, .flags = 1, .eax = 0x602ff,
                            .ebx = 0x2b00, .ecx = 0x2b00 };
    *e++ = (X86CpuidEntry){ .leaf = 0x80000000, .eax = 0x80000008 };
    memcpy(v, "Peer", 4);
    *e++ = (X86CpuidEntry){ .leaf = 0x80000002, .eax = v[0] };
    for (unsigned w = 0; w < X86_WORD_COUNT; w++) {
        const X86FeatureWordInfo *info = &x86_feature_words[w];
        X86CpuidEntry *at = all_entries;

        if (info->msr) {
            continue;
        }
        while (at < e && (at->leaf != info->leaf || at->subleaf != info->subleaf)) {
            at++;
        }
        if (at == e) {
            *e++ = (X86CpuidEntry){ .leaf = info->leaf, .subleaf = info->subleaf,
                                    .flags = info->has_subleaf };
        }
        for (size_t i = 0; i < x86_feature_count; i++) {
            if (x86_features[i].word == w) {
                uint32_t bit = 1u << x86_features[i].bit;

                at->eax |= info->reg == X86_EAX ? bit : 0;
                at->ebx |= info->reg == X86_EBX ? bit : 0;
                at->ecx |= info->reg == X86_ECX ? bit : 0;
                at->edx |= info->reg == X86_EDX ? bit : 0;
            }
        }
        if (info->leaf == 0x80000008) {
            at->eax = 0x302e;
        }
    }
    all_count = e - all_entries;
    g_assert_cmpuint(all_count, <, G_N_ELEMENTS(all_entries));
}

static X86CpuSupport support_all(const char *vendor)
{
    X86CpuSupport support;

    fill_all(vendor);
    x86_cpu_support_init(&support, "host", all_entries, all_count);
    support.hardware = support.paravirt = true;
    strcpy(support.signature, "KVMKVMKVM");
    support.tsc_khz = 2500000;
    support.apic_bus_khz = 1000000;
    x86_cpu_support_add_msr(&support, 0x10a, UINT64_MAX);
    x86_cpu_support_add_msr(&support, 0x48e, 0xffffffff00000000ull);
    return support;
}

static const X86Topology one_cpu = { 1, 1, 1, 1 };

static X86CpuDefinition define(const char *text, const X86CpuSupport *support,
                               GPtrArray *warnings)
{
    g_autoptr(GError) error = NULL;
    X86CpuConfig config;
    X86CpuDefinition cpu;
    bool ok = x86_cpu_config_parse(&config, text, &error);

    g_assert_no_error(error);
    g_assert_true(ok);
    ok = x86_cpu_define(&cpu, &config, support, warnings, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
    x86_cpu_config_release(&config);
    return cpu;
}

static X86CpuidEntry leaf_of(const X86CpuDefinition *cpu, const X86CpuSupport *support,
                             const X86Topology *topology, unsigned index, uint32_t leaf,
                             uint32_t subleaf)
{
    g_autoptr(GArray) leaves = x86_cpuid_build(cpu, topology, index, support);

    return x86_cpuid_lookup((X86CpuidEntry *)leaves->data, leaves->len, leaf, subleaf);
}

static void test_topology(void)
{
    X86Topology t = { .sockets = 2, .dies = 2, .cores = 3, .threads = 2 };

    g_assert_cmpuint(x86_topology_cpu_count(&t), ==, 24);
    g_assert_cmpuint(x86_topology_core_shift(&t), ==, 1);
    g_assert_cmpuint(x86_topology_die_shift(&t), ==, 3);
    g_assert_cmpuint(x86_topology_package_shift(&t), ==, 4);
    g_assert_cmphex(x86_topology_apic_id(&t, 0), ==, 0);
    g_assert_cmphex(x86_topology_apic_id(&t, 5), ==, 5);
    g_assert_cmphex(x86_topology_apic_id(&t, 6), ==, 8); /* a gap: three cores in four */
    g_assert_cmphex(x86_topology_apic_id(&t, 12), ==, 16);
    for (unsigned i = 0; i < 24; i++) {
        unsigned back;

        g_assert_true(x86_topology_index_of(&t, x86_topology_apic_id(&t, i), &back));
        g_assert_cmpuint(back, ==, i);
    }
    g_assert_false(x86_topology_index_of(&t, 6, &(unsigned){ 0 }));
    g_assert_false(x86_topology_index_of(&t, 0xffffffff, &(unsigned){ 0 }));
    /* A field of no bits has nothing in it. */
    g_assert_cmphex(x86_topology_apic_id(&(X86Topology){ 255, 1, 1, 1 }, 254), ==, 254);
}

static void test_topology_bad(void)
{
    static const X86Topology bad[] = {
        { 0, 1, 1, 1 }, { 1, 0, 1, 1 }, { 1, 1, 0, 1 }, { 1, 1, 1, 0 },
        { 65536, 256, 256, 2 }, { UINT32_MAX, 1, 1, 1 }, { 1, 1, UINT32_MAX, UINT32_MAX },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(x86_topology_validate(&bad[i], &error));
        g_assert_nonnull(error);
    }
    g_assert_cmpuint(x86_topology_cpu_count(&bad[6]), ==, UINT_MAX);
    g_assert_true(x86_topology_validate(&one_cpu, NULL));
}

static void test_config(void)
{
    X86CpuConfig c;
    g_autoptr(GError) error = NULL;
    bool ok = x86_cpu_config_parse(
        &c, "Haswell,+invtsc,-avx2,rtm=off,hle=off,vendor=AuthenticAMD,family=15,model=0x10,"
            "stepping=3,level=0xd,xlevel=0x80000008,model-id=A,,B,phys-bits=42,enforce,"
            "check=off,migratable=no,pmu=on,kvm=off,l3-cache=off,tsc-freq=2.5G,hv-relaxed=off",
        &error);

    g_assert_no_error(error);
    g_assert_true(ok);
    g_assert_cmpstr(c.model->name, ==, "Haswell-v1");
    g_assert_cmpstr(c.name, ==, "Haswell");
    g_assert_true(x86_feature_set_has(&c.plus, "invtsc"));
    g_assert_true(x86_feature_set_has(&c.minus, "avx2"));
    g_assert_true(x86_feature_set_has(&c.minus, "rtm"));
    g_assert_cmpstr(c.vendor, ==, "AuthenticAMD");
    g_assert_cmpint(c.family, ==, 15);
    g_assert_cmpint(c.cpu_model, ==, 16);
    g_assert_cmpint(c.stepping, ==, 3);
    g_assert_cmphex(c.xlevel, ==, 0x80000008);
    g_assert_cmpstr(c.model_id, ==, "A,B");
    g_assert_cmpuint(c.phys_bits, ==, 42);
    g_assert_true(c.enforce && !c.check && !c.migratable && !c.kvm && !c.l3_cache);
    g_assert_cmpint(c.pmu, ==, X86_ON);
    g_assert_cmpuint(c.tsc_frequency, ==, 2500000000u);
    x86_cpu_config_release(&c);

    /* '-' wins over '+', and both over '=', wherever they stand. */
    g_assert_true(x86_cpu_config_parse(&c, "qemu64,-avx,+avx,avx=on,+aes,aes=off", NULL));
    g_assert_true(x86_feature_set_has(&c.minus, "avx"));
    g_assert_false(x86_feature_set_has(&c.plus, "avx"));
    g_assert_true(x86_feature_set_has(&c.plus, "aes"));
    x86_cpu_config_release(&c);
}

static void test_config_bad(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "", "-cpu option cannot be empty" },
        { ",+avx", "-cpu option cannot be empty" },
        { "Haswel", "unable to find CPU model 'Haswel' (did you mean 'Haswell'" },
        { "qemu64,+foo", "Property 'qemu64-x86_64-cpu.foo' not found" },
        { "qemu64,+avx3", "did you mean 'avx" },
        { "qemu64,fmaily=6", "did you mean 'family'" },
        { "qemu64,foo=on", "Property 'qemu64-x86_64-cpu.foo' not found" },
        { "qemu64,family=abc", "Parameter 'family' expects" },
        { "qemu64,family=271", "(minimum: 0, maximum: 270)" },
        { "qemu64,stepping=17", "(minimum: 0, maximum: 15)" },
        { "qemu64,stepping=-1", "'stepping'" },
        { "qemu64,level=0x100000000", "maximum: 4294967295" },
        { "qemu64,vendor=abc", "Property '.vendor' doesn't take value 'abc'" },
        { "qemu64,avx2=maybe", "Parameter 'avx2' expects 'on' or 'off'" },
        { "qemu64,check=maybe", "Parameter 'check' expects 'on' or 'off'" },
        { "qemu64,hv-relaxed", "Hyper-V" },
        { "qemu64,hv_time=on", "Hyper-V" },
        { "qemu64,+hv-vapic", "Hyper-V" },
        { "qemu64,tsc-freq=1X", "frequency" },
        { "qemu64,tsc-freq=-1", "frequency" },
        { "qemu64,tsc-freq=1e30", "frequency" },
        { "qemu64,model-id=1234567890123456789012345678901234567890123456789", "48" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        X86CpuConfig c;
        g_autoptr(GError) error = NULL;

        g_test_message("%s", cases[i].text);
        g_assert_false(x86_cpu_config_parse(&c, cases[i].text, &error));
        g_assert_nonnull(strstr(error->message, cases[i].message));
    }
}

static bool warned(GPtrArray *warnings, const char *text)
{
    for (guint i = 0; i < warnings->len; i++) {
        if (strcmp(g_ptr_array_index(warnings, i), text) == 0) {
            return true;
        }
    }
    return false;
}

static void test_filter(void)
{
    X86CpuSupport support = support_all("GenuineIntel");
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    X86CpuDefinition cpu;
    X86CpuConfig config;

    x86_feature_set_list(&support.features, "xsave pcid", false);
    cpu = define("Haswell", &support, warnings);
    g_assert_true(warned(warnings,
                         "host doesn't support requested feature: CPUID.01H:ECX.pcid [bit 17]"));
    g_assert_true(warned(warnings,
                         "host doesn't support requested feature: CPUID.01H:ECX.xsave [bit 26]"));
    g_assert_cmpuint(warnings->len, ==, 2);
    g_assert_false(x86_feature_set_has(&cpu.features, "avx2")); /* went with xsave */
    g_assert_true(x86_feature_set_has(&cpu.filtered, "avx2"));
    g_assert_true(x86_feature_set_has(&cpu.features, "sse4.2"));
    g_assert_cmphex(cpu.xcr0, ==, 0);

    g_ptr_array_set_size(warnings, 0);
    define("Haswell,check=off", &support, warnings);
    g_assert_cmpuint(warnings->len, ==, 0);
    define("Haswell,-xsave,-pcid,+npt", &support, warnings);
    g_assert_cmpuint(warnings->len, ==, 1);
    g_assert_true(warned(warnings, "This feature depends on other features that were not "
                                   "requested: CPUID.8000000AH:EDX.npt [bit 0]"));

    g_assert_true(x86_cpu_config_parse(&config, "Haswell,enforce", NULL));
    g_assert_false(x86_cpu_define(&cpu, &config, &support, NULL, &error));
    g_assert_cmpstr(error->message, ==, "Host doesn't support requested features");
    x86_cpu_config_release(&config);
}

static void test_defaults_of_accelerator(void)
{
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
    X86CpuSupport kvm = support_all("GenuineIntel"), tcg = kvm;
    X86CpuDefinition cpu = define("EPYC", &kvm, NULL);

    g_assert_true(x86_feature_set_has(&cpu.features, "kvmclock"));
    g_assert_true(x86_feature_set_has(&cpu.features, "x2apic"));
    g_assert_false(x86_feature_set_has(&cpu.features, "svm"));
    g_assert_false(x86_feature_set_has(&cpu.features, "npt"));
    g_assert_cmpstr(cpu.vendor, ==, "GenuineIntel");
    cpu = define("EPYC,svm=on,vendor=AuthenticAMD,kvm=off", &kvm, NULL);
    g_assert_true(x86_feature_set_has(&cpu.features, "npt"));
    g_assert_false(x86_feature_set_has(&cpu.features, "kvmclock"));
    g_assert_cmpstr(cpu.vendor, ==, "AuthenticAMD");
    g_assert_cmphex(leaf_of(&cpu, &kvm, &one_cpu, 0, 0x40000000, 0).eax, ==, 0);

    tcg.hardware = tcg.paravirt = false;
    tcg.name = "TCG";
    cpu = define("EPYC", &tcg, NULL);
    g_assert_cmpstr(cpu.vendor, ==, "AuthenticAMD");
    g_assert_true(x86_feature_set_has(&cpu.features, "svm"));
    g_assert_false(x86_feature_set_has(&cpu.features, "kvmclock"));
    /* Without SVM in the accelerator the model has none, and says nothing; who asks for it is
     * told. */
    x86_feature_set_list(&tcg.features, "svm npt", false);
    cpu = define("EPYC", &tcg, NULL);
    g_assert_false(x86_feature_set_has(&cpu.features, "svm"));
    g_assert_false(x86_feature_set_has(&cpu.features, "npt"));
    define("EPYC", &tcg, warnings);
    g_assert_cmpuint(warnings->len, ==, 0);
    define("EPYC,svm=on", &tcg, warnings);
    g_assert_true(warned(warnings, "TCG doesn't support requested feature: "
                                   "CPUID.80000001H:ECX.svm [bit 2]"));
}

static void test_host(void)
{
    X86CpuSupport support = support_all("GenuineIntel"), soft = support;
    g_autoptr(GError) error = NULL;
    X86CpuConfig config;
    X86CpuDefinition cpu = define("host", &support, NULL);

    g_assert_cmpuint(cpu.family, ==, 6);
    g_assert_cmpuint(cpu.model, ==, 85);
    g_assert_cmpuint(cpu.stepping, ==, 7);
    g_assert_cmpstr(cpu.model_id, ==, "Peer");
    g_assert_cmpuint(cpu.phys_bits, ==, 46);
    g_assert_true(cpu.pmu);
    g_assert_true(x86_feature_set_has(&cpu.features, "avx512f"));
    g_assert_false(x86_feature_set_has(&cpu.features, "invtsc"));
    g_assert_false(x86_feature_set_has(&cpu.features, "sgx"));
    g_assert_true(x86_feature_set_has(&cpu.features, "rdctl-no"));
    g_assert_cmphex(x86_cpu_feature_msr(&cpu, X86_WORD_MSR_48E) & 0xffffffff, ==, 0);
    cpu = define("host,migratable=off,host-phys-bits-limit=40", &support, NULL);
    g_assert_true(x86_feature_set_has(&cpu.features, "invtsc"));
    g_assert_cmpuint(cpu.phys_bits, ==, 40);

    soft.hardware = false;
    g_assert_true(x86_cpu_config_parse(&config, "host", NULL));
    g_assert_false(x86_cpu_define(&cpu, &config, &soft, NULL, &error));
    g_assert_nonnull(strstr(error->message, "requires KVM"));
    x86_cpu_config_release(&config);

    cpu = define("base", &support, NULL);
    for (unsigned w = 0; w < X86_WORD_COUNT; w++) {
        g_assert_cmphex(cpu.features.word[w], ==, 0);
    }
}

static void test_phys_bits_bad(void)
{
    static const char *const bad[] = { "qemu64,phys-bits=70", "qemu64,phys-bits=31",
                                       "pentium,phys-bits=36" };
    X86CpuSupport support = support_all("GenuineIntel");

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        X86CpuConfig config;
        X86CpuDefinition cpu;

        g_assert_true(x86_cpu_config_parse(&config, bad[i], NULL));
        g_assert_false(x86_cpu_define(&cpu, &config, &support, NULL, &error));
        g_assert_nonnull(strstr(error->message, "phys-bits"));
        x86_cpu_config_release(&config);
    }
}

/* The leaves that a guest of the peer read for the same command line. */
static void test_leaves_haswell(void)
{
    X86CpuSupport s = support_all("GenuineIntel");
    X86Topology t = { .sockets = 2, .dies = 1, .cores = 2, .threads = 2 };
    X86CpuDefinition cpu = define("Haswell", &s, NULL);
    X86CpuidEntry e = leaf_of(&cpu, &s, &t, 5, 0, 0);

    g_assert_cmphex(e.eax, ==, 0xd);
    g_assert_cmphex(e.ebx, ==, 0x756e6547);
    g_assert_cmphex(e.edx, ==, 0x49656e69);
    g_assert_cmphex(e.ecx, ==, 0x6c65746e);
    e = leaf_of(&cpu, &s, &t, 5, 1, 0);
    g_assert_cmphex(e.eax, ==, 0x306c4);
    g_assert_cmphex(e.ebx, ==, 0x05040800);
    g_assert_true(e.edx >> 28 & 1); /* ht: four CPUs in the package */
    g_assert_cmphex(leaf_of(&cpu, &s, &t, 0, 2, 0).edx, ==, 0x2c307d);
    e = leaf_of(&cpu, &s, &t, 0, 4, 2);
    g_assert_cmphex(e.eax, ==, 0x04004143);
    g_assert_cmphex(e.ebx, ==, 0x03c0003f);
    g_assert_cmphex(e.ecx, ==, 0xfff);
    e = leaf_of(&cpu, &s, &t, 0, 4, 3);
    g_assert_cmphex(e.eax, ==, 0x0400c163);
    g_assert_cmphex(e.edx, ==, 6);
    g_assert_cmphex(leaf_of(&cpu, &s, &t, 0, 4, 4).eax, ==, 0);
    e = leaf_of(&cpu, &s, &t, 5, 0xb, 0);
    g_assert_cmphex(e.eax, ==, 1);
    g_assert_cmphex(e.ebx, ==, 2);
    g_assert_cmphex(e.ecx, ==, 0x100);
    g_assert_cmphex(e.edx, ==, 5);
    e = leaf_of(&cpu, &s, &t, 5, 0xb, 1);
    g_assert_cmphex(e.eax, ==, 2);
    g_assert_cmphex(e.ebx, ==, 4);
    g_assert_cmphex(e.ecx, ==, 0x201);
    e = leaf_of(&cpu, &s, &t, 5, 0xb, 7);
    g_assert_cmphex(e.ecx, ==, 7);
    g_assert_cmphex(e.edx, ==, 5);
    e = leaf_of(&cpu, &s, &t, 0, 0xd, 0);
    g_assert_cmphex(e.eax, ==, 7);
    g_assert_cmphex(e.ebx, ==, 0x240);
    g_assert_cmphex(e.ecx, ==, 0x340);
    e = leaf_of(&cpu, &s, &t, 0, 0xd, 2);
    g_assert_cmphex(e.eax, ==, 0x100);
    g_assert_cmphex(e.ebx, ==, 0x240);
    e = leaf_of(&cpu, &s, &t, 0, 0x80000002, 0);
    g_assert_cmphex(e.eax, ==, 0x65746e49);
    e = leaf_of(&cpu, &s, &t, 0, 0x80000008, 0);
    g_assert_cmphex(e.eax, ==, 0x3028);
    /* Beyond the levels Intel repeats the highest basic leaf. */
    g_assert_cmphex(leaf_of(&cpu, &s, &t, 0, 0x33, 0).ecx, ==, 0x340);
    g_assert_cmphex(leaf_of(&cpu, &s, &t, 0, 0x80000033, 0).ecx, ==, 0x340);
}

static void test_leaves_dies(void)
{
    X86CpuSupport s = support_all("GenuineIntel");
    X86Topology t = { .sockets = 1, .dies = 2, .cores = 3, .threads = 1 };
    X86CpuDefinition cpu = define("Haswell", &s, NULL);
    X86CpuidEntry e = leaf_of(&cpu, &s, &t, 4, 0, 0);

    g_assert_cmphex(e.eax, ==, 0x1f);
    e = leaf_of(&cpu, &s, &t, 4, 0x1f, 1);
    g_assert_cmphex(e.eax, ==, 2);
    g_assert_cmphex(e.ebx, ==, 3);
    g_assert_cmphex(e.ecx, ==, 0x201);
    g_assert_cmphex(e.edx, ==, 5);
    e = leaf_of(&cpu, &s, &t, 4, 0x1f, 2);
    g_assert_cmphex(e.eax, ==, 3);
    g_assert_cmphex(e.ebx, ==, 6);
    g_assert_cmphex(e.ecx, ==, 0x502);
    cpu = define("Haswell,level=0xd", &s, NULL);
    g_assert_cmphex(leaf_of(&cpu, &s, &t, 0, 0, 0).eax, ==, 0xd);
}

static void test_leaves_epyc(void)
{
    X86CpuSupport s = support_all("AuthenticAMD");
    X86Topology t = { .sockets = 1, .dies = 2, .cores = 2, .threads = 2 };
    X86CpuDefinition cpu = define("EPYC-Rome", &s, NULL);
    X86CpuidEntry e = leaf_of(&cpu, &s, &t, 0, 1, 0);

    g_assert_cmphex(e.eax, ==, 0x00830f10);
    g_assert_cmphex(leaf_of(&cpu, &s, &t, 0, 0x80000000, 0).eax, ==, 0x8000001e);
    e = leaf_of(&cpu, &s, &t, 0, 0x80000001, 0);
    g_assert_cmphex(e.edx & 0x0183f3ff, ==, leaf_of(&cpu, &s, &t, 0, 1, 0).edx & 0x0183f3ff);
    g_assert_true(e.ecx >> 1 & 1); /* cmp-legacy */
    e = leaf_of(&cpu, &s, &t, 0, 0x80000005, 0);
    g_assert_cmphex(e.ecx, ==, 0x20080140);
    g_assert_cmphex(e.edx, ==, 0x20080140);
    e = leaf_of(&cpu, &s, &t, 0, 0x80000006, 0);
    g_assert_cmphex(e.ecx, ==, 0x02006140);
    g_assert_cmphex(e.edx, ==, 0x00808140);
    g_assert_cmphex(leaf_of(&cpu, &s, &t, 0, 0x80000008, 0).ecx, ==, 0x3007);
    e = leaf_of(&cpu, &s, &t, 0, 0x8000001d, 0);
    g_assert_cmphex(e.eax, ==, 0x4121);
    g_assert_cmphex(e.ebx, ==, 0x01c0003f);
    g_assert_cmphex(e.edx, ==, 1);
    e = leaf_of(&cpu, &s, &t, 0, 0x8000001d, 3);
    g_assert_cmphex(e.eax, ==, 0xc163);
    g_assert_cmphex(e.ecx, ==, 0x3fff);
    e = leaf_of(&cpu, &s, &t, 7, 0x8000001e, 0);
    g_assert_cmphex(e.eax, ==, 7);
    g_assert_cmphex(e.ebx, ==, 0x103);
    g_assert_cmphex(e.ecx, ==, 0x101);
    g_assert_cmphex(leaf_of(&cpu, &s, &t, 0, 4, 0).eax, ==, 0);
    g_assert_cmphex(leaf_of(&cpu, &s, &t, 0, 0x33, 0).ecx, ==, 0); /* AMD: zero beyond */
}

static void test_leaves_host(void)
{
    X86CpuSupport s = support_all("GenuineIntel");
    X86CpuDefinition cpu = define("host", &s, NULL);
    X86CpuidEntry e = leaf_of(&cpu, &s, &one_cpu, 0, 0x40000000, 0);

    g_assert_cmphex(e.eax, ==, 0x40000001);
    g_assert_cmphex(e.ebx, ==, 0x4b4d564b);
    g_assert_cmphex(e.ecx, ==, 0x564b4d56);
    g_assert_cmphex(e.edx, ==, 0x4d);
    g_assert_cmphex(leaf_of(&cpu, &s, &one_cpu, 0, 0x40000001, 0).eax & 9, ==, 9);
    g_assert_cmphex(leaf_of(&cpu, &s, &one_cpu, 0, 0xa, 0).eax, ==, 0x07300402);
    e = leaf_of(&cpu, &s, &one_cpu, 0, 0x15, 0);
    g_assert_cmpuint(e.eax, ==, 2);
    g_assert_cmpuint(e.ebx, ==, 5);
    g_assert_cmpuint(e.ecx, ==, 1000000000);
    g_assert_cmpuint(leaf_of(&cpu, &s, &one_cpu, 0, 0x16, 0).eax, ==, 2500);
    e = leaf_of(&cpu, &s, &one_cpu, 0, 0xd, 0);
    g_assert_cmphex(e.eax, ==, 0x602ff);
    g_assert_cmphex(e.ecx, ==, 2816 + 8192);
    g_assert_cmphex(cpu.xsave_size, ==, 2816 + 8192);

    cpu = define("host,migratable=off,pmu=off,host-cache-info=on", &s, NULL);
    e = leaf_of(&cpu, &s, &one_cpu, 0, 0x40000010, 0);
    g_assert_cmpuint(e.eax, ==, 2500000);
    g_assert_cmpuint(e.ebx, ==, 1000000);
    g_assert_cmphex(leaf_of(&cpu, &s, &one_cpu, 0, 0xa, 0).eax, ==, 0);
    /* The host's own sharing does not leak. */
    g_assert_cmphex(leaf_of(&cpu, &s, &one_cpu, 0, 4, 0).eax, ==, 0x121);
}

/* Any model under any accelerator gives an ordered list without doubles, inside KVM's limit. */
static void test_leaves_all(void)
{
    X86CpuSupport s = support_all("GenuineIntel");
    X86Topology t = { 2, 2, 5, 2 };

    for (size_t m = 0; m < x86_cpu_model_count; m++) {
        g_autofree char *text = g_strdup_printf("%s,xlevel2=0xffffffff,+sgx,+intel-pt",
                                                x86_cpu_models[m].name);
        X86CpuDefinition cpu = define(text, &s, NULL);
        g_autoptr(GArray) leaves = x86_cpuid_build(&cpu, &t, 39, &s);

        g_assert_cmpuint(leaves->len, <, 256);
        for (guint i = 1; i < leaves->len; i++) {
            const X86CpuidEntry *a = &g_array_index(leaves, X86CpuidEntry, i - 1), *b = a + 1;

            g_assert_true(a->leaf < b->leaf ||
                          (a->leaf == b->leaf && a->subleaf < b->subleaf));
        }
    }
}

/* What a kernel computes of leaf 0xd must be what the leaf itself says, whatever is offered. */
static void check_xsave(uint64_t components)
{
    X86CpuSupport s = support_all("GenuineIntel");
    X86CpuDefinition cpu;
    X86CpuidEntry e;
    uint32_t standard = 576, compacted = 576;

    for (size_t i = 0; i < all_count; i++) {
        if (all_entries[i].leaf == 0xd && all_entries[i].subleaf == 0) {
            all_entries[i].eax = components;
        }
    }
    x86_cpu_support_init(&s, "test", all_entries, all_count);
    s.hardware = true;
    cpu = define("host,migratable=off", &s, NULL);
    e = leaf_of(&cpu, &s, &one_cpu, 0, 0xd, 0);
    g_assert_cmphex(e.eax & ~components, ==, 0);
    g_assert_cmphex(e.ebx, ==, 576);
    g_assert_cmphex(e.ecx, ==, cpu.xsave_size);
    for (unsigned bit = 2; bit < 32; bit++) {
        if (cpu.xcr0 >> bit & 1) {
            X86CpuidEntry part = leaf_of(&cpu, &s, &one_cpu, 0, 0xd, bit);

            g_assert_cmpuint(part.eax, >, 0);
            g_assert_cmpuint(part.ebx, >=, 576);
            standard = MAX(standard, part.eax + part.ebx);
            compacted = (part.ecx & 2 ? (compacted + 63) & ~63u : compacted) + part.eax;
        }
    }
    g_assert_cmpuint(e.ecx, ==, standard);
    g_assert_cmpuint(x86_xsave_compacted_size(&s, cpu.xcr0), ==, compacted);
    g_assert_cmphex(leaf_of(&cpu, &s, &one_cpu, 0, 0xd, 1).ebx, ==, 576);
    /* A feature without its state is not offered. */
    g_assert_true(x86_feature_set_has(&cpu.features, "avx") == !!(components & 4));
    g_assert_true(x86_feature_set_has(&cpu.features, "avx2") == !!(components & 4));
    g_assert_true(x86_feature_set_has(&cpu.features, "mpx") == ((components & 0x18) == 0x18));
    g_assert_true(x86_feature_set_has(&cpu.features, "avx512f") ==
                  ((components & 0xe4) == 0xe4));
    g_assert_true(x86_feature_set_has(&cpu.features, "pku") == !!(components & 0x200));
    g_assert_true(x86_feature_set_has(&cpu.features, "amx-int8") ==
                  ((components & 0x60000) == 0x60000));
}

static void test_xsave(void)
{
    static const uint64_t offered[] = {
        0x3, 0x7, 0xb, 0x1b, 0x1f, 0x67, 0xe7, 0x203, 0x207, 0x2e7, 0x2ff, 0x202e7, 0x402e7,
        0x602e7, 0x602ff,
    };
    X86CpuSupport s = support_all("GenuineIntel");

    for (unsigned i = 0; i < G_N_ELEMENTS(offered); i++) {
        check_xsave(offered[i]);
    }
    g_assert_cmpuint(x86_xsave_size(&s, 0x207), ==, 2696);
    g_assert_cmpuint(x86_xsave_compacted_size(&s, 0x207), ==, 840);
    g_assert_cmpuint(x86_xsave_compacted_size(&s, 0x2e7), ==, 2440);
    /* TILECFG and TILEDATA begin at multiples of 64; supervisor components follow their number. */
    g_assert_cmpuint(x86_xsave_compacted_size(&s, 0x602e7), ==, 2496 + 64 + 8192);
    g_assert_cmpuint(x86_xsave_compacted_size(&s, 0x1a07), ==, 840 + 16 + 24);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86/topology/ids", test_topology);
    g_test_add_func("/x86/topology/bad", test_topology_bad);
    g_test_add_func("/x86/cpuconfig/good", test_config);
    g_test_add_func("/x86/cpuconfig/bad", test_config_bad);
    g_test_add_func("/x86/cpuid/filter", test_filter);
    g_test_add_func("/x86/cpuid/accelerator", test_defaults_of_accelerator);
    g_test_add_func("/x86/cpuid/host", test_host);
    g_test_add_func("/x86/cpuid/phys-bits", test_phys_bits_bad);
    g_test_add_func("/x86/cpuid/haswell", test_leaves_haswell);
    g_test_add_func("/x86/cpuid/dies", test_leaves_dies);
    g_test_add_func("/x86/cpuid/epyc", test_leaves_epyc);
    g_test_add_func("/x86/cpuid/host-leaves", test_leaves_host);
    g_test_add_func("/x86/cpuid/all", test_leaves_all);
    g_test_add_func("/x86/cpuid/xsave", test_xsave);
    return g_test_run();
}
