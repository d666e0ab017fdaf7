#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Forms of instructions on the software CPU against this host's own.

usage: native.py NATIVE BARE [CASES]    the two programs of native.c; cases of each form [100],
                                        of which the evaluator, which is slow, gets a tenth

$VMM names the emulator. Of a form that differs, the first case that does is shown: the bytes, and
what differs of the registers and memory. Prints TAP.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'functional'))
from harness import BACKENDS, PATIENCE, Skip, TestFailure, binary, run_cases  # noqa: E402

RUN_SECONDS = 180
SHOWN = 5           # forms that differ


def run_host(program, arguments):
    run = subprocess.run([program, *arguments], capture_output=True, text=True,
                         timeout=RUN_SECONDS * PATIENCE)
    if run.returncode == 77:
        raise Skip(run.stdout.strip())
    return lines_of(run.stdout, run.returncode, run.stderr)


def run_guest(program, backend, arguments):
    run = subprocess.run(
        [binary(), '-machine', 'pc', '-accel', f'jit,backend={backend}', '-cpu', 'max', '-m', '160',
         '-nodefaults', '-display', 'none', '-no-reboot', '-kernel', program,
         '-append', ' '.join(arguments), '-chardev', 'stdio,id=out',
         '-device', 'isa-debugcon,iobase=0xe9,chardev=out',
         '-device', 'isa-debug-exit,iobase=0x501'],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_SECONDS * PATIENCE)
    return lines_of(run.stdout, run.returncode - 1, run.stderr)


def lines_of(output, status, errors):
    lines = output.splitlines()
    if status or not lines or lines[-1] != 'END':
        raise TestFailure(f'ended with status {status}, after {lines[-1:]}; {errors.strip()}')
    return lines[:-1]


def describe(native, bare, backend, form):
    """The first case of a form that differs, in full."""
    cases = zip(run_host(native, [form, '0', '1000']),
                run_guest(bare, backend, [form, '0', '1000']))
    for host, guest in cases:
        if host != guest:
            number = host.split()[1]
            text = [f'host  {host}', f'guest {guest}']
            host = run_host(native, [form, number, '1'])
            guest = run_guest(bare, backend, [form, number, '1'])
            text += [line for line in host if line.startswith(('in flags', 'in gpr'))]
            for theirs, ours in zip(host[1:], guest[1:]):
                if theirs != ours:
                    text += [f'host  {theirs}', f'guest {ours}']
            return '\n'.join(text)
    return 'no single case differs'


def check(native, bare, backend, cases):
    host, guest = run_host(native, [cases]), run_guest(bare, backend, [cases])
    different = [(theirs, ours) for theirs, ours in zip(host, guest)
                 if theirs != ours and not theirs.endswith(' absent')]
    compared = sum(not line.endswith(' absent') for line in host)
    print(f'# {compared} forms with {cases} cases each; {len(host) - compared} this host has not')
    if len(host) != len(guest):
        raise TestFailure(f'{len(host)} forms on the host, {len(guest)} in the guest')
    if different:
        text = [f'{len(different)} forms differ']
        for theirs, ours in different[:SHOWN]:
            text += [f'host  {theirs}', f'guest {ours}',
                     describe(native, bare, backend, theirs.split()[1])]
        raise TestFailure('\n'.join(text))


def main():
    native, bare = sys.argv[1:3]
    cases = int(sys.argv[3]) if len(sys.argv) > 3 else 100
    return run_cases([(f'forms of instructions, {backend}',
                       lambda b=backend, n=count: check(native, bare, b, str(n)))
                      for backend, count in (('host', cases), ('evaluator', cases // 10 or 1))
                      if backend in BACKENDS])


if __name__ == '__main__':
    sys.exit(main())
