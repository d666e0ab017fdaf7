#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/tap.py: the counting that every test command relies on. Prints TAP."""
import contextlib
import io
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '../../scripts'))
import tap  # noqa: E402  (found through the line above)

# What a program printed, how it ended, and the last line it must come to.
CASES = [
    ('passes are counted', '1..2\nok 1 - a\nok 2 - b\n', None, '2 passed, 0 failed, 0 skipped'),
    ('a failure is counted', '1..2\nok 1 - a\nnot ok 2 - b\n', 'failed',
     '1 passed, 1 failed, 0 skipped'),
    ('a failure counts though the exit status is 0', '1..1\nnot ok 1 - a\n', None,
     '0 passed, 1 failed, 0 skipped'),
    ('a skip is counted apart', '1..2\nok 1 /a # SKIP no kvm\nok 2 /b\n', None,
     '1 passed, 0 failed, 1 skipped'),
    ('a whole program may skip', '1..0 # SKIP no kvm\n', None, '0 passed, 0 failed, 1 skipped'),
    ('a todo that fails has failed', '1..1\nnot ok 1 - a # TODO later\n', None,
     '0 passed, 1 failed, 0 skipped'),
    ('results that never came have failed', '1..3\nok 1 - a\n', None,
     '1 passed, 1 failed, 0 skipped'),
    ('a crash after the last result counts', '1..1\nok 1 - a\n', 'killed by SIGSEGV',
     '1 passed, 1 failed, 0 skipped'),
    ('a crash after a failure is not counted twice', '1..2\nnot ok 1 - a\n', 'killed',
     '0 passed, 1 failed, 0 skipped'),
    ('a plan at the end is a plan', 'ok 1\nok 2\n1..2\n', None, '2 passed, 0 failed, 0 skipped'),
    ('silence has failed', '', None, '0 passed, 1 failed, 0 skipped'),
    ('a bail-out has failed', '1..2\nok 1\nBail out! no disk\n', None,
     '1 passed, 1 failed, 0 skipped'),
    ('comments and subtests do not count', '# Subtest: x\n    ok 1 - in\n1..1\nok 1 - x\n', None,
     '1 passed, 0 failed, 0 skipped'),
    ('words that begin with ok are no results', 'okay then\n1..1\nok 1\n', None,
     '1 passed, 0 failed, 0 skipped'),
]


def count(output, status):
    """What the report of one program prints, and whether all passed."""
    tally = tap.Tally()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        tally.add_program('program', output, status)
        good = tally.report()
    return printed.getvalue().splitlines(), good


def main():
    print(f'1..{len(CASES)}')
    failed = 0
    for number, (name, output, status, expected) in enumerate(CASES, 1):
        lines, good = count(output, status)
        right = lines[-1] == expected and good == (' 0 failed' in expected)
        print(f"{'ok' if right else 'not ok'} {number} - {name}")
        if not right:
            failed += 1
            print(f'# expected {expected}, found {lines}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
