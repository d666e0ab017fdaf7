#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Forms of instructions on the software CPU against this host's own.

usage: native.py NATIVE BARE [CASES]    the two programs of native.c; cases of each form [100],
                                        of which what is slow gets less: the evaluator a tenth,
                                        floating point in software a quarter

$VMM names the emulator. Of a form that differs, the first case that does is shown: the bytes, and
what differs of the registers and memory. The approximations, which each processor does its own
way, are not compared with those of software. Prints TAP.
"""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'functional'))
from harness import (BACKENDS, PATIENCE, Skip, TestFailure, binary, debug_console,  # noqa: E402
                     run_cases)

RUN_SECONDS = 180
SHOWN = 5           # forms that differ
APPROXIMATE = ('rcpps', 'rcpss', 'rsqrtps', 'rsqrtss', 'f2xm1', 'fyl2x', 'fptan', 'fpatan', 'fsin',
               'fcos')      # with what begins or ends so: VRCPPS, FYL2XP1, FSINCOS


def run_host(program, arguments):
    run = subprocess.run([program, *arguments], capture_output=True, text=True,
                         timeout=RUN_SECONDS * PATIENCE)
    if run.returncode == 77:
        raise Skip(run.stdout.strip())
    return lines_of(run.stdout, run.returncode, run.stderr)


def run_guest(program, options, arguments):
    run = subprocess.run(
        [binary(), '-machine', 'pc', '-accel', f'jit,{options}', '-cpu', 'max', '-m', '160',
         '-nodefaults', '-display', 'none', '-no-reboot', '-kernel', program,
         '-append', ' '.join(arguments), *debug_console(0xe9),
         '-device', 'isa-debug-exit,iobase=0x501'],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_SECONDS * PATIENCE)
    return lines_of(run.stdout, run.returncode - 1, run.stderr)


def lines_of(output, status, errors):
    lines = output.splitlines()
    if status or not lines or lines[-1] != 'END':
        raise TestFailure(f'ended with status {status}, after {lines[-1:]}; {errors.strip()}')
    return lines[:-1]


def describe(native, bare, options, form):
    """The first case of a form that differs, in full."""
    cases = zip(run_host(native, [form, '0', '1000']),
                run_guest(bare, options, [form, '0', '1000']))
    for host, guest in cases:
        if host != guest:
            number = host.split()[1]
            text = [f'host  {host}', f'guest {guest}']
            host = run_host(native, [form, number, '1'])
            guest = run_guest(bare, options, [form, number, '1'])
            text += [line for line in host if line.startswith(('in flags', 'in gpr'))]
            for theirs, ours in zip(host[1:], guest[1:]):
                if theirs != ours:
                    text += [f'host  {theirs}', f'guest {ours}']
            return '\n'.join(text)
    return 'no single case differs'


def is_compared(line, options):
    in_software = options.endswith('float=exact') or 'host' not in BACKENDS
    own_ways = in_software and any(name in line for name in APPROXIMATE)
    return not line.endswith(' absent') and not own_ways


def check(native, bare, options, cases):
    host, guest = run_host(native, [cases]), run_guest(bare, options, [cases])
    different = [(theirs, ours) for theirs, ours in zip(host, guest)
                 if theirs != ours and is_compared(theirs, options)]
    compared = sum(is_compared(line, options) for line in host)
    print(f'# {compared} forms with {cases} cases each; {len(host) - compared} not compared')
    if len(host) != len(guest):
        raise TestFailure(f'{len(host)} forms on the host, {len(guest)} in the guest')
    if different:
        text = [f'{len(different)} forms differ']
        for theirs, ours in different[:SHOWN]:
            text += [f'host  {theirs}', f'guest {ours}',
                     describe(native, bare, options, theirs.split()[1])]
        raise TestFailure('\n'.join(text))


def main():
    native, bare = sys.argv[1:3]
    cases = int(sys.argv[3]) if len(sys.argv) > 3 else 100
    runs = [('host', '', cases), ('evaluator', '', cases // 10 or 1),
            ('host', ',float=exact', cases // 4 or 1)]
    return run_cases([(f'forms of instructions, {backend}{more}',
                       lambda o=f'backend={backend}{more}', n=count: check(native, bare, o, str(n)))
                      for backend, more, count in runs if backend in BACKENDS])


if __name__ == '__main__':
    sys.exit(main())
