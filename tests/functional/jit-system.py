#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What an x86 CPU's system does, by bare-metal programs (jit-system/) on the software CPU: with the
host's instructions and by the evaluator. Prints TAP.

usage: jit-system.py PROGRAM...
       jit-system.py --moves JIT-MOVES PROGRAM...    some of them by jit-moves (jit-moves.c)
"""
import os
import resource
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from harness import (BACKENDS, PATIENCE, TestFailure, binary, debug_console, expect_equal,  # noqa: E402
                     run_cases)

SECONDS = 100           # of a program with sanitizers, on a busy machine
EXIT_STATUS = 1         # what isa-debug-exit makes of 0

# Those that are moved to new processes while they run; and by all back ends, of which the state knows little.
MOVED = ('ferr64', 'mwait64', 'smm64', 'system32', 'system64', 'trap64')
MOVED_BY_ALL = ('mwait64', 'smm64')


def run_program(program, backend, *more, accel='', cpu='max', by=()):
    command = [*(by or [binary()]), '-machine', 'pc', '-accel', f'jit,backend={backend}{accel}', '-cpu', cpu,
               '-smp', '4', '-m', '32', '-nodefaults', '-no-reboot', '-display', 'none',
               *debug_console(0xe9), '-device', 'isa-debug-exit,iobase=0xf4,iosize=1',
               '-bios' if program.endswith('.rom') else '-kernel', program, *more]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=SECONDS * PATIENCE, check=False)


def check_program(program, backend, **more):
    check_result(run_program(program, backend, **more))


def check_result(result):
    lines = result.stdout.splitlines()
    for line in lines:
        if line.startswith('# '):
            print(line)
    wrong = [line for line in lines if not line.startswith(('ok ', '# '))]
    if wrong != ['end'] or result.returncode != EXIT_STATUS or len(lines) < 2:
        raise TestFailure('\n'.join(wrong or ['nothing was printed']) +
                          f'\nexit status {result.returncode}\n{result.stderr}')


def check_moved(program, backend, moves, mean=20000):
    """Saved and restored in a new process every few milliseconds, and where the program says, to the instruction."""
    result = run_program(program, backend, '-S', '-icount', 'shift=3,sleep=off', by=[moves, str(mean)])
    check_result(result)
    print('#', result.stderr.splitlines()[-1])


def check_triple_fault(program, backend):
    result = run_program(program, backend, '-append', '3')
    expect_equal((result.stdout, result.returncode), ('three faults\n', 0), 'a triple fault')


def check_rom_log(program):
    result = run_program(program, BACKENDS[0], '-d', 'guest_errors')
    expect_equal('write to read-only memory' in result.stderr, True, 'writes to ROM in the log')


def check_undefined_log(program):
    """With its bytes, when it is run: not what lies behind a branch."""
    result = run_program(program, BACKENDS[0], '-d', 'guest_errors')
    found = [line.split(':')[-1].strip() for line in result.stderr.splitlines()
             if 'undefined instruction' in line]
    expect_equal(('0f 04' in found, '0f 0a' in found), (True, False), f'the log has {found}: 0f 04')


def check_turns(program):
    """CPUs that wait for each other, one at a time: the host's time of all is that of one."""
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime
    start, before = time.monotonic(), used()
    check_program(program, BACKENDS[0], accel=',thread=single')
    took, cpu = time.monotonic() - start, used() - before
    if cpu > 1.3 * took + 0.2:
        raise TestFailure(f'{cpu:.2f} s of processors in {took:.2f} s')


def some(programs, *names):
    return [program for program in programs if os.path.basename(program).startswith(names)]


def moved_cases(moves, programs):
    return [(f'{os.path.basename(program)}, {backend}',
             lambda p=program, b=backend: check_moved(p, b, moves))
            for program in some(programs, *MOVED)
            for backend in (BACKENDS if some([program], *MOVED_BY_ALL) else BACKENDS[:1])]


def cases(programs):
    intel = 'max,vendor=GenuineIntel,-vme,-de,-mce'
    system32, = some(programs, 'system32.elf')
    system64, = some(programs, 'system64.elf')
    rom32, = some(programs, 'rom32.rom')
    return [*[(f'{os.path.basename(program)}, {backend}',
               lambda p=program, b=backend: check_program(p, b))
              for program in programs for backend in BACKENDS],
            *[(f'{os.path.basename(program)}, CPUs in turns', lambda p=program: check_turns(p))
              for program in some(programs, 'litmus', 'wake', 'smm', 'code')],
            *[(f'{os.path.basename(program)}, a CPU of Intel',
               lambda p=program: check_program(p, BACKENDS[0], cpu=intel))
              for program in some(programs, 'vendor')],
            ('a triple fault resets', lambda: check_triple_fault(system32, BACKENDS[0])),
            ('writes to ROM are logged', lambda: check_rom_log(rom32)),
            ('undefined instructions are logged', lambda: check_undefined_log(system64))]


if __name__ == '__main__':
    if sys.argv[1:2] == ['--moves']:
        sys.exit(run_cases(moved_cases(sys.argv[2], sys.argv[3:])))
    sys.exit(run_cases(cases(sys.argv[1:])))
