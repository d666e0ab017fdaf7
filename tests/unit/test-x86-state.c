/* SPDX-License-Identifier: MIT */
/* CPU state: the register table, reset, listings. */
#include <string.h>

#include "arch/x86/state.h"
#include "arch/x86/xsave.h"

static const X86CpuidEntry entries[] = {
    { .leaf = 0xd, .subleaf = 0, .flags = 1, .eax = 0x2e7 },
    { .leaf = 0xd, .subleaf = 2, .flags = 1, .eax = 256, .ebx = 576 },
    { .leaf = 0xd, .subleaf = 9, .flags = 1, .eax = 8, .ebx = 2696 }, /* not Intel's place */
};

static X86CpuState *make(bool bootstrap, uint64_t xcr0)
{
    X86CpuSupport support;
    X86CpuDefinition cpu = { .vendor = "GenuineIntel", .family = 6, .model = 60, .stepping = 4 };

    x86_cpu_support_init(&support, "test", entries, G_N_ELEMENTS(entries));
    cpu.xcr0 = xcr0;
    cpu.xsave_size = xcr0 ? x86_xsave_size(&support, xcr0) : 0;
    cpu.features.word[X86_WORD_MSR_10A] = 0x21;
    return x86_cpu_state_new(&cpu, &support, bootstrap);
}

static void test_table(void)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) numbers = g_hash_table_new(NULL, NULL);

    for (size_t i = 0; i < x86_register_count; i++) {
        const X86Register *r = &x86_registers[i];
        guint64 key = (guint64)r->set << 32 | r->number;

        g_assert_true(g_hash_table_add(names, (gpointer)r->name));
        g_assert_true(g_hash_table_add(numbers, (gpointer)(uintptr_t)(key + 1)));
        g_assert_true(x86_register_find(r->name) == r);
        g_assert_true(x86_register_at(r->set, r->number) == r);
        g_assert_nonnull(x86_register_set_name(r->set));
        g_assert_nonnull(r->description);
    }
    g_assert_null(x86_register_find("rzx"));
    g_assert_null(x86_register_at(X86_SET_GENERAL, 18));
}

/* Each register is its own storage: a value written to one is read from that one alone. */
static void test_storage(void)
{
    X86CpuState *s = make(true, 0x2e7);

    for (size_t i = 0; i < x86_register_count; i++) {
        const X86Register *r = &x86_registers[i];
        unsigned bytes = MIN(r->width, 8);
        uint64_t value, mask = bytes == 8 ? UINT64_MAX : (1ull << 8 * bytes) - 1;
        bool is_bool = r->set == X86_SET_EVENT || strcmp(r->name, "pdptrs_valid") == 0;
        uint64_t pattern = is_bool ? 1 : (0x0123456789abcd00ull + i) & mask;

        memset(s->xsave, 0, s->xsave_size);
        g_assert_true(x86_register_set(s, r, pattern));
        g_assert_true(x86_register_get(s, r, &value));
        g_assert_cmphex(value, ==, pattern);
        for (size_t k = 0; k < x86_register_count; k++) {
            if (k != i && x86_registers[k].component >= 0) {
                g_assert_true(r->component < 0 ||
                              x86_register_pointer(s, &x86_registers[k]) !=
                                  x86_register_pointer(s, r));
            }
        }
    }
    g_assert_cmpuint(s->xsave_offset[9], ==, 2696);
    x86_cpu_state_free(s);
}

static void test_absent(void)
{
    X86CpuState *s = make(true, 0);
    uint64_t value;

    g_assert_cmpuint(s->xsave_size, ==, 576);
    g_assert_true(x86_cpu_get_register(s, "xmm15", &value));
    g_assert_true(x86_cpu_get_register(s, "st7", &value));
    g_assert_false(x86_cpu_get_register(s, "ymmh0", &value));
    g_assert_false(x86_cpu_set_register(s, "k1", 1));
    g_assert_false(x86_cpu_set_register(s, "pkru", 1));
    g_assert_false(x86_cpu_get_register(s, "nonsense", &value));
    x86_cpu_state_free(s);
}

static uint64_t get(const X86CpuState *s, const char *name)
{
    uint64_t value = 0;

    g_assert_true(x86_cpu_get_register(s, name, &value));
    return value;
}

static void test_parts(void)
{
    X86CpuState *s = make(true, 7);

    g_assert_true(x86_cpu_set_register(s, "rax", 0x1122334455667788));
    g_assert_cmphex(get(s, "eax"), ==, 0x55667788);
    g_assert_cmphex(get(s, "ax"), ==, 0x7788);
    g_assert_cmphex(get(s, "al"), ==, 0x88);
    g_assert_cmphex(get(s, "ah"), ==, 0x77);
    g_assert_true(x86_cpu_set_register(s, "ah", 0xaa));
    g_assert_cmphex(get(s, "rax"), ==, 0x112233445566aa88);
    g_assert_true(x86_cpu_set_register(s, "eax", 0xffffffff00000001));
    g_assert_cmphex(get(s, "rax"), ==, 1);
    g_assert_cmphex(get(s, "pc"), ==, 0xfff0);
    g_assert_cmphex(get(s, "eflags"), ==, 2);
    g_assert_cmphex(get(s, "cs_base"), ==, 0xffff0000);
    g_assert_true(x86_cpu_set_register(s, "lstar", 0xffffffff81000000));
    g_assert_cmphex(x86_cpu_msr_value(s, 0xc0000082), ==, 0xffffffff81000000);
    g_assert_cmphex(get(s, "mtrrphysmask7"), ==, 0);
    g_assert_false(x86_cpu_set_register(s, "arch_capabilities", 0));
    x86_cpu_state_free(s);
}

static void test_msrs(void)
{
    X86CpuState *s = make(true, 7);
    g_autofree char *name = x86_msr_name(0x20d);
    unsigned number;

    g_assert_cmpstr(name, ==, "mtrrphysmask6");
    g_assert_nonnull(x86_msr_info(0x47f, &number)); /* the last of the machine check banks */
    g_assert_cmpuint(number, ==, 31);
    g_assert_null(x86_msr_info(0x20f + 1, NULL));
    g_assert_null(x86_msr_info(0xffffffff, NULL));
    g_assert_null(x86_msr_name(0x12345678));
    for (size_t i = 1; i < s->msr_count; i++) {
        g_assert_cmphex(s->msr[i - 1].index, <, s->msr[i].index);
    }
    for (size_t i = 0; i < s->msr_count; i++) {
        g_assert_true(x86_cpu_msr(s, s->msr[i].index) == &s->msr[i]);
    }
    g_assert_null(x86_cpu_msr(s, 0xdeadbeef));
    g_assert_false(x86_cpu_msr_set(s, 0xdeadbeef, 1));
    g_assert_cmphex(x86_cpu_msr_value(s, 0x10a), ==, 0x21);
    g_assert_true(x86_cpu_msr(s, 0x10a)->read_only);
    x86_cpu_state_free(s);
}

static void assert_reset_common(const X86CpuState *s)
{
    g_assert_cmphex(s->rip, ==, 0xfff0);
    g_assert_cmphex(s->rflags, ==, 2);
    g_assert_cmphex(s->gpr[X86_RDX], ==, 0x306c4);
    g_assert_cmphex(s->gpr[X86_RAX], ==, 0);
    g_assert_cmphex(s->segment[X86_CS].base, ==, 0xffff0000);
    g_assert_cmphex(s->segment[X86_CS].selector, ==, 0xf000);
    g_assert_cmphex(s->segment[X86_CS].attributes, ==, 0x9b);
    g_assert_cmphex(s->segment[X86_DS].attributes, ==, 0x93);
    g_assert_cmphex(s->segment[X86_LDTR].attributes, ==, 0x82);
    g_assert_cmphex(s->segment[X86_TR].attributes, ==, 0x8b);
    g_assert_cmphex(s->gdtr.limit, ==, 0xffff);
    g_assert_cmphex(s->dr6, ==, 0xffff0ff0);
    g_assert_cmphex(s->dr7, ==, 0x400);
    g_assert_cmphex(s->cr4, ==, 0);
    g_assert_cmphex(s->efer, ==, 0);
}

static void test_reset(void)
{
    X86CpuState *s = make(true, 7);

    assert_reset_common(s);
    g_assert_cmphex(s->cr0, ==, 0x60000010);
    g_assert_cmphex(s->xcr0, ==, 1);
    g_assert_cmphex(s->apic_base, ==, 0xfee00900);
    g_assert_cmphex(get(s, "fcw"), ==, 0x40);
    g_assert_cmphex(get(s, "mxcsr"), ==, 0x1f80);
    g_assert_cmphex(get(s, "pat"), ==, 0x0007040600070406);
    g_assert_cmphex(get(s, "smbase"), ==, 0x30000);
    g_assert_cmpuint(s->mp_state, ==, X86_MP_RUNNABLE);

    memset(s->gpr, 0xff, sizeof(s->gpr));
    s->cr0 = 0x80050033;
    s->cr4 = 0x20;
    s->efer = 0xd01;
    s->xcr0 = 7;
    s->events.nmi_pending = true;
    x86_cpu_msr_set(s, 0xc0000082, 1);
    x86_cpu_reset(s);
    assert_reset_common(s);
    g_assert_cmphex(s->cr0, ==, 0x60000010);
    g_assert_cmphex(get(s, "lstar"), ==, 0);
    g_assert_false(s->events.nmi_pending);
    g_assert_cmphex(x86_cpu_msr_value(s, 0x10a), ==, 0x21);
    x86_cpu_state_free(s);
}

static void test_init_and_sipi(void)
{
    X86CpuState *s = make(false, 7);

    g_assert_cmpuint(s->mp_state, ==, X86_MP_WAIT_SIPI);
    g_assert_cmphex(s->apic_base, ==, 0xfee00800);
    s->cr0 = 0x80050033;
    s->efer = 0xd01;
    s->xcr0 = 7;
    s->apic_base = 0xfee00c00;
    x86_cpu_msr_set(s, 0xc0000082, 5);
    x86_cpu_msr_set(s, 0x6e0, 5);
    g_assert_true(x86_cpu_set_register(s, "xmm3", 77));
    x86_cpu_init(s);
    assert_reset_common(s);
    g_assert_cmphex(s->cr0, ==, 0x10); /* the cache bits were clear, and stay */
    g_assert_cmphex(s->xcr0, ==, 7);
    g_assert_cmphex(s->apic_base, ==, 0xfee00c00);
    g_assert_cmphex(get(s, "lstar"), ==, 5);
    g_assert_cmphex(get(s, "tsc_deadline"), ==, 0);
    g_assert_cmphex(get(s, "xmm3"), ==, 77);
    g_assert_cmpuint(s->mp_state, ==, X86_MP_WAIT_SIPI);
    x86_cpu_sipi(s, 0x9a);
    g_assert_cmphex(s->segment[X86_CS].selector, ==, 0x9a00);
    g_assert_cmphex(s->segment[X86_CS].base, ==, 0x9a000);
    g_assert_cmphex(s->rip, ==, 0);
    g_assert_cmpuint(s->mp_state, ==, X86_MP_RUNNABLE);
    x86_cpu_state_free(s);
}

static void test_print_real(void)
{
    X86CpuState *s = make(true, 0);
    g_autoptr(GString) out = g_string_new(NULL);

    x86_cpu_print(s, 0, true, out);
    g_assert_true(g_str_has_prefix(out->str,
        "\nCPU#0\n"
        "EAX=00000000 EBX=00000000 ECX=00000000 EDX=000306c4\n"
        "ESI=00000000 EDI=00000000 EBP=00000000 ESP=00000000\n"
        "EIP=0000fff0 EFL=00000002 [-------] CPL=0 II=0 A20=1 SMM=0 HLT=0\n"
        "ES =0000 00000000 0000ffff 00009300\n"
        "CS =f000 ffff0000 0000ffff 00009b00\n"
        "SS =0000 00000000 0000ffff 00009300\n"
        "DS =0000 00000000 0000ffff 00009300\n"
        "FS =0000 00000000 0000ffff 00009300\n"
        "GS =0000 00000000 0000ffff 00009300\n"
        "LDT=0000 00000000 0000ffff 00008200\n"
        "TR =0000 00000000 0000ffff 00008b00\n"
        "GDT=     00000000 0000ffff\n"
        "IDT=     00000000 0000ffff\n"
        "CR0=60000010 CR2=00000000 CR3=00000000 CR4=00000000\n"
        "DR0=0000000000000000 DR1=0000000000000000 DR2=0000000000000000 DR3=0000000000000000 \n"
        "DR6=00000000ffff0ff0 DR7=0000000000000400\n"
        "EFER=0000000000000000\n"
        "FCW=0040 FSW=0000 [ST=0] FTW=ff MXCSR=00001f80\n"
        "FPR0=0000000000000000 0000 FPR1=0000000000000000 0000\n"));
    g_assert_nonnull(strstr(out->str, "XMM06=0000000000000000 0000000000000000 XMM07="));
    x86_cpu_state_free(s);
}

static void test_print_protected(void)
{
    X86CpuState *s = make(true, 7);
    g_autoptr(GString) out = g_string_new(NULL);

    s->cr0 = 0x11;
    s->segment[X86_CS] = (X86Segment){ .selector = 8, .limit = 0xffffffff, .attributes = 0xc09a };
    s->segment[X86_DS] = (X86Segment){ .selector = 16, .limit = 0xffffffff, .attributes = 0xc093 };
    s->rflags = 0xcd7;
    x86_cpu_print(s, 3, false, out);
    g_assert_nonnull(strstr(out->str, "CPU#3"));
    g_assert_nonnull(strstr(out->str, "CS =0008 00000000 ffffffff 00cf9a00 DPL=0 CS32 [-R-]\n"));
    g_assert_nonnull(strstr(out->str, "DS =0010 00000000 ffffffff 00cf9300 DPL=0 DS   [-WA]\n"));
    g_assert_nonnull(strstr(out->str, "LDT=0000 00000000 0000ffff 00008200 DPL=0 LDT\n"));
    g_assert_nonnull(strstr(out->str, "TR =0000 00000000 0000ffff 00008b00 DPL=0 TSS32-busy\n"));
    g_assert_nonnull(strstr(out->str, "[DOSZAPC]"));
    g_assert_null(strstr(out->str, "FCW"));

    g_string_truncate(out, 0);
    s->efer = 0x500;
    s->xcr0 = 7;
    s->segment[X86_CS].attributes = 0xa09b;
    s->gpr[X86_R8] = 0x8888;
    x86_cpu_print(s, 0, true, out);
    g_assert_nonnull(strstr(out->str, "R8 =0000000000008888 R9 =0000000000000000"));
    g_assert_nonnull(strstr(out->str, "CS64 [-RA]"));
    g_assert_nonnull(strstr(out->str, "TSS64-busy"));
    g_assert_nonnull(strstr(out->str, "YMM15="));
    g_string_truncate(out, 0);
    x86_cpu_print_msrs(s, out);
    g_assert_nonnull(strstr(out->str, "00000277 pat                      0007040600070406\n"));
    x86_cpu_state_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86/state/table", test_table);
    g_test_add_func("/x86/state/storage", test_storage);
    g_test_add_func("/x86/state/absent", test_absent);
    g_test_add_func("/x86/state/parts", test_parts);
    g_test_add_func("/x86/state/msrs", test_msrs);
    g_test_add_func("/x86/state/reset", test_reset);
    g_test_add_func("/x86/state/init", test_init_and_sipi);
    g_test_add_func("/x86/state/print-real", test_print_real);
    g_test_add_func("/x86/state/print-protected", test_print_protected);
    return g_test_run();
}
