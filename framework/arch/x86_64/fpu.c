// SPDX-License-Identifier: MPL-2.0
/**
 * FPU state: XSAVE images in the standard format (SDM 1, 13.4), or FXSAVE images on processors without XSAVE.
 *
 * Components: x87, SSE, AVX, AVX-512. An image in a struct fpu_state can always be loaded: MXCSR has no reserved
 * bit, XSTATE_BV only enabled components, the rest of the header is 0. Each of these is one word that only ever
 * holds such a value, so a race between two services that change one context mixes contents and never makes an
 * image that faults.
 */
#include <arch/string.h>
#include <debug/debug.h>
#include <x86.h>

enum : u64 { XSTATE_X87 = 1, XSTATE_SSE = 2, XSTATE_AVX = 4, XSTATE_AVX512 = 0xe0 };
enum : u32 { LEGACY_SIZE = 512, LEGACY_HARDWARE = 416, HEADER_SIZE = 64, MXCSR_AT = 24, COMPONENTS = 8 };
enum : u32 { MXCSR_DEFAULT = 0x1f80, FCW_DEFAULT = 0x37f };

struct fpu_state {
	alignas(64) u16 fcw;
	u8 legacy1[22];
	u32 mxcsr, mxcsr_mask;
	u8 legacy2[LEGACY_SIZE - 32];
	/* Only with XSAVE: */
	u64 xstate_bv, xcomp_bv, header[6];
	u8 extended[];
};
#define FIELD_AT(field) __builtin_offsetof(struct fpu_state, field)
static_assert(FIELD_AT(mxcsr) == MXCSR_AT && FIELD_AT(xstate_bv) == LEGACY_SIZE);

struct component { u32 start, size; };

BOOT_CONST static u64 xcr0;
BOOT_CONST static u32 state_size, mxcsr_mask;
BOOT_CONST static struct component components[COMPONENTS];   /* from AVX (2) on */

/* SAFETY (the next two): `state` is 64-byte aligned and arch_fpu_size() long; a load is of an image as the head of
 * this file says. */
void
arch_fpu_save(struct fpu_state *state)
{
	if (x86_features.xsaveopt)
		asm volatile("xsaveopt64 (%0)" : : "r"(state), "a"((u32)xcr0), "d"(0) : "memory");
	else if (x86_features.xsave)
		asm volatile("xsave64 (%0)" : : "r"(state), "a"((u32)xcr0), "d"(0) : "memory");
	else
		asm volatile("fxsave64 (%0)" : : "r"(state) : "memory");
}

void
arch_fpu_load(const struct fpu_state *state)
{
	if (x86_features.xsave)
		asm volatile("xrstor64 (%0)" : : "r"(state), "a"((u32)xcr0), "d"(0) : "memory");
	else
		asm volatile("fxrstor64 (%0)" : : "r"(state) : "memory");
}

static void
format_probe(void)
{
	static struct fpu_state probe;
	asm volatile("fxsave64 %0" : "=m"(probe));
	mxcsr_mask = probe.mxcsr_mask != 0 ? probe.mxcsr_mask : 0xffbf;
	state_size = LEGACY_SIZE;
	if (!x86_features.xsave)
		return;
	u64 supported = cpuid(13, 0).eax;
	xcr0 = XSTATE_X87 | XSTATE_SSE | (supported & XSTATE_AVX);
	if ((supported & XSTATE_AVX512) == XSTATE_AVX512 && (xcr0 & XSTATE_AVX) != 0)
		xcr0 |= XSTATE_AVX512;
	x86_features.ymm = (xcr0 & (XSTATE_AVX | XSTATE_AVX512)) == XSTATE_AVX;
	state_size += HEADER_SIZE;
	for (u32 i = 2; i < COMPONENTS; i++) {
		struct x86_cpuid info = cpuid(13, i);
		if ((xcr0 >> i & 1) != 0)
			components[i] = (struct component){ info.ebx, info.eax };
		state_size = MAX(state_size, components[i].start + components[i].size);
	}
}

void
fpu_cpu_init(bool first)
{
	if (first)
		format_probe();
	/* SAFETY: components that CPUID reports, in the combinations that XSETBV takes (x87 always, AVX-512 whole
	 * and with AVX). */
	if (x86_features.xsave)
		asm volatile("xsetbv" : : "a"((u32)xcr0), "d"(0), "c"(0) : "memory");
	asm volatile("fninit" : : : "memory");
}

size_t
arch_fpu_size(void)
{
	return state_size;
}

void
arch_fpu_init(struct fpu_state *fpu)
{
	memset(fpu, 0, state_size);
	fpu->fcw = FCW_DEFAULT;
	fpu->mxcsr = MXCSR_DEFAULT;
	fpu->mxcsr_mask = mxcsr_mask;
}

bool
arch_fpu_import(struct fpu_state *fpu, const u8 *image, size_t len)
{
	u64 header[HEADER_SIZE / sizeof(u64)] = { XSTATE_X87 | XSTATE_SSE };
	u32 mxcsr;
	if (len < LEGACY_SIZE)
		return false;
	memcpy(&mxcsr, image + MXCSR_AT, sizeof(mxcsr));
	if (x86_features.xsave && len >= LEGACY_SIZE + HEADER_SIZE)
		memcpy(header, image + LEGACY_SIZE, HEADER_SIZE);
	/* SAFETY: what is checked now is what is taken: the image may change under us, these do not. */
	asm volatile("" : : : "memory");
	u64 rest = header[1] | header[2] | header[3] | header[4] | header[5] | header[6] | header[7];
	bool ok = (mxcsr & ~mxcsr_mask) == 0 && rest == 0 && (header[0] & ~(xcr0 | XSTATE_X87 | XSTATE_SSE)) == 0;
	for (u32 i = 2; i < COMPONENTS; i++)
		ok = ok && ((header[0] >> i & 1) == 0 || components[i].start + components[i].size <= len);
	if (!ok)
		return false;

	/* The rest of the header, and software's bytes, stay 0 as arch_fpu_init has left them. */
	memcpy(fpu, image, MXCSR_AT);
	fpu->mxcsr = mxcsr;
	memcpy(fpu->legacy2, image + FIELD_AT(legacy2), LEGACY_HARDWARE - FIELD_AT(legacy2));
	if (x86_features.xsave)
		fpu->xstate_bv = header[0];
	/* SAFETY: a component lies within `len` (checked above) and within the state (state_size). */
	for (u32 i = 2; i < COMPONENTS; i++)
		if ((header[0] >> i & 1) != 0)
			memcpy((u8 *)fpu + components[i].start, image + components[i].start, components[i].size);
	return true;
}

void
arch_fpu_export(const struct fpu_state *fpu, void *image)
{
	memcpy(image, fpu, state_size);
	if (!x86_features.xsave)
		return;
	/* A component that is in its initial state has left whatever was there before. */
	struct fpu_state *out = image;
	if ((out->xstate_bv & XSTATE_X87) == 0) {
		memset(out, 0, MXCSR_AT);
		memset((u8 *)image + 32, 0, 128);
		out->fcw = FCW_DEFAULT;
	}
	if ((out->xstate_bv & XSTATE_SSE) == 0)
		memset((u8 *)image + 160, 0, 256);
	for (u32 i = 2; i < COMPONENTS; i++)
		if ((out->xstate_bv >> i & 1) == 0)
			memset((u8 *)image + components[i].start, 0, components[i].size);
}
