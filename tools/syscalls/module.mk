# SPDX-License-Identifier: MPL-2.0
# What is made from the table of system calls, anew at each make: a file that stays the same keeps its time. `make coverage-page`.
GEN_HDR := $(GEN_INC)/syscall_handlers.h $(GEN_INC)/syscall_names.h

.PHONY: coverage-page syscalls
$(GEN_HDR) $(GEN_SRC): syscalls
	@:
syscalls:
	@python3 tools/syscalls/gen.py $(GEN_INC) $(GEN)

coverage-page:
	python3 tools/syscalls/gen.py --coverage >docs/syscalls.md.new
	@mv docs/syscalls.md.new docs/syscalls.md
