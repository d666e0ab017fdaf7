/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers that systems read or write at boot without asking first: Intel SDM
 * volume 4; AMD APM volume 2, appendix A, and the BIOS and kernel developer's guides of its
 * families.
 */
#include "tests/functional/jit-system/setup64.h"

/* A write that raises the vector, or NOTHING. */
volatile u64 msr_value;

static void expect_write(u32 index, u64 value, word vector)
{
    msr_value = value;
    TRY("movl %k0, %%ecx; movl msr_value, %%eax; movl msr_value+4, %%edx; wrmsr", index);
    EXPECT(vector, 0);
}

/* What is there, what it is at first, and whether it keeps what is written. */
static void test_present(void)
{
    static const struct {
        u32 index;
        u64 value, written;
    } cases[] = {
        { 0x8b, 0, 0 },                             /* BIOS_SIGN_ID */
        { 0x2a, 0, 0 },                             /* EBL_CR_POWERON */
        { 0x3a, 0, 0 },                             /* FEATURE_CONTROL: no VMX, nothing locked */
        { 0x140, 0, 0 },                            /* MISC_FEATURES_ENABLES */
        { 0x174, 0, 0x10 }, { 0x175, 0, 0x1000 }, { 0x176, 0, ~0ull << 47 },
        { 0x17a, 0, 4 }, { 0x17b, ~0ull, 0 },       /* MCG_STATUS, MCG_CTL */
        { 0x1a0, 0x41801, 0x41801 },                /* MISC_ENABLE: fast strings, MONITOR */
        { 0x1d9, 0, 1 },                            /* DEBUGCTL */
        { 0x277, 0x0007040600070406, 0x0007040601070406 },
        { 0x400, ~0ull, 0 }, { 0x424, ~0ull, 5 },   /* machine checks: ten banks */
        { 0xc0000081, 0, 0x0023001000000000 }, { 0xc0000082, 0, ~0ull << 32 },
        { 0xc0000083, 0, 0x1000 }, { 0xc0000084, 0, 0x47700 },
        { 0xc0000102, 0, 0x12345678 }, { 0xc0000103, 0, 7 },
        { 0xc0010010, 0, 1 << 20 },                 /* SYSCFG */
        { 0xc0010015, 0, 1 << 4 },                  /* HWCR */
        { 0xc001001a, 0, 0 }, { 0xc001001d, 0, 0 }, { 0xc0010055, 0, 0 }, { 0xc0010114, 0, 0 },
        { 0xc0010140, 0, 0 }, { 0xc0010141, 0, 0 }, { 0xc0011029, 0, 2 },   /* OSVW; DE_CFG */
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        u32 index = cases[i].index;

        TRY("movl %k0, %%ecx; rdmsr", index);
        EXPECT(NOTHING, 0);
        check("the index", index, cases[i].index);
        check("value", read_msr(index), cases[i].value);
        expect_write(index, cases[i].written, NOTHING);
        check("what was written", read_msr(index), cases[i].written);
        expect_write(index, cases[i].value, NOTHING);
    }
}

/* These are taken for granted by the family, and keep nothing. */
static void test_empty(void)
{
    static const u32 registers[] = {
        0x1db, 0x1dc, 0x1dd, 0x1de, 0xc0010000, 0xc0010003, 0xc0010004, 0xc0010007, 0xc001001f,
        0xc0010058, 0xc0010112, 0xc0010113, 0xc0011020, 0xc0011022, 0xc0011028, 0xc001102a,
    };

    for (unsigned i = 0; i < sizeof(registers) / sizeof(*registers); i++) {
        expect_write(registers[i], 0x100000001, NOTHING);
        check("value", read_msr(registers[i]), 0);
    }
}

static void expect_absent(u32 index)
{
    TRY("movl %k0, %%ecx; rdmsr", index);
    EXPECT(GP, 0);
    expect_write(index, 0, GP);
}

/* What only its bit of CPUID promises. */
static void test_absent(void)
{
    static const u32 registers[] = {
        0xe7, 0xe8,                                 /* MPERF, APERF */
        0x48, 0x10a, 0x122,                         /* SPEC_CTRL, ARCH_CAPABILITIES, TSX_CTRL */
        0x19c, 0x1b0, 0x480, 0x6e1, 0x770, 0x428, 0xc0000104, 0xc0010117, 0x40000000, 0x4b564d00,
    };

    for (unsigned i = 0; i < sizeof(registers) / sizeof(*registers); i++) {
        expect_absent(registers[i]);
    }
}

static void test_rules(void)
{
    check("MCG_CAP", read_msr(0x179), 0x10a);
    expect_write(0x179, 0x10a, GP);
    /* A status is cleared, unless HWCR says otherwise. */
    expect_write(0x401, 0, NOTHING);
    expect_write(0x401, 1ull << 63, GP);
    expect_write(0xc0010015, 1 << 18, NOTHING);
    expect_write(0x401, 1ull << 63, NOTHING);
    check("MC0_STATUS", read_msr(0x401), 1ull << 63);
    expect_write(0x401, 0, NOTHING);
    expect_write(0xc0010015, 0, NOTHING);
    /* Half of it can be read alone. */
    expect_write(0x1a0, 0x80, NOTHING);
    check("MISC_ENABLE", read_msr(0x1a0), 0x1800);
    expect_write(0x1a0, 0x41801, NOTHING);
    expect_write(0xc0000082, 1ull << 63, GP);
    expect_write(0x277, 0x02, GP);
    expect_write(0xda0, 1, GP);
    expect_write(0xc0000080, 0x1d01, GP);           /* no SVM */
}

/* Memory type ranges: what they can be, and that nothing else can be written to them. */
static void test_mtrrs(void)
{
    static const struct {
        u32 index;
        u64 good, bad;
    } cases[] = {
        { 0x200, 0x80000006, 0x80000002 }, { 0x200, 0x1000, 0x1100 },
        { 0x20e, 0x5, 1ull << 56 },        { 0x201, 0xff000800, 0xff000400 },
        { 0x250, 0x0605040100060606, 0x0607060606060606 },
        { 0x26f, 0, 3 },                   { 0x2ff, 0xc06, 0x107 }, { 0x2ff, 6, 0x1006 },
    };

    check("MTRRCAP", read_msr(0xfe), 0x508);
    expect_write(0xfe, 0, GP);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        u64 old = read_msr(cases[i].index);

        write_msr(cases[i].index, cases[i].good);
        expect_write(cases[i].index, cases[i].bad, GP);
        check("MTRR", read_msr(cases[i].index), cases[i].good);
        write_msr(cases[i].index, old);
    }
}

/* There are no performance counters: CPUID says so, and their registers are not there. */
static void test_counters(void)
{
    static const u32 registers[] = { 0xc1, 0x186, 0x309, 0x345, 0x38d, 0x38f, 0x3f1, 0x4c1,
                                     0xc0010200 };
    Cpuid leaf = cpuid(0xa, 0);

    check("cpuid 0xa", leaf.a | leaf.b | leaf.c | leaf.d, 0);
    for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        expect_absent(registers[i]);
    }
    TRY("xorl %%ecx, %%ecx; rdpmc", 0);
    EXPECT(GP, 0);
}

/* SDM volume 3, 17.17.3. */
static void test_time(void)
{
    u64 before, adjust;

    check("TSC_ADJUST", read_msr(0x3b), 0);
    before = read_msr(0x10);
    expect_write(0x3b, 1ull << 40, NOTHING);
    check("TSC, adjusted", (read_msr(0x10) - before) >> 40, 1);
    expect_write(0x3b, 0, NOTHING);
    expect_write(0x10, read_msr(0x10) + (1ull << 50), NOTHING);
    adjust = read_msr(0x3b);
    check("TSC_ADJUST, of a write", (adjust + (1ull << 30)) >> 50, 1);
    expect_write(0x3b, 0, NOTHING);
    check("TSC again", read_msr(0x10) < 1ull << 45, 1);
}

/* x2APIC: its registers are there in its mode alone. */
static void test_apic(void)
{
    u64 base = read_msr(0x1b);

    check("CPUID tells of it", cpuid(1, 0).c >> 21 & 1, 1);
    check("CPUID tells of deadlines", cpuid(1, 0).c >> 24 & 1, 1);
    check("APIC_BASE", base, 0xfee00900);
    TRY("movl $0x802, %%ecx; rdmsr", 0);
    EXPECT(GP, 0);
    expect_write(0x1b, (base & ~0x800ull) | 0x400, GP);    /* x2APIC without the APIC */
    expect_write(0x1b, base | 0xc00, NOTHING);
    check("the identifier", read_msr(0x802), 0);
    check("the version", read_msr(0x803) & 0xff, 0x14);
    check("the logical one", read_msr(0x80d), 1);
    expect_write(0x802, 1, GP);
    expect_write(0x80e, 1, GP);                     /* no DFR */
    TRY("movl $0x80e, %%ecx; rdmsr", 0);
    EXPECT(GP, 0);
    expect_write(0x80b, 1, GP);                     /* EOI: 0 alone */
    expect_write(0x80b, 0, NOTHING);
    expect_write(0x808, 0x100, GP);
    expect_write(0x1b, base, GP);                   /* back by way of off */
    check("still on", read_msr(0x1b), base | 0xc00);
}

/* A deadline of the counter in the APIC's timer. */
volatile u32 ticks;
void on_tick(void);
asm(".text\n.globl on_tick\non_tick: incl ticks; push %rax; push %rcx; push %rdx\n"
    "movl $0x80b, %ecx; xorl %eax, %eax; xorl %edx, %edx; wrmsr\n"
    "pop %rdx; pop %rcx; pop %rax; iretq");

static void test_deadline(void)
{
    u64 start, armed;

    set_gate(0x60, CODE, (word)on_tick, 0x8e, 0);
    expect_write(0x80f, 0x1ff, NOTHING);
    expect_write(0x832, 0x60, NOTHING);             /* another mode: nothing is kept */
    expect_write(0x6e0, ~0ull >> 1, NOTHING);
    check("in another mode", read_msr(0x6e0), 0);
    expect_write(0x832, 0x40060, NOTHING);
    start = read_msr(0x10);
    write_msr(0x6e0, start + 2000000);
    armed = read_msr(0x6e0);
    check("armed", armed == start + 2000000 || read_msr(0x10) >= start + 2000000, 1);
    while (!ticks) {
        asm volatile("sti; hlt; cli");
    }
    check("not before", read_msr(0x10) - start >= 2000000, 1);
    check("done", read_msr(0x6e0), 0);
    write_msr(0x6e0, 1);                            /* it is over */
    asm volatile("sti; nop; nop; cli");
    check("ticks", ticks, 2);
}

void main(void)
{
    set_up();
    run("registers that are there", test_present);
    run("registers that keep nothing", test_empty);
    run("registers that are not there", test_absent);
    run("values", test_rules);
    run("memory type ranges", test_mtrrs);
    run("performance counters", test_counters);
    run("the time stamp counter", test_time);
    run("x2APIC", test_apic);
    run("TSC deadlines", test_deadline);
    print("end\n");
    outb(0xf4, 0);
}
