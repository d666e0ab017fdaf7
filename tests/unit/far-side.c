/* SPDX-License-Identifier: MIT */
#include "tests/unit/far-side.h"

#include "backends/char/backend.h"

typedef struct ChardevFar {
    Chardev chardev;
    FarSide *far;
} ChardevFar;

static FarSide *far_of(Chardev *chardev)
{
    return ((ChardevFar *)chardev)->far;
}

static bool far_open(Chardev *chardev, GError **error)
{
    chardev_event(chardev, CHARDEV_OPENED);
    return true;
}

static size_t far_write(Chardev *chardev, const uint8_t *data, size_t size)
{
    FarSide *far = far_of(chardev);

    if (far->blocked) {
        return 0;
    }
    g_byte_array_append(far->output, data, size);
    return size;
}

static void far_watch(Chardev *chardev, bool wanted)
{
    far_of(chardev)->watched = wanted;
}

static void far_resume(Chardev *chardev)
{
    far_of(chardev)->resumed++;
}

static bool far_set_params(Chardev *chardev, const ChardevSerialParams *params)
{
    far_of(chardev)->params = *params;
    return true;
}

static bool far_set_break(Chardev *chardev, bool on)
{
    far_of(chardev)->break_on = on;
    return true;
}

static bool far_set_lines(Chardev *chardev, unsigned lines)
{
    far_of(chardev)->modem_out = lines;
    return far_of(chardev)->has_modem_lines;
}

static bool far_get_lines(Chardev *chardev, unsigned *lines)
{
    *lines = far_of(chardev)->modem_in;
    return far_of(chardev)->has_modem_lines;
}

static const ChardevBackendOps far_ops = {
    .open = far_open, .write = far_write, .watch = far_watch, .resume = far_resume,
    .set_serial_params = far_set_params, .set_break = far_set_break,
    .set_modem_lines = far_set_lines, .get_modem_lines = far_get_lines,
};
static const Interface far_interfaces[] = { { CHARDEV_BACKEND, &far_ops } };

static const ObjectType far_type = {
    .name = "chardev-test-far", .parent = "chardev", .description = "the test's own",
    .size = sizeof(ChardevFar), .interfaces = TABLE(far_interfaces),
};

void far_side_register(void)
{
    static const ObjectType *const types[] = { &far_type, NULL };

    object_types_register(types);
}

void far_side_open(FarSide *far, const char *id)
{
    Object *object = object_new(&far_type, chardev_container(), id, NULL);

    g_assert_nonnull(object);
    *far = (FarSide){ .chardev = (Chardev *)object, .output = g_byte_array_new() };
    ((ChardevFar *)object)->far = far;
    g_assert_true(chardev_open(far->chardev, NULL));
}

void far_side_close(FarSide *far)
{
    g_assert_false(chardev_is_busy(far->chardev));
    object_delete(&far->chardev->object);
    g_byte_array_unref(far->output);
}

size_t far_side_send(FarSide *far, const void *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        size_t piece = MIN(size - done, chardev_room(far->chardev));
        if (!piece) {
            break;
        }
        chardev_deliver(far->chardev, (const uint8_t *)data + done, piece);
        done += piece;
    }
    return done;
}

void far_side_event(FarSide *far, ChardevEvent event)
{
    chardev_event(far->chardev, event);
}

void far_side_block(FarSide *far, bool blocked)
{
    far->blocked = blocked;
    if (!blocked && far->watched) {
        chardev_writable(far->chardev);
    }
}

void far_side_expect(FarSide *far, const void *data, size_t size)
{
    g_assert_cmpmem(far->output->data, far->output->len, data, size);
    g_byte_array_set_size(far->output, 0);
}
