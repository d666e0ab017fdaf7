# SPDX-License-Identifier: MIT
"""Run the tests of a build directory by meson, and count what came of them."""
import json
import os
import re
import subprocess
import sys

# How meson calls the ends of a test that are no success.
BAD_ENDS = {'FAIL': 'failed', 'ERROR': 'ended badly', 'TIMEOUT': 'ran into its time limit',
            'INTERRUPT': 'was interrupted', 'UNEXPECTEDPASS': 'passed against expectation'}


def first_that_runs(variable, *programs):
    """The system's tool before one that a PATH with shims names."""
    for program in (os.environ.get(variable), *programs):
        try:
            if program and subprocess.run([program, '--version'],
                                          capture_output=True).returncode == 0:
                return program
        except OSError:
            continue
    sys.exit(f'{os.path.basename(sys.argv[0])}: {programs[-1]} does not run; as root, '
             'scripts/install-deps installs it')


def build(build_dir, *targets):
    ninja = first_that_runs('NINJA', '/usr/bin/ninja', 'ninja')
    subprocess.run([ninja, '-C', build_dir, *targets], check=True, stdin=subprocess.DEVNULL)


def run_tests(build_dir, arguments, environment):
    """Run meson's tests; returns its log, one dictionary a test."""
    meson = first_that_runs('MESON', '/usr/bin/meson', 'meson')
    log = os.path.join(build_dir, 'meson-logs', 'testlog.json')
    if os.path.exists(log):
        os.unlink(log)
    command = [meson, 'test', '-C', build_dir, '--no-rebuild', '--print-errorlogs', *arguments]
    status = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL).returncode
    if not os.path.exists(log):
        print(f'meson test left no results (exit status {status})', flush=True)
        return []
    with open(log, encoding='utf-8') as file:
        return [json.loads(line) for line in file if line.strip()]


def has_tap(output):
    return any(re.match(r'(not )?ok\b|1\.\.\d', line) for line in output.splitlines())


def count(tally, tests):
    for test in tests:
        name = test['name'].replace('vmm:', '', 1)
        output = test.get('stdout', '')
        bad = BAD_ENDS.get(test['result'])
        if has_tap(output) or bad:
            tally.add_program(name, output, bad)
        elif test['result'] == 'SKIP':
            tally.skipped.append((name, output.strip() or 'no reason given'))
        else:
            tally.passed += 1   # tells by its exit status alone
    if not tests:
        tally.failed.append(('meson test', 'no test ran'))
