/* SPDX-License-Identifier: MIT */
/* Opening a board, and making its objects. */
#include "machines/board.h"

#include <string.h>

#include "machines/internal.h"

/* A hostile file may nest as deep as it likes; a board does not. */
#define MAX_DEPTH 16
#define MAX_BLOB (64u << 20)

/* ---- opening ---- */

static char *dup_or_null(const char *text)
{
    return g_strdup(text);
}

static bool check_text(const char *text)
{
    return !text || g_utf8_validate(text, -1, NULL);
}

static bool read_info(Board *board, const char *name, GError **error)
{
    const void *fdt = board->fdt;
    const char *machine = tree_string(fdt, 0, "vmm,machine");
    const char *model = tree_string(fdt, 0, "model");

    if (!check_text(machine) || !check_text(model)) {
        error_set(error, ERROR_INVALID, "board '%s': its name is not valid UTF-8", name);
        return false;
    }
    board->info.native = machine != NULL;
    board->info.name = machine ? g_strdup(machine) : g_path_get_basename(name);
    board->info.description = g_strdup(model ? model : "board from a device tree");
    board->info.default_cpu = dup_or_null(tree_string(fdt, 0, "vmm,default-cpu"));
    board->info.arch = dup_or_null(tree_string(fdt, 0, "vmm,arch"));
    board->info.default_ram = tree_number(fdt, 0, "vmm,default-ram", 128 << 20);
    board->info.max_cpus = tree_number(fdt, 0, "vmm,max-cpus", 1);
    return true;
}

static int check_blob(const void *blob, size_t size)
{
    if (size < sizeof(struct fdt_header) || size > MAX_BLOB) {
        return -FDT_ERR_TRUNCATED;
    }
    if (fdt_magic(blob) != FDT_MAGIC) {
        return -FDT_ERR_BADMAGIC;
    }
    /* fdt_check_full() reads through NULL when the properties are laid out as before 16. */
    if (fdt_version(blob) < 16) {
        return -FDT_ERR_BADVERSION;
    }
    return fdt_check_full(blob, size);
}

Board *board_open_blob(const char *name, const void *blob, size_t size, GError **error)
{
    Board *board;
    int result = check_blob(blob, size);

    if (result < 0) {
        error_set(error, ERROR_INVALID, "board '%s' is not a valid device tree blob: %s", name,
                  fdt_strerror(result));
        return NULL;
    }
    board = g_new0(Board, 1);
    board->fdt = g_memdup2(blob, size);
    board->nodes = g_ptr_array_new_with_free_func(board_node_free);
    if (!read_info(board, name, error)) {
        board_free(board);
        return NULL;
    }
    return board;
}

static Board *open_file(const char *path, GError **error)
{
    g_autoptr(GError) read_error = NULL;
    g_autofree char *blob = NULL;
    size_t size;

    if (g_str_has_suffix(path, ".dts")) {
        blob = tree_compile_file(path, &size, error);
        if (!blob) {
            return NULL;
        }
    } else if (!g_file_get_contents(path, &blob, &size, &read_error)) {
        error_set(error, ERROR_SYSTEM, "cannot read board: %s", read_error->message);
        return NULL;
    }
    return board_open_blob(path, blob, size, error);
}

Board *board_open(const char *name, GError **error)
{
    NearestName nearest = nearest_name_init(name);

    for (const BuiltinBoard *board = builtin_boards; board->name; board++) {
        if (g_str_equal(board->name, name)) {
            return board_open_blob(name, board->blob, board->size, error);
        }
        nearest_name_offer(&nearest, board->name);
    }
    if (strchr(name, '/') || g_str_has_suffix(name, ".dtb") || g_str_has_suffix(name, ".dts")) {
        return open_file(name, error);
    }
    error_set(error, ERROR_NOT_FOUND, "unsupported machine type '%s'%s; use -machine help to "
              "list supported machines, or give a .dtb or .dts file", name,
              nearest_name_hint(&nearest));
    return NULL;
}

void board_free(Board *board)
{
    if (board) {
        g_free(board->info.name);
        g_free(board->info.description);
        g_free(board->info.default_cpu);
        g_free(board->info.arch);
        g_ptr_array_unref(board->nodes);
        g_free(board->fdt);
        g_free(board);
    }
}

const BoardInfo *board_info(const Board *board)
{
    return &board->info;
}

void board_node_free(void *node)
{
    g_free(((BoardNode *)node)->path);
    g_free(((BoardNode *)node)->compatible);
    g_free(node);
}

/* ---- errors ---- */

void board_error(Board *board, int node, GError **error, const char *format, ...)
{
    g_autofree char *path = tree_node_path(board->fdt, node);
    va_list args;

    va_start(args, format);
    g_autofree char *text = g_strdup_vprintf(format, args);
    va_end(args);
    error_set(error, ERROR_INVALID, "board '%s': %s: %s", board->info.name, path, text);
}

static void prefix_error(Board *board, int node, GError **error)
{
    g_autofree char *path = tree_node_path(board->fdt, node);

    g_prefix_error(error, "board '%s': %s: ", board->info.name, path);
}

BoardNode *board_find_node(Board *board, int offset)
{
    for (guint i = 0; i < board->nodes->len; i++) {
        BoardNode *node = board->nodes->pdata[i];
        if (node->offset == offset) {
            return node;
        }
    }
    return NULL;
}

/* ---- which type a node is ---- */

static bool type_compatible(const DeviceType *type, const char *wanted)
{
    g_auto(GStrv) names = NULL;

    if (g_str_equal(type->name, wanted)) {
        return true;
    }
    if (!type->compatible) {
        return false;
    }
    names = g_strsplit(type->compatible, "|", -1);
    return g_strv_contains((const char *const *)names, wanted);
}

static const ObjectType *type_for(const char *wanted)
{
    const ObjectType *type = object_type_find(wanted);
    g_autoptr(GPtrArray) all = NULL;

    if (type && !type->abstract) {
        return type;
    }
    all = object_types_list("device", false);
    for (guint i = 0; i < all->len; i++) {
        if (type_compatible(all->pdata[i], wanted)) {
            return all->pdata[i];
        }
    }
    return NULL;
}

static const ObjectType *match_node(Board *board, int node, BoardTier *tier,
                                    const char **compatible)
{
    int count = fdt_stringlist_count(board->fdt, node, "compatible");

    *compatible = fdt_stringlist_get(board->fdt, node, "compatible", 0, NULL);
    for (int i = 0; i < count; i++) {
        const char *wanted = fdt_stringlist_get(board->fdt, node, "compatible", i, NULL);
        const ObjectType *type = wanted ? type_for(wanted) : NULL;
        if (type) {
            *tier = i ? BOARD_FALLBACK : BOARD_EXACT;
            *compatible = wanted;
            return type;
        }
    }
    *tier = BOARD_UNIMPLEMENTED;
    return NULL;
}

/* ---- names and places ---- */

/* The label, else the name without its address when that is free, else all of it. */
static char *node_object_name(Board *board, int node, Object *parent)
{
    const char *name = tree_string(board->fdt, node, "vmm,name");
    const char *full = fdt_get_name(board->fdt, node, NULL);
    g_autofree char *plain = NULL;

    if (!name) {
        name = tree_label(board->fdt, node);
    }
    if (name) {
        return g_strdup(name);
    }
    plain = g_strndup(full, strcspn(full, "@"));
    return g_strdup(object_child(parent, plain) ? full : plain);
}

static Bus *child_bus(Object *object, const char *type)
{
    for (Object *child = object->first_child; child; child = child->next_sibling) {
        if (object_is(child, type)) {
            return BUS(child);
        }
    }
    return NULL;
}

/* The nearest bus above that the device fits. */
static Bus *bus_for(Object *parent, const DeviceType *type)
{
    const char *wanted = type->bus ? type->bus : "System";

    for (Object *at = parent; at; at = at->parent) {
        Bus *bus = child_bus(at, wanted);
        if (bus) {
            return bus;
        }
    }
    return type->bus ? NULL : system_bus();
}

/* ---- templates ---- */

/* Whether the node is wanted; sets its backend property. */
static bool node_wanted(Board *board, int node, const char **backend)
{
    const BoardResources *resources = board->resources;
    const char *status = tree_string(board->fdt, node, "status");
    const char *option = tree_string(board->fdt, node, "vmm,option");
    const char *kind = tree_string(board->fdt, node, "vmm,template");
    bool value;

    *backend = NULL;
    if (status && !g_str_equal(status, "okay") && !g_str_equal(status, "ok")) {
        return false;
    }
    if (option) {
        value = !tree_has(board->fdt, node, "vmm,option-off");
        if (resources && resources->option) {
            resources->option(option, &value, resources->opaque);
        }
        if (!value) {
            return false;
        }
    }
    if (kind && !g_str_equal(kind, "ram")) {
        unsigned index = tree_number(board->fdt, node, "vmm,index", 0);
        *backend = resources && resources->backend
            ? resources->backend(kind, index, resources->opaque) : NULL;
        return *backend != NULL || tree_has(board->fdt, node, "vmm,always");
    }
    return true;
}

/* What a board says of its CPUs beyond their place nobody would hear. */
static bool check_cpu_node(Board *board, int node, GError **error)
{
    static const char *const known[] = { "device_type", "reg", "compatible", "phandle", NULL };
    int property;

    if (!board->info.native) {
        return true;
    }
    fdt_for_each_property_offset(property, board->fdt, node) {
        const char *name;

        if (!fdt_getprop_by_offset(board->fdt, property, &name, NULL) ||
            g_strv_contains(known, name)) {
            continue;
        }
        if (g_str_equal(name, "vmm,wires")) {
            board_error(board, node, error, "vmm,wires of CPUs belong to another device's node: "
                        "\"cpu[0]:PIN -> DEVICE:PIN\"");
        } else {
            board_error(board, node, error, "property '%s': CPUs have what -cpu and -smp say, and "
                        "none of their node", name);
        }
        return false;
    }
    return true;
}

static bool create_cpus(Board *board, int node, Object *parent, GError **error)
{
    if (!check_cpu_node(board, node, error)) {
        return false;
    }
    for (unsigned i = 0; i < board->machine->cpus; i++) {
        Device *cpu;
        if (!board->resources || !board->resources->new_cpu) {
            return true;   /* a board without an accelerator that runs CPUs */
        }
        cpu = board->resources->new_cpu(parent, i, board->resources->opaque, error);
        if (!cpu) {
            return false;
        }
    }
    return true;
}

/* ---- making ---- */

static BoardNode *add_node(Board *board, int offset, Object *object, BoardTier tier,
                           const char *compatible)
{
    BoardNode *node = g_new0(BoardNode, 1);

    node->offset = offset;
    node->object = object;
    node->tier = tier;
    node->compatible = g_strdup(compatible);
    node->path = tree_node_path(board->fdt, offset);
    g_ptr_array_add(board->nodes, node);
    return node;
}

static Object *create_object(Board *board, int node, const ObjectType *type, Object *parent,
                             GError **error)
{
    g_autofree char *name = node_object_name(board, node, parent);
    Object *object;
    Device *device;
    Bus *bus;

    if (!object_type_is(type, "device")) {
        return object_new(type, object_container(object_root(), "objects"), name, error);
    }
    device = device_new((const DeviceType *)type, parent, name, error);
    if (!device) {
        return NULL;
    }
    object = OBJECT(device);
    device->board_node = node;
    device->placed = true;
    bus = bus_for(parent, (const DeviceType *)type);
    if (!bus) {
        error_set(error, ERROR_INVALID, "%s needs a %s bus, and there is none above it",
                  type->name, ((const DeviceType *)type)->bus);
    } else if (bus_plug(bus, device, error)) {
        return object;
    }
    object_delete(object);
    return NULL;
}

/* -machine memory-backend=ID stands in for the board's own RAM. */
static bool use_memory_backend(Board *board, int node, bool *used, GError **error)
{
    const char *kind = tree_string(board->fdt, node, "vmm,template");
    const char *id = board->machine->memory_backend;
    Object *backend;

    *used = kind && id && *id && g_str_equal(kind, "ram");
    if (!*used) {
        return true;
    }
    backend = object_child(object_container(object_root(), "objects"), id);
    if (!object_is(backend, "memory-backend")) {
        error_set(error, ERROR_NOT_FOUND, "-machine memory-backend=%s: there is no memory "
                  "backend of this id", id);
        return false;
    }
    add_node(board, node, backend, BOARD_EXACT, backend->type->name);
    return true;
}

/* Objects that are no devices (RAM) are whole once their properties are set. */
static bool complete_object(Board *board, int node, Object *object, GError **error)
{
    if (object->type->complete && !object->type->complete(object, error)) {
        prefix_error(board, node, error);
        return false;
    }
    return true;
}

static bool create_children(Board *board, int parent_node, Object *parent, unsigned depth,
                            GError **error);

static bool create_node(Board *board, int node, Object *parent, unsigned depth, GError **error)
{
    const char *device_kind = tree_string(board->fdt, node, "device_type");
    const char *compatible, *backend, *name = fdt_get_name(board->fdt, node, NULL);
    const ObjectType *type;
    Object *object = NULL;
    BoardTier tier;
    bool replaced;

    if (!check_text(name) || strchr(name, '/')) {
        board_error(board, node, error, "its name is not valid");
        return false;
    }
    if (!node_wanted(board, node, &backend)) {
        return true;
    }
    if (device_kind && g_str_equal(device_kind, "cpu")) {
        return create_cpus(board, node, parent, error);
    }
    if (!use_memory_backend(board, node, &replaced, error)) {
        return false;
    }
    if (replaced) {
        return true;
    }
    type = match_node(board, node, &tier, &compatible);
    if (type) {
        object = create_object(board, node, type, parent, error);
        if (!object) {
            prefix_error(board, node, error);
            return false;
        }
        add_node(board, node, object, tier, compatible);
        if (!board_configure_node(board, node, object, backend, error) ||
            !complete_object(board, node, object, error)) {
            return false;
        }
    } else if (compatible && !g_str_equal(compatible, "simple-bus")) {
        if (board->info.native) {
            NearestName nearest = nearest_name_init(compatible);
            g_autoptr(GPtrArray) all = object_types_list("device", false);
            for (guint i = 0; i < all->len; i++) {
                nearest_name_offer(&nearest, ((const ObjectType *)all->pdata[i])->name);
            }
            board_error(board, node, error, "no device type is compatible with '%s'%s",
                        compatible, nearest_name_hint(&nearest));
            return false;
        }
        if (!board_add_unimplemented(board, node, parent, compatible, error)) {
            return false;
        }
    }
    if (!object) {
        g_autofree char *plain = node_object_name(board, node, parent);
        if (fdt_first_subnode(board->fdt, node) < 0) {
            return true;
        }
        object = object_container(parent, plain);
    }
    return create_children(board, node, object, depth + 1, error);
}

static bool node_is_data(const char *name)
{
    static const char *const data[] = { "aliases", "chosen", "__symbols__", "__fixups__",
                                        "__local_fixups__", "reserved-memory", NULL };

    return g_strv_contains(data, name);
}

static bool create_children(Board *board, int parent_node, Object *parent, unsigned depth,
                            GError **error)
{
    int node;

    if (depth > MAX_DEPTH) {
        board_error(board, parent_node, error, "nodes are nested more than %u deep", MAX_DEPTH);
        return false;
    }
    fdt_for_each_subnode(node, board->fdt, parent_node) {
        if (!(depth == 0 && node_is_data(fdt_get_name(board->fdt, node, NULL))) &&
            !create_node(board, node, parent, depth, error)) {
            return false;
        }
    }
    return true;
}

bool board_create(Board *board, Machine *machine, const BoardResources *resources,
                  GError **error)
{
    board->machine = machine;
    board->resources = resources;
    return create_children(board, 0, OBJECT(machine), 0, error) &&
           board_resolve_links(board, error);
}

/* ---- the report ---- */

static void json_string(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            g_string_append_c(out, '\\');
        }
        if ((unsigned char)*text < 0x20) {
            g_string_append_printf(out, "\\u%04x", *text);
        } else {
            g_string_append_c(out, *text);
        }
    }
    g_string_append_c(out, '"');
}

char *board_report(Board *board)
{
    static const char *const tiers[] = { "exact", "fallback", "unimplemented" };
    GString *out = g_string_new("{\n  \"machine\": ");

    json_string(out, board->info.name);
    g_string_append(out, ",\n  \"nodes\": [");
    for (guint i = 0; i < board->nodes->len; i++) {
        const BoardNode *node = board->nodes->pdata[i];
        g_string_append_printf(out, "%s\n    { \"path\": ", i ? "," : "");
        json_string(out, node->path);
        g_string_append(out, ", \"compatible\": ");
        json_string(out, node->compatible ? node->compatible : "");
        g_string_append_printf(out, ", \"tier\": \"%s\"", tiers[node->tier]);
        if (node->tier == BOARD_UNIMPLEMENTED && object_is(node->object, "device")) {
            g_autoptr(GVariant) count = object_get(node->object, "accesses", NULL);
            g_string_append_printf(out, ", \"accesses\": %" PRIu64,
                                   count ? g_variant_get_uint64(count) : 0);
        } else if (node->object) {
            g_string_append(out, ", \"type\": ");
            json_string(out, node->object->type->name);
        }
        g_string_append(out, " }");
    }
    g_string_append(out, "\n  ]\n}\n");
    return g_string_free(out, FALSE);
}
