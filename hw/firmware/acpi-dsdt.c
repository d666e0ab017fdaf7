/* SPDX-License-Identifier: MIT */
/*
 * The DSDT of a PC: processors, the PCI root with its windows and interrupt routing, the
 * devices of the ISA bus, and the sleep states.
 *
 * A device is described when the machine has it, so nothing here asks the hardware whether it
 * is there. What the tables leave to the guest is the routing of the PIRQs, which the link
 * devices do through the PIIX3's registers (82371SB data sheet, section 2.2.16 PIRQRC[A:D]).
 */
#include "hw/firmware/acpi.h"

#include <string.h>

/* ---- processors ---- */

static void write_cpus(Aml *a, const AcpiMachine *m)
{
    aml_scope(a, "\\_SB");
    for (unsigned i = 0; i < m->cpu_count; i++) {
        if (!m->cpus[i].present) {
            continue;
        }
        aml_device(a, "C%03X", i);
        aml_name_string(a, "_HID", "ACPI0007");
        aml_name_int(a, "_UID", i);
        if (m->node_count) {
            aml_name_int(a, "_PXM", m->cpus[i].node);
        }
        aml_end(a);
    }
    aml_end(a);
}

/* ---- the PCI root ---- */

static void write_root_crs(Aml *a, const AcpiMachine *m)
{
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_word_bus_number(a, 0, m->pci_last_bus);
    /* The configuration ports are the bridge's own; all other I/O it passes on. */
    aml_res_io(a, 0xcf8, 0xcf8, 1, 8);
    aml_res_word_io(a, 0x0000, 0x0cf7);
    aml_res_word_io(a, 0x0d00, 0xffff);
    aml_res_dword_memory(a, true, 0xa0000, 0xbffff);
    for (unsigned i = 0; i < m->pci_window_count; i++) {
        const AcpiWindow *window = &m->pci_window[i];

        if (!window->last) {
            continue;
        }
        if (window->last <= UINT32_MAX) {
            aml_res_dword_memory(a, false, window->first, window->last);
        } else {
            aml_res_qword_memory(a, false, window->first, window->last);
        }
    }
    aml_end(a);
}

/* The name of the link device behind a slot's pin. */
static const char *link_name(uint8_t pirq)
{
    static const char *const names[] = { "LNKA", "LNKB", "LNKC", "LNKD", "LNKS" };

    g_assert(pirq < G_N_ELEMENTS(names));
    return names[pirq];
}

/* _PRT, section 6.2.13: one entry for each pin of each slot. */
static void write_prt(Aml *a, const AcpiMachine *m)
{
    unsigned count = 0;

    for (unsigned slot = 0; slot < 32; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            count += m->pirq[slot][pin] != ACPI_PIRQ_NONE;
        }
    }
    aml_name(a, "_PRT");
    aml_package(a, count);
    for (unsigned slot = 0; slot < 32; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            if (m->pirq[slot][pin] == ACPI_PIRQ_NONE) {
                continue;
            }
            aml_package(a, 4);
            aml_int(a, slot << 16 | 0xffff);
            aml_int(a, pin);
            aml_ref(a, "ISA.%s", link_name(m->pirq[slot][pin]));
            aml_int(a, 0);
            aml_end(a);
        }
    }
    aml_end(a);
}

/* ---- PCI interrupt link devices, section 6.2.11 to 6.2.16 ---- */

/* If (PRQx & 0x80) with its body still open: the route is disabled. */
static void begin_if_disabled(Aml *a, const char *route)
{
    aml_if(a);
    aml_op(a, AML_AND);
    aml_ref(a, "%s", route);
    aml_int(a, 0x80);
    aml_null(a);
}

static void write_interrupt_template(Aml *a, const uint32_t *irqs, unsigned count)
{
    aml_resources(a);
    aml_res_interrupt(a, true, false, true, irqs, count);
    aml_end(a);
}

/* CreateDWordField (buffer, 5, INTN): the number in a template of one Interrupt. */
enum { INTERRUPT_NUMBER_AT = 5 };

/* The number in the buffer is 0, no interrupt, while the route is disabled. */
static void write_link_crs(Aml *a, const char *route)
{
    static const uint32_t none[] = { 0 };

    aml_name(a, "RSRC");
    write_interrupt_template(a, none, 1);
    aml_method(a, "_CRS", 0, true);
    aml_op(a, AML_CREATE_DWORD_FIELD);
    aml_ref(a, "RSRC");
    aml_int(a, INTERRUPT_NUMBER_AT);
    aml_ref(a, "INTN");
    begin_if_disabled(a, route);
    aml_op(a, AML_STORE);
    aml_int(a, 0);
    aml_ref(a, "INTN");
    aml_end(a);
    aml_else(a);
    aml_op(a, AML_AND);
    aml_ref(a, "%s", route);
    aml_int(a, 0x0f);
    aml_ref(a, "INTN");
    aml_end(a);
    aml_op(a, AML_RETURN);
    aml_ref(a, "RSRC");
    aml_end(a);
}

static void write_link_srs(Aml *a, const char *route)
{
    aml_method(a, "_SRS", 1, true);
    aml_op(a, AML_CREATE_DWORD_FIELD);
    aml_arg(a, 0);
    aml_int(a, INTERRUPT_NUMBER_AT);
    aml_ref(a, "INTN");
    aml_op(a, AML_STORE);
    aml_ref(a, "INTN");
    aml_ref(a, "%s", route);
    aml_end(a);
}

static void write_link_sta(Aml *a, const char *route)
{
    enum { PRESENT_FUNCTIONING = 0x09, ENABLED = 0x02 };

    aml_method(a, "_STA", 0, false);
    begin_if_disabled(a, route);
    aml_op(a, AML_RETURN);
    aml_int(a, PRESENT_FUNCTIONING);
    aml_end(a);
    aml_op(a, AML_RETURN);
    aml_int(a, PRESENT_FUNCTIONING | ENABLED);
    aml_end(a);
}

static void write_link(Aml *a, unsigned pirq)
{
    /* What the PIIX3 can route to and no ISA device of a PC has taken. */
    static const uint32_t possible[] = { 5, 10, 11 };
    g_autofree char *route = g_strdup_printf("PRQ%c", 'A' + pirq);

    aml_device(a, "%s", link_name(pirq));
    aml_name_eisa_id(a, "_HID", "PNP0C0F");
    aml_name_int(a, "_UID", pirq);
    aml_name(a, "_PRS");
    write_interrupt_template(a, possible, G_N_ELEMENTS(possible));
    write_link_sta(a, route);
    aml_method(a, "_DIS", 0, false);
    aml_op(a, AML_OR);
    aml_ref(a, "%s", route);
    aml_int(a, 0x80);
    aml_ref(a, "%s", route);
    aml_end(a);
    write_link_crs(a, route);
    write_link_srs(a, route);
    aml_end(a);
}

/* The power management function's interrupt: the SCI, on one line for good. */
static void write_sci_link(Aml *a, const AcpiMachine *m)
{
    uint32_t irq = m->sci_irq;

    aml_device(a, "%s", link_name(ACPI_PIRQ_SCI));
    aml_name_eisa_id(a, "_HID", "PNP0C0F");
    aml_name_int(a, "_UID", ACPI_PIRQ_SCI);
    aml_name(a, "_PRS");
    write_interrupt_template(a, &irq, 1);
    aml_name(a, "_CRS");
    write_interrupt_template(a, &irq, 1);
    aml_method(a, "_DIS", 0, false);
    aml_end(a);
    aml_method(a, "_SRS", 1, false);
    aml_end(a);
    aml_end(a);
}

/* ---- the ISA bus ---- */

typedef struct IsaPort {
    int offset; /* from the device's first port */
    uint8_t length;
} IsaPort;

typedef struct IsaDescription {
    const char *name; /* '#' becomes the number among devices of the kind */
    const char *hid;
    bool has_irq, has_dma, numbered;
    IsaPort ports[2];
    uint8_t status; /* _STA; 0: none, the device is there and shown */
} IsaDescription;

enum { STA_HIDDEN = 0x0b /* present, enabled, functioning, not shown in the UI */ };

static const IsaDescription isa_descriptions[ACPI_ISA_KINDS] = {
    [ACPI_ISA_SERIAL] = { "COM#", "PNP0501", true, .numbered = true, .ports = { { 0, 8 } } },
    [ACPI_ISA_PARALLEL] = { "LPT#", "PNP0400", true, .numbered = true, .ports = { { 0, 8 } } },
    [ACPI_ISA_RTC] = { "RTC", "PNP0B00", true, .ports = { { 0, 8 } } },
    [ACPI_ISA_KEYBOARD] = { "KBD", "PNP0303", true, .ports = { { 0, 1 }, { 4, 1 } } },
    [ACPI_ISA_MOUSE] = { "MOU", "PNP0F13", true },
    [ACPI_ISA_FLOPPY] = { "FDC0", "PNP0700", true, true, .ports = { { 2, 4 }, { 7, 1 } } },
    /* 12 ports: selector, data and, at +4, the DMA address. */
    [ACPI_ISA_FW_CFG] = { "FWCF", "QEMU0002", .ports = { { 0, 12 } }, .status = STA_HIDDEN },
    [ACPI_ISA_PVPANIC] = { "PEVT", "QEMU0001", .ports = { { 0, 1 } }, .status = 0x0f },
};

/* The panic device's port as a field, with the methods that its drivers call. */
static void write_pvpanic_methods(Aml *a, const AcpiIsaDevice *device)
{
    aml_operation_region(a, "PEOR", AML_SYSTEM_IO, device->io, 1);
    aml_field(a, "PEOR", AML_BYTE_ACC, false, AML_PRESERVE);
    aml_field_unit(a, "PEPT", 8);
    aml_end(a);
    aml_method(a, "RDPT", 0, false);
    aml_op(a, AML_RETURN);
    aml_ref(a, "PEPT");
    aml_end(a);
    aml_method(a, "WRPT", 1, false);
    aml_op(a, AML_STORE);
    aml_arg(a, 0);
    aml_ref(a, "PEPT");
    aml_end(a);
}

static void write_isa_device(Aml *a, const AcpiIsaDevice *device, unsigned number)
{
    const IsaDescription *d = &isa_descriptions[device->kind];
    g_autofree char *name = g_strdup(d->name);

    if (d->numbered) {
        *strchr(name, '#') = "0123456789ABCDEF"[number & 15];
    }
    aml_device(a, "%s", name);
    if (g_str_has_prefix(d->hid, "PNP")) {
        aml_name_eisa_id(a, "_HID", d->hid);
    } else {
        aml_name_string(a, "_HID", d->hid);
    }
    if (d->numbered) {
        aml_name_int(a, "_UID", number);
    }
    if (d->status) {
        aml_name_int(a, "_STA", d->status);
    }
    aml_name(a, "_CRS");
    aml_resources(a);
    for (unsigned i = 0; i < G_N_ELEMENTS(d->ports) && d->ports[i].length; i++) {
        uint16_t port = device->io + d->ports[i].offset;

        aml_res_io(a, port, port, 1, d->ports[i].length);
    }
    if (d->has_irq) {
        aml_res_irq_no_flags(a, device->irq);
    }
    if (d->has_dma) {
        aml_res_dma(a, device->dma, false);
    }
    aml_end(a);
    if (device->kind == ACPI_ISA_PVPANIC) {
        write_pvpanic_methods(a, device);
    }
    aml_end(a);
}

static void write_isa_devices(Aml *a, const AcpiMachine *m)
{
    unsigned number[ACPI_ISA_KINDS] = { 0 };

    for (unsigned i = 0; i < m->isa_count; i++) {
        unsigned n = ++number[m->isa[i].kind];

        /* Names are unique: of a kind that is not numbered the first one counts. */
        if (n == 1 || (isa_descriptions[m->isa[i].kind].numbered && n < 16)) {
            write_isa_device(a, &m->isa[i], n);
        }
    }
}

/* Ports that chips of the board decode and no device above claims. */
static void write_board_resources(Aml *a, const AcpiMachine *m)
{
    enum { PM_LENGTH = 64, SMBUS_LENGTH = 16 };

    aml_device(a, "MBRD");
    aml_name_eisa_id(a, "_HID", "PNP0C02");
    aml_name_int(a, "_UID", 1);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_io(a, 0x92, 0x92, 1, 1);   /* port 92: A20 and fast reset */
    aml_res_io(a, 0x4d0, 0x4d0, 1, 2); /* edge or level control of the 8259s */
    if (m->smi_port) {
        aml_res_io(a, m->smi_port, m->smi_port, 1, 2);
    }
    if (m->pm_base) {
        aml_res_io(a, m->pm_base, m->pm_base, 1, PM_LENGTH);
    }
    if (m->smbus_base) {
        aml_res_io(a, m->smbus_base, m->smbus_base, 1, SMBUS_LENGTH);
    }
    if (m->gpe_base && (m->gpe_base < m->pm_base || m->gpe_base >= m->pm_base + PM_LENGTH)) {
        aml_res_io(a, m->gpe_base, m->gpe_base, 1, m->gpe_length);
    }
    aml_end(a);
    aml_end(a);
}

static void write_isa_bridge(Aml *a, const AcpiMachine *m)
{
    aml_device(a, "ISA");
    aml_name_int(a, "_ADR", (m->isa_bridge_devfn >> 3) << 16 | (m->isa_bridge_devfn & 7));
    aml_operation_region(a, "PIRC", AML_PCI_CONFIG, 0x60, 4);
    aml_field(a, "PIRC", AML_BYTE_ACC, false, AML_PRESERVE);
    for (unsigned pirq = 0; pirq < 4; pirq++) {
        g_autofree char *name = g_strdup_printf("PRQ%c", 'A' + pirq);

        aml_field_unit(a, name, 8);
    }
    aml_end(a);
    for (unsigned pirq = 0; pirq < 4; pirq++) {
        write_link(a, pirq);
    }
    if (m->pm_base) {
        write_sci_link(a, m);
    }
    write_isa_devices(a, m);
    write_board_resources(a, m);
    aml_end(a);
}

static void write_pci_root(Aml *a, const AcpiMachine *m)
{
    aml_device(a, "PCI0");
    aml_name_eisa_id(a, "_HID", "PNP0A03");
    aml_name_int(a, "_UID", 0);
    write_root_crs(a, m);
    if (m->isa_bridge_devfn) {
        write_isa_bridge(a, m);
        write_prt(a, m);
    }
    aml_end(a);
}

static void write_hpet_device(Aml *a, const AcpiMachine *m)
{
    aml_device(a, "HPET");
    aml_name_eisa_id(a, "_HID", "PNP0103");
    aml_name_int(a, "_UID", 0);
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_memory32_fixed(a, false, m->hpet_base, 0x400);
    aml_end(a);
    aml_end(a);
}

/* \_Sx, section 7.4.2: the values of SLP_TYPa and SLP_TYPb. */
static void write_sleep_state(Aml *a, const char *name, uint8_t sleep_type)
{
    aml_name(a, "%s", name);
    aml_package(a, 4);
    aml_int(a, sleep_type);
    aml_int(a, sleep_type);
    aml_int(a, 0);
    aml_int(a, 0);
    aml_end(a);
}

static void write_sleep_states(Aml *a, const AcpiMachine *m)
{
    enum { PIIX4_SOFT_OFF = 0, PIIX4_SUSPEND_TO_RAM = 1 };

    if (!m->pm_base) {
        return;
    }
    if (m->s3) {
        write_sleep_state(a, "\\_S3", PIIX4_SUSPEND_TO_RAM);
    }
    if (m->s4) {
        write_sleep_state(a, "\\_S4", m->s4_sleep_type);
    }
    write_sleep_state(a, "\\_S5", PIIX4_SOFT_OFF);
}

void acpi_write_dsdt(Aml *a, const AcpiMachine *m)
{
    write_cpus(a, m);
    aml_scope(a, "\\_SB");
    if (m->has_pci) {
        write_pci_root(a, m);
    }
    if (m->hpet_base) {
        write_hpet_device(a, m);
    }
    aml_end(a);
    write_sleep_states(a, m);
}
