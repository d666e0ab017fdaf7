/* SPDX-License-Identifier: MIT */
/* Reset in three steps over a subtree: all enter, all hold, all exit. */
#include "hw/core/internal.h"

static void add_with_buses(Object *object, GPtrArray *list, GHashTable *seen);

static void add_children(Object *object, GPtrArray *list, GHashTable *seen)
{
    for (Object *child = object->first_child; child; child = child->next_sibling) {
        add_with_buses(child, list, seen);
    }
}

static void add_with_buses(Object *object, GPtrArray *list, GHashTable *seen)
{
    if (object_is(object, "device")) {
        if (!g_hash_table_add(seen, object)) {
            return;
        }
        g_ptr_array_add(list, object);
    }
    if (object_is(object, "bus")) {
        for (Device *device = BUS(object)->first; device; device = device->next_on_bus) {
            add_with_buses(OBJECT(device), list, seen);
        }
    }
    add_children(object, list, seen);
}

GPtrArray *devices_below(Object *root)
{
    GPtrArray *list = g_ptr_array_new();
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    add_with_buses(root, list, seen);
    return list;
}

typedef void (*ResetHook)(Device *device);

static void run_hooks(const DeviceType *type, Device *device, size_t hook_offset)
{
    const DeviceType *parent = device_type_parent(type);
    ResetHook hook = *(const ResetHook *)((const char *)type + hook_offset);

    if (parent) {
        run_hooks(parent, device, hook_offset);
    }
    if (hook) {
        hook(device);
    }
}

static bool reset_bus(Object *object, void *opaque)
{
    if (object_is(object, "bus") && bus_type(BUS(object))->reset) {
        bus_type(BUS(object))->reset(BUS(object));
    }
    return true;
}

void devices_reset(Object *root)
{
    g_autoptr(GPtrArray) devices = devices_below(root);

    memory_transaction_begin();
    for (guint i = 0; i < devices->len; i++) {
        Device *device = devices->pdata[i];
        device->reset_depth++;
        device_timers_cancel(device, false);
        device_registers_reset(device);
        run_hooks(device_type(device), device, G_STRUCT_OFFSET(DeviceType, reset));
    }
    object_foreach(root, reset_bus, NULL);
    for (guint i = 0; i < devices->len; i++) {
        Device *device = devices->pdata[i];
        run_hooks(device_type(device), device, G_STRUCT_OFFSET(DeviceType, reset_hold));
    }
    for (guint i = 0; i < devices->len; i++) {
        Device *device = devices->pdata[i];
        device->reset_depth--;
        run_hooks(device_type(device), device, G_STRUCT_OFFSET(DeviceType, reset_exit));
        device_update(device);
    }
    memory_transaction_commit();
}

void device_reset(Device *device)
{
    devices_reset(OBJECT(device));
}
