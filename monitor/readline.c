/* SPDX-License-Identifier: MIT */
#include "monitor/readline.h"

#include <stdbool.h>
#include <string.h>

typedef enum EscapeState {
    ESCAPE_NONE,
    ESCAPE_SEEN,     /* ESC */
    ESCAPE_CSI,      /* ESC [ */
    ESCAPE_SS3,      /* ESC O */
} EscapeState;

struct Readline {
    const ReadlineOps *ops;
    void *opaque;
    char *prompt;
    GString *line;
    size_t cursor;
    GPtrArray *history;      /* oldest first */
    guint at;                /* history entry that is shown; history->len: the new line */
    char *draft;             /* the new line while an old one is shown */
    EscapeState escape;
    unsigned parameter;      /* of ESC [ n ~ */
    bool after_cr;           /* a line feed that follows belongs to it */
};

/* ---- output ---- */

static void put(Readline *readline, const char *text)
{
    readline->ops->write(readline->opaque, text, strlen(text));
}

static void move_left(Readline *readline, size_t columns)
{
    if (columns) {
        g_autofree char *sequence = g_strdup_printf("\033[%zuD", columns);
        put(readline, sequence);
    }
}

static void move_right(Readline *readline, size_t columns)
{
    if (columns) {
        g_autofree char *sequence = g_strdup_printf("\033[%zuC", columns);
        put(readline, sequence);
    }
}

/* Draws what is right of the cursor again and goes back. */
static void redraw_tail(Readline *readline)
{
    put(readline, "\033[K");
    put(readline, readline->line->str + readline->cursor);
    move_left(readline, readline->line->len - readline->cursor);
}

static void redraw_all(Readline *readline)
{
    put(readline, "\r\033[K");
    put(readline, readline->prompt);
    put(readline, readline->line->str);
    move_left(readline, readline->line->len - readline->cursor);
}

/* ---- editing ---- */

static void insert(Readline *readline, const char *text)
{
    size_t length = strlen(text);

    if (readline->line->len + length > READLINE_MAX_LINE) {
        return;
    }
    g_string_insert(readline->line, readline->cursor, text);
    readline->cursor += length;
    put(readline, text);
    if (readline->cursor < readline->line->len) {
        redraw_tail(readline);
    }
}

static void move_to(Readline *readline, size_t position)
{
    if (position < readline->cursor) {
        move_left(readline, readline->cursor - position);
    } else {
        move_right(readline, position - readline->cursor);
    }
    readline->cursor = position;
}

static void erase(Readline *readline, size_t from, size_t to)
{
    move_to(readline, from);
    g_string_erase(readline->line, from, to - from);
    redraw_tail(readline);
}

static void replace(Readline *readline, const char *text)
{
    g_string_assign(readline->line, text);
    readline->cursor = readline->line->len;
    redraw_all(readline);
}

static size_t word_left(const Readline *readline)
{
    size_t at = readline->cursor;

    while (at && readline->line->str[at - 1] == ' ') {
        at--;
    }
    while (at && readline->line->str[at - 1] != ' ') {
        at--;
    }
    return at;
}

static size_t word_right(const Readline *readline)
{
    size_t at = readline->cursor;

    while (readline->line->str[at] == ' ') {
        at++;
    }
    while (readline->line->str[at] && readline->line->str[at] != ' ') {
        at++;
    }
    return at;
}

/* ---- history ---- */

static void remember(Readline *readline)
{
    GPtrArray *history = readline->history;
    const char *line = readline->line->str;

    if (*line && !(history->len && g_str_equal(history->pdata[history->len - 1], line))) {
        if (history->len == READLINE_HISTORY) {
            g_ptr_array_remove_index(history, 0);
        }
        g_ptr_array_add(history, g_strdup(line));
    }
    readline->at = history->len;
    g_clear_pointer(&readline->draft, g_free);
}

static void show_older(Readline *readline)
{
    if (!readline->at) {
        return;
    }
    if (readline->at == readline->history->len) {
        g_free(readline->draft);
        readline->draft = g_strdup(readline->line->str);
    }
    replace(readline, readline->history->pdata[--readline->at]);
}

static void show_newer(Readline *readline)
{
    if (readline->at == readline->history->len) {
        return;
    }
    readline->at++;
    replace(readline, readline->at < readline->history->len
                          ? readline->history->pdata[readline->at] : readline->draft);
}

/* ---- completion ---- */

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t common_length(GPtrArray *words)
{
    const char *first = words->pdata[0];
    size_t length = strlen(first);

    for (guint i = 1; i < words->len; i++) {
        const char *word = words->pdata[i];
        size_t same = 0;
        while (same < length && word[same] == first[same]) {
            same++;
        }
        length = same;
    }
    return length;
}

static void list_words(Readline *readline, GPtrArray *words)
{
    size_t width = 0, column = 0;

    put(readline, "\r\n");
    for (guint i = 0; i < words->len; i++) {
        width = MAX(width, strlen(words->pdata[i]) + 2);
    }
    for (guint i = 0; i < words->len; i++) {
        g_autofree char *cell = g_strdup_printf("%-*s", (int)width, (char *)words->pdata[i]);
        column += width;
        if (column > 80 && column > width) {
            put(readline, "\r\n");
            column = width;
        }
        put(readline, cell);
    }
    put(readline, "\r\n");
    redraw_all(readline);
}

static void complete(Readline *readline)
{
    g_autofree char *before = g_strndup(readline->line->str, readline->cursor);
    g_autoptr(GPtrArray) words = readline->ops->complete(readline->opaque, before);
    const char *space = strrchr(before, ' ');
    size_t typed = strlen(space ? space + 1 : before), common;

    if (!words || !words->len) {
        return;
    }
    g_ptr_array_sort(words, compare_words);
    common = common_length(words);
    if (common > typed) {
        g_autofree char *more = g_strndup((char *)words->pdata[0] + typed, common - typed);
        insert(readline, more);
    }
    if (words->len == 1) {
        insert(readline, g_str_has_suffix(words->pdata[0], "/") ? "" : " ");
    } else if (common <= typed) {
        list_words(readline, words);
    }
}

/* ---- keys ---- */

static void finish_line(Readline *readline)
{
    g_autofree char *line = g_strdup(readline->line->str);

    put(readline, "\r\n");
    remember(readline);
    g_string_truncate(readline->line, 0);
    readline->cursor = 0;
    readline->ops->line(readline->opaque, line);
    readline_start(readline);
}

static void control_key(Readline *readline, char key)
{
    size_t length = readline->line->len, cursor = readline->cursor;

    switch (key) {
    case 'A' - '@':
        move_to(readline, 0);
        break;
    case 'B' - '@':
        move_to(readline, cursor ? cursor - 1 : 0);
        break;
    case 'C' - '@':
        put(readline, "^C\r\n");
        readline_start(readline);
        break;
    case 'D' - '@':
        if (cursor < length) {
            erase(readline, cursor, cursor + 1);
        }
        break;
    case 'E' - '@':
        move_to(readline, length);
        break;
    case 'F' - '@':
        move_to(readline, MIN(cursor + 1, length));
        break;
    case 'H' - '@':
    case 0x7f:
        if (cursor) {
            erase(readline, cursor - 1, cursor);
        }
        break;
    case '\t':
        complete(readline);
        break;
    case 'K' - '@':
        erase(readline, cursor, length);
        break;
    case 'L' - '@':
        put(readline, "\033[H\033[2J");
        redraw_all(readline);
        break;
    case 'N' - '@':
        show_newer(readline);
        break;
    case 'P' - '@':
        show_older(readline);
        break;
    case 'U' - '@':
        erase(readline, 0, cursor);
        break;
    case 'W' - '@':
        erase(readline, word_left(readline), cursor);
        break;
    case '\033':
        readline->escape = ESCAPE_SEEN;
        break;
    }
}

static void cursor_key(Readline *readline, char key)
{
    size_t length = readline->line->len, cursor = readline->cursor;

    switch (key) {
    case 'A':
        show_older(readline);
        break;
    case 'B':
        show_newer(readline);
        break;
    case 'C':
        move_to(readline, MIN(cursor + 1, length));
        break;
    case 'D':
        move_to(readline, cursor ? cursor - 1 : 0);
        break;
    case 'F':
        move_to(readline, length);
        break;
    case 'H':
        move_to(readline, 0);
        break;
    case '~':
        /* VT220: Home or Find, Delete, End or Select, in both numberings. */
        if (readline->parameter == 1 || readline->parameter == 7) {
            move_to(readline, 0);
        } else if (readline->parameter == 4 || readline->parameter == 8) {
            move_to(readline, length);
        } else if (readline->parameter == 3 && cursor < length) {
            erase(readline, cursor, cursor + 1);
        }
        break;
    }
}

static void escape_key(Readline *readline, char c)
{
    EscapeState state = readline->escape;

    readline->escape = ESCAPE_NONE;
    if (state == ESCAPE_SEEN && (c == '[' || c == 'O')) {
        readline->escape = c == '[' ? ESCAPE_CSI : ESCAPE_SS3;
        readline->parameter = 0;
    } else if (state == ESCAPE_SEEN && c == 'b') {
        move_to(readline, word_left(readline));
    } else if (state == ESCAPE_SEEN && c == 'f') {
        move_to(readline, word_right(readline));
    } else if (state == ESCAPE_CSI && g_ascii_isdigit(c)) {
        readline->parameter = MIN(readline->parameter * 10 + (c - '0'), 1000);
        readline->escape = ESCAPE_CSI;
    } else if (state == ESCAPE_CSI && c == ';') {
        readline->parameter = 0;
        readline->escape = ESCAPE_CSI;
    } else if (state != ESCAPE_SEEN) {
        cursor_key(readline, c);
    }
}

static void feed_byte(Readline *readline, char c)
{
    char text[2] = { c, 0 };
    bool after_cr = readline->after_cr;

    readline->after_cr = c == '\r';
    if (readline->escape) {
        escape_key(readline, c);
    } else if (c == '\r' || (c == '\n' && !after_cr)) {
        finish_line(readline);
    } else if (c == '\n') {
        return;
    } else if ((unsigned char)c < 0x20 || c == 0x7f) {
        control_key(readline, c);
    } else {
        insert(readline, text);
    }
}

void readline_feed(Readline *readline, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        feed_byte(readline, bytes[i]);
    }
}

void readline_start(Readline *readline)
{
    g_string_truncate(readline->line, 0);
    readline->cursor = 0;
    readline->escape = ESCAPE_NONE;
    readline->at = readline->history->len;
    g_clear_pointer(&readline->draft, g_free);
    put(readline, readline->prompt);
}

Readline *readline_new(const ReadlineOps *ops, void *opaque, const char *prompt)
{
    Readline *readline = g_new0(Readline, 1);

    readline->ops = ops;
    readline->opaque = opaque;
    readline->prompt = g_strdup(prompt);
    readline->line = g_string_new(NULL);
    readline->history = g_ptr_array_new_with_free_func(g_free);
    return readline;
}

void readline_free(Readline *readline)
{
    if (readline) {
        g_free(readline->prompt);
        g_free(readline->draft);
        g_string_free(readline->line, TRUE);
        g_ptr_array_unref(readline->history);
        g_free(readline);
    }
}
