/* SPDX-License-Identifier: MIT */
/* Forms of instructions, as make-forms makes them of the decoder's tables. */
#ifndef TESTS_BARE_NATIVE_H
#define TESTS_BARE_NATIVE_H

#include <stdbool.h>
#include <stdint.h>

enum { FORM_NO_MODRM, FORM_MODRM, FORM_MODRM_DIGIT, FORM_MODRM_EXACT };
enum { FORM_RM_ANY, FORM_RM_MEMORY, FORM_RM_REGISTER };

typedef struct Form {
    const char *name;        /* mnemonic and operands */
    const char *feature;     /* of CPUID; "": every CPU has it */
    uint8_t map, opcode, prefix;
    uint8_t modrm, value, where;
    bool vex;
    int8_t l, w;             /* of VEX; -1: any */
    bool sizes;              /* takes 66 and REX.W to other operand sizes */
    bool wide;               /* REX.W alone, or with those */
    bool bytes;              /* has a byte register */
    uint8_t immediate;       /* 1, 2 bytes; 3: 2 or 4 by operand size; 4: and 8 */
    uint16_t undefined;      /* arithmetic flags */
    uint8_t shift;           /* by a count, see undefined_flags() */
    bool prefixes;           /* prefixes are free */
    bool lock;
    bool integer;
} Form;

extern const Form forms[];
extern const unsigned form_count;

#endif
