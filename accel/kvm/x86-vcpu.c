/* SPDX-License-Identifier: MIT */
/* What an x86 vCPU is told once: its CPUID, its clock. */
#include <errno.h>
#include <string.h>

#include "accel/kvm/x86.h"
#include "base/error.h"
#include "base/log.h"

static bool set_cpuid(KvmX86Vcpu *vcpu, GError **error)
{
    const GArray *leaves = kvm_x86_cpu(vcpu)->cpuid;
    g_autofree struct kvm_cpuid2 *list =
        g_malloc0(sizeof(*list) + leaves->len * sizeof(list->entries[0]));

    for (guint i = 0; i < leaves->len; i++) {
        const X86CpuidEntry *e = &g_array_index(leaves, X86CpuidEntry, i);
        list->entries[i] = (struct kvm_cpuid_entry2){
            .function = e->leaf, .index = e->subleaf,
            .flags = e->flags & X86_CPUID_SUBLEAF ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
            .eax = e->eax, .ebx = e->ebx, .ecx = e->ecx, .edx = e->edx,
        };
    }
    list->nent = leaves->len;
    return kvm_vcpu_call(&vcpu->kvm, KVM_SET_CPUID2, list, error);
}

static bool set_tsc(KvmX86Vcpu *vcpu, GError **error)
{
    const Kvm *kvm = vcpu->kvm.kvm;
    uint64_t khz = kvm_x86_cpu(vcpu)->definition.tsc_hz / 1000;
    int result;

    if (!khz || khz == kvm->x86->support.tsc_khz) {
        return true;
    }
    result = kvm->cap[CAP_TSC_CONTROL] ? kvm_ioctl_number(vcpu->kvm.fd, KVM_SET_TSC_KHZ, khz)
                                       : -ENOTSUP;
    if (result < 0) {
        error_set_errno(error, -result, "this host cannot run the guest's time stamp counter at "
                        "%" PRIu64 " kHz%s", khz, kvm->cap[CAP_TSC_CONTROL]
                        ? "" : " (no KVM_CAP_TSC_CONTROL)");
        return false;
    }
    return true;
}

bool kvm_x86_vcpu_create(KvmX86Vcpu *vcpu, GError **error)
{
    vcpu->sipi = -1;
    vcpu->lapic = kvm_x86_cpu(vcpu)->lapic;
    vcpu->xsave = g_malloc0(vcpu->kvm.kvm->x86->xsave_size);
    if (!set_cpuid(vcpu, error) || !set_tsc(vcpu, error) || !kvm_x86_msrs_init(vcpu, error)) {
        kvm_x86_vcpu_destroy(vcpu);
        return false;
    }
    kvm_x86_bind_cpu(vcpu);
    return true;
}

void kvm_x86_vcpu_destroy(KvmX86Vcpu *vcpu)
{
    kvm_x86_unbind_cpu(vcpu);
    g_clear_pointer(&vcpu->xsave, g_free);
    g_clear_pointer(&vcpu->msrs, g_free);
    g_clear_pointer(&vcpu->msr_seen, g_free);
}
