/* SPDX-License-Identifier: MIT */
/* The x87 of the x86 guest. */
#include "tests/unit/jit-alone.h"

#include <math.h>

#ifdef __x86_64__

#define X87(opcode, modrm) x87_host_register(cpu, ((opcode) & 7) << 8 | (modrm), 0x1234)
#define X87M(opcode, reg) x87_host_memory(cpu, ((opcode) & 7) << 8 | (reg) << 3, 0x1234, 64, 0x5678)

typedef struct X87State {
    X86Fpr fpr[8];
    uint16_t fcw, fsw, fop;
    uint8_t ftw;
    uint64_t fip, fdp;
    uint8_t memory[32];
} X87State;

static void take_x87(X87State *s)
{
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < 8; i++) {
        s->fpr[i].mantissa = cpu->fpr[i].mantissa;
        s->fpr[i].exponent = cpu->fpr[i].exponent;
    }
    s->fcw = cpu->fcw;
    s->fsw = cpu->fsw;
    s->fop = cpu->fop;
    s->ftw = cpu->ftw;
    s->fip = cpu->fip;
    s->fdp = cpu->fdp;
    memcpy(s->memory, guest_memory + 64, sizeof(s->memory));
}

static void put_x87(const X87State *s)
{
    memcpy(cpu->fpr, s->fpr, sizeof(cpu->fpr));
    cpu->fcw = s->fcw;
    cpu->fsw = s->fsw;
    cpu->fop = s->fop;
    cpu->ftw = s->ftw;
    cpu->fip = s->fip;
    cpu->fdp = s->fdp;
}

static void push_double(double value)
{
    memcpy(guest_memory + 64, &value, 8);
    X87M(0xdd, 0);
}

static double pop_double(void)
{
    double value;
    X87M(0xdd, 3);
    memcpy(&value, guest_memory + 64, 8);
    return value;
}

static void test_x87(void)
{
    x87_init(cpu);
    push_double(2.5);
    push_double(4);
    g_assert_cmphex(cpu->ftw, ==, 0xc0);
    g_assert_cmpuint(x87_top(cpu), ==, 6);
    X87(0xde, 0xe9); /* FSUBP */
    g_assert_cmpfloat(pop_double(), ==, -1.5);
    g_assert_cmphex(cpu->ftw, ==, 0);
    g_assert_cmphex(cpu->fsw, ==, 0);
    g_assert_cmphex(cpu->fip, ==, 0x1234);
    g_assert_cmphex(cpu->fdp, ==, 0x5678);

    X87(0xd9, 0xeb); /* FLDPI */
    g_assert_cmphex(cpu->fpr[7].mantissa, ==, 0xc90fdaa22168c235);
    g_assert_cmphex(cpu->fpr[7].exponent, ==, 0x4000);
    X87(0xd9, 0xfe); /* FSIN */
    g_assert_cmpfloat(fabs(pop_double()), <, 1e-18);

    push_double(7);
    X87M(0xdf, 6); /* FBSTP */
    g_assert_cmpuint(guest_memory[64], ==, 7);
    g_assert_cmpuint(guest_memory[73], ==, 0);

    push_double(1);
    push_double(2);
    uint64_t flags = x87_host_register_flags(cpu, 0x3f1, 0, 0); /* FCOMI ST(1) */
    g_assert_cmphex(flags, ==, 0);
    flags = x87_host_register_flags(cpu, 0x7f1, 0, 0);          /* FCOMIP */
    g_assert_cmphex(flags, ==, 0);
    push_double(3);
    x87_host_register_flags(cpu, 0x2c1, 0, 0);                  /* FCMOVB: not */
    X87(0xd9, 0xe5);                                       /* FXAM */
    g_assert_cmphex(cpu->fsw & 0x4700, ==, 0x0400);
    g_assert_cmpfloat(pop_double(), ==, 3);
    push_double(3);
    x87_host_register_flags(cpu, 0x2c1, 0, X86_CF);
    g_assert_cmpfloat(pop_double(), ==, 1);
    g_assert_cmpfloat(pop_double(), ==, 1);

    /* underflow of the stack, masked: the indefinite */
    X87(0xd9, 0xe0);
    g_assert_cmphex(cpu->fsw & 0x41, ==, 0x41);
    g_assert_cmphex(cpu->fpr[x87_top(cpu)].exponent, ==, 0xffff);
    x87_fnclex(cpu);
    x87_init(cpu);

    /* division by zero, not masked: the next waiting instruction raises */
    cpu->cr0 = 1 << 5;
    x87_fldcw(cpu, 0x37b);
    X87(0xd9, 0xe8);
    X87(0xd9, 0xee);
    raised = -1;
    X87(0xde, 0xf9); /* FDIVP */
    g_assert_cmphex(cpu->fsw & 0x8084, ==, 0x8084);
    g_assert_cmphex(cpu->ftw, ==, 0xc0);
    if (!setjmp(raise_buffer)) {
        X87(0xd9, 0xe8);
    }
    g_assert_cmpint(raised, ==, X86_MF);
    x87_fnclex(cpu);
    X87(0xd9, 0xe8);
    x87_init(cpu);

    /* an encoding that does not exist */
    raised = -1;
    if (!setjmp(raise_buffer)) {
        X87(0xd9, 0xd1);
    }
    g_assert_cmpint(raised, ==, X86_UD);
}

static void test_x87_environment(void)
{
    for (unsigned size = 2; size <= 4; size += 2) {
        for (unsigned protected = 0; protected < 2; protected++) {
            cpu->context_flags = protected ? X86_CTX_PE : 0;
            x87_init(cpu);
            push_double(0);
            push_double(1);
            push_double(INFINITY);
            X86Jit before = *cpu;
            x87_fnsave(cpu, 128, size);
            g_assert_cmphex(cpu->fcw, ==, 0x37f);
            g_assert_cmphex(cpu->ftw, ==, 0);
            uint16_t tags;
            memcpy(&tags, guest_memory + 128 + 2 * size, 2);
            g_assert_cmphex(tags, ==, 0x4bff);
            memset(cpu->fpr, 0, sizeof(cpu->fpr));
            x87_frstor(cpu, 128, size);
            g_assert_cmphex(cpu->fsw, ==, before.fsw);
            g_assert_cmphex(cpu->ftw, ==, before.ftw);
            g_assert_cmphex(cpu->fip, ==, before.fip);
            g_assert_cmphex(cpu->fdp, ==, before.fdp);
            for (unsigned i = 5; i < 8; i++) {
                g_assert_cmphex(cpu->fpr[i].mantissa, ==, before.fpr[i].mantissa);
                g_assert_cmphex(cpu->fpr[i].exponent, ==, before.fpr[i].exponent);
            }
        }
    }
}

/* The flags that come of FCOMI and its kin, else 0. */
__attribute__((noinline)) static uint64_t run_x87(unsigned opcode, unsigned modrm, uint64_t flags)
{
    raised = -1;
    if (setjmp(raise_buffer)) {
        return 0;
    }
    if (modrm < 0xc0) {
        x87_host_memory(cpu, opcode << 8 | modrm, 1, 64, 2);
        return 0;
    }
    uint64_t result = x87_host_register_flags(cpu, opcode << 8 | modrm, 1, flags);
    bool compares = (opcode & 3) == 3 && (modrm & 0x38) >= 0x28 && (modrm & 0x38) <= 0x30;
    return compares ? result : 0;
}

/* The usual instructions' shorter way gives what the host's with the whole state does. */
static void test_x87_ways(void)
{
    unsigned rounds = g_test_slow() ? 3000000 : 60000;
    for (unsigned round = 0; round < rounds; round++) {
        X87State before, ours;
        for (unsigned i = 0; i < 8; i++) {
            X86Vector v;
            random_vector(&v);
            cpu->fpr[i].mantissa = next_random() & 3 ? v.u64[0] | 1ull << 63 : v.u64[0];
            cpu->fpr[i].exponent = next_random() & 1 ? 0x3ff0 + next_random() % 64 : v.u16[5];
        }
        cpu->fcw = 0x7f | (next_random() & 0xf00);
        cpu->fsw = next_random() & 0x7f7f;
        cpu->ftw = next_random() & 3 ? 0x7f << (7 & next_random()) : next_random();
        if (next_random() % 8 == 0) {
            cpu->fcw &= ~(next_random() & 0x3f);
            cpu->fsw &= ~0x7f;
        }
        X86Vector operand;
        random_vector(&operand);
        memcpy(guest_memory + 64, &operand, 16);
        unsigned opcode = next_random() & 7, modrm = next_random() & 0xff;
        uint64_t flags = next_random() & X86_ARITHMETIC, result[2] = { 0 };
        take_x87(&before);
        for (unsigned way = 0; way < 2; way++) {
            x87_the_long_way = way == 0;
            put_x87(&before);
            memcpy(guest_memory + 64, &operand, 16);
            result[way] = run_x87(opcode, modrm, flags);
            if (way == 0) {
                take_x87(&ours);
            }
        }
        x87_the_long_way = false;
        X87State usual;
        take_x87(&usual);
        if (memcmp(&usual, &ours, sizeof(usual)) || result[0] != result[1]) {
            g_printerr("%02x %02x: fcw %04x fsw %04x ftw %02x: fsw %04x, %04x, ftw %02x, %02x\n",
                       0xd8 + opcode, modrm, before.fcw, before.fsw, before.ftw, ours.fsw,
                       usual.fsw, ours.ftw, usual.ftw);
            g_test_fail();
            return;
        }
    }
}

static void test_mmx(void)
{
    x87_init(cpu);
    X87(0xd9, 0xe8);
    x87_mmx_enter(cpu);
    g_assert_cmphex(cpu->ftw, ==, 0xff);
    g_assert_cmpuint(x87_top(cpu), ==, 0);
    cpu->fpr[0].mantissa = 0x7fff800000010002;
    cpu->fpr[1].mantissa = 0x0001ffff00ff0100;
    x86_vec_packuswb(cpu, &cpu->fpr[0].mantissa, &cpu->fpr[0].mantissa, &cpu->fpr[1].mantissa, 8 << 8);
    g_assert_cmphex(cpu->fpr[0].mantissa, ==, 0x0100ffffff000102);
    x86_vec_punpckhbw(cpu, &cpu->fpr[0].mantissa, &cpu->fpr[0].mantissa, &cpu->fpr[1].mantissa, 8 << 8);
    g_assert_cmphex(cpu->fpr[0].mantissa, ==, 0x00010100ffffffff);
    x87_emms(cpu);
    g_assert_cmphex(cpu->ftw, ==, 0);
}

#endif

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    cpu = g_aligned_alloc0(1, sizeof(*cpu), 64);
#ifdef __x86_64__
    g_test_add_func("/jit/x87/values", test_x87);
    g_test_add_func("/jit/x87/environment", test_x87_environment);
    g_test_add_func("/jit/x87/ways", test_x87_ways);
    g_test_add_func("/jit/x87/mmx", test_mmx);
#endif
    int result = g_test_run();
    g_aligned_free(cpu);
    return result;
}
