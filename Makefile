# SPDX-License-Identifier: MPL-2.0
# Builds Cadre. `make` the kernel, `make help` the rest. Everything made lies under build/.

LLVM    ?= /usr/lib/llvm-22/bin
CC      := $(LLVM)/clang
LD      := $(LLVM)/ld.lld
ARCH    ?= x86_64
TARGET  ?= $(ARCH)          # x86_64, or hosted-plain, hosted-asan, hosted-tsan, hosted-fuzz
TARGET  := $(strip $(TARGET))
OUT     := build/$(TARGET)
Q       := $(if $(V),,@)           # make V=1 shows whole command lines
Q       := $(strip $(Q))
SAFEC   := build/tools/safec

# --- options -------------------------------------------------------------------------------------
WARN := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes -Wno-unused-function \
        -Wthread-safety -Wthread-safety-beta
# What C leaves undefined gets a meaning, or traps. The services' part of this list belongs to the language: `safec --check-flags` refuses
# a service's compile line that lacks one of them (docs/safe-c.md).
DEFINED := -fno-strict-aliasing -fno-delete-null-pointer-checks -fno-finite-loops -fstrict-flex-arrays=3 \
           -ftrivial-auto-var-init=zero -fwrapv
TRAPS   := array-bounds,shift,integer-divide-by-zero,bool,return,unreachable
COMMON  := -std=gnu23 -O2 -g -ffreestanding -nostdinc -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer \
           $(WARN) $(DEFINED) -fsanitize=$(TRAPS) -fsanitize-trap=all

ifeq ($(TARGET),x86_64)
MACHINE  := --target=x86_64-unknown-linux-gnu -mcmodel=kernel -fno-pic -fno-asynchronous-unwind-tables -mno-red-zone -mgeneral-regs-only \
            -fsanitize=kcfi -ffunction-sections
ARCHDIR  := framework/arch/x86_64
# Each service function checks the stack's limit first (stack_limit.S).
FENTRY   := -pg -mfentry
# The framework's units are optimised as one program, and the services': never one with the other. The call between them stays a call, so what
# containment must find in memory is there before a service's code goes on.
LTO      := -flto=thin
else
HOSTED   := hosted
MACHINE  := -fno-pic -fno-pie -fno-builtin -DCADRE_HOSTED
ARCHDIR  := framework/arch/hosted
SANITIZE_hosted-plain :=
SANITIZE_hosted-asan  := -fsanitize=address,undefined -fno-sanitize=function,alignment,pointer-overflow,null,object-size,nonnull-attribute
SANITIZE_hosted-tsan  := -fsanitize=thread
# Fuzzing: as under asan, and libFuzzer sees which code of the services ran and what they compared.
SANITIZE_hosted-fuzz  := $(SANITIZE_hosted-asan)
COVER_hosted-fuzz     := -fsanitize-coverage=inline-8bit-counters,pc-table,trace-cmp
SANITIZE_hosted-cov   := -fprofile-instr-generate -fcoverage-mapping
SANITIZE := $(SANITIZE_$(TARGET))
MACHINE  += $(SANITIZE)
# Each load and store is a place where a seeded run can be interrupted (framework/arch/hosted/seeded.c, which is not one).
POINTS_hosted-asan := -fsanitize-coverage=func,trace-loads,trace-stores
POINTS   := $(POINTS_$(TARGET))
endif

# Generated headers that services include: below services/, where safec wants a service's headers to lie. Not checked in.
GEN_INC    := services/syscall/gen
INCLUDE    := -I$(CURDIR)/framework/include
FRAMEWORK  := $(COMMON) $(MACHINE) $(INCLUDE) -Iframework -I$(ARCHDIR) -Itests/unit -Itests
# A service's stack frame is no larger (enum stack_reserve).
FRAME_MAX  := 2048
# A service: every option of the language, the stack frame bounded, signed overflow a trap.
SAFE       := $(COMMON) $(MACHINE) -fsanitize=signed-integer-overflow \
              $(FENTRY) $(COVER_$(TARGET)) -fstack-clash-protection -Wframe-larger-than=$(if $(SANITIZE),8192,$(FRAME_MAX)) \
              -Werror=frame-larger-than -Werror=return-type $(INCLUDE) -I$(GEN_INC)

# --- sources -------------------------------------------------------------------------------------
MODULES := boot cpu mm object task sync irq time user io dma debug
FW_SRC  := $(wildcard $(MODULES:%=framework/%/*.c) $(ARCHDIR)/*.c $(ARCHDIR)/*.S)
FW_TEST := $(wildcard $(MODULES:%=framework/%/test/*_test.c) $(ARCHDIR)/test/*_test.c $(ARCHDIR)/test/*.S) \
           $(wildcard services/*/test/*_test.c tests/unit/*.c)
POLICY  := $(wildcard services/policy/*.c)
GEN     := $(OUT)/gen
GEN_SRC := $(GEN)/syscall_dispatch.c $(GEN)/syscall_names.c
SERVICE := $(filter-out $(POLICY) $(wildcard services/*/test/*.c),$(wildcard services/*/*.c services/*/*/*.c)) $(GEN_SRC)
# Under test are all services but the one that starts the others: tests/unit/main.c takes its place.
TESTED  := $(filter-out services/init/%,$(SERVICE))
TRAPPER := $(wildcard tests/services/*.c)
HELLO   := $(wildcard examples/hello-kernel/*.c)

obj = $(patsubst %,$(OUT)/%.o,$(basename $(patsubst $(OUT)/%,%,$(1))))
FW_OBJ := $(call obj,$(FW_SRC))

ifeq ($(TARGET),hosted-fuzz)
IMAGES := $(OUT)/fuzz
else ifdef HOSTED
IMAGES := $(OUT)/cadre $(OUT)/unit-tests
else
IMAGES := $(OUT)/cadre.elf $(OUT)/test.elf $(OUT)/hello-kernel.elf $(OUT)/hello.bin
endif

.PHONY: all test run bench tcb flags clean help safec explore
.SECONDARY:
all: $(IMAGES)

help:
	@echo 'make          build the kernel, the test kernel and hello-kernel (build/x86_64/*.elf)'
	@echo 'make test     all tests, as ./cadre test'
	@echo 'make run      boot, as ./cadre run'
	@echo 'make tcb      size of the trusted half'
	@echo 'make flags    the options that services are compiled with'
	@echo 'make safec    the Safe C checker, build/tools/safec'
	@echo 'make coverage-page  docs/syscalls.md: which system calls there are'
	@echo 'make clean    remove build/'

include $(wildcard tools/*/module.mk)

test run bench:
	./cadre $@

# --- compiling -----------------------------------------------------------------------------------
$(OUT)/framework/%.o: framework/%.c Makefile
	@mkdir -p $(@D)
	@echo '  CC    $<'
	$(Q)$(CC) $(FRAMEWORK) $(if $(findstring $(ARCHDIR)/,$<),,$(POINTS)) $(if $(findstring /test/,$<),,$(LTO)) -MMD -MP -c -o $@ $<

$(OUT)/framework/%.o: framework/%.S Makefile
	@mkdir -p $(@D)
	@echo '  AS    $<'
	$(Q)$(CC) $(MACHINE) -g -Iframework -I$(ARCHDIR) -I$(OUT) -MMD -MP -c -o $@ $<

# Hosted: the program that user programs run in, embedded in the kernel by stub_image.S.
$(OUT)/stub.elf: framework/arch/hosted/stub/stub.c framework/arch/hosted/stub/stub.h Makefile
	@mkdir -p $(@D)
	@echo '  STUB  $@'
	$(Q)$(CC) --target=x86_64-unknown-linux-gnu -std=gnu23 -O2 -ffreestanding -fpie -fno-stack-protector -fno-asynchronous-unwind-tables \
	  -mgeneral-regs-only -mfsgsbase $(WARN) $(INCLUDE) -c -o $(@:.elf=.o) $<
	$(Q)$(LD) -static -T framework/arch/hosted/stub/stub.lds -o $@ $(@:.elf=.o)
$(OUT)/framework/arch/hosted/stub_image.o: $(OUT)/stub.elf

$(OUT)/tests/unit/%.o: tests/unit/%.c Makefile | $(GEN_HDR)
	@mkdir -p $(@D)
	@echo '  CC    $<'
	$(Q)$(CC) $(FRAMEWORK) $(POINTS) -I$(GEN_INC) $(call deps_of,services/init) -MMD -MP -c -o $@ $<

$(OUT)/tests/fuzz/kernel/%.o: tests/fuzz/kernel/%.c Makefile | $(GEN_HDR)
	@mkdir -p $(@D)
	@echo '  CC    $<'
	$(Q)$(CC) $(FRAMEWORK) -I$(GEN_INC) $(call deps_of,services/init) -MMD -MP -c -o $@ $<

# A service is checked, its options are checked, then it is compiled: one rule, so that none of the three can be left out.
# (A hosted build is for tests under sanitizers, which take the place of some of the options: there the options go unchecked.)
define SERVICE_RULE
$(patsubst $(OUT)/$(OUT)/%,$(OUT)/%,$(OUT)/$(1))/%.o: $(1)/%.c $(SAFEC) Makefile | $(GEN_HDR)
	@mkdir -p $$(@D)
	@echo '  SAFEC $$<'
	$(if $(HOSTED),,$(Q)$(SAFEC) --check-flags -- $(SAFE) $(LTO) $(2))
	$(Q)$(SAFEC) -o $$(@:.o=.safec) $$< -- $(SAFE) $(LTO) $(2)
	@echo '  CC    $$<'
	$(Q)$(CC) $(SAFE) $(POINTS) $(LTO) $(2) -MMD -MP -c -o $$@ $$<
endef
# Tests of services: framework code, as all tests, which sees what its module sees.
define SERVICE_TEST_RULE
$(OUT)/$(1)/%.o: $(1)/%.c Makefile | $(GEN_HDR)
	@mkdir -p $$(@D)
	@echo '  CC    $$<'
	$(Q)$(CC) $(FRAMEWORK) $(POINTS) -I$(GEN_INC) $(2) -MMD -MP -c -o $$@ $$<
endef
# Modules that a service may include headers of: services/<module>/deps, one name a line; itself always. A folder in a module is of it.
module_of = $(word 2,$(subst /, ,$(1)))
deps_of = $(addprefix -Iservices/,$(call module_of,$(1)) $(shell cat services/$(call module_of,$(1))/deps 2>/dev/null))
$(eval $(call SERVICE_RULE,$(GEN),-Iservices/syscall))
$(foreach dir,$(patsubst %/,%,$(sort $(dir $(POLICY) $(filter-out $(GEN_SRC),$(SERVICE))))),$(eval $(call SERVICE_RULE,$(dir),$(call deps_of,$(dir)))))
$(foreach dir,$(patsubst %/,%,$(sort $(dir $(wildcard services/*/test/*_test.c)))),$(eval $(call SERVICE_TEST_RULE,$(dir),$(call deps_of,$(dir)))))
$(eval $(call SERVICE_RULE,examples/hello-kernel,))
$(eval $(call SERVICE_RULE,tests/services,-Iservices/lib))

# --- linking -------------------------------------------------------------------------------------
# Optimised as a whole to one object. What has not changed comes from a cache.
WHOLE := $(LD) -r --lto-O3 -mllvm -import-instr-limit=300 -mllvm -inline-threshold=400 -mllvm -stack-size-section --fatal-warnings \
         --thinlto-cache-dir=$(OUT)/thinlto --thinlto-cache-policy=prune_after=24h -o
# A service's frame that inlining has made too large is an error, too: seen in what comes out, since the linker warns but once of what it then
# takes from its cache.
frames_check = $(Q)$(LLVM)/llvm-readelf --stack-sizes $(1) | awk '$$1 + 0 > $(FRAME_MAX) { print "frame of " $$1 " bytes: " $$2; bad = 1 } \
	END { exit bad || NR < 5 }' || { rm $(1); exit 1; }

$(OUT)/framework.o: $(FW_OBJ)
	@echo '  WHOLE $@'
	$(Q)$(WHOLE) $@ $^

# Linked twice: the second time with the table of symbols and lines made from the first, at the end, where it moves nothing.
# An image has the framework, tests, and services.
define IMAGE_RULE
$(OUT)/$(1).services.o: $(call obj,$(3))
	@echo '  WHOLE $$@'
	$(Q)$(SAFEC) --link $(patsubst %.o,%.safec,$(call obj,$(3)))
	$(Q)$(WHOLE) $$@ $$^
	$$(call frames_check,$$@)

$(OUT)/$(1): $(OUT)/framework.o $(call obj,$(2)) $(OUT)/$(1).services.o $(ARCHDIR)/kernel.lds tools/ksyms/ksyms.py
	@echo '  LINK  $$@'
	$(Q)$(LD) --gc-sections -T $(ARCHDIR)/kernel.lds -o $$@.1 $$(filter %.o,$$^)
	$(Q)python3 tools/ksyms/ksyms.py $$@.1 $$@.ksyms.S
	$(Q)$(CC) --target=x86_64-unknown-linux-gnu -c -o $$@.ksyms.o $$@.ksyms.S
	$(Q)$(LD) --gc-sections -T $(ARCHDIR)/kernel.lds -o $$@ $$(filter %.o,$$^) $$@.ksyms.o
	$(Q)$(LLVM)/llvm-strip -o $$@.image $$@
endef
$(eval $(call IMAGE_RULE,cadre.elf,,$(POLICY) $(SERVICE)))
$(eval $(call IMAGE_RULE,test.elf,$(FW_TEST),$(POLICY) $(TESTED) $(TRAPPER)))
$(eval $(call IMAGE_RULE,hello-kernel.elf,,$(POLICY) $(HELLO)))

# The user program of hello-kernel: a flat binary.
$(OUT)/hello.bin: examples/hello-kernel/hello.S
	@mkdir -p $(@D)
	@echo '  AS    $<'
	$(Q)$(CC) --target=x86_64-unknown-linux-gnu -c -o $(@:.bin=.o) $<
	$(Q)$(LLVM)/llvm-objcopy -O binary -j .text $(@:.bin=.o) $@

# The kernel, or its unit tests, as a program of the host.
$(OUT)/cadre: $(call obj,$(FW_SRC) $(POLICY) $(SERVICE))
$(OUT)/unit-tests: $(call obj,$(FW_SRC) $(FW_TEST) $(POLICY) $(TESTED) $(TRAPPER))
$(OUT)/cadre $(OUT)/unit-tests:
	@echo '  LINK  $@'
	$(Q)$(CC) $(SANITIZE) -no-pie -o $@ $^ -lpthread

# One unit test, and libFuzzer beside the machine.
$(OUT)/fuzz: $(call obj,$(FW_SRC) $(filter tests/unit/%,$(FW_TEST)) $(POLICY) $(TESTED) $(wildcard tests/fuzz/kernel/*.c))
	@echo '  LINK  $@'
	$(Q)$(CC) $(SANITIZE) -no-pie -o $@ $^ $(shell $(CC) -print-file-name=libclang_rt.fuzzer_no_main-x86_64.a) -lstdc++ -lm -lpthread

# --- figures -------------------------------------------------------------------------------------
tcb:
	@python3 tools/tcb/tcb.py

flags:
	@echo $(SAFE)

clean:
	rm -rf build $(GEN_INC)

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)
