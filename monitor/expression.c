/* SPDX-License-Identifier: MIT */
#include "monitor/expression.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

/* Parentheses and signs in each other; a line is short, a stack is finite. */
#define MAX_DEPTH 64

typedef struct Scan {
    const char *at;
    RegisterLookup lookup;
    void *opaque;
    unsigned depth, parentheses;
    GError **error;
} Scan;

static bool parse_level(Scan *scan, unsigned level, int64_t *value);

static void skip_space(Scan *scan)
{
    while (g_ascii_isspace(*scan->at)) {
        scan->at++;
    }
}

static bool parse_character(Scan *scan, int64_t *value)
{
    if (!scan->at[0] || scan->at[1] != '\'') {
        error_set(scan->error, ERROR_INVALID, "a character constant is 'c'");
        return false;
    }
    *value = (unsigned char)scan->at[0];
    scan->at += 2;
    return true;
}

static bool parse_register(Scan *scan, int64_t *value)
{
    const char *start = scan->at;

    while (g_ascii_isalnum(*scan->at) || (*scan->at && strchr("_.", *scan->at))) {
        scan->at++;
    }
    g_autofree char *name = g_strndup(start, scan->at - start);
    if (!scan->lookup || !scan->lookup(scan->opaque, name, value)) {
        error_set(scan->error, ERROR_INVALID, "unknown register '%s'", name);
        return false;
    }
    return true;
}

static bool parse_number(Scan *scan, int64_t *value)
{
    char *end;

    if (!g_ascii_isdigit(*scan->at)) {
        if (*scan->at) {
            error_set(scan->error, ERROR_INVALID, "invalid char '%c' in expression", *scan->at);
        } else {
            error_set(scan->error, ERROR_INVALID, "unexpected end of expression");
        }
        return false;
    }
    errno = 0;
    *value = g_ascii_strtoull(scan->at, &end, 0);
    if (errno == ERANGE) {
        error_set(scan->error, ERROR_INVALID, "number too large");
        return false;
    }
    scan->at = end;
    return true;
}

static bool parse_unary(Scan *scan, char sign, int64_t *value)
{
    if (!parse_level(scan, G_MAXUINT, value)) {
        return false;
    }
    *value = sign == '-' ? (int64_t)-(uint64_t)*value : sign == '~' ? ~*value : *value;
    return true;
}

static bool parse_parentheses(Scan *scan, int64_t *value)
{
    bool right;

    scan->parentheses++;
    right = parse_level(scan, 0, value);
    scan->parentheses--;
    if (!right) {
        return false;
    }
    if (*scan->at != ')') {
        error_set(scan->error, ERROR_INVALID, "')' expected");
        return false;
    }
    scan->at++;
    return true;
}

static bool parse_operand(Scan *scan, int64_t *value)
{
    char c = *scan->at;

    if (c && strchr("+-~(\'$", c)) {
        scan->at++;
        switch (c) {
        case '(':
            return parse_parentheses(scan, value);
        case '\'':
            return parse_character(scan, value);
        case '$':
            return parse_register(scan, value);
        default:
            return parse_unary(scan, c, value);
        }
    }
    return parse_number(scan, value);
}

/* Loosest first, as in C. */
static const char *const levels[][4] = {
    { "|" }, { "^" }, { "&" }, { "<<", ">>" }, { "+", "-" }, { "*", "/", "%" },
};

/* Space before it and none after it: the next argument begins ("0 16 /tmp/file", "1 -1"). */
static bool begins_argument(const Scan *scan, size_t length)
{
    return !scan->parentheses && g_ascii_isspace(scan->at[-1]) &&
           !g_ascii_isspace(scan->at[length]);
}

static const char *match_operator(Scan *scan, unsigned level)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(levels[level]) && levels[level][i]; i++) {
        const char *operator = levels[level][i];
        if (g_str_has_prefix(scan->at, operator) && !begins_argument(scan, strlen(operator))) {
            return operator;
        }
    }
    return NULL;
}

static bool apply(Scan *scan, char operator, int64_t *value, int64_t right)
{
    uint64_t left = *value;

    switch (operator) {
    case '|':
        *value = left | right;
        break;
    case '^':
        *value = left ^ right;
        break;
    case '&':
        *value = left & right;
        break;
    case '<':
        *value = left << (right & 63);
        break;
    case '>':
        *value = left >> (right & 63);
        break;
    case '+':
        *value = left + right;
        break;
    case '-':
        *value = left - right;
        break;
    case '*':
        *value = left * right;
        break;
    default:
        if (!right) {
            error_set(scan->error, ERROR_INVALID, "division by zero");
            return false;
        }
        /* INT64_MIN / -1 has no result. */
        if (right == -1) {
            *value = operator == '/' ? (int64_t)-left : 0;
        } else {
            *value = operator == '/' ? (int64_t)left / right : (int64_t)left % right;
        }
        break;
    }
    return true;
}

static bool parse_level(Scan *scan, unsigned level, int64_t *value)
{
    const char *operator;
    bool right = true;

    if (++scan->depth > MAX_DEPTH * G_N_ELEMENTS(levels)) {
        error_set(scan->error, ERROR_INVALID, "expression is nested too deeply");
        return false;
    }
    skip_space(scan);
    if (level >= G_N_ELEMENTS(levels)) {
        right = parse_operand(scan, value);
        skip_space(scan);
        scan->depth--;
        return right;
    }
    right = parse_level(scan, level + 1, value);
    while (right && (operator = match_operator(scan, level))) {
        int64_t operand;
        scan->at += strlen(operator);
        right = parse_level(scan, level + 1, &operand) &&
                apply(scan, *operator, value, operand);
    }
    scan->depth--;
    return right;
}

bool expression_parse(const char **text, RegisterLookup lookup, void *opaque, int64_t *value,
                      GError **error)
{
    Scan scan = { .at = *text, .lookup = lookup, .opaque = opaque, .error = error };
    bool right = parse_level(&scan, 0, value);

    *text = scan.at;
    return right;
}
