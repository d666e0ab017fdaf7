/* SPDX-License-Identifier: MIT */
/* XSAVE and its like: Intel SDM volume 1, chapter 13. Components: x87, SSE, AVX, PKRU. */
#include "tests/functional/jit-system/setup64.h"

enum { X87 = 1, SSE = 2, AVX = 4, PKRU = 0x200, ALL = X87 | SSE | AVX | PKRU };
enum { AVX_AT = 576, PKRU_AT = 2688, HEADER = 512, MXCSR_AT = 24 };
#define COMPACTED (1ull << 63)

static u8 area[4096] __attribute__((aligned(64)));
#define U32_AT(at) (*(volatile u32 *)(area + (at)))
#define U64_AT(at) (*(volatile u64 *)(area + (at)))

static void fill(u8 with)
{
    for (unsigned i = 0; i < sizeof(area); i++) {
        ((volatile u8 *)area)[i] = with;
    }
}

static void clear_header(u64 present, u64 form)
{
    for (unsigned i = 0; i < 64; i += 8) {
        U64_AT(HEADER + i) = 0;
    }
    U64_AT(HEADER) = present;
    U64_AT(HEADER + 8) = form;
}

static void set_xcr0(u32 value) { asm volatile("xsetbv" :: "a"(value), "c"(0), "d"(0)); }
static void set_pkru(u32 value) { asm volatile("wrpkru" :: "a"(value), "c"(0), "d"(0)); }

static u32 get_pkru(void)
{
    u32 value;

    asm volatile("rdpkru" : "=a"(value) : "c"(0) : "edx");
    return value;
}

#define STATE_OP(op, mask) asm volatile(op " %0" : "+m"(area) : "a"((u32)(mask)), "d"(0) : "memory")
#define TRY_OP(op, mask) TRY("xorl %%edx, %%edx; " op " %1", mask, "m"(area))

static void set_ymm3(u64 low, u64 high)
{
    asm volatile("vmovq %0, %%xmm3; vmovq %1, %%xmm4; vinsertf128 $1, %%xmm4, %%ymm3, %%ymm3; vpxor %%xmm4, %%xmm4, %%xmm4"
                 :: "r"(low), "r"(high));
}

static u64 get_ymm3(unsigned half)
{
    u64 value;

    if (half) {
        asm volatile("vmovups %%ymm3, %%ymm5; vextractf128 $1, %%ymm5, %%xmm5; vmovq %%xmm5, %0; vzeroupper" : "=r"(value));
    } else {
        asm volatile("movq %%xmm3, %0" : "=r"(value));
    }
    return value;
}

static u32 get_mxcsr(void)
{
    u32 value;

    asm volatile("stmxcsr %0" : "=m"(value));
    return value;
}

static void set_mxcsr(u32 value) { asm volatile("ldmxcsr %0" :: "m"(value)); }

/* All of it in its initial state. */
static void initial_state(void)
{
    fill(0);
    STATE_OP("xrstor", ALL);
    set_mxcsr(0x1f80);
}

static u64 in_use(void)
{
    u32 low, high;

    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(1));
    return low | (u64)high << 32;
}

static void test_xcr0(void)
{
    TRY("xorl %%ecx, %%ecx; xorl %%edx, %%edx; xsetbv", 6);          /* not without x87 */
    EXPECT(GP, 0);
    TRY("xorl %%ecx, %%ecx; xorl %%edx, %%edx; xsetbv", 5);          /* nor AVX without SSE */
    EXPECT(GP, 0);
    TRY("xorl %%ecx, %%ecx; xorl %%edx, %%edx; xsetbv", 0x100003);
    EXPECT(GP, 0);
    TRY("xorl %%ecx, %%ecx; movl $1, %%edx; xsetbv", 7);
    EXPECT(GP, 0);
    TRY("movl $1, %%ecx; xorl %%edx, %%edx; xsetbv", 7);
    EXPECT(GP, 0);
    TRY("movl $2, %%ecx; xgetbv", 0);
    EXPECT(GP, 0);
    EXPECT_USER("xorl %%ecx, %%ecx; xorl %%edx, %%edx; movl $7, %%eax; xsetbv", GP);
    set_xcr0(3);
    TRY("vmovups %%xmm0, %%xmm1", 0);
    EXPECT(UD, 0);
    check("size without AVX", cpuid(0xd, 0).b, AVX_AT);
    set_xcr0(ALL);
    check("size of all", cpuid(0xd, 0).b, PKRU_AT + 8);
    check("components", cpuid(0xd, 0).a, ALL);
    check("size of all, compacted", cpuid(0xd, 1).b, AVX_AT + 256 + 8);
    write_cr4(read_cr4() & ~(1ull << 18));
    TRY_OP("xsave", ALL);
    EXPECT(UD, 0);
    TRY("xorl %%ecx, %%ecx; xgetbv", 0);
    EXPECT(UD, 0);
    write_cr4(read_cr4() | 1 << 18);
}

static void test_faults(void)
{
    asm volatile("mov %%cr0, %%rax; orl $8, %%eax; mov %%rax, %%cr0" ::: "rax");
    TRY("xorl %%edx, %%edx; xsave 8+%1", ALL, "m"(area));
    EXPECT(NM, 0);
    asm volatile("clts");
    TRY("xorl %%edx, %%edx; xsave 16+%1", ALL, "m"(area));
    EXPECT(GP, 0);
    TRY("xorl %%edx, %%edx; xrstor 32+%1", ALL, "m"(area));
    EXPECT(GP, 0);
    TRY("xorl %%edx, %%edx; xsavec 1+%1", ALL, "m"(area));
    EXPECT(GP, 0);
    map(0);
    TRY("movq %0, %%rdi; xorl %%edx, %%edx; xsave (%%rdi)", AT);
    EXPECT(PF, 2);
    TRY("movq %0, %%rdi; xorl %%edx, %%edx; xrstor (%%rdi)", AT);
    EXPECT(PF, 0);
    open_memory(1);
    TRY(USER "xsaves %1", 0, "m"(area), OPERANDS);
    EXPECT(GP, 0);
    TRY(USER "xrstors %1", 0, "m"(area), OPERANDS);
    EXPECT(GP, 0);
    open_memory(0);
}

static void test_xsave(void)
{
    initial_state();
    set_ymm3(0x1111, 0x2222);
    set_pkru(0x30);
    fill(0xaa);
    U64_AT(HEADER) = 0x8000000000000008;            /* components that are not asked for stay */
    STATE_OP("xsave", ALL);
    check("xstate_bv", U64_AT(HEADER), 0x8000000000000008 | SSE | AVX | PKRU);
    check("the rest of the header", U64_AT(HEADER + 8), 0xaaaaaaaaaaaaaaaa);
    check("fcw", U32_AT(0) & 0xffff, 0x37f);
    check("mxcsr", U32_AT(MXCSR_AT), 0x1f80);
    check("mxcsr mask", U32_AT(28), 0xffff);
    check("xmm3", U64_AT(160 + 48), 0x1111);
    check("ymm3", U64_AT(AVX_AT + 48), 0x2222);
    check("pkru", U32_AT(PKRU_AT), 0x30);
    check("between", U64_AT(AVX_AT + 256), 0xaaaaaaaaaaaaaaaa);
    fill(0xaa);
    U64_AT(HEADER) = ALL;
    STATE_OP("xsave", X87 | AVX);
    check("xstate_bv of a part", U64_AT(HEADER), SSE | AVX | PKRU);
    check("no xmm3", U64_AT(160 + 48), 0xaaaaaaaaaaaaaaaa);
    check("no pkru", U32_AT(PKRU_AT), 0xaaaaaaaa);
    check("mxcsr with AVX", U32_AT(MXCSR_AT), 0x1f80);
    check("ymm3", U64_AT(AVX_AT + 48), 0x2222);
    fill(0xaa);
    U64_AT(HEADER) = 0;
    STATE_OP("xsave", X87 | PKRU);
    check("no mxcsr", U32_AT(MXCSR_AT), 0xaaaaaaaa);
}

static void test_xsaveopt(void)
{
    initial_state();
    set_ymm3(0x1111, 0);
    fill(0xaa);
    U64_AT(HEADER) = ALL;
    STATE_OP("xsaveopt", ALL);
    check("xstate_bv", U64_AT(HEADER), SSE);
    check("xmm3", U64_AT(160 + 48), 0x1111);
    check("no ymm3", U64_AT(AVX_AT + 48), 0xaaaaaaaaaaaaaaaa);
    check("no x87", U32_AT(0), 0xaaaaaaaa);
    check("no pkru", U32_AT(PKRU_AT), 0xaaaaaaaa);
    check("in use", in_use(), SSE);
    asm volatile("fld1");
    check("in use with x87", in_use(), SSE | X87);
    STATE_OP("xsaveopt", X87);
    check("xstate_bv with x87", U64_AT(HEADER), SSE | X87);
    asm volatile("fninit; emms");
}

static void test_compaction(void)
{
    initial_state();
    set_ymm3(0x1111, 0x2222);
    set_pkru(0x30);
    fill(0xaa);
    STATE_OP("xsavec", SSE | PKRU);
    check("xstate_bv", U64_AT(HEADER), SSE | PKRU);
    check("xcomp_bv", U64_AT(HEADER + 8), COMPACTED | SSE | PKRU);
    check("pkru follows", U32_AT(AVX_AT), 0x30);
    fill(0xaa);
    STATE_OP("xsavec", ALL);
    check("xstate_bv of all", U64_AT(HEADER), SSE | AVX | PKRU);
    check("xcomp_bv of all", U64_AT(HEADER + 8), COMPACTED | ALL);
    check("no x87", U32_AT(0), 0xaaaaaaaa);
    check("ymm3", U64_AT(AVX_AT + 48), 0x2222);
    check("pkru behind avx", U32_AT(AVX_AT + 256), 0x30);
    /* What is in its initial state keeps its place. */
    set_ymm3(0x1111, 0);
    fill(0xaa);
    STATE_OP("xsaves", AVX | PKRU);
    check("xstate_bv of xsaves", U64_AT(HEADER), PKRU);
    check("xcomp_bv of xsaves", U64_AT(HEADER + 8), COMPACTED | AVX | PKRU);
    check("no avx", U64_AT(AVX_AT + 48), 0xaaaaaaaaaaaaaaaa);
    check("pkru in its place", U32_AT(AVX_AT + 256), 0x30);
    /* MXCSR is of SSE here. */
    initial_state();
    set_mxcsr(0x1fc0);
    fill(0xaa);
    STATE_OP("xsavec", SSE | AVX);
    check("xstate_bv of mxcsr", U64_AT(HEADER), SSE);
    check("mxcsr", U32_AT(MXCSR_AT), 0x1fc0);
    set_mxcsr(0x1f80);
}

static void test_xrstor(void)
{
    fill(0);
    set_pkru(0);
    clear_header(SSE | AVX | PKRU, 0);
    U32_AT(MXCSR_AT) = 0x1fa0;
    U64_AT(160 + 48) = 0x3333;
    U64_AT(AVX_AT + 48) = 0x4444;
    U32_AT(PKRU_AT) = 0x50;
    asm volatile("fld1");
    STATE_OP("xrstor", ALL);
    check("xmm3", get_ymm3(0), 0x3333);
    check("ymm3", get_ymm3(1), 0x4444);
    check("mxcsr", get_mxcsr(), 0x1fa0);
    check("pkru", get_pkru(), 0x50);
    check("x87 is initial", in_use() & X87, 0);
    /* What the area has not becomes initial; MXCSR is loaded with SSE or AVX. */
    set_ymm3(0x5555, 0x6666);
    clear_header(0, 0);
    STATE_OP("xrstor", AVX);
    check("xmm3 stays", get_ymm3(0), 0x5555);
    check("ymm3 is initial", get_ymm3(1), 0);
    check("mxcsr of avx", get_mxcsr(), 0x1fa0);
    STATE_OP("xrstor", SSE | PKRU);
    check("xmm3 is initial", get_ymm3(0), 0);
    check("pkru is initial", get_pkru(), 0);
    set_mxcsr(0x1f80);
    STATE_OP("xrstor", X87 | PKRU);
    check("mxcsr stays", get_mxcsr(), 0x1f80);
    /* Compacted: places as XCOMP_BV says; MXCSR with SSE alone, 1F80 if it is initial. */
    clear_header(PKRU, COMPACTED | SSE | PKRU);
    U64_AT(AVX_AT) = 1ull << 32 | 0x70;
    set_mxcsr(0x1fa0);
    STATE_OP("xrstor", AVX | PKRU);
    check("pkru, compacted; the high half is nothing", get_pkru(), 0x70);
    check("mxcsr stays without sse", get_mxcsr(), 0x1fa0);
    STATE_OP("xrstors", SSE | PKRU);
    check("mxcsr is initial", get_mxcsr(), 0x1f80);
    set_pkru(0);
}

static void test_headers(void)
{
    static const struct { u64 at, value, present, form; int supervisors; } bad[] = {
        { HEADER, 0, 0x8, 0 },                      /* a component that XCR0 has not */
        { HEADER, 0, 1ull << 63, 0 },
        { HEADER + 16, 1, ALL, 0 },
        { HEADER + 8, SSE, SSE, SSE },              /* a form without its bit */
        { HEADER, 0, SSE | AVX, COMPACTED | SSE },  /* more than the form has */
        { HEADER, 0, SSE, COMPACTED | SSE | 8 },
        { HEADER + 16, 1, SSE, COMPACTED | SSE },
        { HEADER + 56, 1, SSE, COMPACTED | SSE },
        { MXCSR_AT, 0x10000, SSE, 0 },
        { MXCSR_AT, 0x10000, SSE, COMPACTED | SSE },
        { HEADER, 0, SSE, 0, 1 },                   /* XRSTORS wants the compacted form */
    };

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fill(0);
        clear_header(bad[i].present, bad[i].form);
        if (bad[i].at != HEADER) {
            U64_AT(bad[i].at) = bad[i].value;
        }
        if (bad[i].supervisors) {
            TRY_OP("xrstors", ALL);
        } else {
            TRY_OP("xrstor", ALL);
        }
        check("vector", caught.vector, GP);
        if (caught.vector != GP) {
            print("# case ");
            print_number(i);
            print("\n");
        }
    }
    /* In the standard form the bytes behind the first 24 are not looked at. */
    fill(0);
    clear_header(SSE, 0);
    U64_AT(HEADER + 24) = 1;
    TRY_OP("xrstor", ALL);
    EXPECT(NOTHING, 0);
    initial_state();
}

static void test_fxsave(void)
{
    initial_state();
    set_ymm3(0x1111, 0x2222);
    asm volatile("fld1");
    fill(0xaa);
    asm volatile("fxsave64 %0" : "+m"(area));
    check("tags", U32_AT(4) & 0xff, 0x80);
    check("st0", U64_AT(32), 0x8000000000000000);
    check("xmm3", U64_AT(160 + 48), 0x1111);
    check("nothing behind", U64_AT(512), 0xaaaaaaaaaaaaaaaa);
    asm volatile("fninit");
    set_ymm3(0, 0x2222);
    asm volatile("fxrstor64 %0" :: "m"(area));
    check("xmm3 again", get_ymm3(0), 0x1111);
    check("ymm3 stays", get_ymm3(1), 0x2222);
    u64 one;
    asm volatile("fstpl %0" : "=m"(one));
    check("st0 again", one, 0x3ff0000000000000);
    static const struct { u16 cw, sw, has_cw, has_sw; } words[] = {
        { 0xffff, 0, 0x1f7f, 0 },           /* bits that are reserved are as they are */
        { 0, 0, 0x40, 0 },
        { 0x37e, 0x0001, 0x37e, 0x8081 },   /* ES and B are what exceptions and masks make of them */
        { 0x37f, 0x8080, 0x37f, 0 },
        { 0x37f, 0x0001, 0x37f, 1 },
    };
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        u16 cw, sw;
        fill(0);
        U32_AT(MXCSR_AT) = 0x1f80;
        U32_AT(0) = words[i].cw | (u32)words[i].sw << 16;
        asm volatile("fxrstor64 %2; fnstcw %0; fnstsw %1; fninit" : "=m"(cw), "=m"(sw) : "m"(area));
        check("control word", cw, words[i].has_cw);
        check("status word", sw, words[i].has_sw);
    }
    U32_AT(MXCSR_AT) = 0x10000;
    TRY("fxrstor %1", 0, "m"(area));
    EXPECT(GP, 0);
    TRY("fxsave 8+%1", 0, "m"(area));
    EXPECT(GP, 0);
    initial_state();
}

void main(void)
{
    set_up();
    write_cr4(read_cr4() | 1 << 18 | 1 << 22);
    set_xcr0(ALL);
    run("XCR0", test_xcr0);
    run("faults of XSAVE", test_faults);
    run("XSAVE", test_xsave);
    run("XSAVEOPT", test_xsaveopt);
    run("XSAVEC and XSAVES", test_compaction);
    run("XRSTOR", test_xrstor);
    run("bad headers", test_headers);
    run("FXSAVE", test_fxsave);
    print("end\n");
    outb(0xf4, 0);
}
