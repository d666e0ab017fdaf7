/* SPDX-License-Identifier: MIT */
/*
 * Code where there is no plain RAM, where RAM ends, on pages that are mapped in unusual ways,
 * and on one that another CPU takes away. The machine has 32 MiB.
 */
#include "tests/functional/jit-system/setup64.h"

#define RAM_END 0x2000000ull

typedef unsigned (*Function)(void);

static unsigned call(u64 at) { return ((Function)at)(); }

/* MOVL $value, %EAX; RET */
static void put_code(u64 at, u32 value)
{
    const u8 code[] = { 0xb8, value, value >> 8, value >> 16, value >> 24, 0xc3 };

    copy_code(at, code, code + sizeof(code));
}

static void set_page(unsigned n, u64 entry)
{
    PTE[n] = entry;
    flush((u8 *)AT + n * 4096);
}

/* ---- RAM that the chipset makes ROM, and back ---- */

static void test_shadow(void)
{
    const u64 at = 0xf8000;
    u8 was = config_read8(PAM0);

    config_write8(PAM0, READ_RAM | WRITE_RAM);
    put_code(at, 1);
    check("in RAM", call(at), 1);
    config_write8(PAM0, READ_RAM);
    check("in RAM that is not written", call(at), 1);
    put_code(at, 2);
    check("after a write to nowhere", call(at), 1);
    config_write8(PAM0, READ_RAM | WRITE_RAM);
    check("still", call(at), 1);
    put_code(at, 3);
    check("after a write", call(at), 3);
    config_write8(PAM0, WRITE_RAM);
    put_code(at, 4);
    config_write8(PAM0, READ_RAM);
    check("after a write that was not read", call(at), 4);
    config_write8(PAM0, was);
}

/* ---- registers of a device: the comparator of a timer of the HPET, 8 bytes of any value ---- */

static void test_device(void)
{
    const u64 comparator = 0xfed00000 + 0x108;
    volatile u64 *reg = (volatile u64 *)comparator;

    for (u64 i = 1; i < 5; i++) {
        *reg = 0xb8 | i << 8 | 0xc3ull << 40;
        check("code in a register", call(comparator), i);
    }
    *reg = 0xcc;
    TRY("call *%0", comparator);
    EXPECT(BP, 0);
    check("ip", caught.ip, comparator + 1);
    /* By a page, which keeps its rights. */
    *reg = 0xc3;
    map(0xfed00000 | 3);
    TRY("call *%0", AT + 0x108);
    EXPECT(NOTHING, 0);
    map(0xfed00000 | 3 | 1ull << 63);
    TRY("call *%0", AT + 0x108);
    EXPECT(PF, 0x11);
}

/* ---- where RAM ends: behind it ones are read ---- */

static void test_end_of_ram(void)
{
    volatile u8 *end = (volatile u8 *)RAM_END;

    check("nothing behind it", *(volatile u32 *)end, 0xffffffff);
    put_code(RAM_END - 6, 5);
    check("up to the last byte", call(RAM_END - 6), 5);
    end[-1] = end[-2] = 0x90;
    TRY("jmp *%0", RAM_END - 2);
    EXPECT(UD, 0);
    check("ip", caught.ip, RAM_END);
    /* MOVL $0xffffff90, %EAX, three bytes of which are not there */
    end[-2] = 0xb8;
    TRY("jmp *%0", RAM_END - 2);
    EXPECT(UD, 0);
    check("ip", caught.ip, RAM_END + 3);
    /* And up to where a page that is mapped ends. */
    map((u64)page[0] | 3);
    PTE[1] = 0;
    flush((u8 *)AT + 4096);
    page[0][4095] = 0x90;
    TRY("jmp *%0", AT + 4095);
    EXPECT(PF, 0x10);
    check("ip", caught.ip, AT + 4096);
    check("cr2", caught.cr2, AT + 4096);
}

/* ---- instructions over two pages of different kinds ---- */

static void test_two_pages(void)
{
    u64 edge = AT + 4096 - 3;

    set_page(0, (u64)page[0] | 3);
    set_page(1, (u64)page[1] | 3);
    put_code(edge, 0x0102);
    check("two pages", call(edge), 0x0102);
    set_page(1, (u64)page[1] | 3 | 1ull << 63);
    TRY("call *%0", edge);
    EXPECT(PF, 0x11);
    check("cr2", caught.cr2, AT + 4096);
    check("ip", caught.ip, edge);
    set_page(1, (u64)page[1] | 3);
    /* The same page twice: the end of the instruction is at its beginning. */
    set_page(1, (u64)page[0] | 3);
    page[0][0] = 3;
    page[0][1] = 4;
    page[0][2] = 0xc3;
    check("one page twice", call(edge), 0x04030102);
    /* Users may not get to a second page that is the supervisor's. */
    open_memory(1);
    set_page(0, (u64)page[0] | 7);
    set_page(1, (u64)page[1] | 3);
    TRY(USER "jmp *%0", edge, OPERANDS);
    EXPECT(PF, 0x15);
    check("cr2", caught.cr2, AT + 4096);
    open_memory(0);
    /* A device as the second page: MOVL of which it gives three bytes, and then no instruction. */
    set_page(1, 0xfed00000 | 3);
    set_page(0, (u64)page[0] | 3);
    put_code(AT + 4096 - 6, 6);
    check("before a device", call(AT + 4096 - 6), 6);
}

/* One page at several addresses, by tables of several sizes: who writes to it by one
 * changes all. */
static void test_aliases(void)
{
    const u64 physical = 0x200000 + 0x3000;
    const u64 at[] = { physical, AT + 0x200000 + 0x3000, AT };

    map(physical | 3);
    for (u32 i = 0; i < 9; i++) {
        put_code(at[i % 3], 100 + i);
        for (unsigned n = 0; n < 3; n++) {
            check("by another address", call(at[n]), 100 + i);
        }
    }
    /* Code that changes what follows it, by another address. */
    put_code(AT + 3, 1);
    *(volatile u8 *)AT = 0xc6;
    *(volatile u8 *)(AT + 1) = 0x07;                /* MOVB $9, (%RDI) */
    *(volatile u8 *)(AT + 2) = 9;
    u32 found;
    asm volatile("call *%1" : "=a"(found) : "r"(AT), "D"(physical + 4) : "memory");
    check("the next instruction", found, 9);
}

/* ---- a page that another CPU takes away, and gives back with other code ---- */

#define ROUNDS 60u

u64 page_faults, shootdowns, mapped, pages_seen, fault_wrong;
static volatile u32 done;

/* #PF: waits until the page is back. 0x91: the page goes. */
void on_page_fault(void);
void on_shootdown(void);
asm(".text\n.globl on_page_fault, on_shootdown\n"
    "on_page_fault: push %rax; movq %cr2, %rax; cmpq 16(%rsp), %rax; je 1f; incq fault_wrong\n"
    "1: movl $0, mapped; lock; incq page_faults\n"
    "2: pause; cmpl $0, mapped; je 2b\n"
    "pop %rax; addq $8, %rsp; iretq\n"
    "on_shootdown: push %rax; push %rcx; push %rdx\n"
    "movabsq $0x8000000000, %rax; invlpg (%rax)\n"
    "lock; incq shootdowns; movl $0x80b, %ecx; xorl %eax, %eax; xorl %edx, %edx; wrmsr\n"
    "pop %rdx; pop %rcx; pop %rax; iretq\n");

/* INCQ (%RDI); MOVL $round, %EAX; MOVL %EAX, (%RSI); TESTL $1, (%RDX); JZ to the first; RET */
static void put_loop(u8 *to, u32 round)
{
    const u8 code[] = { 0x48, 0xff, 0x07, 0xb8, round, round >> 8, 0, 0, 0x89, 0x06, 0xf7, 0x02, 1, 0, 0, 0,
                        0x74, 0xee, 0xc3 };

    copy_code((word)to, code, code + sizeof(code));
}

static void run_page(unsigned cpu)
{
    u64 counter = 0;

    enable_x2apic();
    asm volatile("sti; call *%0; cli" :: "r"(AT), "D"(&counter), "S"(&pages_seen), "d"(&done) : "rax", "memory", "cc");
    done = 2;
}

#define WAIT_FOR(condition) do { asm volatile("pause" ::: "memory"); } while (!(condition))

static void test_unmapped(void)
{
    set_gate(PF, CODE, (word)on_page_fault, 0x8e, 0);
    set_gate(0x91, CODE, (word)on_shootdown, 0x8e, 0);
    set_page(0, (u64)page[0] | 3);
    put_loop(page[0], 1);
    start_cpus(1, run_page);
    for (u32 round = 2; round < ROUNDS; round++) {
        WAIT_FOR(*(volatile u64 *)&pages_seen == round - 1);
        *(volatile u64 *)&PTE[0] = 0;
        write_msr(0x830, 1ull << 32 | 0x4091);
        WAIT_FOR(*(volatile u64 *)&shootdowns == round - 1);
        /* It is out of the page, and waits, or goes there to find nothing. */
        WAIT_FOR(*(volatile u64 *)&page_faults == round - 1);
        put_loop(page[round & 1], round);
        *(volatile u64 *)&PTE[0] = (u64)page[round & 1] | 3;
        *(volatile u64 *)&mapped = 1;
    }
    WAIT_FOR(*(volatile u64 *)&pages_seen == ROUNDS - 1);
    done = 1;
    WAIT_FOR(done == 2);
    check("faults that were not of the fetch", fault_wrong, 0);
    check("page faults", page_faults, ROUNDS - 2);
    set_gate(PF, CODE, STUB(PF), 0x8e, 0);
}

void main(void)
{
    set_up();
    run("code in shadow RAM", test_shadow);
    run("code in a device", test_device);
    run("code at the end of RAM", test_end_of_ram);
    run("code over two pages", test_two_pages);
    run("code by several addresses", test_aliases);
    run("code on a page that goes", test_unmapped);
    print("end\n");
    outb(0xf4, 0);
}
