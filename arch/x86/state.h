/* SPDX-License-Identifier: MIT */
/*
 * The registers of an x86 CPU: the struct that holds them, the table that names each, and
 * the states after power-on, reset, INIT and SIPI (Intel SDM volume 3, 10.1, table 10-1).
 *
 * Extended state is kept as the standard (not compacted) form of XSAVE, whose size the CPU's
 * definition gives; MSRs as a list made from x86_msrs[].
 */
#ifndef ARCH_X86_STATE_H
#define ARCH_X86_STATE_H

#include "arch/x86/cpuid.h"

/* Numbers of general registers in instructions. */
enum {
    X86_RAX, X86_RCX, X86_RDX, X86_RBX, X86_RSP, X86_RBP, X86_RSI, X86_RDI,
    X86_R8, X86_R9, X86_R10, X86_R11, X86_R12, X86_R13, X86_R14, X86_R15,
};

/* Numbers of segment registers in instructions, then the system ones. */
enum {
    X86_ES, X86_CS, X86_SS, X86_DS, X86_FS, X86_GS, X86_LDTR, X86_TR, X86_SEGMENTS,
};

#define X86_CR0_PE (1u << 0)
#define X86_CR0_MP (1u << 1)
#define X86_CR0_EM (1u << 2)
#define X86_CR0_TS (1u << 3)
#define X86_CR0_ET (1u << 4)
#define X86_CR0_NE (1u << 5)
#define X86_CR0_WP (1u << 16)
#define X86_CR0_NW (1u << 29)
#define X86_CR0_CD (1u << 30)
#define X86_CR0_PG (1u << 31)
#define X86_CR4_PSE  (1u << 4)
#define X86_CR4_PAE  (1u << 5)
#define X86_CR4_LA57 (1u << 12)
#define X86_EFER_SCE (1u << 0)
#define X86_EFER_LME (1u << 8)
#define X86_EFER_LMA (1u << 10)
#define X86_EFER_NX  (1u << 11)
#define X86_RFLAGS_FIXED (1u << 1)
#define X86_RFLAGS_IF    (1u << 9)
#define X86_RFLAGS_VM    (1u << 17)

/* The access rights of a segment, as VMX and `lar` (shifted by 8) have them. */
#define X86_SEGMENT_TYPE     0xfu
#define X86_SEGMENT_CODE     (1u << 3)  /* of TYPE, when S */
#define X86_SEGMENT_S        (1u << 4)  /* code or data */
#define X86_SEGMENT_DPL      (3u << 5)
#define X86_SEGMENT_P        (1u << 7)
#define X86_SEGMENT_AVL      (1u << 12)
#define X86_SEGMENT_L        (1u << 13) /* 64-bit code */
#define X86_SEGMENT_DB       (1u << 14)
#define X86_SEGMENT_G        (1u << 15)
#define X86_SEGMENT_UNUSABLE (1u << 16) /* VMX's: loaded with a null selector */

typedef struct X86Segment {
    uint64_t base;
    uint32_t limit;      /* in bytes, inclusive; granularity already applied */
    uint32_t attributes; /* X86_SEGMENT_* */
    uint16_t selector;
} X86Segment;

typedef struct X86DescriptorTable {
    uint64_t base;
    uint16_t limit;
} X86DescriptorTable;

typedef enum X86MpState {
    X86_MP_RUNNABLE,
    X86_MP_WAIT_SIPI,  /* after reset or INIT, not the bootstrap processor */
    X86_MP_INIT,       /* INIT received, not yet taken */
    X86_MP_HALTED,
    X86_MP_SIPI,       /* SIPI received, not yet taken */
} X86MpState;

/* What is pending or being delivered. */
typedef struct X86Events {
    bool exception_pending;
    bool exception_injected;
    uint8_t exception;
    bool exception_has_error;
    uint32_t exception_error;
    bool exception_has_payload;
    uint64_t exception_payload;  /* DR6 or CR2, not yet written */
    bool interrupt_injected;
    uint8_t interrupt;
    bool interrupt_soft;
    uint8_t interrupt_shadow;    /* 1: after MOV SS, 2: after STI */
    bool nmi_injected;
    bool nmi_pending;
    bool nmi_masked;
    uint8_t sipi_vector;
    bool smm;                    /* in system management mode */
    bool smi_pending;
    bool smm_inside_nmi;
    bool smi_latched_init;
    bool triple_fault;
    /* What KVM keeps for itself, or has not got: it does without what waits for RSM here. */
    uint16_t debug_pending;      /* bits of DR6: the debug trap that comes next */
    uint16_t debug_in_smm;       /* … that waits for RSM */
    uint32_t io;                 /* the instruction that has just ended, as in SMM's state area; or 0 */
    uint64_t io_rip, io_rcx, io_rsi, io_rdi;     /* as they were before it */
    bool smi_latched_sipi;       /* behind the INIT that waits for RSM; its page is sipi_vector */
    bool mwait_armed;            /* by MONITOR */
    bool mwait_asleep;           /* though X86_MP_RUNNABLE; who does not know of it goes on behind MWAIT */
    bool mwait_masked_wake;      /* its extension: interrupts end the sleep that are masked */
    uint64_t mwait_until, mwait_length;          /* of the sleep, in nanoseconds of virtual time */
} X86Events;

typedef struct X86MsrValue {
    uint32_t index;
    bool supported; /* the accelerator has it; others are neither got nor set */
    bool read_only; /* told to the guest, never restored */
    uint64_t value;
} X86MsrValue;

typedef struct X86CpuState {
    uint64_t gpr[16];
    uint64_t rip;
    uint64_t rflags;
    X86Segment segment[X86_SEGMENTS];
    X86DescriptorTable gdtr, idtr;
    uint64_t cr0, cr2, cr3, cr4, cr8;
    uint64_t dr[4], dr6, dr7;
    uint64_t pdptr[4];           /* as loaded by MOV CR3 in PAE mode */
    bool pdptrs_valid;
    uint64_t efer;
    uint64_t apic_base;          /* IA32_APIC_BASE */
    uint64_t xcr0;
    uint8_t *xsave;              /* xsave_size bytes, owned */
    uint32_t xsave_size;
    uint32_t xsave_offset[64];   /* of each component; 0: the CPU has no such component */
    X86MsrValue *msr;            /* by index, ascending; owned */
    size_t msr_count;
    X86Events events;
    uint8_t mp_state;            /* X86MpState */
    bool bootstrap;              /* the bootstrap processor */
    bool a20_masked;             /* for the listing only: memory/ does the masking */
    uint32_t signature;          /* CPUID.1:EAX, which reset leaves in EDX */
    uint8_t phys_bits;           /* of physical addresses */
    uint64_t misc_enable;        /* IA32_MISC_ENABLE at power-on */
} X86CpuState;

/* In the state after power-on. */
X86CpuState *x86_cpu_state_new(const X86CpuDefinition *cpu, const X86CpuSupport *support,
                               bool bootstrap);
void x86_cpu_state_free(X86CpuState *state);

/* Power-on and reset. */
void x86_cpu_reset(X86CpuState *state);
/* INIT: MSRs, FPU and vector state, caches' bits of CR0, the APIC base stay. */
void x86_cpu_init(X86CpuState *state);
/* SIPI: runs in real mode at vector << 12. */
void x86_cpu_sipi(X86CpuState *state, uint8_t vector);

static inline bool x86_cpu_in_long_mode(const X86CpuState *state)
{
    return state->efer & X86_EFER_LMA;
}

static inline bool x86_cpu_in_64bit_code(const X86CpuState *state)
{
    return x86_cpu_in_long_mode(state) && state->segment[X86_CS].attributes & X86_SEGMENT_L;
}

static inline unsigned x86_cpu_cpl(const X86CpuState *state)
{
    return (state->segment[X86_SS].attributes & X86_SEGMENT_DPL) >> 5;
}

/* ---- MSRs ---- */

typedef enum X86MsrFlags {
    X86_MSR_READ_ONLY = 1 << 0,
    X86_MSR_INIT_CLEARS = 1 << 1, /* INIT brings the reset value; else INIT keeps it */
} X86MsrFlags;

/* A register, or `count` of them, `stride` apart. */
typedef struct X86MsrInfo {
    uint32_t index;
    const char *name;  /* "MTRRphysBase%u" when count > 1; lower case, as one would type it */
    uint64_t reset;
    uint8_t flags;
    uint8_t count;     /* 0 means 1 */
    uint8_t stride;    /* 0 means 1 */
    uint8_t first;     /* the number of the first one in names */
} X86MsrInfo;

/* The MSR SMBASE of every CPU until its handler of system management interrupts moves it. */
#define X86_MSR_SMBASE   0x9eu
#define X86_SMBASE_RESET 0x30000u

extern const X86MsrInfo x86_msrs[];
extern const size_t x86_msr_count;

/* The row of an index, or NULL; `*number` (may be NULL) is which of the row's registers. */
const X86MsrInfo *x86_msr_info(uint32_t index, unsigned *number);
/* The caller frees it; NULL for an index the table does not have. */
char *x86_msr_name(uint32_t index);
/* NULL when the state has no such MSR. */
X86MsrValue *x86_cpu_msr(const X86CpuState *state, uint32_t index);
/* 0 when the state has no such MSR. */
uint64_t x86_cpu_msr_value(const X86CpuState *state, uint32_t index);
bool x86_cpu_msr_set(X86CpuState *state, uint32_t index, uint64_t value);

/* ---- the table of registers ---- */

typedef enum X86RegisterSet {
    X86_SET_GENERAL,  /* numbered as instructions do; 16: rip, 17: rflags */
    X86_SET_SEGMENT,  /* 4 * segment + 0: selector, 1: base, 2: limit, 3: attributes */
    X86_SET_TABLE,    /* gdtr and idtr: base, limit */
    X86_SET_CONTROL,  /* cr0 … cr8, 16: xcr0, 17: pdptrs_valid, 20…: pdptr */
    X86_SET_DEBUG,    /* dr0 … dr7 */
    X86_SET_FPU,      /* 0: st0 … 7, 8 …: fcw and the like */
    X86_SET_VECTOR,   /* 0: xmm0, 32: ymmh0, 64: zmmh0, 96: zmm16 …, 128: k0, 160: pkru */
    X86_SET_MSR,      /* by MSR index; efer and apic_base too */
    X86_SET_EVENT,
    X86_SET_COUNT,
} X86RegisterSet;

typedef struct X86Register {
    uint8_t set;        /* X86RegisterSet */
    uint8_t width;      /* in bytes: 1, 2, 4, 8, 10, 16, 32 or 64 */
    int8_t component;   /* -1: a member of X86CpuState; else of this XSAVE component */
    bool truth;         /* the member is a bool */
    uint32_t number;    /* in the set */
    uint32_t offset;    /* in X86CpuState, or in the component */
    const char *name;
    const char *description;
} X86Register;

/* All but the MSRs, which x86_msrs[] names. */
extern const X86Register x86_registers[];
extern const size_t x86_register_count;

const char *x86_register_set_name(X86RegisterSet set);

/* By (set, number), or name; NULL if there is none. MSRs other than efer and apic_base are
 * reached with x86_cpu_msr(). */
const X86Register *x86_register_at(X86RegisterSet set, uint32_t number);
const X86Register *x86_register_find(const char *name);

/* Where the register lies in the state; NULL when this CPU has no such component. */
void *x86_register_pointer(const X86CpuState *state, const X86Register *reg);

/* Its low 8 bytes. False when the CPU lacks it. */
bool x86_register_get(const X86CpuState *state, const X86Register *reg, uint64_t *value);
/* Sets its low 8 bytes, or all when it is narrower; the rest stays. */
bool x86_register_set(X86CpuState *state, const X86Register *reg, uint64_t value);

/*
 * By name, with the names of parts (eax, ax, al, ah, eip, pc, eflags, sp …) and of MSRs.
 * Setting a 32-bit part clears the upper half, as the CPU does.
 */
bool x86_cpu_get_register(const X86CpuState *state, const char *name, uint64_t *value);
bool x86_cpu_set_register(X86CpuState *state, const char *name, uint64_t value);

/* ---- listings ---- */

/* In the layout of QEMU's `info registers`; FPU and vectors as well with `all`. */
void x86_cpu_print(const X86CpuState *state, unsigned index, bool all, GString *out);
/* Every MSR that is supported, a line each. */
void x86_cpu_print_msrs(const X86CpuState *state, GString *out);

#endif
