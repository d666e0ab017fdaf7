#!/bin/sh
# SPDX-License-Identifier: MIT
# The dirty log, as bitmaps and as a ring, against a guest that writes a pattern while the
# memory map changes: for longer than the unit test does.
ROUNDS=150 exec "${VMM_BUILD:-build}/tests/unit/kvm/test-kvm-dirty"
