/* SPDX-License-Identifier: MIT */
/*
 * x87 errors as PCs tell of them while CR0.NE is 0: FERR#, IRQ13, and IGNNE# by port F0h. Intel
 * SDM volume 1, appendix D; 82371SB, 2.5.5.
 */
#include "tests/functional/jit-system/setup64.h"

enum { MASTER = 0x20, SLAVE = 0xa0, VECTOR = 0x28 + 5, COPROCESSOR_ERROR = 0xf0 };

u32 errors, keeps_error;
u64 error_ip;
u16 error_status;

/* Acknowledges the error, and clears it, or uses the x87 with the error pending still. */
void on_error(void);
asm(".text\n.globl on_error\n"
    "on_error: push %rax; movq 8(%rsp), %rax; movq %rax, error_ip; incl errors\n"
    "outb %al, $0xf0; fnstsw error_status\n"
    "cmpl $0, keeps_error; jne 1f; fnclex; jmp 2f\n"
    "1: fld1; fstp %st(0); fwait\n"
    "2: movb $0x20, %al; outb %al, $0xa0; outb %al, $0x20\n"
    "pop %rax; iretq\n");

static void set_up_pics(void)
{
    outb(MASTER, 0x11);
    outb(MASTER + 1, 0x20);
    outb(MASTER + 1, 4);
    outb(MASTER + 1, 1);
    outb(SLAVE, 0x11);
    outb(SLAVE + 1, 0x28);
    outb(SLAVE + 1, 2);
    outb(SLAVE + 1, 1);
    outb(MASTER + 1, 0xfb);
    outb(SLAVE + 1, 0xdf);
    enable_x2apic();
    write_msr(0x835, 0x700);            /* LINT0 is the 8259's */
}

static u8 requests(void)
{
    outb(SLAVE, 0x0a);
    return inb(SLAVE) & 0x20;
}

extern const u16 unmasked;
const u16 unmasked = 0x37b;             /* division by zero */
#define ERROR "fninit; fldcw unmasked; fld1; fldz; fdivrp; "

extern const u8 e1[], e2[], e3[];

static void test_interrupt(void)
{
    errors = keeps_error = 0;
    move_often(60);
    asm volatile("sti; " ERROR "nop; nop; e1: fwait; cli; .global e1" ::: "memory");
    check("interrupts", errors, 1);
    check("before the instruction that waits", error_ip, (u64)e1);
    check("the status", error_status & 0x84, 0x84);
    check("no request is left", requests(), 0);
    /* Every one is told of; and those that do not wait go on. */
    asm volatile("sti; " ERROR "fnstsw %%ax; fnclex; fwait; cli" ::: "rax", "memory");
    check("none, since it was cleared", errors, 1);
    asm volatile("sti; " ERROR "e2: fld1; fninit; cli; .global e2" ::: "memory");
    check("by a load", errors, 2);
    check("before it", error_ip, (u64)e2);
}

/* IGNNE# lets the x87 run until the error is cleared; then it is as before. */
static void test_ignored(void)
{
    errors = 0;
    keeps_error = 1;
    move_often(60);
    asm volatile("sti; " ERROR "fwait; fld1; fstp %%st(0); cli" ::: "memory");
    check("interrupts", errors, 1);
    check("no request", requests(), 0);
    asm volatile("fnclex");
    keeps_error = 0;
    asm volatile("sti; " ERROR "fwait; cli" ::: "memory");
    check("another", errors, 2);
    /* A write without an error does nothing. */
    outb(COPROCESSOR_ERROR, 0);
    asm volatile("sti; " ERROR "fwait; cli" ::: "memory");
    check("a third", errors, 3);
}

static void test_cr0(void)
{
    u64 cr0;

    errors = 0;
    asm volatile("mov %%cr0, %0" : "=r"(cr0));
    asm volatile("mov %0, %%cr0" :: "r"(cr0 | 1 << 5));
    TRY(ERROR "nop; e3: fwait; .global e3", 0);
    EXPECT(MF, 0);
    check("ip", caught.ip, (u64)e3);
    asm volatile("fnclex");
    check("interrupts", errors, 0);
    asm volatile("mov %0, %%cr0" :: "r"(cr0));
}

/* With interrupts off it waits where it is, until somebody writes the port: here, another CPU. */
static volatile u32 gone_on, seen;
enum { WAITING = 1, GONE_ON };

static void helper_cpu(unsigned cpu)
{
    while (!requests()) {
        asm volatile("pause");
    }
    for (unsigned i = 0; i < 1000; i++) {
        asm volatile("pause");
    }
    seen = gone_on ? GONE_ON : WAITING;
    outb(COPROCESSOR_ERROR, 0);
}

static void test_frozen(void)
{
    errors = 0;
    start_cpus(1, helper_cpu);
    move_often(100);
    asm volatile("cli; " ERROR "fwait; movl $1, %0; fnclex" : "=m"(gone_on) :: "memory");
    while (!seen) {
        asm volatile("pause");
    }
    check("what was seen before the write", seen, WAITING);
    check("interrupts", errors, 0);
}

void main(void)
{
    set_up();
    set_up_pics();
    set_gate(VECTOR, CODE, (word)on_error, 0x8e, 0);
    asm volatile("mov %%cr0, %%rax; btr $5, %%rax; mov %%rax, %%cr0" ::: "rax");
    run("IRQ13", test_interrupt);
    run("IGNNE#", test_ignored);
    run("CR0.NE", test_cr0);
    run("a CPU that waits", test_frozen);
    print("end\n");
    outb(0xf4, 0);
}
