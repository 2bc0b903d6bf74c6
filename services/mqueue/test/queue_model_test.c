// SPDX-License-Identifier: MPL-2.0
// POSIX message queues beside a model: the highest priority first, in the order of sending; and the counts of poll and the attributes.
#include <program.h>

#include <syscall_handlers.h>

enum : u32 { MOST = 10, SIZE = 64, STEPS = 5000, CREATE = 04302 /* O_CREAT O_EXCL O_NONBLOCK O_RDWR */ };
enum : u64 { AT_NAME = 0, AT_ATTR = 64, AT_MESSAGE = 256, AT_PRIORITY = 1024 };

struct message { u32 priority, len, stamp; };

PROGRAM_TEST(messages_come_by_their_priority)
{
	static struct message queue[MOST];
	i64 attr[8] = { 0, MOST, SIZE };
	u64 fd = 0, seed = 11, got = 0;
	u32 count = 0, stamp = 0;
	program_put(AT_ATTR, attr, sizeof(attr));
	EXPECT_EQ(sys_mq_open(program_text(AT_NAME, "model"), CREATE, 0600, program_at(AT_ATTR), &fd), OK);
	for (u32 i = 0; i < STEPS; i++) {
		u32 words[SIZE / 4 + 1] = { ++stamp };
		if (program_random(&seed, 2) == 0) {
			struct message one = { program_random(&seed, 5) * 1000, 4 + program_random(&seed, SIZE), stamp };
			program_put(AT_MESSAGE, words, one.len);
			err_t err = sys_mq_timedsend((i32)fd, program_at(AT_MESSAGE), one.len, one.priority, UADDR(0));
			EXPECT_EQ(err, one.len > SIZE ? EMSGSIZE : count == MOST ? EAGAIN : OK);
			if (err == OK)
				queue[count++] = one;
		} else {
			u32 best = 0, priority = 0;
			for (u32 j = 1; j < count; j++)
				best = queue[j].priority > queue[best].priority ? j : best;
			err_t err = sys_mq_timedreceive((i32)fd, program_at(AT_MESSAGE), SIZE, program_at(AT_PRIORITY), UADDR(0), &got);
			EXPECT_EQ(err, count == 0 ? EAGAIN : OK);
			if (err != OK)
				continue;
			program_get(AT_MESSAGE, words, 4);
			program_get(AT_PRIORITY, &priority, 4);
			EXPECT_EQ(got, queue[best].len);
			EXPECT_EQ(words[0], queue[best].stamp);
			EXPECT_EQ(priority, queue[best].priority);
			count--;
			for (u32 j = best; j < count; j++)
				queue[j] = queue[j + 1];
		}
		EXPECT_EQ(sys_mq_getsetattr((i32)fd, UADDR(0), program_at(AT_ATTR)), OK);
		program_get(AT_ATTR, attr, sizeof(attr));
		EXPECT_EQ(attr[3], count);
	}
	EXPECT_EQ(sys_mq_unlink(program_text(AT_NAME, "model")), OK);
	EXPECT_EQ(sys_close((i32)fd), OK);
}
