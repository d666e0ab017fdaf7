/* SPDX-License-Identifier: MIT */
/*
 * How RAM and PCI lie in the CPUs' memory. PCI lies below everything, so what is
 * not RAM is PCI; where RAM gives way, its part is taken out, since a region on
 * top of it would let it show where PCI has nothing. Four planes of 1 MiB show
 * the bottom of memory in each of the four modes that a PAM segment can have; a
 * segment is an alias whose place in the planes is its mode.
 */
#include "base/log.h"
#include "hw/core/cpu.h"
#include "hw/core/machine.h"
#include "hw/pci/i440fx.h"

#define PLANE       0x100000ull
#define FOUR_GIB    0x100000000ull
#define GIB         0x40000000ull
/* Room for PCI below 4 GiB: so much RAM at most, or so much when there is more of it. */
#define LOW_RAM_MAX     0xe0000000ull
#define LOW_RAM_LIMITED 0xc0000000ull
#define SMRAM_BASE  0xa0000
#define SMRAM_SIZE  0x20000
#define UNASSIGNED  0xff

/* In the system memory. */
#define PCI_PRIORITY -1
#define RAM_PRIORITY 0

static const struct {
    uint64_t start, end;
} ram_parts[I440FX_RAM_PARTS] = {
    [RAM_BASE] = { 0, 0x80000 },
    [RAM_512K] = { 0x80000, 0xa0000 },
    [RAM_SMRAM] = { SMRAM_BASE, SMRAM_BASE + SMRAM_SIZE },
    [RAM_1M] = { 0x100000, 0xf00000 },
    [RAM_15M] = { 0xf00000, 0x1000000 },
    [RAM_16M] = { 0x1000000, FOUR_GIB },
};

/* ---- the segments, 82441FX 3.2.18 ---- */

static void segment_place(unsigned segment, uint64_t *base, uint64_t *size)
{
    if (segment == 0) {
        *base = 0xf0000;
        *size = 0x10000;
    } else {
        *base = 0xc0000 + (segment - 1) * 0x4000;
        *size = 0x4000;
    }
}

void i440fx_set_pam(I440fxHost *host, unsigned segment, PamMode mode)
{
    uint64_t base, size;

    g_assert(segment < I440FX_PAM_SEGMENTS && mode < PAM_MODES);
    segment_place(segment, &base, &size);
    if (host->pam[segment]) {
        region_set_alias_offset(host->pam[segment], mode * PLANE + base);
    }
}

/* A machine with little RAM does not have every part. */
static void show_ram(I440fxHost *host, I440fxRamPart part, bool shown)
{
    if (host->ram_low[part]) {
        region_set_enabled(host->ram_low[part], shown);
    }
}

void i440fx_set_smram(I440fxHost *host, bool open, bool enabled)
{
    host->smram_enabled = enabled;
    show_ram(host, RAM_SMRAM, open);
    if (host->smm_ram) {
        region_set_enabled(host->smm_ram, enabled);
    }
}

void i440fx_set_holes(I440fxHost *host, bool at_512k, bool at_15m)
{
    show_ram(host, RAM_512K, !at_512k);
    show_ram(host, RAM_15M, !at_15m);
}

/* ---- the planes ---- */

/* Segments that read RAM and write PCI. */
static MemoryResult write_to_pci(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                                 MemoryAttrs attrs)
{
    I440fxHost *host = opaque;

    return address_space_store(host->planes_space, PAM_PCI * PLANE + offset, size,
                               ENDIAN_LITTLE, attrs, value);
}

/* While its reads are direct this is never called. */
static MemoryResult read_ram(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                             MemoryAttrs attrs)
{
    I440fxHost *host = opaque;

    return address_space_load(host->planes_space, PAM_RAM * PLANE + offset, size, ENDIAN_LITTLE,
                              attrs, value);
}

/* Segments that read PCI and write RAM: how firmware copies itself into its shadow. */
static MemoryResult read_from_pci(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                                  MemoryAttrs attrs)
{
    I440fxHost *host = opaque;

    return address_space_load(host->planes_space, PAM_PCI * PLANE + offset, size, ENDIAN_LITTLE,
                              attrs, value);
}

static MemoryResult write_to_ram(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                                 MemoryAttrs attrs)
{
    I440fxHost *host = opaque;

    return address_space_store(host->planes_space, PAM_RAM * PLANE + offset, size,
                               ENDIAN_LITTLE, attrs, value);
}

static const RegionOps read_ram_ops = {
    .read = read_ram, .write = write_to_pci, .unaligned = true, .impl_unaligned = true,
};

static const RegionOps write_ram_ops = {
    .read = read_from_pci, .write = write_to_ram, .unaligned = true, .impl_unaligned = true,
};

static void make_planes(I440fxHost *host)
{
    Object *owner = OBJECT(host);
    uint64_t ram = MIN(PLANE, host->below_4g);

    host->planes = region_new_container(owner, "i440fx-planes", PAM_MODES * PLANE);
    host->plane[PAM_PCI] = region_new_alias(owner, "plane-pci", host->bus->bus.memory, 0, PLANE);
    host->plane[PAM_READ_RAM] = region_new_rom_device(owner, "plane-read-ram", &read_ram_ops,
                                                      host, host->ram_block);
    region_set_size(host->plane[PAM_READ_RAM], ram);
    host->plane[PAM_WRITE_RAM] = region_new_io(owner, "plane-write-ram", &write_ram_ops, host,
                                               PLANE);
    host->plane[PAM_RAM] = region_new_alias(owner, "plane-ram", host->ram, 0, ram);
    for (unsigned i = 0; i < PAM_MODES; i++) {
        region_add(host->planes, i * PLANE, host->plane[i], 0);
    }
    host->planes_space = address_space_new("i440FX-planes", host->planes, UNASSIGNED);
}

static MemoryRegion *add_alias(I440fxHost *host, const char *name, MemoryRegion *target,
                               uint64_t offset, uint64_t base, uint64_t size)
{
    MemoryRegion *alias = region_new_alias(OBJECT(host), name, target, offset, size);

    region_add(system_bus()->memory, base, alias, RAM_PRIORITY);
    return alias;
}

static void make_segments(I440fxHost *host)
{
    for (unsigned i = 0; i < I440FX_PAM_SEGMENTS; i++) {
        uint64_t base, size;
        g_autofree char *name = g_strdup_printf("pam-%u", i);
        segment_place(i, &base, &size);
        host->pam[i] = add_alias(host, name, host->planes, base, base, size);
    }
}

/* ---- RAM ---- */

/*
 * RAM goes below 4 GiB while it leaves room for PCI. More of it is cut at a
 * whole gigabyte, so that large pages map both parts.
 */
static void split_ram(I440fxHost *host, uint64_t size)
{
    uint64_t low = host->max_ram_below_4g ? host->max_ram_below_4g : LOW_RAM_MAX;

    if (size >= low) {
        low = MIN(low, LOW_RAM_LIMITED);
        if (low & (GIB - 1)) {
            report_warning("max-ram-below-4g=0x%" PRIx64 " is not a multiple of 1G: large pages "
                           "may map the RAM worse", low);
        }
    }
    host->below_4g = MIN(size, low);
    host->above_4g = size - host->below_4g;
}

static bool check_ram(const I440fxHost *host, GError **error)
{
    if (host->max_ram_below_4g > FOUR_GIB ||
        (host->max_ram_below_4g && host->max_ram_below_4g < PLANE)) {
        error_set(error, ERROR_INVALID, "max-ram-below-4g is 0x%" PRIx64 ": it must be from 1M "
                  "to 4G", host->max_ram_below_4g);
        return false;
    }
    if (host->ram_block->size < PLANE) {
        error_set(error, ERROR_INVALID, "%" PRIu64 " bytes of RAM are too few: this machine "
                  "needs 1 MiB", host->ram_block->size);
        return false;
    }
    return true;
}

static AddressSpace *smm_space(void *opaque)
{
    return i440fx_smm_space(opaque);
}

bool i440fx_memory_init(I440fxHost *host, GError **error)
{
    MemoryRegion *memory = system_bus()->memory;

    host->ram_block = memory_backend_take(host->memory, OBJECT(host), error);
    if (!host->ram_block || !check_ram(host, error)) {
        return false;
    }
    split_ram(host, host->ram_block->size);
    host->ram = region_new_ram(OBJECT(host), host->ram_block->id, host->ram_block);
    for (unsigned i = 0; i < I440FX_RAM_PARTS; i++) {
        uint64_t start = ram_parts[i].start, end = MIN(ram_parts[i].end, host->below_4g);
        if (start < end) {
            host->ram_low[i] = add_alias(host, "ram-below-4g", host->ram, start, start,
                                         end - start);
        }
    }
    show_ram(host, RAM_SMRAM, false);
    if (host->above_4g) {
        host->ram_high = add_alias(host, "ram-above-4g", host->ram, host->below_4g, FOUR_GIB,
                                   host->above_4g);
    }
    region_add(memory, 0, host->bus->bus.memory, PCI_PRIORITY);
    make_planes(host);
    make_segments(host);
    cpu_set_smm_memory(smm_space, host);
    return true;
}

void i440fx_memory_free(I440fxHost *host)
{
    cpu_set_smm_memory(NULL, NULL);
    g_clear_pointer(&host->smm, address_space_free);
    g_clear_pointer(&host->planes_space, address_space_free);
    g_clear_pointer(&host->smm_ram, region_free);
    g_clear_pointer(&host->smm_system, region_free);
    g_clear_pointer(&host->smm_root, region_free);
    for (unsigned i = 0; i < I440FX_PAM_SEGMENTS; i++) {
        g_clear_pointer(&host->pam[i], region_free);
    }
    for (unsigned i = 0; i < PAM_MODES; i++) {
        g_clear_pointer(&host->plane[i], region_free);
    }
    g_clear_pointer(&host->planes, region_free);
    for (unsigned i = 0; i < I440FX_RAM_PARTS; i++) {
        g_clear_pointer(&host->ram_low[i], region_free);
    }
    g_clear_pointer(&host->ram_high, region_free);
    g_clear_pointer(&host->ram, region_free);
}

/* ---- system management mode ---- */

AddressSpace *i440fx_smm_space(I440fxHost *host)
{
    MemoryRegion *memory = system_bus()->memory;

    if (!host->smm) {
        host->smm_root = region_new_container(OBJECT(host), "smm", REGION_SIZE_ALL);
        host->smm_system = region_new_alias(OBJECT(host), "smm-system", memory, 0,
                                            REGION_SIZE_ALL);
        host->smm_ram = region_new_alias(OBJECT(host), "smram", host->ram, SMRAM_BASE,
                                         SMRAM_SIZE);
        region_set_enabled(host->smm_ram, host->smram_enabled);
        region_add(host->smm_root, 0, host->smm_system, 0);
        region_add(host->smm_root, SMRAM_BASE, host->smm_ram, 1);
        host->smm = address_space_new("cpu-smm", host->smm_root, UNASSIGNED);
    }
    return host->smm;
}
