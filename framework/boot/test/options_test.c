// SPDX-License-Identifier: MPL-2.0
// The command line's options and the initrd.
#include <arch/string.h>
#include <boot/boot.h>
#include <cadre/boot.h>
#include <cadre/policy.h>
#include <mm/mm.h>
#include <test.h>

static char saved[BOOT_CMDLINE_MAX];
static u8 value[16];
static size_t len;

/** The machine was started with `text` until cmdline_restore. */
static void
cmdline_set(const char *text, size_t n)
{
	memcpy(saved, boot_info.cmdline, sizeof(saved));
	memset(boot_info.cmdline, 0, sizeof(boot_info.cmdline));
	memcpy(boot_info.cmdline, text, n);
}
#define CMDLINE(text) cmdline_set(text, sizeof(text) - 1)

static void
cmdline_restore(void)
{
	memcpy(boot_info.cmdline, saved, sizeof(saved));
}

static bool
option_is(struct cbytes key, struct cbytes text)
{
	return boot_option(key, (struct bytes){ value, sizeof(value) }, &len) &&
	       cbytes_equal((struct cbytes){ value, MIN(len, sizeof(value)) }, text);
}

TEST(options_have_values_and_the_last_one_counts)
{
	CMDLINE("  root=/dev/vda quiet panic=halt a=b=c panic= level=3 level=7");
	EXPECT(option_is(TEXT("root"), TEXT("/dev/vda")));
	EXPECT(option_is(TEXT("quiet"), TEXT("")));
	EXPECT(option_is(TEXT("a"), TEXT("b=c")));
	EXPECT(option_is(TEXT("panic"), TEXT("")));
	EXPECT(option_is(TEXT("level"), TEXT("7")));
	cmdline_restore();
}

TEST(a_key_is_a_whole_word)
{
	size_t untouched = 77;

	CMDLINE("rooted=1 xroot=2 ro");
	EXPECT(!boot_option(TEXT("root"), (struct bytes){ value, sizeof(value) }, &untouched));
	EXPECT(!boot_option(TEXT("r"), (struct bytes){ value, sizeof(value) }, &untouched));
	EXPECT(!boot_option(TEXT(""), (struct bytes){ value, sizeof(value) }, &untouched));
	EXPECT(!boot_option(TEXT("a key longer than the whole command line"), (struct bytes){ value, sizeof(value) }, &untouched));
	EXPECT_EQ(untouched, 77);
	cmdline_restore();
}

TEST(a_long_value_is_cut_and_its_length_told)
{
	CMDLINE("key=0123456789abcdefXYZ");
	EXPECT(option_is(TEXT("key"), TEXT("0123456789abcdef")));
	EXPECT_EQ(len, 19);
	EXPECT(boot_option(TEXT("key"), (struct bytes){}, &len) && len == 19);
	EXPECT_EQ(boot_cmdline((struct bytes){ value, 5 }), 23);
	EXPECT(cbytes_equal((struct cbytes){ value, 5 }, TEXT("key=0")));
	cmdline_restore();
}

TEST(a_command_line_without_end_is_bounded)
{
	static char full[BOOT_CMDLINE_MAX];

	memset(full, 'x', sizeof(full));
	cmdline_set(full, sizeof(full));
	EXPECT_EQ(boot_cmdline((struct bytes){ value, sizeof(value) }), BOOT_CMDLINE_MAX);
	EXPECT(!option_is(TEXT("x"), TEXT("")));
	cmdline_restore();
}

TEST(the_initrd_is_read_within_its_length_and_freed_once)
{
	static u8 text[1000];
	struct boot_range before = boot_info.initrd;
	u64 pfn;

	if (before.start != before.end)
		return test_skip("there is an initrd, which others may want");
	EXPECT_EQ(boot_initrd_len(), 0);
	boot_initrd_read(0, (struct bytes){});
	EXPECT_TRAP(boot_initrd_read(0, (struct bytes){ text, 1 }));

	/* Of part of a page, so that no frame is given back that never was an initrd's. */
	pfn = kernel_frames_alloc(1, 1, FRAME_NONE, FRAME_RESERVED);
	boot_info.initrd = (struct boot_range){ pfn * PAGE_SIZE + 96, pfn * PAGE_SIZE + 4000 };
	memset(phys_to_virt(pfn * PAGE_SIZE), 'i', 4000);
	EXPECT_EQ(boot_initrd_len(), 3904);
	boot_initrd_read(3904 - sizeof(text), (struct bytes){ text, sizeof(text) });
	EXPECT(text[0] == 'i' && text[sizeof(text) - 1] == 'i');
	EXPECT_TRAP(boot_initrd_read(3904, (struct bytes){ text, 1 }));
	EXPECT_TRAP(boot_initrd_read(~(size_t)0, (struct bytes){ text, 2 }));

	boot_initrd_free();
	EXPECT_EQ(boot_initrd_len(), 0);
	EXPECT_TRAP(boot_initrd_read(0, (struct bytes){ text, 1 }));
	boot_initrd_free();
	EXPECT_EQ(frame_use(pfn), FRAME_RESERVED);
	boot_info.initrd = before;
	kernel_frames_free(pfn, 1, FRAME_RESERVED);
}
