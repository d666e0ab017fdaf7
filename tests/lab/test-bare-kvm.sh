#!/bin/sh
# SPDX-License-Identifier: MIT
# The lab itself: its KVM does what the other tests take for granted.
exec "${VMM_BUILD:-build}/tests/lab/bare-kvm"
