/* SPDX-License-Identifier: MIT */
/* Random instructions of a form, and registers that make most of their addresses good ones. */
#include "tests/unit/jit-native/native.h"

#include <string.h>

#include "accel/jit/x86/integers.h"
#include "accel/jit/x86/lower-vector.h"

#define DATA_MIDDLE (NATIVE_DATA + 0x1000)

static uint64_t seed;

void native_seed(uint64_t value)
{
    seed = value;
}

/* SplitMix64. */
uint64_t native_random(void)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

unsigned native_below(unsigned n)
{
    return (unsigned)(native_random() % n);
}

static bool one_in(unsigned n)
{
    return native_below(n) == 0;
}

/* ---- the state ---- */

static uint64_t number(void)
{
    static const uint64_t special[] = {
        0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
        0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX,
    };

    switch (native_below(4)) {
    case 0:
        return special[native_below(G_N_ELEMENTS(special))];
    case 1:
        return (uint64_t)((int64_t)native_random() >> native_below(64));
    default:
        return native_random();
    }
}

/* A double of any kind, a pair of floats, or integers. */
static uint64_t vector_number(void)
{
    static const uint64_t special[] = {
        0, 1ull << 63, 0x3ff0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
        0x7ff8000000000000, 0x7ff0000000000001, 1, 0x000fffffffffffff, 0x7fefffffffffffff,
        0x3f8000003f800000, 0x7f8000007f800000, 0x7fc000007f800001, 0x00000001807fffff,
        0x43e0000000000000, 0x41dfffffffc00000,
    };

    switch (native_below(6)) {
    case 0:
        return special[native_below(G_N_ELEMENTS(special))];
    case 5: /* text, which ends somewhere */
        return native_random() & 0x0302030203020302;
    case 1: /* a double near 1 */
        return (native_random() & 0x801fffffffffffff) | (uint64_t)(0x3e0 + native_below(64)) << 52;
    case 2: /* floats near 1 */
        return (native_random() & 0x80ffffff80ffffff) | 0x3000000030000000 |
               (native_random() & 0x0f0000000f000000);
    default:
        return number();
    }
}

static X86Fpr x87_number(void)
{
    static const uint16_t exponents[] = { 0, 1, 0x3fff, 0x4000, 0x403e, 0x7ffe, 0x7fff };
    X86Fpr r = { native_random() | 1ull << 63, 0 };

    switch (native_below(4)) {
    case 0:
        r.exponent = exponents[native_below(G_N_ELEMENTS(exponents))];
        r.mantissa = one_in(2) ? r.mantissa : one_in(2) ? 1ull << 63 : number();
        break;
    case 1:
        r.exponent = (uint16_t)native_random();
        break;
    default:
        r.exponent = (uint16_t)(0x3fff - 40 + native_below(80));
    }
    r.exponent ^= one_in(2) ? 0x8000 : 0;
    return r;
}

static void make_float_state(NativeState *s)
{
    for (unsigned i = 0; i < 16; i++) {
        for (unsigned j = 0; j < 4; j++) {
            s->ymm[i][j] = vector_number();
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        s->st[i] = x87_number();
    }
    s->fcw = (uint16_t)(0x007f | native_below(4) << 10 | native_below(4) << 8);
    s->fsw = (uint16_t)(native_random() & 0x7f7f);
    if (one_in(6)) {
        s->fcw &= (uint16_t)~native_below(64);
        s->fsw &= (uint16_t)~(one_in(4) ? 0x80 : 0xff);
        if (s->fsw & ~s->fcw & 0x3f) {
            s->fsw |= 0x8080;
        }
    }
    s->fcw |= 0x40;
    s->ftw = one_in(2) ? 0xff : (uint8_t)(native_random() | native_random());
    s->mxcsr = (uint32_t)(native_random() & 0xffff) | 0x1f80;
    if (one_in(8)) {
        s->mxcsr = (s->mxcsr & (one_in(4) ? ~0u : ~0x3fu)) ^ native_below(64) << 7;
    }
}

static uint64_t data_address(void)
{
    static const uint64_t edges[] = {
        NATIVE_BASE + NATIVE_SIZE, NATIVE_BASE + NATIVE_SIZE, NATIVE_DATA, NATIVE_CONSTANT,
        NATIVE_CONSTANT + 0x1000,
    };

    switch (native_below(16)) {
    case 0: /* at an edge: what is after the last page is mapped to nothing */
        return edges[native_below(G_N_ELEMENTS(edges))] - native_below(33);
    case 1:
        return one_in(2) ? NATIVE_CONSTANT + native_below(256) : NATIVE_CODE + native_below(64);
    case 2: case 3: case 4: /* between pages */
        return DATA_MIDDLE - native_below(33);
    case 5: case 6: case 7: case 8:
        return NATIVE_DATA + 256 + native_below(0x2000 - 512);
    default:
        return NATIVE_DATA + 256 + (native_below(0x2000 - 512) & ~63u);
    }
}

static void make_state(NativeState *s, unsigned bits, unsigned stack_bits)
{
    uint64_t base = native_segment_base(bits), stack = native_segment_base(stack_bits);

    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < 16; i++) {
        s->gpr[i] = number();
    }
    s->gpr[X86_RSP] = DATA_MIDDLE - stack - 0x400 + (native_below(0x800) & (one_in(8) ? ~0u : ~7u));
    s->gpr[X86_RBP] = DATA_MIDDLE - stack - 0x400 + (native_below(0x800) & ~7u);
    if (one_in(32)) {
        s->gpr[X86_RSP] = data_address() - stack;
    }
    if (one_in(32)) {
        s->gpr[X86_RBP] = data_address() - stack;
    }
    if (!one_in(4)) {
        s->gpr[X86_RSI] = data_address() - base;
        s->gpr[X86_RDI] = data_address() - base;
    }
    if (one_in(3)) {
        s->gpr[X86_RCX] = native_below(70);
    }
    if (bits != 64) {
        for (unsigned i = 0; i < 16; i++) {
            s->gpr[i] = i < 8 ? (uint32_t)s->gpr[i] : 0;
        }
    }
    s->rip = NATIVE_START - base;
    s->rflags = (native_random() & (X86_ARITHMETIC | X86_DF)) | X86_IF | 2;
    s->rflags |= one_in(24) ? X86_AC : 0;
    make_float_state(s);
    for (unsigned i = 0; i < NATIVE_DATA_SIZE; i += 8) {
        uint64_t value = i & 64 ? vector_number() : number();
        if (i / 0x1000 != (NATIVE_CONSTANT - NATIVE_DATA) / 0x1000) {
            memcpy(s->memory + i, &value, 8);
        }
    }
}

void native_case_begin(NativeCase *c, unsigned bits)
{
    bool other_stack = bits != 64 && native_host_has_segments() && one_in(4);

    *c = (NativeCase){ .bits = bits, .stack_bits = other_stack ? 48 - bits : bits };
    make_state(&c->state, bits, c->stack_bits);
}

/* ---- the instruction ---- */

typedef struct Maker {
    NativeCase *c;
    const NativeForm *form;
    uint8_t *code;
    unsigned length;
    unsigned address_size;
    unsigned displacement, displacement_size;   /* where it is, 0: there is none */
} Maker;

static void put(Maker *k, unsigned byte)
{
    k->code[k->length++] = (uint8_t)byte;
}

static bool has_operand(const X86Row *row, unsigned operand)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(row->operands); i++) {
        if (row->operands[i] == operand) {
            return true;
        }
    }
    return false;
}

/* Does the host decide how such an instruction and these prefixes go together? Why: make_prefixes(). */
static bool has_choices(const X86Row *row)
{
    return row->lower == x86_lower_vmaskmov_load || row->lower == x86_lower_vmaskmov_store ||
           row->lower == x86_lower_movbe || row->lower == x86_lower_maskmov;
}

/* Any, as often as it may be and in any order, and those of the form somewhere among them. */
static void make_any_prefixes(Maker *k)
{
    static const uint8_t any[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x66, 0x67, 0xf2, 0xf3 };
    static const uint8_t mandatory[] = { 0, 0, 0x66, 0xf3, 0xf2 };
    unsigned own = mandatory[k->form->row->prefix], count = 1 + native_below(one_in(32) ? 16 : 4), at;

    at = native_below(count + 1);
    k->address_size = k->c->bits / 8;
    for (unsigned i = 0; i <= count; i++) {
        if (i == at && own) {
            put(k, own);
        }
        if (i < count) {
            unsigned byte = k->c->bits == 64 && one_in(4) ? 0x40 | native_below(16)
                            : one_in(32)                  ? 0xf0
                                                          : any[native_below(G_N_ELEMENTS(any))];
            k->address_size = byte != 0x67 ? k->address_size : k->c->bits == 32 ? 2 : 4;
            put(k, byte);
        }
    }
    if (k->c->bits == 64 && one_in(2)) {
        put(k, 0x40 | native_below(16));
    }
}

static void make_prefixes(Maker *k)
{
    static const uint8_t segments[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65 };
    static const uint8_t mandatory[] = { 0, 0, 0x66, 0xf3, 0xf2 };
    const X86Row *row = k->form->row;
    bool string = row->lower == x86_lower_string;

    if (!row->vex && one_in(6) && !has_choices(row)) {
        make_any_prefixes(k);
        return;
    }
    k->address_size = k->c->bits / 8;
    /* Whether a masked move that moves nothing asks its segment is the CPU's choice, and whether SS
     * makes MOVBE's fault #SS in 64-bit code. */
    if (one_in(8) && (!has_choices(row) || row->lower == x86_lower_maskmov)) {
        put(k, segments[native_below(6)]);
    }
    /* MASKMOVQ that stores nothing may fault, and aim_others() cannot aim 16 bits. */
    if (one_in(k->c->bits == 32 ? 32 : 8) && (k->c->bits != 32 || row->lower != x86_lower_maskmov)) {
        put(k, 0x67);
        k->address_size = k->c->bits == 32 ? 2 : 4;
    }
    if (row->vex) {
        static const uint8_t undefined[] = { 0x66, 0xf0, 0xf2, 0xf3, 0x40, 0x48 };
        if (one_in(64)) {
            put(k, undefined[native_below(k->c->bits == 64 ? 6 : 4)]);
        }
        return;
    }
    if (one_in(row->flags & X86_ROW_LOCK ? 3 : 64)) {
        put(k, 0xf0);
    }
    if (row->prefix == X86_ANY_PREFIX) {
        if (one_in(4)) {
            put(k, 0x66);
        }
        if (one_in(string ? 2 : 64)) {
            put(k, one_in(2) ? 0xf2 : 0xf3);
        }
    } else if (row->prefix >= X86_PREFIX_F3) {
        if (one_in(6)) {
            put(k, 0x66);
        }
        put(k, mandatory[row->prefix]);
    } else if (row->prefix == X86_PREFIX_66) {
        put(k, 0x66);
    }
    if (k->c->bits == 64 && one_in(2)) {
        /* MOVBE with 66 and REX.W checks alignment on some CPUs only. */
        bool narrow = row->lower == x86_lower_movbe && row->prefix == X86_PREFIX_66;
        put(k, 0x40 | native_below(narrow ? 8 : 16));
    }
}

static void make_vex(Maker *k)
{
    static const uint8_t pp[] = { 0, 0, 1, 2, 3 };
    const X86Row *row = k->form->row;
    bool vvvv = has_operand(row, X86_OP_H) || has_operand(row, X86_OP_By) ||
                row->vector != NULL;
    unsigned l = row->l >= 0 ? (unsigned)row->l : native_below(2);
    unsigned w = row->w >= 0 ? (unsigned)row->w : native_below(2);
    unsigned register_bits = k->c->bits == 64 ? native_below(8) << 5 : 0xe0;
    unsigned last = (vvvv ? native_below(16) : 15) << 3 | l << 2 | pp[row->prefix];

    if (one_in(16)) {
        /* What is there to be one only: L, W, a register that there is no operand for. */
        last = native_below(32) << 2 | pp[row->prefix];
        w = native_below(2);
    }
    if (k->c->bits != 64) {
        last |= 0x40;
    }
    if (k->form->map == 1 && !w && one_in(2)) {
        put(k, 0xc5);
        put(k, (register_bits & 0x80) | (k->c->bits == 64 ? 0 : 0xc0) | last);
    } else {
        put(k, 0xc4);
        put(k, register_bits | k->form->map);
        put(k, w << 7 | last);
    }
}

static void make_opcode(Maker *k)
{
    if (!k->form->row->vex && k->form->map) {
        put(k, 0x0f);
        if (k->form->map > 1) {
            put(k, k->form->map == 2 ? 0x38 : 0x3a);
        }
    }
    put(k, k->form->opcode);
}

static void put_displacement(Maker *k, unsigned size)
{
    k->displacement = k->length;
    k->displacement_size = size;
    for (unsigned i = 0; i < size; i++) {
        put(k, native_below(256));
    }
}

static void make_modrm(Maker *k)
{
    const X86Row *row = k->form->row;
    bool memory = row->where == X86_RM_MEMORY || (row->where == X86_RM_ANY && one_in(2));
    unsigned mod = memory ? native_below(3) : 3, rm = native_below(8);
    unsigned reg = row->modrm == X86_MODRM_DIGIT ? row->value : native_below(8);

    if (row->modrm == X86_NO_MODRM) {
        return;
    }
    if (row->modrm == X86_MODRM_EXACT) {
        put(k, row->value);
        return;
    }
    if (row->lower == x86_lower_gather) {
        rm = 4;
    }
    put(k, mod << 6 | reg << 3 | rm);
    if (mod == 3) {
        return;
    }
    if (k->address_size == 2) {
        if (mod || rm == 6) {
            put_displacement(k, mod == 1 ? 1 : 2);
        }
        return;
    }
    if (rm == 4) {
        unsigned sib = native_below(256);
        put(k, sib);
        rm = sib & 7;
    }
    if (mod || rm == 5) {
        put_displacement(k, mod == 1 ? 1 : 4);
    }
}

static void make_immediate(Maker *k)
{
    const X86Row *row = k->form->row;

    if (has_operand(row, X86_OP_Ob) || has_operand(row, X86_OP_Ov)) {
        put_displacement(k, k->address_size);
    }
    for (unsigned i = 0; i < 9; i++) {
        put(k, one_in(3) ? native_below(40) : native_below(256));
    }
}

/* ---- its address ---- */

static void set_register(NativeState *s, unsigned reg, unsigned size, uint64_t value, unsigned bits)
{
    s->gpr[reg] = size == 8 || bits != 64 ? value : (uint32_t)value | (native_random() << 32);
    if (bits != 64) {
        s->gpr[reg] = (uint32_t)s->gpr[reg];
    }
}

static uint64_t segment_base(const NativeCase *c, const X86Insn *insn)
{
    bool by_stack = insn->segment < 0 && (insn->base == X86_RSP || insn->base == X86_RBP);

    if (insn->segment == X86_FS) {
        return c->bits == 64 ? native_host_fs() : 0;
    }
    if (insn->segment == X86_GS) {
        return c->bits == 64 ? NATIVE_GS : native_gs_base(c->bits);
    }
    return native_segment_base(by_stack || insn->segment == X86_SS ? c->stack_bits : c->bits);
}

/* Makes a register, or else the displacement, such that memory is at `target`. */
static void aim(Maker *k, const X86Insn *insn, uint64_t target)
{
    NativeState *s = &k->c->state;
    bool vsib = insn->row->lower == x86_lower_gather;
    uint64_t index = insn->index >= 0 && !vsib ? s->gpr[insn->index] << insn->scale : 0, value;

    target -= segment_base(k->c, insn);
    if (insn->base >= 0 && (insn->base != insn->index || vsib)) {
        set_register(s, (unsigned)insn->base, insn->address_size,
                     target - (uint64_t)insn->disp - index, k->c->bits);
    } else if (insn->base < 0 && k->displacement_size >= MIN(k->c->bits / 8, 4)) {
        value = target - (insn->rip_relative ? NATIVE_START + k->c->length + insn->length : index);
        if (insn->index >= 0 && !vsib && insn->row->modrm != X86_NO_MODRM) {
            /* The index holds a small number, the displacement the rest. */
            set_register(s, (unsigned)insn->index, insn->address_size, native_below(64), k->c->bits);
            s->gpr[insn->index] &= insn->address_size == 8 ? UINT64_MAX : 63;
            value = target - (s->gpr[insn->index] << insn->scale);
        }
        memcpy(k->code + k->displacement, &value, k->displacement_size);
    }
}

/* The bit is anywhere, what has it in reach of the register that is the base. */
static void aim_bit(Maker *k, const X86Insn *insn)
{
    static const uint8_t shifts[] = { [2] = 4, [4] = 5, [8] = 6 };
    NativeState *s = &k->c->state;
    unsigned size = insn->operand_size;
    int64_t bit;

    if (insn->base < 0 || insn->base == insn->reg || insn->base == insn->index ||
        insn->index == insn->reg || one_in(4)) {
        s->gpr[insn->reg] &= size == 8 ? 0xffff : UINT64_MAX;
        return;
    }
    bit = size == 8 ? (int64_t)s->gpr[insn->reg] : size == 4 ? (int32_t)s->gpr[insn->reg]
                                                             : (int16_t)s->gpr[insn->reg];
    set_register(s, (unsigned)insn->base, insn->address_size,
                 s->gpr[insn->base] - (uint64_t)((bit >> shifts[size]) * (int64_t)size), k->c->bits);
}

/* An area that XRSTOR and FXRSTOR take, or nearly. */
static void make_image(NativeState *s, uint64_t at)
{
    uint8_t *image = s->memory + (at - NATIVE_DATA);
    uint64_t header[8] = { native_below(8) };
    uint32_t mxcsr = native_random() & 0xffff;

    if (at < NATIVE_DATA || at > NATIVE_CONSTANT - 1024) {
        return;
    }
    if (one_in(3)) {
        header[1] = 1ull << 63 | native_below(8) | header[0];
    }
    if (one_in(8)) {
        /* But for components that only the host may have. */
        header[native_below(8)] ^= 1ull << (one_in(2) ? native_below(3) : 20 + native_below(44));
    }
    memcpy(image + 512, header, sizeof(header));
    memcpy(image + 24, &mxcsr, one_in(16) ? 0 : 4);
}

/* EDX:EAX asks for no component that only the host may have: x87, SSE, AVX; and some that nobody has. */
#define OWN_COMPONENTS 0x3ffffffff0000007ull

static bool wants_own_state(const NativeCase *c)
{
    uint64_t wanted = c->state.gpr[X86_RDX] << 32 | (uint32_t)c->state.gpr[X86_RAX];

    return !(wanted & ~OWN_COMPONENTS);
}

static uint64_t aim_image(Maker *k)
{
    NativeState *s = &k->c->state;
    uint64_t at = data_address() & ~(one_in(16) ? 0x0full : 0x3full);

    if (one_in(4)) {
        /* An end of the data, or of 16-bit code's GS, is within it. */
        at = (one_in(2) ? NATIVE_CONSTANT : NATIVE_DATA + native_gs_limit(16) + 1) - 64 * native_below(16);
    }
    s->gpr[X86_RAX] &= ~0xffffffffull | OWN_COMPONENTS;
    s->gpr[X86_RDX] &= ~0xffffffffull | OWN_COMPONENTS >> 32;
    make_image(s, at);
    return at;
}

/* Registers that an instruction uses as addresses without saying so, and vectors of indices. */
static void aim_others(Maker *k, const X86Insn *insn)
{
    NativeState *s = &k->c->state;

    if (insn->row->lower == x86_lower_xlat) {
        set_register(s, X86_RBX, 8, data_address() - 128 - segment_base(k->c, insn), k->c->bits);
    } else if (insn->row->lower == x86_lower_gather && insn->index >= 0) {
        for (unsigned i = 0; i < 4; i++) {
            s->ymm[insn->index][i] = native_random() & 0x0000007f0000007f;
        }
        if (insn->row->size & 1 || one_in(2)) {
            for (unsigned i = 0; i < 4; i++) {
                s->ymm[insn->index][i] &= 0x7f;
            }
        }
    } else if (insn->row->lower == x86_lower_bt && insn->memory &&
               insn->row->operands[1] != X86_OP_Ib) {
        aim_bit(k, insn);
    } else if (insn->row->lower == x86_lower_string && insn->segment >= 0) {
        set_register(s, X86_RSI, 8, data_address() - segment_base(k->c, insn), k->c->bits);
    }
    if (insn->row->lower == x86_lower_maskmov) {
        /* Bytes that are not stored may fault. */
        set_register(s, X86_RDI, 8, DATA_MIDDLE - 64 - segment_base(k->c, insn), k->c->bits);
    }
    if (insn->row->lower == x86_lower_string && one_in(4)) {
        /* Elements that overlap. */
        set_register(s, X86_RDI, 8, s->gpr[X86_RSI] + native_below(140) - 70, k->c->bits);
    }
    if (insn->row->lower == x86_lower_string && insn->address_size == 4) {
        /* CPUs differ in whether high halves are cleared before the first element. */
        s->gpr[X86_RCX] = (uint32_t)s->gpr[X86_RCX];
        s->gpr[X86_RSI] = (uint32_t)s->gpr[X86_RSI];
        s->gpr[X86_RDI] = (uint32_t)s->gpr[X86_RDI];
    }
}

static bool next_byte(void *opaque, unsigned at, uint8_t *byte)
{
    *byte = ((const uint8_t *)opaque)[at];
    return true;
}

/* Images of the state are compared, though a program sees there what the system enabled. */
static bool is_image(const X86Row *row)
{
    return row->lower == x86_lower_fxsave || row->lower == x86_lower_xsave;
}

/* Something is made equal for it by the registers that a case begins with. */
static bool has_to_be_first(const NativeCase *c, const X86Insn *insn)
{
    return (insn->row->lower == x86_lower_string && c->bits == 64 && insn->address_size == 4) ||
           (!strcmp(insn->row->mnemonic, "call") && c->bits == 16);
}

/* A comparison of registers, after which no flag is undefined. */
static void add_comparison(NativeCase *c)
{
    c->starts[c->length] = true;
    c->code[c->length++] = 0x39;
    c->code[c->length++] = (uint8_t)(0xc0 | native_below(64));
    c->insns++;
    c->undefined = 0;
}

bool native_case_add(NativeCase *c, const NativeForm *form)
{
    Maker k = { .c = c, .form = form };
    X86Insn insn;
    X86Decoded decoded;

    if (c->undefined) {
        add_comparison(c);
    }
    k.code = c->code + c->length;
    make_prefixes(&k);
    if (form->row->vex) {
        make_vex(&k);
    }
    make_opcode(&k);
    make_modrm(&k);
    make_immediate(&k);
    decoded = x86_decode(&insn, c->bits, next_byte, k.code);
    if (decoded == X86_TOO_LONG || !insn.row) {
        c->starts[c->length] = true;
        c->length += insn.length + 1;
        c->insns++;
        return true;
    }
    if ((insn.row->flags & X86_ROW_SYSTEM && !is_image(insn.row)) ||
        (c->insns && has_to_be_first(c, &insn)) ||
        (insn.row->feature && (!native_host_has(insn.row->feature) ||
                               !native_cpu_has(insn.row->feature)))) {
        return false;
    }
    if (decoded == X86_DECODED && insn.memory && !one_in(16)) {
        aim(&k, &insn, is_image(insn.row) ? aim_image(&k) : data_address());
        aim_others(&k, &insn);
        x86_decode(&insn, c->bits, next_byte, k.code);
    } else if (decoded == X86_DECODED && is_image(insn.row)) {
        aim_image(&k);
    } else if (decoded == X86_DECODED) {
        aim_others(&k, &insn);
    }
    if (decoded == X86_DECODED && insn.row->lower == x86_lower_xsave && !wants_own_state(c)) {
        return false;
    }
    c->starts[c->length] = true;
    c->length += insn.length;
    c->insns++;
    c->of_vectors |= insn.row->of_vectors || is_image(insn.row);
    c->calls |= !strcmp(insn.row->mnemonic, "call");
    c->is_long |= is_image(insn.row) || insn.row->lower == x86_lower_fnstenv ||
                  insn.row->lower == x86_lower_fldenv || insn.row->lower == x86_lower_fnsave ||
                  insn.row->lower == x86_lower_frstor;
    c->restores |= is_image(insn.row) && strstr(insn.row->mnemonic, "rstor");
    c->in_parts |= insn.row->lower == x86_lower_movbe || insn.row->operands[0] == X86_OP_Mt;
    c->undefined = insn.row->undefined;
    c->undefined_any |= c->undefined;
    return true;
}
