// SPDX-License-Identifier: MPL-2.0
// System V message queues and semaphores beside models: types, order, room; operations that are done whole or not at all.
#include <program.h>

#include <syscall_handlers.h>

enum : u32 { MESSAGES = 64, STEPS = 5000, NOWAIT = 04000, EXCEPT = 020000, NOERROR = 010000, RMID = 0, SEMS = 5, GETALL = 13, TYPES = 4 };
enum : u64 { AT_MESSAGE = 0, AT_OPS = 8192, ROOM = 16384 };

struct message { i64 type; u32 len, stamp; };
static struct message queue[MESSAGES];
static u32 count, stamp;
static u64 bytes, seed;
static i32 id;

static u32 draw(u32 below) { return program_random(&seed, below); }

static void
step_send(void)
{
	struct { i64 type; u32 stamp[512]; } message = { .type = 1 + draw(TYPES), .stamp = { ++stamp } };
	u32 len = 4 + draw(2000);
	if (count == MESSAGES)
		return;
	program_put(AT_MESSAGE, &message, 8 + len);
	err_t err = sys_msgsnd(id, program_at(AT_MESSAGE), len, NOWAIT);
	EXPECT_EQ(err, bytes + len <= ROOM ? OK : EAGAIN);
	if (err != OK)
		return;
	queue[count++] = (struct message){ message.type, len, message.stamp[0] };
	bytes += len;
}

/** The place of the message that msgrcv(2) says comes. => count: none */
static u32
find(i64 type, bool except)
{
	u32 best = count;
	for (u32 i = 0; i < count; i++) {
		if (type == 0)
			return i;
		if (type > 0 && (queue[i].type == type) != except)
			return i;
		if (type < 0 && queue[i].type <= -type && (best == count || queue[i].type < queue[best].type))
			best = i;
	}
	return best;
}

static void
step_receive(void)
{
	struct { i64 type; u32 stamp; } message;
	i64 type = (i64)draw(2 * TYPES + 1) - TYPES;
	bool except = type > 0 && draw(4) == 0, cut = draw(2) == 0;
	u32 room = 4 + draw(2500), at = find(type, except);
	u64 got = 0;
	err_t err = sys_msgrcv(id, program_at(AT_MESSAGE), room, type, NOWAIT | (except ? EXCEPT : 0) | (cut ? NOERROR : 0), &got);
	EXPECT_EQ(err, at == count ? ENOMSG : queue[at].len > room && !cut ? E2BIG : OK);
	if (err != OK || at == count)
		return;
	EXPECT_EQ(got, MIN(room, queue[at].len));
	program_get(AT_MESSAGE, &message, 12);
	EXPECT_EQ(message.type, queue[at].type);
	EXPECT_EQ(message.stamp, queue[at].stamp);
	bytes -= queue[at].len;
	count--;
	for (u32 i = at; i < count; i++)
		queue[i] = queue[i + 1];
}

static void
check_status(void)
{
	/** struct msqid_ds */
	struct { u64 perm[6], stime, rtime, ctime, cbytes, qnum, qbytes; u32 pids[2]; u64 rest[2]; } status;
	u64 unused = 0;
	EXPECT_EQ(sys_msgctl(id, 2, program_at(AT_OPS), &unused), OK);
	program_get(AT_OPS, &status, sizeof(status));
	EXPECT_EQ(status.cbytes, bytes);
	EXPECT_EQ(status.qnum, count);
}

PROGRAM_TEST(messages_are_those_of_the_model)
{
	u64 got = 0;
	EXPECT_EQ(sys_msgget(0, 0600, &got), OK);
	id = (i32)got, seed = 3, count = 0, bytes = 0;
	for (u32 i = 0; i < STEPS; i++) {
		if (draw(2) == 0)
			step_send();
		else
			step_receive();
		if (i % 8 == 0)
			check_status();
	}
	EXPECT_EQ(sys_msgctl(id, RMID, UADDR(0), &got), OK);
}

/* --- semaphores --- */

struct operation { u16 number; i16 by, flags; };

PROGRAM_TEST(semaphore_operations_are_done_whole_or_not_at_all)
{
	u64 got = 0;
	i32 values[SEMS] = {};
	EXPECT_EQ(sys_semget(0, SEMS, 0600, &got), OK);
	i32 set = (i32)got;
	seed = 9;
	for (u32 i = 0; i < STEPS; i++) {
		struct operation operations[6];
		u32 n = 1 + draw(6);
		i32 after[SEMS];
		err_t expected = OK;
		for (u32 j = 0; j < SEMS; j++)
			after[j] = values[j];
		for (u32 j = 0; j < n; j++) {
			struct operation *one = &operations[j];
			*one = (struct operation){ (u16)draw(SEMS), (i16)((i32)draw(9) - 4), NOWAIT };
			if (draw(60) == 0)
				one->by = 32767;
			if (expected != OK)
				continue;
			i32 next = after[one->number] + one->by;
			if (one->by == 0 ? after[one->number] != 0 : next < 0)
				expected = EAGAIN;
			else if (next > 32767)
				expected = ERANGE;
			after[one->number] = next;
		}
		EXPECT_EQ(sys_semop(set, program_put(AT_OPS, operations, n * sizeof(operations[0])), n), expected);
		for (u32 j = 0; j < SEMS && expected == OK; j++)
			values[j] = after[j];
		u16 all[SEMS];
		EXPECT_EQ(sys_semctl(set, 0, GETALL, program_at(AT_MESSAGE).raw, &got), OK);
		program_get(AT_MESSAGE, all, sizeof(all));
		for (u32 j = 0; j < SEMS; j++)
			EXPECT_EQ(all[j], values[j]);
	}
	EXPECT_EQ(sys_semctl(set, 0, RMID, 0, &got), OK);
}
