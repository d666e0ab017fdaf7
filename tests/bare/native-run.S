/* SPDX-License-Identifier: MIT */
/*
 * uint32_t native_run(void): loads all user registers but RSP from native_in, calls
 * native_code, and stores them in native_out. 0: it came back; else 1: native_recover was jumped
 * to, because of a fault.
 */
#define GPR(n) ((n) * 8)
#define FLAGS 128
#define FX 192
#define YMM 704

    .section .text
    .globl native_run, native_recover
native_run:
    endbr64
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, saved_rsp(%rip)
    fxrstor64 native_in + FX(%rip)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovdqu native_in + YMM + 32 * \n(%rip), %ymm\n
    .endr
    pushq native_in + FLAGS(%rip)
    popfq
    mov native_in + GPR(0)(%rip), %rax
    mov native_in + GPR(1)(%rip), %rcx
    mov native_in + GPR(2)(%rip), %rdx
    mov native_in + GPR(3)(%rip), %rbx
    mov native_in + GPR(5)(%rip), %rbp
    mov native_in + GPR(6)(%rip), %rsi
    mov native_in + GPR(7)(%rip), %rdi
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    mov native_in + GPR(\n)(%rip), %r\n
    .endr
    call *native_code(%rip)
    mov %rax, native_out + GPR(0)(%rip)
    mov %rcx, native_out + GPR(1)(%rip)
    mov %rdx, native_out + GPR(2)(%rip)
    mov %rbx, native_out + GPR(3)(%rip)
    mov %rbp, native_out + GPR(5)(%rip)
    mov %rsi, native_out + GPR(6)(%rip)
    mov %rdi, native_out + GPR(7)(%rip)
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    mov %r\n, native_out + GPR(\n)(%rip)
    .endr
    pushfq
    popq native_out + FLAGS(%rip)
    cld
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovdqu %ymm\n, native_out + YMM + 32 * \n(%rip)
    .endr
    fxsave64 native_out + FX(%rip)
    xor %eax, %eax
1:  fninit
    ldmxcsr usual_mxcsr(%rip)
    vzeroupper
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
native_recover:
    cld
    mov saved_rsp(%rip), %rsp
    mov $1, %eax
    jmp 1b

    .section .data
usual_mxcsr: .long 0x1f80
    .section .bss
    .align 64
    .globl native_in, native_out, native_code
native_in: .skip 1216
    .align 64
native_out: .skip 1216
native_code: .skip 8
saved_rsp: .skip 8
    .section .note.GNU-stack, "", @progbits
