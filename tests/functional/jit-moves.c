/* SPDX-License-Identifier: MIT */
/*
 * A machine on the software CPU that moves to a new process again and again while its guest runs: it is
 * stopped, its memory, its devices and its CPUs are saved as the tables say, and the program starts anew with what was
 * saved. `jit-moves MEAN OPTIONS…`: the program's options, and how long it stays, in microseconds of virtual
 * time; with -icount that is to the instruction. A guest that writes N to port E8h moves before each
 * of the next N instructions.
 *
 * The last line on standard error says how often it moved.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel/accel.h"
#include "accel/icount.h"
#include "arch/x86/cpu.h"
#include "base/bits.h"
#include "base/log.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "hw/core/time.h"
#include "memory/ram.h"
#include "qom/types.h"
#include "vmm/mainloop.h"
#include "vmm/options.h"
#include "vmm/start.h"

#define PORT 0xe8
#define STREAM "VMM_MOVES_STREAM"   /* the file's descriptor, in the new process */

/* What moves besides the machine. */
static struct {
    uint64_t moves;
    uint64_t dense;      /* so many instructions are next, one at a time */
    uint64_t random;
    int64_t time;
} here;
static int64_t mean;
static Timer timer;
static MemoryRegion *port;

static G_NORETURN void die(const char *what, GError *error)
{
    fprintf(stderr, "jit-moves: %s%s%s\n", what, error ? ": " : "", error ? error->message : "");
    exit(2);
}

/* ---- when ---- */

static uint64_t next_random(void)
{
    here.random = here.random * 6364136223846793005ull + 1442695040888963407ull;
    return here.random >> 33;
}

/* Short stays are as likely as long ones. */
static int64_t stay(void)
{
    uint64_t length = (uint64_t)mean * 2000 >> next_random() % 12;

    return 1 + next_random() % (length + 1);
}

static void stop(void *opaque)
{
    machine_stop(RUN_STATE_PAUSED);
    machine_wake_main_loop();
}

static void plan(void)
{
    int64_t step = 1ll << icount_options()->shift;

    timer_set(&timer, time_virtual() + (here.dense ? step : stay()));
    here.dense -= here.dense > 0;
}

static MemoryResult port_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value, MemoryAttrs attrs)
{
    *value = 0xff;
    return MEMORY_OK;
}

static MemoryResult port_write(void *opaque, uint64_t offset, unsigned size, uint64_t value, MemoryAttrs attrs)
{
    here.dense = value;
    plan();
    return MEMORY_OK;
}

static const RegionOps port_ops = {
    .read = port_read, .write = port_write, .access_min = 1, .access_max = 1,
};

/* ---- the stream ---- */

static void put(FILE *file, const void *data, size_t size)
{
    if (fwrite(data, 1, size, file) != size) {
        die(g_strerror(errno), NULL);
    }
}

static void get(FILE *file, void *data, size_t size)
{
    if (fread(data, 1, size, file) != size) {
        die("the stream is cut short", NULL);
    }
}

static bool is_zero(const uint8_t *page)
{
    return !page[0] && !memcmp(page, page + 1, RAM_PAGE_SIZE - 1);
}

static void save(FILE *file)
{
    g_autoptr(GPtrArray) devices = machine_devices();
    const uint64_t end = UINT64_MAX;

    here.time = time_virtual();
    put(file, &here, sizeof(here));
    for (RamBlock *block = ram_block_first(); block; block = block->next) {
        for (uint64_t at = 0; at < block->size; at += RAM_PAGE_SIZE) {
            if (!is_zero(block->host + at)) {
                put(file, &at, sizeof(at));
                put(file, block->host + at, RAM_PAGE_SIZE);
            }
        }
        put(file, &end, sizeof(end));
    }
    for (guint i = 0; i < devices->len; i++) {
        g_autoptr(GByteArray) record = g_byte_array_new();
        uint32_t length;

        device_save(devices->pdata[i], record);
        length = record->len;
        put(file, &length, sizeof(length));
        put(file, record->data, length);
    }
}

static void load(FILE *file)
{
    g_autoptr(GPtrArray) devices = machine_devices();
    GError *error = NULL;

    get(file, &here, sizeof(here));
    time_virtual_set(here.time);
    for (RamBlock *block = ram_block_first(); block; block = block->next) {
        uint64_t at;

        for (at = 0; at < block->size; at += RAM_PAGE_SIZE) {
            if (!is_zero(block->host + at)) {      /* others need not be made */
                memset(block->host + at, 0, RAM_PAGE_SIZE);
            }
        }
        for (get(file, &at, sizeof(at)); at != UINT64_MAX; get(file, &at, sizeof(at))) {
            get(file, block->host + at, RAM_PAGE_SIZE);
        }
    }
    for (guint i = 0; i < devices->len; i++) {
        g_autofree uint8_t *record = NULL;
        uint32_t length;
        size_t used;

        get(file, &length, sizeof(length));
        record = g_malloc(length);
        get(file, record, length);
        if (!device_load(devices->pdata[i], record, length, &used, &error)) {
            die("loading", error);
        }
    }
    if (!accel_store_states(CPU_STATE_FULL, &error)) {
        die("loading", error);
    }
}

static G_NORETURN void move(char **argv)
{
    GError *error = NULL;
    int fd = memfd_create("jit-moves", 0);
    g_autofree char *number = g_strdup_printf("%d", fd);
    FILE *file = fdopen(dup(fd), "wb");

    if (fd < 0 || !file) {
        die(g_strerror(errno), NULL);
    }
    if (!accel_load_states(&error)) {
        die("saving", error);
    }
    here.moves++;
    save(file);
    if (fclose(file) || lseek(fd, 0, SEEK_SET)) {
        die(g_strerror(errno), NULL);
    }
    setenv(STREAM, number, true);
    execv("/proc/self/exe", argv);
    die(g_strerror(errno), NULL);
}

/* ---- the program ---- */

static void start(int argc, char **argv)
{
    GError *error = NULL;

    report_set_program("jit-moves");
    target_set("vmm-system-x86_64");
    object_types_register(all_types);
    object_types_register(x86_cpu_types());
    if (!options_parse(argc, argv, &error)) {
        die("options", error);
    }
    main_loop_init();
    if (!vmm_start(&error)) {
        die("start", error);
    }
    port = region_new_io(NULL, "jit-moves", &port_ops, NULL, 1);
    region_add(address_space_root(machine_io()), PORT, port, 0);
    timer_init(&timer, TIME_VIRTUAL, stop, NULL);
}

int main(int argc, char **argv)
{
    const char *stream = getenv(STREAM);
    int status = 0;

    mean = argc > 2 ? atoll(argv[1]) : 0;
    if (mean <= 0) {
        die("usage: jit-moves MEAN OPTIONS…", NULL);
    }
    start(argc - 1, argv + 1);
    if (stream) {
        FILE *file = fdopen(atoi(stream), "rb");
        load(file);
        fclose(file);
    }
    plan();
    machine_start();
    while (!machine_handle_requests(&status)) {
        if (machine_run_state() == RUN_STATE_PAUSED && vcpus_paused()) {
            move(argv);
        }
        g_main_context_iteration(NULL, time_until_next() != 0);
        time_run_timers();
    }
    fprintf(stderr, "%" PRIu64 " moves\n", here.moves);
    region_free(port);
    vmm_stop();
    options_free();
    return status;
}
