/* SPDX-License-Identifier: MIT */
/* PCI as monitors ask for it: QMP's PciInfo, and `info pci`. */
#include "hw/core/debug.h"
#include "hw/pci/internal.h"

static GVariant *describe_bus(const PciBus *bus);

static void add(GVariantBuilder *dict, const char *name, GVariant *value)
{
    g_variant_builder_add(dict, "{sv}", name, value);
}

static void add_int(GVariantBuilder *dict, const char *name, int64_t value)
{
    add(dict, name, g_variant_new_int64(value));
}

static void add_config(GVariantBuilder *dict, const char *name, const PciDevice *pci,
                       unsigned offset, unsigned size)
{
    add_int(dict, name, pci_config_load(pci, offset, size));
}

static GVariant *describe_regions(const PciDevice *pci)
{
    g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("av"));

    for (unsigned i = 0; i <= PCI_ROM_SLOT; i++) {
        const PciBar *bar = &pci->bars[i];
        g_auto(GVariantBuilder) region = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
        if (!bar->present) {
            continue;
        }
        add_int(&region, "bar", i);
        add_int(&region, "size", bar->size);
        add_int(&region, "address", bar->enabled ? (int64_t)bar->address : -1);
        add(&region, "type", g_variant_new_string(bar->io ? "io" : "memory"));
        if (!bar->io) {
            add(&region, "prefetch", g_variant_new_boolean(bar->prefetch));
            add(&region, "mem_type_64", g_variant_new_boolean(bar->wide));
        }
        g_variant_builder_add(&list, "v", g_variant_builder_end(&region));
    }
    return g_variant_builder_end(&list);
}

static GVariant *describe_class(const PciDevice *pci)
{
    g_auto(GVariantBuilder) info = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
    uint16_t code = pci_config_load(pci, PCI_CLASS_CODE + 1, 2);

    add_int(&info, "class", code);
    if (pci_class_name(code)) {
        add(&info, "desc", g_variant_new_string(pci_class_name(code)));
    }
    return g_variant_builder_end(&info);
}

static GVariant *describe_id(const PciDevice *pci)
{
    g_auto(GVariantBuilder) id = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

    add_config(&id, "vendor", pci, PCI_VENDOR_ID, 2);
    add_config(&id, "device", pci, PCI_DEVICE_ID, 2);
    if (!pci_info(pci)->bridge) {
        add_config(&id, "subsystem", pci, PCI_SUBSYSTEM_ID, 2);
        add_config(&id, "subsystem-vendor", pci, PCI_SUBSYSTEM_VENDOR_ID, 2);
    }
    return g_variant_builder_end(&id);
}

static GVariant *describe_bridge(PciDevice *pci)
{
    static const char *const names[PCI_WINDOWS] = {
        "io_range", "memory_range", "prefetchable_range",
    };
    g_auto(GVariantBuilder) bus = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
    g_auto(GVariantBuilder) bridge = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
    PciWindow windows[PCI_WINDOWS];

    add_config(&bus, "number", pci, PPB_PRIMARY_BUS, 1);
    add_config(&bus, "secondary", pci, PPB_SECONDARY_BUS, 1);
    add_config(&bus, "subordinate", pci, PPB_SUBORDINATE_BUS, 1);
    pci_bridge_windows(pci, windows);
    for (unsigned i = 0; i < PCI_WINDOWS; i++) {
        g_auto(GVariantBuilder) range = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
        add_int(&range, "base", windows[i].base);
        add_int(&range, "limit", windows[i].limit);
        add(&bus, names[i], g_variant_builder_end(&range));
    }
    add(&bridge, "bus", g_variant_builder_end(&bus));
    /* Before the guest has numbered it nobody can say where its devices are. */
    if (pci->config[PPB_SECONDARY_BUS]) {
        add(&bridge, "devices", describe_bus(pci_bridge_secondary(pci)));
    }
    return g_variant_builder_end(&bridge);
}

static GVariant *describe_function(PciDevice *pci)
{
    g_auto(GVariantBuilder) info = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);
    const char *id = device_id(&pci->device);

    add_int(&info, "bus", pci_bus_number(pci_bus_of(pci)));
    add_int(&info, "slot", PCI_SLOT(pci->devfn));
    add_int(&info, "function", PCI_FUNCTION(pci->devfn));
    add(&info, "class_info", describe_class(pci));
    add(&info, "id", describe_id(pci));
    add_config(&info, "irq_pin", pci, PCI_INTERRUPT_PIN, 1);
    if (pci->config[PCI_INTERRUPT_PIN]) {
        add_config(&info, "irq", pci, PCI_INTERRUPT_LINE, 1);
    }
    add(&info, "qdev_id", g_variant_new_string(id ? id : ""));
    add(&info, "regions", describe_regions(pci));
    if (pci_info(pci)->bridge) {
        add(&info, "pci_bridge", describe_bridge(pci));
    }
    return g_variant_builder_end(&info);
}

static GVariant *describe_bus(const PciBus *bus)
{
    g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("av"));

    for (unsigned devfn = 0; devfn < 256; devfn++) {
        if (bus->devices[devfn]) {
            g_variant_builder_add(&list, "v", describe_function(bus->devices[devfn]));
        }
    }
    return g_variant_builder_end(&list);
}

/* Buses behind bridges are told with their bridge. */
static GVariant *answer(Object *object)
{
    PciBus *bus = PCI_BUS(object);
    g_auto(GVariantBuilder) list = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("av"));
    g_auto(GVariantBuilder) info = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

    if (!bus->bridge) {
        add_int(&info, "bus", pci_bus_number(bus));
        add(&info, "devices", describe_bus(bus));
        g_variant_builder_add(&list, "v", g_variant_builder_end(&info));
    }
    return g_variant_builder_end(&list);
}

static void print(Object *object, GString *out)
{
    if (!PCI_BUS(object)->bridge) {
        pci_print(PCI_BUS(object), out);
    }
}

const QueryOps pci_query_ops = {
    .command = "query-pci", .answer = answer, .topic = "pci", .print = print,
};
