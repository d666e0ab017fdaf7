/* SPDX-License-Identifier: MIT */
/* 32-bit protected mode: segments, gates, tasks, virtual-8086 mode, paging. */
#include "tests/functional/jit-system/guest.h"

enum {
    CODE = 8, DATA = 16, UCODE = 24 | 3, UDATA = 32 | 3, TSS = 40, TSS_B = 48, GATE_B = 56,
    ABSENT = 64, SMALL = 72, READ_ONLY = 80, DOWN = 88, CALL_GATE = 96, TSS16 = 104, EXEC_ONLY = 112,
    CALL_GATE16 = 120, ENTRIES = 16,
};

static u64 gdt[ENTRIES] __attribute__((aligned(8)));
static u32 tss_a[32], tss_b[32];
static u16 tss_16[32];
static u8 stack_b[4096] __attribute__((aligned(16))), stack_0[4096] __attribute__((aligned(16)));
static u8 user_stack[4096] __attribute__((aligned(16)));
volatile u32 seen[8];

static u64 segment(u32 base, u32 limit, u32 access)
{
    return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)(access & 0xff) << 40 |
           (u64)(limit >> 16 & 15) << 48 | (u64)(access >> 8 & 15) << 52 | (u64)(base >> 24) << 56;
}

static u64 gate(u16 selector, u32 offset, u32 access, unsigned count)
{
    return (offset & 0xffff) | (u64)selector << 16 | (u64)count << 32 | (u64)access << 40 |
           (u64)(offset >> 16) << 48;
}

static u8 type_of(unsigned selector) { return gdt[selector / 8] >> 40 & 0x1f; }

static void set_up(void)
{
    struct { u16 limit; u32 base; } __attribute__((packed)) pointer = { sizeof(gdt) - 1, (u32)gdt };

    gdt[CODE / 8] = segment(0, 0xfffff, 0xc9b);
    gdt[DATA / 8] = segment(0, 0xfffff, 0xc93);
    gdt[UCODE / 8] = segment(0, 0xfffff, 0xcfb);
    gdt[UDATA / 8] = segment(0, 0xfffff, 0xcf3);
    gdt[TSS / 8] = segment((u32)tss_a, sizeof(tss_a) - 1, 0x89);
    gdt[TSS_B / 8] = segment((u32)tss_b, sizeof(tss_b) - 1, 0x89);
    gdt[TSS16 / 8] = segment((u32)tss_16, sizeof(tss_16) - 1, 0x81);
    gdt[GATE_B / 8] = gate(TSS_B, 0, 0x85, 0);
    gdt[ABSENT / 8] = segment(0, 0xfffff, 0xc13);
    gdt[SMALL / 8] = segment(0, 0xfff, 0x493);
    gdt[READ_ONLY / 8] = segment(0, 0xfffff, 0xc91);
    gdt[DOWN / 8] = segment(0, 0xfff, 0x497);
    gdt[EXEC_ONLY / 8] = segment(0, 0xfffff, 0xc99);
    tss_a[1] = (u32)stack_0 + sizeof(stack_0);
    tss_a[2] = DATA;
    tss_a[25] = sizeof(tss_a) << 16;
    asm volatile("lgdt %0; ljmp $8, $1f; 1: mov %1, %%ds; mov %1, %%es; mov %1, %%ss; mov %1, %%fs;"
                 "mov %1, %%gs; ltr %w2" :: "m"(pointer), "r"(DATA), "r"(TSS));
    load_idt();
}

#define EXPECT(wanted, code) do { check("vector", caught.vector, wanted); \
                                  check("error code", caught.error, code); } while (0)

/* ---- faults ---- */

static void test_faults(void)
{
    TRY("xorl %%ecx, %%ecx; divl %%ecx", 1);
    EXPECT(DE, 0);
    TRY("ud2", 0);
    EXPECT(UD, 0);
    TRY("movl %0, %%ds", ABSENT);
    EXPECT(NP, ABSENT);
    TRY("movl %0, %%ss", ABSENT);
    EXPECT(SS, ABSENT);
    TRY("movl %0, %%ds", 0xff8);
    EXPECT(GP, 0xff8);
    TRY("movl %0, %%ss", 0);
    EXPECT(GP, 0);
    TRY("movl %0, %%ss", READ_ONLY);
    EXPECT(GP, READ_ONLY);
    TRY("movl %0, %%ds", EXEC_ONLY);
    EXPECT(GP, EXEC_ONLY);
    TRY("movl %0, %%es", TSS);
    EXPECT(GP, TSS);
    TRY("movl %0, %%fs; movl $1, %%fs:0", READ_ONLY);
    EXPECT(GP, 0);
    TRY("movl %0, %%fs; movl %%fs:0xffd, %%eax", SMALL);
    EXPECT(GP, 0);
    TRY("movl %0, %%fs; movl %%fs:0xffc, %%eax", SMALL);
    EXPECT(NOTHING, 0);
    TRY("movl %0, %%fs; movl %%fs:0xfff, %%eax", DOWN);
    EXPECT(GP, 0);
    TRY("movl %0, %%fs; movl %%fs:0x1000, %%eax", DOWN);
    EXPECT(NOTHING, 0);
    TRY("movl %0, %%fs; movl %%fs:0, %%eax", 0);
    EXPECT(GP, 0);
    TRY("int $0x80", 0);
    EXPECT(0x80, 0);
}

/* Code that ends at its segment's limit: with the limit and with one less. */
static void test_code_limit(void)
{
    static u8 code[] = { 0x40, 0x40, 0xeb, 0 };    /* INC EAX twice; JMP to what follows */

    gdt[EXEC_ONLY / 8] = segment((u32)code, 3, 0x49b);
    TRY("ljmp $112, $0", 0);
    EXPECT(GP, 0);
    check("ip of the jump", caught.ip, 2);
    code[2] = code[3] = 0x40;
    TRY("ljmp $112, $0", 0);
    EXPECT(GP, 0);
    check("ip", caught.ip, 4);
    code[2] = 0xeb;
    code[3] = 0;
    gdt[EXEC_ONLY / 8] = segment((u32)code, 2, 0x49b);
    TRY("ljmp $112, $0", 0);
    EXPECT(GP, 0);
    check("ip", caught.ip, 2);
    TRY("ljmp $112, $3", 0);
    EXPECT(GP, 0);
    check("cs", caught.cs, CODE);
    gdt[EXEC_ONLY / 8] = segment(0, 0xfffff, 0xc99);
}

/* Near jumps to where the segment ends fault as jumps: nothing has changed. */
static void test_near_jumps(void)
{
    static const struct { u8 code[8]; u32 value, ip; } jumps[] = {
        { { 0xe9, 0, 1, 0, 0 } },                   /* JMP */
        { { 0xeb, 0x40 } },
        { { 0xe8, 0, 1, 0, 0 } },                   /* CALL */
        { { 0xff, 0xe0 }, 0x100 },                  /* JMP *EAX */
        { { 0xff, 0xd0 }, 0x100 },                  /* CALL *EAX */
        { { 0x50, 0xc3 }, 0x100, 1 },               /* PUSH EAX; RET */
        { { 0x50, 0xc2, 4, 0 }, 0x100, 1 },
        { { 0x85, 0xc0, 0x75, 0x40 }, 1, 2 },       /* TEST EAX, EAX; JNZ */
        { { 0x85, 0xc0, 0x74, 0x40, 0xf4 }, 1, 5 }, /* JZ, which does not jump; what follows is beyond */
        { { 0x31, 0xc9, 0x49, 0xe2, 0x40 }, 0, 3 }, /* XOR ECX, ECX; DEC ECX; LOOP */
        { { 0x31, 0xc9, 0xe3, 0x40 }, 0, 2 },       /* JECXZ */
    };
    static u8 code[16];

    for (unsigned i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
        copy_code((u32)code, jumps[i].code, jumps[i].code + 8);
        code[4] = i == 8 ? 0x90 : code[4];
        gdt[EXEC_ONLY / 8] = segment((u32)code, i == 8 ? 4 : 15, 0x49b);
        TRY("ljmp $112, $0", jumps[i].value);
        EXPECT(GP, 0);
        check("ip", caught.ip, jumps[i].ip);
        check("cs", caught.cs, EXEC_ONLY);
        check("the stack", caught.sp, resume_sp - (jumps[i].code[0] == 0x50 ? 4 : 0));
    }
    /* 16-bit code gets out of its 64 KiB with an operand of 32 bits, or step by step. */
    static const u8 far16[] = { 0x66, 0xe9, 0, 0, 1, 0 };
    copy_code((u32)code, far16, far16 + sizeof(far16));
    gdt[EXEC_ONLY / 8] = segment((u32)code, 0xffff, 0x09b);
    TRY("ljmp $112, $0", 0);
    EXPECT(GP, 0);
    check("ip", caught.ip, 0);
    code[0] = 0x40;                                 /* INC AX, as the last byte */
    gdt[EXEC_ONLY / 8] = segment((u32)code - 0xffff, 0xffff, 0x09b);
    TRY("ljmp $112, $0xffff", 0);
    EXPECT(GP, 0);
    check("ip behind 64 KiB", caught.ip, 0x10000);
    gdt[EXEC_ONLY / 8] = segment(0, 0xfffff, 0xc99);
}

static void test_bad_vector(void)
{
    set_gate(0x81, 8, STUB(0x81), 0x0e, 0);
    TRY("int $0x81", 0);
    EXPECT(NP, 0x81 * 8 + 2);
    set_gate(0x81, 8, STUB(0x81), 0x80, 0);
    TRY("int $0x81", 0);
    EXPECT(GP, 0x81 * 8 + 2);
    set_gate(0x81, 0, STUB(0x81), 0x8e, 0);
    TRY("int $0x81", 0);
    EXPECT(GP, 0);
    set_gate(0x81, DATA, STUB(0x81), 0x8e, 0);
    TRY("int $0x81", 0);
    EXPECT(GP, DATA);
    /* Of an exception's own delivery: the fault is external, and #DE with #GP is a double fault. */
    set_gate(BR, DATA, STUB(BR), 0x8e, 0);
    TRY("movl $2f, %%ecx; bound %%eax, (%%ecx); jmp 3f; 2: .long 5, 6; 3:", 0);
    EXPECT(GP, DATA + 1);
    set_gate(BR, 8, STUB(BR), 0x8e, 0);
    set_gate(DE, DATA, STUB(DE), 0x8e, 0);
    TRY("xorl %%ecx, %%ecx; divl %%ecx", 1);
    EXPECT(DF, 0);
    set_gate(DE, 8, STUB(DE), 0x8e, 0);
}

/* ---- levels ---- */

#define TO_USER "push %[ss]; push %[sp]; pushf; orl $0x3000, (%%esp); andl %[fl], (%%esp); push %[cs]; push $66f; iret; 66: "
#define USER(flags) [ss] "i"(UDATA), [sp] "i"(user_stack + sizeof(user_stack)), \
                    [cs] "i"(UCODE), [fl] "i"(flags)

static void test_user(void)
{
    TRY(TO_USER "movl %[ss], %%ecx; movl %%ecx, %%ds; cli", 0, USER(~0x3000));
    EXPECT(GP, 0);
    check("cs", caught.cs, UCODE);
    TRY(TO_USER "movl %%cs, %%eax; movl %%eax, %%es; hlt", 0, USER(-1));
    EXPECT(GP, 0);
    TRY(TO_USER "movl $16, %%eax; movl %%eax, %%es", 0, USER(-1));
    EXPECT(GP, DATA);
    TRY(TO_USER "movl %%ds:0, %%eax", 0, USER(-1));   /* DS was taken away */
    EXPECT(GP, 0);
    TRY(TO_USER "int $0x80", 0, USER(-1));
    EXPECT(GP, 0x80 * 8 + 2);
    set_gate(0x82, 8, STUB(0x82), 0xee, 0);
    TRY(TO_USER "int $0x82", 0, USER(-1));
    EXPECT(0x82, 0);
    TRY(TO_USER "inb $0x80, %%al", 0, USER(~0x3000));
    EXPECT(GP, 0);
    TRY(TO_USER "movl %[ss], %%ecx; movl %%ecx, %%ds; inb $0x80, %%al; int $0x82", 0, USER(-1));
    EXPECT(0x82, 0);
    TRY(TO_USER "ljmp $8, $0", 0, USER(-1));
    EXPECT(GP, CODE);
}

/* Of AMD's CPUs, which -cpu max is one of. */
void on_syscall(void);
asm(".text\n.globl on_syscall\non_syscall: movw %cs, seen; movw %ss, seen+4; pushf; popl seen+8; sysret");

static void test_syscall(void)
{
    write_msr(0xc0000081, (u64)(UCODE & ~3) << 48 | (u64)CODE << 32 | (u32)on_syscall);
    TRY("syscall", 0);
    EXPECT(UD, 0);
    write_msr(0xc0000080, 1);
    seen[0] = seen[1] = 0;
    TRY("pushf; orl $0x200, (%%esp); popf; syscall; int $0x82", 0);
    EXPECT(0x82, 0);
    check("cs in the kernel", seen[0], CODE);
    check("ss in the kernel", seen[1], DATA);
    check("flags in the kernel", seen[2] & 0x200, 0);
    check("cs", caught.cs, UCODE);
    check("flags", caught.flags & 0x200, 0x200);
    TRY(TO_USER "sysret", 0, USER(-1));
    EXPECT(GP, 0);
    write_msr(0xc0000080, 0);
    asm volatile("cli");
}

void gate_target(void);
asm(".text\n.globl gate_target\ngate_target: movl 8(%esp), %eax; movl %eax, %ss:seen; movl 12(%esp), %eax; "
    "movl %eax, %ss:seen+4; movl %cs, %eax; movl %eax, %ss:seen+8; lret $8");

static void test_call_gate(void)
{
    gdt[CALL_GATE / 8] = gate(CODE, (u32)gate_target, 0xec, 2);
    seen[0] = seen[1] = seen[2] = 0;
    TRY(TO_USER "push $0x1234; push $0x5678; lcall $99, $0; int $0x82", 0, USER(-1));
    EXPECT(0x82, 0);
    check("the first word", seen[0], 0x5678);
    check("the second word", seen[1], 0x1234);
    check("cs", seen[2], CODE);
    gdt[CALL_GATE / 8] = gate(CODE, (u32)gate_target, 0x8c, 2);
    TRY(TO_USER "lcall $99, $0", 0, USER(-1));
    EXPECT(GP, CALL_GATE);
    gdt[CALL_GATE / 8] = gate(CODE, (u32)gate_target, 0x6c, 2);
    TRY(TO_USER "lcall $99, $0", 0, USER(-1));
    EXPECT(NP, CALL_GATE);
}

/* ---- tasks ---- */

void task_b(void);
asm(".text\n.globl task_b\ntask_b: 1: movl %ebx, seen; str seen+4; pushf; popl seen+8; movl %cr0, %eax; movl %eax, seen+12;"
    "movl tss_link, %eax; movl (%eax), %eax; movl %eax, seen+16; clts; iret; incl seen+20; jmp 1b");
u32 tss_link;

static void set_task_b(void)
{
    for (unsigned i = 0; i < 32; i++) {
        tss_b[i] = 0;
    }
    tss_b[8] = (u32)task_b;
    tss_b[9] = 2;
    tss_b[13] = 0x600d;                                   /* EBX */
    tss_b[14] = (u32)stack_b + sizeof(stack_b);
    for (unsigned i = 18; i < 24; i++) {
        tss_b[i] = i == 19 ? CODE : DATA;
    }
    tss_b[25] = sizeof(tss_b) << 16;
    gdt[TSS_B / 8] = segment((u32)tss_b, sizeof(tss_b) - 1, 0x89);
    tss_link = (u32)tss_b;
    for (unsigned i = 0; i < 8; i++) {
        seen[i] = 0;
    }
}

static void check_task_b(void)
{
    EXPECT(NOTHING, 0);
    check("ebx", seen[0], 0x600d);
    check("tr", (u16)seen[1], TSS_B);
    check("nt", seen[2] & 0x4000, 0x4000);
    check("ts", seen[3] & 8, 8);
    check("the link", (u16)seen[4], TSS);
    check("the old task's type", type_of(TSS), 11);
    check("the new task's type", type_of(TSS_B), 9);
    check("the saved flags", tss_b[9] & 0x4000, 0);
}

static void test_task_call(void)
{
    set_task_b();
    TRY("movb $24, %%al; outb %%al, $0xe8; lcall $48, $0", 0);
    check_task_b();
    /* Again: it goes on where it was. */
    tss_b[13] = 0x600d;
    TRY("lcall $56, $0", 0);
    check_task_b();
    check("its second turn", seen[5], 1);
}

static void test_task_interrupt(void)
{
    set_task_b();
    set_gate(0x83, TSS_B, 0, 0x85, 0);
    TRY("int $0x83", 0);
    check_task_b();
    set_gate(0x83, DATA, 0, 0x85, 0);
    TRY("int $0x83", 0);
    EXPECT(GP, DATA);
}

void task_with_error(void);
asm(".text\n.globl task_with_error\ntask_with_error: popl seen; movl tss_a_eip, %eax; movl (%eax), %ecx; movl %ecx, seen+4; "
    "movl 4(%eax), %ecx; movl %ecx, seen+8; movl $77f, %ecx; movl resume_at, %ecx; movl %ecx, (%eax); clts; iret; 77:");
u32 tss_a_eip;

static void test_task_exception(void)
{
    set_task_b();
    tss_b[8] = (u32)task_with_error;
    tss_a_eip = (u32)&tss_a[8];
    set_gate(GP, TSS_B, 0, 0x85, 0);
    move_often(24);
    TRY("movl %0, %%ds", 0xff8);
    set_gate(GP, 8, STUB(GP), 0x8e, 0);
    EXPECT(NOTHING, 0);
    check("the error code", seen[0], 0xff8);
    check("rf of a fault", seen[2] & 0x10000, 0x10000);
}

static void test_task_faults(void)
{
    set_task_b();
    gdt[TSS_B / 8] = segment((u32)tss_b, 0x66, 0x89);
    TRY("lcall $48, $0", 0);
    EXPECT(TS, TSS_B);
    gdt[TSS_B / 8] = segment((u32)tss_b, 0x67, 0x09);
    TRY("lcall $48, $0", 0);
    EXPECT(NP, TSS_B);
    gdt[TSS_B / 8] = segment((u32)tss_b, 0x67, 0x8b);
    TRY("lcall $48, $0", 0);
    EXPECT(GP, TSS_B);
    TRY("lcall $40, $0", 0);
    EXPECT(GP, TSS);
    /* In the new task: the fault's frame is that task's. The handler leaves without an IRET. */
    set_task_b();
    tss_b[21] = 0xff8;
    TRY("ljmp $48, $0", 0);
    EXPECT(TS, 0xff8);
    check("ip", caught.ip, (u32)task_b);
    check("the old task's type", type_of(TSS), 9);
    check("the new task's type", type_of(TSS_B), 11);
    tss_a[8] = 0;
    gdt[TSS / 8] = segment((u32)tss_a, sizeof(tss_a) - 1, 0x89);
    asm volatile("ltr %w0; clts" :: "r"(TSS));
    set_task_b();
    tss_b[20] = READ_ONLY;
    set_gate(TS, 8, STUB(TS), 0x8e, 0);
    tss_b[1] = tss_a[1];
    tss_b[2] = DATA;
    asm volatile("pushf; andl $~0x4000, (%esp); popf");
}

void task_16(void);
asm(".text\n.globl task_16\ntask_16: movl %ebx, seen; clts; iretw");

static void test_task_16(void)
{
    for (unsigned i = 0; i < 32; i++) {
        tss_16[i] = 0;
    }
    /* IP has 16 bits: a copy of the code lies below 64 KiB. */
    for (unsigned i = 0; i < 16; i++) {
        ((volatile u8 *)0x7000)[i] = ((u8 *)task_16)[i];
    }
    seen[0] = 0;
    tss_16[7] = 0x7000;
    tss_16[8] = 2;
    tss_16[12] = 0x600d;
    tss_16[13] = 0x7f00;
    for (unsigned i = 17; i < 21; i++) {
        tss_16[i] = i == 18 ? CODE : DATA;
    }
    gdt[TSS16 / 8] = segment((u32)tss_16, 0x2b, 0x81);
    TRY("movl $0x12345678, %%esi; lcall $104, $0; movl %%esi, seen+4", 0);
    EXPECT(NOTHING, 0);
    check("bx", (u16)seen[0], 0x600d);
    check("esi came back", seen[1], 0x12345678);
    gdt[TSS16 / 8] = segment((u32)tss_16, 0x2a, 0x81);
    TRY("lcall $104, $0", 0);
    EXPECT(TS, TSS16);
}
/* ---- single step ---- */

static void test_single_step(void)
{
    u32 dr6;

    returns = 1;
    caught.count = 0;
    asm volatile("pushf; orl $0x100, (%%esp); popf; nop; nop; pushf; andl $~0x100, (%%esp); popf; nop"
                 ::: "memory", "cc");
    check("traps", caught.count, 5);
    check("vector", caught.vector, DB);
    asm volatile("mov %%dr6, %0" : "=r"(dr6));
    check("dr6.bs", dr6 & 0x4000, 0x4000);
    /* After MOV SS none comes, the next one does. */
    caught.count = 0;
    asm volatile("mov %%ss, %%eax; pushf; orl $0x100, (%%esp); popf; mov %%eax, %%ss; nop; pushf; andl $~0x100, (%%esp); popf"
                 ::: "eax", "memory", "cc");
    check("traps with a shadow", caught.count, 4);
    /* A far jump counts. */
    caught.count = 0;
    asm volatile("pushf; orl $0x100, (%%esp); popf; ljmp $8, $1f; 1: pushf; andl $~0x100, (%%esp); popf"
                 ::: "memory", "cc");
    check("traps with a far jump", caught.count, 4);
    returns = 0;
    TRY("int1", 0);
    check("icebp", caught.vector, DB);
}

/* ---- virtual-8086 mode: code that is copied to 0x9000 ---- */

#define AT_9000(name, code) extern const u8 name[], name##_end[]; \
    asm(".text\n.code16\n.globl " #name ", " #name "_end\n" #name ": " code "\n" #name "_end: .code32\n")

AT_9000(v_hlt, "hlt");
AT_9000(v_cli, "cli; sti; int $0x82");
AT_9000(v_pushf, "pushfw; popw %ax; int $0x82");
AT_9000(v_int, "int $0x82");
AT_9000(v_in, "inb $0x80, %al");
AT_9000(v_lar, "lar %ax, %ax");
AT_9000(v_vector, ".byte 0xc5, 0xf8, 0x28, 0xc1; int $0x82");        /* VMOVAPS */
AT_9000(v_integer, ".byte 0xc4, 0xe2, 0x78, 0xf2, 0xc1; int $0x82"); /* ANDN */
AT_9000(v_loads, "movw $0x9000, %bx; .byte 0xc5, 0x0f; int $0x82"); /* LDS (%BX), %CX, which begins as VEX does */
AT_9000(v_far_jump, "ljmpl $0x900, $0x10000");
AT_9000(v_far_call, "lcalll $0x900, $0x10000");
AT_9000(v_far_ret, "pushl $0x900; pushl $0x10000; lretl");
AT_9000(v_iretl, "pushfl; pushl $0x900; pushl $0x10000; iretl");
AT_9000(v_iret, "pushw $0x0200; pushw $0; pushw $0x9100; iretw");

/* SS:SP is 0:0x8000; segments are 0. v86_moves: move_often() from IRET on. */
u8 v86_moves;
#define V86(code, flags) do { copy_code(0x9000, code, code##_end); \
    TRY("push $0; push $0; push $0; push $0; push $0; push $0x8000; push %%eax; push $0x900; push $0;" \
        "movb v86_moves, %%al; outb %%al, $0xe8; iret", (flags) | 0x20002); v86_moves = 0; } while (0)

static void set_cr4(u32 set, u32 clear)
{
    u32 value;

    asm volatile("mov %%cr4, %0" : "=r"(value));
    asm volatile("mov %0, %%cr4" :: "r"((value | set) & ~clear) : "memory");
}

/* Long mode wants a TSS of 32 bits, or of 64. */
static void test_long_mode(void)
{
    gdt[TSS16 / 8] = segment((u32)tss_16, 0x2b, 0x81);
    set_cr4(0x20, 0);
    write_msr(0xc0000080, 0x100);
    asm volatile("ltr %w0" :: "r"(TSS16));
    TRY("movl %%cr0, %%ecx; orl $0x80000000, %%ecx; movl %%ecx, %%cr0", 0);
    EXPECT(GP, 0);
    write_msr(0xc0000080, 0);
    set_cr4(0, 0x20);
    gdt[TSS / 8] &= ~(2ull << 40);
    asm volatile("ltr %w0" :: "r"(TSS));
}

static void test_v86(void)
{
    *(volatile u8 *)0x9100 = 0xf4;
    V86(v_hlt, 0x3000);
    EXPECT(GP, 0);
    check("flags", caught.flags & 0x23000, 0x23000);
    check("cs", caught.cs & 0xffff, 0x900);
    check("ip", caught.ip, 0);
    V86(v_cli, 0);
    EXPECT(GP, 0);
    v86_moves = 8;
    V86(v_cli, 0x3000);
    EXPECT(0x82, 0);
    v86_moves = 6;
    V86(v_int, 0);
    EXPECT(GP, 0);
    V86(v_pushf, 0);
    EXPECT(GP, 0);
    V86(v_in, 0x3000);
    EXPECT(GP, 0);
    V86(v_lar, 0x3000);
    EXPECT(UD, 0);
    V86(v_vector, 0x3000);
    EXPECT(UD, 0);
    V86(v_integer, 0x3000);
    EXPECT(UD, 0);
    V86(v_loads, 0x3000);
    EXPECT(0x82, 0);
    /* Beyond the limit is no place to go, or to return, to. */
    V86(v_far_jump, 0x3000);
    EXPECT(GP, 0);
    check("ip of the far jump", caught.ip, 0);
    V86(v_far_call, 0x3000);
    EXPECT(GP, 0);
    check("ip of the far call", caught.ip, 0);
    V86(v_far_ret, 0x3000);
    EXPECT(GP, 0);
    check("ip of the far return", caught.ip, v_far_ret_end - v_far_ret - 2);
    V86(v_iretl, 0x3000);
    EXPECT(GP, 0);
    check("ip of the IRET", caught.ip, v_iretl_end - v_iretl - 2);
    TRY("push $0; push $0; push $0; push $0; push $0; push $0x8000; push %%eax; push $0x900; push $0x10000; iret",
        0x23002);
    EXPECT(GP, 0);
    check("cs of the IRET to it", caught.cs, CODE);
}

static void test_vme(void)
{
    *(volatile u32 *)(0x82 * 4) = 0x9100;
    set_cr4(1, 0);
    v86_moves = 8;
    V86(v_cli, 0);                                  /* VIF; then the vector's handler in 8086 mode */
    EXPECT(GP, 0);
    check("ip", caught.ip, 0x9100);
    check("vif", caught.flags & 0x80200, 0);        /* the redirection cleared it */
    v86_moves = 8;
    V86(v_iret, 0);
    check("ip after iret", caught.ip, 0x9100);
    check("vif after iret", caught.flags & 0x80200, 0x80000);
    V86(v_iret, 0x100000);
    EXPECT(GP, 0);
    check("ip with vip", caught.ip != 0x9100, 1);
    set_cr4(2, 1);
    TRY(TO_USER "sti; int $0x82", 0, USER(~0x103000));
    EXPECT(0x82, 0);
    check("vif of pvi", caught.flags & 0x80200, 0x80000);
    set_cr4(0, 3);
}

/* ---- real mode: to it, and with a segment that kept its limit ---- */

AT_9000(real, "movl %cr0, %eax; andl $~1, %eax; movl %eax, %cr0; ljmp $0, $(0x9000 + 1f - real);"
        "1: .byte 0x0f, 0x01, 0xcb, 0x0f, 0x01, 0xca; xorw %ax, %ax; movw %ax, %ds;"    /* STAC, CLAC */
        " movw %ax, %ss; movw $0x8000, %sp;"
        "movw %ax, %fs; movl $seen, %ebx; movl $0x1234, %fs:(%ebx);"
        "int $0x84; movw %ax, %es; 2: movl %es:(%ebx), %ecx;"
        "movl %cr0, %eax; orl $1, %eax; movl %eax, %cr0; ljmpl $8, $real_back;"
        "real_84: incl 0x9800; iretw; real_gp: incl 0x9804; popw %ax; addw $5, %ax; pushw %ax; iretw");
asm(".text\nreal_back: movl $16, %eax; movl %eax, %ds; movl %eax, %es; movl %eax, %ss; jmp *resume_at");
extern const u8 real_84[], real_gp[];

static void test_real(void)
{
    struct { u16 limit; u32 base; } __attribute__((packed)) ivt = { 0x3ff, 0 };

    copy_code(0x9000, real, real_end);
    *(volatile u32 *)0x9800 = *(volatile u32 *)0x9804 = 0;
    *(volatile u32 *)(0x84 * 4) = 0x9000 + (u32)(real_84 - real);
    *(volatile u32 *)(GP * 4) = 0x9000 + (u32)(real_gp - real);
    gdt[SMALL / 8] = segment(0, 0xffff, 0x093);
    gdt[EXEC_ONLY / 8] = segment(0, 0xffff, 0x09b);
    seen[0] = 0;
    asm volatile("lidt %0" :: "m"(ivt));
    TRY("movb $45, %%al; outb %%al, $0xe8; movl $16, %%ecx; movl %%ecx, %%fs; movl $72, %%ecx; movl %%ecx, %%es; movl %%ecx, %%ds; movl %%ecx, %%ss;"
        "ljmp $112, $0x9000", 0);
    load_idt();
    set_gate(0x82, CODE, STUB(0x82), 0xee, 0);
    check("interrupts", *(volatile u32 *)0x9800, 1);
    check("by a segment of 4 GiB", seen[0], 0x1234);
    check("faults at 64 KiB", *(volatile u32 *)0x9804, 1);
    EXPECT(NOTHING, 0);
}

/* ---- paging ---- */

static u32 directory[1024] __attribute__((aligned(4096))), table[1024] __attribute__((aligned(4096)));
static u64 pae[2][512] __attribute__((aligned(4096))), pae_top[4] __attribute__((aligned(32)));
static u8 page[4096] __attribute__((aligned(4096)));
#define AT 0x40000000u

static void paging(u32 cr3, u32 cr0)
{
    asm volatile("mov %%cr0, %%eax; andl $0x7ffeffff, %%eax; mov %%eax, %%cr0; mov %0, %%cr3; orl %1, %%eax;"
                 "mov %%eax, %%cr0"
                 :: "r"(cr3), "r"(cr0) : "eax", "memory");
}

static void flush(u32 at) { asm volatile("invlpg (%0)" :: "r"(at) : "memory"); }

static void test_paging_32(void)
{
    set_cr4(0x10, 0xa0);
    for (unsigned i = 0; i < 8; i++) {
        directory[i] = i << 22 | 0x83;
    }
    directory[AT >> 22] = (u32)table | 3;
    directory[(AT >> 22) + 1] = 0x83 | 1 << 21;
    table[0] = (u32)page | 1;
    paging((u32)directory, 0x80000000);
    TRY("movl (%0), %%ecx", AT);
    EXPECT(NOTHING, 0);
    check("accessed", table[0] & 0x60, 0x20);
    check("the table's", directory[AT >> 22] & 0x60, 0x20);
    TRY("movl %%ecx, (%0)", AT);
    EXPECT(NOTHING, 0);                             /* CR0.WP is 0 */
    check("dirty", table[0] & 0x60, 0x60);
    paging((u32)directory, 0x80010000);
    TRY("movl %%ecx, (%0)", AT);
    EXPECT(PF, 3);
    check("cr2", caught.cr2, AT);
    TRY("movl (%0), %%ecx", AT + 0x400000);
    EXPECT(PF, 9);
    TRY("jmp *%0", AT + 0x1000);
    EXPECT(PF, 0);
    TRY(TO_USER "nop", 0, USER(-1));
    EXPECT(PF, 5);
    paging(0, 0);
}

static void test_paging_pae(void)
{
    set_cr4(0x20, 0x90);
    for (unsigned i = 0; i < 16; i++) {
        pae[0][i] = i << 21 | 0x83;
    }
    pae_top[0] = (u32)pae[0] | 1;
    pae_top[1] = (u32)pae[1] | 1;
    pae[1][0] = (u32)table | 3;
    table[0] = (u32)page | 3;
    table[1] = 0x80000000;                          /* NX, which is reserved without EFER.NXE */
    paging((u32)pae_top, 0x80010000);
    TRY("movl (%0), %%ecx", AT);
    EXPECT(PF, 9);
    asm volatile("wrmsr" :: "c"(0xc0000080), "a"(0x800), "d"(0));
    TRY("movl (%0), %%ecx", AT);
    EXPECT(NOTHING, 0);
    TRY("jmp *%0", AT);
    EXPECT(PF, 0x11);
    TRY("movl (%0), %%ecx", 2 * AT);
    EXPECT(PF, 0);
    pae_top[2] = 0x21;
    TRY("movl %%cr3, %%ecx; movl %%ecx, %%cr3", 0);
    EXPECT(GP, 0);
    pae_top[2] = 0;
    paging(0, 0);
    asm volatile("wrmsr" :: "c"(0xc0000080), "a"(0), "d"(0));
    set_cr4(0, 0x20);
}

/* Large pages: rights, bits, and with PSE-36 addresses of 40 bits. */
static void test_large_pages(void)
{
    volatile u32 *pde = &directory[AT >> 22];

    for (unsigned i = 0; i < 8; i++) {
        directory[i] = i << 22 | 0x83;
    }
    set_cr4(0x10, 0xa0);
    *pde = 0x400083;
    paging((u32)directory, 0x80010000);
    *(volatile u32 *)0x400000 = 0x12345678;
    TRY("movl (%0), %0", AT);
    EXPECT(NOTHING, 0);
    check("accessed", *pde & 0x60, 0x20);
    TRY("movl %%ecx, 64(%0)", AT);
    check("dirty", *pde & 0x60, 0x60);
    *pde = 0x400081;
    flush(AT);
    TRY("movl %%ecx, (%0)", AT);
    EXPECT(PF, 3);
    TRY("incl (%0)", AT);
    EXPECT(PF, 3);
    TRY("movl (%0), %%ecx; cmpl $0x12345678, %%ecx; je 1f; ud2; 1:", AT);
    EXPECT(NOTHING, 0);
    *pde = 0x400083 | 1 << 13;                      /* bit 32 of the address: nothing is there */
    flush(AT);
    TRY("movl (%0), %%ecx; cmpl $-1, %%ecx; je 1f; ud2; 1:", AT);
    EXPECT(NOTHING, 0);
    *pde = 0x400083 | 1 << 12;                      /* the PAT's */
    flush(AT);
    TRY("movl (%0), %%ecx; cmpl $0x12345678, %%ecx; je 1f; ud2; 1:", AT);
    EXPECT(NOTHING, 0);
    *pde = 0x600083;                                /* bit 21 */
    flush(AT);
    TRY("movl %%ecx, (%0)", AT);
    EXPECT(PF, 11);
    /* Only fetches with SMEP (there is no NX) are told of. */
    *pde = 0;
    flush(AT);
    TRY("jmp *%0", AT);
    EXPECT(PF, 0);
    set_cr4(1 << 20, 0);
    TRY("jmp *%0", AT);
    EXPECT(PF, 0x10);
    set_cr4(0, 1 << 20);
    paging(0, 0);
    /* Without CR4.PSE the bit means nothing. */
    for (unsigned i = 0; i < 1024; i++) {
        table[i] = i << 12 | 3;
    }
    set_cr4(0, 0x10);
    directory[0] = (u32)table | 0x83;
    *pde = (u32)table | 0x83;
    paging((u32)directory, 0x80010000);
    TRY("movl (%0), %%ecx; cmpl 0x100000, %%ecx; je 1f; ud2; 1:", AT + 0x100000);
    EXPECT(NOTHING, 0);
    paging(0, 0);
    directory[0] = 0x83;
}

/* Four entries that are read when CR3 is loaded, or CR0 and CR4 change what they mean: SDM 4.4.1. */
static void test_pdptes(void)
{
    volatile u64 *entry = &pae_top[1];
    u64 good = (u32)pae[1] | 1;

    for (unsigned i = 0; i < 16; i++) {
        pae[0][i] = i << 21 | 0x83;
    }
    pae[1][0] = 0x400083;
    pae_top[0] = (u32)pae[0] | 1;
    *entry = good;
    pae_top[2] = pae_top[3] = ~1ull;                /* whatever is in those that are not there */
    set_cr4(0x20, 0x90);
    paging((u32)pae_top, 0x80010000);
    TRY("movl (%0), %%ecx", AT);
    EXPECT(NOTHING, 0);
    check("no accessed bit", *entry, good);
    /* What is in memory counts when they are loaded. */
    *entry = 0;
    flush(AT);
    TRY("movl (%0), %%ecx", AT);
    EXPECT(NOTHING, 0);
    TRY("movl %%cr0, %%ecx; xorl $0x10000, %%ecx; movl %%ecx, %%cr0; xorl $0x10000, %%ecx; movl %%ecx, %%cr0;"
        "movl (%0), %%ecx", AT);
    EXPECT(NOTHING, 0);
    set_cr4(0x80, 0);
    TRY("movl (%0), %%ecx", AT);
    EXPECT(PF, 0);
    *entry = good;
    TRY("movl %%cr3, %%ecx; movl %%ecx, %%cr3; movl (%0), %%ecx", AT);
    EXPECT(NOTHING, 0);
    *entry = 0;
    TRY("movl %%cr0, %%ecx; orl $0x40000000, %%ecx; movl %%ecx, %%cr0; invlpg (%0); movl (%0), %%ecx", AT);
    EXPECT(PF, 0);
    TRY("movl %%cr0, %%ecx; andl $~0x40000000, %%ecx; movl %%ecx, %%cr0", 0);
    /* Reserved bits: whoever loads them faults, and what was there stays. */
    *entry = good;
    TRY("movl %%cr3, %%ecx; movl %%ecx, %%cr3", 0);
    static const u64 reserved[] = { 2, 4, 0x20, 0x40, 0x80, 0x100, 1ull << 40, 1ull << 63 };
    for (unsigned i = 0; i < sizeof(reserved) / 8; i++) {
        *entry = good | reserved[i];
        TRY("movl %%cr3, %%ecx; movl %%ecx, %%cr3", 0);
        EXPECT(GP, 0);
        TRY("movl %%cr4, %%ecx; xorl $0x80, %%ecx; movl %%ecx, %%cr4", 0);
        EXPECT(GP, 0);
    }
    TRY("movl (%0), %%ecx", AT);
    EXPECT(NOTHING, 0);
    paging(0, 0);
    TRY("movl %0, %%cr3; movl %%cr0, %%ecx; orl $0x80000000, %%ecx; movl %%ecx, %%cr0", (u32)pae_top);
    EXPECT(GP, 0);
    *entry = good | 0xe18;                          /* PWT, PCD and what software may use */
    paging((u32)pae_top, 0x80010000);
    pae[1][0] = 0x400083 | 1 << 13;                 /* reserved in 2 MiB */
    TRY("movl (%0), %%ecx", AT);
    EXPECT(PF, 9);
    paging(0, 0);
    set_cr4(0, 0xa0);
}

/* Asked for by a command line that ends in '3': nothing more is heard of the CPU. */
static void triple_fault(void)
{
    struct { u16 limit; u32 base; } __attribute__((packed)) none = { 0, 0 };
    const volatile u32 *info = (const volatile u32 *)multiboot_info;
    const char *line = info[0] & 4 ? (const char *)info[4] : "";

    while (line[0] && line[1]) {
        line++;
    }
    if (*line == '3') {
        print("three faults\n");
        asm volatile("lidt %0; ud2" :: "m"(none));
    }
}

void main(void)
{
    triple_fault();
    set_up();
    run("faults", test_faults);
    run("limits of code", test_code_limit);
    run("near jumps", test_near_jumps);
    load_idt();
    run("vectors", test_bad_vector);
    run("user mode", test_user);
    run("syscall", test_syscall);
    run("call gates", test_call_gate);
    run("task by call", test_task_call);
    run("task by interrupt", test_task_interrupt);
    run("task by exception", test_task_exception);
    run("task faults", test_task_faults);
    run("16-bit task", test_task_16);
    run("single step", test_single_step);
    run("the way to long mode", test_long_mode);
    run("virtual-8086 mode", test_v86);
    run("virtual interrupts", test_vme);
    run("32-bit paging", test_paging_32);
    run("PAE paging", test_paging_pae);
    run("pages of 4 MiB", test_large_pages);
    run("PDPTEs", test_pdptes);
    run("real mode", test_real);
    print("end\n");
    outb(0xf4, 0);
}
