#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the software CPU tells of its work: -d in_asm, op, op_opt, out_asm, exec, cpu, fpu, int,
mmu, page, pcall, -dfilter, the map for perf. Prints TAP."""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from harness import (BACKENDS, PATIENCE, VM, Skip, TestFailure, binary, debug_console,  # noqa: E402
                     expect_equal, run_cases)


def firmware(*arguments, accel='jit', until='SeaBIOS (version'):
    """The log of a start of the firmware, and the process's number."""
    with tempfile.NamedTemporaryFile(prefix='vmm-log-') as log:
        with VM('-machine', 'pc', '-accel', accel, '-m', '32', '-nodefaults',
                *debug_console(), '-D', log.name, *arguments, serial=False) as vm:
            vm.expect(until, 60)
            number = vm.process.pid
            vm.qmp('quit')
            vm.wait()
        return log.read().decode(), number


def check_items(backend):
    log, _ = firmware('-d', 'in_asm,op,out_asm,exec,cpu,nochain', '-dfilter',
                      '0xfffffff0+16,0xfe000..0xfefff', accel=f'jit,backend={backend}')
    # SeaBIOS begins with a far jump. Without libcapstone a program shows bytes.
    for text in ('ljmpw ' if 'ljmp' in log else '.byte', 'IN:', 'OP: 0xfffffff0', ' ---- 0xfe05b',
                 'Trace 0: ', '/00000000fffffff0/', 'EIP=0000e05b'):
        if text not in log:
            raise TestFailure(f'{text!r} is not in the log:\n{log[:3000]}')
    for text in ('OUT: ', '-- seldom executed'):
        expect_equal(text in log, backend == 'host', f'{text!r} in the log')
    pcs = [int(pc, 16) for pc in re.findall(r'^Trace 0: \S+ \[\w+/(\w+)/', log, re.M)]
    outside = [hex(pc) for pc in pcs if not (0xfe000 <= pc < 0xff000 or pc >= 0xfffffff0)]
    expect_equal(outside, [], 'blocks that the filter leaves out')


def check_order():
    """Without chains each block is told: each begins where one before could go."""
    log, _ = firmware('-d', 'exec,nochain', '-dfilter', '0xf0000-0x10,0xfe05b+0x100')
    pcs = [int(pc, 16) for pc in re.findall(r'^Trace 0: \S+ \[\w+/(\w+)/', log, re.M)]
    expect_equal(pcs[0], 0xfe05b, 'the first block')
    if len(pcs) < 2:
        raise TestFailure('only one block was told')


def check_events():
    log, _ = firmware('-d', 'int,page', until='Booting from')
    for form in (r'^CPU 0: software interrupt 0x[0-9a-f]{2} before [0-9a-f]{4}:',
                 r'^CPU 0: interrupt 0x08 at ', r'^page 0x[0-9a-f]+: code is translated'):
        if not re.search(form, log, re.M):
            raise TestFailure(f'no line like {form!r}; the log has {len(log)} characters')


def check_passes():
    """What the passes take out is in op, and not in op_opt."""
    log, _ = firmware('-d', 'op,op_opt', '-dfilter', '0xfe000..0xfefff')
    count = {}
    for part in re.split(r'^(?=OP)', log, flags=re.M)[1:]:
        title = part.split()[0]
        count[title] = count.get(title, 0) + part.count('\n')
    if not 0 < count.get('OP_OPT:', 0) < count.get('OP:', 0):
        raise TestFailure(f'lines of operations: {count}')


def check_system():
    """SeaBIOS goes to protected mode and back, with nothing mapped; it has no use for floating
    point."""
    log, _ = firmware('-d', 'mmu,pcall,cpu,fpu', '-dfilter', '0xf0000..0xfffff')
    for form in (r'^CPU 0: mmu: 0xfe000 is 0xfe000, [^,]+, mode [01], r-?w?-?x',
                 r'^CPU 0: mmu: all is forgotten',
                 r'^CPU 0: far jump at [0-9a-f]{4}:[0-9a-f]{8} to 0008:[0-9a-f]{8} cpl 0$',
                 r'^FCW=', r'^XMM06='):
        if not re.search(form, log, re.M):
            raise TestFailure(f'no line like {form!r}; the log has {len(log)} characters')
    log, _ = firmware('-d', 'cpu', '-dfilter', '0xfe05b+1')
    expect_equal('XMM' in log, False, 'vector registers without fpu')


def check_filter():
    for text in ('zz', '1', '1+', '1+0', '5..3', '1-2', '1..2,', '1-2-3', '0xg..0xh', '-1+4',
                 '0x10000000000000000+1', ''):
        run = subprocess.run([binary(), '-machine', 'pc', '-accel', 'qtest', '-d', 'exec',
                              '-dfilter', text], stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, timeout=30 * PATIENCE, check=False)
        if run.returncode != 1 or '-dfilter' not in run.stderr:
            raise TestFailure(f'-dfilter {text!r}: status {run.returncode}, {run.stderr!r}')


def check_perf_map():
    if 'host' not in BACKENDS:
        raise Skip('the evaluator makes no code')
    path = None
    try:
        _, number = firmware(accel='jit,perf-map=on')
        path = f'/tmp/perf-{number}.map'
        with open(path, encoding='ascii') as file:
            lines = file.read().splitlines()
    finally:
        if path and os.path.exists(path):
            os.unlink(path)
    bad = [line for line in lines if not re.fullmatch(r'[0-9a-f]+ [0-9a-f]+ \S+', line)]
    expect_equal(bad, [], 'malformed lines')
    names = [line.split()[2] for line in lines]
    # A block is in two places, what is seldom executed in one of its own.
    for name, places in (('jit:shared', 1), ('guest:0xfffffff0', 2), ('guest:0xfe05b', 2)):
        if names.count(name) < places:
            raise TestFailure(f'{name} is not {places} times in the map of {len(names)} names')
    # Code does not overlap, as long as none was made anew.
    spans = sorted((int(line.split()[0], 16), int(line.split()[1], 16)) for line in lines)
    for (start, size), (after, _) in zip(spans, spans[1:]):
        if start + size > after:
            raise TestFailure(f'{start:x}+{size:x} reaches into {after:x}')


def check_reset():
    """Registers as they were before INIT and before a reset of the machine."""
    with tempfile.NamedTemporaryFile(prefix='vmm-log-') as log:
        with VM('-machine', 'pc', '-accel', 'jit', '-m', '32', '-smp', '2', '-nodefaults',
                *debug_console(), '-d', 'cpu_reset', '-D', log.name, serial=False) as vm:
            vm.expect('Booting from', 60)
            before = len(log.read())
            vm.qmp('stop')
            registers = vm.qmp('human-monitor-command', command_line='info registers 0')
            vm.qmp('system_reset')
            vm.event('RESET')
            vm.qmp('quit')
            vm.wait()
        log.seek(0)
        text = log.read().decode()
    if 'CPU Reset (CPU 1)' not in text[:before]:
        raise TestFailure('SeaBIOS sends INIT to all CPUs, and the log has none')
    eip = re.search(r'EIP=\w+', registers)[0]
    if not re.search(r'^CPU Reset \(CPU 0\)$(?s:.{1,600})' + eip, text[before:], re.M):
        raise TestFailure(f'no CPU 0 at {eip} in {text[before:]!r}')


if __name__ == '__main__':
    sys.exit(run_cases([
        ('passes', check_passes), ('mmu, pcall, fpu', check_system),
        *[(f'items, {b}', lambda b=b: check_items(b)) for b in BACKENDS],
        ('blocks one after the other', check_order), ('interrupts and pages', check_events),
        ('-dfilter', check_filter), ("perf's map", check_perf_map), ('resets', check_reset)]))
