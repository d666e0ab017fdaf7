/* SPDX-License-Identifier: MIT */
/* MONITOR and MWAIT: Intel SDM volume 2. */
#include "tests/functional/jit-system/setup64.h"

#define MISC_ENABLE 0x1a0
#define PMBASE 0x600
#define MONITOR_ENABLED (1u << 18)

volatile u64 line[8] __attribute__((aligned(64)));
volatile u64 answer;
volatile u32 ticks;

static void monitor(volatile void *at)
{
    asm volatile("monitor" :: "a"(at), "c"(0), "d"(0));
}

/* With bit 0 of `extensions` interrupts end it that are masked. */
static void mwait(u32 extensions)
{
    asm volatile("mwait" :: "a"(0), "c"(extensions) : "memory");
}

static void test_faults(void)
{
    u64 enable = read_msr(MISC_ENABLE);
    Cpuid leaf = cpuid(5, 0);

    check("the line's size", leaf.b, sizeof(line));
    check("extensions", leaf.c, 3);
    TRY("movl $1, %%ecx; monitor", (word)line);
    EXPECT(GP, 0);
    TRY("movl $2, %%ecx; mwait", 0);
    EXPECT(GP, 0);
    TRY("movq $1 << 32, %%rcx; mwait", 0);
    EXPECT(GP, 0);
    TRY("xorl %%ecx, %%ecx; monitor", AT);
    EXPECT(PF, 0);
    EXPECT_USER("movq %%rsp, %%rax; xorl %%ecx, %%ecx; monitor", UD);
    EXPECT_USER("xorl %%ecx, %%ecx; mwait", UD);
    write_msr(MISC_ENABLE, enable & ~(u64)MONITOR_ENABLED);
    check("cpuid", cpuid(1, 0).c & 8, 0);
    TRY("xorl %%ecx, %%ecx; monitor", (word)line);
    EXPECT(UD, 0);
    TRY("xorl %%ecx, %%ecx; mwait", 0);
    EXPECT(UD, 0);
    write_msr(MISC_ENABLE, enable);
}

/* Nobody would wake it. */
static void test_not_armed(void)
{
    asm volatile("cli");
    mwait(0);
    monitor(line);
    mwait(0);
    mwait(0);
}

/*
 * This implementation's sleep is of 50 microseconds at least (mwait.c), and longer when it comes at once after
 * another; by the power management timer of 3.579545 MHz. The program's first sleep of all is the shortest.
 */
static u32 pm_timer(void)
{
    u32 value;

    asm volatile("inl %1, %0" : "=a"(value) : "d"((u16)(PMBASE + 8)));
    return value & 0xffffff;
}

static void test_length(void)
{
    u32 before;

    config_write32(0xb40, PMBASE | 1);
    config_write32(0xb80, 1);
    asm volatile("cli");
    for (u32 turn = 0; turn < 2; turn++) {
        before = pm_timer();
        move_often(16);
        monitor(line);
        asm volatile("nop; nop");
        mwait(0);
        check("asleep too short", ((pm_timer() - before) & 0xffffff) < (turn ? 350 : 175), 0);
    }
}

void on_tick(void);
asm(".text\n.globl on_tick\non_tick: incl ticks; push %rax; push %rcx; push %rdx\n"
    "movl $0x80b, %ecx; xorl %eax, %eax; xorl %edx, %edx; wrmsr\n"
    "pop %rdx; pop %rcx; pop %rax; iretq");

/* One that is masked ends it, and is delivered when it may be. */
static void test_interrupt(void)
{
    enable_x2apic();
    set_gate(0x60, CODE, (word)on_tick, 0x8e, 0);
    write_msr(0x832, 0x40060);
    for (unsigned turn = 1; turn <= 2; turn++) {
        write_msr(0x6e0, read_msr(0x10) + 3000000);
        asm volatile("cli");
        while (read_msr(0x6e0)) {
            monitor(line);
            mwait(1);
        }
        check("delivered too early", ticks, 2 * turn - 2);
        asm volatile("sti; nop; cli");
        check("delivered", ticks, 2 * turn - 1);
        /* As Linux does it: STI's shadow lies on MWAIT. */
        write_msr(0x6e0, read_msr(0x10) + 1000000);
        while (ticks < 2 * turn) {
            monitor(line);
            asm volatile("sti; mwait; cli" :: "a"(0), "c"(0) : "memory");
        }
    }
}

/* Another CPU sleeps with interrupts off; stores are all that it gets. */
#define STORES 20

static void answerer(unsigned number)
{
    u64 seen = 0;

    while (seen != STORES) {
        monitor(line);
        if (line[3] == seen) {
            mwait(0);
        } else {
            answer = seen = line[3];
        }
    }
}

static void test_store(void)
{
    start_cpus(1, answerer);
    for (u64 i = 1; i <= STORES; i++) {
        line[3] = i;
        while (answer != i) {
            asm volatile("pause");
        }
    }
}

void main(void)
{
    set_up();
    run("faults", test_faults);
    run("mwait sleeps", test_length);
    run("mwait without monitor", test_not_armed);
    run("mwait and interrupts", test_interrupt);
    run("mwait and stores", test_store);
    print("end\n");
    outb(0xf4, 0);
}
