/* SPDX-License-Identifier: MIT */
#include "tests/bare/bare.h"

#include <stdarg.h>
#include <string.h>

extern uint8_t bare_vectors[256][16];
extern struct {
    uint16_t offset0, selector;
    uint8_t ist, type;
    uint16_t offset16;
    uint32_t offset32, unused;
} bare_idt[256];

void bare_exit(unsigned status)
{
    bare_out8(0x501, status);
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

static void put(char c)
{
    bare_out8(0xe9, c);
}

static void put_number(uint64_t number, unsigned base, unsigned width, char pad)
{
    char digits[32];
    unsigned count = 0;

    do {
        digits[count++] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number);
    for (; width > count; width--) {
        put(pad);
    }
    while (count) {
        put(digits[--count]);
    }
}

void bare_print(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    for (; *format; format++) {
        unsigned width = 0;
        char pad = ' ';
        if (*format != '%') {
            put(*format);
            continue;
        }
        format++;
        pad = *format == '0' ? '0' : ' ';
        for (; *format >= '0' && *format <= '9'; format++) {
            width = width * 10 + *format - '0';
        }
        if (*format == 's') {
            for (const char *s = va_arg(list, const char *); *s; s++) {
                put(*s);
            }
        } else if (*format == 'c') {
            put(va_arg(list, int));
        } else {
            put_number(va_arg(list, uint64_t), *format == 'x' ? 16 : 10, width, pad);
        }
    }
    va_end(list);
}

void bare_set_vectors(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint64_t at = (uintptr_t)bare_vectors[i];
        bare_idt[i].offset0 = at;
        bare_idt[i].selector = 8;
        bare_idt[i].type = 0x8e;
        bare_idt[i].offset16 = at >> 16;
        bare_idt[i].offset32 = at >> 32;
    }
}

/* Compilers call these. */
void *memcpy(void *to, const void *from, size_t count)
{
    void *at = to;
    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(count) : : "memory");
    return to;
}

void *memset(void *to, int value, size_t count)
{
    void *at = to;
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(count) : "a"(value) : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t count)
{
    const uint8_t *x = a, *y = b;

    for (; count; count--, x++, y++) {
        if (*x != *y) {
            return *x - *y;
        }
    }
    return 0;
}

int strncmp(const char *a, const char *b, size_t count)
{
    for (; count; count--, a++, b++) {
        if (*a != *b || !*a) {
            return (uint8_t)*a - (uint8_t)*b;
        }
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

size_t strlen(const char *s)
{
    size_t length = 0;

    while (s[length]) {
        length++;
    }
    return length;
}

char *strchr(const char *s, int c)
{
    for (; *s != c; s++) {
        if (!*s) {
            return NULL;
        }
    }
    return (char *)s;
}

char *strstr(const char *s, const char *what)
{
    for (size_t length = strlen(what); *s; s++) {
        if (!strncmp(s, what, length)) {
            return (char *)s;
        }
    }
    return NULL;
}

/* struct hvm_start_info, as far as it is of interest. */
typedef struct StartInfo {
    uint32_t magic, version, flags, modules;
    uint64_t list, command_line;
} StartInfo;

void bare_main(const StartInfo *info);

void bare_main(const StartInfo *info)
{
    bare_set_vectors();
    bare_program(info->command_line ? (const char *)info->command_line : "");
    bare_exit(0);
}
