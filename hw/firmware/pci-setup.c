/* SPDX-License-Identifier: MIT */
/*
 * Setting up PCI: a tree of what was found, the sum of what each bus needs from the leaves up,
 * then addresses from the root down.
 */
#include "hw/firmware/pci-setup.h"

#include <string.h>

#include "base/bits.h"

enum {
    VENDOR_ID = 0x00,
    COMMAND = 0x04,
    CLASS = 0x0a, /* sub-class and base class */
    HEADER_TYPE = 0x0e,
    BAR0 = 0x10,
    INTERRUPT_LINE = 0x3c,
    INTERRUPT_PIN = 0x3d,
    /* Of a bridge. */
    PRIMARY_BUS = 0x18,
    SECONDARY_BUS = 0x19,
    SUBORDINATE_BUS = 0x1a,
    IO_BASE = 0x1c,
    IO_LIMIT = 0x1d,
    MEMORY_BASE = 0x20,
    MEMORY_LIMIT = 0x22,
    PREFETCH_BASE = 0x24,
    PREFETCH_LIMIT = 0x26,
    PREFETCH_BASE_UPPER = 0x28,
    PREFETCH_LIMIT_UPPER = 0x2c,
    IO_BASE_UPPER = 0x30,
    IO_LIMIT_UPPER = 0x32,
};

enum { COMMAND_IO = 1, COMMAND_MEMORY = 2, COMMAND_MASTER = 4 };
enum { HEADER_MULTIFUNCTION = 0x80, HEADER_BRIDGE = 1 };
enum { BAR_IO = 1, BAR_TYPE = 6, BAR_64BIT = 4, BAR_PREFETCH = 8 };

/* Limits against a guest's, or our own, endless topologies. */
enum { MAX_DEPTH = 8, MAX_BUS = 255 };

/* What addresses are handed out of. Prefetchable memory has windows of its own in bridges. */
typedef enum Kind {
    KIND_IO,
    KIND_MEMORY,
    KIND_PREFETCH,
    KINDS,
} Kind;

/* The granularity of a bridge's window. */
static const uint64_t window_align[KINDS] = { 0x1000, 0x100000, 0x100000 };

typedef struct Function Function;

/* A need of one base address, or of all that is behind a bridge. */
typedef struct Need {
    Function *function;
    int bar; /* its number; -1: the bridge's window of the kind */
    Kind kind;
    bool wide; /* may lie above 4 GiB */
    uint64_t size, align;
    uint64_t address;
    bool placed;
} Need;

struct Function {
    unsigned bus, devfn;
    Function *bridge; /* that it is behind, or NULL */
    uint8_t command;  /* what it will decode */
    unsigned depth;
    /* Of a bridge. */
    unsigned secondary;
    bool has_io, has_prefetch, wide_prefetch;
    GPtrArray *needs; /* of the bus behind */
    GPtrArray *functions;
};

typedef struct Walk {
    const PciSetup *setup;
    PciSetupResult result;
    unsigned next_bus;
} Walk;

/* ---- configuration mechanism 1, PCI 3.2.2.3.2 ---- */

enum { CONFIG_ADDRESS = 0xcf8, CONFIG_DATA = 0xcfc };

static void config_address(AddressSpace *io, unsigned bus, unsigned devfn, unsigned offset)
{
    uint32_t address = 1u << 31 | bus << 16 | devfn << 8 | (offset & 0xfc);

    address_space_store(io, CONFIG_ADDRESS, 4, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, address);
}

uint32_t pci_ports_read(AddressSpace *io, unsigned bus, unsigned devfn, unsigned offset,
                        unsigned size)
{
    uint64_t value;

    config_address(io, bus, devfn, offset);
    address_space_load(io, CONFIG_DATA + (offset & 3), size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE,
                       &value);
    return value;
}

void pci_ports_write(AddressSpace *io, unsigned bus, unsigned devfn, unsigned offset,
                     unsigned size, uint32_t value)
{
    config_address(io, bus, devfn, offset);
    address_space_store(io, CONFIG_DATA + (offset & 3), size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE,
                        value);
}

static uint32_t get(Walk *w, const Function *f, unsigned offset, unsigned size)
{
    return pci_ports_read(w->setup->io, f->bus, f->devfn, offset, size);
}

static void set(Walk *w, const Function *f, unsigned offset, unsigned size, uint32_t value)
{
    pci_ports_write(w->setup->io, f->bus, f->devfn, offset, size, value);
}

/* ---- finding ---- */

static void function_free(void *data)
{
    Function *f = data;

    g_ptr_array_unref(f->needs);
    g_ptr_array_unref(f->functions);
    g_free(f);
}

static Function *function_new(unsigned bus, unsigned devfn, Function *bridge)
{
    Function *f = g_new0(Function, 1);

    f->bus = bus;
    f->devfn = devfn;
    f->bridge = bridge;
    f->depth = bridge ? bridge->depth + 1 : 0;
    f->needs = g_ptr_array_new_with_free_func(g_free);
    f->functions = g_ptr_array_new_with_free_func(function_free);
    return f;
}

static void add_need(Function *bus, Need need)
{
    g_ptr_array_add(bus->needs, g_memdup2(&need, sizeof(need)));
}

/* Sizes one base address by writing ones; returns how many registers it takes. PCI 6.2.5.1. */
static int size_bar(Walk *w, Function *bus, Function *f, int bar)
{
    unsigned offset = BAR0 + 4 * bar;
    uint32_t old = get(w, f, offset, 4), low;
    uint64_t mask;
    bool io, wide;

    set(w, f, offset, 4, UINT32_MAX);
    low = get(w, f, offset, 4);
    set(w, f, offset, 4, old);
    io = low & BAR_IO;
    wide = !io && (low & BAR_TYPE) == BAR_64BIT;
    if (io) {
        /* The upper half need not be implemented. */
        mask = UINT64_C(0xffffffffffff0000) | (low & 0xfffc);
    } else {
        mask = (wide ? 0 : UINT64_C(0xffffffff00000000)) | (low & ~0xfu);
    }
    if (wide) {
        uint32_t upper = get(w, f, offset + 4, 4);

        set(w, f, offset + 4, 4, UINT32_MAX);
        mask |= (uint64_t)get(w, f, offset + 4, 4) << 32;
        set(w, f, offset + 4, 4, upper);
    }
    if (low & (io ? 0xfffc : ~0xfu) || (wide && mask)) {
        uint64_t size = mask & -mask;
        Kind kind = io ? KIND_IO : low & BAR_PREFETCH ? KIND_PREFETCH : KIND_MEMORY;

        add_need(bus, (Need){ f, bar, kind, wide, size, size });
        f->command |= io ? COMMAND_IO : COMMAND_MEMORY;
    }
    return wide ? 2 : 1;
}

static void scan_bus(Walk *w, Function *bus, unsigned number);

/* Which windows a bridge has: those that it does not implement read as zero. */
static void probe_windows(Walk *w, Function *f)
{
    uint16_t prefetch;

    set(w, f, IO_BASE, 1, 0xf0);
    f->has_io = get(w, f, IO_BASE, 1) & 0xf0;
    set(w, f, PREFETCH_BASE, 2, 0xfff0);
    prefetch = get(w, f, PREFETCH_BASE, 2);
    f->has_prefetch = prefetch & 0xfff0;
    f->wide_prefetch = f->has_prefetch && (prefetch & 0xf) == 1;
}

static void scan_bridge(Walk *w, Function *f)
{
    set(w, f, PRIMARY_BUS, 1, f->bus);
    if (f->depth >= MAX_DEPTH || w->next_bus >= MAX_BUS) {
        set(w, f, SECONDARY_BUS, 1, 0);
        set(w, f, SUBORDINATE_BUS, 1, 0);
        return;
    }
    f->secondary = ++w->next_bus;
    f->command |= COMMAND_IO | COMMAND_MEMORY | COMMAND_MASTER;
    set(w, f, SECONDARY_BUS, 1, f->secondary);
    set(w, f, SUBORDINATE_BUS, 1, MAX_BUS);
    probe_windows(w, f);
    scan_bus(w, f, f->secondary);
    set(w, f, SUBORDINATE_BUS, 1, w->next_bus);
}

static void scan_function(Walk *w, Function *bus, unsigned number, unsigned devfn,
                          uint8_t header)
{
    Function *f = function_new(number, devfn, bus->secondary ? bus : NULL);
    bool bridge = (header & 0x7f) == HEADER_BRIDGE;

    g_ptr_array_add(bus->functions, f);
    w->result.functions++;
    /* Sizing would put base addresses anywhere; nobody decodes meanwhile. */
    set(w, f, COMMAND, 2, get(w, f, COMMAND, 2) & ~(COMMAND_IO | COMMAND_MEMORY));
    for (int bar = 0; bar < (bridge ? 2 : 6);) {
        bar += size_bar(w, bus, f, bar);
    }
    if (bridge) {
        scan_bridge(w, f);
    }
}

static void scan_bus(Walk *w, Function *bus, unsigned number)
{
    for (unsigned slot = 0; slot < 32; slot++) {
        for (unsigned n = 0; n < 8; n++) {
            unsigned devfn = slot << 3 | n;
            uint16_t vendor = pci_ports_read(w->setup->io, number, devfn, VENDOR_ID, 2);
            uint8_t header;

            if (vendor == 0xffff || vendor == 0) {
                if (n == 0) {
                    break;
                }
                continue;
            }
            header = pci_ports_read(w->setup->io, number, devfn, HEADER_TYPE, 1);
            scan_function(w, bus, number, devfn, header);
            if (n == 0 && !(header & HEADER_MULTIFUNCTION)) {
                break;
            }
        }
    }
}

/* ---- needs, from the leaves up ---- */

static gint compare_needs(gconstpointer a, gconstpointer b)
{
    const Need *x = *(const Need *const *)a, *y = *(const Need *const *)b;

    return x->align == y->align ? 0 : x->align < y->align ? 1 : -1;
}

static uint64_t round_up(uint64_t value, uint64_t align)
{
    return (value + align - 1) & ~(align - 1);
}

/* Prefetchable memory behind a bridge without such a window is plain memory. */
static void settle_kinds(Function *bridge)
{
    for (guint i = 0; i < bridge->needs->len; i++) {
        Need *need = g_ptr_array_index(bridge->needs, i);

        if (need->kind == KIND_PREFETCH && !bridge->has_prefetch) {
            need->kind = KIND_MEMORY;
        }
        if (need->kind != KIND_PREFETCH || !bridge->wide_prefetch) {
            need->wide = false;
        }
    }
}

static void sum_bridge(Function *bus, Function *bridge)
{
    settle_kinds(bridge);
    g_ptr_array_sort(bridge->needs, compare_needs);
    for (Kind kind = 0; kind < KINDS; kind++) {
        Need sum = { bridge, -1, kind, true, 0, window_align[kind] };

        if (kind == KIND_IO && !bridge->has_io) {
            continue;
        }
        for (guint i = 0; i < bridge->needs->len; i++) {
            const Need *need = g_ptr_array_index(bridge->needs, i);

            if (need->kind == kind) {
                sum.size = round_up(sum.size, need->align) + need->size;
                sum.align = MAX(sum.align, need->align);
                sum.wide = sum.wide && need->wide;
            }
        }
        if (sum.size) {
            sum.size = round_up(sum.size, window_align[kind]);
            add_need(bus, sum);
        }
    }
}

static void sum_needs(Function *bus)
{
    for (guint i = 0; i < bus->functions->len; i++) {
        Function *f = g_ptr_array_index(bus->functions, i);

        if (f->secondary) {
            sum_needs(f);
            sum_bridge(bus, f);
        }
    }
}

/* ---- addresses, from the root down ---- */

static bool place(Need *need, PciRange *range)
{
    uint64_t address = round_up(range->first, need->align);

    /* The first test is for the rounding, which may wrap. */
    if (range->first > range->last || address < range->first || address > range->last ||
        need->size - 1 > range->last - address) {
        return false;
    }
    need->address = address;
    need->placed = true;
    range->first = address + need->size;
    return true;
}

static void write_bar(Walk *w, const Need *need)
{
    unsigned offset = BAR0 + 4 * need->bar;

    set(w, need->function, offset, 4, need->address);
    if (get(w, need->function, offset, 4) & BAR_IO) {
        return;
    }
    if ((get(w, need->function, offset, 4) & BAR_TYPE) == BAR_64BIT) {
        set(w, need->function, offset + 4, 4, need->address >> 32);
    }
}

/* Opens a window of a bridge, or closes it (`size` 0): its base is then above its limit. */
static void write_window(Walk *w, Function *bridge, Kind kind, uint64_t base, uint64_t size)
{
    uint64_t limit = size ? base + size - 1 : 0;

    if (!size) {
        base = kind == KIND_IO ? 0xf000 : 0xfff00000;
    }
    switch (kind) {
    case KIND_IO:
        set(w, bridge, IO_BASE, 1, base >> 8 & 0xf0);
        set(w, bridge, IO_LIMIT, 1, limit >> 8 & 0xf0);
        set(w, bridge, IO_BASE_UPPER, 2, base >> 16);
        set(w, bridge, IO_LIMIT_UPPER, 2, limit >> 16);
        break;
    case KIND_MEMORY:
        set(w, bridge, MEMORY_BASE, 2, base >> 16 & 0xfff0);
        set(w, bridge, MEMORY_LIMIT, 2, limit >> 16 & 0xfff0);
        break;
    default:
        set(w, bridge, PREFETCH_BASE, 2, base >> 16 & 0xfff0);
        set(w, bridge, PREFETCH_LIMIT, 2, limit >> 16 & 0xfff0);
        set(w, bridge, PREFETCH_BASE_UPPER, 4, size ? base >> 32 : 0);
        set(w, bridge, PREFETCH_LIMIT_UPPER, 4, limit >> 32);
        break;
    }
}

static void place_below(Walk *w, Need *window);

static void place_need(Walk *w, Need *need)
{
    if (!need->placed) {
        return;
    }
    if (need->bar >= 0) {
        write_bar(w, need);
    } else {
        write_window(w, need->function, need->kind, need->address, need->size);
        place_below(w, need);
    }
}

/* Hands the addresses of a bridge's window to those behind it. */
static void place_below(Walk *w, Need *window)
{
    PciRange range = { window->address, window->address + window->size - 1 };
    GPtrArray *needs = window->function->needs;

    for (guint i = 0; i < needs->len; i++) {
        Need *need = g_ptr_array_index(needs, i);

        if (need->kind == window->kind) {
            place(need, &range);
            place_need(w, need);
        }
    }
}

static void close_windows(Walk *w, Function *bus)
{
    for (guint i = 0; i < bus->functions->len; i++) {
        Function *f = g_ptr_array_index(bus->functions, i);

        if (f->secondary) {
            for (Kind kind = 0; kind < KINDS; kind++) {
                write_window(w, f, kind, 0, 0);
            }
            close_windows(w, f);
        }
    }
}

/* On the root bus prefetchable memory is not told apart; the largest go first. */
static void place_root(Walk *w, Function *root)
{
    PciRange ports = w->setup->ports, low = w->setup->low, high = w->setup->high;

    g_ptr_array_sort(root->needs, compare_needs);
    for (guint i = 0; i < root->needs->len; i++) {
        Need *need = g_ptr_array_index(root->needs, i);

        if (need->kind == KIND_IO) {
            place(need, &ports);
        } else if (!place(need, &low) && need->wide) {
            place(need, &high);
        }
        place_need(w, need);
    }
}

/* ---- interrupts and decoding ---- */

/* A pin seen from the root bus: each bridge turns it by the slot. PPB 9.1. */
static uint8_t interrupt_line(Walk *w, const Function *f, unsigned pin)
{
    while (f->bridge) {
        pin = (pin + (f->devfn >> 3)) & 3;
        f = f->bridge;
    }
    return w->setup->interrupt_line(w->setup->opaque, f->devfn >> 3, pin);
}

/* A function with a base address that got no room does not decode that space. */
static void count_unplaced(Walk *w, Function *bus)
{
    for (guint i = 0; i < bus->needs->len; i++) {
        Need *need = g_ptr_array_index(bus->needs, i);

        if (!need->placed && need->bar >= 0) {
            need->function->command &= need->kind == KIND_IO ? ~COMMAND_IO : ~COMMAND_MEMORY;
            w->result.unplaced++;
        }
    }
}

static void finish(Walk *w, Function *bus)
{
    count_unplaced(w, bus);
    for (guint i = 0; i < bus->functions->len; i++) {
        Function *f = g_ptr_array_index(bus->functions, i);
        uint8_t pin = get(w, f, INTERRUPT_PIN, 1);

        if (pin >= 1 && pin <= 4) {
            set(w, f, INTERRUPT_LINE, 1, interrupt_line(w, f, pin - 1));
        }
        set(w, f, COMMAND, 2, get(w, f, COMMAND, 2) | f->command);
        if (w->setup->chip) {
            w->setup->chip(w->setup->opaque, w->setup->io, f->bus, f->devfn,
                           get(w, f, VENDOR_ID, 4));
        }
        finish(w, f);
    }
}

PciSetupResult pci_setup(const PciSetup *setup)
{
    Walk w = { .setup = setup };
    Function *root = function_new(0, 0, NULL);

    scan_bus(&w, root, 0);
    w.result.last_bus = w.next_bus;
    sum_needs(root);
    close_windows(&w, root);
    place_root(&w, root);
    finish(&w, root);
    function_free(root);
    return w.result;
}
