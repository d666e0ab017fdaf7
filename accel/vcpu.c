/* SPDX-License-Identifier: MIT */
/* vCPU threads: making, running, pausing, calling into and ending them. */
#include "accel/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "accel/debug.h"
#include "base/error.h"
#include "base/lock.h"
#include "base/log.h"
#include "hw/core/machine.h"

/* The kick: it only has to interrupt a system call. */
#define KICK_SIGNAL SIGUSR1
#define VCPU_ALIGN 64

static GPtrArray *vcpus;
static bool running;          /* between resume and pause */
static GCond changed;         /* some thread stopped, finished work, was made or is gone */

unsigned vcpu_count(void)
{
    return vcpus ? vcpus->len : 0;
}

Vcpu *vcpu_at(unsigned n)
{
    return vcpus->pdata[n];
}

/* ---- guests kept out ---- */

/*
 * Apart from the machine lock, because a CPU on its way out of the guest may be
 * about to wait for that.
 */
static GMutex guest_mutex;
static GCond guest_cond;
static atomic_uint guests_blocked;

bool vcpu_enter_guest(Vcpu *vcpu)
{
    for (;;) {
        atomic_store(&vcpu->in_guest, true);
        if (G_LIKELY(!atomic_load(&guests_blocked))) {
            return true;
        }
        atomic_store(&vcpu->in_guest, false);
        g_mutex_lock(&guest_mutex);
        g_cond_broadcast(&guest_cond);
        while (atomic_load(&guests_blocked)) {
            g_cond_wait(&guest_cond, &guest_mutex);
        }
        g_mutex_unlock(&guest_mutex);
        if (vcpu_must_leave(vcpu)) {
            return false;
        }
    }
}

void vcpu_leave_guest(Vcpu *vcpu)
{
    atomic_store(&vcpu->in_guest, false);
    if (G_UNLIKELY(atomic_load(&guests_blocked))) {
        g_mutex_lock(&guest_mutex);
        g_cond_broadcast(&guest_cond);
        g_mutex_unlock(&guest_mutex);
    }
}

void vcpus_block_guests(void)
{
    g_assert(machine_lock_held());
    if (atomic_fetch_add(&guests_blocked, 1) > 0) {
        return;
    }
    for (unsigned i = 0; i < vcpu_count(); i++) {
        if (atomic_load(&vcpu_at(i)->in_guest)) {
            vcpu_at(i)->ops->kick(vcpu_at(i));
        }
    }
    g_mutex_lock(&guest_mutex);
    for (unsigned i = 0; i < vcpu_count(); i++) {
        while (atomic_load(&vcpu_at(i)->in_guest)) {
            g_cond_wait(&guest_cond, &guest_mutex);
        }
    }
    g_mutex_unlock(&guest_mutex);
}

void vcpus_unblock_guests(void)
{
    g_mutex_lock(&guest_mutex);
    g_assert(atomic_load(&guests_blocked) > 0);
    if (atomic_fetch_sub(&guests_blocked, 1) == 1) {
        g_cond_broadcast(&guest_cond);
    }
    g_mutex_unlock(&guest_mutex);
}

/* ---- work for a thread ---- */

struct VcpuWork {
    VcpuFunction function;
    void *opaque;
    GDestroyNotify destroy;
    bool *done;               /* NULL: nobody waits, and the entry is the queue's */
};

static void do_work(Vcpu *vcpu)
{
    VcpuWork *work;

    while ((work = g_queue_pop_head(&vcpu->work))) {
        bool *done = work->done;
        work->function(vcpu->cpu, work->opaque);
        if (done) {
            *done = true;
            g_cond_broadcast(&changed);
        } else {
            if (work->destroy) {
                work->destroy(work->opaque);
            }
            g_free(work);
        }
    }
}

void vcpu_kick(Vcpu *vcpu)
{
    g_assert(machine_lock_held());
    atomic_store(&vcpu->leave, true);
    g_cond_broadcast(&vcpu->wake);
    /* Always: a thread that is not in the guest yet comes out of it at once. */
    if (vcpu->created && cpu_current != vcpu->cpu) {
        vcpu->ops->kick(vcpu);
    }
}

/* Waits for `changed`; a vCPU's thread goes on doing what others ask of it. */
static void wait_changed(void)
{
    if (cpu_current && vcpu_of(cpu_current)) {
        do_work(vcpu_of(cpu_current));
    }
    machine_lock_wait(&changed);
}

void vcpu_run_on(Cpu *cpu, VcpuFunction function, void *opaque)
{
    Vcpu *vcpu = vcpu_of(cpu);
    bool done = false;
    VcpuWork work = { .function = function, .opaque = opaque, .done = &done };

    g_assert(machine_lock_held());
    if (!vcpu || cpu == cpu_current || !vcpu->created || vcpu->gone) {
        function(cpu, opaque);
        return;
    }
    g_queue_push_tail(&vcpu->work, &work);
    g_cond_broadcast(&changed);
    vcpu_kick(vcpu);
    while (!done) {
        wait_changed();
    }
}

void vcpu_run_on_async(Cpu *cpu, VcpuFunction function, void *opaque, GDestroyNotify destroy)
{
    Vcpu *vcpu = vcpu_of(cpu);
    VcpuWork *work;

    g_assert(machine_lock_held());
    if (!vcpu || !vcpu->created || vcpu->gone) {
        function(cpu, opaque);
        if (destroy) {
            destroy(opaque);
        }
        return;
    }
    work = g_new0(VcpuWork, 1);
    work->function = function;
    work->opaque = opaque;
    work->destroy = destroy;
    g_queue_push_tail(&vcpu->work, work);
    g_cond_broadcast(&changed);
    vcpu_kick(vcpu);
}

/* ---- registers ---- */

typedef struct StateCall {
    GError **error;
    bool ok;
} StateCall;

static void load_in_thread(Cpu *cpu, void *opaque)
{
    StateCall *call = opaque;
    Vcpu *vcpu = vcpu_of(cpu);

    call->ok = cpu->state_loaded || vcpu->ops->get_state(vcpu, call->error);
    if (call->ok) {
        cpu->state_loaded = true;
    }
}

bool vcpu_load_state(Cpu *cpu, GError **error)
{
    StateCall call = { .error = error };

    if (cpu->state_loaded || !vcpu_of(cpu) || !vcpu_of(cpu)->created) {
        return true;
    }
    vcpu_run_on(cpu, load_in_thread, &call);
    return call.ok;
}

void vcpu_mark_state(Cpu *cpu, CpuStateLevel level)
{
    Vcpu *vcpu = vcpu_of(cpu);

    cpu->state_loaded = true;
    if (vcpu) {
        vcpu->put_level = MAX(vcpu->put_level, level);
        if (level >= CPU_STATE_RESET) {
            vcpu->broken = false;
        }
    }
}

static void store_in_thread(Cpu *cpu, void *opaque)
{
    StateCall *call = opaque;
    Vcpu *vcpu = vcpu_of(cpu);

    call->ok = !cpu->state_loaded || vcpu->ops->put_state(vcpu, vcpu->put_level, call->error);
    if (call->ok) {
        cpu->state_loaded = false;
        vcpu->put_level = CPU_STATE_RUNTIME;
    }
}

bool vcpu_store_state(Cpu *cpu, GError **error)
{
    StateCall call = { .error = error };

    if (!cpu->state_loaded || !vcpu_of(cpu) || !vcpu_of(cpu)->created) {
        return true;
    }
    vcpu_run_on(cpu, store_in_thread, &call);
    return call.ok;
}

/* ---- the thread ---- */

void vcpu_break(Vcpu *vcpu, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    report_error("%s", text);
    vcpu->broken = true;
    atomic_store(&vcpu->leave, true);
    machine_request_stop(RUN_STATE_INTERNAL_ERROR);
}

static bool may_run(Vcpu *vcpu)
{
    Cpu *cpu = vcpu->cpu;

    if (vcpu->stop || vcpu->broken || vcpu->held || vcpu->remove || vcpu->debug.frozen) {
        return false;
    }
    if (cpu->halted && vcpu->ops->has_work && !vcpu->ops->has_work(vcpu)) {
        return false;
    }
    return true;
}

static bool bring_in_debug(Vcpu *vcpu, GError **error)
{
    if (G_LIKELY(!vcpu->debug.changed)) {
        return true;
    }
    vcpu->debug.changed = false;
    return !vcpu->ops->set_debug || vcpu->ops->set_debug(vcpu, error);
}

static void run_once(Vcpu *vcpu)
{
    g_autoptr(GError) error = NULL;

    vcpu->stopped = false;
    if (!vcpu_store_state(vcpu->cpu, &error) || !bring_in_debug(vcpu, &error)) {
        vcpu_break(vcpu, "%s", error->message);
        return;
    }
    machine_unlock();
    vcpu->ops->run(vcpu);
    machine_lock();
}

static void loop(Vcpu *vcpu)
{
    while (!vcpu->remove) {
        atomic_store(&vcpu->leave, false);
        do_work(vcpu);
        if (may_run(vcpu)) {
            run_once(vcpu);
            continue;
        }
        if (vcpu->stop && !vcpu->stopped) {
            vcpu->stopped = true;
            g_cond_broadcast(&changed);
        }
        /* Work that came while `changed` was told is seen: the lock was held. */
        if (!g_queue_get_length(&vcpu->work) && !vcpu->remove && !may_run(vcpu)) {
            machine_lock_wait(&vcpu->wake);
        }
    }
}

static void *thread_main(void *opaque)
{
    Vcpu *vcpu = opaque;
    Cpu *cpu = vcpu->cpu;
    char name[16];

    g_snprintf(name, sizeof(name), "CPU %u/%s", cpu->index, vcpu->ops->thread);
    pthread_setname_np(pthread_self(), name);
    machine_lock();
    cpu_current = cpu;
    cpu->thread_id = syscall(SYS_gettid);
    if (vcpu->ops->create(vcpu, &vcpu->error)) {
        vcpu->created = true;
        g_cond_broadcast(&changed);
        loop(vcpu);
        do_work(vcpu);
        vcpu->created = false;
        vcpu->ops->destroy(vcpu);
    } else {
        vcpu->failed = true;
    }
    vcpu->gone = vcpu->stopped = true;
    cpu->thread_id = 0;
    cpu_current = NULL;
    g_cond_broadcast(&changed);
    machine_unlock();
    return NULL;
}

static void kick_arrived(int number)
{
}

/* The handler is the program's; in the vCPU threads alone the signal is not blocked. */
static void block_signals(sigset_t *old)
{
    static bool handled;
    sigset_t all;

    if (!handled) {
        struct sigaction action = { .sa_handler = kick_arrived };
        sigemptyset(&action.sa_mask);
        sigaction(KICK_SIGNAL, &action, NULL);
        handled = true;
    }
    sigfillset(&all);
    sigdelset(&all, KICK_SIGNAL);
    /* What a fault raises stays visible. */
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, old);
}

static void vcpu_free(Vcpu *vcpu)
{
    g_assert(g_queue_is_empty(&vcpu->work));
    g_cond_clear(&vcpu->wake);
    g_clear_error(&vcpu->error);
    vcpu->cpu->accel = NULL;
    free(vcpu);
}

/* The lock is dropped: the thread needs it to come to its end. */
static void join(Vcpu *vcpu)
{
    while (!vcpu->gone) {
        wait_changed();
    }
    machine_unlock();
    pthread_join(vcpu->thread, NULL);
    machine_lock();
}

bool vcpu_new(Cpu *cpu, const VcpuOps *ops, GError **error)
{
    /* Registers in it may be vectors. */
    size_t size = (ops->size + VCPU_ALIGN - 1) & ~(size_t)(VCPU_ALIGN - 1);
    Vcpu *vcpu = memset(aligned_alloc(VCPU_ALIGN, size), 0, size);
    sigset_t old;
    int result;

    g_assert(machine_lock_held() && !cpu->accel);
    vcpu->cpu = cpu;
    vcpu->ops = ops;
    vcpu->stop = !running;
    vcpu->stopped = true;
    vcpu->debug.changed = debug_point_count() > 0;
    vcpu->put_level = cpu->state_loaded ? CPU_STATE_FULL : CPU_STATE_RUNTIME;
    g_cond_init(&vcpu->wake);
    g_queue_init(&vcpu->work);
    cpu->accel = vcpu;

    block_signals(&old);
    result = pthread_create(&vcpu->thread, NULL, thread_main, vcpu);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (result) {
        error_set_errno(error, result, "cannot start the thread of CPU %u", cpu->index);
        vcpu_free(vcpu);
        return false;
    }
    while (!vcpu->created && !vcpu->failed) {
        wait_changed();
    }
    if (vcpu->failed) {
        join(vcpu);
        g_propagate_error(error, g_steal_pointer(&vcpu->error));
        vcpu_free(vcpu);
        return false;
    }
    if (!vcpus) {
        vcpus = g_ptr_array_new();
    }
    g_ptr_array_add(vcpus, vcpu);
    return true;
}

void vcpu_delete(Cpu *cpu)
{
    Vcpu *vcpu = vcpu_of(cpu);

    if (!vcpu) {
        return;
    }
    g_assert(machine_lock_held() && cpu != cpu_current);
    vcpu->remove = true;
    vcpu_kick(vcpu);
    join(vcpu);
    g_ptr_array_remove(vcpus, vcpu);
    vcpu_free(vcpu);
}

/* ---- all of them ---- */

bool vcpus_paused(void)
{
    for (unsigned i = 0; i < vcpu_count(); i++) {
        if (!vcpu_at(i)->stopped) {
            return false;
        }
    }
    return true;
}

void vcpus_pause(void)
{
    g_assert(machine_lock_held());
    running = false;
    for (unsigned i = 0; i < vcpu_count(); i++) {
        Vcpu *vcpu = vcpu_at(i);
        vcpu->stop = true;
        /* The caller's own CPU is in a device callback and stops after it. */
        if (vcpu->cpu == cpu_current) {
            vcpu->stopped = true;
        }
        vcpu_kick(vcpu);
    }
    /* A resume that comes meanwhile ends the wait. */
    while (!running && !vcpus_paused()) {
        wait_changed();
    }
}

void vcpu_hold_current(void)
{
    if (cpu_current && vcpu_of(cpu_current)) {
        vcpu_of(cpu_current)->held = true;
        atomic_store(&vcpu_of(cpu_current)->leave, true);
    }
}

void vcpus_resume(void)
{
    g_assert(machine_lock_held());
    running = true;
    for (unsigned i = 0; i < vcpu_count(); i++) {
        vcpu_at(i)->stop = vcpu_at(i)->held = false;
        vcpu_kick(vcpu_at(i));
    }
    g_cond_broadcast(&changed);
}
