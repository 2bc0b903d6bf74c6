// SPDX-License-Identifier: MPL-2.0
// Pipes beside a queue of bytes: writes, reads, splice and tee of random lengths keep every byte in its order.
#include <program.h>

#include <cred.h>
#include <syscall_handlers.h>
#include <uio.h>

enum : u32 { STEPS = 3000, NONBLOCK = 04000, SETPIPE = 1031, GETPIPE = 1032, FIONREAD = 0x541b, CHUNK = 9000, ROOM = 1 << 21, PIPE_ATOMIC = 4096 };
enum : u64 { AT_FDS = 0, AT_COUNT = 64, AT_BUFFER = 4096 };

struct queue { u8 bytes[ROOM]; u32 head, tail; i32 read_fd, write_fd; };
static struct queue queues[2];   /* [self] of the test's thread, as are these */
static u8 buffer[CHUNK];
static u64 seed;
static u8 next_byte;

static u32 draw(u32 below) { return program_random(&seed, below); }

static void
queue_open(struct queue *queue)
{
	i32 fds[2];
	EXPECT_EQ(sys_pipe2(program_at(AT_FDS), NONBLOCK), OK);
	program_get(AT_FDS, fds, sizeof(fds));
	queue->read_fd = fds[0], queue->write_fd = fds[1];
	queue->head = queue->tail = 0;
}

static u32 queue_len(const struct queue *queue) { return queue->tail - queue->head; }

static void
queue_put(struct queue *queue, const u8 *from, u32 n)
{
	for (u32 i = 0; i < n; i++)
		queue->bytes[queue->tail++ % ROOM] = from[i];
}

static void
step_write(struct queue *queue)
{
	u32 n = draw(4) == 0 ? draw(CHUNK) : draw(200);
	u64 moved = 0;
	for (u32 i = 0; i < n; i++)
		buffer[i] = (u8)(next_byte + i * 3 + (i >> 8));
	next_byte += 7;
	err_t err = sys_write(queue->write_fd, program_put(AT_BUFFER, buffer, n), n, &moved);
	EXPECT(err == OK || err == EAGAIN);
	if (err != OK)
		return;
	EXPECT(moved <= n && (n > PIPE_ATOMIC || moved == n));
	queue_put(queue, buffer, (u32)moved);
}

static void
step_read(struct queue *queue)
{
	u32 n = draw(3) == 0 ? draw(CHUNK) : draw(300);
	u64 moved = 0;
	err_t err = sys_read(queue->read_fd, program_at(AT_BUFFER), n, &moved);
	if (queue_len(queue) == 0 && n != 0) {
		EXPECT_EQ(err, EAGAIN);
		return;
	}
	EXPECT_EQ(err, OK);
	EXPECT_EQ(moved, MIN(n, queue_len(queue)));
	program_get(AT_BUFFER, buffer, moved);
	u32 wrong = 0;
	for (u32 i = 0; i < moved; i++)
		wrong += buffer[i] != queue->bytes[queue->head++ % ROOM];
	EXPECT_EQ(wrong, 0);
}

static void
step_splice(struct queue *from, struct queue *to)
{
	u64 moved = 0;
	u32 n = 1 + draw(CHUNK);
	bool copy = draw(2) == 0;
	err_t err = copy ? sys_tee(from->read_fd, to->write_fd, n, 2, &moved) : sys_splice(from->read_fd, UADDR(0), to->write_fd, UADDR(0), n, 2, &moved);
	EXPECT(err == OK || err == EAGAIN);
	if (err != OK)
		return;
	EXPECT(moved <= MIN(n, queue_len(from)) && moved != 0);
	for (u32 i = 0; i < moved; i++)
		queue_put(to, &from->bytes[(from->head + i) % ROOM], 1);
	if (!copy)
		from->head += (u32)moved;
}

static void
step_resize(struct queue *queue)
{
	u64 size = 0, now = 0;
	err_t err = sys_fcntl(queue->write_fd, SETPIPE, 1 + draw(300000), &size);
	EXPECT(err == OK || err == EBUSY);
	EXPECT_EQ(sys_fcntl(queue->read_fd, GETPIPE, 0, &now), OK);
	EXPECT(err != OK || now == size);
}

static void
check_count(struct queue *queue)
{
	u64 unused = 0;
	i32 n = 0;
	EXPECT_EQ(sys_ioctl(queue->read_fd, FIONREAD, program_at(AT_COUNT).raw, &unused), OK);
	program_get(AT_COUNT, &n, sizeof(n));
	EXPECT_EQ(n, queue_len(queue));
}

static void
drain(struct queue *queue)
{
	while (queue_len(queue) != 0) {
		u32 before = queue_len(queue);
		step_read(queue);
		if (before == queue_len(queue) && draw(1000) == 0)
			break;
	}
	EXPECT_EQ(queue_len(queue), 0);
	EXPECT_EQ(sys_close(queue->write_fd), OK);
	u64 moved = 1;
	EXPECT_EQ(sys_read(queue->read_fd, program_at(AT_BUFFER), 10, &moved), OK);
	EXPECT_EQ(moved, 0);
	EXPECT_EQ(sys_close(queue->read_fd), OK);
}

PROGRAM_TEST(bytes_of_pipes_stay_in_order)
{
	for (u64 with = 1; with <= 3; with++) {
		seed = with;
		queue_open(&queues[0]);
		queue_open(&queues[1]);
		for (u32 i = 0; i < STEPS; i++) {
			struct queue *one = &queues[draw(2)], *other = one == &queues[0] ? &queues[1] : &queues[0];
			u32 what = draw(12);
			if (what < 5)
				step_write(one);
			else if (what < 9)
				step_read(one);
			else if (what < 11)
				step_splice(one, other);
			else
				step_resize(one);
			check_count(one);
			check_count(other);
		}
		drain(&queues[0]);
		drain(&queues[1]);
	}
}

/* Writers and readers at once: what is written is read, once. */
static i32 shared_fds[2];
static u64 sum_written, sum_read;   /* [atomic] */
static u32 writers;                 /* [atomic] that go on */
enum : u32 { RECORDS = 400, RECORD = 64 };

static void
record_writer(void)
{
	static u32 numbers;
	u64 number = __atomic_fetch_add(&numbers, 1, __ATOMIC_SEQ_CST) % 8, moved = 0;
	for (u64 i = 0; i < RECORDS; i++) {
		u64 record[RECORD / 8];
		for (u32 j = 0; j < COUNTOF(record); j++)
			record[j] = i + 1;
		EXPECT_EQ(sys_write(shared_fds[1], program_put(AT_BUFFER + number * 4096, record, RECORD), RECORD, &moved), OK);
		EXPECT_EQ(moved, RECORD);
		__atomic_fetch_add(&sum_written, i + 1, __ATOMIC_SEQ_CST);
	}
	if (__atomic_sub_fetch(&writers, 1, __ATOMIC_SEQ_CST) == 0)
		EXPECT_EQ(sys_close(shared_fds[1]), OK);
}

static void
record_reader(void)
{
	static u32 numbers;
	u64 number = 8 + __atomic_fetch_add(&numbers, 1, __ATOMIC_SEQ_CST) % 8, moved = 1;
	while (sys_read(shared_fds[0], program_at(AT_BUFFER + number * 4096), RECORD, &moved) == OK && moved != 0) {
		u64 record[RECORD / 8];
		EXPECT_EQ(moved, RECORD);   /* what is written in one piece up to PIPE_BUF stays in one */
		program_get(AT_BUFFER + number * 4096, record, RECORD);
		for (u32 j = 1; j < COUNTOF(record); j++)
			EXPECT_EQ(record[j], record[0]);
		__atomic_fetch_add(&sum_read, record[0], __ATOMIC_SEQ_CST);
	}
}

PROGRAM_TEST(records_of_many_writers_reach_many_readers_whole)
{
	sum_written = sum_read = 0;
	EXPECT_EQ(sys_pipe2(program_at(AT_FDS), 0), OK);
	program_get(AT_FDS, shared_fds, sizeof(shared_fds));
	writers = 3;
	for (u32 i = 0; i < 3; i++) {
		program_thread(record_writer);
		program_thread(record_reader);
	}
	program_join();                 /* 3 * 400 * 64 bytes do not fit: readers are needed */
	EXPECT_EQ(sum_read, sum_written);
}
