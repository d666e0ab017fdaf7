/* SPDX-License-Identifier: MIT */
/*
 * Which instructions of the x87, MMX, SSE and AVX can be executed, by CR0.EM, TS and MP, by
 * CR4.OSFXSR and OSXSAVE, and by XCR0. SDM volume 2, 2.3 to 2.5; volume 3, 2.5, 13.2 to 13.4,
 * 22.25.3.
 */
#include "tests/functional/jit-system/setup64.h"

enum { MP = 1 << 1, EM = 1 << 2, TASK_SWITCHED = 1 << 3, OSFXSR = 1 << 9, OSXSAVE = 1 << 18 };

static u8 area[1024] __attribute__((aligned(64)));
static u32 words[8] __attribute__((aligned(32))) = { [0] = 0x1f80 };

typedef enum Kind { X87, WAIT, MMX, SSE, AVX, FXSAVE, XSAVE, XGETBV, OTHER } Kind;

#define INSN(function, code) \
    static void function(void) \
    { \
        TRY(code, 0, "m"(words), "m"(area)); \
    }

INSN(fld1, "fld1; fstp %%st")
INSN(fnstcw, "fnstcw %1")
INSN(fninit, "fninit")
INSN(fwait, "fwait")
INSN(emms, "emms")
INSN(paddb, "paddb %%mm1, %%mm1")
INSN(pshufw, "pshufw $0, %%mm1, %%mm1")
INSN(maskmovq, "pxor %%mm0, %%mm0; lea %1, %%rdi; maskmovq %%mm0, %%mm0")
INSN(movaps, "movaps %1, %%xmm1")
INSN(pxor, "pxor %%xmm1, %%xmm1")
INSN(movdq2q, "movdq2q %%xmm1, %%mm1")
INSN(cvtpi2ps, "cvtpi2ps %1, %%xmm1")
INSN(ldmxcsr, "ldmxcsr %1")
INSN(aesenc, "aesenc %%xmm1, %%xmm1")
INSN(pcmpistri, "pcmpistri $0, %%xmm1, %%xmm1")
INSN(vaddps, "vaddps %%ymm1, %%ymm1, %%ymm1")
INSN(vldmxcsr, "vldmxcsr %1")
INSN(vzeroupper, "vzeroupper")
INSN(vpxor, "vpxor %%ymm1, %%ymm1, %%ymm1")
INSN(vmaskmov, "vmaskmovps %1, %%xmm1, %%xmm1")
INSN(fma, "vfmadd231ss %%xmm1, %%xmm1, %%xmm1")
INSN(fxsave, "fxsave %2")
INSN(fxrstor, "fxsave %2; fxrstor %2")
INSN(xsave, "xorl %%edx, %%edx; movl $3, %%eax; xsave %2")
INSN(xgetbv, "xorl %%ecx, %%ecx; xgetbv")
INSN(movnti, "movnti %%eax, 4+%1")
INSN(crc32, "crc32l %%eax, %%edx")
INSN(sfence, "sfence; prefetchnta %1; clflush %1")
INSN(andn, "andn %%eax, %%eax, %%edx")

static const struct { const char *name; void (*run)(void); Kind kind; } insns[] = {
    { "FLD1", fld1, X87 }, { "FNSTCW", fnstcw, X87 }, { "FNINIT", fninit, X87 },
    { "FWAIT", fwait, WAIT }, { "EMMS", emms, MMX }, { "PADDB mm", paddb, MMX },
    { "PSHUFW mm", pshufw, MMX }, { "MASKMOVQ", maskmovq, MMX }, { "MOVAPS", movaps, SSE },
    { "PXOR", pxor, SSE }, { "MOVDQ2Q", movdq2q, SSE }, { "CVTPI2PS", cvtpi2ps, SSE },
    { "LDMXCSR", ldmxcsr, SSE }, { "AESENC", aesenc, SSE }, { "PCMPISTRI", pcmpistri, SSE },
    { "VADDPS", vaddps, AVX }, { "VLDMXCSR", vldmxcsr, AVX }, { "VZEROUPPER", vzeroupper, AVX },
    { "VPXOR", vpxor, AVX }, { "VMASKMOVPS", vmaskmov, AVX }, { "VFMADD231SS", fma, AVX },
    { "FXSAVE", fxsave, FXSAVE }, { "FXRSTOR", fxrstor, FXSAVE }, { "XSAVE", xsave, XSAVE },
    { "XGETBV", xgetbv, XGETBV }, { "MOVNTI", movnti, OTHER }, { "CRC32", crc32, OTHER },
    { "SFENCE and others", sfence, OTHER }, { "ANDN", andn, OTHER },
};

/* An instruction that the CPU is told not to have is #UD, whatever CR0.TS says. */
static word expected(Kind kind, u64 cr0, u64 cr4, u32 xcr0)
{
    word switched = cr0 & TASK_SWITCHED ? NM : NOTHING;

    switch (kind) {
    case X87: case FXSAVE:
        return cr0 & EM ? NM : switched;
    case WAIT:
        return cr0 & MP ? switched : NOTHING;
    case MMX:
        return cr0 & EM ? UD : switched;
    case SSE:
        return cr0 & EM || !(cr4 & OSFXSR) ? UD : switched;
    case AVX:
        return !(cr4 & OSXSAVE) || (xcr0 & 6) != 6 ? UD : switched;
    case XSAVE:
        return !(cr4 & OSXSAVE) ? UD : switched;
    case XGETBV:
        return !(cr4 & OSXSAVE) ? UD : NOTHING;
    default:
        return NOTHING;
    }
}

static void write_cr0(u64 value) { asm volatile("mov %0, %%cr0" :: "r"(value)); }

static void test_state(u64 cr0, u64 cr4, u32 xcr0)
{
    for (unsigned i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
        word wanted = expected(insns[i].kind, cr0, cr4, xcr0);

        write_cr4(cr4 | OSXSAVE);
        asm volatile("xsetbv" :: "a"(xcr0), "c"(0), "d"(0));
        write_cr4(cr4);
        write_cr0(cr0);
        insns[i].run();
        write_cr0(cr0 & ~(u64)(EM | TASK_SWITCHED));
        check(insns[i].name, caught.vector, wanted);
        if (caught.vector != wanted) {
            print("# CR0 ");
            print_hex(cr0);
            print(", CR4 ");
            print_hex(cr4);
            print(", XCR0 ");
            print_hex(xcr0);
            print("\n");
        }
    }
}

static void test_states(void)
{
    u64 cr0, cr4 = read_cr4() & ~(u64)(OSFXSR | OSXSAVE);

    asm volatile("mov %%cr0, %0" : "=r"(cr0));
    cr0 &= ~(u64)(MP | EM | TASK_SWITCHED);
    for (unsigned i = 0; i < 1 << 6; i++) {
        test_state(cr0 | (i & 7) * MP, cr4 | (i & 8 ? OSFXSR : 0) | (i & 16 ? OSXSAVE : 0),
                   i & 32 ? 7 : 3);
    }
}

void main(void)
{
    set_up();
    asm volatile("fninit");
    run("what can be executed", test_states);
    print("end\n");
    outb(0xf4, 0);
}
