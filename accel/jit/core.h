/* SPDX-License-Identifier: MIT */
/*
 * Inside the software CPU's core: blocks, the cache of them, the soft TLB.
 *
 * Locks: `jit.lock` is over the cache of blocks. It is taken last, after the machine lock where
 * both are held, and never across a call that may raise.
 */
#ifndef ACCEL_JIT_CORE_H
#define ACCEL_JIT_CORE_H

#include "accel/debug.h"
#include "accel/jit/jit.h"

/* ---- blocks ---- */

typedef struct JitExit {
    _Atomic(JitBlock *) to;      /* NULL: not chained */
    JitBlock *from;
    struct JitExit *next;        /* of those that lead to the same block */
    uint32_t jump, stub;         /* the back end's: where the jump is, and what it does unchained */
} JitExit;

/*
 * Found by where it lies in physical memory, its virtual pc and its context. Never changes but for
 * its chains. It lives until the whole cache is flushed, also after it was taken out.
 */
struct JitBlock {
    uint64_t pc, base;
    uint32_t flags;
    uint8_t mode;
    atomic_bool gone;            /* taken out: nothing may enter it again */
    unsigned insns;
    uint32_t context;            /* a number for base, flags and mode; 0: in no cache */
    uint64_t start, end;         /* the lowest pc of its code, and the pc after the highest */
    bool trace;                  /* made once the block was hot; others count: JitCpu.heat */
    uint16_t first_exit;         /* of JIT_HOT times, before it was made: jit_heat() */
    RamBlock *ram;               /* where the code is; NULL: not in RAM, so not in the cache */
    uint64_t offset[2];          /* in it: of pc, and of the code in a second page */
    uint32_t length[2];          /* bytes of code from `start` in the first, in a second; 0: in none */
    JitBlock *next_on_page[2], *previous_on_page[2];
    JitExit *incoming;           /* chains that lead here */
    const void *code;            /* the host's; NULL: the evaluator runs it */
    const IrSlot *slots;
    unsigned slot_count;
    unsigned count;
    IrOp *ops;                   /* `count` of them; NULL: no longer known, since there is code */
    unsigned exit_count;
    JitExit exits[];
};

typedef struct JitPageBlocks JitPageBlocks;

/* The machine's. */
typedef struct Jit {
    const JitArch *arch;
    GMutex lock;
    GHashTable *blocks;          /* of JitBlock, by what finds it */
    GHashTable *pages;           /* of JitPageBlocks, by RAM block and page */
    GHashTable *contexts;        /* numbers of contexts: JitBlock.context */
    GPtrArray *all;              /* every block made since the last flush */
    size_t bytes, max_bytes;
    atomic_uint generation;      /* how often everything was flushed: blocks of before are gone */
    MemoryListener listener;
    bool map_changed;
    bool one_insn;
    bool exact_float;            /* jit_float_is_exact() */
    bool icount;                 /* time counts instructions: icount.c */
    bool single_turns;           /* one CPU runs at a time: turns.c */
    GArray *breakpoints;         /* of uint64_t, linear; NULL: none. Changes while CPUs are stopped */
    bool attached;
    bool putting;                /* jit_put_time() is put_time */
    int64_t put_time;
} Jit;

extern Jit jit;

/* What finds a block; the caller holds jit.lock. */
JitBlock *jit_cache_find(const JitContext *context, RamBlock *ram, uint64_t offset);
void jit_cache_add(JitBlock *block);
/* Takes out the blocks that lie in a range of RAM. False: the pages hold none any more. */
bool jit_cache_drop(RamBlock *ram, uint64_t offset, uint64_t length);
/* The number of what a block's context is but for pc. */
uint32_t jit_cache_context(const JitContext *context);
/* All of them, and what CPUs know of them; no CPU may be in one. */
void jit_cache_flush(void);
void jit_cache_init(void);
void jit_cache_release(void);
/* One of them. */
void jit_cache_take_out(JitBlock *block);
/* Is there code in that range that the CPU is executing at `pc`? */
bool jit_cache_covers(RamBlock *ram, uint64_t offset, uint64_t length, uint64_t pc);

/* ---- per CPU ---- */

#define JIT_TLB_BITS 12
#define JIT_TLB_ENTRIES (1u << JIT_TLB_BITS)
#define JIT_TLB_BANKS 6
#define JIT_MAX_CONTEXTS 0x10000
#define JIT_WALK_ENTRIES 64

/* A set of pages that may say yes to one that is not in it. */
#define JIT_PAGE_SET_BITS 13
typedef struct JitPageSet {
    uint64_t bits[(1u << JIT_PAGE_SET_BITS) / 64];
} JitPageSet;

static inline unsigned jit_page_set_bit(uint64_t number)
{
    return (number ^ number >> JIT_PAGE_SET_BITS ^ number >> 2 * JIT_PAGE_SET_BITS) &
           ((1u << JIT_PAGE_SET_BITS) - 1);
}

static inline void jit_page_set_add(JitPageSet *set, uint64_t number)
{
    set->bits[jit_page_set_bit(number) / 64] |= 1ull << jit_page_set_bit(number) % 64;
}

static inline bool jit_page_set_has(const JitPageSet *set, uint64_t number)
{
    return set->bits[jit_page_set_bit(number) / 64] >> jit_page_set_bit(number) % 64 & 1;
}

/* What an entry of the TLB does not say. */
typedef struct JitTlbInfo {
    uint64_t physical;           /* of the page */
    RamBlock *ram;               /* NULL: I/O */
    uint64_t offset;             /* of the page in ram */
    bool global;
    bool watched;                /* some of it is in JitCpu.watch */
    bool checked;                /* each access is: JitArch.aligned_modes */
    uint8_t allowed;             /* JIT_CAN_* of the translation */
    bool writable;               /* RAM, not ROM */
    bool readable;               /* RAM, ROM, a ROM device in ROM mode */
} JitTlbInfo;

/* The TLB of one address space. */
typedef struct JitTlbBank {
    uint64_t tag;
    uint64_t salt;               /* of JitCpu.jumps */
    uint64_t stamp;              /* when it was last switched to */
    uint64_t used[JIT_MMU_MODES][JIT_TLB_ENTRIES / 64]; /* which entries were filled */
    JitPageSet large[2];         /* of 2 MiB or more, and of 1 GiB or more: what they cover */
    JitPageSet jump_pages;       /* where the code is that JitCpu.jumps knows with `salt` */
    JitTlbEntry entries[JIT_MMU_MODES][JIT_TLB_ENTRIES];
    JitTlbInfo info[JIT_MMU_MODES][JIT_TLB_ENTRIES];
} JitTlbBank;

typedef struct JitCore {
    _Atomic(JitTlbBank *) bank[JIT_TLB_BANKS];
    JitTlbBank *current;
    uint64_t stamp, last_salt;
    struct {
        uint64_t page;           /* physical; UINT64_MAX: nothing */
        uint8_t *host;
        RamBlock *ram;
        uint64_t offset;
        bool writable;
    } walk[JIT_WALK_ENTRIES];    /* RAM that page tables lie in */
    bool single;                 /* the next block is one instruction, and is not kept */
    bool pass;                   /* … even if there is a breakpoint on it */
    bool sleeping;               /* with -icount: it found nothing to do */
    bool waits_for_turn;         /* turns.c's */
    uint8_t step;                /* of a debugger's step: debug.c */
    uint8_t watch_met;           /* which of JitCpu.watch; 0: none */
    uint8_t watch_kind[JIT_WATCHES]; /* DebugKind of the debugger's */
    uint64_t step_pc, left_pc;   /* where the step began; where a block was given up */
    bool translating;
    bool running;                /* between vcpu_enter_guest() and vcpu_leave_guest() */
    bool in_code;                /* generated code runs: MXCSR is the guest's */
    atomic_bool in_block;        /* a block runs, or waits for a device */
    JitBlock *uncached;          /* the last block that is in no cache */
    uint64_t values[IR_MAX_OPS]; /* the evaluator's */
    IrOp ops[IR_MAX_OPS];        /* what is left of `ir`, renumbered */
    IrValue numbers[IR_MAX_OPS];
    IrBlock ir;
} JitCore;

/*
 * The instruction that runs is given up before it did anything, and done again as a block of
 * its own.
 */
G_NORETURN void jit_begin_again(JitCpu *cpu);

static inline unsigned jit_tlb_index(uint64_t address)
{
    return address >> JIT_PAGE_BITS & (JIT_TLB_ENTRIES - 1);
}

static inline unsigned jit_jump_index(uint64_t pc)
{
    return (pc ^ pc >> 12) & ((1u << JIT_JUMP_BITS) - 1);
}

/* An entry of JitCpu.heat comes round to 0 with the last of JIT_HOT steps. */
#define JIT_HEAT_STEP (0x10000 / JIT_HOT)

/* Of how often the block at `pc` is entered, and how often of that it goes by its first exit. */
static inline unsigned jit_heat_index(uint64_t pc)
{
    return (pc * 0x9e3779b97f4a7c15ull) >> 32 & (JIT_HEATS - 1) & ~1u;
}

static inline unsigned jit_first_exit_index(uint64_t pc)
{
    return jit_heat_index(pc) + 1;
}

static inline bool jit_counts_exit(const JitBlock *block, unsigned number)
{
    return !block->trace && block->exit_count == 2 && number == 0 && !jit.icount;
}

bool jit_memory_create(JitCpu *cpu, GError **error);
void jit_memory_destroy(JitCpu *cpu);
/* The TLB entry that covers an address for an access; it is filled, or raises. */
JitTlbInfo *jit_tlb_fill(JitCpu *cpu, uint64_t address, JitAccess access, unsigned mode);
/* The same if it is known without a walk; or NULL. */
JitTlbInfo *jit_tlb_known(const JitCpu *cpu, uint64_t address, JitAccess access, unsigned mode);
/* From any thread while guests are blocked, or the CPU's own. */
void jit_tlb_flush_all(JitCpu *cpu);
/* What lies at info->physical: sets its ram, offset, readable and writable, and the page's host
 * address, which is NULL for I/O. */
void jit_tlb_find_memory(JitCpu *cpu, JitTlbInfo *info, uint8_t **host);
/* Must somebody be told of writes to the page? */
bool jit_tlb_writes_noticed(const JitTlbInfo *info);
/* Another CPU may have begun to watch the page between the question and the tag: ask again. */
void jit_tlb_watch_again(JitTlbEntry *entry, const JitTlbInfo *info);
/*
 * Before an access to a page with watched ranges; `access`: bits 1 << JitAccess. If it is to one,
 * the instruction is done again alone, so that nothing comes between it and who wants to know.
 */
void jit_check_watches(JitCpu *cpu, uint64_t address, unsigned size, unsigned access);
/* Writes to a page of RAM are to be noticed from now on. */
void jit_tlb_watch(RamBlock *ram, uint64_t offset);
/* JitCpu.jumps knows no block any more. The CPU is not between two of them, or it is its own thread. */
void jit_jumps_flush(JitCpu *cpu);

/* Guests stay out while devices are called. */
void jit_leave_guest(JitCpu *cpu);
void jit_enter_guest(JitCpu *cpu);
/*
 * In between the CPU has the machine lock, and no CPU is in its guest. The TLB may be flushed
 * before.
 */
void jit_begin_alone(JitCpu *cpu);
void jit_end_alone(JitCpu *cpu);

/* ---- running ---- */

typedef enum JitEnd {
    JIT_END_EXIT,      /* by exit `number` */
    JIT_END_INDIRECT,
    JIT_END_HOT,       /* where the CPU is, a trace is worth while */
    JIT_END_LEAVE,
} JitEnd;

/* Runs a block by the portable evaluator. */
JitEnd jit_evaluate(JitCpu *cpu, const JitBlock *block, unsigned *number);

/* The block for where the CPU is: found, or translated. May raise. */
JitBlock *jit_block_at(JitCpu *cpu, const JitContext *context);
/* The same, if it is among those that the CPU came to lately; else NULL. */
JitBlock *jit_block_known(JitCpu *cpu);
JitBlock *jit_block_new(unsigned exits);
void jit_block_free(JitBlock *block);
/* Chains an exit to a block. Under jit.lock. */
void jit_chain(JitBlock *from, unsigned number, JitBlock *to);

/* For generated code: arguments in one word. `packed`: opcode, size, mode, a byte each. */
uint64_t jit_atomic_packed(JitCpu *cpu, uint64_t address, uint64_t value, uint64_t expected,
                           uint64_t packed);
/* Vectors to and from the state; `packed`: size, mode, 1 if the address must be aligned. */
void jit_load_vector(JitCpu *cpu, uint64_t address, void *to, uint64_t packed);
void jit_store_vector(JitCpu *cpu, uint64_t address, const void *from, uint64_t packed);

void jit_run(Vcpu *vcpu);

/* ---- icount.c ---- */

/* When the accelerator has the machine, and lets it go; when a CPU goes. */
void jit_icount_init(void);
void jit_icount_release(void);
void jit_icount_forget(JitCpu *cpu);
/* The rest in the CPU's thread, while jit.icount. The clock shows what was executed by now. */
void jit_icount_publish(const JitCpu *cpu);
/* False: it was asked to leave before its turn came. */
bool jit_icount_take_turn(JitCpu *cpu);
bool jit_icount_has_turn(const JitCpu *cpu);
/* Between blocks: timers fire, a budget is set. False: it is another CPU's turn. */
bool jit_icount_between(JitCpu *cpu);
/* The CPU found nothing to do. */
void jit_icount_idle(JitCpu *cpu);

/* ---- turns.c: while jit.single_turns ---- */

/* The next one in order that is wanted, after all others `cpu` itself; NULL: none is. */
JitCpu *jit_next_cpu(const JitCpu *cpu, bool (*is_wanted)(JitCpu *cpu));
/* In the CPU's thread, out of its guest. False: it was asked to leave before its turn came. */
bool jit_turn_take(JitCpu *cpu);
void jit_turn_release(JitCpu *cpu);
/* The CPU whose turn it is comes out. */
bool jit_turn_is_over(void);

/* ---- log.c ---- */

/* While an item of the log wants it. */
void jit_log_translated(const JitTranslation *t);
void jit_log_optimized(const JitTranslation *t);
void jit_log_entered(JitCpu *cpu, const JitBlock *block);
/* After a block got its code, or none. Under jit.lock. */
struct JitHostCode;
void jit_log_compiled(const JitBlock *block, const struct JitHostCode *code);
/* /tmp/perf-PID.map: names of code for perf. */
bool jit_perf_map_open(GError **error);
void jit_perf_map_close(void);
void jit_perf_map_add(const void *code, size_t bytes, const char *name);

/* ---- statistics.c ---- */

void jit_describe(GString *out);

/* ---- debug.c ---- */

bool jit_set_debug(Vcpu *vcpu, GError **error);
bool jit_check_debug(const DebugPoint *point, GError **error);
void jit_debug_watch_hit(JitCpu *cpu, unsigned number);
/* Once a block was given up, around a block, between blocks; all while cpu->debugged. Stops: the CPU
 * must not go on. */
void jit_debug_left(JitCpu *cpu);
void jit_debug_before_block(JitCpu *cpu);
void jit_debug_after_block(JitCpu *cpu);
bool jit_debug_stops(JitCpu *cpu);

#endif
