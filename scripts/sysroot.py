#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a cross compiler needs of another architecture: the libraries that vmm is built with.

usage: sysroot.py ARCHITECTURE    print the path of a sysroot, made when needed; ARCHITECTURE is
                                  Debian's name: arm64, s390x …

The -dev packages of scripts/packages.txt and the libraries that they depend on are downloaded by
apt and unpacked, never installed, into $XDG_CACHE_HOME/vmm; that needs no root. What is there
already is used again, without the network; remove the folder to fetch anew.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, HERE)
import guest  # noqa: E402  (the module lies beside this script)

# What a library's package may depend on that holds no library and no header.
NO_LIBRARY = re.compile(r'.*-bin$|libpython|libpkgconf|libnsl|(?!lib|zlib1g|linux-libc-dev)')


def wanted_packages():
    """The -dev packages that building vmm needs."""
    listed = subprocess.run([os.path.join(HERE, 'install-deps'), '--list'], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    return sorted(name for name in listed.split() if name.endswith('-dev'))


def with_libraries(apt, packages):
    """Those packages, and what they need of libraries and headers."""
    of = ':' + apt.architecture
    shown = apt.run('apt-cache', 'depends', '--recurse', '--important', '--no-suggests',
                    '--no-conflicts', '--no-breaks', '--no-replaces', '--no-enhances',
                    *(name + of for name in packages)).stdout
    needs, current = {}, None
    for line in shown.splitlines():
        if not line.startswith(' '):
            current = needs.setdefault(line.strip(), [])
        elif 'Depends: ' in line:
            current.append(line.split('Depends: ')[1].strip())
    unknown = [name for name in packages if name + of not in needs]
    if unknown:
        raise guest.GuestError(f'the package lists do not know {", ".join(unknown)} of '
                               f'{apt.architecture}')
    found, left = set(), [name + of for name in packages]
    while left:
        name = left.pop()
        if name not in found and not name.startswith('<') and not NO_LIBRARY.match(name.split(':')[0]) \
                and name.endswith(of):
            found.add(name)
            left += needs.get(name, [])
    return sorted(found)


def make_links_relative(root):
    """Absolute symbolic links lead into the sysroot, not into this machine's own files."""
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(folder, name)
            if os.path.islink(path) and os.readlink(path).startswith('/'):
                to = os.path.relpath(root + os.readlink(path), folder)
                os.unlink(path)
                os.symlink(to, path)


def fetch_sysroot(architecture):
    """The path of an architecture's sysroot, made when the cache has none that fits."""
    target = os.path.join(guest.cache_dir(), 'sysroot-' + architecture)
    packages = wanted_packages()
    record = os.path.join(target, 'packages')
    if os.path.exists(record):
        with open(record, encoding='utf-8') as file:
            if file.read().split() == packages:
                return target
    with tempfile.TemporaryDirectory(dir=guest.cache_dir(), prefix='fetch-') as folder:
        apt = guest.Apt(architecture)
        needed = with_libraries(apt, packages)
        guest.say(f'downloading {len(needed)} packages of {architecture}')
        got = apt.run('apt-get', 'download', *needed, cwd=folder)
        if got.returncode:
            raise guest.GuestError(f'cannot fetch libraries of {architecture}: '
                                   f'{got.stderr.strip()}')
        root = os.path.join(folder, 'root')
        os.mkdir(root)
        for name in sorted(os.listdir(folder)):
            if name.endswith('.deb'):
                guest.unpack(os.path.join(folder, name), root,
                             ['--exclude=./usr/share/doc', '--exclude=./usr/share/man', '.'])
        make_links_relative(root)
        with open(os.path.join(root, 'packages'), 'w', encoding='utf-8') as file:
            file.write('\n'.join(packages) + '\n')
        shutil.rmtree(target, ignore_errors=True)
        os.rename(root, target)
    return target


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith('-'):
        sys.exit(__doc__)
    try:
        print(fetch_sysroot(sys.argv[1]))
    except guest.GuestError as error:
        sys.exit(f'sysroot: {error}')


if __name__ == '__main__':
    main()
