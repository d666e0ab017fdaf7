/* SPDX-License-Identifier: MIT */
/* What aml.c and aml-resource.c share; not for users of the writer. */
#ifndef HW_FIRMWARE_AML_PRIVATE_H
#define HW_FIRMWARE_AML_PRIVATE_H

#include "hw/firmware/aml.h"

typedef enum AmlBlockKind {
    AML_BLOCK_TERMS,     /* PkgLength, then terms */
    AML_BLOCK_FIELD,     /* PkgLength, then field elements */
    AML_BLOCK_PACKAGE,   /* PkgLength, element count, then data */
    AML_BLOCK_RESOURCES, /* PkgLength, buffer size, then descriptors */
} AmlBlockKind;

/* Appends `size` (1..8) bytes of `value`, little endian. */
void aml_put(Aml *a, uint64_t value, unsigned size);

/* The kind of the innermost open block; AML_BLOCK_TERMS at the outermost level. */
AmlBlockKind aml_block_kind(const Aml *a);

/* Opens a block: its PkgLength will go where the next byte would be written. */
void aml_begin(Aml *a, AmlBlockKind kind);

#endif
