// SPDX-License-Identifier: MPL-2.0
/**
 * FPU state: XSAVE images in the standard format (SDM 1, 13.4), which is what the host's signal frames have, too.
 *
 * The loaded state stays in the frame of the guest that used it last (`fpu_home`), and is copied only when another context's is loaded, or
 * another guest goes on with it. Components: x87, SSE, AVX, AVX-512. Every image here can be loaded: MXCSR has no reserved bit,
 * XSTATE_BV only components that there are, the rest of the header is 0.
 */
#include <guest.h>
#include <cadre/cpu.h>
#include <arch/string.h>

enum : u64 { XSTATE_BASIC = 3, XSTATE_AVX = 4, XSTATE_AVX512 = 0xe0 };
enum : u32 { LEGACY = 512, LEGACY_HARDWARE = 416, LEGACY_SHARED = 464 /* from here on the host's words */, HEADER = 64, COMPONENTS = 8 };
enum : u32 { CONTROL_DEFAULT = 0x37f, MXCSR_DEFAULT = 0x1f80, MXCSR_MASK = 0xffff };

struct fpu_state {
	alignas(64) u16 control;
	u8 legacy1[22];
	u32 mxcsr, mxcsr_mask;
	u8 legacy2[LEGACY - 32];
	u64 xstate_bv, xcomp_bv, header[6];
	u8 extended[];
};
static_assert(sizeof(struct fpu_state) == LEGACY + HEADER);

/* [const] after the first call of fpu_size */
static struct { u32 size; u64 known; struct { u32 start, size; } components[COMPONENTS]; } format;

static void
format_probe(void)
{
	u32 low, high;
	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	u64 known = low & (XSTATE_BASIC | XSTATE_AVX);
	if ((low & XSTATE_AVX512) == XSTATE_AVX512 && (known & XSTATE_AVX) != 0)
		known |= XSTATE_AVX512;
	u32 size = LEGACY + HEADER;
	for (u32 i = 2; i < COMPONENTS; i++) {
		struct cpu_leaf leaf = cpu_leaf(0xd, i);
		if ((known >> i & 1) == 0 || leaf.ebx + leaf.eax > HOSTED_FPU_MAX)
			continue;
		format.components[i].start = leaf.ebx;
		format.components[i].size = leaf.eax;
		size = MAX(size, leaf.ebx + leaf.eax);
	}
	format.known = known;
	__atomic_store_n(&format.size, size, __ATOMIC_RELEASE);
}

size_t
arch_fpu_size(void)
{
	if (__atomic_load_n(&format.size, __ATOMIC_ACQUIRE) == 0)
		format_probe();
	return format.size;
}

void
arch_fpu_init(struct fpu_state *fpu)
{
	memset(fpu, 0, arch_fpu_size());
	fpu->control = CONTROL_DEFAULT;
	fpu->mxcsr = MXCSR_DEFAULT;
	fpu->mxcsr_mask = MXCSR_MASK;
}

/* --- the loaded state --- */

/** A frame's image as one of ours: the host has made it, but the program may have written on its stub. */
static void
image_take(struct fpu_state *to, const u8 *frame)
{
	memcpy(to, frame, arch_fpu_size());
	memset((u8 *)to + LEGACY_HARDWARE, 0, LEGACY - LEGACY_HARDWARE);
	to->mxcsr &= MXCSR_MASK;
	to->mxcsr_mask = MXCSR_MASK;
	to->xstate_bv &= format.known;
	to->xcomp_bv = 0;
	memset(to->header, 0, sizeof(to->header));
}

/** Ours into a frame, whose software's words stay. Components that contexts do not have (protection keys) begin anew: they were another's. */
static void
image_give(u8 *frame, const struct fpu_state *from)
{
	struct fpu_state *to = (struct fpu_state *)frame;
	memcpy(to, from, LEGACY_HARDWARE);
	to->xstate_bv = from->xstate_bv;
	memcpy(to->extended, from->extended, arch_fpu_size() - sizeof(*from));
}

void
arch_fpu_save(struct fpu_state *fpu)
{
	struct arch_cpu *arch = &this_cpu()->arch;
	u8 *frame = arch->fpu_home == nullptr ? nullptr : guest_backend->fpu(arch->fpu_home);
	if (frame != nullptr)
		image_take(fpu, frame);
	else
		memcpy(fpu, arch->fpu, arch_fpu_size());
}

void
arch_fpu_load(const struct fpu_state *fpu)
{
	memcpy(this_cpu()->arch.fpu, fpu, arch_fpu_size());
	this_cpu()->arch.fpu_home = nullptr;
}

void
fpu_enter(struct guest *guest)
{
	struct arch_cpu *arch = &this_cpu()->arch;
	if (arch->fpu_home == guest)
		return;
	arch_fpu_save((struct fpu_state *)arch->fpu);
	u8 *frame = guest_backend->fpu(guest);
	if (frame == nullptr)
		return;
	image_give(frame, (const struct fpu_state *)arch->fpu);
	arch->fpu_home = guest;
}

void
fpu_lost(struct guest *guest)
{
	struct arch_cpu *arch = &this_cpu()->arch;
	if (arch->fpu_home != guest)
		return;
	arch_fpu_init((struct fpu_state *)arch->fpu);
	arch->fpu_home = nullptr;
}

/* --- images of user programs --- */

bool
arch_fpu_import(struct fpu_state *fpu, const u8 *image, size_t len)
{
	struct fpu_state head = {};
	if (len < LEGACY)
		return false;
	bool extended = len >= LEGACY + HEADER;
	memcpy(&head, image, LEGACY + (extended ? HEADER : 0));
	u64 bv = extended ? head.xstate_bv : XSTATE_BASIC, rest = head.xcomp_bv;
	for (u32 i = 0; i < COUNTOF(head.header); i++)
		rest |= head.header[i];
	bool ok = (head.mxcsr & ~MXCSR_MASK) == 0 && rest == 0 && (bv & ~format.known) == 0;
	for (u32 i = 2; i < COMPONENTS; i++)
		ok = ok && ((bv >> i & 1) == 0 || format.components[i].start + format.components[i].size <= len);
	if (!ok)
		return false;
	/* What was checked is what is taken: the image may change under us, `head` does not. */
	head.mxcsr_mask = MXCSR_MASK;
	head.xstate_bv = bv;
	memset((u8 *)&head + LEGACY_HARDWARE, 0, LEGACY - LEGACY_HARDWARE);
	memcpy(fpu, &head, sizeof(head));
	for (u32 i = 2; i < COMPONENTS; i++)
		if ((bv >> i & 1) != 0)
			memcpy((u8 *)fpu + format.components[i].start, image + format.components[i].start, format.components[i].size);
	return true;
}

void
arch_fpu_export(const struct fpu_state *fpu, void *image)
{
	struct fpu_state *out = image;
	memcpy(image, fpu, arch_fpu_size());
	/* A component in its initial state has left whatever was there before. */
	if ((out->xstate_bv & 1) == 0) {
		memset(image, 0, __builtin_offsetof(struct fpu_state, mxcsr));
		memset((u8 *)image + 32, 0, 128);
		out->control = CONTROL_DEFAULT;
	}
	if ((out->xstate_bv & 2) == 0)
		memset((u8 *)image + 160, 0, 256);
	for (u32 i = 2; i < COMPONENTS; i++)
		if ((out->xstate_bv >> i & 1) == 0)
			memset((u8 *)image + format.components[i].start, 0, format.components[i].size);
}
