/* SPDX-License-Identifier: MIT */
/* Placing and linking firmware tables; the script's records are described in the header. */
#include "hw/firmware/table-loader.h"

#include <inttypes.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"

enum {
    SCRIPT_FILE_NAME = 56,
    SCRIPT_RECORD = 128,
};

/* The commands of the script. */
typedef enum StepKind {
    STEP_ALLOCATE = 1,
    STEP_ADD_POINTER = 2,
    STEP_ADD_CHECKSUM = 3,
} StepKind;

typedef struct Step {
    StepKind kind;
    TableBlob *blob;
    const TableBlob *target; /* of a pointer */
    uint32_t offset;         /* of the pointer or of the checksum */
    uint32_t start, length;  /* what the checksum covers; the pointer's size */
} Step;

struct TableLoader {
    GPtrArray *blobs;
    GArray *steps;
};

static void table_blob_free(void *data)
{
    TableBlob *blob = data;

    g_byte_array_unref(blob->data);
    g_free(blob->name);
    g_free(blob);
}

TableLoader *table_loader_new(void)
{
    TableLoader *loader = g_new0(TableLoader, 1);

    loader->blobs = g_ptr_array_new_with_free_func(table_blob_free);
    loader->steps = g_array_new(FALSE, FALSE, sizeof(Step));
    return loader;
}

void table_loader_free(TableLoader *loader)
{
    if (loader) {
        g_ptr_array_unref(loader->blobs);
        g_array_free(loader->steps, TRUE);
        g_free(loader);
    }
}

TableBlob *table_loader_add_blob(TableLoader *loader, const char *name, uint32_t alignment,
                                 TableZone zone)
{
    TableBlob *blob = g_new0(TableBlob, 1);
    Step step = { .kind = STEP_ALLOCATE, .blob = blob };

    g_assert(strlen(name) < SCRIPT_FILE_NAME);
    g_assert(alignment && !(alignment & (alignment - 1)));
    for (guint i = 0; i < loader->blobs->len; i++) {
        g_assert(strcmp(table_loader_blob(loader, i)->name, name));
    }
    blob->name = g_strdup(name);
    blob->data = g_byte_array_new();
    blob->alignment = alignment;
    blob->zone = zone;
    g_ptr_array_add(loader->blobs, blob);
    g_array_append_val(loader->steps, step);
    return blob;
}

unsigned table_loader_blob_count(const TableLoader *loader)
{
    return loader->blobs->len;
}

TableBlob *table_loader_blob(const TableLoader *loader, unsigned index)
{
    g_assert(index < loader->blobs->len);
    return g_ptr_array_index(loader->blobs, index);
}

static bool blob_has(const TableBlob *blob, uint32_t offset, uint32_t length)
{
    return offset <= blob->data->len && length <= blob->data->len - offset;
}

void table_loader_add_pointer(TableLoader *loader, TableBlob *blob, uint32_t offset,
                              unsigned size, const TableBlob *target, uint32_t target_offset)
{
    Step step = { STEP_ADD_POINTER, blob, target, offset, .length = size };

    g_assert(size == 1 || size == 2 || size == 4 || size == 8);
    g_assert(blob_has(blob, offset, size) && blob_has(target, target_offset, 0));
    store_le(blob->data->data + offset, target_offset, size);
    g_array_append_val(loader->steps, step);
}

void table_loader_add_checksum(TableLoader *loader, TableBlob *blob, uint32_t start,
                               uint32_t length, uint32_t offset)
{
    Step step = { STEP_ADD_CHECKSUM, blob, NULL, offset, start, length };

    g_assert(blob_has(blob, start, length));
    g_assert(offset >= start && offset - start < length);
    blob->data->data[offset] = 0;
    g_array_append_val(loader->steps, step);
}

/* ---- the script ---- */

static void script_name(uint8_t *field, const TableBlob *blob)
{
    memcpy(field, blob->name, strlen(blob->name));
}

static void script_record(uint8_t *record, const Step *step)
{
    uint8_t *name = record + 4, *rest = name + SCRIPT_FILE_NAME;

    store_le(record, step->kind, 4);
    script_name(name, step->blob);
    switch (step->kind) {
    case STEP_ALLOCATE:
        store_le(rest, step->blob->alignment, 4);
        rest[4] = step->blob->zone;
        break;
    case STEP_ADD_POINTER:
        script_name(rest, step->target);
        rest += SCRIPT_FILE_NAME;
        store_le(rest, step->offset, 4);
        rest[4] = step->length;
        break;
    case STEP_ADD_CHECKSUM:
        store_le(rest, step->offset, 4);
        store_le(rest + 4, step->start, 4);
        store_le(rest + 8, step->length, 4);
        break;
    }
}

GByteArray *table_loader_script(const TableLoader *loader)
{
    GByteArray *script = g_byte_array_new();

    g_byte_array_set_size(script, SCRIPT_RECORD * loader->steps->len);
    memset(script->data, 0, script->len);
    for (guint i = 0; i < loader->steps->len; i++) {
        script_record(script->data + SCRIPT_RECORD * i, &g_array_index(loader->steps, Step, i));
    }
    return script;
}

/* ---- linking here ---- */

static bool link_pointer(const Step *step, GError **errp)
{
    uint8_t *field = step->blob->data->data + step->offset;
    uint64_t address = step->target->address + load_le(field, step->length);

    if (step->length < 8 && address >> (8 * step->length)) {
        error_set(errp, ERROR_FAILED,
                  "firmware table %s at 0x%" PRIx64
                  " is out of the reach of the %u-bit pointer "
                  "in %s",
                  step->target->name, address, 8 * step->length, step->blob->name);
        return false;
    }
    store_le(field, address, step->length);
    return true;
}

bool table_loader_link(TableLoader *loader, GError **errp)
{
    for (guint i = 0; i < loader->steps->len; i++) {
        const Step *step = &g_array_index(loader->steps, Step, i);

        if (step->kind == STEP_ADD_POINTER && !link_pointer(step, errp)) {
            return false;
        }
        if (step->kind == STEP_ADD_CHECKSUM) {
            uint8_t *data = step->blob->data->data, sum = 0;

            for (uint32_t b = 0; b < step->length; b++) {
                sum += data[step->start + b];
            }
            data[step->offset] -= sum;
        }
    }
    return true;
}
