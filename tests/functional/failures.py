#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every file, socket and memory operation of a start fails, one at a time: the program says so
and ends with status 1, or goes on without what it can do without. Prints TAP."""
import os
import signal
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from harness import TestFailure, binary, run_cases  # noqa: E402

CALLS = ('open', 'fopen', 'read', 'write', 'fstat', 'ftruncate', 'memfd_create', 'mmap', 'socket',
         'bind', 'listen', 'connect', 'getaddrinfo', 'posix_openpt', 'pipe2', 'dup2')
MOST = 400      # of one call in one start
GRACE = 2       # seconds for a start and `quit`


def multiboot_kernel():
    """The smallest kernel that is loaded: a header with addresses, then `hlt`."""
    magic, flags, load = 0x1badb002, 1 << 16, 0x100000
    return struct.pack('<8I', magic, flags, -(magic + flags) & 0xffffffff, load, load,
                       load + 64, load + 64, load + 32) + b'\xf4' * 32


def starts(folder):
    """Name and arguments of the starts; all end by the monitor's `quit`."""
    def file(name, content=b''):
        path = os.path.join(folder, name)
        with open(path, 'wb') as opened:
            opened.write(content)
        return path

    kernel, initrd = file('kernel', multiboot_kernel()), file('initrd', b'initrd')
    bios, item = file('bios', bytes(65536)), file('item', b'item')
    config = file('config', b'[name]\n  guest = "a"\n')
    base = ['-machine', 'pc', '-accel', 'qtest', '-nodefaults', '-display', 'none', '-monitor',
            'stdio']
    return [
        ('chardevs', [*base, '-m', '16',
                      '-chardev', f'file,id=a,path={folder}/out',
                      '-chardev', f'socket,id=b,path={folder}/unix,server=on,wait=off',
                      '-chardev', 'socket,id=c,host=127.0.0.1,port=0,server=on,wait=off',
                      '-chardev', 'pty,id=d', '-chardev', 'ringbuf,id=e',
                      '-serial', 'chardev:a', '-serial', 'chardev:b', '-qmp',
                      f'unix:{folder}/qmp,server=on,wait=off']),
        ('files', [*base, '-m', '16', '-D', f'{folder}/log', '-d', 'guest_errors', '-pidfile',
                   f'{folder}/pid', '-readconfig', config, '-bios', bios, '-fw_cfg',
                   f'opt/a,file={item}', '-qtest', f'unix:{folder}/qtest,server=on,wait=off',
                   '-qtest-log', f'{folder}/qtest-log']),
        ('kernel', [*base, '-m', '16', '-kernel', kernel, '-initrd', initrd, '-append', 'a']),
        ('memory', [*base, '-m', '16', '-object',
                    f'memory-backend-file,id=m,size=16M,mem-path={folder}/ram,share=on',
                    '-machine', 'memory-backend=m']),
        ('shared memory', [*base, '-m', '16', '-object', 'memory-backend-memfd,id=m,size=16M',
                           '-machine', 'memory-backend=m']),
    ]


def run_failing(library, arguments, folder, call, number):
    """Runs a start in which that call fails. False: it has no so many of these calls."""
    mark = os.path.join(folder, 'mark')
    environment = dict(os.environ, LD_PRELOAD=library, VMM_FAIL=f'{call}:{number}',
                       VMM_FAIL_MARK=mark)
    what = f'{call} number {number} fails: {" ".join(arguments)}'
    process = subprocess.Popen([binary(), *arguments], stdin=subprocess.PIPE, text=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    try:
        errors = process.communicate('quit\n', timeout=GRACE)[1]
    except subprocess.TimeoutExpired:
        # It may be the monitor's input that failed; the program must then end as it is told.
        process.terminate()
        try:
            errors = process.communicate(timeout=20)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            raise TestFailure(f'{what}\nhangs; said {process.communicate()[1]}') from None
    if not os.path.exists(mark):
        return False
    os.unlink(mark)
    if process.returncode < 0:
        raise TestFailure(f'{what}\nkilled by {signal.Signals(-process.returncode).name}: '
                          f'{errors}')
    if process.returncode not in (0, 1):
        raise TestFailure(f'{what}\nended with {process.returncode}: {errors}')
    if process.returncode == 1 and not errors.strip():
        raise TestFailure(f'{what}\nended with 1 and said nothing')
    return True


def check(library, name, call):
    with tempfile.TemporaryDirectory(prefix='vmm-fail-') as folder:
        arguments = dict(starts(folder))[name]
        number = 1
        while run_failing(library, arguments, folder, call, number):
            number += 1
            if number > MOST:
                raise TestFailure(f'{call} is called more than {MOST} times')


def sanitizer():
    """The sanitizer's library, which must be loaded before any other; '' when there is none."""
    listed = subprocess.run(['ldd', binary()], capture_output=True, text=True).stdout
    found = [line.split('=>')[1].split()[0] for line in listed.splitlines() if 'libasan' in line]
    return found[0] + ':' if found else ''


def main():
    library = sanitizer() + os.environ['VMM_FAIL_LIBRARY']
    with tempfile.TemporaryDirectory() as folder:
        names = [name for name, _ in starts(folder)]
    return run_cases([(f'{name}: {call} fails', lambda n=name, c=call: check(library, n, c))
                      for name in names for call in CALLS])


if __name__ == '__main__':
    sys.exit(main())
