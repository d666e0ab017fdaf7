/* SPDX-License-Identifier: MIT */
#include "tests/unit/kvm/bench.h"

#include <string.h>

#include "base/lock.h"
#include "qom/types.h"

#define PATIENCE_MS 10000

Bench bench;

static const ObjectType bench_machine_type = {
    .name = "bench-machine", .parent = "machine", .description = "a machine for tests",
    .size = sizeof(Machine),
};

void bench_init(void)
{
    static const ObjectType *const types[] = { &bench_machine_type, NULL };

    object_types_register(all_types);
    object_types_register(types);
    object_types_register(x86_cpu_types());
}

/* ---- the recording device ---- */

static MemoryResult record(bool pio, bool write, uint64_t offset, unsigned size, uint64_t value)
{
    BenchAccess *access = &bench.last[bench.accesses++ % G_N_ELEMENTS(bench.last)];

    *access = (BenchAccess){ pio, write, offset, value, size };
    if (pio && write && offset == 15) {
        bench.ended = true;
    }
    if (write && bench.on_write) {
        bench.on_write(&bench, access);
    }
    return MEMORY_OK;
}

static MemoryResult device_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                                MemoryAttrs attrs)
{
    *value = bench.answer;
    return record(opaque != NULL, false, offset, size, bench.answer);
}

static MemoryResult device_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                                 MemoryAttrs attrs)
{
    return record(opaque != NULL, true, offset, size, value);
}

static const RegionOps device_ops = {
    .read = device_read, .write = device_write, .access_min = 1, .access_max = 8,
};

/* ---- the machine ---- */

static void make_memory(void)
{
    MemoryRegion *system = address_space_root(machine_memory());
    GError *error = NULL;

    bench.ram = ram_block_new("bench.ram", BENCH_RAM, NULL, &error);
    g_assert_no_error(error);
    bench.rom = ram_block_new("bench.rom", BENCH_ROM, NULL, &error);
    g_assert_no_error(error);
    bench.ram_region = region_new_ram(NULL, "ram", bench.ram);
    bench.rom_region = region_new_rom(NULL, "rom", bench.rom);
    bench.mmio = region_new_io(NULL, "mmio", &device_ops, NULL, 0x1000);
    bench.pio = region_new_io(NULL, "pio", &device_ops, &bench, 16);
    region_add(system, 0, bench.ram_region, 0);
    region_add(system, (1ull << 32) - BENCH_ROM, bench.rom_region, 0);
    region_add(system, BENCH_MMIO, bench.mmio, 0);
    region_add(address_space_root(machine_io()), BENCH_PORT, bench.pio, 0);
}

static bool make_cpus(const char *model, unsigned cpus, GError **error)
{
    X86Topology topology = { cpus, 1, 1, 1 };
    X86CpuConfig config;
    Object *place = object_container(OBJECT(machine_get()), "cpus");

    if (!x86_cpu_config_parse(&config, model, error)) {
        return false;
    }
    machine_get()->cpus = machine_get()->max_cpus = cpus;
    for (unsigned i = 0; i < cpus; i++) {
        if (!x86_cpu_new(place, i, &config, &topology, error)) {
            x86_cpu_config_release(&config);
            return false;
        }
    }
    x86_cpu_config_release(&config);
    return true;
}

/* "kvm,a=b" as the dictionary of -accel. */
static GVariant *parse_options(const char *options)
{
    g_auto(GStrv) words = g_strsplit(options, ",", -1);
    GVariantBuilder dict;

    g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&dict, "{sv}", "accel", g_variant_new_string(words[0]));
    for (unsigned i = 1; words[i]; i++) {
        g_auto(GStrv) pair = g_strsplit(words[i], "=", 2);
        g_variant_builder_add(&dict, "{sv}", pair[0], g_variant_new_string(pair[1]));
    }
    return g_variant_ref_sink(g_variant_builder_end(&dict));
}

bool bench_open(const char *options, GError **error)
{
    g_autoptr(GPtrArray) dicts =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
    g_auto(GStrv) accels = g_strsplit(options, ";", -1);

    machine_lock();
    memset(&bench, 0, sizeof(bench));
    for (unsigned i = 0; accels[i]; i++) {
        g_ptr_array_add(dicts, parse_options(accels[i]));
    }
    return accel_select(dicts, error);
}

bool bench_start(const char *options, const char *model, unsigned cpus, GError **error)
{
    if (!bench_open(options, error) || !machine_new(&bench_machine_type, error)) {
        return false;
    }
    make_memory();
    machine_get()->cpus = machine_get()->max_cpus = cpus;
    return accel_machine_init(error) && make_cpus(model, cpus, error) &&
           machine_bring_up(false, error) && accel_machine_attach(error);
}

void bench_stop(void)
{
    if (machine_get()) {
        machine_stop(RUN_STATE_SHUTDOWN);
        bench_wait(0);      /* no request is left for the next machine */
    }
    accel_delete();
    if (bench.ram_region) {
        memory_transaction_begin();
        region_free(bench.ram_region);
        region_free(bench.rom_region);
        region_free(bench.mmio);
        region_free(bench.pio);
        memory_transaction_commit();
    }
    machine_delete();
    ram_block_free(bench.ram);
    ram_block_free(bench.rom);
    bench = (Bench){ 0 };
    machine_unlock();
}

void bench_wait(unsigned milliseconds)
{
    int status = 0;

    machine_unlock();
    g_usleep(milliseconds * 1000);
    machine_lock();
    machine_handle_requests(&status);
}

void bench_wait_state(RunState state)
{
    for (unsigned i = 0; i < PATIENCE_MS && machine_run_state() != state; i++) {
        bench_wait(1);
    }
    g_assert_cmpstr(run_state_name(machine_run_state()), ==, run_state_name(state));
}

void bench_wait_count(const unsigned *counter, unsigned least)
{
    for (unsigned i = 0; i < PATIENCE_MS && __atomic_load_n(counter, __ATOMIC_ACQUIRE) < least;
         i++) {
        bench_wait(1);
    }
    g_assert_cmpuint(*counter, >=, least);
}

static void do_nothing(Cpu *cpu, void *opaque)
{
}

void bench_wait_requests(void)
{
    for (unsigned i = 0; i < machine_get()->cpus; i++) {
        vcpu_run_on(cpu_get(i), do_nothing, NULL);
    }
    bench_wait(0);
}

bool bench_run(unsigned milliseconds)
{
    gint64 end = g_get_monotonic_time() + milliseconds * 1000ll;

    machine_start();
    while (!bench.ended && machine_is_running() && g_get_monotonic_time() < end) {
        bench_wait(1);
    }
    return bench.ended;
}
