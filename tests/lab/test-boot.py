#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stock Debian kernels under KVM: every irqchip mode, one and two CPUs, and the machine
controls of QMP. Runs in the lab (tests/lab/lab), or on any host with a whole KVM."""
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '../functional'))
from harness import (VM, Skip, TestFailure, add_module_path, expect_equal,  # noqa: E402
                     run_cases)
add_module_path('scripts')
import guest  # noqa: E402  (found through the line above)

BOOT_SECONDS = 250      # a generic kernel on a busy machine

# vmm_task: what to do once INIT-REACHED is printed.
INIT = '''#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
echo "CPUS $(grep -c ^processor /proc/cpuinfo)"
echo "X2APIC $(dmesg | grep -c 'x2apic enabled')"
echo INIT-REACHED
case $vmm_task in
ticks) i=0; while :; do echo "TICK $i"; i=$((i + 1)); sleep 0.3; done ;;
reboot) reboot -f ;;
interrupts) cat /proc/interrupts; echo INTERRUPTS-END; poweroff -f ;;
*) poweroff -f ;;
esac
'''
INITRD = None


def initrd():
    global INITRD
    if not INITRD:
        archive = guest.Initrd()
        for folder in ('proc', 'dev', 'sys'):
            archive.add_folder(folder)
        archive.add_busybox()
        archive.add('init', INIT.encode(), 0o755)
        INITRD = archive.write(os.path.join(tempfile.mkdtemp(prefix='vmm-boot-'), 'initrd'))
    return INITRD


def machine(task, *options, irqchip='on', flavour='cloud', append=''):
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        raise Skip('no /dev/kvm')
    problem = guest.kvm_problem()
    if problem:
        raise Skip(problem)
    return VM('-machine', f'pc,kernel-irqchip={irqchip}', '-accel', 'kvm', '-m', '256',
              '-nodefaults', '-kernel', guest.fetch_kernel(flavour), '-initrd', initrd(),
              '-append', f'console=ttyS0 quiet panic=-1 vmm_task={task} {append}', *options)


def boot(flavour, irqchip, cpus):
    with machine('poweroff', '-smp', str(cpus), irqchip=irqchip, flavour=flavour) as vm:
        before = vm.expect('INIT-REACHED', BOOT_SECONDS)
        if f'CPUS {cpus}' not in before:
            raise TestFailure(f'expected {cpus} CPUs: {before[-500:]}')
        event = vm.event('SHUTDOWN')
        expect_equal(event['data'], {'guest': True, 'reason': 'guest-shutdown'}, 'SHUTDOWN')
        expect_equal(vm.wait(), 0, 'exit status')


def x2apic(irqchip):
    """The mode is in use where the CPU has it, and only there."""
    for flag, found in (('+', 1), ('-', 0)):
        with machine('poweroff', '-smp', '2', '-cpu', f'qemu64,{flag}x2apic',
                     irqchip=irqchip) as vm:
            before = vm.expect('INIT-REACHED', BOOT_SECONDS)
            for word in ('CPUS 2', f'X2APIC {found}'):
                if word not in before:
                    raise TestFailure(f'no "{word}" with {flag}x2apic: {before[-500:]}')


def pause_and_resume():
    with machine('ticks') as vm:
        vm.expect('TICK 2', BOOT_SECONDS)
        vm.qmp('stop')
        vm.event('STOP')
        expect_equal(vm.qmp('query-status')['status'], 'paused', 'status')
        vm.quiet(0.5)
        while_paused = vm.quiet(2)
        if 'TICK' in while_paused:
            raise TestFailure(f'the guest ran while it was paused: {while_paused!r}')
        vm.qmp('cont')
        vm.event('RESUME')
        vm.expect('TICK', 20)
        expect_equal(vm.qmp('query-status')['status'], 'running', 'status')


def time_stands_while_paused():
    """The guest's clock does not count the pause, and the kernel does not complain."""
    with machine('ticks') as vm:
        vm.expect('TICK 2', BOOT_SECONDS)
        vm.qmp('stop')
        time.sleep(5)
        vm.qmp('cont')
        after = vm.quiet(4)
        for complaint in ('soft lockup', 'rcu_preempt detected', 'hung task'):
            if complaint in after:
                raise TestFailure(f'after the pause: {after}')


def system_reset():
    with machine('ticks') as vm:
        vm.expect('INIT-REACHED', BOOT_SECONDS)
        vm.expect('TICK 1', 20)
        vm.qmp('system_reset')
        event = vm.event('RESET')
        expect_equal(event['data'], {'guest': False, 'reason': 'host-qmp-system-reset'}, 'RESET')
        vm.expect('INIT-REACHED', BOOT_SECONDS)
        vm.expect('TICK 1', 20)


def guest_reset():
    with machine('reboot') as vm:
        vm.expect('INIT-REACHED', BOOT_SECONDS)
        expect_equal(vm.event('RESET')['data']['guest'], True, 'RESET by the guest')
        vm.expect('INIT-REACHED', BOOT_SECONDS)


def no_reboot():
    with machine('reboot', '-no-reboot') as vm:
        vm.expect('INIT-REACHED', BOOT_SECONDS)
        expect_equal(vm.event('SHUTDOWN')['data']['reason'], 'guest-reset', 'SHUTDOWN')
        expect_equal(vm.wait(), 0, 'exit status')


def guest_panic():
    """A panic is told through pvpanic, and panic=-1 resets the machine."""
    with machine('ticks', '-device', 'pvpanic', '-no-reboot', append='rdinit=/missing') as vm:
        vm.expect('Kernel panic', BOOT_SECONDS)
        vm.wait()


def quit_while_running():
    with machine('ticks') as vm:
        vm.expect('TICK 1', BOOT_SECONDS)
        vm.qmp('quit')
        expect_equal(vm.event('SHUTDOWN')['data']['reason'], 'host-qmp-quit', 'SHUTDOWN')
        expect_equal(vm.wait(), 0, 'exit status')


def start_paused():
    with machine('poweroff', '-S') as vm:
        expect_equal(vm.qmp('query-status')['status'], 'prelaunch', 'status')
        expect_equal(vm.quiet(2), '', 'output before cont')
        vm.qmp('cont')
        vm.expect('INIT-REACHED', BOOT_SECONDS)


CASES = [(f'{flavour} kernel, kernel-irqchip={irqchip}, {cpus} CPU{"s" * (cpus > 1)}',
          lambda f=flavour, i=irqchip, c=cpus: boot(f, i, c))
         for flavour, irqchip, cpus in [
             ('cloud', 'on', 1), ('cloud', 'on', 2), ('cloud', 'split', 1), ('cloud', 'split', 2),
             ('cloud', 'off', 1), ('cloud', 'off', 2), ('generic', 'on', 1), ('generic', 'on', 2),
             ('generic', 'split', 2), ('generic', 'off', 1)]]
CASES += [(f'x2APIC, kernel-irqchip={irqchip}', lambda i=irqchip: x2apic(i))
          for irqchip in ('on', 'split', 'off')]
CASES += [
    ('-S waits for cont', start_paused),
    ('stop and cont', pause_and_resume),
    ("a pause is not in the guest's time", time_stands_while_paused),
    ('system_reset boots again', system_reset),
    ('a reset by the guest boots again', guest_reset),
    ('-no-reboot turns a reset into the end', no_reboot),
    ('a guest panic ends with -no-reboot', guest_panic),
    ('quit ends a running guest', quit_while_running),
]

if __name__ == '__main__':
    wanted = sys.argv[1:]
    sys.exit(run_cases([case for case in CASES if not wanted or case[0] in wanted]))
