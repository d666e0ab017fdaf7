/* SPDX-License-Identifier: MIT */
/*
 * Code that changes itself: loops of instructions at random, of which some store into the immediates and
 * opcodes of others, of the next one, of themselves; in every round or in few, so that the loop is hot
 * before; on two pages. As a program of the host it says what comes of them, as a program on the
 * machine without a system, what the software CPU makes of it.
 *
 * usage: modify [CASES]       a hash of what came of each [100]
 *        modify FIRST COUNT   of these: the code before and after, too
 */
#include "tests/bare/bare.h"

#ifndef BARE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#endif

#define CODE       0x8000000ul  /* at the same place in both: two pages, and DATA on a third */
#define CODE_BYTES 0x2000u
#define DATA       0x8002800ul
#define MEMORY     0x3000u
#define MAX_UNITS  40u

#ifdef BARE
void bare_exception(BareFrame *frame)
{
    bare_print("exception %u error %x at %x\n", frame->vector, frame->error, frame->rip);
    bare_exit(1);
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
    return (unsigned)((rnd() >> 33) % limit);
}

/* ---- what the code is made of ---- */

/* Bytes by their number, and: a random byte, the four of where the target lies from the end, the same
 * of the unit's own immediate, how far to the end of the next unit, the low byte of a count. */
enum { RANDOM = 0x100, TARGET, OWN, OVER, COUNT, END };

typedef struct Kind {
    uint16_t code[32];
    uint8_t at, bytes;      /* what may be stored to: an immediate; 0 bytes: nothing */
    uint8_t opcode_at, mask; /* a byte that may become one of other bits there; 0: it may not */
    uint8_t stores;         /* so many bytes to the target */
    uint8_t opcodes;        /* that many: to an opcode with this mask */
} Kind;

#define R RANDOM
#define R4 R, R, R, R
#define NOP4 0x90, 0x90, 0x90, 0x90
#define TO TARGET, 0, 0, 0
#define MINE OWN, 0, 0, 0

/* RAX and RDX are what is computed with, RCX counts, RBX points to data, R8 and R9 keep RCX and RSP. */
static const Kind kinds[] = {
    { { 0x05, R4, END }, .at = 1, .bytes = 4, .mask = 0x38 },           /* ADD … CMP $, %EAX */
    { { 0x2d, R4, END }, .at = 1, .bytes = 4, .mask = 0x38 },
    { { 0x48, 0xc1, 0xc0, R, END }, .at = 3, .bytes = 1 },              /* ROL $, %RAX */
    { { 0x8d, 0x84, 0x00, R4, END }, .at = 3, .bytes = 4 },             /* LEA (%RAX, %RAX), %EAX */
    { { 0x48, 0x69, 0xc0, R4, END }, .at = 3, .bytes = 4 },             /* IMUL $, %RAX, %RAX */
    { { 0x48, 0x03, 0x43, R, END }, .at = 3, .bytes = 1 },              /* ADD (%RBX), %RAX */
    { { 0x49, 0xba, R4, R4, 0x4c, 0x01, 0xd0, END }, .at = 2, .bytes = 8 }, /* MOV $, %R10; ADD %R10, %RAX */
    { { 0x89, 0x43, R, 0x48, 0xff, 0xc0, END }, .at = 2, .bytes = 1 },  /* MOV %EAX, (%RBX); INC %RAX */
    { { 0x39, 0xd0, 0x72, OVER, END }, .opcode_at = 2, .mask = 0x0f },  /* CMP %EDX, %EAX; Jcc over the next */
    /* stores, of 1 to 8 bytes */
    { { 0x88, 0x05, TO, END }, .stores = 1 },                           /* MOV %AL */
    { { 0x66, 0x89, 0x05, TO, END }, .stores = 2 },                     /* MOV %AX */
    { { 0x89, 0x05, TO, END }, .stores = 4 },                           /* MOV %EAX */
    { { 0x48, 0x89, 0x05, TO, END }, .stores = 8 },                     /* MOV %RAX */
    { { 0x31, 0x05, TO, END }, .stores = 4 },                           /* XOR %EAX */
    { { 0xf0, 0x01, 0x05, TO, END }, .stores = 4 },                     /* LOCK ADD %EAX */
    { { 0x87, 0x05, TO, END }, .stores = 4 },                           /* XCHG %EAX */
    { { 0xf0, 0x0f, 0xb1, 0x15, TO, END }, .stores = 4 },               /* LOCK CMPXCHG %EDX */
    { { 0x66, 0x48, 0x0f, 0x6e, 0xc0, 0x66, 0x0f, 0xd6, 0x05, TO, END }, .stores = 8 }, /* MOVQ */
    { { 0x49, 0x89, 0xe1, 0x48, 0x8d, 0x25, TO, 0x48, 0x8d, 0x64, 0x24, 8, 0x50, 0x4c, 0x89, 0xcc, END },
      .stores = 8 },                                                    /* PUSH %RAX */
    { { 0x48, 0x8d, 0x3d, TO, 0x48, 0x89, 0xde, 0x41, 0x89, 0xc8, 0xb9, COUNT, 0, 0, 0, 0xf3, 0xa4,
        0x44, 0x89, 0xc1, END }, .stores = 1 },                         /* REP MOVSB */
    { { 0x48, 0x8d, 0x3d, TO, 0x41, 0x89, 0xc8, 0xb9, COUNT, 0, 0, 0, 0xf3, 0xaa, 0x44, 0x89, 0xc1, END },
      .stores = 1 },                                                    /* REP STOSB */
    { { 0x89, 0xc2, 0x83, 0xe2, 0x38, 0x83, 0xca, 0x05, 0x88, 0x15, TO, END }, .opcodes = 0x38 },
    { { 0x89, 0xc2, 0x83, 0xe2, 0x0f, 0x83, 0xca, 0x70, 0x88, 0x15, TO, END }, .opcodes = 0x0f },
    /* what changes itself, and reads that */
    { { 0x81, 0x05, MINE, R4, END }, .at = 6, .bytes = 4 },             /* ADDL $, of itself */
    { { 0xc0, 0x05, MINE, R, END }, .at = 6, .bytes = 1 },              /* ROLB $, of itself */
    /* what makes NOPs of itself: MOV %R10 over its 7 bytes and the next, REP STOSB over its two and the next */
    { { 0x49, 0xba, NOP4, NOP4, 0x4c, 0x89, 0x15, 0xf9, 0xff, 0xff, 0xff, 0x90, END }, .bytes = 0 },
    { { 0x49, 0x89, 0xc2, 0x41, 0x89, 0xc8, 0xb0, 0x90, 0xb9, 3, 0, 0, 0, 0x48, 0x8d, 0x3d, 0, 0, 0, 0,
        0xf3, 0xaa, 0x90, 0x4c, 0x89, 0xd0, 0x44, 0x89, 0xc1, END }, .bytes = 0 },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

typedef struct Unit {
    const Kind *kind;
    unsigned at, length;
    unsigned guard;         /* bytes before it, which leave it out in most rounds */
} Unit;

static Unit units[MAX_UNITS];
static unsigned unit_count, code_at;
static uint8_t *const code = (uint8_t *)CODE;

static void byte(unsigned value)
{
    code[code_at++] = (uint8_t)value;
}

static void word(uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        byte(value >> 8 * i);
    }
}

static unsigned length_of(const Kind *kind)
{
    unsigned n = 0;

    while (kind->code[n] != END) {
        n++;
    }
    return n;
}

/* Where a unit's store may go to: RIP-relative operands are of four bytes. `room`: how many there are. */
static unsigned find_target(unsigned from, unsigned *room)
{
    const Kind *kind = units[from].kind;

    for (unsigned try = 0; try < 400; try++) {
        unsigned n = try > 100 || below(2) ? below(unit_count) : (from + 1 + below(2)) % unit_count;
        const Unit *to = &units[n];
        if (kind->opcodes && to->kind->mask == kind->opcodes) {
            return to->at + to->kind->opcode_at;
        }
        if (!kind->opcodes && to->kind->bytes >= kind->stores) {
            unsigned skip = below(to->kind->bytes - kind->stores + 1);
            *room = to->kind->bytes - skip;
            return to->at + to->kind->at + skip;
        }
    }
    *room = 8;
    return DATA + 0x100 - CODE;
}

/* CMP $, %ECX or TEST $, %ECX; JNE over the unit. */
static void put_guard(const Unit *unit, unsigned rounds)
{
    bool once = below(2);

    byte(once ? 0x81 : 0xf7);
    byte(once ? 0xf9 : 0xc1);
    word(once ? 1 + below(rounds) : 255u << below(3));
    byte(0x75);
    byte(unit->length);
}

static void put_unit(unsigned n, unsigned rounds)
{
    const Unit *unit = &units[n];
    const Kind *kind = unit->kind;
    unsigned room = 0, target = kind->stores || kind->opcodes ? find_target(n, &room) : 0;
    unsigned over = n + 1 < unit_count ? units[n + 1].at + units[n + 1].length : unit->at + unit->length;

    if (unit->guard) {
        put_guard(unit, rounds);
    }
    for (unsigned i = 0; i < unit->length; i++) {
        switch (kind->code[i]) {
        case RANDOM:
            byte(rnd() >> 40);
            break;
        case TARGET:
            /* Behind the operand there is nothing but with OWN. */
            word(target - (code_at + 4));
            i += 3;
            break;
        case OWN:
            word(unit->at + kind->at - (unit->at + unit->length));
            i += 3;
            break;
        case OVER:
            byte(over - (code_at + 1));
            break;
        case COUNT:
            byte(1 + below(room));
            break;
        default:
            byte(kind->code[i]);
        }
    }
}

/* A loop over all of it, with the end of the first page somewhere in it. */
static void make_code(unsigned rounds)
{
    unsigned size = 0, start;

    for (unsigned i = 0; i < CODE_BYTES; i++) {
        code[i] = 0xcc;
    }
    unit_count = 3 + below(below(2) ? 8 : MAX_UNITS - 3);
    for (unsigned i = 0; i < unit_count; i++) {
        const Kind *kind = &kinds[below(3) ? below(9) : below(KINDS)];
        bool stores = kind->stores || kind->opcodes;
        units[i] = (Unit){ kind, size, length_of(kind), stores && below(4) ? 8 : 0 };
        units[i].at += units[i].guard;
        size += units[i].guard + units[i].length;
    }
    start = 4096 - below(size + 20);
    for (unsigned i = 0; i < unit_count; i++) {
        units[i].at += start;
    }
    code_at = start;
    for (unsigned i = 0; i < unit_count; i++) {
        put_unit(i, rounds);
    }
    byte(0xff);     /* DEC %ECX; JNZ */
    byte(0xc9);
    byte(0x0f);
    byte(0x85);
    word(start - (code_at + 4));
    byte(0xc3);
    code_at = start;
}

/* ---- one case ---- */

static void hash(uint64_t *h, const void *data, unsigned bytes)
{
    const uint8_t *p = data;

    for (unsigned i = 0; i < bytes; i++) {
        *h = (*h ^ p[i]) * 0x100000001b3ull;
    }
}

static void print_code(const char *what, unsigned n)
{
    bare_print("%s %u:", what, (uint64_t)n);
    for (unsigned i = code_at; i < CODE_BYTES && (code[i] != 0xcc || code[i + 1] != 0xcc); i++) {
        bare_print(" %02x", (uint64_t)code[i]);
    }
    bare_print("\n");
}

static uint64_t run_case(unsigned n, bool shown)
{
    uint64_t h = 0xcbf29ce484222325ull, rax, rcx, rdx = 0, flags;
    const void *start;

    random_state = (n + 1) * 0x9e3779b97f4a7c15ull;
    rnd();
    rcx = below(3) ? 1 + below(40) : 2000 + below(2000);
    make_code((unsigned)rcx);
    for (unsigned i = 0; i < 1024; i++) {
        ((uint8_t *)DATA - 512)[i] = (uint8_t)(rnd() >> 40);
    }
    rax = rnd();
    if (shown) {
        bare_print("rounds %u at %x\n", rcx, (uint64_t)(CODE + code_at));
        print_code("before", n);
    }
    start = code + code_at;
    __asm__ volatile("call *%5\n\tpushfq\n\tpopq %3"
                     : "+a"(rax), "+c"(rcx), "+d"(rdx), "=r"(flags)
                     : "b"(DATA), "m"(start)
                     : "rsi", "rdi", "r8", "r9", "r10", "xmm0", "memory", "cc");
    if (shown) {
        print_code("after", n);
        bare_print("rax %016x rdx %016x flags %x\n", rax, rdx, flags & 0x8d5);
    }
    hash(&h, &rax, 8);
    hash(&h, &rdx, 8);
    hash(&h, (void *)CODE, MEMORY);
    return h;
}

static unsigned next_number(const char **text)
{
    unsigned value = 0;

    while (**text == ' ') {
        (*text)++;
    }
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        value = value * 10 + (unsigned)(**text - '0');
    }
    return value;
}

void bare_program(const char *command_line)
{
    unsigned a = next_number(&command_line), count = next_number(&command_line);

#ifndef BARE
    if (mmap((void *)CODE, MEMORY, PROT_READ | PROT_WRITE | PROT_EXEC,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != (void *)CODE) {
        puts("memory may not be mapped to be written and executed");
        exit(77);
    }
#endif
    for (unsigned n = count ? a : 0; n < (count ? a + count : a ? a : 100); n++) {
        uint64_t h = run_case(n, count);
        bare_print("CASE %u %016x\n", (uint64_t)n, h);
    }
    bare_print("END\n");
}
