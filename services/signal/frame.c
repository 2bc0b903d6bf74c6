// SPDX-License-Identifier: MPL-2.0
/**
 * The signal frame of x86-64: what a handler finds on its stack, and rt_sigreturn(2), which takes it back.
 *
 *	higher     what the thread was doing; 128 bytes below its stack pointer (the red zone) are left alone
 *	           FPU state: XSAVE image (64-byte aligned), FP_XSTATE_MAGIC2
 *	lower      return address (sa_restorer), ucontext, siginfo: struct signal_frame; the handler's stack pointer is 8 below
 *	           a multiple of 16, as behind a call
 *
 * Everything that comes back from there is the program's own invention: registers are made harmless by user_run, the FPU image by
 * user_fpu_restore, the mask by leaving out SIGKILL and SIGSTOP.
 *
 * Source: psABI x86-64, 3.4.1; asm/sigcontext.h and asm/ucontext.h of the Linux UAPI; Intel SDM 1, 13.4.
 */
#include "signal_impl.h"

enum : u64 { UC_FP_XSTATE = 1, UC_SIGCONTEXT_SS = 2, UC_STRICT_RESTORE_SS = 4 };
enum : u64 { RED_ZONE = 128, FLAGS_RESTORED = 0x50dd5 /* CF PF AF ZF SF TF DF OF RF AC */, FLAGS_CLEARED = 0x10500 /* RF DF TF */ };
enum : u64 { USER_CS = 0x33, USER_DS = 0x2b };
enum : u32 { FP_MAGIC1 = 0x46505853, FP_MAGIC2 = 0x46505845 };
enum : size_t { FX_SIZE = 512, FX_SOFTWARE = 464, XSAVE_HEADER = 64, MAGIC2_SIZE = 4, FX_ALIGN = 64 };

/** Plain data; offsets are the ABI's. */
struct signal_context {
	u64 r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, flags;
	u16 cs, gs, fs, ss;
	u64 error, trap, old_mask, cr2, fpstate, reserved[8];
};
struct signal_frame {
	struct signal_restored {
		u64 restorer;
		u64 uc_flags, uc_link, stack_base; i32 stack_flags, stack_pad; u64 stack_size;
		struct signal_context context;
		u64 mask;
	} restored;                          /* all that rt_sigreturn looks at */
	struct signal_user_info info;
};
static_assert(sizeof(struct signal_context) == 256 && sizeof(struct signal_frame) == 8 + 304 + 128);

OBJECT_DEFINE(fpu_image);

/** Words of an image: what the FXSAVE area leaves to software, as Linux uses it; and which components are not in their initial state. */
enum : u32 { AT_MAGIC1 = FX_SOFTWARE / 4, AT_EXTENDED_SIZE, AT_FEATURES, AT_SIZE = AT_FEATURES + 2, AT_PRESENT = FX_SIZE / 4 };

/** Components in a standard-format image of this size: it grows in steps (x87 and SSE; AVX; AVX-512). 0: no XSAVE. */
static u64
fpu_features(u32 size)
{
	enum : u32 { AVX_SIZE = 832 };
	if (size <= FX_SIZE)
		return 0;
	return size <= FX_SIZE + XSAVE_HEADER ? 3 : size <= AVX_SIZE ? 7 : 0xe7;
}

/** Bytes of an image in a frame. */
static size_t
image_size(u32 size)
{
	return size > FX_SIZE ? size + MAGIC2_SIZE : FX_SIZE;
}

u64
signal_stack_min(void)
{
	/* As AT_MINSIGSTKSZ: the frame, the image, and what aligning can cost. */
	return align_up(sizeof(struct signal_frame) + RED_ZONE + user_fpu_size() + MAGIC2_SIZE + FX_ALIGN + 16, 16);
}

bool
signal_on_altstack(const struct signal_altstack *scoped stack, u64 sp)
{
	if ((stack->flags & (SS_AUTODISARM | SS_DISABLE)) != 0 || stack->size == 0)
		return false;
	return sp > stack->base && sp - stack->base <= stack->size;
}

/* --- pushing --- */

/** The thread's buffer for images. => null: ENOMEM */
static struct fpu_image *
image_buffer(struct signal_thread *st)
{
	if (st->frame_image == nullptr && user_fpu_size() + MAGIC2_SIZE <= sizeof(struct fpu_image))
		st->frame_image = fpu_image_alloc();
	return st->frame_image;
}

/** The running thread's FPU state as it goes into the frame, in its buffer. */
static err_t
image_make(struct user_context *user, struct fpu_image *image, u32 size)
{
	TRY(user_fpu_save(user, BYTES_OF(image->words)));
	u64 features = fpu_features(size);
	if (features == 0)
		return OK;
	image->words[AT_MAGIC1] = FP_MAGIC1;
	image->words[AT_EXTENDED_SIZE] = size + MAGIC2_SIZE;
	image->words[AT_FEATURES] = (u32)features;
	image->words[AT_SIZE] = size;
	image->words[size / 4] = FP_MAGIC2;
	/* Handlers may change x87 and SSE registers in the frame, though they were in their initial state: they count as saved. */
	image->words[AT_PRESENT] |= 3;
	return OK;
}

/** Where the frame goes. => false: over the end of the alternate stack */
static bool
frame_place(struct signal_thread *st, const struct signal_action *scoped action, u64 rsp, u64 *scoped fpu_at, u64 *scoped frame_at)
{
	const struct signal_altstack *stack = &st->altstack;
	u32 size = user_fpu_size();
	bool was_on = signal_on_altstack(stack, rsp), enters = false;
	u64 sp = rsp - RED_ZONE;
	if ((action->flags & SA_ONSTACK) != 0 && stack->size != 0 && (stack->flags & SS_DISABLE) == 0 && !was_on) {
		sp = stack->base + stack->size;
		enters = true;
	}
	*fpu_at = align_down(sp - image_size(size), FX_ALIGN);
	*frame_at = align_down(*fpu_at - sizeof(struct signal_frame), 16) - 8;
	bool fits = *frame_at > stack->base && *frame_at - stack->base <= stack->size;
	return !(was_on || enters) || fits;
}

static struct signal_context
context_of(const struct user_regs *scoped r, const struct signal_thread *scoped st, u64 mask, u64 fpstate)
{
	return (struct signal_context){
		.r8 = r->r8, .r9 = r->r9, .r10 = r->r10, .r11 = r->r11, .r12 = r->r12, .r13 = r->r13, .r14 = r->r14, .r15 = r->r15,
		.rdi = r->rdi, .rsi = r->rsi, .rbp = r->rbp, .rbx = r->rbx, .rdx = r->rdx, .rax = r->rax, .rcx = r->rcx,
		.rsp = r->rsp, .rip = r->rip, .flags = r->rflags | 0x202, .cs = USER_CS, .ss = USER_DS,
		.error = st->fault_error, .trap = st->fault_trap, .cr2 = st->fault_address, .old_mask = mask, .fpstate = fpstate,
	};
}

err_t
signal_frame_push(const struct signal_info *scoped info, const struct signal_action *scoped action, u64 mask)
{
	struct thread *thread = thread_current();
	struct signal_thread *st = thread->signal;
	struct user_regs *regs = &thread->user->regs;
	struct fpu_image *image = image_buffer(st);
	u64 fpu_at = 0, frame_at = 0;
	u32 size = user_fpu_size();
	if ((action->flags & SA_RESTORER) == 0 || !frame_place(st, action, regs->rsp, &fpu_at, &frame_at))
		return EFAULT;
	if (image == nullptr)
		return ENOMEM;
	TRY(image_make(thread->user, image, size));
	TRY(copy_out(UADDR(fpu_at), cbytes_sub(CBYTES_OF(image->words), 0, image_size(size))));
	struct signal_frame frame = {
		.restored = {
			.restorer = action->restorer,
			.uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (size > FX_SIZE ? UC_FP_XSTATE : 0),
			.stack_base = st->altstack.base,
			.stack_flags = (i32)st->altstack.flags,
			.stack_size = st->altstack.size,
			.context = context_of(regs, st, mask, fpu_at),
			.mask = mask,
		},
		.info = signal_info_pack(info),
	};
	TRY(copy_out_value(UADDR(frame_at), frame));
	if ((st->altstack.flags & SS_AUTODISARM) != 0)
		signal_altstack_forget(st);
	regs->rdi = info->number;
	regs->rsi = frame_at + __builtin_offsetof(struct signal_frame, info);
	regs->rdx = frame_at + __builtin_offsetof(struct signal_restored, uc_flags);
	regs->rax = 0;
	regs->rsp = frame_at;
	regs->rip = action->handler;
	regs->rflags &= ~FLAGS_CLEARED;
	return OK;
}

/* --- returning --- */

/** Whether software says of the image, whose first FX_SIZE bytes are here, that it is an XSAVE image like ours. */
static bool
image_claims(const struct fpu_image *image, u32 size)
{
	u32 claimed = image->words[AT_SIZE];
	return image->words[AT_MAGIC1] == FP_MAGIC1 && claimed >= FX_SIZE + XSAVE_HEADER && claimed <= size &&
	       claimed <= image->words[AT_EXTENDED_SIZE];
}

/** Fetches the image at `at`: mostly there is as much as here. => EFAULT; *have bytes of it are here */
static err_t
image_fetch(struct fpu_image *image, u32 size, uaddr_t at, size_t *scoped have)
{
	*have = image_size(size);
	if (copy_in(bytes_sub(BYTES_OF(image->words), 0, *have), at) == OK)
		return OK;
	*have = FX_SIZE;
	TRY(copy_in(bytes_sub(BYTES_OF(image->words), 0, FX_SIZE), at));
	size_t claimed = image->words[AT_SIZE] + MAGIC2_SIZE;
	if (image_claims(image, size) && copy_in(bytes_sub(BYTES_OF(image->words), 0, claimed), at) == OK)
		*have = claimed;
	return OK;
}

/** How much of the image is to be believed: all of an XSAVE image, or the FXSAVE area alone. */
static size_t
image_len(const struct fpu_image *image, u32 size, size_t have)
{
	u32 magic2 = 0, claimed = image->words[AT_SIZE];
	if (!image_claims(image, size) || claimed + MAGIC2_SIZE > have)
		return FX_SIZE;
	bytes_copy(BYTES_OF(magic2), cbytes_sub(CBYTES_OF(image->words), claimed, MAGIC2_SIZE));
	return magic2 == FP_MAGIC2 ? claimed : FX_SIZE;
}

static err_t
fpu_return(struct user_context *user, struct fpu_image *image, uaddr_t at)
{
	u32 size = user_fpu_size();
	size_t have = 0;
	if (at.raw == 0) {
		user_fpu_reset(user);
		return OK;
	}
	if (image == nullptr)
		return ENOMEM;
	TRY(image_fetch(image, size, at, &have));
	size_t len = image_len(image, size, have);
	/* Components that the frame did not claim to have stay out. */
	if (len > FX_SIZE)
		image->words[AT_PRESENT] &= image->words[AT_FEATURES] | ~(u32)0xff;
	err_t err = user_fpu_restore(user, cbytes_sub(CBYTES_OF(image->words), 0, len));
	if (err != OK)
		user_fpu_reset(user);
	return err;
}

static void
regs_return(struct user_regs *r, const struct signal_context *scoped c)
{
	*r = (struct user_regs){
		.rax = c->rax, .rbx = c->rbx, .rcx = c->rcx, .rdx = c->rdx, .rsi = c->rsi, .rdi = c->rdi, .rbp = c->rbp, .rsp = c->rsp,
		.r8 = c->r8, .r9 = c->r9, .r10 = c->r10, .r11 = c->r11, .r12 = c->r12, .r13 = c->r13, .r14 = c->r14, .r15 = c->r15,
		.rip = c->rip, .rflags = (r->rflags & ~FLAGS_RESTORED) | (c->flags & FLAGS_RESTORED),
		.fs_base = r->fs_base, .gs_base = r->gs_base,
	};
}

/** The frame on top of the stack, back into the thread. */
static err_t
frame_pop(struct thread *thread)
{
	struct signal_thread *st = thread->signal;
	struct user_regs *regs = &thread->user->regs;
	struct signal_restored frame = {};
	/* The handler's return has taken the return address off. */
	TRY(copy_in_value(frame, UADDR(regs->rsp - 8)));
	TRY(fpu_return(thread->user, image_buffer(st), UADDR(frame.context.fpstate)));
	signal_set_mask(frame.mask);
	regs_return(regs, &frame.context);
	struct signal_altstack stack = { frame.stack_base, frame.stack_size, (u32)frame.stack_flags };
	(void)signal_altstack_set(st, &stack, regs->rsp);
	return OK;
}

err_t
sys_rt_sigreturn(u64 *scoped result)
{
	struct thread *thread = thread_current();
	thread->restart.fn = nullptr;
	if (frame_pop(thread) != OK)
		signal_force(SIGSEGV, SI_KERNEL, 0);
	/* The registers are the frame's: nothing of this call is restarted. */
	thread->syscall = ~(u64)0;
	*result = thread->user->regs.rax;
	return OK;
}
