/* SPDX-License-Identifier: MIT */
/*
 * Debug registers, single step, and the shadow that STI and MOV SS cast: Intel SDM volume 3,
 * chapter 17.2, 17.3 and 6.8.3.
 *
 * Breakpoints on code are looked at before each instruction while one is on (X86_CTX_BREAK);
 * those on data are watched ranges of the core, and cost nothing elsewhere. Not modelled: what
 * DR6 says of RTM and bus locks, the LBR and BTF bits of IA32_DEBUGCTL.
 */
#include "accel/jit/x86/system.h"

#define DR6_FIXED 0xffff0ff0u
#define DR6_BD    (1u << 13)
#define DR6_BS    (1u << 14)
#define DR6_WRITABLE 0xe00fu
#define DR7_FIXED 0x400u
#define DR7_ANY   0xffu
#define DR7_GD    (1u << 13)
#define DR7_WRITABLE 0xffff23ffu

enum { BREAK_CODE, BREAK_WRITE, BREAK_PORT, BREAK_ACCESS };

static bool enabled(const X86Jit *cpu, unsigned n)
{
    return cpu->dr7 >> 2 * n & 3;
}

static unsigned kind(const X86Jit *cpu, unsigned n)
{
    return cpu->dr7 >> (16 + 4 * n) & 3;
}

static unsigned length(const X86Jit *cpu, unsigned n)
{
    static const uint8_t lengths[] = { 1, 2, 8, 4 };

    return lengths[cpu->dr7 >> (18 + 4 * n) & 3];
}

void x86_breakpoints_changed(X86Jit *cpu)
{
    for (unsigned n = 0; n < 4; n++) {
        uint8_t access = !enabled(cpu, n)               ? 0
                         : kind(cpu, n) == BREAK_WRITE  ? 1u << JIT_WRITE
                         : kind(cpu, n) == BREAK_ACCESS ? 1u << JIT_WRITE | 1u << JIT_READ
                                                        : 0;
        jit_watch(&cpu->core, n, cpu->dr[n] & ~(uint64_t)(length(cpu, n) - 1), length(cpu, n), access);
    }
}

bool x86_breaks_on_code(const X86Jit *cpu)
{
    for (unsigned n = 0; n < 4 && cpu->dr7 & DR7_ANY; n++) {
        if (enabled(cpu, n) && kind(cpu, n) == BREAK_CODE) {
            return true;
        }
    }
    return false;
}

/* Of ranges 0 to 3, which are the debug registers'. The trap comes after the instruction. */
void x86_watch_hit(JitCpu *jit, unsigned number)
{
    X86Jit *cpu = (X86Jit *)jit;

    cpu->events.debug_pending |= 1u << number;
    jit_attention(jit);
}

void x86_port_accessed(X86Jit *cpu, uint16_t port, unsigned size)
{
    if (!(cpu->cr4 & X86_CR4_DE)) {
        return;
    }
    for (unsigned n = 0; n < 4; n++) {
        uint64_t first = cpu->dr[n] & ~(uint64_t)(length(cpu, n) - 1);
        if (enabled(cpu, n) && kind(cpu, n) == BREAK_PORT && port < first + length(cpu, n) &&
            first < (uint64_t)port + size) {
            x86_watch_hit(&cpu->core, n);
        }
    }
}

unsigned x86_port_breakpoints(const X86Jit *cpu)
{
    unsigned met = 0;

    for (unsigned n = 0; n < 4; n++) {
        met |= kind(cpu, n) == BREAK_PORT ? cpu->events.debug_pending & 1u << n : 0;
    }
    return met;
}

/* SDM volume 3, 17.2.4: whatever led there, the handler may use the registers. */
void x86_debug_entered(X86Jit *cpu)
{
    cpu->dr7 &= ~(uint64_t)DR7_GD;
}

/* Before an instruction whose first byte is at the linear address. */
uint64_t x86_help_debug_fetch(X86Jit *cpu, uint64_t pc)
{
    bool shadowed = cpu->shadow && cpu->shadow_of_ss;
    unsigned hit = 0;

    for (unsigned n = 0; n < 4; n++) {
        hit |= kind(cpu, n) == BREAK_CODE && cpu->dr[n] == pc ? 1u << n : 0;
    }
    for (unsigned n = 0; n < 4; n++) {
        if ((hit >> n & 1) && enabled(cpu, n) && !(cpu->rflags & X86_RF) && !shadowed) {
            cpu->dr6 |= hit;
            x86_raise(cpu, X86_DB);
        }
    }
    return 0;
}

G_NORETURN static void raise_step(X86Jit *cpu)
{
    cpu->events.debug_pending |= DR6_BS;
    jit_leave(&cpu->core);
}

/*
 * After an instruction that began with TF, or while a breakpoint on code is on. Between the elements of a
 * string RF is set: SDM volume 3, 17.3.1.1.
 */
uint64_t x86_help_debug_step(X86Jit *cpu, uint64_t tf, uint64_t rf)
{
    cpu->rflags = rf == X86_RF_KEPT ? cpu->rflags : (cpu->rflags & ~X86_RF) | (rf == X86_RF_SET ? X86_RF : 0);
    if (tf && !(cpu->shadow == X86_SHADOW_BEGINS && cpu->shadow_of_ss)) {
        raise_step(cpu);
    }
    return 0;
}

/*
 * After an instruction that leaves the block by itself and began with TF: HLT, SYSENTER and the
 * like. A debug exception ends HLT.
 */
void x86_step_over(X86Jit *cpu, bool began_with_tf)
{
    cpu->rflags &= ~X86_RF;
    if (began_with_tf) {
        cpu->mp_state = X86_MP_RUNNABLE;
        raise_step(cpu);
    }
}

uint64_t x86_help_int1(X86Jit *cpu, uint64_t next)
{
    cpu->rip = next;
    x86_raise(cpu, X86_DB);
}

/* ---- the shadow ---- */

uint64_t x86_help_enter_shadow(X86Jit *cpu, uint64_t of_ss)
{
    cpu->shadow = X86_SHADOW_BEGINS;
    cpu->shadow_of_ss = of_ss;
    jit_attention(&cpu->core);
    return 0;
}

/* ---- MOV to and from debug registers ---- */

static unsigned number_of(X86Jit *cpu, uint64_t number)
{
    if ((number == 4 || number == 5) && (cpu->cr4 & X86_CR4_DE)) {
        x86_raise(cpu, X86_UD);
    }
    if (x86_jit_cpl(cpu)) {
        x86_raise_gp(cpu, 0);
    }
    if (cpu->dr7 & DR7_GD) {
        cpu->dr6 |= DR6_BD;
        x86_raise(cpu, X86_DB);
    }
    return number == 4 || number == 5 ? number + 2 : number;
}

uint64_t x86_help_read_dr(X86Jit *cpu, uint64_t number)
{
    number = number_of(cpu, number);
    return number < 4 ? cpu->dr[number] : number == 6 ? cpu->dr6 : cpu->dr7;
}

uint64_t x86_help_write_dr(X86Jit *cpu, uint64_t number, uint64_t value)
{
    number = number_of(cpu, number);
    if (number >= 4 && value >> 32) {
        x86_raise_gp(cpu, 0);
    }
    if (number < 4) {
        cpu->dr[number] = value;
    } else if (number == 6) {
        cpu->dr6 = (value & DR6_WRITABLE) | DR6_FIXED;
    } else {
        cpu->dr7 = (value & DR7_WRITABLE) | DR7_FIXED;
    }
    x86_breakpoints_changed(cpu);
    x86_context_changed(cpu);
    return 0;
}
