/* SPDX-License-Identifier: MIT */
/* -icount: the options, and what shift=auto makes of a host's speed. */
#include "accel/icount.h"

static bool configure(const char *shift, GError **error)
{
    GVariantBuilder dict;
    g_autoptr(GVariant) options = NULL;

    g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&dict, "{sv}", "shift", g_variant_new_string(shift));
    options = g_variant_ref_sink(g_variant_builder_end(&dict));
    return icount_configure(options, error);
}

static void test_options(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(configure("auto", &error));
    g_assert_true(icount_options()->on && icount_options()->automatic);
    g_assert_true(configure("7", &error));
    g_assert_false(icount_options()->automatic);
    g_assert_cmpuint(icount_options()->shift, ==, 7);
    g_assert_false(configure("automatic", &error));
    g_assert_nonnull(error);
}

/* In time, the nearest power of two; off by much, no more than four times as fast or as slow. */
static void test_fit(void)
{
    static const struct {
        int64_t count, spent, ahead;
        unsigned shift;
    } cases[] = {
        { 1000000, 1000000, 0, 0 }, { 1000000, 8000000, 0, 3 }, { 1000000, 11000000, 0, 3 },
        { 1000000, 13000000, 0, 4 }, { 1000000, 100000, 0, 0 }, { 1000000, 1ll << 40, 0, ICOUNT_MAX_SHIFT },
        { 1000000, 8000000, 8000000, 3 }, { 1000000, 8000000, 16000000, 2 }, { 1000000, 8000000, 1ll << 40, 1 },
        { 1000000, 8000000, -32000000, 4 }, { 1000000, 8000000, -(1ll << 40), 5 }, { 0, 50000000, 0, ICOUNT_MAX_SHIFT },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_assert_cmpuint(icount_fit(cases[i].count, cases[i].spent, cases[i].ahead), ==,
                         cases[i].shift);
    }
}

/* From any shift, and however far away, virtual time comes to real time and stays with it. */
static void test_follows(void)
{
    static const int64_t speeds[] = { 1, 3, 10, 47, 200, 700 };   /* nanoseconds an instruction */

    for (unsigned i = 0; i < G_N_ELEMENTS(speeds); i++) {
        int64_t ahead = i & 1 ? 3000000000ll : -3000000000ll, spent = 50000000;

        for (unsigned round = 0; round < 400; round++) {
            int64_t count = spent / speeds[i];
            ahead += (count << icount_fit(count, spent, ahead)) - spent;
        }
        g_assert_cmpint(ABS(ahead), <, 4 * spent);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/icount/options", test_options);
    g_test_add_func("/icount/fit", test_fit);
    g_test_add_func("/icount/follows", test_follows);
    return g_test_run();
}
