/* SPDX-License-Identifier: MIT */
/*
 * docs/user/command-line.rst lists the options that there are, as the table of
 * options has them; the manual page and bash's completion know no others.
 *
 * usage: test-command-line PAGE MANUAL-PAGE COMPLETION
 *        test-command-line --manual                      prints that part of the page
 */
#include <stdio.h>
#include <string.h>

#include "vmm/options.h"

static const char *page_path, *man_path, *completion_path;

/* Markup characters of a text stand for themselves. */
static void append_plain(GString *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("*`|\\", *text)) {
            g_string_append_c(out, '\\');
        }
        g_string_append_c(out, *text);
    }
}

static void append_aliases(GString *out, const char *name)
{
    for (unsigned i = 0; i < option_count; i++) {
        const OptionInfo *info = &option_table[i];
        if (info->alias_of && g_str_equal(info->alias_of, name)) {
            g_string_append_printf(out, ", ``-%s``", info->name);
        }
    }
}

static const char *repeating(const OptionInfo *info)
{
    switch (info->kind) {
    case OPTION_ONCE:
        return " Given twice it is an error.";
    case OPTION_LIST:
        return " May be given several times.";
    case OPTION_MERGED:
        return " Given several times, the keys add up.";
    default:
        return "";
    }
}

static char *manual_entry(const OptionInfo *info)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out, "``-%s%s%s``", info->name, info->argument ? " " : "",
                           info->argument ? info->argument : "");
    append_aliases(out, info->name);
    g_string_append(out, "\n    ");
    append_plain(out, info->help);
    g_string_append_printf(out, ".%s\n", repeating(info));
    return g_string_free(out, FALSE);
}

static char *manual(void)
{
    GString *out = g_string_new(NULL);

    for (unsigned i = 0; i < option_count; i++) {
        const OptionInfo *info = &option_table[i];
        if (info->section) {
            g_string_append_printf(out, "\n%s\n", info->section);
            for (size_t n = strlen(info->section); n; n--) {
                g_string_append_c(out, '~');
            }
            g_string_append(out, "\n\n");
        }
        if (!info->alias_of) {
            g_autofree char *entry = manual_entry(info);
            g_string_append(out, entry);
        }
    }
    return g_string_free(out, FALSE);
}

static char *read_file(const char *path)
{
    char *text;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        g_error("cannot read %s", path);
    }
    return text;
}

/* Every option stands there as the table has it. */
static void test_listed(void)
{
    g_autofree char *page = read_file(page_path);

    for (unsigned i = 0; i < option_count; i++) {
        const OptionInfo *info = &option_table[i];
        if (!info->alias_of) {
            g_autofree char *entry = manual_entry(info);
            if (!strstr(page, entry)) {
                g_test_message("%s: not there, or different; --manual prints:\n%s", page_path,
                               entry);
                g_test_fail();
            }
        }
    }
}

static bool is_option(const char *name)
{
    for (unsigned i = 0; i < option_count; i++) {
        if (g_str_equal(option_table[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* What stands behind `before` in the text is an option that there is, `least` times or more
 * often. */
static void expect_options(const char *path, const char *text, const char *before, unsigned least)
{
    g_autofree char *pattern = g_strconcat(before, "-([a-zA-Z][-_a-zA-Z]*)", NULL);
    g_autoptr(GRegex) option = g_regex_new(pattern, G_REGEX_MULTILINE, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    unsigned count = 0;

    for (g_regex_match(option, text, 0, &match); g_match_info_matches(match);
         g_match_info_next(match, NULL), count++) {
        g_autofree char *name = g_match_info_fetch(match, 1);
        if (!is_option(name)) {
            g_test_message("%s speaks of -%s, and there is no such option", path, name);
            g_test_fail();
        }
    }
    g_assert_cmpuint(count, >=, least);
}

static void test_no_other(void)
{
    g_autofree char *page = read_file(page_path);

    expect_options(page_path, page, "``", option_count / 2);
}

/* Entries and examples; in roff a dash is "\-". */
static void test_man_page(void)
{
    g_autofree char *page = read_file(man_path);
    g_auto(GStrv) parts = g_strsplit(page, "\\-", -1);
    g_autofree char *text = g_strjoinv("-", parts);

    expect_options(man_path, text, "(?:^\\.BI? | )", 20);
}

/* The lists of options whose arguments it completes. */
static void test_completion(void)
{
    g_autofree char *script = read_file(completion_path);
    g_auto(GStrv) lines = g_strsplit(script, "\n", -1);
    g_autoptr(GString) lists = g_string_new(NULL);

    for (unsigned i = 0; lines[i]; i++) {
        if (g_regex_match_simple("^_vmm_[a-z]+\\+?='", lines[i], 0, 0)) {
            g_string_append_printf(lists, "%s\n", lines[i]);
        }
    }
    expect_options(completion_path, lists->str, "[ ']", 10);
}

int main(int argc, char **argv)
{
    if (argc == 2 && g_str_equal(argv[1], "--manual")) {
        g_autofree char *text = manual();
        fputs(text, stdout);   /* whatever the locale */
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(argc, ==, 4);
    page_path = argv[1];
    man_path = argv[2];
    completion_path = argv[3];
    g_test_add_func("/command-line/listed", test_listed);
    g_test_add_func("/command-line/no-other", test_no_other);
    g_test_add_func("/command-line/man-page", test_man_page);
    g_test_add_func("/command-line/completion", test_completion);
    return g_test_run();
}
