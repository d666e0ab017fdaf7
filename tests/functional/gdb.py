#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: gdb.py [--kvm]

The GDB server on the software CPU, or with KVM: registers, memory, breakpoints, watchpoints, steps,
threads, monitor commands, and what a hostile client sends. The guest is a few bytes of real-mode
code that the client writes itself. Prints TAP."""
import functools
import os
import random
import re
import sys
import tempfile
import time
import xml.etree.ElementTree

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from harness import BACKENDS, PATIENCE, VM, Skip, TestFailure, expect_equal, run_cases  # noqa: E402
from rsp import Client  # noqa: E402

# 7c00: loop: inc ax; mov [500], ax; mov bx, [504]; jmp loop
CODE = bytes.fromhex('40 a30005 8b1e0405 ebf6')
if '--kvm' in sys.argv:
    BACKENDS = ('kvm',)
LOOP, STORE, LOAD, JUMP = 0x7c00, 0x7c01, 0x7c04, 0x7c08
RAX, RBX, RSP, RIP, EFLAGS, CS, DS, SS = 0, 1, 7, 16, 17, 18, 20, 19


def accel_of(backend):
    return 'kvm' if backend == 'kvm' else f'jit,backend={backend}'


class Session:
    def __init__(self, *arguments, accel=None, program=True):
        accel = accel or accel_of(BACKENDS[0])
        self.folder = tempfile.TemporaryDirectory(prefix='vmm-gdb-')
        path = os.path.join(self.folder.name, 'gdb')
        self.vm = VM('-machine', 'pc', '-accel', accel, '-m', '32', '-nodefaults', '-S',
                     '-gdb', f'unix:{path},server=on,wait=off', *arguments, serial=False)
        self.path = path
        self.client = Client(path)
        if program:
            self.program(self.client)

    @staticmethod
    def program(client):
        expect_equal(client.write(LOOP, CODE), 'OK', 'writing the program')
        for register, value, size in ((CS, 0, 4), (DS, 0, 4), (SS, 0, 4), (RIP, LOOP, 8),
                                      (RSP, 0x7000, 8), (RAX, 0, 8), (EFLAGS, 2, 4)):
            expect_equal(client.set_register(register, value, size), 'OK', f'P{register:x}')

    def wait_until(self, what, condition):
        deadline = time.monotonic() + 30 * PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise TestFailure(f'{what} did not come about; the machine: '
                                  f"{self.vm.qmp('query-status')}")
            time.sleep(0.01)

    def wait_rounds(self):
        """Until the program has been all around its loop."""
        def counter():
            return self.vm.qmp('human-monitor-command', command_line='xp /1hx 0x500')
        for _ in range(2):
            before = counter()
            self.wait_until('a round of the loop', lambda old=before: counter() != old)

    def wait_disconnected(self):
        """Until the server knows that its client has gone."""
        self.wait_until('the end of the connection', lambda: any(
            chardev['label'] == 'gdb' and chardev['filename'].startswith('disconnected:')
            for chardev in self.vm.qmp('query-chardev')))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        self.vm.close()
        self.folder.cleanup()


def expect_stop(answer, *parts):
    for part in ('T05', *parts):
        if part not in answer:
            raise TestFailure(f'stop {answer!r} without {part!r}')


def check_description():
    with Session(program=False) as s:
        c = s.client
        features = c.ask('qSupported:multiprocess+;swbreak+;hwbreak+')
        for word in ('PacketSize=', 'qXfer:features:read+', 'vContSupported+'):
            if word not in features:
                raise TestFailure(f'{word} is not in {features!r}')
        expect_equal(c.no_acks(), 'OK', 'QStartNoAckMode')
        root = xml.etree.ElementTree.fromstring(c.document('target.xml').split('\n', 2)[2])
        registers = list(root.iter('reg'))
        names = [reg.get('name') for reg in registers]
        expect_equal([int(reg.get('regnum')) for reg in registers], list(range(len(registers))),
                     'the numbers of registers')
        expect_equal(names[:18], 'rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 '
                     'rip eflags'.split(), 'the first names')
        for name in ('fs_base', 'gs_base', 'k_gs_base', 'cr0', 'cr3', 'efer', 'st7', 'fop', 'xmm15',
                     'mxcsr'):
            if name not in names:
                raise TestFailure(f'no register {name}')
        size = sum(int(reg.get('bitsize')) for reg in registers)
        expect_equal(len(c.ask('g')) * 4, size, 'bits of g')
        for number, reg in enumerate(registers):
            expect_equal(len(c.ask(f'p{number:x}')) * 4, int(reg.get('bitsize')), reg.get('name'))
        expect_equal(c.register(RIP), 0xfff0, 'rip after reset')
        expect_equal(c.register(names.index('cr0')), 0x60000010, 'cr0 after reset')
        expect_equal(c.register(names.index('fctrl')), 0x40, 'fctrl after power-on')
        expect_equal(c.ask('qXfer:features:read:other.xml:0,10'), 'E00', 'no such document')
        # Each can be written, and reads back.
        for name, value in (('xmm3', 0x112233445566778899aabbccddeeff00),
                            ('st2', 0x3fff << 64 | 1 << 63),
                            ('k_gs_base', 0xffff800012345678), ('mxcsr', 0x1f81),
                            ('rbx', 0x12345678)):
            number = names.index(name)
            length = int(registers[number].get('bitsize')) // 8
            expect_equal(c.set_register(number, value, length), 'OK', f'setting {name}')
            expect_equal(c.register(number), value, name)
        everything = c.ask('g')
        expect_equal(c.ask('G' + everything), 'OK', 'G')
        expect_equal(c.ask('g'), everything, 'g after G')


@functools.cache
def lacks():
    """What this host's KVM cannot do for a debugger, with the reasons."""
    if BACKENDS != ('kvm',):
        return {}
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        text = file.read()
    if not re.search(r' (vmx|svm)\b', text):
        why = 'this KVM emulates guest kernels'
        return {'int3': why, 'watch': why}
    if 'QEMU TCG' in text:
        why = 'the emulated processor has no such breakpoints in a nested guest'
        return {'int3': why, 'watch': why, 'hbreak': why}
    return {}


def need(what):
    if what in lacks():
        raise Skip(lacks()[what])


def go_to_store(client):
    """The CPU that was chosen is at STORE, or goes there."""
    if 'hbreak' in lacks():
        client.set_register(RIP, LOOP)
        return client.ask('vCont;s')
    expect_equal(client.ask(f'Z1,{STORE:x},1'), 'OK', 'Z1')
    return client.ask('vCont;c')


def check_breakpoints(backend, kind):
    need('hbreak' if kind else 'int3')
    with Session(accel=accel_of(backend)) as s:
        c = s.client
        c.ask('qSupported:swbreak+;hwbreak+')
        expect_equal(c.ask(f'Z{kind},{STORE:x},1'), 'OK', 'Z')
        expect_stop(c.ask('vCont;c'), 'hwbreak' if kind else 'swbreak')
        expect_equal((c.register(RIP), c.register(RAX)), (STORE, 1), 'at the breakpoint')
        expect_equal(c.read(LOOP, len(CODE)), CODE, 'the code as it is read')
        # A step goes over it, the next time round it is met again.
        expect_stop(c.ask('s'))
        expect_equal(c.register(RIP), LOAD, 'rip after a step')
        expect_stop(c.ask('c'))
        expect_equal((c.register(RIP), c.register(RAX)), (STORE, 2), 'the second time')
        expect_equal(c.read(0x500, 2), b'\1\0', 'what was stored')
        expect_equal(c.ask(f'z{kind},{STORE:x},1'), 'OK', 'z')
        expect_equal(c.ask(f'Z{kind},{JUMP:x},1'), 'OK', 'Z of another')
        expect_stop(c.ask('c'))
        expect_equal((c.register(RIP), c.register(RAX)), (JUMP, 2), 'at the other')
        expect_equal(c.ask(f'z{kind},{JUMP:x},1'), 'OK', 'z')
        if c.ask(f'z{kind},{JUMP:x},1')[:1] != 'E':
            raise TestFailure('a breakpoint went twice')


def check_base(backend, kind):
    """Where CS has a base, the client's program counter is not the breakpoint's address."""
    need('hbreak' if kind else 'int3')
    with Session(accel=accel_of(backend)) as s:
        c = s.client
        c.ask('qSupported:swbreak+;hwbreak+')
        c.set_register(CS, 0x7c0, 4)
        c.set_register(RIP, 0)
        expect_equal(c.ask(f'Z{kind},{STORE:x},1'), 'OK', 'Z')
        answer = c.ask('vCont;c')
        expect_stop(answer)
        expect_equal('break' in answer, False,
                     f'a breakpoint that the client does not know: {answer!r}')
        expect_equal((c.register(RIP), c.register(CS)), (STORE - 0x7c00, 0x7c0),
                     'at the breakpoint')
        expect_equal(s.vm.qmp('human-monitor-command', command_line='print $pc').strip(),
                     hex(STORE), '$pc')


def check_unmapped():
    """The software CPU's breakpoints need no memory yet: a kernel that is about to start has none
    where it will run. INT3 of KVM does."""
    with Session() as s:
        c = s.client
        names = [reg.get('name') for reg in xml.etree.ElementTree.fromstring(
            c.document('target.xml').split('\n', 2)[2]).iter('reg')]
        c.write(0x8000, bytes(4096))
        for name, value in (('cr3', 0x8000), ('cr0', 0x80000011)):
            expect_equal(c.set_register(names.index(name), value, 8), 'OK', name)
        expect_equal(c.ask('m9000,1')[:1], 'E', 'reading what is not mapped')
        expect_equal(c.ask('Z0,9000,1') == 'OK', BACKENDS != ('kvm',), 'Z0')


def check_steps(backend):
    with Session(accel=accel_of(backend)) as s:
        c = s.client
        for pc in (STORE, LOAD, JUMP, LOOP, STORE):
            expect_stop(c.ask('vCont;s:1'))
            expect_equal(c.register(RIP), pc, 'rip')
        if backend == 'kvm':
            return      # the processor's trap flag is off in handlers
        # Division by zero goes to its handler.
        c.write(0, bytes([0x20, 0x7c, 0, 0]))
        c.write(0x7c20, bytes.fromhex('cf'))
        c.write(LOOP, bytes.fromhex('31c9 f7f1'))
        c.set_register(RIP, LOOP)
        for pc in (0x7c02, 0x7c20, 0x7c02):
            expect_stop(c.ask('s'))
            expect_equal(c.register(RIP), pc, 'rip')
        # int 0x40 through the vector table; a write to the code itself; hlt.
        c.write(0x40 * 4, bytes([0x20, 0x7c, 0, 0]))
        c.write(LOOP, bytes.fromhex('cd40 c606077c40 90 f4'))
        c.set_register(RIP, LOOP)
        for pc in (0x7c20, 0x7c02, 0x7c07, 0x7c08, 0x7c09):
            expect_stop(c.ask('s'))
            expect_equal(c.register(RIP), pc, 'rip')
        expect_equal(c.register(RAX) & 0xffff, 3, 'ax after inc instead of nop')


def check_watchpoints(backend):
    need('watch')
    with Session(accel=accel_of(backend)) as s:
        c = s.client
        for kind, name, address, after in ((2, 'watch', 0x501, LOAD), (3, 'rwatch', 0x504, JUMP),
                                           (4, 'awatch', 0x504, JUMP), (4, 'awatch', 0x500, LOAD)):
            if backend == 'kvm' and kind == 3:
                continue    # a processor does not watch reads alone
            expect_equal(c.ask(f'Z{kind},{address:x},1'), 'OK', f'Z{kind}')
            expect_stop(c.ask('c'), f'{name}:{address:x};')
            expect_equal(c.register(RIP), after, f'rip after {name}')
            expect_equal(c.ask(f'z{kind},{address:x},1'), 'OK', f'z{kind}')
        # Of a write nobody reads, of a read nobody writes.
        expect_equal(c.ask('Z3,500,2') == 'OK', backend != 'kvm', 'Z3')
        expect_equal(c.ask('Z2,504,2'), 'OK', 'Z2')
        expect_equal(c.ask(f'Z1,{LOOP + 0x80:x},1'), 'OK', 'Z1')
        c.send('c')
        s.wait_rounds()
        c.raw(b'\3')
        expect_equal(c.packet()[:3], b'T02', 'the interrupt')
        answers = [c.ask(f'Z2,{0x600 + 8 * n:x},4') for n in range(20)]
        if answers[0] != 'OK' or answers[-1][:1] != 'E':
            raise TestFailure(f'20 watchpoints: {answers}')


def check_threads():
    with Session('-smp', '2') as s:
        c = s.client
        c.ask('qSupported:multiprocess+')
        expect_equal(c.ask('qfThreadInfo'), 'mp01.01,p01.02', 'threads')
        expect_equal(c.ask('qsThreadInfo'), 'l', 'no more')
        for thread, alive in (('1', True), ('p1.2', True), ('3', False), ('p2.1', False),
                              ('', False), ('p', False), ('ffffffffffffffffff', False)):
            expect_equal(c.ask(f'T{thread}') == 'OK', alive, f'T{thread}')
        expect_equal(bytes.fromhex(c.ask('qThreadExtraInfo,p1.2')).decode()[:5], 'CPU#1', 'extra')
        expect_equal(c.ask('Hgp1.2'), 'OK', 'Hg')
        expect_equal(c.ask('qC'), 'QCp01.02', 'qC')
        c.set_register(RIP, LOOP)
        c.ask('Hgp1.1')
        expect_stop(go_to_store(c), 'thread:p01.01;')
        # Only one goes; the other waits for SIPI or stays.
        expect_stop(c.ask('vCont;s:p1.1'), 'thread:p01.01;')
        expect_equal(c.ask('vCont;c:p1.7'), 'E22', 'no such thread')


def check_monitor():
    with Session() as s:
        c = s.client
        expect_equal(c.ask('qRcmd,' + b'info status'.hex()), 'OK', 'qRcmd')
        if 'paused' not in c.console:
            raise TestFailure(f'info status said {c.console!r}')
        c.console = ''
        c.ask('qRcmd,' + b'gdbserver none'.hex())
        if 'client' not in c.console:
            raise TestFailure(f'the client could end its own server: {c.console!r}')
        c.ask('qRcmd,' + b'help'.hex())
        # The monitor starts and stops it, too; stops are told while the client waits.
        c.send('c')
        s.vm.qmp('stop')
        expect_equal(c.packet()[:3], b'T02', 'stop by QMP')
        # Detached, the guest goes on; then another client comes.
        expect_equal(c.ask('Z0,7c01,1'), 'OK', 'Z0')
        expect_equal(c.ask('D'), 'OK', 'D')
        expect_equal(s.vm.qmp('query-status')['status'], 'running', 'status after D')
        c.close()
        s.client = c = Client(s.path)
        expect_equal(c.ask('?')[:3], 'T02', 'stopped for the new client')
        expect_stop(go_to_store(c))
        # One that goes without a word takes its breakpoints along.
        c.send('c')
        if 'hbreak' not in lacks():
            c.packet()
        c.close()
        s.wait_disconnected()
        s.vm.qmp('cont')
        s.wait_rounds()
        expect_equal(s.vm.qmp('query-status')['status'], 'running', 'status without a client')
        # The human monitor ends the server and starts it again.
        run = s.vm.qmp('human-monitor-command', command_line='gdbserver none')
        if 'Disabled' not in run:
            raise TestFailure(run)
        other = s.path + '2'
        s.vm.qmp('human-monitor-command', command_line=f'gdbserver unix:{other},server=on,wait=off')
        s.client = c = Client(other)
        expect_equal(c.ask('?')[:3], 'T02', 'on the new socket')
        c.send('k')
        expect_equal(s.vm.wait(), 0, 'exit status after k')


def check_frames():
    with Session() as s:
        c = s.client
        c.raw(b'$?#00')
        expect_equal(c.byte(), b'-', 'a wrong check sum')
        c.raw(b'$?#zz')
        expect_equal(c.byte(), b'-', 'no check sum')
        expect_stop(c.ask('?'))
        c.raw(b'-')
        expect_stop(c.packet().decode())
        c.raw(b'$m0,$?#3f')
        expect_stop(c.packet().decode())
        c.raw(b'$' + b'm' * 100000 + b'#00')
        expect_equal(c.byte(), b'+', 'an overlong packet')
        expect_equal(c.packet(), b'E22', 'an overlong packet')
        for bad in ('m', 'm0', 'm0,', 'm,1', 'm0,1,', 'm0,ffffffffffffffff', 'm0,fffffffffffffffff',
                    'M0,2:00', 'M0,1:0', 'M0,1:zz', 'M0,1', 'X0,5:abc', 'P', 'P0', 'P0=', 'P0=1',
                    'pffffffff', 'p', 'Pfff=00', 'H', 'Hx1', 'Hg', 'vCont;', 'vCont;z', 'vCont;c;',
                    'vCont;c:9', 'Z0', 'Z0,', 'Z2,500,0', 'Z2,ffffffffffffffff,2', 'Z2,0,1001',
                    'z0,1,1', 'Z0,0,1;X1,0', 'qRcmd,0', 'qRcmd,zz', 'qRcmd,ff',
                    'qXfer:features:read:target.xml:9999999,1', 'qXfer:features:read:target.xml',
                    'qXfer:features:read:target.xml:,', 'qThreadExtraInfo,99', 'G0', 'Gzz', 'Cz',
                    'sz'):
            answer = c.ask(bad)
            if answer[:1] != 'E':
                raise TestFailure(f'{bad}: {answer!r}')
        for unknown in ('Z9,0,0', 'vMustReplyEmpty', 'vRun;x', 'qTStatus', 'QNonStop:1', 'b', '}'):
            expect_equal(c.ask(unknown), '', unknown)
        expect_equal(c.ask('Xfff0,0:'), 'OK', 'X of nothing')
        expect_equal(c.ask(b'X600,4:a}\x03}\x5d}\x04'), 'OK', 'X')
        expect_equal(c.read(0x600, 4), b'a#}$', 'what X wrote')
        expect_equal(c.read(0xfffffff0, 0x20), c.read(0xfffffff0, 0x10), 'up to the end of memory')
        # Noise, seeded.
        noise = random.Random(1)
        letters = b'mMpPgGXzZHTqQv?cCsSDkR!' .replace(b'k', b'').replace(b'R', b'')
        for _ in range(300):
            body = bytes([noise.choice(letters)]) + bytes(
                noise.choice(b'0123456789abcdef,:;=.-p') for _ in range(noise.randrange(12)))
            c.send(body)
            c.raw(b'\3')
        c.raw(bytes(noise.randrange(256) for _ in range(2000)) + b'#00')
        c.close()
        expect_equal(s.vm.qmp('query-status')['status'] in ('running', 'paused', 'debug',
                                                            'prelaunch'), True, 'alive')


def check_kvm():
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        print('1..0 # SKIP no /dev/kvm')
        sys.exit(0)


if __name__ == '__main__':
    if BACKENDS == ('kvm',):
        check_kvm()
    cases = [('registers and their description', check_description)]
    for b in BACKENDS:
        cases += [(f'{name}, {b}, kind {k}', lambda check=check, b=b, k=k: check(b, k))
                  for name, check in (('breakpoints', check_breakpoints),
                                      ('a base of CS', check_base))
                  for k in (0, 1)]
        cases += [(f'steps, {b}', lambda b=b: check_steps(b)),
                  (f'watchpoints, {b}', lambda b=b: check_watchpoints(b))]
    cases += [('breakpoints without memory', check_unmapped), ('threads', check_threads),
              ('monitor commands, detaching', check_monitor),
              ('frames and bad packets', check_frames)]
    sys.exit(run_cases(cases))
