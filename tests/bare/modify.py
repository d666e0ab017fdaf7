#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Code that changes itself, on the software CPU against this host's own.

usage: modify.py MODIFY BARE [CASES]    the two programs of modify.c; cases [200], of which the
                                        evaluator gets a quarter

$VMM names the emulator. The first case that differs is shown. Prints TAP.
"""
import sys

from native import run_guest, run_host
from harness import BACKENDS, TestFailure, run_cases    # native.py found it

def describe(modify, bare, options, number):
    host, guest = run_host(modify, [number, '1']), run_guest(bare, options, [number, '1'])
    return '\n'.join([f'host  {line}' for line in host] + [f'guest {line}' for line in guest])


def check(modify, bare, options, cases):
    host, guest = run_host(modify, [cases]), run_guest(bare, options, [cases])
    different = [line for line, other in zip(host, guest) if line != other]
    print(f'# {len(host)} programs')
    if len(host) != len(guest):
        raise TestFailure(f'{len(host)} cases on the host, {len(guest)} in the guest')
    if different:
        number = different[0].split()[1]
        raise TestFailure(f'{len(different)} programs differ\n' +
                          describe(modify, bare, options, number))


def main():
    modify, bare = sys.argv[1:3]
    cases = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    runs = [('host', cases), ('evaluator', cases // 4 or 1)]
    return run_cases([(f'code that changes itself, {backend}',
                       lambda o=f'backend={backend}', n=count: check(modify, bare, o, str(n)))
                      for backend, count in runs if backend in BACKENDS])


if __name__ == '__main__':
    sys.exit(main())
