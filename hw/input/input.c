/* SPDX-License-Identifier: MIT */
#include "hw/input/input.h"

#include "hw/core/time.h"

#define QUEUE_MAX 4096

const char *const input_button_names[INPUT_BUTTONS + 1] = {
    "left", "middle", "right", "wheel-up", "wheel-down", "side", "extra", "wheel-left",
    "wheel-right", NULL,
};
const char *const input_axis_names[INPUT_AXES + 1] = { "x", "y", NULL };

/* ---- who takes them ---- */

static GArray *handlers;        /* InputHandlerInfo; the first that takes a kind gets it */
static unsigned next_index = 1;

static int find_handler(const Device *device)
{
    for (guint i = 0; handlers && i < handlers->len; i++) {
        if (g_array_index(handlers, InputHandlerInfo, i).device == device) {
            return i;
        }
    }
    return -1;
}

void input_attach(Device *device, const InputOps *ops)
{
    InputHandlerInfo info = { .device = device, .ops = ops, .index = next_index++ };

    if (!handlers) {
        handlers = g_array_new(FALSE, FALSE, sizeof(InputHandlerInfo));
    }
    g_array_prepend_val(handlers, info);
}

void input_detach(Device *device)
{
    int at = find_handler(device);

    if (at >= 0) {
        g_array_remove_index(handlers, at);
    }
    if (handlers && !handlers->len) {
        g_clear_pointer(&handlers, g_array_unref);
    }
}

void input_activate(Device *device)
{
    int at = find_handler(device);

    if (at >= 0) {
        InputHandlerInfo info = g_array_index(handlers, InputHandlerInfo, at);
        g_array_remove_index(handlers, at);
        g_array_prepend_val(handlers, info);
    }
}

static const InputHandlerInfo *handler_of(InputKind kind)
{
    for (guint i = 0; handlers && i < handlers->len; i++) {
        const InputHandlerInfo *info = &g_array_index(handlers, InputHandlerInfo, i);
        if (info->ops->kinds & BIT(kind)) {
            return info;
        }
    }
    return NULL;
}

bool input_taken(InputKind kind)
{
    return handler_of(kind) != NULL;
}

bool input_handler(unsigned n, InputHandlerInfo *info)
{
    if (!handlers || n >= handlers->len) {
        return false;
    }
    *info = g_array_index(handlers, InputHandlerInfo, n);
    info->current = false;
    for (InputKind kind = 0; kind < INPUT_KINDS; kind++) {
        const InputHandlerInfo *taker = handler_of(kind);
        info->current |= taker && taker->device == info->device;
    }
    return true;
}

/* ---- the queue ---- */

typedef enum ItemKind {
    ITEM_EVENT, ITEM_SYNC, ITEM_DELAY,
} ItemKind;

typedef struct Item {
    ItemKind kind;
    InputEvent event;
    int64_t delay;   /* nanoseconds */
} Item;

static GArray *queue;   /* Item; in use while the timer is armed */
static Timer timer;

static void deliver_sync(void)
{
    for (guint i = 0; handlers && i < handlers->len; i++) {
        InputHandlerInfo info = g_array_index(handlers, InputHandlerInfo, i);
        if (info.ops->sync) {
            info.ops->sync(info.device);
        }
    }
}

static void deliver(const Item *item)
{
    const InputHandlerInfo *handler = handler_of(item->event.kind);

    if (item->kind == ITEM_SYNC) {
        deliver_sync();
    } else if (handler) {
        handler->ops->event(handler->device, &item->event);
    }
}

static void run_queue(void *opaque)
{
    guint done = 0;

    while (queue && done < queue->len) {
        Item item = g_array_index(queue, Item, done++);
        if (item.kind == ITEM_DELAY) {
            timer_set(&timer, time_virtual() + item.delay);
            break;
        }
        deliver(&item);
    }
    if (queue && done < queue->len) {
        g_array_remove_range(queue, 0, done);
    } else if (queue && !timer_armed(&timer)) {
        g_clear_pointer(&queue, g_array_unref);
    } else if (queue) {
        g_array_set_size(queue, 0);
    }
}

/* Whether what comes now has to wait behind something. */
static bool is_waiting(void)
{
    return timer.callback && timer_armed(&timer);
}

static bool check_room(unsigned count, GError **error)
{
    if (count > QUEUE_MAX || (queue && queue->len > QUEUE_MAX - count)) {
        error_set(error, ERROR_FAILED, "too many input events are queued");
        return false;
    }
    return true;
}

static void put(const Item *item)
{
    if (!is_waiting() && item->kind != ITEM_DELAY) {
        deliver(item);
        return;
    }
    if (!timer.callback) {
        timer_init(&timer, TIME_VIRTUAL, run_queue, NULL);
    }
    if (!is_waiting()) {
        timer_set(&timer, time_virtual() + item->delay);
        return;
    }
    if (!queue) {
        queue = g_array_new(FALSE, FALSE, sizeof(Item));
    }
    g_array_append_val(queue, *item);
}

static void put_event(const InputEvent *event)
{
    Item item = { .kind = ITEM_EVENT, .event = *event };

    put(&item);
}

static void put_sync(void)
{
    Item item = { .kind = ITEM_SYNC };

    put(&item);
}

static void put_delay(unsigned ms)
{
    Item item = { .kind = ITEM_DELAY, .delay = ms * (int64_t)1000000 };

    put(&item);
}

bool input_send(const InputEvent *events, unsigned count, GError **error)
{
    if (!check_room(count + 1, error)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        put_event(&events[i]);
    }
    put_sync();
    return true;
}

bool input_send_keys(const unsigned *keys, unsigned count, unsigned hold_ms, GError **error)
{
    if (!check_room(4 * count + 2, error)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        put_event(&(InputEvent){ INPUT_KEY, keys[i], 1 });
        put_sync();
    }
    put_delay(hold_ms);
    for (unsigned i = count; i-- > 0;) {
        put_event(&(InputEvent){ INPUT_KEY, keys[i], 0 });
        put_sync();
    }
    /* The next key of a typist is a moment later. */
    put_delay(hold_ms);
    return true;
}

void input_reset(void)
{
    if (timer.callback) {
        timer_cancel(&timer);
    }
    g_clear_pointer(&queue, g_array_unref);
}
