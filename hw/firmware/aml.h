/* SPDX-License-Identifier: MIT */
/*
 * A writer of ACPI machine language, the byte code of the DSDT and SSDTs.
 * ACPI specification 6.x, chapter 20 (AML) and section 6.4 (resource data types).
 *
 * AML is a prefix notation and so is this interface: a call emits one element, and the calls
 * that follow emit its operands. `Store (One, FOO)` is
 *
 *     aml_op(a, AML_STORE);
 *     aml_int(a, 1);
 *     aml_ref(a, "FOO");
 *
 * Elements that carry a package length (scopes, devices, methods, packages, buffers, fields,
 * If, Else, While, resource templates) are blocks: a call opens one, aml_end() closes the
 * innermost, and the length is filled in then.
 *
 * Names are written as in ASL: "\\_SB.PCI0", "^FOO", "_HID". A segment of fewer than four
 * characters is padded with '_'. A malformed name, a block that is closed without being open,
 * or a number outside its field is a mistake of the caller's and asserts. Text that comes from
 * outside must not be used as a name.
 */
#ifndef HW_FIRMWARE_AML_H
#define HW_FIRMWARE_AML_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Aml Aml;

/* An opcode: one byte, or 0x5bXX for the extended set (section 20.3). */
typedef enum AmlOpcode {
    AML_ZERO = 0x00,
    AML_ONE = 0x01,
    AML_ONES = 0xff,
    AML_LOCAL0 = 0x60, /* AML_LOCAL0 + n for Local0..Local7 */
    AML_ARG0 = 0x68,   /* AML_ARG0 + n for Arg0..Arg6 */
    AML_STORE = 0x70,
    AML_REF_OF = 0x71,
    AML_ADD = 0x72,
    AML_CONCAT = 0x73,
    AML_SUBTRACT = 0x74,
    AML_INCREMENT = 0x75,
    AML_DECREMENT = 0x76,
    AML_MULTIPLY = 0x77,
    AML_DIVIDE = 0x78,
    AML_SHIFT_LEFT = 0x79,
    AML_SHIFT_RIGHT = 0x7a,
    AML_AND = 0x7b,
    AML_NAND = 0x7c,
    AML_OR = 0x7d,
    AML_NOR = 0x7e,
    AML_XOR = 0x7f,
    AML_NOT = 0x80,
    AML_FIND_SET_LEFT_BIT = 0x81,
    AML_FIND_SET_RIGHT_BIT = 0x82,
    AML_DEREF_OF = 0x83,
    AML_CONCAT_RES = 0x84,
    AML_MOD = 0x85,
    AML_NOTIFY = 0x86,
    AML_SIZE_OF = 0x87,
    AML_INDEX = 0x88,
    AML_CREATE_DWORD_FIELD = 0x8a,
    AML_CREATE_WORD_FIELD = 0x8b,
    AML_CREATE_BYTE_FIELD = 0x8c,
    AML_CREATE_BIT_FIELD = 0x8d,
    AML_OBJECT_TYPE = 0x8e,
    AML_CREATE_QWORD_FIELD = 0x8f,
    AML_LAND = 0x90,
    AML_LOR = 0x91,
    AML_LNOT = 0x92,
    AML_LEQUAL = 0x93,
    AML_LGREATER = 0x94,
    AML_LLESS = 0x95,
    AML_TO_BUFFER = 0x96,
    AML_TO_DECIMAL_STRING = 0x97,
    AML_TO_HEX_STRING = 0x98,
    AML_TO_INTEGER = 0x99,
    AML_COPY_OBJECT = 0x9d,
    AML_CONTINUE = 0x9f,
    AML_NOOP = 0xa3,
    AML_RETURN = 0xa4,
    AML_BREAK = 0xa5,
    AML_BREAKPOINT = 0xcc,
    AML_COND_REF_OF = 0x5b12,
    AML_CREATE_FIELD = 0x5b13,
    AML_STALL = 0x5b21,
    AML_SLEEP = 0x5b22,
    AML_RELEASE = 0x5b27,
    AML_SIGNAL = 0x5b24,
    AML_WAIT = 0x5b25,
    AML_RESET = 0x5b26,
    AML_REVISION = 0x5b30,
    AML_DEBUG = 0x5b31,
    AML_TIMER = 0x5b33,
} AmlOpcode;

/* Address spaces of operation regions, section 5.5.2.4, table "Operation Region Address
 * Space Identifiers". */
typedef enum AmlRegionSpace {
    AML_SYSTEM_MEMORY = 0,
    AML_SYSTEM_IO = 1,
    AML_PCI_CONFIG = 2,
    AML_EMBEDDED_CONTROL = 3,
    AML_SMBUS = 4,
    AML_SYSTEM_CMOS = 5,
    AML_PCI_BAR_TARGET = 6,
} AmlRegionSpace;

/* How the units of a field are accessed, section 20.2.5.2 FieldFlags. */
typedef enum AmlAccess {
    AML_ANY_ACC = 0,
    AML_BYTE_ACC = 1,
    AML_WORD_ACC = 2,
    AML_DWORD_ACC = 3,
    AML_QWORD_ACC = 4,
    AML_BUFFER_ACC = 5,
} AmlAccess;

/* What becomes of a field's other bits when some are written. */
typedef enum AmlUpdate {
    AML_PRESERVE = 0,
    AML_WRITE_ONES = 1,
    AML_WRITE_ZEROS = 2,
} AmlUpdate;

/* A new, empty writer. */
Aml *aml_new(void);

/* Frees the writer and gives its bytes to the caller. All blocks must be closed. */
GByteArray *aml_finish(Aml *a) G_GNUC_WARN_UNUSED_RESULT;

/* Frees the writer and what it holds; NULL is accepted. */
void aml_free(Aml *a);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Aml, aml_free)

/* Closes the innermost block. */
void aml_end(Aml *a);

/* Data and references. */
void aml_int(Aml *a, uint64_t value);                           /* in its shortest encoding */
void aml_string(Aml *a, const char *text);                      /* ASCII 0x01..0x7f */
void aml_bytes(Aml *a, const void *data, size_t len);           /* a Buffer holding `data` */
void aml_eisa_id(Aml *a, const char *id);                       /* "PNP0A03" as its integer */
void aml_uuid(Aml *a, const char *uuid);                        /* ToUUID ("33DB4D5B-...") */
void aml_ref(Aml *a, const char *fmt, ...) G_GNUC_PRINTF(2, 3); /* a name, or a call of it */
void aml_null(Aml *a);                                          /* no target: the null name */
void aml_op(Aml *a, AmlOpcode op);                              /* its operands follow */
void aml_local(Aml *a, unsigned n);                             /* Local0..Local7 */
void aml_arg(Aml *a, unsigned n);                               /* Arg0..Arg6 */

/* Name (NAME, ...): the data object follows, or use one of the short forms. */
void aml_name(Aml *a, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
void aml_name_int(Aml *a, const char *name, uint64_t value);
void aml_name_string(Aml *a, const char *name, const char *text);
void aml_name_eisa_id(Aml *a, const char *name, const char *id);
void aml_alias(Aml *a, const char *source, const char *name);
void aml_mutex(Aml *a, const char *name, unsigned sync_level);

/* Acquire (mutex, timeout): in milliseconds, 0xffff waits for ever; an expression. */
void aml_acquire(Aml *a, const char *mutex, uint16_t timeout);

/* Blocks; each is closed by aml_end(). */
void aml_scope(Aml *a, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
void aml_device(Aml *a, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
void aml_method(Aml *a, const char *name, unsigned args, bool serialized);
void aml_package(Aml *a, unsigned elements); /* the elements follow, 0..255 */
void aml_if(Aml *a);                         /* the predicate, then the body */
void aml_else(Aml *a);                       /* directly after the If's aml_end() */
void aml_while(Aml *a);                      /* the predicate, then the body */

/* OperationRegion (name, space, offset, length). */
void aml_operation_region(Aml *a, const char *name, AmlRegionSpace space, uint64_t offset,
                          uint64_t length);

/* Field (region, access, NoLock or Lock, update) { ... }: a block of units and gaps. */
void aml_field(Aml *a, const char *region, AmlAccess access, bool lock, AmlUpdate update);
void aml_field_unit(Aml *a, const char *name, unsigned bits);
void aml_field_gap(Aml *a, unsigned bits);

/* ---- resource templates, section 6.4 ---- */

/* ResourceTemplate () { ... }: a block; only the resource calls below may stand in it. */
void aml_resources(Aml *a);

/* IO (Decode16, min, max, align, len). */
void aml_res_io(Aml *a, uint16_t min, uint16_t max, uint8_t align, uint8_t len);

/* IRQNoFlags () {irq}: an edge triggered, active high, exclusive ISA line, 0..15. */
void aml_res_irq_no_flags(Aml *a, unsigned irq);

/* IRQ (...) {bits of mask}: ISA lines 0..15. */
void aml_res_irq(Aml *a, uint16_t mask, bool level, bool active_low, bool shared);

/* Interrupt (ResourceConsumer, ...) {irqs}: `count` 1..255 global system interrupts. */
void aml_res_interrupt(Aml *a, bool level, bool active_low, bool shared, const uint32_t *irqs,
                       unsigned count);

/* DMA (Compatibility, NotBusMaster, Transfer8 or Transfer16) {channel}: channels 0..7. */
void aml_res_dma(Aml *a, unsigned channel, bool transfer16);

/* Memory24 (read-write or read-only, min, max, align, len): min, max and len in bytes and
 * multiples of 256, below 16 MiB. */
void aml_res_memory24(Aml *a, bool writable, uint32_t min, uint32_t max, uint16_t align,
                      uint32_t len);

/* Memory32Fixed. */
void aml_res_memory32_fixed(Aml *a, bool writable, uint32_t base, uint32_t len);

/* Address space descriptors of a bridge's windows (ResourceProducer, positive decode, fixed
 * at both ends); `min` and `max` are the first and the last address. */
void aml_res_word_bus_number(Aml *a, uint16_t min, uint16_t max);
void aml_res_word_io(Aml *a, uint16_t min, uint16_t max);
void aml_res_dword_memory(Aml *a, bool cacheable, uint32_t min, uint32_t max);
void aml_res_qword_memory(Aml *a, bool cacheable, uint64_t min, uint64_t max);

#endif
