/* SPDX-License-Identifier: MIT */
/*
 * What the translator does in a way of its own, where nobody must see it: loops and paths that
 * are run often, divisions of sign-extended numbers, and code that changes.
 */
#include "tests/functional/jit-system/setup64.h"

typedef unsigned (*Function)(void);
typedef long long i64;

/*
 * Loops of one block, left by their count and by a fault in any round: registers and flags are
 * those of the instruction that faults. The page behind AT's is not there.
 */
static u64 rounds;

static void test_loops(void)
{
    u64 sum, flags;
    u32 count;

    for (unsigned i = 0; i < sizeof(page[0]); i++) {
        ((volatile u8 *)page[0])[i] = 0;
    }
    map((u64)page[0] | 3);
    for (u32 n = 1; n <= 100; n++) {
        asm volatile("xorl %%eax, %%eax\n"
                     "1: addq %%rcx, %%rax; movb %%cl, (%3, %%rcx); decl %%ecx; jnz 1b\n"
                     "pushfq; popq %2"
                     : "=&a"(sum), "=&c"(count), "=&r"(flags) : "r"(AT), "1"(n) : "memory", "cc");
        check("sum", sum, n * (n + 1) / 2);
        check("count", count, 0);
        check("flags", flags & 0x8d5, 0x44);
        check("what was stored last", *(volatile u8 *)(AT + 1), 1);
        check("what was stored first", *(volatile u8 *)(AT + n), n);
        rounds = 0;
        TRY("1: incq rounds(%%rip); cmpb $0, (%0); leaq 1(%0), %0; je 1b", AT + 0x1000 - n);
        EXPECT(PF, 0);
        check("cr2", caught.cr2, AT + 0x1000);
        check("rounds", rounds, n + 1);
        check("flags at the fault", caught.flags & 0x801, 0);
    }
    map(0);
}

/*
 * Code that is entered so often that its usual path is laid out in one piece, and then goes
 * other ways: by branches, by a callee that returns elsewhere, by a fault, by a change of the
 * code.
 */
static volatile u64 trail;

#define WALK \
    "1: movq %%rax, trail(%%rip); movzbl (%%rsi), %%ecx; incq %%rsi\n" \
    "testb $1, %%cl; jz 2f; addq $3, %%rax; jmp 3f\n" \
    "2: leaq (%%rax, %%rax, 2), %%rax\n" \
    "3: testb $2, %%cl; jz 4f; call 6f; notq %%rax\n" \
    "4: testb $4, %%cl; jz 5f; xorq %%rcx, %%rax\n" \
    "5: decq %%rdx; jnz 1b; jmp 7f\n" \
    "6: rolq $7, %%rax; btl $3, %%ecx; sbbl %%r8d, %%r8d; andl $3, %%r8d\n" \
    "addq %%r8, (%%rsp); ret\n"             /* behind the NOT, or not */ \
    "7:\n"

static u64 walked(u64 a, const volatile u8 *data, u64 count)
{
    while (count--) {
        u8 c = *data++;
        a = c & 1 ? a + 3 : 3 * a;
        if (c & 2) {
            a = a << 7 | a >> 57;
            a = c & 8 ? a : ~a;
        }
        a = c & 4 ? a ^ c : a;
    }
    return a;
}

static void test_traces(void)
{
    volatile u8 *data = (volatile u8 *)page[0];
    u64 seed = 1, sum, at, count;

    map((u64)page[0] | 3);
    for (unsigned round = 0; round < 40; round++) {
        for (unsigned i = 0; i < 0x1000; i++) {
            seed = seed * 6364136223846793005 + 1442695040888963407;
            /* Mostly the same way for some rounds, then any. */
            data[i] = round % 8 < 3 || i % 256 ? round / 8 * 3 : seed >> 40;
        }
        sum = round;
        at = AT;
        count = 0x1000;
        asm volatile(WALK : "+a"(sum), "+S"(at), "+d"(count) :: "rcx", "r8", "memory", "cc");
        check("walk", sum, walked(round, data, 0x1000));
        TRY("movq %0, %%rsi; movl $5, %%eax; movl $-1, %%edx;" WALK, AT + 16 * round);
        EXPECT(PF, 0);
        check("cr2", caught.cr2, AT + 0x1000);
        check("walk to the fault", trail, walked(5, data + 16 * round, 0x1000 - 16 * round));
    }
    map(0);
}

/* The immediate of an addition in a loop, changed by the loop itself when it is hot. */
static void test_hot_change(void)
{
    u64 sum = 0, count = 10000;
    const volatile u8 *code;

    asm volatile("jmp 2f\n"
                 "1: addl $1, %%eax\n"
                 "decq %%rcx; jz 3f\n"
                 "testl $0x3ff, %%ecx; jnz 1b\n"
                 "incb 1b+2(%%rip); jmp 1b\n"
                 "2: leaq 1b(%%rip), %1; jmp 1b\n"
                 "3:" : "+a"(sum), "=&r"(code), "+c"(count) :: "memory", "cc");
    check("sum", sum, 784 * 1 + 1024 * (2 + 3 + 4 + 5 + 6 + 7 + 8 + 9 + 10));
    check("the immediate", code[2], 10);
}

/* Divisions of a sign-extended number, and those of the same double-width number from memory. */
static u64 number[6];

#define STORE_RESULT(i) "movq %%rax, number+" #i "(%%rip); movq %%rdx, number+8+" #i "(%%rip)"

static void test_divisions(void)
{
    static const u64 values[] = {
        0, 1, 2, 7, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
        1ull << 63, (1ull << 63) + 1, -1ull, -2ull, -7ull, -0x80000000ull, 0x123456789abcdef0,
    };
    enum { COUNT = sizeof(values) / sizeof(*values) };

    for (unsigned i = 0; i < COUNT * COUNT; i++) {
        word low = values[i / COUNT], vector;

        number[4] = values[i % COUNT];
        number[5] = (i64)low >> 63;
        number[0] = number[1] = number[2] = number[3] = 0;
        TRY("cqto; idivq number+32(%%rip);" STORE_RESULT(0), low);
        vector = caught.vector;
        TRY("movq number+40(%%rip), %%rdx; idivq number+32(%%rip);" STORE_RESULT(16), low);
        check("fault, 64 bits", vector, caught.vector);
        check("quotient", number[0], number[2]);
        check("remainder", number[1], number[3]);
        TRY("cltd; idivl number+32(%%rip);" STORE_RESULT(0), low);
        vector = caught.vector;
        number[5] = (i64)(low << 32) >> 63;
        TRY("movq number+40(%%rip), %%rdx; idivl number+32(%%rip);" STORE_RESULT(16), low);
        check("fault, 32 bits", vector, caught.vector);
        check("quotient", number[0], number[2]);
        check("remainder", number[1], number[3]);
    }
}

static void test_code(void)
{
    static u8 code[64] __attribute__((aligned(64)));
    Function f = (Function)code;
    u8 *edge = (u8 *)AT + 4094;

    /* mov $1, %eax; ret */
    code[0] = 0xb8;
    code[1] = 1;
    code[5] = 0xc3;
    check("before", f(), 1);
    for (unsigned i = 2; i < 50; i++) {
        ((volatile u8 *)code)[1] = i;
        check("after a write", f(), i);
    }
    /* It changes the instruction that follows: movb $7, 1f+1(%rip); 1: mov $1, %eax; ret */
    static const u8 self[] = { 0xc6, 0x05, 1, 0, 0, 0, 7, 0xb8, 1, 0, 0, 0, 0xc3 };
    for (unsigned i = 0; i < sizeof(self); i++) {
        ((volatile u8 *)code)[i] = self[i];
    }
    check("its own next instruction", f(), 7);
    /* Over two pages, then with another second page, then without one. */
    map((u64)page[0] | 3);
    PTE[1] = (u64)page[1] | 3;
    flush((u8 *)AT + 4096);
    edge[0] = 0xb8;
    edge[1] = 1;
    page[1][0] = page[1][1] = page[1][2] = 0;
    page[1][3] = 0xc3;
    page[2][0] = 1;
    page[2][1] = page[2][2] = 0;
    page[2][3] = 0xc3;
    check("over two pages", ((Function)edge)(), 1);
    PTE[1] = (u64)page[2] | 3;
    flush((u8 *)AT + 4096);
    check("with another page", ((Function)edge)(), 0x101);
    PTE[1] = 0;
    flush((u8 *)AT + 4096);
    TRY("call *%0", (word)edge);
    EXPECT(PF, 0x10);
    check("cr2", caught.cr2, AT + 4096);
    check("ip", caught.ip, (word)edge);
    /* In no memory at all ones are read: FFFF is no instruction. */
    TRY("call *%0", 0xc0000000);
    EXPECT(UD, 0);
}

void main(void)
{
    set_up();
    run("loops", test_loops);
    run("paths that are run often", test_traces);
    run("a change of hot code", test_hot_change);
    run("divisions", test_divisions);
    run("code that changes", test_code);
    print("end\n");
    outb(0xf4, 0);
}
