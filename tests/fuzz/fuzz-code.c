/* SPDX-License-Identifier: MIT */
/*
 * Code of the x86 guest: any bytes, in every mode of the CPU, by the evaluator and by the back end.
 * Both come to the same registers and memory, and neither ends, hangs or leaves the guest's
 * memory. The first byte is the mode, and in bit 7 whether floating point is done in software;
 * sixteen follow that choose registers, the rest is code.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "accel/jit/host.h"
#include "accel/jit/x86/system.h"
#include "base/lock.h"
#include "base/log.h"
#include "memory/space.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Its hooks alone: there is no machine. */
extern const AccelType jit_accel_type;

#define RAM_SIZE 0x20000u
#define CODE     0x1000u
#define HANDLERS 0x0600u    /* of exceptions: IRET */
#define DATA     0x3000u
#define STACK    0x5000u
#define GDT      0x8000u
#define IDT      0x9000u
#define TSS      0xa000u
#define TABLES   0x10000u   /* PML4, PDPT, PD, PT; then a directory and a table of 32 bits */
#define MAX_BLOCKS 60
#define MAX_CODE 512

enum { PAGING = 1, USER = 2, VM86 = 4, PROTECTED = 8, LONG = 16, CODE16 = 32, CODE32 = 64 };

static const uint8_t modes[] = {
    CODE16, PROTECTED | CODE16, PROTECTED | CODE16 | USER | PAGING, PROTECTED | CODE32,
    PROTECTED | CODE32 | PAGING, PROTECTED | CODE32 | USER, PROTECTED | CODE32 | USER | PAGING,
    PROTECTED | CODE16 | VM86 | USER, PROTECTED | CODE16 | VM86 | USER | PAGING,
    PROTECTED | PAGING | LONG, PROTECTED | PAGING | LONG | USER,
    PROTECTED | PAGING | LONG | CODE32 | USER, PROTECTED | PAGING | LONG | CODE32,
    PROTECTED | PAGING | LONG | CODE16,
};

static struct {
    RamBlock *ram;
    AddressSpace *memory, *io;
    X86Cpu x86;
    X86Jit *cpu;
    Accel *accel;
    bool back_end;
} m;

typedef struct Image {
    uint8_t ram[RAM_SIZE];
    uint8_t state[sizeof(X86Jit)];
} Image;

/* Nothing is there; and a loop of the guest's over it is broken up, or it would take hours. */
static MemoryResult nothing_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                                 MemoryAttrs attrs)
{
    *value = offset;
    jit_attention(&m.cpu->core);
    return MEMORY_OK;
}

static MemoryResult nothing_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                                  MemoryAttrs attrs)
{
    jit_attention(&m.cpu->core);
    return MEMORY_OK;
}

static const RegionOps nothing = { .read = nothing_read,
                                   .write = nothing_write,
                                   .unaligned = true };

static MemoryRegion *new_nothing(const char *name, uint64_t size)
{
    return region_new_io(NULL, name, &nothing, NULL, size);
}

static void set_up(void)
{
    g_autoptr(GError) error = NULL;
    MemoryRegion *all;

    machine_lock();
    m.ram = ram_block_new("ram", RAM_SIZE, NULL, &error);
    g_assert_no_error(error);
    dirty_log_start(m.ram, DIRTY_CODE, true);
    all = region_new_container(NULL, "all", 1ull << 40);
    region_add(all, 0, new_nothing("nothing", 1ull << 40), -1);
    region_add(all, 0, region_new_ram(NULL, "ram", m.ram), 0);
    m.memory = address_space_new("memory", all, 0xff);
    m.io = address_space_new("io", new_nothing("ports", 0x10000), 0xff);
    m.x86.cpu.memory = m.memory;
    m.x86.cpu.io = m.io;
    m.x86.cpuid = g_array_new(FALSE, TRUE, sizeof(X86CpuidEntry));
    m.x86.definition.features = x86_jit_support()->features;
    x86_feature_set_list(&m.x86.definition.features, "rdrand rdseed", false);
    m.x86.definition.phys_bits = 40;
    m.x86.definition.linear_bits = 48;
    m.x86.definition.xcr0 = 7;
    m.cpu = memset(aligned_alloc(64, (sizeof(X86Jit) + 63) & ~63ul), 0, sizeof(X86Jit));
    m.cpu->core.arch = &x86_jit_arch;
    m.cpu->core.vcpu.cpu = &m.x86.cpu;
    g_assert_true(jit_memory_create(&m.cpu->core, &error));
    jit.arch = &x86_jit_arch;
    jit.max_bytes = 1 << 20;
    jit_cache_init();
    m.back_end = jit_host_init(4 << 20, &error);
    m.accel = g_malloc0(jit_accel_type.size);
    g_assert_true(jit_accel_type.machine_attach(m.accel, NULL));
    g_assert_true(x86_jit_arch.create(&m.cpu->core, &error));
    machine_unlock();
}

/* ---- the guest before its first instruction ---- */

static void put(uint32_t at, uint64_t value, unsigned size)
{
    memcpy(m.ram->host + at, &value, size);
}

static void make_tables(bool lma)
{
    static const uint64_t gdt[] = {
        0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff, 0x000f9b000000ffff,
        0x000f93000000ffff, 0x00affb000000ffff, 0x00cff3000000ffff, 0x00cffb000000ffff,
        0x0000890000000067 | (uint64_t)TSS << 16, 0,
    };

    memcpy(m.ram->host + GDT, gdt, sizeof(gdt));
    for (unsigned i = 0; i < 32; i++) {
        put(4 * i, HANDLERS, 4);
        if (lma) {
            put(IDT + 16 * i, 0x8e0000080000 | (i == 3 || i == 4 ? 0x600000000000 : 0) | HANDLERS,
                8);
        } else {
            put(IDT + 8 * i, 0x8e0000180000 | (i == 3 || i == 4 ? 0x600000000000 : 0) | HANDLERS,
                8);
        }
    }
    put(HANDLERS, lma ? 0xcf48 : 0xcf, 2);
    put(TSS + 4, lma ? STACK : 0x10 * 0x100000000ull + STACK, 8);
    put(TSS + 0x66, 0x68, 2);
    for (unsigned i = 0; i < 3; i++) {
        put(TABLES + 0x1000 * i, (TABLES + 0x1000 * (i + 1)) | 7, 8);
    }
    put(TABLES + 0x4000, (TABLES + 0x5000) | 7, 4);
    for (unsigned i = 0; i < 512; i++) {
        /* 6 is the kernel's, 7 read-only, 0x18 not there, 0x19 not to be executed; above is I/O. */
        uint64_t entry = i << 12 | (i == 6 ? 3 : i == 7 ? 5 : i == 0x18 ? 0 : 7);
        put(TABLES + 0x3000 + 8 * i, entry | (i == 0x19 ? 1ull << 63 : 0), 8);
        put(TABLES + 0x5000 + 4 * i, entry, 4);
    }
}

static X86Segment segment(uint16_t selector, uint64_t base, uint32_t limit, uint32_t attributes)
{
    return (X86Segment){ base, limit, attributes | X86_SEGMENT_S | X86_SEGMENT_P, selector };
}

static void make_segments(X86Jit *cpu, unsigned mode)
{
    uint32_t dpl = mode & USER ? X86_SEGMENT_DPL : 0;
    bool real = !(mode & PROTECTED) || mode & VM86;
    uint32_t code = 0xb | dpl | (mode & CODE32 ? X86_SEGMENT_DB : 0) |
                    (mode & LONG && !(mode & (CODE16 | CODE32)) ? X86_SEGMENT_L : 0);
    uint16_t code_selector = mode & LONG && !(mode & (CODE16 | CODE32)) ? (mode & USER ? 0x33 : 8)
                             : mode & USER                              ? 0x43
                             : mode & CODE32                            ? 0x18
                                                                        : 0x20;

    for (unsigned i = 0; i < 6; i++) {
        cpu->segment[i] = real ? segment(0, 0, 0xffff, 3 | dpl)
                               : segment(mode & USER ? 0x3b : 0x10, 0, UINT32_MAX,
                                         3 | dpl | X86_SEGMENT_DB | X86_SEGMENT_G);
    }
    if (!real) {
        cpu->segment[X86_CS] = segment(code_selector, 0, UINT32_MAX, code | X86_SEGMENT_G);
    }
    cpu->segment[X86_LDTR] = (X86Segment){ .attributes = X86_SEGMENT_UNUSABLE };
    cpu->segment[X86_TR] = (X86Segment){ TSS, 0x67, 0xb | X86_SEGMENT_P, 0x48 };
}

static void make_registers(X86Jit *cpu, const uint8_t *choice)
{
    static const uint64_t values[] = { 0, 1, 2, 0x10, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, DATA,
                                       DATA + 0xffd, 0x7fff0, RAM_SIZE - 3, GDT, IDT, TSS, TABLES,
                                       CODE, 0x7ffffffc, 0x80000000, 0xffffffff, 1ull << 47,
                                       INT64_MAX, 1ull << 63, UINT64_MAX, 0x18000, 0x19000, 0x6ffc,
                                       0xc0000080, 0x10, 0x3b };

    for (unsigned i = 0; i < 16; i++) {
        cpu->gpr[i] = values[choice[i] % G_N_ELEMENTS(values)] + (choice[i] >> 5);
        for (unsigned j = 0; j < 4; j++) {
            cpu->vector[i].u64[j] =
                values[(choice[i] + j) % G_N_ELEMENTS(values)] * 0x9e3779b97f4a7c15;
        }
    }
    cpu->gpr[X86_RSP] = STACK - 64 + (choice[X86_RSP] & 7);
    for (unsigned i = 0; i < 8; i++) {
        cpu->fpr[i] = (X86Fpr){ cpu->vector[i].u64[0], (uint16_t)cpu->vector[i].u64[1] };
    }
    cpu->fcw = choice[0] & 1 ? 0x37f : 0x340;
    cpu->ftw = choice[1];
    cpu->mxcsr = choice[2] & 7 ? 0x1f80 : 0;
}

/* The CPU's struct but for what is the core's, and what the guest never changes. */
static void clear_cpu(X86Jit *cpu)
{
    X86Jit old = *cpu;

    memset((uint8_t *)cpu + sizeof(JitCpu), 0, sizeof(*cpu) - sizeof(JitCpu));
    /* No block is hot in one run and not in the other. */
    memset(cpu->core.heat, 0, sizeof(cpu->core.heat));
    cpu->x86 = old.x86;
    cpu->initial = old.initial;
    memcpy(cpu->shift_counts, old.shift_counts, sizeof(cpu->shift_counts));
}

/* No two words are the same, and all are some code. */
static void fill_ram(void)
{
    static uint64_t words[RAM_SIZE / 8];

    for (uint32_t i = words[0] ? RAM_SIZE : 0; i < RAM_SIZE; i += 8) {
        words[i / 8] = (i + 1) * 0x9e3779b97f4a7c15;
    }
    memcpy(m.ram->host, words, RAM_SIZE);
}

static void start(unsigned mode, const uint8_t *choice, const uint8_t *code, size_t size)
{
    X86Jit *cpu = m.cpu;

    fill_ram();
    make_tables(mode & LONG);
    memcpy(m.ram->host + CODE, code, size);
    clear_cpu(cpu);
    make_segments(cpu, mode);
    make_registers(cpu, choice);
    cpu->rip = CODE;
    cpu->gdtr = (X86DescriptorTable){ GDT, 0x57 };
    cpu->idtr = (X86DescriptorTable){ mode & PROTECTED ? IDT : 0, mode & LONG ? 0x1ff : 0xff };
    cpu->cr0 = X86_CR0_ET | (mode & PROTECTED ? X86_CR0_PE : 0) |
               (mode & PAGING ? X86_CR0_PG | X86_CR0_WP : 0) | (choice[3] & 1 ? X86_CR0_AM : 0) |
               X86_CR0_NE;
    /* Time goes by between one run and the other. */
    cpu->cr4 = X86_CR4_OSFXSR | 1u << 10 | X86_CR4_OSXSAVE | X86_CR4_TSD |
               (mode & LONG ? X86_CR4_PAE : 0) | (choice[4] & 1 ? X86_CR4_VME | X86_CR4_PVI : 0);
    cpu->cr3 = mode & LONG ? TABLES : TABLES + 0x4000;
    cpu->efer = mode & LONG ? X86_EFER_LME | X86_EFER_LMA | X86_EFER_NX | X86_EFER_SCE : 0;
    cpu->xcr0 = 7;
    cpu->dr6 = 0xffff0ff0;
    cpu->dr7 = 0x400;
    cpu->star = 0x0030000800000000;
    cpu->lstar = cpu->cstar = HANDLERS;
    /* The CPU has no pins: without CR0.NE, x87 errors are ignored. */
    atomic_store(&cpu->ignne, true);
    x86_set_rflags(cpu, 2 | X86_IF | (mode & VM86 ? X86_VM : 0) | (choice[5] & 3) << 12 |
                            (choice[6] & 15 ? 0 : X86_TF) | (choice[7] & 1 ? X86_DF : 0));
    x86_context_changed(cpu);
}

/* ---- running ---- */

/* False: the guest halts, or has shut down. */
static bool run_block(void)
{
    JitCpu *core = &m.cpu->core;
    JitContext context;
    JitBlock *block, *last;
    unsigned number;

    if (m.cpu->events.triple_fault) {
        return false;
    }
    if (sigsetjmp(core->unwind, 0)) {
        if (core->core->in_code) {
            jit_host_float_save(core);
            core->core->in_code = false;
        }
        return true;
    }
    if (!x86_jit_arch.pending(core)) {
        return false;
    }
    x86_jit_arch.context(core, &context);
    block = last = jit_block_at(core, &context);
    /* The CPU is not one of the program's list, so nobody told it of pages that have code now. */
    jit_tlb_flush_all(core);
    /* No branch goes on by itself: blocks are counted. */
    jit_jumps_flush(core);
    atomic_store(&core->attention, false);
    if (block->code) {
        jit_host_run(core, block, &last, &number);
    } else {
        jit_evaluate(core, block, &number);
    }
    core->core->single = false;
    return true;
}

static void forget_code(void)
{
    machine_lock();
    jit_cache_flush();
    machine_unlock();
    jit_tlb_flush_all(&m.cpu->core);
    m.cpu->core.core->single = false;
}

static void run(Image *after, const uint8_t *data, size_t size, unsigned blocks)
{
    forget_code();
    start(modes[(data[0] & 0x7f) % G_N_ELEMENTS(modes)], data + 1, data + 17,
          MIN(size - 17, MAX_CODE));
    forget_code();
    jit_enter_guest(&m.cpu->core);
    for (volatile unsigned i = 0; i < blocks && run_block(); i++) {
    }
    jit_leave_guest(&m.cpu->core);
    memcpy(after->ram, m.ram->host, RAM_SIZE);
    memcpy(after->state, m.cpu, sizeof(X86Jit));
}

/* What of the state two runs may not differ in. */
static const struct {
    const char *name;
    size_t offset, size;
} compared[] = {
#define MEMBER(name) { #name, offsetof(X86Jit, name), sizeof(((X86Jit *)0)->name) }
    MEMBER(gpr), MEMBER(rip), MEMBER(direction), MEMBER(rflags), MEMBER(base), MEMBER(gdtr), MEMBER(idtr),
    MEMBER(cr0), MEMBER(cr2), MEMBER(cr3), MEMBER(cr4), MEMBER(cr8), MEMBER(dr), MEMBER(dr6), MEMBER(dr7),
    MEMBER(efer), MEMBER(xcr0), MEMBER(pkru), MEMBER(context_flags), MEMBER(fcw), MEMBER(fsw), MEMBER(ftw),
    MEMBER(mxcsr), MEMBER(vector),
#undef MEMBER
};

/* `offset`: of what differs in both images. */
static G_NORETURN void differs(const char *name, const Image *a, const Image *b, size_t offset,
                               size_t size)
{
    const X86Jit *here = (const X86Jit *)a->state, *there = (const X86Jit *)b->state;
    const uint8_t *one = (const uint8_t *)a + offset, *other = (const uint8_t *)b + offset;

    for (unsigned r = 0; r < 16; r++) {
        g_printerr("r%u: %016" PRIx64 " %016" PRIx64 "\n", r, here->gpr[r], there->gpr[r]);
    }
    for (size_t i = 0; i < size; i++) {
        if (one[i] != other[i]) {
            g_printerr("%s+0x%zx: %02x %02x\n", name, i, one[i], other[i]);
        }
    }
    g_printerr("%s differs between evaluator and back end, at 0x%" PRIx64 " and 0x%" PRIx64 "\n", name,
               here->rip, there->rip);
    abort();    /* libFuzzer keeps no input that ends with g_error()'s SIGTRAP */
}

static void compare(const Image *a, const Image *b)
{
    const X86Jit *here = (const X86Jit *)a->state, *there = (const X86Jit *)b->state;

    for (unsigned i = 0; i < G_N_ELEMENTS(compared); i++) {
        if (memcmp(a->state + compared[i].offset, b->state + compared[i].offset,
                   compared[i].size)) {
            differs(compared[i].name, a, b, offsetof(Image, state) + compared[i].offset,
                    compared[i].size);
        }
    }
    for (unsigned i = 0; i < X86_SEGMENTS; i++) {
        g_assert_cmpuint(here->segment[i].selector, ==, there->segment[i].selector);
        g_assert_cmpuint(here->segment[i].base, ==, there->segment[i].base);
        g_assert_cmpuint(here->segment[i].attributes, ==, there->segment[i].attributes);
    }
    for (unsigned i = 0; i < 8; i++) {
        g_assert_cmpuint(here->fpr[i].mantissa, ==, there->fpr[i].mantissa);
        g_assert_cmpuint(here->fpr[i].exponent, ==, there->fpr[i].exponent);
    }
    g_assert_cmpuint(x86_get_rflags(here), ==, x86_get_rflags(there));
    if (memcmp(a->ram, b->ram, RAM_SIZE)) {
        differs("ram", a, b, 0, RAM_SIZE);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static Image *by_evaluator, *by_host;

    if (!m.cpu) {
        set_up();
        by_evaluator = aligned_alloc(64, (sizeof(Image) + 63) & ~63ul);
        by_host = aligned_alloc(64, (sizeof(Image) + 63) & ~63ul);
    }
    if (size < 18) {
        return 0;
    }
    jit.exact_float = data[0] >> 7 || !m.back_end;
    if (m.back_end) {
        run(by_host, data, size, MAX_BLOCKS);
        jit_host_release();
    }
    run(by_evaluator, data, size, MAX_BLOCKS);
    if (m.back_end) {
        g_autoptr(GError) error = NULL;
        compare(by_evaluator, by_host);
        g_assert_true(jit_host_init(4 << 20, &error));
    }
    return 0;
}
