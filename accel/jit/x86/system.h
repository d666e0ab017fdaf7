/* SPDX-License-Identifier: MIT */
/* What the parts of the x86 guest's system behaviour are to each other. */
#ifndef ACCEL_JIT_X86_SYSTEM_H
#define ACCEL_JIT_X86_SYSTEM_H

#include "accel/jit/x86/x86.h"

#define X86_CR0_AM  (1u << 18)
#define X86_CR4_VME (1u << 0)
#define X86_CR4_PVI (1u << 1)
#define X86_CR4_TSD (1u << 2)
#define X86_CR4_DE  (1u << 3)
#define X86_CR4_MCE (1u << 6)
#define X86_CR4_PGE (1u << 7)
#define X86_CR4_PCE (1u << 8)
#define X86_CR4_OSFXSR (1u << 9)
#define X86_CR4_OSXMMEXCPT (1u << 10)
#define X86_CR4_UMIP (1u << 11)
#define X86_CR4_FSGSBASE (1u << 16)
#define X86_CR4_PCIDE (1u << 17)
#define X86_CR4_OSXSAVE (1u << 18)
#define X86_CR4_SMEP (1u << 20)
#define X86_CR4_SMAP (1u << 21)
#define X86_CR4_PKE  (1u << 22)

/* A stack that is being pushed to or popped from; the registers change when all went well. */
typedef struct X86Stack {
    X86Jit *cpu;
    const X86Segment *ss;
    uint64_t base, sp, mask;
    unsigned mode;
    uint16_t error;      /* of #SS */
} X86Stack;

void x86_push(X86Stack *stack, unsigned size, uint64_t value);
uint64_t x86_pop(X86Stack *stack, unsigned size);
X86Stack x86_current_stack(X86Jit *cpu);
void x86_keep_stack(X86Stack *stack);

/* A descriptor, as it lies in memory: 8 bytes. */
bool x86_fetch_descriptor(X86Jit *cpu, uint16_t selector, uint64_t *descriptor, uint64_t *address);
X86Segment x86_segment_of(uint16_t selector, uint64_t descriptor);
/* Checks a code segment for a transfer to `cpl` and marks it accessed. */
void x86_mark_accessed(X86Jit *cpu, uint64_t address, uint64_t *descriptor);
void x86_set_real_segment(X86Jit *cpu, unsigned segment, uint16_t selector);
/* A null data or stack segment. */
void x86_set_null_segment(X86Jit *cpu, unsigned segment, uint16_t selector);
/* SS of a new privilege level, as the TSS or IRET gives it; raises `vector`. */
X86Segment x86_checked_stack(X86Jit *cpu, uint16_t selector, unsigned cpl, unsigned vector);
/* ES, DS, FS or GS, in protected mode; raises `vector` when it may not be had. */
void x86_load_data_segment(X86Jit *cpu, unsigned segment, uint16_t selector, unsigned vector);
bool x86_segment_allows(const X86Segment *segment, uint64_t offset, unsigned size, bool write);
bool x86_canonical(const X86Jit *cpu, uint64_t address);
/* The stack of a privilege level (or 4 and up: of the IST) in the TSS. */
void x86_tss_stack(X86Jit *cpu, unsigned level, uint16_t *selector, uint64_t *sp);
/*
 * Of JitArch: a near jump of 64-bit code. `from`: its address in bits 63-7, how far it moved
 * RSP plus 64 in 6-0.
 */
void x86_jumped(JitCpu *jit, uint64_t from);
void x86_set_cs(X86Jit *cpu, X86Segment cs, unsigned cpl, uint64_t rip);

G_NORETURN void x86_raise_gp(X86Jit *cpu, uint32_t error);

static inline bool x86_protected(const X86Jit *cpu)
{
    return (cpu->cr0 & X86_CR0_PE) && !(cpu->rflags & X86_VM);
}

static inline bool x86_long_mode(const X86Jit *cpu)
{
    return cpu->efer & X86_EFER_LMA;
}

static inline bool x86_code64(const X86Jit *cpu)
{
    return cpu->context_flags & X86_CTX_CODE64;
}

/* IF, or what masks NMIs, is another: an interrupt may have waited for that. */
static inline void x86_unmasked(X86Jit *cpu)
{
    if (atomic_load_explicit(&cpu->asked, memory_order_relaxed)) {
        jit_attention(&cpu->core);
    }
}

static inline unsigned x86_iopl(const X86Jit *cpu)
{
    return (cpu->rflags & X86_IOPL) >> 12;
}

static inline unsigned x86_dpl(const X86Segment *segment)
{
    return (segment->attributes & X86_SEGMENT_DPL) >> 5;
}

bool x86_has(const X86Jit *cpu, const char *feature);

/* mmu.c */
bool x86_walk(JitCpu *cpu, uint64_t address, JitAccess access, unsigned mode, bool probe,
              JitPage *page);
/* #PF: `error` has P, PK and the like; W, U and I are found here. */
G_NORETURN void x86_page_fault(X86Jit *cpu, uint64_t address, JitAccess access, unsigned mode,
                               uint32_t error);
/* False: an entry has reserved bits set. */
bool x86_load_pdptrs(X86Jit *cpu, uint64_t cr3);

/* system.c */
/* The bits of CR4 that this CPU has. */
uint64_t x86_cr4_allowed(const X86Jit *cpu);
/* CR3, or what its low bits mean, is another: `keep`: what is known of its PCID is good still. */
void x86_address_space_changed(X86Jit *cpu, bool keep);

/* transfer.c: -d pcall; to what the instruction says, before it is looked at. */
void x86_log_transfer(const X86Jit *cpu, const char *what, uint16_t selector, uint64_t offset);

/* ---- task.c ---- */

typedef enum X86TaskSwitch {
    X86_TASK_JUMP, X86_TASK_CALL, X86_TASK_INTERRUPT, X86_TASK_RETURN,
} X86TaskSwitch;

/*
 * To the task of a TSS, whose selector's and gate's privileges were checked. The old task goes
 * on at `next`. `error`: is pushed on the new task's stack, unless NULL.
 */
void x86_switch_task(X86Jit *cpu, uint16_t selector, X86TaskSwitch how, uint64_t next,
                     const uint32_t *error);
/* IRET with NT. */
void x86_return_from_task(X86Jit *cpu, uint64_t next);

/* ---- smm.c ---- */

/* A system management interrupt is taken: between instructions, out of SMM. */
void x86_enter_smm(X86Jit *cpu);
/*
 * An I/O instruction was done, with registers as they were before it. `what`: X86_IO_* but size
 * and VALID.
 */
void x86_note_io(X86Jit *cpu, uint16_t port, unsigned size, unsigned what);
/* events.smm is another: which memory the CPU sees. Under the machine lock. */
void x86_smm_changed(X86Jit *cpu);

/* ---- debug.c ---- */

/* DR0-3 or DR7 changed; x86_context_changed() is due, too. */
void x86_breakpoints_changed(X86Jit *cpu);
bool x86_breaks_on_code(const X86Jit *cpu);
/* A debug exception was delivered. */
void x86_debug_entered(X86Jit *cpu);
/* Behind an instruction that goes on elsewhere, or sleeps: the trap of a single step, if it is due. */
void x86_step_over(X86Jit *cpu, bool began_with_tf);

/* One of X86_ASKED_*, by any thread. */
void x86_ask(X86Jit *cpu, unsigned what);

/* mwait.c */
void x86_mwait_create(X86Jit *cpu);
void x86_mwait_destroy(X86Jit *cpu);
/* The CPU runs, if it was asleep by MWAIT. */
void x86_mwait_end(X86Jit *cpu);
/* events and mp_state are from saved state: it sleeps for the rest of its time. Under the machine lock. */
void x86_mwait_restored(X86Jit *cpu);
/* IA32_MISC_ENABLE has MONITOR and MWAIT. */
bool x86_mwait_enabled(const X86Jit *cpu);
void x86_watch_hit(JitCpu *jit, unsigned number);
/* After an access to ports: one of them may have a breakpoint. */
/* Which of those that wait are breakpoints on ports: bits 0-3. */
unsigned x86_port_breakpoints(const X86Jit *cpu);
void x86_port_accessed(X86Jit *cpu, uint16_t port, unsigned size);

uint64_t x86_tsc(const X86Jit *cpu);
/* Of one whose offset is 0. */
uint64_t x86_tsc_at(const X86Jit *cpu, int64_t time);
uint64_t x86_tsc_hz(const X86Jit *cpu);

/* msr.c: false is #GP. */
bool x86_read_msr(X86Jit *cpu, uint32_t index, uint64_t *value);
bool x86_write_msr(X86Jit *cpu, uint32_t index, uint64_t value);
void x86_msrs_from_state(X86Jit *cpu, const X86CpuState *state);
void x86_msrs_to_state(X86Jit *cpu, X86CpuState *state);

/* xstate.c: the standard form, as X86CpuState has it. */
void x86_xstate_from_image(X86Jit *cpu, const uint8_t *image, uint32_t size);
void x86_xstate_to_image(const X86Jit *cpu, uint8_t *image, uint32_t size);
/* XINUSE: the components that are not in their initial state. */
uint64_t x86_xstate_in_use(const X86Jit *cpu);

/* cpuid.c */
const X86CpuSupport *x86_jit_support(void);

/* Functions of X86_SYSTEM_HELPERS: each takes as many values as the table there says. */
#define X86_ARGS_0
#define X86_ARGS_1 , uint64_t a
#define X86_ARGS_2 , uint64_t a, uint64_t b
#define X86_ARGS_3 , uint64_t a, uint64_t b, uint64_t c
#define X86_ARGS_4 , uint64_t a, uint64_t b, uint64_t c, uint64_t d
#define X(name, args, flags) uint64_t x86_help_##name(X86Jit *cpu X86_ARGS_##args);
X86_SYSTEM_HELPERS(X)
#undef X

#endif
