/* SPDX-License-Identifier: MIT */
/* Single step where the next instruction is not what follows: Intel SDM volume 3, 17.3.1.4. */
#include "tests/functional/jit-system/setup64.h"

#define TRAPS 16u

u64 traps[TRAPS];
u32 trap_count, trap_stop;
u64 trap_regs[4];

/* Notes where each #DB came; after `trap_stop` of them TF falls. */
void on_debug(void);
asm(".text\n.globl on_debug\non_debug:\n"
    "push %rax; push %rcx\n"
    "movl trap_count, %eax; movq 16(%rsp), %rcx; movq %rcx, traps(, %rax, 8)\n"
    "incl %eax; movl %eax, trap_count\n"
    "cmpl trap_stop, %eax; jb 1f; andq $~0x100, 32(%rsp)\n"
    "1: pop %rcx; pop %rax; iretq\n");

static void expect_traps(unsigned count)
{
    u64 dr6;

    check("traps", trap_count, count);
    asm volatile("mov %%dr6, %0; mov %1, %%dr6" : "=&r"(dr6) : "r"(0ull));
    check("dr6.bs", dr6 & 0x4000, count ? 0x4000 : 0);
}

#define SET_TF "pushfq; orq $0x100, (%%rsp); popfq; "
#define STEP(n, code, value, ...) do { \
    trap_count = 0; \
    trap_stop = n; \
    TRY(code, value, __VA_ARGS__); } while (0)
/* Where the labels of the code above were. */
extern const u8 w1[], t1[], t2[], t3[], t4[], t5[], t6[], t7[], t8[];

static void test_plain(void)
{
    STEP(3, SET_TF "nop; t1: nop; t2: nop; nop; .global t1, t2", 0);
    expect_traps(3);
    check("the first", traps[0], (word)t1);
    check("the second", traps[1], (word)t2);
    /* POPF that clears TF is stepped; the one that sets it is not. */
    STEP(9, SET_TF "pushfq; andq $~0x100, (%%rsp); popfq; t3: nop; nop; .global t3", 0);
    expect_traps(3);
    check("after popf", traps[2], (word)t3);
}

static void test_strings(void)
{
    /* After each repetition, at the instruction; then behind it. */
    STEP(4, "movl $3, %%ecx; leaq -128(%%rsp), %%rdi; " SET_TF "t4: rep; stosb; t5: nop; nop; .global t4, t5", 0);
    expect_traps(4);
    check("after one", traps[0], (word)t4);
    check("after two", traps[1], (word)t4);
    check("after three", traps[2], (word)t5);
    STEP(2, "xorl %%ecx, %%ecx; leaq -128(%%rsp), %%rdi; " SET_TF "rep; stosb; nop; nop", 0);
    expect_traps(2);
}

/* A breakpoint on data within a string: the trap comes after the element that met it. */
static void test_watched(void)
{
    static u8 bytes[8];

    trap_count = 0;
    trap_stop = TRAPS;
    asm volatile("mov %0, %%dr0; mov %1, %%dr7" :: "r"(bytes + 3), "r"(0x10402ull));
    move_often(60);
    TRY("movl $8, %%ecx; movq %0, %%rdi; w1: rep; stosb; nop; .global w1", (word)bytes);
    asm volatile("mov %0, %%dr7; mov %1, %%dr6" :: "r"(0x400ull), "r"(0ull));
    check("traps", trap_count, 1);
    check("at the string", traps[0], (word)w1);
}

/*
 * A breakpoint on the string itself is met once: between elements RF is set, whatever comes there. The handler notes
 * DR6 and where it came, and sets RF where it was the breakpoint.
 */
u64 breaks[TRAPS], breaks_at[TRAPS];
u32 break_count, break_faults;          /* which of DR0 to DR3 are of code */
void on_break(void);
asm(".text\n.globl on_break\non_break:\n"
    "push %rax; push %rcx\n"
    "movl break_count, %eax; mov %dr6, %rcx; movq %rcx, breaks(, %rax, 8); xchgq %rcx, 16(%rsp); movq %rcx, breaks_at(, %rax, 8); xchgq %rcx, 16(%rsp); incl %eax; andl $15, %eax; movl %eax, break_count\n"
    "testl break_faults, %ecx; jz 1f; orq $0x10000, 32(%rsp)\n"
    "1: xorl %ecx, %ecx; mov %rcx, %dr6; pop %rcx; pop %rax; iretq\n");
extern const u8 w2[];

static void test_broken(void)
{
    static u8 bytes[64];

    set_gate(DB, CODE, (word)on_break, 0x8e, 0);
    break_count = 0;
    break_faults = 1;
    asm volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr7" :: "r"(w2), "r"(bytes + 33), "r"(0x10040aull | 1ull << 20));
    move_often(20);
    TRY("movl %%ss, %%ecx; movl %%ecx, %%ss; movl $64, %%ecx; movq %0, %%rdi; w2: rep; stosb; nop; .global w2", (word)bytes);
    asm volatile("mov %0, %%dr7; mov %1, %%dr6" :: "r"(0x400ull), "r"(0ull));
    set_gate(DB, CODE, (word)on_debug, 0x8e, 0);
    check("exceptions", break_count, 2);
    check("the first", breaks[0] & 0x400f, 1);
    check("the second", breaks[1] & 0x400f, 2);
}

/* MOV SS keeps away a breakpoint on what follows it, and not those that come later; what its operand met waits, and
 * is found at the handler's beginning where that was an INT. */
extern const u8 w3[], w4[];

static void test_broken_shadow(void)
{
    static u16 ss = DATA;

    set_gate(DB, CODE, (word)on_break, 0x8e, 0);
    break_count = 0;
    break_faults = 3;
    asm volatile("mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr7" :: "r"(w3), "r"(w4), "r"(0x40aull));
    move_often(20);
    TRY("movl %%ss, %%ecx; movl %%ecx, %%ss; w3: nop; nop; w4: nop; .global w3, w4", 0);
    check("exceptions", break_count, 1);
    check("at", breaks_at[0], (word)w4);
    check("dr6", breaks[0] & 0x400f, 2);
    break_count = break_faults = 0;
    asm volatile("mov %0, %%dr0; mov %1, %%dr7" :: "r"(&ss), "r"(0x402ull | 7ull << 16));
    move_often(20);
    TRY("movw (%%rax), %%ss; int $0x82; nop", (word)&ss);
    EXPECT(0x82, 0);
    asm volatile("mov %0, %%dr7; mov %1, %%dr6" :: "r"(0x400ull), "r"(0ull));
    check("exceptions by data", break_count, 1);
    check("at the handler", breaks_at[0], STUB(0x82));
    check("dr6 by data", breaks[0] & 0x400f, 1);
    set_gate(DB, CODE, (word)on_debug, 0x8e, 0);
}

static void test_shadows(void)
{
    move_often(60);
    STEP(2, "movl %%ss, %%ecx; " SET_TF "movl %%ecx, %%ss; nop; t6: nop; nop; .global t6", 0);
    expect_traps(2);
    check("after the one behind mov ss", traps[0], (word)t6);
    /* STI's shadow holds back interrupts, no traps. */
    STEP(2, SET_TF "sti; t7: cli; nop; .global t7", 0);
    expect_traps(2);
    check("after sti", traps[0], (word)t7);
}

/* With DR7.GD the handler may use the debug registers, whatever it was called for. */
static void test_general_detect(void)
{
    u64 dr7;

    asm volatile("mov %0, %%dr7" :: "r"(0x2c00ull));
    STEP(1, SET_TF "nop; nop", 0);
    expect_traps(1);
    asm volatile("mov %%dr7, %0" : "=r"(dr7));
    check("dr7", dr7, 0x400);
    check("no more traps", trap_count, 1);
}

static void test_hlt(void)
{
    /* The trap ends it: no interrupt is to come. */
    move_often(40);
    STEP(1, "cli; " SET_TF "hlt; t8: nop; .global t8", 0);
    expect_traps(1);
    check("after hlt", traps[0], (word)t8);
    STEP(1, "cli; movl $traps, %%eax; xorl %%ecx, %%ecx; xorl %%edx, %%edx; monitor; xorl %%eax, %%eax;" SET_TF "mwait; nop", 0);
    expect_traps(1);
}

/* TF counts as it is when SYSCALL and SYSRET are done. */
void on_syscall(void);
asm(".text\n.globl on_syscall\non_syscall: nop; on_syscall_2: nop; orq syscall_flags, %r11; sysretq");
extern const u8 on_syscall_2[];
u64 syscall_flags;

#define STEP_USER(n, code) STEP(n, USER code, 0, OPERANDS)
extern const u8 s1[], s2[], s3[];

static void test_syscall(void)
{
    write_msr(0xc0000081, 24ull << 48 | 8ull << 32);
    write_msr(0xc0000082, (u64)on_syscall);
    open_memory(1);
    /* Masked: none in the kernel, and SYSRET's comes where SYSCALL was left. */
    write_msr(0xc0000084, 0x100);
    move_often(30);
    STEP_USER(1, SET_TF "syscall; s1: int $0x82; .global s1");
    EXPECT(0x82, 0);
    expect_traps(1);
    check("after sysret", traps[0], (word)s1);
    /* Not masked: the kernel's first instruction has not run. */
    write_msr(0xc0000084, 0);
    STEP_USER(1, SET_TF "syscall; int $0x82");
    expect_traps(2);                                /* SYSRET sets it again */
    check("after syscall", traps[0], (word)on_syscall);
    STEP_USER(2, SET_TF "syscall; int $0x82");
    expect_traps(3);
    check("in the kernel", traps[1], (word)on_syscall_2);
    /* By SYSRET alone. */
    syscall_flags = 0x100;
    STEP_USER(1, "syscall; s2: int $0x82; .global s2");
    expect_traps(1);
    check("after sysret that sets it", traps[0], (word)s2);
    syscall_flags = 0;
    STEP_USER(1, SET_TF "int $0x82; nop");          /* a gate clears it: none at all */
    expect_traps(0);
    open_memory(0);
}

/* Jumps that are taken and not, calls, IRET. */
static void test_jumps(void)
{
    STEP(4, SET_TF "jmp 1f; ud2; 1: call 2f; jmp 3f; 2: ret; 3: nop", 0);
    expect_traps(4);
    STEP(3, "xorl %%ecx, %%ecx; " SET_TF "jnz 1f; jrcxz 1f; ud2; 1: nop; nop", 0);
    expect_traps(3);
    STEP(2, "push $16; leaq -8(%%rsp), %%rcx; push %%rcx; pushfq; push $8; push $s3;" SET_TF "iretq; s3: nop; nop; .global s3", 0);
    expect_traps(1);                                /* it clears TF, which was set for it */
    check("after iret", traps[0], (word)s3);
}

void main(void)
{
    set_up();
    set_gate(DB, CODE, (word)on_debug, 0x8e, 0);
    set_gate(0x82, CODE, STUB(0x82), 0xee, 0);
    run("single step", test_plain);
    run("single step of strings", test_strings);
    run("a breakpoint in a string", test_watched);
    run("a breakpoint on a string", test_broken);
    run("breakpoints in shadows", test_broken_shadow);
    run("single step in shadows", test_shadows);
    run("single step of jumps", test_jumps);
    run("general detect", test_general_detect);
    run("single step of hlt", test_hlt);
    run("single step of system calls", test_syscall);
    print("end\n");
    outb(0xf4, 0);
}
