/* SPDX-License-Identifier: MIT */
/*
 * The init of a guest that measures its CPU: each kernel prints its name, the nanoseconds that one
 * operation took (the least of three runs) and a checksum, which has to be the same everywhere.
 * Then it prints DONE and powers the machine off.
 */
#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CHASE_ENTRIES (1u << 20)
#define COPY_BYTES 0x10000
#define FAULT_PAGES 64

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static uint64_t fold(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits ^ bits >> 32;
}

/* ---- integers ---- */

static uint64_t crc(long count)
{
    uint32_t c = ~0u;

    for (long i = 0; i < count; i++) {
        c ^= (uint8_t)i;
        for (int bit = 0; bit < 8; bit++) {
            c = c >> 1 ^ (0xedb88320u & -(c & 1));
        }
    }
    return c;
}

static uint64_t sieve(long count)
{
    static uint8_t prime[COPY_BYTES];
    uint64_t found = 0;

    while (count--) {
        memset(prime, 1, sizeof(prime));
        for (unsigned i = 2; i * i < sizeof(prime); i++) {
            for (unsigned j = i * i; prime[i] && j < sizeof(prime); j += i) {
                prime[j] = 0;
            }
        }
        for (unsigned i = 2; i < sizeof(prime); i++) {
            found += prime[i];
        }
    }
    return found;
}

static uint64_t multiply(long count)
{
    uint64_t x = 1;

    for (long i = 0; i < count; i++) {
        x += i;
        x = (x ^ x >> 33) * 0xff51afd7ed558ccdull;
        x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53ull;
    }
    return x;
}

static uint64_t divide(long count)
{
    volatile uint64_t divisor = 10;
    uint64_t x = 0x123456789abcdef, sum = 0;

    for (long i = 0; i < count; i++) {
        sum += (x + i) % divisor;
    }
    return sum;
}

static uint64_t switches(long count)
{
    static uint8_t next[256];
    uint32_t a = 1, b = 2;

    for (unsigned i = 0; i < sizeof(next); i++) {
        next[i] = (i * 7 + 3) % 11;
    }
    for (long i = 0; i < count; i++) {
        switch (next[(i + a) & 255]) {
        case 0: a += b; break;
        case 1: b ^= a; break;
        case 2: a -= 3; break;
        case 3: b *= 5; break;
        case 4: a = a << 3 | a >> 29; break;
        case 5: b += i; break;
        case 6: a ^= b >> 3; break;
        case 7: b -= a; break;
        case 8: a = ~a; break;
        case 9: b = b << 1 | 1; break;
        default: a += 11;
        }
    }
    return a ^ b;
}

typedef uint32_t (*Function)(uint32_t);
static uint32_t triple(uint32_t x) { return x * 3 + 1; }
static uint32_t flip(uint32_t x) { return x ^ 0x55; }
static uint32_t halve(uint32_t x) { return x >> 1; }
static uint32_t raise7(uint32_t x) { return x + 7; }

static uint64_t indirect(long count)
{
    static const Function volatile functions[4] = { triple, flip, halve, raise7 };
    uint32_t x = 1;

    for (long i = 0; i < count; i++) {
        x = functions[(x ^ i) & 3](x);
    }
    return x;
}

static uint64_t recursion(uint64_t depth)
{
    return depth < 2 ? depth : recursion(depth - 1) + recursion(depth - 2);
}

static uint64_t calls(long count)
{
    uint64_t sum = 0;

    for (long i = 0; i < count; i++) {
        sum += recursion(15 + (i & 1));
    }
    return sum;
}

/* ---- floating point ---- */

static uint64_t matrix(long count)
{
    static double a[24][24], b[24][24], c[24][24];
    double sum = 0;

    for (int i = 0; i < 24; i++) {
        for (int j = 0; j < 24; j++) {
            a[i][j] = i + j * .5;
            b[i][j] = i - j * .25;
        }
    }
    for (long round = 0; round < count; round++) {
        for (int i = 0; i < 24; i++) {
            for (int j = 0; j < 24; j++) {
                double x = 0;
                for (int k = 0; k < 24; k++) {
                    x += a[i][k] * b[k][j];
                }
                c[i][j] = x;
            }
        }
        a[round % 24][round % 24] = c[3][5] * 1e-6;
        sum += c[5][7];
    }
    return fold(sum);
}

static uint64_t bodies(long count)
{
    double x[3] = { 1, -2, 3 }, y[3] = { 2, 1, -1 }, vx[3] = { 0 }, vy[3] = { 0 };

    while (count--) {
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 3; j++) {
                double dx = x[j] - x[i], dy = y[j] - y[i], d = dx * dx + dy * dy + .01;
                double f = .001 / (d * sqrt(d));
                vx[i] += dx * f;
                vy[i] += dy * f;
            }
        }
        for (int i = 0; i < 3; i++) {
            x[i] += vx[i];
            y[i] += vy[i];
        }
    }
    return fold(x[0] + y[1] + vx[2]);
}

/* Four floats at a time, as compilers do it. */
static uint64_t vectors(long count)
{
    typedef float Four __attribute__((vector_size(16)));
    static Four a[256], b[256];
    Four sum = { 0 };

    for (int i = 0; i < 256; i++) {
        a[i] = (Four){ i, i + .5f, i * .25f, 1 };
        b[i] = (Four){ 1, .5f, .25f, .125f };
    }
    while (count--) {
        for (int i = 0; i < 256; i++) {
            sum += a[i] * b[i];
            sum *= .999f;
        }
    }
    return fold(sum[0] + sum[1] + sum[2] + sum[3]);
}

static uint64_t conversions(long count)
{
    double x = .5;
    uint64_t sum = 0;

    for (long i = 0; i < count; i++) {
        x = x * 1.0001 + (double)(i & 15);
        sum += (uint64_t)(int64_t)x;
        if (x > 1e6) {
            x *= 1e-6;
        }
    }
    return sum;
}

/* ---- memory ---- */

static uint32_t *chain;

static void make_chain(void)
{
    uint32_t x = 12345;

    chain = malloc(CHASE_ENTRIES * sizeof(*chain));
    for (unsigned i = 0; i < CHASE_ENTRIES; i++) {
        chain[i] = i;
    }
    for (unsigned i = CHASE_ENTRIES - 1; i > 0; i--) {
        x = x * 1664525 + 1013904223;
        unsigned j = x % i;
        uint32_t swapped = chain[i];
        chain[i] = chain[j];
        chain[j] = swapped;
    }
}

static uint64_t chase(long count)
{
    uint32_t at = 0;

    while (count--) {
        at = chain[at];
    }
    return at;
}

static uint64_t copies(long count)
{
    static uint8_t from[COPY_BYTES], to[COPY_BYTES];

    for (long i = 0; i < count; i++) {
        memcpy(to, from, sizeof(from));
        from[i & (COPY_BYTES - 1)] += to[7] + 1;
    }
    return from[5] + to[9];
}

static uint64_t fills(long count)
{
    static uint8_t to[COPY_BYTES];
    uint64_t sum = 0;

    for (long i = 0; i < count; i++) {
        memset(to, (int)i, sizeof(to));
        sum += to[i & (COPY_BYTES - 1)];
    }
    return sum;
}

static uint64_t strings(long count)
{
    static char text[4096];
    uint64_t sum = 0;

    memset(text, 'x', sizeof(text) - 1);
    for (long i = 0; i < count; i++) {
        text[i & 1023] ^= 1;
        sum += strlen(text) + (size_t)((char *)memchr(text, 0, sizeof(text)) - text);
    }
    return sum;
}

/* ---- the kernel ---- */

static uint64_t system_calls(long count)
{
    uint64_t sum = 0;

    while (count--) {
        sum += syscall(SYS_getppid) >= 0;
    }
    return sum;
}

static uint64_t page_faults(long count)
{
    for (long i = 0; i < count; i++) {
        uint8_t *p = mmap(NULL, FAULT_PAGES * 4096, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (int page = 0; page < FAULT_PAGES; page++) {
            p[page * 4096] = 1;
        }
        munmap(p, FAULT_PAGES * 4096);
    }
    return count;
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    uint64_t (*run)(long count);
    long count;          /* some tens of milliseconds on a software CPU */
    double operations;   /* in one count */
} kernels[] = {
    { "crc", crc, 400000, 8 }, { "sieve", sieve, 40, 1 }, { "multiply", multiply, 3000000, 1 },
    { "divide", divide, 1000000, 1 }, { "switch", switches, 2000000, 1 },
    { "calls", calls, 30, 1597 }, { "indirect-calls", indirect, 2000000, 1 },
    { "fp-matrix", matrix, 300, 13824 }, { "fp-bodies", bodies, 100000, 9 },
    { "fp-vectors", vectors, 2000, 512 }, { "fp-conversions", conversions, 2000000, 1 },
    { "pointer-chase", chase, 200000, 1 }, { "copy-64K", copies, 500, 1 },
    { "fill-64K", fills, 500, 1 }, { "strings", strings, 5000, 1 },
    { "system-call", system_calls, 40000, 1 }, { "page-fault", page_faults, 60, FAULT_PAGES },
};

int main(void)
{
    int console;

    mkdir("/dev", 0755);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    console = open("/dev/console", O_RDWR);
    if (console >= 0) {
        dup2(console, 1);
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    printf("\nINIT-REACHED\n");
    make_chain();
    for (unsigned i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
        double best = 1e30;
        uint64_t result = 0;
        for (int round = 0; round < 3; round++) {
            double start = now();
            result = kernels[i].run(kernels[i].count);
            double took = now() - start;
            best = took < best ? took : best;
        }
        printf("KERNEL %s %.4f %016lx\n", kernels[i].name,
               best / kernels[i].count / kernels[i].operations, result);
    }
    printf("DONE\n");
    sleep(1);
    reboot(RB_POWER_OFF);
    return 0;
}
