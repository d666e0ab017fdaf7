/* SPDX-License-Identifier: MIT */
/*
 * The x86 guest of the software CPU: its state, and what the parts of accel/jit/x86 are to each
 * other.
 *
 * Specifications: Intel SDM volumes 1 to 4, AMD APM volumes 1 to 5 where Intel leaves a choice.
 *
 *   decode.*, *.table       bytes to X86Insn
 *   lower-*.c               X86Insn to the intermediate form; flags.*: lazy flags
 *   vector-*.c, fpu*.c      what SIMD and x87 instructions compute
 *   segment.c, exception.c, task.c, smm.c, debug.c, mmu.c, system.c, msr.c   the system
 *   cpu.c                   JitArch, X86CpuState in and out, what `-cpu max` is
 */
#ifndef ACCEL_JIT_X86_X86_H
#define ACCEL_JIT_X86_X86_H

#include "accel/jit/jit.h"
#include "arch/x86/cpu.h"
#include "arch/x86/state.h"
#include "hw/core/time.h"

/* How the arithmetic flags are to be had: x86_flags() in flags.c. */
typedef enum X86CcOp {
    CC_FLAGS,      /* cc_src holds O S Z A P C as RFLAGS does */
    /* Groups of four: 8, 16, 32, 64 bits. cc_dst is the result. */
    CC_ADD,        /* cc_src: the second operand */
    CC_ADC = CC_ADD + 4,   /* cc_src: the second operand; cc_src2: the carry in */
    CC_SUB = CC_ADC + 4,   /* cc_src: what was subtracted */
    CC_SBB = CC_SUB + 4,   /* cc_src, cc_src2: the borrow in */
    CC_LOGIC = CC_SBB + 4,
    CC_INC = CC_LOGIC + 4, /* cc_src: the carry that stays, 0 or 1 */
    CC_DEC = CC_INC + 4,
    CC_SHL = CC_DEC + 4,   /* cc_src: the value shifted by count - 1 */
    CC_SAR = CC_SHL + 4,   /* and SHR: the same */
    CC_MUL = CC_SAR + 4,   /* cc_src: not 0 if the high half matters */
    CC_BLSR = CC_MUL + 4,  /* and BLSI, BLSMSK as their column says: cc_src: the operand */
    CC_OPS = CC_BLSR + 4,
} X86CcOp;

#define X86_CF  (1u << 0)
#define X86_PF  (1u << 2)
#define X86_AF  (1u << 4)
#define X86_ZF  (1u << 6)
#define X86_SF  (1u << 7)
#define X86_TF  (1u << 8)
#define X86_IF  (1u << 9)
#define X86_DF  (1u << 10)
#define X86_OF  (1u << 11)
#define X86_IOPL (3u << 12)
#define X86_NT  (1u << 14)
#define X86_RF  (1u << 16)
#define X86_VM  (1u << 17)
#define X86_AC  (1u << 18)
#define X86_VIF (1u << 19)
#define X86_VIP (1u << 20)
#define X86_ID  (1u << 21)
#define X86_ARITHMETIC (X86_CF | X86_PF | X86_AF | X86_ZF | X86_SF | X86_OF)

enum { X86_DE, X86_DB, X86_NMI, X86_BP, X86_OFV, X86_BR, X86_UD, X86_NM, X86_DFV, X86_TS = 10,
       X86_NP, X86_SSV, X86_GP, X86_PFV, X86_MF = 16, X86_ACV, X86_MC, X86_XM };

/* MMU modes. */
enum {
    X86_MODE_USER,      /* CPL 3 */
    X86_MODE_KERNEL,    /* CPL 0 … 2, user pages allowed (no SMAP, or AC set) */
    X86_MODE_SMAP,      /* CPL 0 … 2, data of user pages forbidden */
    X86_MODE_SYSTEM,    /* descriptor tables, TSS, by the CPU itself: as KERNEL but never user's
                         * with SMAP */
    X86_MODE_ALIGNED,   /* USER with CR0.AM and AC set: data must be aligned */
};

/* JitContext.flags: what lowering depends on. */
enum {
    X86_CTX_CPL = 3 << 0,
    X86_CTX_CODE32 = 1 << 2,  /* CS.D */
    X86_CTX_CODE64 = 1 << 3,  /* long mode and CS.L */
    X86_CTX_STACK32 = 1 << 4, /* SS.B */
    X86_CTX_PE = 1 << 5,      /* protected mode */
    X86_CTX_VM = 1 << 6,      /* virtual 8086 */
    X86_CTX_LONG = 1 << 7,    /* EFER.LMA */
    X86_CTX_BASES = 1 << 8,   /* the base of DS, ES or SS is not 0 (outside of 64-bit code) */
    X86_CTX_LIMITS = 1 << 9,  /* ES, SS or DS is not all of 4 GiB and writable: accesses are checked */
    X86_CTX_TF = 1 << 10,     /* single step: one instruction a block, then #DB */
    X86_CTX_SHADOW = 1 << 11, /* interrupts wait for one instruction: a block of one */
    X86_CTX_EM = 1 << 12,     /* CR0.EM */
    X86_CTX_TS = 1 << 13,
    X86_CTX_MP = 1 << 14,
    X86_CTX_SSE = 1 << 15,    /* CR4.OSFXSR */
    X86_CTX_AVX = 1 << 16,    /* CR4.OSXSAVE and XCR0 has SSE and AVX */
    X86_CTX_SMAP = 1 << 17,   /* data by mode X86_MODE_SMAP */
    X86_CTX_MXCSR = 1 << 18,  /* an SSE exception is not masked */
    X86_CTX_IOPL = 3 << 19,
    X86_CTX_VME = 1 << 21,
    X86_CTX_UMIP = 1 << 22,
    X86_CTX_AC = 1 << 23,     /* alignment is checked: CR0.AM, AC and CPL 3 */
    X86_CTX_BREAK = 1 << 24,  /* a breakpoint on code is on: a block for each instruction */
    X86_CTX_PVI = 1 << 25,
    X86_CTX_CS_LIMIT = 1 << 26, /* of CS: within what instruction pointers of its width reach */
    X86_CTX_FS_LIMIT = 1 << 27, /* FS is not all of 4 GiB and writable, as LIMITS says of others */
    X86_CTX_GS_LIMIT = 1 << 28,
    X86_CTX_DOWN = 1 << 29,   /* one of those is expand-down: a helper knows what it allows */
};

typedef union X86Vector {
    uint8_t u8[64];
    uint16_t u16[32];
    uint32_t u32[16];
    uint64_t u64[8];
    int8_t s8[64];
    int16_t s16[32];
    int32_t s32[16];
    int64_t s64[8];
    float f32[16];
    double f64[8];
} __attribute__((aligned(32))) X86Vector;

/* A register of the x87: 80 bits, as FSAVE lays it out. MMX is its mantissa. */
typedef struct X86Fpr {
    uint64_t mantissa;
    uint16_t exponent;  /* with the sign in bit 15 */
} X86Fpr;

typedef struct X86Jit {
    JitCpu core;

    /* slots: see x86_slots[] in flags.c */
    uint64_t rip;                /* the instruction pointer, an offset in CS */
    uint64_t cc_dst, cc_src, cc_src2;
    uint32_t cc_op;              /* X86CcOp */
    uint32_t direction;          /* RFLAGS.DF: 0, or X86_DF */
    uint32_t rflags;             /* all but the arithmetic flags and DF, which are 0 here */
    uint64_t gpr[16];            /* JitArch.middle is where they begin */
    uint64_t base[6];            /* of the segments, in 64-bit code as they add; ES … GS */

    /* not slots */
    X86Cpu *x86;
    const X86CpuState *initial;  /* the X86Cpu's; in and out by get_state, put_state */
    X86Segment segment[X86_SEGMENTS]; /* .base of ES … GS is kept equal to base[] outside */
    X86DescriptorTable gdtr, idtr;
    uint64_t cr0, cr2, cr3, cr4, cr8;
    uint64_t dr[4], dr6, dr7;
    uint64_t pdptr[4];
    uint64_t efer, apic_base, xcr0;
    uint32_t pkru;
    uint32_t context_flags;      /* the X86_CTX_* but TF, SHADOW: kept by x86_context_changed() */
    uint64_t end[6][2];          /* outside of 64-bit code: the offset behind what may be read and written of ES … GS,
                                  * unless X86_CTX_DOWN; kept by the same */

    /* x87 and SSE */
    X86Fpr fpr[8];               /* physical registers R0 … R7 */
    uint16_t fcw, fsw;           /* fsw with TOP in bits 11-13, always up to date */
    uint8_t ftw;                 /* abridged: bit per physical register, 1: not empty */
    uint16_t fop;
    uint64_t fip, fdp;           /* selectors there are none: zero-fcs-fds */
    uint32_t mxcsr;
    X86Vector vector[16] __attribute__((aligned(64))); /* ZMM0 … 15; bits above 255 are not modelled */
    X86Vector scratch[4];        /* for lowering: memory operands and the like */
    uint64_t shift_counts[65][2] __attribute__((aligned(16))); /* 0 … 64, as vectors */

    X86Events events;
    uint8_t mp_state;            /* X86MpState */
    uint8_t shadow;              /* X86_SHADOW_* */
    bool shadow_of_ss;           /* MOV SS or POP SS cast it: debug exceptions wait, too */
    uint64_t shadow_ip;          /* of what follows the last STI in its block; or 0 */
    /* MSRs that have a meaning to the CPU; the rest is in msr[] */
    uint64_t star, lstar, cstar, fmask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint32_t pauses;
    uint64_t tsc_offset, tsc_aux, tsc_deadline, pat, misc_enable;
    X86MsrValue *msr;
    size_t msr_count;

    /* Asked for by others, under the machine lock; then jit_attention(). */
    atomic_uint asked;           /* X86_ASKED_* */
    uint8_t sipi_page;
    /* An x87 error with CR0.NE 0: FERR is asserted; the CPU waits for an interrupt, or for IGNNE. */
    bool ferr, frozen;
    atomic_bool ignne;
    Timer mwait_timer;           /* while events.mwait_asleep, and mp_state is X86_MP_HALTED */
} X86Jit;

/*
 * The shadow begins with the end of an instruction, lies on the one that follows, and is over
 * when that has begun.
 */
enum { X86_SHADOW_NONE, X86_SHADOW_LIES, X86_SHADOW_BEGINS, X86_SHADOW_OVER };

enum { X86_ASKED_INTR = 1, X86_ASKED_NMI = 2, X86_ASKED_INIT = 4, X86_ASKED_SIPI = 8,
       X86_ASKED_SMI = 16, X86_ASKED_EXTINT = 32, X86_ASKED_GO_ON = 64 };

/* What becomes of RF at the end of an instruction. */
enum { X86_RF_CLEARED, X86_RF_SET, X86_RF_KEPT };

/* X86Events.io, with the port in bits 31-16, as SMM's state area has it: AMD APM volume 2, 10.2.4. */
enum { X86_IO_IN = 1, X86_IO_VALID = 2, X86_IO_STRING = 4, X86_IO_REP = 8, X86_IO_SIZE = 16,
       X86_IO_TF = 1 << 11, X86_IO_BREAKPOINT = 1 << 12 };

extern const JitArch x86_jit_arch;

/* Slot numbers. */
enum {
    X86_SLOT_GPR, X86_SLOT_RIP = X86_SLOT_GPR + 16, X86_SLOT_CC_OP, X86_SLOT_CC_DST,
    X86_SLOT_CC_SRC, X86_SLOT_CC_SRC2, X86_SLOT_DIRECTION, X86_SLOT_RFLAGS,
    X86_SLOT_BASE, X86_SLOTS = X86_SLOT_BASE + 6,
};
extern const IrSlot x86_slots[X86_SLOTS];

/* ---- flags.c ---- */

/* The six arithmetic flags. Pure. */
uint64_t x86_flags(uint64_t cc_op, uint64_t dst, uint64_t src, uint64_t src2);
/* All of RFLAGS as PUSHF would see it (RF and VM included), and back. */
uint64_t x86_get_rflags(const X86Jit *cpu);
/* As the guest and others see them between instructions. */
uint64_t x86_shown_rflags(const X86Jit *cpu);
void x86_set_rflags(X86Jit *cpu, uint64_t value);

/* ---- lower.c ---- */

void x86_lower_block(JitTranslation *t);

/* ---- exception.c: all of these leave the block; rip is the faulting instruction's ---- */

G_NORETURN void x86_raise(X86Jit *cpu, unsigned vector);
G_NORETURN void x86_raise_error(X86Jit *cpu, unsigned vector, uint32_t error);
/* INT n, INT3, INTO, INT1: rip is the next instruction's in `next`. */
G_NORETURN void x86_soft_interrupt(X86Jit *cpu, unsigned vector, uint64_t next);
/* Delivers through the IVT or IDT; may itself raise. */
void x86_deliver(X86Jit *cpu, unsigned vector, bool software, bool has_error, uint32_t error,
                 uint64_t next);

/* ---- segment.c, task.c, system.c, msr.c, mmu.c: called by lowered code ---- */

/* To be called when CRs, EFER, segments, XCR0, MXCSR, DR7 or RFLAGS.VM/IOPL/AC/TF changed. */
void x86_context_changed(X86Jit *cpu);
/* Loads ES, SS, DS, FS, GS as MOV and POP do; LDTR and TR by LLDT, LTR. */
void x86_load_segment(X86Jit *cpu, unsigned segment, uint16_t selector);
static inline unsigned x86_jit_cpl(const X86Jit *cpu)
{
    return cpu->context_flags & X86_CTX_CPL;
}
/* The MMU mode of data accesses; that of instructions which check no alignment. */
unsigned x86_data_mode(const X86Jit *cpu);
unsigned x86_unaligned_mode(const X86Jit *cpu);
/* #AC if alignment is checked and the address is not a multiple of `to`, a power of two. */
void x86_check_alignment(X86Jit *cpu, uint64_t address, unsigned to);

/*
 * Helpers that lowered code calls, by their names: X(name, values it takes, IrHelper flags).
 * far_*: operand size is 2, 4 or 8; next is the offset of the next instruction.
 */
#define X86_SYSTEM_HELPERS(X) \
    X(load_segment, 2, 0)        /* segment, selector */ \
    X(far_jump, 4, 0)            /* selector, offset, operand size, next */ \
    X(far_call, 4, 0)            /* the same */ \
    X(far_return, 2, 0)          /* operand size, bytes to release */ \
    X(interrupt_return, 2, 0)    /* operand size, next */ \
    X(soft_interrupt, 2, 0)      /* vector, next: INT n (checks IOPL in v8086), INT3, INTO */ \
    X(int1, 1, 0)                /* next */ \
    X(raise, 1, 0)               /* vector: #UD, #NM … */ \
    X(raise_gp0, 0, 0) \
    X(undefined, 3, 0)           /* where it is; 8 bytes of it; the others, and how many in 63-56 */ \
    X(syscall, 1, 0)             /* next */ \
    X(sysret, 1, 0)              /* operand size */ \
    X(sysenter, 1, 0)            /* next */ \
    X(sysexit, 1, 0)             /* operand size */ \
    X(halt, 1, 0)                /* next */ \
    X(mwait, 1, 0)               /* next */ \
    X(monitor, 1, 0)             /* address */ \
    X(read_cr, 1, 0)             /* number; the value */ \
    X(write_cr, 2, 0)            /* number, value */ \
    X(read_dr, 1, 0)  \
    X(write_dr, 2, 0) \
    X(lmsw, 1, 0)                /* value */ \
    X(clts, 0, 0) \
    X(invlpg, 1, 0)              /* linear address */ \
    X(invpcid, 2, 0)             /* type, linear address of the descriptor */ \
    X(wbinvd, 0, 0) \
    X(pause, 0, 0)               /* somebody else may run meanwhile */ \
    X(rdmsr, 0, 0)               /* ECX to EDX:EAX */ \
    X(wrmsr, 0, 0) \
    X(rdtsc, 0, 0)               /* to EDX:EAX */ \
    X(rdtscp, 0, 0) \
    X(rdpmc, 0, 0) \
    X(rdpid, 0, 0)               /* the value */ \
    X(cpuid, 0, 0)               /* EAX, ECX to EAX … EDX */ \
    X(xgetbv, 0, 0) \
    X(xsetbv, 0, 0) \
    X(rdpkru, 0, 0) \
    X(wrpkru, 0, 0) \
    X(random, 1, 0)              /* operand size; the value (RDRAND, RDSEED; flags by lowering) */ \
    X(lgdt, 2, 0)                /* base, limit */ \
    X(lidt, 2, 0) \
    X(lldt, 1, 0)                /* selector */ \
    X(ltr, 1, 0) \
    X(sgdt_base, 0, 0)           /* the value; UMIP was checked by lowering */ \
    X(sgdt_limit, 0, 0) \
    X(sidt_base, 0, 0) \
    X(sidt_limit, 0, 0) \
    X(lar, 2, 0)                 /* selector, operand size: bit 63 set if valid, low bits rights */ \
    X(lsl, 2, 0)                 /* the same with the limit */ \
    X(verr, 1, 0)                /* selector: 1 if readable */ \
    X(verw, 1, 0) \
    X(cli, 1, 0)                 /* next; with IOPL, VME and PVI rules */ \
    X(sti_alone, 1, 0)           /* next; starts the shadow: 1; 0: IF was 1 */ \
    X(sti, 1, 0)                 /* the same without VIF; a shadow only if an interrupt may wait */ \
    X(pushf, 1, 0)               /* operand size: the value to push; v8086 and VME rules */ \
    X(popf, 2, 0)                /* value, operand size */ \
    X(port_in, 2, 0)             /* port, size; permission is checked */ \
    X(port_out, 3, 0)            /* port, size, value */ \
    X(check_port, 2, 0)          /* port, size; for INS and OUTS */ \
    X(check_limit, 4, IR_NO_WRITE) /* segment, offset, size, 1 if write: limits and rights, or raises */ \
    X(limit_fault, 1, IR_NO_WRITE) /* segment */ \
    X(mask_smap, 1, 0)           /* 1: STAC, 0: CLAC */ \
    X(rsm, 0, 0) \
    X(enter_shadow, 1, 0)        /* 1: after MOV SS, POP SS; 0: after STI */ \
    X(check_fetch, 1, IR_NO_WRITE) /* offset of the last byte, with X86_CTX_CS_LIMIT */ \
    X(check_target, 1, IR_NO_WRITE) /* of a near jump of 64-bit code */ \
    X(debug_fetch, 1, 0)         /* linear address: before an instruction, with X86_CTX_BREAK */ \
    X(debug_step, 2, 0)          /* after an instruction; not 0 if it began with TF; X86_RF_* */ \
    X(fxsave, 2, 0)              /* linear address, 1 if REX.W */ \
    X(fxrstor, 2, 0) \
    X(xsave, 4, 0)               /* linear address, mask, 0: xsave 1: opt 2: c 3: s, 1 if REX.W; the third
                                  * with a segment to ask + 1, << 8 */ \
    X(xrstor, 4, 0)              /* the same; 0: xrstor 3: s */ \
    X(fsgsbase_check, 0, 0)      /* #UD unless CR4.FSGSBASE */ \
    X(canonical_base, 2, 0)      /* segment (FS, GS), value: writes the base or raises #GP */

typedef enum X86SystemHelper {
#define X(name, args, flags) X86_HELPER_##name,
    X86_SYSTEM_HELPERS(X)
#undef X
    X86_SYSTEM_HELPER_COUNT,
} X86SystemHelper;

/* The functions are x86_help_NAME(X86Jit *cpu, uint64_t …); helpers.c makes this table of them. */
extern const IrHelper x86_system_helpers[X86_SYSTEM_HELPER_COUNT];

#endif
