/* SPDX-License-Identifier: MIT */
/*
 * The firmware configuration device: QEMU's docs/specs/fw_cfg.
 *
 * A selector chooses an item, a data register gives its bytes one after the other, and a DMA
 * register takes the address of a command in guest memory that selects, skips and reads at
 * once. Ports: selector (16 bits, little endian) at +0, data (8 bits) at +1, DMA (64 bits, big
 * endian) at +4. Memory: data (8 to 64 bits) at +0, selector (16 bits, big endian) at +8, DMA
 * at +16.
 *
 * Not modelled: writing of items. The data register ignores writes, as the specification has it
 * since QEMU 2.4; a DMA write command sets the error bit, for no item allows it.
 */
#include "hw/firmware/fw_cfg.h"

#include <string.h>

#include "base/bits.h"
#include "base/log.h"
#include "hw/core/machine.h"

typedef struct FwCfgFile {
    char *name;
    GBytes *data;
    bool from_user;
    FwCfgUpdate *update; /* or NULL */
    void *opaque;
} FwCfgFile;

struct FwCfg {
    Device device;
    bool dma_enabled;
    uint32_t file_slots;
    GHashTable *items; /* key to GBytes */
    GPtrArray *files;  /* of FwCfgFile, by name */
    uint16_t selector;
    uint32_t offset;      /* in the selected item; at most its length */
    uint64_t dma_address; /* half of it, between two writes of 32 bits */
    bool loaded;          /* the selection came with the state: its file is not updated yet */
};

/* Bits of the selector, and of the ID item. */
enum { SELECT_WRITE = 1 << 14 };
enum { ID_TRADITIONAL = 1 << 0, ID_DMA = 1 << 1 };

/* What reads of the DMA register give. */
static const char dma_signature[8] = "QEMU CFG";

/* ---- items and files ---- */

static void file_free(void *data)
{
    FwCfgFile *file = data;

    g_free(file->name);
    g_bytes_unref(file->data);
    g_free(file);
}

static gint file_compare(gconstpointer a, gconstpointer b)
{
    const FwCfgFile *const *left = a, *const *right = b;

    return strcmp((*left)->name, (*right)->name);
}

static FwCfgFile *find_file(const FwCfg *fw, const char *name)
{
    for (guint i = 0; i < fw->files->len; i++) {
        FwCfgFile *file = g_ptr_array_index(fw->files, i);

        if (!strcmp(file->name, name)) {
            return file;
        }
    }
    return NULL;
}

void fw_cfg_set_item(FwCfg *fw, uint16_t key, GBytes *data)
{
    gpointer index = GUINT_TO_POINTER(key);

    if (data) {
        g_hash_table_replace(fw->items, index, g_bytes_ref(data));
    } else {
        g_hash_table_remove(fw->items, index);
    }
}

static void take_item(FwCfg *fw, uint16_t key, GBytes *data)
{
    fw_cfg_set_item(fw, key, data);
    g_bytes_unref(data);
}

void fw_cfg_set_number(FwCfg *fw, uint16_t key, uint64_t value, unsigned size)
{
    uint8_t bytes[8];

    store_le(bytes, value, size);
    take_item(fw, key, g_bytes_new(bytes, size));
}

void fw_cfg_set_string(FwCfg *fw, uint16_t key, const char *text)
{
    take_item(fw, key, g_bytes_new(text, strlen(text) + 1));
}

/* The directory: a count, then size, number and name of each file, all big endian. */
static void write_directory(FwCfg *fw)
{
    enum { ENTRY = 64, SIZE_AT = 0, KEY_AT = 4, NAME_AT = 8 };
    gsize length = 4 + ENTRY * fw->files->len;
    uint8_t *bytes = g_malloc0(length);

    store_be(bytes, fw->files->len, 4);
    for (guint i = 0; i < fw->files->len; i++) {
        const FwCfgFile *file = g_ptr_array_index(fw->files, i);
        uint8_t *entry = bytes + 4 + ENTRY * i;

        store_be(entry + SIZE_AT, g_bytes_get_size(file->data), 4);
        store_be(entry + KEY_AT, FW_CFG_FILE_FIRST + i, 2);
        memcpy(entry + NAME_AT, file->name, strlen(file->name));
        fw_cfg_set_item(fw, FW_CFG_FILE_FIRST + i, file->data);
    }
    take_item(fw, FW_CFG_FILE_DIR, g_bytes_new_take(bytes, length));
}

static bool add_file(FwCfg *fw, const char *name, GBytes *data, bool from_user, GError **errp)
{
    FwCfgFile *file;

    if (!*name || strlen(name) > FW_CFG_NAME_MAX) {
        error_set(errp, ERROR_INVALID, "fw_cfg: a file's name has 1 to %d characters, not '%s'",
                  FW_CFG_NAME_MAX, name);
        return false;
    }
    if (fw->files->len >= fw->file_slots) {
        error_set(errp, ERROR_INVALID,
                  "fw_cfg: no room for file '%s', there are %u already; set x-file-slots of %s",
                  name, fw->files->len, fw->device.object.type->name);
        return false;
    }
    if (g_bytes_get_size(data) > UINT32_MAX) {
        error_set(errp, ERROR_INVALID, "fw_cfg: file '%s' of %zu bytes exceeds 4 GiB", name,
                  (size_t)g_bytes_get_size(data));
        return false;
    }
    file = g_new0(FwCfgFile, 1);
    file->name = g_strdup(name);
    file->data = g_bytes_ref(data);
    file->from_user = from_user;
    g_ptr_array_add(fw->files, file);
    g_ptr_array_sort(fw->files, file_compare);
    write_directory(fw);
    return true;
}

bool fw_cfg_set_file(FwCfg *fw, const char *name, GBytes *data, GError **errp)
{
    FwCfgFile *file = find_file(fw, name);

    if (!file) {
        return add_file(fw, name, data, false, errp);
    }
    if (file->from_user) {
        error_set(errp, ERROR_INVALID,
                  "-fw_cfg name=%s: the machine has a file of this name itself", name);
        return false;
    }
    g_bytes_ref(data);
    g_bytes_unref(file->data);
    file->data = data;
    write_directory(fw);
    return true;
}

void fw_cfg_on_select(FwCfg *fw, const char *name, FwCfgUpdate *update, void *opaque)
{
    FwCfgFile *file = find_file(fw, name);

    g_assert(file);
    file->update = update;
    file->opaque = opaque;
}

GBytes *fw_cfg_file(const FwCfg *fw, const char *name)
{
    const FwCfgFile *file = find_file(fw, name);

    return file ? file->data : NULL;
}

static bool is_fw_cfg(Object *object, void *found)
{
    if (object_is(object, "fw_cfg")) {
        *(FwCfg **)found = (FwCfg *)object;
        return false;
    }
    return true;
}

FwCfg *fw_cfg_find(void)
{
    FwCfg *fw = NULL;

    object_foreach(object_root(), is_fw_cfg, &fw);
    return fw;
}

/* ---- the -fw_cfg option ---- */

typedef struct FwCfgOption {
    char *name, *file, *string;
} FwCfgOption;

static void option_clear(FwCfgOption *option)
{
    g_free(option->name);
    g_free(option->file);
    g_free(option->string);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FwCfgOption, option_clear)

/* The text up to the next single comma; moves `*rest` behind it. */
static char *next_part(const char **rest)
{
    GString *part = g_string_new(NULL);
    const char *p = *rest;

    for (; *p && (*p != ',' || p[1] == ','); p++) {
        p += *p == ',';
        g_string_append_c(part, *p);
    }
    *rest = *p ? p + 1 : p;
    return g_string_free(part, FALSE);
}

static bool option_parse(FwCfgOption *option, const char *argument, GError **errp)
{
    const char *rest = argument;

    for (bool first = true; *rest; first = false) {
        g_autofree char *part = next_part(&rest);
        char *value = strchr(part, '=');
        char **slot = &option->name;

        if (value) {
            *value++ = '\0';
            slot = !strcmp(part, "name")     ? &option->name
                   : !strcmp(part, "file")   ? &option->file
                   : !strcmp(part, "string") ? &option->string
                                             : NULL;
        } else if (first) {
            value = part;
        }
        if (!slot || !value || *slot) {
            error_set(
                errp, ERROR_INVALID,
                "-fw_cfg %s: '%s' is unknown or given twice; expected [name=]NAME,file=PATH "
                "or [name=]NAME,string=TEXT",
                argument, part);
            return false;
        }
        *slot = g_strdup(value);
    }
    if (!option->name || !*option->name || !option->file == !option->string) {
        error_set(errp, ERROR_INVALID,
                  "-fw_cfg %s: expected a name and one of file= and string=", argument);
        return false;
    }
    return true;
}

bool fw_cfg_add_option(FwCfg *fw, const char *argument, GError **errp)
{
    g_auto(FwCfgOption) option = { 0 };
    g_autoptr(GBytes) data = NULL;

    if (!option_parse(&option, argument, errp)) {
        return false;
    }
    if (find_file(fw, option.name)) {
        error_set(errp, ERROR_INVALID, "-fw_cfg name=%s: there is a file of this name already",
                  option.name);
        return false;
    }
    if (option.file) {
        char *content;
        gsize length;

        if (!g_file_get_contents(option.file, &content, &length, errp)) {
            g_prefix_error(errp, "-fw_cfg name=%s: ", option.name);
            return false;
        }
        data = g_bytes_new_take(content, length);
    } else {
        data = g_bytes_new(option.string, strlen(option.string));
    }
    if (!g_str_has_prefix(option.name, "opt/")) {
        report_warning("-fw_cfg name=%s: names of the user's own begin with \"opt/\"",
                       option.name);
    }
    return add_file(fw, option.name, data, true, errp);
}

/* ---- reading ---- */

/* Has the selected file brought up to date by who asked for it. */
static void update_selected(FwCfg *fw)
{
    unsigned index = (fw->selector & ~SELECT_WRITE) - FW_CFG_FILE_FIRST;
    const FwCfgFile *file =
        index < fw->files->len ? g_ptr_array_index(fw->files, index) : NULL;

    fw->loaded = false;
    if (file && file->update) {
        file->update(file->opaque, fw);
    }
}

static void fw_cfg_select(FwCfg *fw, uint16_t key)
{
    fw->selector = key;
    fw->offset = 0;
    update_selected(fw);
}

/* The selected item, borrowed; NULL when there is none. */
static GBytes *selected(FwCfg *fw)
{
    if (fw->loaded) {
        update_selected(fw);
    }
    return g_hash_table_lookup(fw->items,
                               GUINT_TO_POINTER(fw->selector & ~SELECT_WRITE));
}

/* The next `size` bytes, the first in the lowest place; zeros past the end. */
static uint64_t fw_cfg_data(FwCfg *fw, unsigned size)
{
    GBytes *item = selected(fw);
    gsize length = 0;
    const uint8_t *bytes = item ? g_bytes_get_data(item, &length) : NULL;
    uint64_t value = 0;

    for (unsigned i = 0; i < size && fw->offset < length; i++) {
        value |= (uint64_t)bytes[fw->offset++] << (8 * i);
    }
    return value;
}

/* ---- DMA ---- */

enum {
    DMA_ERROR = 1 << 0,
    DMA_READ = 1 << 1,
    DMA_SKIP = 1 << 2,
    DMA_SELECT = 1 << 3,
    DMA_WRITE = 1 << 4,
};

/* Copies the item's next bytes to the guest, and zeros for what is past its end. */
static bool dma_copy(FwCfg *fw, uint64_t address, uint32_t length)
{
    Device *device = &fw->device;
    GBytes *item = selected(fw);
    /* The copy may go to our own registers, and select. */
    g_autoptr(GBytes) held = item ? g_bytes_ref(item) : NULL;
    gsize size = 0;
    const uint8_t *bytes = held ? g_bytes_get_data(held, &size) : NULL;
    uint32_t count = fw->offset < size ? MIN(length, size - fw->offset) : 0;

    if (count && dma_write(device, address, bytes + fw->offset, count) != MEMORY_OK) {
        return false;
    }
    fw->offset += count;
    length -= count;
    return !length || address_space_fill(device_dma_space(device), address + count,
                                         device_dma_attrs(device), 0, length) == MEMORY_OK;
}

static void dma_skip(FwCfg *fw, uint32_t length)
{
    GBytes *item = selected(fw);
    gsize size = item ? g_bytes_get_size(item) : 0;

    if (fw->offset < size) {
        fw->offset += MIN(length, size - fw->offset);
    }
}

/* Executes the command at the DMA address: control, length, address, all big endian. */
static void dma_run(FwCfg *fw)
{
    uint64_t command = fw->dma_address;
    uint8_t bytes[16], answer[4];
    uint32_t control, length;
    bool ok = true;

    fw->dma_address = 0;
    if (dma_read(&fw->device, command, bytes, sizeof(bytes)) != MEMORY_OK) {
        log_guest_error("fw_cfg: no DMA command can be read at 0x%" PRIx64, command);
        control = length = 0;
        ok = false;
    } else {
        control = load_be(bytes, 4);
        length = load_be(bytes + 4, 4);
    }
    if (control & DMA_SELECT) {
        fw_cfg_select(fw, control >> 16);
    }
    if (control & DMA_READ) {
        ok = dma_copy(fw, load_be(bytes + 8, 8), length);
    } else if (control & DMA_WRITE) {
        log_guest_error("fw_cfg: item 0x%x cannot be written", fw->selector);
        ok = false;
    } else if (control & DMA_SKIP) {
        dma_skip(fw, length);
    }
    store_be(answer, ok ? 0 : DMA_ERROR, 4);
    if (dma_write(&fw->device, command, answer, sizeof(answer)) != MEMORY_OK) {
        log_guest_error("fw_cfg: the DMA command at 0x%" PRIx64 " cannot be answered", command);
    }
}

/* The DMA register: 64 bits at once, or the high half and then the low one, which starts it. */
static bool dma_register_write(FwCfg *fw, uint64_t offset, unsigned size, uint64_t value)
{
    if (offset == 0 && size == 8) {
        fw->dma_address = GUINT64_SWAP_LE_BE(value);
        dma_run(fw);
    } else if (offset == 0 && size == 4) {
        fw->dma_address = (uint64_t)GUINT32_SWAP_LE_BE((uint32_t)value) << 32;
    } else if (offset == 4 && size == 4) {
        fw->dma_address |= GUINT32_SWAP_LE_BE((uint32_t)value);
        dma_run(fw);
    } else {
        return false;
    }
    return true;
}

/* ---- ports ---- */

enum { PORT_SELECTOR = 0, PORT_DATA = 1, PORT_DMA = 4, PORTS = 12, PORTS_WITHOUT_DMA = 2 };

static MemoryResult ports_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                               MemoryAttrs attrs)
{
    FwCfg *fw = opaque;

    if (offset == PORT_DATA && size == 1) {
        *value = fw_cfg_data(fw, 1);
    } else if (offset >= PORT_DMA && offset + size <= PORT_DMA + sizeof(dma_signature)) {
        *value = load_le(dma_signature + offset - PORT_DMA, size);
    } else {
        *value = 0;
        log_guest_error("fw_cfg: read of %u bytes at port +%" PRIu64, size, offset);
    }
    return MEMORY_OK;
}

static MemoryResult ports_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                                MemoryAttrs attrs)
{
    FwCfg *fw = opaque;
    bool known = offset == PORT_DATA && size == 1;

    if (offset == PORT_SELECTOR && size == 2) {
        fw_cfg_select(fw, value);
        known = true;
    } else if (offset >= PORT_DMA) {
        known = dma_register_write(fw, offset - PORT_DMA, size, value);
    }
    if (!known) {
        log_guest_error("fw_cfg: write of %u bytes at port +%" PRIu64, size, offset);
    }
    return MEMORY_OK;
}

static const RegionOps ports_ops = {
    .read = ports_read,
    .write = ports_write,
    .access_min = 1,
    .access_max = 8,
    .unaligned = true,
    .impl_unaligned = true,
};

static uint64_t ports_size(Device *device)
{
    return ((FwCfg *)device)->dma_enabled ? PORTS : PORTS_WITHOUT_DMA;
}

/* ---- memory ---- */

enum { MEM_DATA = 0, MEM_SELECTOR = 8, MEM_DMA = 16, MEM = 24, MEM_WITHOUT_DMA = 10 };

static MemoryResult mem_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                             MemoryAttrs attrs)
{
    FwCfg *fw = opaque;

    if (offset == MEM_DATA) {
        *value = fw_cfg_data(fw, size);
    } else if (offset >= MEM_DMA && offset + size <= MEM_DMA + sizeof(dma_signature)) {
        *value = load_le(dma_signature + offset - MEM_DMA, size);
    } else {
        *value = 0;
        log_guest_error("fw_cfg: read of %u bytes at +0x%" PRIx64, size, offset);
    }
    return MEMORY_OK;
}

static MemoryResult mem_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                              MemoryAttrs attrs)
{
    FwCfg *fw = opaque;
    bool known = offset == MEM_DATA;

    if (offset == MEM_SELECTOR && size == 2) {
        fw_cfg_select(fw, GUINT16_SWAP_LE_BE((uint16_t)value));
        known = true;
    } else if (offset >= MEM_DMA) {
        known = dma_register_write(fw, offset - MEM_DMA, size, value);
    }
    if (!known) {
        log_guest_error("fw_cfg: write of %u bytes at +0x%" PRIx64, size, offset);
    }
    return MEMORY_OK;
}

static const RegionOps mem_ops = {
    .read = mem_read,
    .write = mem_write,
    .access_min = 1,
    .access_max = 8,
};

static uint64_t mem_size(Device *device)
{
    return ((FwCfg *)device)->dma_enabled ? MEM : MEM_WITHOUT_DMA;
}

/* ---- the types ---- */

static void fw_cfg_init(Object *object)
{
    FwCfg *fw = (FwCfg *)object;

    fw->items = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_bytes_unref);
    fw->files = g_ptr_array_new_with_free_func(file_free);
}

static void fw_cfg_finalize(Object *object)
{
    FwCfg *fw = (FwCfg *)object;

    g_clear_pointer(&fw->items, g_hash_table_unref);
    g_clear_pointer(&fw->files, g_ptr_array_unref);
}

static bool fw_cfg_realize(Device *device, GError **errp)
{
    FwCfg *fw = (FwCfg *)device;

    take_item(fw, FW_CFG_SIGNATURE, g_bytes_new_static("QEMU", 4));
    fw_cfg_set_number(fw, FW_CFG_ID, ID_TRADITIONAL | (fw->dma_enabled ? ID_DMA : 0), 4);
    write_directory(fw);
    return true;
}

static void fw_cfg_reset(Device *device)
{
    FwCfg *fw = (FwCfg *)device;

    fw_cfg_select(fw, FW_CFG_SIGNATURE);
    fw->dma_address = 0;
}

static bool fw_cfg_post_load(Device *device, GError **errp)
{
    /* What the file is made from may be loaded after us. */
    ((FwCfg *)device)->loaded = true;
    return true;
}

static void fw_cfg_print(Device *device, GString *out)
{
    const FwCfg *fw = (const FwCfg *)device;

    for (guint i = 0; i < fw->files->len; i++) {
        const FwCfgFile *file = g_ptr_array_index(fw->files, i);

        g_string_append_printf(out, "0x%04x %8zu %s\n", FW_CFG_FILE_FIRST + i,
                               (size_t)g_bytes_get_size(file->data), file->name);
    }
}

static bool set_file_option(Object *object, const Property *property, GVariant *value,
                            GError **errp)
{
    return fw_cfg_add_option((FwCfg *)object, g_variant_get_string(value, NULL), errp);
}

static GVariant *get_file_names(Object *object, const Property *property)
{
    const FwCfg *fw = (const FwCfg *)object;
    g_autoptr(GString) names = g_string_new(NULL);

    for (guint i = 0; i < fw->files->len; i++) {
        g_string_append_printf(names, "%s%s", i ? "," : "",
                               ((FwCfgFile *)g_ptr_array_index(fw->files, i))->name);
    }
    return g_variant_new_string(names->str);
}

static const Property fw_cfg_properties[] = {
    { "dma_enabled", "the guest may read items by DMA", FIELD(FwCfg, dma_enabled),
      .def.u = true },
    { "x-file-slots", "how many files there can be", FIELD(FwCfg, file_slots), .def.u = 128,
      .min = 16, .max = 0x1000 },
    { "file",
      "adds a file as -fw_cfg does: [name=]NAME,file=PATH or string=TEXT; reads as the "
      "names of all files",
      .get = get_file_names, .set = set_file_option, .type_name = "str" },
};

static const StateInfo fw_cfg_state[] = {
    { "selector", FIELD(FwCfg, selector) },
    { "offset", FIELD(FwCfg, offset) },
    { "dma-address", FIELD(FwCfg, dma_address) },
};

static const TransientInfo fw_cfg_transient[] = {
    { FIELD(FwCfg, items), "made again from the finished tree" },
    { FIELD(FwCfg, files), "made again from the finished tree" },
    { FIELD(FwCfg, loaded), "says that the state was loaded" },
};

/* The parent of both, for introspection. */
const DeviceType fw_cfg_base_type = {
    .name = "fw_cfg",
    .parent = "sys-bus-device",
    .description = "firmware configuration",
    .size = sizeof(FwCfg),
    .abstract = true,
    .properties = TABLE(fw_cfg_properties),
    .init = fw_cfg_init,
    .finalize = fw_cfg_finalize,
};

static const BankInfo ports_banks[] = {
    { "ports", "selector +0, data +1, DMA address +4", .space = SPACE_IO, .size_of = ports_size,
      .access_max = 8, .ops = &ports_ops, .base = 0x510, .fixed = true },
};

const DeviceType fw_cfg_io_type = {
    .name = "fw_cfg_io",
    .parent = "fw_cfg",
    .description = "firmware configuration, at I/O ports",
    .size = sizeof(FwCfg),
    .compatible = "qemu,fw-cfg-io",
    .board_only = true,
    .banks = TABLE(ports_banks),
    .state = TABLE(fw_cfg_state),
    .transient = TABLE(fw_cfg_transient),
    .realize = fw_cfg_realize,
    .reset = fw_cfg_reset,
    .post_load = fw_cfg_post_load,
    .print = fw_cfg_print, .topic = "roms",
};

static const BankInfo mem_banks[] = {
    { "registers", "data +0, selector +8, DMA address +16", .size_of = mem_size,
      .access_max = 8, .ops = &mem_ops },
};

const DeviceType fw_cfg_mem_type = {
    .name = "fw_cfg_mem",
    .parent = "fw_cfg",
    .description = "firmware configuration, in memory",
    .size = sizeof(FwCfg),
    .compatible = "qemu,fw-cfg-mmio",
    .board_only = true,
    .banks = TABLE(mem_banks),
    .state = TABLE(fw_cfg_state),
    .transient = TABLE(fw_cfg_transient),
    .realize = fw_cfg_realize,
    .reset = fw_cfg_reset,
    .post_load = fw_cfg_post_load,
    .print = fw_cfg_print, .topic = "roms",
};
