/* SPDX-License-Identifier: MIT */
/*
 * The x87 of an x86-64 host runs each instruction on the guest's state, so everything is as
 * there: rounding, stack faults, C0 … C3, unmasked responses, transcendentals as the host's model
 * has them.
 */
#include "accel/jit/x86/x87.h"

#ifdef __x86_64__

/* FSAVE's layout of 32-bit protected mode, which FRSTOR and FNSAVE have in 64-bit mode too. */
typedef struct __attribute__((packed)) Image {
    uint16_t cw, cw_high, sw, sw_high, tw, tw_high;
    uint32_t fip, fcs_fop, fdp, fds;
    struct __attribute__((packed)) {
        uint64_t mantissa;
        uint16_t exponent;
    } st[8];
} Image;
G_STATIC_ASSERT(sizeof(Image) == 108);

bool x87_the_long_way;

/*
 * All instructions of D8 … DF: the 64 register forms of each, and the 8 memory forms with the
 * operand at RDI. 4 bytes each.
 */
extern const uint8_t x87_register_stubs[8 * 64][4], x87_memory_stubs[8 * 8][4];
__asm__(".pushsection .text\n"
        ".globl x87_register_stubs, x87_memory_stubs\n"
        ".hidden x87_register_stubs, x87_memory_stubs\n"
        ".balign 16\n"
        "x87_register_stubs:\n"
        ".set opcode_, 0xd8\n"
        ".rept 8\n"
        ".set modrm_, 0xc0\n"
        ".rept 64\n"
        ".byte opcode_, modrm_, 0xc3, 0xcc\n"
        ".set modrm_, modrm_ + 1\n"
        ".endr\n"
        ".set opcode_, opcode_ + 1\n"
        ".endr\n"
        "x87_memory_stubs:\n"
        ".set opcode_, 0xd8\n"
        ".rept 8\n"
        ".set modrm_, 0x07\n"
        ".rept 8\n"
        ".byte opcode_, modrm_, 0xc3, 0xcc\n"
        ".set modrm_, modrm_ + 8\n"
        ".endr\n"
        ".set opcode_, opcode_ + 1\n"
        ".endr\n"
        ".popsection\n");

/*
 * FRSTOR, the instruction, FNSAVE, which also leaves the host's x87 as the ABI has it. An
 * exception that the guest does not mask is pending on the host for no instruction that would
 * wait for it.
 */
static void run_on_host(Image *image, const uint8_t *stub, void *operand, uint64_t *eflags)
{
    uint64_t flags = *eflags;
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
                     "frstor %1\n\t"
                     "push %0\n\t"
                     "popfq\n\t"
                     "notrack call *%2\n\t"
                     "pushfq\n\t"
                     "pop %0\n\t"
                     "fnsave %1\n\t"
                     "lea 128(%%rsp), %%rsp"
                     : "+b"(flags), "+m"(*image)
                     : "a"(stub), "D"(operand)
                     : "cc", "memory", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)",
                       "st(6)", "st(7)");
    *eflags = flags;
}

static void image_of(const X86Jit *cpu, Image *image)
{
    *image = (Image){
        .cw = cpu->fcw, .cw_high = 0xffff, .sw = cpu->fsw, .sw_high = 0xffff,
        .tw = x87_full_tags(cpu), .tw_high = 0xffff,
    };
    for (unsigned i = 0; i < 8; i++) {
        const X86Fpr *r = &cpu->fpr[(x87_top(cpu) + i) & 7];
        image->st[i].mantissa = r->mantissa;
        image->st[i].exponent = r->exponent;
    }
}

static void take_image(X86Jit *cpu, const Image *image)
{
    cpu->fsw = image->sw;
    x87_set_full_tags(cpu, image->tw);
    for (unsigned i = 0; i < 8; i++) {
        X86Fpr *r = &cpu->fpr[(x87_top(cpu) + i) & 7];
        r->mantissa = image->st[i].mantissa;
        r->exponent = image->st[i].exponent;
    }
}

/* Exceptions that were pending and not masked stay so, but the host does not get them. */
static void execute(X86Jit *cpu, Image *image, const uint8_t *stub, void *operand,
                    uint64_t *eflags)
{
    image_of(cpu, image);
    image->sw &= ~((cpu->fsw & ~cpu->fcw & X87_EXCEPTIONS) | X87_ES | X87_B);
    run_on_host(image, stub, operand, eflags);
}

static void finish(X86Jit *cpu, const Image *image, uint64_t code, uint64_t ip)
{
    uint16_t pending = cpu->fsw & ~cpu->fcw & X87_EXCEPTIONS;
    take_image(cpu, image);
    cpu->fsw |= pending;
    x87_update_summary(cpu);
    x87_note(cpu, code, ip);
}

/* These are apart, so that only they have an image to be cleared. */
static __attribute__((noinline)) void run_whole(X86Jit *cpu, uint64_t code, uint64_t ip,
                                                const uint8_t *stub, void *operand,
                                                uint64_t *eflags)
{
    Image image;
    execute(cpu, &image, stub, operand, eflags);
    finish(cpu, &image, code, ip);
}

static __attribute__((noinline)) void store_whole(X86Jit *cpu, uint64_t code, uint64_t ip,
                                                  uint64_t address, unsigned bytes)
{
    uint64_t eflags = 0x202;
    uint8_t operand[16] = { 0 };
    Image image;
    execute(cpu, &image, x87_memory_stubs[(code >> 8 & 7) * 8 + (code >> 3 & 7)], operand, &eflags);
    if (!(image.sw & ~cpu->fcw & X87_EXCEPTIONS & ~X87_PE)) {
        jit_store_bytes(&cpu->core, address, operand, bytes, x86_data_mode(cpu));
    }
    finish(cpu, &image, code, ip);
}

/*
 * Without the whole state: the usual instructions, when all exceptions are masked and no register
 * is empty or full against the rule, need one or two operands on the host's stack. The host's x87
 * is as the ABI has it before and after: empty, 0x37f. Exception flags of other code of the
 * program are cleared.
 */
static bool is_usual(const X86Jit *cpu)
{
    return (cpu->fcw & X87_EXCEPTIONS) == X87_EXCEPTIONS && !(cpu->fsw & X87_ES);
}

static inline void wait_for_x87(X86Jit *cpu)
{
    if (G_UNLIKELY(cpu->fsw & X87_ES)) {
        x87_wait(cpu);
    }
}

static const uint8_t *register_stub(unsigned opcode, unsigned modrm)
{
    return x87_register_stubs[(opcode & 7) * 64 + (modrm & 0x3f)];
}

/*
 * Pushes `under` and `top`, where given, does the instruction, pops into `result`, where given, and
 * pops what is left if `left`. The status word: exceptions and C0 … C3 of this alone.
 */
static uint16_t run_usual(X86Jit *cpu, const X86Fpr *under, const X86Fpr *top, const uint8_t *stub,
                          void *operand, X86Fpr *result, bool left, uint64_t *eflags)
{
    static const uint16_t abi_cw = 0x37f;
    uint16_t sw;
    uint64_t flags = 0;
    __asm__ volatile("fnstsw %0" : "=a"(sw));
    if (G_UNLIKELY(sw & (X87_EXCEPTIONS | X87_SF))) {
        __asm__ volatile("fnclex");
    }
    __asm__ volatile("fldcw %0" : : "m"(cpu->fcw));
    if (under) {
        __asm__ volatile("fldt %0" : : "m"(*under));
    }
    if (top) {
        __asm__ volatile("fldt %0" : : "m"(*top));
    }
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
                     "notrack call *%2\n\t"
                     "pushfq\n\t"
                     "pop %1\n\t"
                     "fnstsw %0\n\t"
                     "lea 128(%%rsp), %%rsp"
                     : "=a"(sw), "=&b"(flags)
                     : "r"(stub), "D"(operand)
                     : "cc", "memory");
    if (result) {
        __asm__ volatile("fstpt %0" : "=m"(*result) : : "memory");
    }
    if (left) {
        __asm__ volatile("fstp %st(0)");
    }
    if (sw & (X87_EXCEPTIONS | X87_SF)) {
        __asm__ volatile("fnclex");
    }
    if (cpu->fcw != abi_cw) {
        __asm__ volatile("fldcw %0" : : "m"(abi_cw));
    }
    *eflags = flags;
    return sw;
}

/* `codes`: those of C0 … C3 that the instruction sets. */
static void add_status(X86Jit *cpu, uint16_t sw, uint16_t codes)
{
    cpu->fsw = (cpu->fsw & ~codes) | (sw & (codes | X87_EXCEPTIONS | X87_SF));
}

/* Arithmetic and comparison of registers, and moves. False: it has to be done the long way. */
static bool register_usual(X86Jit *cpu, unsigned opcode, unsigned modrm, uint64_t *eflags)
{
    unsigned i = modrm & 7, reg = modrm >> 3 & 7;
    uint16_t sw;

    if (!is_usual(cpu) || !x87_is_full(cpu, 0)) {
        return false;
    }
    if (opcode == 1 && (modrm == 0xe0 || modrm == 0xe1)) { /* FCHS, FABS */
        X86Fpr *r = x87_stack(cpu, 0);
        r->exponent = modrm == 0xe0 ? r->exponent ^ 0x8000 : r->exponent & 0x7fff;
        cpu->fsw &= ~X87_C1;
        return true;
    }
    if (opcode == 5 && (reg == 2 || reg == 3)) { /* FST, FSTP */
        X86Fpr value = *x87_stack(cpu, 0);
        *x87_stack(cpu, i) = value;
        cpu->ftw |= 1u << ((x87_top(cpu) + i) & 7);
        cpu->fsw &= ~X87_C1;
        if (reg == 3) {
            x87_pop(cpu);
        }
        return true;
    }
    if (!x87_is_full(cpu, i)) {
        return false;
    }
    X86Fpr *st0 = x87_stack(cpu, 0), *sti = x87_stack(cpu, i), value;
    if (opcode == 1 && reg == 0 && !x87_is_full(cpu, 7)) { /* FLD */
        value = *sti;
        x87_push(cpu);
        *x87_stack(cpu, 0) = value;
        cpu->fsw &= ~X87_C1;
        return true;
    }
    if (opcode == 1 && reg == 1) { /* FXCH */
        value = *st0;
        *st0 = *sti;
        *sti = value;
        cpu->fsw &= ~X87_C1;
        return true;
    }
    if (opcode == 0 && reg != 2 && reg != 3) {
        sw = run_usual(cpu, sti, st0, register_stub(0xd8, (modrm & 0x38) | 1), NULL, &value, true,
                       eflags);
        *st0 = value;
        add_status(cpu, sw, X87_C1);
        return true;
    }
    if ((opcode == 4 || opcode == 6) && reg != 2 && reg != 3) {
        sw = run_usual(cpu, sti, st0, register_stub(0xde, (modrm & 0x38) | 1), NULL, &value, false,
                       eflags);
        *sti = value;
        add_status(cpu, sw, X87_C1);
    } else if ((opcode == 0 && (reg == 2 || reg == 3)) || (opcode == 5 && (reg == 4 || reg == 5))) {
        sw = run_usual(cpu, sti, st0, register_stub(0xd8 + opcode, (modrm & 0x30) | 0x09), NULL,
                       NULL, true, eflags);
        add_status(cpu, sw, X87_CODES);
    } else if ((opcode == 3 || opcode == 7) && (reg == 5 || reg == 6)) { /* F(U)COMI(P) */
        sw = run_usual(cpu, sti, st0, register_stub(0xdf, (modrm & 0x38) | 1), NULL, NULL, true,
                       eflags);
        add_status(cpu, sw, 0); /* C1 stays, whatever the SDM says */
    } else {
        return false;
    }
    if (opcode >= 6 || (opcode == 0 && reg == 3) || (opcode == 5 && reg == 5)) {
        x87_pop(cpu);
    }
    return true;
}

/* The operand was loaded; what is to be stored is put there. */
static bool memory_usual(X86Jit *cpu, unsigned opcode, unsigned reg, void *operand, bool store)
{
    uint64_t eflags;
    X86Fpr value;
    uint16_t sw;

    if (!is_usual(cpu)) {
        return false;
    }
    if (opcode & 1 && !store) { /* loads */
        if (x87_is_full(cpu, 7)) {
            return false;
        }
        sw = run_usual(cpu, NULL, NULL, x87_memory_stubs[opcode * 8 + reg], operand, &value, false,
                       &eflags);
        x87_push(cpu);
        *x87_stack(cpu, 0) = value;
        add_status(cpu, sw, X87_C1);
        return true;
    }
    if (!x87_is_full(cpu, 0)) {
        return false;
    }
    X86Fpr *st0 = x87_stack(cpu, 0);
    bool compare = !(opcode & 1) && (reg == 2 || reg == 3);
    if (store || compare) {
        bool keep = reg == 2; /* FST, FIST, FCOM: done as the one that pops */
        sw = run_usual(cpu, NULL, st0, x87_memory_stubs[opcode * 8 + (keep ? 3 : reg)], operand,
                       NULL, false, &eflags);
        add_status(cpu, sw, compare ? X87_CODES : X87_C1);
        if (!keep) {
            x87_pop(cpu);
        }
        return true;
    }
    sw = run_usual(cpu, NULL, st0, x87_memory_stubs[opcode * 8 + reg], operand, &value, false,
                   &eflags);
    *st0 = value;
    add_status(cpu, sw, X87_C1);
    return true;
}

uint64_t x87_host_register_flags(X86Jit *cpu, uint64_t code, uint64_t ip, uint64_t flags)
{
    uint64_t eflags = (flags & X86_ARITHMETIC) | 0x202;
    if (!x87_register_form(code)->operation) {
        x86_raise(cpu, X86_UD);
    }
    wait_for_x87(cpu);
    if (!x87_the_long_way && register_usual(cpu, code >> 8 & 7, code & 0xff, &eflags)) {
        x87_note(cpu, code, ip);
    } else {
        run_whole(cpu, code, ip, x87_register_stubs[(code >> 8 & 7) * 64 + (code & 0x3f)], NULL,
                  &eflags);
    }
    return eflags & X86_ARITHMETIC;
}

uint64_t x87_host_register(X86Jit *cpu, uint64_t code, uint64_t ip)
{
    x87_host_register_flags(cpu, code, ip, 0);
    return 0;
}

static void load_number(X86Jit *cpu, uint64_t code, uint64_t ip, void *operand)
{
    unsigned opcode = code >> 8 & 7, reg = code >> 3 & 7;
    uint64_t eflags = 0x202;

    if (!x87_the_long_way && memory_usual(cpu, opcode, reg, operand, false)) {
        x87_note(cpu, code, ip);
    } else {
        run_whole(cpu, code, ip, x87_memory_stubs[opcode * 8 + reg], operand, &eflags);
    }
}

/*
 * The state changes after the store, which may fault, or be done again. Memory is not looked at
 * when an exception that is not masked keeps the number from being stored; PE does not. SDM
 * volume 1, 8.5.
 */
static void store_number(X86Jit *cpu, uint64_t code, uint64_t ip, uint64_t address, unsigned bytes)
{
    unsigned opcode = code >> 8 & 7, reg = code >> 3 & 7, mode = x86_data_mode(cpu);
    uint8_t operand[16] = { 0 }, tags = cpu->ftw;
    uint16_t status = cpu->fsw;

    if (!x87_the_long_way && memory_usual(cpu, opcode, reg, operand, true)) {
        uint8_t new_tags = cpu->ftw;
        uint16_t new_status = cpu->fsw;
        cpu->ftw = tags;
        cpu->fsw = status;
        jit_store_bytes(&cpu->core, address, operand, bytes, mode);
        cpu->ftw = new_tags;
        cpu->fsw = new_status;
        x87_note(cpu, code, ip);
    } else {
        store_whole(cpu, code, ip, address, bytes);
    }
}

uint64_t x87_host_memory(X86Jit *cpu, uint64_t code, uint64_t ip, uint64_t address, uint64_t fdp)
{
    const X87Form *form = x87_memory_form(code);
    unsigned bytes = x87_operand_bytes(form);
    uint8_t operand[16] = { 0 };

    if (!bytes) {
        x86_raise(cpu, X86_UD);
    }
    wait_for_x87(cpu);
    x86_check_alignment(cpu, address, bytes == 10 ? 8 : bytes);
    if (form->flags & X87_STORES) {
        store_number(cpu, code, ip, address, bytes);
    } else {
        jit_load_bytes(&cpu->core, address, operand, bytes, x86_data_mode(cpu));
        load_number(cpu, code, ip, operand);
    }
    cpu->fdp = fdp;
    return 0;
}

#endif
