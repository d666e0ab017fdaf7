/* SPDX-License-Identifier: MIT */
#include "tests/unit/chips/apic-bench.h"

#include "hw/timer/ticks.h"

static const DeviceType bench_cpu_type = {
    .name = "bench-cpu", .parent = "cpu", .size = sizeof(Cpu), .description = "runs nothing",
};

Device *cpus[CPUS], *apics[CPUS];
Seen seen[CPUS];
unsigned tsc_rate = 2;
int64_t tsc_zero;

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

static int64_t tsc_time(void *opaque, uint64_t tsc)
{
    bool never = !tsc_rate || tsc / tsc_rate > INT64_MAX / 4;

    return never ? TIME_NEVER : tsc_zero + (int64_t)(tsc / tsc_rate);
}

static const ApicCpuOps cpu_ops = {
    saw_interrupt, saw_nmi, saw_smi, saw_init, saw_startup, tsc_time,
};

void start_tests(int *argc, char ***argv)
{
    bench_use_type(&bench_cpu_type);
    g_test_init(argc, argv, NULL);
}

void add_cpus(void)
{
    for (unsigned i = 0; i < CPUS; i++) {
        g_autofree char *name = g_strdup_printf("cpu%u", i), *id = g_strdup_printf("id=%u", i);
        cpus[i] = bench_add_below(OBJECT(machine_get()), "bench-cpu", name, NULL);
        CPU(cpus[i])->index = i;
        apics[i] = bench_add_below(OBJECT(cpus[i]), "apic", "lapic", id);
    }
    bench_add("apic-msi", "window", NULL);
}

void attach_cpus(void)
{
    memset(seen, 0, sizeof(seen));
    for (unsigned i = 0; i < CPUS; i++) {
        apic_set_cpu_ops(apics[i], &cpu_ops, &seen[i]);
        apic_write(apics[i], SVR, 0x1ff);
        apic_write(apics[i], LDR, 1u << (24 + i));
    }
}

void up(void)
{
    bench_new();
    add_cpus();
    bench_up();
    attach_cpus();
}

void down(void)
{
    cpu_current = NULL;
    bench_delete();
}

void message(uint32_t address_bits, uint32_t data)
{
    write32(WINDOW | address_bits, data);
}

uint32_t get(unsigned cpu, uint32_t reg)
{
    return apic_read(apics[cpu], reg);
}

void put(unsigned cpu, uint32_t reg, uint32_t value)
{
    apic_write(apics[cpu], reg, value);
}

bool vector_in(unsigned cpu, uint32_t set, uint8_t vector)
{
    return get(cpu, set + vector / 32 * 16) & BIT(vector % 32);
}
