/* SPDX-License-Identifier: MIT */
/* Handing a PC's tables and settings to the BIOS, as the fw_cfg files that SeaBIOS and OVMF
 * read (SeaBIOS docs/Runtime_config.md). */
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "base/log.h"
#include "hw/firmware/kernel-rom.h"
#include "hw/firmware/pc-private.h"

/* Takes the bytes. */
static bool set_file(FwCfg *fw, const char *name, GByteArray *bytes, GError **errp)
{
    g_autoptr(GBytes) data = g_byte_array_free_to_bytes(bytes);

    return fw_cfg_set_file(fw, name, data, errp);
}

static void take_item(FwCfg *fw, uint16_t key, GBytes *data)
{
    fw_cfg_set_item(fw, key, data);
    g_bytes_unref(data);
}

/* The items that have numbers; every firmware and also direct boot's kernels may read them. */
static void publish_numbers(FwCfg *fw, const PcDescription *d)
{
    const Machine *machine = machine_get();
    unsigned cpus = MAX(d->cpus->len, 1);

    take_item(fw, FW_CFG_UUID, g_bytes_new(machine->uuid, sizeof(machine->uuid)));
    fw_cfg_set_number(fw, FW_CFG_RAM_SIZE, machine->ram_size, 8);
    fw_cfg_set_number(fw, FW_CFG_NOGRAPHIC, !machine->graphics, 2);
    fw_cfg_set_number(fw, FW_CFG_NB_CPUS, cpus, 2);
    /* SeaBIOS takes the highest APIC identifier that can be, plus one. */
    fw_cfg_set_number(fw, FW_CFG_MAX_CPUS, MAX(machine->max_cpus, cpus), 2);
    fw_cfg_set_number(fw, FW_CFG_BOOT_MENU, machine->boot_menu, 2);
    /* The timer is on pin 2 of the I/O APIC. */
    fw_cfg_set_number(fw, FW_CFG_IRQ0_OVERRIDE, 1, 4);
}

/* A count, then for each timer block its identification, address, least tick and protection. */
static void publish_hpet(FwCfg *fw, const AcpiMachine *m)
{
    enum { ENTRY = 15, ENTRIES = 8 };
    uint8_t bytes[1 + ENTRY * ENTRIES] = { 0 };

    if (m->hpet_base) {
        bytes[0] = 1;
        store_le(bytes + 1, m->hpet_block_id, 4);
        store_le(bytes + 5, m->hpet_base, 8);
    }
    take_item(fw, FW_CFG_HPET, g_bytes_new(bytes, sizeof(bytes)));
}

/*
 * RAM in one entry below 4 GiB and one above, and what is kept; the BIOS itself cuts out what
 * is below 1 MiB.
 */
static bool publish_memory_map(FwCfg *fw, const PcDescription *d, GError **errp)
{
    g_autoptr(E820Map) map = pc_memory_map(d);

    return set_file(fw, "etc/e820", e820_encode(map), errp);
}

static bool publish_acpi(FwCfg *fw, const AcpiMachine *machine, GError **errp)
{
    g_autoptr(TableLoader) loader = NULL;

    if (!machine_get()->acpi) {
        return true;
    }
    loader = acpi_build(machine);
    for (unsigned i = 0; i < table_loader_blob_count(loader); i++) {
        const TableBlob *blob = table_loader_blob(loader, i);
        g_autoptr(GBytes) data = g_bytes_new(blob->data->data, blob->data->len);

        if (!fw_cfg_set_file(fw, blob->name, data, errp)) {
            return false;
        }
    }
    return set_file(fw, ACPI_LOADER_FILE, table_loader_script(loader), errp);
}

/* The guest selects a file of the ACPI tables: it has placed by now what they speak of. */
static void update_acpi(void *opaque, FwCfg *fw)
{
    PcFirmware *firmware = opaque;
    GError *error = NULL;

    if (pc_describe_placement(firmware->description) &&
        !publish_acpi(fw, &firmware->description->acpi, &error)) {
        report_error("%s", error->message);
        g_error_free(error);
    }
}

static void follow_placement(FwCfg *fw, PcFirmware *firmware)
{
    static const char *const files[] = { ACPI_TABLES_FILE, ACPI_RSDP_FILE, ACPI_LOADER_FILE };

    for (unsigned i = 0; i < G_N_ELEMENTS(files) && machine_get()->acpi; i++) {
        fw_cfg_on_select(fw, files[i], update_acpi, firmware);
    }
}

static bool publish_smbios(FwCfg *fw, const PcFirmware *firmware, const PcDescription *d,
                           GError **errp)
{
    SmbiosMachine machine = pc_describe_smbios(d);
    SmbiosTables tables;
    GByteArray *anchor;
    bool ok;

    machine.bios_adds_type0 = true;
    if (!smbios_build(&machine, firmware->smbios, &tables, errp)) {
        return false;
    }
    anchor = firmware->entry_point ? smbios_entry_point_64(&tables, 0)
                                   : smbios_entry_point_32(&tables, 0, errp);
    ok = anchor && set_file(fw, SMBIOS_ANCHOR_FILE, anchor, errp) &&
         set_file(fw, SMBIOS_TABLES_FILE, g_steal_pointer(&tables.data), errp);
    smbios_tables_release(&tables);
    return ok;
}

/* A byte for each of S0 to S5: bit 7, whether it is there; below, its SLP_TYP. */
static bool publish_sleep_states(FwCfg *fw, const AcpiMachine *m, GError **errp)
{
    enum { SUPPORTED = 0x80, PIIX4_SUSPEND_TO_RAM = 1 };
    uint8_t states[6] = { SUPPORTED, 0, 0, 0, 0, SUPPORTED };
    GByteArray *bytes = g_byte_array_new();

    states[3] = PIIX4_SUSPEND_TO_RAM | (m->s3 ? SUPPORTED : 0);
    states[4] = m->s4_sleep_type | (m->s4 ? SUPPORTED : 0);
    g_byte_array_append(bytes, states, sizeof(states));
    return set_file(fw, "etc/system-states", bytes, errp);
}

/* A kernel together with a BIOS: the ROM that loads it is the first to boot. */
static bool publish_kernel_rom(FwCfg *fw, BootOrder *order, GError **errp)
{
    g_autoptr(GBytes) rom = g_bytes_new_static(kernel_rom, kernel_rom_size);

    if (!kernel_rom_size) {
        error_set(
            errp, ERROR_INVALID,
            "-kernel with -bios: the loader's ROM is not in this build, which was made without "
            "a compiler of x86 (x86_64-linux-gnu-gcc); leave -bios out");
        return false;
    }
    return fw_cfg_set_file(fw, KERNEL_ROM_FILE, rom, errp) &&
           boot_order_add(order, -1, KERNEL_ROM_PATH, "-kernel", errp);
}

static bool publish_boot_order(FwCfg *fw, GError **errp)
{
    g_autoptr(BootOrder) order = boot_order_new();
    GByteArray *file;

    if (!pc_boot_order(order, errp) ||
        (machine_get()->kernel && !publish_kernel_rom(fw, order, errp))) {
        return false;
    }
    file = boot_order_file(order, machine_get()->boot_strict);
    return !file || set_file(fw, BOOT_ORDER_FILE, file, errp);
}

/* A file whose name begins with "genroms/" is copied to 0xc0000 and initialized. */
static bool publish_option_roms(FwCfg *fw, const PcFirmware *firmware, GError **errp)
{
    for (guint i = 0; i < firmware->option_roms->len; i++) {
        const char *path = g_ptr_array_index(firmware->option_roms, i);
        g_autofree char *base = g_path_get_basename(path);
        g_autofree char *name = g_strconcat("genroms/", base, NULL);
        char *content;
        gsize length;

        if (!g_file_get_contents(path, &content, &length, errp)) {
            g_prefix_error(errp, "-option-rom %s: ", path);
            return false;
        }
        if (!set_file(fw, name, g_byte_array_new_take((guint8 *)content, length), errp)) {
            return false;
        }
    }
    return true;
}

/* Where a boot loader may put things while the BIOS has its own at the end of low RAM. */
static E820Map *loader_map(const PcDescription *d)
{
    enum { BIOS_END_ROOM = 2 << 20 };
    E820Map *map = pc_memory_map(d);

    e820_add(map, 0x9fc00, 0x100000 - 0x9fc00, E820_RESERVED);
    if (d->low_end >= 4 * BIOS_END_ROOM) {
        e820_add(map, d->low_end - BIOS_END_ROOM, BIOS_END_ROOM, E820_RESERVED);
    }
    return map;
}

bool pc_publish(PcFirmware *firmware, FwCfg *fw, GError **errp)
{
    const PcDescription *d = firmware->description;

    publish_numbers(fw, d);
    publish_hpet(fw, &d->acpi);
    if (firmware->direct) {
        return true;
    }
    firmware->map = loader_map(d);
    if (!publish_memory_map(fw, d, errp) || !publish_acpi(fw, &d->acpi, errp) ||
        !publish_smbios(fw, firmware, d, errp) || !publish_sleep_states(fw, &d->acpi, errp) ||
        !publish_boot_order(fw, errp) || !publish_option_roms(fw, firmware, errp)) {
        return false;
    }
    follow_placement(fw, firmware);
    return true;
}
