#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stock Debian kernel on the software CPU, to its init and to its power-off. Arguments: numbers of
CPUs, a case each. Prints TAP."""
import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(os.path.dirname(HERE)), 'scripts')]
import guest  # noqa: E402
from harness import PATIENCE, VM, expect_equal, fetched, run_cases  # noqa: E402

BOOT_SECONDS = 300      # of a program with sanitizers, on a busy machine
# A kernel gives a timer 40 ms to interrupt it five times, which is little where its host is emulated.
TIMER = ' no_timer_check' if PATIENCE > 1 else ''


def check_boot(cpus):
    kernel = fetched(guest.fetch_kernel, 'cloud')
    initrd = fetched(guest.write_run_initrd, os.path.join(guest.cache_dir(), 'run-initrd.gz'))
    with VM('-machine', 'pc', '-accel', 'jit', '-cpu', 'max', '-smp', str(cpus), '-m', '256',
            '-nodefaults', '-no-reboot', '-kernel', kernel, '-initrd', initrd,
            '-append', 'console=ttyS0 panic=-1' + TIMER, '-d', 'guest_errors') as vm:
        if cpus > 1:
            vm.expect(f'smp: Brought up 1 node, {cpus} CPUs', BOOT_SECONDS)
        vm.expect('INIT-REACHED', BOOT_SECONDS)
        vm.expect('reboot: Power down', BOOT_SECONDS)
        expect_equal(vm.wait(), 0, 'exit status')


if __name__ == '__main__':
    sys.exit(run_cases([(f'Debian\'s cloud kernel, {n} CPU(s)', lambda n=n: check_boot(n))
                        for n in map(int, sys.argv[1:] or (1, 2))]))
