/* SPDX-License-Identifier: MIT */
/*
 * The keys. Scan codes: IBM PS/2 Hardware Interface Technical Reference,
 * keyboards (101- and 102-key), and Microsoft's Keyboard Scan Code
 * Specification for the ACPI and multimedia keys.
 */
#include <linux/input-event-codes.h>

#include "hw/input/input.h"

/* Sun's keys and others that no PS/2 keyboard has come without scan codes. */
#define KEYS(K)                                                  \
    K("unmapped")                                                \
    K("shift", KEY_LEFTSHIFT, 0x12, 0x12, 'B')                   \
    K("shift_r", KEY_RIGHTSHIFT, 0x59, 0x59, 'B')                \
    K("alt", KEY_LEFTALT, 0x11, 0x19, 'B')                       \
    K("alt_r", KEY_RIGHTALT, 0xe011, 0x39, 'M')                  \
    K("ctrl", KEY_LEFTCTRL, 0x14, 0x11, 'B')                     \
    K("ctrl_r", KEY_RIGHTCTRL, 0xe014, 0x58, 'M')                \
    K("menu", KEY_COMPOSE, 0xe02f, 0x8d, 'M')                    \
    K("esc", KEY_ESC, 0x76, 0x08, 'M')                           \
    K("1", KEY_1, 0x16, 0x16, 'T')                               \
    K("2", KEY_2, 0x1e, 0x1e, 'T')                               \
    K("3", KEY_3, 0x26, 0x26, 'T')                               \
    K("4", KEY_4, 0x25, 0x25, 'T')                               \
    K("5", KEY_5, 0x2e, 0x2e, 'T')                               \
    K("6", KEY_6, 0x36, 0x36, 'T')                               \
    K("7", KEY_7, 0x3d, 0x3d, 'T')                               \
    K("8", KEY_8, 0x3e, 0x3e, 'T')                               \
    K("9", KEY_9, 0x46, 0x46, 'T')                               \
    K("0", KEY_0, 0x45, 0x45, 'T')                               \
    K("minus", KEY_MINUS, 0x4e, 0x4e, 'T')                       \
    K("equal", KEY_EQUAL, 0x55, 0x55, 'T')                       \
    K("backspace", KEY_BACKSPACE, 0x66, 0x66, 'T')               \
    K("tab", KEY_TAB, 0x0d, 0x0d, 'T')                           \
    K("q", KEY_Q, 0x15, 0x15, 'T')                               \
    K("w", KEY_W, 0x1d, 0x1d, 'T')                               \
    K("e", KEY_E, 0x24, 0x24, 'T')                               \
    K("r", KEY_R, 0x2d, 0x2d, 'T')                               \
    K("t", KEY_T, 0x2c, 0x2c, 'T')                               \
    K("y", KEY_Y, 0x35, 0x35, 'T')                               \
    K("u", KEY_U, 0x3c, 0x3c, 'T')                               \
    K("i", KEY_I, 0x43, 0x43, 'T')                               \
    K("o", KEY_O, 0x44, 0x44, 'T')                               \
    K("p", KEY_P, 0x4d, 0x4d, 'T')                               \
    K("bracket_left", KEY_LEFTBRACE, 0x54, 0x54, 'T')            \
    K("bracket_right", KEY_RIGHTBRACE, 0x5b, 0x5b, 'T')          \
    K("ret", KEY_ENTER, 0x5a, 0x5a, 'T')                         \
    K("a", KEY_A, 0x1c, 0x1c, 'T')                               \
    K("s", KEY_S, 0x1b, 0x1b, 'T')                               \
    K("d", KEY_D, 0x23, 0x23, 'T')                               \
    K("f", KEY_F, 0x2b, 0x2b, 'T')                               \
    K("g", KEY_G, 0x34, 0x34, 'T')                               \
    K("h", KEY_H, 0x33, 0x33, 'T')                               \
    K("j", KEY_J, 0x3b, 0x3b, 'T')                               \
    K("k", KEY_K, 0x42, 0x42, 'T')                               \
    K("l", KEY_L, 0x4b, 0x4b, 'T')                               \
    K("semicolon", KEY_SEMICOLON, 0x4c, 0x4c, 'T')               \
    K("apostrophe", KEY_APOSTROPHE, 0x52, 0x52, 'T')             \
    K("grave_accent", KEY_GRAVE, 0x0e, 0x0e, 'T')                \
    K("backslash", KEY_BACKSLASH, 0x5d, 0x5c, 'T')               \
    K("z", KEY_Z, 0x1a, 0x1a, 'T')                               \
    K("x", KEY_X, 0x22, 0x22, 'T')                               \
    K("c", KEY_C, 0x21, 0x21, 'T')                               \
    K("v", KEY_V, 0x2a, 0x2a, 'T')                               \
    K("b", KEY_B, 0x32, 0x32, 'T')                               \
    K("n", KEY_N, 0x31, 0x31, 'T')                               \
    K("m", KEY_M, 0x3a, 0x3a, 'T')                               \
    K("comma", KEY_COMMA, 0x41, 0x41, 'T')                       \
    K("dot", KEY_DOT, 0x49, 0x49, 'T')                           \
    K("slash", KEY_SLASH, 0x4a, 0x4a, 'T')                       \
    K("asterisk", KEY_KPASTERISK, 0x7c, 0x7e, 'M')               \
    K("spc", KEY_SPACE, 0x29, 0x29, 'T')                         \
    K("caps_lock", KEY_CAPSLOCK, 0x58, 0x14, 'B')                \
    K("f1", KEY_F1, 0x05, 0x07, 'M')                             \
    K("f2", KEY_F2, 0x06, 0x0f, 'M')                             \
    K("f3", KEY_F3, 0x04, 0x17, 'M')                             \
    K("f4", KEY_F4, 0x0c, 0x1f, 'M')                             \
    K("f5", KEY_F5, 0x03, 0x27, 'M')                             \
    K("f6", KEY_F6, 0x0b, 0x2f, 'M')                             \
    K("f7", KEY_F7, 0x83, 0x37, 'M')                             \
    K("f8", KEY_F8, 0x0a, 0x3f, 'M')                             \
    K("f9", KEY_F9, 0x01, 0x47, 'M')                             \
    K("f10", KEY_F10, 0x09, 0x4f, 'M')                           \
    K("num_lock", KEY_NUMLOCK, 0x77, 0x76, 'M')                  \
    K("scroll_lock", KEY_SCROLLLOCK, 0x7e, 0x5f, 'M')            \
    K("kp_divide", KEY_KPSLASH, 0xe04a, 0x77, 'M')               \
    K("kp_multiply", KEY_KPASTERISK, 0x7c, 0x7e, 'M')            \
    K("kp_subtract", KEY_KPMINUS, 0x7b, 0x84, 'M')               \
    K("kp_add", KEY_KPPLUS, 0x79, 0x7c, 'T')                     \
    K("kp_enter", KEY_KPENTER, 0xe05a, 0x79, 'M')                \
    K("kp_decimal", KEY_KPDOT, 0x71, 0x71, 'M')                  \
    K("sysrq", KEY_SYSRQ, 0x84, 0x57, 'M')                       \
    K("kp_0", KEY_KP0, 0x70, 0x70, 'M')                          \
    K("kp_1", KEY_KP1, 0x69, 0x69, 'M')                          \
    K("kp_2", KEY_KP2, 0x72, 0x72, 'M')                          \
    K("kp_3", KEY_KP3, 0x7a, 0x7a, 'M')                          \
    K("kp_4", KEY_KP4, 0x6b, 0x6b, 'M')                          \
    K("kp_5", KEY_KP5, 0x73, 0x73, 'M')                          \
    K("kp_6", KEY_KP6, 0x74, 0x74, 'M')                          \
    K("kp_7", KEY_KP7, 0x6c, 0x6c, 'M')                          \
    K("kp_8", KEY_KP8, 0x75, 0x75, 'M')                          \
    K("kp_9", KEY_KP9, 0x7d, 0x7d, 'M')                          \
    K("less", KEY_102ND, 0x61, 0x13, 'T')                        \
    K("f11", KEY_F11, 0x78, 0x56, 'M')                           \
    K("f12", KEY_F12, 0x07, 0x5e, 'M')                           \
    K("print", KEY_SYSRQ, 0xe07c, 0x57, 'M')                     \
    K("home", KEY_HOME, 0xe06c, 0x6e, 'M')                       \
    K("pgup", KEY_PAGEUP, 0xe07d, 0x6f, 'M')                     \
    K("pgdn", KEY_PAGEDOWN, 0xe07a, 0x6d, 'M')                   \
    K("end", KEY_END, 0xe069, 0x65, 'M')                         \
    K("left", KEY_LEFT, 0xe06b, 0x61, 'T')                       \
    K("up", KEY_UP, 0xe075, 0x63, 'T')                           \
    K("down", KEY_DOWN, 0xe072, 0x60, 'T')                       \
    K("right", KEY_RIGHT, 0xe074, 0x6a, 'T')                     \
    K("insert", KEY_INSERT, 0xe070, 0x67, 'M')                   \
    K("delete", KEY_DELETE, 0xe071, 0x64, 'T')                   \
    K("stop", KEY_STOP)                                          \
    K("again", KEY_AGAIN)                                        \
    K("props", KEY_PROPS)                                        \
    K("undo", KEY_UNDO)                                          \
    K("front", KEY_FRONT)                                        \
    K("copy", KEY_COPY)                                          \
    K("open", KEY_OPEN)                                          \
    K("paste", KEY_PASTE)                                        \
    K("find", KEY_FIND)                                          \
    K("cut", KEY_CUT)                                            \
    K("lf", KEY_LINEFEED)                                        \
    K("help", KEY_HELP)                                          \
    K("meta_l", KEY_LEFTMETA, 0xe01f, 0x8b, 'M')                 \
    K("meta_r", KEY_RIGHTMETA, 0xe027, 0x8c, 'M')                \
    K("compose", KEY_COMPOSE, 0xe02f, 0x8d, 'M')                 \
    K("pause", KEY_PAUSE, 0xe177, 0x62, 'M')                     \
    K("ro", KEY_RO, 0x51, 0x51, 'T')                             \
    K("hiragana", KEY_HIRAGANA, 0x62)                            \
    K("henkan", KEY_HENKAN, 0x64, 0x86, 'T')                     \
    K("yen", KEY_YEN, 0x6a, 0x5d, 'T')                           \
    K("muhenkan", KEY_MUHENKAN, 0x67, 0x85, 'T')                 \
    K("katakanahiragana", KEY_KATAKANAHIRAGANA, 0x13, 0x87, 'T') \
    K("kp_comma", KEY_KPCOMMA, 0x6d, 0x7b, 'M')                  \
    K("kp_equals", KEY_KPEQUAL, 0x0f)                            \
    K("power", KEY_POWER, 0xe037)                                \
    K("sleep", KEY_SLEEP, 0xe03f)                                \
    K("wake", KEY_WAKEUP, 0xe05e)                                \
    K("audionext", KEY_NEXTSONG, 0xe04d)                         \
    K("audioprev", KEY_PREVIOUSSONG, 0xe015)                     \
    K("audiostop", KEY_STOPCD, 0xe03b)                           \
    K("audioplay", KEY_PLAYPAUSE, 0xe034)                        \
    K("audiomute", KEY_MUTE, 0xe023)                             \
    K("volumeup", KEY_VOLUMEUP, 0xe032)                          \
    K("volumedown", KEY_VOLUMEDOWN, 0xe021)                      \
    K("mediaselect", KEY_MEDIA, 0xe050)                          \
    K("mail", KEY_MAIL, 0xe048)                                  \
    K("calculator", KEY_CALC, 0xe02b)                            \
    K("computer", KEY_COMPUTER, 0xe040)                          \
    K("ac_home", KEY_HOMEPAGE, 0xe03a)                           \
    K("ac_back", KEY_BACK, 0xe038)                               \
    K("ac_forward", KEY_FORWARD, 0xe030)                         \
    K("ac_refresh", KEY_REFRESH, 0xe020)                         \
    K("ac_bookmarks", KEY_BOOKMARKS, 0xe018)                     \
    K("lang1", KEY_HANGEUL, 0xf2)                                \
    K("lang2", KEY_HANJA, 0xf1)

#define AS_KEY(...)       { __VA_ARGS__ },
#define AS_NAME(key, ...) key,

const InputKey input_keys[] = { KEYS(AS_KEY) };
const char *const input_key_names[] = { KEYS(AS_NAME) NULL };
const unsigned input_key_count = G_N_ELEMENTS(input_keys);

unsigned input_key_by_name(const char *name, GError **error)
{
    NearestName nearest = nearest_name_init(name);

    for (unsigned i = 1; i < input_key_count; i++) {
        if (g_str_equal(input_keys[i].name, name)) {
            return i;
        }
        nearest_name_offer(&nearest, input_keys[i].name);
    }
    error_set(error, ERROR_NOT_FOUND, "invalid parameter: %s%s", name,
              nearest_name_hint(&nearest));
    return 0;
}

unsigned input_key_by_number(unsigned number)
{
    uint16_t prefix = number & 0x80 ? 0xe000 : 0;

    for (unsigned i = 1; number < 0x100 && i < input_key_count; i++) {
        uint16_t code = input_keys[i].set2;
        if (code && (code & 0xff00) == prefix &&
            input_translate_set2(code & 0xff) == (number & 0x7f)) {
            return i;
        }
    }
    return 0;
}

/* IBM PS/2 Hardware Interface Technical Reference: the controller's translate mode. */
uint8_t input_translate_set2(uint8_t byte)
{
    static const uint8_t table[0x85] = {
        0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
        0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
        0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
        0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
        0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
        0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
        0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
        0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
        0x80, 0x81, 0x82, 0x41, 0x54,
    };

    return byte < sizeof(table) ? table[byte] : byte;
}
