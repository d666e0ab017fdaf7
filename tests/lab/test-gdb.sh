#!/bin/sh
# SPDX-License-Identifier: MIT
# The GDB server with KVM.
VMM="${VMM_BUILD:-build}/vmm-system-x86_64" exec python3 tests/functional/gdb.py --kvm
