/* SPDX-License-Identifier: MIT */
/*
 * What the bare-metal test programs share: console, IDT, exceptions caught. Each is one C file
 * that is loaded by Multiboot and prints "ok NAME" or "not ok NAME: …" for each of its cases.
 *
 * An exception's handler notes what came. After TRY(code) it goes on behind the code; where
 * `returns` is set, it returns to where it came from.
 */
#ifndef GUEST_H
#define GUEST_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned long word;

enum {
    DE, DB, NMI, BP, OF, BR, UD, NM, DF, TS = 10, NP, SS, GP, PF, MF = 16, AC, MC, XM,
};

typedef struct Caught {
    word vector, error, ip, cs, flags, cr2, sp;
    word old_sp;             /* RSP as it was, of 64-bit code and where the level changed */
    unsigned count;
} Caught;

extern volatile Caught caught;
extern volatile word resume_at, resume_sp, returns;

static inline void outb(u16 port, u8 value) { asm volatile("outb %0, %1" :: "a"(value), "Nd"(port)); }
static inline u8 inb(u16 port)
{
    u8 value;

    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void outl(u16 port, u32 value) { asm volatile("outl %0, %1" :: "a"(value), "Nd"(port)); }

/* Registers of PCI functions; `at` as port 0xcf8 takes it, without bit 31. */
static inline void config_write8(u32 at, u8 value)
{
    outl(0xcf8, 0x80000000 | (at & ~3u));
    outb(0xcfc + (at & 3), value);
}

static inline u8 config_read8(u32 at)
{
    outl(0xcf8, 0x80000000 | (at & ~3u));
    return inb(0xcfc + (at & 3));
}

static inline void config_write32(u32 at, u32 value)
{
    outl(0xcf8, 0x80000000 | at);
    outl(0xcfc, value);
}

/* The host bridge's 82441FX, 3.2.18: what accesses to 0xf0000 to 0xfffff find; and 3.2.24. */
enum { PAM0 = 0x59, READ_RAM = 0x10, WRITE_RAM = 0x20, SMRAM = 0x72 };

typedef struct Cpuid { u32 a, b, c, d; } Cpuid;
static inline Cpuid cpuid(u32 leaf, u32 subleaf)
{
    Cpuid r = { leaf, 0, subleaf, 0 };

    asm volatile("cpuid" : "+a"(r.a), "=b"(r.b), "+c"(r.c), "=d"(r.d));
    return r;
}

/* By tests/functional/jit-moves.c the machine moves to a new process before each of the next
 * `count` instructions. */
static inline void move_often(u8 count) { outb(0xe8, count); }

extern u32 multiboot_info;   /* where it lies */
void print(const char *text);
void print_hex(word value);
void print_number(u32 value);   /* decimal */
/* The case's result: what was found must be what is expected. */
void check(const char *what, word found, word expected);
void run(const char *name, void (*test)(void));
void set_gate(unsigned vector, u16 selector, word handler, unsigned type, unsigned ist);
void load_idt(void);
void load_idt_register(void);
/* Bytes from `from` to `end`, such as code that lies elsewhere than it is linked. */
void copy_code(word to, const u8 *from, const u8 *end);

static inline void write_msr(u32 index, u64 value)
{
    asm volatile("wrmsr" :: "c"(index), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 read_msr(u32 index)
{
    u32 low, high;

    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
    return low | (u64)high << 32;
}

#ifdef __x86_64__
/*
 * Until `count` other CPUs have begun: the next one calls `function` with its number, from 1
 * on, on a stack of a page. An exception there ends the program.
 */
#define CPUS 4
extern volatile u32 cpus_begun;
void start_cpus(unsigned count, void (*function)(unsigned));
void enable_x2apic(void);
#endif
extern const char stubs[];
#define STUB(n) ((word)stubs + 16 * (n))

#ifdef __x86_64__
#define SP "%%rsp"
#define MOVW "movq "
#define A_RESUME "resume_at(%%rip)"
#define A_SP "resume_sp(%%rip)"
#define LEA "movq $77f, resume_at(%%rip);"
#define BPREG "rbp"
#define CLOBBERS "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc"
#else
#define SP "%%esp"
#define MOVW "movl "
#define A_RESUME "resume_at"
#define A_SP "resume_sp"
#define LEA "movl $77f, resume_at;"
#define BPREG "ebp"
#define CLOBBERS "ebx", "ecx", "edx", "esi", "edi", "memory", "cc"
#endif

/*
 * Code that may raise, with `value` in rAX, which is %0; further operands follow. The frame pointer
 * lies on the stack meanwhile.
 */
#define TRY(code, value, ...) do { \
    word a_ = (value); \
    caught.vector = NOTHING; \
    caught.error = 0; \
    asm volatile(LEA "push %%" BPREG "; " MOVW SP ", " A_SP "; " code \
                 "\n77: " MOVW A_SP ", " SP "; pop %%" BPREG \
                 : "+a"(a_) : __VA_ARGS__ : CLOBBERS); \
    resume_at = 0; } while (0)
#define NOTHING 0x100

#endif
