/* SPDX-License-Identifier: MIT */
/* Reading the finished tree of a PC. */
#include <string.h>

#include "hw/core/cpu.h"
#include "hw/firmware/pc-private.h"

#define GIB (1ull << 30)

enum { LOCAL_APIC = 0xfee00000u };

/* ---- RAM, from the CPUs' flat view ---- */

typedef struct RamListener {
    MemoryListener listener;
    GArray *ranges;
} RamListener;

/* Ranges come in ascending order. What lies below 1 MiB is shadowed and windowed; the RAM there
 * is that of the first range, whatever shows now. */
static void collect_ram(MemoryListener *listener, const FlatRange *range)
{
    GArray *ranges = ((RamListener *)listener)->ranges;
    SmbiosMemoryRange ram = { range->start, range->last - range->start + 1 };
    SmbiosMemoryRange *last =
        ranges->len ? &g_array_index(ranges, SmbiosMemoryRange, ranges->len - 1) : NULL;

    if (!range->block || range->readonly || (range->start && range->start < 0x100000)) {
        return;
    }
    if (last && (range->start == 0x100000 || last->base + last->length == range->start)) {
        last->length = range->last + 1 - last->base;
        return;
    }
    g_array_append_val(ranges, ram);
}

static void describe_ram(PcDescription *d)
{
    static const MemoryListenerOps ops = { .add = collect_ram };
    RamListener ram = { { &ops }, d->ram };

    memory_listener_register(&ram.listener, machine_memory());
    memory_listener_unregister(&ram.listener);
    d->high_end = 4 * GIB;
    for (guint i = 0; i < d->ram->len; i++) {
        const SmbiosMemoryRange *range = &g_array_index(d->ram, SmbiosMemoryRange, i);

        if (range->base < 4 * GIB) {
            d->low_end = range->base + range->length;
        } else {
            d->high_end = range->base + range->length;
        }
    }
}

/* ---- devices by type ---- */

typedef struct TypeSearch {
    const char *type;
    Device *found;
} TypeSearch;

static bool match_type(Object *object, void *opaque)
{
    TypeSearch *search = opaque;

    if (object_is(object, search->type)) {
        search->found = DEVICE(object);
        return false;
    }
    return true;
}

/* The first device of a type, or NULL. */
static Device *find_type(const char *type)
{
    TypeSearch search = { type, NULL };

    if (object_type_find(type)) {
        object_foreach(OBJECT(machine_get()), match_type, &search);
    }
    return search.found;
}

/* A number that is a property of the device, or `otherwise` when it has no such property. */
static uint64_t property_number(Device *device, const char *name, uint64_t otherwise)
{
    g_autoptr(GVariant) value = NULL;

    if (!object_type_property(device->object.type, name)) {
        return otherwise;
    }
    value = object_get(OBJECT(device), name, NULL);
    return value && g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64)
               ? g_variant_get_uint64(value)
               : otherwise;
}

/* ---- the ISA bus ---- */

typedef struct IsaType {
    const char *type;
    AcpiIsaKind kind;
    unsigned irq; /* when neither wires nor properties tell */
} IsaType;

static const IsaType isa_types[] = {
    { "mc146818rtc", ACPI_ISA_RTC, 8 },       { "i8042", ACPI_ISA_KEYBOARD, 1 },
    { "i8042", ACPI_ISA_MOUSE, 12 },          { "isa-fdc", ACPI_ISA_FLOPPY, 6 },
    { "isa-parallel", ACPI_ISA_PARALLEL, 7 }, { "isa-serial", ACPI_ISA_SERIAL, 4 },
    { "fw_cfg_io", ACPI_ISA_FW_CFG, 0 },      { "pvpanic", ACPI_ISA_PVPANIC, 0 },
};

/* The line of the bus that the device's only output drives. */
static bool wired_line(Device *device, unsigned *irq)
{
    const Bus *bus = device->bus;
    Device *to;
    unsigned in, line;

    if (!bus || !bus->interrupt_device || device_type(device)->pins.count != 1) {
        return false;
    }
    for (unsigned n = 0; pin_target(device, 0, 0, n, &to, &in, &line); n++) {
        if (to == bus->interrupt_device && in == bus->interrupt_pin && line < 16) {
            *irq = line;
            return true;
        }
    }
    return false;
}

static bool add_isa_device(Object *object, void *opaque)
{
    PcDescription *d = opaque;

    for (unsigned i = 0; i < G_N_ELEMENTS(isa_types); i++) {
        const IsaType *type = &isa_types[i];
        AcpiIsaDevice isa = { .kind = type->kind, .dma = 2 };
        Device *device = DEVICE(object);
        uint64_t address;
        unsigned irq;

        if (!object_type_find(type->type) || !object_is(object, type->type) ||
            !device_bank_address(device, 0, &address)) {
            continue;
        }
        isa.io = address;
        if (!wired_line(device, &irq)) {
            irq = property_number(device, "irq", type->irq);
        }
        isa.irq = irq < 16 ? irq : type->irq;
        g_array_append_val(d->isa, isa);
    }
    return true;
}

/* By kind, and within a kind by the number that people know: that of the lowest line's port. */
static gint compare_isa(gconstpointer a, gconstpointer b)
{
    static const uint16_t order[] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
    const AcpiIsaDevice *x = a, *y = b;
    unsigned nx = 0, ny = 0;

    if (x->kind != y->kind) {
        return (int)x->kind - (int)y->kind;
    }
    while (nx < G_N_ELEMENTS(order) && order[nx] != x->io) {
        nx++;
    }
    while (ny < G_N_ELEMENTS(order) && order[ny] != y->io) {
        ny++;
    }
    return nx != ny ? (int)nx - (int)ny : (int)x->io - (int)y->io;
}

/* ---- processors and interrupt controllers ---- */

static void describe_cpus(PcDescription *d)
{
    for (unsigned i = 0; i < cpu_count(); i++) {
        const Cpu *cpu = cpu_get(i);
        AcpiCpu acpi = { cpu ? cpu->arch_id : i, cpu != NULL, 0 };

        g_array_append_val(d->cpus, acpi);
    }
}

static void describe_io_apic(PcDescription *d)
{
    Device *device = find_type("ioapic");
    AcpiIoApic io_apic = { .id = 0, .gsi_base = 0 };
    uint64_t address;

    if (device && device_bank_address(device, 0, &address)) {
        io_apic.address = address;
        g_array_append_val(d->io_apics, io_apic);
    }
}

/* ---- timers and power management ---- */

static void describe_hpet(AcpiMachine *m)
{
    Device *device = find_type("hpet");
    uint64_t address, id;

    if (device && device_bank_address(device, 0, &address) &&
        address_space_load(machine_memory(), address, 4, ENDIAN_LITTLE, MEMORY_ATTRS_NONE,
                           &id) == MEMORY_OK) {
        m->hpet_base = address;
        m->hpet_block_id = id;
    }
}

/* The PIIX4 has its general purpose events at 0x0c of its block (82371AB, 7.1 and 7.2). */
static void place_power(AcpiMachine *m, uint16_t pm_base, uint16_t smbus_base)
{
    enum { GPE_AT = 0x0c, GPE_LENGTH = 4 };

    m->pm_base = pm_base;
    m->smbus_base = smbus_base;
    m->gpe_base = pm_base + GPE_AT;
    m->gpe_length = GPE_LENGTH;
}

static void describe_power(AcpiMachine *m, const PciDevice *piix4, bool direct)
{
    enum { S4_TYPE = 2 };
    Device *device = DEVICE(piix4);

    place_power(m, PC_PM_BASE, PC_SMBUS_BASE);
    m->sci_irq = PC_SCI_IRQ;
    m->smi_port = 0xb2;
    m->acpi_enable = 0xf1;
    m->acpi_disable = 0xf0;
    m->pm_devfn = piix4->devfn;
    /* Waking from S3 starts in the firmware. */
    m->s3 = !direct && !property_number(device, "disable_s3", 1);
    m->s4 = !property_number(device, "disable_s4", 1);
    m->s4_sleep_type = property_number(device, "s4_val", S4_TYPE);
}

/* ---- PCI ---- */

static bool match_root_bus(Object *object, void *found)
{
    if (object_is(object, "PCI") && PCI_BUS(object)->host) {
        *(PciBus **)found = PCI_BUS(object);
        return false;
    }
    return true;
}

PciBus *pc_root_bus(void)
{
    PciBus *root = NULL;

    object_foreach(OBJECT(machine_get()), match_root_bus, &root);
    return root;
}

uint8_t pc_pirq_line(unsigned pirq)
{
    static const uint8_t lines[4] = { 10, 10, 11, 11 };

    return lines[pirq & 3];
}

uint8_t pc_interrupt_line(const PcDescription *d, unsigned slot, unsigned pin)
{
    uint8_t pirq = d->acpi.pirq[slot & 31][pin & 3];

    if (pirq == ACPI_PIRQ_SCI) {
        return PC_SCI_IRQ;
    }
    return pirq == ACPI_PIRQ_NONE ? 0xff : pc_pirq_line(pirq);
}

static void describe_routing(AcpiMachine *m, PciBus *root)
{
    for (unsigned slot = 0; slot < 32; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            m->pirq[slot][pin] =
                slot && root->host ? root->host->line_of(root, slot, pin) & 3 : ACPI_PIRQ_NONE;
        }
    }
    if (m->pm_devfn) {
        /* The PM function says INTA# in its header, but drives the SCI. */
        m->pirq[PCI_SLOT(m->pm_devfn)][0] = ACPI_PIRQ_SCI;
    }
}

static void describe_windows(PcDescription *d)
{
    AcpiMachine *m = &d->acpi;
    uint64_t high = (d->high_end + GIB - 1) & ~(GIB - 1);

    m->pci_window[0] = (AcpiWindow){ d->low_end, PC_PCI_LOW_LAST };
    m->pci_window[1] = (AcpiWindow){ high, high + 32 * GIB - 1 };
    m->pci_window_count = 2;
}

static void describe_pci(PcDescription *d, bool direct)
{
    enum { PIIX3_ISA = 0x70008086, PIIX4_PM = 0x71138086 };
    AcpiMachine *m = &d->acpi;

    d->root = pc_root_bus();
    if (!d->root) {
        return;
    }
    m->has_pci = true;
    m->pci_last_bus = 255;
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        PciDevice *pci = d->root->devices[devfn];
        uint32_t id = pci ? pci_config_load(pci, PCI_VENDOR_ID, 4) : 0;

        if (id == PIIX3_ISA) {
            m->isa_bridge_devfn = devfn;
            m->reset_port = 0xcf9;
            m->reset_value = 0x06; /* a hard reset, and do it */
        } else if (id == PIIX4_PM) {
            describe_power(m, pci, direct);
        }
    }
    describe_routing(m, d->root);
    describe_windows(d);
}

/* ---- what a BIOS has placed ---- */

/* 82371AB, 7.1.26 PMBA and 7.1.30 SMBBA; a base of 0 is not placed. */
static void read_power(AcpiMachine *m, const PciDevice *piix4)
{
    enum { PMBA = 0x40, PMBA_BITS = 0xffc0, SMBBA = 0x90, SMBBA_BITS = 0xfff0 };
    uint16_t pm = pci_config_load(piix4, PMBA, 4) & PMBA_BITS;
    uint16_t smbus = pci_config_load(piix4, SMBBA, 4) & SMBBA_BITS;

    place_power(m, pm ? pm : PC_PM_BASE, smbus ? smbus : PC_SMBUS_BASE);
}

/* A range that begins below the window's least start is somebody's mistake, and not the bus's. */
static void widen(AcpiWindow *window, uint64_t least, uint64_t first, uint64_t last)
{
    if (first >= least && last >= first) {
        window->first = MIN(window->first, first);
        window->last = MAX(window->last, last);
    }
}

/* What a bridge passes on beyond 4 GiB: PPB 3.2.5.9 and 3.2.5.10. */
static void read_bridge(AcpiWindow *window, uint64_t least, const PciDevice *pci)
{
    uint32_t base = pci_config_load(pci, PPB_PREFETCH_BASE, 2);
    uint32_t limit = pci_config_load(pci, PPB_PREFETCH_LIMIT, 2);
    uint64_t base_high = pci_config_load(pci, PPB_PREFETCH_BASE_UPPER, 4);
    uint64_t limit_high = pci_config_load(pci, PPB_PREFETCH_LIMIT_UPPER, 4);

    widen(window, least, base_high << 32 | (base & 0xfff0) << 16,
          limit_high << 32 | limit << 16 | 0xfffff);
}

/* The window above RAM, and what lies elsewhere above 4 GiB. */
static void read_high_window(PcDescription *d, AcpiWindow *window)
{
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        const PciDevice *pci = d->root->devices[devfn];

        if (!pci) {
            continue;
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(pci->bars); i++) {
            const PciBar *bar = &pci->bars[i];

            if (bar->enabled && !bar->io) {
                widen(window, d->high_end, bar->address, bar->address + bar->size - 1);
            }
        }
        if ((pci->config[PCI_HEADER_TYPE] & ~PCI_HEADER_MULTIFUNCTION) ==
            PCI_HEADER_TYPE_BRIDGE) {
            read_bridge(window, d->high_end, pci);
        }
    }
}

bool pc_describe_placement(PcDescription *d)
{
    AcpiMachine *m = &d->acpi;
    const AcpiMachine old = *m;

    if (!d->root) {
        return false;
    }
    if (m->pm_devfn && d->root->devices[m->pm_devfn]) {
        read_power(m, d->root->devices[m->pm_devfn]);
    }
    describe_windows(d);
    read_high_window(d, &m->pci_window[1]);
    return m->pm_base != old.pm_base || m->smbus_base != old.smbus_base ||
           m->pci_window[1].first != old.pci_window[1].first ||
           m->pci_window[1].last != old.pci_window[1].last;
}

/* ---- all of it ---- */

void pc_describe(PcDescription *d, bool direct)
{
    AcpiMachine *m = &d->acpi;

    *d = (PcDescription){
        .ram = g_array_new(FALSE, FALSE, sizeof(SmbiosMemoryRange)),
        .cpus = g_array_new(FALSE, FALSE, sizeof(AcpiCpu)),
        .io_apics = g_array_new(FALSE, FALSE, sizeof(AcpiIoApic)),
        .isa = g_array_new(FALSE, FALSE, sizeof(AcpiIsaDevice)),
    };
    describe_ram(d);
    describe_cpus(d);
    describe_io_apic(d);
    describe_hpet(m);
    describe_pci(d, direct);
    object_foreach(OBJECT(machine_get()), add_isa_device, d);
    g_array_sort(d->isa, compare_isa);
    m->local_apic = LOCAL_APIC;
    m->rtc_century = find_type("mc146818rtc") ? 0x32 : 0;
    m->has_8042 = find_type("i8042") != NULL;
    m->cpus = (const AcpiCpu *)d->cpus->data;
    m->cpu_count = d->cpus->len;
    m->io_apics = (const AcpiIoApic *)d->io_apics->data;
    m->io_apic_count = d->io_apics->len;
    m->isa = (const AcpiIsaDevice *)d->isa->data;
    m->isa_count = d->isa->len;
}

void pc_description_release(PcDescription *d)
{
    g_array_free(d->ram, TRUE);
    g_array_free(d->cpus, TRUE);
    g_array_free(d->io_apics, TRUE);
    g_array_free(d->isa, TRUE);
}

E820Map *pc_memory_map(const PcDescription *d)
{
    const Machine *machine = machine_get();
    E820Map *map = e820_new();

    for (guint i = 0; i < d->ram->len; i++) {
        const SmbiosMemoryRange *range = &g_array_index(d->ram, SmbiosMemoryRange, i);

        e820_add(map, range->base, range->length, E820_RAM);
    }
    e820_add(map, machine->reserved_base, machine->reserved_size, E820_RESERVED);
    return map;
}

SmbiosMachine pc_describe_smbios(const PcDescription *d)
{
    const Machine *machine = machine_get();

    return (SmbiosMachine){
        /* What guests look for to know that they are virtual machines. */
        .manufacturer = "QEMU",
        .product = machine->title ? machine->title : "Standard PC (i440FX + PIIX, 1996)",
        .version = machine->board ? machine->board : "pc",
        .uuid = machine->uuid_set ? machine->uuid : NULL,
        .ram_size = MAX(machine->ram_size, 1024),
        .ranges = (const SmbiosMemoryRange *)d->ram->data,
        .range_count = d->ram->len,
        .sockets = MAX(machine->sockets, 1),
        .cores = MAX(machine->cores, 1) * MAX(machine->dies, 1),
        .threads = MAX(machine->threads, 1),
    };
}

/* ---- boot order ---- */

/* Names of the PCI binding to IEEE 1275, by base class and sub-class. */
static const char *pci_class_name(uint16_t class)
{
    static const struct {
        uint16_t class;
        const char *name;
    } names[] = {
        { 0x0100, "scsi" },    { 0x0101, "ide" },        { 0x0102, "fdc" },
        { 0x0104, "raid" },    { 0x0106, "sata" },       { 0x0200, "ethernet" },
        { 0x0300, "display" }, { 0x0400, "video" },      { 0x0401, "sound" },
        { 0x0601, "isa" },     { 0x0604, "pci-bridge" }, { 0x0c03, "usb" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i].class == class) {
            return names[i].name;
        }
    }
    return "pci-device";
}

/* The path of a PCI function from the root, as SeaBIOS (src/boot.c) compares it. */
static void pci_path(const PciDevice *pci, GString *path)
{
    const PciBus *bus = pci_bus_of(pci);
    unsigned function = PCI_FUNCTION(pci->devfn);

    if (bus->bridge) {
        pci_path(bus->bridge, path);
    } else {
        g_string_append(path, "/pci@i0cf8");
    }
    g_string_append_printf(path, "/%s@%x",
                           pci_class_name(pci_config_load(pci, PCI_CLASS_CODE + 1, 2)),
                           PCI_SLOT(pci->devfn));
    if (function) {
        g_string_append_printf(path, ",%x", function);
    }
}

typedef struct BootSearch {
    BootOrder *order;
    GError **errp;
    bool ok;
} BootSearch;

static bool add_boot_device(Object *object, void *opaque)
{
    BootSearch *search = opaque;
    g_autoptr(GVariant) value = NULL;
    g_autoptr(GString) path = g_string_new(NULL);
    g_autofree char *owner = NULL;

    if (!object_is(object, "device") || !object_is(object, "pci-device") ||
        !object_type_property(object->type, "bootindex")) {
        return true;
    }
    value = object_get(object, "bootindex", NULL);
    if (!value || !g_variant_is_of_type(value, G_VARIANT_TYPE_INT64) ||
        g_variant_get_int64(value) < 0) {
        return true;
    }
    owner = object_path(object);
    pci_path(PCI_DEVICE(object), path);
    search->ok = boot_order_add(search->order, g_variant_get_int64(value), path->str, owner,
                                search->errp);
    return search->ok;
}

bool pc_boot_order(BootOrder *order, GError **errp)
{
    BootSearch search = { order, errp, true };

    object_foreach(OBJECT(machine_get()), add_boot_device, &search);
    return search.ok;
}
