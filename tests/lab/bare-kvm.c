/* SPDX-License-Identifier: MIT */
/*
 * The smallest users of KVM, without any of vmm's code.
 *
 *   bare-kvm            TAP: does this KVM do what vmm and its tests ask of one?
 *   bare-kvm --rate N   the floor for `make bench`: nanoseconds a round trip through KVM_RUN
 *                       takes for a port and an MMIO access, over N of them
 *
 * Guest code runs in flat 32-bit protected mode, or in real mode, at GUEST_CODE. It ends by
 * writing to PORT_END.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
    MEMORY_SIZE = 4 << 20,
    GUEST_CODE = 0x1000,
    GUEST_DATA = 0x100000,
    MMIO_ADDRESS = 0x10000000,
    PORT_TEST = 0x402,
    PORT_END = 0x501,
};

typedef struct {
    int kvm, vm, vcpu;
    uint8_t *memory;
    struct kvm_run *run;
    size_t run_size;
} Machine;

static void die(const char *what)
{
    printf("Bail out! %s: %s\n", what, strerror(errno));
    exit(1);
}

static int checked_ioctl(int fd, unsigned long request, void *argument, const char *name)
{
    int result = ioctl(fd, request, argument);

    if (result < 0) {
        die(name);
    }
    return result;
}

static void *map(int fd, size_t size, int flags)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

    if (memory == MAP_FAILED) {
        die("mmap");
    }
    return memory;
}

/* A machine with MEMORY_SIZE bytes of RAM (slot 0, dirty log) and one vCPU. */
static void machine_init(Machine *machine, bool irqchip)
{
    struct kvm_userspace_memory_region slot = {
        .flags = KVM_MEM_LOG_DIRTY_PAGES,
        .memory_size = MEMORY_SIZE,
    };

    machine->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (machine->kvm < 0) {
        die("/dev/kvm");
    }
    machine->vm = checked_ioctl(machine->kvm, KVM_CREATE_VM, 0, "KVM_CREATE_VM");
    if (irqchip) {
        checked_ioctl(machine->vm, KVM_CREATE_IRQCHIP, 0, "KVM_CREATE_IRQCHIP");
    }
    machine->memory = map(-1, MEMORY_SIZE, MAP_PRIVATE | MAP_ANONYMOUS);
    slot.userspace_addr = (uintptr_t)machine->memory;
    checked_ioctl(machine->vm, KVM_SET_USER_MEMORY_REGION, &slot, "KVM_SET_USER_MEMORY_REGION");
    machine->vcpu = checked_ioctl(machine->vm, KVM_CREATE_VCPU, 0, "KVM_CREATE_VCPU");
    machine->run_size =
        checked_ioctl(machine->kvm, KVM_GET_VCPU_MMAP_SIZE, 0, "KVM_GET_VCPU_MMAP_SIZE");
    machine->run = map(machine->vcpu, machine->run_size, MAP_SHARED);
}

static void machine_release(Machine *machine)
{
    munmap(machine->run, machine->run_size);
    munmap(machine->memory, MEMORY_SIZE);
    close(machine->vcpu);
    close(machine->vm);
    close(machine->kvm);
}

/* Flat 32-bit protected mode, or real mode with all segments at 0. */
static void machine_set_mode(Machine *machine, bool protected_mode)
{
    struct kvm_segment data = {
        .limit = 0xffffffff, .selector = 16, .present = 1, .type = 3, .db = 1, .s = 1, .g = 1,
    };
    struct kvm_segment code = data;
    struct kvm_sregs sregs;

    checked_ioctl(machine->vcpu, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
    if (protected_mode) {
        code.selector = 8;
        code.type = 11;
        sregs.cs = code;
        sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
        sregs.cr0 |= 1;
    } else {
        sregs.cs.base = sregs.cs.selector = 0;
    }
    checked_ioctl(machine->vcpu, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
}

/* EAX is the guest's scratch, EBX an MMIO address, ECX a count, EDX PORT_TEST, ESI RAM. */
static void machine_load(Machine *machine, const void *code, size_t size, uint32_t count)
{
    struct kvm_regs regs = {
        .rip = GUEST_CODE, .rflags = 2, .rsp = 0x8000, .rcx = count,
        .rdx = PORT_TEST, .rbx = MMIO_ADDRESS, .rsi = GUEST_DATA,
    };

    memcpy(machine->memory + GUEST_CODE, code, size);
    checked_ioctl(machine->vcpu, KVM_SET_REGS, &regs, "KVM_SET_REGS");
}

/* Run to the next exit that is not a signal's. */
static uint32_t machine_step(Machine *machine)
{
    while (ioctl(machine->vcpu, KVM_RUN, 0) < 0) {
        if (errno != EINTR && errno != EAGAIN) {
            die("KVM_RUN");
        }
    }
    return machine->run->exit_reason;
}

static uint8_t *io_data(Machine *machine)
{
    return (uint8_t *)machine->run + machine->run->io.data_offset;
}

static int tests, failures;

static void check(bool good, const char *name)
{
    tests++;
    failures += !good;
    printf("%s %d - %s\n", good ? "ok" : "not ok", tests, name);
}

static void check_ports(Machine *machine)
{
    /* out dx,al; in al,dx; mov [esi],al; mov dx,PORT_END; out dx,al */
    static const uint8_t code[] = {
        0xb0, 0x5a, 0xee, 0xec, 0x88, 0x06, 0x66, 0xba, 0x01, 0x05, 0xee,
    };
    const struct kvm_run *run = machine->run;

    machine_load(machine, code, sizeof(code), 0);
    check(machine_step(machine) == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_OUT &&
              run->io.port == PORT_TEST && *io_data(machine) == 0x5a,
          "a port write exits with its byte");
    check(machine_step(machine) == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_IN,
          "a port read exits");
    *io_data(machine) = 0xc3;
    check(machine_step(machine) == KVM_EXIT_IO && run->io.port == PORT_END &&
              machine->memory[GUEST_DATA] == 0xc3,
          "the byte that was read reaches memory");
}

static void check_mmio(Machine *machine)
{
    /* mov eax,[ebx]; mov [ebx+4],eax; mov dx,PORT_END; out dx,al */
    static const uint8_t code[] = {
        0x8b, 0x03, 0x89, 0x43, 0x04, 0x66, 0xba, 0x01, 0x05, 0xee,
    };
    static const uint32_t value = 0x12345678;
    struct kvm_run *run = machine->run;

    machine_load(machine, code, sizeof(code), 0);
    check(machine_step(machine) == KVM_EXIT_MMIO && !run->mmio.is_write && run->mmio.len == 4 &&
              run->mmio.phys_addr == MMIO_ADDRESS,
          "a read outside of RAM exits");
    memcpy(run->mmio.data, &value, sizeof(value));
    check(machine_step(machine) == KVM_EXIT_MMIO && run->mmio.is_write &&
              run->mmio.phys_addr == MMIO_ADDRESS + 4 &&
              memcmp(run->mmio.data, &value, sizeof(value)) == 0,
          "a write outside of RAM exits with its value");
    check(machine_step(machine) == KVM_EXIT_IO && run->io.port == PORT_END, "the guest goes on");
}

static void check_dirty_log(Machine *machine)
{
    static uint64_t bitmap[MEMORY_SIZE / 4096 / 64];
    struct kvm_dirty_log log = { .dirty_bitmap = bitmap };
    /* inc dword [esi]; mov dx,PORT_END; out dx,al */
    static const uint8_t code[] = { 0xff, 0x06, 0x66, 0xba, 0x01, 0x05, 0xee };
    unsigned page = GUEST_DATA / 4096;

    checked_ioctl(machine->vm, KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG");
    machine_load(machine, code, sizeof(code), 0);
    machine_step(machine);
    memset(bitmap, 0, sizeof(bitmap));
    checked_ioctl(machine->vm, KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG");
    check(bitmap[page / 64] == 1ull << (page % 64), "the dirty log has the one page written");
}

static void check_real_mode(Machine *machine)
{
    /* out dx,al; hlt */
    static const uint8_t code[] = { 0xee, 0xf4 };

    machine_load(machine, code, sizeof(code), 0);
    check(machine_step(machine) == KVM_EXIT_IO && machine->run->io.port == PORT_TEST,
          "real mode runs");
    check(machine_step(machine) == KVM_EXIT_HLT, "HLT exits without an irqchip");
}

static int run_checks(void)
{
    Machine machine;
    int version;

    puts("1..11");
    machine_init(&machine, false);
    version = ioctl(machine.kvm, KVM_GET_API_VERSION, 0);
    check(version == KVM_API_VERSION, "KVM_GET_API_VERSION is 12");
    machine_set_mode(&machine, false);
    check_real_mode(&machine);
    machine_set_mode(&machine, true);
    check_ports(&machine);
    check_mmio(&machine);
    check_dirty_log(&machine);
    machine_release(&machine);

    machine_init(&machine, true);
    check(ioctl(machine.vm, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP) > 0, "there is an irqchip");
    machine_release(&machine);
    return failures ? 1 : 0;
}

static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e9 + now.tv_nsec;
}

/* The time of `count` turns of a loop around one access, per turn. */
static void print_rate(Machine *machine, const char *name, uint8_t opcode, uint8_t modrm,
                       uint32_t count)
{
    /* access; dec ecx; jnz access; mov dx,PORT_END; out dx,al; a one-byte access has a nop */
    uint8_t code[] = {
        opcode, modrm, 0xff, 0xc9, 0x75, 0xfa, 0x66, 0xba, 0x01, 0x05, 0xee,
    };
    double start;

    machine_load(machine, code, sizeof(code), count);
    start = now_ns();
    for (;;) {
        uint32_t reason = machine_step(machine);

        if (reason == KVM_EXIT_IO && machine->run->io.port == PORT_END) {
            break;
        }
        if (reason != KVM_EXIT_IO && reason != KVM_EXIT_MMIO) {
            printf("Bail out! exit reason %u\n", reason);
            exit(1);
        }
    }
    printf("%s %.1f\n", name, (now_ns() - start) / count);
}

int main(int argc, char **argv)
{
    Machine machine;
    uint32_t count;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 1) {
        return run_checks();
    }
    count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
    if (!count || strcmp(argv[1], "--rate") != 0) {
        fputs("usage: bare-kvm [--rate N]\n", stderr);
        return 2;
    }
    machine_init(&machine, false);
    machine_set_mode(&machine, true);
    print_rate(&machine, "pio-out", 0xee, 0x90, count);
    print_rate(&machine, "pio-in", 0xec, 0x90, count);
    print_rate(&machine, "mmio-read", 0x8b, 0x03, count);
    print_rate(&machine, "mmio-write", 0x89, 0x03, count);
    machine_release(&machine);
    return 0;
}
