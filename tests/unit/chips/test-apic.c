/* SPDX-License-Identifier: MIT */
/* apic: registers, priorities, messages, IPIs, local sources, the timer, with an I/O APIC. */
#include "hw/intc/apic.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/timer/ticks.h"
#include "tests/unit/chips/bench.h"

enum {
    ID = 0x20, VERSION = 0x30, TPR = 0x80, APR = 0x90, PPR = 0xa0, EOI = 0xb0, LDR = 0xd0,
    DFR = 0xe0, SVR = 0xf0, ISR = 0x100, TMR = 0x180, IRR = 0x200, ESR = 0x280, ICR = 0x300,
    ICR2 = 0x310, LVT_TIMER = 0x320, LVT_LINT0 = 0x350, LVT_LINT1 = 0x360, LVT_ERROR = 0x370,
    INITIAL = 0x380, CURRENT = 0x390, DIVIDE = 0x3e0,
};

#define WINDOW 0xfee00000u
#define CPUS 3

static const DeviceType bench_cpu_type = {
    .name = "bench-cpu", .parent = "cpu", .size = sizeof(Cpu), .description = "runs nothing",
};

typedef struct Seen {
    bool interrupt;
    unsigned nmi, smi, init, startup;
    uint8_t page;
} Seen;

static Device *cpus[CPUS], *apics[CPUS], *window;
static Seen seen[CPUS];

static void saw_interrupt(void *opaque, bool level)
{
    ((Seen *)opaque)->interrupt = level;
}

static void saw_nmi(void *opaque)
{
    ((Seen *)opaque)->nmi++;
}

static void saw_smi(void *opaque)
{
    ((Seen *)opaque)->smi++;
}

static void saw_init(void *opaque)
{
    ((Seen *)opaque)->init++;
}

static void saw_startup(void *opaque, uint8_t page)
{
    ((Seen *)opaque)->startup++;
    ((Seen *)opaque)->page = page;
}

/* The bench's time stamp counter: 2 a nanosecond, from `tsc_zero` on; 0 stands still. */
static unsigned tsc_rate = 2;
static int64_t tsc_zero;

static int64_t tsc_time(void *opaque, uint64_t tsc)
{
    bool never = !tsc_rate || tsc / tsc_rate > INT64_MAX / 4;

    return never ? TIME_NEVER : tsc_zero + (int64_t)(tsc / tsc_rate);
}

static const ApicCpuOps cpu_ops = {
    saw_interrupt, saw_nmi, saw_smi, saw_init, saw_startup, tsc_time,
};

static void add_cpus(void)
{
    for (unsigned i = 0; i < CPUS; i++) {
        g_autofree char *name = g_strdup_printf("cpu%u", i), *id = g_strdup_printf("id=%u", i);
        cpus[i] = bench_add_below(OBJECT(machine_get()), "bench-cpu", name, NULL);
        CPU(cpus[i])->index = i;
        apics[i] = bench_add_below(OBJECT(cpus[i]), "apic", "lapic", id);
    }
    window = bench_add("apic-msi", "window", NULL);
}

static void attach_cpus(void)
{
    memset(seen, 0, sizeof(seen));
    for (unsigned i = 0; i < CPUS; i++) {
        apic_set_cpu_ops(apics[i], &cpu_ops, &seen[i]);
        apic_write(apics[i], SVR, 0x1ff);
        apic_write(apics[i], LDR, 1u << (24 + i));
    }
}

static void up(void)
{
    bench_new();
    add_cpus();
    bench_up();
    attach_cpus();
}

static void down(void)
{
    cpu_current = NULL;
    bench_delete();
}

static void message(uint32_t address_bits, uint32_t data)
{
    write32(WINDOW | address_bits, data);
}

static uint32_t get(unsigned cpu, uint32_t reg)
{
    return apic_read(apics[cpu], reg);
}

static void put(unsigned cpu, uint32_t reg, uint32_t value)
{
    apic_write(apics[cpu], reg, value);
}

static bool vector_in(unsigned cpu, uint32_t set, uint8_t vector)
{
    return get(cpu, set + vector / 32 * 16) & BIT(vector % 32);
}

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

static void test_timer_one_shot(void)
{
    up();
    put(0, DIVIDE, 0xb);
    put(0, LVT_TIMER, 0x40);
    put(0, INITIAL, 1000);
    step(400);
    g_assert_cmpuint(get(0, CURRENT), ==, 600);
    step(599);
    g_assert_false(seen[0].interrupt);
    step(1);
    g_assert_true(seen[0].interrupt);
    g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x40);
    put(0, EOI, 0);
    step(10000);
    g_assert_cmpuint(get(0, CURRENT), ==, 0);
    g_assert_false(seen[0].interrupt);
    /* All divisors. */
    for (unsigned code = 0; code < 8; code++) {
        unsigned divisor = 1u << ((code + 1) & 7);
        put(0, DIVIDE, (code & 3) | (code & 4) << 1);
        put(0, INITIAL, 1000);
        step(100 * divisor);
        g_assert_cmpuint(get(0, CURRENT), ==, 900);
        step(900 * divisor);
        g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x40);
        put(0, EOI, 0);
    }
    /* Stopped by a zero; another divisor on the way. */
    put(0, DIVIDE, 0xb);
    put(0, INITIAL, 1000);
    put(0, INITIAL, 0);
    step(5000);
    g_assert_false(seen[0].interrupt);
    put(0, INITIAL, 1000);
    step(500);
    put(0, DIVIDE, 0);
    step(999);
    g_assert_false(seen[0].interrupt);
    step(1);
    g_assert_true(seen[0].interrupt);
    down();
}

static void test_timer_periodic(void)
{
    unsigned count = 0;

    up();
    put(0, DIVIDE, 0xb);
    put(0, LVT_TIMER, 0x20040);
    put(0, INITIAL, 1000000);
    for (unsigned i = 0; i < 10; i++) {
        step(1000000);
        g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x40);
        put(0, EOI, 0);
        g_assert_cmpint(apic_acknowledge(apics[0]), ==, -1);
    }
    step(250000);
    g_assert_cmpuint(get(0, CURRENT), ==, 750000);
    put(0, LVT_TIMER, 0x30040);
    step(2000000);
    g_assert_false(seen[0].interrupt);
    g_assert_cmpuint(get(0, CURRENT), ==, 750000);
    put(0, LVT_TIMER, 0x20040);
    step(750000);
    g_assert_true(seen[0].interrupt);
    /* A period of a nanosecond neither hangs nor drifts. */
    put(0, INITIAL, 1);
    for (unsigned i = 0; i < 1000; i++) {
        step(100000);
        while (apic_acknowledge(apics[0]) >= 0) {
            put(0, EOI, 0);
            count++;
        }
    }
    g_assert_cmpuint(count, >=, 1000);
    /* Nor does the end of time. */
    put(0, INITIAL, 0xffffffff);
    put(0, DIVIDE, 0xa);
    step(INT64_MAX / 2 - time_virtual());
    g_assert_cmpuint(get(0, CURRENT), >, 0);
    down();
}

/* ---- TSC deadline ---- */

static uint64_t tsc_now(void)
{
    return (time_virtual() - tsc_zero) * tsc_rate;
}

static void test_deadline(void)
{
    up();
    tsc_zero = time_virtual();
    /* Another mode: zero, and writes are ignored. */
    apic_set_tsc_deadline(apics[0], 1000);
    g_assert_cmpuint(apic_tsc_deadline(apics[0]), ==, 0);
    put(0, LVT_TIMER, 0x40040);
    g_assert_cmphex(get(0, LVT_TIMER), ==, 0x40040);
    apic_set_tsc_deadline(apics[0], tsc_now() + 1000);
    g_assert_cmpuint(apic_tsc_deadline(apics[0]), ==, 1000);
    put(0, INITIAL, 5);
    g_assert_cmpuint(get(0, INITIAL) + get(0, CURRENT), ==, 0);
    check_saved_state(apics[0]);
    step(499);
    g_assert_false(seen[0].interrupt);
    step(1);
    g_assert_true(seen[0].interrupt);
    g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x40);
    put(0, EOI, 0);
    g_assert_cmpuint(apic_tsc_deadline(apics[0]), ==, 0);
    /* One that has passed; one that is taken back. */
    apic_set_tsc_deadline(apics[0], 1);
    g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x40);
    put(0, EOI, 0);
    apic_set_tsc_deadline(apics[0], tsc_now() + 1000);
    apic_set_tsc_deadline(apics[0], 0);
    step(10000);
    g_assert_false(seen[0].interrupt);
    /* Another mode and back disarm. */
    apic_set_tsc_deadline(apics[0], tsc_now() + 1000);
    put(0, LVT_TIMER, 0x40);
    g_assert_cmpuint(apic_tsc_deadline(apics[0]), ==, 0);
    put(0, INITIAL, 5000);
    put(0, LVT_TIMER, 0x40040);
    step(10000);
    g_assert_false(seen[0].interrupt);
    /* A masked deadline passes in silence. */
    put(0, LVT_TIMER, 0x50040);
    apic_set_tsc_deadline(apics[0], tsc_now() + 1000);
    step(500);
    g_assert_false(seen[0].interrupt);
    g_assert_cmpuint(apic_tsc_deadline(apics[0]), ==, 0);
    put(0, LVT_TIMER, 0x40040);
    /* The counter is set on, or stands still. */
    apic_set_tsc_deadline(apics[0], tsc_now() + 1000000);
    tsc_zero -= 499999;
    apic_tsc_changed(apics[0]);
    g_assert_false(seen[0].interrupt);
    step(1);
    g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x40);
    put(0, EOI, 0);
    tsc_rate = 0;
    apic_set_tsc_deadline(apics[0], 5);
    step(1000000);
    g_assert_false(seen[0].interrupt);
    g_assert_cmpuint(apic_tsc_deadline(apics[0]), ==, 5);
    tsc_rate = 2;
    /* INIT disarms; a CPU that lacks the mode has no bit for it. */
    message(0, 0x4500);
    g_assert_cmpuint(apic_tsc_deadline(apics[0]), ==, 0);
    apic_set_features(apics[0], APIC_X2APIC);
    put(0, SVR, 0x1ff);
    put(0, LVT_TIMER, 0x40040);
    g_assert_cmphex(get(0, LVT_TIMER), ==, 0x40);
    down();
}

/* ---- x2APIC ---- */

#define X2APIC_BASE 0xfee00c00u

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
    static const uint32_t absent[] = { 0x0, 0x10, 0x40, APR, 0xc0, DFR, 0x2f0, ICR2, 0x3a0, 0x3f00 };
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
    bench_use_type(&bench_cpu_type);
    g_test_init(&argc, &argv, NULL);
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
    g_test_add_func("/apic/timer-one-shot", test_timer_one_shot);
    g_test_add_func("/apic/timer-periodic", test_timer_periodic);
    g_test_add_func("/apic/deadline", test_deadline);
    g_test_add_func("/apic/x2apic-modes", test_x2apic_modes);
    g_test_add_func("/apic/x2apic-registers", test_x2apic_registers);
    g_test_add_func("/apic/x2apic-ipis", test_x2apic_ipis);
    g_test_add_func("/apic/x2apic-large-id", test_x2apic_large_id);
    g_test_add_func("/apic/eoi-suppression", test_eoi_suppression);
    g_test_add_func("/apic/register-page", test_register_page);
    g_test_add_func("/apic/state", test_state);
    g_test_add_func("/apic/storm", test_storm);
    return g_test_run();
}
