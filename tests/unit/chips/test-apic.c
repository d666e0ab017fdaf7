/* SPDX-License-Identifier: MIT */
/* apic: registers, priorities, messages, IPIs, local sources, with an I/O APIC. */
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "tests/unit/chips/apic-bench.h"

static void test_reset(void)
{
    bench_new();
    add_cpus();
    bench_up();
    for (unsigned i = 0; i < CPUS; i++) {
        g_assert_cmphex(get(i, ID), ==, i << 24);
        g_assert_cmphex(get(i, VERSION), ==, 0x50014);
        g_assert_cmphex(get(i, DFR), ==, 0xffffffff);
        g_assert_cmphex(get(i, SVR), ==, 0xff);
        g_assert_cmphex(get(i, LVT_LINT0), ==, i ? 0x10000 : 0x700);
        g_assert_cmphex(get(i, LVT_LINT1), ==, 0x10000);
        g_assert_cmphex(get(i, LVT_TIMER), ==, 0x10000);
        g_assert_cmphex(get(i, TPR) | get(i, PPR) | get(i, LDR) | get(i, CURRENT), ==, 0);
        g_assert_cmphex(apic_base(apics[i]), ==, 0xfee00800 | (i ? 0 : 0x100));
        g_assert_true(apic_of_cpu(CPU(cpus[i])) == apics[i]);
    }
    /* A fixed interrupt is not taken before software enables the APIC. */
    message(0, 0x40);
    g_assert_false(apic_requests(apics[0]));
    down();
    bench_new();
    bench_add("apic", "one", "id=1");
    bench_add("apic", "two", "id=1");
    bench_up_fails("another APIC");
    bench_delete();
    bench_new();
    bench_add("apic", "one", "id=4294967295");
    bench_up_fails("addresses all");
    bench_delete();
}

static void test_page(void)
{
    up();
    cpu_current = CPU(cpus[1]);
    g_assert_cmphex(read32(WINDOW + ID), ==, 1 << 24);
    write32(WINDOW + TPR, 0x1234);
    g_assert_cmphex(read32(WINDOW + TPR), ==, 0x34);
    /* The CPU's own writes elsewhere in the window are messages. */
    write32(WINDOW + 0x2000, 0x4055);
    g_assert_true(vector_in(2, IRR, 0x55));
    cpu_current = NULL;
    g_assert_cmphex(get(1, TPR), ==, 0x34);
    g_assert_cmphex(read32(WINDOW + ID), ==, 0);
    /* The page moves inside the window, and goes when the APIC is off. */
    g_assert_true(apic_set_base(apics[1], 0xfee10800, 40));
    cpu_current = CPU(cpus[1]);
    g_assert_cmphex(read32(WINDOW + 0x10000 + ID), ==, 1 << 24);
    g_assert_cmphex(read32(WINDOW + ID), ==, 0);
    g_assert_true(apic_set_base(apics[1], 0xfee10000, 40));
    g_assert_cmphex(read32(WINDOW + 0x10000 + ID), ==, 0);
    cpu_current = NULL;
    g_assert_false(apic_set_base(apics[1], 0xfee00c00, 40));   /* from off to x2APIC */
    g_assert_false(apic_set_base(apics[1], 0xfee00400, 40));
    g_assert_false(apic_set_base(apics[1], 0xfee00801, 40));
    g_assert_false(apic_set_base(apics[1], 0x10000000800ull, 40));
    g_assert_cmphex(apic_base(apics[1]), ==, 0xfee10000);
    down();
}

static void test_illegal_registers(void)
{
    up();
    put(0, LVT_ERROR, 0xfe);
    g_assert_cmphex(get(0, 0x40), ==, 0);
    g_assert_cmphex(get(0, 0x3f4), ==, 0);
    put(0, ESR, 0);
    g_assert_cmphex(get(0, ESR), ==, 0x80);
    g_assert_true(vector_in(0, IRR, 0xfe));
    put(0, ESR, 0);
    g_assert_cmphex(get(0, ESR), ==, 0);
    put(0, VERSION, 0);
    g_assert_cmphex(get(0, VERSION), ==, 0x50014);
    down();
}

static void test_priorities(void)
{
    up();
    message(0, 0x31);
    message(0, 0x52);
    g_assert_true(seen[0].interrupt);
    g_assert_true(pin_is_high(apics[0], APIC_PIN_INTR, 0));
    g_assert_false(seen[1].interrupt);
    g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x52);
    g_assert_true(vector_in(0, ISR, 0x52) && !vector_in(0, IRR, 0x52));
    g_assert_cmphex(get(0, PPR), ==, 0x50);
    g_assert_false(seen[0].interrupt);
    /* The same class waits, a higher one does not. */
    message(0, 0x5f);
    g_assert_false(seen[0].interrupt);
    message(0, 0x60);
    g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x60);
    put(0, EOI, 0);
    put(0, EOI, 0);
    g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x5f);
    put(0, EOI, 0);
    apic_set_cr8(apics[0], 3);
    g_assert_cmphex(get(0, TPR), ==, 0x30);
    g_assert_cmphex(get(0, PPR), ==, 0x30);
    g_assert_false(seen[0].interrupt);
    g_assert_cmpint(apic_acknowledge(apics[0]), ==, -1);
    put(0, TPR, 0x2f);
    g_assert_cmphex(apic_cr8(apics[0]), ==, 2);
    g_assert_cmphex(get(0, APR), ==, 0x30);
    g_assert_true(seen[0].interrupt);
    g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x31);
    put(0, EOI, 0);
    put(0, EOI, 0);
    g_assert_cmpint(apic_acknowledge(apics[0]), ==, -1);
    down();
}

static void test_destinations(void)
{
    up();
    message(0xff000, 0x41);
    g_assert_true(vector_in(0, IRR, 0x41) && vector_in(1, IRR, 0x41) && vector_in(2, IRR, 0x41));
    /* Logical flat: a bit each. */
    message(0x06004, 0x42);
    g_assert_true(!vector_in(0, IRR, 0x42) && vector_in(1, IRR, 0x42) && vector_in(2, IRR, 0x42));
    /* Lowest priority: the CPU that is least busy. */
    put(1, TPR, 0x70);
    message(0x0600c, 0x143);
    g_assert_true(!vector_in(1, IRR, 0x43) && vector_in(2, IRR, 0x43));
    put(2, TPR, 0x80);
    message(0x0600c, 0x44);
    g_assert_true(vector_in(1, IRR, 0x44) && !vector_in(2, IRR, 0x44));
    /* Cluster: bits 7-4 the cluster. */
    for (unsigned i = 0; i < CPUS; i++) {
        put(i, DFR, 0x0fffffff);
        put(i, LDR, (0x10u + (i == 2 ? 0x11 : 1u << i)) << 24);
    }
    message(0x13004, 0x45);
    g_assert_true(vector_in(0, IRR, 0x45) && vector_in(1, IRR, 0x45) && !vector_in(2, IRR, 0x45));
    message(0xf1004, 0x46);
    g_assert_true(vector_in(0, IRR, 0x46) && !vector_in(1, IRR, 0x46) && vector_in(2, IRR, 0x46));
    g_assert_cmphex(get(0, DFR), ==, 0x0fffffff);
    down();
}

static void test_delivery_modes(void)
{
    up();
    message(0x1000, 0x4400);
    message(0x1000, 0x4200);
    g_assert_cmpuint(seen[1].nmi, ==, 1);
    g_assert_cmpuint(seen[1].smi, ==, 1);
    put(1, TPR, 0x20);
    message(0x1000, 0x4500);
    g_assert_cmpuint(seen[1].init, ==, 1);
    g_assert_cmphex(get(1, TPR), ==, 0);
    g_assert_cmphex(get(1, SVR), ==, 0xff);
    g_assert_cmphex(get(1, ID), ==, 1 << 24);
    put(0, ICR2, 1 << 24);
    put(0, ICR, 0x4609a);
    g_assert_cmpuint(seen[0].startup + seen[2].startup, ==, 0);
    down();
}

static void test_ipis(void)
{
    up();
    put(0, ICR2, 2 << 24);
    put(0, ICR, 0x4051);
    g_assert_true(vector_in(2, IRR, 0x51) && !vector_in(0, IRR, 0x51));
    put(0, ICR, 0x44052);
    g_assert_true(vector_in(0, IRR, 0x52) && !vector_in(2, IRR, 0x52));
    put(0, ICR, 0x84053);
    g_assert_true(vector_in(0, IRR, 0x53) && vector_in(1, IRR, 0x53) && vector_in(2, IRR, 0x53));
    put(0, ICR, 0xc4054);
    g_assert_true(!vector_in(0, IRR, 0x54) && vector_in(1, IRR, 0x54) && vector_in(2, IRR, 0x54));
    put(0, ICR2, 0x06 << 24);
    put(0, ICR, 0x4855);
    g_assert_true(!vector_in(0, IRR, 0x55) && vector_in(1, IRR, 0x55) && vector_in(2, IRR, 0x55));
    /* INIT, its de-assertion, SIPI. */
    put(0, ICR, 0xc4500);
    put(0, ICR, 0xc8500);
    g_assert_cmpuint(seen[0].init, ==, 0);
    g_assert_cmpuint(seen[1].init, ==, 1);
    g_assert_cmpuint(seen[2].init, ==, 1);
    put(0, ICR2, 1 << 24);
    put(0, ICR, 0x0469a);
    g_assert_cmpuint(seen[1].startup, ==, 1);
    g_assert_cmphex(seen[1].page, ==, 0x9a);
    g_assert_cmpuint(seen[2].startup, ==, 0);
    put(0, ICR, 0xc4400);
    g_assert_cmpuint(seen[1].nmi + seen[2].nmi, ==, 2);
    /* Delivery status and reserved bits read as zero. */
    put(0, ICR, 0xffffffff);
    g_assert_cmphex(get(0, ICR), ==, 0xccfff & 0xfffff);
    /* A vector that is the CPU's own. */
    put(0, ICR2, 2 << 24);
    put(0, ICR, 0x400f);
    put(0, ESR, 0);
    g_assert_cmphex(get(0, ESR), ==, 0x20);
    put(2, SVR, 0x1ff);
    message(0x2000, 0x0f);
    put(2, ESR, 0);
    g_assert_cmphex(get(2, ESR), ==, 0x40);
    down();
}

static void test_pins(void)
{
    Device *pic;

    bench_new();
    add_cpus();
    pic = bench_add("isa-i8259", "pic", "master=on,iobase=0x20");
    pin_connect(pic, I8259_PIN_INTR, 0, apics[0], APIC_PIN_LINT, 0);
    bench_up();
    attach_cpus();
    put(0, LVT_LINT0, 0x700);
    out8(0x20, 0x13);
    out8(0x21, 0x08);
    out8(0x21, 0x01);
    pin_drive_external(pic, I8259_PIN_IRQ, 3, true);
    g_assert_true(seen[0].interrupt);
    put(0, TPR, 0xff);
    g_assert_true(seen[0].interrupt);
    g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x0b);
    g_assert_false(seen[0].interrupt);
    out8(0x20, 0x20);
    put(0, LVT_LINT0, 0x10700);
    pin_drive_external(pic, I8259_PIN_IRQ, 4, true);
    g_assert_false(seen[0].interrupt);
    /* Off: LINT0 is INTR and LINT1 is NMI. */
    g_assert_true(apic_set_base(apics[0], 0xfee00100, 40));
    g_assert_true(seen[0].interrupt);
    g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x0c);
    pin_drive_external(apics[0], APIC_PIN_LINT, 1, true);
    g_assert_cmpuint(seen[0].nmi, ==, 1);
    pin_drive_external(apics[0], APIC_PIN_LINT, 1, false);
    g_assert_true(apic_set_base(apics[0], 0xfee00900, 40));
    pin_drive_external(apics[0], APIC_PIN_LINT, 1, true);
    g_assert_cmpuint(seen[0].nmi, ==, 1);
    pin_drive_external(apics[0], APIC_PIN_LINT, 1, false);
    put(0, SVR, 0x1ff);
    put(0, LVT_LINT1, 0x400);
    pin_drive_external(apics[0], APIC_PIN_LINT, 1, true);
    g_assert_cmpuint(seen[0].nmi, ==, 2);
    down();
}

static void test_level_pin(void)
{
    up();
    put(1, LVT_LINT1, 0x8066);
    pin_drive_external(apics[1], APIC_PIN_LINT, 1, true);
    g_assert_cmphex(get(1, LVT_LINT1), ==, 0xc066);
    g_assert_cmpint(apic_acknowledge(apics[1]), ==, 0x66);
    put(1, EOI, 0);
    g_assert_cmpint(apic_acknowledge(apics[1]), ==, 0x66);
    pin_drive_external(apics[1], APIC_PIN_LINT, 1, false);
    put(1, EOI, 0);
    g_assert_cmphex(get(1, LVT_LINT1), ==, 0x8066);
    g_assert_cmpint(apic_acknowledge(apics[1]), ==, -1);
    down();
}

/* The CPU's EOI lets the I/O APIC send again in the same access. */
static void test_eoi_broadcast(void)
{
    Device *ioapic;

    bench_new();
    add_cpus();
    ioapic = bench_add("ioapic", "ioapic", NULL);
    device_place_bank(ioapic, IOAPIC_BANK_MEMORY, SPACE_MEMORY, 0xfec00000);
    bench_up();
    attach_cpus();
    write32(0xfec00000, 0x11 + 2 * 10);
    write32(0xfec00010, 1 << 24);
    write32(0xfec00000, 0x10 + 2 * 10);
    write32(0xfec00010, 0x8077);
    pin_drive_external(ioapic, IOAPIC_PIN_IRQ, 10, true);
    g_assert_true(vector_in(1, TMR, 0x77));
    cpu_current = CPU(cpus[1]);
    g_assert_cmpint(apic_acknowledge(apics[1]), ==, 0x77);
    write32(WINDOW + EOI, 0);
    g_assert_cmpint(apic_acknowledge(apics[1]), ==, 0x77);
    pin_drive_external(ioapic, IOAPIC_PIN_IRQ, 10, false);
    write32(WINDOW + EOI, 0);
    g_assert_cmphex(read32(0xfec00010), ==, 0x8077);
    /* An edge of the same vector later is no level any more. */
    write32(WINDOW + 0x1000, 0x4077);
    cpu_current = NULL;
    g_assert_true(vector_in(0, TMR, 0x77) == false);
    down();
}

static void test_software_disable(void)
{
    up();
    put(0, LVT_TIMER, 0x20);
    put(0, LVT_LINT1, 0x400);
    put(0, SVR, 0xff);
    g_assert_cmphex(get(0, LVT_TIMER), ==, 0x10020);
    put(0, LVT_TIMER, 0x20);
    g_assert_cmphex(get(0, LVT_TIMER), ==, 0x10020);
    message(0, 0x4400);
    g_assert_cmpuint(seen[0].nmi, ==, 1);
    message(0, 0x50);
    put(0, SVR, 0x1ff);
    g_assert_false(seen[0].interrupt);
    down();
}

static void test_eoi_suppression(void)
{
    Device *apic, *ioapic;

    bench_new();
    apic = bench_add("apic", "apic", "id=0,eoi-broadcast-suppression=on");
    ioapic = bench_add("ioapic", "ioapic", NULL);
    device_place_bank(ioapic, IOAPIC_BANK_MEMORY, SPACE_MEMORY, 0xfec00000);
    bench_add("apic-msi", "window", NULL);
    bench_up();
    g_assert_cmphex(apic_read(apic, VERSION), ==, 0x1050014);
    apic_write(apic, SVR, 0x11ff);
    g_assert_cmphex(apic_read(apic, SVR), ==, 0x11ff);
    write32(0xfec00000, 0x10 + 2 * 10);
    write32(0xfec00010, 0x8077);
    pin_drive_external(ioapic, IOAPIC_PIN_IRQ, 10, true);
    g_assert_cmpint(apic_acknowledge(apic), ==, 0x77);
    apic_write(apic, EOI, 0);
    g_assert_cmpint(apic_acknowledge(apic), ==, -1);
    g_assert_cmphex(read32(0xfec00010), ==, 0xc077);
    /* Software tells the I/O APIC itself. */
    write32(0xfec00040, 0x77);
    g_assert_cmpint(apic_acknowledge(apic), ==, 0x77);
    bench_delete();
}

static void test_register_page(void)
{
    uint8_t page[APIC_PAGE_BYTES], again[APIC_PAGE_BYTES];

    up();
    message(0x1000, 0xc066);
    put(1, TPR, 0x10);
    put(1, DIVIDE, 0xb);
    put(1, INITIAL, 1000);
    step(300);
    apic_store_page(apics[1], page);
    g_assert_cmphex(load_le(page + ID, 4), ==, 1 << 24);
    g_assert_cmphex(load_le(page + IRR + 0x30, 4), ==, BIT(6));
    g_assert_cmphex(load_le(page + CURRENT, 4), ==, 700);
    device_reset(apics[1]);
    apic_load_page(apics[1], page);
    apic_store_page(apics[1], again);
    g_assert_cmpmem(page, sizeof(page), again, sizeof(again));
    g_assert_cmphex(get(1, TPR), ==, 0x10);
    down();
}

static void test_state(void)
{
    up();
    message(0, 0x4066);
    message(0, 0xc088);
    apic_acknowledge(apics[0]);
    put(0, DIVIDE, 0xb);
    put(0, LVT_TIMER, 0x200f0);
    put(0, INITIAL, 5000);
    step(12000);
    g_assert_true(timer_armed(&((Apic *)apics[0])->timer));
    check_saved_state(apics[0]);
    g_assert_cmpuint(get(0, CURRENT), ==, 3000);
    step(20000);
    g_assert_true(vector_in(0, IRR, 0xf0));
    g_assert_true(vector_in(0, ISR, 0x88) && vector_in(0, IRR, 0x66));
    down();
}

static void test_storm(void)
{
    up();
    for (unsigned i = 0; i < 60; i++) {
        cpu_current = i % (CPUS + 1) < CPUS ? CPU(cpus[i % (CPUS + 1)]) : NULL;
        storm_memory(WINDOW, WINDOW + 0x410, 100);
        storm_memory(WINDOW, WINDOW + 0xfffff, 50);
        for (unsigned reg = 0; cpu_current && reg < 0x400; reg += 16) {
            write32(WINDOW + reg, g_test_rand_int());
        }
        for (unsigned n = 0; n < 64; n++) {
            uint64_t value = g_test_rand_int() | (uint64_t)g_test_rand_int() << 32;
            uint32_t index = 0x800 + g_test_rand_int_range(0, 0x40);
            if (!apic_msr_write(apics[i % CPUS], index, value >> (n & 4 ? 0 : 32)) ||
                !apic_msr_read(apics[i % CPUS], index, &value)) {
                apic_set_tsc_deadline(apics[i % CPUS], value);
            }
        }
        if (i % 7 == 0 && !apic_set_base(apics[i % CPUS], g_test_rand_int(), 40) &&
            !apic_set_base(apics[i % CPUS], i & 8 ? X2APIC_BASE : X2APIC_BASE - 0x400, 40)) {
            g_assert_true(apic_set_base(apics[i % CPUS], 0xfee00000, 40));
        }
        pin_drive_external(apics[i % CPUS], APIC_PIN_LINT, i & 1, i & 4);
        apic_acknowledge(apics[i % CPUS]);
    }
    cpu_current = NULL;
    check_saved_state(apics[1]);
    down();
}

int main(int argc, char **argv)
{
    start_tests(&argc, &argv);
    g_test_add_func("/apic/reset", test_reset);
    g_test_add_func("/apic/page", test_page);
    g_test_add_func("/apic/illegal-registers", test_illegal_registers);
    g_test_add_func("/apic/priorities", test_priorities);
    g_test_add_func("/apic/destinations", test_destinations);
    g_test_add_func("/apic/delivery-modes", test_delivery_modes);
    g_test_add_func("/apic/ipis", test_ipis);
    g_test_add_func("/apic/pins", test_pins);
    g_test_add_func("/apic/level-pin", test_level_pin);
    g_test_add_func("/apic/eoi-broadcast", test_eoi_broadcast);
    g_test_add_func("/apic/software-disable", test_software_disable);
    g_test_add_func("/apic/eoi-suppression", test_eoi_suppression);
    g_test_add_func("/apic/register-page", test_register_page);
    g_test_add_func("/apic/state", test_state);
    g_test_add_func("/apic/storm", test_storm);
    return g_test_run();
}
