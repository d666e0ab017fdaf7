/* SPDX-License-Identifier: MIT */
#include "tests/unit/pci-machine.h"

#include <stdarg.h>
#include <string.h>

#include "base/lock.h"
#include "hw/core/state.h"
#include "qom/types.h"

#define PORT_CONFADD  0xcf8
#define PORT_CONFDATA 0xcfc

static const ObjectType test_machine_type = {
    .name = "test-machine", .parent = "machine", .size = sizeof(Machine),
};

void pci_machine_types(const ObjectType *const *extra)
{
    static const ObjectType **kept;   /* the registry borrows the array */
    GPtrArray *types = g_ptr_array_new();

    g_assert_null(kept);
    for (unsigned i = 0; all_types[i]; i++) {
        g_ptr_array_add(types, (void *)all_types[i]);
    }
    g_ptr_array_add(types, (void *)&test_machine_type);
    for (unsigned i = 0; extra && extra[i]; i++) {
        g_ptr_array_add(types, (void *)extra[i]);
    }
    g_ptr_array_add(types, NULL);
    kept = (const ObjectType **)g_ptr_array_free(types, FALSE);
    object_types_register(kept);
}

Device *pci_machine_add(Bus *bus, const char *type, const char *name, ...)
{
    g_autoptr(GError) error = NULL;
    const DeviceType *found = (const DeviceType *)object_type_find(type);
    const char *setting;
    Device *device;
    va_list settings;

    g_assert_nonnull(found);
    device = device_new(found, OBJECT(machine_get()), name, &error);
    g_assert_no_error(error);
    va_start(settings, name);
    while ((setting = va_arg(settings, const char *))) {
        g_auto(GStrv) pair = g_strsplit(setting, "=", 2);
        g_assert_true(object_set_string(OBJECT(device), pair[0], pair[1], &error));
    }
    va_end(settings);
    g_assert_true(bus_plug(bus, device, &error));
    return device;
}

PciMachine pci_machine_new(uint64_t ram_size)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *size = g_strdup_printf("%" PRIu64, ram_size);
    PciMachine machine;
    Object *ram;

    machine_lock();
    time_virtual_step_mode();
    g_assert_nonnull(machine_new(&test_machine_type, &error));
    machine_get()->ram_size = ram_size;
    ram = object_new(&memory_backend_ram_type, object_container(object_root(), "objects"),
                     "pc.ram", &error);
    g_assert_true(object_set_string(ram, "size", size, &error));
    g_assert_true(memory_backend_ram_type.complete(ram, &error));
    machine.host = (I440fxHost *)pci_machine_add(system_bus(), "i440FX-pcihost", "host",
                                                 "memory=/objects/pc.ram", NULL);
    machine.bus = PCI_BUS(object_child(OBJECT(machine.host), "pci.0"));
    machine.pmc = PCI_DEVICE(pci_machine_add(BUS(machine.bus), "i440FX", "pmc", "addr=0", NULL));
    return machine;
}

void pci_machine_up(void)
{
    GError *error = NULL;

    if (!machine_bring_up(false, &error)) {
        g_error("%s", error->message);
    }
}

void pci_machine_free(void)
{
    machine_delete();
    object_delete(object_child(object_container(object_root(), "objects"), "pc.ram"));
    machine_unlock();
}

/* ---- accesses ---- */

uint32_t port_read(uint16_t port, unsigned size)
{
    uint64_t value = 0;

    address_space_load(machine_io(), port, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, &value);
    return value;
}

void port_write(uint16_t port, unsigned size, uint32_t value)
{
    address_space_store(machine_io(), port, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, value);
}

uint64_t memory_read(uint64_t address, unsigned size)
{
    uint64_t value = 0;

    address_space_load(machine_memory(), address, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, &value);
    return value;
}

void memory_write(uint64_t address, unsigned size, uint64_t value)
{
    address_space_store(machine_memory(), address, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, value);
}

static void select_register(unsigned bus, unsigned devfn, unsigned offset)
{
    port_write(PORT_CONFADD, 4, 0x80000000u | bus << 16 | devfn << 8 | (offset & 0xfc));
}

uint32_t config_read_bus(unsigned bus, unsigned devfn, unsigned offset, unsigned size)
{
    select_register(bus, devfn, offset);
    return port_read(PORT_CONFDATA + (offset & 3), size);
}

void config_write_bus(unsigned bus, unsigned devfn, unsigned offset, unsigned size,
                      uint32_t value)
{
    select_register(bus, devfn, offset);
    port_write(PORT_CONFDATA + (offset & 3), size, value);
}

uint32_t config_read(unsigned devfn, unsigned offset, unsigned size)
{
    return config_read_bus(0, devfn, offset, size);
}

void config_write(unsigned devfn, unsigned offset, unsigned size, uint32_t value)
{
    config_write_bus(0, devfn, offset, size, value);
}

void check_save_and_load(Device *device)
{
    g_autoptr(GByteArray) saved = g_byte_array_new(), again = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    size_t used = 0;

    device_save(device, saved);
    device_reset(device);
    g_assert_true(device_load(device, saved->data, saved->len, &used, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(used, ==, saved->len);
    device_save(device, again);
    g_assert_cmpmem(saved->data, saved->len, again->data, again->len);
}

void check_type(const char *type)
{
    g_autofree char *gap = device_type_uncovered((const DeviceType *)object_type_find(type));

    g_assert_cmpstr(gap, ==, NULL);
}
