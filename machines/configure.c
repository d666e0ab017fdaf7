/* SPDX-License-Identifier: MIT */
/* A node's properties become the object's, its `reg` becomes the places of banks. */
#include <string.h>

#include "machines/internal.h"

/* What the tree itself means, and what is handled apart. */
static bool is_structural(const char *name)
{
    static const char *const names[] = {
        "compatible", "reg", "ranges", "dma-ranges", "interrupts", "interrupts-extended",
        "interrupt-names", "interrupt-parent", "interrupt-controller", "interrupt-map",
        "interrupt-map-mask", "phandle", "linux,phandle", "status", "device_type", "clocks",
        "clock-names", "reg-names", "model", "bus-range", "vmm,name", "vmm,template",
        "vmm,index", "vmm,option", "vmm,option-off", "vmm,always", "vmm,wires", "vmm,size", "vmm,machine-properties", NULL,
    };

    return *name == '#' || g_strv_contains(names, name);
}

static GVariant *cells_value(const fdt32_t *cells, unsigned count, const Property *property)
{
    if (property->field.kind == FIELD_INT && count == 1) {
        return g_variant_new_int64((int32_t)fdt32_ld(cells));
    }
    return g_variant_new_uint64(tree_join_cells(cells, count));
}

/* NULL when the value does not fit the property's kind. */
static GVariant *node_value(const void *data, int length, const Property *property)
{
    const char *text = data;
    bool is_text = length > 0 && text[length - 1] == '\0' && text[0] &&
                   strlen(text) == (size_t)length - 1 && g_utf8_validate(text, -1, NULL);

    if (length == 0) {
        return property->field.kind == FIELD_BOOL ? g_variant_new_boolean(true) : NULL;
    }
    if (property->field.kind == FIELD_BOOL && length == 4) {
        return g_variant_new_boolean(fdt32_ld(data) != 0);
    }
    if ((property->field.kind == FIELD_UINT || property->field.kind == FIELD_INT) &&
        !property->values && (length == 4 || length == 8)) {
        return cells_value(data, length / 4, property);
    }
    if (property->get && (length == 4 || length == 8) && !is_text) {
        return cells_value(data, length / 4, property);
    }
    return is_text ? g_variant_new_string(text) : NULL;
}

static bool set_property(Board *board, int node, Object *object, const char *name,
                         const void *data, int length, GError **error)
{
    const char *plain = g_str_has_prefix(name, "vmm,") ? name + 4 : name;
    const Property *property = object_type_property(object->type, plain);
    GVariant *value;

    if (property && property->link) {
        return true;   /* its target may come later in the file */
    }
    if (!property && !board->info.native && plain == name) {
        return true;   /* a guest's tree says much that no model needs */
    }
    value = property ? node_value(data, length, property) : g_variant_new_string("");
    if (!value) {
        g_autofree char *kind = property_type_name(property);
        board_error(board, node, error, "property '%s' is not a %s", name, kind);
        return false;
    }
    if (!object_set(object, plain, value, error)) {
        g_autofree char *path = tree_node_path(board->fdt, node);
        g_prefix_error(error, "board '%s': %s: ", board->info.name, path);
        return false;
    }
    return true;
}

/* ---- where banks lie ---- */

static bool set_base(Board *board, int node, Device *device, unsigned bank, BankSpace space,
                     uint64_t address, GError **error)
{
    const char *property = device_type(device)->banks.at[bank].base_property;

    if (property && !object_set(OBJECT(device), property, g_variant_new_uint64(address), error)) {
        g_autofree char *path = tree_node_path(board->fdt, node);
        g_prefix_error(error, "board '%s': %s: reg: ", board->info.name, path);
        return false;
    }
    if (!property) {
        device_place_bank(device, bank, space, address);
    }
    return true;
}

static bool place_pci(Board *board, int node, Device *device, uint32_t high, GError **error)
{
    unsigned devfn = high >> 8 & 0xff;
    g_autofree char *address = g_strdup_printf("%02x.%x", devfn >> 3, devfn & 7);

    return object_set_string(OBJECT(device), "addr", address, error);
}

static unsigned first_bank(const Device *device, unsigned from)
{
    const BankTable *banks = &device_type(device)->banks;

    while (from < banks->count && (banks->at[from].internal || banks->at[from].bar)) {
        from++;
    }
    return from;
}

static bool place_banks(Board *board, int node, Device *device, GError **error)
{
    unsigned address_cells, size_cells, count, bank = first_bank(device, 0);
    const fdt32_t *cells = tree_cells(board->fdt, node, "reg", &count);
    bool isa = device->bus && object_is(OBJECT(device->bus), "ISA");

    if (!cells) {
        return true;
    }
    tree_child_cells(board->fdt, fdt_parent_offset(board->fdt, node), &address_cells,
                    &size_cells);
    if (!address_cells || count % (address_cells + size_cells)) {
        board_error(board, node, error, "reg has %u cells, not a multiple of %u + %u", count,
                    address_cells, size_cells);
        return false;
    }
    if (device->bus && object_is(OBJECT(device->bus), "PCI")) {
        return place_pci(board, node, device, fdt32_ld(cells), error);
    }
    if (object_type_property(device->object.type, "address") && address_cells == 1 &&
        !size_cells) {
        return object_set(OBJECT(device), "address", g_variant_new_uint64(fdt32_ld(cells)),
                          error);
    }
    for (; count; count -= address_cells + size_cells, cells += address_cells + size_cells) {
        BankSpace space;
        uint64_t address;
        if (bank >= device_type(device)->banks.count) {
            board_error(board, node, error, "reg has more entries than %s has banks",
                        device->object.type->name);
            return false;
        }
        space = device_type(device)->banks.at[bank].space;
        address = tree_join_cells(cells, address_cells);
        if (isa && address_cells == 2) {
            space = fdt32_ld(cells) & 1 ? SPACE_IO : SPACE_MEMORY;
            address = fdt32_ld(cells + 1);
        }
        if (!set_base(board, node, device, bank, space, address, error)) {
            return false;
        }
        bank = first_bank(device, bank + 1);
    }
    return true;
}

/* A bus's interrupt line is a property of the types that are made without a board, too. */
static bool set_line_property(Board *board, int node, Device *device, GError **error)
{
    const PinTable *pins = &device_type(device)->pins;
    unsigned count, used = 0;
    const fdt32_t *cells = tree_cells(board->fdt, node, "interrupts", &count);

    for (unsigned i = 0; cells && i < pins->count && used < count; i++) {
        if (pins->at[i].line_property &&
            !object_set(OBJECT(device), pins->at[i].line_property,
                        g_variant_new_uint64(fdt32_ld(&cells[used++])), error)) {
            return false;
        }
    }
    return true;
}

/* What -m and -machine say of the RAM. */
static bool configure_ram(const Machine *machine, Object *ram, GError **error)
{
    return object_set(ram, "size", g_variant_new_uint64(machine->ram_size), error) &&
           object_set(ram, "dump", g_variant_new_boolean(machine->dump_guest_core), error) &&
           object_set(ram, "merge", g_variant_new_boolean(machine->mem_merge), error);
}

/* Properties that `-machine` names. */
static bool configure_by_machine(Board *board, int node, Object *object, GError **error)
{
    const BoardResources *resources = board->resources;
    const char *name;

    for (int i = 0; (name = fdt_stringlist_get(board->fdt, node, "vmm,machine-properties", i,
                                               NULL)); i++) {
        const char *value;
        if (!object_type_property(object->type, name)) {
            board_error(board, node, error, "vmm,machine-properties: there is no property '%s'",
                        name);
            return false;
        }
        value = resources && resources->property ? resources->property(name, resources->opaque)
                                                 : NULL;
        if (value && !object_set_string(object, name, value, error)) {
            g_prefix_error(error, "-machine %s: ", name);
            return false;
        }
    }
    return true;
}

bool board_configure_node(Board *board, int node, Object *object, const char *backend,
                          GError **error)
{
    const void *fdt = board->fdt;
    const char *kind = tree_string(fdt, node, "vmm,template");
    int at, length;

    fdt_for_each_property_offset(at, fdt, node) {
        const char *name;
        const void *data = fdt_getprop_by_offset(fdt, at, &name, &length);
        if (data && !is_structural(name) &&
            !set_property(board, node, object, name, data, length, error)) {
            return false;
        }
    }
    if (!configure_by_machine(board, node, object, error)) {
        return false;
    }
    if (kind && g_str_equal(kind, "ram") && !configure_ram(board->machine, object, error)) {
        return false;
    }
    if (backend && *backend && object_type_property(object->type, "chardev") &&
        !object_set_string(object, "chardev", backend, error)) {
        return false;
    }
    return !object_is(object, "device") ||
           (place_banks(board, node, DEVICE(object), error) &&
            set_line_property(board, node, DEVICE(object), error));
}

/* ---- links ---- */

static bool resolve_link(Board *board, BoardNode *node, const char *name, const Property *property,
                         const void *data, int length, GError **error)
{
    const char *text = data;
    BoardNode *target = NULL;

    if (length == 4) {
        int offset = fdt_node_offset_by_phandle(board->fdt, fdt32_ld(data));
        target = offset >= 0 ? board_find_node(board, offset) : NULL;
        if (!target) {
            board_error(board, node->offset, error, "link '%s' leads to no device", name);
            return false;
        }
        g_autofree char *path = object_path(target->object);
        return object_set_string(node->object, property->name, path, error);
    }
    if (length > 0 && text[length - 1] == '\0' && g_utf8_validate(text, -1, NULL)) {
        return object_set_string(node->object, property->name, text, error);
    }
    board_error(board, node->offset, error, "link '%s' is neither a phandle nor a name", name);
    return false;
}

static bool resolve_node_links(Board *board, BoardNode *node, GError **error)
{
    int at, length;

    fdt_for_each_property_offset(at, board->fdt, node->offset) {
        const char *name, *plain;
        const void *data = fdt_getprop_by_offset(board->fdt, at, &name, &length);
        const Property *property;
        if (!data || is_structural(name)) {
            continue;
        }
        plain = g_str_has_prefix(name, "vmm,") ? name + 4 : name;
        property = object_type_property(node->object->type, plain);
        if (property && property->link &&
            !resolve_link(board, node, name, property, data, length, error)) {
            return false;
        }
    }
    return true;
}

bool board_resolve_links(Board *board, GError **error)
{
    for (guint i = 0; i < board->nodes->len; i++) {
        BoardNode *node = board->nodes->pdata[i];
        if (node->object && !resolve_node_links(board, node, error)) {
            return false;
        }
    }
    return true;
}

/* ---- what nothing models ---- */

bool board_add_unimplemented(Board *board, int node, Object *parent, const char *compatible,
                             GError **error)
{
    unsigned address_cells, size_cells, count;
    const fdt32_t *cells = tree_cells(board->fdt, node, "reg", &count);
    const ObjectType *type = object_type_find("unimplemented-device");
    const char *name = fdt_get_name(board->fdt, node, NULL);
    BoardNode *entry = g_new0(BoardNode, 1);

    entry->offset = node;
    entry->path = tree_node_path(board->fdt, node);
    entry->compatible = g_strdup(compatible);
    entry->tier = BOARD_UNIMPLEMENTED;
    g_ptr_array_add(board->nodes, entry);
    tree_child_cells(board->fdt, fdt_parent_offset(board->fdt, node), &address_cells,
                    &size_cells);
    if (!cells || !size_cells || count < address_cells + size_cells || address_cells > 2) {
        return true;
    }
    Device *device = device_new((const DeviceType *)type, parent, name, error);
    if (!device) {
        return false;
    }
    entry->object = OBJECT(device);
    if (!object_set_string(OBJECT(device), "name", name, error) ||
        !object_set(OBJECT(device), "size",
                    g_variant_new_uint64(tree_join_cells(cells + address_cells, size_cells)),
                    error) ||
        !bus_plug(system_bus(), device, error)) {
        return false;
    }
    device_place_bank(device, 0, SPACE_MEMORY, tree_join_cells(cells, address_cells));
    return true;
}
