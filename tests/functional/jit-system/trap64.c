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
    run("single step in shadows", test_shadows);
    run("single step of jumps", test_jumps);
    run("general detect", test_general_detect);
    run("single step of hlt", test_hlt);
    run("single step of system calls", test_syscall);
    print("end\n");
    outb(0xf4, 0);
}
