/* SPDX-License-Identifier: MIT */
/*
 * STI's shadow: no interrupt comes between it and the instruction that follows, wherever the
 * two lie, so that STI; HLT loses none.
 */
#include "tests/functional/jit-system/setup64.h"

#define VECTOR 0x90
#define SELF_IPI(vector) write_msr(0x83f, vector)
#define END_OF_INTERRUPT() write_msr(0x80b, 0)
enum { ROUNDS = 400 };

extern const u8 two_nops[], sleep[], twice[], code_end[];
asm(".text\n"
    "two_nops: sti\n nop\n nop\n cli\n ret\n"
    "sleep: sti\n hlt\n cli\n ret\n"
    "twice: sti\n sti\n nop\n cli\n ret\n"
    "code_end:\n");

static void call(word at)
{
    asm volatile("call *%0" :: "r"(at) : "memory", "cc");
}

/* `before` bytes of it end a page. */
static word place(const u8 *code, const u8 *end, unsigned before)
{
    word at = AT + 0x1000 - before;

    copy_code(at, code, end);
    return at;
}

/* One that waits comes behind the second instruction: of two bytes both are. */
static void expect_behind_second(word at)
{
    SELF_IPI(VECTOR);
    caught.count = 0;
    call(at);
    check("interrupts", caught.count, 1);
    check("ip", caught.ip, at + 2);
    END_OF_INTERRUPT();
}

static void test_shadow(void)
{
    returns = 1;
    for (unsigned before = 0; before < 6; before++) {
        for (unsigned round = 0; round < 5; round++) {
            if (before == 3 && round == 0) {
                move_often(80);
            }
            expect_behind_second(place(two_nops, sleep, before));
            /* A second STI casts none: SDM volume 2. */
            expect_behind_second(place(twice, code_end, before));
        }
    }
    returns = 0;
}

/* The same where the interrupt comes from another CPU at any time. */
enum { STORM = 0x91 };
void on_storm(void), on_trap(void);
u64 forbidden, between, storms;
static volatile u32 storm, quiet;
asm(".text\n.globl on_storm, on_trap\n"
    "on_storm: push %rax; push %rcx; push %rdx\n"
    "movq 24(%rsp), %rax; incq storms; cmpq forbidden, %rax; jne 1f; incq between\n"
    "1: movl $0x80b, %ecx; xorl %eax, %eax; xorl %edx, %edx; wrmsr\n"
    "pop %rdx; pop %rcx; pop %rax; iretq\n"
    "on_trap: iretq\n");

static void storm_cpu(void)
{
    while (!storm) {
        asm volatile("pause");
    }
    while (storm) {
        write_msr(0x830, STORM);
        for (unsigned i = 0; i < 20; i++) {
            asm volatile("pause");
        }
    }
    quiet = 1;
}

/* Others sleep until they are told that there is work; who sleeps through it sleeps forever. */
static volatile u32 wanted[CPUS], done[CPUS];
static word sleep_at[CPUS];

static void worker(unsigned cpu)
{
    enable_x2apic();
    for (u32 n = 1; n <= ROUNDS; n++) {
        while (wanted[cpu] < n) {
            call(sleep_at[cpu]);
            END_OF_INTERRUPT();
        }
        done[cpu] = n;
    }
    if (cpu == 1) {
        storm_cpu();
    }
}

static void test_wakeups(void)
{
    returns = 1;
    for (unsigned cpu = 1; cpu < CPUS; cpu++) {
        /* STI and HLT on a page, on two, and alike */
        sleep_at[cpu] = AT + 0x1000 * cpu - 2 + cpu;
        copy_code(sleep_at[cpu], sleep, twice);
    }
    start_cpus(CPUS - 1, worker);
    for (u32 n = 1; n <= ROUNDS; n++) {
        for (u32 i = 0; i < (n & 7) * 10; i++) {
            asm volatile("pause");
        }
        for (u64 cpu = 1; cpu < CPUS; cpu++) {
            wanted[cpu] = n;
            write_msr(0x830, cpu << 32 | VECTOR);
        }
        for (u64 cpu = 1; cpu < CPUS; cpu++) {
            while (done[cpu] < n) {
                asm volatile("pause");
            }
        }
    }
    returns = 0;
}

/*
 * What follows meets a breakpoint on data, or writes to its own block: the CPU begins it twice,
 * and the interrupt that waits does not come between.
 */
extern const u8 watched_load[], watched_by_ss[], own_code[], redone_end[];
u32 watched;
asm(".text\n"
    "watched_load: sti\n movl watched, %eax\n nop\n cli\n ret\n"
    "watched_by_ss: movl %ss, %ecx\n sti\n movl %ecx, %ss\n movl watched, %eax\n nop\n cli\n ret\n"
    "own_code: sti\n movb $1, 1f+1(%rip)\n 1: movb $0, %al\n nop\n cli\n ret\n"
    "redone_end:\n");

static void watch(void *at)
{
    asm volatile("mov %0, %%dr0; mov %1, %%dr7" :: "r"(at), "r"(at ? 0xf0402ull : 0x400ull));
}

static void expect_redone(const u8 *code, const u8 *end, unsigned before, unsigned behind,
                          unsigned count)
{
    word at = place(code, end, before);

    for (unsigned round = 0; round < 3; round++) {
        SELF_IPI(VECTOR);
        caught.count = 0;
        asm volatile("call *%0" :: "r"(at) : "rax", "rcx", "memory", "cc");
        check("exceptions and interrupts", caught.count, count);
        check("the last", caught.vector, VECTOR);
        check("ip", caught.ip, at + behind);
        END_OF_INTERRUPT();
    }
}

static void test_redone(void)
{
    returns = 1;
    for (unsigned before = 0; before < 12; before++) {
        watch(&watched);
        expect_redone(watched_load, watched_by_ss, before, 8, 2);
        expect_redone(watched_by_ss, own_code, before, 12, 2);
        watch(0);
        expect_redone(own_code, redone_end, before, 8, 1);
    }
    returns = 0;
}

static void test_storm(void)
{
    word at = place(watched_load, watched_by_ss, 0x100);

    set_gate(STORM, CODE, (word)on_storm, 0x8e, 0);
    set_gate(DB, CODE, (word)on_trap, 0x8e, 0);
    forbidden = at + 1;
    storm = 1;
    watch(&watched);
    while (storms < 600) {
        asm volatile("call *%0" :: "r"(at) : "rax", "memory", "cc");
    }
    storm = 0;
    while (!quiet) {
        asm volatile("pause");
    }
    watch(0);
    asm volatile("sti; nop; cli");
    set_gate(DB, CODE, STUB(DB), 0x8e, 0);
    check("interrupts between STI and what follows", between, 0);
}

void main(void)
{
    set_up();
    map((u64)page[0] | 3);
    for (unsigned i = 1; i < 4; i++) {
        PTE[i] = (u64)(i < 3 ? page[i] : user_stack) | 3;
        flush((u8 *)AT + i * 0x1000);
    }
    enable_x2apic();
    run("the shadow", test_shadow);
    run("the shadow of what is begun twice", test_redone);
    run("wakeups", test_wakeups);
    run("a storm of interrupts", test_storm);
    print("end\n");
    outb(0xf4, 0);
}
