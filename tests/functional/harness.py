# SPDX-License-Identifier: MIT
"""A running vmm for tests: its QMP monitor, its first serial line, its end; and TAP cases.

    with VM('-machine', 'pc', '-kernel', kernel) as vm:
        vm.expect('INIT-REACHED')
        vm.qmp('system_reset')
        vm.event('RESET')

$VMM names the binary [vmm-system-x86_64 in $VMM_BUILD, which is build/]. A wait that is not fulfilled in time is a
TestFailure that says what was waited for and what came instead. $VMM_PATIENCE is how many times
longer than usual it waits, $VMM_BACKENDS the software CPU's ways to run code [host evaluator].
"""
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BACKENDS = tuple((os.environ.get('VMM_BACKENDS') or 'host evaluator').split())
PATIENCE = float(os.environ.get('VMM_PATIENCE') or 1)


class TestFailure(Exception):
    """Something came out other than it must."""


class Skip(Exception):
    """This test cannot run here; the text says why."""


class QmpError(Exception):
    """The monitor answered with an error: its class and description."""

    def __init__(self, error):
        super().__init__(f"{error.get('class')}: {error.get('desc')}")
        self.kind = error.get('class')


def binary():
    return os.environ.get('VMM') or os.path.join(SOURCE, os.environ.get('VMM_BUILD', 'build'),
                                                 'vmm-system-x86_64')


def debug_console(port=0x402):
    """Options: what the guest writes to the port comes out on stdout. SeaBIOS writes to 0x402."""
    return ('-chardev', 'stdio,id=log', '-device', f'isa-debugcon,iobase={port:#x},chardev=log')


class VM:
    """One vmm process with QMP on a socket and the first serial line on a pipe."""

    def __init__(self, *arguments, program=None, qmp_timeout=30, serial=True, environment=None):
        program = program or binary()
        if not shutil.which(program):
            raise TestFailure(f'there is no program {program}')
        self.folder = tempfile.mkdtemp(prefix='vmm-test-')
        self.console = b''      # what the serial line said and expect() has not used up
        self.events = []
        self.qmp_buffer = b''
        self.qmp_timeout = qmp_timeout * PATIENCE
        path = os.path.join(self.folder, 'qmp')
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)
        self.arguments = [program, *arguments, '-display', 'none',
                          '-chardev', f'socket,id=test-qmp,path={path}',
                          '-mon', 'chardev=test-qmp,mode=control']
        if serial:
            self.arguments += ['-serial', 'stdio']
        with open(os.path.join(self.folder, 'stderr'), 'wb') as stderr:
            self.process = subprocess.Popen(self.arguments, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=stderr,
                                            env=dict(os.environ, **(environment or {})))
        self.monitor = None
        try:
            self.monitor = self._accept(listener)
            self.greeting = self._message(self.qmp_timeout)
            self.qmp('qmp_capabilities')
        except BaseException:
            self.close()
            raise
        finally:
            listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        if self.monitor:
            self.monitor.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stderr(self):
        with open(os.path.join(self.folder, 'stderr'), encoding='utf-8',
                  errors='replace') as file:
            return file.read()

    def _fail(self, text):
        status = self.process.poll()
        raise TestFailure(f'{text}\nprocess: ' +
                          ('running' if status is None else f'ended with status {status}') +
                          f'\ncommand: {" ".join(self.arguments)}\nstderr: {self.stderr()}'
                          f'\nconsole: {self.console[-1500:].decode(errors="replace")}')

    def _accept(self, listener):
        deadline = time.monotonic() + self.qmp_timeout
        while time.monotonic() < deadline:
            if select.select([listener], [], [], 0.05)[0]:
                return listener.accept()[0]
            if self.process.poll() is not None:
                self._fail('the process ended before it connected its monitor')
        return self._fail(f'no monitor connection in {self.qmp_timeout} s')

    def _message(self, timeout):
        """The next QMP message, or None after `timeout` seconds. The serial line is read
        along the way, so that the guest never waits for us."""
        deadline = time.monotonic() + timeout
        while b'\n' not in self.qmp_buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not self._pump(left, True):
                return None
        line, self.qmp_buffer = self.qmp_buffer.split(b'\n', 1)
        return json.loads(line)

    def _pump(self, timeout, want_monitor):
        """Read what there is; False when what is wanted has ended."""
        sources = [source for source in (self.monitor, self.process.stdout)
                   if source and source.fileno() >= 0]
        alive = False
        for source in select.select(sources, [], [], timeout)[0]:
            if source is self.monitor:
                try:
                    data = self.monitor.recv(65536)
                except ConnectionResetError:
                    data = b''
                self.qmp_buffer += data
                if not data:
                    self.monitor.close()
                    self.monitor = None
                    alive = alive or not want_monitor
            else:
                data = os.read(self.process.stdout.fileno(), 65536)
                self.console += data
                if not data:
                    self.process.stdout.close()
                    alive = alive or want_monitor
        if want_monitor:
            return self.monitor is not None
        return not self.process.stdout.closed

    def qmp(self, command, **arguments):
        """The command's return value; QmpError when it is refused. Names with - have _."""
        message = {'execute': command}
        if arguments:
            message['arguments'] = {name.replace('_', '-'): value
                                    for name, value in arguments.items()}
        if not self.monitor:
            self._fail(f'{command}: the monitor is closed')
        self.monitor.sendall(json.dumps(message).encode() + b'\n')
        while True:
            answer = self._message(self.qmp_timeout)
            if answer is None:
                end = f'in {self.qmp_timeout} s' if self.monitor else 'before the monitor closed'
                self._fail(f'{command}: no answer {end}')
            if 'event' in answer:
                self.events.append(answer)
            elif 'error' in answer:
                raise QmpError(answer['error'])
            else:
                return answer['return']

    def event(self, name, timeout=30):
        """Wait for an event (also one that came already) and take it off the list."""
        timeout *= PATIENCE
        deadline = time.monotonic() + timeout
        while True:
            for event in self.events:
                if event['event'] == name:
                    self.events.remove(event)
                    return event
            answer = self._message(max(0, deadline - time.monotonic()))
            if answer is None:
                end = f'in {timeout} s' if self.monitor else 'before the monitor closed'
                self._fail(f'event {name} did not come {end}; others: {self.events}')
            self.events.append(answer)

    def expect(self, text, timeout=60):
        """Wait for a text on the serial line; returns (and uses up) what came before it."""
        wanted = text.encode()
        timeout *= PATIENCE
        deadline = time.monotonic() + timeout
        while wanted not in self.console:
            left = deadline - time.monotonic()
            if left <= 0:
                self._fail(f'the serial line did not say {text!r} in {timeout} s')
            if self.process.stdout.closed or (not self._pump(left, False)
                                              and wanted not in self.console):
                self._fail(f'the serial line ended without {text!r}')
        before, self.console = self.console.split(wanted, 1)
        return before.decode(errors='replace')

    def quiet(self, seconds):
        """Read the serial line for a while; returns what came."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self.process.stdout.closed:
            self._pump(left, False)
        text, self.console = self.console, b''
        return text.decode(errors='replace')

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait(self, timeout=30):
        """Wait for the process to end; its exit status."""
        timeout *= PATIENCE
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0:
                self._fail(f'the process did not end in {timeout} s')
            if self.process.stdout.closed:
                time.sleep(min(left, 0.02))
            else:
                self._pump(min(left, 0.1), False)
        return self.process.returncode


def run_cases(cases):
    """Run [(name, function)], print TAP; the exit status."""
    print(f'1..{len(cases)}', flush=True)
    failed = False
    for number, (name, function) in enumerate(cases, 1):
        start = time.monotonic()
        try:
            function()
            print(f'ok {number} - {name}', flush=True)
        except Skip as reason:
            print(f'ok {number} - {name} # SKIP {reason}', flush=True)
        except Exception as error:  # pylint: disable=broad-except
            failed = True
            text = str(error) if isinstance(error, TestFailure) else traceback.format_exc()
            print(f'not ok {number} - {name}', flush=True)
            print('\n'.join('# ' + line for line in text.splitlines()), flush=True)
        print(f'# {time.monotonic() - start:.1f} s', flush=True)
    return 1 if failed else 0


def expect_equal(found, wanted, what):
    if found != wanted:
        raise TestFailure(f'{what}: expected {wanted!r}, found {found!r}')


def add_module_path(*folders):
    """Let a test import from other folders of the tree."""
    sys.path[:0] = [os.path.join(SOURCE, folder) for folder in folders]


def fetched(function, *arguments):
    """What a function of scripts/guest.py brings here; where that cannot be had, a skip."""
    import guest  # pylint: disable=import-outside-toplevel  (whoever calls has it)
    try:
        return function(*arguments)
    except guest.GuestError as error:
        raise Skip(str(error).split('\n', maxsplit=1)[0]) from None
