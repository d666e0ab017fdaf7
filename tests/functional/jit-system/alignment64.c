/* SPDX-License-Identifier: MIT */
/*
 * Alignment checks: Intel SDM volume 3, 6.15, interrupt 17; and #GP of vectors. What the
 * instructions of the tables do is what CPUs were seen to do, where the manual leaves it open.
 */
#include "tests/functional/jit-system/setup64.h"

static u8 data[256] __attribute__((aligned(256)));

/* rdi = rsi = the operand, rbx = a place that is aligned; the stack is another's in between. */
#define PROLOGUE(flags) USER "movq %0, %%rdi; movq %0, %%rsi; movl $user_stack + 1024, %%ebx; xorl %%ecx, %%ecx;" \
    "xorl %%edx, %%edx; pushfq; orq $" #flags ", (%%rsp); popfq; xorl %%eax, %%eax; "

/* Each offset from 0 to 16 gives '.', 'A' or 'G' for nothing, #AC, #GP. */
static void check_pattern(const char *code, const char *pattern, unsigned offset)
{
    u32 wanted = pattern[offset] == 'A' ? AC : pattern[offset] == 'G' ? GP : pattern[offset] == 'P' ? PF : 0x82;

    if (caught.vector != wanted) {
        print("# ");
        print(code);
        print(" at ");
        print_number(offset);
        print("\n");
    }
    check("vector", caught.vector, wanted);
    check("error code", caught.error, wanted == PF ? 4 : 0);
}

#define ALIGNS_AT(at, code, pattern) do { \
    for (unsigned offset_ = 0; offset_ < 17; offset_++) { \
        TRY(PROLOGUE(0x40000) code "; int $0x82", (at) + offset_, OPERANDS); \
        check_pattern(code, pattern, offset_); \
    } } while (0)
#define ALIGNS(code, pattern) ALIGNS_AT((word)data, code, pattern)

#define BY_1  "................."
#define BY_2  ".A.A.A.A.A.A.A.A."
#define BY_4  ".AAA.AAA.AAA.AAA."
#define BY_8  ".AAAAAAA.AAAAAAA."
#define GP_16 ".GGGGGGGGGGGGGGG."

static void test_integers(void)
{
    ALIGNS("movb (%%rdi), %%cl", BY_1);
    ALIGNS("movw (%%rdi), %%cx", BY_2);
    ALIGNS("movl (%%rdi), %%ecx", BY_4);
    ALIGNS("movq (%%rdi), %%rcx", BY_8);
    ALIGNS("movw %%cx, (%%rdi)", BY_2);
    ALIGNS("movl %%ecx, (%%rdi)", BY_4);
    ALIGNS("movq %%rcx, (%%rdi)", BY_8);
    ALIGNS("lock; incl (%%rdi)", BY_4);
    ALIGNS("xaddq %%rcx, (%%rdi)", BY_8);
    ALIGNS("xchgw %%cx, (%%rdi)", BY_2);
    ALIGNS("btq %%rcx, (%%rdi)", BY_8);
    ALIGNS("btsl $3, (%%rdi)", BY_4);
    ALIGNS("cmpxchg8b (%%rdi)", BY_8);
    ALIGNS("lock; cmpxchg16b (%%rdi)", GP_16);
    ALIGNS("movbe (%%rdi), %%ecx", BY_4);
    ALIGNS("popcntw (%%rdi), %%cx", BY_2);
    ALIGNS("movnti %%rcx, (%%rdi)", BY_8);
    ALIGNS("lar (%%rdi), %%ecx", BY_2);
    ALIGNS("mov %%ds, (%%rdi)", BY_2);
    ALIGNS("lgs (%%rdi), %%cx", BY_2);
    ALIGNS("lgs (%%rdi), %%ecx", BY_4);
    ALIGNS("clflush (%%rdi)", BY_1);
    ALIGNS("prefetcht0 (%%rdi)", BY_1);
}

static void test_strings(void)
{
    ALIGNS("movq %%rbx, %%rdi; lodsw", BY_2);
    ALIGNS("movq %%rbx, %%rsi; stosl", BY_4);
    ALIGNS("movq %%rbx, %%rsi; movsq", BY_8);
    ALIGNS("movq %%rbx, %%rdi; movsq", BY_8);
    ALIGNS("movl $4, %%ecx; movq %%rbx, %%rsi; rep; movsl", BY_4);
    ALIGNS("movl $4, %%ecx; movq %%rbx, %%rdi; rep; movsl", BY_4);
    ALIGNS("movl $4, %%ecx; rep; movsb", BY_1);
    ALIGNS("movl $9, %%ecx; rep; stosq", BY_8);
    ALIGNS("scasw", BY_2);
    ALIGNS("movq %%rbx, %%rsi; cmpsl", BY_4);
    ALIGNS("leaq 64(%%rdi), %%rsp; pushq %%rcx; movq %%rbx, %%rsp", BY_8);
    ALIGNS("leaq 64(%%rdi), %%rsp; pushw %%cx; movq %%rbx, %%rsp", BY_2);
    ALIGNS("leaq 64(%%rdi), %%rsp; popq %%rcx; movq %%rbx, %%rsp", BY_8);
    ALIGNS("leaq 64(%%rdi), %%rsp; call 5f; 5: movq %%rbx, %%rsp", BY_8);
    ALIGNS("leaq 64(%%rdi), %%rsp; pushfq; movq %%rbx, %%rsp", BY_8);
    ALIGNS("leaq 64(%%rdi), %%rsp; enter $16, $0; movq %%rbx, %%rsp", BY_8);
}

static void test_vectors(void)
{
    ALIGNS("movups (%%rdi), %%xmm0", BY_1);
    ALIGNS("movdqu %%xmm0, (%%rdi)", BY_1);
    ALIGNS("movaps (%%rdi), %%xmm0", GP_16);
    ALIGNS("movaps %%xmm0, (%%rdi)", GP_16);
    ALIGNS("movntps %%xmm0, (%%rdi)", GP_16);
    ALIGNS("addps (%%rdi), %%xmm0", GP_16);
    ALIGNS("aesenc (%%rdi), %%xmm0", GP_16);
    ALIGNS("movsldup (%%rdi), %%xmm0", GP_16);
    ALIGNS("pcmpistri $0, (%%rdi), %%xmm0", BY_1);
    ALIGNS("vaddps (%%rdi), %%xmm0, %%xmm0", BY_1);
    ALIGNS("vaddps (%%rdi), %%ymm2, %%ymm2", BY_1);
    ALIGNS("vmovaps (%%rdi), %%ymm2", ".GGGGGGGGGGGGGGGG");
    ALIGNS("vmovdqu (%%rdi), %%ymm2", BY_1);
    ALIGNS("movss (%%rdi), %%xmm0", BY_4);
    ALIGNS("movsd %%xmm0, (%%rdi)", BY_8);
    ALIGNS("movhps (%%rdi), %%xmm0", BY_8);
    ALIGNS("movddup (%%rdi), %%xmm0", BY_8);
    ALIGNS("pinsrw $0, (%%rdi), %%xmm0", BY_2);
    ALIGNS("pextrd $0, %%xmm0, (%%rdi)", BY_4);
    ALIGNS("pmovzxbw (%%rdi), %%xmm0", BY_8);
    ALIGNS("vbroadcastss (%%rdi), %%xmm0", BY_4);
    ALIGNS("vbroadcastsd (%%rdi), %%ymm2", BY_8);
    ALIGNS("vbroadcastf128 (%%rdi), %%ymm2", BY_1);
    ALIGNS("cvtsi2sdl (%%rdi), %%xmm0", BY_4);
    ALIGNS("cvtps2pd (%%rdi), %%xmm0", BY_8);
    ALIGNS("roundsd $0, (%%rdi), %%xmm0", BY_8);
    ALIGNS("movq (%%rdi), %%mm0; emms", BY_8);
    ALIGNS("movd (%%rdi), %%mm0; emms", BY_4);
    ALIGNS("punpcklbw (%%rdi), %%mm0; emms", BY_4);
    ALIGNS("stmxcsr (%%rdi)", BY_4);
    ALIGNS("maskmovq %%mm0, %%mm1; emms", BY_8);
    ALIGNS("maskmovdqu %%xmm0, %%xmm1", BY_8);
    ALIGNS("vpcmpeqd %%xmm0, %%xmm0, %%xmm0; vmaskmovps (%%rdi), %%xmm0, %%xmm1", BY_1);
    ALIGNS("vpxor %%xmm1, %%xmm1, %%xmm1; vpcmpeqd %%xmm0, %%xmm0, %%xmm0;"
           "vpgatherdd %%xmm0, (%%rdi, %%xmm1), %%xmm2", BY_1);
}

static void test_float(void)
{
    ALIGNS("fninit; flds (%%rdi)", BY_4);
    ALIGNS("fninit; fldl (%%rdi)", BY_8);
    ALIGNS("fninit; fldt (%%rdi)", BY_8);
    ALIGNS("fninit; fld1; fstpt (%%rdi)", BY_8);
    ALIGNS("fninit; fbld (%%rdi)", BY_8);
    ALIGNS("fninit; filds (%%rdi)", BY_2);
    ALIGNS("fninit; fildll (%%rdi)", BY_8);
    ALIGNS("fnstcw (%%rdi)", BY_2);
    ALIGNS("fnstenv (%%rdi)", BY_4);
    ALIGNS(".byte 0x66; fnstenv (%%rdi)", BY_2);
    ALIGNS("fnsave (%%rdi)", BY_4);
    ALIGNS(".byte 0x66; fnsave (%%rdi)", BY_2);
    ALIGNS("fxsave (%%rdi)", ".AAAGAAAGAAAGAAA.");
    ALIGNS("xsave (%%rdi)", ".AAAGAAAGAAAGAAAG");
}

/* Which of two faults is told of. */
static void test_priority(void)
{
    ALIGNS_AT(AT, "movl (%%rdi), %%ecx", "PAAAPAAAPAAAPAAAP");
    ALIGNS_AT(AT, "movsd (%%rdi), %%xmm0", "PAAAAAAAPAAAAAAAP");
    ALIGNS_AT(AT, "movaps (%%rdi), %%xmm0", "PGGGGGGGGGGGGGGGP");
    ALIGNS_AT(AT, "movdqu (%%rdi), %%xmm0", "PPPPPPPPPPPPPPPPP");
    ALIGNS_AT(1ull << 47, "movl (%%rdi), %%ecx", "GGGGGGGGGGGGGGGGG");
}

/* AM, AC and CPL 3: all three. The CPU's own accesses are a supervisor's. */
static void test_conditions(void)
{
    TRY(PROLOGUE(0) "movl 1(%%rdi), %%ecx; int $0x82", (word)data, OPERANDS);
    EXPECT(0x82, 0);
    TRY("pushfq; orq $0x40000, (%%rsp); popfq; movl 1(%0), %%ecx", (word)data);
    EXPECT(NOTHING, 0);
    asm volatile("pushfq; andq $~0x40000, (%%rsp); popfq" ::: "memory", "cc");
    TRY(PROLOGUE(0x40000) "movl $35, %%ecx; movl %%ecx, %%es; int $0x82", (word)data, OPERANDS);
    EXPECT(0x82, 0);
    TRY(PROLOGUE(0x40000) "movl 4095(%%rdi), %%ecx; int $0x82", (word)page[0], OPERANDS);
    EXPECT(AC, 0);
    check("flags", caught.flags & 0x40000, 0x40000);
    check("cs", caught.cs, UCODE);
    asm volatile("mov %%cr0, %%rax; btr $18, %%rax; mov %%rax, %%cr0" ::: "rax", "memory");
    TRY(PROLOGUE(0x40000) "movl 1(%%rdi), %%ecx; int $0x82", (word)data, OPERANDS);
    EXPECT(0x82, 0);
}

void main(void)
{
    set_up();
    set_gate(0x82, CODE, STUB(0x82), 0xee, 0);
    open_memory(1);
    /* AVX as well. */
    write_cr4(read_cr4() | 1 << 18);
    asm volatile("xsetbv" :: "a"(7), "c"(0), "d"(0));
    asm volatile("mov %%cr0, %%rax; bts $18, %%rax; mov %%rax, %%cr0" ::: "rax", "memory");
    run("alignment of integers", test_integers);
    run("alignment of strings and stacks", test_strings);
    run("alignment of vectors", test_vectors);
    run("alignment of floating point", test_float);
    run("alignment and other faults", test_priority);
    run("when alignment is checked", test_conditions);
    print("end\n");
    outb(0xf4, 0);
}
