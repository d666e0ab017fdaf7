#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real code on the software CPU: SeaBIOS up to its boot attempt, by the host's instructions and by
the evaluator; 1 and 2 CPUs. Prints TAP."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from harness import (BACKENDS, VM, QmpError, TestFailure, debug_console, expect_equal,  # noqa: E402
                     run_cases)


def check_firmware(backend, cpus):
    with VM('-machine', 'pc', '-accel', f'jit,backend={backend}', '-smp', str(cpus), '-m', '64',
            '-nodefaults', *debug_console(), serial=False) as vm:
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


def check_single():
    """Instruction by instruction: by option, property and monitor; what `info jit` tells of it."""
    def longest(vm):
        return int(re.search(r'max=\d+ bytes, (\d+) instructions', vm.qmp('x-query-jit')[
            'human-readable-text']).group(1))

    for options in (('-accel', 'jit', '-singlestep'), ('-accel', 'jit,one-insn-per-tb=on'),
                    ('-accel', 'tcg')):
        with VM('-machine', 'pc', *options, '-m', '64', '-nodefaults',
                *debug_console(), serial=False) as vm:
            vm.expect('Booting from Hard Disk', 100)
            expect_equal(vm.qmp('query-status')['singlestep'],
                         len(options) == 3 or 'one' in options[1], 'singlestep')
            expect_equal(longest(vm) == 1, vm.qmp('query-status')['singlestep'], 'one instruction')
            for command in ('singlestep', 'one-insn-per-tb'):
                for word in ('on', 'off'):
                    expect_equal(vm.qmp('human-monitor-command', command_line=f'{command} {word}'),
                                 '', command)
                    expect_equal(vm.qmp('query-status')['singlestep'], word == 'on', word)
            vm.qmp('system_reset')
            vm.expect('Booting from Hard Disk', 100)
            expect_equal(longest(vm) > 1, True, 'more than one instruction')
    with VM('-machine', 'pc', '-accel', 'qtest', '-singlestep', serial=False) as vm:
        expect_equal(vm.qmp('query-status')['singlestep'], False, 'singlestep')
        try:
            vm.qmp('x-query-jit')
        except QmpError:
            return
        raise TestFailure('x-query-jit without a translator')


def check_front_ends():
    """What libvirt and people look at."""
    with VM('-machine', 'pc', '-accel', 'tcg', '-smp', '2', '-S', '-nodefaults',
            serial=False) as vm:
        names = {kind['name']: kind['parent']
                 for kind in vm.qmp('qom-list-types', implements='accel')}
        expect_equal(names.get('tcg-accel'), 'jit-accel',
                     'the type by which libvirt knows of software CPUs')
        expect_equal(vm.qmp('qom-get', path='/accel', property='type'), 'jit-accel',
                     'the accelerator')
        for line, text in (('info registers 0', ' HLT=0'), ('info registers 1', ' HLT=1'),
                           ('info mem 3', 'Try "help info mem"'), ('log help', 'none ')):
            answer = vm.qmp('human-monitor-command', command_line=line)
            if text not in answer:
                raise TestFailure(f'{line}: {text!r} is not in {answer!r}')


if __name__ == '__main__':
    # With 1 MiB for code, all of it is made anew again and again.
    sys.exit(run_cases([(f'SeaBIOS, {backend}, {cpus} CPU(s)',
                         lambda b=backend, n=cpus: check_firmware(b, n))
                        for backend in (*BACKENDS, BACKENDS[0] + ',tb-size=1') for cpus in (1, 2)]
                       + [('one instruction a block', check_single),
                          ('front ends', check_front_ends)]))
