/* SPDX-License-Identifier: MIT */
/*
 * What 64-bit CPUs of the one vendor have and those of the other do not: SYSENTER and SYSEXIT
 * in long mode, SYSCALL and SYSRET in compatibility mode. Intel SDM volume 2; AMD APM volume 3.
 */
#include "tests/functional/jit-system/setup64.h"

static int is_intels;
u64 sysenter_sp;

static void find_vendor(void)
{
    u32 a = 0, b, c = 0, d;

    asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    is_intels = b == 0x756e6547;        /* "Genu" */
}

void on_sysenter(void), on_syscall(void);
asm(".text\n.globl on_sysenter, on_syscall\n"
    "on_sysenter: movq %rsp, sysenter_sp; int $0x83\n"
    "on_syscall: int $0x84\n");

/* In compatibility mode. */
#define COMPATIBLE "push $24; push $71f; lretq; .code32; 71: "
#define END_32 "; int $0x85; .code64"

static void test_sysenter(void)
{
    write_msr(0x174, CODE);
    write_msr(0x175, (u64)user_stack + 2048);
    write_msr(0x176, (u64)on_sysenter);
    sysenter_sp = 0;
    TRY("sysenter", 0);
    EXPECT(is_intels ? 0x83 : UD, 0);
    check("RSP", sysenter_sp, is_intels ? (u64)user_stack + 2048 : 0);
    TRY(COMPATIBLE "sysenter" END_32, 0);
    EXPECT(is_intels ? 0x83 : UD, 0);
    check("CS", caught.cs, is_intels ? CODE : CODE32);
    TRY("pushfq; orl $0x100, (%%rsp); popfq; sysenter", 0);
    EXPECT(is_intels ? DB : UD, 0);
    if (is_intels) {
        check("stepped to", caught.ip, (word)on_sysenter);
    }
    asm volatile("mov %0, %%dr6" :: "r"(0ull));
    /* What is wrong with the MSR is not asked where there is no such instruction. */
    write_msr(0x174, 0);
    TRY("sysenter", 0);
    EXPECT(is_intels ? GP : UD, 0);
    TRY("sysexit", 0);
    EXPECT(is_intels ? GP : UD, 0);
}

/* To users of 64 and of 32 bits; at CPL 3 it is #GP. */
static void test_sysexit(void)
{
    write_msr(0x174, CODE);
    open_memory(1);
    TRY("leaq 1f(%%rip), %%rdx; leaq user_stack+4096(%%rip), %%rcx; rex.w sysexit; 1: int $0x82",
        0);
    EXPECT(is_intels ? 0x82 : UD, 0);
    check("CS", caught.cs, is_intels ? CODE + 32 + 3 : CODE);
    TRY("leaq 1f(%%rip), %%rdx; leaq user_stack+4096(%%rip), %%rcx; sysexit; .code32; 1: int $0x82; .code64", 0);
    EXPECT(is_intels ? 0x82 : UD, 0);
    check("CS", caught.cs, is_intels ? CODE + 16 + 3 : CODE);
    TRY(USER "sysexit", 0, OPERANDS);
    EXPECT(is_intels ? GP : UD, 0);
    open_memory(0);
    write_msr(0x174, 0);
}

static void test_syscall(void)
{
    write_msr(0xc0000081, (u64)CODE << 32);
    write_msr(0xc0000082, 0);
    write_msr(0xc0000083, (u64)on_syscall);
    TRY(COMPATIBLE "syscall" END_32, 0);
    EXPECT(is_intels ? UD : 0x84, 0);
    check("CS", caught.cs, is_intels ? CODE32 : CODE);
}

/* CR4's bits of what CPUID does not offer are reserved. */
static void test_cr4(void)
{
    static const struct { u8 bit, feature; } bits[] = {
        { 0, 1 }, { 1, 1 }, { 3, 2 }, { 6, 7 },             /* VME, PVI; DE; MCE */
    };
    u32 a = 1, b, c = 0, features;

    asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(features));
    for (unsigned i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        u64 old = read_cr4(), bit = 1ull << bits[i].bit;
        int there = features >> bits[i].feature & 1;

        TRY("movq %0, %%cr4", old | bit);
        check("vector", caught.vector, there ? NOTHING : GP);
        check("CR4", read_cr4() & bit, there ? bit : 0);
        write_cr4(old);
    }
}

void main(void)
{
    set_up();
    find_vendor();
    set_gate(0x82, CODE, STUB(0x82), 0xee, 0);
    run("SYSENTER", test_sysenter);
    run("SYSEXIT", test_sysexit);
    run("CR4", test_cr4);
    run("SYSCALL in compatibility mode", test_syscall);
    print("end\n");
    outb(0xf4, 0);
}
