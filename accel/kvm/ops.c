/* SPDX-License-Identifier: MIT */
/* The real kernel behind KvmOps, and the names of its calls. */
#include "accel/kvm/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel/kvm/uapi.h"
#include "base/log.h"

static int kernel_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

static void kernel_close(int fd)
{
    close(fd);
}

static int kernel_ioctl(int fd, unsigned long request, void *argument)
{
    int result = ioctl(fd, request, argument);

    return result < 0 ? -errno : result;
}

static void *kernel_map(size_t length, int fd, off_t offset, int *error)
{
    void *address = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

    if (address == MAP_FAILED) {
        *error = errno;
        return NULL;
    }
    return address;
}

static void kernel_unmap(void *address, size_t length)
{
    munmap(address, length);
}

static int kernel_eventfd(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    return fd < 0 ? -errno : fd;
}

static void kernel_kick(pthread_t thread)
{
    pthread_kill(thread, SIGUSR1);
}

const KvmOps kvm_kernel_ops = {
    .open = kernel_open, .close = kernel_close, .ioctl = kernel_ioctl, .map = kernel_map,
    .unmap = kernel_unmap, .eventfd = kernel_eventfd, .kick = kernel_kick,
};

const KvmOps *kvm_ops = &kvm_kernel_ops;

int kvm_ioctl(int fd, unsigned long request, void *argument)
{
    int result;

    do {
        result = kvm_ops->ioctl(fd, request, argument);
    } while (result == -EINTR);
    if (log_trace_wanted("kvm_ioctl")) {
        log_trace("kvm_ioctl", "fd %d %s = %d", fd, kvm_ioctl_name(request), result);
    }
    return result;
}

int kvm_ioctl_number(int fd, unsigned long request, unsigned long argument)
{
    return kvm_ioctl(fd, request, (void *)argument);
}

typedef struct RequestName {
    unsigned long request;
    const char *name;
} RequestName;

#define NAMED(request) { request, #request }

static const RequestName request_names[] = {
    NAMED(KVM_GET_API_VERSION), NAMED(KVM_CREATE_VM), NAMED(KVM_CHECK_EXTENSION),
    NAMED(KVM_GET_VCPU_MMAP_SIZE), NAMED(KVM_GET_SUPPORTED_CPUID), NAMED(KVM_GET_MSRS),
    NAMED(KVM_GET_MSR_INDEX_LIST), NAMED(KVM_GET_MSR_FEATURE_INDEX_LIST),
    NAMED(KVM_SET_USER_MEMORY_REGION), NAMED(KVM_GET_DIRTY_LOG), NAMED(KVM_CLEAR_DIRTY_LOG),
    NAMED(KVM_RESET_DIRTY_RINGS), NAMED(KVM_SET_TSS_ADDR), NAMED(KVM_SET_IDENTITY_MAP_ADDR),
    NAMED(KVM_CREATE_VCPU), NAMED(KVM_ENABLE_CAP), NAMED(KVM_IOEVENTFD), NAMED(KVM_IRQFD),
    NAMED(KVM_REGISTER_COALESCED_MMIO), NAMED(KVM_UNREGISTER_COALESCED_MMIO),
    NAMED(KVM_CREATE_IRQCHIP), NAMED(KVM_CREATE_PIT2), NAMED(KVM_IRQ_LINE),
    NAMED(KVM_IRQ_LINE_STATUS), NAMED(KVM_GET_IRQCHIP), NAMED(KVM_SET_IRQCHIP),
    NAMED(KVM_GET_PIT2), NAMED(KVM_SET_PIT2), NAMED(KVM_SET_GSI_ROUTING),
    NAMED(KVM_SIGNAL_MSI), NAMED(KVM_SET_CLOCK), NAMED(KVM_GET_CLOCK), NAMED(KVM_RUN),
    NAMED(KVM_GET_REGS), NAMED(KVM_SET_REGS), NAMED(KVM_GET_SREGS), NAMED(KVM_SET_SREGS),
    NAMED(KVM_GET_SREGS2), NAMED(KVM_SET_SREGS2), NAMED(KVM_SET_MSRS), NAMED(KVM_SET_CPUID2),
    NAMED(KVM_GET_LAPIC), NAMED(KVM_SET_LAPIC), NAMED(KVM_INTERRUPT), NAMED(KVM_NMI),
    NAMED(KVM_GET_MP_STATE), NAMED(KVM_SET_MP_STATE), NAMED(KVM_GET_VCPU_EVENTS),
    NAMED(KVM_SET_VCPU_EVENTS), NAMED(KVM_GET_DEBUGREGS), NAMED(KVM_SET_DEBUGREGS),
    NAMED(KVM_GET_XSAVE), NAMED(KVM_GET_XSAVE2), NAMED(KVM_SET_XSAVE), NAMED(KVM_GET_XCRS),
    NAMED(KVM_SET_XCRS), NAMED(KVM_GET_FPU), NAMED(KVM_SET_FPU), NAMED(KVM_SET_TSC_KHZ),
    NAMED(KVM_GET_TSC_KHZ), NAMED(KVM_KVMCLOCK_CTRL), NAMED(KVM_TPR_ACCESS_REPORTING),
    NAMED(KVM_SET_SIGNAL_MASK), NAMED(KVM_CREATE_DEVICE), NAMED(KVM_SET_DEVICE_ATTR),
    NAMED(KVM_GET_DEVICE_ATTR), NAMED(KVM_HAS_DEVICE_ATTR), NAMED(KVM_SET_GUEST_DEBUG),
    NAMED(KVM_SET_NR_MMU_PAGES), NAMED(KVM_TRANSLATE), NAMED(KVM_X86_SETUP_MCE),
    NAMED(KVM_X86_GET_MCE_CAP_SUPPORTED), NAMED(KVM_SET_BOOT_CPU_ID), NAMED(KVM_SMI),
};

const char *kvm_ioctl_name(unsigned long request)
{
    static _Thread_local char other[32];

    for (unsigned i = 0; i < G_N_ELEMENTS(request_names); i++) {
        if (request_names[i].request == request) {
            return request_names[i].name;
        }
    }
    g_snprintf(other, sizeof(other), "ioctl 0x%lx", request);
    return other;
}

static const char *const exit_names[] = {
    "KVM_EXIT_UNKNOWN", "KVM_EXIT_EXCEPTION", "KVM_EXIT_IO", "KVM_EXIT_HYPERCALL",
    "KVM_EXIT_DEBUG", "KVM_EXIT_HLT", "KVM_EXIT_MMIO", "KVM_EXIT_IRQ_WINDOW_OPEN",
    "KVM_EXIT_SHUTDOWN", "KVM_EXIT_FAIL_ENTRY", "KVM_EXIT_INTR", "KVM_EXIT_SET_TPR",
    "KVM_EXIT_TPR_ACCESS", "KVM_EXIT_S390_SIEIC", "KVM_EXIT_S390_RESET", "KVM_EXIT_DCR",
    "KVM_EXIT_NMI", "KVM_EXIT_INTERNAL_ERROR", "KVM_EXIT_OSI", "KVM_EXIT_PAPR_HCALL",
    "KVM_EXIT_S390_UCONTROL", "KVM_EXIT_WATCHDOG", "KVM_EXIT_S390_TSCH", "KVM_EXIT_EPR",
    "KVM_EXIT_SYSTEM_EVENT", "KVM_EXIT_S390_STSI", "KVM_EXIT_IOAPIC_EOI", "KVM_EXIT_HYPERV",
    "KVM_EXIT_ARM_NISV", "KVM_EXIT_X86_RDMSR", "KVM_EXIT_X86_WRMSR", "KVM_EXIT_DIRTY_RING_FULL",
    "KVM_EXIT_AP_RESET_HOLD", "KVM_EXIT_X86_BUS_LOCK", "KVM_EXIT_XEN", "KVM_EXIT_RISCV_SBI",
    "KVM_EXIT_RISCV_CSR", "KVM_EXIT_NOTIFY", "KVM_EXIT_LOONGARCH_IOCSR",
    "KVM_EXIT_MEMORY_FAULT",
};

const char *kvm_exit_name(uint32_t reason)
{
    static _Thread_local char other[32];

    if (reason < G_N_ELEMENTS(exit_names)) {
        return exit_names[reason];
    }
    g_snprintf(other, sizeof(other), "exit reason %u", reason);
    return other;
}
