#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""configure: what it takes, what it refuses, what it hands to meson. A stand-in for meson
records its arguments, so each case takes milliseconds. Prints TAP."""
import os
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))

FAKE_MESON = '''#!/bin/sh
if [ "$1" = --version ]; then echo ${FAKE_VERSION:-1.0.1}; exit 0; fi
for last; do test "${before:-}" && build=$before; before=$last; done
printf '%s\\n' "$@" > "$(dirname "$0")/arguments"
touch "$build/build.ninja"
exit ${FAKE_STATUS:-0}
'''
FAKE_GCC = '''#!/bin/sh
case "$*" in
*-dumpmachine*) echo aarch64-linux-gnu ;;
*) echo "#define __BYTE_ORDER__ __ORDER_LITTLE_ENDIAN__" ;;
esac
'''


class Sandbox:
    """A folder with the stand-ins, and configure run in it."""

    def __init__(self, folder):
        self.folder = folder
        for name, text in (('meson', FAKE_MESON), ('a64-gcc', FAKE_GCC), ('a64-ar', FAKE_GCC)):
            path = os.path.join(folder, name)
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)
            os.chmod(path, 0o755)

    def configure(self, *options, cwd=None, **environment):
        """Returns (status, everything printed, meson's arguments or None)."""
        record = os.path.join(self.folder, 'arguments')
        if os.path.exists(record):
            os.unlink(record)
        env = {'PATH': self.folder + ':/usr/bin:/bin', 'HOME': self.folder,
               'MESON': os.path.join(self.folder, 'meson'), **environment}
        run = subprocess.run([sys.executable, os.path.join(SOURCE, 'configure'), *options],
                             cwd=cwd or self.folder, env=env, text=True, timeout=60,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        arguments = None
        if os.path.exists(record):
            with open(record, encoding='utf-8') as file:
                arguments = file.read().splitlines()
        return run.returncode, run.stdout, arguments

    def build_dir(self, name):
        return '--build-dir=' + os.path.join(self.folder, name)

    def read(self, *names):
        with open(os.path.join(self.folder, *names), encoding='utf-8') as file:
            return file.read()


def check_help(box):
    status, output, arguments = box.configure('--help')
    assert status == 0 and arguments is None, output
    for text in ('--prefix=DIR', '--cross-prefix=PREFIX', '--enable-werror', '--enable-fuzzers'):
        assert text in output, f'{text} is not in: {output}'


def check_directories(box):
    names = ['prefix', 'bindir', 'sysconfdir', 'libdir', 'datadir', 'localstatedir', 'mandir']
    status, output, arguments = box.configure(box.build_dir('b'),
                                              *[f'--{n}=/x/{n}' for n in names])
    assert status == 0, output
    for name in names:
        assert f'-D{name}=/x/{name}' in arguments, arguments
    assert '--wrap-mode=nodownload' in arguments, arguments


def check_value_forms(box):
    status, output, arguments = box.configure(box.build_dir('b'), '--prefix', '/usr')
    assert status == 0 and '-Dprefix=/usr' in arguments, output
    status, output, arguments = box.configure(box.build_dir('b'), '--prefix')
    assert status == 1 and "'--prefix' needs a value" in output and not arguments, output
    status, output, arguments = box.configure(box.build_dir('b'), '--enable-werror=yes')
    assert status == 1 and 'takes no value' in output and not arguments, output


def check_switches(box):
    status, output, arguments = box.configure(
        box.build_dir('b'), '--enable-werror', '--enable-debug', '--enable-sanitizers',
        '--disable-fuzzers', '-Dwarning_level=3')
    assert status == 0, output
    for text in ('-Dwerror=true', '-Dbuildtype=debug', '-Db_sanitize=address,undefined',
                 '-Dfuzzers=false', '-Dwarning_level=3'):
        assert text in arguments, arguments


def check_project_options(box):
    """Every option of meson.options can be given."""
    names = [line.split("'")[1] for line in open(os.path.join(SOURCE, 'meson.options'),
                                                 encoding='utf-8') if line.startswith('option(')]
    assert names
    _, output, _ = box.configure('--help')
    for name in names:
        spelled = name.replace('_', '-')
        assert f'--enable-{spelled}' in output or f'--{spelled}=VALUE' in output, name


def check_unknown(box):
    for wrong, near in (('--prefx=/usr', '--prefix'), ('--enable-werrror', '--enable-werror'),
                        ('--crossprefix=x', '--cross-prefix')):
        status, output, arguments = box.configure(box.build_dir('b'), wrong)
        assert status == 1 and not arguments, output
        assert wrong.split('=')[0] in output and f"'{near}'" in output, output
    status, output, arguments = box.configure('prefix=/usr')
    assert status == 1 and 'unexpected argument' in output and not arguments, output


def check_flags(box):
    status, output, arguments = box.configure(
        box.build_dir('b'), "--extra-cflags=-DX='a b'", '--extra-ldflags=-Wl,-s',
        CFLAGS='-O1 -g')
    assert status == 0, output
    assert "-Dc_args=['-O1', '-g', '-DX=a b']" in arguments, arguments
    assert "-Dc_link_args=['-Wl,-s']" in arguments, arguments
    status, output, _ = box.configure(box.build_dir('b'), "--extra-cflags='")
    assert status == 1 and '--extra-cflags' in output, output


def check_cc(box):
    status, output, arguments = box.configure(box.build_dir('b'), '--cc=a64-gcc -m64')
    assert status == 0, output
    assert arguments[arguments.index('--native-file') + 1].endswith('configure.native')
    assert "c = ['a64-gcc', '-m64']" in box.read('b', 'configure.native')
    status, output, _ = box.configure(box.build_dir('b'), '--cc=no-such-cc')
    assert status == 1 and "'no-such-cc'" in output, output


def check_cross(box):
    status, output, arguments = box.configure(box.build_dir('b'), '--cross-prefix=a64-')
    assert status == 0, output
    assert arguments[arguments.index('--cross-file') + 1].endswith('configure.cross')
    text = box.read('b', 'configure.cross')
    for line in ("c = ['a64-gcc']", "ar = 'a64-ar'", "cpu_family = 'aarch64'",
                 "endian = 'little'", "pkgconfig = 'a64-pkg-config'"):
        assert line in text, text
    assert 'strip' not in text and 'exe_wrapper' not in text, text
    status, output, _ = box.configure(box.build_dir('b'), '--cross-prefix=a64-',
                                      "--cross-run=run-it -L 'a b'")
    assert status == 0 and "exe_wrapper = ['run-it', '-L', 'a b']" in box.read(
        'b', 'configure.cross'), output
    status, output, _ = box.configure(box.build_dir('b'), '--cross-run=run-it')
    assert status == 1 and 'goes with --cross-prefix' in output, output
    status, output, _ = box.configure(box.build_dir('b'), '--cross-prefix=none-')
    assert status == 1 and "no compiler 'none-gcc'" in output, output


def check_again(box):
    """The same options: nothing to do; others, or a failure before: a new set-up."""
    first = box.configure(box.build_dir('b'), '--prefix=/a')
    same = box.configure(box.build_dir('b'), '--prefix=/a')
    other = box.configure(box.build_dir('b'), '--prefix=/b')
    failed = box.configure(box.build_dir('b'), '--prefix=/c', FAKE_STATUS='1')
    after = box.configure(box.build_dir('b'), '--prefix=/c')
    assert first[2] and same[0] == 0 and same[2] is None, (first, same)
    assert '-Dprefix=/b' in other[2], other
    assert failed[0] == 1 and 'meson-log.txt' in failed[1], failed
    assert after[0] == 0 and '-Dprefix=/c' in after[2], after


def check_out_of_tree(box):
    folder = os.path.join(box.folder, 'elsewhere')
    os.mkdir(folder)
    status, output, arguments = box.configure(cwd=folder)
    assert status == 0 and arguments[-2:] == [folder, SOURCE], (output, arguments)
    assert 'meson install' in box.read('elsewhere', 'Makefile')
    status, output, _ = box.configure('--build-dir=' + SOURCE)
    assert status == 1 and 'source directory' in output, output


def check_old_meson(box):
    status, output, arguments = box.configure(box.build_dir('b'), FAKE_VERSION='0.49.2')
    assert status == 1 and not arguments, output
    assert 'version 0.49.2' in output and 'meson 1.0 or newer' in output, output
    status, output, _ = box.configure(box.build_dir('b'), MESON='/nonexistent/meson')
    assert status == 1 and '/nonexistent/meson: No such file' in output, output


CASES = [
    ('--help lists the options and does nothing', check_help),
    ('directories are handed on', check_directories),
    ('values come as --x=y and as --x y', check_value_forms),
    ('switches are handed on', check_switches),
    ("the project's options are all there", check_project_options),
    ('an unknown option is an error that names the nearest', check_unknown),
    ('--extra-cflags joins $CFLAGS', check_flags),
    ('--cc names the compiler', check_cc),
    ('--cross-prefix writes a cross file', check_cross),
    ('configuring again', check_again),
    ('out of the source tree', check_out_of_tree),
    ('a meson that is too old, or missing, is named', check_old_meson),
]


def main():
    print(f'1..{len(CASES)}')
    failed = False
    for number, (name, case) in enumerate(CASES, 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                case(Sandbox(os.path.realpath(folder)))
                print(f'ok {number} - {name}')
            except AssertionError as error:
                failed = True
                print(f'not ok {number} - {name}')
                print('\n'.join('# ' + line for line in str(error).splitlines()))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
