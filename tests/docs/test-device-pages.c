/* SPDX-License-Identifier: MIT */
/* The generated pages: one for every device type, with what its tables name. */
#include <glib/gstdio.h>
#include <string.h>

#include "arch/x86/cpu.h"
#include "hw/core/device.h"
#include "hw/pci/pci.h"
#include "qom/types.h"

static char *program;       /* quoted */
static char *directory;

static void make_pages(void)
{
    const char *runner = g_getenv("MESON_EXE_WRAPPER"); /* of another machine's programs */
    g_autofree char *quoted = g_shell_quote(directory);
    g_autofree char *line = g_strdup_printf("%s %s %s", runner ? runner : "", program, quoted);
    g_autoptr(GError) error = NULL;
    g_autofree char *messages = NULL;
    int status;

    g_spawn_command_line_sync(line, NULL, &messages, &status, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(messages, ==, "");
    g_assert_true(g_spawn_check_wait_status(status, NULL));
}

static char *page_path(const char *name)
{
    return g_strdup_printf("%s/%s.rst", directory, name);
}

static char *read_page(const char *name)
{
    g_autofree char *path = page_path(name);
    char *text;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        g_error("there is no page '%s'", path);
    }
    return text;
}

static void expect_named(const char *type, const char *page, const char *what, const char *name)
{
    g_autofree char *quoted = g_strdup_printf("``%s", name);

    if (!strstr(page, quoted)) {
        g_test_message("the page of %s does not name the %s '%s'", type, what, name);
        g_test_fail();
    }
}

static void expect_registers(const char *type, const char *page, const RegisterTable *registers)
{
    for (unsigned i = 0; i < registers->count; i++) {
        expect_named(type, page, "register", registers->at[i].name);
    }
}

static void test_every_type(void)
{
    g_autoptr(GPtrArray) types = object_types_list("device", false);
    g_autofree char *index = read_page("index");

    g_assert_cmpuint(types->len, >, 20);
    for (guint i = 0; i < types->len; i++) {
        const DeviceType *type = types->pdata[i];
        g_autofree char *page = read_page(type->name);
        g_autofree char *link = g_strdup_printf("`%s <%s.rst>`_", type->name, type->name);
        if (!strstr(index, link)) {
            g_error("the index does not list %s", type->name);
        }
        for (unsigned n = 0; n < type->properties.count; n++) {
            expect_named(type->name, page, "property", type->properties.at[n].name);
        }
        for (unsigned n = 0; n < type->banks.count; n++) {
            expect_named(type->name, page, "bank", type->banks.at[n].name);
            expect_registers(type->name, page, &type->banks.at[n].registers);
        }
        for (unsigned n = 0; n < type->pins.count; n++) {
            expect_named(type->name, page, "pin", type->pins.at[n].name);
        }
        for (unsigned n = 0; n < type->timers.count; n++) {
            expect_named(type->name, page, "timer", type->timers.at[n].name);
        }
        if (type->pci) {
            expect_registers(type->name, page, &type->pci->config);
        }
    }
}

/* Against the chip, not against the table. */
static void test_isa_serial(void)
{
    static const char *const registers[] = {
        "RBR", "THR", "IER", "IIR", "FCR", "LCR", "MCR", "LSR", "MSR", "SCR", "DLL", "DLM", NULL,
    };
    g_autofree char *page = read_page("isa-serial");

    for (unsigned i = 0; registers[i]; i++) {
        g_autofree char *cell = g_strdup_printf("``%s``", registers[i]);
        if (!strstr(page, cell)) {
            g_error("%s is missing", registers[i]);
        }
    }
    g_assert_nonnull(strstr(page, "isa-serial\n==========\n"));
    g_assert_nonnull(strstr(page, ":Bus: ``ISA``"));
    g_assert_nonnull(strstr(page, "``chardev``"));
    g_assert_nonnull(strstr(page, "115200"));
}

/* Every link between the pages leads to one. */
static void test_links(void)
{
    g_autoptr(GPtrArray) types = object_types_list("device", true);
    g_autoptr(GRegex) link = g_regex_new("<([^ >]+)\\.rst>`_", 0, 0, NULL);

    for (guint i = 0; i < types->len; i++) {
        g_autofree char *page = read_page(((const ObjectType *)types->pdata[i])->name);
        g_autoptr(GMatchInfo) match = NULL;
        for (g_regex_match(link, page, 0, &match); g_match_info_matches(match);
             g_match_info_next(match, NULL)) {
            g_autofree char *name = g_match_info_fetch(match, 1);
            g_autofree char *path = page_path(name);
            g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
        }
    }
}

/* A second run gives the same, and takes away what belongs to no type. */
static void test_again(void)
{
    g_autofree char *before = read_page("isa-serial"), *stray = page_path("no-such-type");
    g_autofree char *after = NULL;

    g_assert_true(g_file_set_contents(stray, "old", -1, NULL));
    make_pages();
    after = read_page("isa-serial");
    g_assert_cmpstr(before, ==, after);
    g_assert_false(g_file_test(stray, G_FILE_TEST_EXISTS));
}

static void remove_pages(void)
{
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(directory, name, NULL);
        g_unlink(path);
    }
    g_rmdir(directory);
    g_free(directory);
}

int main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(argc, ==, 2);
    program = g_shell_quote(argv[1]);
    directory = g_dir_make_tmp("vmm-pages-XXXXXX", NULL);
    g_assert_nonnull(directory);
    object_types_register(all_types);
    object_types_register(x86_cpu_types());
    make_pages();
    g_test_add_func("/device-pages/every-type", test_every_type);
    g_test_add_func("/device-pages/isa-serial", test_isa_serial);
    g_test_add_func("/device-pages/links", test_links);
    g_test_add_func("/device-pages/again", test_again);
    status = g_test_run();
    remove_pages();
    return status;
}
