// SPDX-License-Identifier: MPL-2.0
/**
 * The kernel log: a ring of text lines, the console, and the log calls of services.
 *
 * A line is put together on the caller's stack, so memory that a service hands in is read before any lock is taken. A
 * CPU that is interrupted inside the log (NMI, panic) and logs again loses that line from the ring, and never waits for
 * itself.
 */
#include <arch/string.h>
#include <debug/debug_impl.h>
#include <sync/raw_lock.h>

enum : u32 { LOG_RING_SIZE = 64 * 1024, LOG_LINE_MAX = 384, LOG_CHUNK = 256 };

static struct raw_lock log_lock;
static u8 log_ring[LOG_RING_SIZE] GUARDED_BY(&log_lock);
/* Positions in the stream since boot; what is at p lies in log_ring[p % size]. */
static u64 log_head GUARDED_BY(&log_lock);
static u64 log_tail GUARDED_BY(&log_lock);   /* start of the oldest whole line */
static struct raw_lock console_lock;         /* whole lines on the console; never taken with log_lock held */
static u8 log_console = LOG_INFO;            /* [atomic] */
static u32 log_inside[CPU_MAX];              /* [self] inside the log or the console: do not wait for a lock */

bool
log_enter(u64 *flags)
{
	*flags = arch_irq_save();
	u32 *inside = &log_inside[this_cpu()->id % CPU_MAX];
	bool entered = *inside == 0;
	*inside = 1;
	if (!entered)
		arch_irq_restore(*flags);
	return entered;
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

/**
 * Has `write` write a piece of text, whole, under its lock. From inside the log or the console: straight to the
 * console, and not to the ring.
 */
static void
emit(struct raw_lock *lock, void (*write)(const u8 *text, size_t len), const u8 *text, size_t len)
{
	u64 outer;

	if (!log_enter(&outer))
		return lock == &console_lock ? write(text, len) : (void)0;
	u64 flags = raw_acquire(lock);
	write(text, len);
	raw_release(lock, flags);
	log_leave(outer);
}

/** "<6>[    0.123456] cpu0: " into dst; *console is where the console's part begins. */
static size_t
log_prefix(struct bytes dst, enum log_level level, size_t *console)
{
	u64 now = arch_clock_ns(), seconds = now / NS_PER_SEC, flags = arch_irq_save();
	u32 cpu = this_cpu()->id;
	struct cbytes blanks = cbytes_from(TEXT("     "), MIN(format_text((struct bytes){}, "{}", seconds), 5));
	u8 micros[7];

	arch_irq_restore(flags);
	/* With a million more, for the leading zeroes. */
	format_text(((struct bytes){ micros, sizeof(micros) }), "{}", 1000000 + now / NS_PER_US % 1000000);
	*console = format_text(dst, "<{}>", level);
	return *console + format_text(bytes_from(dst, *console), "[{}{}.{}] cpu{}: ", blanks, seconds,
	                              ((struct cbytes){ micros + 1, sizeof(micros) - 1 }), cpu);
}

void
log_print(enum log_level level, struct cbytes format, const struct log_arg *args, u32 nargs)
{
	u8 line[LOG_LINE_MAX];
	struct bytes all = { line, sizeof(line) - 1 };
	size_t console, start = log_prefix(all, level, &console);
	size_t len = MIN(start + format_print(bytes_from(all, start), format, args, nargs), all.len);

	/* Control characters could forge lines or talk to the reader's terminal. */
	for (size_t i = start; i < len; i++)
		if (line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' ';
	line[len++] = '\n';
	emit(&log_lock, log_append, line, len);
	if (level <= __atomic_load_n(&log_console, __ATOMIC_RELAXED))
		emit(&console_lock, arch_log_write, line + console, len - console);
}

size_t
log_read(u64 *pos, struct bytes dst)
{
	u8 chunk[LOG_CHUNK];   /* dst is a service's memory: written with nothing held */
	u64 at = *pos, outer;
	size_t done = 0;

	for (size_t len = 1; done < dst.len && len > 0 && log_enter(&outer); done += len) {
		u64 flags = raw_acquire(&log_lock);
		at = MIN(MAX(at, log_tail), log_head);
		len = MIN(MIN(dst.len - done, sizeof(chunk)), log_head - at);
		for (size_t i = 0; i < len; i++)
			chunk[i] = log_ring[at++ % LOG_RING_SIZE];
		raw_release(&log_lock, flags);
		log_leave(outer);
		memcpy(dst.ptr + done, chunk, len);
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
		emit(&console_lock, arch_console_write, chunk, len);
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
