/* SPDX-License-Identifier: MIT */
/*
 * -icount: virtual time that counts instructions, so that two runs of a machine that nothing from
 * outside disturbs are the same. The options; the accelerator does it (ACCEL_ICOUNT).
 */
#ifndef ACCEL_ICOUNT_H
#define ACCEL_ICOUNT_H

#include <glib.h>
#include <stdbool.h>

typedef struct IcountOptions {
    bool on;
    bool automatic;     /* the shift follows real time; `shift` is what it begins with */
    unsigned shift;     /* an instruction takes 1 << shift nanoseconds */
    bool sleep;         /* while all CPUs are halted virtual time goes as real time does */
    bool align;         /* a guest that is ahead of real time waits for it */
} IcountOptions;

#define ICOUNT_MAX_SHIFT 10

/*
 * The shift with which the next instructions take as long as the last ones did on the host:
 * `count` of them, in `spent` nanoseconds of real time; `ahead`: by how much virtual time is
 * before real time now, or, below 0, behind it.
 */
unsigned icount_fit(int64_t count, int64_t spent, int64_t ahead);

/*
 * "shift=N|auto[,sleep=on|off][,align=on|off]" as an "a{sv}" of strings; before an accelerator
 * is opened.
 */
bool icount_configure(GVariant *options, GError **error) G_GNUC_WARN_UNUSED_RESULT;
const IcountOptions *icount_options(void);

#endif
