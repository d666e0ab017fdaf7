/* SPDX-License-Identifier: MIT */
/* query-pci and info pci on a 440FX with a bridge and a device behind it. */
#include <string.h>

#include "hw/pci/regs.h"
#include "monitor/json.h"
#include "monitor/machine-view.h"
#include "monitor/schema.h"
#include "tests/unit/pci-machine.h"

static GVariant *query(void)
{
    GVariant *answer = g_variant_ref_sink(machine_view_query("query-pci"));
    g_autoptr(GError) error = NULL;

    g_assert_true(schema_check("[PciInfo]", answer, "return", &error));
    g_assert_no_error(error);
    return answer;
}

static void check_has(GVariant *answer, const char *text)
{
    g_autofree char *json = json_to_string(answer, false);

    if (!strstr(json, text)) {
        g_error("%s has no %s", json, text);
    }
}

static void test_query(void)
{
    PciMachine machine = pci_machine_new(64 << 20);
    Device *bridge = pci_machine_add(&machine.bus->bus, "pci-bridge", "br", "addr=03.0",
                                     "chassis_nr=1", NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    GVariant *answer;

    pci_machine_add(BUS(bridge->object.first_child), "pci-bridge", "inner", "addr=05.0",
                    "chassis_nr=2", NULL);
    pci_machine_up();
    answer = query();
    g_assert_cmpuint(g_variant_n_children(answer), ==, 1);
    check_has(answer, "{\"bus\": 0, \"devices\": [{\"bus\": 0, \"slot\": 0, \"function\": 0, "
              "\"class_info\": {\"class\": 1536, \"desc\": \"Host bridge\"}, \"id\": {\"vendor\": "
              "32902, \"device\": 4663, \"subsystem\": 4352, \"subsystem-vendor\": 6900}, "
              "\"irq_pin\": 0,");
    check_has(answer, "\"slot\": 3");
    /* Not numbered yet: nobody can say where the inner one is. */
    check_has(answer, "\"pci_bridge\": {\"bus\": {\"number\": 0, \"secondary\": 0,");
    g_variant_unref(answer);

    config_write(PCI_DEVFN(3, 0), PPB_SECONDARY_BUS, 1, 1);
    config_write(PCI_DEVFN(3, 0), PPB_SUBORDINATE_BUS, 1, 2);
    config_write(PCI_DEVFN(3, 0), PPB_MEMORY_BASE, 2, 0xe000);
    config_write(PCI_DEVFN(3, 0), PPB_MEMORY_LIMIT, 2, 0xe010);
    answer = query();
    check_has(answer, "\"secondary\": 1, \"subordinate\": 2");
    check_has(answer, "\"memory_range\": {\"base\": 3758096384, \"limit\": 3760193535}");
    check_has(answer, "\"devices\": [{\"bus\": 1, \"slot\": 5,");
    g_variant_unref(answer);

    g_assert_true(machine_view_print("pci", NULL, text));
    g_assert_nonnull(strstr(text->str, "Host bridge: PCI device 8086:1237"));
    g_assert_nonnull(strstr(text->str, "Bus  1, device   5, function 0:"));
    pci_machine_free();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    pci_machine_types(NULL);
    g_test_add_func("/pci-query/query", test_query);
    return g_test_run();
}
