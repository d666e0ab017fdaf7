#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real code on the software CPU: SeaBIOS up to its boot attempt, by the host's instructions and by
the evaluator; 1 and 2 CPUs. Prints TAP."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from harness import VM, expect_equal, run_cases  # noqa: E402


def check_firmware(backend, cpus):
    with VM('-machine', 'pc', '-accel', f'jit,backend={backend}', '-smp', str(cpus), '-m', '64',
            '-nodefaults', '-chardev', 'stdio,id=log', '-device',
            'isa-debugcon,iobase=0x402,chardev=log', serial=False) as vm:
        vm.expect('SeaBIOS (version', 60)
        vm.expect(f'Found {cpus} cpu(s)', 60)
        vm.expect('Booting from Hard Disk', 60)
        expect_equal(vm.qmp('query-status')['running'], True, 'running')
        vm.qmp('stop')
        expect_equal(vm.qmp('query-status')['status'], 'paused', 'status after stop')
        vm.qmp('cont')
        vm.qmp('system_reset')
        vm.expect('SeaBIOS (version', 60)
        vm.qmp('quit')
        expect_equal(vm.wait(), 0, 'exit status')


if __name__ == '__main__':
    # With 1 MiB for code, all of it is made anew again and again.
    sys.exit(run_cases([(f'SeaBIOS, {backend}, {cpus} CPU(s)',
                         lambda b=backend, n=cpus: check_firmware(b, n))
                        for backend in ('host', 'host,tb-size=1', 'evaluator') for cpus in (1, 2)]))
