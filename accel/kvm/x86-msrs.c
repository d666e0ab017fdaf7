/* SPDX-License-Identifier: MIT */
/*
 * MSRs: what is in both the kernel's list and the table of arch/x86/state.h. What
 * the kernel will not read at all is left out from then on.
 */
#include <errno.h>
#include <string.h>

#include "accel/kvm/x86.h"
#include "base/error.h"
#include "base/log.h"

#define MSR_TSC          0x10
#define MSR_MCG_CAP      0x179
#define MSR_TSC_DEADLINE 0x6e0

/* MCG_CTL and software error recovery, and local machine checks; banks of registers. */
#define MCG_CAP_WANTED (1ull << 8 | 1ull << 24)
#define MCG_CAP_LMCE   (1ull << 27)
#define MCE_BANKS      10

static X86CpuState *state_of(const KvmX86Vcpu *vcpu)
{
    return kvm_x86_cpu(vcpu)->registers;
}

static bool kernel_lists(const KvmX86 *x86, uint32_t index)
{
    unsigned low = 0, high = x86->msr_count;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (x86->msrs[middle] == index) {
            return true;
        }
        if (x86->msrs[middle] < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

/* Machine-check banks and memory type ranges are there, but not in the kernel's list. */
static bool is_unlisted(uint32_t index)
{
    bool bank = index >= 0x400 && index < 0x400 + 4 * 32;
    bool range = (index >= 0x200 && index < 0x210) || index == 0x250 || index == 0x258 ||
                 index == 0x259 || (index >= 0x268 && index <= 0x26f) || index == 0x2ff;

    return bank || range;
}

static bool setup_mce(KvmX86Vcpu *vcpu, GError **error)
{
    const Kvm *kvm = vcpu->kvm.kvm;
    const X86CpuDefinition *definition = &kvm_x86_cpu(vcpu)->definition;
    uint64_t wanted = MCG_CAP_WANTED | (definition->lmce ? MCG_CAP_LMCE : 0);

    if (!kvm->cap[CAP_MCE] || !x86_feature_set_has(&definition->features, "mce") ||
        !x86_feature_set_has(&definition->features, "mca")) {
        return true;
    }
    wanted = (wanted & kvm->x86->mce_supported) | MIN(MCE_BANKS, kvm->cap[CAP_MCE]);
    return kvm_vcpu_call(&vcpu->kvm, KVM_X86_SETUP_MCE, &wanted, error);
}

bool kvm_x86_msrs_init(KvmX86Vcpu *vcpu, GError **error)
{
    const KvmX86 *x86 = vcpu->kvm.kvm->x86;
    X86CpuState *state = state_of(vcpu);

    if (!setup_mce(vcpu, error)) {
        return false;
    }
    for (size_t i = 0; i < state->msr_count; i++) {
        X86MsrValue *msr = &state->msr[i];
        msr->supported = kernel_lists(x86, msr->index) || msr->index == MSR_MCG_CAP ||
                         is_unlisted(msr->index);
    }
    vcpu->msrs = g_malloc0(sizeof(struct kvm_msrs) +
                           state->msr_count * sizeof(struct kvm_msr_entry));
    vcpu->msr_seen = g_new0(uint64_t, state->msr_count);
    return true;
}

/* ---- reading ---- */

/* The supported MSRs from number `first` on into the request. */
static void fill_read(KvmX86Vcpu *vcpu, size_t first)
{
    const X86CpuState *state = state_of(vcpu);
    struct kvm_msrs *request = vcpu->msrs;

    request->nmsrs = 0;
    for (size_t i = first; i < state->msr_count; i++) {
        if (state->msr[i].supported) {
            request->entries[request->nmsrs++] =
                (struct kvm_msr_entry){ .index = state->msr[i].index };
        }
    }
}

/* Takes `count` answers; returns the number of the state's MSR after the last of them. */
static size_t take_read(KvmX86Vcpu *vcpu, size_t first, unsigned count)
{
    X86CpuState *state = state_of(vcpu);
    unsigned taken = 0;
    size_t i;

    for (i = first; i < state->msr_count && taken < count; i++) {
        if (state->msr[i].supported) {
            vcpu->msr_seen[i] = state->msr[i].value = vcpu->msrs->entries[taken++].data;
        }
    }
    return i;
}

static size_t next_supported(const X86CpuState *state, size_t i)
{
    while (i < state->msr_count && !state->msr[i].supported) {
        i++;
    }
    return i;
}

bool kvm_x86_get_msrs(KvmX86Vcpu *vcpu, GError **error)
{
    X86CpuState *state = state_of(vcpu);
    size_t at = next_supported(state, 0);

    while (at < state->msr_count) {
        int result;

        fill_read(vcpu, at);
        result = kvm_ioctl(vcpu->kvm.fd, KVM_GET_MSRS, vcpu->msrs);
        if (result < 0) {
            error_set_errno(error, -result, "CPU %u: KVM_GET_MSRS", vcpu->kvm.vcpu.cpu->index);
            return false;
        }
        at = next_supported(state, take_read(vcpu, at, result));
        /* The kernel stops before one that this CPU does not have. */
        if (at < state->msr_count && (unsigned)result < vcpu->msrs->nmsrs) {
            state->msr[at].supported = false;
            at = next_supported(state, at);
        }
    }
    return true;
}

/* ---- writing ---- */

bool kvm_x86_put_msr(KvmX86Vcpu *vcpu, uint32_t index, uint64_t value)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } one = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };

    return kvm_ioctl(vcpu->kvm.fd, KVM_SET_MSRS, &one) == 1;
}

bool kvm_x86_get_msr(KvmX86Vcpu *vcpu, uint32_t index, uint64_t *value)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } one = { .head.nmsrs = 1, .entry.index = index };
    bool ok = kvm_ioctl(vcpu->kvm.fd, KVM_GET_MSRS, &one) == 1;

    *value = one.entry.data;
    return ok;
}

/*
 * A reset, or another host's state, writes everything; otherwise only what was
 * changed since it was read, as some writes have effects even so.
 */
static bool to_write(const KvmX86Vcpu *vcpu, size_t i, CpuStateLevel level)
{
    const X86MsrValue *msr = &state_of(vcpu)->msr[i];

    if (!msr->supported || (msr->read_only && level < CPU_STATE_FULL)) {
        return false;
    }
    if (msr->read_only || level < CPU_STATE_RESET) {
        return msr->value != vcpu->msr_seen[i];
    }
    return true;
}

/* One that the kernel did not take. What it has already is as good. */
static void refused(KvmX86Vcpu *vcpu, uint32_t index, uint64_t value)
{
    X86MsrValue *msr = x86_cpu_msr(state_of(vcpu), index);
    g_autofree char *name = x86_msr_name(index);
    uint64_t now;

    if (!kvm_x86_get_msr(vcpu, index, &now)) {
        msr->supported = false;
    } else if (now == value) {
        return;
    } else if (!msr->read_only) {
        report_warning("CPU %u: KVM does not let MSR %s (0x%x) be 0x%" PRIx64
                       "; it stays 0x%" PRIx64, vcpu->kvm.vcpu.cpu->index, name, index, value,
                       now);
    }
}

static bool write_all(KvmX86Vcpu *vcpu, unsigned count, GError **error)
{
    struct kvm_msrs *request = vcpu->msrs;
    unsigned done = 0;

    while (done < count) {
        int result;

        /* Go on after the one that was refused. */
        memmove(request->entries, request->entries + done,
                (count - done) * sizeof(request->entries[0]));
        count -= done;
        request->nmsrs = count;
        result = kvm_ioctl(vcpu->kvm.fd, KVM_SET_MSRS, request);
        if (result < 0) {
            error_set_errno(error, -result, "CPU %u: KVM_SET_MSRS", vcpu->kvm.vcpu.cpu->index);
            return false;
        }
        done = result;
        if (done < count) {
            refused(vcpu, request->entries[done].index, request->entries[done].data);
            done++;
        }
    }
    return true;
}

/* The TSC-deadline counts only once the local APIC's timer is in its mode. */
bool kvm_x86_put_msrs(KvmX86Vcpu *vcpu, CpuStateLevel level, GError **error)
{
    const X86CpuState *state = state_of(vcpu);
    unsigned count = 0;

    for (size_t i = 0; i < state->msr_count; i++) {
        if (state->msr[i].index != MSR_TSC_DEADLINE && to_write(vcpu, i, level)) {
            vcpu->msrs->entries[count++] = (struct kvm_msr_entry){
                .index = state->msr[i].index, .data = state->msr[i].value,
            };
        }
    }
    return write_all(vcpu, count, error);
}
