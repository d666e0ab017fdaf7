/* SPDX-License-Identifier: MIT */
/* What bare.h promises to a program, as a program of the host has it: its output and its arguments. */
#include "tests/bare/bare.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The formats are bare_print()'s: numbers are of 64 bits. */
void bare_print(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    for (; *format; format++) {
        int width = 0;
        if (*format != '%') {
            putchar(*format);
            continue;
        }
        format++;
        while (*format >= '0' && *format <= '9') {
            width = width * 10 + *format++ - '0';
        }
        switch (*format) {
        case 's':
            fputs(va_arg(list, const char *), stdout);
            break;
        case 'c':
            putchar(va_arg(list, int));
            break;
        case 'x':
            printf("%0*lx", width, va_arg(list, uint64_t));
            break;
        default:
            printf("%0*lu", width, va_arg(list, uint64_t));
        }
    }
    va_end(list);
}

void bare_exit(unsigned status)
{
    exit((int)status);
}

int main(int argc, char **argv)
{
    char text[256] = "";

    for (int i = 1; i < argc; i++) {
        if (strlen(text) + strlen(argv[i]) + 2 > sizeof(text)) {
            fputs("too many arguments\n", stderr);
            return 2;
        }
        strcat(strcat(text, argv[i]), " ");
    }
    bare_program(text);
    return 0;
}
