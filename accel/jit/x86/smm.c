/* SPDX-License-Identifier: MIT */
/*
 * System management mode: Intel SDM volume 3, chapter 31. The state area is that of AMD64 CPUs
 * (AMD APM volume 2, table 10-1) whatever CPUID's vendor is, since that is the vendor of `-cpu
 * max`; Intel's (SDM table 31-3) has other offsets, of which few are documented.
 *
 * An SMI that is taken behind an I/O instruction, as one that the instruction itself caused is,
 * finds it described, and can have it done again: a trap of the debug registers or of a single
 * step that was due waits for RSM then. Not modelled: traps of I/O by the CPU (SMI_ON_IO_TRAP);
 * SVM's part of the area.
 */
#include "accel/jit/x86/system.h"
#include "base/bits.h"

#define AREA       0xfe00u     /* from SMBASE */
#define AREA_SIZE  0x200u
#define ENTRY      0x8000u
#define REVISION   0x00030064u /* of AMD64, with SMBASE relocation and restart of I/O instructions */
#define RESTART    0xff

/* Offsets in the area. */
enum {
    AT_GDTR = 0x60, AT_LDTR = 0x70, AT_IDTR = 0x80, AT_TR = 0x90, AT_IO_REGISTERS = 0xa0,
    AT_IO = 0xc0, AT_IO_RESTART = 0xc8, AT_HALTED = 0xc9, AT_EFER = 0xd0,
    AT_REVISION = 0xfc, AT_SMBASE = 0x100, AT_REGISTERS = 0x148, AT_GPR = 0x1f8,
};

static X86MsrValue *smbase(X86Jit *cpu)
{
    for (size_t i = 0; i < cpu->msr_count; i++) {
        if (cpu->msr[i].index == X86_MSR_SMBASE) {
            return &cpu->msr[i];
        }
    }
    return NULL;
}

/* Attributes of 12 bits: the descriptor's two groups, side by side. */
static void put_segment(uint8_t *at, const X86Segment *s)
{
    store_le(at, s->selector, 2);
    store_le(at + 2, (s->attributes & 0xff) | (s->attributes >> 4 & 0xf00), 2);
    store_le(at + 4, s->limit, 4);
    store_le(at + 8, s->base, 8);
}

static X86Segment get_segment(const uint8_t *at)
{
    uint32_t packed = load_le(at + 2, 2);
    uint32_t attributes = (packed & 0xff) | (packed & 0xf00) << 4;

    return (X86Segment){
        .selector = load_le(at, 2), .limit = load_le(at + 4, 4), .base = load_le(at + 8, 8),
        .attributes = attributes & X86_SEGMENT_P ? attributes : attributes | X86_SEGMENT_UNUSABLE,
    };
}

static void put_table(uint8_t *at, const X86DescriptorTable *table)
{
    store_le(at + 4, table->limit, 2);
    store_le(at + 8, table->base, 8);
}

static X86DescriptorTable get_table(const uint8_t *at)
{
    return (X86DescriptorTable){ .base = load_le(at + 8, 8), .limit = load_le(at + 4, 2) };
}

/* CR4 … RIP, as they lie from AT_REGISTERS on; RFLAGS is between DR6 and RIP. */
static void put_registers(const X86Jit *cpu, uint8_t *at)
{
    const uint64_t value[] = { cpu->cr4, cpu->cr3, cpu->cr0, cpu->dr7, cpu->dr6,
                               x86_get_rflags(cpu), cpu->rip };

    for (unsigned i = 0; i < G_N_ELEMENTS(value); i++) {
        store_le(at + 8 * i, value[i], 8);
    }
}

static void save_state(const X86Jit *cpu, uint32_t base, bool halted, uint8_t *area)
{
    for (unsigned i = 0; i < 6; i++) {
        put_segment(area + 16 * i, &cpu->segment[i]);
    }
    put_segment(area + AT_LDTR, &cpu->segment[X86_LDTR]);
    put_segment(area + AT_TR, &cpu->segment[X86_TR]);
    put_table(area + AT_GDTR, &cpu->gdtr);
    put_table(area + AT_IDTR, &cpu->idtr);
    area[AT_HALTED] = halted;
    store_le(area + AT_EFER, cpu->efer, 8);
    store_le(area + AT_REVISION, REVISION, 4);
    store_le(area + AT_SMBASE, base, 4);
    put_registers(cpu, area + AT_REGISTERS);
    for (unsigned i = 0; i < 16; i++) {
        store_le(area + AT_GPR - 8 * i, cpu->gpr[i], 8);
    }
}

/* ---- I/O instructions ---- */

void x86_note_io(X86Jit *cpu, uint16_t port, unsigned size, unsigned what)
{
    cpu->events.io = (uint32_t)port << 16 | what | X86_IO_VALID | size * X86_IO_SIZE;
    cpu->events.io_rip = cpu->rip;
    cpu->events.io_rcx = cpu->gpr[X86_RCX];
    cpu->events.io_rsi = cpu->gpr[X86_RSI];
    cpu->events.io_rdi = cpu->gpr[X86_RDI];
}

static void save_io(const X86Jit *cpu, uint8_t *area)
{
    const X86Events *e = &cpu->events;
    const uint64_t value[] = { e->io_rip, e->io_rcx, e->io_rsi, e->io_rdi };

    if (!e->io) {
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(value); i++) {
        store_le(area + AT_IO_REGISTERS + 8 * i, value[i], 8);
    }
    store_le(area + AT_IO, e->io | (cpu->rflags & X86_TF ? X86_IO_TF : 0) |
                           x86_port_breakpoints(cpu) * X86_IO_BREAKPOINT, 4);
}

/* The handler asked for it: the instruction is done again. */
static void restart_io(X86Jit *cpu, const uint8_t *area)
{
    static const uint8_t registers[] = { X86_RCX, X86_RSI, X86_RDI };

    if (area[AT_IO_RESTART] != RESTART || !(load_le(area + AT_IO, 4) & X86_IO_VALID)) {
        return;
    }
    cpu->rip = load_le(area + AT_IO_REGISTERS, 8);
    for (unsigned i = 0; i < G_N_ELEMENTS(registers); i++) {
        cpu->gpr[registers[i]] = load_le(area + AT_IO_REGISTERS + 8 * (i + 1), 8);
    }
    cpu->events.debug_pending = 0;    /* it will meet them again */
}

static void transfer_area(X86Jit *cpu, uint64_t physical, uint8_t *area, bool save)
{
    for (unsigned at = 0; at < AREA_SIZE; at += 8) {
        if (save) {
            jit_store_physical(&cpu->core, physical + at, 8, load_le(area + at, 8));
        } else {
            store_le(area + at, jit_load_physical(&cpu->core, physical + at, 8), 8);
        }
    }
}

void x86_smm_changed(X86Jit *cpu)
{
    AddressSpace *own = cpu->core.vcpu.cpu->memory;
    AddressSpace *smm = cpu->events.smm ? cpu_smm_memory() : NULL;

    jit_set_memory(&cpu->core, smm ? smm : own);
}

static void switch_memory(X86Jit *cpu, bool smm)
{
    cpu->events.smm = smm;
    jit_machine_lock(&cpu->core);
    x86_smm_changed(cpu);
    jit_machine_unlock(&cpu->core);
}

/* What SDM 31.5.1 (table 31-4) has the handler find. */
static void set_entry_state(X86Jit *cpu, uint32_t base)
{
    const uint32_t data = X86_SEGMENT_P | X86_SEGMENT_S | 3;

    for (unsigned i = 0; i < 6; i++) {
        cpu->segment[i] = (X86Segment){ .limit = UINT32_MAX, .attributes = data | X86_SEGMENT_G };
    }
    cpu->segment[X86_CS].selector = base >> 4;
    cpu->segment[X86_CS].base = base;
    cpu->cr0 &= ~(uint64_t)(X86_CR0_PE | X86_CR0_EM | X86_CR0_TS | X86_CR0_PG);
    cpu->cr4 = 0;
    cpu->efer = 0;
    cpu->dr7 = 0x400;
    cpu->rip = ENTRY;
    x86_set_rflags(cpu, X86_RFLAGS_FIXED);
}

static void state_changed(X86Jit *cpu)
{
    x86_address_space_changed(cpu, false);
    x86_breakpoints_changed(cpu);
    x86_context_changed(cpu);
    jit_tlb_flush(&cpu->core, true);
    jit_attention(&cpu->core);
}

void x86_enter_smm(X86Jit *cpu)
{
    const X86MsrValue *msr = smbase(cpu);
    uint32_t base = msr ? msr->value : X86_SMBASE_RESET;
    bool halted = cpu->mp_state == X86_MP_HALTED;
    uint8_t area[AREA_SIZE] = { 0 };

    switch_memory(cpu, true);
    save_state(cpu, base, halted, area);
    save_io(cpu, area);
    transfer_area(cpu, base + AREA, area, true);
    cpu->events.debug_in_smm = cpu->events.debug_pending;
    cpu->events.debug_pending = 0;
    cpu->events.smm_inside_nmi = cpu->events.nmi_masked;
    cpu->events.nmi_masked = true;
    cpu->mp_state = X86_MP_RUNNABLE;
    set_entry_state(cpu, base);
    state_changed(cpu);
}

/* SDM 31.4: states for which RSM shuts the CPU down. */
static bool is_valid(const X86Jit *cpu, const uint8_t *area)
{
    uint64_t cr4 = load_le(area + AT_REGISTERS, 8), cr0 = load_le(area + AT_REGISTERS + 16, 8);
    uint64_t efer = load_le(area + AT_EFER, 8);
    bool paging = cr0 & X86_CR0_PG;

    return !(cr0 >> 32) && !(paging && !(cr0 & X86_CR0_PE)) &&
           !((cr0 & X86_CR0_NW) && !(cr0 & X86_CR0_CD)) && !(cr4 & ~x86_cr4_allowed(cpu)) &&
           !((efer & X86_EFER_LMA) && !(paging && (cr4 & X86_CR4_PAE)));
}

static void load_state(X86Jit *cpu, const uint8_t *area)
{
    const uint8_t *r = area + AT_REGISTERS;

    cpu->cr4 = load_le(r, 8);
    cpu->cr3 = load_le(r + 8, 8);
    cpu->cr0 = load_le(r + 16, 8) | X86_CR0_ET;
    cpu->dr7 = (uint32_t)load_le(r + 24, 8);
    cpu->dr6 = (uint32_t)load_le(r + 32, 8);
    cpu->rip = load_le(r + 48, 8);
    cpu->efer = load_le(area + AT_EFER, 8);
    for (unsigned i = 0; i < 6; i++) {
        cpu->segment[i] = get_segment(area + 16 * i);
    }
    cpu->segment[X86_LDTR] = get_segment(area + AT_LDTR);
    cpu->segment[X86_TR] = get_segment(area + AT_TR);
    cpu->gdtr = get_table(area + AT_GDTR);
    cpu->idtr = get_table(area + AT_IDTR);
    for (unsigned i = 0; i < 16; i++) {
        cpu->gpr[i] = load_le(area + AT_GPR - 8 * i, 8);
    }
    x86_set_rflags(cpu, (load_le(r + 40, 8) & 0x3f7fd5) | X86_RFLAGS_FIXED);
}

uint64_t x86_help_rsm(X86Jit *cpu)
{
    X86MsrValue *msr = smbase(cpu);
    uint32_t base = msr ? msr->value : X86_SMBASE_RESET;
    uint8_t area[AREA_SIZE];

    if (!cpu->events.smm) {
        x86_raise(cpu, X86_UD);
    }
    transfer_area(cpu, base + AREA, area, false);
    if (!is_valid(cpu, area)) {
        cpu->events.triple_fault = true;
        jit_leave(&cpu->core);
    }
    load_state(cpu, area);
    cpu->events.debug_pending = cpu->events.debug_in_smm;
    cpu->events.debug_in_smm = 0;
    restart_io(cpu, area);
    if (msr) {
        msr->value = (uint32_t)load_le(area + AT_SMBASE, 4);
    }
    cpu->events.nmi_masked = cpu->events.smm_inside_nmi;
    cpu->mp_state = area[AT_HALTED] & 1 ? X86_MP_HALTED : X86_MP_RUNNABLE;
    switch_memory(cpu, false);
    if ((cpu->cr0 & X86_CR0_PG) && (cpu->cr4 & X86_CR4_PAE) && !x86_long_mode(cpu) &&
        !x86_load_pdptrs(cpu, cpu->cr3)) {
        cpu->events.triple_fault = true;
    }
    state_changed(cpu);
    jit_leave(&cpu->core);
}
