/* SPDX-License-Identifier: MIT */
/*
 * Starting without a BIOS: its work on the chips and on PCI, and the tables where an operating
 * system looks for them. All of it by the accesses that a BIOS would make.
 */
#include "base/bits.h"
#include "base/error.h"
#include "base/log.h"
#include "hw/firmware/pc-private.h"
#include "hw/firmware/pci-setup.h"

#define GIB (1ull << 30)

/* Shadow RAM: ACPI tables in the E segment, anchors and SMBIOS in the F segment. */
enum {
    TABLES_FIRST = 0xe0000,
    ANCHORS_FIRST = 0xf0000,
    SHADOW_END = 0x100000,
    EBDA = 0x9fc00,
    VIDEO = 0xa0000,
};

/* ---- the chips ---- */

static void port_write(AddressSpace *io, uint16_t port, unsigned size, uint32_t value)
{
    address_space_store(io, port, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, value);
}

static uint32_t port_read(AddressSpace *io, uint16_t port, unsigned size)
{
    uint64_t value;

    address_space_load(io, port, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, &value);
    return value;
}

/* 82441FX, 3.2.18: RAM for reads and writes in all segments from 0xc0000 to 0xfffff. */
static void setup_i440fx(AddressSpace *io, unsigned bus, unsigned devfn)
{
    enum { PAM0 = 0x59, PAM6 = 0x5f };

    pci_ports_write(io, bus, devfn, PAM0, 1, 0x30);
    for (unsigned pam = PAM0 + 1; pam <= PAM6; pam++) {
        pci_ports_write(io, bus, devfn, pam, 1, 0x33);
    }
}

/* 82371SB: PIRQ routes, and the routed lines level triggered (ELCR). */
static void setup_piix3(AddressSpace *io, unsigned bus, unsigned devfn)
{
    enum { PIRQRCA = 0x60, ELCR = 0x4d0 };
    uint16_t level = 1 << PC_SCI_IRQ;

    for (unsigned pirq = 0; pirq < 4; pirq++) {
        pci_ports_write(io, bus, devfn, PIRQRCA + pirq, 1, pc_pirq_line(pirq));
        level |= 1 << pc_pirq_line(pirq);
    }
    port_write(io, ELCR, 1, level & 0xff);
    port_write(io, ELCR + 1, 1, level >> 8);
}

/* 82371SB, 2.3.13 IDETIM: both channels decode. */
static void setup_ide(AddressSpace *io, unsigned bus, unsigned devfn)
{
    enum { IDETIM_PRIMARY = 0x40, IDETIM_SECONDARY = 0x42, DECODE = 0x8000 };

    pci_ports_write(io, bus, devfn, IDETIM_PRIMARY, 2, DECODE);
    pci_ports_write(io, bus, devfn, IDETIM_SECONDARY, 2, DECODE);
}

/* 82371AB, 7.1: the power management and SMBus blocks. */
static void setup_piix4(AddressSpace *io, unsigned bus, unsigned devfn)
{
    enum { PMBA = 0x40, PMREGMISC = 0x80, SMBBA = 0x90, SMBHSTCFG = 0xd2, COMMAND = 0x04 };
    enum { PMIOSE = 1, SMB_HST_EN_IRQ9 = 0x09, COMMAND_IO = 1 };

    pci_ports_write(io, bus, devfn, PMBA, 4, PC_PM_BASE | 1);
    pci_ports_write(io, bus, devfn, PMREGMISC, 1, PMIOSE);
    pci_ports_write(io, bus, devfn, SMBBA, 4, PC_SMBUS_BASE | 1);
    pci_ports_write(io, bus, devfn, SMBHSTCFG, 1, SMB_HST_EN_IRQ9);
    pci_ports_write(io, bus, devfn, COMMAND, 2,
                    pci_ports_read(io, bus, devfn, COMMAND, 2) | COMMAND_IO);
    pci_ports_write(io, bus, devfn, PCI_INTERRUPT_LINE, 1, PC_SCI_IRQ);
}

/* 82371AB, 7.2.3: events raise the SCI instead of SMIs. The block has to be mapped. */
static void enable_sci(void)
{
    enum { PMCNTRL = PC_PM_BASE + 4, SCI_EN = 1 };

    port_write(machine_io(), PMCNTRL, 2, port_read(machine_io(), PMCNTRL, 2) | SCI_EN);
}

static const struct {
    uint32_t id;
    void (*setup)(AddressSpace *io, unsigned bus, unsigned devfn);
} chips[] = {
    { 0x12378086, setup_i440fx },
    { 0x70008086, setup_piix3 },
    { 0x70108086, setup_ide },
    { 0x71138086, setup_piix4 },
};

static void setup_chip(void *opaque, AddressSpace *io, unsigned bus, unsigned devfn,
                       uint32_t id)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(chips); i++) {
        if (chips[i].id == id) {
            chips[i].setup(io, bus, devfn);
        }
    }
}

static uint8_t interrupt_line(void *opaque, unsigned slot, unsigned pin)
{
    return pc_interrupt_line(opaque, slot, pin);
}

static void setup_pci(PcDescription *d)
{
    const AcpiWindow *high = &d->acpi.pci_window[1];
    PciSetup setup = {
        .io = machine_io(),
        .ports = { 0xc000, 0xffff },
        .low = { MAX(d->low_end, PC_PCI_LOW_FIRST), PC_PCI_LOW_LAST },
        .high = { high->first, high->last },
        .interrupt_line = interrupt_line,
        .chip = setup_chip,
        .opaque = d,
    };
    PciSetupResult result;

    if (d->root) {
        result = pci_setup(&setup);
        if (result.unplaced) {
            report_warning("%u PCI base addresses got no room below the %u-th GiB and are off",
                           result.unplaced, (unsigned)(high->last / GIB + 1));
        }
    }
}

/* Port 92: A20 open, no reset. */
static void open_a20(void)
{
    enum { PORT92 = 0x92, FAST_INIT = 1, A20_OPEN = 2 };
    AddressSpace *io = machine_io();

    port_write(io, PORT92, 1, (port_read(io, PORT92, 1) & 0xfc & ~FAST_INIT) | A20_OPEN);
}

/* ---- the memory map ---- */

static E820Map *make_map(const PcDescription *d)
{
    E820Map *map = pc_memory_map(d);

    e820_add(map, EBDA, VIDEO - EBDA, E820_RESERVED);
    e820_add(map, VIDEO, TABLES_FIRST - VIDEO, E820_NONE);
    e820_add(map, TABLES_FIRST, SHADOW_END - TABLES_FIRST, E820_RESERVED);
    return map;
}

/* ---- the BIOS data area ---- */

static bool write_memory(uint32_t address, const void *data, size_t size, GError **errp)
{
    if (address_space_write(machine_memory(), address, MEMORY_ATTRS_NONE, data, size) !=
        MEMORY_OK) {
        error_set(errp, ERROR_FAILED,
                  "firmware tables cannot be written at 0x%x: no RAM is there", address);
        return false;
    }
    return true;
}

/*
 * What kernels read of it: where memory below 640 KiB ends, and what lies there. Its other
 * words are about devices that only a BIOS's calls use, and stay 0.
 */
static bool write_bios_data(GError **errp)
{
    enum { EBDA_SEGMENT = 0x40e, BASE_MEMORY = 0x413 };
    uint8_t segment[2], kib[2], ebda_kib = (VIDEO - EBDA) / 1024;

    store_le(segment, EBDA >> 4, sizeof(segment));
    store_le(kib, EBDA / 1024, sizeof(kib));
    return write_memory(EBDA_SEGMENT, segment, sizeof(segment), errp) &&
           write_memory(BASE_MEMORY, kib, sizeof(kib), errp) &&
           write_memory(EBDA, &ebda_kib, sizeof(ebda_kib), errp);
}

/* ---- the tables ---- */

/* The room of one segment that is still free. */
typedef struct Room {
    uint32_t next, end;
} Room;

static bool take_room(Room *room, uint32_t size, uint32_t alignment, uint32_t *address,
                      GError **errp)
{
    *address = (room->next + alignment - 1) & ~(alignment - 1);
    if (*address > room->end || size > room->end - *address) {
        error_set(errp, ERROR_INVALID,
                  "firmware tables of %u bytes do not fit what is left of the 64 KiB up to "
                  "0x%x; start through a BIOS (-bios) instead",
                  size, room->end);
        return false;
    }
    room->next = *address + size;
    return true;
}

static bool write_acpi(PcFirmware *firmware, const AcpiMachine *machine, Room *tables,
                       Room *anchors, GError **errp)
{
    g_autoptr(TableLoader) loader = NULL;

    firmware->rsdp = 0;
    if (!machine_get()->acpi) {
        return true;
    }
    loader = acpi_build(machine);
    for (unsigned i = 0; i < table_loader_blob_count(loader); i++) {
        TableBlob *blob = table_loader_blob(loader, i);
        uint32_t address;

        if (!take_room(blob->zone == TABLE_ZONE_F_SEGMENT ? anchors : tables, blob->data->len,
                       blob->alignment, &address, errp)) {
            return false;
        }
        blob->address = address;
        if (!strcmp(blob->name, ACPI_RSDP_FILE)) {
            firmware->rsdp = address;
        }
    }
    if (!table_loader_link(loader, errp)) {
        return false;
    }
    for (unsigned i = 0; i < table_loader_blob_count(loader); i++) {
        const TableBlob *blob = table_loader_blob(loader, i);

        if (!write_memory(blob->address, blob->data->data, blob->data->len, errp)) {
            return false;
        }
    }
    return true;
}

static bool write_smbios(PcFirmware *firmware, const PcDescription *d, Room *anchors,
                         GError **errp)
{
    enum { ANCHOR_ROOM = 32, ALIGNMENT = 16 };
    SmbiosMachine machine = pc_describe_smbios(d);
    g_autoptr(GByteArray) anchor = NULL;
    uint32_t anchor_at, at;
    SmbiosTables tables;
    bool ok;

    if (!smbios_build(&machine, firmware->smbios, &tables, errp)) {
        return false;
    }
    ok = take_room(anchors, ANCHOR_ROOM, ALIGNMENT, &anchor_at, errp) &&
         take_room(anchors, tables.data->len, ALIGNMENT, &at, errp);
    if (ok) {
        anchor = firmware->entry_point ? smbios_entry_point_64(&tables, at)
                                       : smbios_entry_point_32(&tables, at, errp);
        ok = anchor && write_memory(anchor_at, anchor->data, anchor->len, errp) &&
             write_memory(at, tables.data->data, tables.data->len, errp);
    }
    smbios_tables_release(&tables);
    return ok;
}

bool pc_start_directly(PcFirmware *firmware, GError **errp)
{
    Room tables = { TABLES_FIRST, ANCHORS_FIRST }, anchors = { ANCHORS_FIRST, SHADOW_END };
    PcDescription d;
    bool ok;

    pc_describe(&d, true);
    /* One change of the map for all base addresses and shadow segments. */
    memory_transaction_begin();
    setup_pci(&d);
    memory_transaction_commit();
    if (d.acpi.pm_base) {
        enable_sci();
    }
    open_a20();
    g_clear_pointer(&firmware->map, e820_free);
    firmware->map = make_map(&d);
    ok = write_bios_data(errp) && write_acpi(firmware, &d.acpi, &tables, &anchors, errp) &&
         write_smbios(firmware, &d, &anchors, errp);
    pc_description_release(&d);
    return ok;
}
