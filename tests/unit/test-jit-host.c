/* SPDX-License-Identifier: MIT */
/* The back end against the evaluator: random blocks leave the same state and the same memory. */
#include <string.h>

#include "accel/jit/host.h"
#include "base/lock.h"
#include "memory/space.h"

#define SLOTS 12
#define RAM_SIZE 0x4000ull
#define VECTORS 20      /* more than a host has registers */
#define VECTOR_BYTES 64

typedef struct TestCpu {
    JitCpu core;
    uint64_t wide[8];
    uint32_t half[2];
    uint16_t word;
    uint8_t byte;
    uint8_t extra[64] __attribute__((aligned(64)));
    uint8_t vectors[VECTORS * VECTOR_BYTES] __attribute__((aligned(64)));
} TestCpu;

#define SLOT(member) { #member, offsetof(TestCpu, member), sizeof(((TestCpu *)0)->member), 0 }
static const IrSlot slots[SLOTS] = {
    SLOT(wide[0]), SLOT(wide[1]), SLOT(wide[2]), SLOT(wide[3]), SLOT(wide[4]), SLOT(wide[5]),
    SLOT(wide[6]), SLOT(wide[7]), SLOT(half[0]), SLOT(half[1]), SLOT(word), SLOT(byte),
};

static bool walk(JitCpu *cpu, uint64_t address, JitAccess access, unsigned mode, bool probe,
                 JitPage *page)
{
    *page = (JitPage){ .physical = address & JIT_PAGE_MASK, .size = JIT_PAGE_SIZE,
                       .allowed = JIT_CAN_READ | JIT_CAN_WRITE | JIT_CAN_FETCH };
    return true;
}

static const JitArch arch = {
    .name = "test", .size = sizeof(TestCpu), .slots = slots, .slot_count = SLOTS, .mmu_modes = 1,
    .walk = walk,
};

static uint64_t mix(TestCpu *cpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    return (a ^ b * 3) + (c ^ d * 7);
}

static uint64_t change(TestCpu *cpu, uint64_t a)
{
    uint64_t old = cpu->wide[2];

    cpu->wide[2] = cpu->wide[3] + a;
    cpu->half[1] ^= (uint32_t)a;
    return old;
}

static uint64_t look(TestCpu *cpu)
{
    return cpu->wide[0] + cpu->wide[5] * 5 + cpu->half[0] + cpu->word + cpu->byte;
}

static uint64_t beside(TestCpu *cpu, uint64_t a, uint64_t b)
{
    cpu->extra[32] += (uint8_t)a;
    return b + cpu->extra[32];
}

static const IrHelper helpers[] = {
    IR_HELPER(mix, 4, IR_PURE), IR_HELPER(change, 1, 0), IR_HELPER(look, 0, IR_NO_WRITE),
    IR_HELPER(beside, 2, IR_NO_SLOTS),
};

/* ---- vectors ---- */

#define PARTS (imm >> 8) / 8

static void vector_add(void *cpu, void *d, const void *a, const void *b, uint32_t imm)
{
    uint64_t sum[4];
    for (unsigned i = 0; i < PARTS; i++) {
        sum[i] = ((const uint64_t *)a)[i] + ((const uint64_t *)b)[i];
    }
    memcpy(d, sum, imm >> 8);
}

static void vector_move(void *cpu, void *d, const void *a, const void *b, uint32_t imm)
{
    memmove(d, b, imm >> 8);
}

/* No host has it as an instruction. */
static void vector_mix(void *cpu, void *d, const void *a, const void *b, uint32_t imm)
{
    uint64_t mixed[4];
    for (unsigned i = 0; i < PARTS; i++) {
        mixed[i] = ((const uint64_t *)a)[i] * 3 + ((const uint64_t *)b)[i] + (imm & 0xff);
    }
    memcpy(d, mixed, imm >> 8);
}

static void vector_align(void *cpu, void *d, const void *a, const void *b, uint32_t imm)
{
    uint8_t bytes[32], out[32];
    for (unsigned part = 0; part < (imm >> 8) / 16; part++) {
        memcpy(bytes, (const uint8_t *)b + 16 * part, 16);
        memcpy(bytes + 16, (const uint8_t *)a + 16 * part, 16);
        for (unsigned i = 0; i < 16; i++) {
            out[16 * part + i] = (imm & 0xff) + i < 32 ? bytes[(imm & 0xff) + i] : 0;
        }
    }
    memcpy(d, out, imm >> 8);
}

static void vector_signs(void *cpu, void *d, const void *a, const void *b, uint32_t imm)
{
    uint64_t result = 0;
    for (unsigned i = 0; i < imm >> 8; i++) {
        result |= (uint64_t)(((const uint8_t *)b)[i] >> 7) << i;
    }
    *(uint64_t *)d = result;
}

static void vector_zero(void *cpu, void *d, const void *a, const void *b, uint32_t imm)
{
    uint64_t both = 0, only_b = 0;
    for (unsigned i = 0; i < PARTS; i++) {
        both |= ((const uint64_t *)a)[i] & ((const uint64_t *)b)[i];
        only_b |= ~((const uint64_t *)a)[i] & ((const uint64_t *)b)[i];
    }
    *(uint64_t *)d = (both ? 0 : 0x40) | (only_b ? 0 : 1);
}

static void vector_from(void *cpu, void *d, const void *a, const void *b, uint32_t imm)
{
    const double number = (double)*(const int32_t *)b;
    uint64_t high = ((const uint64_t *)a)[1];
    memcpy(d, &number, 8);
    ((uint64_t *)d)[1] = high;
}

static const IrVectorOp vector_ops[] = {
    { "paddq", vector_add, 1, 1, 0xd4, 0, IR_HOST_AVX2 },
    { "movaps", vector_move, 1, 0, 0x28, IR_VEX_TWO, IR_HOST_AVX },
    { "mix", vector_mix, 0, 0, 0, IR_VEX_IMM, 0 },
    { "palignr", vector_align, 3, 1, 0x0f, IR_VEX_IMM, IR_HOST_AVX2 },
    { "cvtsi2sd", vector_from, 1, 3, 0x2a, IR_VEX_INTEGER, IR_HOST_AVX }, /* 16 bytes only */
};
static const IrVectorOp vector_values[] = {
    { "pmovmskb", vector_signs, 1, 1, 0xd7, IR_VEX_TO_GENERAL, IR_HOST_AVX2 },
    { "ptest", vector_zero, 2, 1, 0x17, IR_VEX_TO_FLAGS, IR_HOST_AVX },
};

/* ---- random blocks ---- */

typedef struct Maker {
    IrBlock *ir;
    IrValue values[IR_MAX_OPS];
    unsigned count;
} Maker;

static IrValue any(Maker *m)
{
    if (!m->count || g_test_rand_int_range(0, 6) == 0) {
        static const uint64_t special[] = { 0, 1, 2, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x7fffffff,
                                            0x80000000, 0xffffffff, 0x7fffffffffffffff,
                                            0x8000000000000000, UINT64_MAX };
        return ir_const(m->ir, special[g_test_rand_int_range(0, G_N_ELEMENTS(special))]);
    }
    return m->values[g_test_rand_int_range(0, m->count)];
}

static void gave(Maker *m, IrValue value)
{
    m->values[m->count++] = value;
}

/* Inside of the RAM, also at odd places and across pages. */
static IrValue address(Maker *m)
{
    return ir_add_const(m->ir, IR_I64, ir_and_const(m->ir, IR_I64, any(m), RAM_SIZE / 2 - 1), 8);
}

/* Mostly where a vector starts, sometimes at its upper half. */
static uint32_t any_vector(void)
{
    return offsetof(TestCpu, vectors) + VECTOR_BYTES * g_test_rand_int_range(0, VECTORS) +
           (g_test_rand_int_range(0, 6) == 0 ? 16 : 0);
}

static void make_memory(Maker *m)
{
    static const unsigned sizes[] = { 1, 2, 4, 8 };
    unsigned size = sizes[g_test_rand_int_range(0, 4)];
    IrType type = g_test_rand_bit() ? IR_I32 : IR_I64;
    IrValue at = address(m);

    switch (g_test_rand_int_range(0, 6)) {
    case 0: case 1:
        gave(m, ir_load(m->ir, type, size, g_test_rand_bit() && size < 8 ? IR_SIGNED : 0, 0, at));
        break;
    case 2: case 3:
        ir_store(m->ir, size, 0, at, any(m));
        break;
    case 4:
        gave(m, ir_atomic(m->ir, g_test_rand_int_range(IR_ATOMIC_ADD, IR_ATOMIC_CMPXCHG + 1), size,
                          0, at, any(m), any(m)));
        break;
    default:
        if (g_test_rand_bit()) {
            ir_load_vector(m->ir, 4 << g_test_rand_int_range(0, 4), 0, 0, at, any_vector());
        } else {
            ir_store_vector(m->ir, 4 << g_test_rand_int_range(0, 4), 0, 0, at, any_vector());
        }
    }
}

/* The quotient fits: by is more than the high half, or what is divided is of its width. */
static void make_division(Maker *m)
{
    IrType type = g_test_rand_bit() ? IR_I32 : IR_I64;
    uint64_t top = type == IR_I32 ? 0x80000000 : 1ull << 63;
    IrValue low = any(m), one = ir_const(m->ir, 1),
            last = ir_const(m->ir, type == IR_I32 ? 31 : 63);

    if (g_test_rand_bit()) {
        gave(m, ir_divide(m->ir, IR_DIVU, type, low, ir_shr(m->ir, type, any(m), one),
                          ir_or(m->ir, type, any(m), ir_const(m->ir, top))));
    } else {
        gave(m, ir_divide(m->ir, IR_DIVS, type, low, ir_sar(m->ir, type, low, last),
                          ir_or(m->ir, type, ir_and(m->ir, type, any(m), ir_const(m->ir, top - 1)),
                                one)));
    }
}

static void make_vector(Maker *m)
{
    unsigned bytes = g_test_rand_bit() ? 16 : 32, imm = g_test_rand_int_range(0, 40);
    unsigned which = g_test_rand_int_range(0, G_N_ELEMENTS(vector_ops));
    uint32_t d = any_vector(), piece = g_test_rand_int_range(0, 4);

    switch (g_test_rand_int_range(0, 8)) {
    case 0:
        ir_vector_set(m->ir, d, any(m));
        break;
    case 1:
        gave(m, ir_vector_value(m->ir, &vector_values[g_test_rand_bit()], 0, bytes, any_vector(),
                                any_vector(), 0));
        break;
    case 2:
        gave(m, ir_state_load(m->ir, d + 8 * piece, 8, 0));
        break;
    case 3:
        ir_state_store(m->ir, d + 8 * piece, 4, any(m));
        break;
    default:
        bytes = which == 4 ? 16 : bytes;
        ir_vector(m->ir, &vector_ops[which], 0, bytes, d, any_vector(), any_vector(), imm);
        if (bytes == 16 && g_test_rand_bit()) {
            ir_zero_above(m->ir, d);
        }
    }
}

static void make_one(Maker *m)
{
    IrType type = g_test_rand_bit() ? IR_I32 : IR_I64;
    unsigned length = g_test_rand_int_range(1, 64);
    unsigned position = g_test_rand_int_range(0, 64 - length + 1);

    switch (g_test_rand_int_range(0, 17)) {
    case 0: case 1:
        gave(m, ir_get(m->ir, g_test_rand_int_range(0, SLOTS)));
        break;
    case 2: case 3:
        ir_put(m->ir, g_test_rand_int_range(0, SLOTS), any(m));
        break;
    case 4: case 5: case 6:
        gave(m,
             ir_binary(m->ir, g_test_rand_int_range(IR_ADD, IR_MULHS + 1), type, any(m), any(m)));
        break;
    case 7:
        gave(m, ir_unary(m->ir, g_test_rand_int_range(IR_NOT, IR_ZEXT32 + 1), type, any(m)));
        break;
    case 8:
        gave(m, g_test_rand_bit() ? ir_extract(m->ir, any(m), position, length)
                                  : ir_deposit(m->ir, any(m), any(m), position, length));
        break;
    case 9:
        gave(m, ir_setcc(m->ir, g_test_rand_int_range(0, IR_TEST_NE + 1), type, any(m), any(m)));
        break;
    case 10:
        gave(m, ir_select(m->ir, g_test_rand_int_range(0, IR_TEST_NE + 1), type, any(m), any(m),
                          any(m), any(m)));
        break;
    case 11:
        gave(m, ir_call(m->ir, &helpers[g_test_rand_int_range(0, G_N_ELEMENTS(helpers))], any(m),
                        any(m), any(m), any(m)));
        break;
    case 12:
        make_memory(m);
        break;
    case 13: case 14:
        make_vector(m);
        break;
    case 15:
        make_division(m);
        break;
    default:
        if (m->ir->exits < IR_MAX_EXITS - 2 && g_test_rand_int_range(0, 8) == 0) {
            ir_exit_if(m->ir, g_test_rand_int_range(0, IR_TEST_NE + 1), type, any(m), any(m),
                       0x100);
        } else if (g_test_rand_bit()) {
            gave(m, ir_state_load(m->ir, offsetof(TestCpu, extra) + 8, 4, IR_SIGNED));
        } else {
            ir_state_store(m->ir, offsetof(TestCpu, extra) + 16, 2, any(m));
        }
    }
}

static JitBlock *make_block(unsigned operations)
{
    g_autofree IrBlock *ir = g_new0(IrBlock, 1);
    g_autofree Maker *m = g_new0(Maker, 1);
    JitBlock *block;

    ir_block_init(ir, slots, SLOTS);
    m->ir = ir;
    while (operations--) {
        make_one(m);
    }
    ir_goto(ir, 0x200);
    ir_remove_dead(ir);
    block = jit_block_new(ir->exits);
    block->slots = slots;
    block->slot_count = SLOTS;
    block->count = ir->count;
    block->ops = g_memdup2(ir->ops, ir->count * sizeof(IrOp));
    return block;
}

/* ---- comparing ---- */

typedef struct Fixture {
    RamBlock *ram;
    MemoryRegion *region;
    AddressSpace *space;
    Cpu cpu;
    TestCpu *test;
} Fixture;

static void set_up(Fixture *f)
{
    g_autoptr(GError) error = NULL;

    machine_lock();
    f->ram = ram_block_new("jit-test", RAM_SIZE, NULL, &error);
    g_assert_no_error(error);
    dirty_log_start(f->ram, DIRTY_CODE, true);
    f->region = region_new_ram(NULL, "jit-test", f->ram);
    f->space = address_space_new("jit-test", f->region, 0xff);
    f->cpu.memory = f->cpu.io = f->space;
    f->test = memset(aligned_alloc(64, (sizeof(TestCpu) + 63) & ~63ul), 0, sizeof(TestCpu));
    f->test->core.arch = &arch;
    f->test->core.vcpu.cpu = &f->cpu;
    g_assert_true(jit_memory_create(&f->test->core, &error));
    jit.arch = &arch;
    jit_cache_init();
    machine_unlock();
}

static void tear_down(Fixture *f)
{
    machine_lock();
    jit_cache_release();
    jit_memory_destroy(&f->test->core);
    free(f->test);
    address_space_free(f->space);
    region_free(f->region);
    ram_block_free(f->ram);
    machine_unlock();
}

typedef struct Image {
    uint8_t state[sizeof(TestCpu) - sizeof(JitCpu)];
    uint8_t ram[RAM_SIZE];
} Image;

static void take(const Fixture *f, Image *image)
{
    memcpy(image->state, (uint8_t *)f->test + sizeof(JitCpu), sizeof(image->state));
    memcpy(image->ram, f->ram->host, RAM_SIZE);
}

static void give(Fixture *f, const Image *image)
{
    memcpy((uint8_t *)f->test + sizeof(JitCpu), image->state, sizeof(image->state));
    memcpy(f->ram->host, image->ram, RAM_SIZE);
    memset(f->test->core.heat, 0, sizeof(f->test->core.heat));
}

static void compare(Fixture *f, JitBlock *block)
{
    g_autofree Image *before = g_new(Image, 1), *by_host = g_new(Image, 1),
                     *by_evaluator = g_new(Image, 1);
    unsigned number = 99, expected = 98;
    JitBlock *last = block;

    for (unsigned i = 0; i < sizeof(*before); i++) {
        ((uint8_t *)before)[i] = g_test_rand_int_range(0, 256);
    }
    give(f, before);
    g_assert_cmpint(jit_evaluate(&f->test->core, block, &expected), ==, JIT_END_EXIT);
    take(f, by_evaluator);
    give(f, before);
    g_assert_cmpint(jit_host_run(&f->test->core, block, &last, &number), ==, JIT_END_EXIT);
    take(f, by_host);
    if (number != expected || last != block || memcmp(by_host, by_evaluator, sizeof(*by_host))) {
        IrBlock *ir = g_new0(IrBlock, 1);
        g_autoptr(GString) text = g_string_new(NULL);
        memcpy(ir->ops, block->ops, block->count * sizeof(IrOp));
        ir->count = block->count;
        ir->slots = slots;
        ir_print(ir, text);
        for (unsigned i = 0; i < SLOTS; i++) {
            uint64_t here = 0, there = 0;
            unsigned at = slots[i].offset - sizeof(JitCpu);
            memcpy(&here, by_host->state + at, slots[i].size);
            memcpy(&there, by_evaluator->state + at, slots[i].size);
            if (here != there) {
                g_string_append_printf(text, "%s: host 0x%" PRIx64 ", evaluator 0x%" PRIx64 "\n",
                                       slots[i].name, here, there);
            }
        }
        for (unsigned i = 0; i < VECTORS * VECTOR_BYTES / 8; i++) {
            const size_t at = offsetof(TestCpu, vectors) - sizeof(JitCpu);
            uint64_t here = ((const uint64_t *)(by_host->state + at))[i];
            uint64_t there = ((const uint64_t *)(by_evaluator->state + at))[i];
            if (here != there) {
                g_string_append_printf(text, "+%zu: host 0x%" PRIx64 ", evaluator 0x%" PRIx64 "\n",
                                       offsetof(TestCpu, vectors) + 8 * i, here, there);
            }
        }
        g_error("exit %u by the host, %u by the evaluator:\n%s", number, expected, text->str);
    }
}

static void test_random(void)
{
    g_autoptr(GError) error = NULL;
    Fixture f = { 0 };

    if (!jit_host_init(16 << 20, &error)) {
        g_test_skip(error->message);
        return;
    }
    set_up(&f);
    for (unsigned i = 0; i < 3000; i++) {
        JitBlock *block = make_block(g_test_rand_int_range(1, i < 1500 ? 30 : 400));
        if (jit_host_is_full()) {
            jit_host_flush();
        }
        jit_host_compile(block);
        if (block->code) {
            compare(&f, block);
        }
        g_assert_nonnull(block->code);
        jit_block_free(block);
    }
    tear_down(&f);
    jit_host_release();
}

/* How often a block is entered before its code says that it is hot; 0: it never does. */
static unsigned entries_until_hot(Fixture *f, JitBlock *block)
{
    JitBlock *last = block;
    unsigned number;

    for (unsigned i = 0; i < 3 * JIT_HOT; i++) {
        if (jit_host_run(&f->test->core, block, &last, &number) == JIT_END_HOT) {
            return i + 1;
        }
    }
    return 0;
}

static void test_hot(void)
{
    g_autoptr(GError) error = NULL;
    Fixture f = { 0 };

    if (!jit_host_init(1 << 20, &error)) {
        g_test_skip(error->message);
        return;
    }
    set_up(&f);
    for (unsigned trace = 0; trace < 2; trace++) {
        JitBlock *block = make_block(5);
        block->trace = trace;
        jit_host_compile(block);
        g_assert_nonnull(block->code);
        g_assert_cmpuint(entries_until_hot(&f, block), ==, trace ? 0 : JIT_HOT);
        g_assert_cmpuint(entries_until_hot(&f, block), ==, trace ? 0 : JIT_HOT);
        jit_block_free(block);
    }
    tear_down(&f);
    jit_host_release();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/jit-host/random", test_random);
    g_test_add_func("/jit-host/hot", test_hot);
    return g_test_run();
}
