// SPDX-License-Identifier: MPL-2.0
/**
 * /dev/kmsg: the kernel log, a record a read, and lines from programs into it.
 *
 * The framework's log is a stream of lines "<level>[seconds.micros] text". A record is "level,number,microseconds,-;text". A reader counts the
 * records itself, from the oldest it met. The log wakes nobody: readers that wait look again ten times a second.
 *
 * Source: dev-kmsg in the Linux kernel's ABI documentation.
 */
#include <clock.h>
#include <poll.h>
#include <thread.h>

#include "devfs_impl.h"

enum : u32 { MINOR_KMSG = 11, LINE_MAX = 512, LOG_STEP = 128, RECORD_MAX = LINE_MAX + 64, WRITE_MAX = 1000, KMSG_SEEK_SET = 0, KMSG_SEEK_DATA = 3, KMSG_SEEK_END = 2 };
enum : u64 { LOOK_NS = 100 * NS_PER_MS };

/** An open /dev/kmsg. */
struct kmsg {
	struct mutex lock;
	u64 position GUARDED_BY(&lock);     /* in the log's stream */
	u64 number GUARDED_BY(&lock);       /* of the next record */
};
OBJECT_DECLARE(kmsg);
OBJECT_DEFINE(kmsg);

static struct poll_queue readers;
static struct timer *clock_tick;
static u64 cleared;                     /* [atomic in effect] where SEEK_DATA begins: the log was cleared there */

static void
tick(struct object *arg)
{
	(void)arg;
	poll_wake(&readers, POLL_IN | POLL_RDNORM);
}

/** The log's next line without its end, into `line`; *position moves past it. => its length; 0: there is none yet */
static size_t
line_next(u64 *scoped position, struct bytes line)
{
	u64 at = *position;
	u8 step[LOG_STEP] = {};
	size_t len = 0;
	for (;;) {
		u64 before = at;
		size_t n = log_read(&at, BYTES_OF(step)), i = 0;
		if (n == 0)
			return 0;
		while (i < n && step[i] != '\n')
			i++;
		size_t fits = MIN(i, bytes_len(line) - len);
		bytes_copy(bytes_from(line, len), cbytes_sub(CBYTES_OF(step), 0, fits));
		len += fits;
		if (i < n) {
			/* What was overwritten meanwhile is passed over: `at` says where this step ended. */
			(void)before;
			*position = at - n + i + 1;
			return len;
		}
	}
}

/** A decimal number in `line` at *at, which moves behind it. */
static u64
number_at(struct cbytes line, size_t *scoped at)
{
	u64 value = 0;
	for (; *at < cbytes_len(line) && cbytes_get(line, *at) >= '0' && cbytes_get(line, *at) <= '9'; *at += 1)
		value = value * 10 + (cbytes_get(line, *at) - '0');
	return value;
}

static void
pass(struct cbytes line, size_t *scoped at, u8 byte)
{
	while (*at < cbytes_len(line) && cbytes_get(line, *at) == byte)
		*at += 1;
}

/** A line of the log, taken apart. */
struct entry { u64 level, micros; size_t text; };

static struct entry
entry_of(struct cbytes line)
{
	struct entry entry = {};
	size_t at = 0;
	pass(line, &at, '<');
	entry.level = number_at(line, &at);
	pass(line, &at, '>');
	pass(line, &at, '[');
	pass(line, &at, ' ');
	entry.micros = number_at(line, &at) * 1000000;
	pass(line, &at, '.');
	entry.micros += number_at(line, &at);
	pass(line, &at, ']');
	pass(line, &at, ' ');
	entry.text = at;
	return entry;
}

static bool
has_more(struct kmsg *kmsg)
{
	MUTEX_SCOPE(&kmsg->lock);
	u64 at = kmsg->position;
	u8 byte = 0;
	return log_read(&at, BYTES_OF(byte)) > 0;
}

static err_t
await(struct kmsg *kmsg, u32 flags)
{
	if (has_more(kmsg))
		return OK;
	if ((flags & O_NONBLOCK) != 0)
		return EAGAIN;
	for (;;) {
		err_t err = WAIT_UNTIL(&readers.wait, has_more(kmsg), WAIT_INTERRUPTIBLE, deadline_after(LOOK_NS));
		if (err != ETIMEDOUT)
			return restartable(err);
	}
}

static err_t
kmsg_read(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	struct kmsg *kmsg = kmsg_from(file->private);
	u8 line[LINE_MAX] = {}, record[RECORD_MAX] = {};
	(void)off;
	TRY(await(kmsg, flags));
	MUTEX_SCOPE(&kmsg->lock);
	u64 position = kmsg->position;
	size_t len = line_next(&position, BYTES_OF(line));
	if (len == 0)
		return EAGAIN;
	struct entry entry = entry_of(cbytes_sub(CBYTES_OF(line), 0, len));
	struct cbytes text = cbytes_sub(CBYTES_OF(line), entry.text, len - entry.text);
	size_t n = format_text(BYTES_OF(record), "{},{},{},-;{}\n", entry.level, kmsg->number, entry.micros, text);
	if (n > uio->left)
		return EINVAL;
	kmsg->position = position;
	kmsg->number++;
	return uio_put(uio, cbytes_sub(CBYTES_OF(record), 0, MIN(n, sizeof(record))));
}

/** A line of a program's, which may have its level in front: "<3>text". */
static err_t
kmsg_write(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	u8 text[WRITE_MAX] = {};
	size_t len = uio->left, at = 0;
	u64 level = 4;
	(void)file, (void)off, (void)flags;
	if (len > WRITE_MAX)
		return EINVAL;
	TRY(uio_take(uio, bytes_sub(BYTES_OF(text), 0, len)));
	struct cbytes line = cbytes_sub(CBYTES_OF(text), 0, len);
	if (len > 2 && text[0] == '<') {
		size_t behind = 1;
		u64 given = number_at(line, &behind);
		if (behind > 1 && behind < len && cbytes_get(line, behind) == '>') {
			level = given & 7;
			at = behind + 1;
		}
	}
	while (len > at && cbytes_get(line, len - 1) == '\n')
		len--;
	struct cbytes message = cbytes_sub(line, at, len - at);
	if (level <= LOG_ERROR)
		log_error("{}", message);
	else if (level == LOG_WARN)
		log_warn("{}", message);
	else if (level <= LOG_INFO)
		log_info("{}", message);
	else
		log_debug("{}", message);
	return OK;
}

static u32
kmsg_poll(struct file *file, struct poll_table *scoped table)
{
	poll_add(table, &readers);
	if (has_more(kmsg_from(file->private)))
		return POLL_IN | POLL_RDNORM | POLL_OUT | POLL_WRNORM;
	timer_set(clock_tick, deadline_after(LOOK_NS));
	return POLL_OUT | POLL_WRNORM;
}

static err_t
kmsg_seek(struct file *file, i64 off, u32 whence, u64 *scoped result)
{
	struct kmsg *kmsg = kmsg_from(file->private);
	*result = 0;
	if (off != 0)
		return ESPIPE;
	if (whence != KMSG_SEEK_SET && whence != KMSG_SEEK_DATA && whence != KMSG_SEEK_END)
		return EINVAL;
	MUTEX_SCOPE(&kmsg->lock);
	kmsg->position = whence == KMSG_SEEK_DATA ? cleared : 0;
	if (whence != KMSG_SEEK_END)
		return OK;
	u8 step[LOG_STEP] = {};
	while (log_read(&kmsg->position, BYTES_OF(step)) > 0)
		continue;
	return OK;
}

static void
kmsg_file_release(struct file *file)
{
	kmsg_put(kmsg_from(file->private));
}

static const struct file_ops kmsg_ops = { .read = kmsg_read, .write = kmsg_write, .poll = kmsg_poll, .seek = kmsg_seek, .release = kmsg_file_release };

/** Reading it is for CAP_SYSLOG alone (dmesg_restrict is on in Debian). */
static err_t
kmsg_open(struct file *file, u32 minor)
{
	(void)minor;
	if ((file->mode & FILE_READ) != 0 && !capable(CAP_SYSLOG))
		return EPERM;
	struct kmsg *kmsg = kmsg_alloc();
	if (kmsg == nullptr)
		return ENOMEM;
	file->private = kmsg_object(kmsg);
	return OK;
}

static const struct device_ops kmsg_device = { .open = kmsg_open, .file_ops = &kmsg_ops };

err_t
kmsg_init(void)
{
	TRY(timer_create(tick, nullptr, &clock_tick));
	device_register(MEM_MAJOR, MINOR_KMSG, 1, &kmsg_device);
	return devfs_add(TEXT("kmsg"), S_IFCHR | 0644, 0, 0, MEM_MAJOR, MINOR_KMSG);
}
