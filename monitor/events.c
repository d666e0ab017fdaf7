/* SPDX-License-Identifier: MIT */
#include "monitor/events.h"

#include "monitor/qmp.h"

/* What another thread raised; guarded by `lock`. */
static GMutex lock;
static GQueue raised = G_QUEUE_INIT;
static guint source;

/* Of a limited event: the time runs in which no other of its kind is sent. */
typedef struct Limit {
    char *key;
    GVariant *waiting;    /* the last one that was held back, or NULL */
    guint timer;
} Limit;

static GHashTable *limits;

static void limit_free(void *opaque)
{
    Limit *limit = opaque;

    g_clear_pointer(&limit->waiting, g_variant_unref);
    g_source_remove(limit->timer);
    g_free(limit->key);
    g_free(limit);
}

static gboolean limit_over(void *opaque)
{
    Limit *limit = opaque;
    GVariant *waiting = g_steal_pointer(&limit->waiting);

    if (!waiting) {
        g_hash_table_remove(limits, limit->key);
        return G_SOURCE_REMOVE;
    }
    qmp_broadcast(waiting);
    g_variant_unref(waiting);
    return G_SOURCE_CONTINUE;
}

/* The event's name and the value of its key: each counts by itself. */
static char *limit_key(const Event *event, GVariant *full)
{
    g_autoptr(GVariant) data = g_variant_lookup_value(full, "data", NULL);
    const char *value = data && event->rate_key ? args_str(data, event->rate_key) : NULL;

    return g_strdup_printf("%s %s", event->name, value ? value : "");
}

static void send_limited(const Event *event, GVariant *full)
{
    char *key = limit_key(event, full);
    Limit *limit;

    if (!limits) {
        limits = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, limit_free);
    }
    limit = g_hash_table_lookup(limits, key);
    if (limit) {
        g_clear_pointer(&limit->waiting, g_variant_unref);
        limit->waiting = g_variant_ref(full);
        g_free(key);
        return;
    }
    limit = g_new0(Limit, 1);
    limit->key = key;
    limit->timer = g_timeout_add(event->rate_ms, limit_over, limit);
    g_hash_table_insert(limits, key, limit);
    qmp_broadcast(full);
}

static void send_raised(GVariant *full)
{
    const Event *event = schema_event(args_str(full, "event"));

    if (event->rate_ms) {
        send_limited(event, full);
    } else {
        qmp_broadcast(full);
    }
    g_variant_unref(full);
}

static GVariant *pop_raised(void)
{
    GVariant *full;

    g_mutex_lock(&lock);
    full = g_queue_pop_head(&raised);
    g_mutex_unlock(&lock);
    return full;
}

void monitor_events_flush(void)
{
    GVariant *full;

    while ((full = pop_raised())) {
        send_raised(full);
    }
}

static gboolean flush_from_loop(void *opaque)
{
    g_mutex_lock(&lock);
    source = 0;
    g_mutex_unlock(&lock);
    monitor_events_flush();
    return G_SOURCE_REMOVE;
}

static GVariant *timestamp(void)
{
    int64_t now = g_get_real_time();

    return g_variant_new_parsed("{'seconds': <%x>, 'microseconds': <%x>}", now / G_USEC_PER_SEC,
                                now % G_USEC_PER_SEC);
}

void monitor_event(const char *name, GVariant *data)
{
    const Event *event = schema_event(name);
    g_auto(GVariantBuilder) full = DICT_INIT;
    bool here = g_main_context_is_owner(g_main_context_default());

    g_assert(event);
    dict_value(&full, "timestamp", timestamp());
    dict_str(&full, "event", name);
    if (data) {
        g_variant_ref_sink(data);
        qmp_check_event(event, data);
        dict_value(&full, "data", data);
        g_variant_unref(data);
    }
    g_mutex_lock(&lock);
    g_queue_push_tail(&raised, g_variant_ref_sink(g_variant_builder_end(&full)));
    if (!here && !source) {
        source = g_idle_add_full(G_PRIORITY_HIGH, flush_from_loop, NULL, NULL);
    }
    g_mutex_unlock(&lock);
    if (here) {
        monitor_events_flush();
    }
}
