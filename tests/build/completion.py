#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/completion/vmm.bash, with a stand-in for vmm that prints help. Prints TAP."""
import os
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, 'tests', 'functional'))
from harness import Skip, expect_equal, run_cases  # noqa: E402  (found through sys.path)

STAND_IN = '''#!/bin/sh
case "$*" in
-help) echo 'vmm 1.0, a machine emulator'; echo '  -machine TYPE   the board'
       echo '-m SIZE   memory'; echo '  -device NAME[,PROP=VALUE]'; echo '--version' ;;
'-machine help') echo 'Supported machines are:'; echo 'pc      a PC (default)'; echo 'none    empty'
                 echo 'FILE.dtb, FILE.dts   a board of your own' ;;
'-d help') echo 'Log items (comma separated):'; echo 'int   interrupts'; echo 'in_asm   code' ;;
'-device help') echo 'Misc devices:'; echo 'name "edu", bus PCI'; echo 'name "edo", bus ISA' ;;
'-device edu,help') echo 'edu options:'; echo '  addr=<str>  - slot'; echo '  dma_mask=<uint64>' ;;
esac
'''

ASK = '''
source "$1"
COMP_LINE=$2
COMP_POINT=${#COMP_LINE}
COMP_WORDS=("$3")
_vmm 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
'''


def complete(typed):
    """What bash offers for `vmm-system-x86_64 <typed>`, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, 'vmm-system-x86_64')
        with open(program, 'w', encoding='utf-8') as file:
            file.write(STAND_IN)
        os.chmod(program, 0o755)
        with open(os.path.join(folder, 'kernel.img'), 'wb'):
            pass
        done = subprocess.run(
            ['bash', '--norc', '-c', ASK, 'bash',
             os.path.join(SOURCE, 'scripts', 'completion', 'vmm.bash'), f'vmm {typed}', program],
            cwd=folder, capture_output=True, text=True, timeout=30)
    return sorted(done.stdout.split())


def case(typed, *offered):
    def check():
        if not os.access('/bin/bash', os.X_OK):
            raise Skip('no bash')
        expect_equal(complete(typed), sorted(offered), f'completions of {typed!r}')
    return check


CASES = [
    ('options', case('-', '-machine', '-m', '-device', '--version')),
    ('the beginning of an option', case('-ma', '-machine')),
    ('machines', case('-machine ', 'pc', 'none', 'help')),
    ('machines after another option', case('-m 512 -machine p', 'pc')),
    ('a board file', case('-machine ker', 'kernel.img')),
    ('the second item of several', case('-d int,in', 'int,in_asm', 'int,int')),
    ('devices', case('-device ed', 'edu', 'edo')),
    ("a device's properties", case('-device edu,', 'edu,addr=', 'edu,dma_mask=')),
    ('the beginning of a property', case('-device edu,d', 'edu,dma_mask=')),
    ('nothing for a value', case('-device edu,addr=')),
    ('files', case('-kernel ker', 'kernel.img')),
]

if __name__ == '__main__':
    sys.exit(run_cases(CASES))
