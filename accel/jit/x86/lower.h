/* SPDX-License-Identifier: MIT */
/*
 * From decoded instructions to the intermediate form: what all lowering functions use. Those named
 * in a table as NAME are x86_lower_NAME(Lower *l).
 */
#ifndef ACCEL_JIT_X86_LOWER_H
#define ACCEL_JIT_X86_LOWER_H

#include "accel/jit/x86/decode.h"
#include "accel/jit/x86/integers.h"
#include "accel/jit/x86/lower-vector.h"
#include "accel/jit/x86/vector.h"

/* A condition, as the operations that compare want it. */
typedef struct LowerCond {
    IrCond cond;
    IrType type;
    IrValue a, b;
} LowerCond;

static inline IrType type_of(unsigned size)
{
    return size == 8 ? IR_I64 : IR_I32;
}

/* A number that is the same in every pass: the value of a constant. */
static inline IrValue number(Lower *l, uint64_t value)
{
    return ir_const(l->ir, value);
}

/* The low `size` bytes of a value. */
static inline IrValue sized(Lower *l, IrValue value, unsigned size)
{
    return size == 8 ? value : ir_extract(l->ir, value, 0, 8 * size);
}

/* a op b of so many bytes. */
static inline IrValue op2(Lower *l, IrOpcode opcode, unsigned size, IrValue a, IrValue b)
{
    return sized(l, ir_binary(l->ir, opcode, type_of(size), a, b), size);
}

/* A value of `size` bytes as one of 64 bits. */
static inline IrValue extended(Lower *l, IrValue value, unsigned size, bool sign)
{
    static const IrOpcode signs[] = { [1] = IR_SEXT8, [2] = IR_SEXT16, [4] = IR_SEXT32 };

    return sign && size < 8 ? ir_unary(l->ir, signs[size], IR_I64, value) : value;
}

/* Does CPUID offer a feature of that name? */
bool cpu_has(const Lower *l, const char *name);
/* The offset of the next instruction, wrapped as the code's width says. */
uint64_t next_offset(const Lower *l);
uint64_t wrap_offset(const Lower *l, uint64_t offset);
unsigned code_bits(const Lower *l);

/* ---- operands ---- */

/* Bytes of operand `n` of the row. */
unsigned operand_size(const Lower *l, unsigned n);
/* Memory operands are read and written at `l->linear`, which is made once. */
IrValue read_operand(Lower *l, unsigned n);
void write_operand(Lower *l, unsigned n, IrValue value);
IrValue read_gpr(Lower *l, unsigned reg, unsigned size);
void write_gpr(Lower *l, unsigned reg, unsigned size, IrValue value);
/* Linear address of the memory operand, after the segment's checks. */
IrValue operand_address(Lower *l, unsigned size, bool write);
/* The same of another offset in its segment. */
IrValue operand_address_at(Lower *l, IrValue offset, unsigned size, bool write);
/* Linear address of an offset in a segment, after its checks. */
IrValue segment_address(Lower *l, unsigned segment, IrValue offset, unsigned size, bool write);

/* ---- the stack ---- */

unsigned stack_size(const Lower *l);      /* of the stack pointer: 2, 4, 8 */
IrValue stack_pointer(Lower *l);
void set_stack_pointer(Lower *l, IrValue value);
/* At rSP + `offset`, which wraps as the stack pointer does; rSP stays. */
IrValue load_stack(Lower *l, int offset, unsigned size);
void store_stack(Lower *l, int offset, unsigned size, IrValue value);
void push_value(Lower *l, unsigned size, IrValue value);

/* ---- flags ---- */

void set_flags(Lower *l, unsigned cc_op, unsigned size, IrValue dst, IrValue src, IrValue src2);
/* `cc` as in Jcc opcodes. */
LowerCond flag_condition(Lower *l, unsigned cc);
IrValue carry_flag(Lower *l);

/* ---- calls, ends ---- */

/* A helper of x86_system_helpers[]. */
IrValue call_system(Lower *l, X86SystemHelper helper, IrValue a, IrValue b, IrValue c, IrValue d);
/* A block of one instruction, after which the loop looks around. */
bool ends_single(const Lower *l);
/* Is that in the block's page, and nothing is looked for between instructions? */
bool stays_on_page(const Lower *l, uint64_t pc);
/* Does the block go on there after this instruction? Then that is l->next. */
bool goes_on_at(Lower *l, uint64_t pc);
/* rip is set to `offset` in CS, and the block ends: chained when it is on this page. */
void jump_to(Lower *l, uint64_t offset);
/* `from`: what x86_jumped() is told where no block is known there; 0: nothing. */
void jump_to_value(Lower *l, IrValue offset, uint64_t from);
/* A repeated instruction ends for now: it goes on later where `done` is 0. */
void repeat_or_go_on(Lower *l, IrValue done);
/* The block ended by something that set rip itself: to the loop; or on, in whatever context. */
void end_leave(Lower *l);
void end_anywhere(Lower *l);
/* The loop has to look around after this instruction. */
void end_io(Lower *l);
/* The same by a far transfer, after which a single step's trap comes. */
void end_transfer(Lower *l);

#endif
