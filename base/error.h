/* SPDX-License-Identifier: MIT */
/*
 * Errors: one domain for the whole program, and the "did you mean" helper.
 *
 * A message says what was asked, what was found and what to do. The code tells
 * a QMP client which error class to expect.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <glib.h>

typedef enum ErrorCode {
    ERROR_FAILED,            /* QMP GenericError */
    ERROR_NOT_FOUND,         /* no such type, property, option … (GenericError) */
    ERROR_INVALID,           /* a value out of range or malformed (GenericError) */
    ERROR_COMMAND_NOT_FOUND, /* QMP CommandNotFound */
    ERROR_DEVICE_NOT_FOUND,  /* QMP DeviceNotFound */
    ERROR_DEVICE_NOT_ACTIVE, /* QMP DeviceNotActive */
    ERROR_KVM_MISSING_CAP,   /* QMP KVMMissingCap */
    ERROR_SYSTEM,            /* a system call failed (GenericError) */
} ErrorCode;

#define ERROR_DOMAIN error_domain()
GQuark error_domain(void);

void error_set(GError **error, ErrorCode code, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Appends ": " and the text of errno `number` (positive). */
void error_set_errno(GError **error, int number, const char *format, ...) G_GNUC_PRINTF(3, 4);

/*
 * Finds the nearest of a set of names: offer all of them, then ask for the
 * hint, " (did you mean 'x'?)", or "" when nothing is near.
 */
typedef struct NearestName {
    const char *wanted;
    unsigned distance;
    char best[64];
    char hint[96];
} NearestName;

NearestName nearest_name_init(const char *wanted);
void nearest_name_offer(NearestName *nearest, const char *candidate);
const char *nearest_name_hint(NearestName *nearest);

#endif
