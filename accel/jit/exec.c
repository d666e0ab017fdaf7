/* SPDX-License-Identifier: MIT */
/* The loop of a CPU: blocks are found or translated, run, chained. */
#include <string.h>

#include "accel/jit/host.h"
#include "base/lock.h"
#include "base/log.h"

/* Instructions of a block, and of a trace, at most. */
#define BLOCK_INSNS 64
#define TRACE_INSNS 96

bool jit_float_is_exact(void)
{
    return jit.exact_float;
}

void jit_float_fold(JitCpu *cpu)
{
    if (cpu->core->in_code) {
        jit_host_float_save(cpu);
        jit_host_float_load(cpu);
    }
}

void jit_float_changed(JitCpu *cpu)
{
    if (cpu->core->in_code) {
        jit_host_float_load(cpu);
    }
}

void jit_attention(JitCpu *cpu)
{
    atomic_store(&cpu->attention, true);
}

void jit_leave(JitCpu *cpu)
{
    atomic_store_explicit(&cpu->attention, true, memory_order_relaxed);
    siglongjmp(cpu->unwind, 1);
}

void jit_begin_again(JitCpu *cpu)
{
    cpu->core->single = true;
    if (cpu->arch->begins_again) {
        cpu->arch->begins_again(cpu);
    }
    jit_leave(cpu);
}

/* ---- the code's bytes ---- */

/* Writes to the page are noticed from now on. False: they were already. */
static bool watch_page(const JitTlbInfo *info)
{
    uint64_t next;

    if (!dirty_log_take(info->ram, DIRTY_CODE, info->offset, JIT_PAGE_SIZE, 1, NULL, &next)) {
        return false;
    }
    jit_tlb_watch(info->ram, info->offset);
    log_write(LOG_PAGE, "page 0x%" PRIx64 ": code is translated, writes are noticed",
              info->physical);
    return true;
}

/* The page's bytes may be read from now on. */
static void open_page(JitTranslation *t, unsigned part, const JitTlbInfo *info)
{
    t->physical[part] = info->physical;
    if (!info->readable) {
        t->uncached = true;
        t->page[part] = NULL;
        return;
    }
    t->page[part] = info->ram->host + info->offset;
    t->opened |= watch_page(info);
}

/* A device is asked for words, as by a CPU that does not cache it, and once for each. */
static uint8_t device_byte(JitTranslation *t, uint64_t physical)
{
    if (t->word_at != (physical & ~3ull)) {
        t->word_at = physical & ~3ull;
        t->word = jit_load_physical(t->cpu, t->word_at, 4);
    }
    return t->word >> 8 * (physical & 3);
}

bool jit_code_byte(JitTranslation *t, uint64_t pc, uint8_t *byte)
{
    unsigned part = (pc ^ t->context.pc) & JIT_PAGE_MASK ? 1 : 0;

    if (part == 1 && t->physical[1] == UINT64_MAX) {
        if (t->insns > 0) {
            return false;    /* it crosses into another page: it gets a block of its own */
        }
        open_page(t, 1, jit_tlb_fill(t->cpu, pc, JIT_FETCH, t->context.mode));
    }
    if (t->page[part]) {
        *byte = t->page[part][pc & ~JIT_PAGE_MASK];
    } else {
        *byte = device_byte(t, t->physical[part] | (pc & ~JIT_PAGE_MASK));
    }
    return true;
}

/* ---- translation ---- */

/* The operations that are left, numbered anew, in core->ops. */
static unsigned compact(JitCore *core)
{
    const IrBlock *ir = &core->ir;
    unsigned count = 0;

    for (unsigned i = 0; i < ir->count; i++) {
        IrOp *op = &core->ops[count];
        /* Number 0 stays what no value is. */
        if (i > 0 && (ir->ops[i].opcode == IR_NOP || ir->ops[i].opcode == IR_INSN)) {
            continue;
        }
        *op = ir->ops[i];
        unsigned args = ir_arg_count(op);
        op->a = args > 0 ? core->numbers[op->a] : op->a;
        op->b = args > 1 ? core->numbers[op->b] : op->b;
        op->c = args > 2 ? core->numbers[op->c] : op->c;
        op->d = args > 3 ? core->numbers[op->d] : op->d;
        core->numbers[i] = count++;
    }
    return count;
}

static JitBlock *make_block(const JitTranslation *t, RamBlock *ram, uint64_t offset)
{
    JitBlock *block = jit_block_new(t->ir->exits);
    uint64_t bytes = t->end - t->start, first;

    block->pc = t->context.pc;
    block->base = t->context.base;
    block->flags = t->context.flags;
    block->mode = t->context.mode;
    block->insns = t->insns;
    block->start = t->start;
    block->end = t->end;
    block->trace = t->trace;
    if (t->trace) {
        block->first_exit = t->cpu->heat[jit_first_exit_index(block->pc)] / JIT_HEAT_STEP;
    }
    block->slots = t->ir->slots;
    block->slot_count = t->ir->slot_count;
    block->ops = t->cpu->core->ops;
    block->count = compact(t->cpu->core);
    block->ram = t->uncached ? NULL : ram;
    first = MIN(bytes, JIT_PAGE_SIZE - (block->start & ~JIT_PAGE_MASK));
    block->offset[0] = offset;
    block->length[0] = first;
    block->length[1] = bytes - first;
    if (block->ram && block->length[1]) {
        block->offset[1] = (uint64_t)(t->page[1] - ram->host);
    }
    return block;
}

/* The second page lies in another block of RAM, or is the first again: such code is not kept. */
static bool second_page_elsewhere(const JitTranslation *t, const RamBlock *ram)
{
    return t->page[1] && (!ram || t->page[1] < ram->host || t->page[1] >= ram->host + ram->size ||
                          t->page[1] == t->page[0]);
}

/* Will somebody come back to a block, after a device has answered? */
static bool somebody_in_block(void)
{
    for (unsigned i = 0; i < vcpu_count(); i++) {
        if (atomic_load(&((JitCpu *)vcpu_at(i))->core->in_block)) {
            return true;
        }
    }
    return false;
}

/* Flushes everything, when no CPU has a block to come back to. */
static bool try_make_room(JitCpu *cpu)
{
    bool done;

    jit_begin_alone(cpu);
    done = !somebody_in_block();
    if (done) {
        jit_cache_flush();
    }
    jit_end_alone(cpu);
    return done;
}

static bool is_full(void)
{
    return jit.bytes > jit.max_bytes || jit_host_is_full() ||
           g_hash_table_size(jit.contexts) > JIT_MAX_CONTEXTS;
}

/* Between blocks. Those who wait for a device were told to come out as soon as they have its answer. */
static void make_room(JitCpu *cpu)
{
    while (is_full() && !try_make_room(cpu)) {
        g_thread_yield();
    }
}

/* The block's operations are in the CPU's buffer still: if it is evaluated, it gets its own. */
static void keep_ops(JitBlock *block)
{
    block->ops = block->code ? NULL : g_memdup2(block->ops, block->count * sizeof(IrOp));
}

/*
 * Was a page of the block written since it was opened? Who did that found no block to take out.
 * Under jit.lock, so that whoever does it after this question finds the block.
 */
static bool was_written(const JitBlock *block)
{
    for (unsigned part = 0; part < 2; part++) {
        if (block->length[part] && dirty_log_test(block->ram, DIRTY_CODE,
                                                  block->offset[part] & JIT_PAGE_MASK,
                                                  JIT_PAGE_SIZE)) {
            return true;
        }
    }
    return false;
}

/*
 * After writes to a page began to be noticed: another CPU may have found, before, that nobody
 * notices, and not have written yet. Once all have been between two blocks, none is there any more.
 * The memory's map may change meanwhile.
 */
static void let_writes_finish(JitCpu *cpu)
{
    jit_begin_alone(cpu);
    jit_end_alone(cpu);
}

unsigned jit_heat(const JitTranslation *t, uint64_t pc, unsigned *first_exit)
{
    JitContext context = t->context;
    const uint16_t *heat = t->cpu->heat;
    const JitBlock *block = NULL;

    context.pc = pc;
    if (t->ram) {
        g_mutex_lock(&jit.lock);
        block = jit_cache_find(&context, t->ram,
                               (uint64_t)(t->page[0] - t->ram->host) | (pc & ~JIT_PAGE_MASK));
        g_mutex_unlock(&jit.lock);
    }
    *first_exit = !block         ? 0
                  : block->trace ? block->first_exit
                                 : heat[jit_first_exit_index(pc)] / JIT_HEAT_STEP;
    if (!block) {
        return 0;
    }
    /* Of the one that a trace is made of, the count has just come round. */
    return block->trace || pc == t->context.pc ? JIT_HOT : heat[jit_heat_index(pc)] / JIT_HEAT_STEP;
}

/*
 * NULL: once more, if it may `wait`. What it read without is good for now, but is not kept. A
 * `trace` comes in the place of the block that is there.
 */
static JitBlock *translate(JitCpu *cpu, const JitContext *context, const JitTlbInfo *info, bool wait,
                           bool trace)
{
    JitCore *core = cpu->core;
    uint64_t offset = info->offset | (context->pc & ~JIT_PAGE_MASK);
    RamBlock *ram = info->readable ? info->ram : NULL;
    JitTranslation t = {
        .cpu = cpu, .ir = &core->ir, .context = *context,
        .max_insns = core->single || jit.one_insn ? 1 : trace ? TRACE_INSNS : BLOCK_INSNS,
        .counted = jit.icount, .trace = trace, .ram = ram, .physical = { 0, UINT64_MAX },
        .word_at = UINT64_MAX, .start = context->pc, .end = context->pc, .uncached = core->single,
    };
    JitBlock *block, *other;
    JitHostCode code;

    open_page(&t, 0, info);
    if (!t.opened || !wait) {
        ir_block_init(&core->ir, cpu->arch->slots, cpu->arch->slot_count);
        cpu->arch->translate(&t);
    }
    if (t.opened && wait) {
        let_writes_finish(cpu);
        return NULL;
    }
    t.uncached |= t.opened && vcpu_count() > 1;
    t.uncached |= second_page_elsewhere(&t, ram);
    if (G_UNLIKELY(log_enabled(LOG_IN_ASM | LOG_OP))) {
        jit_log_translated(&t);
    }
    ir_remove_dead(&core->ir);
    if (G_UNLIKELY(log_enabled(LOG_OP_OPT))) {
        jit_log_optimized(&t);
    }
    block = make_block(&t, ram, offset);
    g_mutex_lock(&jit.lock);
    other = block->ram ? jit_cache_find(context, ram, offset) : NULL;
    if (!block->ram || was_written(block) || (other && other->offset[1] != block->offset[1])) {
        g_mutex_unlock(&jit.lock);
        block->ram = NULL;
        keep_ops(block);
        jit_block_free(core->uncached);
        core->uncached = block;
        return block;
    }
    if (other && other->trace >= trace) {
        block->ops = NULL;
        jit_block_free(block);
        block = other;
    } else {
        if (other) {
            jit_cache_take_out(other);
        }
        block->context = jit_cache_context(context);
        code = jit_host_compile(block);
        jit_log_compiled(block, &code);
        keep_ops(block);
        jit_cache_add(block);
    }
    g_mutex_unlock(&jit.lock);
    return block;
}

static bool is_at(const JitBlock *block, const JitContext *context)
{
    return block->pc == context->pc && block->flags == context->flags &&
           block->base == context->base && block->mode == context->mode &&
           !atomic_load_explicit(&block->gone, memory_order_relaxed);
}

/* Does the block's second page still hold what it did? `block` may be gone afterwards. */
static bool second_page_stays(JitCpu *cpu, const JitBlock *block, unsigned mode)
{
    const RamBlock *ram = block->ram;
    uint64_t offset = block->offset[1] & JIT_PAGE_MASK;
    const JitTlbInfo *second = jit_tlb_fill(cpu, (block->end - 1) & JIT_PAGE_MASK, JIT_FETCH, mode);

    return second->ram == ram && second->offset == offset;
}

/* In the cache; NULL: it has to be translated. */
static JitBlock *find_block(JitCpu *cpu, const JitContext *context)
{
    for (;;) {
        unsigned generation = atomic_load(&jit.generation);
        const JitTlbInfo *info = jit_tlb_fill(cpu, context->pc, JIT_FETCH, context->mode);
        JitBlock *block = NULL;
        bool stays;

        if (info->readable && !cpu->core->single) {
            g_mutex_lock(&jit.lock);
            block = jit_cache_find(context, info->ram,
                                   info->offset | (context->pc & ~JIT_PAGE_MASK));
            g_mutex_unlock(&jit.lock);
        }
        if (!block || !block->length[1]) {
            return block;
        }
        /* A page walk may have let others flush the cache. */
        stays = second_page_stays(cpu, block, context->mode);
        if (generation == atomic_load(&jit.generation)) {
            cpu->core->single |= !stays;
            return stays ? block : NULL;
        }
    }
}

/* Indirect branches of this CPU find it. */
static void remember(JitCpu *cpu, JitBlock *block)
{
    JitPageSet *pages = &cpu->core->current->jump_pages;

    if (block->ram && G_LIKELY(!log_enabled(LOG_NOCHAIN))) {
        cpu->jumps[jit_jump_index(block->pc)] =
            (JitJump){ block->pc ^ cpu->jump_salt, jit_host_way_in(block), block, block->context };
        jit_page_set_add(pages, block->pc >> JIT_PAGE_BITS);
        jit_page_set_add(pages, (block->end - 1) >> JIT_PAGE_BITS);
    }
}

/*
 * After a flush: does the TLB say again that the block's code is there? Where it does not know, a
 * walk may raise an exception, and is for others.
 */
static bool is_mapped(const JitCpu *cpu, const JitBlock *block)
{
    const JitTlbInfo *info = jit_tlb_known(cpu, block->pc, JIT_FETCH, block->mode);

    return info && info->readable && info->ram == block->ram && !block->length[1] &&
           (info->offset | (block->pc & ~JIT_PAGE_MASK)) == block->offset[0];
}

static JitBlock *find_jump(JitCpu *cpu, const JitContext *context)
{
    const JitJump *jump = &cpu->jumps[jit_jump_index(context->pc)];
    JitBlock *block = jump->block;

    if (!block || !is_at(block, context) || cpu->core->single) {
        return NULL;
    }
    if (jump->pc != (context->pc ^ cpu->jump_salt)) {
        if (!is_mapped(cpu, block)) {
            return NULL;
        }
        remember(cpu, block);
    }
    return block;
}

JitBlock *jit_block_known(JitCpu *cpu)
{
    JitContext context;

    cpu->arch->context(cpu, &context);
    return find_jump(cpu, &context);
}

JitBlock *jit_block_at(JitCpu *cpu, const JitContext *context)
{
    JitBlock *block = find_jump(cpu, context);

    if (block) {
        return block;
    }
    make_room(cpu);
    block = find_block(cpu, context);
    for (bool wait = vcpu_count() > 1; !block; wait = false) {
        block = translate(cpu, context, jit_tlb_fill(cpu, context->pc, JIT_FETCH, context->mode),
                          wait, false);
    }
    remember(cpu, block);
    return block;
}

/* The same where a block is hot. */
static JitBlock *trace_at(JitCpu *cpu, const JitContext *context)
{
    JitBlock *block;

    make_room(cpu);
    block = translate(cpu, context, jit_tlb_fill(cpu, context->pc, JIT_FETCH, context->mode),
                      vcpu_count() > 1, true);
    cpu->heat[jit_first_exit_index(context->pc)] = 0;
    if (!block) {
        return jit_block_at(cpu, context);
    }
    remember(cpu, block);
    return block;
}

/* ---- running ---- */

/* The next block, where the context may be taken as known. */
static JitBlock *follow(JitCpu *cpu, JitBlock *block, unsigned number)
{
    JitBlock *next = atomic_load_explicit(&block->exits[number].to, memory_order_acquire);
    unsigned generation = atomic_load_explicit(&jit.generation, memory_order_relaxed);
    JitContext context;

    if (next && !atomic_load_explicit(&next->gone, memory_order_relaxed)) {
        return next;
    }
    cpu->arch->context(cpu, &context);
    next = jit_block_at(cpu, &context);
    if (generation != atomic_load_explicit(&jit.generation, memory_order_relaxed)) {
        return next;    /* `block` is gone */
    }
    /* Other pages may be mapped elsewhere tomorrow; this one is what found the block. */
    if (!log_enabled(LOG_NOCHAIN) && next->ram && block->ram && !next->length[1] && !block->length[1] &&
        !((next->pc ^ block->pc) & JIT_PAGE_MASK) && next->flags == block->flags &&
        next->base == block->base && next->mode == block->mode) {
        g_mutex_lock(&jit.lock);
        jit_chain(block, number, next);
        g_mutex_unlock(&jit.lock);
    }
    return next;
}

/*
 * With -icount: the block, or what of it is within the budget, an instruction at a time. What the
 * host's code does itself is done here for the evaluator. NULL: the budget is used up.
 */
static JitBlock *within_budget(JitCpu *cpu, JitBlock *block)
{
    JitContext context;

    if (cpu->budget <= 0) {
        return NULL;
    }
    if (block->insns > cpu->budget) {
        cpu->core->single = true;
        cpu->arch->context(cpu, &context);
        block = jit_block_at(cpu, &context);
    }
    if (!block->code) {
        cpu->budget -= block->insns;
    }
    return block;
}

/* The evaluator counts as the host's code does. */
static JitEnd evaluate(JitCpu *cpu, const JitBlock *block, unsigned *number)
{
    uint16_t *heat = &cpu->heat[jit_heat_index(block->pc)];
    JitEnd end;

    if (!block->trace && block->ram && !jit.icount && !(*heat += JIT_HEAT_STEP)) {
        return JIT_END_HOT;
    }
    end = jit_evaluate(cpu, block, number);
    if (end == JIT_END_EXIT && jit_counts_exit(block, *number)) {
        cpu->heat[jit_first_exit_index(block->pc)] += JIT_HEAT_STEP;
    }
    return end;
}

/* Runs blocks one after the other until something wants attention. */
static void run_blocks(JitCpu *cpu)
{
    JitContext context;
    JitBlock *block;
    JitEnd end;
    unsigned number;

    cpu->arch->context(cpu, &context);
    block = jit_block_at(cpu, &context);
    for (;;) {
        if (G_UNLIKELY(jit.icount) && !(block = within_budget(cpu, block))) {
            return;
        }
        if (G_UNLIKELY(log_enabled(LOG_EXEC | LOG_CPU))) {
            jit_log_entered(cpu, block);
        }
        atomic_store_explicit(&cpu->core->in_block, true, memory_order_relaxed);
        end = block->code ? jit_host_run(cpu, block, &block, &number)
                          : evaluate(cpu, block, &number);
        atomic_store_explicit(&cpu->core->in_block, false, memory_order_relaxed);
        cpu->core->single = false;
        if (cpu->jumped_from) {
            uint64_t from = cpu->jumped_from;
            cpu->jumped_from = 0;
            cpu->arch->jumped(cpu, from);
        }
        if (end == JIT_END_LEAVE || G_UNLIKELY(cpu->core->pass) ||
            G_UNLIKELY(atomic_load_explicit(&cpu->attention, memory_order_relaxed))) {
            return;
        }
        if (end == JIT_END_EXIT) {
            block = follow(cpu, block, number);
        } else {
            cpu->arch->context(cpu, &context);
            block = end == JIT_END_HOT ? trace_at(cpu, &context) : jit_block_at(cpu, &context);
        }
    }
}

/* Between blocks. False: the CPU comes back to its thread's loop. */
static bool run_once(JitCpu *cpu)
{
    Vcpu *vcpu = &cpu->vcpu;
    bool stops, runs;

    if (atomic_exchange(&cpu->attention, false)) {
        jit_leave_guest(cpu);
        jit_enter_guest(cpu);
    }
    if ((G_UNLIKELY(cpu->debugged) && jit_debug_stops(cpu)) || vcpu_must_leave(vcpu)) {
        return false;
    }
    if ((G_UNLIKELY(jit.icount) && !jit_icount_between(cpu)) ||
        (G_UNLIKELY(jit.single_turns) && jit_turn_is_over())) {
        return false;
    }
    runs = cpu->arch->pending(cpu);
    stops = G_UNLIKELY(cpu->debugged) && jit_debug_stops(cpu);
    vcpu->cpu->halted = !runs;
    cpu->core->sleeping = !runs;
    if (G_UNLIKELY(jit.icount) && !runs && !stops) {
        jit_icount_idle(cpu);
        return jit_icount_has_turn(cpu);
    }
    if (!runs || stops) {
        return false;
    }
    if (G_UNLIKELY(cpu->debugged)) {
        jit_debug_before_block(cpu);
        run_blocks(cpu);
        jit_debug_after_block(cpu);
    } else {
        run_blocks(cpu);
    }
    return true;
}

void jit_run(Vcpu *vcpu)
{
    JitCpu *cpu = (JitCpu *)vcpu;

    if ((G_UNLIKELY(jit.icount) && !jit_icount_take_turn(cpu)) ||
        (G_UNLIKELY(jit.single_turns) && !jit_turn_take(cpu))) {
        return;
    }
    vcpu->cpu->halted = false;
    jit_enter_guest(cpu);
    /* Exceptions come back to here; everything that goes on lies in the CPU's state. */
    (void)sigsetjmp(cpu->unwind, 0);
    atomic_store(&cpu->core->in_block, false);
    if (cpu->core->in_code) {
        jit_host_float_save(cpu);
        cpu->core->in_code = false;
    }
    if (G_UNLIKELY(cpu->debugged)) {
        jit_debug_left(cpu);
    }
    while (run_once(cpu)) {
    }
    jit_leave_guest(cpu);
    if (G_UNLIKELY(jit.single_turns)) {
        jit_turn_release(cpu);
    }
}
