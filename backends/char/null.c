/* SPDX-License-Identifier: MIT */
/* chardev-null: takes everything, gives nothing. */
#include "backends/char/backend.h"

static bool null_open(Chardev *chardev, GError **error)
{
    chardev_event(chardev, CHARDEV_OPENED);
    return true;
}

static const ChardevBackendOps null_ops = { .open = null_open };
static const Interface null_interfaces[] = { { CHARDEV_BACKEND, &null_ops } };

const ObjectType chardev_null_type = {
    .name = "chardev-null", .parent = "chardev",
    .description = "takes everything, gives nothing",
    .size = sizeof(Chardev), .interfaces = TABLE(null_interfaces),
};
