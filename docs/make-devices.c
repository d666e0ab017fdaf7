/* SPDX-License-Identifier: MIT */
/*
 * Writes a page for every device type, and an index of them, from the tables
 * that the program itself runs by: make-devices DIRECTORY.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "hw/core/device.h"
#include "hw/pci/pci.h"
#include "qom/types.h"

/* ---- reStructuredText ---- */

/* A simple table: its columns are as wide as what is in them. */
typedef struct Table {
    unsigned columns;
    GPtrArray *cells;   /* of char *, row by row, the heading first */
} Table;

static Table *table_new(const char *const *headings)
{
    Table *table = g_new0(Table, 1);

    table->cells = g_ptr_array_new_with_free_func(g_free);
    for (; headings[table->columns]; table->columns++) {
        g_ptr_array_add(table->cells, g_strdup(headings[table->columns]));
    }
    return table;
}

/* What could be taken for markup stands for itself. */
static char *plain(const char *text)
{
    GString *out = g_string_new(NULL);

    for (const char *at = text ? text : ""; *at; at++) {
        bool ends_word = *at == '_' && !g_ascii_isalnum(at[1]);
        if (strchr("*`|\\", *at) || ends_word) {
            g_string_append_c(out, '\\');
        }
        g_string_append_c(out, *at == '\n' ? ' ' : *at);
    }
    return g_string_free(out, FALSE);
}

/* An empty first cell would continue the row above it. */
static void table_add(Table *table, char *cell)
{
    bool first = table->cells->len % table->columns == 0;

    if (first && !*cell) {
        g_free(cell);
        cell = g_strdup("\\");
    }
    g_ptr_array_add(table->cells, cell);
}

static void G_GNUC_PRINTF(2, 3) table_add_format(Table *table, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    table_add(table, g_strdup_vprintf(format, args));
    va_end(args);
}

static const char *table_cell(const Table *table, unsigned row, unsigned column)
{
    return table->cells->pdata[row * table->columns + column];
}

static void table_rule(const Table *table, const unsigned *widths, GString *out)
{
    for (unsigned column = 0; column < table->columns; column++) {
        for (unsigned i = 0; i < widths[column]; i++) {
            g_string_append_c(out, '=');
        }
        g_string_append(out, column + 1 < table->columns ? "  " : "\n");
    }
}

static void table_row(const Table *table, unsigned row, const unsigned *widths, GString *out)
{
    gsize start = out->len;

    for (unsigned column = 0; column < table->columns; column++) {
        const char *cell = table_cell(table, row, column);
        g_string_append(out, cell);
        for (unsigned i = g_utf8_strlen(cell, -1); i < widths[column] + 2; i++) {
            g_string_append_c(out, ' ');
        }
    }
    while (out->len > start && out->str[out->len - 1] == ' ') {
        g_string_truncate(out, out->len - 1);
    }
    g_string_append_c(out, '\n');
}

/* Prints the table, if it has rows, and frees it. */
static void table_end(Table *table, GString *out)
{
    unsigned rows = table->cells->len / table->columns;
    g_autofree unsigned *widths = g_new0(unsigned, table->columns);

    g_assert(table->cells->len % table->columns == 0);
    for (unsigned i = 0; i < table->cells->len; i++) {
        unsigned length = g_utf8_strlen(table->cells->pdata[i], -1);
        widths[i % table->columns] = MAX(widths[i % table->columns], length);
    }
    if (rows > 1) {
        table_rule(table, widths, out);
        table_row(table, 0, widths, out);
        table_rule(table, widths, out);
        for (unsigned row = 1; row < rows; row++) {
            table_row(table, row, widths, out);
        }
        table_rule(table, widths, out);
        g_string_append_c(out, '\n');
    }
    g_ptr_array_unref(table->cells);
    g_free(table);
}

static void heading(GString *out, const char *text, char underline)
{
    g_string_append_printf(out, "%s\n", text);
    for (unsigned i = g_utf8_strlen(text, -1); i; i--) {
        g_string_append_c(out, underline);
    }
    g_string_append(out, "\n\n");
}

/* ---- properties ---- */

static bool is_device_type(const ObjectType *type)
{
    return type && object_type_is(type, "device");
}

static char *range_of(const Property *property)
{
    bool is_signed = property->field.kind == FIELD_INT;

    if (property->values) {
        g_autofree char *all = g_strjoinv(", ", (char **)property->values);
        return plain(all);
    }
    if (!property->min && !property->max) {
        return g_strdup("");
    }
    if (property->flags & PROPERTY_HEX) {
        return g_strdup_printf("0x%" PRIx64 " to 0x%" PRIx64, property->min, property->max);
    }
    return is_signed
        ? g_strdup_printf("%" PRId64 " to %" PRId64, (int64_t)property->min,
                          (int64_t)property->max)
        : g_strdup_printf("%" PRIu64 " to %" PRIu64, property->min, property->max);
}

static char *property_remarks(const Property *property)
{
    g_autofree char *text = plain(property->description);

    return g_strdup_printf("%s%s%s%s", text,
                           property->flags & PROPERTY_REQUIRED ? " (required)" : "",
                           property->flags & PROPERTY_LIVE ? " (may change while it runs)" : "",
                           property->flags & PROPERTY_READ_ONLY ? " (read-only)" : "");
}

static void write_properties(const ObjectType *type, GString *out)
{
    static const char *const headings[] = { "Property", "Type", "Default", "Range", "Meaning",
                                            NULL };
    Table *table = table_new(headings);

    if (type->properties.count) {
        heading(out, "Properties", '-');
    }
    for (unsigned i = 0; i < type->properties.count; i++) {
        const Property *property = &type->properties.at[i];
        g_autofree char *kind = property_type_name(property);
        g_autoptr(GVariant) value = property_default(property);
        g_autofree char *shown = value ? property_print(property, value) : NULL;
        table_add_format(table, "``%s``", property->name);
        table_add(table, plain(kind));
        table_add(table, plain(shown));
        table_add(table, range_of(property));
        table_add(table, property_remarks(property));
    }
    table_end(table, out);
}

/* Those of parent types are on the parents' own pages. */
static void write_inherited(const ObjectType *type, GString *out)
{
    const ObjectType *parent = object_type_parent(type);

    for (; is_device_type(parent); parent = object_type_parent(parent)) {
        if (!parent->properties.count) {
            continue;
        }
        g_string_append_printf(out, "From `%s <%s.rst>`_:", parent->name, parent->name);
        for (unsigned i = 0; i < parent->properties.count; i++) {
            g_string_append_printf(out, "%s\n``%s``", i ? "," : "",
                                   parent->properties.at[i].name);
        }
        g_string_append(out, ".\n\n");
    }
}

/* ---- registers ---- */

static unsigned register_count(const RegisterInfo *reg)
{
    unsigned of_field = reg->field.kind == FIELD_NONE ? 1 : reg->field.count;

    return reg->count ? reg->count : MAX(of_field, 1);
}

static const char *access_name(const RegisterInfo *reg)
{
    static const char *const names[] = { [REG_RW] = "RW", [REG_RO] = "RO", [REG_WO] = "WO" };

    return names[reg->access];
}

/* A table may name more bits than the register has. */
static uint64_t mask_of(unsigned size)
{
    return size < 8 ? (1ull << 8 * size) - 1 : UINT64_MAX;
}

static void append_bits(GString *out, const char *what, uint64_t bits)
{
    if (bits) {
        g_string_append_printf(out, "%s%s 0x%" PRIx64, out->len ? "; " : "", what, bits);
    }
}

static char *register_remarks(const RegisterInfo *reg, unsigned size)
{
    uint64_t all = mask_of(size);
    GString *out = g_string_new(NULL);
    g_autofree char *text = plain(reg->description);

    g_string_append(out, text);
    if (reg->writable == REG_NO_BITS) {
        g_string_append(out, "; a write only clears bits");
    } else {
        append_bits(out, "writable", reg->writable & all);
    }
    append_bits(out, "writing 1 clears", reg->write_one_clears & all);
    append_bits(out, "a read clears", reg->read_clears & all);
    append_bits(out, "not modelled", reg->unimplemented & all);
    if (reg->visible) {
        g_string_append_printf(out, "%sseen in one of the chip's modes", out->len ? "; " : "");
    }
    if (reg->keep_on_reset) {
        g_string_append_printf(out, "%skept on reset", out->len ? "; " : "");
    }
    return g_string_free(out, FALSE);
}

static void write_registers(const RegisterTable *registers, unsigned width, GString *out)
{
    static const char *const headings[] = { "Offset", "Name", "Access", "Bytes", "Reset",
                                            "Meaning", NULL };
    Table *table = table_new(headings);

    for (unsigned i = 0; i < registers->count; i++) {
        const RegisterInfo *reg = &registers->at[i];
        unsigned size = reg->size ? reg->size : MAX(width, 1);
        unsigned stride = reg->stride ? reg->stride : size;
        unsigned count = register_count(reg);
        if (count > 1) {
            table_add_format(table, "0x%02x + %u n", reg->offset, stride);
            table_add_format(table, "``%s[0-%u]``", reg->name, count - 1);
        } else {
            table_add_format(table, "0x%02x", reg->offset);
            table_add_format(table, "``%s``", reg->name);
        }
        table_add(table, g_strdup(access_name(reg)));
        table_add_format(table, "%u", size);
        table_add_format(table, "0x%" PRIx64, reg->reset);
        table_add(table, register_remarks(reg, size));
    }
    table_end(table, out);
}

/* ---- banks ---- */

static void describe_place(const DeviceType *type, const BankInfo *bank, GString *out)
{
    if (bank->bar) {
        g_string_append_printf(out, "base address register %u%s%s", bank->bar - 1,
                               bank->bar_64bit ? ", 64-bit" : "",
                               bank->bar_prefetch ? ", prefetchable" : "");
    } else if (bank->internal || (type->pci && !bank->base && !bank->fixed)) {
        g_string_append(out, "placed by the device itself");
    } else if (bank->base_property) {
        g_string_append_printf(out, "placed by the board, or by the property ``%s``",
                               bank->base_property);
    } else if (bank->fixed || bank->base) {
        g_string_append_printf(out, "at 0x%" PRIx64 " unless the board says otherwise",
                               bank->base);
    } else {
        g_string_append(out, "placed by the board");
    }
}

static void write_bank(const DeviceType *type, const BankInfo *bank, GString *out)
{
    static const char *const kinds[] = {
        [BANK_REGISTERS] = "Registers", [BANK_RAM] = "RAM", [BANK_ROM] = "ROM",
        [BANK_CONTAINER] = "A window that the device fills",
    };
    g_autofree char *text = plain(bank->description);
    g_autofree char *title = g_strdup_printf("Bank ``%s``", bank->name);

    heading(out, title, '-');
    if (*text) {
        g_string_append_printf(out, "%s.\n\n", text);
    }
    g_string_append_printf(out, "%s in %s space, ", kinds[bank->kind],
                           bank->space == SPACE_IO ? "I/O" : "memory");
    if (bank->size_of) {
        g_string_append(out, "as large as the properties make it");
    } else {
        g_string_append_printf(out, "0x%" PRIx64 " bytes", bank->size);
    }
    g_string_append(out, "; ");
    describe_place(type, bank, out);
    g_string_append(out, ".\n\n");
    if (bank->registers.count) {
        write_registers(&bank->registers, bank->width, out);
    } else if (bank->ops) {
        g_string_append(out, "The device decodes accesses to it itself; there is no table of "
                        "registers.\n\n");
    }
}

/* ---- pins, clocks, timers, buses ---- */

static const char *direction_name(PinDirection direction)
{
    return direction == PIN_IN ? "input" : "output";
}

static void write_pins(const DeviceType *type, GString *out)
{
    static const char *const headings[] = { "Pin", "Direction", "Lines", "Meaning", NULL };
    Table *table = table_new(headings);

    if (type->pins.count) {
        heading(out, "Pins", '-');
    }
    for (unsigned i = 0; i < type->pins.count; i++) {
        const PinInfo *pin = &type->pins.at[i];
        g_autofree char *text = plain(pin->description);
        table_add_format(table, "``%s``", pin->name);
        table_add(table, g_strdup(direction_name(pin->direction)));
        if (pin->count_of) {
            table_add(table, g_strdup("by the properties"));
        } else {
            table_add_format(table, "%u", MAX(pin->count, 1));
        }
        if (pin->line_property) {
            table_add_format(table, "%s; to the line of the bus that ``%s`` says, unless the "
                             "board wires it", text, pin->line_property);
        } else {
            table_add(table, g_steal_pointer(&text));
        }
    }
    table_end(table, out);
}

static void write_clocks(const DeviceType *type, GString *out)
{
    static const char *const headings[] = { "Clock", "Direction", "Hz", "Meaning", NULL };
    Table *table = table_new(headings);

    if (type->clocks.count) {
        heading(out, "Clocks", '-');
    }
    for (unsigned i = 0; i < type->clocks.count; i++) {
        const ClockInfo *clock = &type->clocks.at[i];
        table_add_format(table, "``%s``", clock->name);
        table_add(table, g_strdup(direction_name(clock->direction)));
        table_add_format(table, "%" PRIu64, clock->frequency);
        table_add(table, plain(clock->description));
    }
    table_end(table, out);
}

static void write_timers(const DeviceType *type, GString *out)
{
    static const char *const clocks[] = {
        [TIME_VIRTUAL] = "virtual", [TIME_HOST] = "host", [TIME_REAL] = "real",
    };
    static const char *const headings[] = { "Timer", "Number", "Clock", NULL };
    Table *table = table_new(headings);

    if (type->timers.count) {
        heading(out, "Timers", '-');
    }
    for (unsigned i = 0; i < type->timers.count; i++) {
        const TimerInfo *timer = &type->timers.at[i];
        table_add_format(table, "``%s``", timer->name);
        table_add_format(table, "%u", timer->field.count);
        table_add(table, g_strdup(clocks[timer->clock]));
    }
    table_end(table, out);
}

static void write_buses(const DeviceType *type, GString *out)
{
    static const char *const headings[] = { "Bus", "Type", NULL };
    Table *table = table_new(headings);

    if (type->buses.count) {
        heading(out, "Buses it provides", '-');
    }
    for (unsigned i = 0; i < type->buses.count; i++) {
        table_add_format(table, "``%s``", type->buses.at[i].name);
        table_add_format(table, "``%s``", type->buses.at[i].type);
    }
    table_end(table, out);
}

static void write_pci(const PciInfo *pci, GString *out)
{
    heading(out, "PCI function", '-');
    g_string_append_printf(out, "Vendor 0x%04x, device 0x%04x, class 0x%06x, revision 0x%02x.\n",
                           pci->vendor, pci->device, pci->class_code, pci->revision);
    if (pci->interrupt_pin) {
        g_string_append_printf(out, "Its interrupt is INT%c#.\n", '@' + pci->interrupt_pin);
    }
    if (pci->msi.vectors) {
        g_string_append_printf(out, "MSI with %u vectors.\n", pci->msi.vectors);
    }
    if (pci->msix.vectors) {
        g_string_append_printf(out, "MSI-X with %u vectors.\n", pci->msix.vectors);
    }
    g_string_append_c(out, '\n');
    if (pci->config.count) {
        g_string_append(out, "Configuration registers besides the standard header:\n\n");
        write_registers(&pci->config, 1, out);
    }
    for (unsigned i = 0; i < pci->capabilities.count; i++) {
        const PciCapabilityInfo *cap = &pci->capabilities.at[i];
        g_string_append_printf(out, "Capability 0x%02x at 0x%02x:\n\n", cap->id, cap->offset);
        write_registers(&cap->registers, 1, out);
    }
}

/* ---- a page ---- */

static void write_facts(const DeviceType *type, GString *out)
{
    const ObjectType *parent = object_type_parent((const ObjectType *)type);

    if (is_device_type(parent)) {
        g_string_append_printf(out, ":Parent: `%s <%s.rst>`_\n", parent->name, parent->name);
    }
    if (type->bus) {
        g_string_append_printf(out, ":Bus: ``%s``\n", type->bus);
    }
    if (type->compatible) {
        g_auto(GStrv) names = g_strsplit(type->compatible, "|", -1);
        g_autofree char *all = g_strjoinv("``, ``", names);
        g_string_append_printf(out, ":Compatible: ``%s``\n", all);
    }
    if (!type->abstract) {
        g_string_append_printf(out, ":Made by: %s\n", type->board_only || !type->bus
                               ? "board files" : "board files and ``-device``");
        g_string_append_printf(out, ":Hot-plug: %s\n", type->hotpluggable ? "yes" : "no");
    }
    if (type->interrupt_cells) {
        g_string_append_printf(out, ":Interrupt cells: %u\n", type->interrupt_cells);
    }
    if (type->topic) {
        g_string_append_printf(out, ":In the monitor: ``info %s``\n", type->topic);
    }
    g_string_append_c(out, '\n');
}

static char *make_page(const DeviceType *type)
{
    GString *out = g_string_new(".. Made from the device's tables by docs/make-devices; "
                                "do not edit.\n\n");
    g_autofree char *text = plain(type->description);

    heading(out, type->name, '=');
    if (*text) {
        g_string_append_printf(out, "%s%s.\n\n", text,
                               type->abstract ? " (what other types are derived from)" : "");
    }
    write_facts(type, out);
    write_properties((const ObjectType *)type, out);
    write_inherited((const ObjectType *)type, out);
    if (type->pci) {
        write_pci(type->pci, out);
    }
    for (unsigned i = 0; i < type->banks.count; i++) {
        write_bank(type, &type->banks.at[i], out);
    }
    write_pins(type, out);
    write_clocks(type, out);
    write_timers(type, out);
    write_buses(type, out);
    return g_string_free(out, FALSE);
}

/* CPU models are many, and apart from what is on the board around them. */
static void index_types(const GPtrArray *types, bool cpus, GString *out)
{
    static const char *const headings[] = { "Type", "Bus", "What it is", NULL };
    Table *table = table_new(headings);

    for (guint i = 0; i < types->len; i++) {
        const DeviceType *type = types->pdata[i];
        if (object_type_is((const ObjectType *)type, "cpu") == cpus) {
            table_add_format(table, "`%s <%s.rst>`_", type->name, type->name);
            table_add(table, plain(type->bus));
            table_add(table, plain(type->description));
        }
    }
    table_end(table, out);
}

static char *make_index(const GPtrArray *types)
{
    GString *out = g_string_new(".. Made by docs/make-devices; do not edit.\n\n");

    heading(out, "Device types", '=');
    index_types(types, false, out);
    heading(out, "Processors", '-');
    index_types(types, true, out);
    g_string_append(out, ".. toctree::\n   :hidden:\n   :glob:\n\n   *\n");
    return g_string_free(out, FALSE);
}

/* ---- files ---- */

/* A type that is no longer there leaves no page. */
static bool empty_directory(const char *directory)
{
    g_autoptr(GDir) dir = NULL;
    const char *name;

    if (g_mkdir_with_parents(directory, 0777) < 0 || !(dir = g_dir_open(directory, 0, NULL))) {
        fprintf(stderr, "make-devices: cannot make '%s': %s\n", directory, g_strerror(errno));
        return false;
    }
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(directory, name, NULL);
        if (g_str_has_suffix(name, ".rst") && remove(path) < 0) {
            fprintf(stderr, "make-devices: cannot remove '%s': %s\n", path, g_strerror(errno));
            return false;
        }
    }
    return true;
}

static bool write_page(const char *directory, const char *name, char *text)
{
    g_autofree char *path = g_strdup_printf("%s/%s.rst", directory, name);
    g_autofree char *page = text;
    g_autoptr(GError) error = NULL;

    if (!g_file_set_contents(path, page, -1, &error)) {
        fprintf(stderr, "make-devices: %s\n", error->message);
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    g_autoptr(GPtrArray) types = NULL;

    if (argc != 2) {
        fprintf(stderr, "usage: make-devices DIRECTORY\n");
        return 1;
    }
    object_types_register(all_types);
    object_types_register(x86_cpu_types());
    types = object_types_list("device", true);
    if (!empty_directory(argv[1]) || !write_page(argv[1], "index", make_index(types))) {
        return 1;
    }
    for (guint i = 0; i < types->len; i++) {
        const DeviceType *type = types->pdata[i];
        if (!write_page(argv[1], type->name, make_page(type))) {
            return 1;
        }
    }
    return 0;
}
