/* SPDX-License-Identifier: MIT */
/* The static ACPI tables of a PC. Section numbers are those of ACPI 6.5. */
#include "hw/firmware/acpi.h"

#include <string.h>

#include "base/bits.h"

/* Offsets in the header that all tables share, section 5.2.6. */
enum {
    HEADER_LENGTH_AT = 4,
    HEADER_CHECKSUM_AT = 9,
    HEADER_SIZE = 36,
};

/* The blob being filled and the start of the table that is being written in it. */
typedef struct TableWriter {
    TableLoader *loader;
    TableBlob *blob;
    uint32_t start;
} TableWriter;

static void put(TableWriter *w, uint64_t value, unsigned size)
{
    guint8 bytes[8];

    store_le(bytes, value, size);
    g_byte_array_append(w->blob->data, bytes, size);
}

static void put_text(TableWriter *w, const char *text, unsigned size)
{
    g_assert(strlen(text) == size);
    g_byte_array_append(w->blob->data, (const guint8 *)text, size);
}

/* A pointer to `offset` in the same blob; an offset of 0 is the FACS, which nothing else is. */
static void put_pointer(TableWriter *w, unsigned size, const TableBlob *target, uint32_t offset)
{
    uint32_t at = w->blob->data->len;

    put(w, 0, size);
    table_loader_add_pointer(w->loader, w->blob, at, size, target, offset);
}

/* Generic address structure, section 5.2.3.2; all zero when there is no such block. */
static void put_gas(TableWriter *w, uint8_t space, unsigned bits, unsigned access,
                    uint64_t address)
{
    bool some = address != 0;

    put(w, some ? space : 0, 1);
    put(w, some ? bits : 0, 1);
    put(w, 0, 1); /* bit offset */
    put(w, some ? access : 0, 1);
    put(w, address, 8);
}

static void table_begin(TableWriter *w, const char *signature, uint8_t revision)
{
    w->start = w->blob->data->len;
    put_text(w, signature, 4);
    put(w, 0, 4); /* length */
    put(w, revision, 1);
    put(w, 0, 1); /* checksum */
    put_text(w, "VMM   ", 6);
    put_text(w, "VMMPC   ", 8);
    put(w, 1, 4); /* OEM revision */
    put_text(w, "VMM ", 4);
    put(w, 1, 4); /* creator revision */
}

/* Completes the table and returns its offset in the blob. */
static uint32_t table_end(TableWriter *w)
{
    uint32_t length = w->blob->data->len - w->start;

    store_le(w->blob->data->data + w->start + HEADER_LENGTH_AT, length, 4);
    table_loader_add_checksum(w->loader, w->blob, w->start, length,
                              w->start + HEADER_CHECKSUM_AT);
    return w->start;
}

/* ---- FACS, section 5.2.10: no header, no checksum, on a 64-byte boundary ---- */

static uint32_t write_facs(TableWriter *w)
{
    uint32_t start = w->blob->data->len;

    g_assert(!(start & 63));
    put_text(w, "FACS", 4);
    put(w, 64, 4);
    put(w, 0, 4); /* hardware signature */
    put(w, 0, 4); /* firmware waking vector */
    put(w, 0, 4); /* global lock */
    put(w, 0, 4); /* flags */
    put(w, 0, 8); /* 64-bit waking vector */
    put(w, 2, 1); /* version */
    while (w->blob->data->len < start + 64) {
        put(w, 0, 1);
    }
    return start;
}

/* ---- FADT, section 5.2.9 ---- */

enum {
    SPACE_MEMORY = 0,
    SPACE_IO = 1,
    ACCESS_BYTE = 1,
    ACCESS_WORD = 2,
    ACCESS_DWORD = 3,
};

enum { PM1_EVENT = 0, PM1_CONTROL = 4, PM_TIMER = 8 };

static uint32_t fadt_flags(const AcpiMachine *m)
{
    enum {
        WBINVD = 1 << 0,
        PROC_C1 = 1 << 2,
        SLP_BUTTON = 1 << 5, /* set: there is no fixed sleep button */
        RTC_S4 = 1 << 7,
        RESET_REG_SUP = 1 << 10,
        USE_PLATFORM_CLOCK = 1 << 15,
    };

    return WBINVD | PROC_C1 | SLP_BUTTON | RTC_S4 | USE_PLATFORM_CLOCK |
           (m->reset_port ? RESET_REG_SUP : 0);
}

static uint16_t fadt_boot_flags(const AcpiMachine *m)
{
    enum { LEGACY_DEVICES = 1 << 0, HAS_8042 = 1 << 1 };

    return LEGACY_DEVICES | (m->has_8042 ? HAS_8042 : 0);
}

static uint32_t write_fadt(TableWriter *w, const AcpiMachine *m, uint32_t facs, uint32_t dsdt)
{
    uint16_t pm = m->pm_base;
    bool has_gpe = m->gpe_base != 0;

    table_begin(w, "FACP", 6);
    put_pointer(w, 4, w->blob, facs);
    put_pointer(w, 4, w->blob, dsdt);
    put(w, 0, 1); /* was INT_MODEL */
    put(w, 0, 1); /* preferred profile: unspecified */
    put(w, m->sci_irq, 2);
    put(w, m->smi_port, 4);
    put(w, m->smi_port ? m->acpi_enable : 0, 1);
    put(w, m->smi_port ? m->acpi_disable : 0, 1);
    put(w, 0, 1); /* S4BIOS request */
    put(w, 0, 1); /* processor performance control */
    put(w, pm ? pm + PM1_EVENT : 0, 4);
    put(w, 0, 4); /* PM1b events */
    put(w, pm ? pm + PM1_CONTROL : 0, 4);
    put(w, 0, 4); /* PM1b control */
    put(w, 0, 4); /* PM2 control */
    put(w, pm ? pm + PM_TIMER : 0, 4);
    put(w, m->gpe_base, 4);
    put(w, 0, 4); /* GPE1 */
    put(w, pm ? 4 : 0, 1);
    put(w, pm ? 2 : 0, 1);
    put(w, 0, 1);
    put(w, pm ? 4 : 0, 1);
    put(w, has_gpe ? m->gpe_length : 0, 1);
    put(w, 0, 1);     /* GPE1 length */
    put(w, 0, 1);     /* GPE1 base */
    put(w, 0, 1);     /* C state notification */
    put(w, 0xfff, 2); /* C2 latency: over 100 us says that there is no C2 */
    put(w, 0xfff, 2); /* C3 latency: likewise over 1000 us */
    put(w, 0, 2);     /* flush size; WBINVD works */
    put(w, 0, 2);     /* flush stride */
    put(w, 0, 1);     /* duty offset */
    put(w, 0, 1);     /* duty width: no throttling */
    put(w, 0, 1);     /* RTC day alarm */
    put(w, 0, 1);     /* RTC month alarm */
    put(w, m->rtc_century, 1);
    put(w, fadt_boot_flags(m), 2);
    put(w, 0, 1);
    put(w, fadt_flags(m), 4);
    put_gas(w, SPACE_IO, 8, ACCESS_BYTE, m->reset_port);
    put(w, m->reset_value, 1);
    put(w, 0, 2); /* ARM boot flags */
    put(w, 3, 1); /* minor version: 6.3 */
    put(w, 0, 8); /* X_FIRMWARE_CTRL: zero, as FIRMWARE_CTRL is not */
    put_pointer(w, 8, w->blob, dsdt);
    put_gas(w, SPACE_IO, 32, ACCESS_WORD, pm ? pm + PM1_EVENT : 0);
    put_gas(w, SPACE_IO, 0, 0, 0);
    put_gas(w, SPACE_IO, 16, ACCESS_WORD, pm ? pm + PM1_CONTROL : 0);
    put_gas(w, SPACE_IO, 0, 0, 0);
    put_gas(w, SPACE_IO, 0, 0, 0); /* PM2 control */
    put_gas(w, SPACE_IO, 32, ACCESS_DWORD, pm ? pm + PM_TIMER : 0);
    put_gas(w, SPACE_IO, m->gpe_length * 8, ACCESS_BYTE, m->gpe_base);
    put_gas(w, SPACE_IO, 0, 0, 0); /* GPE1 */
    put_gas(w, SPACE_IO, 0, 0, 0); /* sleep control */
    put_gas(w, SPACE_IO, 0, 0, 0); /* sleep status */
    put(w, 0, 8);                  /* hypervisor vendor */
    return table_end(w);
}

/* ---- MADT, section 5.2.12 ---- */

enum { MPS_ACTIVE_HIGH = 1, MPS_LEVEL = 3 << 2 };

/* An identifier that the 8-bit structures cannot hold needs the x2APIC ones. */
static bool needs_x2apic(const AcpiMachine *m, unsigned cpu)
{
    return cpu >= 255 || m->cpus[cpu].apic_id >= 255;
}

static void madt_cpu(TableWriter *w, const AcpiMachine *m, unsigned cpu)
{
    enum { ENABLED = 1 << 0, ONLINE_CAPABLE = 1 << 1 };
    uint32_t flags = m->cpus[cpu].present ? ENABLED : ONLINE_CAPABLE;

    if (needs_x2apic(m, cpu)) {
        put(w, 9, 1);
        put(w, 16, 1);
        put(w, 0, 2);
        put(w, m->cpus[cpu].apic_id, 4);
        put(w, flags, 4);
        put(w, cpu, 4);
    } else {
        put(w, 0, 1);
        put(w, 8, 1);
        put(w, cpu, 1);
        put(w, m->cpus[cpu].apic_id, 1);
        put(w, flags, 4);
    }
}

static void madt_override(TableWriter *w, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    put(w, 2, 1);
    put(w, 10, 1);
    put(w, 0, 1); /* ISA */
    put(w, irq, 1);
    put(w, gsi, 4);
    put(w, flags, 2);
}

/*
 * The timer is on pin 2 of the I/O APIC. The lines that PIRQs and the SCI can be routed to are
 * level triggered and, as the PIIX3 inverts them, active high.
 */
static void madt_overrides(TableWriter *w, const AcpiMachine *m)
{
    static const uint8_t routable[] = { 5, 9, 10, 11 };

    madt_override(w, 0, 2, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(routable); i++) {
        madt_override(w, routable[i], routable[i], MPS_ACTIVE_HIGH | MPS_LEVEL);
    }
    if (m->pm_base && !memchr(routable, m->sci_irq, sizeof(routable))) {
        madt_override(w, m->sci_irq, m->sci_irq, MPS_ACTIVE_HIGH | MPS_LEVEL);
    }
}

static uint32_t write_madt(TableWriter *w, const AcpiMachine *m)
{
    enum { PCAT_COMPAT = 1 };
    bool x2apic = false;

    table_begin(w, "APIC", 4);
    put(w, m->local_apic, 4);
    put(w, PCAT_COMPAT, 4);
    for (unsigned i = 0; i < m->cpu_count; i++) {
        madt_cpu(w, m, i);
        x2apic |= needs_x2apic(m, i);
    }
    for (unsigned i = 0; i < m->io_apic_count; i++) {
        put(w, 1, 1);
        put(w, 12, 1);
        put(w, m->io_apics[i].id, 1);
        put(w, 0, 1);
        put(w, m->io_apics[i].address, 4);
        put(w, m->io_apics[i].gsi_base, 4);
    }
    if (m->io_apic_count) {
        madt_overrides(w, m);
    }
    put(w, 4, 1); /* NMI on LINT1 of all local APICs */
    put(w, 6, 1);
    put(w, 0xff, 1);
    put(w, 0, 2);
    put(w, 1, 1);
    if (x2apic) {
        put(w, 10, 1);
        put(w, 12, 1);
        put(w, 0, 2);
        put(w, 0xffffffff, 4);
        put(w, 1, 1);
        put(w, 0, 3);
    }
    return table_end(w);
}

/* ---- HPET: IA-PC HPET specification 1.0a, section 3.2.4 ---- */

static uint32_t write_hpet(TableWriter *w, const AcpiMachine *m)
{
    table_begin(w, "HPET", 1);
    put(w, m->hpet_block_id, 4);
    put(w, SPACE_MEMORY, 1);
    put(w, 64, 1);
    put(w, 0, 2);
    put(w, m->hpet_base, 8);
    put(w, 0, 1);    /* number */
    put(w, 0x80, 2); /* least ticks in periodic mode */
    put(w, 0, 1);    /* no guarantee about the rest of the page */
    return table_end(w);
}

/* ---- WAET: Windows ACPI Emulated Devices Table 1.0 ---- */

static uint32_t write_waet(TableWriter *w)
{
    enum { PM_TIMER_READS_ONCE = 1 << 1 };

    table_begin(w, "WAET", 1);
    put(w, PM_TIMER_READS_ONCE, 4);
    return table_end(w);
}

/* ---- MCFG: PCI Firmware Specification 3.2, section 4.1.2 ---- */

static uint32_t write_mcfg(TableWriter *w, const AcpiMachine *m)
{
    table_begin(w, "MCFG", 1);
    put(w, 0, 8);
    put(w, m->ecam_base, 8);
    put(w, 0, 2); /* segment */
    put(w, 0, 1); /* first bus */
    put(w, m->pci_last_bus, 1);
    put(w, 0, 4);
    return table_end(w);
}

/* ---- SRAT, section 5.2.16, and SLIT, section 5.2.17 ---- */

static void srat_cpu(TableWriter *w, const AcpiMachine *m, unsigned cpu)
{
    enum { ENABLED = 1 };
    uint32_t node = m->cpus[cpu].node;

    if (needs_x2apic(m, cpu)) {
        put(w, 2, 1);
        put(w, 24, 1);
        put(w, 0, 2);
        put(w, node, 4);
        put(w, m->cpus[cpu].apic_id, 4);
        put(w, ENABLED, 4);
        put(w, 0, 8); /* clock domain, reserved */
    } else {
        put(w, 0, 1);
        put(w, 16, 1);
        put(w, node & 0xff, 1);
        put(w, m->cpus[cpu].apic_id, 1);
        put(w, ENABLED, 4);
        put(w, 0, 1); /* SAPIC EID */
        put(w, node >> 8, 3);
        put(w, 0, 4); /* clock domain */
    }
}

static void srat_memory(TableWriter *w, const AcpiNumaMemory *memory)
{
    enum { ENABLED = 1 << 0, HOTPLUG = 1 << 1 };

    put(w, 1, 1);
    put(w, 40, 1);
    put(w, memory->node, 4);
    put(w, 0, 2);
    put(w, memory->base, 8);
    put(w, memory->length, 8);
    put(w, 0, 4);
    put(w, ENABLED | (memory->hotplug ? HOTPLUG : 0), 4);
    put(w, 0, 8);
}

static uint32_t write_srat(TableWriter *w, const AcpiMachine *m)
{
    table_begin(w, "SRAT", 3);
    put(w, 1, 4);
    put(w, 0, 8);
    for (unsigned i = 0; i < m->cpu_count; i++) {
        srat_cpu(w, m, i);
    }
    for (unsigned i = 0; i < m->memory_count; i++) {
        srat_memory(w, &m->memory[i]);
    }
    return table_end(w);
}

static uint32_t write_slit(TableWriter *w, const AcpiMachine *m)
{
    table_begin(w, "SLIT", 1);
    put(w, m->node_count, 8);
    g_byte_array_append(w->blob->data, m->distances, m->node_count * m->node_count);
    return table_end(w);
}

/* ---- DSDT, section 5.2.11.1 ---- */

static uint32_t write_dsdt(TableWriter *w, const AcpiMachine *m)
{
    Aml *a = aml_new();
    g_autoptr(GByteArray) code = NULL;

    acpi_write_dsdt(a, m);
    code = aml_finish(a);
    /* Revision 2 and later: integers are 64 bits wide. */
    table_begin(w, "DSDT", 2);
    g_byte_array_append(w->blob->data, code->data, code->len);
    return table_end(w);
}

/* ---- the roots, sections 5.2.5, 5.2.7 and 5.2.8 ---- */

static uint32_t write_root(TableWriter *w, const char *signature, unsigned pointer_size,
                           const GArray *tables)
{
    table_begin(w, signature, 1);
    for (guint i = 0; i < tables->len; i++) {
        put_pointer(w, pointer_size, w->blob, g_array_index(tables, uint32_t, i));
    }
    return table_end(w);
}

static void write_rsdp(TableLoader *loader, const TableBlob *tables, uint32_t rsdt,
                       uint32_t xsdt)
{
    enum { CHECKSUM_AT = 8, V1_SIZE = 20, EXTENDED_CHECKSUM_AT = 32, SIZE = 36 };
    TableBlob *blob = table_loader_add_blob(loader, ACPI_RSDP_FILE, 16, TABLE_ZONE_F_SEGMENT);
    TableWriter w = { loader, blob, 0 };

    put_text(&w, "RSD PTR ", 8);
    put(&w, 0, 1);
    put_text(&w, "VMM   ", 6);
    put(&w, 2, 1); /* revision */
    put_pointer(&w, 4, tables, rsdt);
    put(&w, SIZE, 4);
    put_pointer(&w, 8, tables, xsdt);
    put(&w, 0, 1);
    put(&w, 0, 3);
    g_assert(blob->data->len == SIZE);
    table_loader_add_checksum(loader, blob, 0, V1_SIZE, CHECKSUM_AT);
    table_loader_add_checksum(loader, blob, 0, SIZE, EXTENDED_CHECKSUM_AT);
}

static void add_table(GArray *tables, uint32_t offset)
{
    g_array_append_val(tables, offset);
}

TableLoader *acpi_build(const AcpiMachine *m)
{
    TableLoader *loader = table_loader_new();
    TableBlob *blob = table_loader_add_blob(loader, ACPI_TABLES_FILE, 64, TABLE_ZONE_HIGH);
    g_autoptr(GArray) tables = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    TableWriter w = { loader, blob, 0 };
    uint32_t facs = write_facs(&w);
    uint32_t dsdt = write_dsdt(&w, m);
    uint32_t rsdt, xsdt;

    add_table(tables, write_fadt(&w, m, facs, dsdt));
    add_table(tables, write_madt(&w, m));
    if (m->hpet_base) {
        add_table(tables, write_hpet(&w, m));
    }
    if (m->ecam_base) {
        add_table(tables, write_mcfg(&w, m));
    }
    if (m->node_count) {
        add_table(tables, write_srat(&w, m));
        if (m->distances) {
            add_table(tables, write_slit(&w, m));
        }
    }
    add_table(tables, write_waet(&w));
    rsdt = write_root(&w, "RSDT", 4, tables);
    xsdt = write_root(&w, "XSDT", 8, tables);
    write_rsdp(loader, blob, rsdt, xsdt);
    return loader;
}
