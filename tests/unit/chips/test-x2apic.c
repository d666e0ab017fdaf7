/* SPDX-License-Identifier: MIT */
/* apic: x2APIC mode, its registers and identifiers. */
#include "tests/unit/chips/apic-bench.h"

static uint64_t msr(unsigned cpu, uint32_t reg)
{
    uint64_t value = UINT64_MAX;

    g_assert_true(apic_msr_read(apics[cpu], 0x800 + reg / 16, &value));
    return value;
}

static bool no_msr(unsigned cpu, uint32_t reg)
{
    uint64_t value;

    return !apic_msr_read(apics[cpu], 0x800 + reg / 16, &value);
}

static bool set_msr(unsigned cpu, uint32_t reg, uint64_t value)
{
    return apic_msr_write(apics[cpu], 0x800 + reg / 16, value);
}

static bool msr_vector_in(unsigned cpu, uint32_t set, uint8_t vector)
{
    return msr(cpu, set + vector / 32 * 16) & BIT(vector % 32);
}

static void enter_x2apic(void)
{
    for (unsigned i = 0; i < CPUS; i++) {
        g_assert_true(apic_set_base(apics[i], X2APIC_BASE | (i ? 0 : 0x100), 40));
    }
}

static void test_x2apic_modes(void)
{
    const uint64_t off = 0xfee00000, xapic = 0xfee00800, wrong = 0xfee00400;

    up();
    g_assert_true(no_msr(1, ID) && !set_msr(1, EOI, 0));
    put(1, TPR, 0x20);
    put(1, ICR2, 0x55u << 24);
    g_assert_false(apic_set_base(apics[1], wrong, 40));
    g_assert_true(apic_set_base(apics[1], X2APIC_BASE, 40));
    g_assert_true(apic_in_x2apic_mode(apics[1]));
    /* What stays and what does not. */
    g_assert_cmphex(msr(1, TPR), ==, 0x20);
    g_assert_cmphex(msr(1, SVR), ==, 0x1ff);
    g_assert_cmphex(msr(1, ID), ==, 1);
    g_assert_cmphex(msr(1, LDR), ==, 2);
    g_assert_cmphex(msr(1, ICR), ==, 0);
    /* The page is gone. */
    cpu_current = CPU(cpus[1]);
    g_assert_cmphex(read32(WINDOW + VERSION), ==, 0);
    cpu_current = NULL;
    g_assert_false(apic_set_base(apics[1], xapic, 40));
    g_assert_false(apic_set_base(apics[1], wrong, 40));
    g_assert_true(apic_set_base(apics[1], X2APIC_BASE, 40));
    /* INIT keeps the mode and the ids. */
    message(0x1000, 0x4500);
    g_assert_cmpuint(seen[1].init, ==, 1);
    g_assert_cmphex(msr(1, ID), ==, 1);
    g_assert_cmphex(msr(1, LDR), ==, 2);
    g_assert_cmphex(msr(1, SVR), ==, 0xff);
    g_assert_true(apic_set_base(apics[1], off, 40));
    g_assert_true(no_msr(1, ID));
    g_assert_false(apic_set_base(apics[1], X2APIC_BASE, 40));
    g_assert_true(apic_set_base(apics[1], xapic, 40));
    g_assert_cmphex(get(1, ID), ==, 1 << 24);
    g_assert_cmphex(get(1, LDR), ==, 0);
    g_assert_true(apic_set_base(apics[1], X2APIC_BASE, 40));
    /* Reset brings xAPIC mode; a CPU that lacks x2APIC has no way there. */
    device_reset(apics[1]);
    g_assert_cmphex(apic_base(apics[1]), ==, 0xfee00800);
    g_assert_cmphex(get(1, ID), ==, 1 << 24);
    apic_set_features(apics[1], APIC_TSC_DEADLINE);
    g_assert_false(apic_set_base(apics[1], X2APIC_BASE, 40));
    down();
}

static void test_x2apic_registers(void)
{
    static const uint32_t absent[] = {
        0x0, 0x10, 0x40, APR, 0xc0, DFR, 0x2f0, ICR2, 0x3a0, 0x3f00
    };
    static const uint32_t read_only[] = { ID, VERSION, PPR, LDR, ISR, TMR + 0x70, IRR, CURRENT };
    uint64_t value;

    up();
    enter_x2apic();
    for (unsigned i = 0; i < G_N_ELEMENTS(absent); i++) {
        g_assert_true(no_msr(0, absent[i]) && !set_msr(0, absent[i], 0));
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(read_only); i++) {
        g_assert_true(!no_msr(0, read_only[i]) && !set_msr(0, read_only[i], 0));
    }
    g_assert_true(no_msr(0, EOI) && no_msr(0, 0x3f0));
    g_assert_false(apic_msr_read(apics[0], 0x7ff, &value) ||
                   apic_msr_read(apics[0], 0x900, &value) || apic_msr_write(apics[0], 0x900, 0));
    /* Reserved bits. */
    g_assert_false(set_msr(0, EOI, 1) || set_msr(0, ESR, 1) || set_msr(0, TPR, 0x100) ||
                   set_msr(0, SVR, 0x11ff) || set_msr(0, SVR, 0x400) ||
                   set_msr(0, LVT_TIMER, 0x80000) || set_msr(0, LVT_LINT0, 0x800) ||
                   set_msr(0, DIVIDE, 4) || set_msr(0, ICR, 0x1000) ||
                   set_msr(0, ICR, 0x100000) || set_msr(0, 0x3f0, 0x100));
    g_assert_false(set_msr(0, TPR, BIT64(32)) || set_msr(0, EOI, BIT64(32)));
    g_assert_true(set_msr(0, EOI, 0) && set_msr(0, ESR, 0) && set_msr(0, TPR, 0x12));
    g_assert_cmphex(msr(0, TPR), ==, 0x12);
    g_assert_cmphex(msr(0, PPR), ==, 0x12);
    /* The state of a pin is written back as it was read. */
    g_assert_true(set_msr(0, LVT_LINT1, 0x1d400));
    g_assert_cmphex(msr(0, LVT_LINT1), ==, 0x18400);
    g_assert_true(set_msr(0, DIVIDE, 0xb) && set_msr(0, LVT_TIMER, 0x20) &&
                  set_msr(0, INITIAL, 100));
    step(40);
    g_assert_cmphex(msr(0, CURRENT), ==, 60);
    apic_set_features(apics[0], APIC_X2APIC);
    g_assert_false(set_msr(0, LVT_TIMER, 0x40020));
    down();
}

static void test_x2apic_ipis(void)
{
    up();
    enter_x2apic();
    g_assert_true(set_msr(0, ICR, 2ull << 32 | 0x4051));
    g_assert_true(msr_vector_in(2, IRR, 0x51) && !msr_vector_in(0, IRR, 0x51));
    g_assert_cmphex(msr(0, ICR), ==, (2ull << 32 | 0x4051));
    g_assert_true(set_msr(0, ICR, 0xffffffffull << 32 | 0x52));
    g_assert_true(msr_vector_in(0, IRR, 0x52) && msr_vector_in(2, IRR, 0x52));
    /* 255 is an id like another here. */
    g_assert_true(set_msr(0, ICR, 0xffull << 32 | 0x53));
    g_assert_false(msr_vector_in(1, IRR, 0x53));
    /* Logical: a cluster of 16. */
    g_assert_true(set_msr(0, ICR, 6ull << 32 | 0x854));
    g_assert_true(!msr_vector_in(0, IRR, 0x54) && msr_vector_in(1, IRR, 0x54) &&
                  msr_vector_in(2, IRR, 0x54));
    g_assert_true(set_msr(0, ICR, 0x10006ull << 32 | 0x855));
    g_assert_false(msr_vector_in(1, IRR, 0x55));
    g_assert_true(set_msr(1, 0x3f0, 0x56));
    g_assert_true(msr_vector_in(1, IRR, 0x56) && !msr_vector_in(0, IRR, 0x56));
    g_assert_true(set_msr(1, 0x3f0, 0x0f) && set_msr(1, ESR, 0));
    g_assert_cmphex(msr(1, ESR), ==, 0x20);
    g_assert_true(set_msr(0, ICR, 1ull << 32 | 0x4500) && set_msr(0, ICR, 1ull << 32 | 0x69a));
    g_assert_cmpuint(seen[1].init, ==, 1);
    g_assert_cmpuint(seen[1].startup, ==, 1);
    /* Messages, and an APIC that is in xAPIC mode yet. */
    message(0x2000, 0x4057);
    g_assert_true(msr_vector_in(2, IRR, 0x57));
    device_reset(apics[1]);
    put(1, SVR, 0x1ff);
    g_assert_true(set_msr(0, ICR, 1ull << 32 | 0x58));
    g_assert_true(vector_in(1, IRR, 0x58));
    g_assert_true(set_msr(0, ICR, 0xffffffffull << 32 | 0x59));
    g_assert_true(vector_in(1, IRR, 0x59));
    put(1, ICR2, 0xffu << 24);
    put(1, ICR, 0x5a);
    g_assert_true(msr_vector_in(2, IRR, 0x5a) && vector_in(1, IRR, 0x5a));
    down();
}

/* Ids that xAPIC mode has no room for. */
static void test_x2apic_large_id(void)
{
    Device *large;

    bench_new();
    add_cpus();
    large = bench_add("apic", "large", "id=1000");
    bench_up();
    attach_cpus();
    apic_write(large, SVR, 0x1ff);
    enter_x2apic();
    g_assert_true(set_msr(0, ICR, 1000ull << 32 | 0x61));
    g_assert_cmphex(apic_read(large, IRR + 0x30), ==, BIT(1));
    g_assert_true(apic_set_base(large, X2APIC_BASE, 40));
    apics[0] = large;
    g_assert_cmphex(msr(0, ID), ==, 1000);
    g_assert_cmphex(msr(0, LDR), ==, 62 << 16 | BIT(8));
    g_assert_true(set_msr(1, ICR, (62ull << 16 | BIT(8)) << 32 | 0x862));
    g_assert_true(msr_vector_in(0, IRR, 0x62));
    check_saved_state(large);
    g_assert_cmphex(msr(0, ID), ==, 1000);
    down();
}

int main(int argc, char **argv)
{
    start_tests(&argc, &argv);
    g_test_add_func("/apic/x2apic-modes", test_x2apic_modes);
    g_test_add_func("/apic/x2apic-registers", test_x2apic_registers);
    g_test_add_func("/apic/x2apic-ipis", test_x2apic_ipis);
    g_test_add_func("/apic/x2apic-large-id", test_x2apic_large_id);
    return g_test_run();
}
