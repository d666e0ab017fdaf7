/* SPDX-License-Identifier: MIT */
/* The back end for x86-64 hosts: code memory, blocks, the ways in and out. */
#include "accel/jit/host.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xmmintrin.h>

#include "accel/jit/host-x86_64.h"
#include "base/error.h"
#include "base/pages.h"

#define HOT_BYTES 0x10000
#define COLD_BYTES 0x10000
/* Of the code between blocks and a function that they call. */
#define CALL_BYTES 48
#define ROOM_LEFT (HOT_BYTES + COLD_BYTES + IR_MAX_OPS * CALL_BYTES)
#define CODE_ALIGN 16

static struct {
    uint8_t *write, *run;    /* the same memory */
    /* Hot code lies one behind the other from the start up, cold code from the end down. */
    size_t size, used, fixed; /* `fixed`: the entry and the ways out */
    size_t cold;             /* where cold code begins */
    size_t huge;             /* up to where huge pages have been asked for */
    size_t epilogue;         /* gives RAX */
    size_t way_out[RETURNS]; /* … these */
    GHashTable *calls;       /* by call_key(): where, as offsets, functions are called from */
    uint32_t features;       /* IR_HOST_* */
} code;

/* ---- ways out ---- */

void gen_fix(Gen *g, unsigned at, Part in, unsigned to, Part into)
{
    if (g->fixup_count == G_N_ELEMENTS(g->fixups)) {
        g->failed = true;
        return;
    }
    g->fixups[g->fixup_count++] = (Fixup){ at, to, in, into };
}

void gen_fix_return(Gen *g, unsigned at, Part in, unsigned what)
{
    gen_fix(g, at, in, code.way_out[what], PART_SHARED);
}

void gen_exit(Gen *g, Asm *a, unsigned number)
{
    /* The displacement is changed while it may be executed, so it lies in one aligned word. */
    while ((a->length + 1) % 4) {
        asm_byte(a, 0x90);
    }
    g->exits[number].hot = a == &g->hot;
    g->exits[number].jump = asm_jmp(a);
    g->exits[number].stub = g->cold.length;
    gen_fix(g, g->exits[number].jump, a == &g->hot ? PART_HOT : PART_COLD, g->cold.length, PART_COLD);
    asm_mov_imm(&g->cold, RAX, (uintptr_t)&g->block->exits[number]);
    gen_fix(g, asm_jmp(&g->cold), PART_COLD, code.epilogue, PART_SHARED);
}

/* ---- calls ---- */

/* Pointers of programs leave the upper bits. */
static gpointer call_key(const void *function, unsigned size, unsigned mode)
{
    return (gpointer)((uintptr_t)function | (uintptr_t)size << 48 | (uintptr_t)mode << 56);
}

/*
 * Functions lie too far away for a call of 5 bytes, and want the CPU as their first argument,
 * so blocks call code that lies among them and does the rest. With clean upper halves, as code
 * without VEX wants them.
 */
static unsigned call_of(const void *function, unsigned size, unsigned mode)
{
    gpointer key = call_key(function, size, mode);
    gpointer known = g_hash_table_lookup(code.calls, key);
    Asm a = { .code = code.write + code.used, .size = CALL_BYTES, .middle = jit.arch->middle };
    unsigned at = code.used;

    if (known) {
        return GPOINTER_TO_UINT(known);
    }
    asm_rm(&a, true, 0x8d, RDI, RBP, 0);
    if (size) {
        asm_mov_imm(&a, RDX, size);
        asm_mov_imm(&a, RCX, mode);
    }
    asm_bytes(&a, 0x77f8c5, 3);     /* VZEROUPPER */
    asm_mov_imm(&a, RAX, (uintptr_t)function);
    asm_byte(&a, 0xff);
    asm_register(&a, 4, RAX);
    code.used += (a.length + CODE_ALIGN - 1) & ~(size_t)(CODE_ALIGN - 1);
    jit_perf_map_add(code.run + at, a.length, "jit:call");
    g_hash_table_insert(code.calls, key, GUINT_TO_POINTER(at));
    return at;
}

static void emit_call(Gen *g, Asm *a, unsigned to)
{
    asm_byte(a, 0xe8);
    asm_bytes(a, 0, 4);
    gen_fix(g, a->length - 4, a == &g->hot ? PART_HOT : PART_COLD, to, PART_SHARED);
}

void gen_call(Gen *g, Asm *a, const void *function)
{
    emit_call(g, a, call_of(function, 0, 0));
}

void gen_call_access(Gen *g, Asm *a, const void *function, const IrOp *op)
{
    emit_call(g, a, call_of(function, op->size, op->mode));
}

/* ---- a block ---- */

static void find_last_uses(Gen *g)
{
    for (unsigned i = 0; i < g->block->count; i++) {
        const IrOp *op = &g->ops[i];
        const IrValue args[4] = { op->a, op->b, op->c, op->d };
        g->place[i] = (Place){ .reg = NO_REG, .home = NO_SLOT, .spill = NO_SPILL };
        for (unsigned n = 0; n < ir_arg_count(op); n++) {
            /* IR_PUT's own use ends when the slot's does. */
            g->place[args[n]].last = i;
        }
    }
}

/* add or sub `insns`, cpu->budget */
static void emit_budget(Asm *a, unsigned alu, unsigned insns)
{
    asm_bytes(a, 0x8348, 2);
    asm_byte(a, 0x80 | alu << 3 | RBP);
    asm_bytes(a, offsetof(JitCpu, budget) - a->middle, 4);
    asm_byte(a, insns);
}

/* With -icount: takes the block's instructions from the budget, or does not begin. */
static void emit_count(Gen *g)
{
    unsigned insns = g->block->insns;

    g_assert(insns < 128);
    emit_budget(&g->hot, ALU_SUB, insns);
    gen_fix(g, asm_jcc(&g->hot, CC_S), PART_HOT, g->cold.length, PART_COLD);
    emit_budget(&g->cold, ALU_ADD, insns);
    gen_fix_return(g, asm_jmp(&g->cold), PART_COLD, RETURN_LEAVE);
}

void gen_count_heat(Asm *a, unsigned index)
{
    asm_bytes(a, 0x8366, 2);    /* ADD WORD PTR */
    asm_byte(a, 0x80 | ALU_ADD << 3 | RBP);
    asm_bytes(a, offsetof(JitCpu, heat) + index * sizeof(uint16_t) - a->middle, 4);
    asm_byte(a, JIT_HEAT_STEP);
}

/* Tells the loop once the block was entered so often that a trace is worth while. */
static void emit_heat(Gen *g)
{
    gen_count_heat(&g->hot, jit_heat_index(g->block->pc));
    gen_fix_return(g, asm_jcc(&g->hot, CC_B), PART_HOT, RETURN_HOT);
}

static void emit_block(Gen *g)
{
    /* Somebody may want the CPU. Seven bytes, since jit_host_close() replaces this instruction. */
    asm_byte(&g->hot, 0x80);
    asm_byte(&g->hot, 0x80 | ALU_CMP << 3 | RBP);
    asm_bytes(&g->hot, offsetof(JitCpu, attention) - g->hot.middle, 4);
    asm_byte(&g->hot, 0);
    gen_fix_return(g, asm_jcc(&g->hot, CC_NE), PART_HOT, RETURN_LEAVE);
    if (jit.icount) {
        emit_count(g);
    } else if (!g->block->trace) {
        emit_heat(g);
    }
    for (unsigned i = 0; i < g->block->count && !g->failed; i++) {
        const IrOp *op = &g->ops[i];
        const IrValue args[4] = { op->a, op->b, op->c, op->d };
        g->at = i;
        g->locked = 0;
        gen_operation(g, op);
        for (unsigned n = 0; n < ir_arg_count(op); n++) {
            gen_free_dead(g, args[n]);
        }
        if (ir_has_value(op)) {
            gen_free_dead(g, i);
        }
    }
}

/* `hot` and `cold`: where they lie in code memory. */
static void apply_fixups(Gen *g, size_t hot, size_t cold)
{
    const size_t begins[] = { [PART_HOT] = hot, [PART_COLD] = cold, [PART_SHARED] = 0 };

    for (unsigned i = 0; i < g->fixup_count; i++) {
        const Fixup *f = &g->fixups[i];
        size_t place = f->at + begins[f->in], target = f->to + begins[f->into];
        int32_t distance = (int32_t)((int64_t)target - (int64_t)(place + 4));
        memcpy(code.write + place, &distance, sizeof(distance));
    }
}

/*
 * Huge pages for hot code up to `end`: by itself, a kernel makes none of shared memory, as a rule.
 * Cold code, which seldom runs, does without.
 */
static void provide_huge_pages(size_t end)
{
    while (code.huge < end && code.cold >= code.huge + HUGE_PAGE_SIZE) {
        volatile uint8_t *first = code.write + code.huge;
        *first = *first;            /* there has to be a page that becomes huge */
        if (!pages_make_huge(code.write + code.huge) || !pages_make_huge(code.run + code.huge)) {
            code.huge = code.size;
            return;
        }
        code.huge += HUGE_PAGE_SIZE;
    }
}

JitHostCode jit_host_compile(JitBlock *block)
{
    static Gen *g;
    static uint8_t *hot, *cold;
    size_t at, cold_at;

    if (!code.write || jit_host_is_full()) {
        return (JitHostCode){ 0 };
    }
    if (!g) {
        g = g_new(Gen, 1);
        hot = g_malloc(HOT_BYTES);
        cold = g_malloc(COLD_BYTES);
    }
    memset(g, 0, offsetof(Gen, place));
    g->hot = (Asm){ .code = hot, .size = HOT_BYTES, .middle = jit.arch->middle };
    g->cold = (Asm){ .code = cold, .size = COLD_BYTES, .middle = jit.arch->middle };
    g->host = code.features;
    g->block = block;
    g->ops = block->ops;
    find_last_uses(g);
    emit_block(g);
    if (g->failed || g->hot.full || g->cold.full) {
        return (JitHostCode){ 0 };
    }
    at = code.used;
    cold_at = (code.cold - g->cold.length) & ~(size_t)(CODE_ALIGN - 1);
    provide_huge_pages(at + g->hot.length);
    memcpy(code.write + at, g->hot.code, g->hot.length);
    memcpy(code.write + cold_at, g->cold.code, g->cold.length);
    apply_fixups(g, at, cold_at);
    for (unsigned n = 0; n < block->exit_count; n++) {
        if (g->exits[n].jump) {
            block->exits[n].jump = (g->exits[n].hot ? at : cold_at) + g->exits[n].jump;
            block->exits[n].stub = cold_at + g->exits[n].stub;
            block->exits[n].from = block;
        }
    }
    block->code = code.run + at;
    code.used = (at + g->hot.length + CODE_ALIGN - 1) & ~(size_t)(CODE_ALIGN - 1);
    code.cold = cold_at;
    return (JitHostCode){ block->code, code.run + cold_at, g->hot.length, g->cold.length };
}

void jit_host_link(JitBlock *from, unsigned number, JitBlock *to)
{
    const JitExit *exit = &from->exits[number];
    int64_t target;

    if (!from->code || !exit->jump || (to && !to->code)) {
        return;
    }
    target = to ? (const uint8_t *)to->code - code.run : (int64_t)exit->stub;
    __atomic_store_n((int32_t *)(code.write + exit->jump), (int32_t)(target - (exit->jump + 4)),
                     __ATOMIC_RELEASE);
}

void jit_host_close(JitBlock *block)
{
    uint8_t *at;
    uint64_t word;
    int32_t distance;

    if (!block->code) {
        return;
    }
    /* A jump over the first instruction, in one write: nobody is between its bytes. */
    at = code.write + ((const uint8_t *)block->code - code.run);
    distance = (int32_t)((int64_t)code.way_out[RETURN_INDIRECT] - (at + 5 - code.write));
    word = *(uint64_t *)(void *)at & 0xffffff0000000000;
    word |= 0xe9 | (uint64_t)(uint32_t)distance << 8;
    __atomic_store_n((uint64_t *)(void *)at, word, __ATOMIC_RELEASE);
}

const void *jit_host_way_in(const JitBlock *block)
{
    return block->code ? block->code : code.run ? code.run + code.way_out[RETURN_INDIRECT] : NULL;
}

const void *gen_way_on(JitCpu *cpu)
{
    const JitBlock *block = jit_block_known(cpu);

    return block && block->code ? block->code : code.run + code.way_out[RETURN_INDIRECT];
}

/* ---- entry and memory ---- */

static const int8_t kept[] = { RBX, RBP, R12, R13, R14, R15 };

/* entry(middle of the state, code): saves what the ABI says, and jumps; the epilogue returns RAX. */
static void emit_entry(void)
{
    Asm a = { .code = code.write, .size = 256 };

    asm_bytes(&a, 0xfa1e0ff3, 4);   /* ENDBR64 */
    for (unsigned i = 0; i < G_N_ELEMENTS(kept); i++) {
        asm_rex(&a, false, 0, 0, kept[i], false);
        asm_byte(&a, 0x50 | (kept[i] & 7));
    }
    asm_alu_imm(&a, true, ALU_SUB, RSP, FRAME);
    asm_mov_rr(&a, RBP, RDI);
    asm_byte(&a, 0xff);
    asm_register(&a, 4, RSI);
    code.epilogue = a.length;
    asm_bytes(&a, 0x77f8c5, 3);     /* VZEROUPPER */
    asm_alu_imm(&a, true, ALU_ADD, RSP, FRAME);
    for (unsigned i = G_N_ELEMENTS(kept); i-- > 0;) {
        asm_rex(&a, false, 0, 0, kept[i], false);
        asm_byte(&a, 0x58 | (kept[i] & 7));
    }
    asm_byte(&a, 0xc3);
    for (unsigned what = 0; what < RETURNS; what++) {
        code.way_out[what] = a.length;
        asm_mov_imm(&a, RAX, what);
        unsigned jump = asm_jmp(&a);
        int32_t distance = (int32_t)(code.epilogue - (jump + 4));
        memcpy(a.code + jump, &distance, sizeof(distance));
    }
    code.fixed = code.used = (a.length + CODE_ALIGN - 1) & ~(CODE_ALIGN - 1);
}

static bool host_has_all(GError **error)
{
    unsigned eax, ebx, ecx, edx;

    __builtin_cpu_init();
    if (!__builtin_cpu_supports("popcnt") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("avx") ||
        !__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) || !(ecx & bit_LZCNT) ||
        !(ecx & bit_LAHF_LM)) {
        error_set(error, ERROR_FAILED, "the host's CPU has no POPCNT, LZCNT, BMI1, AVX or LAHF");
        return false;
    }
    __cpuid(1, eax, ebx, ecx, edx);
    code.features = IR_HOST_AVX | (ecx & bit_FMA ? IR_HOST_FMA : 0) |
                    (ecx & bit_AES ? IR_HOST_AES : 0) |
                    (ecx & bit_PCLMUL ? IR_HOST_PCLMUL : 0) |
                    (ecx & bit_F16C ? IR_HOST_F16C : 0) |
                    (__builtin_cpu_supports("avx2") ? IR_HOST_AVX2 : 0);
    return true;
}

bool jit_host_init(size_t bytes, GError **error)
{
    int fd, number;

    if (!host_has_all(error)) {
        return false;
    }
    fd = memfd_create("vmm-jit", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, bytes) < 0) {
        error_set_errno(error, errno, "cannot make code memory");
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    code.write = pages_map(bytes, 0, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    code.run = pages_map(bytes, 0, PROT_READ | PROT_EXEC, MAP_SHARED, fd);
    number = errno;
    close(fd);
    code.size = code.cold = bytes;
    code.huge = 0;
    code.calls = g_hash_table_new(NULL, NULL);
    if (code.write == MAP_FAILED || code.run == MAP_FAILED) {
        error_set_errno(error, number, "cannot map code memory");
        jit_host_release();
        return false;
    }
    emit_entry();
    return true;
}

void jit_host_release(void)
{
    if (code.write && code.write != MAP_FAILED) {
        munmap(code.write, code.size);
    }
    if (code.run && code.run != MAP_FAILED) {
        munmap(code.run, code.size);
    }
    code.write = code.run = NULL;
    g_clear_pointer(&code.calls, g_hash_table_unref);
}

void jit_host_flush(void)
{
    code.used = code.fixed;
    code.cold = code.size;
    if (code.calls) {
        g_hash_table_remove_all(code.calls);
    }
}

size_t jit_host_shared(const void **address)
{
    *address = code.run;
    return code.write ? code.fixed : 0;
}

size_t jit_host_used(size_t *size)
{
    *size = code.write ? code.size - code.fixed : 0;
    return code.write ? code.used - code.fixed + code.size - code.cold : 0;
}

bool jit_host_is_full(void)
{
    return code.write && code.cold - code.used < ROOM_LEFT;
}

#define MXCSR_FLAGS 0x3fu
#define MXCSR_MASKS 0x1f80u
#define MXCSR_MODES 0xe040u      /* rounding, denormals */

static uint32_t *mxcsr_of(JitCpu *cpu)
{
    return (uint32_t *)(void *)((uint8_t *)cpu + cpu->arch->mxcsr);
}

/* Exact arithmetic neither needs the guest's MXCSR nor is to be disturbed by it. */
static bool has_guest_mxcsr(const JitCpu *cpu)
{
    return cpu->arch->mxcsr && !jit.exact_float;
}

void jit_host_float_load(JitCpu *cpu)
{
    if (has_guest_mxcsr(cpu)) {
        _mm_setcsr((*mxcsr_of(cpu) & MXCSR_MODES) | MXCSR_MASKS);
    }
}

void jit_host_float_save(JitCpu *cpu)
{
    if (has_guest_mxcsr(cpu)) {
        *mxcsr_of(cpu) |= _mm_getcsr() & MXCSR_FLAGS;
        _mm_setcsr(MXCSR_MASKS);
    }
}

JitEnd jit_host_run(JitCpu *cpu, JitBlock *block, JitBlock **last, unsigned *number)
{
    typedef uint64_t (*Entry)(void *, const void *);
    uint64_t end;

    cpu->core->in_code = true;
    jit_host_float_load(cpu);
    end = ((Entry)(void *)code.run)((uint8_t *)cpu + cpu->arch->middle, block->code);
    jit_host_float_save(cpu);
    cpu->core->in_code = false;
    if (end == RETURN_LEAVE) {
        return JIT_END_LEAVE;
    }
    if (end == RETURN_INDIRECT) {
        return JIT_END_INDIRECT;
    }
    if (end == RETURN_HOT) {
        return JIT_END_HOT;
    }
    const JitExit *exit = (const JitExit *)(uintptr_t)end;
    *last = exit->from;
    *number = exit - exit->from->exits;
    return JIT_END_EXIT;
}

#else

bool jit_host_init(size_t bytes, GError **error)
{
    error_set(error, ERROR_FAILED, "there is no back end for this host");
    return false;
}

void jit_host_release(void) {}
void jit_host_flush(void) {}
bool jit_host_is_full(void) { return false; }
size_t jit_host_used(size_t *size) { return *size = 0; }
JitHostCode jit_host_compile(JitBlock *block) { return (JitHostCode){ 0 }; }
size_t jit_host_shared(const void **address) { return 0; }
void jit_host_link(JitBlock *from, unsigned number, JitBlock *to) {}
void jit_host_close(JitBlock *block) {}
void jit_host_float_load(JitCpu *cpu) {}
void jit_host_float_save(JitCpu *cpu) {}

const void *jit_host_way_in(const JitBlock *block)
{
    return NULL;
}

JitEnd jit_host_run(JitCpu *cpu, JitBlock *block, JitBlock **last, unsigned *number)
{
    g_assert_not_reached();
}
#endif
