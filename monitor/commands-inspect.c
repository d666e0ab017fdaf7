/* SPDX-License-Identifier: MIT */
/* What the machine is and what it does: the texts of `info`. */
#include "accel/accel.h"
#include "base/error.h"
#include "hw/core/machine.h"
#include "memory/ram.h"
#include "memory/space.h"
#include "monitor/cpu-access.h"
#include "monitor/hmp.h"
#include "monitor/machine-view.h"
#include "monitor/modules.h"
#include "monitor/monitor-private.h"
#include "monitor/qmp.h"
#include "monitor/qom-view.h"
#include "monitor/tree-print.h"

/* ---- the program ---- */

static void info_version(Monitor *monitor, GVariant *args, GError **error)
{
    g_autoptr(GVariant) version = g_variant_ref_sink(qmp_version());

    monitor_printf(monitor, "%s\n", args_str(version, "package"));
}

static void info_name(Monitor *monitor, GVariant *args, GError **error)
{
    if (machine_get() && machine_get()->name) {
        monitor_printf(monitor, "%s\n", machine_get()->name);
    }
}

static void info_uuid(Monitor *monitor, GVariant *args, GError **error)
{
    g_autofree char *uuid = machine_view_uuid();

    monitor_printf(monitor, "%s\n", uuid);
}

/* ---- trees ---- */

static void info_qtree(Monitor *monitor, GVariant *args, GError **error)
{
    tree_print_buses(monitor->text);
}

static void info_qom_tree(Monitor *monitor, GVariant *args, GError **error)
{
    const char *path = args_str(args, "path");
    Object *root = qom_view_resolve(path ? path : "/machine", error);

    if (root) {
        tree_print_objects(monitor->text, root);
    }
}

static void info_mtree(Monitor *monitor, GVariant *args, GError **error)
{
    /* The flat view is what dispatch uses: -d shows nothing beyond it. */
    if (args_bool(args, "f", false)) {
        memory_print_flat(monitor->text);
    } else {
        memory_print_tree(monitor->text, args_bool(args, "o", false),
                          args_bool(args, "D", false));
    }
}

static void print_ram_blocks(GString *out)
{
    g_string_append_printf(out, "%24s %8s  %18s\n", "Block Name", "PSize", "Total");
    for (RamBlock *block = ram_block_first(); block; block = block->next) {
        g_string_append_printf(out, "%24s %4" PRIu64 " KiB  0x%016" PRIx64 "\n", block->id,
                               block->page_size >> 10, block->size);
    }
}

static void info_ramblock(Monitor *monitor, GVariant *args, GError **error)
{
    print_ram_blocks(monitor->text);
}

/* ---- CPUs ---- */

static void print_registers(Monitor *monitor, Cpu *cpu, bool all)
{
    if (cpu->ops && cpu->ops->print_registers) {
        cpu->ops->print_registers(cpu, monitor->text, all);
    }
}

static void info_registers(Monitor *monitor, GVariant *args, GError **error)
{
    bool every = args_bool(args, "a", false);
    int64_t first = every ? 0 : args_int(args, "vcpu", monitor_cpu(monitor));
    int64_t last = every ? (int64_t)cpu_count() - 1 : first;

    for (int64_t i = first; i <= last; i++) {
        Cpu *cpu = cpu_for_index(i, error);
        if (!cpu) {
            return;
        }
        print_registers(monitor, cpu, true);
    }
}

static void print_paging(Monitor *monitor, bool pages, GError **error)
{
    Cpu *cpu = cpu_for_monitor(monitor, error);
    void (*print)(Cpu *, GString *) = !cpu ? NULL : pages ? cpu->ops->print_pages
                                                          : cpu->ops->print_ranges;

    if (cpu && !print) {
        monitor_printf(monitor, "The page tables of this CPU cannot be shown\n");
    } else if (cpu) {
        print(cpu, monitor->text);
    }
}

static void info_tlb(Monitor *monitor, GVariant *args, GError **error)
{
    print_paging(monitor, true, error);
}

static void info_mem(Monitor *monitor, GVariant *args, GError **error)
{
    print_paging(monitor, false, error);
}

/* ---- devices that speak for themselves ---- */

static void print_topic(Monitor *monitor, const char *topic)
{
    if (!machine_view_print(topic, NULL, monitor->text)) {
        monitor_printf(monitor, "No device of this machine shows its %s state\n", topic);
    }
}

static void info_pic(Monitor *monitor, GVariant *args, GError **error)
{
    bool ioapic = machine_view_print("ioapic", NULL, monitor->text);

    if (!machine_view_print("pic", NULL, monitor->text) && !ioapic) {
        monitor_puts(monitor, "No interrupt controller of this machine shows its state\n");
    }
}

static void info_ioapic(Monitor *monitor, GVariant *args, GError **error)
{
    print_topic(monitor, "ioapic");
}

static void info_lapic(Monitor *monitor, GVariant *args, GError **error)
{
    Cpu *cpu = cpu_for_monitor(monitor, error);

    if (cpu && !machine_view_print("lapic", OBJECT(cpu), monitor->text)) {
        monitor_printf(monitor, "CPU #%u has no local APIC\n", cpu->index);
    }
}

/* An interrupt controller is what has an input of this name. */
static bool print_raised(Object *object, void *opaque)
{
    const Device *device = DEVICE(object);
    GString *out = opaque;
    int pin;

    if (!object_is(object, "device") || (pin = device_pin_index(device, "irq")) < 0 ||
        device_type(device)->pins.at[pin].direction != PIN_IN) {
        return true;
    }
    g_string_append_printf(out, "IRQ statistics for %s:\n", device_type(device)->name);
    for (unsigned line = 0; line < device_pin_count(device, pin); line++) {
        uint64_t raised = pin_raised(device, pin, line);
        if (raised) {
            g_string_append_printf(out, "%2u: %" PRIu64 "\n", line, raised);
        }
    }
    return true;
}

/* How often each line went up, and what devices have to say. False: nothing. */
static bool print_irqs(GString *out)
{
    gsize before = out->len;

    object_foreach(object_root(), print_raised, out);
    machine_view_print("irq", NULL, out);
    return out->len > before;
}

static void info_irq(Monitor *monitor, GVariant *args, GError **error)
{
    if (!print_irqs(monitor->text)) {
        monitor_puts(monitor, "No interrupt controller of this machine counts\n");
    }
}

static void info_pci(Monitor *monitor, GVariant *args, GError **error)
{
    print_topic(monitor, "pci");
}

static void info_roms(Monitor *monitor, GVariant *args, GError **error)
{
    print_topic(monitor, "roms");
}

static void info_jit(Monitor *monitor, GVariant *args, GError **error)
{
    if (!accel_describe(monitor->text)) {
        error_set(error, ERROR_FAILED, "JIT information is only available with accel=jit");
    }
}

/* One device, whatever it is: its own text, and the registers of its tables. */
static void print_stored_registers(Monitor *monitor, Device *device)
{
    const DeviceType *type = device_type(device);

    for (unsigned i = 0; i < type->banks.count; i++) {
        const RegisterTable *table = &type->banks.at[i].registers;
        for (unsigned n = 0; n < table->count; n++) {
            const RegisterInfo *reg = &table->at[n];
            uint64_t value;
            if (reg->field.count <= 1 && device_register_peek(device, reg, 0, &value)) {
                monitor_printf(monitor, "%s.%s = 0x%" PRIx64 "\n", type->banks.at[i].name,
                               reg->name, value);
            }
        }
    }
}

static void info_device(Monitor *monitor, GVariant *args, GError **error)
{
    const char *name = args_str(args, "device");
    Device *device = device_find(name);

    if (!device) {
        error_set(error, ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", name);
        return;
    }
    if (device_type(device)->print) {
        device_type(device)->print(device, monitor->text);
    }
    print_stored_registers(monitor, device);
}

/* ---- the same texts for QMP ---- */

static GVariant *human_readable(GString *text)
{
    g_autofree char *valid = g_utf8_make_valid(text->str, text->len);

    return g_variant_new_parsed("{'human-readable-text': <%s>}", valid);
}

static GVariant *topic_for_qmp(const char *topic)
{
    g_autoptr(GString) text = g_string_new(NULL);

    machine_view_print(topic, NULL, text);
    return human_readable(text);
}

static GVariant *x_query_irq(Monitor *monitor, GVariant *args, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);

    print_irqs(text);
    return human_readable(text);
}

static GVariant *x_query_roms(Monitor *monitor, GVariant *args, GError **error)
{
    return topic_for_qmp("roms");
}

static GVariant *x_query_ramblock(Monitor *monitor, GVariant *args, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);

    print_ram_blocks(text);
    return human_readable(text);
}

static GVariant *x_query_jit(Monitor *monitor, GVariant *args, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (!accel_describe(text)) {
        error_set(error, ERROR_FAILED, "JIT information is only available with accel=jit");
        return NULL;
    }
    return human_readable(text);
}

/* ---- the tables ---- */

static const SchemaType types[] = {
    { .name = "HumanReadableText",
      .members = (const SchemaMember[]){ { "human-readable-text", "str" }, { 0 } } },
    { 0 },
};

static const Command commands[] = {
    { .name = "x-query-irq", .help = "How often each interrupt was raised, as text.",
      .returns = "HumanReadableText", .handler = x_query_irq },
    { .name = "x-query-roms", .help = "The ROM images that are loaded, as text.",
      .returns = "HumanReadableText", .handler = x_query_roms },
    { .name = "x-query-ramblock", .help = "The blocks of guest memory, as text.",
      .returns = "HumanReadableText", .handler = x_query_ramblock },
    { .name = "x-query-jit", .help = "What the software CPU has translated, as text.",
      .returns = "HumanReadableText", .handler = x_query_jit },
    { 0 },
};

static const HmpCommand hmp_infos[] = {
    { .name = "version", .help = "show the version", .handler = info_version },
    { .name = "name", .help = "show the current VM name", .handler = info_name },
    { .name = "uuid", .help = "show the current VM UUID", .handler = info_uuid },
    { .name = "qtree", .help = "show device tree", .handler = info_qtree },
    { .name = "qom-tree", .params = "[path]", .help = "show QOM composition tree",
      .args = (const HmpArg[]){ { "path", HMP_WORD, true, hmp_complete_path }, { 0 } },
      .handler = info_qom_tree },
    { .name = "mtree", .params = "[-f][-d][-o][-D]",
      .help = "show memory tree (-f: dump flat view for address spaces; -d: the dispatch, which "
              "is the flat view; -o: dump region owners; -D: dump disabled regions)",
      .args = (const HmpArg[]){ { "f", HMP_FLAG }, { "d", HMP_FLAG }, { "o", HMP_FLAG },
                                { "D", HMP_FLAG }, { 0 } },
      .handler = info_mtree },
    { .name = "ramblock", .help = "show the blocks of guest memory", .handler = info_ramblock },
    { .name = "registers", .params = "[-a|vcpu]",
      .help = "show the cpu registers (-a: show register info for all cpus; vcpu: specific vCPU "
              "to query)",
      .args = (const HmpArg[]){ { "a", HMP_FLAG }, { "vcpu", HMP_NUMBER, true }, { 0 } },
      .handler = info_registers },
    { .name = "tlb", .help = "show virtual to physical memory mappings", .handler = info_tlb },
    { .name = "mem", .help = "show the active virtual memory mappings", .handler = info_mem },
    { .name = "device", .params = "id|path", .help = "show the state of one device",
      .args = (const HmpArg[]){ { "device", HMP_WORD, false, hmp_complete_path }, { 0 } },
      .handler = info_device },
    { .name = "pic", .help = "show PIC state", .handler = info_pic },
    { .name = "ioapic", .help = "show I/O APIC state", .handler = info_ioapic },
    { .name = "lapic", .help = "show local APIC state", .handler = info_lapic },
    { .name = "irq", .help = "show the interrupts statistics (if available)",
      .handler = info_irq },
    { .name = "pci", .help = "show PCI info", .handler = info_pci },
    { .name = "roms", .help = "show roms", .handler = info_roms },
    { .name = "jit", .help = "show dynamic compiler info", .handler = info_jit },
    { 0 },
};

const SchemaModule inspect_module = {
    .title = "Looking inside", .types = types, .commands = commands, .hmp_infos = hmp_infos,
};
