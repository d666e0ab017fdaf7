/* SPDX-License-Identifier: MIT */
/*
 * What the x86 guest's SIMD instructions compute, against the host's own instructions: each row's
 * function, and the one that does floating point in software, with random operands and the row's
 * VEX encoding in an executable page must agree on the result, on MXCSR's flags and on what is
 * raised. Approximations in software are as near as the SDM asks for. Other hosts come to what
 * was so compared.
 */
#include "tests/unit/jit-alone.h"

#include <math.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

/* What came of an instruction. */
typedef struct Outcome {
    X86Vector d;
    uint32_t flags;     /* MXCSR's */
    bool raised;
} Outcome;

static void by_function(const IrVectorOp *op, const X86Vector *a, const X86Vector *b, uint32_t imm,
                        uint32_t mxcsr, Outcome *outcome)
{
    cpu->mxcsr = mxcsr;
    outcome->raised = true;
    if (!setjmp(raise_buffer)) {
        op->function(cpu, &outcome->d, a, b, imm);
        outcome->raised = false;
    }
    outcome->flags = cpu->mxcsr & 0x3f;
}

/* Half of the time all exceptions are masked. */
static uint32_t random_mxcsr(void)
{
    uint32_t masks = next_random() & 1 ? 0x1f80 : next_random() & 0x1f80;
    return masks | (next_random() & 0xe040);
}

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>

/* ---- the host's instructions ---- */

static const char *const only_128[] = {
    "movq", "movss", "movsd", "movhlps", "movlhps", "insertps", "phminposuw", "dppd", "aesimc",
    "aesenc", "aesenclast", "aesdec", "aesdeclast", "aeskeygenassist", "pclmulqdq",
};
static const char *const only_256[] = {
    "vbroadcastsd", "vpermps", "vpermd", "vpermq", "vpermpd", "vperm2i128", "vperm2f128",
    "vinsertf128", "vinserti128",
};

static bool is_one_of(const char *name, const char *const *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!strcmp(name, list[i])) {
            return true;
        }
    }
    return false;
}

static bool is_scalar(const IrVectorOp *op)
{
    if (op->flags & (IR_VEX_INTEGER | IR_VEX_TO_GENERAL | IR_VEX_TO_FLAGS)) {
        return op->vex_map == 1 && !strstr(op->name, "movmsk");
    }
    return (op->flags & IR_VEX_MXCSR || op->name[0] == 'r')
           && (g_str_has_suffix(op->name, "ss") || g_str_has_suffix(op->name, "sd"));
}

static bool can_be(const IrVectorOp *op, unsigned bytes)
{
    if (bytes == 16) {
        return !is_one_of(op->name, only_256, G_N_ELEMENTS(only_256));
    }
    return !is_one_of(op->name, only_128, G_N_ELEMENTS(only_128)) && !is_scalar(op);
}

/* Older compilers do not know the name. */
static bool host_has_f16c(void)
{
    unsigned a, b, c, d;

    return __get_cpuid(1, &a, &b, &c, &d) && c >> 29 & 1;
}

static bool host_has(uint32_t host)
{
    return (!(host & IR_HOST_AVX) || __builtin_cpu_supports("avx"))
           && (!(host & IR_HOST_AVX2) || __builtin_cpu_supports("avx2"))
           && (!(host & IR_HOST_FMA) || __builtin_cpu_supports("fma"))
           && (!(host & IR_HOST_AES) || __builtin_cpu_supports("aes"))
           && (!(host & IR_HOST_PCLMUL) || __builtin_cpu_supports("pclmul"))
           && (!(host & IR_HOST_F16C) || host_has_f16c())
           && (!host || __builtin_cpu_supports("avx"));
}

typedef void (*HostCode)(void *d, const void *a, const void *b);

/* Loads YMM0 … 2 from d, a, b; does the bytes; stores YMM0 to d, or what `ending` stores. */
static void emit(uint8_t *page, const uint8_t *bytes, unsigned count, const char *ending)
{
    static const uint8_t before[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0xc5, 0xfe, 0x6f, 0x07,
                                      0xc5, 0xfe, 0x6f, 0x0e, 0xc5, 0xfe, 0x6f, 0x12 };
    static const uint8_t after[] = { 0xc5, 0xf8, 0x77, 0xc3 };  /* VZEROUPPER; RET */
    unsigned length = strlen(ending);
    g_assert_cmpint(mprotect(page, 4096, PROT_READ | PROT_WRITE), ==, 0);
    memcpy(page, before, sizeof(before));
    memcpy(page + sizeof(before), bytes, count);
    memcpy(page + sizeof(before) + count, ending, length);
    memcpy(page + sizeof(before) + count + length, after, sizeof(after));
    g_assert_cmpint(mprotect(page, 4096, PROT_READ | PROT_EXEC), ==, 0);
}

static void emit_row(uint8_t *page, const IrVectorOp *op, unsigned bytes, uint8_t imm)
{
    bool value = op->flags & (IR_VEX_TO_GENERAL | IR_VEX_TO_FLAGS);
    unsigned vvvv = op->flags & IR_VEX_TWO || value ? 0 : 1;
    unsigned reg = op->flags & IR_VEX_TO_FLAGS ? 1 : 0;
    uint8_t code[6] = {
        0xc4, 0xe0 | op->vex_map,
        (op->flags & IR_VEX_W ? 0x80 : 0) | (~vvvv & 15) << 3 | (bytes == 32 ? 4 : 0)
            | op->vex_prefix,
        op->vex_opcode, op->flags & IR_VEX_INTEGER ? 0x02 : 0xc0 | reg << 3 | 2, imm,
    };
    emit(page, code, op->flags & IR_VEX_IMM ? 6 : 5,
         op->flags & IR_VEX_TO_GENERAL ? "\x48\x89\x07"       /* MOV [RDI], RAX */
         : op->flags & IR_VEX_TO_FLAGS ? "\x9c\x8f\x07"       /* PUSHF; POP [RDI] */
                                       : "\xc5\xfe\x7f\x07"); /* VMOVDQU [RDI], YMM0 */
}

/* Of how many bytes the result consists. */
static unsigned result_bytes(const IrVectorOp *op, unsigned bytes)
{
    return op->flags & (IR_VEX_TO_GENERAL | IR_VEX_TO_FLAGS) ? 8 : bytes;
}

static sigjmp_buf fault_buffer;
static volatile uint32_t fault_mxcsr;

static void on_fault(int number, siginfo_t *info, void *context)
{
    fault_mxcsr = ((ucontext_t *)context)->uc_mcontext.fpregs->mxcsr;
    siglongjmp(fault_buffer, 1);
}

static void by_host(HostCode code, const X86Vector *a, const X86Vector *b, uint32_t mxcsr,
                    Outcome *outcome)
{
    uint32_t saved = _mm_getcsr();
    outcome->raised = false;
    if (sigsetjmp(fault_buffer, 1)) {
        outcome->raised = true;
        outcome->flags = fault_mxcsr & 0x3f;
    } else {
        _mm_setcsr(mxcsr);
        code(&outcome->d, a, b);
        outcome->flags = _mm_getcsr() & 0x3f;
    }
    _mm_setcsr(saved);
}

static void print_difference(const IrVectorOp *op, uint32_t imm, uint32_t mxcsr,
                             const X86Vector *d, const X86Vector *a, const X86Vector *b,
                             const Outcome *host, const Outcome *ours)
{
    static const char *const names[] = { "d", "a", "b", "host", "ours" };
    const X86Vector *vectors[] = { d, a, b, &host->d, &ours->d };
    g_printerr("%s.%u%s imm %02x mxcsr %04x: host flags %02x%s, ours %02x%s\n", op->name, imm >> 8,
               op == x86_vector_exact_op(op) ? "" : " by the host", imm & 0xff, mxcsr, host->flags,
               host->raised ? " raised" : "", ours->flags, ours->raised ? " raised" : "");
    for (unsigned i = 0; i < 5; i++) {
        g_printerr("%5s", names[i]);
        for (unsigned j = (imm >> 8) / 4; j-- > 0;) {
            g_printerr(" %08x", vectors[i]->u32[j]);
        }
        g_printerr("\n");
    }
}

/* Each is wrong by 1.5 * 2^-12 at most: SDM volume 2, RCPPS. What is not finite, or 0, is equal. */
static bool are_near(float x, float y)
{
    if (!isfinite(x) || !isfinite(y) || !x || !y) {
        return !memcmp(&x, &y, sizeof(x));
    }
    return signbit(x) == signbit(y) && fabsf(x - y) <= 3 * 0x1p-12f * fabsf(x);
}

static bool is_approximate(const IrVectorOp *op)
{
    return g_str_has_prefix(op->name, "rcp") || g_str_has_prefix(op->name, "rsqrt");
}

static bool agrees(const IrVectorOp *op, bool exact, unsigned written, const Outcome *host,
                   const Outcome *ours)
{
    bool same = host->flags == ours->flags && host->raised == ours->raised;
    if (!exact || !is_approximate(op)) {
        return same && !memcmp(&host->d, &ours->d, written);
    }
    for (unsigned i = 0; i < written / 4; i++) {
        same &= are_near(host->d.f32[i], ours->d.f32[i]);
    }
    return same;
}

static bool row_agrees(const IrVectorOp *op, unsigned bytes, uint8_t *page)
{
    unsigned rounds = g_test_slow() ? 100000 : 600, written = result_bytes(op, bytes);
    const IrVectorOp *ways[] = { op, x86_vector_exact_op(op) };
    uint8_t imm = 0;
    for (unsigned i = 0; i < rounds; i++) {
        X86Vector d, a, b;
        Outcome host, ours;
        if (i == 0 || (op->flags & IR_VEX_IMM && i % 4 == 0)) {
            imm = next_random();
            if (op->vex_opcode == 0xc2 && op->vex_map == 1) {
                imm &= 31;
            }
            emit_row(page, op, bytes, imm);
        }
        random_vector(&d);
        random_vector(&a);
        random_vector(&b);
        host.d = d;
        uint32_t mxcsr = random_mxcsr();
        by_host((HostCode)page, &a, &b, mxcsr, &host);
        if (op->flags & IR_VEX_TO_FLAGS && !host.raised) {
            host.d.u64[0] &= X86_ARITHMETIC;
        }
        for (unsigned way = 0; way < (ways[0] == ways[1] ? 1 : 2); way++) {
            ours.d = d;
            by_function(ways[way], &a, &b, imm | bytes << 8, mxcsr, &ours);
            if (!agrees(op, way, written, &host, &ours)
                || (!(op->flags & IR_VEX_MXCSR) && host.flags)) {
                print_difference(ways[way], imm | bytes << 8, mxcsr, &d, &a, &b, &host, &ours);
                return false;
            }
            if (memcmp(ours.d.u8 + written, d.u8 + written, 64 - written)) {
                g_printerr("%s.%u writes beyond\n", op->name, bytes);
                return false;
            }
        }
    }
    return true;
}

static void test_rows(void)
{
    uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned failed = 0, skipped = 0, compared = 0;
    g_assert_true(page != MAP_FAILED);
    for (unsigned i = 0; i < X86_VECTOR_OP_COUNT; i++) {
        const IrVectorOp *op = &x86_vector_ops[i];
        if (!op->vex_map) {
            continue;
        }
        if (!host_has(op->host)) {
            g_test_message("%s: this host has it not", op->name);
            skipped++;
            continue;
        }
        for (unsigned bytes = 16; bytes <= 32; bytes += 16) {
            if (can_be(op, bytes)) {
                compared++;
                failed += !row_agrees(op, bytes, page);
            }
        }
    }
    munmap(page, 4096);
    g_test_message("%u forms compared, %u rows skipped", compared, skipped);
    g_assert_cmpuint(failed, ==, 0);
    if (!compared) {
        g_test_skip("the host has no AVX");
    }
}

/* ---- those without a VEX row, by legacy encodings: op XMM1, [b], with XMM0 as the mask ---- */

static const struct {
    X86VectorOp op;
    uint8_t imm;        /* that the function gets */
    uint8_t length, code[7];
} legacy_rows[] = {
    { X86_VEC_pblendvb, 0, 5, { 0x66, 0x0f, 0x38, 0x10, 0x0a } },
    { X86_VEC_blendvps, 0, 5, { 0x66, 0x0f, 0x38, 0x14, 0x0a } },
    { X86_VEC_blendvpd, 0, 5, { 0x66, 0x0f, 0x38, 0x15, 0x0a } },
    { X86_VEC_cvtpi2ps, 0, 3, { 0x0f, 0x2a, 0x0a } },
    { X86_VEC_cvtpi2pd, 0, 4, { 0x66, 0x0f, 0x2a, 0x0a } },
};

static void test_legacy(void)
{
    static const uint8_t before[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0xf3, 0x0f, 0x6f, 0x0f,
                                      0xf3, 0x0f, 0x6f, 0x06 };
    static const uint8_t after[] = { 0xf3, 0x0f, 0x7f, 0x0f, 0x0f, 0x77, 0xc3 };
    if (!__builtin_cpu_supports("sse4.1")) {
        g_test_skip("the host has no SSE4.1");
        return;
    }
    uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(page != MAP_FAILED);
    for (unsigned i = 0; i < G_N_ELEMENTS(legacy_rows); i++) {
        const IrVectorOp *op = &x86_vector_ops[legacy_rows[i].op];
        g_assert_cmpint(mprotect(page, 4096, PROT_READ | PROT_WRITE), ==, 0);
        memcpy(page, before, sizeof(before));
        memcpy(page + sizeof(before), legacy_rows[i].code, legacy_rows[i].length);
        memcpy(page + sizeof(before) + legacy_rows[i].length, after, sizeof(after));
        g_assert_cmpint(mprotect(page, 4096, PROT_READ | PROT_EXEC), ==, 0);
        for (unsigned round = 0; round < 1000; round++) {
            X86Vector d, mask, b;
            Outcome host, ours;
            random_vector(&d);
            random_vector(&mask);
            random_vector(&b);
            host.d = d;
            cpu->vector[0] = mask;
            uint32_t mxcsr = random_mxcsr();
            by_host((HostCode)page, &mask, &b, mxcsr, &host);
            const IrVectorOp *ways[] = { op, x86_vector_exact_op(op) };
            for (unsigned way = 0; way < 2; way++) {
                uint32_t imm = legacy_rows[i].imm | 16 << 8;
                ours.d = d;
                by_function(ways[way], &ours.d, &b, imm, mxcsr, &ours);
                if (!agrees(op, way, 16, &host, &ours)) {
                    print_difference(ways[way], imm, mxcsr, &d, &mask, &b, &host, &ours);
                    g_test_fail();
                    round = 1000;
                    break;
                }
            }
        }
    }
    munmap(page, 4096);
}

/* ---- what goes to general registers ---- */

/* f(a, b, rdx, rax): XMM1 = *a, XMM2 = *b, RAX; the instruction; XMM0 to *a; EFLAGS | RCX << 32 */
typedef uint64_t (*GeneralCode)(void *a, const void *b, uint64_t rdx, uint64_t rax);

static void emit_general(uint8_t *page, const uint8_t *bytes, unsigned count)
{
    static const uint8_t before[] = { 0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x89, 0xc8, 0x31, 0xc9,
                                      0x66, 0x0f, 0xef, 0xc0, 0xf3, 0x0f, 0x6f, 0x0f,
                                      0xf3, 0x0f, 0x6f, 0x16 };
    static const uint8_t after[] = { 0x9c, 0x58, 0x48, 0xc1, 0xe1, 0x20, 0x48, 0x09, 0xc8,
                                     0xf3, 0x0f, 0x7f, 0x07, 0xc3 };
    g_assert_cmpint(mprotect(page, 4096, PROT_READ | PROT_WRITE), ==, 0);
    memcpy(page, before, sizeof(before));
    memcpy(page + sizeof(before), bytes, count);
    memcpy(page + sizeof(before) + count, after, sizeof(after));
    g_assert_cmpint(mprotect(page, 4096, PROT_READ | PROT_EXEC), ==, 0);
}

static uint64_t offset_of(const void *p)
{
    return (const char *)p - (const char *)cpu;
}

static void random_string(X86Vector *v)
{
    random_vector(v);
    if (next_random() & 3) {
        for (unsigned i = 0; i < 16; i++) {
            v->u8[i] = next_random() % 5;
        }
    }
}

static void test_strings(void)
{
    if (!__builtin_cpu_supports("sse4.2")) {
        g_test_skip("the host has no SSE4.2");
        return;
    }
    uint8_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert_true(page != MAP_FAILED);
    X86Vector *a = &cpu->vector[1], *b = &cpu->vector[2];
    for (unsigned which = 0; which < 4 * 128; which++) {
        unsigned opcode = 0x60 + which / 128, control = which % 128;
        const uint8_t code[] = { 0x66, 0x48, 0x0f, 0x3a, opcode, 0xca, control };
        emit_general(page, code, sizeof(code));
        for (unsigned round = 0; round < 100; round++) {
            X86Vector host;
            random_string(a);
            random_string(b);
            uint64_t rax = next_random() % 40 - 20, rdx = next_random() % 40 - 20;
            host = *a;
            uint64_t got = ((GeneralCode)page)(&host, b, rdx, rax);
            uint64_t result =
                opcode < 0x62
                    ? x86_vector_pcmpestr(cpu, offset_of(a) << 32 | offset_of(b),
                                          control | X86_STRING_LENGTHS_64, rax, rdx)
                    : x86_vector_pcmpistr(cpu, offset_of(a), offset_of(b), control);
            g_assert_cmphex(result >> 32, ==, got & X86_ARITHMETIC);
            if (opcode & 1) {
                g_assert_cmphex(x86_vector_string_index(cpu, result, control), ==, got >> 32);
            } else {
                x86_vector_string_mask(cpu, result, control);
                g_assert_cmpmem(&cpu->vector[0], 16, &host, 16);
            }
        }
    }
    munmap(page, 4096);
}

#endif

/* ---- on any host ---- */

/*
 * Floating point in software: a hash of each row's results, flags and exceptions, in the order of
 * vector.h. They are those of a host on which test_rows() agrees.
 */
static const uint32_t exact_hashes[] = {
    0x64066734, 0x7e134019, 0xef628b28, 0xcbd6c794, 0xf2807c7b, 0xd155d73e, 0x93fb73b3, 0x066d0b69,
    0x3873a7fd, 0xe55cf4f0, 0x9f61fa69, 0xbddb2c10, 0xe04ff8fd, 0x6cc7b483, 0x11a744fd, 0x8da4d9d4,
    0x5a3a0ebf, 0x1246ef58, 0x9a7a3ca8, 0x278928b3, 0xff106302, 0x4699a3be, 0xd2ba3ce0, 0x6eaabd63,
    0x631d04c5, 0x3ba079b4, 0xb91c14ce, 0x85dd9ef9, 0x8083f651, 0xf6efe4ab, 0xee68c47a, 0xd0a72611,
    0xa34f1fba, 0x5d3d20bc, 0xe340ccc5, 0xf1f2d4b4, 0x621089a7, 0x7d027477, 0x03df6064, 0x75fcf269,
    0x7fb676bf, 0xd345a323, 0x4ff730c8, 0x4204d07a, 0xb6327747, 0x39ceb308, 0x0ee00ce3, 0x98c6b3bd,
    0x11a6b5ba, 0x65bd12c6, 0x94587d74, 0xe61641e8, 0x681403be, 0xa8f55e44, 0xa454a90d, 0x9d138868,
    0xd5d4aebb, 0x4ff730c8, 0xddabcb9e, 0xecca6ea3, 0x3e825b55, 0xb930dc83, 0xf9693b84, 0x50c5fd8e,
    0x8d680529, 0x3498eae9, 0x4be6f578, 0xccafd4a4, 0xbc6ef958, 0x77cf78e8, 0x1239154e, 0xe8a8813a,
    0x211b9306, 0x368ba591, 0x07b2e745, 0x28441093, 0x180964e7, 0xc2ba9ad3, 0x33677a48, 0x40215600,
    0x5a7967a4, 0x0f506c73, 0x7d9819ab, 0xe69d71f5, 0x177912d3, 0xae2d7ca2, 0x17f11025, 0x3b54b284,
    0x610563c6, 0x2fa2eb58, 0x41966f4b, 0x8ccb0af8, 0x201c14d7, 0x6baef093, 0x000a4f9e, 0x1db17ecc,
    0x8dc5a125, 0xd32efb2e, 0x0b278f62, 0x39ae83b8, 0xe7de784f, 0xbd7c703e, 0x92fb39a7, 0xe45a844c,
    0x55c86fef, 0xbe7c7065, 0x2fc057fe, 0xfbb46dec, 0x81f3b5de, 0x6e9ccdcb, 0x1f953ded, 0x62280dd0,
    0x174f9dad, 0x18a5762f, 0xc201470e, 0xc1e1b278, 0xdd043ed2, 0xc70be3b2, 0xf3e511f8, 0xcbb95ae4,
    0x223a431c, 0x2e00a13a, 0x1a5c93fc, 0x21d6ab58, 0x3eb1942c, 0xce23c204, 0xef7e8f2f, 0x6e94ee06,
    0xb3224d81, 0xa85a7726, 0x5bcf80e0, 0x02a3518a, 0x41c74e65, 0x93c1ef81, 0xfb061029, 0x431a8f49,
    0x5eb91acf, 0x0281993b, 0x56651c5c, 0x0d3d92a3, 0xc4bdceee, 0x26a2a692,
};

static uint32_t hash(uint32_t seed, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        seed = (seed ^ bytes[i]) * 16777619; /* FNV-1a */
    }
    return seed;
}

static uint32_t hash_of_row(const IrVectorOp *op)
{
    uint32_t result = 2166136261;
    seed_random(0x123456789abcdef);
    for (unsigned i = 0; i < 200; i++) {
        X86Vector a, b;
        Outcome outcome;
        uint32_t imm = (next_random() & 0xff) | (i & 1 ? 32 : 16) << 8;
        random_vector(&a);
        random_vector(&b);
        random_vector(&outcome.d);
        by_function(op, &a, &b, imm, random_mxcsr(), &outcome);
        result = hash(result, &outcome.d, sizeof(outcome.d));
        result = hash(result, (uint8_t[]){ outcome.flags, outcome.raised }, 2);
    }
    return result;
}

static void test_exact(void)
{
    G_STATIC_ASSERT(G_N_ELEMENTS(exact_hashes) == X86_VEC_FLOAT_END - X86_VEC_FLOAT_FIRST);
    for (unsigned i = 0; i < G_N_ELEMENTS(exact_hashes); i++) {
        const IrVectorOp *op = x86_vector_exact_op(&x86_vector_ops[X86_VEC_FLOAT_FIRST + i]);
        uint32_t result = hash_of_row(op);
        if (result != exact_hashes[i]) {
            g_test_message("%s: 0x%08x", op->name, result);
            g_test_fail();
        }
    }
}

/* Numbers beside those where results become tiny, or too large; or what random_vector() makes. */
static void edge_vector(X86Vector *v)
{
    static const uint32_t singles[] = { 0x00800000, 0x01000000, 0x20000000, 0x3f000000, 0x3f800000,
                                        0x40000000, 0x4f000000, 0x5f000000, 0x7f7ffffd };
    static const uint64_t doubles[] = {
        0x0010000000000000, 0x0020000000000000, 0x3810000000000000, 0x3fe0000000000000,
        0x3ff0000000000000, 0x4000000000000000, 0x41e0000000000000, 0x43e0000000000000,
        0x47efffffe0000000, 0x7feffffffffffffd,
    };
    unsigned kind = next_random() % 3;
    random_vector(v);
    for (unsigned i = 0; i < 8 && kind == 1; i++) {
        uint64_t r = next_random();
        v->u64[i] = (doubles[(r >> 8) % G_N_ELEMENTS(doubles)] + r % 7 - 3) | (r >> 4 & 1) << 63;
    }
    for (unsigned i = 0; i < 16 && kind == 2; i++) {
        uint32_t r = next_random();
        v->u32[i] = (singles[(r >> 8) % G_N_ELEMENTS(singles)] + r % 7 - 3) | (r >> 4 & 1) << 31;
    }
}

/* What the host's arithmetic does where it is known that results are inexact, MPFR does
 * elsewhere. */
static void test_known_inexact(void)
{
    seed_random(0xfedcba987654321);
    for (unsigned i = X86_VEC_FLOAT_FIRST; i < X86_VEC_FLOAT_END; i++) {
        const IrVectorOp *op = x86_vector_exact_op(&x86_vector_ops[i]);
        for (unsigned n = 0; n < 1000; n++) {
            X86Vector a, b;
            Outcome outcome, known;
            uint32_t imm = (next_random() & 0xff) | 16 << 8, mxcsr = random_mxcsr();
            edge_vector(&a);
            edge_vector(&b);
            edge_vector(&outcome.d);
            known.d = outcome.d;
            mxcsr &= n & 1 ? UINT32_MAX : ~0x6000u; /* to nearest */
            by_function(op, &a, &b, imm, mxcsr, &outcome);
            by_function(op, &a, &b, imm, mxcsr | 0x20, &known);
            outcome.flags |= 0x20;
            if (memcmp(&outcome.d, &known.d, 16) || outcome.flags != known.flags ||
                outcome.raised != known.raised) {
                g_test_message("%s imm %02x mxcsr %04x, round %u: flags %02x and %02x", op->name,
                               imm & 0xff, mxcsr, n, outcome.flags, known.flags);
                g_test_fail();
                break;
            }
        }
    }
}

/* An exception that is not masked is raised before the destination is written. */
static void test_unmasked(void)
{
    const IrVectorOp *op = &x86_vector_ops[X86_VEC_divps];
    const IrVectorOp *ways[] = { op, x86_vector_exact_op(op) };
    X86Vector d = { .f32 = { 1 } }, a = { .f32 = { 1, 1, 1, 1 } }, b = { .f32 = { 0, 3, 3, 3 } };
    const X86Vector before = d;
    for (volatile unsigned i = 0; i < 4; i++) {
        cpu->cr4 = (i & 1) << 10;
        cpu->mxcsr = 0x1f80 & ~0x200u;
        raised = -1;
        if (!setjmp(raise_buffer)) {
            ways[i / 2]->function(cpu, &d, &a, &b, 16 << 8);
        }
        g_assert_cmpint(raised, ==, i & 1 ? X86_XM : X86_UD);
        g_assert_cmpmem(&d, 64, &before, 64);
        g_assert_cmphex(cpu->mxcsr & 0x3f, ==, 4);
    }
}

/* FIPS 180-4: the digests of "abc", whose padded block is one. */
static void test_sha(void)
{
    static const uint32_t k256[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2,
    };
    X86Vector abef = { .u32 = { 0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667 } };
    X86Vector cdgh = { .u32 = { 0x5be0cd19, 0x1f83d9ab, 0xa54ff53a, 0x3c6ef372 } };
    const X86Vector abef0 = abef, cdgh0 = cdgh;
    X86Vector words[16] = { { .u32 = { 0x61626380 } } };
    X86Vector one[20] = { { .u32 = { 0, 0, 0, 0x61626380 } } };
    const uint32_t size = 16 << 8;
    words[3].u32[3] = 24;
    one[3].u32[0] = 24;
    for (unsigned i = 0; i < 16; i++) {
        if (i >= 4) { /* W: MSG1, plus W[t - 7], MSG2 */
            X86Vector w7;
            x86_vec_sha256msg1(cpu, &words[i], &words[i - 4], &words[i - 3], size);
            x86_vec_palignr(cpu, &w7, &words[i - 1], &words[i - 2], size | 4);
            x86_vec_paddd(cpu, &words[i], &words[i], &w7, size);
            x86_vec_sha256msg2(cpu, &words[i], &words[i], &words[i - 1], size);
        }
        for (unsigned j = 0; j < 4; j++) {
            cpu->vector[0].u32[j] = words[i].u32[j] + k256[4 * i + j];
        }
        x86_vec_sha256rnds2(cpu, &cdgh, &cdgh, &abef, size);
        cpu->vector[0].u64[0] = cpu->vector[0].u64[1];
        x86_vec_sha256rnds2(cpu, &abef, &abef, &cdgh, size);
    }
    x86_vec_paddd(cpu, &abef, &abef, &abef0, size);
    x86_vec_paddd(cpu, &cdgh, &cdgh, &cdgh0, size);
    g_assert_cmphex(abef.u32[3], ==, 0xba7816bf);
    g_assert_cmphex(abef.u32[2], ==, 0x8f01cfea);
    g_assert_cmphex(cdgh.u32[0], ==, 0xf20015ad);

    X86Vector abcd = { .u32 = { 0x10325476, 0x98badcfe, 0xefcdab89, 0x67452301 } };
    const X86Vector abcd0 = abcd;
    X86Vector e = { .u32 = { 0, 0, 0, 0xc3d2e1f0 } }, last = abcd;
    for (unsigned i = 0; i < 20; i++) {
        if (i >= 4) {
            x86_vec_sha1msg1(cpu, &one[i], &one[i - 4], &one[i - 3], size);
            x86_vec_pxor(cpu, &one[i], &one[i], &one[i - 2], size);
            x86_vec_sha1msg2(cpu, &one[i], &one[i], &one[i - 1], size);
        }
        X86Vector with_e;
        if (i == 0) {
            x86_vec_paddd(cpu, &with_e, &e, &one[0], size);
        } else {
            x86_vec_sha1nexte(cpu, &with_e, &last, &one[i], size);
        }
        last = abcd;
        x86_vec_sha1rnds4(cpu, &abcd, &abcd, &with_e, size | i / 5);
    }
    x86_vec_sha1nexte(cpu, &e, &last, &e, size);
    x86_vec_paddd(cpu, &abcd, &abcd, &abcd0, size);
    g_assert_cmphex(abcd.u32[3], ==, 0xa9993e36);
    g_assert_cmphex(abcd.u32[0], ==, 0x7850c26c);
    g_assert_cmphex(e.u32[3], ==, 0x9cd0d89d);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    cpu = g_aligned_alloc0(1, sizeof(*cpu), 64);
#ifdef __x86_64__
    const struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    sigaction(SIGFPE, &action, NULL);
    g_test_add_func("/jit/vector/rows", test_rows);
    g_test_add_func("/jit/vector/legacy", test_legacy);
    g_test_add_func("/jit/vector/strings", test_strings);
#endif
    g_test_add_func("/jit/vector/exact", test_exact);
    g_test_add_func("/jit/vector/known-inexact", test_known_inexact);
    g_test_add_func("/jit/vector/unmasked", test_unmasked);
    g_test_add_func("/jit/vector/sha", test_sha);
    int result = g_test_run();
    g_aligned_free(cpu);
    return result;
}
