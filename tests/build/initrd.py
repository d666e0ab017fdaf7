#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/guest.py: the initrds it writes, read back by cpio. Prints TAP."""
import gzip
import os
import shutil
import stat
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path[:0] = [os.path.join(SOURCE, 'tests', 'functional'), os.path.join(SOURCE, 'scripts')]
import guest  # noqa: E402  (found through sys.path)
from harness import Skip, TestFailure, expect_equal, run_cases  # noqa: E402


def unpack(archive, folder):
    """Write the archive and let cpio unpack it; the folder that holds what was in it."""
    cpio = [shutil.which('cpio')] if shutil.which('cpio') else [guest.BUSYBOX, 'cpio']
    if not os.access(cpio[0], os.X_OK):
        raise Skip('neither cpio nor busybox-static is installed')
    with gzip.open(archive.write(os.path.join(folder, 'initrd')), 'rb') as file:
        packed = file.read()
    target = os.path.join(folder, 'root')
    os.mkdir(target)
    done = subprocess.run([*cpio, '-id'], input=packed, cwd=target, capture_output=True)
    if done.returncode:
        raise TestFailure(f'cpio: {done.stderr.decode(errors="replace")}')
    return target


def check_contents():
    files = {f'deep/er/file{size}': bytes(range(256)) * 4 + b'x' * size for size in range(5)}
    archive = guest.Initrd()
    archive.add_folder('proc')
    for name, data in files.items():
        archive.add(name, data)
    archive.add('init', b'#!/bin/sh\n', 0o755)
    with tempfile.TemporaryDirectory() as folder:
        root = unpack(archive, folder)
        for name, data in files.items():
            with open(os.path.join(root, name), 'rb') as file:
                expect_equal(file.read(), data, name)
        expect_equal(stat.S_IMODE(os.stat(os.path.join(root, 'init')).st_mode), 0o755, 'mode')
        expect_equal(sorted(os.listdir(root)), ['deep', 'init', 'proc'], 'top folder')


def check_same_bytes():
    """An initrd depends on what is in it alone, not on the time."""
    blobs = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ('a', 'b'):
            archive = guest.Initrd()
            archive.add('init', b'#!/bin/sh\n', 0o755)
            with open(archive.write(os.path.join(folder, name)), 'rb') as file:
                blobs.append(file.read())
    expect_equal(blobs[1], blobs[0], 'second archive')


def check_no_busybox():
    """A missing or dynamic busybox is an error that says what to install."""
    for wrong in ('/nonexistent/busybox', '/bin/ls'):
        known, guest.BUSYBOX = guest.BUSYBOX, wrong
        try:
            guest.Initrd().add_busybox()
            raise TestFailure(f'{wrong} was taken')
        except guest.GuestError as error:
            if 'busybox-static' not in str(error):
                raise TestFailure(f'{wrong}: {error}') from error
        finally:
            guest.BUSYBOX = known


if __name__ == '__main__':
    sys.exit(run_cases([
        ('cpio reads what was written', check_contents),
        ('the same files make the same bytes', check_same_bytes),
        ('a missing or dynamic busybox is an error', check_no_busybox),
    ]))
