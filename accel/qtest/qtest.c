/* SPDX-License-Identifier: MIT */
/*
 * The accelerator that runs no CPU: time stands until a test moves it with
 * clock_step, and the test makes the accesses that CPUs would make.
 */
#include "accel/accel.h"

static bool qtest_open(Accel *accel, GError **error)
{
    time_virtual_step_mode();
    return true;
}

static unsigned qtest_features(Accel *accel)
{
    return 0;
}

const AccelType qtest_accel_type = {
    .name = "qtest-accel", .parent = "accel", .size = sizeof(Accel),
    .description = "no CPU runs; a test drives the devices",
    .open = qtest_open, .features = qtest_features,
};
