#!/bin/sh
# SPDX-License-Identifier: MIT
# The KVM accelerator's own tests, on a whole KVM.
exec "${VMM_BUILD:-build}/tests/unit/kvm/test-kvm-real"
