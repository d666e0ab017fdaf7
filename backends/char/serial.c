/* SPDX-License-Identifier: MIT */
/* chardev-serial: a serial line or another terminal device of the host. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "backends/char/fd.h"

typedef struct ChardevSerial {
    ChardevFd fd;
    char *path;
} ChardevSerial;

static int fd_of(Chardev *chardev)
{
    return ((ChardevFd *)chardev)->out_fd;
}

static const struct {
    unsigned rate;
    speed_t code;
} speeds[] = {
    { 50, B50 }, { 75, B75 }, { 110, B110 }, { 134, B134 }, { 150, B150 }, { 200, B200 },
    { 300, B300 }, { 600, B600 }, { 1200, B1200 }, { 1800, B1800 }, { 2400, B2400 },
    { 4800, B4800 }, { 9600, B9600 }, { 19200, B19200 }, { 38400, B38400 }, { 57600, B57600 },
    { 115200, B115200 }, { 230400, B230400 }, { 460800, B460800 }, { 500000, B500000 },
    { 576000, B576000 }, { 921600, B921600 }, { 1000000, B1000000 }, { 1152000, B1152000 },
    { 1500000, B1500000 }, { 2000000, B2000000 }, { 2500000, B2500000 }, { 3000000, B3000000 },
    { 3500000, B3500000 }, { 4000000, B4000000 },
};

/* The nearest by ratio: divisors give rates such as 115384. */
static speed_t nearest_speed(unsigned rate)
{
    unsigned best = 0;
    double best_ratio = G_MAXDOUBLE;

    for (unsigned i = 0; i < G_N_ELEMENTS(speeds); i++) {
        double ratio = (double)MAX(rate, 1) / speeds[i].rate;
        ratio = ratio < 1 ? 1 / ratio : ratio;
        if (ratio < best_ratio) {
            best_ratio = ratio;
            best = i;
        }
    }
    return speeds[best].code;
}

static bool serial_set_params(Chardev *chardev, const ChardevSerialParams *params)
{
    static const tcflag_t sizes[] = { CS5, CS6, CS7, CS8 };
    struct termios settings;
    speed_t speed = nearest_speed(params->speed);

    if (tcgetattr(fd_of(chardev), &settings)) {
        return false;
    }
    cfmakeraw(&settings);
    settings.c_cflag &= ~(CSIZE | PARENB | PARODD | CSTOPB);
    settings.c_cflag |= CLOCAL | CREAD | sizes[CLAMP(params->data_bits, 5, 8) - 5];
    settings.c_cflag |= params->stop_bits > 1 ? CSTOPB : 0;
    settings.c_cflag |= params->parity != 'N' ? PARENB : 0;
    settings.c_cflag |= params->parity == 'O' ? PARODD : 0;
    cfsetispeed(&settings, speed);
    cfsetospeed(&settings, speed);
    return !tcsetattr(fd_of(chardev), TCSANOW, &settings);
}

static bool serial_set_break(Chardev *chardev, bool on)
{
    return !ioctl(fd_of(chardev), on ? TIOCSBRK : TIOCCBRK);
}

static const struct {
    unsigned line;
    int bit;
} modem_bits[] = {
    { CHARDEV_DTR, TIOCM_DTR }, { CHARDEV_RTS, TIOCM_RTS }, { CHARDEV_CTS, TIOCM_CTS },
    { CHARDEV_DSR, TIOCM_DSR }, { CHARDEV_RI, TIOCM_RI },   { CHARDEV_DCD, TIOCM_CD },
};

static bool serial_set_modem_lines(Chardev *chardev, unsigned lines)
{
    int bits;

    if (ioctl(fd_of(chardev), TIOCMGET, &bits)) {
        return false;
    }
    bits &= ~(TIOCM_DTR | TIOCM_RTS);
    bits |= (lines & CHARDEV_DTR ? TIOCM_DTR : 0) | (lines & CHARDEV_RTS ? TIOCM_RTS : 0);
    return !ioctl(fd_of(chardev), TIOCMSET, &bits);
}

static bool serial_get_modem_lines(Chardev *chardev, unsigned *lines)
{
    int bits;

    if (ioctl(fd_of(chardev), TIOCMGET, &bits)) {
        return false;
    }
    *lines = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(modem_bits); i++) {
        *lines |= bits & modem_bits[i].bit ? modem_bits[i].line : 0;
    }
    return true;
}

static bool serial_open(Chardev *chardev, GError **error)
{
    ChardevSerial *serial = (ChardevSerial *)chardev;
    static const ChardevSerialParams params = { 115200, 8, 1, 'N' };
    int fd = open(serial->path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0) {
        error_set_errno(error, errno, "Could not open '%s'", serial->path);
        return false;
    }
    serial->fd.in_fd = serial->fd.out_fd = fd;
    if (!serial_set_params(chardev, &params)) {
        error_set(error, ERROR_INVALID, "'%s' is not a serial line", serial->path);
        return false;
    }
    chardev_fd_start(&serial->fd);
    return true;
}

static const Property serial_properties[] = {
    { .name = "path", .description = "terminal device", .flags = PROPERTY_REQUIRED,
      .field = FIELD_OF(ChardevSerial, path) },
};
static const ChardevBackendOps serial_ops = {
    .open = serial_open, CHARDEV_FD_OPS,
    .set_serial_params = serial_set_params, .set_break = serial_set_break,
    .set_modem_lines = serial_set_modem_lines, .get_modem_lines = serial_get_modem_lines,
};
static const Interface serial_interfaces[] = { { CHARDEV_BACKEND, &serial_ops } };

const ObjectType chardev_serial_type = {
    .name = "chardev-serial", .parent = "chardev-fd",
    .description = "a serial line of the host", .size = sizeof(ChardevSerial),
    .properties = TABLE(serial_properties), .interfaces = TABLE(serial_interfaces),
};
