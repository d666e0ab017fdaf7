/* SPDX-License-Identifier: MIT */
/*
 * The KVM accelerator, inside accel/kvm/: the VM, its memory, its interrupts and
 * its vCPUs. Everything is under the machine lock but what says otherwise.
 */
#ifndef ACCEL_KVM_KVM_H
#define ACCEL_KVM_KVM_H

#include "accel/kvm/ops.h"
#include "accel/kvm/options.h"
#include "memory/space.h"

/* ---- capabilities ---- */

typedef enum KvmCap {
    CAP_USER_MEMORY, CAP_DESTROY_REGION, CAP_JOIN_REGIONS, CAP_SYNC_MMU, CAP_READONLY_MEM,
    CAP_IMMEDIATE_EXIT, CAP_MP_STATE, CAP_EXT_CPUID, CAP_SET_TSS_ADDR, CAP_VCPU_EVENTS,
    CAP_DEBUGREGS, CAP_NR_MEMSLOTS, CAP_IDENTITY_MAP, CAP_XSAVE, CAP_XSAVE2, CAP_XCRS,
    CAP_SREGS2, CAP_IRQCHIP, CAP_PIT2, CAP_PIT_STATE2, CAP_SPLIT_IRQCHIP, CAP_IRQ_ROUTING,
    CAP_IRQFD, CAP_IRQFD_RESAMPLE, CAP_SIGNAL_MSI, CAP_IOEVENTFD, CAP_IOEVENTFD_ANY_LENGTH,
    CAP_COALESCED_MMIO, CAP_COALESCED_PIO, CAP_MANUAL_PROTECT, CAP_DIRTY_RING,
    CAP_DIRTY_RING_ACQ_REL, CAP_TSC_CONTROL, CAP_GET_TSC_KHZ, CAP_ADJUST_CLOCK,
    CAP_KVMCLOCK_CTRL, CAP_X2APIC_API, CAP_MSR_FEATURES, CAP_MCE, CAP_EXCEPTION_PAYLOAD,
    CAP_TRIPLE_FAULT_EVENT, CAP_EXIT_ON_EMULATION_FAILURE, CAP_BUS_LOCK_EXIT, CAP_NOTIFY_EXIT,
    CAP_USER_NMI, CAP_MAX_VCPUS, CAP_NR_VCPUS, CAP_MAX_VCPU_ID, CAP_DEVICE_CTRL,
    CAP_TSC_DEADLINE, CAP_PMU_CAPABILITY, CAP_SMM, CAP_USER_SPACE_MSR,
    CAP_GUEST_DEBUG, CAP_GUEST_DEBUG_FLAGS, CAP_ADDRESS_SPACES,
    KVM_CAPS,
} KvmCap;

typedef struct KvmCapInfo {
    int number;             /* the kernel's */
    const char *name;
    const char *required;   /* what cannot be done without it; NULL: it is optional */
} KvmCapInfo;

extern const KvmCapInfo kvm_caps[KVM_CAPS];

/* ---- memory ---- */

/*
 * What a CPU sees in system management mode is the kernel's address space 1. Here, addresses in
 * it have this bit, so that they stand behind all others.
 */
#define KVM_SMM_SPACE (1ull << 62)

typedef struct KvmSlot {
    uint64_t gpa, size;
    RamBlock *block;
    uint64_t offset;         /* in the block */
    bool readonly, log;
    unsigned id;
    uint64_t *seen;          /* manual protect: reported dirty, not yet protected again */
} KvmSlot;

static inline uint64_t kvm_slot_address(const KvmSlot *slot)
{
    return slot->gpa & ~KVM_SMM_SPACE;
}

/* As the kernel wants it: with the address space. */
static inline uint32_t kvm_slot_number(const KvmSlot *slot)
{
    return slot->id | (slot->gpa & KVM_SMM_SPACE ? 1u << 16 : 0);
}

typedef struct KvmMemory {
    MemoryListener memory, io, smm;
    bool smm_shown;
    uint64_t smm_page;       /* what of address space 1 is there before that; 0: nothing */
    GArray *ranges;          /* KvmRange: what the map has, by address */
    GPtrArray *slots;        /* KvmSlot, by address */
    GPtrArray *by_id;        /* the same by number; NULL where free */
    unsigned max_slots;
    unsigned lowest_free;    /* no free number is below */
    bool changed;
    bool log_global;
    bool manual;             /* manual protect is on */
    bool initially_set;
    GError *error;           /* the first thing that failed */
    uint32_t coalesced_offset; /* of the ring, in pages of struct kvm_run; 0: none */
    struct kvm_coalesced_mmio_ring *coalesced;
    struct KvmVcpu *coalesced_vcpu; /* whose mapping shows it */
    bool flushing;
    unsigned ioeventfds, zones;
    Timer reaper;
} KvmMemory;

/* ---- routing ---- */

typedef struct KvmRouting {
    GArray *entries;         /* struct kvm_irq_routing_entry */
    uint64_t *used;          /* a bit for each GSI */
    unsigned gsi_count;
    unsigned depth;
    bool dirty;
} KvmRouting;

struct KvmX86;
typedef struct KvmVcpu KvmVcpu;

typedef struct Kvm {
    struct KvmOptions;
    int fd, vm;
    bool opened;
    size_t run_size;         /* of struct kvm_run and what follows it */
    int cap[KVM_CAPS];       /* values; 0: the kernel lacks it */
    KvmMemory memory_state;
    KvmRouting routing;
    struct KvmX86 *x86;
} Kvm;

/* The one that is in use, or NULL. */
Kvm *kvm_get(void);
extern const AccelType kvm_accel_type;

bool kvm_enable_cap(Kvm *kvm, KvmCap cap, uint64_t argument, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* ---- vCPUs ---- */

struct KvmVcpu {
    Vcpu vcpu;
    Kvm *kvm;
    int fd;
    struct kvm_run *run;
    struct kvm_dirty_gfn *ring;
    uint32_t ring_next;
};

extern const VcpuOps kvm_vcpu_ops;

static inline KvmVcpu *kvm_vcpu(Vcpu *vcpu)
{
    return (KvmVcpu *)vcpu;
}

/* An ioctl of a vCPU; an error names it, the CPU and the call. */
bool kvm_vcpu_call(KvmVcpu *vcpu, unsigned long request, void *argument, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* One exit, without the machine lock. False: the CPU has to come back to its loop. */
bool kvm_handle_exit(KvmVcpu *vcpu);

/* ---- memory.c, dirty.c, ioevent.c ---- */

bool kvm_memory_attach(Kvm *kvm, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void kvm_memory_detach(Kvm *kvm);
/* Before a CPU runs in system management mode. False: this KVM has no memory for that. */
bool kvm_memory_show_smm(Kvm *kvm);
/* Records the first failure; one after the attachment stops the machine. */
void kvm_memory_failed(Kvm *kvm, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Before any vCPU is made: the ring or the manual bitmap is turned on. */
bool kvm_dirty_init(Kvm *kvm, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The slot's part of the kernel's bitmap into the dirty log. */
void kvm_dirty_harvest(Kvm *kvm, KvmSlot *slot);
/* Every vCPU's ring into the dirty log, and pages protected again; returns the entries. */
unsigned kvm_dirty_reap(Kvm *kvm);
void kvm_dirty_slot_logged(Kvm *kvm, KvmSlot *slot);
void kvm_log_sync(MemoryListener *listener, RamBlock *block, uint64_t offset, uint64_t length);
void kvm_log_clear(MemoryListener *listener, RamBlock *block, uint64_t offset, uint64_t length);
bool kvm_dirty_map_ring(KvmVcpu *vcpu, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* KVM_EXIT_DIRTY_RING_FULL; without the lock. False: the CPU cannot go on. */
bool kvm_dirty_ring_full(KvmVcpu *vcpu);

void kvm_ioeventfd_add(MemoryListener *listener, const FlatIoeventfd *event);
void kvm_ioeventfd_del(MemoryListener *listener, const FlatIoeventfd *event);
void kvm_coalesced_add(MemoryListener *listener, uint64_t start, uint64_t last);
void kvm_coalesced_del(MemoryListener *listener, uint64_t start, uint64_t last);
void kvm_coalesced_flush_slow(Kvm *kvm);

/* Delivers queued writes, if there are any; takes the lock only then. */
static inline void kvm_coalesced_flush(Kvm *kvm)
{
    const struct kvm_coalesced_mmio_ring *ring = kvm->memory_state.coalesced;

    if (ring && __atomic_load_n(&ring->first, __ATOMIC_RELAXED) !=
                    __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE)) {
        kvm_coalesced_flush_slow(kvm);
    }
}

static inline Kvm *kvm_of_memory(MemoryListener *listener)
{
    return (Kvm *)((char *)listener - offsetof(Kvm, memory_state.memory));
}

static inline Kvm *kvm_of_io(MemoryListener *listener)
{
    return (Kvm *)((char *)listener - offsetof(Kvm, memory_state.io));
}

/* ---- routing.c ---- */

bool kvm_routing_init(Kvm *kvm, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void kvm_routing_release(Kvm *kvm);
/* Changes inside begin and commit (they nest) reach the kernel as one. */
void kvm_routing_begin(Kvm *kvm);
bool kvm_routing_commit(Kvm *kvm, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void kvm_routing_add_pin(Kvm *kvm, unsigned gsi, unsigned chip, unsigned pin);
/* The interface of AccelInterruptOps. */
int kvm_msi_add(Accel *accel, uint64_t address, uint32_t data, uint16_t requester_id,
                GError **error);
bool kvm_msi_update(Accel *accel, int gsi, uint64_t address, uint32_t data,
                    uint16_t requester_id, GError **error);
void kvm_msi_remove(Accel *accel, int gsi);
/* A fixed GSI becomes a message (split irqchip: I/O APIC pins); masked: no route. */
void kvm_routing_set_message(Kvm *kvm, unsigned gsi, bool masked, uint64_t address,
                             uint32_t data);
void kvm_routing_reserve(Kvm *kvm, unsigned first, unsigned count);
bool kvm_irqfd_add(Accel *accel, int gsi, int fd, int resample_fd, GError **error);
void kvm_irqfd_remove(Accel *accel, int gsi, int fd);
/* Sends a message now; 1 delivered, 0 the guest blocks it, -errno. */
int kvm_signal_msi(Kvm *kvm, uint64_t address, uint32_t data);
/* A line of an in-kernel chip. */
void kvm_irq_line(Kvm *kvm, unsigned gsi, bool level);

#endif
