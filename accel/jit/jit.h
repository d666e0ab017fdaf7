/* SPDX-License-Identifier: MIT */
/*
 * The software CPU's core and the guest architectures: what each is to the other.
 *
 * A guest architecture supplies a struct that starts with a JitCpu, a table of slots in it, and a
 * JitArch: where the CPU is (JitContext), how instructions are lowered, how an address is
 * translated, what happens between blocks. The core finds, translates, chains and runs blocks,
 * keeps the soft TLB, and notices writes to code.
 *
 * Threads: one per CPU. Guest code and helpers run without the machine lock. Helpers may be left
 * by jit_leave() or by an access that faults (a long jump), so they hold no lock and own no
 * memory across those. Everything an interrupt controller or a debugger does to a CPU is done
 * under the machine lock and seen by the thread when it next looks: see JitArch.pending.
 */
#ifndef ACCEL_JIT_JIT_H
#define ACCEL_JIT_JIT_H

#include <setjmp.h>

#include "accel/accel.h"
#include "accel/jit/ir.h"
#include "memory/space.h"

#define JIT_PAGE_BITS 12
#define JIT_PAGE_SIZE (1ull << JIT_PAGE_BITS)
#define JIT_PAGE_MASK (~(JIT_PAGE_SIZE - 1))
#define JIT_MMU_MODES 5

typedef struct JitCpu JitCpu;
typedef struct JitBlock JitBlock;

typedef enum JitAccess {
    JIT_READ,
    JIT_WRITE,
    JIT_FETCH,
} JitAccess;

enum { JIT_CAN_READ = 1, JIT_CAN_WRITE = 2, JIT_CAN_FETCH = 4 };

/* What an architecture's page walk comes to. */
typedef struct JitPage {
    uint64_t physical;   /* of the page's first byte */
    uint64_t size;       /* of the mapping: 4 KiB or more; a large one may be flushed as one */
    uint8_t allowed;     /* JIT_CAN_*: JIT_CAN_WRITE only when the dirty bit is set already */
    bool global;         /* stays over jit_tlb_flush(cpu, false) */
} JitPage;

/*
 * Where a CPU executes. Two contexts that are equal run the same block: flags are all that
 * lowering depends on but the bytes of the code.
 */
typedef struct JitContext {
    uint64_t pc;         /* linear: the virtual address of the next instruction */
    uint64_t base;       /* pc minus what the instruction pointer's slot holds */
    uint32_t flags;      /* the architecture's */
    uint8_t mode;        /* the MMU mode of fetches */
} JitContext;

/* One block being translated. */
typedef struct JitTranslation {
    JitCpu *cpu;
    IrBlock *ir;
    JitContext context;
    unsigned max_insns;  /* lower no more than that */
    bool counted;        /* who comes to the block's end has to have executed all of `insns` */
    bool trace;          /* it is entered often: worth following its branches within the page */
    unsigned insns;      /* kept by the architecture: lowered so far */
    uint64_t start, end; /* kept by the architecture: the lowest pc, and the pc after the highest */
    /* the core's */
    RamBlock *ram;       /* of the first page; NULL: it is in none */
    const uint8_t *page[2];
    uint64_t physical[2];
    uint64_t word_at;    /* physical; what a device gave last: `word` */
    uint32_t word;
    bool uncached;
    bool opened;         /* writes to one of the pages were not noticed before */
} JitTranslation;

/*
 * The code byte at `pc`, which is in the page of context.pc or the one after. False: the second
 * page cannot be fetched from, and instructions were lowered already (insns > 0), so the block
 * ends before this one. When it is the first, the fault is raised and the call does not return.
 */
bool jit_code_byte(JitTranslation *t, uint64_t pc, uint8_t *byte);

/*
 * How often was the block at `pc` entered, which is in the page of context.pc and else of the
 * same context, and how often of that did it go by its first exit? Up to JIT_HOT times; 0:
 * nobody knows.
 */
#define JIT_HOT 1024
unsigned jit_heat(const JitTranslation *t, uint64_t pc, unsigned *first_exit);

/*
 * Is there a debugger's breakpoint on the instruction at `pc`? Then the block ends before it,
 * or, when it is the first, jit_debug_lower() is what is lowered, with the slots saying `pc`;
 * it ends the block.
 */
bool jit_debug_break(const JitTranslation *t, uint64_t pc);
void jit_debug_lower(JitTranslation *t, uint64_t pc);

typedef struct JitArch {
    const char *name;             /* "x86" */
    size_t size;                  /* of the CPU struct */
    const IrSlot *slots;
    unsigned slot_count;
    unsigned mmu_modes;           /* at most JIT_MMU_MODES */
    unsigned aligned_modes;       /* bits 1 << mode: of accesses of up to 8 bytes that must be aligned;
                                   * they go the slow way each time */
    unsigned pc_slot;             /* the instruction pointer: JitContext.pc minus base */
    uint32_t middle;              /* generated code reaches 128 bytes around it best */
    uint32_t scratch, scratch_end; /* state whose content matters within an instruction only */
    uint32_t mxcsr;               /* where in the state a uint32_t has MXCSR's format, for
                                   * IR_VEX_MXCSR; 0: nowhere */

    /* The machine, under its lock: what CPUs can do is told; chips are bound; and back. */
    bool (*machine_init)(GError **error);
    bool (*machine_attach)(GError **error);
    void (*machine_detach)(void);
    /* In the CPU's thread, under the machine lock. Failing, create leaves nothing behind. */
    bool (*create)(JitCpu *cpu, GError **error);
    void (*destroy)(JitCpu *cpu);
    /* Registers to and from cpu->vcpu.cpu->state; see VcpuOps. The core flushes the TLB after put. */
    bool (*get_state)(JitCpu *cpu, GError **error);
    bool (*put_state)(JitCpu *cpu, CpuStateLevel level, GError **error);
    void (*inject_nmi)(JitCpu *cpu);

    /* In the CPU's thread, with all slots in memory. */
    void (*context)(JitCpu *cpu, JitContext *context);
    /* Lowers from t->context.pc until the block ends; sets insns and end. */
    void (*translate)(JitTranslation *t);
    /*
     * Translates the page of an address for an access. Does not return when that faults: it
     * raises. With `probe` a fault is a false result, nothing is raised, and no bit changes.
     */
    bool (*walk)(JitCpu *cpu, uint64_t address, JitAccess access, unsigned mode, bool probe,
                 JitPage *page);
    /*
     * IR_GOTO_INDIRECT said `from`, and the slots say a place that blocks were not found at so
     * far. May raise what belongs to the jump itself, after it has put the slots back.
     */
    void (*jumped)(JitCpu *cpu, uint64_t from);
    /* IR_ALIGNED met a misaligned address. Raises. */
    void (*misaligned)(JitCpu *cpu, uint64_t address, JitAccess access);
    /* An access in one of the aligned modes did. If it returns, the access is tried. */
    void (*unaligned)(JitCpu *cpu, uint64_t address);
    /*
     * The instruction that began does nothing, and is done again: what its beginning ended goes
     * on. May be NULL.
     */
    void (*begins_again)(JitCpu *cpu);
    /* An access to a range of jit_watch() is done; the instruction has only that one left to do. */
    void (*watch_hit)(JitCpu *cpu, unsigned number);
    /* Physical memory answered an access with an error. May raise; may ignore it. */
    void (*bus_error)(JitCpu *cpu, uint64_t address, uint64_t physical, JitAccess access,
                      MemoryResult result);
    /*
     * Between blocks, without the machine lock, when the CPU was kicked, left a block by
     * IR_LEAVE or jit_leave(): delivers what was raised or is pending. False: nothing to
     * run (halted, waits for start-up); the loop then goes to sleep under the machine lock
     * until has_work().
     */
    bool (*pending)(JitCpu *cpu);
    /* Under the machine lock. */
    bool (*has_work)(JitCpu *cpu);
    /* Before an instruction's first byte is looked at for a breakpoint and the like; -d cpu. */
    void (*print)(JitCpu *cpu, GString *out);
    /* Physical address as the CPU's pins have it (A20). */
    uint64_t (*mask_physical)(JitCpu *cpu, uint64_t physical);
    /* For disassembly: architecture and mode of base/disas.h for a context. */
    unsigned (*disas_mode)(const JitContext *context);
} JitArch;

/* Those that were built in: each adds its own in its meson.build. */
extern const JitArch *const jit_arches[];

/* Keyed by bits of the virtual page number; a mismatch takes the slow way. */
typedef struct JitTlbEntry {
    uint64_t tag[3];        /* by JitAccess: virtual page, or with a low bit set: not so */
    uintptr_t addend;       /* host address minus virtual address */
} JitTlbEntry;

#define JIT_TLB_INVALID 0x1ull  /* in a tag: nothing */
#define JIT_TLB_SLOW    0x2ull  /* in a tag: I/O, or a page whose writes must be noticed */

typedef struct JitTlb {
    uint64_t mask;          /* (entries - 1) * sizeof(JitTlbEntry) */
    JitTlbEntry *entries;
} JitTlb;

#define JIT_WATCHES 12
#define JIT_ARCH_WATCHES 4
/* A range of virtual addresses whose accesses somebody wants to know of. */
typedef struct JitWatch {
    uint64_t address, length;
    uint8_t access;         /* bits 1 << JitAccess; 0: not in use */
} JitWatch;

#define JIT_HEATS 8192
#define JIT_JUMP_BITS 16
/* The cache that indirect branches look into: blocks by virtual pc. The CPU's own thread uses it. */
typedef struct JitJump {
    uint64_t pc;            /* ^ JitCpu.jump_salt */
    const void *code;       /* the back end's way into the block */
    JitBlock *block;
    uint32_t context;       /* what JitBlock.context says */
} JitJump;

struct JitCpu {
    Vcpu vcpu;
    const JitArch *arch;
    AddressSpace *memory, *io;
    JitJump *jumps;              /* 1 << JIT_JUMP_BITS */
    uint64_t jump_salt;          /* of the tags in there: one for each time it was flushed */
    JitWatch watch[JIT_WATCHES]; /* the architecture has the first JIT_ARCH_WATCHES */
    unsigned watches;            /* one more than the highest in use */
    int64_t budget;              /* with -icount: instructions that it may execute */
    uint64_t jumped_from;        /* of the IR_GOTO_INDIRECT that came out of code; 0: none */
    bool debugged;               /* from outside: it has points, or makes a step */
    sigjmp_buf unwind;
    struct JitCore *core;        /* the rest, private to the core */
    uint16_t heat[JIT_HEATS];    /* how often blocks were entered, * JIT_HEAT_STEP */
    /* Last, so that they are near to the architecture's slots: JitArch.middle. */
    atomic_bool attention;       /* leave the chain of blocks: look around */
    JitTlb tlb[JIT_MMU_MODES];
};

/* ---- for helpers and hooks, in the CPU's thread, all slots in memory ---- */

/* Gives up the block and goes to the loop, which calls pending(). */
G_NORETURN void jit_leave(JitCpu *cpu);

/* Guest memory at a virtual address; may raise. Little endian numbers of 1, 2, 4 or 8 bytes. */
uint64_t jit_load(JitCpu *cpu, uint64_t address, unsigned size, unsigned mode);
void jit_store(JitCpu *cpu, uint64_t address, unsigned size, unsigned mode, uint64_t value);
void jit_load_bytes(JitCpu *cpu, uint64_t address, void *buffer, unsigned length, unsigned mode);
/* All pages are checked before the first byte is written. */
void jit_store_bytes(JitCpu *cpu, uint64_t address, const void *buffer, unsigned length,
                     unsigned mode);
/* Raises now if an access of `length` bytes (at most a page) would. */
void jit_probe(JitCpu *cpu, uint64_t address, unsigned length, JitAccess access, unsigned mode);
/*
 * Host memory of an address up to the page's end, if it is RAM that may be accessed so directly
 * (for a write: nobody has to be told; otherwise use jit_store). NULL otherwise, after the access
 * was checked as jit_probe() does. Who uses it keeps the guest's order: host-memory.h.
 */
void *jit_host(JitCpu *cpu, uint64_t address, JitAccess access, unsigned mode);
uint64_t jit_atomic(JitCpu *cpu, IrOpcode opcode, uint64_t address, unsigned size, unsigned mode,
                    uint64_t value, uint64_t expected);
/* 16 bytes, at a multiple of 16; `old` is set to what was there. True: replaced. */
bool jit_cmpxchg16(JitCpu *cpu, uint64_t address, unsigned mode, uint64_t expected[2],
                   const uint64_t desired[2]);

/*
 * While generated code runs, MXCSR's sticky flags gather in the host's own. Before they are looked
 * at: fold them into the state. After the state's changed: take over what it says.
 */
void jit_float_fold(JitCpu *cpu);
void jit_float_changed(JitCpu *cpu);
/*
 * Floating point is computed by accel/jit/exact.h, not by the host's instructions: property
 * `float`. Lowering and helpers go by it. It does not change while there are CPUs, and MXCSR is
 * the host's own then.
 */
bool jit_float_is_exact(void);

/* Physical memory, for page walks and the like: never raises. A read of nothing gives ones. */
uint64_t jit_load_physical(JitCpu *cpu, uint64_t physical, unsigned size);
void jit_store_physical(JitCpu *cpu, uint64_t physical, unsigned size, uint64_t value);
/* Sets bits in an entry of a table if it still is `old` (4 or 8 bytes). False: look again. */
bool jit_update_physical(JitCpu *cpu, uint64_t physical, unsigned size, uint64_t old,
                         uint64_t value);
/* Ports; the machine lock is taken where a device needs it. */
uint64_t jit_port_read(JitCpu *cpu, uint16_t port, unsigned size);
void jit_port_write(JitCpu *cpu, uint16_t port, unsigned size, uint64_t value);

/* In the CPU's thread: from now on. The TLB is flushed if something changed. */
void jit_watch(JitCpu *cpu, unsigned number, uint64_t address, uint64_t length, uint8_t access);

/*
 * The TLB of the calling CPU, of all tags. `global` includes entries that are JitPage.global. A
 * switch makes another tag the current one; without `keep`, what the TLB has of it goes,
 * but for global entries.
 */
void jit_tlb_flush(JitCpu *cpu, bool global);
void jit_tlb_flush_page(JitCpu *cpu, uint64_t address);
void jit_tlb_switch(JitCpu *cpu, uint64_t tag, bool keep);

/* What the CPU sees as physical memory from now on. Under the machine lock, in the CPU's thread. */
void jit_set_memory(JitCpu *cpu, AddressSpace *memory);

/*
 * The machine lock, for hooks and helpers in the CPU's thread: only so, since who holds it may wait
 * for CPUs to come out of their guests. Nothing may raise while it is held.
 */
void jit_machine_lock(JitCpu *cpu);
void jit_machine_unlock(JitCpu *cpu);

/*
 * In the CPU's thread: time_virtual() counts what was executed by now. Without -icount it
 * always does.
 */
void jit_sync_time(const JitCpu *cpu);
/* While registers are put: virtual time, the same for all CPUs that begin together. */
int64_t jit_put_time(void);
/* A random number; with -icount the same ones in each run. */
uint64_t jit_random(void);

/* In the CPU's thread: it waits for another CPU to do something. */
void jit_yield(JitCpu *cpu);

/* Any thread, under the machine lock or in the CPU's own: makes the loop call pending(). */
void jit_attention(JitCpu *cpu);

static inline JitCpu *jit_cpu_of(const Cpu *cpu)
{
    return (JitCpu *)cpu->accel;
}

#endif
