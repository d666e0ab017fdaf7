# SPDX-License-Identifier: MIT
"""The lab: a whole KVM on any x86-64 machine.

A host's /dev/kvm may be missing, or partial. The lab is a software-emulated host (the
packaged qemu-system-x86_64 without KVM, with AMD's SVM) that runs Debian's generic kernel,
mounts this machine's root by 9p, and runs one command there: the same files, the same user,
the same working directory, and a complete /dev/kvm.
"""
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, 'scripts'))
import guest  # noqa: E402  (found through the line above)

EMULATOR = 'qemu-system-x86_64'
BOOT_SECONDS = 90       # the command has started by then, or the lab hangs
BEAT_SECONDS = 90       # so does one whose init has not said for so long that it lives
WAKE_SECONDS = 8        # by then it is woken
TIMED_OUT = 124         # as timeout(1)

# What the command sees of the caller's environment, besides VMM and all VMM_...
KEPT_ENVIRONMENT = ('PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TERM', 'CI', 'XDG_CACHE_HOME')

# One CPU: with two, the emulated host's CPUs now and then wait for each other for ever while
# virtual machines come and go. A guest in it may have several all the same. Should its kernel
# hang, softlockup_panic ends it within half a minute, and the lab is tried again.
# The emulated host's local APIC now and then keeps an interrupt to itself (it is in IRR, interrupts
# are enabled, and the CPU halts), mostly the timer's, so that the lab sleeps for ever: the next
# interrupt of any kind brings it out. It is given one when its init has not been heard for a while.

# The console (ttyS0) is the kernel's; the command has ttyS1; how it ended goes to ttyS2, and
# before that, every few seconds, that the lab lives.
# The command sees this machine's files with the lab's own /dev, /proc, /sys and /run; for
# temporary files and sockets there is a tmpfs in $TMPDIR.
INIT = '''#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
for module in @MODULES@; do
    insmod /lib/$module.ko || echo "lab: insmod $module failed"
done
mkdir -p /mnt
mount -t 9p -o trans=virtio,version=9p2000.L,msize=1048576,cache=loose root /mnt ||
    echo "lab: mounting the root failed"
mount -t proc proc /mnt/proc
mount -t sysfs sysfs /mnt/sys
mount -t tmpfs -o mode=755 tmpfs /mnt/run
mount --move /dev /mnt/dev
ln -s /mnt/dev/null /dev/null
cd /mnt
mkdir -p dev/pts dev/shm
mount -t devpts devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mkdir -p -m 1777 dev/shm/tmp
ln -s /proc/self/fd dev/fd
chmod 666 dev/kvm
ip link set lo up
stty -F /mnt/dev/ttyS1 @STTY@
stty -F /mnt/dev/ttyS2 raw
echo started >dev/ttyS2
while sleep 2; do echo alive; done >dev/ttyS2 &
setsid chroot /mnt /bin/sh -c 'exec /bin/sh "$0" <@STDIN@ >/dev/ttyS1 2>&1' "$lab_job"
status=$?
stty -F dev/ttyS1 -echo 2>/dev/null
kill $!
echo "exit $status" >dev/ttyS2
sync
poweroff -f
'''


class LabError(guest.GuestError):
    """The lab itself (not the command in it) did not work."""


def say(text):
    print(f'lab: {text}', file=sys.stderr, flush=True)


def emulator():
    path = shutil.which(EMULATOR)
    if not path:
        raise LabError(f'there is no {EMULATOR} for the emulated host; install it: '
                       'scripts/install-deps lab')
    return path


class Lab:
    """One boot of the lab with one command."""

    def __init__(self, command, interactive=False, memory='4G'):
        self.folder = tempfile.mkdtemp(prefix='vmm-lab-', dir=guest.cache_dir())
        try:
            kernel = guest.fetch_kernel('generic')
            self._write_job(command)
            self._write_initrd(interactive)
        except BaseException:
            self.remove()
            raise
        self.interactive = interactive
        path = self.path
        chardevs = ['-chardev', f'file,id=console,path={path("console")}',
                    '-chardev', 'stdio,id=command,signal=off',
                    '-chardev', f'file,id=status,path={path("status")}']
        self.arguments = [
            emulator(), '-nodefaults', '-no-user-config', '-accel', 'tcg',
            '-M', 'q35', '-cpu', 'max,+svm', '-smp', '1', '-m', memory,
            '-display', 'none', '-no-reboot', '-kernel', kernel, '-initrd', path('initrd'),
            '-append', 'console=ttyS0 quiet no_timer_check softlockup_panic=1 panic=-1 '
            f'lab_job={path("job")}',
            *chardevs, '-serial', 'chardev:console', '-serial', 'chardev:command',
            '-serial', 'chardev:status',
            '-monitor', f'unix:{path("monitor")},server=on,wait=off',
            '-virtfs', 'local,path=/,mount_tag=root,security_model=none,multidevs=remap']

    def path(self, name):
        return os.path.join(self.folder, name)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write_job(self, command):
        kept = {name: value for name, value in os.environ.items()
                if name in KEPT_ENVIRONMENT or name.startswith('VMM')}
        kept.update(TMPDIR='/dev/shm/tmp', VMM_IN_LAB='1')
        with open(self.path('job'), 'w', encoding='utf-8') as file:
            for name, value in kept.items():
                file.write(f'export {name}={shlex.quote(value)}\n')
            file.write(f'cd {shlex.quote(os.getcwd())}\nexec {shlex.join(command)}\n')

    def _write_initrd(self, interactive):
        stty = 'raw -echo'
        if interactive:
            size = os.get_terminal_size()
            stty = f'sane rows {size.lines} cols {size.columns}'
        initrd = guest.Initrd()
        for folder in ('proc', 'dev', 'mnt'):
            initrd.add_folder(folder)
        initrd.add_busybox()
        for module in guest.LAB_MODULES:
            initrd.add_file(f'lib/{module}.ko', guest.find_module(module))
        init = INIT.replace('@MODULES@', ' '.join(guest.LAB_MODULES)).replace('@STTY@', stty)
        init = init.replace('@STDIN@', '/dev/ttyS1' if interactive else '/dev/null')
        initrd.add('init', init.encode(), 0o755)
        initrd.write(self.path('initrd'))

    def _status(self):
        """What the lab said last on its status line: '', 'started', 'alive' or 'exit N', and how
        much it has said."""
        try:
            with open(self.path('status'), encoding='ascii', errors='replace') as file:
                lines = file.read().split('\n')
        except FileNotFoundError:
            return '', 0
        return (lines[-2].strip() if len(lines) > 1 else ''), len(lines)

    def console(self):
        """The end of the lab kernel's console, for a failure's message."""
        try:
            with open(self.path('console'), encoding='utf-8', errors='replace') as file:
                return file.read()[-2000:].strip()
        except FileNotFoundError:
            return ''

    def monitor(self, *commands):
        """What the emulated host's monitor answers."""
        text = ''
        try:
            with socket.socket(socket.AF_UNIX) as monitor:
                monitor.settimeout(1)
                monitor.connect(self.path('monitor'))
                monitor.sendall(''.join(command + '\n' for command in commands).encode())
                while True:
                    text += monitor.recv(65536).decode(errors='replace')
        except OSError:
            return re.sub(r'\(qemu\) .*\x1b\[K', '', text)

    def run(self, timeout, output):
        """Boot, run the command, and hand all that it prints to output(bytes) as it comes.
        Returns the command's exit status, or TIMED_OUT when it has not ended in `timeout`
        seconds. Raises LabError when the command never started or the lab broke down."""
        stdin = None if self.interactive else subprocess.DEVNULL
        stdout = None if self.interactive else subprocess.PIPE
        terminal = termios.tcgetattr(0) if self.interactive else None
        process = subprocess.Popen(self.arguments, stdin=stdin, stdout=stdout,
                                   stderr=None if self.interactive else subprocess.STDOUT)
        started_by = time.monotonic() + BOOT_SECONDS
        ended_by = None
        heard, heard_at, woken_at = 0, time.monotonic(), 0
        try:
            while self._pump(process, output):
                now = time.monotonic()
                status, lines = self._status()
                if lines != heard:
                    heard, heard_at = lines, now
                elif now > max(heard_at, woken_at) + WAKE_SECONDS:
                    woken_at = now
                    if status:
                        say(f'not heard for {now - heard_at:.0f} s, waking it')
                    self.monitor('sendkey shift')
                if status and ended_by is None:
                    ended_by = now + timeout if timeout else float('inf')
                if not status and now > started_by:
                    raise LabError(f'nothing started within {BOOT_SECONDS} s; its console ends '
                                   f'with:\n{self.console()}')
                if status and now > heard_at + BEAT_SECONDS:
                    raise LabError(f'no sign of life for {BEAT_SECONDS} s; its console ends '
                                   f'with:\n{self.console()}\n' +
                                   self.monitor('info registers', 'info lapic'))
                if ended_by is not None and now > ended_by:
                    return TIMED_OUT
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()
            if terminal:
                termios.tcsetattr(0, termios.TCSADRAIN, terminal)
        status, _ = self._status()
        if not status.startswith('exit '):
            raise LabError('the emulated host ended before the command did; its console ends '
                           f'with:\n{self.console()}')
        return int(status.split()[1])

    def _pump(self, process, output):
        """Wait up to 0.2 s for output; False when the lab has ended."""
        if self.interactive:
            try:
                process.wait(0.2)
                return False
            except subprocess.TimeoutExpired:
                return True
        if select.select([process.stdout], [], [], 0.2)[0]:
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                return False
            output(data)
        return True


def run(command, timeout=0, tries=3, output=None, interactive=False):
    """Run a command (a list) in the lab; returns (exit status, output as text).

    The emulated host hangs now and then, so a try that never starts the command, breaks
    down or takes longer than `timeout` seconds (0: no limit) is repeated, `tries` times in
    all. The text is the last try's; output(bytes), where given, sees every try's as it
    comes. After the last try a time-out is the status TIMED_OUT, the rest a LabError."""
    # A plain termination would leave the emulated host running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    for attempt in range(1, tries + 1):
        chunks = []

        def collect(data, chunks=chunks):
            chunks.append(data)
            if output:
                output(data)

        lab = Lab(command, interactive)
        try:
            status = lab.run(timeout, collect)
            if status != TIMED_OUT or attempt == tries:
                return status, b''.join(chunks).decode(errors='replace')
            say(f'no end within {timeout} s, trying again ({attempt} of {tries} tries)')
        except LabError as error:
            if attempt == tries:
                raise
            say(f'{error}\nlab: trying again ({attempt} of {tries} tries)')
        finally:
            lab.remove()
    raise AssertionError('not reached')
