# SPDX-License-Identifier: MIT
"""Counting tests in TAP output, and the one line that every test command ends with."""
import re

RESULT = re.compile(r'^(not )?ok\b\s*(\d+)?\s*(?:-\s*)?(.*)$')
PLAN = re.compile(r'^1\.\.(\d+)\s*(?:#\s*(skip\S*)\s*(.*))?$', re.I)
DIRECTIVE = re.compile(r'^(.*?)\s*#\s*(skip|todo)\S*\s*(.*)$', re.I)


class Tally:
    """Passed and failed counts, and what failed or was skipped, by name."""

    def __init__(self):
        self.passed = 0
        self.failed = []    # (test, what)
        self.skipped = []   # (test, reason)

    def add_tap(self, program, output):
        """Count a program's TAP; returns how many results it held. Only the top level
        counts: indented subtests have their own line there. A result that the plan
        promises and that never came has failed, and so has a `todo`."""
        seen, planned, failures = 0, None, 0
        for line in output.splitlines():
            plan = PLAN.match(line)
            if plan:
                planned = int(plan.group(1))
                if planned == 0:
                    self.skipped.append((program, plan.group(3) or 'nothing to do'))
                    seen += 1
                continue
            if line.startswith('Bail out!'):
                self.failed.append((program, line))
                failures += 1
                continue
            result = RESULT.match(line)
            if not result:
                continue
            seen += 1
            name, directive, reason = result.group(3), None, ''
            found = DIRECTIVE.match(name)
            if found:
                name, directive, reason = found.group(1), found.group(2).lower(), found.group(3)
            test = f'{program}: {name}' if name else f'{program}: {result.group(2)}'
            if result.group(1):
                self.failed.append((test, reason))
                failures += 1
            elif directive == 'skip':
                self.skipped.append((test, reason or 'no reason given'))
            else:
                self.passed += 1
        if planned and seen < planned and not failures:
            self.failed.append((program, f'{planned} tests planned, {seen} ran'))
            failures += 1
        return seen + failures

    def add_program(self, program, output, status):
        """Count a whole program by its TAP and how it ended: status is None when it ended
        well, else words for how not."""
        failed_before = len(self.failed)
        results = self.add_tap(program, output)
        if status and len(self.failed) == failed_before:
            self.failed.append((program, status))
        elif not status and not results:
            self.failed.append((program, 'printed no test result'))

    def report(self):
        """Print what was skipped and failed, then the last line; True when none failed."""
        for test, reason in self.skipped:
            print(f'skipped: {test}: {reason}')
        for test, what in self.failed:
            print(f'FAILED: {test}' + (f': {what}' if what else ''))
        print(f'{self.passed} passed, {len(self.failed)} failed, {len(self.skipped)} skipped',
              flush=True)
        return not self.failed
