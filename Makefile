# SPDX-License-Identifier: MIT
# A thin front: the build is meson's, the work is in scripts/.

BUILD ?= build
MESON ?= $(firstword $(wildcard /usr/bin/meson) meson)
NINJA ?= $(firstword $(wildcard /usr/bin/ninja) ninja)

help:
	@echo "make run        boot a stock Linux kernel to a shell on this terminal"
	@echo "make check      build with sanitizers and run every test"
	@echo ""
	@echo "make all        build into $(BUILD)/ (./configure first, to choose options)"
	@echo "make install    install what is built; respects DESTDIR"
	@echo "make check-lab  tests against a whole KVM, inside an emulated host"
	@echo "make check-guests  firmware, boot loaders and systems on the software CPU"
	@echo "make check-cross    builds for a host that is no x86, and tests there, emulated"
	@echo "make check-fuzz fuzz devices, monitor and board files for a short time"
	@echo "make check-build  slower tests of the build itself"
	@echo "make bench      measure, and compare with qemu-system-x86_64"
	@echo "make clean      remove the build directories"

all: $(BUILD)/build.ninja
	$(NINJA) -C $(BUILD)

$(BUILD)/build.ninja:
	@scripts/install-deps
	./configure --build-dir=$(BUILD)

install: all
	$(MESON) install -C $(BUILD) --no-rebuild

run:
	@scripts/install-deps run
	@$(MAKE) --no-print-directory all
	@scripts/run

check:
	@scripts/install-deps run
	@scripts/check

check-lab:
	@scripts/install-deps run lab
	@$(MAKE) --no-print-directory all
	@tests/lab/run-tests

check-guests:
	@scripts/install-deps run guests
	@$(MAKE) --no-print-directory all
	@tests/guests/run-tests

check-cross:
	@scripts/install-deps run cross
	@tests/cross/run-tests

check-fuzz:
	@scripts/install-deps fuzz
	@tests/fuzz/run

check-build:
	@scripts/install-deps
	@tests/build/reproducible.py

bench:
	@scripts/install-deps run lab
	@$(MAKE) --no-print-directory all
	@tests/bench/bench

clean:
	rm -rf build build-check build-fuzz build-cross-*

.PHONY: help all install run check check-lab check-guests check-cross check-fuzz check-build bench clean
