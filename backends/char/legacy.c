/* SPDX-License-Identifier: MIT */
/* The short forms of -serial, -monitor and the like. */
#include <string.h>

#include "backends/char/options.h"
#include "qom/parse.h"

typedef struct LegacyForm {
    const char *prefix;      /* up to the ':', or the whole first word */
    const char *backend;
    const char *implied;     /* what follows the ':', until the first ','; NULL: nothing does */
    const char *extra;       /* options that the form means besides */
    bool host_port;          /* HOST:PORT follows the ':' */
} LegacyForm;

static const LegacyForm forms[] = {
    { "none", "none" },
    { "null", "null" },
    { "stdio", "stdio" },
    { "pty", "pty" },
    { "ringbuf", "ringbuf" },
    { "vc", "vc" },
    { "chardev", "chardev", .implied = "id" },
    { "unix", "socket", .implied = "path" },
    { "tcp", "socket", .host_port = true },
    { "telnet", "socket", .host_port = true, .extra = "telnet" },
    { "file", "file", .implied = "path" },
    { "pipe", "pipe", .implied = "path" },
};

static const LegacyForm *find_form(const char *spec, const char **rest, GError **error)
{
    size_t length = strcspn(spec, ":,");
    g_autofree char *word = g_strndup(spec, length);
    NearestName nearest = nearest_name_init(word);

    for (unsigned i = 0; i < G_N_ELEMENTS(forms); i++) {
        const LegacyForm *form = &forms[i];
        bool has_argument = form->implied || form->host_port;
        if (g_str_equal(word, form->prefix) && has_argument == (spec[length] == ':')) {
            *rest = spec[length] ? spec + length + 1 : spec + length;
            return form;
        }
        /* "vc:80Cx24C" is refused for what it is. */
        if (g_str_equal(word, "vc") && g_str_equal(form->prefix, "vc")) {
            *rest = "";
            return form;
        }
        nearest_name_offer(&nearest, form->prefix);
    }
    error_set(error, ERROR_NOT_FOUND,
              "'%s' is no character device%s; there are stdio, null, none, pty, ringbuf, "
              "unix:PATH, tcp:HOST:PORT, telnet:HOST:PORT, file:PATH, pipe:PATH, chardev:ID, "
              "/dev/TTY and mon:…, each with ,OPTION=VALUE",
              spec, nearest_name_hint(&nearest));
    return NULL;
}

/* "HOST:PORT,options", "[V6]:PORT,options" to "host=HOST,port=PORT,options". */
static char *spell_host_port(const char *text, GError **error)
{
    const char *host = text, *end, *port;
    g_autofree char *host_text = NULL, *port_text = NULL;

    if (*text == '[') {
        host = text + 1;
        end = strchr(host, ']');
        port = end && end[1] == ':' ? end + 2 : NULL;
    } else {
        end = strchr(host, ':');
        port = end ? end + 1 : NULL;
    }
    if (!port || !*port || *port == ',' || memchr(host, ',', end - host)) {
        error_set(error, ERROR_INVALID, "'%s' is not HOST:PORT", text);
        return NULL;
    }
    host_text = g_strndup(host, end - host);
    port_text = g_strdup(port);
    return g_strdup_printf("host=%s,port=%s", host_text, port_text);
}

static GVariant *parse_options(const LegacyForm *form, const char *rest, GError **error)
{
    g_autofree char *text = NULL;

    if (form->host_port) {
        text = spell_host_port(rest, error);
        return text ? parse_keyval(text, NULL, error) : NULL;
    }
    if (form->implied) {
        text = g_strdup_printf("%s=%s", form->implied, rest);
        return parse_keyval(text, NULL, error);
    }
    return parse_keyval(rest, NULL, error);
}

GVariant *chardev_parse_legacy(const char *spec, bool *monitor, GError **error)
{
    bool with_monitor = g_str_has_prefix(spec, "mon:");
    const char *rest = spec + (with_monitor ? strlen("mon:") : 0);
    static const LegacyForm tty = { "/dev/", "serial", .implied = "path" };
    const LegacyForm *form = &tty;
    g_autoptr(GVariant) options = NULL;
    GVariantDict dict;

    if (monitor) {
        *monitor = with_monitor;
    } else if (with_monitor) {
        error_set(error, ERROR_INVALID, "'%s': a monitor cannot be put beside this one", spec);
        return NULL;
    }
    if (!g_str_has_prefix(rest, "/dev/")) {
        form = find_form(rest, &rest, error);
    }
    options = form ? parse_options(form, rest, error) : NULL;
    if (!options) {
        return NULL;
    }
    g_variant_dict_init(&dict, options);
    g_variant_dict_insert(&dict, "backend", "s", form->backend);
    if (form->extra) {
        g_variant_dict_insert(&dict, form->extra, "b", TRUE);
    }
    if (with_monitor && !g_str_equal(form->backend, "chardev")) {
        g_variant_dict_insert(&dict, "mux", "b", TRUE);
    }
    /* Its keys are the guest's; Ctrl-A x leaves. */
    if (with_monitor && g_str_equal(form->backend, "stdio") &&
        !g_variant_dict_contains(&dict, "signal")) {
        g_variant_dict_insert(&dict, "signal", "b", FALSE);
    }
    return g_variant_ref_sink(g_variant_dict_end(&dict));
}

bool chardev_new_from_legacy(const char *id, const char *spec, bool *monitor,
                             Chardev **chardev, GError **error)
{
    g_autoptr(GVariant) dict = chardev_parse_legacy(spec, monitor, error);
    const char *backend, *name;

    *chardev = NULL;
    if (!dict) {
        return false;
    }
    g_variant_lookup(dict, "backend", "&s", &backend);
    if (g_str_equal(backend, "none")) {
        return true;
    }
    if (g_str_equal(backend, "chardev")) {
        g_variant_lookup(dict, "id", "&s", &name);
        *chardev = chardev_find(name);
        if (!*chardev) {
            error_set(error, ERROR_NOT_FOUND, "Chardev '%s' not found", name);
        }
    } else {
        *chardev = chardev_new_from_options(id, dict, error);
    }
    return *chardev != NULL;
}
