/* SPDX-License-Identifier: MIT */
/*
 * The PC's firmware as a device: it owns the BIOS image, listens to the machine's life, and has
 * the others of this folder build what is needed.
 *
 * The image lies at the end of the first 4 GiB, and its last 128 KiB also below 1 MiB, on the
 * PCI bus as on a PC, so that the host bridge's shadow RAM can cover it.
 */
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/log.h"
#include "hw/firmware/image.h"
#include "hw/firmware/pc-private.h"

enum { BIOS_ALIGNMENT = 64 * 1024, BIOS_MAX = 16 * 1024 * 1024, BIOS_LOW = 128 * 1024 };

static bool match_firmware(Object *object, void *found)
{
    if (object_is(object, "pc-firmware")) {
        *(PcFirmware **)found = (PcFirmware *)object;
        return false;
    }
    return true;
}

PcFirmware *pc_firmware_find(void)
{
    PcFirmware *firmware = NULL;

    if (machine_get()) {
        object_foreach(OBJECT(machine_get()), match_firmware, &firmware);
    }
    return firmware;
}

bool pc_firmware_is_direct(const PcFirmware *firmware)
{
    return firmware->direct;
}

const E820Map *pc_firmware_memory_map(const PcFirmware *firmware)
{
    return firmware->map;
}

uint64_t pc_firmware_rsdp(const PcFirmware *firmware)
{
    return firmware->rsdp;
}

/* ---- the BIOS image ---- */

static bool check_bios(const char *path, uint64_t *size, GError **errp)
{
    struct stat st;

    if (stat(path, &st) < 0) {
        error_set_errno(errp, errno, "could not load firmware '%s'", path);
        return false;
    }
    *size = st.st_size;
    if (!*size || *size % BIOS_ALIGNMENT || *size > BIOS_MAX) {
        error_set(errp, ERROR_INVALID,
                  "could not load firmware '%s': it has %" PRIu64 " bytes, a PC's has a "
                  "multiple of 64 KiB up to 16 MiB",
                  path, *size);
        return false;
    }
    return true;
}

/* The file itself is mapped: its pages are shared and never written. */
static bool load_bios(PcFirmware *firmware, GError **errp)
{
    const char *wanted = machine_get()->firmware;
    g_autofree char *path = firmware_image_find(wanted ? wanted : firmware->default_bios, errp);
    RamOptions options = { .path = path, .read_only = true };
    Object *owner = OBJECT(firmware);
    MemoryRegion *memory;
    uint64_t size, low;
    PciBus *pci;

    if (!path || !check_bios(path, &size, errp)) {
        return false;
    }
    firmware->rom_block = ram_block_new("pc.bios", size, &options, errp);
    if (!firmware->rom_block) {
        return false;
    }
    pci = pc_root_bus();
    memory = pci ? pci->bus.memory : system_bus()->memory;
    low = MIN(size, BIOS_LOW);
    firmware->rom = region_new_rom(owner, "pc.bios", firmware->rom_block);
    firmware->rom_below_1m =
        region_new_alias(owner, "isa-bios", firmware->rom, size - low, low);
    memory_transaction_begin();
    region_add(memory, (1ull << 32) - size, firmware->rom, 0);
    region_add(memory, (1 << 20) - low, firmware->rom_below_1m, 1);
    memory_transaction_commit();
    return true;
}

/* ---- the machine's life ---- */

/* Both below run where nothing can fail: the machine does not start then. */
static void give_up(GError *error)
{
    report_error("%s", error->message);
    g_error_free(error);
    machine_request_exit(1);
}

static void machine_ready(void *opaque)
{
    PcFirmware *firmware = opaque;
    FwCfg *fw = fw_cfg_find();
    GError *error = NULL;

    firmware->description = g_new(PcDescription, 1);
    pc_describe(firmware->description, firmware->direct);
    pc_write_cmos(firmware->description);
    if (fw && !pc_publish(firmware, fw, &error)) {
        give_up(error);
    }
}

static void machine_was_reset(void *opaque)
{
    PcFirmware *firmware = opaque;
    GError *error = NULL;

    if (firmware->direct && !pc_start_directly(firmware, &error)) {
        give_up(error);
    }
}

static bool pc_firmware_realize(Device *device, GError **errp)
{
    PcFirmware *firmware = (PcFirmware *)device;
    const Machine *machine = machine_get();

    if (machine->boot_order && !boot_devices_valid(machine->boot_order, errp)) {
        return false;
    }
    firmware->direct = machine->kernel && !machine->firmware;
    if (!firmware->direct && !load_bios(firmware, errp)) {
        return false;
    }
    machine_on_ready(machine_ready, firmware);
    machine_on_reset(machine_was_reset, firmware);
    return true;
}

static void pc_firmware_unrealize(Device *device)
{
    PcFirmware *firmware = (PcFirmware *)device;

    machine_off(machine_ready, firmware);
    machine_off(machine_was_reset, firmware);
}

static void pc_firmware_init(Object *object)
{
    PcFirmware *firmware = (PcFirmware *)object;

    firmware->smbios = smbios_options_new();
    firmware->option_roms = g_ptr_array_new_with_free_func(g_free);
}

static void pc_firmware_finalize(Object *object)
{
    PcFirmware *firmware = (PcFirmware *)object;

    if (firmware->description) {
        pc_description_release(firmware->description);
        g_clear_pointer(&firmware->description, g_free);
    }
    g_clear_pointer(&firmware->rom_below_1m, region_free);
    g_clear_pointer(&firmware->rom, region_free);
    g_clear_pointer(&firmware->rom_block, ram_block_free);
    g_clear_pointer(&firmware->map, e820_free);
    g_clear_pointer(&firmware->smbios, smbios_options_free);
    g_clear_pointer(&firmware->option_roms, g_ptr_array_unref);
}

/* ---- properties ---- */

static bool add_smbios(Object *object, const Property *property, GVariant *value, GError **errp)
{
    return smbios_options_add(((PcFirmware *)object)->smbios, g_variant_get_string(value, NULL),
                              errp);
}

static bool add_option_rom(Object *object, const Property *property, GVariant *value,
                           GError **errp)
{
    char *path = firmware_image_find(g_variant_get_string(value, NULL), errp);

    if (path) {
        g_ptr_array_add(((PcFirmware *)object)->option_roms, path);
    }
    return path != NULL;
}

static GVariant *get_option_roms(Object *object, const Property *property)
{
    GPtrArray *roms = ((PcFirmware *)object)->option_roms;
    g_autoptr(GString) list = g_string_new(NULL);

    for (guint i = 0; i < roms->len; i++) {
        g_string_append_printf(list, "%s%s", i ? "," : "",
                               (const char *)g_ptr_array_index(roms, i));
    }
    return g_variant_new_string(list->str);
}

static GVariant *get_smbios(Object *object, const Property *property)
{
    return g_variant_new_take_string(smbios_options_help());
}

static const char *const entry_points[] = { "32", "64", NULL };

static const Property pc_firmware_properties[] = {
    { .name = "default-bios",
      .description = "the BIOS where -bios says nothing",
      FIELD(PcFirmware, default_bios),
      .def.s = "bios-256k.bin" },
    { .name = "smbios-entry-point-type",
      .description = "of the SMBIOS tables",
      FIELD(PcFirmware, entry_point),
      .values = entry_points },
    { .name = "smbios",
      .description = "adds to the SMBIOS tables as -smbios does; reads as help",
      .type_name = "str",
      .get = get_smbios,
      .set = add_smbios },
    { .name = "option-rom",
      .description = "adds an option ROM that the BIOS initializes",
      .type_name = "str",
      .get = get_option_roms,
      .set = add_option_rom },
};

#define MADE_AGAIN "made again from the finished tree"

static const TransientInfo pc_firmware_transient[] = {
    { FIELD(PcFirmware, smbios), "the user's options" },
    { FIELD(PcFirmware, option_roms), "the user's options" },
    { FIELD(PcFirmware, direct), "follows from the machine's options" },
    { FIELD(PcFirmware, description), MADE_AGAIN },
    { FIELD(PcFirmware, rom_block), MADE_AGAIN },
    { FIELD(PcFirmware, rom), MADE_AGAIN },
    { FIELD(PcFirmware, rom_below_1m), MADE_AGAIN },
    { FIELD(PcFirmware, map), MADE_AGAIN },
    { FIELD(PcFirmware, rsdp), MADE_AGAIN },
};

const DeviceType pc_firmware_type = {
    .name = "pc-firmware",
    .parent = "sys-bus-device",
    .description = "the BIOS of a PC, or what stands in for it",
    .size = sizeof(PcFirmware),
    .compatible = "vmm,pc-firmware",
    .board_only = true,
    .properties = TABLE(pc_firmware_properties),
    .transient = TABLE(pc_firmware_transient),
    .init = pc_firmware_init,
    .finalize = pc_firmware_finalize,
    .realize = pc_firmware_realize,
    .unrealize = pc_firmware_unrealize,
};
