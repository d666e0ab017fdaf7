/* SPDX-License-Identifier: MIT */
/* A CPU of the x86 guest in a program's mode, with NATIVE_BASE's window and nothing else. */
#include "tests/unit/jit-native/native.h"

#include <stdlib.h>
#include <string.h>

#include "accel/jit/host.h"
#include "accel/jit/x86/system.h"
#include "base/lock.h"
#include "memory/space.h"
#ifdef __x86_64__
#include <cpuid.h>
#endif

#define MAX_RUNS 400

static struct {
    JitArch arch;
    RamBlock *ram;
    MemoryRegion *region;
    AddressSpace *space;
    X86Cpu x86;
    X86Jit *cpu;
    bool wild;              /* an address out of the range was used */
    bool back_end;
} m;

/* ---- memory ---- */

static bool walk(JitCpu *core, uint64_t address, JitAccess access, unsigned mode, bool probe,
                 JitPage *page)
{
    X86Jit *cpu = (X86Jit *)core;
    uint64_t at = address - NATIVE_BASE;
    bool there = at < NATIVE_SIZE;
    bool data = there && address >= NATIVE_DATA && (address & JIT_PAGE_MASK) != NATIVE_CONSTANT;

    if (!x86_canonical(cpu, address)) {
        return x86_walk(core, address, access, mode, probe, page);
    }
    m.wild |= address >= 0x10000 && (address < NATIVE_FIRST || address > NATIVE_LAST);
    if (!there || (access == JIT_WRITE && !data)) {
        if (probe) {
            return false;
        }
        x86_page_fault(cpu, address, access, mode, there ? 1 : 0);
    }
    *page = (JitPage){ .physical = at & JIT_PAGE_MASK, .size = JIT_PAGE_SIZE,
                       .allowed = JIT_CAN_READ | (data ? JIT_CAN_WRITE : JIT_CAN_FETCH) };
    return true;
}

/* ---- the CPU ---- */

bool native_cpu_has(const char *feature)
{
    return x86_feature_set_has(&m.x86.definition.features, feature);
}

/* What is there or not by the vendor, is so on the host. */
static void set_vendor(char *vendor)
{
#ifdef __x86_64__
    uint32_t eax, id[3];

    __cpuid(0, eax, id[0], id[2], id[1]);
    memcpy(vendor, id, sizeof(id));
#else
    strcpy(vendor, "AuthenticAMD");
#endif
}

bool native_cpu_init(bool with_back_end, const char **why)
{
    g_autoptr(GError) error = NULL;

    if (with_back_end && !jit_host_init(16 << 20, &error)) {
        *why = "there is no back end for this host, or no memory for its code";
        return false;
    }
    m.back_end = with_back_end;
    m.ram = ram_block_new("jit-native", 0x8000, NULL, &error);
    if (!m.ram) {
        *why = "there is no memory for the guest's";
        if (with_back_end) {
            jit_host_release();
        }
        return false;
    }
    machine_lock();
    m.arch = x86_jit_arch;
    m.arch.walk = walk;
    dirty_log_start(m.ram, DIRTY_CODE, true);
    m.region = region_new_ram(NULL, "jit-native", m.ram);
    m.space = address_space_new("jit-native", m.region, 0xff);
    m.x86.cpu.memory = m.x86.cpu.io = m.space;
    set_vendor(m.x86.definition.vendor);
    m.x86.definition.features = x86_jit_support()->features;
    m.x86.definition.phys_bits = 40;
    m.x86.definition.linear_bits = 48;
    m.x86.definition.xcr0 = 7;
    m.cpu = memset(aligned_alloc(64, (sizeof(X86Jit) + 63) & ~63ul), 0, sizeof(X86Jit));
    m.cpu->core.arch = &m.arch;
    m.cpu->core.vcpu.cpu = &m.x86.cpu;
    g_assert_true(jit_memory_create(&m.cpu->core, &error));
    jit.arch = &m.arch;
    jit_cache_init();
    g_assert_true(m.arch.create(&m.cpu->core, &error));
    machine_unlock();
    return true;
}

void native_cpu_release(void)
{
    machine_lock();
    jit_cache_release();
    jit_memory_destroy(&m.cpu->core);
    free(m.cpu);
    address_space_free(m.space);
    region_free(m.region);
    ram_block_free(m.ram);
    machine_unlock();
    if (m.back_end) {
        jit_host_release();
    }
}

/* As Linux has them for its programs: flat, or what host.c has put into the LDT. */
static void load_system(X86Jit *cpu, unsigned bits, unsigned stack_bits)
{
    const uint32_t data = 3 | X86_SEGMENT_S | X86_SEGMENT_DPL | X86_SEGMENT_P | X86_SEGMENT_DB |
                          X86_SEGMENT_G;
    const uint32_t small = data & ~(X86_SEGMENT_DB | X86_SEGMENT_G);
    const X86Segment all = { 0, UINT32_MAX, data, 0x2b };
    const X86Segment part = { native_segment_base(16), 0xffff, small, NATIVE_DATA_16 };
    const X86Segment flat = bits == 16 ? part : all;

    for (unsigned i = 0; i < X86_SEGMENTS; i++) {
        cpu->segment[i] = i < X86_FS ? flat : (X86Segment){ .attributes = X86_SEGMENT_UNUSABLE };
    }
    cpu->segment[X86_CS].attributes = (flat.attributes & ~X86_SEGMENT_DB) | 0xb |
                                      (bits == 64 ? X86_SEGMENT_L : bits == 32 ? X86_SEGMENT_DB : 0);
    cpu->segment[X86_CS].selector = bits == 64 ? 0x33 : bits == 32 ? 0x23 : NATIVE_CODE_16;
    cpu->segment[X86_SS] = stack_bits == 16 ? part : all;
    cpu->segment[X86_FS].base = bits == 64 ? native_host_fs() : 0;
    cpu->segment[X86_GS].base = bits == 64 ? NATIVE_GS : 0;
    if (bits != 64 && native_host_has_segments()) {
        cpu->segment[X86_GS] = (X86Segment){ native_gs_base(bits), native_gs_limit(bits),
                                             bits == 16 ? small : data,
                                             bits == 16 ? NATIVE_GS_16 : NATIVE_GS_32 };
    }
    /* No port is a program's. */
    cpu->segment[X86_TR] = (X86Segment){ 0, 0x65, 0xb | X86_SEGMENT_P, 0x40 };
    cpu->cr0 = X86_CR0_PE | X86_CR0_MP | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM |
               X86_CR0_PG;
    cpu->cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | 1u << 10 | X86_CR4_OSXSAVE | X86_CR4_FSGSBASE;
    cpu->efer = X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA | X86_EFER_NX;
    cpu->xcr0 = 7;
    memset(&cpu->events, 0, sizeof(cpu->events));
    cpu->shadow = X86_SHADOW_NONE;
}

static unsigned physical(unsigned fsw, unsigned i)
{
    return (i + (fsw >> 11)) & 7;
}

static void load(const NativeState *s, unsigned bits, unsigned stack_bits)
{
    X86Jit *cpu = m.cpu;

    load_system(cpu, bits, stack_bits);
    memcpy(cpu->gpr, s->gpr, sizeof(cpu->gpr));
    cpu->rip = NATIVE_START - native_segment_base(bits);
    x86_set_rflags(cpu, s->rflags);
    for (unsigned i = 0; i < 16; i++) {
        memset(&cpu->vector[i], 0, sizeof(cpu->vector[i]));
        memcpy(&cpu->vector[i], s->ymm[i], 32);
    }
    for (unsigned i = 0; i < 8; i++) {
        cpu->fpr[physical(s->fsw, i)] = s->st[i];
    }
    cpu->fcw = s->fcw;
    cpu->fsw = s->fsw;
    cpu->ftw = s->ftw;
    cpu->fop = 0;
    cpu->fip = cpu->fdp = 0;
    cpu->mxcsr = s->mxcsr;
    x86_context_changed(cpu);
    memcpy(m.ram->host + (NATIVE_DATA - NATIVE_BASE), s->memory, NATIVE_DATA_SIZE);
}

static void store(NativeState *s)
{
    const X86Jit *cpu = m.cpu;

    memcpy(s->gpr, cpu->gpr, sizeof(cpu->gpr));
    s->rip = cpu->rip;
    s->rflags = x86_get_rflags(cpu);
    for (unsigned i = 0; i < 16; i++) {
        memcpy(s->ymm[i], &cpu->vector[i], 32);
    }
    for (unsigned i = 0; i < 8; i++) {
        s->st[i] = cpu->fpr[physical(cpu->fsw, i)];
    }
    s->fcw = cpu->fcw;
    s->fsw = cpu->fsw;
    s->ftw = cpu->ftw;
    s->mxcsr = cpu->mxcsr;
    s->error = cpu->events.exception_error;
    s->cr2 = cpu->cr2;
    memcpy(s->memory, m.ram->host + (NATIVE_DATA - NATIVE_BASE), NATIVE_DATA_SIZE);
}

/* ---- running ---- */

static JitBlock *translate(unsigned insns)
{
    JitCpu *core = &m.cpu->core;
    JitTranslation t = { .cpu = core, .ir = &core->core->ir, .max_insns = insns,
                         .physical = { 0, UINT64_MAX }, .page = { m.ram->host, NULL } };
    JitBlock *block;

    m.arch.context(core, &t.context);
    t.end = t.context.pc;
    ir_block_init(t.ir, x86_slots, X86_SLOTS);
    m.arch.translate(&t);
    ir_remove_dead(t.ir);
    block = jit_block_new(t.ir->exits);
    block->pc = t.context.pc;
    block->base = t.context.base;
    block->flags = t.context.flags;
    block->mode = t.context.mode;
    block->insns = t.insns;
    block->end = t.end;
    block->slots = x86_slots;
    block->slot_count = X86_SLOTS;
    block->count = t.ir->count;
    block->ops = g_memdup2(t.ir->ops, t.ir->count * sizeof(IrOp));
    return block;
}

static void run_block(JitBlock *block, bool evaluate)
{
    JitCpu *core = &m.cpu->core;
    unsigned number;
    JitBlock *last = block;

    if (!sigsetjmp(core->unwind, 0)) {
        if (evaluate) {
            jit_evaluate(core, block, &number);
        } else {
            jit_host_run(core, block, &last, &number);
        }
    } else if (core->core->in_code) {
        jit_host_float_save(core);
        core->core->in_code = false;
    }
}

void native_cpu_run(const NativeCase *c, bool evaluate, NativeState *state)
{
    X86Jit *cpu = m.cpu;
    uint64_t start = NATIVE_START - native_segment_base(c->bits);
    unsigned runs = 0;

    memcpy(m.ram->host + (NATIVE_START - NATIVE_BASE), c->code, c->length);
    memset(m.ram->host + (NATIVE_START - NATIVE_BASE) + c->length, 0xcc, 16);
    load(state, c->bits, c->stack_bits);
    m.wild = false;
    do {
        JitBlock *block = translate(runs ? 1 : c->insns);
        atomic_store(&cpu->core.attention, false);
        if (!evaluate) {
            if (jit_host_is_full()) {
                jit_host_flush();
            }
            jit_host_compile(block);
            g_assert_nonnull(block->code);
        }
        run_block(block, evaluate);
        jit_block_free(block);
    } while (!cpu->events.exception_injected && ++runs < MAX_RUNS && cpu->rip >= start &&
             cpu->rip < start + c->length);
    store(state);
    state->end = cpu->events.exception_injected ? cpu->events.exception
                 : runs < MAX_RUNS              ? NATIVE_DONE
                                                : NATIVE_ENDLESS;
    if (m.wild) {
        state->end = NATIVE_WILD;
    }
}
