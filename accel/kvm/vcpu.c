/* SPDX-License-Identifier: MIT */
/* A vCPU: its files and mappings, and the loop around KVM_RUN. */
#include <errno.h>
#include <string.h>

#include "accel/kvm/uapi.h"
#include "accel/kvm/x86.h"
#include "base/error.h"
#include "base/lock.h"
#include "base/log.h"
#include "hw/core/machine.h"

bool kvm_vcpu_call(KvmVcpu *vcpu, unsigned long request, void *argument, GError **error)
{
    int result = kvm_ioctl(vcpu->fd, request, argument);

    if (result < 0) {
        error_set_errno(error, -result, "CPU %u: %s", vcpu->vcpu.cpu->index,
                        kvm_ioctl_name(request));
        return false;
    }
    return true;
}

/* ---- making ---- */

static void unmap(KvmVcpu *vcpu)
{
    Kvm *kvm = vcpu->kvm;
    KvmMemory *memory = &kvm->memory_state;

    if (vcpu->ring) {
        kvm_ops->unmap(vcpu->ring, kvm->ring_entries * sizeof(struct kvm_dirty_gfn));
        vcpu->ring = NULL;
    }
    if (vcpu->run) {
        /* The ring of coalesced writes is the VM's, but seen through a CPU's mapping. */
        if (memory->coalesced_vcpu == vcpu) {
            kvm_coalesced_flush(kvm);
            memory->coalesced = NULL;
            memory->coalesced_vcpu = NULL;
        }
        kvm_ops->unmap(vcpu->run, kvm->run_size);
        vcpu->run = NULL;
    }
    kvm_ops->close(vcpu->fd);
}

static bool map(KvmVcpu *vcpu, GError **error)
{
    Kvm *kvm = vcpu->kvm;
    KvmMemory *memory = &kvm->memory_state;
    int number = 0;

    vcpu->run = kvm_ops->map(kvm->run_size, vcpu->fd, 0, &number);
    if (!vcpu->run) {
        error_set_errno(error, number, "cannot map the area of CPU %u's exits",
                        vcpu->vcpu.cpu->index);
        return false;
    }
    if (memory->coalesced_offset && !memory->coalesced) {
        memory->coalesced = (struct kvm_coalesced_mmio_ring *)
            ((char *)vcpu->run + memory->coalesced_offset * RAM_PAGE_SIZE);
        memory->coalesced_vcpu = vcpu;
    }
    return kvm_dirty_map_ring(vcpu, error);
}

static bool create(Vcpu *v, GError **error)
{
    KvmVcpu *vcpu = kvm_vcpu(v);

    vcpu->kvm = kvm_get();
    vcpu->fd = kvm_ioctl_number(vcpu->kvm->vm, KVM_CREATE_VCPU, v->cpu->arch_id);
    if (vcpu->fd < 0) {
        error_set_errno(error, -vcpu->fd, "cannot make CPU %u: KVM_CREATE_VCPU %" PRIu64,
                        v->cpu->index, v->cpu->arch_id);
        return false;
    }
    if (!map(vcpu, error) || !kvm_x86_vcpu_create(kvm_x86_vcpu(v), error)) {
        unmap(vcpu);
        return false;
    }
    return true;
}

static void destroy(Vcpu *v)
{
    kvm_x86_vcpu_destroy(kvm_x86_vcpu(v));
    unmap(kvm_vcpu(v));
}

static void kick(Vcpu *v)
{
    KvmVcpu *vcpu = kvm_vcpu(v);

    __atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
    kvm_ops->kick(v->thread);
}

/* ---- running ---- */

static const char *run_advice(int result)
{
    switch (result) {
    case -EFAULT:
        return " (the guest reached memory that the host cannot supply)";
    case -ENOEXEC:
    case -ENOSYS:
        return " (the CPU is not set up)";
    default:
        return "";
    }
}

/* KVM_RUN itself failed. False: the CPU cannot go on. */
static bool run_failed(KvmVcpu *vcpu, int result)
{
    g_autofree char *text = NULL;

    if (result == -EINTR || result == -EAGAIN) {
        return true;
    }
    if (result == -EFAULT && vcpu->run->exit_reason == KVM_EXIT_MEMORY_FAULT) {
        return kvm_handle_exit(vcpu);
    }
    text = g_strdup_printf("KVM_RUN: %s%s", g_strerror(-result), run_advice(result));
    machine_lock();
    kvm_x86_explain(kvm_x86_vcpu(&vcpu->vcpu), text);
    machine_unlock();
    return false;
}

static void run(Vcpu *v)
{
    KvmVcpu *vcpu = kvm_vcpu(v);
    KvmX86Vcpu *x86 = kvm_x86_vcpu(v);
    bool kernel_chips = vcpu->kvm->irqchip == KVM_IRQCHIP_ON;
    bool go_on = true;

    while (go_on && !vcpu_must_leave(v)) {
        int result;

        if (!kernel_chips && !kvm_x86_before_run(x86)) {
            return;
        }
        if (!vcpu_enter_guest(v)) {
            return;
        }
        result = kvm_ops->ioctl(vcpu->fd, KVM_RUN, NULL);
        /* A kick before this moment has done its work; one after it ends the next run. */
        __atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_RELEASE);
        x86->io_pending = false;
        vcpu_leave_guest(v);
        if (!kernel_chips) {
            kvm_x86_after_run(x86);
        }
        kvm_coalesced_flush(vcpu->kvm);
        go_on = G_LIKELY(result >= 0) ? kvm_handle_exit(vcpu) : run_failed(vcpu, result);
    }
}

const VcpuOps kvm_vcpu_ops = {
    .size = sizeof(KvmX86Vcpu), .thread = "KVM", .create = create, .destroy = destroy,
    .run = run, .kick = kick, .has_work = kvm_x86_has_work, .get_state = kvm_x86_get_state,
    .put_state = kvm_x86_put_state, .inject_nmi = kvm_x86_inject_nmi,
    .set_debug = kvm_x86_set_debug, .check_debug = kvm_x86_check_debug,
    .breaks_in_memory = true,
};
