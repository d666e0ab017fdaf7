/* SPDX-License-Identifier: MIT */
/*
 * Kernel files: any bytes are parsed and, when they are a kernel, placed. What comes of it lies in
 * RAM, each piece by itself, reads only the file, and a CPU can be in the state it is entered in.
 */
#include <stdint.h>

#include "arch/x86/boot.h"
#include "arch/x86/sanity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MIB (1ull << 20)

static const BootE820 map[] = {
    { 0, 0x9fc00, BOOT_E820_RAM },
    { 0x9fc00, 0x400, BOOT_E820_RESERVED },
    { MIB, 63 * MIB, BOOT_E820_RAM },
    { 64 * MIB, MIB, BOOT_E820_ACPI },
    { 4096 * MIB, 16 * MIB, BOOT_E820_RAM },
};

static bool in_ram(uint64_t address, uint64_t end)
{
    for (size_t i = 0; i < G_N_ELEMENTS(map); i++) {
        if (map[i].type == BOOT_E820_RAM && address >= map[i].address &&
            end <= map[i].address + map[i].length) {
            return true;
        }
    }
    return false;
}

static void check_segments(const BootPlan *plan)
{
    static volatile uint8_t sink;

    for (guint i = 0; i < plan->segments->len; i++) {
        const BootSegment *s = &g_array_index(plan->segments, BootSegment, i);
        uint64_t end = s->address + s->size + s->zero;

        g_assert_true(end > s->address && in_ram(s->address, end));
        if (s->size) {
            sink = s->data[0] ^ s->data[s->size - 1];
            (void)sink;
        }
        for (guint k = 0; k < i; k++) {
            const BootSegment *o = &g_array_index(plan->segments, BootSegment, k);

            g_assert_true(end <= o->address || o->address + o->size + o->zero <= s->address);
        }
    }
}

static void check_entry(const BootPlan *plan)
{
    X86CpuDefinition cpu = { .family = 6, .phys_bits = 40, .linear_bits = 48 };
    X86CpuSupport support = { .name = "fuzz" };
    X86CpuState *state = x86_cpu_state_new(&cpu, &support, true);
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);

    boot_plan_apply(plan, state);
    g_assert_cmpuint(x86_cpu_state_check(state, NULL, problems), ==, 0);
    x86_cpu_state_free(state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The first byte chooses what goes along. */
    uint8_t choice = size ? data[0] : 0;
    const BootModule modules[] = {
        { data, size, "one a b" }, { data, MIN(size, 100), NULL }, { data, 0, "empty" },
    };
    BootRequest request = {
        .kernel = data + (size != 0), .kernel_size = size - (size != 0), .kernel_name = "fuzz",
        .command_line = choice & 1 ? "console=ttyS0" : NULL, .modules = modules,
        .module_count = choice >> 1 & 3, .e820 = map, .e820_count = G_N_ELEMENTS(map),
        .long_mode = choice & 8, .entry = choice >> 4 & 1 ? BOOT_ENTRY_PROT32 : BOOT_ENTRY_AUTO,
        .rsdp = 0xe0000, .rng_seed = data, .rng_seed_size = MIN(size, 32),
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(BootPlan) plan = boot_plan_new(&request, &error);
    g_autoptr(GString) text = g_string_new(NULL);
    BootSplit split;

    g_assert_true((plan == NULL) == (error != NULL));
    if (plan) {
        check_segments(plan);
        check_entry(plan);
        boot_plan_print(plan, text);
    }
    if (boot_split_linux(&request, &split, NULL)) {
        g_free(split.setup);
    }
    return 0;
}
