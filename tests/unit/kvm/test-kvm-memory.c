/* SPDX-License-Identifier: MIT */
/* Slots while the map changes, and the dirty log through that; on a scripted kernel. */
#include <string.h>

#include "tests/unit/kvm/bench.h"
#include "tests/unit/kvm/script.h"

static MemoryRegion *system_memory;

static void start(const char *options, unsigned cpus)
{
    GError *error = NULL;
    bool ok = bench_start(options, "qemu64,check=off", cpus, &error);

    g_assert_no_error(error);
    g_assert_true(ok);
    system_memory = address_space_root(machine_memory());
    g_string_truncate(script.log, 0);
}

static void check_slots(const char *wanted)
{
    g_autofree char *slots = script_slots();

    g_assert_cmpstr(slots, ==, wanted);
}

static void check_log(const char *wanted)
{
    g_assert_cmpstr(script.log->str, ==, wanted);
    g_string_truncate(script.log, 0);
}

/* Covers a part of RAM with nothing. */
static MemoryRegion *hole_at(uint64_t address, uint64_t size)
{
    static const RegionOps nothing = { 0 };
    MemoryRegion *hole = region_new_io(NULL, "hole", &nothing, NULL, size);

    region_add(system_memory, address, hole, 1);
    return hole;
}

/* ---- slots ---- */

static void test_initial(void)
{
    script_reset();
    start("kvm", 1);
    check_slots("0x0-0x7fffff; 0xffff0000-0xffffffff r");
    bench_stop();
    check_slots("");
    g_assert_cmpuint(script.open_files, ==, 0);
    g_assert_cmpuint(script.open_maps, ==, 0);
}

/* A slot is split by a hole; when that closes, the parts stay and only the gap is filled. */
static void test_split_and_fill(void)
{
    MemoryRegion *hole;

    script_reset();
    start("kvm", 1);
    hole = hole_at(0x100000, 0x2000);
    check_log("-0; +0 0x0-0xfffff; +2 0x102000-0x7fffff");
    region_free(hole);
    check_log("+3 0x100000-0x101fff");
    hole = hole_at(0x100000, 0x2000);
    check_log("-3");
    region_free(hole);
    check_log("+3 0x100000-0x101fff");
    bench_stop();
}

/* Numbers come back into use, lowest first. */
static void test_numbers(void)
{
    MemoryRegion *a, *b;

    script_reset();
    start("kvm", 1);
    a = hole_at(0x100000, 0x1000);
    b = hole_at(0x300000, 0x1000);
    check_slots("0x0-0xfffff; 0x101000-0x2fffff; 0x301000-0x7fffff; 0xffff0000-0xffffffff r");
    memory_transaction_begin();
    region_free(a);
    region_free(b);
    memory_transaction_commit();
    check_slots("0x0-0xfffff; 0x100000-0x100fff; 0x101000-0x2fffff; 0x300000-0x300fff; "
                "0x301000-0x7fffff; 0xffff0000-0xffffffff r");
    for (unsigned i = 0; i < SCRIPT_SLOTS; i++) {
        g_assert_cmpuint(script.slots[i].used, ==, i < 6);
    }
    bench_stop();
}

/* All of a transaction is one change: nothing for what comes back as it was. */
static void test_transaction(void)
{
    MemoryRegion *hole;

    script_reset();
    start("kvm", 1);
    memory_transaction_begin();
    hole = hole_at(0x100000, 0x2000);
    region_set_offset(hole, 0x200000);
    region_free(hole);
    memory_transaction_commit();
    check_log("");
    region_set_enabled(bench.mmio, false);
    region_set_enabled(bench.mmio, true);
    check_log("");
    bench_stop();
}

/* RAM that becomes read-only and back, as the PAM registers of a PC do it. */
static void test_read_only(void)
{
    MemoryRegion *shadow;

    script_reset();
    start("kvm", 1);
    shadow = region_new_alias(NULL, "shadow", bench.ram_region, 0xf0000, 0x10000);
    region_set_readonly(shadow, true);
    region_add(system_memory, 0xf0000, shadow, 1);
    check_slots("0x0-0xeffff; 0xf0000-0xfffff r; 0x100000-0x7fffff; 0xffff0000-0xffffffff r");
    g_assert_false(script_guest_write(0, 0xf0000, 1));
    g_string_truncate(script.log, 0);
    region_set_readonly(shadow, false);
    check_log("-2; +2 0xf0000-0xfffff");
    g_assert_true(script_guest_write(0, 0xf0000, 1));
    region_set_readonly(shadow, true);
    check_log("-2; +2 0xf0000-0xfffff r");
    region_free(shadow);
    bench_stop();
}

/* What does not begin or end at a page is left to exits; the whole pages are mapped. */
static void test_alignment(void)
{
    MemoryRegion *hole, *askew;

    script_reset();
    start("kvm", 1);
    hole = hole_at(0x100800, 0x200);
    check_slots("0x0-0xfffff; 0x101000-0x7fffff; 0xffff0000-0xffffffff r");
    region_free(hole);
    askew = region_new_alias(NULL, "askew", bench.ram_region, 0x800, 0x4000);
    region_add(system_memory, 0x20000000, askew, 1);
    g_assert_null(strstr(script.log->str, "0x20000000"));
    region_free(askew);
    bench_stop();
}

/* Many holes: slots are joined when they run short, and a map that needs more is told. */
static void test_shortage(void)
{
    MemoryRegion *holes[8];

    script_reset();
    script.slot_limit = 8;
    start("kvm", 1);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 5; i++) {
            holes[i] = hole_at(0x100000 + i * 0x10000 + round * 0x2000, 0x1000);
        }
        for (unsigned i = 0; i < 5; i++) {
            region_free(holes[i]);
        }
    }
    g_assert_true(machine_run_state() != RUN_STATE_INTERNAL_ERROR);
    machine_start();
    for (unsigned i = 0; i < 8; i++) {
        holes[i] = hole_at(0x100000 + i * 0x10000, 0x1000);
    }
    bench_wait(0);
    g_assert_cmpint(machine_run_state(), ==, RUN_STATE_INTERNAL_ERROR);
    for (unsigned i = 0; i < 8; i++) {
        region_free(holes[i]);
    }
    bench_stop();
}

static void test_shortage_at_start(void)
{
    GError *error = NULL;

    script_reset();
    script.slot_limit = 1;
    g_assert_false(bench_start("kvm", "qemu64,check=off", 1, &error));
    g_assert_nonnull(strstr(error->message, "no more than 1 slots"));
    g_clear_error(&error);
    bench_stop();
    g_assert_cmpuint(script.open_files, ==, 0);
}

/* No live slot goes while a CPU is in the guest. */
static void test_guests_kept_out(void)
{
    script_reset();
    start("kvm", 2);
    machine_start();
    for (unsigned i = 0; i < 100; i++) {
        MemoryRegion *hole = hole_at(0x100000 + i * 0x1000, 0x1000);
        if (i % 10 == 0) {
            bench_wait(1);
        }
        region_free(hole);
    }
    g_assert_cmpuint(script.violations, ==, 0);
    bench_stop();
}

/* ---- the dirty log ---- */

static bool page_dirty(uint64_t page)
{
    return dirty_log_test(bench.ram, DIRTY_MIGRATION, page << RAM_PAGE_BITS, 1);
}

static void take_all(void)
{
    uint64_t next;

    dirty_log_sync(bench.ram, 0, BENCH_RAM);
    dirty_log_take(bench.ram, DIRTY_MIGRATION, 0, BENCH_RAM, UINT64_MAX, NULL, &next);
    dirty_log_clear(bench.ram, 0, BENCH_RAM);
}

static void start_logging(const void *options)
{
    script_reset();
    if (strstr(options, "auto")) {
        script.cap[KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2] = 0;
    }
    start(strstr(options, "ring") ? "kvm,dirty-ring-size=1024" : "kvm", 1);
    dirty_log_global_start(DIRTY_MIGRATION);
    take_all();
}

static void stop_logging(void)
{
    dirty_log_global_stop(DIRTY_MIGRATION);
    bench_stop();
}

static void test_log(const void *options)
{
    start_logging(options);
    g_assert_true(script_guest_write(0, 0x5123, 1));
    dirty_log_sync(bench.ram, 0, BENCH_RAM);
    g_assert_true(page_dirty(5));
    g_assert_cmpuint(dirty_log_count(bench.ram, DIRTY_MIGRATION), ==, 1);
    take_all();
    g_assert_cmpuint(dirty_log_count(bench.ram, DIRTY_MIGRATION), ==, 0);
    g_assert_true(script_guest_write(0, 0x5123, 2));
    g_assert_true(script_guest_write(0, 0x7fffff, 2));
    dirty_log_sync(bench.ram, 0, BENCH_RAM);
    g_assert_true(page_dirty(5) && page_dirty(0x7ff));
    stop_logging();
}

/* Written between the report and the protecting: seen next time. */
static void test_log_race(const void *options)
{
    uint64_t next;

    start_logging(options);
    g_assert_true(script_guest_write(0, 0x5000, 1));
    dirty_log_sync(bench.ram, 0, BENCH_RAM);
    dirty_log_take(bench.ram, DIRTY_MIGRATION, 0, BENCH_RAM, UINT64_MAX, NULL, &next);
    g_assert_true(script_guest_write(0, 0x9000, 1));
    dirty_log_clear(bench.ram, 0, BENCH_RAM);
    dirty_log_sync(bench.ram, 0, BENCH_RAM);
    g_assert_true(page_dirty(9));
    stop_logging();
}

/* Protecting by parts leaves the other parts as they are. */
static void test_log_parts(const void *options)
{
    uint64_t next;

    start_logging(options);
    g_assert_true(script_guest_write(0, 0x5000, 1));
    g_assert_true(script_guest_write(0, 0x45000, 1));
    dirty_log_sync(bench.ram, 0, BENCH_RAM);
    g_assert_cmpuint(dirty_log_take(bench.ram, DIRTY_MIGRATION, 0, 0x10000, UINT64_MAX, NULL,
                                    &next), ==, 1);
    dirty_log_clear(bench.ram, 0, 0x10000);
    g_assert_true(page_dirty(0x45));
    g_assert_true(script_guest_write(0, 0x5000, 2));
    dirty_log_sync(bench.ram, 0, BENCH_RAM);
    g_assert_true(page_dirty(5));
    stop_logging();
}

/* The slot is taken away with its log: what it had is not lost. */
static void test_log_through_changes(const void *options)
{
    start_logging(options);
    for (unsigned i = 0; i < 40; i++) {
        uint64_t page = 0x10 + i * 3;
        MemoryRegion *hole;
        g_assert_true(script_guest_write(0, page << 12, i));
        hole = hole_at(0x200000 + i * 0x3000, 0x1000);
        g_assert_true(script_guest_write(0, (page + 1) << 12, i));
        region_free(hole);
        dirty_log_sync(bench.ram, 0, BENCH_RAM);
        g_assert_true(page_dirty(page));
        g_assert_true(page_dirty(page + 1));
        take_all();
        g_assert_cmpuint(dirty_log_count(bench.ram, DIRTY_MIGRATION), ==, 0);
    }
    stop_logging();
}

/* A page seen through two addresses is one page. */
static void test_log_alias(const void *options)
{
    MemoryRegion *alias;

    start_logging(options);
    alias = region_new_alias(NULL, "alias", bench.ram_region, 0x40000, 0x10000);
    region_add(system_memory, 0x20000000, alias, 0);
    take_all();
    g_assert_true(script_guest_write(0, 0x20003000, 1));
    dirty_log_sync(bench.ram, 0, BENCH_RAM);
    g_assert_true(page_dirty(0x43));
    region_free(alias);
    stop_logging();
}

/* A client of one region (the display) logs that region only. */
static void test_log_region(void)
{
    script_reset();
    start("kvm", 1);
    region_set_dirty_log(bench.ram_region, DIRTY_DISPLAY, true);
    check_log("=0 0x0-0x7fffff l");
    region_set_dirty_log(bench.ram_region, DIRTY_DISPLAY, false);
    check_log("=0 0x0-0x7fffff");
    bench_stop();
}

/* The kernel cannot tell: then everything may have been written, and the machine stops. */
static void test_log_failure(void)
{
    start_logging("auto");
    script.fail_request = KVM_GET_DIRTY_LOG;
    dirty_log_sync(bench.ram, 0, BENCH_RAM);
    g_assert_cmpuint(dirty_log_count(bench.ram, DIRTY_MIGRATION), ==, BENCH_RAM >> 12);
    bench_wait_state(RUN_STATE_INTERNAL_ERROR);
    stop_logging();
}

/* ---- writes that the kernel keeps ---- */

static void test_coalesced(void)
{
    script_reset();
    start("kvm", 1);
    region_add_coalesced(bench.mmio, 0, 0x100);
    script_coalesce(false, BENCH_MMIO + 4, 0x11);
    script_coalesce(true, BENCH_PORT + 2, 0x22);
    g_assert_cmpuint(bench.accesses, ==, 0);
    machine_start();
    script_push(0, NULL);
    script_settle(0);
    g_assert_cmpuint(bench.accesses, ==, 2);
    g_assert_cmphex(bench.last[0].offset, ==, 4);
    g_assert_cmphex(bench.last[0].value, ==, 0x11);
    g_assert_true(bench.last[1].pio);
    bench_stop();
}

static void test_ioeventfds(void)
{
    script_reset();
    start("kvm", 1);
    region_add_ioeventfd(bench.mmio, 0x10, 4, false, 0, 99);
    region_add_ioeventfd(bench.pio, 2, 2, true, 7, 98);
    g_assert_cmpstr(script.ioeventfds->str, ==, "+0x10000010/4 +p0x502/2");
    g_string_truncate(script.ioeventfds, 0);
    region_set_offset(bench.mmio, BENCH_MMIO + 0x1000);
    g_assert_cmpstr(script.ioeventfds->str, ==, "-0x10000010/4 +0x10001010/4");
    region_remove_ioeventfd(bench.mmio, 0x10, 4, false, 0, 99);
    region_remove_ioeventfd(bench.pio, 2, 2, true, 7, 98);
    bench_stop();
}

/* ---- system management mode: address space 1 ---- */

static AddressSpace *smm_space;

static AddressSpace *get_smm_space(void *opaque)
{
    return smm_space;
}

/* The page of the state save area has a slot of its own where a local APIC in the kernel may
 * send an SMI. */
static void check_smm_slots(bool page, const char *wanted)
{
    g_autofree char *slots = script_smm_slots();
    g_autofree char *all = g_strconcat(page ? "0x0-0x3efff; 0x3f000-0x3ffff; 0x40000-0x9ffff; "
                                            : "0x0-0x9ffff; ", wanted, NULL);

    g_assert_cmpstr(slots, ==, all);
}

static void send_smi(void)
{
    unsigned before = script.smis;

    pin_drive_external(DEVICE(cpu_get(0)), X86_CPU_PIN_SMI, 0, true);
    pin_drive_external(DEVICE(cpu_get(0)), X86_CPU_PIN_SMI, 0, false);
    bench_wait_requests();
    g_assert_cmpuint(script.smis, ==, before + 1);
}

/* What the CPU sees there comes with the first interrupt, follows the map, and its writes are
 * logged. */
static void test_smm(gconstpointer options)
{
    bool page = !strstr(options, "kernel-irqchip=off");
    g_autofree char *before = NULL, *after = NULL;
    MemoryRegion *root = region_new_container(NULL, "smm", REGION_SIZE_ALL), *system, *smram, *hole;
    GError *error = NULL;
    RamBlock *ram;

    script_reset();
    script.cap[KVM_CAP_X86_SMM] = 1;
    start(options, 1);
    ram = ram_block_new("smram", 0x10000, NULL, &error);
    g_assert_no_error(error);
    system = region_new_alias(NULL, "smm-system", system_memory, 0, REGION_SIZE_ALL);
    smram = region_new_ram(NULL, "smm-ram", ram);
    region_add(root, 0, system, 0);
    region_add(root, 0xa0000, smram, 1);
    smm_space = address_space_new("smm", root, 0xff);
    cpu_set_smm_memory(get_smm_space, NULL);
    machine_start();
    before = script_smm_slots();
    g_assert_cmpstr(before, ==, page ? "0x3f000-0x3ffff" : "");
    send_smi();
    check_slots("0x0-0x7fffff; 0xffff0000-0xffffffff r");
    check_smm_slots(page, "0xa0000-0xaffff; 0xb0000-0x7fffff; 0xffff0000-0xffffffff r");
    send_smi();
    /* A change of the map is one of both. */
    hole = hole_at(0x100000, 0x1000);
    check_slots("0x0-0xfffff; 0x101000-0x7fffff; 0xffff0000-0xffffffff r");
    check_smm_slots(page, "0xa0000-0xaffff; 0xb0000-0xfffff; 0x101000-0x7fffff; "
                    "0xffff0000-0xffffffff r");
    region_remove(hole);
    /* RAM that both show is written in either. */
    dirty_log_global_start(DIRTY_MIGRATION);
    take_all();
    for (unsigned smm = 0; smm < 2; smm++) {
        script.cpus[0].smm = smm;
        g_assert_true(script_guest_write(0, 0x5000 + smm * 0x1000, 1));
        dirty_log_sync(bench.ram, 0, BENCH_RAM);
        g_assert_true(page_dirty(5 + smm));
        g_assert_false(page_dirty(6 + smm));
        take_all();
        g_assert_false(page_dirty(5 + smm));
    }
    dirty_log_global_stop(DIRTY_MIGRATION);
    machine_stop(RUN_STATE_PAUSED);
    cpu_set_smm_memory(NULL, NULL);
    accel_delete();
    after = script_smm_slots();
    g_assert_cmpstr(after, ==, "");
    address_space_free(smm_space);
    region_free(hole);
    region_free(smram);
    region_free(system);
    region_free(root);
    bench_stop();
    ram_block_free(ram);
}

int main(int argc, char **argv)
{
    static const char *const logs[] = { "manual", "auto", "ring" };
    static const struct {
        const char *name;
        void (*test)(const void *options);
    } log_tests[] = {
        { "log", test_log }, { "race", test_log_race }, { "parts", test_log_parts },
        { "changes", test_log_through_changes }, { "alias", test_log_alias },
    };

    g_test_init(&argc, &argv, NULL);
    bench_init();
    g_test_add_func("/kvm-memory/initial", test_initial);
    g_test_add_func("/kvm-memory/split-and-fill", test_split_and_fill);
    g_test_add_func("/kvm-memory/numbers", test_numbers);
    g_test_add_func("/kvm-memory/transaction", test_transaction);
    g_test_add_func("/kvm-memory/read-only", test_read_only);
    g_test_add_func("/kvm-memory/alignment", test_alignment);
    g_test_add_func("/kvm-memory/shortage", test_shortage);
    g_test_add_func("/kvm-memory/shortage-at-start", test_shortage_at_start);
    g_test_add_func("/kvm-memory/guests-kept-out", test_guests_kept_out);
    for (unsigned i = 0; i < G_N_ELEMENTS(logs); i++) {
        for (unsigned t = 0; t < G_N_ELEMENTS(log_tests); t++) {
            g_autofree char *path = g_strdup_printf("/kvm-memory/%s/%s", logs[i],
                                                    log_tests[t].name);
            g_test_add_data_func(path, logs[i], log_tests[t].test);
        }
    }
    g_test_add_func("/kvm-memory/log-region", test_log_region);
    g_test_add_func("/kvm-memory/log-failure", test_log_failure);
    g_test_add_func("/kvm-memory/coalesced", test_coalesced);
    g_test_add_func("/kvm-memory/ioeventfds", test_ioeventfds);
    g_test_add_data_func("/kvm-memory/smm/bitmap", "kvm", test_smm);
    g_test_add_data_func("/kvm-memory/smm/ring", "kvm,dirty-ring-size=1024", test_smm);
    g_test_add_data_func("/kvm-memory/smm/userspace-apic", "kvm,kernel-irqchip=off", test_smm);
    return g_test_run();
}
