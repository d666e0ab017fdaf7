/* SPDX-License-Identifier: MIT */
/* SMBIOS structures and entry points. Section numbers are those of DSP0134 3.0. */
#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "hw/firmware/smbios-private.h"

enum { KIB = 1024, MIB = 1024 * KIB, NO_HANDLE = 0xffff, NO_ERROR_HANDLE = 0xfffe };

/* Handles: the type in the high byte, so that references need no table. */
enum {
    HANDLE_CHASSIS = 3 << 8,
    HANDLE_MEMORY_ARRAY = 16 << 8,
};

typedef struct Writer {
    SmbiosTables *tables;
    const SmbiosOptions *options;
    const SmbiosMachine *machine;
    uint8_t type; /* of the structure being written */
    guint start;
    GPtrArray *strings; /* of the structure being written */
} Writer;

static void put(Writer *w, uint64_t value, unsigned size)
{
    guint8 bytes[8];

    store_le(bytes, value, size);
    g_byte_array_append(w->tables->data, bytes, size);
}

/* A string's number in its structure; 0 when there is none. Section 6.1.3. */
static void put_string(Writer *w, const char *text)
{
    if (!text || !*text) {
        put(w, 0, 1);
        return;
    }
    g_ptr_array_add(w->strings, (gpointer)text);
    g_assert(w->strings->len <= 255);
    put(w, w->strings->len, 1);
}

/* The string of an option of the structure's type. */
static void put_option(Writer *w, const char *field, const char *otherwise)
{
    put_string(w, smbios_option(w->options, w->type, field, otherwise));
}

/* False when a file of the user's takes the place of the structures of this type. */
static bool begin(Writer *w, uint8_t type, unsigned index)
{
    if (w->options && w->options->from_file[type]) {
        return false;
    }
    w->type = type;
    w->start = w->tables->data->len;
    g_ptr_array_set_size(w->strings, 0);
    put(w, type, 1);
    put(w, 0, 1); /* length */
    put(w, (type << 8) + index, 2);
    return true;
}

static void account(SmbiosTables *tables, unsigned size)
{
    tables->count++;
    tables->largest = MAX(tables->largest, size);
}

static void end(Writer *w)
{
    GByteArray *data = w->tables->data;

    g_assert(data->len - w->start <= 255);
    data->data[w->start + 1] = data->len - w->start;
    for (guint i = 0; i < w->strings->len; i++) {
        const char *text = g_ptr_array_index(w->strings, i);

        g_byte_array_append(data, (const guint8 *)text, strlen(text) + 1);
    }
    put(w, 0, w->strings->len ? 1 : 2);
    account(w->tables, data->len - w->start);
}

/* ---- the structures ---- */

/* BIOS Information, section 7.1. */
static void write_bios(Writer *w)
{
    enum { CHARACTERISTICS_NOT_SUPPORTED = 1 << 3 };
    enum { TARGETED_CONTENT = 1 << 2, UEFI = 1 << 3, VIRTUAL_MACHINE = 1 << 4 };
    const char *release = smbios_option(w->options, 0, "release", "0.0");
    bool uefi = !strcmp(smbios_option(w->options, 0, "uefi", "off"), "on");

    if (!begin(w, 0, 0)) {
        return;
    }
    put_option(w, "vendor", w->machine->manufacturer);
    put_option(w, "version", w->machine->version);
    put(w, 0xe800, 2); /* segment */
    put_option(w, "date", "01/01/2015");
    put(w, 0, 1); /* ROM of 64 KiB */
    put(w, CHARACTERISTICS_NOT_SUPPORTED, 8);
    put(w, 0, 1);
    put(w, TARGETED_CONTENT | VIRTUAL_MACHINE | (uefi ? UEFI : 0), 1);
    put(w, g_ascii_strtoull(release, NULL, 0), 1);
    put(w, g_ascii_strtoull(strchr(release, '.') + 1, NULL, 0), 1);
    put(w, 0xff, 1); /* no embedded controller */
    put(w, 0xff, 1);
    end(w);
}

/* System Information, section 7.2. The first three fields of the UUID are little endian. */
static void write_system(Writer *w)
{
    enum { WAKE_UP_POWER_SWITCH = 6 };
    static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
    const char *text = smbios_option(w->options, 1, "uuid", NULL);
    uint8_t uuid[16] = { 0 };

    if (text) {
        bool valid = smbios_parse_uuid(text, uuid);

        g_assert(valid);
    } else if (w->machine->uuid) {
        memcpy(uuid, w->machine->uuid, 16);
    }
    if (!begin(w, 1, 0)) {
        return;
    }
    put_option(w, "manufacturer", w->machine->manufacturer);
    put_option(w, "product", w->machine->product);
    put_option(w, "version", w->machine->version);
    put_option(w, "serial", NULL);
    for (unsigned i = 0; i < 16; i++) {
        put(w, uuid[order[i]], 1);
    }
    put(w, WAKE_UP_POWER_SWITCH, 1);
    put_option(w, "sku", NULL);
    put_option(w, "family", NULL);
    end(w);
}

/* Baseboard, section 7.3. */
static void write_board(Writer *w)
{
    enum { HOSTING_BOARD = 1, MOTHERBOARD = 0x0a };

    if (!begin(w, 2, 0)) {
        return;
    }
    put_option(w, "manufacturer", w->machine->manufacturer);
    put_option(w, "product", w->machine->product);
    put_option(w, "version", w->machine->version);
    put_option(w, "serial", NULL);
    put_option(w, "asset", NULL);
    put(w, HOSTING_BOARD, 1);
    put_option(w, "location", NULL);
    put(w, HANDLE_CHASSIS, 2);
    put(w, MOTHERBOARD, 1);
    put(w, 0, 1); /* contained objects */
    end(w);
}

/* System Enclosure, section 7.4. */
static void write_chassis(Writer *w)
{
    enum { OTHER = 1, SAFE = 3, UNKNOWN = 2 };

    if (!begin(w, 3, 0)) {
        return;
    }
    put_option(w, "manufacturer", w->machine->manufacturer);
    put(w, OTHER, 1);
    put_option(w, "version", w->machine->version);
    put_option(w, "serial", NULL);
    put_option(w, "asset", NULL);
    put(w, SAFE, 1); /* boot-up, power supply and thermal state */
    put(w, SAFE, 1);
    put(w, SAFE, 1);
    put(w, UNKNOWN, 1); /* security */
    put(w, 0, 4);
    put(w, 0, 1); /* height */
    put(w, 0, 1); /* power cords */
    put(w, 0, 1); /* contained elements, and their size */
    put(w, 0, 1);
    put_option(w, "sku", NULL);
    end(w);
}

/* A count in a byte, which is 0xff when only the word holds it. */
static void put_count(Writer *w, unsigned count)
{
    put(w, MIN(count, 255), 1);
}

/* Processor Information, section 7.5. */
static void write_processor(Writer *w, unsigned socket, const char *name)
{
    enum { CENTRAL = 3, FAMILY_OTHER = 1, POPULATED_ENABLED = 0x41, UPGRADE_OTHER = 1 };
    enum { HAS_64_BITS = 1 << 2, MULTI_CORE = 1 << 3, HARDWARE_THREAD = 1 << 4 };
    const SmbiosMachine *m = w->machine;
    unsigned threads = m->cores * m->threads;
    uint64_t id = (uint64_t)m->cpuid_features << 32 | m->cpuid_signature;

    if (!begin(w, 4, socket)) {
        return;
    }
    put_string(w, name);
    put(w, CENTRAL, 1);
    put(w, FAMILY_OTHER, 1);
    put_option(w, "manufacturer", m->manufacturer);
    put(w, smbios_option_number(w->options, 4, "processor-id", id), 8);
    put_option(w, "version", m->version);
    put(w, 0, 1); /* voltage */
    put(w, 0, 2); /* external clock: unknown */
    put(w, smbios_option_number(w->options, 4, "max-speed", 2000), 2);
    put(w, smbios_option_number(w->options, 4, "current-speed", 2000), 2);
    put(w, POPULATED_ENABLED, 1);
    put(w, UPGRADE_OTHER, 1);
    put(w, NO_HANDLE, 2); /* caches */
    put(w, NO_HANDLE, 2);
    put(w, NO_HANDLE, 2);
    put_option(w, "serial", NULL);
    put_option(w, "asset", NULL);
    put_option(w, "part", NULL);
    put_count(w, m->cores);
    put_count(w, m->cores);
    put_count(w, threads);
    put(w,
        HAS_64_BITS | (m->cores > 1 ? MULTI_CORE : 0) | (m->threads > 1 ? HARDWARE_THREAD : 0),
        2);
    put(w, FAMILY_OTHER, 2);
    put(w, m->cores, 2);
    put(w, m->cores, 2);
    put(w, threads, 2);
    end(w);
}

static void write_processors(Writer *w)
{
    const char *prefix = smbios_option(w->options, 4, "sock_pfx", "CPU");

    for (unsigned i = 0; i < w->machine->sockets; i++) {
        g_autofree char *name = g_strdup_printf("%s %u", prefix, i);

        write_processor(w, i, name);
    }
}

/* Port Connector Information, section 7.9. */
static void write_ports(Writer *w)
{
    for (guint i = 0; w->options && i < w->options->ports->len; i++) {
        const SmbiosPort *port = g_ptr_array_index(w->options->ports, i);

        if (!begin(w, 8, i)) {
            return;
        }
        put_string(w, port->internal);
        put(w, port->connector_type, 1);
        put_string(w, port->external);
        put(w, port->connector_type, 1);
        put(w, port->port_type, 1);
        end(w);
    }
}

/* OEM Strings, section 7.12. */
static void write_oem_strings(Writer *w)
{
    unsigned count = w->options ? w->options->oem_strings->len : 0;

    if (!count || !begin(w, 11, 0)) {
        return;
    }
    put(w, count, 1);
    for (guint i = 0; i < count; i++) {
        const char *text = g_ptr_array_index(w->options->oem_strings, i);

        /* An empty string would end the list. */
        g_ptr_array_add(w->strings, (gpointer)(*text ? text : " "));
    }
    end(w);
}

/* The capacity of a memory device: 16 GiB, or what makes 255 of them hold all RAM. */
static uint64_t memory_device_size(const SmbiosMachine *m)
{
    uint64_t size = 16ull << 30;

    while ((m->ram_size - 1) / size >= 255) {
        size *= 2;
    }
    return size;
}

static unsigned memory_devices(const SmbiosMachine *m)
{
    return (m->ram_size - 1) / memory_device_size(m) + 1;
}

/* Physical Memory Array, section 7.17. */
static void write_memory_array(Writer *w)
{
    enum { LOCATION_OTHER = 1, USE_SYSTEM_MEMORY = 3, NO_CORRECTION = 3 };
    uint64_t size = w->machine->ram_size;
    bool extended = size / KIB >= 0x80000000u;

    if (!begin(w, 16, 0)) {
        return;
    }
    put(w, LOCATION_OTHER, 1);
    put(w, USE_SYSTEM_MEMORY, 1);
    put(w, NO_CORRECTION, 1);
    put(w, extended ? 0x80000000u : size / KIB, 4);
    put(w, NO_ERROR_HANDLE, 2);
    put(w, memory_devices(w->machine), 2);
    put(w, extended ? size : 0, 8);
    end(w);
}

/* Memory Device, section 7.18. */
static void write_memory_device(Writer *w, unsigned index, uint64_t size, const char *locator)
{
    enum { FORM_DIMM = 9, TYPE_RAM = 7, DETAIL_OTHER = 1 << 1, UNKNOWN_WIDTH = 0xffff };
    uint64_t mib = size / MIB;
    bool extended = mib >= 0x7fff;
    uint16_t speed = smbios_option_number(w->options, 17, "speed", 0);

    if (!begin(w, 17, index)) {
        return;
    }
    put(w, HANDLE_MEMORY_ARRAY, 2);
    put(w, NO_ERROR_HANDLE, 2);
    put(w, UNKNOWN_WIDTH, 2);
    put(w, UNKNOWN_WIDTH, 2);
    put(w, extended ? 0x7fff : mib, 2);
    put(w, FORM_DIMM, 1);
    put(w, 0, 1); /* in no set */
    put_string(w, locator);
    put_option(w, "bank", NULL);
    put(w, TYPE_RAM, 1);
    put(w, DETAIL_OTHER, 2);
    put(w, speed, 2);
    put_option(w, "manufacturer", w->machine->manufacturer);
    put_option(w, "serial", NULL);
    put_option(w, "asset", NULL);
    put_option(w, "part", NULL);
    put(w, 0, 1); /* rank */
    put(w, extended ? mib : 0, 4);
    put(w, speed, 2);
    put(w, 0, 2); /* voltages: unknown */
    put(w, 0, 2);
    put(w, 0, 2);
    end(w);
}

static void write_memory_devices(Writer *w)
{
    const char *prefix = smbios_option(w->options, 17, "loc_pfx", "DIMM");
    uint64_t left = w->machine->ram_size;

    for (unsigned i = 0; i < memory_devices(w->machine); i++) {
        g_autofree char *locator = g_strdup_printf("%s %u", prefix, i);
        uint64_t size = MIN(left, memory_device_size(w->machine));

        write_memory_device(w, i, size, locator);
        left -= size;
    }
}

/* Memory Array Mapped Address, section 7.20. */
static void write_memory_ranges(Writer *w)
{
    for (unsigned i = 0; i < w->machine->range_count; i++) {
        const SmbiosMemoryRange *range = &w->machine->ranges[i];
        uint64_t last = range->base + range->length - 1;
        bool extended = last / KIB >= UINT32_MAX;

        if (!begin(w, 19, i)) {
            return;
        }
        put(w, extended ? UINT32_MAX : range->base / KIB, 4);
        put(w, extended ? UINT32_MAX : last / KIB, 4);
        put(w, HANDLE_MEMORY_ARRAY, 2);
        put(w, 1, 1); /* devices in a row */
        put(w, extended ? range->base : 0, 8);
        put(w, extended ? last : 0, 8);
        end(w);
    }
}

/* System Boot Information, section 7.33. */
static void write_boot(Writer *w)
{
    if (begin(w, 32, 0)) {
        put(w, 0, 6);
        put(w, 0, 1); /* no errors */
        end(w);
    }
}

static void write_files(Writer *w)
{
    for (guint i = 0; w->options && i < w->options->structures->len; i++) {
        const GByteArray *bytes = g_ptr_array_index(w->options->structures, i);

        g_byte_array_append(w->tables->data, bytes->data, bytes->len);
        account(w->tables, bytes->len);
    }
}

static bool limits_hold(const SmbiosMachine *m, const SmbiosOptions *options, GError **errp)
{
    if (options && options->oem_strings->len > 255) {
        error_set(errp, ERROR_INVALID,
                  "-smbios type=11: %u strings; a structure holds at most 255",
                  options->oem_strings->len);
        return false;
    }
    if (m->sockets > 255 || (options && options->ports->len > 255)) {
        error_set(errp, ERROR_INVALID,
                  "SMBIOS can describe at most 255 processor sockets and 255 ports");
        return false;
    }
    return true;
}

bool smbios_build(const SmbiosMachine *machine, const SmbiosOptions *options,
                  SmbiosTables *tables, GError **errp)
{
    g_autoptr(GPtrArray) strings = g_ptr_array_new();
    Writer w = { tables, options, machine, .strings = strings };

    g_assert(machine->ram_size && machine->sockets && machine->cores && machine->threads);
    if (!limits_hold(machine, options, errp)) {
        return false;
    }
    *tables = (SmbiosTables){ .data = g_byte_array_new() };
    if (!machine->bios_adds_type0 || (options && options->given[0])) {
        write_bios(&w);
    }
    write_system(&w);
    write_board(&w);
    write_chassis(&w);
    write_processors(&w);
    write_ports(&w);
    write_oem_strings(&w);
    write_memory_array(&w);
    write_memory_devices(&w);
    write_memory_ranges(&w);
    write_boot(&w);
    write_files(&w);
    if (begin(&w, 127, 0)) {
        end(&w);
    }
    return true;
}

void smbios_tables_release(SmbiosTables *tables)
{
    g_clear_pointer(&tables->data, g_byte_array_unref);
}

/* ---- entry points, section 5.2 ---- */

static uint8_t checksum(const uint8_t *bytes, unsigned length)
{
    uint8_t sum = 0;

    while (length--) {
        sum -= *bytes++;
    }
    return sum;
}

GByteArray *smbios_entry_point_32(const SmbiosTables *tables, uint64_t address, GError **errp)
{
    enum { LENGTH = 31, INTERMEDIATE = 16, MAJOR = 2, MINOR = 8 };
    GByteArray *anchor;
    uint8_t *p;

    if (tables->data->len > UINT16_MAX || address > UINT32_MAX || tables->count > UINT16_MAX ||
        tables->largest > UINT16_MAX) {
        error_set(errp, ERROR_INVALID,
                  "SMBIOS: tables of %u bytes at 0x%" PRIx64 " do not fit the 32-bit entry "
                  "point; use smbios-entry-point-type=64",
                  tables->data->len, address);
        return NULL;
    }
    anchor = g_byte_array_new();
    g_byte_array_set_size(anchor, LENGTH);
    p = anchor->data;
    memset(p, 0, LENGTH);
    memcpy(p, "_SM_", 4);
    p[5] = LENGTH;
    p[6] = MAJOR;
    p[7] = MINOR;
    store_le(p + 8, tables->largest, 2);
    memcpy(p + INTERMEDIATE, "_DMI_", 5);
    store_le(p + 22, tables->data->len, 2);
    store_le(p + 24, address, 4);
    store_le(p + 28, tables->count, 2);
    p[30] = MAJOR << 4 | MINOR;
    p[21] = checksum(p + INTERMEDIATE, LENGTH - INTERMEDIATE);
    p[4] = checksum(p, LENGTH);
    return anchor;
}

GByteArray *smbios_entry_point_64(const SmbiosTables *tables, uint64_t address)
{
    enum { LENGTH = 24 };
    GByteArray *anchor = g_byte_array_new();
    uint8_t *p;

    g_byte_array_set_size(anchor, LENGTH);
    p = anchor->data;
    memset(p, 0, LENGTH);
    memcpy(p, "_SM3_", 5);
    p[6] = LENGTH;
    p[7] = 3; /* version 3.0, revision 1 of the entry point */
    p[10] = 1;
    store_le(p + 12, tables->data->len, 4);
    store_le(p + 16, address, 8);
    p[5] = checksum(p, LENGTH);
    return anchor;
}
