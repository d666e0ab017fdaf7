/* SPDX-License-Identifier: MIT */
/* CPU state: the register table, reset, listings. */
#include <string.h>

#include "arch/x86/paging.h"
#include "arch/x86/sanity.h"
#include "arch/x86/savestate.h"
#include "arch/x86/state.h"
#include "arch/x86/xsave.h"
#include "base/bits.h"
#include "base/lock.h"
#include "memory/space.h"

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
        uint64_t pattern = r->truth ? 1 : (0x0123456789abcd00ull + i) & mask;

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

/* ---- saving ---- */

/* Every register another value; truth values on. */
static void scramble(X86CpuState *s)
{
    for (size_t i = 0; i < x86_register_count; i++) {
        const X86Register *r = &x86_registers[i];

        x86_register_set(s, r, 0x1122334455667700ull + i);
    }
    store_le(s->xsave + 512, 7, 8);
    s->mp_state = X86_MP_HALTED;
    for (size_t i = 0; i < s->msr_count; i++) {
        if (!s->msr[i].read_only) {
            s->msr[i].value = 0x99000000 + i;
        }
    }
}

static void test_save_load(void)
{
    X86CpuState *a = make(true, 7), *b = make(true, 7);
    g_autoptr(GByteArray) saved = g_byte_array_new(), again = g_byte_array_new();
    g_autoptr(GError) error = NULL;

    scramble(a);
    x86_cpu_state_save(a, saved);
    g_assert_true(x86_cpu_state_load(b, saved->data, saved->len, &error));
    x86_cpu_state_save(b, again);
    g_assert_cmpmem(saved->data, saved->len, again->data, again->len);
    g_assert_cmphex(b->gpr[X86_R15], ==, a->gpr[X86_R15]);
    g_assert_cmphex(b->segment[X86_TR].attributes, ==, a->segment[X86_TR].attributes);
    g_assert_cmpmem(a->xsave, a->xsave_size, b->xsave, b->xsave_size);
    g_assert_cmphex(x86_cpu_msr_value(b, 0xc0000082), ==, x86_cpu_msr_value(a, 0xc0000082));
    g_assert_true(b->events.triple_fault);
    x86_cpu_state_free(a);
    x86_cpu_state_free(b);
}

/* A CPU with less extended state takes the image only while the rest is unused. */
static void test_load_smaller(void)
{
    X86CpuState *a = make(true, 0x2e7), *b = make(true, 7);
    g_autoptr(GByteArray) saved = g_byte_array_new(), used = g_byte_array_new();
    g_autoptr(GError) error = NULL;

    x86_cpu_state_save(a, saved);
    g_assert_true(x86_cpu_state_load(b, saved->data, saved->len, &error));
    store_le(a->xsave + 512, 0x207, 8);
    x86_cpu_state_save(a, used);
    g_assert_false(x86_cpu_state_load(b, used->data, used->len, &error));
    g_assert_nonnull(strstr(error->message, "component 9"));
    x86_cpu_state_free(a);
    x86_cpu_state_free(b);
}

/* Whatever is cut off or changed, the state is either loaded whole or not touched. */
static void test_load_hostile(void)
{
    X86CpuState *a = make(true, 7), *b = make(true, 7);
    g_autoptr(GByteArray) saved = g_byte_array_new(), before = g_byte_array_new();
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);

    scramble(a);
    x86_cpu_state_save(a, saved);
    x86_cpu_state_save(b, before);
    for (size_t size = 0; size < saved->len; size += 1 + size / 64) {
        g_autofree uint8_t *copy = g_memdup2(saved->data, size);
        g_autoptr(GError) error = NULL;
        g_autoptr(GByteArray) after = g_byte_array_new();

        g_assert_false(x86_cpu_state_load(b, copy, size, &error));
        g_assert_nonnull(error);
        x86_cpu_state_save(b, after);
        g_assert_cmpmem(before->data, before->len, after->data, after->len);
    }
    for (unsigned round = 0; round < 2000; round++) {
        g_autofree uint8_t *copy = g_memdup2(saved->data, saved->len);
        g_autoptr(GError) error = NULL;
        X86CpuState *c = make(true, 7);
        bool ok;

        copy[g_rand_int_range(rand, 0, saved->len)] = g_rand_int(rand);
        ok = x86_cpu_state_load(c, copy, saved->len, &error);
        g_assert_true(ok == (error == NULL));
        x86_cpu_state_free(c);
    }
    x86_cpu_state_free(a);
    x86_cpu_state_free(b);
}

/* ---- page tables ---- */

typedef struct Guest {
    RamBlock *block;
    MemoryRegion *root, *ram;
    AddressSpace *space;
    X86CpuState *state;
} Guest;

static void guest_open(Guest *g)
{
    g_autoptr(GError) error = NULL;

    g->block = ram_block_new("pages.ram", 0x400000, NULL, &error);
    g_assert_no_error(error);
    machine_lock();
    g->root = region_new_container(NULL, "root", REGION_SIZE_ALL);
    g->ram = region_new_ram(NULL, "ram", g->block);
    region_add(g->root, 0, g->ram, 0);
    g->space = address_space_new("test", g->root, 0xff);
    g->state = make(true, 7);
}

static void guest_close(Guest *g)
{
    x86_cpu_state_free(g->state);
    address_space_free(g->space);
    region_remove(g->ram);
    region_free(g->ram);
    region_free(g->root);
    ram_block_free(g->block);
    machine_unlock();
}

static void entry(Guest *g, uint64_t at, uint64_t value)
{
    store_le(g->block->host + at, value, 8);
}

static void assert_maps(Guest *g, uint64_t address, uint64_t physical)
{
    uint64_t found = 0;

    g_assert_true(x86_translate(g->state, g->space, address, &found, NULL));
    g_assert_cmphex(found, ==, physical);
}

static void assert_unmapped(Guest *g, uint64_t address)
{
    g_assert_false(x86_translate(g->state, g->space, address, &(uint64_t){ 0 }, NULL));
}

/* The tables that the listings of the peer were taken from. */
static void long_mode_tables(Guest *g)
{
    entry(g, 0x20f000, 0x210003);
    entry(g, 0x210000, 0x211003);
    entry(g, 0x210010, 0x212007);
    entry(g, 0x211000, 0x83);
    entry(g, 0x211008, 0x200183 | 0x20);
    entry(g, 0x211010, 0x200081);
    entry(g, 0x211018, 0x213003);
    entry(g, 0x213000, 0x300003);
    entry(g, 0x213008, 0x8000000000301061ull);
    entry(g, 0x212000, 0x83);
    g->state->cr0 = 0x80000011;
    g->state->cr3 = 0x20f000;
    g->state->cr4 = 0xa0;
    g->state->efer = 0xd00;
    g->state->segment[X86_CS].attributes = 0xa09b;
}

static void test_paging_long(void)
{
    Guest g;
    g_autoptr(GString) out = g_string_new(NULL);
    X86Mapping m;
    uint64_t physical;

    guest_open(&g);
    long_mode_tables(&g);
    x86_print_mem(g.state, g.space, out);
    g_assert_cmpstr(out->str, ==,
        "0000000000000000-0000000000400000 0000000000400000 -rw\n"
        "0000000000400000-0000000000600000 0000000000200000 -r-\n"
        "0000000000600000-0000000000601000 0000000000001000 -rw\n"
        "0000000000601000-0000000000602000 0000000000001000 -r-\n"
        "0000000080000000-0000000080200000 0000000000200000 -rw\n");
    g_string_truncate(out, 0);
    x86_print_tlb(g.state, g.space, out);
    g_assert_cmpstr(out->str, ==,
        "0000000000000000: 0000000000000000 --P-----W\n"
        "0000000000200000: 0000000000200000 -GP-A---W\n"
        "0000000000400000: 0000000000200000 --P------\n"
        "0000000000600000: 0000000000300000 --------W\n"
        "0000000000601000: 0000000000301000 X--DA----\n"
        "0000000080000000: 0000000000000000 --P-----W\n");
    assert_maps(&g, 0x400123, 0x200123);
    assert_maps(&g, 0x600fff, 0x300fff);
    assert_unmapped(&g, 0x900000000);
    assert_unmapped(&g, 0x8000000000000000);
    assert_unmapped(&g, 0x602000);
    g_assert_true(x86_translate(g.state, g.space, 0x601234, &physical, &m));
    g_assert_true(!m.executable && !m.writable && !m.user && m.size == 0x1000);
    /* Tables outside of RAM. */
    entry(&g, 0x20f008, 0x7ffffff000003);
    assert_unmapped(&g, 0x8000000000);
    guest_close(&g);
}

static void test_paging_other_modes(void)
{
    Guest g;

    guest_open(&g);
    assert_maps(&g, 0x123456, 0x123456); /* no paging */
    /* 32-bit: a table, and a page of 4 MiB with PSE-36. */
    store_le(g.block->host + 0x1000, 0x2003, 4);
    store_le(g.block->host + 0x1004, 0x00c02083, 4);
    store_le(g.block->host + 0x2004, 0x5001, 4);
    g.state->cr0 = 0x80000011;
    g.state->cr3 = 0x1000;
    g.state->cr4 = X86_CR4_PSE;
    assert_maps(&g, 0x1abc, 0x5abc);
    assert_maps(&g, 0x400010, 0x100c00010);
    assert_unmapped(&g, 0x0);
    assert_unmapped(&g, 0x100000000);
    g.state->cr4 = 0;
    assert_unmapped(&g, 0x400010); /* without PSE it is a table, far out of RAM */
    /* PAE. */
    entry(&g, 0x3020, 0x4001);
    entry(&g, 0x4000, 0x5003);
    entry(&g, 0x4008, 0x600083);
    entry(&g, 0x5008, 0x7003);
    g.state->cr3 = 0x3020;
    g.state->cr4 = X86_CR4_PAE;
    assert_maps(&g, 0x1abc, 0x7abc);
    assert_maps(&g, 0x200123, 0x600123);
    assert_unmapped(&g, 0x40000000);
    g.state->pdptrs_valid = true; /* what the CPU holds counts, not memory */
    assert_unmapped(&g, 0x1abc);
    g.state->pdptr[0] = 0x4001;
    assert_maps(&g, 0x1abc, 0x7abc);
    /* 5 levels. */
    long_mode_tables(&g);
    entry(&g, 0x10000, 0x20f003);
    g.state->cr3 = 0x10000;
    g.state->cr4 |= X86_CR4_LA57;
    assert_maps(&g, 0x400123, 0x200123);
    guest_close(&g);
}

/* A table that leads to itself names 2^36 pages. */
static void test_paging_loop(void)
{
    Guest g;
    g_autoptr(GString) out = g_string_new(NULL);

    guest_open(&g);
    long_mode_tables(&g);
    for (unsigned i = 0; i < 512; i++) {
        entry(&g, 0x20f000 + 8 * i, 0x20f003);
    }
    x86_print_tlb(g.state, g.space, out);
    g_assert_nonnull(strstr(out->str, "(cut"));
    g_assert_cmpuint(out->len, <, 16 << 20);
    guest_close(&g);
}

static void test_read_virtual(void)
{
    Guest g;
    uint8_t bytes[16];

    guest_open(&g);
    long_mode_tables(&g);
    memcpy(g.block->host + 0x300ff8, "12345678", 8);
    memcpy(g.block->host + 0x301000, "abcdefgh", 8);
    g_assert_cmpuint(x86_read_virtual(g.state, g.space, 0x600ff8, bytes, 16), ==, 16);
    g_assert_cmpmem(bytes, 16, "12345678abcdefgh", 16);
    g_assert_cmpuint(x86_read_virtual(g.state, g.space, 0x601ff8, bytes, 16), ==, 8);
    g_assert_cmpuint(x86_read_virtual(g.state, g.space, 0x700000, bytes, 16), ==, 0);
    g.state->rip = 0x600ff8;
    g_assert_cmphex(x86_linear_rip(g.state), ==, 0x600ff8);
    x86_cpu_reset(g.state);
    g_assert_cmphex(x86_linear_rip(g.state), ==, 0xfffffff0);
    guest_close(&g);
}

/* ---- sanity ---- */

static void assert_problem(X86CpuState *s, const char *words)
{
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
    X86CpuDefinition cpu = { .phys_bits = 40, .linear_bits = 48, .xcr0 = 7 };
    unsigned count;

    x86_feature_set_list(&cpu.features, "lm nx pae", true);
    count = x86_cpu_state_check(s, &cpu, problems);
    g_assert_cmpuint(count, ==, problems->len);
    if (!words) {
        g_assert_cmpuint(count, ==, 0);
        return;
    }
    for (guint i = 0; i < problems->len; i++) {
        if (strstr(g_ptr_array_index(problems, i), words)) {
            return;
        }
    }
    g_error("no problem says '%s'", words);
}

static void test_sanity(void)
{
    X86CpuState *s = make(true, 7);
    Guest g;

    assert_problem(s, NULL);
    x86_cpu_init(s);
    assert_problem(s, NULL);
    x86_cpu_sipi(s, 0x9a);
    assert_problem(s, NULL);
    s->cr0 = 0x80000010;
    assert_problem(s, "without protected mode");
    x86_cpu_reset(s);
    s->efer = X86_EFER_LMA;
    assert_problem(s, "LMA");
    x86_cpu_reset(s);
    s->rflags = 0;
    assert_problem(s, "bit 1 has to be 1");
    x86_cpu_reset(s);
    s->rip = 0x100000000;
    assert_problem(s, "more than 32 bits");
    x86_cpu_reset(s);
    s->segment[X86_TR].attributes = 0x89;
    assert_problem(s, "busy TSS");
    x86_cpu_reset(s);
    s->segment[X86_DS].limit = 0x1fffff;
    assert_problem(s, "ds: limit");
    x86_cpu_reset(s);
    s->xcr0 = 5;
    assert_problem(s, "AVX without SSE");
    x86_cpu_reset(s);
    s->xcr0 = 0xe7;
    assert_problem(s, "has not got");
    x86_cpu_state_free(s);

    guest_open(&g);
    long_mode_tables(&g);
    g.state->segment[X86_CS].limit = UINT32_MAX;
    g.state->cr0 = 0x80000011;
    assert_problem(g.state, NULL);
    g.state->rip = 0x800000000000;
    assert_problem(g.state, "rip 0x800000000000 is not canonical");
    g.state->cr4 = 0;
    assert_problem(g.state, "needs PAE");
    g.state->cr3 = 1ull << 40;
    assert_problem(g.state, "40 physical address bits");
    guest_close(&g);
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
    g_test_add_func("/x86/savestate/whole", test_save_load);
    g_test_add_func("/x86/savestate/smaller", test_load_smaller);
    g_test_add_func("/x86/savestate/hostile", test_load_hostile);
    g_test_add_func("/x86/paging/long", test_paging_long);
    g_test_add_func("/x86/paging/other", test_paging_other_modes);
    g_test_add_func("/x86/paging/loop", test_paging_loop);
    g_test_add_func("/x86/paging/read", test_read_virtual);
    g_test_add_func("/x86/sanity", test_sanity);
    return g_test_run();
}
