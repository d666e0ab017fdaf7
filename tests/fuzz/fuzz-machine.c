/* SPDX-License-Identifier: MIT */
/*
 * A whole machine under a hostile guest: the input is a list of accesses of any size, at any
 * address of both spaces, with what they need in between: memory contents for DMA, PCI
 * configuration, time, resets. The machine is the PC, or what $FUZZ_MACHINE names; further
 * options come from $FUZZ_OPTIONS. Nothing may crash, hang, leak or grow.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "base/log.h"
#include "hw/core/machine.h"
#include "hw/core/time.h"
#include "memory/space.h"
#include "qom/types.h"
#include "vmm/mainloop.h"
#include "vmm/options.h"
#include "vmm/start.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    MAX_STEPS = 4096,                /* of one input */
    MAX_STEP_NS = 16 * 1000 * 1000,
    RAM_WINDOW = 1 << 20,            /* where the input writes memory */
};

/* ---- the registers that the map has now ---- */

typedef struct Registers {
    MemoryListener listener;         /* first: hooks get this */
    GArray *ranges;                  /* of FlatRange, I/O only */
} Registers;

static Registers ports, memory;

static void add_range(MemoryListener *listener, const FlatRange *range)
{
    Registers *registers = (Registers *)listener;

    if (!range->host) {
        g_array_append_val(registers->ranges, *range);
    }
}

static void delete_range(MemoryListener *listener, const FlatRange *range)
{
    GArray *ranges = ((Registers *)listener)->ranges;

    for (guint i = 0; i < ranges->len; i++) {
        const FlatRange *at = &g_array_index(ranges, FlatRange, i);
        if (at->start == range->start && at->last == range->last) {
            g_array_remove_index_fast(ranges, i);
            return;
        }
    }
}

static const MemoryListenerOps listener_ops = { .add = add_range, .del = delete_range };

static void watch_space(Registers *registers, AddressSpace *space)
{
    registers->ranges = g_array_new(FALSE, FALSE, sizeof(FlatRange));
    registers->listener.ops = &listener_ops;
    memory_listener_register(&registers->listener, space);
}

/* ---- the input ---- */

typedef struct Input {
    const uint8_t *at;
    size_t left;
} Input;

/* A little-endian number; what is missing at the end is 0. */
static uint64_t take(Input *input, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && input->left; i++) {
        value |= (uint64_t)*input->at++ << (8 * i);
        input->left--;
    }
    return value;
}

/* An address in one of the ranges, or a little past its end. */
static uint64_t take_address(Input *input, const Registers *registers)
{
    unsigned index = take(input, 1);
    uint64_t offset = take(input, 2);
    const FlatRange *range;
    uint64_t size;

    if (!registers->ranges->len) {
        return offset;
    }
    range = &g_array_index(registers->ranges, FlatRange, index % registers->ranges->len);
    size = range->last - range->start;
    return range->start + (size < UINT16_MAX ? offset % (size + 4) : offset);
}

static void run_access(Input *input, AddressSpace *space, uint64_t address, bool write)
{
    unsigned size = 1u << (take(input, 1) & 3);
    uint64_t value;

    if (write) {
        address_space_store(space, address, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE,
                            take(input, size));
    } else {
        address_space_load(space, address, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, &value);
    }
}

/* PCI configuration mechanism 1. */
static void configure_pci(Input *input)
{
    uint32_t address = 0x80000000 | take(input, 2) << 8 | (take(input, 1) & 0xfc);

    address_space_store(machine_io(), 0xcf8, 4, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, address);
    run_access(input, machine_io(), 0xcfc + take(input, 1) % 4, true);
}

static void access_block(Input *input, AddressSpace *space, uint64_t address)
{
    uint8_t buffer[256];
    unsigned length = take(input, 1);

    if (length & 1) {
        address_space_read(space, address, MEMORY_ATTRS_NONE, buffer, length);
    } else {
        for (unsigned i = 0; i < length; i++) {
            buffer[i] = take(input, 1);
        }
        address_space_write(space, address, MEMORY_ATTRS_NONE, buffer, length);
    }
}

static void run_step(Input *input)
{
    switch (take(input, 1) % 14) {
    case 0: case 1:
        run_access(input, machine_io(), take_address(input, &ports), true);
        break;
    case 2:
        run_access(input, machine_io(), take_address(input, &ports), false);
        break;
    case 3: case 4:
        run_access(input, machine_memory(), take_address(input, &memory), true);
        break;
    case 5:
        run_access(input, machine_memory(), take_address(input, &memory), false);
        break;
    case 6:
        run_access(input, machine_io(), take(input, 2), true);
        break;
    case 7:
        run_access(input, machine_memory(), take(input, 8), take(input, 1) & 1);
        break;
    case 8: case 9:
        configure_pci(input);
        break;
    case 10:
        access_block(input, machine_memory(), take(input, 4) % RAM_WINDOW);
        break;
    case 11:
        access_block(input, machine_memory(), take_address(input, &memory));
        break;
    case 12:
        time_step_to(time_virtual() + take(input, 4) % MAX_STEP_NS);
        break;
    case 13:
        if (take(input, 1) == 0x5a) {
            machine_reset(SHUTDOWN_GUEST_RESET);
        }
        break;
    }
}

/* What the guest asked for is carried out, but for the end of the program. */
static void settle(void)
{
    int status;

    for (unsigned i = 0; i < 64 && g_main_context_iteration(NULL, FALSE); i++) {
        /* callbacks that devices deferred */
    }
    (void)machine_handle_requests(&status);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input input = { data, size };

    machine_reset(SHUTDOWN_HOST_QMP_SYSTEM_RESET);
    for (unsigned i = 0; i < MAX_STEPS && input.left; i++) {
        run_step(&input);
    }
    settle();
    if (!machine_is_running()) {
        machine_start();
    }
    return 0;
}

/* ---- start ---- */

static void die(GError *error)
{
    fprintf(stderr, "fuzz-machine: %s\n", error->message);
    exit(1);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *machine = g_getenv("FUZZ_MACHINE"), *more = g_getenv("FUZZ_OPTIONS");
    g_autofree char *line = g_strdup_printf(
        "vmm-system-x86_64 -machine %s -accel qtest -m 16 -nodefaults -display none "
        "-action reboot=reset,shutdown=pause,panic=none %s", machine ? machine : "pc",
        more ? more : "");
    static char **words;             /* the options point into it */
    GError *error = NULL;
    int count;

    if (!g_shell_parse_argv(line, &count, &words, &error)) {
        die(error);
    }
    report_set_program("fuzz-machine");
    target_set(words[0]);
    object_types_register(all_types);
    object_types_register(x86_cpu_types());
    main_loop_init();
    if (!options_parse(count, words, &error) || !vmm_start(&error)) {
        die(error);
    }
    watch_space(&ports, machine_io());
    watch_space(&memory, machine_memory());
    return 0;
}
