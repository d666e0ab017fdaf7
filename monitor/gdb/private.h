/* SPDX-License-Identifier: MIT */
/* Inside the GDB server. */
#ifndef MONITOR_GDB_PRIVATE_H
#define MONITOR_GDB_PRIVATE_H

#include "accel/debug.h"
#include "backends/char/chardev.h"
#include "monitor/gdb/gdb.h"

/* Of one packet's content, both ways. */
#define GDB_PACKET_MAX 0x4000

enum { GDB_STEP_NO_IRQ = 2, GDB_STEP_NO_TIMER = 4 };

typedef struct Gdb {
    Chardev *chardev;
    GString *in;             /* the packet that comes */
    GString *out;            /* the answer to it, without frame */
    GString *sent;           /* the last one with its frame, should it be asked for again */
    uint8_t state;           /* of the frame: server.c */
    uint8_t sum, said;
    bool escaped, overlong;
    bool in_packet;          /* a command is being carried out */
    bool connected;
    bool no_ack;
    bool waiting;            /* the client waits for a stop */
    bool answer_later;       /* the command has no answer now */
    bool multiprocess, swbreak, hwbreak; /* what the client understands */
    bool physical;           /* memory commands mean physical addresses */
    uint8_t step_flags;      /* GDB_STEP_* */
    int cpu_g, cpu_c;        /* indices that H chose */
    unsigned next_thread;    /* of qsThreadInfo */
    char *description;       /* target.xml, once asked for */
} Gdb;

extern Gdb gdb;

/* A packet's content (NUL after it) is carried out; the answer goes to gdb.out. */
void gdb_command(char *text, size_t length);
/* q, Q and v packets; false: not known. */
bool gdb_query(char *text);

/* Sends gdb.out as one packet and empties it. */
void gdb_send(void);
/* Says why the machine stopped, into gdb.out. */
void gdb_stop_reason(void);

/* ---- parsing: `*at` moves past what was read ---- */

bool gdb_hex(const char **at, uint64_t *value);
/* "ADDRESS,LENGTH" */
bool gdb_range(const char **at, uint64_t *address, uint64_t *length);
enum { GDB_ANY_THREAD = -2, GDB_ALL_THREADS = -1 };
/* "1f", "p1.1f", "0", "-1"; the CPU's index or GDB_*; false: malformed, or no such CPU. */
bool gdb_thread(const char **at, int *cpu);

/* ---- answers ---- */

void gdb_ok(void);
/* E and two digits. */
void gdb_error(unsigned number);
enum { GDB_EFAULT = 0x14, GDB_EINVAL = 0x22 };
void gdb_put_hex(const void *data, size_t size);
void gdb_put_thread(unsigned cpu);

/* The CPU that g, m and the like mean, with its registers as of now; NULL: there is none. */
Cpu *gdb_cpu(void);

/* Lets the machine go. `actions`: by CPU, 0 (stays), 'c' or 's'. */
void gdb_resume(const char *actions);

#endif
