/* SPDX-License-Identifier: MIT */
/*
 * System management interrupts by the chipset's pin (82371AB, function 3: APMC), while the CPU sleeps,
 * and I/O instructions that are done again: AMD APM volume 2, 10.2.4 and 10.2.5. SMBASE and SMRAM.
 */
#include "tests/functional/jit-system/setup64.h"

enum { PMBASE = 0x600, GLBCTL = PMBASE + 0x28, GLBEN = PMBASE + 0x20, APMC = 0xb2, APMS = 0xb3 };

/*
 * The handler at 0x38000 notes bytes and words of the state area at 0x37000, counts at 0x37010, and, as
 * long as the number at 0x37014 is not 0, asks for a restart; 0x37018: what becomes of the HALT byte,
 * where bit 8 is set; it waits until the number at 0x3701c is 0.
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
    "2: cmpl $0, %cs:0x701c; jne 2b; rsm\nhandler_end:\n.code64\n");

#define SEEN(at) (*(volatile u32 *)(word)(0x37000 + (at)))
enum { IO = 0, HALTED = 4, IO_RIP = 8, IO_RCX = 12, COUNT = 0x10, AGAIN = 0x14, LEAVE_HLT = 0x18, HOLD = 0x1c };

#define SMI_SELF "movl $0x830, %%ecx; movl $0x4200, %%eax; xorl %%edx, %%edx; wrmsr; nop"

static void clear(void)
{
    for (unsigned i = 0; i < 0x20; i += 4) {
        SEEN(i) = 0;
    }
}

extern const u8 io_1[], io_2[], io_4[], io_5[];

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
    asm volatile(SMI_SELF ::: "rax", "rcx", "rdx", "memory");
    check("by an IPI", SEEN(COUNT), 1);
    check("no I/O", SEEN(IO), 0);
}

/* The trap of a single step, and of a breakpoint on the port, waits until the instruction is done for good. */
static void test_traps(void)
{
    set_gate(DB, CODE, STUB(DB), 0x8e, 0);
    for (u32 again = 0; again < 3; again++) {
        clear();
        SEEN(AGAIN) = again;
        move_often(again == 1 ? 60 : 0);
        TRY("pushfq; orl $0x100, (%%rsp); popfq; io_4: outb %%al, $0xb2; .global io_4", 0x55);
        EXPECT(DB, 0);
        check("ip", caught.ip, (word)io_4 + 2);
        check("entries", SEEN(COUNT), again + 1);
        check("the instruction with TF", SEEN(IO), APMC << 16 | 0x812);
        clear();
        SEEN(AGAIN) = again;
        write_cr4(read_cr4() | 8);
        asm volatile("mov %0, %%dr2; mov %1, %%dr7" :: "r"((u64)APMC), "r"(0x420ull | 2ull << 24));
        move_often(again == 1 ? 60 : 0);
        TRY("io_5: outb %%al, $0xb2; nop; .global io_5", 0x55);
        asm volatile("mov %0, %%dr7" :: "r"(0x400ull));
        write_cr4(read_cr4() & ~8ull);
        EXPECT(DB, 0);
        check("ip", caught.ip, (word)io_5 + 2);
        check("entries", SEEN(COUNT), again + 1);
        check("the instruction with a breakpoint", SEEN(IO), APMC << 16 | 0x4012);
    }
}

/*
 * The state area: AMD APM volume 2, table 10-1. What was saved lies where that says; what the handler
 * writes is what RSM loads.
 */
static u64 area(u32 at) { return *(volatile u64 *)(word)(0x30000 + at); }

static void test_area(void)
{
    struct { u16 limit; u64 base; } __attribute__((packed)) table;
    u64 value;
    u32 count = 0x77;
    u8 *from = (u8 *)0x1234567;

    clear();
    asm volatile("movl $0x1234567, %%esi; movl $0x7654321, %%edi; movl $0x77, %%ecx; movl $0x8888, %%r8d;"
                 "movq $-15, %%r15; outb %%al, $0xb2" :: "a"(0x55) : "rsi", "rdi", "rcx", "r8", "r15");
    check("I/O's RCX", area(0xfea8), count);
    check("I/O's RSI", area(0xfeb0), (u64)from);
    check("I/O's RDI", area(0xfeb8), 0x7654321);
    check("restart and HALT", area(0xfec8) & 0xffff, 0);
    asm volatile("mov %%cr0, %0" : "=r"(value));
    check("CR0", area(0xff58), value);
    check("CR3", area(0xff50), read_cr3());
    check("CR4", area(0xff48), read_cr4());
    check("EFER", area(0xfed0), read_msr(0xc0000080));
    check("revision", area(0xfefc) & 0xffffffff, 0x30064);
    check("SMBASE", area(0xff00) & 0xffffffff, 0x30000);
    check("RAX", area(0xfff8) & 0xff, 0x55);
    check("RCX", area(0xfff0), count);
    check("RSI", area(0xffc8), (u64)from);
    check("RDI", area(0xffc0), 0x7654321);
    check("R8", area(0xffb8), 0x8888);
    check("R15", area(0xff80), -15ull);
    check("CS", area(0xfe10), 0xffffffff0a9b0000 | CODE);
    check("SS", area(0xfe20), 0xffffffff0c930000 | DATA);
    check("TR", area(0xfe90) & 0xffff, TSS);
    asm volatile("sgdt %0" : "=m"(table));
    check("GDTR's base", area(0xfe68), table.base);
    check("GDTR's limit", area(0xfe64) & 0xffff, table.limit);
    asm volatile("sidt %0" : "=m"(table));
    check("IDTR's base", area(0xfe88), table.base);
    check("IDTR's limit", area(0xfe84) & 0xffff, table.limit);
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

/* INIT, and the SIPI that follows it, wait until the handler is done. */
static void test_start(void)
{
    clear();
    SEEN(HOLD) = 1;
    write_msr(0x830, 1ull << 32 | 0x4200);
    while (SEEN(COUNT) == 0) {
        asm volatile("pause");
    }
    move_often(2);
    write_msr(0x830, 1ull << 32 | 0x4500);
    write_msr(0x830, 1ull << 32 | 0x4608);
    move_often(2);
    for (unsigned i = 0; i < 200; i++) {
        asm volatile("pause");
    }
    check("begun before RSM", cpus_begun, 1);
    SEEN(HOLD) = 0;
    for (unsigned i = 0; i < 10000000 && cpus_begun == 1; i++) {
        asm volatile("pause");
    }
    check("begun behind RSM", cpus_begun, 2);
}

/* ---- SMBASE is moved; it stays where it is then ---- */

extern const u8 move_base[], move_base_end[], count_entries[], count_entries_end[];
asm(".text\n.code16\n"
    /* It notes what it finds, moves SMBASE to 0x40000, and comes back with another RBX. */
    "move_base: movw %cs, %ax; movw %ax, %cs:0x7000; movl %cr0, %eax; movl %eax, %cs:0x7004;"
    "movl $0xfefc, %ebx; movl %cs:(%ebx), %eax; movl %eax, %cs:0x7008;"
    "movl $0xff00, %ebx; movl $0x40000, %cs:(%ebx);"
    "movl $0xffe0, %ebx; movl $0x600d, %cs:(%ebx);"
    "xorl %esp, %esp; xorl %ecx, %ecx; rsm\nmove_base_end:\n"
    /* It counts, and SMBASE is what lies at 0x9000. */
    "count_entries: incl %cs:0x7000; movl $0xff00, %ebx; movl 0x9000, %eax; movl %eax, %cs:(%ebx); rsm\n"
    "count_entries_end:\n"
    ".code64\n");

enum { SMRAM_OPEN = 0x4a, SMRAM_HIDDEN = 0x0a };    /* for all, or for the handler alone */

static void test_base(void)
{
    static u64 rbx, rsp, after;

    copy_code(0x38000, move_base, move_base_end);
    copy_code(0x48000, count_entries, count_entries_end);
    config_write8(SMRAM, SMRAM_OPEN);
    copy_code(0xa8000, count_entries, count_entries_end);
    *(volatile u32 *)0xa7000 = 0;
    config_write8(SMRAM, SMRAM_HIDDEN);
    *(volatile u32 *)0x47000 = 0;
    *(volatile u32 *)0x9000 = 0xa0000;
    asm volatile("movq %%rsp, %1; xorl %%ebx, %%ebx;" SMI_SELF "; movq %%rbx, %0; movq %%rsp, %2"
                 : "=m"(rbx), "=m"(rsp), "=m"(after) :: "rax", "rbx", "rcx", "rdx", "memory");
    check("rbx", rbx, 0x600d);
    check("rsp", after, rsp);
    check("cs", *(volatile u16 *)0x37000, 0x3000);
    check("cr0", *(volatile u32 *)0x37004 & 0x80000001, 0);
    check("the revision", *(volatile u32 *)0x37008, 0x30064);
    asm volatile(SMI_SELF ::: "rax", "rcx", "rdx", "memory");
    check("entries at the other base", *(volatile u32 *)0x47000, 1);
    asm volatile(SMI_SELF ::: "rax", "rcx", "rdx", "memory");
    check("what others see", *(volatile u32 *)0xa7000 == 1, 0);
    config_write8(SMRAM, SMRAM_OPEN);
    check("entries in SMRAM", *(volatile u32 *)0xa7000, 1);
    config_write8(SMRAM, SMRAM_HIDDEN);
    TRY("rsm", 0);
    EXPECT(UD, 0);
}

void main(void)
{
    set_up();
    copy_code(0x38000, handler, handler_end);
    enable_x2apic();
    /* PMBASE and PMREGMISC of 0:1.3; APM and SMI on. */
    config_write32(0xb40, PMBASE | 1);
    config_write32(0xb80, 1);
    config_write32(0xb58, 0x02000000);
    outl(GLBEN, 0x20);
    outl(GLBCTL, 1);
    run("SMI while halted", test_halted);
    run("INIT and SIPI in SMM", test_start);
    run("SMI by I/O", test_io);
    run("SMI by string I/O", test_strings);
    run("SMI and traps", test_traps);
    run("the state area", test_area);
    run("SMBASE and SMRAM", test_base);
    print("end\n");
    outb(0xf4, 0);
}
