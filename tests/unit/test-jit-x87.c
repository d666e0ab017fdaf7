/* SPDX-License-Identifier: MIT */
/*
 * The x87 of the x86 guest: what its instructions do, by each implementation; and the exact one
 * against the host's own x87, with random operands, control words and tags.
 */
#include "accel/jit/exact.h"
#include "accel/jit/x86/x87.h"
#include "tests/unit/jit-alone.h"

#include <math.h>

typedef struct Implementation {
    uint64_t (*register_flags)(X86Jit *x86, uint64_t code, uint64_t ip, uint64_t flags);
    uint64_t (*memory)(X86Jit *x86, uint64_t code, uint64_t ip, uint64_t address, uint64_t fdp);
} Implementation;

static const Implementation exact = { x87_exact_register_flags, x87_exact_memory };
#ifdef __x86_64__
static const Implementation host = { x87_host_register_flags, x87_host_memory };
#endif
static const Implementation *by = &exact;

static uint64_t x87_flags(unsigned opcode, unsigned modrm, uint64_t flags)
{
    return by->register_flags(cpu, (opcode & 7) << 8 | modrm, 0x1234, flags);
}

#define X87(opcode, modrm) x87_flags(opcode, modrm, 0)
#define X87M(opcode, reg) by->memory(cpu, ((opcode) & 7) << 8 | (reg) << 3, 0x1234, 64, 0x5678)

typedef struct X87State {
    X86Fpr fpr[8];
    uint16_t fcw, fsw, fop;
    uint8_t ftw;
    uint64_t fip, fdp;
    uint8_t memory[32];
    uint64_t flags;      /* what run() gave */
    int raised;
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

static void test_x87(gconstpointer implementation)
{
    by = implementation;
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
    uint64_t flags = x87_flags(0xdb, 0xf1, 0); /* FCOMI ST(1) */
    g_assert_cmphex(flags, ==, 0);
    flags = x87_flags(0xdf, 0xf1, 0);          /* FCOMIP */
    g_assert_cmphex(flags, ==, 0);
    push_double(3);
    x87_flags(0xda, 0xc1, 0);                  /* FCMOVB: not */
    X87(0xd9, 0xe5);                                       /* FXAM */
    g_assert_cmphex(cpu->fsw & 0x4700, ==, 0x0400);
    g_assert_cmpfloat(pop_double(), ==, 3);
    push_double(3);
    x87_flags(0xda, 0xc1, X86_CF);
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
    by = &exact;
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

/* SDM volume 1, figures 8-9 to 8-12. There are no selectors, also where there were some. */
static void test_x87_pointers(void)
{
    static const struct {
        unsigned size, context;
        uint32_t words[7];
    } forms[] = {
        { 4, X86_CTX_PE, { 0xffff037f, 0xffff0000, 0xffffffff,
                           0x12345678, 0x05a50000, 0x9abcdef0, 0xffff0000 } },
        { 2, X86_CTX_PE, { 0x037f, 0x0000, 0xffff, 0x5678, 0x0000, 0xdef0, 0x0000 } },
        { 4, X86_CTX_PE | X86_CTX_VM, { 0xffff037f, 0xffff0000, 0xffffffff,
                                        0xffff5678, 0x012345a5, 0xffffdef0, 0x09abc000 } },
        { 2, 0, { 0x037f, 0x0000, 0xffff, 0x5678, 0x45a5, 0xdef0, 0xc000 } },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(forms); i++) {
        unsigned size = forms[i].size;
        cpu->context_flags = forms[i].context;
        x87_init(cpu);
        cpu->fop = 0x5a5;
        cpu->fip = 0x12345678;
        cpu->fdp = 0x9abcdef0;
        x87_fnstenv(cpu, 128, size);
        for (unsigned k = 0; k < 7; k++) {
            uint32_t word = 0;
            memcpy(&word, guest_memory + 128 + k * size, size);
            g_assert_cmphex(word, ==, forms[i].words[k]);
        }
        memset(guest_memory + 128 + 3 * size, 0xff, 4 * size);
        x87_fldenv(cpu, 128, size);
        x87_fnstenv(cpu, 128, size);
        bool selectors = forms[i].context == X86_CTX_PE;
        for (unsigned k = 4; selectors && k < 7; k += 2) {
            uint16_t selector;
            memcpy(&selector, guest_memory + 128 + k * size, 2);
            g_assert_cmphex(selector, ==, 0);
        }
    }
    cpu->context_flags = 0;
}

/* The flags that come of FCOMI and its kin, else 0; the exception that it raises, else -1. */
__attribute__((noinline)) static uint64_t run(const X87Form *form, unsigned code, uint64_t flags)
{
    raised = -1;
    if (setjmp(raise_buffer)) {
        return 0;
    }
    if ((code & 0xff) < 0xc0) {
        by->memory(cpu, code, 1, 64, 2);
        return 0;
    }
    uint64_t result = by->register_flags(cpu, code, 1, flags);
    return form->operation == X87_FCOMI || form->operation == X87_FUCOMI ? result : 0;
}

/* ---- random states: one call in an expression, so that all compilers make the same ---- */

#define INTEGER_BIT (1ull << 63)

static unsigned below(unsigned n)
{
    return next_random() % n;
}

static bool one_in(unsigned n)
{
    return below(n) == 0;
}

static X86Fpr special_number(void)
{
    static const uint16_t exponents[] = {
        0, 0, 1, 2, 0x3c01, 0x3f81, 0x3ffd, 0x3ffe, 0x3fff, 0x4000, 0x400e, 0x401e, 0x403a, 0x403d,
        0x403e, 0x403f, 0x407e, 0x43fe, 0x7ffd, 0x7ffe, 0x7fff, 0x7fff, 0x7fff,
    };
    static const uint64_t mantissas[] = {
        0, 0, 1, 2, INTEGER_BIT, INTEGER_BIT, INTEGER_BIT | 1, 0xc000000000000000, UINT64_MAX,
        0xbfffffffffffffff, 0xa000000000000000, 0x8000000000000400, 0x8000010000000000,
        0xfffffffffffffc00, 0xffffff0000000000, 0x7fffffffffffffff, 0xde0b6b3a763ffff0,
        0xc90fdaa22168c235,
    };
    X86Fpr r = { .mantissa = next_random() };
    r.exponent = exponents[below(G_N_ELEMENTS(exponents))];
    if (!one_in(3)) {
        r.mantissa = mantissas[below(G_N_ELEMENTS(mantissas))];
    } else if (one_in(2)) {
        r.mantissa |= INTEGER_BIT;
    }
    return r;
}

/* Every class of number, and each that an instruction may treat in a way of its own. */
static X86Fpr random_number(void)
{
    unsigned kind = below(8);
    X86Fpr r = { next_random() | INTEGER_BIT, 0 };
    if (kind < 2) {
        r = special_number();
    } else if (kind == 2) {
        r.exponent = next_random() & 0x7fff;
    } else { /* moderate, of few bits or of many */
        unsigned around = kind == 3 ? 64 : 4;
        r.exponent = 0x3fff - around + below(2 * around);
        if (one_in(3)) {
            r.mantissa &= ~0ull << below(64);
        } else if (one_in(4)) {
            r.mantissa |= next_random();
        }
    }
    r.exponent |= below(2) << 15;
    return r;
}

/* A number, an integer of any size, decimal digits. */
static void random_operand(unsigned bytes, uint8_t *operand)
{
    X86Fpr number = random_number();
    uint64_t low = number.mantissa;
    X86Vector v;
    random_vector(&v);
    if (one_in(3)) {
        low = next_random();
        low >>= below(64);
        low = one_in(2) ? -low : low;
    } else if (bytes == 8 && one_in(2)) {
        uint64_t exponent = one_in(4) ? below(2) * 0x7ff : 1023 - 8 + below(16);
        low = (next_random() & 0x800fffffffffffff) | exponent << 52;
        low &= one_in(2) ? ~0ull << below(52) : ~0ull;
    } else if (bytes < 10) {
        low = v.u64[0];
    }
    memcpy(operand, &low, 8);
    memcpy(operand + 8, &number.exponent, 2);
    for (unsigned i = 0; bytes == 10 && i < 9 && one_in(2); i++) {
        unsigned digit = below(10);
        operand[i] = digit << 4 | below(10);
    }
}

/* What is not masked is pending seldom, with IGNNE# then. */
static void random_state(X87State *s)
{
    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < 8; i++) {
        X86Fpr r = random_number();
        s->fpr[i].mantissa = r.mantissa;
        s->fpr[i].exponent = r.exponent;
    }
    if (one_in(4)) { /* two that are close */
        s->fpr[1].exponent = s->fpr[0].exponent + below(5) - 2;
        s->fpr[1].mantissa = s->fpr[0].mantissa + below(5) - 2;
    }
    s->fcw = 0x40 | (next_random() & 0xf3f);
    if (one_in(2)) {
        s->fcw |= X87_EXCEPTIONS;
    }
    s->fsw = next_random() & (X87_CODES | X87_TOP | X87_SF | (s->fcw & X87_EXCEPTIONS));
    if (one_in(8)) {
        s->fsw |= next_random() & X87_EXCEPTIONS;
    }
    if (s->fsw & ~s->fcw & X87_EXCEPTIONS) {
        s->fsw |= X87_ES | X87_B;
    }
    s->ftw = one_in(5) ? next_random() : one_in(2) ? 0xff : 0x7f << below(8);
    s->fip = s->fdp = 7;
}

/* ---- the two against each other ---- */

typedef struct Case {
    unsigned code;
    const X87Form *form;
    uint8_t operand[16];
    uint64_t flags;
    X87State before;
} Case;

/* Numbers as integers in their order, but for the sign. */
static unsigned __int128 order_of(X86Fpr r)
{
    unsigned exponent = r.exponent & 0x7fff;
    return exponent ? ((unsigned __int128)exponent << 63) + (r.mantissa & ~INTEGER_BIT)
                    : r.mantissa;
}

static bool is_transcendental(const X87Form *form)
{
    return form->operation >= X87_F2XM1;
}

static void random_case(Case *c)
{
    bool in_memory = one_in(3);
    do { /* half of them with one of the many operations of D9 */
        c->code = (one_in(2) ? 1 : below(8)) << 8;
        c->code |= in_memory ? next_random() & 0x3f : 0xc0 | below(64);
        c->form = in_memory ? x87_memory_form(c->code) : x87_register_form(c->code);
    } while (!c->form->operation && !one_in(50));
    random_state(&c->before);
    memset(c->operand, 0, sizeof(c->operand));
    random_operand(x87_operand_bytes(c->form), c->operand);
    c->flags = next_random() & X86_ARITHMETIC;
    if (is_transcendental(c->form) &&
        order_of(c->before.fpr[c->before.fsw >> 11 & 7]) == INTEGER_BIT) {
        /* The smallest normal number: an ulp of the result makes the unmasked response another. */
        c->before.fcw |= X87_UE;
    }
}

static void run_case(const Case *c, const Implementation *implementation, X87State *after)
{
    by = implementation;
    cpu->cr0 = 0;
    atomic_store(&cpu->ignne, true);
    put_x87(&c->before);
    memcpy(guest_memory + 64, c->operand, 16);
    memset(guest_memory + 80, 0, 16);
    uint64_t flags = run(c->form, c->code, c->flags);
    take_x87(after);
    after->flags = flags;
    after->raised = raised;
}

static void random_seed(uint64_t number)
{
    seed_random((number + 1) * 0x9e3779b97f4a7c15);
    next_random();
}

#ifdef __x86_64__

static void print_x87(const char *name, const X87State *s, unsigned top)
{
    uint64_t low;
    uint16_t high;
    memcpy(&low, s->memory, 8);
    memcpy(&high, s->memory + 8, 2);
    g_printerr("%s: fsw %04x ftw %02x fop %03x fip %" PRIx64 " fdp %" PRIx64 " memory %04x %016"
               PRIx64 "\n", name, s->fsw, s->ftw, s->fop, s->fip, s->fdp, high, low);
    for (unsigned i = 0; i < 8; i++) {
        const X86Fpr *r = &s->fpr[(top + i) & 7];
        g_printerr("  %04x %016" PRIx64 "%s", r->exponent, r->mantissa, i % 4 == 3 ? "\n" : "");
    }
}

static unsigned transcendentals, same_transcendentals;

/*
 * What the SDM lets differ between x87s is made equal: in volume 1, 8.3.10, an ulp of a
 * transcendental result, and with it C1, and whether a number beside the smallest normal one is
 * tiny.
 */
static void allow_an_ulp(const Case *c, X87State *hosts, const X87State *ours)
{
    bool same = true;
    if (c->before.fsw & X87_SF || !(hosts->fsw & X87_SF)) {
        hosts->fsw = (hosts->fsw & ~X87_C1) | (ours->fsw & X87_C1);
    }
    for (unsigned i = 0; i < 8; i++) {
        unsigned __int128 a = order_of(hosts->fpr[i]), b = order_of(ours->fpr[i]);
        bool signs_agree = !((hosts->fpr[i].exponent ^ ours->fpr[i].exponent) & 0x8000);
        if (signs_agree && (a + 1 == b || b + 1 == a)) {
            same = false;
            hosts->fpr[i] = ours->fpr[i];
            if (b >> 63 <= 1) {
                hosts->fsw = (hosts->fsw & ~X87_UE) | (ours->fsw & X87_UE);
            }
        }
    }
    transcendentals++;
    same_transcendentals += same;
}

static void test_exact_and_host(void)
{
    unsigned rounds = g_test_slow() ? 10000000 : 400000, failures = 0;
    x87_the_long_way = true;
    for (unsigned round = 0; round < rounds && failures < 10; round++) {
        static X87State hosts, ours;
        static Case c;
        random_seed(round);
        random_case(&c);
        run_case(&c, &host, &hosts);
        run_case(&c, &exact, &ours);
        if (is_transcendental(c.form)) {
            allow_an_ulp(&c, &hosts, &ours);
        }
        if (memcmp(&hosts, &ours, sizeof(ours))) {
            g_printerr("round %u: %02x %02x, fcw %04x, flags %" PRIx64 ": host %" PRIx64 " exact %"
                       PRIx64 ", raised: host %d exact %d\n", round, 0xd8 + (c.code >> 8),
                       c.code & 0xff, c.before.fcw, c.flags, hosts.flags, ours.flags, hosts.raised,
                       ours.raised);
            memcpy(c.before.memory, c.operand, 16);
            print_x87("before", &c.before, c.before.fsw >> 11 & 7);
            print_x87("host", &hosts, c.before.fsw >> 11 & 7);
            print_x87("exact", &ours, c.before.fsw >> 11 & 7);
            failures++;
        }
    }
    x87_the_long_way = false;
    g_test_message("%u of %u transcendental instructions to the last bit", same_transcendentals,
                   transcendentals);
    g_assert_cmpuint(transcendentals, >, rounds / 20);
    g_assert_cmpuint(failures, ==, 0);
}

/* The usual instructions' shorter way on the host gives what the one with the whole state does. */
static void test_ways(void)
{
    unsigned rounds = g_test_slow() ? 3000000 : 60000;
    for (unsigned round = 0; round < rounds; round++) {
        static X87State whole, usual;
        static Case c;
        random_seed(round);
        random_case(&c);
        x87_the_long_way = true;
        run_case(&c, &host, &whole);
        x87_the_long_way = false;
        run_case(&c, &host, &usual);
        if (memcmp(&usual, &whole, sizeof(usual))) {
            g_printerr("round %u: %02x %02x, fcw %04x\n", round, 0xd8 + (c.code >> 8),
                       c.code & 0xff, c.before.fcw);
            print_x87("whole", &whole, c.before.fsw >> 11 & 7);
            print_x87("usual", &usual, c.before.fsw >> 11 & 7);
            g_test_fail();
            return;
        }
    }
}

#endif

/* What agrees with an x86-64 host's x87 there is the same on any other host. */
static void test_any_host(void)
{
    static const char expected[] =
        "617c91c64657349c580fe8c85ac2b0e922723458da830308a5e56ff859c23c58";
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    for (unsigned round = 0; round < 20000; round++) {
        static X87State after;
        static Case c;
        random_seed(round);
        random_case(&c);
        run_case(&c, &exact, &after);
        for (unsigned i = 0; i < 8; i++) {
            uint64_t words[] = { GUINT64_TO_LE(after.fpr[i].mantissa),
                                 GUINT64_TO_LE(after.fpr[i].exponent) };
            g_checksum_update(sum, (const void *)words, sizeof(words));
        }
        uint64_t words[] = { GUINT64_TO_LE(after.fsw), GUINT64_TO_LE(after.ftw),
                             GUINT64_TO_LE(after.flags), GUINT64_TO_LE((uint64_t)after.raised) };
        g_checksum_update(sum, (const void *)words, sizeof(words));
        g_checksum_update(sum, after.memory, sizeof(after.memory));
    }
    g_assert_cmpstr(g_checksum_get_string(sum), ==, expected);
}

static void test_mmx(void)
{
    x87_init(cpu);
    X87(0xd9, 0xe8);
    x87_mmx_enter(cpu);
    g_assert_cmphex(cpu->ftw, ==, 0xff);
    g_assert_cmpuint(x87_top(cpu), ==, 0);
    uint64_t *d = &cpu->fpr[0].mantissa, *b = &cpu->fpr[1].mantissa;
    *d = 0x7fff800000010002;
    *b = 0x0001ffff00ff0100;
    x86_vec_packuswb(cpu, d, d, b, 8 << 8);
    g_assert_cmphex(*d, ==, 0x0100ffffff000102);
    x86_vec_punpckhbw(cpu, d, d, b, 8 << 8);
    g_assert_cmphex(*d, ==, 0x00010100ffffffff);
    x87_emms(cpu);
    g_assert_cmphex(cpu->ftw, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    cpu = g_aligned_alloc0(1, sizeof(*cpu), 64);
#ifdef __x86_64__
    g_test_add_data_func("/jit/x87/values/host", &host, test_x87);
    g_test_add_func("/jit/x87/ways", test_ways);
    g_test_add_func("/jit/x87/exact-and-host", test_exact_and_host);
#endif
    g_test_add_data_func("/jit/x87/values/exact", &exact, test_x87);
    g_test_add_func("/jit/x87/environment", test_x87_environment);
    g_test_add_func("/jit/x87/pointers", test_x87_pointers);
    g_test_add_func("/jit/x87/any-host", test_any_host);
    g_test_add_func("/jit/x87/mmx", test_mmx);
    int result = g_test_run();
    exact_thread_end();
    g_aligned_free(cpu);
    return result;
}
