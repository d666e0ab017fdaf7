/* SPDX-License-Identifier: MIT */
/* The wires of a board: interrupts as device trees say them, vmm,wires, and clocks. */
#include <string.h>

#include "machines/internal.h"

/* ---- pins by name: "pic0:irq[0-7]" ---- */

static bool parse_lines(const char *text, unsigned count, unsigned *first, unsigned *last)
{
    char *end;
    uint64_t from, to;

    if (!*text) {
        *first = *last = 0;
        return true;
    }
    from = to = g_ascii_strtoull(text + 1, &end, 10);
    if (*end == '-') {
        to = g_ascii_strtoull(end + 1, &end, 10);
    }
    *first = from;
    *last = to;
    return *text == '[' && end[0] == ']' && !end[1] && from <= to && to < count;
}

static bool parse_pin_of(Device *device, const char *text, unsigned *pin, unsigned *first,
                         unsigned *last, GError **error)
{
    const PinTable *pins = &device_type(device)->pins;
    g_autofree char *name = g_strndup(text, strcspn(text, "["));
    NearestName nearest = nearest_name_init(name);
    int index = device_pin_index(device, name);

    if (index < 0) {
        for (unsigned i = 0; i < pins->count; i++) {
            nearest_name_offer(&nearest, pins->at[i].name);
        }
        error_set(error, ERROR_NOT_FOUND, "%s has no pin '%s'%s", device->object.type->name, name,
                  nearest_name_hint(&nearest));
        return false;
    }
    *pin = index;
    if (!parse_lines(text + strlen(name), device_pin_count(device, index), first, last)) {
        error_set(error, ERROR_INVALID, "'%s': pin %s of %s has the lines 0 to %u", text, name,
                  device->object.type->name, device_pin_count(device, index) - 1);
        return false;
    }
    return true;
}

bool board_parse_pin(const char *text, Device **device, unsigned *pin, unsigned *first,
                     unsigned *last, GError **error)
{
    const char *colon = strrchr(text, ':');
    g_autofree char *name = colon ? g_strndup(text, colon - text) : NULL;

    if (!colon) {
        error_set(error, ERROR_INVALID, "'%s' is not DEVICE:PIN or DEVICE:PIN[LINE]", text);
        return false;
    }
    *device = device_find(name);
    if (!*device) {
        error_set(error, ERROR_DEVICE_NOT_FOUND, "'%s': there is no device '%s'", text, name);
        return false;
    }
    return parse_pin_of(*device, colon + 1, pin, first, last, error);
}

/* "irq[0-7]" of the node, or "cpu[0]:FERR" of another device. */
static bool parse_source(BoardNode *node, const char *text, Device **from, unsigned *pin,
                         unsigned *first, unsigned *last, GError **error)
{
    if (strchr(text, ':')) {
        return board_parse_pin(text, from, pin, first, last, error);
    }
    *from = DEVICE(node->object);
    return parse_pin_of(*from, text, pin, first, last, error);
}

/* "intr[0-7] -> pic0:irq[0-7]" */
static bool draw_wire(Board *board, BoardNode *node, const char *text, GError **error)
{
    g_auto(GStrv) ends = g_strsplit(text, "->", 2);
    Device *from, *to;
    unsigned out, out_first, out_last, in, in_first, in_last;

    if (g_strv_length(ends) != 2) {
        error_set(error, ERROR_INVALID, "'%s' is not 'PIN -> DEVICE:PIN'", text);
        return false;
    }
    if (!parse_source(node, g_strstrip(ends[0]), &from, &out, &out_first, &out_last, error) ||
        !board_parse_pin(g_strstrip(ends[1]), &to, &in, &in_first, &in_last, error)) {
        return false;
    }
    if (device_type(from)->pins.at[out].direction != PIN_OUT ||
        device_type(to)->pins.at[in].direction != PIN_IN) {
        error_set(error, ERROR_INVALID, "'%s' does not lead from an output to an input", text);
        return false;
    }
    if (out_last - out_first != in_last - in_first) {
        error_set(error, ERROR_INVALID, "'%s': %u lines cannot lead to %u", text,
                  out_last - out_first + 1, in_last - in_first + 1);
        return false;
    }
    for (unsigned i = 0; i <= out_last - out_first; i++) {
        pin_connect(from, out, out_first + i, to, in, in_first + i);
    }
    return true;
}

static bool draw_node_wires(Board *board, BoardNode *node, GError **error)
{
    int count = fdt_stringlist_count(board->fdt, node->offset, "vmm,wires");

    for (int i = 0; i < count; i++) {
        const char *text = fdt_stringlist_get(board->fdt, node->offset, "vmm,wires", i, NULL);
        if (!text || !g_utf8_validate(text, -1, NULL)) {
            board_error(board, node->offset, error, "vmm,wires is not a list of strings");
            return false;
        }
        if (!draw_wire(board, node, text, error)) {
            g_prefix_error(error, "board '%s': %s: vmm,wires: ", board->info.name, node->path);
            return false;
        }
    }
    return true;
}

/* ---- interrupts ---- */

/* The device's output lines in order of its table; the n-th one. */
static bool nth_output(Device *device, unsigned n, unsigned *pin, unsigned *line)
{
    for (unsigned i = 0; i < device_type(device)->pins.count; i++) {
        if (device_type(device)->pins.at[i].direction == PIN_OUT) {
            unsigned count = device_pin_count(device, i);
            if (n < count) {
                *pin = i;
                *line = n;
                return true;
            }
            n -= count;
        }
    }
    return false;
}

static bool map_interrupt(Device *controller, const uint32_t *cells, unsigned *pin,
                          unsigned *line, GError **error)
{
    const DeviceType *type = device_type(controller);

    if (type->interrupt_map) {
        return type->interrupt_map(controller, cells, pin, line, error);
    }
    for (*pin = 0; *pin < type->pins.count; (*pin)++) {
        if (type->pins.at[*pin].direction == PIN_IN) {
            *line = cells[0];
            if (cells[0] < device_pin_count(controller, *pin)) {
                return true;
            }
            error_set(error, ERROR_INVALID, "line %u: %s has the lines 0 to %u", cells[0],
                      type->name, device_pin_count(controller, *pin) - 1);
            return false;
        }
    }
    error_set(error, ERROR_INVALID, "%s takes no interrupts", type->name);
    return false;
}

/* One specifier: returns the cells it took, 0 on error. */
static unsigned connect_specifier(Board *board, BoardNode *node, int parent, unsigned index,
                                  const fdt32_t *cells, unsigned left, GError **error)
{
    BoardNode *target = board_find_node(board, parent);
    unsigned wanted = tree_number(board->fdt, parent, "#interrupt-cells", 1);
    unsigned out, out_line, in, in_line;
    uint32_t values[8];

    if (!wanted || wanted > G_N_ELEMENTS(values) || wanted > left) {
        board_error(board, node->offset, error, "interrupt %u does not have the %u cells that "
                    "its controller takes", index, wanted);
        return 0;
    }
    for (unsigned i = 0; i < wanted; i++) {
        values[i] = fdt32_ld(&cells[i]);
    }
    if (!target || !object_is(target->object, "device")) {
        if (board->info.native) {
            board_error(board, node->offset, error, "interrupt %u leads to no device", index);
            return 0;
        }
        return wanted;
    }
    if (!nth_output(DEVICE(node->object), index, &out, &out_line)) {
        return wanted;   /* more interrupts than the model has lines */
    }
    if (!map_interrupt(DEVICE(target->object), values, &in, &in_line, error)) {
        g_prefix_error(error, "board '%s': %s: interrupt %u: ", board->info.name, node->path,
                       index);
        return 0;
    }
    pin_connect(DEVICE(node->object), out, out_line, DEVICE(target->object), in, in_line);
    return wanted;
}

static bool has_line_property(const Device *device)
{
    for (unsigned i = 0; i < device_type(device)->pins.count; i++) {
        if (device_type(device)->pins.at[i].line_property) {
            return true;
        }
    }
    return false;
}

static bool connect_interrupts(Board *board, BoardNode *node, GError **error)
{
    unsigned count, index = 0, taken;
    const fdt32_t *cells = tree_cells(board->fdt, node->offset, "interrupts-extended", &count);
    bool extended = cells != NULL;
    int parent = -1;

    if (!extended) {
        if (has_line_property(DEVICE(node->object))) {
            return true;   /* the bus connects it */
        }
        cells = tree_cells(board->fdt, node->offset, "interrupts", &count);
        parent = cells ? tree_interrupt_parent(board->fdt, node->offset) : -1;
        if (cells && parent < 0) {
            board_error(board, node->offset, error, "it has interrupts, but no controller");
            return false;
        }
    }
    for (; count; count -= taken, cells += taken, index++) {
        if (extended) {
            uint32_t phandle = fdt32_ld(cells);
            parent = fdt_node_offset_by_phandle(board->fdt, phandle);
            cells++;
            count--;
            if (parent < 0) {
                board_error(board, node->offset, error, "interrupt %u: no node has phandle %u",
                            index, phandle);
                return false;
            }
        }
        taken = connect_specifier(board, node, parent, index, cells, count, error);
        if (!taken) {
            return false;
        }
    }
    return true;
}

/* ---- clocks ---- */

static int nth_clock(const Device *device, PinDirection direction, unsigned n)
{
    for (unsigned i = 0; i < device_type(device)->clocks.count; i++) {
        if (device_type(device)->clocks.at[i].direction == direction && n-- == 0) {
            return i;
        }
    }
    return -1;
}

static bool connect_clocks(Board *board, BoardNode *node, GError **error)
{
    unsigned count, index = 0;
    const fdt32_t *cells = tree_cells(board->fdt, node->offset, "clocks", &count);

    while (cells && count) {
        int offset = fdt_node_offset_by_phandle(board->fdt, fdt32_ld(cells));
        unsigned extra = offset >= 0 ? tree_number(board->fdt, offset, "#clock-cells", 0) : 0;
        unsigned which = extra && extra < count ? fdt32_ld(cells + 1) : 0;
        BoardNode *source = offset >= 0 ? board_find_node(board, offset) : NULL;
        if (extra >= count || offset < 0) {
            board_error(board, node->offset, error, "clock %u leads to no node", index);
            return false;
        }
        if (source && object_is(source->object, "device")) {
            int out = nth_clock(DEVICE(source->object), PIN_OUT, which);
            int in = nth_clock(DEVICE(node->object), PIN_IN, index);
            if (out >= 0 && in >= 0) {
                clock_connect(DEVICE(source->object), out, DEVICE(node->object), in);
            }
        }
        cells += extra + 1;
        count -= extra + 1;
        index++;
    }
    return true;
}

bool board_wire(Board *board, GError **error)
{
    for (guint i = 0; i < board->nodes->len; i++) {
        BoardNode *node = board->nodes->pdata[i];
        if (object_is(node->object, "device") &&
            (!connect_interrupts(board, node, error) || !draw_node_wires(board, node, error) ||
             !connect_clocks(board, node, error))) {
            return false;
        }
    }
    return true;
}
