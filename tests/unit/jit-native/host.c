/* SPDX-License-Identifier: MIT */
/*
 * Code run by the host, with all registers as a case wants them: a signal's frame is what the kernel
 * loads them from on return, and it stores them there when the instruction has been stepped
 * or faults. So no register is out of reach, the stack pointer and the code segment included.
 */
#include "tests/unit/jit-native/native.h"

#if defined(__x86_64__) && defined(__linux__)

#include <asm/ldt.h>
#include <asm/prctl.h>
#include <cpuid.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "arch/x86/features.h"

#define MAX_STEPS 200
#define MAX_XSAVE 16384
#define CODE_32   0x23      /* Linux' selectors */
#define CODE_64   0x33
#define STACK     0x2b

/* Of the XSAVE image: Intel SDM volume 1, 10.5.1 and 13.4. */
enum { X_FCW = 0, X_FSW = 2, X_FTW = 4, X_FOP = 6, X_MXCSR = 24, X_ST = 32, X_XMM = 160, X_SIZE = 464 + 4,
       X_BV = 512, X_YMM = 576 };

static const int signals[] = { SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE };
static const uint8_t greg_of[16] = {
    REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
    REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15,
};

static struct {
    enum { IDLE, ENTERING, RUNNING } phase;
    NativeState *state;
    const bool *starts;
    uint64_t start, end;
    unsigned bits, stack_bits, steps;
    bool has_segments;
    gregset_t gregs;            /* the program's own */
    uint8_t xsave[MAX_XSAVE];
    unsigned xsave_size;
    uint8_t *code;              /* NATIVE_CODE, to be written */
    bool reserved;              /* the range is */
    void *stack;
    stack_t old_stack;
    struct sigaction old[G_N_ELEMENTS(signals)];
} host;

static void load(ucontext_t *uc)
{
    const NativeState *s = host.state;
    greg_t *gregs = uc->uc_mcontext.gregs;
    uint8_t *x = (uint8_t *)uc->uc_mcontext.fpregs;
    uint64_t bv;

    memcpy(host.gregs, gregs, sizeof(host.gregs));
    memcpy(&host.xsave_size, x + X_SIZE, 4);
    memcpy(host.xsave, x, MIN(host.xsave_size, MAX_XSAVE));
    for (unsigned i = 0; i < 16; i++) {
        gregs[greg_of[i]] = (greg_t)s->gpr[i];
        memcpy(x + X_XMM + 16 * i, s->ymm[i], 16);
        memcpy(x + X_YMM + 16 * i, s->ymm[i] + 2, 16);
    }
    for (unsigned i = 0; i < 8; i++) {
        memcpy(x + X_ST + 16 * i, &s->st[i], 10);
    }
    memset(x + X_FOP, 0, 18);
    memcpy(x + X_FCW, &s->fcw, 2);
    memcpy(x + X_FSW, &s->fsw, 2);
    x[X_FTW] = s->ftw;
    memcpy(x + X_MXCSR, &s->mxcsr, 4);
    memcpy(&bv, x + X_BV, 8);
    bv |= 7;
    memcpy(x + X_BV, &bv, 8);
    gregs[REG_RIP] = (greg_t)s->rip;
    gregs[REG_EFL] = (greg_t)(s->rflags | X86_TF);
    gregs[REG_CSGSFS] = (gregs[REG_CSGSFS] & 0x0000ffffffff0000) |
                        (host.bits == 64 ? CODE_64 : host.bits == 32 ? CODE_32 : NATIVE_CODE_16) |
                        (greg_t)(host.stack_bits == 16 ? NATIVE_DATA_16 : STACK) << 48;
}

static void store(ucontext_t *uc)
{
    NativeState *s = host.state;
    greg_t *gregs = uc->uc_mcontext.gregs;
    uint8_t *x = (uint8_t *)uc->uc_mcontext.fpregs;
    uint64_t bv;

    memcpy(&bv, x + X_BV, 8);
    for (unsigned i = 0; i < 16; i++) {
        s->gpr[i] = (uint64_t)gregs[greg_of[i]];
        memcpy(s->ymm[i], x + X_XMM + 16 * i, 16);
        memcpy(s->ymm[i] + 2, x + X_YMM + 16 * i, 16);
        if (!(bv & 2)) {
            s->ymm[i][0] = s->ymm[i][1] = 0;
        }
        if (!(bv & 4)) {
            s->ymm[i][2] = s->ymm[i][3] = 0;
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        memcpy(&s->st[i], x + X_ST + 16 * i, 10);
    }
    memcpy(&s->fcw, x + X_FCW, 2);
    memcpy(&s->fsw, x + X_FSW, 2);
    s->ftw = x[X_FTW];
    memcpy(&s->mxcsr, x + X_MXCSR, 4);
    if (!(bv & 1)) {
        memset(s->st, 0, sizeof(s->st));
        s->fcw = 0x37f;
        s->fsw = s->ftw = 0;
    }
    s->rip = (uint64_t)gregs[REG_RIP];
    s->rflags = (uint64_t)gregs[REG_EFL];
    s->error = (uint32_t)gregs[REG_ERR];
    s->cr2 = (uint64_t)gregs[REG_CR2];
    memcpy(gregs, host.gregs, sizeof(host.gregs));
    memcpy(x, host.xsave, host.xsave_size);
}

/* What was stepped may have RFLAGS.AC, which is nothing for a C function. */
void native_host_signal(int number, siginfo_t *info, void *context);
__asm__(".text\n"
        "native_host_signal:\n\t"
        "pushfq\n\t"
        "andl $~0x40000, (%rsp)\n\t"
        "popfq\n\t"
        "jmp native_host_on_signal");

G_GNUC_INTERNAL void native_host_on_signal(int number, siginfo_t *info, void *context);

void native_host_on_signal(int number, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    uint64_t rip = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
    unsigned vector = (unsigned)uc->uc_mcontext.gregs[REG_TRAPNO];

    if (host.phase == ENTERING) {
        host.phase = RUNNING;
        load(uc);
    } else if (host.phase == RUNNING) {
        bool inside = rip >= host.start && rip < host.end;
        /* What is in the middle of an instruction nobody has looked at: it could be a system call. */
        bool wild = vector == X86_DB && inside && !host.starts[rip - host.start];
        if (vector == X86_DB && inside && !wild && ++host.steps < MAX_STEPS) {
            return;
        }
        host.state->end = wild                     ? NATIVE_WILD
                          : vector != X86_DB       ? vector
                          : host.steps < MAX_STEPS ? NATIVE_DONE
                                                   : NATIVE_ENDLESS;
        host.phase = IDLE;
        store(uc);
    } else {
        /* Not ours: it comes again, and ends the program. */
        for (unsigned i = 0; i < G_N_ELEMENTS(signals); i++) {
            signal(signals[i], SIG_DFL);
        }
    }
}

/* All of NATIVE_DATA but the page that cannot be written. */
static void copy_data(uint8_t *to, const uint8_t *from)
{
    const size_t before = NATIVE_CONSTANT - NATIVE_DATA, behind = before + 0x1000;

    memcpy(to, from, before);
    memcpy(to + behind, from + behind, NATIVE_DATA_SIZE - behind);
}

/* A program of 64 bits begins with null selectors, which other code cannot use. */
static void load_segments(unsigned bits)
{
    unsigned data = bits == 16 ? NATIVE_DATA_16 : STACK;

    __asm__ volatile("mov %0, %%ds\n\tmov %0, %%es" : : "r"(data));
    if (bits == 64) {
        syscall(SYS_arch_prctl, ARCH_SET_GS, NATIVE_GS);
    } else if (host.has_segments) {
        __asm__ volatile("mov %0, %%gs" : : "r"(bits == 16 ? NATIVE_GS_16 : NATIVE_GS_32));
    }
}

void native_host_run(const NativeCase *c, NativeState *state)
{
    uint8_t *data = (uint8_t *)NATIVE_DATA;
    unsigned bits = c->bits;

    memcpy(host.code + (NATIVE_START - NATIVE_CODE), c->code, c->length);
    memset(host.code + (NATIVE_START - NATIVE_CODE) + c->length, 0xcc, 16);
    host.starts = c->starts;
    copy_data(data, state->memory);
    host.state = state;
    host.bits = bits;
    host.stack_bits = c->stack_bits;
    host.start = NATIVE_START - native_segment_base(bits);
    host.end = host.start + c->length;
    host.steps = 0;
    state->rip = host.start;
    host.phase = ENTERING;
    if (bits != 64) {
        load_segments(bits);
    }
    __asm__ volatile("int3" : : : "memory");
    if (bits != 64) {
        load_segments(64);
    }
    copy_data(state->memory, data);
}

static bool map(uint64_t address, size_t size, int protection, int flags, int fd)
{
    return mmap((void *)address, size, protection, flags | MAP_FIXED, fd, 0) == (void *)address;
}

static void unmap_window(void)
{
    if (host.code != MAP_FAILED) {
        munmap(host.code, 0x1000);
    }
    if (host.reserved) {
        munmap((void *)NATIVE_FIRST, NATIVE_LAST + 1 - NATIVE_FIRST);
    }
    host.reserved = false;
}

static bool map_window(void)
{
    int fd = memfd_create("code", MFD_CLOEXEC);
    bool good = fd >= 0 && ftruncate(fd, 0x1000) == 0;

    host.code = good ? mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    host.reserved = host.code != MAP_FAILED &&
                    mmap((void *)NATIVE_FIRST, NATIVE_LAST + 1 - NATIVE_FIRST, PROT_NONE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
                         0) == (void *)NATIVE_FIRST;
    good = host.reserved &&
           map(NATIVE_CODE, 0x1000, PROT_READ | PROT_EXEC, MAP_SHARED, fd) &&
           map(NATIVE_DATA, NATIVE_DATA_SIZE, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1) &&
           map(NATIVE_CONSTANT, 0x1000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1);
    if (fd >= 0) {
        close(fd);
    }
    if (!good) {
        unmap_window();
    }
    return good;
}

bool native_host_has(const char *feature)
{
    const X86FeatureInfo *info = x86_feature_find(feature, -1);
    const X86FeatureWordInfo *word = info ? &x86_feature_words[info->word] : NULL;
    unsigned reg[4];

    return word && !word->msr &&
           __get_cpuid_count(word->leaf, word->subleaf, &reg[X86_EAX], &reg[X86_EBX],
                             &reg[X86_ECX], &reg[X86_EDX]) &&
           reg[word->reg] >> info->bit & 1;
}

uint64_t native_host_fs(void)
{
    uint64_t base = 0;

    syscall(SYS_arch_prctl, ARCH_GET_FS, &base);
    return base;
}

static bool make_segments(void)
{
    const struct user_desc segments[] = {
        { .entry_number = NATIVE_CODE_16 >> 3, .base_addr = NATIVE_BASE, .limit = 0xffff,
          .contents = 2, .useable = 1 },
        { .entry_number = NATIVE_DATA_16 >> 3, .base_addr = NATIVE_BASE, .limit = 0xffff,
          .useable = 1 },
        { .entry_number = NATIVE_GS_16 >> 3, .base_addr = native_gs_base(16),
          .limit = native_gs_limit(16), .useable = 1 },
        { .entry_number = NATIVE_GS_32 >> 3, .base_addr = native_gs_base(32),
          .limit = native_gs_limit(32) >> 12, .limit_in_pages = 1, .seg_32bit = 1, .useable = 1 },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(segments); i++) {
        if (syscall(SYS_modify_ldt, 0x11, &segments[i], sizeof(segments[i])) != 0) {
            return false;
        }
    }
    return true;
}

bool native_host_has_segments(void)
{
    return host.has_segments;
}

bool native_host_init(const char **why)
{
    const size_t size = 256 << 10;
    stack_t stack = { .ss_size = size };
    struct sigaction action = { .sa_sigaction = native_host_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };

    if (!native_host_has("avx")) {
        *why = "the host has no AVX";
        return false;
    }
    if (!map_window()) {
        *why = "the addresses for the window are taken, or memory may not be mapped";
        return false;
    }
    stack.ss_sp = host.stack = g_malloc(size);
    sigaltstack(&stack, &host.old_stack);
    for (unsigned i = 0; i < G_N_ELEMENTS(signals); i++) {
        sigaction(signals[i], &action, &host.old[i]);
    }
    host.has_segments = make_segments();
    load_segments(64);
    return true;
}

void native_host_release(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(signals); i++) {
        sigaction(signals[i], &host.old[i], NULL);
    }
    sigaltstack(&host.old_stack, NULL);
    g_clear_pointer(&host.stack, g_free);
    unmap_window();
}

#else

bool native_host_init(const char **why)
{
    *why = "no x86-64 host with Linux";
    return false;
}

void native_host_release(void) { }
bool native_host_has_segments(void) { return false; }
bool native_host_has(const char *feature) { return false; }
uint64_t native_host_fs(void) { return 0; }
void native_host_run(const NativeCase *c, NativeState *state) { }

#endif
