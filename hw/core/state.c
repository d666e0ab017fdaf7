/* SPDX-License-Identifier: MIT */
/*
 * Saving and loading: the tables are flattened into a list of named entries;
 * saving writes the list, loading matches a record against it.
 */
#include "hw/core/state.h"

#include <string.h>

#include "hw/core/internal.h"

typedef enum EntryKind {
    ENTRY_DATA,    /* `count` elements of `width` bytes at `at`, in host order */
    ENTRY_BYTES,   /* opaque bytes */
    ENTRY_TIMER,   /* the deadline, or -1 */
    ENTRY_PIN,     /* a level per line */
} EntryKind;

typedef struct Entry {
    char *name;
    EntryKind kind;
    uint8_t *at;
    uint32_t width, count;
    uint64_t max;
    unsigned pin;
    bool is_bool;
} Entry;

static void entry_clear(void *entry)
{
    g_free(((Entry *)entry)->name);
}

/* ---- flattening ---- */

static void add_field(GArray *list, char *name, const Field *field, uint8_t *base, uint64_t max)
{
    Entry entry = {
        .name = name, .at = base + field->offset, .width = field->width, .count = field->count,
        .max = max, .is_bool = field->kind == FIELD_BOOL,
    };

    g_assert(field->kind != FIELD_STRING && field->kind != FIELD_POINTER);
    if (field->kind == FIELD_BYTES) {
        entry.kind = ENTRY_BYTES;
        entry.count *= entry.width;
        entry.width = 1;
    }
    g_array_append_val(list, entry);
}

static void add_registers(GArray *list, const Device *device, const DeviceType *type)
{
    for (unsigned b = 0; b < type->banks.count; b++) {
        const BankInfo *bank = &type->banks.at[b];
        for (unsigned i = 0; i < bank->registers.count; i++) {
            const RegisterInfo *reg = &bank->registers.at[i];
            uint8_t *at = (uint8_t *)device + reg->field.offset;
            bool seen = reg->field.kind == FIELD_NONE;
            for (guint n = 0; n < list->len && !seen; n++) {
                seen = g_array_index(list, Entry, n).at == at;
            }
            if (!seen) {
                add_field(list, g_strdup_printf("%s.%s", bank->name, reg->name), &reg->field,
                          (uint8_t *)device, 0);
            }
        }
    }
}

static void add_state(GArray *list, const Device *device, const StateTable *table,
                      uint8_t *base, const char *prefix)
{
    for (unsigned i = 0; i < table->count; i++) {
        const StateInfo *info = &table->at[i];
        g_autofree char *name = g_strconcat(prefix, info->name, NULL);

        if (info->needed && !info->needed(device)) {
            continue;
        }
        if (info->length_of) {
            Entry entry = {
                .name = g_steal_pointer(&name), .kind = ENTRY_BYTES, .width = 1,
                .at = *(uint8_t **)(base + info->field.offset), .count = info->length_of(device),
            };
            g_array_append_val(list, entry);
        } else if (info->members.count) {
            for (unsigned n = 0; n < info->field.count; n++) {
                g_autofree char *inner = info->field.count > 1
                    ? g_strdup_printf("%s[%u].", name, n) : g_strdup_printf("%s.", name);
                add_state(list, device, &info->members,
                          base + info->field.offset + n * info->field.width, inner);
            }
        } else {
            add_field(list, g_steal_pointer(&name), &info->field, base, info->max);
        }
    }
}

static void add_timers_and_pins(GArray *list, const Device *device, const DeviceType *type)
{
    for (unsigned i = 0; i < type->timers.count; i++) {
        const TimerInfo *info = &type->timers.at[i];
        for (unsigned n = 0; n < info->field.count; n++) {
            Entry entry = {
                .name = g_strdup_printf("timer.%s[%u]", info->name, n), .kind = ENTRY_TIMER,
                .at = field_element(device, &info->field, n), .width = 8, .count = 1,
            };
            g_array_append_val(list, entry);
        }
    }
    for (unsigned i = 0; type == device_type(device) && i < type->pins.count; i++) {
        Entry entry = {
            .name = g_strdup_printf("pin.%s", type->pins.at[i].name), .kind = ENTRY_PIN,
            .width = 1, .count = device_pin_count(device, i), .pin = i, .max = 1,
        };
        g_array_append_val(list, entry);
    }
}

static void flatten(GArray *list, const Device *device, const DeviceType *type)
{
    const DeviceType *parent = device_type_parent(type);

    if (parent) {
        flatten(list, device, parent);
    }
    add_registers(list, device, type);
    add_state(list, device, &type->state, (uint8_t *)device, "");
    add_timers_and_pins(list, device, type);
}

static GArray *entries_of(const Device *device)
{
    GArray *list = g_array_new(FALSE, TRUE, sizeof(Entry));

    g_array_set_clear_func(list, entry_clear);
    flatten(list, device, device_type(device));
    return list;
}

/* ---- writing ---- */

static void put_number(GByteArray *out, uint64_t value, unsigned size)
{
    uint8_t bytes[8];

    store_le(bytes, value, size);
    g_byte_array_append(out, bytes, size);
}

static void put_text(GByteArray *out, const char *text)
{
    size_t length = strlen(text);

    put_number(out, length, 2);
    g_byte_array_append(out, (const uint8_t *)text, length);
}

static uint64_t entry_element(const Device *device, const Entry *entry, unsigned n)
{
    switch (entry->kind) {
    case ENTRY_TIMER: {
        const Timer *timer = (const Timer *)entry->at;
        return timer_armed(timer) ? (uint64_t)timer->deadline : UINT64_MAX;
    }
    case ENTRY_PIN:
        return pin_level(device, entry->pin, n);
    default:
        return load_host(entry->at + (size_t)n * entry->width, entry->width);
    }
}

static void run_pre_save(const DeviceType *type, Device *device)
{
    const DeviceType *parent = device_type_parent(type);

    if (type->pre_save) {
        type->pre_save(device);
    }
    if (parent) {
        run_pre_save(parent, device);
    }
}

static unsigned state_version(const DeviceType *type)
{
    return type->state_version ? type->state_version : 1;
}

void device_save(Device *device, GByteArray *out)
{
    g_autoptr(GArray) entries = NULL;

    run_pre_save(device_type(device), device);
    entries = entries_of(device);
    put_text(out, device->object.type->name);
    put_number(out, state_version(device_type(device)), 4);
    put_number(out, entries->len, 4);
    for (guint i = 0; i < entries->len; i++) {
        const Entry *entry = &g_array_index(entries, Entry, i);
        put_text(out, entry->name);
        put_number(out, entry->width, 1);
        put_number(out, entry->count, 4);
        if (entry->kind == ENTRY_BYTES) {
            if (entry->count) {
                g_byte_array_append(out, entry->at, entry->count);
            }
            continue;
        }
        for (unsigned n = 0; n < entry->count; n++) {
            put_number(out, entry_element(device, entry, n), entry->width);
        }
    }
}

/* ---- reading ---- */

typedef struct Reader {
    const uint8_t *data;
    size_t length, at;
    bool bad;
} Reader;

static const uint8_t *take(Reader *reader, uint64_t length)
{
    const uint8_t *data = reader->data + reader->at;

    if (reader->bad || length > reader->length - reader->at) {
        reader->bad = true;
        return NULL;
    }
    reader->at += length;
    return data;
}

static uint64_t take_number(Reader *reader, unsigned size)
{
    const uint8_t *data = take(reader, size);

    return data ? load_le(data, size) : 0;
}

static char *take_text(Reader *reader)
{
    size_t length = take_number(reader, 2);
    const uint8_t *data = take(reader, length);

    return data ? g_strndup((const char *)data, length) : g_strdup("");
}

typedef struct Loaded {
    const uint8_t *data;
    uint32_t width, count;
} Loaded;

static bool read_header(Reader *reader, const char *type_name, uint32_t version, uint32_t *count,
                        GError **error)
{
    g_autofree char *name = take_text(reader);
    uint32_t found = take_number(reader, 4);

    *count = take_number(reader, 4);
    if (reader->bad) {
        error_set(error, ERROR_INVALID, "the saved state of %s is cut short", type_name);
        return false;
    }
    if (!g_str_equal(name, type_name)) {
        error_set(error, ERROR_INVALID, "the saved state is of a %s, the device is a %s", name,
                  type_name);
        return false;
    }
    if (found > version) {
        error_set(error, ERROR_INVALID, "the saved state of %s has version %u, this program "
                  "knows up to %u", type_name, found, version);
        return false;
    }
    return true;
}

static bool read_entries(Reader *reader, const char *type_name, uint32_t count,
                         GHashTable *loaded, GError **error)
{
    for (uint32_t i = 0; i < count && !reader->bad; i++) {
        char *name = take_text(reader);
        Loaded *item = g_new0(Loaded, 1);
        item->width = take_number(reader, 1);
        item->count = take_number(reader, 4);
        item->data = take(reader, (uint64_t)item->width * item->count);
        if (!g_hash_table_insert(loaded, name, item)) {
            error_set(error, ERROR_INVALID, "the saved state of %s has an entry twice",
                      type_name);
            return false;
        }
    }
    if (reader->bad) {
        error_set(error, ERROR_INVALID, "the saved state of %s is cut short", type_name);
        return false;
    }
    return true;
}

static bool check_entry(const Device *device, const Entry *entry, const Loaded *item,
                        GError **error)
{
    const char *type = device->object.type->name;
    uint64_t max = entry->is_bool ? 1 : entry->max;

    if (!item) {
        error_set(error, ERROR_INVALID, "the saved state of %s lacks '%s'", type, entry->name);
        return false;
    }
    if (item->width != entry->width || item->count != entry->count) {
        error_set(error, ERROR_INVALID, "the saved state of %s has '%s' as %u × %u bytes, the "
                  "device as %u × %u", type, entry->name, item->count, item->width,
                  entry->count, entry->width);
        return false;
    }
    for (unsigned n = 0; max && n < item->count; n++) {
        uint64_t value = load_le(item->data + (size_t)n * item->width, item->width);
        if (value > max) {
            error_set(error, ERROR_INVALID, "the saved state of %s has %" PRIu64 " in '%s', at "
                      "most %" PRIu64 " is possible", type, value, entry->name, max);
            return false;
        }
    }
    return true;
}

static void apply_entry(Device *device, const Entry *entry, const Loaded *item)
{
    if (entry->kind == ENTRY_BYTES) {
        if (item->count) {
            memcpy(entry->at, item->data, item->count);
        }
        return;
    }
    for (unsigned n = 0; n < item->count; n++) {
        uint64_t value = load_le(item->data + (size_t)n * item->width, item->width);
        if (entry->kind == ENTRY_PIN) {
            pin_restore_level(device, entry->pin, n, value);
        } else if (entry->kind == ENTRY_DATA) {
            store_host(entry->at + (size_t)n * entry->width, value, entry->width);
        } else if (value == UINT64_MAX) {
            timer_cancel((Timer *)entry->at);
        } else {
            timer_set((Timer *)entry->at, (int64_t)value);
        }
    }
}

static bool run_post_load(const DeviceType *type, Device *device, GError **error)
{
    const DeviceType *parent = device_type_parent(type);

    if (parent && !run_post_load(parent, device, error)) {
        return false;
    }
    return !type->post_load || type->post_load(device, error);
}

bool device_load(Device *device, const uint8_t *data, size_t length, size_t *used,
                 GError **error)
{
    const char *type = device->object.type->name;
    Reader reader = { .data = data, .length = length };
    g_autoptr(GArray) entries = entries_of(device);
    g_autoptr(GHashTable) loaded =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    uint32_t count;

    if (!read_header(&reader, type, state_version(device_type(device)), &count, error) ||
        !read_entries(&reader, type, count, loaded, error)) {
        return false;
    }
    if (g_hash_table_size(loaded) != entries->len) {
        error_set(error, ERROR_INVALID, "the saved state of %s has %u entries, the device %u",
                  type, g_hash_table_size(loaded), entries->len);
        return false;
    }
    for (guint i = 0; i < entries->len; i++) {
        const Entry *entry = &g_array_index(entries, Entry, i);
        if (!check_entry(device, entry, g_hash_table_lookup(loaded, entry->name), error)) {
            return false;
        }
    }
    for (guint i = 0; i < entries->len; i++) {
        const Entry *entry = &g_array_index(entries, Entry, i);
        apply_entry(device, entry, g_hash_table_lookup(loaded, entry->name));
    }
    *used = reader.at;
    return run_post_load(device_type(device), device, error);
}

char *device_state_print(const uint8_t *data, size_t length)
{
    Reader reader = { .data = data, .length = length };
    GString *text = g_string_new(NULL);
    g_autofree char *type = take_text(&reader);
    uint32_t version = take_number(&reader, 4), count = take_number(&reader, 4);

    g_string_append_printf(text, "%s version %u\n", type, version);
    for (uint32_t i = 0; i < count && !reader.bad; i++) {
        g_autofree char *name = take_text(&reader);
        unsigned width = take_number(&reader, 1);
        uint32_t elements = take_number(&reader, 4);
        const uint8_t *bytes = take(&reader, (uint64_t)width * elements);
        g_string_append_printf(text, "  %s:", name);
        for (uint32_t n = 0; bytes && n < MIN(elements, 64); n++) {
            g_string_append_printf(text, " %" PRIx64,
                                   load_le(bytes + (size_t)n * width, MIN(width, 8)));
        }
        g_string_append(text, elements > 64 ? " …\n" : "\n");
    }
    return g_string_free(text, FALSE);
}

/* ---- is every member accounted for? ---- */

static void cover(uint8_t *covered, const Field *field)
{
    if (field->kind != FIELD_NONE) {
        memset(covered + field->offset, 1, (size_t)field->width * field->count);
    }
}

static void cover_type(uint8_t *covered, const DeviceType *type)
{
    for (unsigned b = 0; b < type->banks.count; b++) {
        for (unsigned i = 0; i < type->banks.at[b].registers.count; i++) {
            cover(covered, &type->banks.at[b].registers.at[i].field);
        }
    }
    for (unsigned i = 0; i < type->properties.count; i++) {
        cover(covered, &type->properties.at[i].field);
    }
    for (unsigned i = 0; i < type->timers.count; i++) {
        cover(covered, &type->timers.at[i].field);
    }
    for (unsigned i = 0; i < type->state.count; i++) {
        cover(covered, &type->state.at[i].field);
    }
    for (unsigned i = 0; i < type->transient.count; i++) {
        cover(covered, &type->transient.at[i].field);
    }
}

/* A gap that ends where an aligned member may start is padding. */
static bool is_padding(size_t start, size_t end)
{
    return end - start < 8 && end % 2 == 0 && (end + 7) / 8 == (start + 8) / 8;
}

char *device_type_uncovered(const DeviceType *type)
{
    size_t size = type->size, base = sizeof(Device), start;
    g_autofree uint8_t *covered = g_malloc0(size + 1);
    GString *gaps = g_string_new(NULL);

    for (const DeviceType *t = type; t; t = device_type_parent(t)) {
        cover_type(covered, t);
    }
    covered[size] = 1;
    for (size_t at = base; at < size; at++) {
        if (covered[at]) {
            continue;
        }
        for (start = at; !covered[at]; at++) {
        }
        if (!is_padding(start, at)) {
            g_string_append_printf(gaps, "%sbytes %zu to %zu", gaps->len ? ", " : "", start,
                                   at - 1);
        }
    }
    if (!gaps->len) {
        g_string_free(gaps, TRUE);
        return NULL;
    }
    return g_string_free(gaps, FALSE);
}
