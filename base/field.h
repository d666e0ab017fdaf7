/* SPDX-License-Identifier: MIT */
/*
 * A field: where a member of a private struct lies, how wide it is and what it
 * is. Registers, properties and saved state name their storage this way, so a
 * member's type is stated once, in the struct.
 */
#ifndef BASE_FIELD_H
#define BASE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum FieldKind {
    FIELD_NONE,
    FIELD_BOOL,
    FIELD_UINT,    /* unsigned, width 1, 2, 4 or 8 */
    FIELD_INT,     /* signed, width 1, 2, 4 or 8 */
    FIELD_STRING,  /* char *, owned */
    FIELD_POINTER, /* a link */
    FIELD_BYTES,   /* anything else: opaque bytes of `width` */
} FieldKind;

typedef struct Field {
    uint32_t offset;  /* from the start of the struct */
    uint32_t width;   /* of one element, in bytes */
    uint32_t count;   /* elements; 1 unless an array */
    uint8_t kind;     /* FieldKind */
} Field;

#define FIELD_KIND_OF(lvalue)                                                   \
    _Generic((lvalue), bool: FIELD_BOOL,                                        \
             uint8_t: FIELD_UINT, uint16_t: FIELD_UINT, uint32_t: FIELD_UINT,   \
             uint64_t: FIELD_UINT, unsigned long long: FIELD_UINT,              \
             int8_t: FIELD_INT, int16_t: FIELD_INT, int32_t: FIELD_INT,         \
             int64_t: FIELD_INT, char *: FIELD_STRING, default: FIELD_BYTES)

/* One member, scalar or (FIELD_ARRAY_OF) a one-dimensional array. */
#define FIELD_OF(Type, member)                                                  \
    { offsetof(Type, member), sizeof(((Type *)0)->member), 1,                   \
      FIELD_KIND_OF(((Type *)0)->member) }
#define FIELD_ARRAY_OF(Type, member)                                            \
    { offsetof(Type, member), sizeof(((Type *)0)->member[0]),                   \
      sizeof(((Type *)0)->member) / sizeof(((Type *)0)->member[0]),             \
      FIELD_KIND_OF(((Type *)0)->member[0]) }
#define FIELD_LINK_OF(Type, member)                                             \
    { offsetof(Type, member), sizeof(((Type *)0)->member), 1, FIELD_POINTER }

/* Constant tables carry their length: `.registers = TABLE(pl031_regs)`. */
#define TABLE(array) { (array), sizeof(array) / sizeof((array)[0]) }

#endif
