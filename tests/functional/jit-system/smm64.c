/* SPDX-License-Identifier: MIT */
/*
 * System management interrupts by the chipset's pin (82371AB, function 3: APMC), while the CPU sleeps,
 * and I/O instructions that are done again: AMD APM volume 2, 10.2.4 and 10.2.5.
 */
#include "tests/functional/jit-system/setup64.h"

enum { PMBASE = 0x600, GLBCTL = PMBASE + 0x28, GLBEN = PMBASE + 0x20, APMC = 0xb2, APMS = 0xb3 };

static void config_write(u32 at, u32 value)
{
    asm volatile("outl %0, %w1" :: "a"(at), "d"(0xcf8));
    asm volatile("outl %0, %w1" :: "a"(value), "d"(0xcfc));
}

static void outl(u16 port, u32 value) { asm volatile("outl %0, %w1" :: "a"(value), "d"(port)); }

/*
 * The handler at 0x38000 notes bytes and words of the state area at 0x37000, counts at 0x37010, and, as
 * long as the number at 0x37014 is not 0, asks for a restart; 0x37018: what becomes of the HALT byte,
 * where bit 8 is set.
 */
extern const u8 handler[], handler_end[];
asm(".text\n.code16\n"
    "handler: movl $0xfec0, %ebx; movl %cs:(%ebx), %eax; movl %eax, %cs:0x7000\n"
    "movl $0xfec9, %ebx; movzbl %cs:(%ebx), %eax; movl %eax, %cs:0x7004\n"
    "movl $0xfea0, %ebx; movl %cs:(%ebx), %eax; movl %eax, %cs:0x7008\n"
    "movl $0xfea8, %ebx; movl %cs:(%ebx), %eax; movl %eax, %cs:0x700c\n"
    "incl %cs:0x7010\n"
    "cmpl $0, %cs:0x7014; je 1f; decl %cs:0x7014; movl $0xfec8, %ebx; movb $0xff, %cs:(%ebx)\n"
    "1: testl $0x100, %cs:0x7018; jz 2f; movb %cs:0x7018, %al; movl $0xfec9, %ebx; movb %al, %cs:(%ebx)\n"
    "2: rsm\nhandler_end:\n.code64\n");

#define SEEN(at) (*(volatile u32 *)(word)(0x37000 + (at)))
enum { IO = 0, HALTED = 4, IO_RIP = 8, IO_RCX = 12, COUNT = 0x10, AGAIN = 0x14, LEAVE_HLT = 0x18 };

static void clear(void)
{
    for (unsigned i = 0; i < 0x20; i += 4) {
        SEEN(i) = 0;
    }
}

extern const u8 io_1[], io_2[], io_3[];

static void test_io(void)
{
    u8 status;

    clear();
    asm volatile("io_1: outb %%al, $0xb2; .global io_1" :: "a"(0x55));
    check("entries", SEEN(COUNT), 1);
    check("the instruction", SEEN(IO), APMC << 16 | 0x12);      /* valid, OUT, 8 bits */
    check("its place", SEEN(IO_RIP), (u32)(u64)io_1);
    /* Twice more. */
    clear();
    SEEN(AGAIN) = 2;
    asm volatile("outb %%al, $0xb2" :: "a"(0x55));
    check("entries with restarts", SEEN(COUNT), 3);
    /* IN does not cause one, and is not seen by one that comes later. */
    clear();
    asm volatile("inb $0xb3, %0" : "=a"(status));
    check("none by IN", SEEN(COUNT), 0);
    asm volatile("movl $0x830, %%ecx; movl $0x4200, %%eax; xorl %%edx, %%edx; wrmsr; nop" ::: "rax", "rcx", "rdx");
    check("by an IPI", SEEN(COUNT), 1);
    check("no I/O", SEEN(IO), 0);
}

/* REP OUTSB to APMC: an SMI behind each byte; a restart writes the byte again. */
static void test_strings(void)
{
    static u8 bytes[4] = { 1, 2, 3, 4 };
    u64 count = 3, from = (u64)bytes;

    clear();
    asm volatile("io_2: rep; outsb; .global io_2" : "+c"(count), "+S"(from) : "d"(APMC));
    check("entries", SEEN(COUNT), 3);
    check("the instruction", SEEN(IO), APMC << 16 | 0x1e);      /* valid, string, REP, 8 bits */
    check("its place", SEEN(IO_RIP), (u32)(u64)io_2);
    check("rcx before the last", SEEN(IO_RCX), 1);
    check("rcx", count, 0);
    check("rsi", from, (u64)bytes + 3);
    clear();
    SEEN(AGAIN) = 2;
    count = 2;
    from = (u64)bytes;
    asm volatile("rep; outsb" : "+c"(count), "+S"(from) : "d"(APMC));
    check("entries with restarts", SEEN(COUNT), 4);
    check("rcx with restarts", count, 0);
    check("rsi with restarts", from, (u64)bytes + 2);
}

/* ---- another CPU sleeps; it has its own area ---- */

static volatile u32 phase;

static void sleeper(unsigned cpu)
{
    phase = 1;
    asm volatile("cli; hlt");           /* only an SMI whose handler says so gets it out */
    phase = 2;
}

static void test_halted(void)
{
    clear();
    start_cpus(1, sleeper);
    while (phase != 1) {
        asm volatile("pause");
    }
    for (u32 i = 1; i <= 3; i++) {
        /* It may be on its way to HLT when the first comes. */
        do {
            write_msr(0x830, 1ull << 32 | 0x4200);
            while (SEEN(COUNT) == 0) {
                asm volatile("pause");
            }
            SEEN(COUNT) = 0;
        } while (SEEN(HALTED) == 0);
        check("still asleep", phase, 1);
        check("halted", SEEN(HALTED), 1);
    }
    check("no I/O", SEEN(IO), 0);
    SEEN(LEAVE_HLT) = 0x100;
    write_msr(0x830, 1ull << 32 | 0x4200);
    while (phase != 2) {
        asm volatile("pause");
    }
    clear();
}

void main(void)
{
    set_up();
    copy_code(0x38000, handler, handler_end);
    enable_x2apic();
    /* PMBASE and PMREGMISC of 0:1.3; APM and SMI on. */
    config_write(0x80000b40, PMBASE | 1);
    config_write(0x80000b80, 1);
    config_write(0x80000b58, 0x02000000);
    outl(GLBEN, 0x20);
    outl(GLBCTL, 1);
    run("SMI while halted", test_halted);
    run("SMI by I/O", test_io);
    run("SMI by string I/O", test_strings);
    print("end\n");
    outb(0xf4, 0);
}
