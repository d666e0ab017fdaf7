/* SPDX-License-Identifier: MIT */
/*
 * A machine under test: the program in a process of its own, driven over the
 * qtest protocol (docs/internals/qtest.rst) and, when asked for, over QMP.
 *
 * The program's path comes from the environment variable VMM_BINARY. A test
 * that gets an answer it cannot go on with ends with a message; nothing hangs
 * for more than QTEST_TIMEOUT_MS.
 */
#ifndef TESTS_QTEST_LIBQTEST_H
#define TESTS_QTEST_LIBQTEST_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define QTEST_TIMEOUT_MS 20000

typedef struct QTest QTest;

/* Words of a command line, as in a shell: qtest_start("-machine pc -m 64M"). */
QTest *qtest_start(const char *format, ...) G_GNUC_PRINTF(1, 2);
/*
 * A board of the test's own: `nodes` is device tree source for the inside of
 * the root node, which is a native x86_64 board with #address-cells = <2> and
 * #size-cells = <1>. Skips the test when dtc is missing.
 */
QTest *qtest_start_board(const char *nodes, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* Ends it with SIGTERM and expects exit status 0. */
void qtest_stop(QTest *qtest);
/* Waits for it to end by itself; returns its exit status. Frees it. */
int qtest_wait_exit(QTest *qtest);
/* Runs a command line to its end; its standard error goes to *message (may be NULL). */
int qtest_run(char **message, const char *format, ...) G_GNUC_PRINTF(2, 3);

void qtest_outb(QTest *qtest, uint16_t port, uint8_t value);
void qtest_outw(QTest *qtest, uint16_t port, uint16_t value);
void qtest_outl(QTest *qtest, uint16_t port, uint32_t value);
uint8_t qtest_inb(QTest *qtest, uint16_t port);
uint16_t qtest_inw(QTest *qtest, uint16_t port);
uint32_t qtest_inl(QTest *qtest, uint16_t port);
void qtest_writeb(QTest *qtest, uint64_t address, uint8_t value);
void qtest_writew(QTest *qtest, uint64_t address, uint16_t value);
void qtest_writel(QTest *qtest, uint64_t address, uint32_t value);
void qtest_writeq(QTest *qtest, uint64_t address, uint64_t value);
uint8_t qtest_readb(QTest *qtest, uint64_t address);
uint16_t qtest_readw(QTest *qtest, uint64_t address);
uint32_t qtest_readl(QTest *qtest, uint64_t address);
uint64_t qtest_readq(QTest *qtest, uint64_t address);
void qtest_read(QTest *qtest, uint64_t address, void *data, size_t size);
void qtest_write(QTest *qtest, uint64_t address, const void *data, size_t size);
void qtest_memset(QTest *qtest, uint64_t address, uint8_t byte, size_t size);

/* PCI configuration space of bus 0, by mechanism 1. */
uint32_t qtest_pci_readl(QTest *qtest, unsigned slot, unsigned function, unsigned offset);
uint16_t qtest_pci_readw(QTest *qtest, unsigned slot, unsigned function, unsigned offset);
uint8_t qtest_pci_readb(QTest *qtest, unsigned slot, unsigned function, unsigned offset);
void qtest_pci_writel(QTest *qtest, unsigned slot, unsigned function, unsigned offset,
                      uint32_t value);
void qtest_pci_writew(QTest *qtest, unsigned slot, unsigned function, unsigned offset,
                      uint16_t value);
void qtest_pci_writeb(QTest *qtest, unsigned slot, unsigned function, unsigned offset,
                      uint8_t value);

/* Nanoseconds of virtual time; both return the new time. */
int64_t qtest_clock_step(QTest *qtest, int64_t nanoseconds);
int64_t qtest_clock_step_next(QTest *qtest);

/* From now on qtest_irq() knows the lines of the device's inputs or outputs. */
void qtest_intercept_in(QTest *qtest, const char *device);
void qtest_intercept_out(QTest *qtest, const char *device);
bool qtest_irq(QTest *qtest, unsigned line);
/* How often the line was raised. */
unsigned qtest_irq_raised(QTest *qtest, unsigned line);
void qtest_set_irq_in(QTest *qtest, const char *device, const char *pin, unsigned line,
                      bool level);

/* By name: "DEVICE", "REG", "bank.REG" or "REG[n]". Hooks run as for a guest's access. */
uint64_t qtest_register(QTest *qtest, const char *device, const char *name);
void qtest_set_register(QTest *qtest, const char *device, const char *name, uint64_t value);
bool qtest_pin(QTest *qtest, const char *device, const char *pin, unsigned line);

/* Any line; the answer without its newline. The caller frees it. */
char *qtest_command(QTest *qtest, const char *format, ...) G_GNUC_PRINTF(2, 3);

/*
 * QMP: `command` is a JSON object. Returns the whole answer ({"return": …} or
 * {"error": …}) as a full reference; events are kept for qtest_event().
 */
GVariant *qtest_qmp(QTest *qtest, const char *command, ...) G_GNUC_PRINTF(2, 3);
/* Waits for an event of that name; a full reference. Earlier ones of other names are kept. */
GVariant *qtest_event(QTest *qtest, const char *name);
/* Waits for it; its data has that member with that text. */
void qtest_expect_event(QTest *qtest, const char *name, const char *member, const char *text);
/* The text of a human monitor command; the caller frees it. */
char *qtest_hmp(QTest *qtest, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
