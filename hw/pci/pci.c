/* SPDX-License-Identifier: MIT */
/*
 * "pci-device": what every function is. Its saved state is the configuration
 * space, the interrupt request and the MSI-X table; the rest follows from them.
 * Not modelled: parity, VPD, power management, CompactPCI hot swap.
 */
#include <string.h>

#include "hw/pci/internal.h"

/* ---- the addr property ---- */

#define SLOTS     32
#define FUNCTIONS 8

bool pci_address_parse(const char *text, int32_t *devfn, GError **error)
{
    char *end;
    guint64 slot = g_ascii_strtoull(text, &end, 16), function = 0;
    bool well_formed = g_ascii_isxdigit(*text);

    if (well_formed && *end == '.') {
        const char *digits = end + 1;
        well_formed = g_ascii_isxdigit(*digits);
        function = g_ascii_strtoull(digits, &end, 16);
    }
    if (!well_formed || *end || slot >= SLOTS || function >= FUNCTIONS) {
        error_set(error, ERROR_INVALID,
                  "'%s' is not a PCI address: give SLOT or SLOT.FUNCTION in hexadecimal, from "
                  "00.0 to 1f.7", text);
        return false;
    }
    *devfn = PCI_DEVFN(slot, function);
    return true;
}

static GVariant *get_address(Object *object, const Property *property)
{
    const PciDevice *pci = PCI_DEVICE(object);

    if (pci->devfn < 0) {
        return g_variant_new_string("-1");
    }
    return g_variant_new_take_string(g_strdup_printf("%02x.%x", PCI_SLOT(pci->devfn),
                                                     PCI_FUNCTION(pci->devfn)));
}

/* A number is a devfn, as board files and JSON give it. */
static bool set_address(Object *object, const Property *property, GVariant *value,
                        GError **error)
{
    PciDevice *pci = PCI_DEVICE(object);
    int64_t number = -2;

    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        const char *text = g_variant_get_string(value, NULL);
        if (g_str_equal(text, "-1")) {
            pci->devfn = -1;
            return true;
        }
        return pci_address_parse(text, &pci->devfn, error);
    }
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64)) {
        number = MIN(g_variant_get_uint64(value), INT32_MAX);
    } else if (g_variant_is_of_type(value, G_VARIANT_TYPE_INT64)) {
        number = g_variant_get_int64(value);
    }
    if (number < -1 || number > 0xff) {
        error_set(error, ERROR_INVALID, "a PCI address as a number is slot * 8 + function, "
                  "0 to 255");
        return false;
    }
    pci->devfn = number;
    return true;
}

/* The defaults of properties that are the type's own. */
static void pci_device_init(Object *object)
{
    PciDevice *pci = PCI_DEVICE(object);
    const PciInfo *info = pci_info(pci);

    g_assert(info);
    pci->devfn = -1;
    pci->multifunction = info->multifunction;
    if (info->romfile) {
        g_free(pci->romfile);
        pci->romfile = g_strdup(info->romfile);
    }
}

static const Property pci_properties[] = {
    { .name = "addr", .type_name = "int32", .get = get_address, .set = set_address,
      .description = "Slot and optional function number, example: 06.0 or 06" },
    { .name = "romfile", .description = "image of the expansion ROM",
      .field = FIELD_OF(PciDevice, romfile) },
    { .name = "romsize", .description = "size of the expansion ROM in bytes, a power of two; "
      "by default what the image needs",
      .field = FIELD_OF(PciDevice, romsize), .def.u = UINT32_MAX },
    { .name = "rombar", .description = "0 hides the expansion ROM",
      .field = FIELD_OF(PciDevice, rombar), .def.u = 1 },
    { .name = "multifunction", .description = "on function 0: the slot has more functions",
      .field = FIELD_OF(PciDevice, multifunction) },
};

/* ---- bus mastering ---- */

void pci_master_update(PciDevice *pci)
{
    if (pci->master_alias) {
        region_set_enabled(pci->master_alias,
                           pci_config_load(pci, PCI_COMMAND, 2) & PCI_COMMAND_MASTER);
    }
}

uint16_t pci_requester_id(const PciDevice *pci)
{
    return pci_bus_number(pci_bus_of(pci)) << 8 | pci->devfn;
}

/* ---- reset and state ---- */

static void pci_device_reset(Device *device)
{
    PciDevice *pci = PCI_DEVICE(device);

    if (!pci->attached) {
        return;
    }
    pci_config_reset(pci);
    pci->intx_level = false;
    pci_msix_reset(pci);
    pci_bars_update(pci);
    pci_master_update(pci);
}

static void pci_device_reset_hold(Device *device)
{
    PciDevice *pci = PCI_DEVICE(device);

    if (pci->attached) {
        pci_intx_update(pci);
    }
}

static bool pci_device_post_load(Device *device, GError **error)
{
    PciDevice *pci = PCI_DEVICE(device);

    if (!pci_config_check_loaded(pci, error)) {
        return false;
    }
    memory_transaction_begin();
    pci_bars_update(pci);
    pci_master_update(pci);
    pci_intx_update(pci);
    memory_transaction_commit();
    return true;
}

static bool has_msix(const Device *device)
{
    return PCI_DEVICE(device)->msix_vectors > 0;
}

static const StateInfo pci_state[] = {
    { .name = "config", FIELD_ARRAY(PciDevice, config) },
    { .name = "intx_level", FIELD(PciDevice, intx_level) },
    { .name = "msix_table", FIELD(PciDevice, msix_table), .length_of = pci_msix_table_length,
      .needed = has_msix },
    { .name = "msix_pba", FIELD(PciDevice, msix_pba), .length_of = pci_msix_pba_length,
      .needed = has_msix },
};

static const TransientInfo pci_transient[] = {
    { FIELD(PciDevice, devfn), "property; the bus fills it in" },
    { FIELD(PciDevice, writable), "laid from the tables" },
    { FIELD(PciDevice, clears), "laid from the tables" },
    { FIELD(PciDevice, reset_config), "laid from the tables" },
    { FIELD(PciDevice, fixed), "laid from the tables" },
    { FIELD(PciDevice, bars), "follows the configuration space" },
    { FIELD(PciDevice, rom), "made when it is attached" },
    { FIELD(PciDevice, rom_block), "made when it is attached" },
    { FIELD(PciDevice, master), "made when it is attached" },
    { FIELD(PciDevice, master_alias), "made when it is attached" },
    { FIELD(PciDevice, dma), "made when it is attached" },
    { FIELD(PciDevice, intx_driven), "follows the request and the configuration space" },
    { FIELD(PciDevice, attached), "the device's life" },
    { FIELD(PciDevice, hooks), "laid from the tables" },
    { FIELD(PciDevice, msi_cap), "laid from the tables" },
    { FIELD(PciDevice, msix_cap), "laid from the tables" },
    { FIELD(PciDevice, msix_vectors), "laid from the tables" },
    { FIELD(PciDevice, msix_table_region), "made when it is attached" },
    { FIELD(PciDevice, msix_pba_region), "made when it is attached" },
};

const DeviceType pci_device_type = {
    .name = "pci-device", .parent = "device", .abstract = true,
    .description = "a function on a PCI bus", .size = sizeof(PciDevice),
    .properties = TABLE(pci_properties), .init = pci_device_init,
    .state = TABLE(pci_state), .transient = TABLE(pci_transient),
    .reset = pci_device_reset, .reset_hold = pci_device_reset_hold,
    .post_load = pci_device_post_load,
};
