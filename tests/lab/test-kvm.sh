#!/bin/sh
# SPDX-License-Identifier: MIT
# The accelerator's own tests on a whole KVM, and the dirty log against a guest that writes
# a pattern while the memory map changes, for longer than the unit tests do.
tests=${VMM_BUILD:-build}/tests/unit/kvm
"$tests/test-kvm-real" && ROUNDS=150 exec "$tests/test-kvm-dirty"
