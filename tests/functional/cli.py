#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command line: help, mistakes, signals, start and end. Prints TAP."""
import os
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from harness import (BACKENDS, PATIENCE, SOURCE, VM, Skip, TestFailure, binary,  # noqa: E402
                     expect_equal, run_cases)

EMPTY = ('-machine', 'none', '-accel', 'qtest', '-nodefaults')


def run(*arguments):
    """Run to the end: (status, standard output, standard error)."""
    done = subprocess.run([binary(), *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60 * PATIENCE)
    return done.returncode, done.stdout, done.stderr


def help_options():
    """The options that -help lists, without their dash."""
    status, output, _ = run('-help')
    expect_equal(status, 0, 'status of -help')
    return set(re.findall(r'^-{1,2}([a-zA-Z][\w-]*)', output, re.M))


def check_help():
    options = help_options()
    for name in ('machine', 'accel', 'cpu', 'smp', 'm', 'kernel', 'device', 'qmp', 'qtest'):
        if name not in options:
            raise TestFailure(f'-help does not list -{name}')
    for spelling in ('--help', '-h'):
        expect_equal(run(spelling)[:2], run('-help')[:2], spelling)


def check_help_lists():
    for option in ('-machine', '-accel', '-cpu', '-device', '-object', '-chardev', '-d'):
        status, output, errors = run(option, 'help')
        expect_equal((status, errors), (0, ''), f'{option} help')
        if len(output.splitlines()) < 2:
            raise TestFailure(f'{option} help lists nothing: {output!r}')
    for option in ('-boot', '-smp', '-m', '-rtc', '-action', '-display', '-serial', '-fw_cfg'):
        status, output, errors = run(option, 'help')
        expect_equal((status, errors), (0, ''), f'{option} help')
        if option not in output and 'chardev' not in output:
            raise TestFailure(f'{option} help: {output!r}')


def check_version():
    status, output, _ = run('-version')
    expect_equal(status, 0, 'status')
    if not re.match(r'\S.* version \d+\.\d+', output):
        raise TestFailure(f'-version says {output!r}')


def check_man_page():
    """Every option of the manual page exists."""
    with open(os.path.join(SOURCE, 'docs', 'man', 'vmm.1'), encoding='utf-8') as file:
        page = file.read()
    named = re.findall(r'^\.(?:BI?|B) \\-([\w]+(?:\\-[\w]+)*)', page, re.M)
    unknown = {name.replace('\\-', '-') for name in named} - help_options() - {'help'}
    expect_equal(unknown, set(), 'options of the manual page that -help does not list')


def check_completion():
    """Bash completes the options that this binary lists."""
    if not os.access('/bin/bash', os.X_OK):
        raise Skip('no bash')
    script = os.path.join(SOURCE, 'scripts', 'completion', 'vmm.bash')
    done = subprocess.run(
        ['/bin/bash', '--norc', '-c', 'source "$0"; COMP_LINE="vmm -"; COMP_POINT=5; '
         'COMP_WORDS=("$1"); _vmm 2>/dev/null; printf "%s\\n" "${COMPREPLY[@]}"',
         script, binary()], capture_output=True, text=True, timeout=60 * PATIENCE)
    expect_equal({word.lstrip('-') for word in done.stdout.split()}, help_options(),
                 'completed options')


def check_other_host():
    """A host that is no x86 has neither KVM for these guests nor a back end, and says so."""
    expect_equal(run('-accel', 'help')[1].split()[-3:], ['jit', 'qtest', 'tcg'], 'accelerators')
    for arguments, words in ((['-accel', 'kvm'], ('kvm', 'no x86 host', '-accel jit')),
                             (['-accel', 'kvm,nope=1'], ('nope',)),
                             (['-accel', 'jit,backend=host'],
                              ('backend=host', 'backend=evaluator')),
                             (['-accel', 'jit,float=host'],
                              ('float=host', 'x86-64', 'float=exact')),
                             (['-cpu', 'host', '-accel', 'jit'], ("'host' requires KVM",))):
        status, _, errors = run('-machine', 'pc', '-display', 'none', *arguments)
        if status != 1 or not all(word in errors for word in words):
            raise TestFailure(f'{arguments}: status {status}: {errors!r}')
    with VM('-machine', 'pc', '-accel', 'kvm', '-accel', 'jit', serial=False) as vm:
        expect_equal(vm.qmp('query-kvm'), {'enabled': False, 'present': False}, 'query-kvm')
        if 'falling back to jit' not in vm.stderr():
            raise TestFailure(vm.stderr())
    with VM('-machine', 'pc', serial=False) as vm:
        if 'kvm' in vm.stderr() or 'evaluated' not in vm.stderr():
            raise TestFailure(f'without -accel: {vm.stderr()!r}')
        text = vm.qmp('x-query-jit')['human-readable-text']
        if 'evaluator' not in text:
            raise TestFailure(f'info jit: {text!r}')


# Arguments, and what the message must name.
MISTAKES = [
    (['-machin', 'pc'], ["-machin", "'machine'"]),
    (['-no-such-option'], ['-no-such-option']),
    (['stray'], ["'stray'"]),
    (['-machine'], ['-machine']),
    (['-machine', 'nine', '-accel', 'qtest'], ["'nine'", 'help']),
    (['-machine', 'none,no-such=on', '-accel', 'qtest'], ['no-such']),
    (['-machine', '/nonexistent/board.dtb', '-accel', 'qtest'], ['/nonexistent/board.dtb']),
    (['-machine', __file__ + '.dts', '-accel', 'qtest'], [__file__]),
    (['-accel', 'kwm'], ["'kwm'"]),
    ([*EMPTY, '-device', 'no-such-device'], ["'no-such-device'"]),
    ([*EMPTY, '-device', '{"driver": '], ['-device']),
    ([*EMPTY, '-vga', 'std'], ['-vga std', "'none'"]),
    (['-machine', 'pc,max-ram-below-5g=1G', '-accel', 'qtest'], ["'max-ram-below-4g'"]),
    ([*EMPTY, '-object', 'no-such-object,id=a'], ['no-such-object']),
    ([*EMPTY, '-m', '12q'], ["'12q'"]),
    ([*EMPTY, '-m', '999999999999999999999G'], ['-m']),
    ([*EMPTY, '-smp', '0'], ['-smp']),
    ([*EMPTY, '-smp', 'cpus=4,corez=2'], ['corez']),
    ([*EMPTY, '-chardev', 'nil,id=a'], ['nil']),
    ([*EMPTY, '-chardev', 'null'], ['id']),
    ([*EMPTY, '-chardev', 'null,id=a', '-chardev', 'null,id=a'], ["'a'"]),
    ([*EMPTY, '-chardev', 'file,id=a,path=/nonexistent/a'], ['/nonexistent/a']),
    ([*EMPTY, '-qmp', 'unix:/nonexistent/qmp'], ['/nonexistent/qmp']),
    ([*EMPTY, '-mon', 'chardev=missing'], ["'missing'"]),
    ([*EMPTY, '-readconfig', '/nonexistent/config'], ['/nonexistent/config']),
    ([*EMPTY, '-d', 'no_such_item'], ['no_such_item']),
    (['-machine', 'pc,accel=kvm', '-accel', 'qtest'], ['accel=kvm', '-accel qtest']),
    (['-accel', 'tcg,split-wx=off'], ['split-wx', "always 'on'"]),
    (['-machine', 'pc', '-accel', 'jit', '-cpu', 'qemu64,+vmx,enforce'],
     ['ECX.vmx', 'requested features']),
    ([*EMPTY, '-D', '/tmp/%d-%d'], ['/tmp/%d-%d']),
    ([*EMPTY, '-trace', 'event=a'], ['event', "'events'"]),
    ([*EMPTY, '-trace', 'events=/nonexistent/events'], ['/nonexistent/events']),
    ([*EMPTY, '-trace', 'file=/nonexistent/a', '-D', '/nonexistent/b'], ['-D']),
]


def check_mistake(arguments, named):
    status, output, errors = run(*arguments)
    expect_equal(status, 1, f'status; standard error: {errors}')
    expect_equal(output, '', 'standard output')
    for text in named:
        if text not in errors:
            raise TestFailure(f'the message does not name {text}: {errors!r}')


def check_start_and_quit():
    with VM(*EMPTY, serial=False) as vm:
        expect_equal(set(vm.greeting['QMP']), {'version', 'capabilities'}, 'greeting')
        expect_equal(vm.qmp('query-status')['running'], True, 'running')
        vm.qmp('quit')
        expect_equal(vm.event('SHUTDOWN')['data'], {'guest': False, 'reason': 'host-qmp-quit'},
                     'SHUTDOWN')
        expect_equal(vm.wait(), 0, 'exit status')
        expect_equal(vm.stderr(), '', 'standard error')


def check_trace():
    """Trace points that do not exist are warned of; those that a file names are traced."""
    for arguments, hint in ((['-trace', 'isa-serial.IES'], "'isa-serial.IER'"),
                            (['-trace', 'enable=nope*'], "matches 'nope*'"),
                            (['-d', 'trace:nope'], "'nope'")):
        status, _, errors = run('-machine', 'pc', '-accel', 'qtest', '-machine-check', *arguments)
        expect_equal(status, 0, f'status of {arguments}')
        if not all(text in errors for text in ('warning', hint, '-trace help')):
            raise TestFailure(f'{arguments}: {errors!r}')
    with tempfile.TemporaryDirectory() as folder:
        events, log = os.path.join(folder, 'events'), os.path.join(folder, 'log')
        with open(events, 'w', encoding='utf-8') as file:
            file.write('# a comment\n\nPIIX3.*\n-PIIX3.RC\n')
        with VM('-machine', 'pc', '-accel', 'qtest', '-nodefaults', '-trace',
                f'events={events},file={log}', serial=False) as vm:
            states = {event['name']: event['state']
                      for event in vm.qmp('trace-event-get-state', name='PIIX*')}
            expect_equal((states['PIIX3.RC'], states['PIIX3.CERR']), ('disabled', 'enabled'),
                         'states')
            expect_equal(vm.stderr(), '', 'standard error')
        expect_equal(os.path.exists(log), True, 'the log is a file')


def check_disassembler():
    """It is loaded when it is first needed, and a machine does without."""
    def libraries(vm):
        with open(f'/proc/{vm.process.pid}/maps', encoding='utf-8') as maps:
            return 'libcapstone' in maps.read()

    def disassemble(vm):
        return vm.qmp('human-monitor-command', **{'command-line': 'xp /1i 0xfffffff0'})

    arguments = ('-machine', 'pc', '-accel', 'qtest', '-nodefaults')
    with VM(*arguments, serial=False) as vm:
        if libraries(vm):
            raise Skip('libcapstone is linked')
        if 'built without' in disassemble(vm):
            raise Skip('built without libcapstone')
        expect_equal(('ljmp' in disassemble(vm), libraries(vm)), (True, True), 'with the library')
    with tempfile.TemporaryDirectory() as folder:
        for number in range(3, 10):
            with open(os.path.join(folder, f'libcapstone.so.{number}'), 'wb'):
                pass
        os.environ['LD_LIBRARY_PATH'] = folder
        try:
            with VM(*arguments, serial=False) as vm:
                text = disassemble(vm)
                errors = vm.stderr()
        finally:
            del os.environ['LD_LIBRARY_PATH']
    for words, where in (('cannot be loaded', text), ('.byte', text), ('libcapstone.so.', text),
                         ('code is shown as bytes', errors)):
        if words not in where:
            raise TestFailure(f'{words!r} is not in {where!r}')


def check_signal(number):
    with VM(*EMPTY, serial=False) as vm:
        vm.process.send_signal(number)
        expect_equal(vm.event('SHUTDOWN')['data'], {'guest': False, 'reason': 'host-signal'},
                     'SHUTDOWN')
        expect_equal(vm.wait(), 0, 'exit status')


def check_machines():
    """Every built-in board is valid, and starts."""
    status, output, _ = run('-machine', 'help')
    names = re.findall(r'^([\w.-]+) {2,}', output, re.M)
    if status or 'none' not in names:
        raise TestFailure(f'-machine help: {output!r}')
    for name in names:
        status, _, errors = run('-machine', name, '-accel', 'qtest', '-machine-check')
        expect_equal(status, 0, f'-machine {name} -machine-check: {errors}')
        with VM('-machine', name, '-accel', 'qtest', serial=False) as vm:
            vm.qmp('quit')
            expect_equal(vm.wait(), 0, f'exit status of {name}')


def check_nothing_left():
    """What a failing start made is gone: a socket file does not stay behind."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'socket')
        status, _, errors = run(*EMPTY, '-chardev', f'socket,id=a,path={path},server=on,wait=off',
                                '-mon', 'chardev=missing')
        expect_equal(status, 1, f'status: {errors}')
        expect_equal(os.listdir(folder), [], 'files that a failed start left')


if __name__ == '__main__':
    sys.exit(run_cases([
        ('-help', check_help),
        ('"help" lists for each option that has one', check_help_lists),
        ('-version', check_version),
        ('the manual page names options that exist', check_man_page),
        ('bash completes the options', check_completion),
        *((f'a mistake: {" ".join(arguments)}',
           lambda a=arguments, n=named: check_mistake(a, n)) for arguments, named in MISTAKES),
        *([] if 'host' in BACKENDS else [('what another host than x86 has not', check_other_host)]),
        ('a failed start leaves no file', check_nothing_left),
        ('start and quit', check_start_and_quit),
        ('-trace', check_trace),
        ('the disassembler', check_disassembler),
        ('SIGTERM', lambda: check_signal(signal.SIGTERM)),
        ('SIGINT', lambda: check_signal(signal.SIGINT)),
        ('every built-in machine starts', check_machines),
    ]))
