#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Virtual time that counts instructions: two runs are the same, timers stop the CPU where they are
due, CPUs take turns, and what -icount refuses. Prints TAP."""
import os
import re
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from harness import (BACKENDS, PATIENCE, VM, TestFailure, binary, debug_console,  # noqa: E402
                     expect_equal, run_cases)
from rsp import Client  # noqa: E402

# 16-bit code at 7c00. The local APIC is turned off, the 8259 and the 8254 are set up for IRQ 0
# every 1000 clocks (1.193182 MHz). While it waits the program counts at [500]; each interrupt
# stores the count and the low half of the time stamp, from 1000 on; after 100 it stays at the end.
BEGIN, END, COUNT = 0x7c00, 0x7c63, 100
PROGRAM = bytes.fromhex(
    'fa 31c0 8ed8 8ec0 8ed0 bc0070'           # cli; ds, es, ss = 0; sp = 7000
    'c70620004e7c a32200'                     # vector 8: 0:7c4e
    '66b91b000000 0f32 80e4f7 0f30'           # IA32_APIC_BASE: bit 11 off
    'b011e620 b008e621 b004e621 b001e621 b0fee621'
    'b034e643 b0e8e640 b003e640'              # channel 0: mode 2, 1000
    'bf0010 fb'                               # di = 1000; sti
    '66ff060005 90 ebf8'                      # 7c46: inc dword [500]; 7c4b: nop; jmp 7c46
    '66a10005 66ab 0f31 66ab b020e620'        # 7c4e: the two words; end of interrupt
    '81ff2013 7301 cf ebfe')                  # enough? iret
WAIT, HLT = 0x7c4b, b'\xf4'
RAX, RSP, RIP, EFLAGS, CS, SS, DS = 0, 7, 16, 17, 18, 19, 20
RTC = ('-rtc', 'base=2024-02-29T10:00:00,clock=vm')


def ticks(icount, halt, backend=BACKENDS[0]):
    """What the program stored, as [(count, time stamp)], and all registers at its end."""
    with tempfile.TemporaryDirectory(prefix='vmm-icount-') as folder:
        path = os.path.join(folder, 'gdb')
        with VM('-machine', 'pc', '-accel', f'jit,backend={backend}', '-icount', icount, '-m', '32',
                '-nodefaults', '-S', '-gdb', f'unix:{path},server=on,wait=off', *RTC,
                serial=False) as vm:
            client = Client(path)
            client.write(BEGIN, PROGRAM)
            if halt:
                client.write(WAIT, HLT)
            for register, value in ((CS, 0), (DS, 0), (SS, 0), (RIP, BEGIN), (EFLAGS, 2)):
                client.set_register(register, value, 4 if register > RIP else 8)
            expect_equal(client.ask(f'Z1,{END:x},1'), 'OK', 'breakpoint')
            stop = client.ask('c')
            if not stop.startswith('T05'):
                raise TestFailure(f'the program stopped by {stop}')
            table = client.read(0x1000, 8 * COUNT)
            registers = client.ask('g')
            client.close()
            vm.qmp('quit')
            vm.wait()
    return [struct.unpack_from('<II', table, 8 * n) for n in range(COUNT)], registers


def check_same(halt):
    first = ticks('shift=5,sleep=off', halt)
    for what, other in (('again', ticks('shift=5,sleep=off', halt)),
                        ('sleeping', ticks('shift=5,sleep=on', halt)),
                        ('evaluated', ticks('shift=5,sleep=off', halt, 'evaluator'))):
        for n, (a, b) in enumerate(zip(first[0], other[0])):
            expect_equal(b, a, f'{what}: tick {n}')
        expect_equal(other[1], first[1], f'{what}: registers')


def check_exact():
    """Between two interrupts lies what the timer says, in instructions and in time."""
    rows, _ = ticks('shift=5,sleep=off', False)
    period = 1000 * 1e9 / (105e6 / 88)
    for n in range(2, COUNT):
        loops = rows[n][0] - rows[n - 1][0]
        # Three instructions in the loop, ten and a few in the handler.
        if abs(loops * 3 + 12 - period / 32) > 8:
            raise TestFailure(f'tick {n}: {loops} rounds for {period / 32:.0f} instructions')
    # The time stamp counts nanoseconds of virtual time by its own frequency.
    whole = [(rows[n][1] - rows[1][1]) % 2**32 / (n - 1) for n in (COUNT // 2, COUNT - 1)]
    if abs(whole[0] / whole[1] - 1) > 1e-3:
        raise TestFailure(f'periods by the time stamp: {whole}')


def firmware(cpus, log):
    with VM('-machine', 'pc', '-accel', 'jit', '-icount', 'shift=4,sleep=off', '-smp', str(cpus),
            '-m', '32', '-nodefaults', *debug_console(), '-d', 'exec,int,nochain', '-dfilter',
            '0..0xeffff', '-D', log, *RTC, serial=False) as vm:
        vm.expect(f'Found {cpus} cpu(s)', 60)
        vm.qmp('quit')
        vm.wait()
    # Code of the host lies elsewhere in each run.
    with open(log, encoding='ascii') as file:
        return re.sub(r'(?m)^(Trace \d+:) \S+', r'\1', file.read()).splitlines()


def check_firmware(cpus):
    with tempfile.TemporaryDirectory(prefix='vmm-icount-') as folder:
        runs = [firmware(cpus, os.path.join(folder, f'log{n}')) for n in range(2)]
    length = min(map(len, runs))
    if length < 1000:
        raise TestFailure(f'only {length} blocks and interrupts were told')
    for n in range(length):
        expect_equal(runs[1][n], runs[0][n], f'line {n} of the log')
    for cpu in range(cpus):
        if not any(line.startswith(f'Trace {cpu}:') for line in runs[0]):
            raise TestFailure(f'CPU {cpu} executed nothing')


def check_stop():
    """The machine stops while all CPUs are halted, and virtual time with it."""
    with VM('-machine', 'pc', '-accel', 'jit', '-icount', 'shift=4', '-m', '32', '-smp', '2',
            '-nodefaults', *debug_console(), serial=False) as vm:
        vm.expect('Booting from', 60)
        for _ in range(10):
            vm.qmp('stop')
            vm.qmp('cont')
        vm.qmp('system_reset')
        vm.expect('Booting from', 60)
        vm.qmp('quit')
        expect_equal(vm.wait(), 0, 'exit status')


def check_automatic():
    """As fast as real time: what that is, no test decides. All goes on, with CPUs halted and at
    work."""
    with VM('-machine', 'pc', '-accel', 'jit', '-icount', 'auto', '-m', '32', '-smp', '2',
            '-nodefaults', *debug_console(), serial=False) as vm:
        for _ in range(2):
            vm.expect('Booting from', 60)
            vm.qmp('stop')
            vm.qmp('cont')
            vm.qmp('system_reset')
        vm.expect('Booting from', 60)
        vm.qmp('quit')
        expect_equal(vm.wait(), 0, 'exit status')


def check_refused():
    for accel, icount, words in (
            ('jit', 'shift=auto,sleep=off', 'excludes sleep=off'),
            ('jit', 'auto,align=on', 'excludes align=on'), ('jit', 'shift=11', '0 to 10'),
            ('jit', 'shift=-1', '0 to 10'), ('jit', 'shift=x', '0 to 10'), ('jit', 'x', '0 to 10'),
            ('jit', 'sleep=off', 'missing'), ('jit', 'shift=1,sleep=maybe', 'on or off'),
            ('jit', 'shift=1,align=on,sleep=off', 'exclude'), ('jit', 'shift=1,foo=1', "'foo'"),
            ('jit', 'shift=1,rr=record,rrfile=x', 'not supported'),
            ('qtest', 'shift=1', '-accel jit')):
        run = subprocess.run([binary(), '-machine', 'pc', '-accel', accel, '-display', 'none',
                              '-icount', icount], stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, timeout=30 * PATIENCE, check=False)
        if run.returncode != 1 or '-icount' not in run.stderr or words not in run.stderr:
            raise TestFailure(f'-icount {icount}: status {run.returncode}, {run.stderr!r}')


if __name__ == '__main__':
    sys.exit(run_cases([
        ('two runs of a program that counts', lambda: check_same(False)),
        ('two runs of a program that halts', lambda: check_same(True)),
        ('timers stop the CPU where they are due', check_exact),
        ('two runs of the firmware, 1 CPU', lambda: check_firmware(1)),
        ('two runs of the firmware, 2 CPUs', lambda: check_firmware(2)),
        ('stop, cont, reset', check_stop), ('a shift that follows real time', check_automatic),
        ('what is refused', check_refused)]))
