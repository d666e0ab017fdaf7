/* SPDX-License-Identifier: MIT */
/* A block of instructions, and the operands, addresses and ends that they share. */
#include "accel/jit/x86/lower.h"

#include "base/log.h"

/* ---- offsets in CS ---- */

unsigned code_bits(const Lower *l)
{
    return l->flags & X86_CTX_CODE64 ? 64 : l->flags & X86_CTX_CODE32 ? 32 : 16;
}

uint64_t wrap_offset(const Lower *l, uint64_t offset)
{
    return code_bits(l) == 64 ? offset : (uint32_t)offset;
}

uint64_t next_offset(const Lower *l)
{
    return wrap_offset(l, l->end - l->t->context.base);
}

IrValue insn_ip(Lower *l)
{
    return number(l, wrap_offset(l, l->pc - l->t->context.base));
}

/* ---- what SIMD lowering asks ---- */

uint32_t context_flags(const Lower *l) { return l->flags; }
bool insn_is_vex(const Lower *l) { return l->insn.vex; }
bool insn_vex256(const Lower *l) { return l->insn.vex_l; }
bool insn_vector_w(const Lower *l) { return l->insn.w; }
bool insn_w(const Lower *l) { return l->insn.w && l->insn.code64; }
bool insn_mode64(const Lower *l) { return l->insn.code64; }
bool insn_is_register(const Lower *l) { return !l->insn.memory; }
unsigned insn_reg(const Lower *l) { return l->insn.reg; }
unsigned insn_rm(const Lower *l) { return l->insn.rm; }
unsigned insn_vvvv(const Lower *l) { return l->insn.vvvv; }
unsigned insn_imm(const Lower *l) { return l->insn.imm & 0xff; }
unsigned insn_modrm(const Lower *l) { return l->insn.modrm; }
unsigned insn_opcode(const Lower *l) { return l->insn.opcode; }
unsigned insn_operand_size(const Lower *l) { return l->insn.operand_size; }
unsigned insn_address_size(const Lower *l) { return l->insn.address_size; }
const IrVectorOp *row_op(const Lower *l) { return l->insn.row->vector; }
int row_size(const Lower *l) { return l->insn.row->size; }
unsigned insn_vsib_index(const Lower *l) { return l->insn.index; }
unsigned insn_scale(const Lower *l) { return l->insn.scale; }

unsigned unaligned_mode(const Lower *l)
{
    if ((l->flags & X86_CTX_CPL) == 3) {
        return X86_MODE_USER;
    }
    return l->flags & X86_CTX_SMAP ? X86_MODE_SMAP : X86_MODE_KERNEL;
}

unsigned data_mode(const Lower *l)
{
    return l->flags & X86_CTX_AC ? X86_MODE_ALIGNED : unaligned_mode(l);
}

/* ---- registers ---- */

static bool is_high_byte(const Lower *l, unsigned reg, unsigned size)
{
    return size == 1 && reg >= 4 && reg < 8 && !l->insn.has_rex && !l->insn.vex;
}

IrValue read_gpr(Lower *l, unsigned reg, unsigned size)
{
    if (is_high_byte(l, reg, size)) {
        return ir_extract(l->ir, ir_get(l->ir, X86_SLOT_GPR + reg - 4), 8, 8);
    }
    IrValue value = ir_get(l->ir, X86_SLOT_GPR + reg);
    return size == 8 ? value : ir_extract(l->ir, value, 0, 8 * size);
}

void write_gpr(Lower *l, unsigned reg, unsigned size, IrValue value)
{
    unsigned slot = X86_SLOT_GPR + reg, position = 0;

    if (is_high_byte(l, reg, size)) {
        slot -= 4;
        position = 8;
    }
    if (size == 4) {
        value = ir_unary(l->ir, IR_ZEXT32, IR_I64, value);
    } else if (size < 4) {
        value = ir_deposit(l->ir, ir_get(l->ir, slot), value, position, 8 * size);
    }
    ir_put(l->ir, slot, value);
}

IrValue general_reg(Lower *l, unsigned reg, unsigned size)
{
    return read_gpr(l, reg, size);
}

void put_general_reg(Lower *l, unsigned reg, unsigned size, IrValue value)
{
    write_gpr(l, reg, size, value);
}

/* ---- addresses ---- */

static IrValue narrow(Lower *l, IrValue value, unsigned size)
{
    return size == 8 ? value : ir_extract(l->ir, value, 0, 8 * size);
}

static IrValue offset_without(Lower *l, bool with_index)
{
    const X86Insn *insn = &l->insn;
    uint64_t disp = (uint64_t)insn->disp;
    IrValue value = 0;

    if (insn->rip_relative) {
        disp += l->end - l->t->context.base;
    }
    if (insn->base >= 0) {
        value = ir_get(l->ir, X86_SLOT_GPR + insn->base);
    }
    if (insn->index >= 0 && with_index) {
        IrValue index = ir_binary(l->ir, IR_SHL, IR_I64,
                                  ir_get(l->ir, X86_SLOT_GPR + insn->index),
                                  number(l, insn->scale));
        value = value ? ir_add(l->ir, IR_I64, value, index) : index;
    }
    value = value ? ir_add_const(l->ir, IR_I64, value, disp) : number(l, disp);
    return narrow(l, value, insn->address_size);
}

IrValue address_offset(Lower *l)
{
    return offset_without(l, true);
}

IrValue vsib_offset(Lower *l)
{
    return offset_without(l, false);
}

static unsigned operand_segment(const Lower *l)
{
    const X86Insn *insn = &l->insn;

    if (insn->segment >= 0) {
        return insn->segment;
    }
    return insn->base == X86_RSP || insn->base == X86_RBP ? X86_SS : X86_DS;
}

/* 0: nothing is to be added. */
static IrValue segment_base(Lower *l, unsigned segment)
{
    bool data = segment == X86_DS || segment == X86_ES || segment == X86_SS;

    if (l->flags & X86_CTX_CODE64 ? segment < X86_FS : data && !(l->flags & X86_CTX_BASES)) {
        return 0;
    }
    return ir_get(l->ir, X86_SLOT_BASE + segment);
}

static bool has_limit(const Lower *l, unsigned segment)
{
    return !(l->flags & X86_CTX_CODE64) &&
           (segment == X86_CS ||
            l->flags & (segment == X86_FS   ? X86_CTX_FS_LIMIT
                        : segment == X86_GS ? X86_CTX_GS_LIMIT
                                            : X86_CTX_LIMITS));
}

bool address_is_checked(const Lower *l)
{
    return has_limit(l, operand_segment(l));
}

/* As x86_help_check_limit() does. */
static void check_limit(Lower *l, unsigned segment, IrValue offset, unsigned size, bool write)
{
    IrValue end, behind;

    if (l->flags & X86_CTX_DOWN) {
        call_system(l, X86_HELPER_check_limit, number(l, segment), offset, number(l, size),
                    number(l, write));
        return;
    }
    end = ir_state_load(l->ir, offsetof(X86Jit, end[segment][write]), 8, 0);
    behind = ir_add_const(l->ir, IR_I64, ir_unary(l->ir, IR_ZEXT32, IR_I64, offset), size);
    ir_raise_if(l->ir, IR_GTU, IR_I64, behind, end, &x86_system_helpers[X86_HELPER_limit_fault],
                number(l, segment));
}

IrValue segment_address(Lower *l, unsigned segment, IrValue offset, unsigned size, bool write)
{
    IrValue base = segment_base(l, segment);

    if (has_limit(l, segment)) {
        check_limit(l, segment, offset, size, write);
    }
    if (base) {
        offset = ir_add(l->ir, IR_I64, offset, base);
    }
    return l->flags & X86_CTX_CODE64 ? offset : ir_unary(l->ir, IR_ZEXT32, IR_I64, offset);
}

IrValue operand_address_at(Lower *l, IrValue offset, unsigned size, bool write)
{
    return segment_address(l, operand_segment(l), offset, size, write);
}

IrValue operand_address(Lower *l, unsigned size, bool write)
{
    if (!l->linear) {
        l->linear = operand_address_at(l, address_offset(l), size, write);
    }
    return l->linear;
}

/* What the table says of the operand's size is checked; else its first byte is. */
IrValue address(Lower *l)
{
    static const uint8_t sizes[] = { [X86_OP_Mw] = 2, [X86_OP_Md] = 4, [X86_OP_Mq] = 8,
                                     [X86_OP_Mt] = 10, [X86_OP_Q] = 8 };
    const X86Row *row = l->insn.row;
    unsigned size = 1;

    for (unsigned i = 0; i < G_N_ELEMENTS(row->operands); i++) {
        if (row->operands[i] < G_N_ELEMENTS(sizes) && sizes[row->operands[i]]) {
            size = sizes[row->operands[i]];
        }
    }
    return operand_address(l, size, row->flags & X86_ROW_WRITE);
}

IrValue sized_address(Lower *l, unsigned size)
{
    return operand_address(l, size, l->insn.row->flags & X86_ROW_WRITE);
}

IrValue offset_rdi(Lower *l)
{
    return narrow(l, ir_get(l->ir, X86_SLOT_GPR + X86_RDI), l->insn.address_size);
}

unsigned address_segment(const Lower *l)
{
    return operand_segment(l);
}

IrValue address_segment_base(Lower *l)
{
    IrValue base = segment_base(l, operand_segment(l));

    return base ? base : number(l, 0);
}

/* ---- operands ---- */

unsigned operand_size(const Lower *l, unsigned n)
{
    switch (l->insn.row->operands[n]) {
    case X86_OP_Eb: case X86_OP_Gb: case X86_OP_AL: case X86_OP_Zb: case X86_OP_Ob: case X86_OP_CL:
        return 1;
    case X86_OP_Ew: case X86_OP_Gw: case X86_OP_Sw: case X86_OP_DX: case X86_OP_Iw:
        return 2;
    case X86_OP_Ey: case X86_OP_Gy: case X86_OP_By:
        return insn_w(l) ? 8 : 4;
    default:
        return l->insn.operand_size;
    }
}

static int operand_register(const Lower *l, unsigned n)
{
    switch (l->insn.row->operands[n]) {
    case X86_OP_Gb: case X86_OP_Gw: case X86_OP_Gv: case X86_OP_Gy:
        return l->insn.reg;
    case X86_OP_Zb: case X86_OP_Zv:
        return l->insn.rm;
    case X86_OP_By:
        return l->insn.vvvv;
    case X86_OP_AL: case X86_OP_rAX:
        return X86_RAX;
    case X86_OP_CL:
        return X86_RCX;
    case X86_OP_DX:
        return X86_RDX;
    case X86_OP_Eb: case X86_OP_Ew: case X86_OP_Ev: case X86_OP_Ey:
        return l->insn.memory ? -1 : l->insn.rm;
    default:
        return -1;
    }
}

IrValue read_operand(Lower *l, unsigned n)
{
    unsigned size = operand_size(l, n);
    int reg = operand_register(l, n);

    if (reg >= 0) {
        return read_gpr(l, reg, size);
    }
    switch (l->insn.row->operands[n]) {
    case X86_OP_Ib: case X86_OP_Iw: case X86_OP_Iz: case X86_OP_Iv:
        return narrow(l, number(l, l->insn.imm), l->insn.row->operands[0] == X86_OP_Eb ||
                      l->insn.row->operands[0] == X86_OP_AL || l->insn.row->operands[0] == X86_OP_Zb
                      ? 1 : l->insn.operand_size);
    case X86_OP_one:
        return number(l, 1);
    default:
        /* The segment is asked once, before the read, also for the write that comes. */
        return ir_load(l->ir, IR_I64, size, 0, data_mode(l),
                       operand_address(l, size, n == 0 && l->insn.row->flags &
                                                          (X86_ROW_LOCK | X86_ROW_RMW)));
    }
}

void write_operand(Lower *l, unsigned n, IrValue value)
{
    unsigned size = operand_size(l, n);
    int reg = operand_register(l, n);

    if (reg >= 0) {
        write_gpr(l, reg, size, value);
    } else {
        ir_store(l->ir, size, data_mode(l), operand_address(l, size, true), value);
    }
}

IrValue general_rm(Lower *l, unsigned size)
{
    return l->insn.memory ? ir_load(l->ir, IR_I64, size, 0, data_mode(l),
                                    operand_address(l, size, false))
                          : read_gpr(l, l->insn.rm, size);
}

void put_general_rm(Lower *l, unsigned size, IrValue value)
{
    if (l->insn.memory) {
        ir_store(l->ir, size, data_mode(l), operand_address(l, size, true), value);
    } else {
        write_gpr(l, l->insn.rm, size, value);
    }
}

/* ---- the stack ---- */

unsigned stack_size(const Lower *l)
{
    return l->flags & X86_CTX_CODE64 ? 8 : l->flags & X86_CTX_STACK32 ? 4 : 2;
}

IrValue stack_pointer(Lower *l)
{
    return read_gpr(l, X86_RSP, stack_size(l));
}

void set_stack_pointer(Lower *l, IrValue value)
{
    write_gpr(l, X86_RSP, stack_size(l), value);
}

static IrValue stack_address(Lower *l, int offset, unsigned size, bool write)
{
    IrValue at = ir_add_const(l->ir, IR_I64, ir_get(l->ir, X86_SLOT_GPR + X86_RSP),
                              (uint64_t)(int64_t)offset);

    return segment_address(l, X86_SS, narrow(l, at, stack_size(l)), size, write);
}

IrValue load_stack(Lower *l, int offset, unsigned size)
{
    return ir_load(l->ir, IR_I64, size, 0, data_mode(l), stack_address(l, offset, size, false));
}

void store_stack(Lower *l, int offset, unsigned size, IrValue value)
{
    ir_store(l->ir, size, data_mode(l), stack_address(l, offset, size, true), value);
}

void push_value(Lower *l, unsigned size, IrValue value)
{
    store_stack(l, -(int)size, size, value);
    set_stack_pointer(l, ir_add_const(l->ir, IR_I64, stack_pointer(l),
                                      (uint64_t)-(int64_t)size));
}

/* ---- calls and ends ---- */

IrValue call_system(Lower *l, X86SystemHelper helper, IrValue a, IrValue b, IrValue c, IrValue d)
{
    const IrHelper *h = &x86_system_helpers[helper];

    if (!(h->flags & (IR_PURE | IR_NO_SLOTS | IR_NO_WRITE))) {
        l->cc_op = -1;
    }
    return ir_call(l->ir, h, a, b, c, d);
}

void end_leave(Lower *l)
{
    ir_leave(l->ir);
    l->ended = true;
}

void end_anywhere(Lower *l)
{
    if (ends_single(l)) {
        ir_leave(l->ir);
    } else {
        ir_goto_anywhere(l->ir);
    }
    l->ended = true;
}

void end_io(Lower *l)
{
    l->leave = l->to_loop = true;
}

void raise_now(Lower *l, unsigned vector)
{
    call_system(l, X86_HELPER_raise, number(l, vector), 0, 0, 0);
    end_leave(l);
}

void leave_after(Lower *l)
{
    l->leave = true;
}

bool ends_single(const Lower *l)
{
    return l->flags & (X86_CTX_TF | X86_CTX_SHADOW | X86_CTX_BREAK);
}

void end_transfer(Lower *l)
{
    /* RF is as IRET or a new task has it. */
    if (l->flags & X86_CTX_TF) {
        call_system(l, X86_HELPER_debug_step, number(l, 1), number(l, X86_RF_KEPT), 0, 0);
    }
    end_anywhere(l);
}

static void end_single(Lower *l, IrValue rf)
{
    if (l->flags & (X86_CTX_TF | X86_CTX_BREAK)) {
        call_system(l, X86_HELPER_debug_step, number(l, l->flags & X86_CTX_TF), rf, 0, 0);
    }
    if (l->to_loop) {
        end_leave(l);
    } else {
        end_anywhere(l);
    }
}

bool stays_on_page(const Lower *l, uint64_t pc)
{
    return !ends_single(l) && !((pc ^ l->t->context.pc) & JIT_PAGE_MASK);
}

/* Are so many exits left, and those of an instruction that ends the block behind them? */
static bool has_exits(const Lower *l, unsigned exits)
{
    return l->ir->exits + exits + LOWER_INSN_EXITS <= IR_MAX_EXITS;
}

/*
 * A trace that comes back to where it begins is laid out once more behind itself, if there is
 * room: what a round leaves in registers is there for the next.
 */
static bool has_room_for_round(Lower *l, unsigned insns)
{
    l->round_insns = l->round_insns ? l->round_insns : insns;
    l->round_ops = l->round_ops ? l->round_ops : l->ir->count;
    l->round_exits = l->round_exits ? l->round_exits : l->ir->exits;
    return insns + l->round_insns <= l->t->max_insns &&
           l->ir->count + l->round_ops <= IR_ENOUGH_OPS &&
           has_exits(l, l->round_exits + 1);
}

/* Is the instruction at `pc` not in this round yet? After so many instructions. */
static bool is_new(Lower *l, uint64_t pc, unsigned insns)
{
    if (pc == l->t->context.pc) {
        return has_room_for_round(l, insns);
    }
    for (unsigned i = 0; i < l->runs; i++) {
        if (pc >= l->run[i].start && pc < l->run[i].end) {
            return false;
        }
    }
    return true;
}

bool goes_on_at(Lower *l, uint64_t pc)
{
    const JitTranslation *t = l->t;

    if (!stays_on_page(l, pc) || t->counted || t->insns + 1 >= t->max_insns ||
        !has_exits(l, 1) || l->runs == LOWER_RUNS || !is_new(l, pc, t->insns + 1)) {
        return false;
    }
    l->next = l->basic = pc;
    return true;
}

void jump_to(Lower *l, uint64_t offset)
{
    uint64_t pc = offset + l->t->context.base;

    ir_put(l->ir, X86_SLOT_RIP, number(l, offset));
    if (ends_single(l)) {
        end_single(l, number(l, X86_RF_CLEARED));
    } else if (stays_on_page(l, pc)) {
        ir_goto(l->ir, pc);
        l->ended = true;
    } else {
        ir_goto_indirect(l->ir, 0);
        l->ended = true;
    }
}

void repeat_or_go_on(Lower *l, IrValue done)
{
    IrValue again = number(l, X86_RF_SET), rf = number(l, X86_RF_CLEARED);

    ir_put(l->ir, X86_SLOT_RIP, ir_select(l->ir, IR_EQ, IR_I64, done, number(l, 0), insn_ip(l),
                                          number(l, next_offset(l))));
    if (ends_single(l) || l->to_loop) {
        end_single(l, ir_select(l->ir, IR_EQ, IR_I64, done, number(l, 0), again, rf));
    } else {
        ir_goto_indirect(l->ir, 0);
        l->ended = true;
    }
}

void jump_to_value(Lower *l, IrValue offset, uint64_t from)
{
    ir_put(l->ir, X86_SLOT_RIP, offset);
    if (ends_single(l) || l->to_loop) {
        end_single(l, number(l, X86_RF_CLEARED));
    } else {
        ir_goto_indirect(l->ir, from);
        l->ended = true;
    }
}

/* ---- a block ---- */

static bool fetch(void *opaque, unsigned at, uint8_t *byte)
{
    Lower *l = opaque;

    return jit_code_byte(l->t, l->pc + at, byte);
}

/* It is logged when it is run: what lies behind a branch may never be. */
static void undefined(Lower *l)
{
    uint64_t bytes[2] = { 0 };
    uint8_t byte;
    unsigned n;

    for (n = 0; n < MIN(l->insn.length, 15u) && fetch(l, n, &byte); n++) {
        bytes[n / 8] |= (uint64_t)byte << n % 8 * 8;
    }
    call_system(l, X86_HELPER_undefined, number(l, l->pc), number(l, bytes[0]),
                number(l, bytes[1] | (uint64_t)n << 56), 0);
    end_leave(l);
}

bool cpu_has(const Lower *l, const char *name)
{
    const X86FeatureInfo *info = x86_feature_find(name, -1);

    return !info || x86_feature_set_has_bit(&l->cpu->x86->definition.features, info->word,
                                            info->bit);
}

static bool has_feature(const Lower *l)
{
    const X86Row *row = l->insn.row;

    /* VEX is of protected mode, that of general registers as well: SDM volume 2, 2.3. */
    if (insn_is_vex(l) && (!(l->flags & X86_CTX_PE) || l->flags & X86_CTX_VM)) {
        return false;
    }
    if (row->feature && !cpu_has(l, row->feature)) {
        return false;
    }
    /* Integers are AVX's to 128 bits only. */
    return !insn_is_vex(l) || !insn_vex256(l) || !row->vector ||
           !(row->vector->host & IR_HOST_AVX2) ||
           row->vector == &x86_vector_ops[X86_VEC_vbroadcastsd] || cpu_has(l, "avx2");
}

static void lower_one(Lower *l, X86Decoded decoded)
{
    uint64_t last = wrap_offset(l, l->pc - l->t->context.base) + l->insn.length - 1;

    ir_insn(l->ir, l->pc);
    ir_put(l->ir, X86_SLOT_RIP, insn_ip(l));
    l->linear = 0;
    if (l->flags & X86_CTX_SHADOW) {
        ir_state_store(l->ir, offsetof(X86Jit, shadow), 1, number(l, X86_SHADOW_OVER));
    }
    if (l->flags & X86_CTX_CS_LIMIT || (code_bits(l) == 16 && last > 0xffff)) {
        call_system(l, X86_HELPER_check_fetch, number(l, last), 0, 0, 0);
    }
    if (l->flags & X86_CTX_BREAK) {
        call_system(l, X86_HELPER_debug_fetch, number(l, l->pc), 0, 0, 0);
    }
    if (decoded == X86_TOO_LONG) {
        call_system(l, X86_HELPER_raise_gp0, 0, 0, 0, 0);
        end_leave(l);
    } else if (decoded == X86_UNDEFINED || !has_feature(l)) {
        undefined(l);
    } else {
        l->insn.row->lower(l);
    }
    if (!l->ended && (l->leave || ends_single(l))) {
        ir_put(l->ir, X86_SLOT_RIP, number(l, next_offset(l)));
        end_single(l, number(l, X86_RF_CLEARED));
    }
}

/* To the next instruction. False: the block ends before it. */
static bool go_on(Lower *l)
{
    const JitTranslation *t = l->t;
    bool jumps = l->next != l->end;

    if (t->insns >= t->max_insns || l->ir->count > IR_ENOUGH_OPS || !has_exits(l, 0) ||
        jit_debug_break(t, l->next) || !(jumps || is_new(l, l->next, t->insns))) {
        l->pc = l->next;
        return false;
    }
    if (l->next == t->context.pc) {
        l->runs = 0;
    }
    if (jumps || !l->runs) {
        l->run[l->runs++].start = l->next;
    }
    l->pc = l->next;
    return true;
}

void x86_lower_block(JitTranslation *t)
{
    Lower l = { .ir = t->ir, .t = t, .cpu = (X86Jit *)t->cpu, .pc = t->context.pc,
                .flags = t->context.flags, .cc_op = -1, .runs = 1,
                .basic = t->context.pc, .share = JIT_HOT };

    l.run[0].start = l.run[0].end = l.pc;
    if (jit_debug_break(t, l.pc)) {
        ir_insn(l.ir, l.pc);
        ir_put(l.ir, X86_SLOT_RIP, insn_ip(&l));
        jit_debug_lower(t, l.pc);
        t->insns = 1;
        t->end = l.pc + 1;
        return;
    }
    while (!l.ended) {
        X86Decoded decoded = x86_decode(&l.insn, code_bits(&l), fetch, &l);
        if (decoded == X86_NO_BYTES) {
            break;
        }
        l.next = l.end = l.run[l.runs - 1].end = l.pc + l.insn.length;
        l.sti = false;
        lower_one(&l, decoded);
        t->insns++;
        t->start = MIN(t->start, l.pc);
        t->end = MAX(t->end, l.end);
        if (!l.ended && !go_on(&l)) {
            break;
        }
    }
    if (!l.ended && l.sti) {
        /* Nothing followed. */
        call_system(&l, X86_HELPER_enter_shadow, number(&l, 0), 0, 0, 0);
        end_leave(&l);
    }
    if (!l.ended) {
        jump_to(&l, wrap_offset(&l, l.pc - t->context.base));
    }
}
