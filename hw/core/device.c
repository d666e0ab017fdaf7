/* SPDX-License-Identifier: MIT */
/* A device's life: made, wired, validated, realized, removed. */
#include "hw/core/device.h"

#include <string.h>

#include "base/log.h"
#include "hw/core/internal.h"
#include "hw/core/machine.h"

static GVariant *get_realized(Object *object, const Property *property)
{
    return g_variant_new_boolean(DEVICE(object)->phase == DEVICE_REALIZED);
}

static GVariant *get_hotpluggable(Object *object, const Property *property)
{
    return g_variant_new_boolean(device_type(DEVICE(object))->hotpluggable);
}

static GVariant *get_parent_bus(Object *object, const Property *property)
{
    Bus *bus = DEVICE(object)->bus;

    return g_variant_new_take_string(bus ? object_path(OBJECT(bus)) : g_strdup(""));
}

static const Property device_properties[] = {
    { .name = "realized", .description = "whether the device is in operation",
      .type_name = "bool", .get = get_realized, .flags = PROPERTY_READ_ONLY },
    { .name = "hotplugged", .description = "whether it was added while the machine ran",
      .field = FIELD_OF(Device, hotplugged), .flags = PROPERTY_READ_ONLY },
    { .name = "hotpluggable", .description = "whether it may be added while the machine runs",
      .type_name = "bool", .get = get_hotpluggable, .flags = PROPERTY_READ_ONLY },
    { .name = "parent_bus", .description = "the bus it is plugged into",
      .type_name = "link<bus>", .get = get_parent_bus, .flags = PROPERTY_READ_ONLY },
};

static void device_init(Object *object)
{
    Device *device = DEVICE(object);

    device->board_node = -1;
    device_banks_init(device);
    device_pins_init(device);
    device_clocks_init(device);
}

static void device_unrealize(Device *device)
{
    if (device->phase == DEVICE_REALIZED) {
        device->phase = DEVICE_WIRED;
        for (const DeviceType *t = device_type(device); t; t = device_type_parent(t)) {
            if (t->unrealize) {
                t->unrealize(device);
            }
        }
    }
}

static void device_finalize(Object *object)
{
    Device *device = DEVICE(object);

    device_unrealize(device);
    device_timers_cancel(device, true);
    g_clear_pointer(&device->timers, g_free);
    device_pins_free(device);
    if (device->bus) {
        bus_unplug(device);
    }
    device_banks_free(device);
    device_clocks_free(device);
}

const DeviceType device_base_type = {
    .name = "device", .description = "anything that is on a board", .abstract = true,
    .size = sizeof(Device), .properties = TABLE(device_properties),
    .init = device_init, .finalize = device_finalize,
};

const DeviceType sys_bus_device_type = {
    .name = "sys-bus-device", .parent = "device", .abstract = true,
    .description = "a device that the board places in the CPUs' own address spaces",
    .size = sizeof(Device),
};

const DeviceType *device_type_parent(const DeviceType *type)
{
    const ObjectType *parent = object_type_parent((const ObjectType *)type);

    return parent && object_type_is(parent, "device") ? (const DeviceType *)parent : NULL;
}

/* ---- timers ---- */

static void timer_expired(void *opaque)
{
    DeviceTimer *binding = opaque;
    Device *device = binding->device;
    unsigned was_busy = device->busy;

    device->busy = 1;
    binding->info->expired(device, binding->index);
    device->busy = was_busy;
    device_update(device);
}

unsigned device_timer_count(const Device *device)
{
    unsigned count = 0;

    for (const DeviceType *t = device_type(device); t; t = device_type_parent(t)) {
        for (unsigned i = 0; i < t->timers.count; i++) {
            count += t->timers.at[i].field.count;
        }
    }
    return count;
}

static void device_timers_init(Device *device)
{
    unsigned slot = 0;

    device->timers = g_new0(DeviceTimer, device_timer_count(device));
    for (const DeviceType *t = device_type(device); t; t = device_type_parent(t)) {
        for (unsigned i = 0; i < t->timers.count; i++) {
            const TimerInfo *info = &t->timers.at[i];
            for (unsigned n = 0; n < info->field.count; n++, slot++) {
                DeviceTimer *binding = &device->timers[slot];
                binding->device = device;
                binding->info = info;
                binding->index = n;
                binding->timer = field_element(device, &info->field, n);
                timer_init(binding->timer, info->clock, timer_expired, binding);
            }
        }
    }
}

void device_timers_cancel(Device *device, bool all)
{
    unsigned count = device->timers ? device_timer_count(device) : 0;

    for (unsigned i = 0; i < count; i++) {
        if (all || !device->timers[i].info->keep_on_reset) {
            timer_cancel(device->timers[i].timer);
        }
    }
}

/* ---- making and finding ---- */

Device *device_new(const DeviceType *type, Object *parent, const char *name, GError **error)
{
    Device *device = (Device *)object_new((const ObjectType *)type, parent, name, error);

    if (!device) {
        return NULL;
    }
    device_timers_init(device);
    for (const DeviceType *t = type; t; t = device_type_parent(t)) {
        for (unsigned i = 0; i < t->buses.count; i++) {
            const BusInfo *info = &t->buses.at[i];
            const BusType *bus = (const BusType *)object_type_find(info->type);
            g_assert(bus);
            if (!bus_new(bus, device, info->name, error)) {
                object_delete(OBJECT(device));
                return NULL;
            }
        }
    }
    return device;
}

const char *device_id(const Device *device)
{
    return strchr(device->object.name, '[') ? NULL : device->object.name;
}

typedef struct NameSearch {
    const char *name;
    Device *found;
    unsigned count;
} NameSearch;

static bool match_name(Object *object, void *opaque)
{
    NameSearch *search = opaque;

    if (g_str_equal(object->name, search->name) && object_is(object, "device")) {
        search->found = DEVICE(object);
        search->count++;
    }
    return true;
}

/* A backend may have the name of the device that it is for ("serial0"). */
static Device *find_by_name(const char *name)
{
    NameSearch search = { .name = name };

    object_foreach(object_root(), match_name, &search);
    return search.count == 1 ? search.found : NULL;
}

Device *device_find(const char *path_or_id)
{
    g_autofree char *peripheral = g_strdup_printf("/machine/peripheral/%s", path_or_id);
    Object *object = *path_or_id == '/' ? NULL : object_resolve(peripheral, NULL);

    if (!object) {
        object = object_resolve(path_or_id, NULL);
    }
    return object_is(object, "device") ? DEVICE(object) : find_by_name(path_or_id);
}

Device *device_parent(const Device *device)
{
    for (Object *object = device->object.parent; object; object = object->parent) {
        if (object_is(object, "device")) {
            return DEVICE(object);
        }
    }
    return NULL;
}

void device_update(Device *device)
{
    if (device->phase != DEVICE_REALIZED || device->reset_depth) {
        return;
    }
    for (const DeviceType *t = device_type(device); t; t = device_type_parent(t)) {
        if (t->update) {
            t->update(device);
            return;
        }
    }
}

/* ---- DMA ---- */

AddressSpace *device_dma_space(Device *device)
{
    for (Device *at = device; at; at = at->bus ? at->bus->owner : device_parent(at)) {
        AddressSpace *space = NULL;
        if (at->bus && bus_type(at->bus)->dma_space) {
            space = bus_type(at->bus)->dma_space(at->bus, at);
        } else if (at->bus) {
            space = at->bus->dma;
        }
        if (space) {
            return space;
        }
    }
    return machine_memory();
}

MemoryAttrs device_dma_attrs(Device *device)
{
    MemoryAttrs attrs = { .is_dma = true };

    for (Device *at = device; at && at->bus; at = at->bus->owner) {
        if (bus_type(at->bus)->dma_attrs) {
            attrs = bus_type(at->bus)->dma_attrs(at->bus, at);
            attrs.is_dma = true;
            break;
        }
    }
    return attrs;
}

MemoryResult dma_read(Device *device, uint64_t address, void *buffer, uint64_t length)
{
    return address_space_read(device_dma_space(device), address, device_dma_attrs(device),
                              buffer, length);
}

MemoryResult dma_write(Device *device, uint64_t address, const void *buffer, uint64_t length)
{
    return address_space_write(device_dma_space(device), address, device_dma_attrs(device),
                               buffer, length);
}

bool dma_map(Device *device, MemoryMapping *mapping, uint64_t address, uint64_t length,
             bool writable)
{
    return memory_map_open(mapping, device_dma_space(device), address, length, writable,
                           device_dma_attrs(device));
}

/* ---- phases ---- */

static bool collect_device(Object *object, void *list)
{
    if (object_is(object, "device")) {
        g_ptr_array_add(list, object);
    }
    return true;
}

/* One error that names all that were found. */
static bool report_problems(GPtrArray *problems, GError **error)
{
    if (problems->len) {
        g_ptr_array_add(problems, NULL);
        g_autofree char *text = g_strjoinv("\n", (char **)problems->pdata);
        error_set(error, ERROR_INVALID, "%s", text);
        return false;
    }
    return true;
}

static void add_problem(GPtrArray *problems, Device *device, GError *error)
{
    g_autofree char *path = object_path(OBJECT(device));

    g_ptr_array_add(problems, g_strdup_printf("%s: %s", path, error->message));
    g_error_free(error);
}

static bool prepare_from_base(const DeviceType *type, Device *device, GError **error)
{
    const DeviceType *parent = device_type_parent(type);

    if (parent && !prepare_from_base(parent, device, error)) {
        return false;
    }
    return !type->prepare || type->prepare(device, error);
}

static bool device_wire(Device *device, GError **error)
{
    Bus *bus = device->bus;

    if (!object_check_required(OBJECT(device), error) ||
        !prepare_from_base(device_type(device), device, error) ||
        !device_banks_make(device, error)) {
        return false;
    }
    if (bus && !(bus_type(bus)->attach ? bus_type(bus)->attach(bus, device, error)
                 : bus_attach_banks(bus, device, error) &&
                   bus_attach_interrupts(bus, device, error))) {
        return false;
    }
    device->phase = DEVICE_WIRED;
    return true;
}

static GPtrArray *subtree_devices(Object *root)
{
    GPtrArray *devices = g_ptr_array_new();

    object_foreach(root, collect_device, devices);
    return devices;
}

/* A device is wired after the one whose bus it is on, wherever that is in the tree. */
static void wire_with_provider(Device *device, GHashTable *tried, GPtrArray *problems)
{
    GError *error = NULL;

    if (device->phase != DEVICE_CREATED || !g_hash_table_add(tried, device)) {
        return;
    }
    if (device->bus && device->bus->owner) {
        wire_with_provider(device->bus->owner, tried, problems);
    }
    if (!device_wire(device, &error)) {
        add_problem(problems, device, error);
    }
}

bool devices_wire(Object *root, GError **error)
{
    g_autoptr(GPtrArray) devices = subtree_devices(root);
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) tried = g_hash_table_new(NULL, NULL);

    memory_transaction_begin();
    for (guint i = 0; i < devices->len; i++) {
        wire_with_provider(devices->pdata[i], tried, problems);
    }
    memory_transaction_commit();
    return report_problems(problems, error);
}

static void check_bank(Device *device, DeviceBank *bank, GPtrArray *problems)
{
    MemoryRegion *container = bank->region ? region_container(bank->region) : NULL;
    GError *error = NULL;

    if (bank->region && !bank->info->internal && !bank->info->bar && !container &&
        device_type(device)->bus) {
        error_set(&error, ERROR_INVALID, "bank '%s' is mapped nowhere: give its address",
                  bank->info->name);
        add_problem(problems, device, error);
    } else if (container && region_size(container) != REGION_SIZE_ALL &&
               (bank->address >= region_size(container) ||
                region_size(bank->region) > region_size(container) - bank->address)) {
        error_set(&error, ERROR_INVALID, "bank '%s' at 0x%" PRIx64 " with 0x%" PRIx64
                  " bytes does not fit its bus", bank->info->name, bank->address,
                  region_size(bank->region));
        add_problem(problems, device, error);
    }
}

typedef struct Placed {
    DeviceBank *bank;
    uint64_t first, last;
} Placed;

static int compare_placed(const void *a, const void *b)
{
    const Placed *pa = a, *pb = b;

    return pa->first < pb->first ? -1 : pa->first > pb->first;
}

/* Banks of equal priority in one container may not overlap by accident. */
static void check_overlaps(GHashTable *by_container, GPtrArray *problems)
{
    GHashTableIter iter;
    void *value;

    g_hash_table_iter_init(&iter, by_container);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        GArray *placed = value;
        g_array_sort(placed, compare_placed);
        for (guint i = 1; i < placed->len; i++) {
            const Placed *a = &g_array_index(placed, Placed, i - 1);
            const Placed *b = &g_array_index(placed, Placed, i);
            if (b->first <= a->last && a->bank->info->priority == b->bank->info->priority) {
                g_autofree char *other = object_path(OBJECT(a->bank->device));
                GError *error = NULL;
                error_set(&error, ERROR_INVALID, "bank '%s' at 0x%" PRIx64 " overlaps bank '%s' "
                          "of %s", b->bank->info->name, b->first, a->bank->info->name, other);
                add_problem(problems, b->bank->device, error);
            }
        }
    }
}

bool devices_validate(Object *root, GError **error)
{
    g_autoptr(GPtrArray) devices = subtree_devices(root);
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) by_container =
        g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_array_unref);

    for (guint i = 0; i < devices->len; i++) {
        Device *device = devices->pdata[i];
        for (unsigned b = 0; b < device_type(device)->banks.count; b++) {
            DeviceBank *bank = &device->banks[b];
            MemoryRegion *container = bank->region ? region_container(bank->region) : NULL;
            check_bank(device, bank, problems);
            if (container && region_enabled(bank->region) && !bank->info->internal) {
                Placed placed = { bank, bank->address,
                                  bank->address + (region_size(bank->region) - 1) };
                GArray *list = g_hash_table_lookup(by_container, container);
                if (!list) {
                    list = g_array_new(FALSE, FALSE, sizeof(Placed));
                    g_hash_table_insert(by_container, container, list);
                }
                g_array_append_val(list, placed);
            }
        }
    }
    check_overlaps(by_container, problems);
    return report_problems(problems, error);
}

static bool realize_from_base(const DeviceType *type, Device *device, GError **error)
{
    const DeviceType *parent = device_type_parent(type);

    if (parent && !realize_from_base(parent, device, error)) {
        return false;
    }
    return !type->realize || type->realize(device, error);
}

static bool device_realize(Device *device, GError **error)
{
    if (device->phase != DEVICE_WIRED) {
        return true;
    }
    if (!realize_from_base(device_type(device), device, error)) {
        return false;
    }
    device->phase = DEVICE_REALIZED;
    device->object.locked = true;
    return true;
}

bool devices_realize(Object *root, GError **error)
{
    g_autoptr(GPtrArray) devices = subtree_devices(root);

    for (guint i = 0; i < devices->len; i++) {
        Device *device = devices->pdata[i];
        if (!device_realize(device, error)) {
            g_autofree char *path = object_path(OBJECT(device));
            g_prefix_error(error, "%s: ", path);
            while (i--) {
                device_unrealize(devices->pdata[i]);
                OBJECT(devices->pdata[i])->locked = false;
            }
            return false;
        }
    }
    return true;
}

void device_remove(Device *device)
{
    memory_transaction_begin();
    object_delete(OBJECT(device));
    memory_transaction_commit();
}
