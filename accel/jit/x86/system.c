/* SPDX-License-Identifier: MIT */
/*
 * Control registers, tables, time, flags, ports, fast system calls: Intel SDM volumes 2 and 3.
 * PCIDs select banks of the TLB; debug registers are debug.c's, system management mode is
 * smm.c's, page walks are mmu.c's.
 *
 * Not modelled: performance counters (RDPMC raises #GP) and caches (WBINVD and CR0.CD change
 * nothing).
 */
#include <sched.h>

#include "accel/jit/x86/fpu.h"
#include "accel/jit/x86/system.h"
#include "arch/x86/xsave.h"
#include "hw/core/time.h"
#include "hw/intc/apic.h"

bool x86_has(const X86Jit *cpu, const char *feature)
{
    return x86_feature_set_has(&cpu->x86->definition.features, feature);
}

static void need_cpl0(X86Jit *cpu)
{
    if (x86_jit_cpl(cpu)) {
        x86_raise_gp(cpu, 0);
    }
}

/* ---- control registers ---- */

static void write_cr0(X86Jit *cpu, uint64_t value)
{
    uint64_t known = 0xe005003f, changed;
    bool paging = value & X86_CR0_PG, was = cpu->cr0 & X86_CR0_PG;

    if (value >> 32 || (paging && !(value & X86_CR0_PE)) ||
        ((value & X86_CR0_NW) && !(value & X86_CR0_CD)) ||
        (!paging && was && (x86_code64(cpu) || cpu->cr4 & X86_CR4_PCIDE)) ||
        (paging && !was && (cpu->efer & X86_EFER_LME) &&
         (!(cpu->cr4 & X86_CR4_PAE) || (cpu->segment[X86_CS].attributes & X86_SEGMENT_L) ||
          !(cpu->segment[X86_TR].attributes & 8)))) {    /* a TSS of 16 bits */
        x86_raise_gp(cpu, 0);
    }
    value = (value & known) | X86_CR0_ET;
    changed = value ^ cpu->cr0;
    if (paging && (cpu->cr4 & X86_CR4_PAE) && !(cpu->efer & X86_EFER_LME) &&
        (changed & (X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)) && !x86_load_pdptrs(cpu, cpu->cr3)) {
        x86_raise_gp(cpu, 0);
    }
    cpu->cr0 = value;
    if (changed & X86_CR0_PG) {
        cpu->efer &= ~(uint64_t)X86_EFER_LMA;
        cpu->efer |= paging && (cpu->efer & X86_EFER_LME) ? X86_EFER_LMA : 0;
    }
    if (changed & X86_CR0_PE) {
        cpu->segment[X86_SS].attributes &= ~X86_SEGMENT_DPL;
    }
    x87_error_changed(cpu);
    if (changed & (X86_CR0_PG | X86_CR0_PE | X86_CR0_WP)) {
        jit_tlb_flush(&cpu->core, true);
    }
}

void x86_address_space_changed(X86Jit *cpu, bool keep)
{
    jit_tlb_switch(&cpu->core, cpu->cr4 & X86_CR4_PCIDE ? cpu->cr3 & 0xfff : 0, keep);
}

static void write_cr3(X86Jit *cpu, uint64_t value)
{
    bool tagged = cpu->cr4 & X86_CR4_PCIDE, keep = tagged && value >> 63;

    if (tagged) {
        value &= ~(1ull << 63);
    }
    if (x86_long_mode(cpu) ? value >> cpu->x86->definition.phys_bits != 0 :
        (cpu->cr0 & X86_CR0_PG) && (cpu->cr4 & X86_CR4_PAE) && !x86_load_pdptrs(cpu, value)) {
        x86_raise_gp(cpu, 0);
    }
    cpu->cr3 = value;
    x86_address_space_changed(cpu, keep);
}

uint64_t x86_cr4_allowed(const X86Jit *cpu)
{
    static const struct { uint32_t bits; const char *feature; } owners[] = {
        { X86_CR4_VME | X86_CR4_PVI, "vme" }, { X86_CR4_TSD, "tsc" }, { X86_CR4_DE, "de" },
        { X86_CR4_PSE, "pse" }, { X86_CR4_PAE, "pae" }, { X86_CR4_MCE, "mce" }, { X86_CR4_PGE, "pge" },
        { X86_CR4_OSFXSR, "fxsr" }, { X86_CR4_OSXMMEXCPT, "sse" }, { X86_CR4_UMIP, "umip" },
        { X86_CR4_LA57, "la57" }, { X86_CR4_FSGSBASE, "fsgsbase" }, { X86_CR4_OSXSAVE, "xsave" },
        { X86_CR4_SMEP, "smep" }, { X86_CR4_SMAP, "smap" }, { X86_CR4_PKE, "pku" },
        { X86_CR4_PCIDE, "pcid" },
    };
    uint64_t allowed = X86_CR4_PCE;

    for (unsigned i = 0; i < G_N_ELEMENTS(owners); i++) {
        allowed |= x86_has(cpu, owners[i].feature) ? owners[i].bits : 0;
    }
    return allowed;
}

static void write_cr4(X86Jit *cpu, uint64_t value)
{
    uint64_t changed = value ^ cpu->cr4;

    if ((value & ~x86_cr4_allowed(cpu)) || (x86_long_mode(cpu) && (!(value & X86_CR4_PAE) ||
                                                      (changed & X86_CR4_LA57))) ||
        (changed & value & X86_CR4_PCIDE && (!x86_long_mode(cpu) || cpu->cr3 & 0xfff))) {
        x86_raise_gp(cpu, 0);
    }
    if ((cpu->cr0 & X86_CR0_PG) && (value & X86_CR4_PAE) && !x86_long_mode(cpu) &&
        (changed & (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE | X86_CR4_SMEP)) &&
        !x86_load_pdptrs(cpu, cpu->cr3)) {
        x86_raise_gp(cpu, 0);
    }
    cpu->cr4 = value;
    jit_tlb_flush(&cpu->core, true);
}

static void write_cr8(X86Jit *cpu, uint64_t value)
{
    if (value > 15) {
        x86_raise_gp(cpu, 0);
    }
    cpu->cr8 = value;
    if (cpu->x86->lapic) {
        jit_machine_lock(&cpu->core);
        apic_set_cr8(cpu->x86->lapic, value);
        jit_machine_unlock(&cpu->core);
    }
}

uint64_t x86_help_read_cr(X86Jit *cpu, uint64_t number)
{
    need_cpl0(cpu);
    switch (number) {
    case 0: return cpu->cr0;
    case 2: return cpu->cr2;
    case 3: return cpu->cr3;
    case 4: return cpu->cr4;
    case 8: return cpu->x86->lapic ? apic_cr8(cpu->x86->lapic) : cpu->cr8;
    }
    x86_raise(cpu, X86_UD);
}

uint64_t x86_help_write_cr(X86Jit *cpu, uint64_t number, uint64_t value)
{
    need_cpl0(cpu);
    switch (number) {
    case 0: write_cr0(cpu, value); break;
    case 2: cpu->cr2 = value; break;
    case 3: write_cr3(cpu, value); break;
    case 4: write_cr4(cpu, value); break;
    case 8: write_cr8(cpu, value); break;
    default: x86_raise(cpu, X86_UD);
    }
    x86_context_changed(cpu);
    return 0;
}

uint64_t x86_help_lmsw(X86Jit *cpu, uint64_t value)
{
    need_cpl0(cpu);
    return x86_help_write_cr(cpu, 0, (cpu->cr0 & ~14ull) | (value & 15));
}

uint64_t x86_help_clts(X86Jit *cpu)
{
    need_cpl0(cpu);
    cpu->cr0 &= ~(uint64_t)X86_CR0_TS;
    x86_context_changed(cpu);
    return 0;
}

uint64_t x86_help_xgetbv(X86Jit *cpu)
{
    uint64_t value;

    if (!(cpu->cr4 & X86_CR4_OSXSAVE)) {
        x86_raise(cpu, X86_UD);
    }
    if ((uint32_t)cpu->gpr[X86_RCX] > (x86_has(cpu, "xgetbv1") ? 1 : 0)) {
        x86_raise_gp(cpu, 0);
    }
    value = (uint32_t)cpu->gpr[X86_RCX] ? cpu->xcr0 & x86_xstate_in_use(cpu) : cpu->xcr0;
    cpu->gpr[X86_RAX] = (uint32_t)value;
    cpu->gpr[X86_RDX] = value >> 32;
    return 0;
}

uint64_t x86_help_xsetbv(X86Jit *cpu)
{
    uint64_t value = (uint32_t)cpu->gpr[X86_RAX] | cpu->gpr[X86_RDX] << 32;

    if (!(cpu->cr4 & X86_CR4_OSXSAVE)) {
        x86_raise(cpu, X86_UD);
    }
    need_cpl0(cpu);
    if ((uint32_t)cpu->gpr[X86_RCX] || !(value & 1) || (value & ~cpu->x86->definition.xcr0) ||
        (value & 6) == 4) {
        x86_raise_gp(cpu, 0);
    }
    cpu->xcr0 = value;
    x86_context_changed(cpu);
    return 0;
}

static void need_pke(X86Jit *cpu)
{
    if (!(cpu->cr4 & X86_CR4_PKE)) {
        x86_raise(cpu, X86_UD);
    }
    if ((uint32_t)cpu->gpr[X86_RCX]) {
        x86_raise_gp(cpu, 0);
    }
}

uint64_t x86_help_rdpkru(X86Jit *cpu)
{
    need_pke(cpu);
    cpu->gpr[X86_RAX] = cpu->pkru;
    cpu->gpr[X86_RDX] = 0;
    return 0;
}

uint64_t x86_help_wrpkru(X86Jit *cpu)
{
    need_pke(cpu);
    if ((uint32_t)cpu->gpr[X86_RDX]) {
        x86_raise_gp(cpu, 0);
    }
    cpu->pkru = cpu->gpr[X86_RAX];
    jit_tlb_flush(&cpu->core, true);
    return 0;
}

/* ---- translations, tables ---- */

uint64_t x86_help_invlpg(X86Jit *cpu, uint64_t address)
{
    need_cpl0(cpu);
    jit_tlb_flush_page(&cpu->core, address);
    return 0;
}

uint64_t x86_help_invpcid(X86Jit *cpu, uint64_t type, uint64_t address)
{
    uint64_t pcid, linear;

    need_cpl0(cpu);
    pcid = jit_load(&cpu->core, address, 8, x86_data_mode(cpu));
    linear = jit_load(&cpu->core, address + 8, 8, x86_data_mode(cpu));
    if (type > 3 || (pcid & ~0xfffull) || (!type && !x86_canonical(cpu, linear)) ||
        (type < 2 && pcid && !(cpu->cr4 & X86_CR4_PCIDE))) {
        x86_raise_gp(cpu, 0);
    }
    if (type) {
        jit_tlb_flush(&cpu->core, type == 2);
    } else {
        jit_tlb_flush_page(&cpu->core, linear);
    }
    return 0;
}

uint64_t x86_help_wbinvd(X86Jit *cpu)
{
    need_cpl0(cpu);
    return 0;
}

static void load_table(X86Jit *cpu, X86DescriptorTable *table, uint64_t base, uint64_t limit)
{
    need_cpl0(cpu);
    if (x86_code64(cpu) && !x86_canonical(cpu, base)) {
        x86_raise_gp(cpu, 0);
    }
    *table = (X86DescriptorTable){ .base = base, .limit = limit };
}

uint64_t x86_help_lgdt(X86Jit *cpu, uint64_t base, uint64_t limit)
{
    load_table(cpu, &cpu->gdtr, base, limit);
    return 0;
}

uint64_t x86_help_lidt(X86Jit *cpu, uint64_t base, uint64_t limit)
{
    load_table(cpu, &cpu->idtr, base, limit);
    return 0;
}

uint64_t x86_help_sgdt_base(X86Jit *cpu) { return cpu->gdtr.base; }
uint64_t x86_help_sgdt_limit(X86Jit *cpu) { return cpu->gdtr.limit; }
uint64_t x86_help_sidt_base(X86Jit *cpu) { return cpu->idtr.base; }
uint64_t x86_help_sidt_limit(X86Jit *cpu) { return cpu->idtr.limit; }

/* ---- time, identity, chance ---- */

uint64_t x86_tsc_hz(const X86Jit *cpu)
{
    uint64_t hz = cpu->x86->definition.tsc_hz;

    return hz ? hz : x86_jit_support()->tsc_khz * 1000ull;
}

uint64_t x86_tsc_at(const X86Jit *cpu, int64_t time)
{
    uint64_t hz = x86_tsc_hz(cpu);

    return hz == NANOSECONDS_PER_SECOND ? (uint64_t)time
                                        : time_scale(time, hz, NANOSECONDS_PER_SECOND);
}

uint64_t x86_tsc(const X86Jit *cpu)
{
    jit_sync_time(&cpu->core);
    return x86_tsc_at(cpu, time_virtual()) + cpu->tsc_offset;
}

uint64_t x86_help_rdtsc(X86Jit *cpu)
{
    uint64_t tsc;

    if ((cpu->cr4 & X86_CR4_TSD) && x86_jit_cpl(cpu)) {
        x86_raise_gp(cpu, 0);
    }
    tsc = x86_tsc(cpu);
    cpu->gpr[X86_RAX] = (uint32_t)tsc;
    cpu->gpr[X86_RDX] = tsc >> 32;
    return 0;
}

uint64_t x86_help_rdtscp(X86Jit *cpu)
{
    x86_help_rdtsc(cpu);
    cpu->gpr[X86_RCX] = (uint32_t)cpu->tsc_aux;
    return 0;
}

/* How many of them are one wait, not a short one for another CPU that runs. */
#define PAUSES_OF_A_WAIT 64

uint64_t x86_help_pause(X86Jit *cpu)
{
    static guint processors;

    if (++cpu->pauses % PAUSES_OF_A_WAIT == 0) {
        processors = processors ? processors : g_get_num_processors();
        jit_yield(&cpu->core);
        if (vcpu_count() > processors) {
            sched_yield();
        }
    }
    return 0;
}

/* There are no counters. */
uint64_t x86_help_rdpmc(X86Jit *cpu) { x86_raise_gp(cpu, 0); }
uint64_t x86_help_rdpid(X86Jit *cpu) { return cpu->tsc_aux; }

uint64_t x86_help_cpuid(X86Jit *cpu)
{
    uint32_t leaf = cpu->gpr[X86_RAX], subleaf = cpu->gpr[X86_RCX];
    const GArray *list = cpu->x86->cpuid;
    X86CpuidEntry e = x86_cpuid_lookup((const X86CpuidEntry *)list->data, list->len, leaf,
                                       subleaf);

    if (leaf == 1) {
        e.ecx = (e.ecx & ~(1u << 27)) | (cpu->cr4 & X86_CR4_OSXSAVE ? 1u << 27 : 0);
        e.ecx &= x86_mwait_enabled(cpu) ? UINT32_MAX : ~(1u << 3);
    } else if (leaf == 7 && !subleaf) {
        e.ecx = (e.ecx & ~(1u << 4)) | (cpu->cr4 & X86_CR4_PKE ? 1u << 4 : 0);
    } else if (leaf == 0xd && !subleaf && e.eax) {
        e.ebx = x86_xsave_size(x86_jit_support(), cpu->xcr0);
    } else if (leaf == 0xd && subleaf == 1 && e.ebx) {
        e.ebx = x86_xsave_compacted_size(x86_jit_support(), cpu->xcr0);
    }
    cpu->gpr[X86_RAX] = e.eax;
    cpu->gpr[X86_RBX] = e.ebx;
    cpu->gpr[X86_RCX] = e.ecx;
    cpu->gpr[X86_RDX] = e.edx;
    return 0;
}

uint64_t x86_help_random(X86Jit *cpu, uint64_t size)
{
    return jit_random() & (size < 8 ? (1ull << 8 * size) - 1 : UINT64_MAX);
}

/* ---- waiting ---- */

uint64_t x86_help_halt(X86Jit *cpu, uint64_t next)
{
    need_cpl0(cpu);
    cpu->rip = next;
    cpu->mp_state = X86_MP_HALTED;
    x86_step_over(cpu, cpu->rflags & X86_TF);
    jit_leave(&cpu->core);
}

/* ---- flags ---- */

/* CLI and STI act on VIF in virtual-8086 mode with VME, at CPL 3 with PVI. */
static bool acts_on_vif(X86Jit *cpu)
{
    if (!(cpu->cr0 & X86_CR0_PE) || x86_jit_cpl(cpu) <= x86_iopl(cpu)) {
        return false;
    }
    if (cpu->rflags & X86_VM ? !(cpu->cr4 & X86_CR4_VME)
                             : x86_jit_cpl(cpu) < 3 || !(cpu->cr4 & X86_CR4_PVI)) {
        x86_raise_gp(cpu, 0);
    }
    return true;
}

uint64_t x86_help_cli(X86Jit *cpu, uint64_t next)
{
    cpu->rflags &= acts_on_vif(cpu) ? ~X86_VIF : ~X86_IF;
    return 0;
}

uint64_t x86_help_sti(X86Jit *cpu, uint64_t next)
{
    if (cpu->rflags & X86_IF || atomic_load_explicit(&cpu->asked, memory_order_relaxed)) {
        return x86_help_sti_alone(cpu, next);
    }
    cpu->rflags |= X86_IF;
    return 0;
}

uint64_t x86_help_sti_alone(X86Jit *cpu, uint64_t next)
{
    if (acts_on_vif(cpu)) {
        if (cpu->rflags & X86_VIP) {
            x86_raise_gp(cpu, 0);
        }
        cpu->rflags |= X86_VIF;
    } else if (!(cpu->rflags & X86_IF)) {
        cpu->rflags |= X86_IF;
        x86_help_enter_shadow(cpu, 0);
        return 1;
    }
    return 0;
}

/* Whether PUSHF and POPF have VIF in place of IF. */
static bool flags_are_virtual(X86Jit *cpu, uint64_t size)
{
    if (!(cpu->rflags & X86_VM) || x86_iopl(cpu) == 3) {
        return false;
    }
    if (size != 2 || !(cpu->cr4 & X86_CR4_VME)) {
        x86_raise_gp(cpu, 0);
    }
    return true;
}

uint64_t x86_help_pushf(X86Jit *cpu, uint64_t size)
{
    bool virtual = flags_are_virtual(cpu, size);
    uint64_t value = x86_get_rflags(cpu) & ~(uint64_t)(X86_RF | X86_VM);

    if (virtual) {
        value = (value & ~(uint64_t)X86_IF) | X86_IOPL | (value & X86_VIF ? X86_IF : 0);
    }
    return value;
}

uint64_t x86_help_popf(X86Jit *cpu, uint64_t value, uint64_t size)
{
    bool virtual = flags_are_virtual(cpu, size);
    uint64_t old = x86_get_rflags(cpu), mask = 0xdd5 | X86_NT | X86_AC | X86_ID;
    unsigned cpl = x86_jit_cpl(cpu);

    if (virtual) {
        if ((value & X86_TF) || ((value & X86_IF) && (old & X86_VIP))) {
            x86_raise_gp(cpu, 0);
        }
        old = (old & ~(uint64_t)X86_VIF) | (value & X86_IF ? X86_VIF : 0);
    } else if (cpl <= x86_iopl(cpu)) {
        mask |= X86_IF;
    }
    mask |= cpl ? 0 : X86_IOPL;
    mask &= size == 2 ? 0xffff : UINT32_MAX;
    x86_set_rflags(cpu, (old & ~mask & ~(uint64_t)X86_RF) | (value & mask));
    x86_context_changed(cpu);
    x86_unmasked(cpu);
    return 0;
}

uint64_t x86_help_mask_smap(X86Jit *cpu, uint64_t set)
{
    if (x86_jit_cpl(cpu) || !x86_has(cpu, "smap")) {
        x86_raise(cpu, X86_UD);
    }
    cpu->rflags = set ? cpu->rflags | X86_AC : cpu->rflags & ~X86_AC;
    x86_context_changed(cpu);
    return 0;
}

/* ---- ports ---- */

uint64_t x86_help_check_port(X86Jit *cpu, uint64_t port, uint64_t size)
{
    const X86Segment *tr = &cpu->segment[X86_TR];
    uint64_t at, bits;

    if (!(cpu->cr0 & X86_CR0_PE) ||
        (!(cpu->rflags & X86_VM) && x86_jit_cpl(cpu) <= x86_iopl(cpu))) {
        return 0;
    }
    if (!(tr->attributes & 8) || tr->limit < 103) {
        x86_raise_gp(cpu, 0);
    }
    at = jit_load(&cpu->core, tr->base + 102, 2, X86_MODE_SYSTEM) + (port & 0xffff) / 8;
    if (at + 1 > tr->limit) {
        x86_raise_gp(cpu, 0);
    }
    bits = jit_load(&cpu->core, tr->base + at, 2, X86_MODE_SYSTEM) >> (port & 7);
    if (bits & ((1u << size) - 1)) {
        x86_raise_gp(cpu, 0);
    }
    return 0;
}

uint64_t x86_help_port_in(X86Jit *cpu, uint64_t port, uint64_t size)
{
    uint64_t value;

    x86_help_check_port(cpu, port, size);
    x86_note_io(cpu, port, size, X86_IO_IN);
    value = jit_port_read(&cpu->core, port, size);
    x86_port_accessed(cpu, port, size);
    return value;
}

uint64_t x86_help_port_out(X86Jit *cpu, uint64_t port, uint64_t size, uint64_t value)
{
    x86_help_check_port(cpu, port, size);
    x86_note_io(cpu, port, size, 0);
    jit_port_write(&cpu->core, port, size, value);
    x86_port_accessed(cpu, port, size);
    return 0;
}

/* ---- fast system calls ---- */

static void flat(X86Jit *cpu, uint16_t cs, uint16_t ss, unsigned cpl, bool wide, uint64_t rip)
{
    uint32_t common = X86_SEGMENT_P | X86_SEGMENT_S | X86_SEGMENT_G | cpl << 5;

    cpu->segment[X86_CS] = (X86Segment){ 0, UINT32_MAX, common | 11 |
        (wide ? X86_SEGMENT_L : X86_SEGMENT_DB), (cs & ~3u) | cpl };
    cpu->segment[X86_SS] = (X86Segment){ 0, UINT32_MAX, common | 3 | X86_SEGMENT_DB,
        (ss & ~3u) | cpl };
    cpu->rip = rip;
    x86_context_changed(cpu);
}

static bool is_intels(const X86Jit *cpu)
{
    return g_str_equal(cpu->x86->definition.vendor, "GenuineIntel");
}

/* Intel's have SYSCALL and SYSRET in 64-bit code only: SDM volume 2; AMD APM volume 3. */
static void need_syscall(X86Jit *cpu)
{
    if (!(cpu->efer & X86_EFER_SCE) || (!x86_code64(cpu) && is_intels(cpu))) {
        x86_raise(cpu, X86_UD);
    }
}

/* AMD's have SYSENTER and SYSEXIT outside of long mode only: the same. */
static void need_sysenter(X86Jit *cpu)
{
    if (x86_long_mode(cpu) && !is_intels(cpu)) {
        x86_raise(cpu, X86_UD);
    }
}

static void syscall_legacy(X86Jit *cpu, uint64_t next)
{
    uint16_t cs = cpu->star >> 32;

    cpu->gpr[X86_RCX] = (uint32_t)next;
    cpu->rflags &= ~(X86_VM | X86_IF | X86_RF);
    flat(cpu, cs, cs + 8, 0, false, (uint32_t)cpu->star);
    cpu->segment[X86_SS].selector = cs + 8;    /* with its RPL, which CS has not */
    x86_step_over(cpu, cpu->rflags & X86_TF);
}

uint64_t x86_help_syscall(X86Jit *cpu, uint64_t next)
{
    uint64_t flags = x86_get_rflags(cpu);
    uint16_t cs = cpu->star >> 32;

    need_syscall(cpu);
    if (!x86_long_mode(cpu)) {
        syscall_legacy(cpu, next);
        return 0;
    }
    cpu->gpr[X86_RCX] = next;
    cpu->gpr[X86_R11] = flags & ~(uint64_t)X86_RF;
    x86_set_rflags(cpu, (flags & ~cpu->fmask & ~(uint64_t)X86_RF) | X86_RFLAGS_FIXED);
    flat(cpu, cs, cs + 8, 0, true, x86_code64(cpu) ? cpu->lstar : cpu->cstar);
    cpu->segment[X86_SS].selector = cs + 8;
    /* TF counts as it is now: who masks it is not stepped, and SYSRET's comes where SYSCALL was. */
    x86_step_over(cpu, cpu->rflags & X86_TF);
    return 0;
}

uint64_t x86_help_sysret(X86Jit *cpu, uint64_t size)
{
    uint16_t cs = cpu->star >> 48;
    bool wide = size == 8;

    need_syscall(cpu);
    if (!(cpu->cr0 & X86_CR0_PE)) {
        x86_raise_gp(cpu, 0);
    }
    need_cpl0(cpu);
    if (wide && !x86_canonical(cpu, cpu->gpr[X86_RCX])) {
        x86_raise_gp(cpu, 0);
    }
    if (x86_code64(cpu)) {
        x86_set_rflags(cpu, (cpu->gpr[X86_R11] & 0x3c7fd7) | X86_RFLAGS_FIXED);
    } else {
        cpu->rflags |= X86_IF;
    }
    flat(cpu, wide ? cs + 16 : cs, cs + 8, 3, wide,
         wide ? cpu->gpr[X86_RCX] : (uint32_t)cpu->gpr[X86_RCX]);
    x86_unmasked(cpu);
    x86_step_over(cpu, cpu->rflags & X86_TF);
    return 0;
}

uint64_t x86_help_sysenter(X86Jit *cpu, uint64_t next)
{
    bool lma = x86_long_mode(cpu);

    need_sysenter(cpu);
    if (!(cpu->cr0 & X86_CR0_PE) || !(cpu->sysenter_cs & 0xfffc)) {
        x86_raise_gp(cpu, 0);
    }
    cpu->rflags &= ~(X86_VM | X86_IF | X86_RF);
    cpu->gpr[X86_RSP] = lma ? cpu->sysenter_esp : (uint32_t)cpu->sysenter_esp;
    flat(cpu, cpu->sysenter_cs, cpu->sysenter_cs + 8, 0, lma,
         lma ? cpu->sysenter_eip : (uint32_t)cpu->sysenter_eip);
    x86_step_over(cpu, cpu->rflags & X86_TF);
    return 0;
}

uint64_t x86_help_sysexit(X86Jit *cpu, uint64_t size)
{
    uint64_t rip = cpu->gpr[X86_RDX], rsp = cpu->gpr[X86_RCX];
    uint16_t cs = cpu->sysenter_cs + (size == 8 ? 32 : 16);

    need_sysenter(cpu);
    if (!(cpu->cr0 & X86_CR0_PE) || !(cpu->sysenter_cs & 0xfffc) || x86_jit_cpl(cpu) ||
        (size == 8 && (!x86_canonical(cpu, rip) || !x86_canonical(cpu, rsp)))) {
        x86_raise_gp(cpu, 0);
    }
    cpu->gpr[X86_RSP] = size == 8 ? rsp : (uint32_t)rsp;
    flat(cpu, cs, cs + 8, 3, size == 8, size == 8 ? rip : (uint32_t)rip);
    x86_step_over(cpu, cpu->rflags & X86_TF);
    return 0;
}

uint64_t x86_help_fsgsbase_check(X86Jit *cpu)
{
    if (!(cpu->cr4 & X86_CR4_FSGSBASE)) {
        x86_raise(cpu, X86_UD);
    }
    return 0;
}

uint64_t x86_help_canonical_base(X86Jit *cpu, uint64_t segment, uint64_t value)
{
    if (!x86_canonical(cpu, value)) {
        x86_raise_gp(cpu, 0);
    }
    cpu->segment[segment].base = cpu->base[segment] = value;
    return 0;
}
