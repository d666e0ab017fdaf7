#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two builds of the same source in different directories, one of them out of the tree, are
the same, bit for bit; and an installation below DESTDIR is whole. `make check-build`.

Prints TAP and the last line "N passed, N failed, N skipped"."""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path[:0] = [os.path.join(SOURCE, 'tests', 'functional'), os.path.join(SOURCE, 'scripts')]
from harness import TestFailure, expect_equal, run_cases  # noqa: E402

# Below the prefix: what an installation has at least.
INSTALLED = ['bin/vmm-system-x86_64', 'share/man/man1/vmm.1',
             'share/bash-completion/completions/vmm-system-x86_64']


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise TestFailure(f'{" ".join(command)} failed:\n{done.stdout[-3000:]}')


def copy_source(target):
    """The files that git has, or would have: what a packager starts from."""
    files = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard'], cwd=SOURCE,
                           check=True, capture_output=True, text=True).stdout.splitlines()
    for name in files:
        path = os.path.join(target, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.lexists(os.path.join(SOURCE, name)):
            shutil.copy2(os.path.join(SOURCE, name), path, follow_symlinks=False)


def build(source, build_dir):
    os.makedirs(build_dir, exist_ok=True)
    run(os.path.join(source, 'configure'), '--prefix=/usr', '--build-dir=' + build_dir,
        cwd=build_dir)
    run(shutil.which('ninja', path='/usr/bin') or 'ninja', '-C', build_dir, cwd=build_dir)


def results(build_dir):
    """{path in the build directory: hash} of every object file and program."""
    found = {}
    for folder, dirs, files in os.walk(build_dir):
        dirs[:] = [name for name in dirs if name not in ('meson-private', 'meson-info')]
        for name in files:
            path = os.path.join(folder, name)
            if os.path.islink(path) or not (name.endswith('.o') or os.access(path, os.X_OK)):
                continue
            with open(path, 'rb') as file:
                found[os.path.relpath(path, build_dir)] = hashlib.sha256(file.read()).hexdigest()
    return found


class Builds:
    """Both builds, made once for all cases."""

    def __init__(self, folder):
        self.folder = folder
        self.sources = [os.path.join(folder, 'one'), os.path.join(folder, 'else', 'where', 'two')]
        self.dirs = [os.path.join(self.sources[0], 'build'), os.path.join(folder, 'out-of-tree')]

    def make(self):
        for source, build_dir in zip(self.sources, self.dirs):
            copy_source(source)
            build(source, build_dir)

    def check_same(self):
        one, two = (results(build_dir) for build_dir in self.dirs)
        if not one:
            raise TestFailure('the build made nothing')
        expect_equal(sorted(two), sorted(one), 'files')
        differ = [path for path in one if one[path] != two[path]]
        if differ:
            raise TestFailure(f'{len(differ)} of {len(one)} files differ: {differ[:10]}')

    def check_no_paths(self):
        for path in results(self.dirs[0]):
            with open(os.path.join(self.dirs[0], path), 'rb') as file:
                if self.folder.encode() in file.read():
                    raise TestFailure(f'{path} holds the path of its build')

    def check_install(self):
        target = os.path.join(self.folder, 'destdir')
        run(shutil.which('meson', path='/usr/bin') or 'meson', 'install', '--no-rebuild',
            '--destdir', target, cwd=self.dirs[1])
        for name in INSTALLED:
            if not os.path.exists(os.path.join(target, 'usr', name)):
                raise TestFailure(f'/usr/{name} is not installed')
        expect_equal(sorted(os.listdir(target)), ['usr'], 'top of the installation')
        version = subprocess.run([os.path.join(target, 'usr', INSTALLED[0]), '--version'],
                                 capture_output=True, text=True)
        expect_equal(version.returncode, 0, '--version of what is installed')


def main():
    with tempfile.TemporaryDirectory(prefix='vmm-build-') as folder:
        builds = Builds(os.path.realpath(folder))
        return run_cases([
            ('two builds, in the tree and out of it', builds.make),
            ('they are the same, bit for bit', builds.check_same),
            ('they do not hold the path of their directory', builds.check_no_paths),
            ('DESTDIR has a whole installation', builds.check_install),
        ])


if __name__ == '__main__':
    sys.exit(main())
