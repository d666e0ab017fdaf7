/* SPDX-License-Identifier: MIT */
/*
 * Banks: an access to a device becomes accesses to the registers of its table,
 * each read, masked, stored and hooked in one place.
 */
#include <string.h>

#include "base/log.h"
#include "hw/core/internal.h"

/* Offsets to the first register that covers them, for banks of a usual size. */
#define INDEXED_BANK 0x10000u
#define NO_REGISTER UINT16_MAX

typedef struct BankIndex {
    uint32_t size;
    uint16_t first[];
} BankIndex;

static GHashTable *indexes;   /* BankInfo to BankIndex */

/* ---- shape of a register ---- */

unsigned field_count(const Field *field)
{
    return field->kind == FIELD_NONE ? 0 : field->count;
}

void *field_element(const Device *device, const Field *field, unsigned index)
{
    return (char *)device + field->offset + (size_t)index * field->width;
}

static unsigned bank_width(const BankInfo *bank)
{
    return bank->width ? bank->width : 1;
}

static unsigned register_size(const BankInfo *bank, const RegisterInfo *reg)
{
    return reg->size ? reg->size : bank_width(bank);
}

static unsigned register_count(const RegisterInfo *reg)
{
    return reg->count ? reg->count : MAX(field_count(&reg->field), 1);
}

static unsigned register_stride(const BankInfo *bank, const RegisterInfo *reg)
{
    return reg->stride ? reg->stride : register_size(bank, reg);
}

/* Whether the offset lies in one of the register's elements; which, and where it starts. */
static bool register_covers(const BankInfo *bank, const RegisterInfo *reg, uint64_t offset,
                            unsigned *index, uint64_t *start)
{
    unsigned stride = register_stride(bank, reg);
    uint64_t element;

    if (offset < reg->offset) {
        return false;
    }
    element = (offset - reg->offset) / stride;
    *index = element;
    *start = reg->offset + element * stride;
    return element < register_count(reg) && offset - *start < register_size(bank, reg);
}

static const BankIndex *index_make(const BankInfo *bank, uint64_t size)
{
    BankIndex *index = g_malloc(sizeof(*index) + size * sizeof(index->first[0]));
    unsigned element;
    uint64_t start;

    index->size = size;
    for (uint64_t offset = 0; offset < size; offset++) {
        index->first[offset] = NO_REGISTER;
        for (unsigned i = 0; i < bank->registers.count; i++) {
            if (register_covers(bank, &bank->registers.at[i], offset, &element, &start)) {
                index->first[offset] = i;
                break;
            }
        }
    }
    return index;
}

static const BankIndex *index_of(const BankInfo *bank)
{
    const BankIndex *index;

    if (!bank->registers.count || !bank->size || bank->size > INDEXED_BANK) {
        return NULL;
    }
    if (!indexes) {
        indexes = g_hash_table_new(NULL, NULL);
    }
    index = g_hash_table_lookup(indexes, bank);
    if (!index) {
        index = index_make(bank, bank->size);
        g_hash_table_insert(indexes, (void *)bank, (void *)index);
    }
    return index;
}

static const RegisterInfo *register_at(const DeviceBank *bank, uint64_t offset, bool write,
                                       unsigned *index, uint64_t *start)
{
    const BankInfo *info = bank->info;
    const RegisterInfo *second_best = NULL;
    unsigned i = 0;

    if (bank->index) {
        if (offset >= bank->index->size || bank->index->first[offset] == NO_REGISTER) {
            return NULL;
        }
        i = bank->index->first[offset];
    }
    for (; i < info->registers.count; i++) {
        const RegisterInfo *reg = &info->registers.at[i];
        if (!register_covers(info, reg, offset, index, start) ||
            (reg->visible && !reg->visible(bank->device))) {
            continue;
        }
        if (reg->access != (write ? REG_RO : REG_WO)) {
            return reg;
        }
        if (!second_best) {
            second_best = reg;
        }
    }
    if (second_best) {
        register_covers(info, second_best, offset, index, start);
    }
    return second_best;
}

/* ---- one register ---- */

static const char *trace_name(const DeviceBank *bank, const RegisterInfo *reg, char *name,
                              size_t size)
{
    g_snprintf(name, size, "%s.%s", bank->device->object.type->name, reg->name);
    return name;
}

static uint64_t stored_value(const Device *device, const RegisterInfo *reg, unsigned index)
{
    if (reg->field.kind == FIELD_NONE) {
        return 0;
    }
    return load_host(field_element(device, &reg->field, index), reg->field.width);
}

static void store_value(Device *device, const RegisterInfo *reg, unsigned index, uint64_t value)
{
    if (reg->field.kind == FIELD_BOOL) {
        value = value != 0;
    }
    store_host(field_element(device, &reg->field, index), value, reg->field.width);
}

static uint64_t register_read(DeviceBank *bank, const RegisterInfo *reg, unsigned index)
{
    Device *device = bank->device;
    uint64_t value;

    if (reg->access == REG_WO) {
        log_guest_error("%s: read of the write-only register %s",
                        device->object.type->name, reg->name);
        return bank->info->hole;
    }
    value = reg->read ? reg->read(device, index) : stored_value(device, reg, index);
    if (reg->read_clears) {
        store_value(device, reg, index, stored_value(device, reg, index) & ~reg->read_clears);
    }
    if (G_UNLIKELY(log_enabled(LOG_TRACE))) {
        char name[96];
        log_trace(trace_name(bank, reg, name, sizeof(name)), "read 0x%" PRIx64, value);
    }
    return value;
}

static void register_write(DeviceBank *bank, const RegisterInfo *reg, unsigned index,
                           uint64_t value)
{
    Device *device = bank->device;
    uint64_t old = stored_value(device, reg, index);
    uint64_t writable = reg->writable ? reg->writable
        : bits_mask(8 * register_size(bank->info, reg)) & ~reg->write_one_clears;

    if (G_UNLIKELY(log_enabled(LOG_TRACE))) {
        char name[96];
        log_trace(trace_name(bank, reg, name, sizeof(name)), "write 0x%" PRIx64, value);
    }
    if (reg->access == REG_RO) {
        log_guest_error("%s: write of 0x%" PRIx64 " to the read-only register %s",
                        device->object.type->name, value, reg->name);
        return;
    }
    if (value & reg->unimplemented) {
        log_unimplemented("%s: bits 0x%" PRIx64 " of register %s", device->object.type->name,
                          value & reg->unimplemented, reg->name);
    }
    value = ((old & ~writable) | (value & writable)) & ~(value & reg->write_one_clears);
    if (reg->write) {
        reg->write(device, index, value);
    } else if (reg->field.kind != FIELD_NONE) {
        store_value(device, reg, index, value);
    }
    if (reg->wrote) {
        reg->wrote(device, index, old);
    }
}

/* ---- an access: whole registers, parts of one, several, holes ---- */

static uint64_t part_of(Endian endian, uint64_t value, unsigned size, unsigned skip,
                        unsigned length)
{
    unsigned shift = endian == ENDIAN_BIG ? size - skip - length : skip;

    return value >> (8 * shift) & bits_mask(8 * length);
}

static uint64_t with_part(Endian endian, uint64_t value, unsigned size, unsigned skip,
                          unsigned length, uint64_t part)
{
    unsigned shift = endian == ENDIAN_BIG ? size - skip - length : skip;

    return bits_deposit(value, 8 * shift, 8 * length, part);
}

static uint64_t bank_read(DeviceBank *bank, uint64_t offset, unsigned size)
{
    const BankInfo *info = bank->info;
    uint64_t result = 0;

    for (unsigned done = 0, length; done < size; done += length) {
        unsigned index;
        uint64_t start, value;
        const RegisterInfo *reg = register_at(bank, offset + done, false, &index, &start);
        if (!reg) {
            log_guest_error("%s: read at offset 0x%" PRIx64 " of %s, where no register is",
                            bank->device->object.type->name, offset + done, info->name);
            length = 1;
            value = info->hole & 0xff;
        } else {
            unsigned reg_size = register_size(info, reg);
            unsigned skip = offset + done - start;
            length = MIN(reg_size - skip, size - done);
            value = part_of(info->endian, register_read(bank, reg, index), reg_size, skip,
                            length);
        }
        result = with_part(info->endian, result, size, done, length, value);
    }
    return result;
}

static void bank_write(DeviceBank *bank, uint64_t offset, unsigned size, uint64_t value)
{
    const BankInfo *info = bank->info;

    for (unsigned done = 0, length; done < size; done += length) {
        unsigned index;
        uint64_t start, part;
        const RegisterInfo *reg = register_at(bank, offset + done, true, &index, &start);
        if (!reg) {
            log_guest_error("%s: write at offset 0x%" PRIx64 " of %s, where no register is",
                            bank->device->object.type->name, offset + done, info->name);
            length = 1;
            continue;
        }
        unsigned reg_size = register_size(info, reg);
        unsigned skip = offset + done - start;
        length = MIN(reg_size - skip, size - done);
        part = part_of(info->endian, value, size, done, length);
        if (length < reg_size) {
            /* The rest keeps what it has; bits that 1 clears are not written as 1. */
            uint64_t kept = stored_value(bank->device, reg, index) & ~reg->write_one_clears;
            part = with_part(info->endian, kept, reg_size, skip, length, part);
        }
        register_write(bank, reg, index, part);
    }
}

static MemoryResult bank_region_read(void *opaque, uint64_t offset, unsigned size,
                                     uint64_t *value, MemoryAttrs attrs)
{
    DeviceBank *bank = opaque;

    *value = bank_read(bank, offset, size);
    device_update(bank->device);
    return MEMORY_OK;
}

static MemoryResult bank_region_write(void *opaque, uint64_t offset, unsigned size,
                                      uint64_t value, MemoryAttrs attrs)
{
    DeviceBank *bank = opaque;

    bank_write(bank, offset, size, value);
    device_update(bank->device);
    return MEMORY_OK;
}

uint64_t device_bank_read(Device *device, unsigned bank, uint64_t offset, unsigned size)
{
    DeviceBank *b = &device->banks[bank];
    uint64_t value = b->info->hole;

    if (b->info->ops) {
        b->info->ops->read(device, offset, size, &value, MEMORY_ATTRS_NONE);
        return value;
    }
    return bank_read(b, offset, size);
}

void device_bank_write(Device *device, unsigned bank, uint64_t offset, unsigned size,
                       uint64_t value)
{
    DeviceBank *b = &device->banks[bank];

    if (b->info->ops) {
        b->info->ops->write(device, offset, size, value, MEMORY_ATTRS_NONE);
    } else {
        bank_write(b, offset, size, value);
    }
}

const RegisterInfo *device_register_find(const Device *device, const char *bank_name,
                                         const char *name, unsigned *bank, unsigned *index)
{
    const BankTable *banks = &device_type(device)->banks;
    const char *bracket = strchr(name, '[');
    size_t length = bracket ? (size_t)(bracket - name) : strlen(name);
    unsigned element = bracket ? (unsigned)g_ascii_strtoull(bracket + 1, NULL, 0) : 0;

    for (unsigned b = 0; b < banks->count; b++) {
        const BankInfo *info = &banks->at[b];
        if (bank_name && !g_str_equal(bank_name, info->name)) {
            continue;
        }
        for (unsigned i = 0; i < info->registers.count; i++) {
            const RegisterInfo *reg = &info->registers.at[i];
            if (strlen(reg->name) == length && !g_ascii_strncasecmp(reg->name, name, length) &&
                element < register_count(reg)) {
                *bank = b;
                *index = element;
                return reg;
            }
        }
    }
    return NULL;
}

bool device_register_peek(Device *device, const RegisterInfo *reg, unsigned index,
                          uint64_t *value)
{
    if (reg->field.kind == FIELD_NONE || index >= field_count(&reg->field)) {
        return false;
    }
    *value = stored_value(device, reg, index);
    return true;
}

void device_registers_reset(Device *device)
{
    for (const DeviceType *type = device_type(device); type; type = device_type_parent(type)) {
        for (unsigned b = 0; b < type->banks.count; b++) {
            const BankInfo *bank = &type->banks.at[b];
            for (unsigned i = 0; i < bank->registers.count; i++) {
                const RegisterInfo *reg = &bank->registers.at[i];
                for (unsigned n = 0; !reg->keep_on_reset && n < field_count(&reg->field); n++) {
                    store_value(device, reg, n, reg->reset);
                }
            }
        }
    }
}

/* ---- regions ---- */

static const RegionOps *register_ops(const BankInfo *info)
{
    /* One set of ops for each shape that banks have; they live for ever. */
    static GHashTable *made;
    uint64_t key = info->endian | info->access_min << 8 | info->access_max << 16;
    RegionOps *ops;

    if (!made) {
        made = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    }
    ops = g_hash_table_lookup(made, &key);
    if (!ops) {
        ops = g_new0(RegionOps, 1);
        ops->read = bank_region_read;
        ops->write = bank_region_write;
        ops->endian = info->endian;
        ops->access_min = info->access_min ? info->access_min : 1;
        ops->access_max = info->access_max ? info->access_max : 8;
        ops->unaligned = ops->impl_unaligned = info->access_min <= 1;
        ops->impl_min = 1;
        ops->impl_max = 8;
        g_hash_table_insert(made, g_memdup2(&key, sizeof(key)), ops);
    }
    return ops;
}

void device_banks_init(Device *device)
{
    const BankTable *banks = &device_type(device)->banks;

    device->banks = g_new0(DeviceBank, banks->count);
    for (unsigned i = 0; i < banks->count; i++) {
        device->banks[i].device = device;
        device->banks[i].info = &banks->at[i];
        device->banks[i].index = index_of(&banks->at[i]);
    }
}

static bool bank_make_memory(DeviceBank *bank, uint64_t size, GError **error)
{
    Device *device = bank->device;
    g_autofree char *path = object_path(OBJECT(device));
    g_autofree char *id = bank->info->ram_id
        ? g_strdup(bank->info->ram_id) : g_strdup_printf("%s.%s", path, bank->info->name);

    bank->ram = ram_block_new(id, size, NULL, error);
    if (!bank->ram) {
        return false;
    }
    bank->region = bank->info->kind == BANK_ROM
        ? region_new_rom(OBJECT(device), bank->info->name, bank->ram)
        : region_new_ram(OBJECT(device), bank->info->name, bank->ram);
    return true;
}

static bool bank_make(DeviceBank *bank, GError **error)
{
    const BankInfo *info = bank->info;
    Device *device = bank->device;
    uint64_t size = info->size_of ? info->size_of(device) : info->size;
    g_autofree char *name = g_strdup_printf("%s-%s", device->object.type->name, info->name);

    if (!size) {
        return true;   /* the properties leave this bank out */
    }
    switch (info->kind) {
    case BANK_RAM:
    case BANK_ROM:
        if (!bank_make_memory(bank, size, error)) {
            return false;
        }
        break;
    case BANK_CONTAINER:
        bank->region = region_new_container(OBJECT(device), name, size);
        break;
    default:
        bank->region = info->ops
            ? region_new_io(OBJECT(device), name, info->ops, device, size)
            : region_new_io(OBJECT(device), name, register_ops(info), bank, size);
        break;
    }
    region_set_guard(bank->region, &device->busy);
    return true;
}

bool device_banks_make(Device *device, GError **error)
{
    for (unsigned i = 0; i < device_type(device)->banks.count; i++) {
        if (!device->banks[i].region && !bank_make(&device->banks[i], error)) {
            return false;
        }
    }
    return true;
}

void device_banks_free(Device *device)
{
    for (unsigned i = 0; device->banks && i < device_type(device)->banks.count; i++) {
        region_free(device->banks[i].region);
        ram_block_free(device->banks[i].ram);
    }
    g_clear_pointer(&device->banks, g_free);
}

void device_place_bank(Device *device, unsigned bank, BankSpace space, uint64_t address)
{
    g_assert(bank < device_type(device)->banks.count);
    device->banks[bank].placed = true;
    device->banks[bank].space = space;
    device->banks[bank].address = address;
}

int device_bank_index(const Device *device, const char *name)
{
    const BankTable *banks = &device_type(device)->banks;

    for (unsigned i = 0; i < banks->count; i++) {
        if (g_str_equal(banks->at[i].name, name)) {
            return i;
        }
    }
    return -1;
}

MemoryRegion *device_bank_region(const Device *device, unsigned bank)
{
    return device->banks[bank].region;
}

RamBlock *device_bank_ram(const Device *device, unsigned bank)
{
    return device->banks[bank].ram;
}

bool device_bank_address(const Device *device, unsigned bank, uint64_t *address)
{
    *address = device->banks[bank].address;
    return device->banks[bank].region && region_container(device->banks[bank].region);
}

void device_map_bank(Device *device, unsigned bank, MemoryRegion *container, uint64_t address)
{
    DeviceBank *b = &device->banks[bank];

    b->address = address;
    b->placed = true;
    region_add(container, address, b->region, b->info->priority);
}

void device_move_bank(Device *device, unsigned bank, uint64_t address, bool enabled)
{
    DeviceBank *b = &device->banks[bank];
    MemoryRegion *container;

    if (!b->region) {
        return;
    }
    memory_transaction_begin();
    container = device->bus
        ? (b->info->space == SPACE_IO ? device->bus->io : device->bus->memory) : NULL;
    if (!region_container(b->region) && container && enabled) {
        device_map_bank(device, bank, container, address);
    }
    b->address = address;
    region_set_offset(b->region, address);
    region_set_enabled(b->region, enabled);
    memory_transaction_commit();
}
