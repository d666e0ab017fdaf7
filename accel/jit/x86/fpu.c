/* SPDX-License-Identifier: MIT */
/*
 * The x87: the host's runs each instruction on the guest's state. SDM volume 1, chapter 8.
 *
 * FIP and FDP are kept for every instruction that is not a control instruction; FCS and FDS are
 * kept in protected mode of 32 bits only where they can be had at no cost: as 0.
 */
#include "accel/jit/x86/fpu.h"

#include "base/log.h"

#define CW_MASKS 0x3fu
#define SW_FLAGS 0x7fu  /* the exceptions and SF */
#define SW_C1 (1u << 9)
#define SW_TOP (7u << 11)

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

void x87_init(X86Jit *cpu)
{
    cpu->fcw = 0x37f;
    cpu->fsw = 0;
    cpu->ftw = 0;
    cpu->fop = cpu->fcs = cpu->fds = 0;
    cpu->fip = cpu->fdp = 0;
}

/* ES and B say whether an exception that is not masked is pending. */
static void update_summary(X86Jit *cpu)
{
    if (cpu->fsw & ~cpu->fcw & CW_MASKS) {
        cpu->fsw |= X87_ES | X87_B;
    } else {
        cpu->fsw &= ~(X87_ES | X87_B);
    }
    x87_error_changed(cpu);
}

void x87_error_changed(X86Jit *cpu)
{
    if (G_UNLIKELY(cpu->ferr) && (!(cpu->fsw & X87_ES) || cpu->cr0 & (1u << 5))) {
        x86_set_ferr(cpu, false);
    }
}

uint64_t x87_wait(X86Jit *cpu)
{
    if (cpu->fsw & X87_ES) {
        if (cpu->cr0 & (1u << 5)) {
            x86_raise(cpu, X86_MF);
        }
        if (!atomic_load(&cpu->ignne)) {
            x86_freeze(cpu);
        }
    }
    return 0;
}

static unsigned tag_of(const X86Jit *cpu, unsigned physical)
{
    const X86Fpr *r = &cpu->fpr[physical];
    unsigned exponent = r->exponent & 0x7fff;
    if (!(cpu->ftw >> physical & 1)) {
        return 3;
    }
    if (!exponent && !r->mantissa) {
        return 1;
    }
    return exponent == 0x7fff || !exponent || !(r->mantissa >> 63) ? 2 : 0;
}

static uint16_t full_tags(const X86Jit *cpu)
{
    uint16_t tags = 0;
    for (unsigned i = 0; i < 8; i++) {
        tags |= tag_of(cpu, i) << 2 * i;
    }
    return tags;
}

static void set_full_tags(X86Jit *cpu, uint16_t tags)
{
    cpu->ftw = 0;
    for (unsigned i = 0; i < 8; i++) {
        cpu->ftw |= ((tags >> 2 * i & 3) != 3) << i;
    }
}

#ifdef __x86_64__

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
 * FRSTOR, the instruction, FNSAVE, which also leaves the host's x87 as the ABI has it. An exception that
 * the guest does not mask is pending on the host for no instruction that would wait for it.
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
        .tw = full_tags(cpu), .tw_high = 0xffff,
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
    set_full_tags(cpu, image->tw);
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
    image->sw &= ~((cpu->fsw & ~cpu->fcw & CW_MASKS) | X87_ES | X87_B);
    run_on_host(image, stub, operand, eflags);
}

static void note(X86Jit *cpu, uint64_t code, uint64_t ip)
{
    cpu->fop = code & 0x7ff;
    cpu->fip = ip;
    cpu->fcs = 0;
}

static void finish(X86Jit *cpu, const Image *image, uint64_t code, uint64_t ip)
{
    uint16_t pending = cpu->fsw & ~cpu->fcw & CW_MASKS;
    take_image(cpu, image);
    cpu->fsw |= pending;
    update_summary(cpu);
    note(cpu, code, ip);
}

/* Bits by ModRM from C0 of what exists, control instructions apart. */
static const uint64_t register_forms[8] = {
    UINT64_MAX, 0xffff7f33ff01ffff, 0x00000200ffffffff, 0x00ffff00ffffffff,
    UINT64_MAX, 0x0000ffffffffffff, 0xffffffff02ffffff, 0x00ffff00ffffffff,
};

/*
 * Without the whole state: the usual instructions, when all exceptions are masked and no register
 * is empty or full against the rule, need one or two operands on the host's stack. The host's x87 is as
 * the ABI has it before and after: empty, 0x37f. Exception flags of other code of the program are cleared.
 */
static bool is_usual(const X86Jit *cpu)
{
    return (cpu->fcw & CW_MASKS) == CW_MASKS && !(cpu->fsw & X87_ES);
}

static X86Fpr *stack(X86Jit *cpu, unsigned i)
{
    return &cpu->fpr[(x87_top(cpu) + i) & 7];
}

static bool is_full(const X86Jit *cpu, unsigned i)
{
    return cpu->ftw >> ((x87_top(cpu) + i) & 7) & 1;
}

static void pop(X86Jit *cpu)
{
    cpu->ftw &= ~(1u << x87_top(cpu));
    cpu->fsw = (cpu->fsw & ~SW_TOP) | ((x87_top(cpu) + 1) & 7) << 11;
}

static void push(X86Jit *cpu)
{
    cpu->fsw = (cpu->fsw & ~SW_TOP) | ((x87_top(cpu) + 7) & 7) << 11;
    cpu->ftw |= 1u << x87_top(cpu);
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
    if (G_UNLIKELY(sw & SW_FLAGS)) {
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
    if (sw & SW_FLAGS) {
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
    cpu->fsw = (cpu->fsw & ~codes) | (sw & (codes | SW_FLAGS));
}

#define SW_CODES 0x4700

/* Arithmetic and comparison of registers, and moves. False: it has to be done the long way. */
static bool register_usual(X86Jit *cpu, unsigned opcode, unsigned modrm, uint64_t *eflags)
{
    unsigned i = modrm & 7, reg = modrm >> 3 & 7;
    uint16_t sw;

    if (!is_usual(cpu) || !is_full(cpu, 0)) {
        return false;
    }
    if (opcode == 1 && (modrm == 0xe0 || modrm == 0xe1)) { /* FCHS, FABS */
        X86Fpr *r = stack(cpu, 0);
        r->exponent = modrm == 0xe0 ? r->exponent ^ 0x8000 : r->exponent & 0x7fff;
        cpu->fsw &= ~SW_C1;
        return true;
    }
    if (opcode == 5 && (reg == 2 || reg == 3)) { /* FST, FSTP */
        X86Fpr value = *stack(cpu, 0);
        *stack(cpu, i) = value;
        cpu->ftw |= 1u << ((x87_top(cpu) + i) & 7);
        cpu->fsw &= ~SW_C1;
        if (reg == 3) {
            pop(cpu);
        }
        return true;
    }
    if (!is_full(cpu, i)) {
        return false;
    }
    X86Fpr *st0 = stack(cpu, 0), *sti = stack(cpu, i), value;
    if (opcode == 1 && reg == 0 && !is_full(cpu, 7)) { /* FLD */
        value = *sti;
        push(cpu);
        *stack(cpu, 0) = value;
        cpu->fsw &= ~SW_C1;
        return true;
    }
    if (opcode == 1 && reg == 1) { /* FXCH */
        value = *st0;
        *st0 = *sti;
        *sti = value;
        cpu->fsw &= ~SW_C1;
        return true;
    }
    if (opcode == 0 && reg != 2 && reg != 3) {
        sw = run_usual(cpu, sti, st0, register_stub(0xd8, (modrm & 0x38) | 1), NULL, &value, true,
                       eflags);
        *st0 = value;
        add_status(cpu, sw, SW_C1);
        return true;
    }
    if ((opcode == 4 || opcode == 6) && reg != 2 && reg != 3) {
        sw = run_usual(cpu, sti, st0, register_stub(0xde, (modrm & 0x38) | 1), NULL, &value, false,
                       eflags);
        *sti = value;
        add_status(cpu, sw, SW_C1);
    } else if ((opcode == 0 && (reg == 2 || reg == 3)) || (opcode == 5 && (reg == 4 || reg == 5))) {
        sw = run_usual(cpu, sti, st0, register_stub(0xd8 + opcode, (modrm & 0x30) | 0x09), NULL,
                       NULL, true, eflags);
        add_status(cpu, sw, SW_CODES);
    } else if ((opcode == 3 || opcode == 7) && (reg == 5 || reg == 6)) { /* F(U)COMI(P) */
        sw = run_usual(cpu, sti, st0, register_stub(0xdf, (modrm & 0x38) | 1), NULL, NULL, true,
                       eflags);
        add_status(cpu, sw, 0); /* C1 stays, whatever the SDM says */
    } else {
        return false;
    }
    if (opcode >= 6 || (opcode == 0 && reg == 3) || (opcode == 5 && reg == 5)) {
        pop(cpu);
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
        if (is_full(cpu, 7)) {
            return false;
        }
        sw = run_usual(cpu, NULL, NULL, x87_memory_stubs[opcode * 8 + reg], operand, &value, false,
                       &eflags);
        push(cpu);
        *stack(cpu, 0) = value;
        add_status(cpu, sw, SW_C1);
        return true;
    }
    if (!is_full(cpu, 0)) {
        return false;
    }
    X86Fpr *st0 = stack(cpu, 0);
    bool compare = !(opcode & 1) && (reg == 2 || reg == 3);
    if (store || compare) {
        bool keep = reg == 2; /* FST, FIST, FCOM: done as the one that pops */
        sw = run_usual(cpu, NULL, st0, x87_memory_stubs[opcode * 8 + (keep ? 3 : reg)], operand,
                       NULL, false, &eflags);
        add_status(cpu, sw, compare ? SW_CODES : SW_C1);
        if (!keep) {
            pop(cpu);
        }
        return true;
    }
    sw = run_usual(cpu, NULL, st0, x87_memory_stubs[opcode * 8 + reg], operand, &value, false,
                   &eflags);
    *st0 = value;
    add_status(cpu, sw, SW_C1);
    return true;
}

uint64_t x87_register_flags(X86Jit *cpu, uint64_t code, uint64_t ip, uint64_t flags)
{
    Image image;
    uint64_t eflags = (flags & X86_ARITHMETIC) | 0x202;
    if (!(register_forms[code >> 8 & 7] >> (code & 0x3f) & 1)) {
        x86_raise(cpu, X86_UD);
    }
    x87_wait(cpu);
    if (!x87_the_long_way && register_usual(cpu, code >> 8 & 7, code & 0xff, &eflags)) {
        note(cpu, code, ip);
        return eflags & X86_ARITHMETIC;
    }
    execute(cpu, &image, x87_register_stubs[(code >> 8 & 7) * 64 + (code & 0x3f)], NULL, &eflags);
    finish(cpu, &image, code, ip);
    return eflags & X86_ARITHMETIC;
}

uint64_t x87_register(X86Jit *cpu, uint64_t code, uint64_t ip)
{
    x87_register_flags(cpu, code, ip, 0);
    return 0;
}

/* Bytes of memory operands by opcode and ModRM.reg; those stored have bit 7. 0: not one of these. */
#define S(n) (0x80 | (n))
static const uint8_t operand_bytes[8][8] = {
    { 4, 4, 4, 4, 4, 4, 4, 4 },
    { 4, 0, S(4), S(4), 0, 0, 0, 0 },
    { 4, 4, 4, 4, 4, 4, 4, 4 },
    { 4, S(4), S(4), S(4), 0, 10, 0, S(10) },
    { 8, 8, 8, 8, 8, 8, 8, 8 },
    { 8, S(8), S(8), S(8), 0, 0, 0, 0 },
    { 2, 2, 2, 2, 2, 2, 2, 2 },
    { 2, S(2), S(2), S(2), 10, 8, S(10), S(8) },
};
#undef S

static void load_number(X86Jit *cpu, uint64_t code, uint64_t ip, void *operand)
{
    unsigned opcode = code >> 8 & 7, reg = code >> 3 & 7;
    uint64_t eflags = 0x202;
    Image image;

    if (!x87_the_long_way && memory_usual(cpu, opcode, reg, operand, false)) {
        note(cpu, code, ip);
        return;
    }
    execute(cpu, &image, x87_memory_stubs[opcode * 8 + reg], operand, &eflags);
    finish(cpu, &image, code, ip);
}

/*
 * The state changes after the store, which may fault, or be done again. Memory is not looked at when an
 * exception that is not masked keeps the number from being stored; PE does not. SDM volume 1, 8.5.
 */
static void store_number(X86Jit *cpu, uint64_t code, uint64_t ip, uint64_t address, unsigned bytes)
{
    unsigned opcode = code >> 8 & 7, reg = code >> 3 & 7, mode = x86_data_mode(cpu);
    uint8_t operand[16] = { 0 }, tags = cpu->ftw;
    uint16_t status = cpu->fsw;
    uint64_t eflags = 0x202;
    Image image;

    if (!x87_the_long_way && memory_usual(cpu, opcode, reg, operand, true)) {
        uint8_t new_tags = cpu->ftw;
        uint16_t new_status = cpu->fsw;
        cpu->ftw = tags;
        cpu->fsw = status;
        jit_store_bytes(&cpu->core, address, operand, bytes, mode);
        cpu->ftw = new_tags;
        cpu->fsw = new_status;
        note(cpu, code, ip);
        return;
    }
    execute(cpu, &image, x87_memory_stubs[opcode * 8 + reg], operand, &eflags);
    if (!(image.sw & ~cpu->fcw & CW_MASKS & ~(1u << 5))) {
        jit_store_bytes(&cpu->core, address, operand, bytes, mode);
    }
    finish(cpu, &image, code, ip);
}

uint64_t x87_memory(X86Jit *cpu, uint64_t code, uint64_t ip, uint64_t address, uint64_t fdp)
{
    unsigned bytes = operand_bytes[code >> 8 & 7][code >> 3 & 7];
    uint8_t operand[16] = { 0 };

    if (!bytes) {
        x86_raise(cpu, X86_UD);
    }
    x87_wait(cpu);
    x86_check_alignment(cpu, address, (bytes & 0x7f) == 10 ? 8 : bytes & 0x7f);
    if (bytes & 0x80) {
        store_number(cpu, code, ip, address, bytes & 0x7f);
    } else {
        jit_load_bytes(&cpu->core, address, operand, bytes, x86_data_mode(cpu));
        load_number(cpu, code, ip, operand);
    }
    cpu->fdp = fdp;
    cpu->fds = 0;
    return 0;
}

#else

static G_NORETURN void no_x87(X86Jit *cpu)
{
    log_unimplemented("x87: this host has no 80-bit arithmetic");
    x86_raise(cpu, X86_UD);
}

uint64_t x87_register_flags(X86Jit *cpu, uint64_t code, uint64_t ip, uint64_t flags)
{
    no_x87(cpu);
}

uint64_t x87_register(X86Jit *cpu, uint64_t code, uint64_t ip)
{
    no_x87(cpu);
}

uint64_t x87_memory(X86Jit *cpu, uint64_t code, uint64_t ip, uint64_t address, uint64_t fdp)
{
    no_x87(cpu);
}

#endif

/* ---- control ---- */

uint64_t x87_fninit(X86Jit *cpu)
{
    x87_init(cpu);
    x87_error_changed(cpu);
    return 0;
}

uint64_t x87_fnclex(X86Jit *cpu)
{
    cpu->fsw &= ~(SW_FLAGS | X87_ES | X87_B);
    x87_error_changed(cpu);
    return 0;
}

uint64_t x87_fldcw(X86Jit *cpu, uint64_t value)
{
    x87_wait(cpu);
    cpu->fcw = (value & 0x1f3f) | 0x40;
    update_summary(cpu);
    return 0;
}

/*
 * The environment, SDM volume 1, 8.1.10, figures 8-9 to 8-12: words of `size` bytes. In real and
 * virtual-8086 mode the pointers are linear and the opcode is with them.
 */
static void environment_out(const X86Jit *cpu, uint8_t *out, unsigned size)
{
    bool protected = cpu->context_flags & X86_CTX_PE && !(cpu->context_flags & X86_CTX_VM);
    uint32_t word[7] = { cpu->fcw, cpu->fsw, full_tags(cpu) };
    if (size == 4) {
        word[0] |= 0xffff0000;
        word[1] |= 0xffff0000;
        word[2] |= 0xffff0000;
    }
    if (protected) {
        word[3] = cpu->fip;
        word[4] = cpu->fcs | (size == 4 ? (uint32_t)cpu->fop << 16 : 0);
        word[5] = cpu->fdp;
        word[6] = cpu->fds | (size == 4 ? 0xffff0000 : 0);
    } else {
        uint32_t ip = cpu->fcs * 16u + cpu->fip, dp = cpu->fds * 16u + cpu->fdp;
        word[3] = (ip & 0xffff) | (size == 4 ? 0xffff0000 : 0);
        word[4] = cpu->fop | (ip >> 16) << 12;
        word[5] = (dp & 0xffff) | (size == 4 ? 0xffff0000 : 0);
        word[6] = (dp >> 16) << 12;
    }
    for (unsigned i = 0; i < 7; i++) {
        memcpy(out + i * size, &word[i], size);
    }
}

static void environment_in(X86Jit *cpu, const uint8_t *in, unsigned size)
{
    bool protected = cpu->context_flags & X86_CTX_PE && !(cpu->context_flags & X86_CTX_VM);
    uint32_t word[7] = { 0 };
    for (unsigned i = 0; i < 7; i++) {
        memcpy(&word[i], in + i * size, size);
    }
    cpu->fcw = (word[0] & 0x1f3f) | 0x40;
    cpu->fsw = word[1];
    set_full_tags(cpu, word[2]);
    if (protected) {
        cpu->fip = word[3];
        cpu->fcs = word[4];
        cpu->fop = size == 4 ? word[4] >> 16 & 0x7ff : 0;
        cpu->fdp = word[5];
        cpu->fds = word[6];
    } else {
        cpu->fip = (word[3] & 0xffff) | (word[4] >> 12 & 0xffff) << 16;
        cpu->fop = word[4] & 0x7ff;
        cpu->fdp = (word[5] & 0xffff) | (word[6] >> 12 & 0xffff) << 16;
        cpu->fcs = cpu->fds = 0;
    }
    update_summary(cpu);
}

uint64_t x87_fnstenv(X86Jit *cpu, uint64_t address, uint64_t size)
{
    uint8_t out[28];
    x86_check_alignment(cpu, address, size);
    environment_out(cpu, out, size);
    jit_store_bytes(&cpu->core, address, out, 7 * size, x86_data_mode(cpu));
    cpu->fcw |= CW_MASKS;
    update_summary(cpu);
    return 0;
}

uint64_t x87_fldenv(X86Jit *cpu, uint64_t address, uint64_t size)
{
    uint8_t in[28];
    x87_wait(cpu);
    x86_check_alignment(cpu, address, size);
    jit_load_bytes(&cpu->core, address, in, 7 * size, x86_data_mode(cpu));
    environment_in(cpu, in, size);
    return 0;
}

uint64_t x87_fnsave(X86Jit *cpu, uint64_t address, uint64_t size)
{
    uint8_t out[108];
    x86_check_alignment(cpu, address, size);
    environment_out(cpu, out, size);
    for (unsigned i = 0; i < 8; i++) {
        const X86Fpr *r = &cpu->fpr[(x87_top(cpu) + i) & 7];
        memcpy(out + 7 * size + 10 * i, &r->mantissa, 8);
        memcpy(out + 7 * size + 10 * i + 8, &r->exponent, 2);
    }
    jit_store_bytes(&cpu->core, address, out, 7 * size + 80, x86_data_mode(cpu));
    x87_init(cpu);
    x87_error_changed(cpu);
    return 0;
}

uint64_t x87_frstor(X86Jit *cpu, uint64_t address, uint64_t size)
{
    uint8_t in[108];
    x87_wait(cpu);
    x86_check_alignment(cpu, address, size);
    jit_load_bytes(&cpu->core, address, in, 7 * size + 80, x86_data_mode(cpu));
    environment_in(cpu, in, size);
    for (unsigned i = 0; i < 8; i++) {
        X86Fpr *r = &cpu->fpr[(x87_top(cpu) + i) & 7];
        memcpy(&r->mantissa, in + 7 * size + 10 * i, 8);
        memcpy(&r->exponent, in + 7 * size + 10 * i + 8, 2);
    }
    return 0;
}

/* ---- MMX ---- */

uint64_t x87_mmx_begin(X86Jit *cpu)
{
    x87_wait(cpu);
    cpu->fsw &= ~SW_TOP;
    return 0;
}

uint64_t x87_mmx_enter(X86Jit *cpu)
{
    x87_mmx_begin(cpu);
    cpu->ftw = 0xff;
    return 0;
}

uint64_t x87_mmx_written(X86Jit *cpu, uint64_t number)
{
    cpu->fpr[number & 7].exponent = 0xffff;
    return 0;
}

uint64_t x87_emms(X86Jit *cpu)
{
    x87_wait(cpu);
    cpu->fsw &= ~SW_TOP;
    cpu->ftw = 0;
    return 0;
}
