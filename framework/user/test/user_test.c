// SPDX-License-Identifier: MPL-2.0
// User contexts without the processor's part: life, misuse, FPU images. (What user mode does: arch/x86_64/test/usermode_test.c.)
#include <arch/string.h>
#include <cadre/spin.h>
#include <cadre/sync.h>
#include <cadre/task.h>
#include <cadre/user.h>
#include <cadre/vm_space.h>
#include <test.h>

enum : u32 { IMAGE_MAX = 8192, MXCSR_AT = 24, HEADER_AT = 512, HEADER_END = 576 };
static u8 image[IMAGE_MAX], again[IMAGE_MAX];

static struct user_context *
create(void)
{
	struct user_context *context = nullptr;
	EXPECT_EQ(user_context_create(&context), OK);
	return context;
}

static struct cbytes
image_of(size_t len)
{
	return (struct cbytes){ image, len };
}

TEST(a_new_context_is_all_zero_and_has_the_initial_fpu_state)
{
	struct user_context *context = create();
	static const struct user_regs zero;
	EXPECT(memcmp(&context->regs, &zero, sizeof(zero)) == 0);
	EXPECT(user_fpu_size() >= HEADER_AT && user_fpu_size() <= IMAGE_MAX);
	EXPECT_EQ(user_fpu_save(context, (struct bytes){ image, IMAGE_MAX }), OK);
	EXPECT_EQ(image[0] | image[1] << 8, 0x37f);
	EXPECT_EQ(image[MXCSR_AT] | image[MXCSR_AT + 1] << 8, 0x1f80);
	user_context_put(context);
}

TEST(handles_that_are_null_or_dead_trap)
{
	struct user_context *context = create();
	user_context_get(context);
	user_context_put(context);
	user_context_put(context);
	EXPECT_TRAP((void)user_run(context));
	EXPECT_TRAP(user_context_put(context));
	EXPECT_TRAP(user_context_get(context));
	EXPECT_TRAP(user_fpu_reset(context));
	EXPECT_TRAP((void)user_fpu_save(context, (struct bytes){ image, IMAGE_MAX }));
	EXPECT_TRAP((void)user_fpu_restore(nullptr, image_of(IMAGE_MAX)));
	EXPECT_TRAP(user_context_copy(context, nullptr));
}

TEST(entering_user_mode_needs_a_space_and_nothing_held)
{
	struct user_context *context = create();
	struct vm_space *space = nullptr;
	static struct spin_lock spin;
	static struct mutex mutex;
	EXPECT_TRAP((void)user_run(context));
	EXPECT_EQ(vm_space_create(&space), OK);
	vm_space_activate(space);
	EXPECT_TRAP((void)user_run(nullptr));
	EXPECT_TRAP({ preempt_disable(); (void)user_run(context); });
	EXPECT_TRAP({ spin_acquire(&spin); (void)user_run(context); spin_release(&spin); });
	EXPECT_TRAP({ mutex_acquire(&mutex); (void)user_run(context); mutex_release(&mutex); });
	EXPECT_TRAP({ rcu_read_begin(); (void)user_run(context); });
	task_interrupt(task_current());
	EXPECT_EQ(user_run(context).kind, USER_INTERRUPTED);   /* before anything else */
	task_clear_interrupt();
	vm_space_activate(nullptr);
	EXPECT_TRAP((void)user_run(context));
	user_context_put(context);
	vm_space_put(space);
}

TEST(a_context_is_copied_whole)
{
	struct user_context *from = create(), *to = create();
	from->regs.rax = 1, from->regs.gs_base = 2;
	EXPECT_EQ(user_fpu_save(from, (struct bytes){ image, IMAGE_MAX }), OK);
	image[160] = 0x77;
	image[HEADER_AT] = 3;
	EXPECT_EQ(user_fpu_restore(from, image_of(user_fpu_size())), OK);
	user_context_copy(to, from);
	EXPECT(to->regs.rax == 1 && to->regs.gs_base == 2);
	EXPECT_EQ(user_fpu_save(to, (struct bytes){ again, IMAGE_MAX }), OK);
	EXPECT_EQ(again[160], 0x77);
	user_fpu_reset(to);
	EXPECT_EQ(user_fpu_save(to, (struct bytes){ again, IMAGE_MAX }), OK);
	EXPECT_EQ(again[160], 0);
	EXPECT_TRAP(user_context_copy(to, to));
	EXPECT_EQ(user_fpu_save(to, (struct bytes){ again, IMAGE_MAX }), OK);   /* the claim of the first did not stay */
	user_context_put(from);
	user_context_put(to);
}

TEST(fpu_images_that_a_processor_would_fault_on_are_refused)
{
	struct user_context *context = create();
	u32 size = user_fpu_size();
	EXPECT_EQ(user_fpu_save(context, (struct bytes){ image, size - 1 }), EINVAL);
	EXPECT_EQ(user_fpu_save(context, (struct bytes){ image, size }), OK);
	EXPECT_EQ(user_fpu_restore(context, image_of(HEADER_AT - 1)), EINVAL);
	EXPECT_EQ(user_fpu_restore(context, image_of(0)), EINVAL);
	for (u32 bit = 16; bit < 32; bit++) {   /* reserved bits of MXCSR */
		image[MXCSR_AT + bit / 8] ^= (u8)(1 << bit % 8);
		EXPECT_EQ(user_fpu_restore(context, image_of(size)), EINVAL);
		image[MXCSR_AT + bit / 8] ^= (u8)(1 << bit % 8);
	}
	if (size >= HEADER_END) {
		for (u32 bit = 8; bit < 8 * 64; bit++) {   /* components nobody enabled, the compacted form, reserved bytes */
			image[HEADER_AT + bit / 8] ^= (u8)(1 << bit % 8);
			EXPECT_EQ(user_fpu_restore(context, image_of(size)), EINVAL);
			image[HEADER_AT + bit / 8] ^= (u8)(1 << bit % 8);
		}
		image[HEADER_AT] = 0xe7;   /* what is enabled, and maybe not; if so, its bytes are missing */
		EXPECT_EQ(user_fpu_restore(context, image_of(HEADER_END)), EINVAL);
		image[HEADER_AT] = 3;
	}
	EXPECT_EQ(user_fpu_restore(context, image_of(size)), OK);
	user_context_put(context);
}

TEST(an_image_in_memory_that_is_gone_traps_and_leaves_the_context_usable)
{
	struct user_context *context = create();
	u8 *gone = (u8 *)8;
	EXPECT_TRAP((void)user_fpu_save(context, (struct bytes){ gone, IMAGE_MAX }));
	EXPECT_TRAP((void)user_fpu_restore(context, (struct cbytes){ gone, IMAGE_MAX }));
	EXPECT_EQ(user_fpu_save(context, (struct bytes){ image, IMAGE_MAX }), OK);
	user_context_put(context);
}
