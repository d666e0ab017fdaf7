/* SPDX-License-Identifier: MIT */
/*
 * The accelerator "jit" (or "tcg"): CPUs in software, by dynamic translation. What it is to the
 * rest of the program; the work is in exec.c, tlb.c and cache.c.
 */
#include <unistd.h>

#include "accel/icount.h"
#include "accel/jit/exact.h"
#include "accel/jit/host.h"
#include "base/error.h"
#include "base/log.h"
#include "hw/core/time.h"

typedef struct JitAccel {
    Accel accel;
    uint32_t tb_size;        /* MiB */
    bool one_insn, perf_map;
    unsigned thread;         /* THREAD_* */
    const char *split_wx;
    unsigned backend;        /* BACKEND_* */
    unsigned arithmetic;     /* FLOAT_* */
} JitAccel;

/* MiB. Compilers as guests fill some hundred; jumps reach 2 GiB. */
#define LARGE_TB_SIZE 512
#define MAX_TB_SIZE 2047

enum { THREAD_MULTI, THREAD_SINGLE };
enum { BACKEND_AUTO, BACKEND_HOST, BACKEND_EVALUATOR };
enum { FLOAT_HOST, FLOAT_EXACT };

#ifdef __x86_64__
#define DEFAULT_FLOAT FLOAT_HOST
#else
#define DEFAULT_FLOAT FLOAT_EXACT
#endif

/* ---- memory ---- */

static void each_cpu_flush(void)
{
    for (unsigned i = 0; i < vcpu_count(); i++) {
        JitCpu *cpu = (JitCpu *)vcpu_at(i);
        if (cpu->core) {
            jit_tlb_flush_all(cpu);
        }
    }
}

/* The TLBs are empty before any guest goes on. */
static void flush_everywhere(void)
{
    if (jit.attached) {
        vcpus_block_guests();
        each_cpu_flush();
        vcpus_unblock_guests();
    }
}

static void map_begin(MemoryListener *listener)
{
    jit.map_changed = false;
}

static void map_del(MemoryListener *listener, const FlatRange *range)
{
    jit.map_changed = true;
}

static void map_add(MemoryListener *listener, const FlatRange *range)
{
    jit.map_changed = true;
    if (range->block && !dirty_log_on(range->block, DIRTY_CODE)) {
        dirty_log_start(range->block, DIRTY_CODE, true);
    }
}

static void map_commit(MemoryListener *listener)
{
    if (jit.map_changed) {
        flush_everywhere();
    }
}

static void map_log_change(MemoryListener *listener, const FlatRange *range, uint8_t old)
{
    jit.map_changed = true;
}

/* Pages were taken from the log of another client: their writes are to be noticed again. */
static void map_log_clear(MemoryListener *listener, RamBlock *block, uint64_t offset,
                          uint64_t length)
{
    flush_everywhere();
}

static void map_log_global(MemoryListener *listener, bool on)
{
    flush_everywhere();
}

const MemoryListenerOps jit_listener_ops = {
    .begin = map_begin, .del = map_del, .add = map_add, .log_change = map_log_change,
    .commit = map_commit, .log_clear = map_log_clear, .log_global = map_log_global,
};

/* A write to a page that has code. */
static void code_written(RamBlock *ram, uint64_t offset, uint64_t length)
{
    uint64_t next;

    log_write(LOG_PAGE, "%s+0x%" PRIx64 ": %" PRIu64 " bytes were written where code is", ram->id,
              offset, length);
    g_mutex_lock(&jit.lock);
    if (jit_cache_drop(ram, offset, length)) {
        dirty_log_take(ram, DIRTY_CODE, offset & JIT_PAGE_MASK,
                       ((offset + length - 1) & JIT_PAGE_MASK) + JIT_PAGE_SIZE -
                       (offset & JIT_PAGE_MASK), UINT64_MAX, NULL, &next);
    }
    g_mutex_unlock(&jit.lock);
}

/* ---- vCPUs ---- */

static bool create(Vcpu *vcpu, GError **error)
{
    JitCpu *cpu = (JitCpu *)vcpu;

    cpu->arch = jit.arch;
    if (!jit_memory_create(cpu, error)) {
        return false;
    }
    if (!cpu->arch->create(cpu, error)) {
        jit_memory_destroy(cpu);
        return false;
    }
    return true;
}

static void destroy(Vcpu *vcpu)
{
    JitCpu *cpu = (JitCpu *)vcpu;

    jit_icount_forget(cpu);
    cpu->arch->destroy(cpu);
    jit_memory_destroy(cpu);
    exact_thread_end();
}

static void kick(Vcpu *vcpu)
{
    jit_attention((JitCpu *)vcpu);
}

static bool has_work(Vcpu *vcpu)
{
    JitCpu *cpu = (JitCpu *)vcpu;

    /* Who has its turn while all are halted looks after the clock. */
    return cpu->arch->has_work(cpu) || (jit.icount && jit_icount_has_turn(cpu));
}

static bool get_state(Vcpu *vcpu, GError **error)
{
    JitCpu *cpu = (JitCpu *)vcpu;

    return cpu->arch->get_state(cpu, error);
}

static bool put_state(Vcpu *vcpu, CpuStateLevel level, GError **error)
{
    JitCpu *cpu = (JitCpu *)vcpu;

    if (!cpu->arch->put_state(cpu, level, error)) {
        return false;
    }
    jit_tlb_flush_all(cpu);
    return true;
}

static void inject_nmi(Vcpu *vcpu)
{
    JitCpu *cpu = (JitCpu *)vcpu;

    cpu->arch->inject_nmi(cpu);
}

static VcpuOps jit_vcpu_ops = {    /* .size is the architecture's */
    .thread = "JIT", .create = create, .destroy = destroy,
    .run = jit_run, .kick = kick, .has_work = has_work, .get_state = get_state,
    .put_state = put_state, .inject_nmi = inject_nmi,
    .set_debug = jit_set_debug, .check_debug = jit_check_debug,
};

/* ---- the accelerator ---- */

static bool open_backend(const JitAccel *options, GError **error)
{
    g_autoptr(GError) reason = NULL;

    if (options->backend == BACKEND_EVALUATOR || jit_host_init(jit.max_bytes, &reason)) {
        return true;
    }
    if (options->backend == BACKEND_HOST) {
        error_set(error, ERROR_FAILED, "backend=host: %s; backend=evaluator runs on any host",
                  reason->message);
        return false;
    }
    report_warning("guest code is evaluated, which is slow: %s", reason->message);
    return true;
}

static bool choose_float(const JitAccel *options, GError **error)
{
#ifndef __x86_64__
    if (options->arithmetic == FLOAT_HOST) {
        error_set(error, ERROR_INVALID, "float=host was asked for, but this host's floating point is "
                  "not the guest's, as an x86-64 host's is; leave it out, or say float=exact");
        return false;
    }
#endif
    jit.exact_float = options->arithmetic == FLOAT_EXACT;
    return true;
}

static void name_shared_code(void)
{
    const void *address;
    size_t bytes = jit_host_shared(&address);

    if (bytes) {
        jit_perf_map_add(address, bytes, "jit:shared");
    }
}

/* An eighth of the host's memory, if that is not more than is of use. */
static unsigned default_tb_size(void)
{
    uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);

    return CLAMP(memory / 8 >> 20, 32, LARGE_TB_SIZE);
}

static bool jit_open(Accel *accel, GError **error)
{
    const JitAccel *options = (const JitAccel *)accel;

    jit.arch = jit_arches[0];
    jit_vcpu_ops.size = jit.arch->size;
    jit.max_bytes = (size_t)(options->tb_size ? options->tb_size : default_tb_size()) << 20;
    jit.one_insn = options->one_insn;
    jit.single_turns = options->thread == THREAD_SINGLE && !icount_options()->on;
    if (!choose_float(options, error) || !open_backend(options, error)) {
        return false;
    }
    if (options->perf_map) {
        if (!jit_perf_map_open(error)) {
            jit_host_release();
            return false;
        }
        name_shared_code();
    }
    jit_cache_init();
    return true;
}

static void jit_close(Accel *accel)
{
    jit_host_release();
    jit_cache_release();
    jit_perf_map_close();
}

static bool jit_machine_init(Accel *accel, GError **error)
{
    return jit.arch->machine_init(error);
}

static bool jit_machine_attach(Accel *accel, GError **error)
{
    Cpu *first = cpu_get(0);

    if (!jit.arch->machine_attach(error)) {
        return false;
    }
    dirty_log_set_watch(DIRTY_CODE, code_written);
    if (first) {
        jit.listener.ops = &jit_listener_ops;
        memory_listener_register(&jit.listener, first->memory);
    }
    jit_icount_init();
    jit.attached = true;
    return true;
}

static void jit_machine_detach(Accel *accel)
{
    if (jit.attached) {
        jit.attached = false;
        jit_icount_release();
        if (jit.listener.map) {
            memory_listener_unregister(&jit.listener);
        }
        for (RamBlock *block = ram_block_first(); block; block = block->next) {
            dirty_log_stop(block, DIRTY_CODE);
        }
        dirty_log_set_watch(DIRTY_CODE, NULL);
        jit_cache_flush();
    }
    jit.arch->machine_detach();
}

/*
 * Registers that were changed are put before any CPU runs, as of one moment: the CPUs' time stamp
 * counters agree after a reset, and with -icount no CPU is ahead of another one's thread.
 */
static void jit_run_state(Accel *accel, bool running)
{
    jit.put_time = time_virtual();
    jit.putting = running;
    for (unsigned i = 0; running && i < vcpu_count(); i++) {
        g_autoptr(GError) error = NULL;
        if (!vcpu_store_state(vcpu_at(i)->cpu, &error)) {
            vcpu_break(vcpu_at(i), "%s", error->message);
        }
    }
    jit.putting = false;
}

int64_t jit_put_time(void)
{
    return jit.putting ? jit.put_time : time_virtual();
}

static void describe(Accel *accel, GString *out)
{
    jit_describe(out);
}

static void set_single(Accel *accel, bool on)
{
    if (jit.one_insn != on) {
        jit.one_insn = on;
        jit_cache_flush();
    }
}

static bool is_single(Accel *accel)
{
    return jit.one_insn;
}

static unsigned jit_features(Accel *accel)
{
    return ACCEL_CPUS_RUN | ACCEL_ICOUNT;
}

static const char *const thread_values[] = { "multi", "single", NULL };
static const char *const split_values[] = { "on", NULL };
static const char *const backend_values[] = { "auto", "host", "evaluator", NULL };
static const char *const float_values[] = { "host", "exact", NULL };

static const Property jit_properties[] = {
    { .name = "tb-size", .description = "MiB for translated code; when it is full, all of it is "
      "made anew; 0: 512, or an eighth of the host's memory if that is less",
      FIELD(JitAccel, tb_size), .min = 0, .max = MAX_TB_SIZE },
    { .name = "one-insn-per-tb", .description = "a block for each instruction, for debugging",
      FIELD(JitAccel, one_insn) },
    { .name = "backend", .description = "what runs translated code: the host's instructions, or the "
      "portable evaluator", FIELD(JitAccel, backend), .values = backend_values },
    { .name = "float", .description = "what computes floating point, SIMD's and the x87's: the host's "
      "instructions (x86-64 hosts only), or exact arithmetic in software, which is slow",
      FIELD(JitAccel, arithmetic), .values = float_values, .def.u = DEFAULT_FLOAT },
    { .name = "perf-map", .description = "write /tmp/perf-PID.map, so that perf names translated code",
      FIELD(JitAccel, perf_map) },
    { .name = "thread", .description = "whether CPUs run at once (multi), or one at a time, in "
      "turns (single)",
      FIELD(JitAccel, thread), .values = thread_values },
    { .name = "split-wx", .description = "code is written at one address and runs at another (on)",
      FIELD(JitAccel, split_wx), .values = split_values },
};

const AccelType jit_accel_type = {
    .name = "jit-accel", .parent = "accel",
    .description = "CPUs in software, by dynamic translation", .size = sizeof(JitAccel),
    .properties = TABLE(jit_properties), .vcpu = &jit_vcpu_ops,
    .open = jit_open, .close = jit_close, .machine_init = jit_machine_init,
    .machine_attach = jit_machine_attach, .machine_detach = jit_machine_detach,
    .features = jit_features, .run_state = jit_run_state, .describe = describe,
    .set_single = set_single, .is_single = is_single,
};

/* Front ends look for this type when they want to know whether there are CPUs in software. */
const AccelType tcg_accel_type = {
    .name = "tcg-accel", .parent = "jit-accel", .description = "another name of jit",
    .size = sizeof(JitAccel), .same_as = &jit_accel_type,
};
