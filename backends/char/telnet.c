/* SPDX-License-Identifier: MIT */
#include "backends/char/telnet.h"

#include <string.h>

enum {
    TELNET_SE = 240, TELNET_BREAK = 243, TELNET_SB = 250,
    TELNET_WILL = 251, TELNET_WONT = 252, TELNET_DO = 253, TELNET_DONT = 254, TELNET_IAC = 255,
};

enum { OPTION_BINARY = 0, OPTION_ECHO = 1, OPTION_SGA = 3 };

enum { STATE_DATA, STATE_IAC, STATE_OPTION, STATE_SUB, STATE_SUB_IAC };

const uint8_t *telnet_greeting(size_t *size)
{
    static const uint8_t greeting[] = {
        TELNET_IAC, TELNET_WILL, OPTION_ECHO,   TELNET_IAC, TELNET_WILL, OPTION_SGA,
        TELNET_IAC, TELNET_WILL, OPTION_BINARY, TELNET_IAC, TELNET_DO, OPTION_BINARY,
    };

    *size = sizeof(greeting);
    return greeting;
}

/*
 * Our own offers were made in the greeting, so their acceptance needs no
 * answer; neither does a refusal. What else is asked for is refused once.
 */
static void take_option(Telnet *telnet, uint8_t option, GByteArray *reply)
{
    uint8_t refusal[3] = { TELNET_IAC, 0, option };

    switch (telnet->verb) {
    case TELNET_WILL:
        if (option == OPTION_BINARY) {
            telnet->client_is_binary = true;
        } else if (option != OPTION_SGA) {
            refusal[1] = TELNET_DONT;
        }
        break;
    case TELNET_WONT:
        if (option == OPTION_BINARY) {
            telnet->client_is_binary = false;
        }
        break;
    case TELNET_DO:
        if (option != OPTION_BINARY && option != OPTION_ECHO && option != OPTION_SGA) {
            refusal[1] = TELNET_WONT;
        }
        break;
    }
    if (refusal[1]) {
        g_byte_array_append(reply, refusal, sizeof(refusal));
    }
}

/* True when the byte is data. */
static bool take_byte(Telnet *telnet, uint8_t byte, GByteArray *reply, unsigned *breaks)
{
    switch (telnet->state) {
    case STATE_DATA:
        if (byte == TELNET_IAC) {
            telnet->state = STATE_IAC;
            return false;
        }
        if (telnet->after_cr && byte == '\0' && !telnet->client_is_binary) {
            telnet->after_cr = false;
            return false;
        }
        telnet->after_cr = byte == '\r';
        return true;
    case STATE_IAC:
        telnet->state = STATE_DATA;
        if (byte >= TELNET_WILL && byte <= TELNET_DONT) {
            telnet->verb = byte;
            telnet->state = STATE_OPTION;
        } else if (byte == TELNET_SB) {
            telnet->state = STATE_SUB;
        } else if (byte == TELNET_BREAK) {
            ++*breaks;
        }
        return byte == TELNET_IAC;
    case STATE_OPTION:
        take_option(telnet, byte, reply);
        telnet->state = STATE_DATA;
        return false;
    case STATE_SUB:
        telnet->state = byte == TELNET_IAC ? STATE_SUB_IAC : STATE_SUB;
        return false;
    default:
        telnet->state = byte == TELNET_SE ? STATE_DATA : STATE_SUB;
        return false;
    }
}

size_t telnet_decode(Telnet *telnet, uint8_t *data, size_t size, GByteArray *reply,
                     unsigned *breaks)
{
    size_t kept = 0;

    for (size_t i = 0; i < size; i++) {
        if (take_byte(telnet, data[i], reply, breaks)) {
            data[kept++] = data[i];
        }
    }
    return kept;
}

ssize_t telnet_write(Telnet *telnet, const uint8_t *data, size_t size,
                     ssize_t (*send_bytes)(int fd, const void *data, size_t size), int fd)
{
    static const uint8_t iac = TELNET_IAC;
    const uint8_t *found;
    ssize_t sent;

    if (telnet->owes_iac) {
        sent = send_bytes(fd, &iac, 1);
        if (sent <= 0) {
            return sent;
        }
        telnet->owes_iac = false;
    }
    found = memchr(data, TELNET_IAC, size);
    sent = send_bytes(fd, data, found ? found + 1 - data : size);
    if (sent > 0 && found && data + sent == found + 1) {
        telnet->owes_iac = send_bytes(fd, &iac, 1) != 1;
    }
    return sent;
}
