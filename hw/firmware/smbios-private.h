/* SPDX-License-Identifier: MIT */
/* What the options and the builder of the SMBIOS tables share. */
#ifndef HW_FIRMWARE_SMBIOS_PRIVATE_H
#define HW_FIRMWARE_SMBIOS_PRIVATE_H

#include "hw/firmware/smbios.h"

typedef enum SmbiosFieldKind {
    SMBIOS_STRING,
    SMBIOS_NUMBER,
    SMBIOS_BOOL,
    SMBIOS_RELEASE, /* MAJOR.MINOR */
    SMBIOS_UUID,
    SMBIOS_VALUE, /* a string; they add up */
    SMBIOS_PATH,  /* a file whose content is one such string */
} SmbiosFieldKind;

typedef struct SmbiosField {
    uint8_t type;
    const char *name;
    SmbiosFieldKind kind;
    uint64_t limit; /* of a number */
} SmbiosField;

/* A structure of type 8, as the user described it; the strings may be NULL. */
typedef struct SmbiosPort {
    char *internal, *external;
    uint8_t connector_type, port_type;
} SmbiosPort;

struct SmbiosOptions {
    GHashTable *values;     /* "TYPE.field" to the text of its value, already checked */
    GPtrArray *oem_strings; /* of type 11 */
    GPtrArray *ports;       /* SmbiosPort */
    GPtrArray *structures;  /* GByteArray: whole structures from files */
    bool given[256];        /* types that an option named */
    bool from_file[256];    /* types that a file gave */
};

/* The user's value of a field, or `otherwise`. */
const char *smbios_option(const SmbiosOptions *options, uint8_t type, const char *field,
                          const char *otherwise);
uint64_t smbios_option_number(const SmbiosOptions *options, uint8_t type, const char *field,
                              uint64_t otherwise);

/* Reads a UUID into 16 bytes in the order in which they are printed. */
bool smbios_parse_uuid(const char *text, uint8_t *uuid);

#endif
