/* SPDX-License-Identifier: MIT */
/*
 * Configuration space: laid out from the type's tables, read and written under
 * its masks, reset to what was laid.
 */
#include <string.h>

#include "base/log.h"
#include "hw/pci/internal.h"

#define DEFAULT_SUBSYSTEM_VENDOR 0x1af4
#define DEFAULT_SUBSYSTEM        0x1100
#define FIRST_CAPABILITY         PCI_HEADER_END
/* Registers with hooks that one access of four bytes can touch. */
#define MAX_HITS 4

uint32_t pci_config_load(const PciDevice *pci, unsigned offset, unsigned size)
{
    g_assert(offset + size <= PCI_CONFIG_SIZE);
    return load_le(pci->config + offset, size);
}

void pci_config_store(PciDevice *pci, unsigned offset, unsigned size, uint32_t value)
{
    g_assert(offset + size <= PCI_CONFIG_SIZE);
    store_le(pci->config + offset, value, size);
}

void pci_config_set(PciDevice *pci, unsigned offset, unsigned size, uint32_t value)
{
    pci_config_store(pci, offset, size, value);
    store_le(pci->reset_config + offset, value, size);
}

void pci_config_set_writable(PciDevice *pci, unsigned offset, unsigned size, uint32_t mask)
{
    g_assert(offset + size <= PCI_CONFIG_SIZE);
    store_le(pci->writable + offset, mask, size);
}

void pci_config_fix(PciDevice *pci, unsigned offset, unsigned size, uint32_t mask)
{
    g_assert(offset + size <= PCI_CONFIG_SIZE);
    store_le(pci->fixed + offset, mask, size);
}

/* ---- the tables ---- */

static unsigned register_size(const RegisterInfo *reg)
{
    return reg->size ? reg->size : 1;
}

static unsigned register_stride(const RegisterInfo *reg)
{
    return reg->stride ? reg->stride : register_size(reg);
}

typedef struct Hit {
    const RegisterInfo *reg;
    unsigned index, start;
    uint32_t old;
} Hit;

typedef struct HitList {
    Hit at[MAX_HITS];
    unsigned count;
} HitList;

static void find_in_table(PciDevice *pci, const RegisterTable *table, unsigned base,
                          unsigned offset, unsigned size, HitList *hits)
{
    for (unsigned i = 0; i < table->count; i++) {
        const RegisterInfo *reg = &table->at[i];
        unsigned start = base + reg->offset;

        if (!reg->read && !reg->write && !reg->wrote && !reg->unimplemented) {
            continue;
        }
        for (unsigned n = 0; n < MAX(reg->count, 1); n++, start += register_stride(reg)) {
            if (pci_touches(offset, size, start, register_size(reg)) &&
                hits->count < MAX_HITS && (!reg->visible || reg->visible(&pci->device))) {
                hits->at[hits->count++] = (Hit){ reg, n, start,
                                                 load_le(pci->config + start,
                                                         register_size(reg)) };
            }
        }
    }
}

static void find_registers(PciDevice *pci, unsigned offset, unsigned size, HitList *hits)
{
    const PciInfo *info = pci_info(pci);

    hits->count = 0;
    if (!pci->hooks) {
        return;
    }
    find_in_table(pci, &info->config, 0, offset, size, hits);
    for (unsigned i = 0; i < info->capabilities.count; i++) {
        const PciCapabilityInfo *cap = &info->capabilities.at[i];
        if (pci_touches(offset, size, cap->offset, cap->size)) {
            find_in_table(pci, &cap->registers, cap->offset, offset, size, hits);
        }
    }
}

/* ---- laying it out ---- */

static void lay_register(PciDevice *pci, const RegisterInfo *reg, unsigned start)
{
    unsigned size = register_size(reg);
    uint32_t all = bits_mask(8 * size);
    uint32_t writable = reg->writable ? reg->writable : all & ~reg->write_one_clears;

    g_assert(size <= 4 && start + size <= PCI_CONFIG_SIZE && reg->field.kind == FIELD_NONE);
    pci_config_set(pci, start, size, reg->reset);
    pci_config_set_writable(pci, start, size, reg->access == REG_RO ? 0 : writable);
    store_le(pci->clears + start, reg->write_one_clears, size);
    pci->hooks |= reg->read || reg->write || reg->wrote || reg->unimplemented;
}

static void lay_table(PciDevice *pci, const RegisterTable *table, unsigned base)
{
    for (unsigned i = 0; i < table->count; i++) {
        const RegisterInfo *reg = &table->at[i];
        for (unsigned n = 0; n < MAX(reg->count, 1); n++) {
            lay_register(pci, reg, base + reg->offset + n * register_stride(reg));
        }
    }
}

static void lay_constant(PciDevice *pci, unsigned offset, unsigned size, uint32_t value)
{
    pci_config_set(pci, offset, size, value);
    pci_config_fix(pci, offset, size, bits_mask(8 * size));
}

static void lay_header(PciDevice *pci)
{
    const PciInfo *info = pci_info(pci);
    bool named = info->subsystem_vendor || info->subsystem;

    lay_constant(pci, PCI_VENDOR_ID, 2, info->vendor);
    lay_constant(pci, PCI_DEVICE_ID, 2, info->device);
    lay_constant(pci, PCI_REVISION_ID, 1, info->revision);
    lay_constant(pci, PCI_CLASS_CODE, 1, info->class_code);
    lay_constant(pci, PCI_CLASS_CODE + 1, 2, info->class_code >> 8);
    lay_constant(pci, PCI_HEADER_TYPE, 1,
                 (info->bridge ? PCI_HEADER_TYPE_BRIDGE : PCI_HEADER_TYPE_NORMAL) |
                 (pci->multifunction ? PCI_HEADER_MULTIFUNCTION : 0));
    lay_constant(pci, PCI_INTERRUPT_PIN, 1, info->interrupt_pin);
    if (!info->bridge) {
        lay_constant(pci, PCI_SUBSYSTEM_VENDOR_ID, 2,
                     named ? info->subsystem_vendor : DEFAULT_SUBSYSTEM_VENDOR);
        lay_constant(pci, PCI_SUBSYSTEM_ID, 2, named ? info->subsystem : DEFAULT_SUBSYSTEM);
    }
    pci_config_set(pci, PCI_STATUS, 2, info->status);
    pci_config_set_writable(pci, PCI_COMMAND, 2,
                            PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
                            PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
    store_le(pci->clears + PCI_STATUS, PCI_STATUS_ERRORS, 2);
    pci_config_set_writable(pci, PCI_CACHE_LINE_SIZE, 1, 0xff);
    pci_config_set_writable(pci, PCI_INTERRUPT_LINE, 1, 0xff);
}

static bool lay_capabilities(PciDevice *pci, GError **error)
{
    const PciCapabilityTable *table = &pci_info(pci)->capabilities;

    for (unsigned i = 0; i < table->count; i++) {
        const PciCapabilityInfo *cap = &table->at[i];
        g_assert(cap->offset);
        if (!pci_capability_add(pci, cap->id, cap->offset, cap->size, error)) {
            return false;
        }
        lay_table(pci, &cap->registers, cap->offset);
    }
    return true;
}

bool pci_config_init(PciDevice *pci, GError **error)
{
    uint8_t *arrays = g_malloc0(4 * PCI_CONFIG_SIZE);

    pci->writable = arrays;
    pci->clears = arrays + PCI_CONFIG_SIZE;
    pci->reset_config = arrays + 2 * PCI_CONFIG_SIZE;
    pci->fixed = arrays + 3 * PCI_CONFIG_SIZE;
    lay_header(pci);
    lay_table(pci, &pci_info(pci)->config, 0);
    return lay_capabilities(pci, error);
}

void pci_config_free(PciDevice *pci)
{
    g_clear_pointer(&pci->writable, g_free);
    pci->clears = pci->reset_config = pci->fixed = NULL;
}

/* ---- capabilities ---- */

static unsigned capability_size(uint8_t id, const PciDevice *pci, unsigned at)
{
    unsigned control;

    switch (id) {
    case PCI_CAP_MSI:
        control = pci_config_load(pci, at + PCI_MSI_CONTROL, 2);
        return (control & PCI_MSI_64BIT ? 14 : 10) + (control & PCI_MSI_MASKABLE ? 10 : 0);
    case PCI_CAP_MSIX:
        return PCI_MSIX_SIZE;
    case PCI_CAP_VENDOR:
        return pci->config[at + 2];
    default:
        for (unsigned i = 0; i < pci_info(pci)->capabilities.count; i++) {
            if (pci_info(pci)->capabilities.at[i].offset == at) {
                return pci_info(pci)->capabilities.at[i].size;
            }
        }
        return 4;
    }
}

static bool config_table_touches(const PciDevice *pci, unsigned offset, unsigned size)
{
    const RegisterTable *table = &pci_info(pci)->config;

    for (unsigned i = 0; i < table->count; i++) {
        const RegisterInfo *reg = &table->at[i];
        unsigned length = (MAX(reg->count, 1) - 1) * register_stride(reg) + register_size(reg);
        if (pci_touches(offset, size, reg->offset, length)) {
            return true;
        }
    }
    return false;
}

static bool range_is_free(const PciDevice *pci, unsigned offset, unsigned size)
{
    for (unsigned at = pci->config[PCI_CAPABILITY_LIST]; at; at = pci->config[at + 1]) {
        if (pci_touches(offset, size, at, capability_size(pci->config[at], pci, at))) {
            return false;
        }
    }
    return offset + size <= PCI_CONFIG_SIZE && !config_table_touches(pci, offset, size);
}

unsigned pci_capability_add(PciDevice *pci, uint8_t id, uint8_t offset, uint8_t size,
                            GError **error)
{
    unsigned at = offset ? offset : FIRST_CAPABILITY;

    g_assert(size >= 2 && !(offset & 3));
    while (!offset && at < PCI_CONFIG_SIZE && !range_is_free(pci, at, size)) {
        at += 4;
    }
    if (at >= PCI_CONFIG_SIZE || !range_is_free(pci, at, size)) {
        error_set(error, ERROR_INVALID,
                  "capability 0x%02x with %u bytes at 0x%02x does not fit the configuration "
                  "space of '%s'", id, size, at, pci->device.object.type->name);
        return 0;
    }
    lay_constant(pci, at, 1, id);
    lay_constant(pci, at + 1, 1, pci->config[PCI_CAPABILITY_LIST]);
    pci_config_set_writable(pci, at, 2, 0);
    lay_constant(pci, PCI_CAPABILITY_LIST, 1, at);
    pci_config_set(pci, PCI_STATUS, 2,
                   pci_config_load(pci, PCI_STATUS, 2) | PCI_STATUS_CAPABILITIES);
    return at;
}

unsigned pci_capability_find(const PciDevice *pci, uint8_t id)
{
    unsigned at = pci->config[PCI_CAPABILITY_LIST];

    while (at && pci->config[at] != id) {
        at = pci->config[at + 1];
    }
    return at;
}

/* ---- accesses ---- */

uint32_t pci_config_read(PciDevice *pci, unsigned offset, unsigned size)
{
    uint32_t value;
    HitList hits;

    if (offset >= PCI_CONFIG_SIZE || size > PCI_CONFIG_SIZE - offset) {
        return bits_mask(8 * size);
    }
    value = pci_config_load(pci, offset, size);
    find_registers(pci, offset, size, &hits);
    for (unsigned i = 0; i < hits.count; i++) {
        const Hit *hit = &hits.at[i];
        uint32_t whole = hit->reg->read ? hit->reg->read(&pci->device, hit->index) : hit->old;
        for (unsigned n = 0; n < size; n++) {
            unsigned byte = offset + n - hit->start;
            if (byte < register_size(hit->reg)) {
                value = bits_deposit(value, 8 * n, 8, whole >> (8 * byte));
            }
        }
    }
    return value;
}

/* Whole value of a register after a write that touched some of its bytes. */
static uint32_t merged_value(const Hit *hit, unsigned offset, unsigned size,
                             const uint8_t *written)
{
    uint32_t value = hit->old;

    for (unsigned n = 0; n < size; n++) {
        unsigned byte = offset + n - hit->start;
        if (byte < register_size(hit->reg)) {
            value = bits_deposit(value, 8 * byte, 8, written[n]);
        }
    }
    return value;
}

/* A write hook stores by itself; what it did shall stay. */
static void run_write_hooks(PciDevice *pci, HitList *hits, unsigned offset, unsigned size,
                            uint8_t *written)
{
    for (unsigned i = 0; i < hits->count; i++) {
        const Hit *hit = &hits->at[i];
        if (!hit->reg->write) {
            continue;
        }
        hit->reg->write(&pci->device, hit->index, merged_value(hit, offset, size, written));
        for (unsigned n = 0; n < size; n++) {
            if (offset + n - hit->start < register_size(hit->reg)) {
                written[n] = pci->config[offset + n];
            }
        }
    }
}

static void log_unmodelled(PciDevice *pci, const HitList *hits)
{
    for (unsigned i = 0; i < hits->count; i++) {
        const Hit *hit = &hits->at[i];
        uint32_t now = load_le(pci->config + hit->start, register_size(hit->reg));
        uint64_t set = now & ~hit->old & hit->reg->unimplemented;
        if (set) {
            log_unimplemented("%s: bits 0x%" PRIx64 " of configuration register %s",
                              pci->device.object.type->name, set, hit->reg->name);
        }
    }
}

static void config_changed(PciDevice *pci, unsigned offset, unsigned size,
                           uint16_t old_msix_control)
{
    const PciInfo *info = pci_info(pci);

    if (pci_touches(offset, size, PCI_COMMAND, 2)) {
        pci_bars_update(pci);
        pci_master_update(pci);
        pci_intx_update(pci);
    } else if (pci_touches(offset, size, PCI_BASE_ADDRESS, 4 * PCI_BARS) ||
               pci_touches(offset, size, pci_bar_offset(pci, PCI_ROM_SLOT), 4)) {
        pci_bars_update(pci);
    }
    if (pci->msi_cap) {
        pci_msi_wrote(pci, offset, size);
    }
    if (pci->msix_cap) {
        pci_msix_wrote(pci, offset, size, old_msix_control);
    }
    if (info->config_wrote) {
        info->config_wrote(pci, offset, size);
    }
}

void pci_config_write(PciDevice *pci, unsigned offset, unsigned size, uint32_t value)
{
    uint16_t old_msix_control = 0;
    uint8_t written[4];
    HitList hits;

    if (size > 4 || offset >= PCI_CONFIG_SIZE || size > PCI_CONFIG_SIZE - offset) {
        return;
    }
    if (pci->msix_cap) {
        old_msix_control = pci_config_load(pci, pci->msix_cap + PCI_MSIX_CONTROL, 2);
    }
    for (unsigned i = 0; i < size; i++) {
        uint8_t byte = value >> (8 * i), mask = pci->writable[offset + i];
        written[i] = (pci->config[offset + i] & ~mask) | (byte & mask);
        written[i] &= ~(byte & pci->clears[offset + i]);
    }
    find_registers(pci, offset, size, &hits);
    memory_transaction_begin();
    run_write_hooks(pci, &hits, offset, size, written);
    memcpy(pci->config + offset, written, size);
    for (unsigned i = 0; i < hits.count; i++) {
        if (hits.at[i].reg->wrote) {
            hits.at[i].reg->wrote(&pci->device, hits.at[i].index, hits.at[i].old);
        }
    }
    log_unmodelled(pci, &hits);
    config_changed(pci, offset, size, old_msix_control);
    memory_transaction_commit();
    device_update(&pci->device);
}

/* ---- reset and loading ---- */

static void keep_table(const PciDevice *pci, const RegisterTable *table, uint8_t *next)
{
    for (unsigned i = 0; i < table->count; i++) {
        const RegisterInfo *reg = &table->at[i];
        for (unsigned n = 0; reg->keep_on_reset && n < MAX(reg->count, 1); n++) {
            unsigned start = reg->offset + n * register_stride(reg);
            memcpy(next + start, pci->config + start, register_size(reg));
        }
    }
}

void pci_config_reset(PciDevice *pci)
{
    uint8_t next[PCI_CONFIG_SIZE];

    memcpy(next, pci->reset_config, sizeof(next));
    keep_table(pci, &pci_info(pci)->config, next);
    memcpy(pci->config, next, sizeof(next));
}

bool pci_config_check_loaded(PciDevice *pci, GError **error)
{
    for (unsigned i = 0; i < PCI_CONFIG_SIZE; i++) {
        if ((pci->config[i] ^ pci->reset_config[i]) & pci->fixed[i]) {
            error_set(error, ERROR_INVALID,
                      "byte 0x%02x of the configuration space is 0x%02x in the saved state and "
                      "0x%02x here: they are different devices", i, pci->config[i],
                      pci->reset_config[i]);
            return false;
        }
    }
    return true;
}
