#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: icount-kernel.py CPUS...

With -icount two runs of a stock Debian kernel, from its start to its power-off, are the same: what
it prints with its time stamps, all registers, each byte of memory. The runs go at the same time and so
disturb each other. Prints TAP."""
import hashlib
import os
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(os.path.dirname(HERE)), 'scripts')]
import guest  # noqa: E402
from harness import VM, TestFailure, expect_equal, fetched, run_cases  # noqa: E402

SECONDS = 250           # of a program with sanitizers, on a busy machine
MEGABYTES = 128


class Run(threading.Thread):
    def __init__(self, kernel, initrd, cpus):
        super().__init__()
        self.arguments = (
            '-machine', 'pc', '-accel', 'jit', '-cpu', 'max', '-smp', str(cpus), '-m', str(MEGABYTES),
            '-nodefaults', '-no-shutdown', '-icount', 'shift=0,sleep=off', '-kernel', kernel,
            '-rtc', 'base=2024-02-29T10:00:00,clock=vm', '-initrd', initrd, '-append', 'console=ttyS0')
        self.failure = self.console = self.registers = self.memory = self.work = None
        self.start()

    def run(self):
        try:
            with VM(*self.arguments) as vm:
                self.console = vm.expect('reboot: Power down', SECONDS).splitlines()
                vm.event('SHUTDOWN', SECONDS)
                self.registers = vm.qmp('human-monitor-command', command_line='info registers -a')
                self.registers = self.registers.splitlines()
                self.memory = self.hash_memory(vm)
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error

    @staticmethod
    def hash_memory(vm):
        with tempfile.NamedTemporaryFile(prefix='vmm-memory-') as file:
            vm.qmp('pmemsave', val=0, size=MEGABYTES << 20, filename=file.name)
            return hashlib.sha256(file.read()).hexdigest()


def check_runs(cpus):
    kernel = fetched(guest.fetch_kernel, 'cloud')
    initrd = fetched(guest.write_run_initrd, os.path.join(guest.cache_dir(), 'run-initrd.gz'))
    runs = [Run(kernel, initrd, cpus) for _ in range(2)]
    for run in runs:
        run.join()
    for run in runs:
        if run.failure:
            raise run.failure
    if len(runs[0].console) < 200:
        raise TestFailure(f'only {len(runs[0].console)} lines')
    for what in ('console', 'registers'):
        for number, lines in enumerate(zip(*(getattr(run, what) for run in runs))):
            expect_equal(lines[1], lines[0], f'line {number} of {what}')
    expect_equal(runs[1].memory, runs[0].memory, 'the memory')


if __name__ == '__main__':
    sys.exit(run_cases([(f'two runs of Debian\'s cloud kernel, {n} CPU(s)', lambda n=n: check_runs(n))
                        for n in map(int, sys.argv[1:])]))
