#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stock guest software: kernels of the Debian archive, and small initrds.

usage: guest.py kernel FLAVOUR   print the path of a kernel, fetched when needed; FLAVOUR is
                                 cloud, generic, rt, i686 or i686-pae
       guest.py initrd FILE      write the initrd that `make run` boots

A kernel is the package that linux-image-cloud-amd64 (or linux-image-amd64, -rt-amd64, -686, -686-pae)
depends on, downloaded by apt and unpacked, never installed, into $XDG_CACHE_HOME/vmm; other
packages with guest software likewise. What is there already is used again, without the
network; remove the folder to fetch anew.
"""
import gzip
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

META_PACKAGES = {'cloud': 'linux-image-cloud-amd64', 'generic': 'linux-image-amd64',
                 'rt': 'linux-image-rt-amd64'}
META_PACKAGES_I386 = {'i686': 'linux-image-686', 'i686-pae': 'linux-image-686-pae'}

# Modules of the generic kernel that the lab's host needs, each after those it needs itself.
LAB_MODULES = ['virtio_ring', 'virtio', 'virtio_pci_modern_dev', 'virtio_pci_legacy_dev',
               'virtio_pci', 'netfs', 'fscache', '9pnet', '9p', '9pnet_virtio',
               'irqbypass', 'ccp', 'kvm', 'kvm-amd']

BUSYBOX = '/bin/busybox'


class GuestError(Exception):
    """Something of the guest could not be had; the text says what to do."""


def say(text):
    print(f'guest: {text}', file=sys.stderr, flush=True)


def cache_dir():
    base = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    path = os.path.join(base, 'vmm')
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise GuestError(f'cannot make {path}: {error.strerror}; set XDG_CACHE_HOME to a '
                         'folder that can be written') from None
    return path


class Apt:
    """apt, first with the system's package lists and then with private ones: those need
    no root, and are there where the system's are missing or too old to download from, or
    lack another architecture than the system's own."""

    def __init__(self, architecture=None):
        self.options = ['-o', 'APT::Sandbox::User=root'] if os.geteuid() == 0 else []
        self.is_private = False
        self.architecture = architecture
        if architecture:
            self.options += ['-o', 'APT::Architectures::=amd64',
                             '-o', f'APT::Architectures::={architecture}']
            self.make_private()

    def run(self, tool, *arguments, cwd=None):
        try:
            return subprocess.run([tool, *self.options, *arguments], cwd=cwd, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE,
                                  env=dict(os.environ, LC_ALL='C'))
        except FileNotFoundError:
            raise GuestError(f'there is no {tool}; fetching a guest kernel needs Debian\'s apt. '
                             'Boot a kernel of your own with build/vmm-system-x86_64 -kernel '
                             'FILE') from None

    def make_private(self):
        state = os.path.join(cache_dir(), '-'.join(filter(None, ('apt', self.architecture))))
        for folder in ('lists/partial', 'cache/archives/partial'):
            os.makedirs(os.path.join(state, folder), exist_ok=True)
        self.options += ['-o', f'Dir::State::Lists={state}/lists',
                         '-o', f'Dir::Cache={state}/cache']
        self.is_private = True
        say('reading the package lists of the Debian archive')
        update = self.run('apt-get', 'update')
        if update.returncode:
            say('apt-get update: ' + (update.stderr.strip().split('\n') or [''])[-1])

    def dependency(self, package):
        """The real package (with version) that a meta package stands for, or None."""
        of = f':{self.architecture}' if self.architecture else ''
        show = self.run('apt-cache', 'show', '--no-all-versions', package + of)
        found = re.search(r'^Depends:.*?\b(linux-image-\d\S*) \(= (\S+)\)', show.stdout, re.M)
        return f'{found.group(1)}{of}={found.group(2)}' if found else None

    def download(self, meta, folder, is_meta=True):
        """Download a package, or what a meta package stands for, into `folder`; the .deb's
        path or an exception."""
        while True:
            package = self.dependency(meta) if is_meta else meta
            if package:
                say(f'downloading {package}')
                got = self.run('apt-get', 'download', package, cwd=folder)
                debs = [name for name in os.listdir(folder) if name.endswith('.deb')]
                if got.returncode == 0 and debs:
                    return os.path.join(folder, debs[0])
                problem = got.stderr.strip() or 'apt-get download left no file'
            else:
                problem = f'the package lists do not know {meta} (is this Debian, on amd64?)'
            if self.is_private:
                raise GuestError(f'cannot fetch {meta}: {problem}\n'
                                 'guest: is there a network, and is the Debian archive in '
                                 '/etc/apt/sources.list?')
            self.make_private()


def unpack(deb, folder, patterns):
    """Take what matches out of a package."""
    packed = subprocess.Popen(['dpkg-deb', '--fsys-tarfile', deb], stdout=subprocess.PIPE)
    tar = subprocess.run(['tar', '-x', '-C', folder, '--no-same-owner', '--wildcards',
                          *patterns], stdin=packed.stdout, stderr=subprocess.PIPE, text=True)
    packed.stdout.close()
    if packed.wait() or tar.returncode:
        raise GuestError(f'cannot unpack {deb}: {tar.stderr.strip()}')


def find_kernel(folder):
    boot = os.path.join(folder, 'boot')
    images = sorted(os.listdir(boot)) if os.path.isdir(boot) else []
    return os.path.join(boot, images[-1]) if images else None


def fetch(target, package, patterns, architecture=None, is_meta=False):
    """Download and unpack what matches of a package into a new folder `target`."""
    with tempfile.TemporaryDirectory(dir=cache_dir(), prefix='fetch-') as folder:
        deb = Apt(architecture).download(package, folder, is_meta)
        say(f'unpacking {os.path.basename(deb)}')
        unpacked = os.path.join(folder, 'unpacked')
        os.mkdir(unpacked)
        unpack(deb, unpacked, patterns)
        try:
            os.rename(unpacked, target)
        except OSError:
            if not os.path.isdir(target):   # not just another fetch that was faster
                raise


def fetch_kernel(flavour):
    """The path of a flavour's kernel, fetched when the cache has none. Its modules, of the
    generic flavour, are found by find_module()."""
    target = os.path.join(cache_dir(), 'kernel-' + flavour)
    image = find_kernel(target)
    if image:
        return image
    shutil.rmtree(target, ignore_errors=True)
    modules = LAB_MODULES if flavour == 'generic' else []
    foreign = flavour in META_PACKAGES_I386
    # The rest of the package is large and not needed.
    fetch(target, (META_PACKAGES_I386 if foreign else META_PACKAGES)[flavour],
          ['./boot/vmlinuz-*'] + [f'*/{name}.ko' for name in modules],
          'i386' if foreign else None, True)
    image = find_kernel(target)
    if not image:
        raise GuestError(f'the package of the {flavour} kernel holds no kernel')
    return image


def fetch_file(package, path, architecture=None):
    """The path of a file of a Debian package, fetched when the cache has none."""
    name = '-'.join(filter(None, ('package', package, architecture, path.replace('/', '-'))))
    target = os.path.join(cache_dir(), name)
    if not os.path.isfile(os.path.join(target, path)):
        shutil.rmtree(target, ignore_errors=True)
        foreign = f':{architecture}' if architecture else ''
        fetch(target, package + foreign, ['./' + path], architecture)
    return os.path.join(target, path)


def find_module(name):
    """The path of a module of the cached generic kernel."""
    for folder, _, files in os.walk(os.path.join(cache_dir(), 'kernel-generic', 'lib')):
        if name + '.ko' in files:
            return os.path.join(folder, name + '.ko')
    raise GuestError(f'the generic kernel in {cache_dir()} has no module {name}; '
                     'remove the folder to fetch it anew')


class Initrd:
    """An initrd in the making: a cpio archive in the "newc" format, which the kernel's
    Documentation/driver-api/early-userspace/buffer-format.rst describes."""

    def __init__(self):
        self.blob = bytearray()
        self.count = 0
        self.folders = set()

    def _entry(self, name, mode, data=b'', owner=(0, 0)):
        self.count += 1
        encoded = name.encode() + b'\0'
        # Inode, mode, uid, gid, links, mtime, size, device and rdev major and minor,
        # length of the name, checksum.
        fields = [self.count, mode, *owner, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0]
        self.blob += b'070701' + b''.join(b'%08x' % field for field in fields) + encoded
        self.blob += bytes(-len(self.blob) % 4) + data
        self.blob += bytes(-len(self.blob) % 4)

    def add_folder(self, path):
        parts = path.strip('/').split('/')
        for depth in range(1, len(parts) + 1):
            folder = '/'.join(parts[:depth])
            if folder and folder not in self.folders:
                self.folders.add(folder)
                self._entry(folder, stat.S_IFDIR | 0o755)

    def add(self, path, data, mode=0o644):
        self.add_folder(os.path.dirname(path))
        self._entry(path.strip('/'), stat.S_IFREG | mode, data)

    def add_file(self, path, source, mode=0o644):
        with open(source, 'rb') as file:
            self.add(path, file.read(), mode)

    def add_tree(self, source, leave_out=()):
        """All folders, files and symbolic links under `source` but the paths left out."""
        for folder, folders, files in os.walk(source):
            inside = os.path.relpath(folder, source)
            folders[:] = sorted(name for name in folders
                                if os.path.normpath(f'{inside}/{name}') not in leave_out)
            for name in sorted([*folders, *files]):
                path, real = os.path.normpath(f'{inside}/{name}'), os.path.join(folder, name)
                status = os.lstat(real)
                owner = (status.st_uid, status.st_gid)
                if stat.S_ISLNK(status.st_mode):
                    self._entry(path, status.st_mode, os.readlink(real).encode(), owner)
                elif stat.S_ISDIR(status.st_mode):
                    self.folders.add(path)
                    self._entry(path, status.st_mode, b'', owner)
                elif stat.S_ISREG(status.st_mode):
                    with open(real, 'rb') as file:
                        self._entry(path, status.st_mode, file.read(), owner)

    def add_busybox(self, program=None):
        program = program or BUSYBOX
        try:
            with open(program, 'rb') as file:
                data = file.read()
        except OSError:
            data = b''
        # A dynamic program names its loader; in the initrd there would be none.
        if not data or b'/ld-linux' in data[:4096]:
            raise GuestError(f'{program} is missing or not static; install busybox-static: '
                             'scripts/install-deps run')
        self.add('bin/busybox', data, 0o755)

    def write(self, path, compress=True):
        self._entry('TRAILER!!!', 0)
        temporary = f'{path}.{os.getpid()}'
        with open(temporary, 'wb') as file:
            file.write(gzip.compress(bytes(self.blob), 6, mtime=0) if compress else self.blob)
        os.replace(temporary, path)
        return path


def kvm_problem():
    """Why this machine's /dev/kvm cannot run a stock kernel, in words; None when it can."""
    if not os.path.exists('/dev/kvm'):
        return 'this machine has no /dev/kvm'
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return 'you may not open /dev/kvm (members of the group kvm may: sudo adduser $USER kvm)'
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        flags = re.search(r'^flags\s*:(.*)$', file.read(), re.M)
    if not flags or not {'vmx', 'svm'} & set(flags.group(1).split()):
        return ('the /dev/kvm of this machine is partial (its CPU offers neither VMX nor SVM): '
                'firmware runs on it, a stock Linux kernel does not')
    return None


RUN_INIT = '''#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
echo INIT-REACHED
uname -a
if [ "$vmm_shell" ]; then
    echo "This is a shell in the guest; exit powers it off."
    # A session of its own on the serial line, so that job control works.
    [ "$vmm_size" ] && stty -F /dev/ttyS0 rows "${vmm_size%x*}" cols "${vmm_size#*x}"
    setsid sh -c 'exec sh </dev/ttyS0 >/dev/ttyS0 2>&1'
fi
poweroff -f
'''


def write_run_initrd(path):
    """The initrd of `make run`: prints INIT-REACHED, gives a shell when the kernel command
    line has vmm_shell=1 (vmm_size=ROWSxCOLUMNS sizes it), and powers off."""
    initrd = Initrd()
    for folder in ('proc', 'sys', 'dev', 'tmp', 'root'):
        initrd.add_folder(folder)
    initrd.add_busybox()
    initrd.add('init', RUN_INIT.encode(), 0o755)
    return initrd.write(path)


def main():
    try:
        if len(sys.argv) == 3 and sys.argv[1] == 'kernel' and sys.argv[2] in (
                *META_PACKAGES, *META_PACKAGES_I386):
            print(fetch_kernel(sys.argv[2]))
        elif len(sys.argv) == 3 and sys.argv[1] == 'initrd':
            write_run_initrd(sys.argv[2])
        else:
            sys.exit(__doc__)
    except GuestError as error:
        sys.exit(f'guest: {error}')


if __name__ == '__main__':
    main()
