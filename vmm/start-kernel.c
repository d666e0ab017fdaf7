/* SPDX-License-Identifier: MIT */
/*
 * -kernel, -initrd and -append. Without a BIOS the kernel is placed in every reset of the
 * machine, after the firmware device has had its turn. With one it is handed over in fw_cfg,
 * and an option ROM that the firmware device adds loads it (hw/firmware/kernel-rom.S).
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "accel/icount.h"
#include "arch/x86/boot.h"
#include "arch/x86/cpu.h"
#include "base/log.h"
#include "hw/core/cpu.h"
#include "hw/core/machine.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/firmware/pc-firmware.h"
#include "vmm/start.h"

enum { RNG_SEED_SIZE = 32 };

typedef struct Kernel {
    GMappedFile *file;
    GPtrArray *module_files; /* of GMappedFile */
    GArray *modules;         /* of BootModule */
    char **module_texts;
    bool started_once;
} Kernel;

static Kernel *kernel;

static GMappedFile *map_file(const char *option, const char *path, GError **error)
{
    GMappedFile *file = NULL;

    if (g_file_test(path, G_FILE_TEST_EXISTS) && !g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        error_set(error, ERROR_INVALID, "-%s %s: not a regular file", option, path);
        return NULL;
    }
    file = g_mapped_file_new(path, FALSE, error);
    if (!file) {
        g_prefix_error(error, "-%s %s: ", option, path);
    } else if (!g_mapped_file_get_length(file)) {
        error_set(error, ERROR_INVALID, "-%s %s: the file is empty", option, path);
        g_clear_pointer(&file, g_mapped_file_unref);
    }
    return file;
}

static bool add_module(const char *path, const char *command_line, GError **error)
{
    GMappedFile *file = map_file("initrd", path, error);
    BootModule module;

    if (!file) {
        return false;
    }
    module = (BootModule){ (const uint8_t *)g_mapped_file_get_contents(file),
                           g_mapped_file_get_length(file), command_line };
    g_ptr_array_add(kernel->module_files, file);
    g_array_append_val(kernel->modules, module);
    return true;
}

/* Multiboot takes several files with arguments; the others one file, whatever its name. */
static bool open_modules(const char *initrd, BootFormat format, GError **error)
{
    if (format != BOOT_MULTIBOOT) {
        return add_module(initrd, NULL, error);
    }
    kernel->module_texts = boot_modules_split(initrd);
    for (char **text = kernel->module_texts; *text; text++) {
        g_autofree char *path = boot_module_file(*text);

        if (!add_module(path, *text, error)) {
            return false;
        }
    }
    return true;
}

static bool cpu_has_long_mode(const Cpu *cpu)
{
    return cpu && object_is(OBJECT(cpu), X86_CPU_TYPE) &&
           x86_feature_set_has(&((const X86Cpu *)cpu)->definition.features, "lm");
}

static GArray *memory_map(const PcFirmware *firmware)
{
    const E820Map *map = pc_firmware_memory_map(firmware);
    GArray *entries = g_array_new(FALSE, FALSE, sizeof(BootE820));

    for (unsigned i = 0; i < e820_count(map); i++) {
        E820Entry from = e820_entry(map, i);
        BootE820 to = { from.base, from.length, from.type };

        g_array_append_val(entries, to);
    }
    return entries;
}

static BootRequest make_request(const PcFirmware *firmware, const GArray *e820)
{
    const Machine *machine = machine_get();

    return (BootRequest){
        .kernel = (const uint8_t *)g_mapped_file_get_contents(kernel->file),
        .kernel_size = g_mapped_file_get_length(kernel->file),
        .kernel_name = machine->kernel,
        .command_line = machine->append,
        .modules = (const BootModule *)kernel->modules->data,
        .module_count = kernel->modules->len,
        .e820 = (const BootE820 *)e820->data,
        .e820_count = e820->len,
        .long_mode = cpu_has_long_mode(cpu_get(0)),
        .rsdp = pc_firmware_rsdp(firmware),
    };
}

/* ---- without a BIOS ---- */

static bool place_kernel(const PcFirmware *firmware, GError **error)
{
    g_autoptr(GArray) e820 = memory_map(firmware);
    BootRequest request = make_request(firmware, e820);
    g_autoptr(BootPlan) plan = NULL;
    uint8_t seed[RNG_SEED_SIZE];

    if (icount_options()->on) {
        /* Two runs are to be the same. */
        memset(seed, 0x5a, sizeof(seed));
        request.rng_seed = seed;
        request.rng_seed_size = sizeof(seed);
    } else if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) == sizeof(seed)) {
        request.rng_seed = seed;
        request.rng_seed_size = sizeof(seed);
    }
    plan = boot_plan_new(&request, error);
    if (!plan || !boot_plan_load(plan, machine_memory(), !kernel->started_once, error)) {
        return false;
    }
    for (guint i = 0; i < plan->notes->len && !kernel->started_once; i++) {
        report_warning("%s", (const char *)g_ptr_array_index(plan->notes, i));
    }
    kernel->started_once = true;
    for (unsigned i = 0; i < cpu_count(); i++) {
        Cpu *cpu = cpu_get(i);

        if (cpu && cpu->state) {
            boot_plan_apply(plan, cpu->state);
            cpu->state_loaded = true;
        }
    }
    return true;
}

/* ---- with a BIOS ---- */

static void set_data(FwCfg *fw, FwCfgKey key, GBytes *data)
{
    fw_cfg_set_item(fw, key, data);
    g_bytes_unref(data);
}

/* An address, a size and the content. The keys are those of the ROM. */
static void set_part(FwCfg *fw, const FwCfgKey keys[3], uint32_t address, GBytes *data)
{
    fw_cfg_set_number(fw, keys[0], address, 4);
    fw_cfg_set_number(fw, keys[1], g_bytes_get_size(data), 4);
    set_data(fw, keys[2], data);
}

static bool hand_over_kernel(const PcFirmware *firmware, GError **error)
{
    static const FwCfgKey setup_keys[] = { FW_CFG_SETUP_ADDR, FW_CFG_SETUP_SIZE,
                                           FW_CFG_SETUP_DATA };
    static const FwCfgKey kernel_keys[] = { FW_CFG_KERNEL_ADDR, FW_CFG_KERNEL_SIZE,
                                            FW_CFG_KERNEL_DATA };
    static const FwCfgKey cmdline_keys[] = { FW_CFG_CMDLINE_ADDR, FW_CFG_CMDLINE_SIZE,
                                             FW_CFG_CMDLINE_DATA };
    static const FwCfgKey initrd_keys[] = { FW_CFG_INITRD_ADDR, FW_CFG_INITRD_SIZE,
                                            FW_CFG_INITRD_DATA };
    g_autoptr(GArray) e820 = memory_map(firmware);
    BootRequest request = make_request(firmware, e820);
    g_autoptr(GBytes) file = g_mapped_file_get_bytes(kernel->file);
    const char *text = request.command_line ? request.command_line : "";
    FwCfg *fw = fw_cfg_find();
    BootSplit split;

    if (!fw) {
        error_set(error, ERROR_INVALID, "-kernel with -bios: the machine has no fw_cfg");
        return false;
    }
    if (!boot_split_linux(&request, &split, error)) {
        g_prefix_error(error, "-kernel %s: ", request.kernel_name);
        return false;
    }
    set_part(fw, setup_keys, split.setup_address,
             g_bytes_new_take(split.setup, split.setup_size));
    set_part(fw, kernel_keys, split.kernel_address,
             g_bytes_new_from_bytes(file, split.kernel - request.kernel, split.kernel_size));
    set_part(fw, cmdline_keys, split.command_line_address, g_bytes_new(text, strlen(text) + 1));
    if (request.module_count) {
        set_part(fw, initrd_keys, split.initrd_address,
                 g_mapped_file_get_bytes(g_ptr_array_index(kernel->module_files, 0)));
    }
    kernel->started_once = true;
    return true;
}

/* ---- when ---- */

static bool provide_kernel(const PcFirmware *firmware, GError **error)
{
    if (pc_firmware_is_direct(firmware)) {
        return place_kernel(firmware, error);
    }
    return kernel->started_once || hand_over_kernel(firmware, error);
}

static void machine_was_reset(void *opaque)
{
    const PcFirmware *firmware = pc_firmware_find();
    g_autoptr(GError) error = NULL;

    /* Without a map the firmware device has failed, and said so. */
    if (pc_firmware_memory_map(firmware) && !provide_kernel(firmware, &error)) {
        report_error("%s", error->message);
        machine_request_exit(1);
    }
}

/* Not before: the firmware device joins the machine's reset when it is realized. */
static void machine_ready(void *opaque)
{
    machine_on_reset(machine_was_reset, NULL);
}

bool start_kernel(GError **error)
{
    const Machine *machine = machine_get();
    BootImage image;

    if (!machine->kernel) {
        if (machine->initrd || machine->append) {
            error_set(error, ERROR_INVALID, "-%s works with -kernel only",
                      machine->initrd ? "initrd" : "append");
            return false;
        }
        return true;
    }
    if (!pc_firmware_find()) {
        error_set(error, ERROR_INVALID, "-kernel: machine '%s' cannot start a kernel",
                  machine->board);
        return false;
    }
    kernel = g_new0(Kernel, 1);
    kernel->module_files = g_ptr_array_new_with_free_func((GDestroyNotify)g_mapped_file_unref);
    kernel->modules = g_array_new(FALSE, FALSE, sizeof(BootModule));
    kernel->file = map_file("kernel", machine->kernel, error);
    if (!kernel->file) {
        return false;
    }
    if (!boot_parse((const uint8_t *)g_mapped_file_get_contents(kernel->file),
                    g_mapped_file_get_length(kernel->file), &image, error)) {
        g_prefix_error(error, "-kernel %s: ", machine->kernel);
        return false;
    }
    if (machine->initrd && !open_modules(machine->initrd, image.format, error)) {
        return false;
    }
    machine_on_ready(machine_ready, NULL);
    return true;
}

void stop_kernel(void)
{
    machine_off(machine_ready, NULL);
    machine_off(machine_was_reset, NULL);
    if (kernel) {
        g_clear_pointer(&kernel->file, g_mapped_file_unref);
        g_ptr_array_unref(kernel->module_files);
        g_array_free(kernel->modules, TRUE);
        g_strfreev(kernel->module_texts);
        g_clear_pointer(&kernel, g_free);
    }
}
