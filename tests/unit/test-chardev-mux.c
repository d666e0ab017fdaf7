/* SPDX-License-Identifier: MIT */
/* The mux: focus, escapes, time stamps, back pressure, removal. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/chardev-peer.h"

typedef struct Fixture {
    char *path;
    Chardev *mux;
    Recorder first, second;
    int peer;
} Fixture;

static unsigned quits, commits;

static void count_quit(void)
{
    quits++;
}

static void count_commit(void)
{
    commits++;
}

static void set_up(Fixture *f)
{
    static const ChardevEscapes escapes = { .quit = count_quit, .commit = count_commit };
    g_autofree char *options = NULL;

    quits = commits = 0;
    chardev_mux_set_escapes(&escapes);
    f->path = test_path("mux");
    options = g_strdup_printf("socket,id=m,path=%s,server=on,wait=off,mux=on", f->path);
    f->mux = chardev_made(options);
    recorder_attach(&f->first, f->mux);
    recorder_attach(&f->second, f->mux);
    g_assert_cmpstr(f->first.events->str, ==, "o");
    g_assert_cmpstr(f->second.events->str, ==, "");
    f->peer = peer_connect(f->path);
    run_until_events(&f->first, "oO");
    run_until_events(&f->second, "O");
    g_string_truncate(f->first.events, 0);
    g_string_truncate(f->second.events, 0);
}

static void tear_down(Fixture *f)
{
    close(f->peer);
    recorder_release(&f->first);
    recorder_release(&f->second);
    chardev_remove_all();
    chardev_mux_set_escapes(NULL);
    g_free(f->path);
}

static void type(Fixture *f, const char *text)
{
    peer_send(f->peer, text, strlen(text));
    run_idle();
}

static void assert_typed(Recorder *recorder, const char *expected)
{
    g_assert_cmpmem(recorder->input->data, recorder->input->len, expected, strlen(expected));
}

static void test_focus(void)
{
    Fixture f;

    set_up(&f);
    type(&f, "one");
    assert_typed(&f.second, "one");
    type(&f, "\001ctwo");
    assert_typed(&f.first, "two");
    g_assert_cmpstr(f.first.events->str, ==, "i");
    g_assert_cmpstr(f.second.events->str, ==, "o");
    chardev_mux_focus(f.mux, &f.second);
    type(&f, "!");
    assert_typed(&f.second, "one!");
    /* Both write. */
    g_assert_true(chardev_write_all(f.mux, "abc", 3));
    peer_expect(f.peer, "abc", 3);
    tear_down(&f);
}

static void test_escapes(void)
{
    Fixture f;

    set_up(&f);
    /* An escape may be split, and the escape itself can be typed. */
    type(&f, "a\001");
    assert_typed(&f.second, "a");
    type(&f, "\001b\001");
    assert_typed(&f.second, "a\001b");
    type(&f, "b\001zc");
    g_assert_cmpstr(f.second.events->str, ==, "B");
    assert_typed(&f.second, "a\001bc");
    type(&f, "\001s\001x");
    g_assert_cmpuint(commits, ==, 1);
    g_assert_cmpuint(quits, ==, 1);
    peer_expect(f.peer, "\r\nvmm: Terminated\r\n", 19);
    type(&f, "\001h");
    peer_expect(f.peer, "\r\nC-a h    this help\r\n", 22);
    chardev_mux_set_escape_character(2);
    type(&f, "\001\002x");
    g_assert_cmpuint(quits, ==, 2);
    assert_typed(&f.second, "a\001bc\001");
    chardev_mux_set_escape_character(1);
    tear_down(&f);
}

/* A guest that reads nothing cannot keep the user from leaving. */
static void test_deaf_focus(void)
{
    g_autofree char *much = g_strnfill(3000, 'x');
    Fixture f;

    set_up(&f);
    f.second.room = 0;
    type(&f, much);
    type(&f, "\001x");
    g_assert_cmpuint(quits, ==, 1);
    g_assert_cmpuint(f.second.input->len, ==, 0);
    f.second.room = 10;
    chardev_receive_resume(f.mux);
    run_idle();
    g_assert_cmpuint(f.second.input->len, ==, 10);
    f.second.room = SIZE_MAX;
    chardev_receive_resume(f.mux);
    run_until_input(&f.second, 3000);
    tear_down(&f);
}

/* What is typed in vain waits in the socket, not in memory without bound. */
static void test_typed_is_bounded(void)
{
    enum { SIZE = 8 << 20 };
    g_autofree char *much = g_strnfill(SIZE, 'y');
    Fixture f;
    size_t sent = 0;

    set_up(&f);
    f.second.room = 0;
    for (unsigned i = 0; i < 200; i++) {
        ssize_t size = send(f.peer, much, SIZE - sent, MSG_DONTWAIT);
        sent += MAX(size, 0);
        g_main_context_iteration(NULL, FALSE);
    }
    g_assert_cmpuint(sent, <, SIZE);
    f.second.room = SIZE_MAX;
    chardev_receive_resume(f.mux);
    run_until_input(&f.second, sent);
    tear_down(&f);
}

static void test_timestamps(void)
{
    Fixture f;
    char stamp[16] = "";

    set_up(&f);
    type(&f, "\001t");
    g_assert_true(chardev_write_all(f.mux, "half\nnext ", 10));
    g_assert_true(chardev_write_all(f.mux, "line\n", 5));
    peer_expect(f.peer, "half\n", 5);
    g_assert_cmpint(read(f.peer, stamp, 15), ==, 15);
    g_assert_true(g_regex_match_simple("^\\[00:00:0\\d\\.\\d{3}\\] $", stamp, 0, 0));
    peer_expect(f.peer, "next line\n", 10);
    tear_down(&f);
}

static void test_detach(void)
{
    Fixture f;

    set_up(&f);
    chardev_detach(f.mux, &f.second);
    g_assert_cmpstr(f.first.events->str, ==, "i");
    type(&f, "x");
    assert_typed(&f.first, "x");
    g_assert_true(chardev_is_busy(f.mux));
    chardev_detach(f.mux, &f.first);
    g_assert_false(chardev_is_busy(f.mux));
    /* Input waits while there is no front end. */
    type(&f, "later");
    recorder_release(&f.first);
    recorder_attach(&f.first, f.mux);
    run_until_input(&f.first, 5);
    tear_down(&f);
}

static void test_limit(void)
{
    Chardev *mux = chardev_made("null,id=m,mux=on");
    g_autoptr(GError) error = NULL;
    Recorder recorders[8], more;

    for (unsigned i = 0; i < 8; i++) {
        recorder_attach(&recorders[i], mux);
    }
    g_assert_false(chardev_attach(mux, NULL, &more, &error));
    g_assert_nonnull(strstr(error->message, "8 front ends already"));
    for (unsigned i = 0; i < 8; i++) {
        recorder_release(&recorders[i]);
    }
    chardev_remove_all();
}

static void test_removal(void)
{
    g_autoptr(GError) error = NULL;
    Chardev *mux = chardev_made("null,id=m,mux=on");
    Recorder recorder;

    recorder_attach(&recorder, mux);
    g_assert_false(chardev_remove("m", &error));
    g_clear_error(&error);
    g_assert_false(chardev_remove("m-base", &error));
    g_clear_error(&error);
    recorder_release(&recorder);
    g_assert_false(chardev_remove("m-base", &error));
    g_assert_cmpstr(error->message, ==, "Chardev 'm-base' is busy");
    g_clear_error(&error);
    g_assert_true(chardev_remove("m", NULL));
    g_assert_null(chardev_find("m-base"));

    /* A mux of the user's own leaves the backend alone. */
    chardev_made("null,id=b");
    mux = chardev_made("mux,id=m,chardev=b");
    g_assert_null(chardev_new_from_string("mux,id=mm,chardev=m", &error));
    g_assert_nonnull(strstr(error->message, "cannot sit on the mux 'm'"));
    recorder_attach(&recorder, mux);
    chardev_remove_all();
    g_assert_cmpuint(recorder.gone, ==, 1);
    recorder_release(&recorder);
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    g_test_add_func("/chardev/mux/focus", test_focus);
    g_test_add_func("/chardev/mux/escapes", test_escapes);
    g_test_add_func("/chardev/mux/deaf-focus", test_deaf_focus);
    g_test_add_func("/chardev/mux/typed-is-bounded", test_typed_is_bounded);
    g_test_add_func("/chardev/mux/timestamps", test_timestamps);
    g_test_add_func("/chardev/mux/detach", test_detach);
    g_test_add_func("/chardev/mux/limit", test_limit);
    g_test_add_func("/chardev/mux/removal", test_removal);
    return test_finish();
}
