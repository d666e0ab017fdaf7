/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "base/log.h"
#include "qom/types.h"
#include "vmm/mainloop.h"
#include "vmm/options.h"
#include "vmm/start.h"

/* Several problems come as several lines; each gets the program's name. */
static int fail(GError *error)
{
    g_auto(GStrv) lines = g_strsplit(error->message, "\n", -1);

    for (char **line = lines; *line; line++) {
        report_error("%s", *line);
    }
    g_error_free(error);
    return 1;
}

int main(int argc, char **argv)
{
    g_autofree char *program = g_path_get_basename(argv[0]);
    GError *error = NULL;
    bool ok = true;
    int status;

    report_set_program(program);
    target_set(program);
    object_types_register(all_types);
    object_types_register(x86_cpu_types());
    if (!options_parse(argc, argv, &error)) {
        return fail(error);
    }
    if (start_help(&ok, &error)) {
        options_free();
        return ok ? 0 : fail(error);
    }
    main_loop_init();
    if (vmm_start(&error)) {
        status = main_loop_run();
    } else {
        status = fail(error);
    }
    vmm_stop();
    options_free();
    log_close();
    return status;
}
