// SPDX-License-Identifier: MPL-2.0
/**
 * The kernel log: a ring of text lines, the console, and the log calls of services.
 *
 * A line is put together on the caller's stack, so memory that a service hands in is read before any lock is taken. A
 * CPU that is
 * interrupted inside the log (NMI, panic) and logs again loses that line from the ring, and never waits for itself.
 */
#include <arch/string.h>
#include <debug/debug_impl.h>
#include <sync/raw_lock.h>

enum : u32 { LOG_RING_SIZE = 64 * 1024, LOG_LINE_MAX = 384, LOG_CHUNK = 256 };

static struct raw_lock log_lock;
static u8 log_ring[LOG_RING_SIZE] GUARDED_BY(&log_lock);
static u64 log_head GUARDED_BY(&log_lock);   /* positions in the stream since boot; what is at p lies in log_ring[p % size] */
static u64 log_tail GUARDED_BY(&log_lock);   /* start of the oldest whole line */
static struct raw_lock console_lock;         /* whole lines on the console; never taken with log_lock held */
static u8 log_console = LOG_INFO;            /* [atomic] */
static u32 log_inside[CPU_MAX];              /* [self] this CPU is inside the log or the console: do not wait for a lock */

bool
log_enter(u64 *flags)
{
	*flags = arch_irq_save();
	u32 *inside = &log_inside[this_cpu()->id % CPU_MAX];
	if (*inside != 0) {
		arch_irq_restore(*flags);
		return false;
	}
	*inside = 1;
	return true;
}

void
log_leave(u64 flags)
{
	log_inside[this_cpu()->id % CPU_MAX] = 0;
	arch_irq_restore(flags);
}

static void
log_append(const u8 *line, size_t len) MUST_HOLD(&log_lock)
{
	while (log_head + len - log_tail > LOG_RING_SIZE)
		while (log_ring[log_tail++ % LOG_RING_SIZE] != '\n')
			continue;
	for (size_t i = 0; i < len; i++)
		log_ring[log_head++ % LOG_RING_SIZE] = line[i];
}

/** Writes a piece of text to the console or the log's channel, whole. */
static void
emit(void (*write)(const u8 *text, size_t len), const u8 *text, size_t len)
{
	u64 flags, outer;

	if (!log_enter(&outer))
		return write(text, len);
	flags = raw_acquire(&console_lock);
	write(text, len);
	raw_release(&console_lock, flags);
	log_leave(outer);
}

static u32
digits(u64 value)
{
	u32 n = 1;
	while (value >= 10) {
		value /= 10;
		n++;
	}
	return n;
}

/** "<6>[    0.123456] cpu0: " into dst; *console is where the console's part begins. */
static size_t
log_prefix(struct bytes dst, enum log_level level, size_t *console)
{
	u64 now = arch_clock_ns(), seconds = now / NS_PER_SEC, micros = now / NS_PER_US % 1000000;
	struct cbytes blanks = cbytes_sub(TEXT("    "), 0, 5 - MIN(digits(seconds), 5u));
	struct cbytes zeroes = cbytes_sub(TEXT("00000"), 0, 6 - digits(micros));
	u64 flags = arch_irq_save();
	u32 cpu = this_cpu()->id;

	arch_irq_restore(flags);
	*console = 2 + digits(level);
	return format_text(dst, "<{}>[{}{}.{}{}] cpu{}: ", level, blanks, seconds, zeroes, micros, cpu);
}

/** Control characters could forge lines or talk to the reader's terminal. */
static void
text_flatten(u8 *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] == 0x7f)
			text[i] = ' ';
}

void
log_print(enum log_level level, struct cbytes format, const struct log_arg *args, u32 nargs)
{
	u8 line[LOG_LINE_MAX];
	struct bytes all = { line, sizeof(line) - 1 };
	size_t console, start = log_prefix(all, level, &console);
	size_t len = MIN(start + format_print(bytes_from(all, start), format, args, nargs), all.len);
	u64 flags, outer;

	text_flatten(line + start, len - start);
	line[len++] = '\n';
	if (log_enter(&outer)) {
		flags = raw_acquire(&log_lock);
		log_append(line, len);
		raw_release(&log_lock, flags);
		log_leave(outer);
	}
	if (level <= __atomic_load_n(&log_console, __ATOMIC_RELAXED))
		emit(arch_log_write, line + console, len - console);
}

/**
 * Up to `max` bytes at *pos into `chunk`; *pos is brought into what the ring has, and moved. Any context but inside the
 * log.
 */
static size_t
log_take(u64 *pos, u8 *chunk, size_t max)
{
	u64 flags = raw_acquire(&log_lock);
	u64 at = MIN(MAX(*pos, log_tail), log_head);
	size_t len = MIN(max, log_head - at);

	for (size_t i = 0; i < len; i++)
		chunk[i] = log_ring[(at + i) % LOG_RING_SIZE];
	raw_release(&log_lock, flags);
	*pos = at + len;
	return len;
}

size_t
log_read(u64 *pos, struct bytes dst)
{
	u8 chunk[LOG_CHUNK];
	u64 at = *pos, outer;
	size_t done = 0, len = 1;

	while (done < dst.len && len > 0) {
		if (!log_enter(&outer))
			break;
		len = log_take(&at, chunk, MIN(dst.len - done, sizeof(chunk)));
		log_leave(outer);
		memcpy(dst.ptr + done, chunk, len);
		done += len;
	}
	*pos = at;
	return done;
}

void
log_console_level(enum log_level level)
{
	__atomic_store_n(&log_console, (u8)level, __ATOMIC_RELAXED);
}

void
console_write(struct cbytes text)
{
	u8 chunk[LOG_CHUNK];

	for (size_t done = 0, len; done < text.len; done += len) {
		len = MIN(text.len - done, sizeof(chunk));
		memcpy(chunk, text.ptr + done, len);
		emit(arch_console_write, chunk, len);
	}
}

bool
console_read(u8 *out)
{
	u8 byte;
	bool got = arch_console_read(&byte);

	if (got)
		*out = byte;
	return got;
}
