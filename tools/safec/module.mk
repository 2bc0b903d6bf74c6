# SPDX-License-Identifier: MPL-2.0
# Builds the Safe C checker. Included by the top Makefile; `make safec`.
SAFEC_LLVM  ?= /usr/lib/llvm-22
SAFEC_CC    ?= $(SAFEC_LLVM)/bin/clang
SAFEC_SRC   := $(sort $(wildcard tools/safec/*.c))
SAFEC_HDR   := $(wildcard tools/safec/*.h)
SAFEC_FLAGS := -std=gnu23 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -I$(SAFEC_LLVM)/include \
	-DSAFEC_LLVM='"$(SAFEC_LLVM)"' -DSAFEC_FRAMEWORK='"$(CURDIR)/framework/include"' \
	-DSAFEC_BUFFER='"$(CURDIR)/build/tools/safec-buffer.so"'

.PHONY: safec safec-test
safec: build/tools/safec

build/tools/safec-buffer.so: tools/safec/preload/buffer.c
	@mkdir -p $(@D)
	$(SAFEC_CC) -std=gnu23 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -shared -fPIC -o $@ $<

build/tools/safec: $(SAFEC_SRC) $(SAFEC_HDR) tools/safec/module.mk build/tools/safec-buffer.so
	@mkdir -p $(@D)
	$(SAFEC_CC) $(SAFEC_FLAGS) $(SAFEC_SRC) -o $@.new -L$(SAFEC_LLVM)/lib -Wl,-rpath,$(SAFEC_LLVM)/lib -lclang-22
	@mv $@.new $@

safec-test: build/tools/safec
	tests/safec/run.py
