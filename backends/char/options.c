/* SPDX-License-Identifier: MIT */
#include "backends/char/options.h"

#include <string.h>

#include "backends/char/backend.h"
#include "backends/char/mux.h"
#include "qom/parse.h"

#define TYPE_PREFIX "chardev-"

/* Other names of backends. */
static const struct {
    const char *alias, *name;
} aliases[] = {
    { "memory", "ringbuf" },
    { "tty", "serial" },
};

/* ---- names ---- */

static const ObjectType *find_backend(const char *name, GError **error)
{
    NearestName nearest = nearest_name_init(name);
    g_autofree char *type_name = NULL;
    const ObjectType *type;

    for (unsigned i = 0; i < G_N_ELEMENTS(aliases); i++) {
        name = g_str_equal(name, aliases[i].alias) ? aliases[i].name : name;
    }
    type_name = g_strconcat(TYPE_PREFIX, name, NULL);
    type = object_type_find(type_name);
    if (type && object_type_is(type, "chardev") && !type->abstract) {
        return type;
    }
    if (g_str_equal(name, "vc")) {
        error_set(error, ERROR_NOT_FOUND,
                  "'vc' is a text console in a window, and there are none; use stdio, pty or a "
                  "socket");
        return NULL;
    }
    g_autoptr(GPtrArray) all = object_types_list("chardev", false);
    for (guint i = 0; i < all->len; i++) {
        const ObjectType *candidate = all->pdata[i];
        nearest_name_offer(&nearest, candidate->name + strlen(TYPE_PREFIX));
    }
    error_set(error, ERROR_NOT_FOUND, "'%s' is not a valid char driver name%s; -chardev help "
              "lists them", name, nearest_name_hint(&nearest));
    return NULL;
}

static bool check_id(const char *id, GError **error)
{
    bool good = g_ascii_isalpha(*id);

    for (const char *p = id; *p && good; p++) {
        good = g_ascii_isalnum(*p) || strchr("-._", *p);
    }
    if (!good) {
        error_set(error, ERROR_INVALID,
                  "Parameter 'id' expects an identifier, not '%s': letters, digits, '-', '.', "
                  "'_', starting with a letter", id);
    }
    return good;
}

/* Options are the properties that can be set. */
static const Property *find_option(const ObjectType *type, const char *name)
{
    const Property *property = object_type_property(type, name);

    return property && !(property->flags & PROPERTY_READ_ONLY) ? property : NULL;
}

static bool offer_option(const ObjectType *owner, const Property *property, void *opaque)
{
    if (!(property->flags & PROPERTY_READ_ONLY)) {
        nearest_name_offer(opaque, property->name);
    }
    return true;
}

/* ---- making ---- */

/* An option that may be left to us is "on", "off" or "auto": all ways to say a boolean count. */
static GVariant *normalize(const Property *property, GVariant *value)
{
    bool on;

    if (property->values && g_strv_contains(property->values, "on")) {
        if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN)) {
            return g_variant_new_string(g_variant_get_boolean(value) ? "on" : "off");
        }
        if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) &&
            parse_bool(g_variant_get_string(value, NULL), &on, NULL)) {
            return g_variant_new_string(on ? "on" : "off");
        }
    }
    /* A port may come as a number. */
    if (property->field.kind == FIELD_STRING &&
        g_variant_is_of_type(value, G_VARIANT_TYPE_INT64)) {
        return g_variant_new_take_string(
            g_strdup_printf("%" G_GINT64_FORMAT, g_variant_get_int64(value)));
    }
    return value;
}

static bool set_option(Object *object, const char *name, GVariant *value, GError **error)
{
    const Property *property = find_option(object->type, name);

    if (!property) {
        NearestName nearest = nearest_name_init(name);
        object_type_foreach_property(object->type, offer_option, &nearest);
        nearest_name_offer(&nearest, "mux");
        error_set(error, ERROR_NOT_FOUND,
                  "Invalid parameter '%s' for chardev type '%s'%s; -chardev %s,help lists them",
                  name, object->type->name + strlen(TYPE_PREFIX), nearest_name_hint(&nearest),
                  object->type->name + strlen(TYPE_PREFIX));
        return false;
    }
    return object_set(object, name, normalize(property, value), error);
}

static bool set_options(Object *object, GVariant *dict, GError **error)
{
    GVariantIter iter;
    const char *name;
    GVariant *value;
    bool ok = true;

    g_variant_iter_init(&iter, dict);
    while (ok && g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        ok = g_str_equal(name, "backend") || g_str_equal(name, "id") ||
             g_str_equal(name, "mux") || set_option(object, name, value, error);
        g_variant_unref(value);
    }
    return ok;
}

static Chardev *make(const ObjectType *type, const char *id, GVariant *dict, GError **error)
{
    Object *object;

    if (object_child(chardev_container(), id)) {
        error_set(error, ERROR_INVALID, "Chardev with id '%s' already exists", id);
        return NULL;
    }
    object = object_new(type, chardev_container(), id, error);
    if (object && set_options(object, dict, error) && chardev_open((Chardev *)object, error)) {
        return (Chardev *)object;
    }
    object_delete(object);
    return NULL;
}

static Chardev *make_with_mux(const ObjectType *type, const char *id, GVariant *dict,
                              GError **error)
{
    g_autofree char *base_id = g_strconcat(id, "-base", NULL);
    const ObjectType *mux_type = find_backend("mux", error);
    g_autoptr(GVariant) mux_dict =
        g_variant_ref_sink(g_variant_new_parsed("{'chardev': <%s>}", base_id));
    Chardev *base, *mux;

    if (!mux_type) {
        return NULL;
    }
    if (object_child(chardev_container(), id)) {
        error_set(error, ERROR_INVALID, "Chardev with id '%s' already exists", id);
        return NULL;
    }
    base = make(type, base_id, dict, error);
    if (!base) {
        return NULL;
    }
    mux = make(mux_type, id, mux_dict, error);
    if (!mux) {
        object_delete(&base->object);
        return NULL;
    }
    chardev_mux_own_backend(mux);
    return mux;
}

static bool lookup_mux(GVariant *dict, bool *mux, GError **error)
{
    g_autoptr(GVariant) value = g_variant_lookup_value(dict, "mux", NULL);

    *mux = false;
    if (!value) {
        return true;
    }
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN)) {
        *mux = g_variant_get_boolean(value);
        return true;
    }
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        error_set(error, ERROR_INVALID, "Parameter 'mux' expects 'on' or 'off'");
        return false;
    }
    if (!parse_bool(g_variant_get_string(value, NULL), mux, error)) {
        g_prefix_error(error, "Parameter 'mux': ");
        return false;
    }
    return true;
}

Chardev *chardev_new_from_options(const char *id, GVariant *dict, GError **error)
{
    g_autoptr(GVariant) G_GNUC_UNUSED held = g_variant_ref_sink(dict);
    g_autoptr(GVariant) nested = g_variant_lookup_value(dict, "backend", G_VARIANT_TYPE_VARDICT);
    g_autoptr(GVariant) flat = NULL;
    const ObjectType *type;
    const char *name;
    bool mux;

    if (!id && !g_variant_lookup(dict, "id", "&s", &id)) {
        error_set(error, ERROR_INVALID, "chardev: no id specified");
        return NULL;
    }
    if (nested) {
        flat = chardev_options_from_backend(nested, error);
        if (!flat) {
            return NULL;
        }
        dict = flat;
    }
    if (!g_variant_lookup(dict, "backend", "&s", &name)) {
        error_set(error, ERROR_INVALID, "chardev: \"%s\" missing backend", id);
        return NULL;
    }
    type = find_backend(name, error);
    if (!type || !check_id(id, error) || !lookup_mux(dict, &mux, error)) {
        return NULL;
    }
    return mux ? make_with_mux(type, id, dict, error) : make(type, id, dict, error);
}

Chardev *chardev_new_from_string(const char *text, GError **error)
{
    g_autoptr(GVariant) dict = parse_keyval(text, "backend", error);

    return dict ? chardev_new_from_options(NULL, dict, error) : NULL;
}

/* ---- QMP ---- */

/* What a member of QMP's backend structs is called as an option. */
static const struct {
    const char *member, *option;
} renamed[] = {
    { "out", "path" },       /* file */
    { "in", "input-path" },
    { "device", "path" },    /* pipe, serial */
    { "str", "fd" },         /* addr of type fd */
};

static const char *option_name(const char *member)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(renamed); i++) {
        if (g_str_equal(member, renamed[i].member)) {
            return renamed[i].option;
        }
    }
    return member;
}

/*
 * Members of one level; "addr" and "data" are levels further down, "type" there
 * says what the other members say already. GVariantDict keeps names unique.
 */
static void flatten(GVariantDict *options, GVariant *dict, unsigned depth)
{
    GVariantIter iter;
    const char *name;
    GVariant *value;

    g_variant_iter_init(&iter, dict);
    while (g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        bool level = g_str_equal(name, "addr") || g_str_equal(name, "data");
        if (level && depth < 3 && g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)) {
            flatten(options, value, depth + 1);
        } else if (!g_str_equal(name, "type")) {
            g_variant_dict_insert_value(options, option_name(name), value);
        }
        g_variant_unref(value);
    }
}

GVariant *chardev_options_from_backend(GVariant *backend, GError **error)
{
    GVariantDict options;
    const char *type;
    bool client;

    if (!g_variant_lookup(backend, "type", "&s", &type)) {
        error_set(error, ERROR_INVALID, "Parameter 'backend.type' is missing");
        return NULL;
    }
    g_variant_dict_init(&options, NULL);
    flatten(&options, backend, 0);
    /* QMP's "server" is true unless it is said. */
    client = !g_str_equal(type, "socket") || g_variant_dict_contains(&options, "server");
    if (!client) {
        g_variant_dict_insert(&options, "server", "b", TRUE);
    }
    g_variant_dict_insert(&options, "backend", "s", type);
    return g_variant_ref_sink(g_variant_dict_end(&options));
}

/* ---- help ---- */

static bool append_option(const ObjectType *owner, const Property *property, void *opaque)
{
    GString *text = opaque;
    g_autofree char *type = property_type_name(property);
    g_autofree char *values =
        property->values ? g_strjoinv("|", (char **)property->values) : NULL;
    g_autoptr(GVariant) value = property_default(property);
    g_autofree char *shown = value ? property_print(property, value) : NULL;

    if (property->flags & PROPERTY_READ_ONLY) {
        return true;
    }
    g_string_append_printf(text, "  %s=<%s> - %s", property->name, values ? values : type,
                           property->description);
    if (property->flags & PROPERTY_REQUIRED) {
        g_string_append(text, " (required)");
    } else if (shown && *shown) {
        g_string_append_printf(text, " (default: %s)", shown);
    }
    g_string_append_c(text, '\n');
    return true;
}

char *chardev_help(const char *backend, GError **error)
{
    GString *text;

    if (backend) {
        const ObjectType *type = find_backend(backend, error);
        if (!type) {
            return NULL;
        }
        text = g_string_new(NULL);
        g_string_append_printf(text, "%s options:\n", type->name + strlen(TYPE_PREFIX));
        object_type_foreach_property(type, append_option, text);
        g_string_append(text, "  mux=<bool> - let several front ends share it (default: off)\n");
    } else {
        g_autoptr(GPtrArray) all = object_types_list("chardev", false);
        text = g_string_new("Available chardev backend types:\n");
        for (guint i = 0; i < all->len; i++) {
            const ObjectType *type = all->pdata[i];
            g_string_append_printf(text, "  %-8s %s\n", type->name + strlen(TYPE_PREFIX),
                                   type->description);
        }
    }
    return g_string_free(text, FALSE);
}

bool chardev_wants_help(const char *options, char **text)
{
    g_auto(GStrv) words = g_strsplit(options, ",", -1);
    static const char *const help[] = { "help", "?", NULL };
    g_autoptr(GError) ignored = NULL;

    for (unsigned i = 0; words[i]; i++) {
        if (g_strv_contains(help, words[i])) {
            *text = chardev_help(i ? words[0] : NULL, &ignored);
            if (!*text) {
                *text = g_strdup_printf("%s\n", ignored->message);
            }
            return true;
        }
    }
    return false;
}
