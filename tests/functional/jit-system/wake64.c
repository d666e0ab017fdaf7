/* SPDX-License-Identifier: MIT */
/*
 * STI's shadow: no interrupt comes between it and the instruction that follows, wherever the two lie, so that
 * STI; HLT loses none.
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
            expect_behind_second(place(two_nops, sleep, before));
            /* A second STI casts none: SDM volume 2. */
            expect_behind_second(place(twice, code_end, before));
        }
    }
    returns = 0;
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
}

static void test_wakeups(void)
{
    returns = 1;
    for (unsigned cpu = 1; cpu < CPUS; cpu++) {
        sleep_at[cpu] = AT + 0x1000 * cpu - 2 + cpu;   /* STI and HLT on a page, on two, and alike */
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
    run("wakeups", test_wakeups);
    print("end\n");
    outb(0xf4, 0);
}
