/* SPDX-License-Identifier: MIT */
/*
 * The accelerator on this machine's own KVM; skipped, and says so, where there is
 * none. The programs are real mode code, which every KVM runs.
 */
#include <string.h>
#include <unistd.h>

#include "tests/unit/kvm/bench.h"

static const char *skip;

/* From the reset vector to `code` at 0x1000. */
static void load(const void *code, size_t length)
{
    static const uint8_t jump[] = { 0xea, 0x00, 0x10, 0x00, 0x00 };  /* jmp 0:0x1000 */

    memcpy(bench.rom->host + BENCH_ROM - 16, jump, sizeof(jump));
    memcpy(bench.ram->host + 0x1000, code, length);
}

static bool start(const char *options, unsigned cpus)
{
    GError *error = NULL;
    bool ok;

    if (skip) {
        g_test_skip(skip);
        return false;
    }
    ok = bench_start(options, "max,check=off", cpus, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
    return true;
}

/* Ports in every width, strings, memory in every width, then the end. */
static const uint8_t access_code[] = {
    0xba, 0x00, 0x05,              /* mov dx, 0x500 */
    0xb0, 0x11, 0xee,              /* mov al, 0x11; out dx, al */
    0xb8, 0x22, 0x33, 0xef,        /* mov ax, 0x3322; out dx, ax */
    0x66, 0xb8, 0x44, 0x55, 0x66, 0x77, 0x66, 0xef, /* mov eax, 0x77665544; out dx, eax */
    0xec,                          /* in al, dx */
    0xa2, 0x00, 0x20,              /* mov [0x2000], al */
    0xbe, 0x00, 0x30,              /* mov si, 0x3000 */
    0xb9, 0x05, 0x00, 0xfc,        /* mov cx, 5; cld */
    0xf3, 0x6e,                    /* rep outsb */
    0xba, 0x0f, 0x05, 0xee,        /* mov dx, 0x50f; out dx, al */
    0xf4,                          /* hlt */
};

static const BenchAccess *access_at(unsigned n)
{
    g_assert_cmpuint(n, <, bench.accesses);
    return &bench.last[n % G_N_ELEMENTS(bench.last)];
}

static void check_access(unsigned n, unsigned size, bool write, uint64_t value)
{
    g_assert_cmpuint(access_at(n)->size, ==, size);
    g_assert_cmpuint(access_at(n)->write, ==, write);
    g_assert_cmphex(access_at(n)->value, ==, value);
}

static void test_accesses(const void *options)
{
    if (!start(options, 1)) {
        return;
    }
    load(access_code, sizeof(access_code));
    memcpy(bench.ram->host + 0x3000, "hello", 5);
    bench.answer = 0x5a;
    g_assert_true(bench_run(5000));
    check_access(0, 1, true, 0x11);
    check_access(1, 2, true, 0x3322);
    check_access(2, 4, true, 0x77665544);
    check_access(3, 1, false, 0x5a);
    g_assert_cmphex(bench.ram->host[0x2000], ==, 0x5a);
    for (unsigned i = 0; i < 5; i++) {
        check_access(4 + i, 1, true, "hello"[i]);
    }
    bench_stop();
}

/* Writes a page, counts, for ever. */
static const uint8_t spin_code[] = {
    0x66, 0x31, 0xc0,              /* xor eax, eax */
    0x66, 0x40,                    /* inc eax */
    0x66, 0xa3, 0x00, 0x40,        /* mov [0x4000], eax */
    0xeb, 0xf8,                    /* jmp to inc */
};

static uint32_t counter(void)
{
    uint32_t value;

    memcpy(&value, bench.ram->host + 0x4000, 4);
    return value;
}

/* Until the guest has counted on by so much, however busy the host is. */
static void wait_counted(uint32_t steps)
{
    uint32_t from = counter();

    for (unsigned i = 0; i < 10000 && counter() - from < steps; i++) {
        bench_wait(1);
    }
    g_assert_cmpuint(counter() - from, >=, steps);
}

static void test_pause(const void *options)
{
    uint32_t before = 0;

    if (!start(options, 1)) {
        return;
    }
    load(spin_code, sizeof(spin_code));
    for (unsigned i = 0; i < 10; i++) {
        uint64_t rax = 0;
        machine_start();
        wait_counted(1);
        machine_stop(RUN_STATE_PAUSED);
        before = counter();
        bench_wait(1);
        g_assert_cmpuint(counter(), ==, before);
        g_assert_true(accel_load_states(NULL));
        g_assert_true(x86_cpu_get_register(((X86Cpu *)cpu_get(0))->registers, "eax", &rax));
        g_assert_cmpuint(rax - before, <=, 1);
    }
    g_assert_cmpuint(before, >=, 10);
    bench_stop();
}

/* A changed register is what the CPU goes on with. */
static void test_registers(void)
{
    X86CpuState *state;
    uint32_t value;

    if (!start("kvm", 1)) {
        return;
    }
    load(spin_code, sizeof(spin_code));
    machine_start();
    wait_counted(2);
    machine_stop(RUN_STATE_PAUSED);
    g_assert_true(accel_load_states(NULL));
    state = ((X86Cpu *)cpu_get(0))->registers;
    g_assert_true(x86_cpu_set_register(state, "eax", 0x80000000));
    vcpu_mark_state(cpu_get(0), CPU_STATE_RUNTIME);
    machine_start();
    wait_counted(1);
    machine_stop(RUN_STATE_PAUSED);
    value = counter();
    g_assert_cmphex(value, >, 0x80000000);
    bench_stop();
}

/* All registers, out and in again, are the same. */
static void test_state_round_trip(void)
{
    X86CpuState *state;
    g_autoptr(GString) before = g_string_new(NULL), after = g_string_new(NULL);

    if (!start("kvm", 1)) {
        return;
    }
    load(spin_code, sizeof(spin_code));
    machine_start();
    wait_counted(2);
    machine_stop(RUN_STATE_PAUSED);
    g_assert_true(accel_load_states(NULL));
    state = ((X86Cpu *)cpu_get(0))->registers;
    x86_cpu_print(state, 0, true, before);
    g_assert_true(accel_store_states(CPU_STATE_FULL, NULL));
    x86_cpu_reset(state);
    g_assert_true(accel_load_states(NULL));
    x86_cpu_print(state, 0, true, after);
    g_assert_cmpstr(before->str, ==, after->str);
    bench_stop();
}

/* Protected mode with an empty interrupt table; then what raises an exception. */
static const uint8_t triple_fault_code[] = {
    0x0f, 0x01, 0x1e, 0x00, 0x20,  /* lidt [0x2000]: zeroes */
    0x0f, 0x01, 0x16, 0x10, 0x20,  /* lgdt [0x2010] */
    0x0f, 0x20, 0xc0, 0x0c, 0x01,  /* mov eax, cr0; or al, 1 */
    0x0f, 0x22, 0xc0,              /* mov cr0, eax */
    0xea, 0x17, 0x10, 0x08, 0x00,  /* jmp 8:0x1017 */
    0x0f, 0x0b,                    /* ud2 */
};
static const uint8_t triple_fault_gdt[] = {
    0x0f, 0x00, 0x18, 0x20, 0, 0, 0, 0,                  /* limit 15, base 0x2018 */
    0, 0, 0, 0, 0, 0, 0, 0,
    0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0,                  /* flat 32-bit code */
};

static void test_triple_fault(void)
{
    if (!start("kvm", 1)) {
        return;
    }
    load(triple_fault_code, sizeof(triple_fault_code));
    memcpy(bench.ram->host + 0x2010, triple_fault_gdt, sizeof(triple_fault_gdt));
    machine_actions()->shutdown_on_reset = true;
    machine_start();
    bench_wait_state(RUN_STATE_SHUTDOWN);
    machine_actions()->shutdown_on_reset = false;
    bench_stop();
}

/* In x2APIC mode it sends itself two system management interrupts, and waits for what each
 * writes. */
static const uint8_t smi_code[] = {
    0x66, 0xb9, 0x1b, 0, 0, 0, 0x66, 0x31, 0xd2,            /* mov ecx, 0x1b; xor edx, edx */
    0x66, 0xb8, 0x00, 0x09, 0xe0, 0xfe, 0x0f, 0x30,         /* mov eax, 0xfee00900; wrmsr */
    0x66, 0xb8, 0x00, 0x0d, 0xe0, 0xfe, 0x0f, 0x30,         /* mov eax, 0xfee00d00; wrmsr */
    0x66, 0xb9, 0x30, 0x08, 0, 0,                           /* mov ecx, 0x830 */
    0x66, 0xb8, 0x00, 0x42, 0, 0, 0x0f, 0x30,               /* mov eax, 0x4200; wrmsr */
    0xa0, 0x00, 0x20, 0x84, 0xc0, 0x74, 0xf9,               /* mov al, [0x2000]; test al, al; jz back */
    0x66, 0xb8, 0x00, 0x42, 0, 0, 0x0f, 0x30,               /* mov eax, 0x4200; wrmsr */
    0xa0, 0x01, 0x20, 0x84, 0xc0, 0x74, 0xf9,               /* mov al, [0x2001]; test al, al; jz back */
    0xba, 0x0f, 0x05, 0xee, 0xf4,                           /* mov dx, 0x50f; out dx, al; hlt */
};

/* The handler of the first moves SMBASE to 0x40000: AMD64 APM volume 2, 10.2.3. */
static const uint8_t smi_first[] = {
    0x66, 0x67, 0xc7, 0x05, 0x00, 0xff, 0x03, 0x00, 0x00, 0x00, 0x04, 0x00, /* mov dword [0x3ff00], 0x40000 */
    0xc6, 0x06, 0x00, 0x20, 0x01, 0x0f, 0xaa,               /* mov byte [0x2000], 1; rsm */
};
static const uint8_t smi_second[] = {
    0xa0, 0x00, 0x20, 0xfe, 0xc0, 0xa2, 0x01, 0x20,         /* mov al, [0x2000]; inc al; mov [0x2001], al */
    0x0f, 0xaa,                                             /* rsm */
};

/* They come through the local APIC in the kernel, which tells nobody. */
static void test_smi(const void *options)
{
    if (!start(options, 1)) {
        return;
    }
    if (!kvm_get()->cap[CAP_SMM]) {
        g_test_skip("this KVM has no system management mode");
        bench_stop();
        return;
    }
    load(smi_code, sizeof(smi_code));
    memcpy(bench.ram->host + 0x38000, smi_first, sizeof(smi_first));
    memcpy(bench.ram->host + 0x48000, smi_second, sizeof(smi_second));
    g_assert_true(bench_run(5000));
    g_assert_cmpuint(bench.ram->host[0x2000], ==, 1);
    g_assert_cmpuint(bench.ram->host[0x2001], ==, 2);
    check_access(0, 1, true, 2);
    bench_stop();
}

/* Reset puts the CPU back to its first instruction. */
static void test_reset(const void *options)
{
    if (!start(options, 1)) {
        return;
    }
    load(access_code, sizeof(access_code));
    for (unsigned i = 0; i < 3; i++) {
        bench.ended = false;
        bench.accesses = 0;
        machine_request_reset(SHUTDOWN_HOST_QMP_SYSTEM_RESET);
        bench_wait(0);
        g_assert_true(bench_run(5000));
        check_access(0, 1, true, 0x11);
    }
    bench_stop();
}

/* The guest writes to pages 0x100.. one after the other and counts them at 0x4000. */
static const uint8_t dirty_code[] = {
    0x66, 0x31, 0xc0,                         /* xor eax, eax */
    0x66, 0x31, 0xff,                         /* xor edi, edi */
    0xbb, 0x00, 0x20, 0x8e, 0xc3,             /* mov bx, 0x2000; mov es, bx */
    0x66, 0x40,                               /* again: inc eax */
    0x26, 0x66, 0x89, 0x05,                   /* mov es:[di], eax */
    0x81, 0xc7, 0x00, 0x10,                   /* add di, 0x1000 */
    0x66, 0xa3, 0x00, 0x40,                   /* mov [0x4000], eax */
    0xeb, 0xf0,                               /* jmp again */
};

static void check_dirty(const void *options)
{
    uint64_t next, all = BENCH_RAM >> RAM_PAGE_BITS;

    if (!start(options, 1)) {
        return;
    }
    load(dirty_code, sizeof(dirty_code));
    dirty_log_global_start(DIRTY_MIGRATION);
    g_assert_cmpuint(dirty_log_take(bench.ram, DIRTY_MIGRATION, 0, BENCH_RAM, UINT64_MAX, NULL,
                                    &next), ==, all);
    dirty_log_clear(bench.ram, 0, BENCH_RAM);
    for (unsigned round = 0; round < 3; round++) {
        uint64_t bitmap[BENCH_RAM >> RAM_PAGE_BITS >> 6] = { 0 };
        machine_start();
        wait_counted(64);
        machine_stop(RUN_STATE_PAUSED);
        dirty_log_sync(bench.ram, 0, BENCH_RAM);
        dirty_log_take(bench.ram, DIRTY_MIGRATION, 0, BENCH_RAM, UINT64_MAX, bitmap, &next);
        dirty_log_clear(bench.ram, 0, BENCH_RAM);
        /*
         * 0x20000 to 0x2ffff and the counter, and nothing else but the code: KVM may map a page
         * writable, and call it dirty, when the guest only fetches from it.
         */
        g_assert_cmphex(bitmap[0] & ~(1ull << 1), ==, 0xffffull << 32 | 1 << 4);
        for (unsigned i = 1; i < G_N_ELEMENTS(bitmap); i++) {
            g_assert_cmphex(bitmap[i], ==, 0);
        }
    }
    dirty_log_global_stop(DIRTY_MIGRATION);
    bench_stop();
}

/* The map changes while the guest writes: what it counted is never lost. */
static void test_map_changes(const void *options)
{
    if (!start(options, 1)) {
        return;
    }
    load(spin_code, sizeof(spin_code));
    dirty_log_global_start(DIRTY_MIGRATION);
    machine_start();
    for (unsigned i = 0; i < 30; i++) {
        MemoryRegion *over = region_new_alias(NULL, "over", bench.ram_region, 0x700000, 0x3000);
        uint32_t before = counter();
        region_add(address_space_root(machine_memory()), 0x100000 + (i % 7) * 0x1000, over, 1);
        wait_counted(1);
        region_free(over);
        wait_counted(1);
        g_assert_cmpuint(counter(), >=, before);
        dirty_log_sync(bench.ram, 0, BENCH_RAM);
        g_assert_true(dirty_log_test(bench.ram, DIRTY_MIGRATION, 0x4000, 1));
    }
    machine_stop(RUN_STATE_PAUSED);
    g_assert_cmpuint(counter(), >=, 60);
    dirty_log_global_stop(DIRTY_MIGRATION);
    bench_stop();
}

/* The second CPU of a machine waits for SIPI: it must pause, resume and end all the same. */
static void test_two_cpus(const void *options)
{
    if (!start(options, 2)) {
        return;
    }
    load(spin_code, sizeof(spin_code));
    for (unsigned i = 0; i < 5; i++) {
        machine_start();
        wait_counted(1);
        machine_stop(RUN_STATE_PAUSED);
        g_assert_true(vcpus_paused());
        g_assert_true(accel_load_states(NULL));
    }
    g_assert_cmpuint(counter(), >, 0);
    bench_stop();
}

int main(int argc, char **argv)
{
    static const char *const modes[] = { "on", "split", "off" };
    static const struct {
        const char *name;
        GTestDataFunc function;
    } mode_tests[] = {
        { "accesses", test_accesses }, { "pause", test_pause }, { "reset", test_reset },
        { "two-cpus", test_two_cpus },
    };

    g_test_init(&argc, &argv, NULL);
    bench_init();
    if (access("/dev/kvm", R_OK | W_OK) < 0) {
        skip = "no /dev/kvm that can be opened";
        g_printerr("# SKIPPED: %s\n", skip);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_autofree char *options = g_strdup_printf("kvm,kernel-irqchip=%s", modes[i]);
        for (unsigned t = 0; t < G_N_ELEMENTS(mode_tests); t++) {
            g_autofree char *path =
                g_strdup_printf("/kvm-real/%s/%s", modes[i], mode_tests[t].name);
            g_test_add_data_func_full(path, g_strdup(options), mode_tests[t].function, g_free);
        }
    }
    g_test_add_func("/kvm-real/registers", test_registers);
    g_test_add_func("/kvm-real/state-round-trip", test_state_round_trip);
    g_test_add_func("/kvm-real/triple-fault", test_triple_fault);
    g_test_add_data_func("/kvm-real/on/smi", "kvm", test_smi);
    g_test_add_data_func("/kvm-real/split/smi", "kvm,kernel-irqchip=split", test_smi);
    g_test_add_data_func("/kvm-real/dirty/bitmap", "kvm", check_dirty);
    g_test_add_data_func("/kvm-real/dirty/ring", "kvm,dirty-ring-size=65536", check_dirty);
    g_test_add_data_func("/kvm-real/map-changes/bitmap", "kvm", test_map_changes);
    g_test_add_data_func("/kvm-real/map-changes/ring", "kvm,dirty-ring-size=65536",
                         test_map_changes);
    return g_test_run();
}
