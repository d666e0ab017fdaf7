/* SPDX-License-Identifier: MIT */
/* Long mode: faults and their delivery, levels, paging, compatibility mode, interrupts, two
 * CPUs. */
#include "tests/functional/jit-system/setup64.h"

typedef unsigned (*Function)(void);

/* ---- faults ---- */

static void test_faults(void)
{
    TRY("xorl %%ecx, %%ecx; divl %%ecx", 1);
    EXPECT(DE, 0);
    TRY("ud2", 0);
    EXPECT(UD, 0);
    TRY(".byte 0x0f, 0x04", 0);
    EXPECT(UD, 0);
    TRY("testl %k0, %k0; jz 1f; .byte 0x0f, 0x0a; 1: nop", 0);
    EXPECT(NOTHING, 0);
    TRY("movq (%0), %%rcx", 0x800000000000);
    EXPECT(GP, 0);
    TRY("push %%rbp; movq %0, %%rbp; movq (%%rbp), %%rcx", 0x800000000000);
    EXPECT(SS, 0);
    set_gate(SS, CODE, STUB(SS), 0x8e, 1);
    TRY("movq %0, %%rsp; push %%rcx", 0x800000000080);
    EXPECT(SS, 0);
    set_gate(SS, CODE, STUB(SS), 0x8e, 0);
    TRY("jmp *%0", 0x800000000000);
    EXPECT(GP, 0);
    TRY("movl %k0, %%ds", 0xff8);
    EXPECT(GP, 0xff8);
    TRY("movaps 1(%%rsp), %%xmm0", 0);
    EXPECT(GP, 0);
    TRY("movq %0, %%cr8", 16);
    EXPECT(GP, 0);
    TRY("movq %0, %%cr4", 1ull << 40);
    EXPECT(GP, 0);
    TRY("movq %0, %%cr0", 0x80000000);
    EXPECT(GP, 0);
    TRY("movq %0, %%cr0", 0x11);            /* paging cannot be left from 64-bit code */
    EXPECT(GP, 0);
    TRY("movl $0x12345, %%ecx; rdmsr", 0);
    EXPECT(GP, 0);
    TRY("movl $0xc0000080, %%ecx; xorl %%edx, %%edx; wrmsr", 0x400);
    EXPECT(GP, 0);
    TRY("movl $0xc0000102, %%ecx; movl %k0, %%edx; wrmsr", 0x8000);
    EXPECT(GP, 0);
    TRY(".byte 0x06", 0);                   /* PUSH ES is no instruction here */
    EXPECT(UD, 0);
    TRY("lock; addl %%eax, %%eax; nop", 0);
    EXPECT(UD, 0);
    TRY(".byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90", 0);
    EXPECT(NOTHING, 0);
    TRY(".byte 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90", 0);
    EXPECT(GP, 0);
}

static void test_delivery(void)
{
    word sp;

    asm volatile("movq %%rsp, %0" : "=r"(sp));
    set_gate(0x80, CODE, STUB(0x80), 0x8e, 1);
    TRY("int $0x80", 0);
    check("vector", caught.vector, 0x80);
    check("the stack is IST1", caught.sp, (word)ist_1 + sizeof(ist_1) - 16);
    set_gate(0x80, CODE, STUB(0x80), 0x85, 0);
    TRY("int $0x80", 0);
    EXPECT(GP, 0x80 * 8 + 2);
    set_gate(0x80, CODE32, STUB(0x80), 0x8e, 0);
    TRY("int $0x80", 0);
    EXPECT(GP, CODE32);
    set_gate(0x80, CODE, STUB(0x80) | 1ull << 47, 0x8e, 0);
    TRY("int $0x80", 0);
    EXPECT(GP, 0);
    set_gate(0x80, CODE, STUB(0x80), 0x8e, 0);
    /* #PF while #PF is delivered is a double fault; so is #NP while #GP is. */
    set_gate(PF, DATA, STUB(PF), 0x8e, 0);
    TRY("movq (%0), %%rcx", AT);
    EXPECT(DF, 0);
    set_gate(PF, CODE, STUB(PF), 0x8e, 0);
    set_gate(GP, CODE, STUB(GP), 0x0e, 0);
    TRY("movq (%0), %%rcx", 0x800000000000);
    EXPECT(DF, 0);
    /* But not while an interrupt is. */
    set_gate(0x80, CODE, STUB(0x80), 0x0e, 0);
    set_gate(GP, CODE, STUB(GP), 0x8e, 0);
    TRY("int $0x80", 0);
    EXPECT(NP, 0x80 * 8 + 2);
    set_gate(0x80, CODE, STUB(0x80), 0x8e, 0);
}

/* ---- levels ---- */

static void test_user(void)
{
    open_memory(1);
    set_gate(0x82, CODE, STUB(0x82), 0xee, 0);
    TRY(USER "hlt", 0, OPERANDS);
    EXPECT(GP, 0);
    check("cs", caught.cs, UCODE);
    TRY(USER "int $0x80", 0, OPERANDS);
    EXPECT(GP, 0x80 * 8 + 2);
    TRY(USER "int $0x82", 0, OPERANDS);
    EXPECT(0x82, 0);
    TRY(USER "movq %%cr0, %%rax", 0, OPERANDS);
    EXPECT(GP, 0);
    TRY(USER "sysretq", 0, OPERANDS);
    EXPECT(GP, 0);
    TRY(USER "cli; inb $0x80, %%al; int $0x82", 0, OPERANDS);    /* IOPL is 3 */
    EXPECT(0x82, 0);
    TRY(USER "movq (%0), %%rcx", AT + 0x1000, OPERANDS);
    EXPECT(PF, 4);
    check("cr2", caught.cr2, AT + 0x1000);
    write_cr4(read_cr4() | 1 << 11);
    TRY(USER "sidt -16(%%rsp)", 0, OPERANDS);
    EXPECT(GP, 0);
    write_cr4(read_cr4() & ~(1ull << 11));
    TRY(USER "sidt -16(%%rsp); int $0x82", 0, OPERANDS);
    EXPECT(0x82, 0);
    open_memory(0);
}

void syscall_entry(void);
asm(".text\n.globl syscall_entry\nsyscall_entry: movq %rcx, syscall_seen; movq %r11, syscall_seen+8; "
    "pushfq; popq syscall_seen+16; movw %cs, syscall_seen+24; sysretq");
u64 syscall_seen[4];
void syscall_selectors(void);
asm(".text\n.globl syscall_selectors\nsyscall_selectors: movl %cs, %eax; movq %rax, syscall_seen; movl %ss, %eax;"
    "movq %rax, syscall_seen+8; movl $16, %eax; movl %eax, %ss; jmp *%rcx");

static void test_syscall(void)
{
    open_memory(1);
    write_msr(0xc0000081, 24ull << 48 | 8ull << 32);
    write_msr(0xc0000082, (u64)syscall_entry);
    write_msr(0xc0000084, 0x3000);
    TRY(USER "movq %%rsp, %%rbx; syscall; cmpq %%rsp, %%rbx; jne 1f; int $0x82; 1: ud2", 0,
        OPERANDS);
    EXPECT(0x82, 0);
    check("cs in the kernel", syscall_seen[3] & 0xffff, CODE);
    check("flags in r11", syscall_seen[1] & 0x3000, 0x3000);
    check("masked flags", syscall_seen[2] & 0x3000, 0);
    check("cs outside", caught.cs, UCODE);
    check("flags outside", caught.flags & 0x3000, 0x3000);
    TRY("movq %0, %%rcx; xorl %%r11d, %%r11d; sysretq", 0x800000000000);
    EXPECT(GP, 0);
    check("cs of sysret's fault", caught.cs, CODE);
    /* RPL of the MSR's selector is CS's no more, and SS's still: SDM volume 2, SYSCALL. */
    write_msr(0xc0000081, 24ull << 48 | 9ull << 32);
    write_msr(0xc0000082, (u64)syscall_selectors);
    asm volatile("syscall" ::: "rcx", "r11", "rax", "memory");
    check("cs with an RPL", syscall_seen[0], CODE);
    check("ss with an RPL", syscall_seen[1], DATA + 1);
    write_msr(0xc0000081, 24ull << 48 | 8ull << 32);
    open_memory(0);
}

void gate_target(void);
asm(".text\n.globl gate_target\ngate_target: movq 16(%rsp), %rax; movq %rax, syscall_seen; lretq");

static void set_call_gate(u64 offset, u32 access, u64 upper)
{
    gdt[CALL_GATE / 8] = (offset & 0xffff) | (u64)CODE << 16 | (u64)access << 40 |
                         (offset >> 16 & 0xffff) << 48;
    gdt[CALL_GATE / 8 + 1] = offset >> 32 | upper << 32;
}

#define THROUGH(selector) "subq $8, %%rsp; movl $0, (%%rsp); movl $" #selector ", 4(%%rsp); lcall *(%%rsp)"
static void test_call_gate(void)
{
    set_call_gate((u64)gate_target, 0x8c, 0);
    TRY(THROUGH(64), 0);
    EXPECT(NOTHING, 0);
    set_call_gate((u64)gate_target, 0x8c, 0x1f00);
    TRY(THROUGH(64), 0);
    EXPECT(GP, CALL_GATE);
    set_call_gate((u64)gate_target, 0x84, 0);
    TRY(THROUGH(64), 0);
    EXPECT(GP, CALL_GATE);
    set_call_gate((u64)gate_target, 0x85, 0);      /* there are no task gates */
    TRY(THROUGH(64), 0);
    EXPECT(GP, CALL_GATE);
    set_call_gate((u64)gate_target | 1ull << 47, 0x8c, 0);
    TRY(THROUGH(64), 0);
    EXPECT(GP, 0);
    TRY(THROUGH(48), 0);   /* nor a jump to a TSS */
    EXPECT(GP, TSS);
}

/* ---- paging ---- */

static void test_pages(void)
{
    map(0);
    TRY("movq (%0), %%rcx", AT);
    EXPECT(PF, 0);
    check("cr2", caught.cr2, AT);
    TRY("movb %%cl, 5(%0)", AT);
    EXPECT(PF, 2);
    check("cr2", caught.cr2, AT + 5);
    TRY("jmp *%0", AT);
    EXPECT(PF, 0x10);
    map((u64)page[0] | 1);
    TRY("movq (%0), %%rcx", AT);
    EXPECT(NOTHING, 0);
    check("accessed", PTE[0] & 0x60, 0x20);
    TRY("movq %%rcx, (%0)", AT);
    EXPECT(PF, 3);
    map((u64)page[0] | 3);
    TRY("movq %%rcx, (%0)", AT);
    EXPECT(NOTHING, 0);
    check("dirty", PTE[0] & 0x60, 0x60);
    map((u64)page[0] | 3 | 1ull << 63);
    TRY("jmp *%0", AT);
    EXPECT(PF, 0x11);
    map((u64)page[0] | 3 | 1ull << 51);            /* reserved: 40 bits of address */
    TRY("movq (%0), %%rcx", AT);
    EXPECT(PF, 9);
    tables[1][1] |= 1 << 13;                       /* a reserved bit of a large page */
    TRY("movq (%0), %%rcx", AT + 0x200000);
    EXPECT(PF, 9);
    tables[1][1] &= ~(1ull << 13);
    TRY("movq (%0), %%rcx", AT + 0x200000);
    EXPECT(NOTHING, 0);
    /* An access over two pages, of which the second is not there; nothing is written. */
    map((u64)page[0] | 3);
    PTE[1] = 0;
    page[0][4095] = 0x5a;
    TRY("movq $-1, 4095(%0)", AT);
    EXPECT(PF, 2);
    check("cr2", caught.cr2, AT + 0x1000);
    check("the byte before", page[0][4095], 0x5a);
    map((u64)page[0] | 3 | 0x100);
    TRY("lock; cmpxchg16b 8(%0)", AT);
    EXPECT(GP, 0);
}

static void test_global(void)
{
    u64 cr3;

    asm volatile("mov %%cr3, %0" : "=r"(cr3));
    page[0][0] = 1;
    page[1][0] = 2;
    map((u64)page[0] | 3 | 0x100);
    check("a global page", *(volatile u8 *)AT, 1);
    PTE[0] = (u64)page[1] | 3 | 0x100;
    write_cr4(read_cr4() & ~0x80ull);
    check("after cr4.pge fell", *(volatile u8 *)AT, 2);
    write_cr4(read_cr4() | 0x80);
    map((u64)page[0] | 3);
    check("a page", *(volatile u8 *)AT, 1);
    PTE[0] = (u64)page[1] | 3;
    asm volatile("mov %0, %%cr3" :: "r"(cr3) : "memory");
    check("after cr3 was written", *(volatile u8 *)AT, 2);
}

static void test_protection(void)
{
    u64 cr4 = read_cr4();

    page[0][0] = 0xc3;
    map((u64)page[0] | 7);
    write_cr4(cr4 | 1 << 20);
    TRY("call *%0", AT);
    EXPECT(PF, 0x11);
    write_cr4(cr4);
    TRY("call *%0", AT);
    EXPECT(NOTHING, 0);
    write_cr4(cr4 | 1 << 21);
    TRY("movq (%0), %%rcx", AT);
    EXPECT(PF, 1);
    TRY("stac; movq (%0), %%rcx; clac", AT);
    EXPECT(NOTHING, 0);
    write_cr4(cr4);
    write_cr4(cr4 | 1 << 22);
    map((u64)page[0] | 7 | 3ull << 59);
    TRY("xorl %%ecx, %%ecx; xorl %%edx, %%edx; movq %0, %%rsi; movl $0x40, %%eax; wrpkru; movq (%%rsi), %%rbx", AT);
    EXPECT(PF, 0x21);
    TRY("xorl %%ecx, %%ecx; xorl %%edx, %%edx; movq %0, %%rsi; movl $0x80, %%eax; wrpkru; movq (%%rsi), %%rbx", AT);
    EXPECT(NOTHING, 0);
    TRY("movb %%cl, (%0)", AT);
    EXPECT(PF, 0x23);
    TRY("call *%0", AT);                           /* keys do not count for fetches */
    EXPECT(NOTHING, 0);
    TRY("xorl %%ecx, %%ecx; xorl %%edx, %%edx; xorl %%eax, %%eax; wrpkru", 0);
    write_cr4(cr4);
}

static void test_write_protect(void)
{
    map((u64)page[0] | 1);
    asm volatile("mov %%cr0, %%rax; btr $16, %%rax; mov %%rax, %%cr0" ::: "rax", "memory");
    TRY("movb %%cl, (%0)", AT);
    EXPECT(NOTHING, 0);
    asm volatile("mov %%cr0, %%rax; bts $16, %%rax; mov %%rax, %%cr0" ::: "rax", "memory");
    TRY("movb %%cl, (%0)", AT);
    EXPECT(PF, 3);
}

/* ---- compatibility mode ---- */

void compat(void);
asm(".text\n.code32\n.globl compat\n"
    "compat: movl $0x12345678, %eax; .byte 0x40; pushl $8; pushl $compat_back; lret\n"
    ".code64\ncompat_back: movq %rax, syscall_seen; jmp *resume_at");

static void test_compatibility(void)
{
    TRY("push $24; push $compat; lretq", 0);
    check("eax", syscall_seen[0], 0x12345679);
    EXPECT(NOTHING, 0);
}

/* ---- interrupts ---- */

#define SELF_IPI "movl $0x83f, %%ecx; movl $0x90, %%eax; xorl %%edx, %%edx; wrmsr; "

static void test_shadow(void)
{
    enable_x2apic();
    returns = 1;
    caught.count = 0;
    asm volatile(SELF_IPI "sti; nop; 1: cli; movq $1b, %%rbx" ::: "rax", "rbx", "rcx", "rdx", "memory");
    check("vector", caught.vector, 0x90);
    check("count", caught.count, 1);
    caught.count = 0;
    write_msr(0x80b, 0);
    move_often(16);
    asm volatile(SELF_IPI "sti; cli" ::: "rax", "rcx", "rdx", "memory");
    check("sti; cli lets none in", caught.count, 0);
    asm volatile("sti; hlt; cli" ::: "memory");
    check("one comes in hlt", caught.count, 1);
    write_msr(0x80b, 0);
    caught.count = 0;
    asm volatile("movl %%ss, %%ebx; pushfq; orq $0x200, (%%rsp);" SELF_IPI
                 "popfq; 1: nop; cli" ::: "rax", "rbx", "rcx", "rdx", "memory", "cc");
    check("after popf", caught.count, 1);
    write_msr(0x80b, 0);
    /* A second NMI waits for the IRET of the first. */
    caught.count = 0;
    move_often(60);
    asm volatile("movl $0x830, %%ecx; movl $0x4400, %%eax; xorl %%edx, %%edx; wrmsr; nop; wrmsr; nop"
                 ::: "rax", "rcx", "rdx", "memory");
    check("nmis", caught.count, 2);
    check("vector", caught.vector, NMI);
    returns = 0;
    set_gate(0x90, CODE, STUB(0x90), 0x8e, 0);
}

static u64 read_dr6(void)
{
    u64 value;

    asm volatile("mov %%dr6, %0; mov %1, %%dr6" : "=&r"(value) : "r"(0ull));
    return value & 0xe00f;
}

#define SET_DR7(value) asm volatile("mov %0, %%dr7" :: "r"((u64)(value)))

void break_here(void);
asm(".text\n.globl break_here\nbreak_here: nop; ret");
static volatile u64 watched;

static void test_breakpoints(void)
{
    read_dr6();
    asm volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2" ::
                 "r"((u64)break_here), "r"((u64)&watched), "r"(0x80ull));
    SET_DR7(0x402);
    TRY("call break_here", 0);
    EXPECT(DB, 0);
    check("dr6", read_dr6(), 1);
    check("ip", caught.ip, (word)break_here);
    check("rf", caught.flags & 0x10000, 0);
    /* With RF it goes on. */
    TRY("push $88f; movq %%rsp, %%rcx; push $16; push %%rcx; pushf; orq $0x10000, (%%rsp); push $8;"
        "push $break_here; iretq; 88:", 0);
    EXPECT(NOTHING, 0);
    SET_DR7(0x400 | 8 | 0x9 << 20);                /* writes, 8 bytes */
    TRY("movq watched, %%rcx; movl $1, watched + 4; 1: nop", 0);
    EXPECT(DB, 0);
    check("dr6 of a write", read_dr6(), 2);
    SET_DR7(0x400 | 8 | 0xb << 20);
    TRY("movzbl watched + 7, %%ecx; nop", 0);
    EXPECT(DB, 0);
    check("dr6 of a read", read_dr6(), 2);
    SET_DR7(0x400);
    write_cr4(read_cr4() | 8);
    SET_DR7(0x400 | 0x20 | 0x2 << 24);
    TRY("outb %%al, $0x80; nop", 0);
    EXPECT(DB, 0);
    check("dr6 of a port", read_dr6(), 4);
    SET_DR7(0x400 | 0x2000);
    TRY("movq %%dr0, %%rcx", 0);
    EXPECT(DB, 0);
    check("dr6 of a debug register", read_dr6(), 0x2000);
    SET_DR7(0x400);
    TRY("movq %%dr4, %%rcx", 0);
    EXPECT(UD, 0);
    write_cr4(read_cr4() & ~8ull);
}

/* ---- floating point ---- */

static void test_float(void)
{
    static u32 mxcsr = 0x1d80, normal = 0x1f80;       /* division by zero is not masked */
    static u16 fcw = 0x37b;
    static float one = 1, zero;

    TRY("ldmxcsr %1; movss %2, %%xmm0; divss %3, %%xmm0", 0, "m"(mxcsr), "m"(one), "m"(zero));
    EXPECT(XM, 0);
    asm volatile("ldmxcsr %0" :: "m"(normal));
    /* The x87 tells with the next waiting instruction. */
    TRY("fninit; fldcw %1; fld1; fldz; fdivrp; nop; jmp 1f; 1: fwait", 0, "m"(fcw));
    EXPECT(MF, 0);
    asm volatile("fninit");
    asm volatile("mov %%cr0, %%rax; orl $8, %%eax; mov %%rax, %%cr0" ::: "rax");
    TRY("fld1", 0);
    EXPECT(NM, 0);
    TRY("movss %1, %%xmm0", 0, "m"(one));
    EXPECT(NM, 0);
    asm volatile("clts; fninit");
}

/* ---- two CPUs ---- */

static volatile u32 ready, counter, x, y, lock, seen;
#define ROUNDS 3000u
#define STORES 100000u
#define CHANGES 200u

static u8 shared_code[4096] __attribute__((aligned(4096)));

static void count(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        asm volatile("lock; incl %0" : "+m"(counter));
        asm volatile("1: movl $1, %%eax; xchgl %%eax, %0; testl %%eax, %%eax; jz 2f; pause; jmp 1b; 2:"
                     : "+m"(lock) :: "eax", "memory", "cc");
        x = x + 1;
        asm volatile("" ::: "memory");
        lock = 0;
    }
}

static void second_main(unsigned number)
{
    ready = 1;
    count();
    ready = 2;
    while (ready == 2) {
        asm volatile("pause");
    }
    for (u32 i = 1; i <= STORES; i++) {            /* in this order for everybody */
        x = i;
        y = i;
    }
    do {
        seen = ((Function)shared_code)();
    } while (seen != CHANGES);
    ready = 4;
}

static void wait_ready(u32 value)
{
    while (ready < value) {
        asm volatile("pause");
    }
}

static void test_two(void)
{
    static const u8 code[] = { 0x0f, 0x1f, 0, 0xb8, 0, 0, 0, 0, 0xc3 }; /* nop; mov $0, %eax; ret */
    u32 wrong = 0, first, second;

    start_cpus(1, second_main);
    wait_ready(1);
    count();
    wait_ready(2);
    check("locked increments", counter, 2 * ROUNDS);
    check("under a lock", x, 2 * ROUNDS);
    /* Message passing: whoever sees the second store sees the first one. */
    for (unsigned i = 0; i < sizeof(code); i++) {
        shared_code[i] = code[i];
    }
    x = y = 0;
    ready = 3;
    do {
        first = y;
        second = x;
        wrong += second < first;
    } while (first != STORES);
    check("stores out of order", wrong, 0);
    /* Code that another CPU is running, or about to run for the first time, among data. */
    for (u32 i = 1; i <= CHANGES; i++) {
        for (u32 j = 0; j < (i & 15); j++) {
            ((volatile u32 *)shared_code)[512 + j] = j;
        }
        *(volatile u32 *)(shared_code + 4) = i;
        while (seen != i) {
            asm volatile("pause");
        }
    }
    wait_ready(4);
}

void main(void)
{
    set_up();
    run("faults", test_faults);
    run("delivery", test_delivery);
    run("user mode", test_user);
    run("syscall", test_syscall);
    run("call gates", test_call_gate);
    run("pages", test_pages);
    run("global pages", test_global);
    run("protection", test_protection);
    run("write protection", test_write_protect);
    run("compatibility mode", test_compatibility);
    run("interrupts", test_shadow);
    run("breakpoints", test_breakpoints);
    run("floating point", test_float);
    run("two CPUs", test_two);
    print("end\n");
    outb(0xf4, 0);
}
