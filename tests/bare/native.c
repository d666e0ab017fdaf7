/* SPDX-License-Identifier: MIT */
/*
 * Runs forms of instructions with random operands, and prints for each a hash of what came of it.
 * As a program of the host it says what is right; as a program on the machine without a system,
 * what the software CPU makes of it.
 *
 * usage: native [CASES]            all forms, CASES each [100]
 *        native FORM FIRST COUNT   for one form, each case: its bytes, what went in and came out
 */
#include "tests/bare/native.h"

#include <stddef.h>
#include <string.h>

#define DATA       0x8000000ul   /* at the same place in both */
#define DATA_BYTES 1024
#define OPERAND_AT (DATA + 512)  /* where RBP points for memory operands, or near */
#define CODE       (DATA + 0x1000)
#define ARITHMETIC 0x8d5u
#define DF         0x400u

typedef struct State {
    uint64_t gpr[16];
    uint64_t flags, unused[7];
    uint8_t fx[512];
    uint8_t ymm[16][32];
} State;
extern State native_in, native_out;
extern const void *native_code;
extern char native_recover[];
uint32_t native_run(void);

/* Set when a fault led to native_recover: its vector. */
static volatile unsigned fault;

#ifdef BARE
#include "tests/bare/bare.h"

void bare_exception(BareFrame *frame)
{
    if (frame->rip < CODE || frame->rip > CODE + 32) {
        bare_print("exception %u error %x at %x\n", frame->vector, frame->error, frame->rip);
        bare_exit(1);
    }
    /* With or without an address is the same to those who cannot tell. */
    fault = frame->vector == 14 ? 13 : frame->vector;
    frame->rip = (uintptr_t)native_recover;
}
#define print bare_print
#else
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
/* The same formats for both: numbers are of 64 bits. */
static void print(const char *format, ...);

static void on_signal(int number, siginfo_t *info, void *opaque)
{
    ucontext_t *context = opaque;
    uint64_t rip = context->uc_mcontext.gregs[REG_RIP];

    if (rip < CODE || rip > CODE + 32) {
        signal(number, SIG_DFL);
        return;
    }
    fault = number == SIGILL ? 6 : number != SIGFPE ? 13 : info->si_code == FPE_INTDIV ? 0 : 19;
    context->uc_mcontext.gregs[REG_RIP] = (greg_t)native_recover;
    context->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)DF;
}
#endif

/* ---- random numbers: of a case, always the same ---- */

static uint64_t random_state;

static uint64_t rnd(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1dull;
}

static unsigned below(unsigned limit)
{
    return (rnd() >> 33) % limit;
}

static uint64_t number(void)
{
    static const uint64_t special[] = {
        0, 1, 2, 7, 8, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
        0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff, 0x3ff0000000000000,
        0x7ff0000000000000, 0x7ff8000000000000, 0x7ff0000000000001, 0xfff0000000000000, 0x000fffffffffffff,
        0x0010000000000000, 0x3f8000003f800000, 0x7f8000007fc00000, 0x7f80000180000000, 0x00000001007fffff,
        0x41e0000000000000, 0xc3e0000000000000, 0x4f0000004b000001, 0x3fe0000000000000,
    };
    uint64_t r = rnd();

    switch (below(4)) {
    case 0:
        return special[below(sizeof(special) / sizeof(special[0]))];
    case 1:
        return (int64_t)r >> below(64);
    default:
        return r;
    }
}

/* ---- one case ---- */

typedef struct Case {
    uint8_t code[32];
    unsigned length;
    unsigned operand_size;
    bool memory;
    uint64_t immediate;
} Case;

static void byte(Case *c, unsigned value)
{
    c->code[c->length++] = value;
}

/* RSP and RBP are not operands. */
static unsigned any_general(const Form *f, bool rex)
{
    unsigned reg;

    do {
        reg = below(16);
    } while (f->integer && f->bytes && !f->sizes && !rex ? reg > 7 : reg == 4 || reg == 5);
    return reg;
}

static void add_immediate(const Form *f, Case *c)
{
    unsigned bytes = f->immediate < 3 ? f->immediate : c->operand_size == 2 ? 2
                     : f->immediate == 4 && c->operand_size == 8 ? 8 : 4;

    if (f->immediate) {
        c->immediate = number();
        for (unsigned i = 0; i < bytes; i++) {
            byte(c, c->immediate >> 8 * i);
        }
    }
}

static void add_modrm(const Form *f, Case *c, unsigned reg, unsigned rm)
{
    if (f->modrm == FORM_MODRM_EXACT) {
        byte(c, f->value);
    } else if (c->memory) {
        byte(c, 0x45 | (reg & 7) << 3);     /* [RBP + disp8] */
        byte(c, (below(33) - 16) & 0xff);
    } else {
        byte(c, 0xc0 | (reg & 7) << 3 | (rm & 7));
    }
}

static void make_vex(const Form *f, Case *c, unsigned reg, unsigned rm, unsigned vvvv)
{
    unsigned pp = f->prefix == 0x66 ? 1 : f->prefix == 0xf3 ? 2 : f->prefix == 0xf2 ? 3 : 0;
    bool w = f->w < 0 ? below(2) : f->w == 1, l = f->l < 0 ? below(2) : f->l == 1;

    c->operand_size = w ? 8 : 4;
    byte(c, 0xc4);
    byte(c, (~reg >> 3 & 1) << 7 | 0x40 | (c->memory ? 1 : ~rm >> 3 & 1) << 5 | f->map);
    byte(c, w << 7 | (~vvvv & 15) << 3 | l << 2 | pp);
    byte(c, f->opcode);
}

static void make_legacy(const Form *f, Case *c, unsigned reg, unsigned rm, bool rex, bool wide)
{
    if (f->prefixes && f->sizes && c->operand_size == 2) {
        byte(c, 0x66);
    }
    if (f->integer && f->lock && c->memory && below(4) == 0) {
        byte(c, 0xf0);
    }
    if (f->prefix) {
        byte(c, f->prefix);
    }
    if (rex) {
        byte(c, 0x40 | wide << 3 | (reg >> 3 & 1) << 2 | (c->memory ? 0 : rm >> 3 & 1));
    }
    if (f->map) {
        byte(c, 0x0f);
    }
    if (f->map > 1) {
        byte(c, f->map == 2 ? 0x38 : 0x3a);
    }
}

static bool is_string(const Form *f)
{
    return f->integer && !f->map && f->opcode >= 0xa4 && f->opcode <= 0xaf && f->opcode != 0xa8 &&
           f->opcode != 0xa9;
}

static void make_code(const Form *f, Case *c)
{
    bool wide = f->wide && below(3) == 0, rex = wide || below(2);
    bool in_opcode = f->integer && f->modrm == FORM_NO_MODRM && strchr(f->name, 'Z');
    unsigned reg, rm;

    if (f->integer && f->sizes && !f->wide) {
        wide = below(3) == 0;
        rex |= wide;
    }
    c->operand_size = wide ? 8 : f->sizes && f->prefixes && below(3) == 0 ? 2 : 4;
    c->memory = f->modrm != FORM_NO_MODRM && f->modrm != FORM_MODRM_EXACT &&
                (f->where == FORM_RM_MEMORY || (f->where == FORM_RM_ANY && below(2)));
    reg = f->modrm == FORM_MODRM_DIGIT ? f->value : any_general(f, rex || f->vex);
    rm = any_general(f, rex || f->vex);
    if (f->vex) {
        make_vex(f, c, reg, rm, strchr(f->name, 'H') || strchr(f->name, 'B')
                                    ? any_general(f, true) : below(16) ? 0 : 3);
    } else {
        if (is_string(f) && below(2)) {
            byte(c, below(2) ? 0xf3 : 0xf2);
        }
        rex |= reg > 7 || (!c->memory && rm > 7);
        make_legacy(f, c, f->modrm == FORM_MODRM_DIGIT ? 0 : reg, rm, rex, wide);
        byte(c, in_opcode ? f->opcode | (rm & 7) : f->opcode);
    }
    if (f->modrm != FORM_NO_MODRM) {
        add_modrm(f, c, reg, rm);
    }
    add_immediate(f, c);
    byte(c, 0xc3);
}

static void make_state(const Form *f, const Case *c)
{
    uint16_t *fx = (uint16_t *)native_in.fx;

    for (unsigned i = 0; i < 16; i++) {
        native_in.gpr[i] = number();
        for (unsigned j = 0; j < 4; j++) {
            ((uint64_t *)native_in.ymm[i])[j] = number();
        }
    }
    native_in.gpr[5] = OPERAND_AT + (below(4) ? 0 : below(64));
    if (is_string(f)) {
        native_in.gpr[1] = below(20);
        native_in.gpr[6] = DATA + 256 + below(16);
        native_in.gpr[7] = DATA + 700 + below(16);
    }
    if (strstr(f->name, "Ev,Gv") && f->name[0] == 'b' && f->name[1] == 't') {
        for (unsigned i = 0; i < 16; i++) {
            native_in.gpr[i] =
                i == 5 ? native_in.gpr[i] : (uint64_t)(int64_t)(int8_t)native_in.gpr[i];
        }
    }
    if (!strncmp(f->name, "div", 3) || !strncmp(f->name, "idiv", 4)) {
        native_in.gpr[2] = below(3) ? 0 - (native_in.gpr[0] >> 63) : number() >> 40;
    }
    native_in.flags = 0x202 | (rnd() & ARITHMETIC) | (is_string(f) && below(2) ? DF : 0);
#ifdef BARE
    native_in.flags &= ~0x200ul;
#endif
    memset(native_in.fx, 0, sizeof(native_in.fx));
    fx[0] = 0x7f | (rnd() & 0xc00) | (below(3) ? 0x300 : below(2) ? 0x200 : 0);
    fx[1] = rnd() & 0x7f00 & ~0x8000;
    fx[2] = below(3) ? 0xff : rnd() & 0xff;
    *(uint32_t *)(native_in.fx + 24) = 0x1f80 | (rnd() & 0x6000) | (below(4) ? 0 : rnd() & 0x8040);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t mantissa = number();
        uint16_t exponent = below(4) ? 0x3fff + below(64) - 32 : rnd();
        exponent |= rnd() & 0x8000;
        memcpy(native_in.fx + 32 + 16 * i, &mantissa, 8);
        memcpy(native_in.fx + 40 + 16 * i, &exponent, 2);
        if (below(8)) {
            native_in.fx[39 + 16 * i] |= 0x80;
        }
    }
    for (unsigned i = 0; i < DATA_BYTES / 8; i++) {
        ((uint64_t *)DATA)[i] = number();
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(native_in.fx + 160 + 16 * i, native_in.ymm[i], 16);
    }
    (void)c;
}

/* By how much a shift or rotation moves. */
static unsigned count_of(const Form *f, const Case *c)
{
    uint64_t count = strstr(f->name, "CL") ? native_in.gpr[1] : strstr(f->name, "one") ? 1 : c->immediate;

    return count & (c->operand_size == 8 && !f->bytes ? 63 : 31);
}

/* The SDM, volume 2, at each instruction's flags. */
static uint32_t undefined_flags(const Form *f, const Case *c)
{
    unsigned bits = f->bytes ? 8 : c->operand_size * 8, count = f->shift ? count_of(f, c) : 0;
    uint32_t mask = f->undefined;

    switch (f->shift) {
    case 0:
        return mask;
    case 1:    /* SHL, SHR */
        return !count ? 0 : (count != 1 ? 0x810 : 0x10) | (count >= bits ? 1 : 0);
    case 2:    /* SAR */
        return !count ? 0 : count != 1 ? 0x810 : 0x10;
    case 3:    /* ROL, ROR */
    case 4:    /* RCL, RCR */
        return count == 1 ? 0 : 0x800;
    default:   /* SHLD, SHRD */
        return !count ? 0 : count > bits ? ARITHMETIC : count != 1 ? 0x810 : 0x10;
    }
}

/* Is the result itself undefined? Of BSWAP with 66 it is, too. */
static bool undefined_result(const Form *f, const Case *c)
{
    return (f->shift == 5 && count_of(f, c) > c->operand_size * 8) ||
           (!strncmp(f->name, "bswap", 5) && c->operand_size == 2);
}

static void hash(uint64_t *h, const void *data, unsigned bytes)
{
    const uint8_t *p = data;

    for (unsigned i = 0; i < bytes; i++) {
        *h = (*h ^ p[i]) * 0x100000001b3ull;
    }
}

static uint64_t run_case(const Form *f, unsigned index, unsigned n, Case *c)
{
    uint64_t h = 0xcbf29ce484222325ull, flags;
    unsigned faulted;

    random_state = (index + 1) * 0x9e3779b97f4a7c15ull ^ (n + 1) * 0xc2b2ae3d27d4eb4full;
    rnd();
    memset(c, 0, sizeof(*c));
    make_code(f, c);
    make_state(f, c);
    memset(&native_out, 0, sizeof(native_out));
    memcpy((void *)CODE, c->code, c->length);
    native_code = (const void *)CODE;
    fault = 99;
    faulted = native_run();
    flags = faulted ? fault : native_out.flags & ARITHMETIC & ~undefined_flags(f, c);
    hash(&h, &flags, 8);
    if (undefined_result(f, c)) {
        return h;
    }
    hash(&h, (void *)DATA, DATA_BYTES);
    if (!faulted) {
        native_out.gpr[4] = 0;
        memset(native_out.fx + 6, 0, 18);           /* FOP, FIP, FDP */
        memset(native_out.fx + 28, 0, 4);           /* MXCSR_MASK */
        hash(&h, native_out.gpr, sizeof(native_out.gpr));
        hash(&h, native_out.fx, 160);
        hash(&h, native_out.ymm, sizeof(native_out.ymm));
    }
    return h;
}

/* ---- what the CPU has ---- */

static bool has(const char *feature)
{
    static const struct { const char *name; uint32_t leaf; uint8_t reg, bit; } bits[] = {
        { "pni", 1, 2, 0 }, { "pclmulqdq", 1, 2, 1 }, { "ssse3", 1, 2, 9 }, { "fma", 1, 2, 12 },
        { "cx16", 1, 2, 13 }, { "sse4.1", 1, 2, 19 }, { "sse4.2", 1, 2, 20 }, { "movbe", 1, 2, 22 },
        { "popcnt", 1, 2, 23 }, { "aes", 1, 2, 25 }, { "avx", 1, 2, 28 }, { "f16c", 1, 2, 29 },
        { "cx8", 1, 3, 8 }, { "bmi1", 7, 1, 3 }, { "avx2", 7, 1, 5 }, { "bmi2", 7, 1, 8 },
        { "adx", 7, 1, 19 }, { "clflushopt", 7, 1, 23 }, { "clwb", 7, 1, 24 }, { "sha-ni", 7, 1, 29 },
        { "abm", 0x80000001, 2, 5 }, { "fxsr", 1, 3, 24 }, { "3dnowprefetch", 0x80000001, 2, 8 },
    };
    uint32_t r[4];

    for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        if (!strcmp(bits[i].name, feature)) {
            __asm__("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
                    : "0"(bits[i].leaf), "2"(0));
            return r[bits[i].reg] >> bits[i].bit & 1;
        }
    }
    return !*feature;
}

/* ---- output ---- */

static void print_form(unsigned index, const char *what)
{
    const Form *f = &forms[index];

    print("FORM %u %s%s %02x %s", (uint64_t)index, f->vex ? "v." : "", f->name, (uint64_t)f->opcode,
          what);
}

static void run_all(unsigned cases)
{
    for (unsigned i = 0; i < form_count; i++) {
        uint64_t h = 0;
        Case c;
        if (!has(forms[i].feature)) {
            print_form(i, "absent\n");
            continue;
        }
        for (unsigned n = 0; n < cases; n++) {
            uint64_t one = run_case(&forms[i], i, n, &c);
            hash(&h, &one, 8);
        }
        print_form(i, "");
        print("%016x\n", h);
    }
    print("END\n");
}

static void print_state(const char *what, const State *s)
{
    print("%s flags %x\n", what, s->flags & ARITHMETIC);
    for (unsigned i = 0; i < 16; i++) {
        print("%s gpr%u %016x\n", what, (uint64_t)i, s->gpr[i]);
    }
    for (unsigned i = 0; i < 20; i++) {
        print("%s fx%u %016x\n", what, (uint64_t)i * 8, ((const uint64_t *)s->fx)[i]);
    }
    for (unsigned i = 0; i < 16; i++) {
        const uint64_t *v = (const uint64_t *)s->ymm[i];
        print("%s ymm%u %016x %016x %016x %016x\n", what, (uint64_t)i, v[3], v[2], v[1], v[0]);
    }
}

static void run_one(unsigned index, unsigned first, unsigned count)
{
    for (unsigned n = first; n < first + count; n++) {
        Case c;
        uint64_t h = run_case(&forms[index], index, n, &c);
        print("CASE %u %016x fault %u bytes", (uint64_t)n, h, (uint64_t)fault);
        for (unsigned i = 0; i + 1 < c.length; i++) {
            print(" %02x", (uint64_t)c.code[i]);
        }
        print("\n");
        if (count == 1) {
            print_state("in", &native_in);
            print_state("out", &native_out);
            for (unsigned i = 0; i < DATA_BYTES / 8; i++) {
                print("memory %x %016x\n", DATA + 8 * i, ((uint64_t *)DATA)[i]);
            }
        }
    }
    print("END\n");
}

static unsigned next_number(const char **text)
{
    unsigned value = 0;

    while (**text == ' ') {
        (*text)++;
    }
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        value = value * 10 + **text - '0';
    }
    return value;
}

static void run(const char *text)
{
    unsigned a = next_number(&text), b = next_number(&text), count = next_number(&text);

    if (count && a < form_count) {
        run_one(a, b, count);
    } else {
        run_all(a ? a : 100);
    }
}

#ifdef BARE
void bare_program(const char *command_line)
{
    run(command_line);
}
#else
static void print(const char *format, ...)
{
    __builtin_va_list list;

    __builtin_va_start(list, format);
    for (; *format; format++) {
        unsigned width = 0;
        if (*format != '%') {
            putchar(*format);
            continue;
        }
        format++;
        while (*format >= '0' && *format <= '9') {
            width = width * 10 + *format++ - '0';
        }
        if (*format == 's') {
            fputs(__builtin_va_arg(list, const char *), stdout);
        } else {
            printf(*format == 'x' ? "%0*lx" : "%0*lu", (int)width,
                   __builtin_va_arg(list, uint64_t));
        }
    }
    __builtin_va_end(list);
}

int main(int argc, char **argv)
{
    static const int caught[] = { SIGILL, SIGFPE, SIGSEGV, SIGBUS };
    static uint8_t stack[65536];
    struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    char text[64];

    if (!has("avx")) {
        puts("this CPU has no AVX");
        return 77;
    }
    sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof(stack) }, NULL);
    for (unsigned i = 0; i < sizeof(caught) / sizeof(caught[0]); i++) {
        sigaction(caught[i], &action, NULL);
    }
    if (mmap((void *)DATA, 0x2000, PROT_READ | PROT_WRITE | PROT_EXEC,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)DATA) {
        perror("mmap");
        return 1;
    }
    snprintf(text, sizeof(text), "%s %s %s", argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : "",
             argc > 3 ? argv[3] : "");
    run(text);
    return 0;
}
#endif
