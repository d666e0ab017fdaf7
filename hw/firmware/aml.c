/* SPDX-License-Identifier: MIT */
/*
 * The writer of ACPI machine language: encodings of ACPI 6.x section 20.2.
 *
 * Bytes are appended to one growing array. An open block remembers where its PkgLength belongs;
 * closing it inserts the length there, which is why blocks must nest.
 */
#include "hw/firmware/aml.h"

#include <string.h>

#include "hw/firmware/aml-private.h"

enum {
    OP_NAME = 0x08,
    OP_ALIAS = 0x06,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_STRING = 0x0d,
    OP_QWORD = 0x0e,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_METHOD = 0x14,
    OP_DUAL_NAME = 0x2e,
    OP_MULTI_NAME = 0x2f,
    OP_EXT = 0x5b,
    OP_IF = 0xa0,
    OP_ELSE = 0xa1,
    OP_WHILE = 0xa2,
    EXT_MUTEX = 0x01,
    EXT_ACQUIRE = 0x23,
    EXT_REGION = 0x80,
    EXT_FIELD = 0x81,
    EXT_DEVICE = 0x82,
};

typedef struct AmlBlock {
    AmlBlockKind kind;
    guint start; /* where the PkgLength belongs */
} AmlBlock;

struct Aml {
    GByteArray *code;
    GArray *blocks; /* of AmlBlock, the innermost last */
};

Aml *aml_new(void)
{
    Aml *a = g_new0(Aml, 1);

    a->code = g_byte_array_new();
    a->blocks = g_array_new(FALSE, FALSE, sizeof(AmlBlock));
    return a;
}

GByteArray *aml_finish(Aml *a)
{
    GByteArray *code = a->code;

    g_assert(a->blocks->len == 0);
    g_array_free(a->blocks, TRUE);
    g_free(a);
    return code;
}

void aml_free(Aml *a)
{
    if (a) {
        g_byte_array_unref(a->code);
        g_array_free(a->blocks, TRUE);
        g_free(a);
    }
}

void aml_put(Aml *a, uint64_t value, unsigned size)
{
    g_assert(size >= 1 && size <= 8);
    for (unsigned i = 0; i < size; i++) {
        guint8 byte = value >> (8 * i);
        g_byte_array_append(a->code, &byte, 1);
    }
}

static void aml_byte(Aml *a, uint8_t byte)
{
    aml_put(a, byte, 1);
}

/* ---- package lengths and blocks, section 20.2.4 ---- */

/*
 * Encodes `length` as a PkgLength into `out`, which holds 4 bytes, and returns how many it
 * took. With `inclusive` the encoded number counts its own bytes too, as it does everywhere
 * but in field lists.
 */
static unsigned pkg_length_encode(uint8_t *out, size_t length, bool inclusive)
{
    static const size_t limit[] = { 0x3f, 0xfff, 0xfffff, 0xfffffff };

    for (unsigned bytes = 1; bytes <= 4; bytes++) {
        size_t total = length + (inclusive ? bytes : 0);

        if (total > limit[bytes - 1]) {
            continue;
        }
        if (bytes == 1) {
            out[0] = total;
            return 1;
        }
        out[0] = ((bytes - 1) << 6) | (total & 0xf);
        for (unsigned i = 1; i < bytes; i++) {
            out[i] = total >> (8 * i - 4);
        }
        return bytes;
    }
    g_assert_not_reached();
}

static void aml_insert(Aml *a, guint at, const uint8_t *bytes, guint count)
{
    guint old = a->code->len;

    g_assert(at <= old);
    g_byte_array_set_size(a->code, old + count);
    memmove(a->code->data + at + count, a->code->data + at, old - at);
    memcpy(a->code->data + at, bytes, count);
}

AmlBlockKind aml_block_kind(const Aml *a)
{
    return a->blocks->len ? g_array_index(a->blocks, AmlBlock, a->blocks->len - 1).kind
                          : AML_BLOCK_TERMS;
}

void aml_begin(Aml *a, AmlBlockKind kind)
{
    AmlBlock block = { kind, a->code->len };

    g_array_append_val(a->blocks, block);
}

/* The encoding of an integer constant, section 20.2.3; returns its length, at most 9. */
static unsigned int_encode(uint8_t *out, uint64_t value)
{
    static const struct {
        uint64_t limit;
        uint8_t op, size;
    } forms[] = {
        { 0xff, OP_BYTE, 1 },
        { 0xffff, OP_WORD, 2 },
        { 0xffffffff, OP_DWORD, 4 },
        { UINT64_MAX, OP_QWORD, 8 },
    };
    unsigned i = 0;

    if (value <= 1) {
        out[0] = value ? AML_ONE : AML_ZERO;
        return 1;
    }
    /* Ones is all bits of the interpreter's integer, which is 64 wide: this code goes into
     * tables of revision 2 and later only. */
    if (value == UINT64_MAX) {
        out[0] = AML_ONES;
        return 1;
    }
    while (value > forms[i].limit) {
        i++;
    }
    out[0] = forms[i].op;
    for (unsigned b = 0; b < forms[i].size; b++) {
        out[1 + b] = value >> (8 * b);
    }
    return 1 + forms[i].size;
}

void aml_end(Aml *a)
{
    AmlBlock block;
    uint8_t bytes[16];
    unsigned count;

    g_assert(a->blocks->len > 0);
    block = g_array_index(a->blocks, AmlBlock, a->blocks->len - 1);
    g_array_set_size(a->blocks, a->blocks->len - 1);

    if (block.kind == AML_BLOCK_RESOURCES) {
        /* The end tag; a checksum of zero means that it is to be taken as correct. */
        aml_byte(a, 0x79);
        aml_byte(a, 0x00);
        count = int_encode(bytes, a->code->len - block.start);
        aml_insert(a, block.start, bytes, count);
    }
    count = pkg_length_encode(bytes, a->code->len - block.start, true);
    aml_insert(a, block.start, bytes, count);
}

/* ---- names, section 20.2.2 ---- */

static bool is_name_lead(char c)
{
    return (c >= 'A' && c <= 'Z') || c == '_';
}

/* Appends the segment that begins at `text`, padded to four characters; returns its end. */
static const char *put_segment(GByteArray *code, const char *text)
{
    guint8 segment[4] = { '_', '_', '_', '_' };
    unsigned n = 0;

    g_assert(is_name_lead(*text));
    while (*text && *text != '.') {
        g_assert(n < 4 && (is_name_lead(*text) || g_ascii_isdigit(*text)));
        segment[n++] = *text++;
    }
    g_byte_array_append(code, segment, sizeof(segment));
    return text;
}

static void put_name(Aml *a, const char *path)
{
    unsigned segments = 0;

    while (*path == '\\' || *path == '^') {
        aml_byte(a, *path++);
    }
    if (*path) {
        segments = 1;
        for (const char *p = path; *p; p++) {
            segments += *p == '.';
        }
    }
    g_assert(segments <= 255);
    if (segments == 0) {
        aml_byte(a, 0);
        return;
    }
    if (segments == 2) {
        aml_byte(a, OP_DUAL_NAME);
    } else if (segments > 2) {
        aml_byte(a, OP_MULTI_NAME);
        aml_byte(a, segments);
    }
    for (unsigned i = 0; i < segments; i++) {
        path = put_segment(a->code, path);
        if (*path) {
            path++;
        }
    }
}

static void G_GNUC_PRINTF(2, 0) put_name_va(Aml *a, const char *fmt, va_list args)
{
    g_autofree char *path = g_strdup_vprintf(fmt, args);

    put_name(a, path);
}

void aml_ref(Aml *a, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    put_name_va(a, fmt, args);
    va_end(args);
}

void aml_null(Aml *a)
{
    aml_byte(a, 0);
}

void aml_name(Aml *a, const char *fmt, ...)
{
    va_list args;

    aml_byte(a, OP_NAME);
    va_start(args, fmt);
    put_name_va(a, fmt, args);
    va_end(args);
}

void aml_name_int(Aml *a, const char *name, uint64_t value)
{
    aml_name(a, "%s", name);
    aml_int(a, value);
}

void aml_name_string(Aml *a, const char *name, const char *text)
{
    aml_name(a, "%s", name);
    aml_string(a, text);
}

void aml_name_eisa_id(Aml *a, const char *name, const char *id)
{
    aml_name(a, "%s", name);
    aml_eisa_id(a, id);
}

void aml_alias(Aml *a, const char *source, const char *name)
{
    aml_byte(a, OP_ALIAS);
    put_name(a, source);
    put_name(a, name);
}

void aml_mutex(Aml *a, const char *name, unsigned sync_level)
{
    g_assert(sync_level <= 15);
    aml_byte(a, OP_EXT);
    aml_byte(a, EXT_MUTEX);
    put_name(a, name);
    aml_byte(a, sync_level);
}

void aml_acquire(Aml *a, const char *mutex, uint16_t timeout)
{
    aml_byte(a, OP_EXT);
    aml_byte(a, EXT_ACQUIRE);
    put_name(a, mutex);
    aml_put(a, timeout, 2);
}

/* ---- data, section 20.2.3 ---- */

void aml_int(Aml *a, uint64_t value)
{
    uint8_t bytes[9];
    unsigned count = int_encode(bytes, value);

    g_byte_array_append(a->code, bytes, count);
}

void aml_string(Aml *a, const char *text)
{
    for (const char *p = text; *p; p++) {
        g_assert((signed char)*p > 0);
    }
    aml_byte(a, OP_STRING);
    g_byte_array_append(a->code, (const guint8 *)text, strlen(text) + 1);
}

void aml_bytes(Aml *a, const void *data, size_t len)
{
    g_assert(len <= 0xffffff);
    aml_byte(a, OP_BUFFER);
    aml_begin(a, AML_BLOCK_TERMS);
    aml_int(a, len);
    g_byte_array_append(a->code, data, len);
    aml_end(a);
}

/* The compressed EISA identifier, section 19.3.4 (EISAID): three letters of five bits, four
 * hexadecimal digits, most significant byte first in memory. */
void aml_eisa_id(Aml *a, const char *id)
{
    uint32_t value = 0;

    g_assert(strlen(id) == 7);
    for (unsigned i = 0; i < 3; i++) {
        g_assert(id[i] >= 'A' && id[i] <= 'Z');
        value = value << 5 | (id[i] - '@');
    }
    for (unsigned i = 3; i < 7; i++) {
        g_assert(g_ascii_isxdigit(id[i]));
        value = value << 4 | g_ascii_xdigit_value(id[i]);
    }
    aml_int(a, GUINT32_SWAP_LE_BE(value));
}

/* ToUUID, section 19.6.142: the first three groups are little endian. */
void aml_uuid(Aml *a, const char *uuid)
{
    static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
    uint8_t bytes[16];
    unsigned n = 0;

    while (*uuid) {
        if (*uuid == '-') {
            uuid++;
            continue;
        }
        g_assert(n < 16 && g_ascii_isxdigit(uuid[0]) && g_ascii_isxdigit(uuid[1]));
        bytes[order[n++]] = g_ascii_xdigit_value(uuid[0]) << 4 | g_ascii_xdigit_value(uuid[1]);
        uuid += 2;
    }
    g_assert(n == 16);
    aml_bytes(a, bytes, sizeof(bytes));
}

void aml_op(Aml *a, AmlOpcode op)
{
    if (op > 0xff) {
        aml_byte(a, op >> 8);
    }
    aml_byte(a, op & 0xff);
}

void aml_local(Aml *a, unsigned n)
{
    g_assert(n < 8);
    aml_op(a, AML_LOCAL0 + n);
}

void aml_arg(Aml *a, unsigned n)
{
    g_assert(n < 7);
    aml_op(a, AML_ARG0 + n);
}

/* ---- blocks, section 20.2.5 ---- */

void aml_scope(Aml *a, const char *fmt, ...)
{
    va_list args;

    aml_byte(a, OP_SCOPE);
    aml_begin(a, AML_BLOCK_TERMS);
    va_start(args, fmt);
    put_name_va(a, fmt, args);
    va_end(args);
}

void aml_device(Aml *a, const char *fmt, ...)
{
    va_list args;

    aml_byte(a, OP_EXT);
    aml_byte(a, EXT_DEVICE);
    aml_begin(a, AML_BLOCK_TERMS);
    va_start(args, fmt);
    put_name_va(a, fmt, args);
    va_end(args);
}

void aml_method(Aml *a, const char *name, unsigned args, bool serialized)
{
    g_assert(args <= 7);
    aml_byte(a, OP_METHOD);
    aml_begin(a, AML_BLOCK_TERMS);
    put_name(a, name);
    aml_byte(a, args | (serialized ? 0x08 : 0));
}

void aml_package(Aml *a, unsigned elements)
{
    g_assert(elements <= 255);
    aml_byte(a, OP_PACKAGE);
    aml_begin(a, AML_BLOCK_PACKAGE);
    aml_byte(a, elements);
}

void aml_if(Aml *a)
{
    aml_byte(a, OP_IF);
    aml_begin(a, AML_BLOCK_TERMS);
}

void aml_else(Aml *a)
{
    aml_byte(a, OP_ELSE);
    aml_begin(a, AML_BLOCK_TERMS);
}

void aml_while(Aml *a)
{
    aml_byte(a, OP_WHILE);
    aml_begin(a, AML_BLOCK_TERMS);
}

void aml_operation_region(Aml *a, const char *name, AmlRegionSpace space, uint64_t offset,
                          uint64_t length)
{
    aml_byte(a, OP_EXT);
    aml_byte(a, EXT_REGION);
    put_name(a, name);
    aml_byte(a, space);
    aml_int(a, offset);
    aml_int(a, length);
}

void aml_field(Aml *a, const char *region, AmlAccess access, bool lock, AmlUpdate update)
{
    aml_byte(a, OP_EXT);
    aml_byte(a, EXT_FIELD);
    aml_begin(a, AML_BLOCK_FIELD);
    put_name(a, region);
    aml_byte(a, access | lock << 4 | update << 5);
}

static void put_field_bits(Aml *a, unsigned bits)
{
    uint8_t bytes[4];
    unsigned count = pkg_length_encode(bytes, bits, false);

    g_byte_array_append(a->code, bytes, count);
}

void aml_field_unit(Aml *a, const char *name, unsigned bits)
{
    const char *end;

    g_assert(aml_block_kind(a) == AML_BLOCK_FIELD && bits > 0);
    end = put_segment(a->code, name);
    g_assert(*end == '\0');
    put_field_bits(a, bits);
}

void aml_field_gap(Aml *a, unsigned bits)
{
    g_assert(aml_block_kind(a) == AML_BLOCK_FIELD && bits > 0);
    aml_byte(a, 0x00);
    put_field_bits(a, bits);
}

void aml_resources(Aml *a)
{
    aml_byte(a, OP_BUFFER);
    aml_begin(a, AML_BLOCK_RESOURCES);
}
