# SPDX-License-Identifier: MPL-2.0
# The vDSO: user code, compiled to an ELF image, which becomes bytes in a header of services/mman.
VDSO    := $(OUT)/vdso.so
GEN_HDR += $(GEN_INC)/vdso_image.h

$(VDSO): tools/vdso/vdso.c tools/vdso/vdso.lds tools/vdso/vdso.map
	@mkdir -p $(@D)
	@echo '  VDSO  $<'
	$(Q)$(CC) --target=x86_64-unknown-linux-gnu -std=gnu23 -O2 -fPIC -ffreestanding -nostdinc -fno-stack-protector -mno-red-zone -fcf-protection=none \
		-fasynchronous-unwind-tables -Wall -Wextra -Werror -c -o $(@:.so=.o) $<
	$(Q)$(LD) -shared --hash-style=both --soname=linux-vdso.so.1 --version-script=tools/vdso/vdso.map -T tools/vdso/vdso.lds \
		--eh-frame-hdr -z max-page-size=4096 -z noseparate-code --no-undefined -Bsymbolic --strip-all -o $@ $(@:.so=.o)

$(GEN_INC)/vdso_image.h: $(VDSO) tools/vdso/embed.py
	@mkdir -p $(@D)
	$(Q)python3 tools/vdso/embed.py $< vdso_image >$@
