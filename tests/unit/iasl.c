/* SPDX-License-Identifier: MIT */
#include "tests/unit/iasl.h"

#include <glib/gstdio.h>

bool iasl_found(void)
{
    g_autofree char *path = g_find_program_in_path("iasl");

    return path != NULL;
}

/* Runs `iasl` with the arguments in `dir`; returns what it printed, fails on a bad exit. */
static char *iasl_run(const char *dir, const char *arg, const char *file)
{
    const char *argv[] = { "iasl", "-ve", arg, file, NULL };
    g_autofree char *out = NULL, *err = NULL;
    g_autoptr(GError) error = NULL;
    int status;

    if (!g_spawn_sync(dir, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &out, &err,
                      &status, &error)) {
        g_error("cannot run iasl: %s", error->message);
    }
    if (!g_spawn_check_wait_status(status, &error)) {
        g_error("iasl %s %s: %s\n%s%s", arg, file, error->message, out, err);
    }
    return g_strconcat(out, err, NULL);
}

char *iasl_disassemble(const char *name, const void *data, gsize len, bool recompile)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = g_dir_make_tmp("iasl-XXXXXX", &error);
    g_autofree char *aml = g_strdup_printf("%s.aml", name);
    g_autofree char *dsl = g_strdup_printf("%s.dsl", name);
    g_autofree char *aml_path = NULL, *dsl_path = NULL, *report = NULL;
    char *text = NULL;

    g_assert_no_error(error);
    aml_path = g_build_filename(dir, aml, NULL);
    dsl_path = g_build_filename(dir, dsl, NULL);
    g_file_set_contents(aml_path, data, len, &error);
    g_assert_no_error(error);
    report = iasl_run(dir, "-d", aml);
    if (strstr(report, "Could not") || strstr(report, "Invalid")) {
        g_error("iasl -d %s: %s", name, report);
    }
    g_file_get_contents(dsl_path, &text, NULL, &error);
    g_assert_no_error(error);
    if (recompile) {
        /* -we: a warning is an error, and an error is a bad exit status. */
        g_autofree char *compiled = iasl_run(dir, "-we", dsl);

        g_assert_nonnull(strstr(compiled, " 0 Errors, 0 Warnings"));
    }
    g_remove(aml_path);
    g_remove(dsl_path);
    g_rmdir(dir);
    return text;
}
