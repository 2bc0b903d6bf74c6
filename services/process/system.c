// SPDX-License-Identifier: MPL-2.0
/**
 * The machine as a whole: names, memory, the kernel log, switching off.
 *
 * Source: uname(2), sysinfo(2), syslog(2), reboot(2).
 */
#include "process_impl.h"

#include <cadre/boot.h>
#include <cadre/cpu.h>
#include <cadre/time.h>

#include <tty.h>

/* --- names --- */

enum : u32 { NAME_FIELD = 65, HOSTNAME_MAX = 64 };
struct utsname { u8 system[NAME_FIELD], node[NAME_FIELD], release[NAME_FIELD], version[NAME_FIELD], machine[NAME_FIELD], domain[NAME_FIELD]; };

static struct spin_lock name_lock;
static struct utsname names = { "Linux", "(none)", "6.1.0-cadre", "#1 SMP PREEMPT Cadre", "x86_64", "(none)" }; /* node, domain: under name_lock */

enum : u32 { PERSONALITY_KIND = 0xff, PERSONALITY_LINUX32 = 8 };   /* personality(2) */

err_t
sys_uname(uaddr_t at)
{
	struct utsname copy = {};
	{
		SPIN_SCOPE(&name_lock);
		copy = names;
	}
	/* setarch(8): programs that build for the smaller machine are told that this is one. */
	if ((atomic32_load_relaxed(&process_current()->personality) & PERSONALITY_KIND) == PERSONALITY_LINUX32)
		bytes_copy(BYTES_OF(copy.machine), TEXT("i686\0\0"));
	return copy_out_value(at, copy);
}

size_t
process_hostname(bool domain, struct bytes name)
{
	SPIN_SCOPE(&name_lock);
	struct bytes field = domain ? BYTES_OF(names.domain) : BYTES_OF(names.node);
	size_t len = 0;
	while (bytes_get(field, len) != 0)
		len++;
	bytes_copy(name, bytes_const(bytes_sub(field, 0, MIN(len, bytes_len(name)))));
	return len;
}

err_t
process_set_hostname(bool domain, struct cbytes name)
{
	if (cbytes_len(name) > HOSTNAME_MAX)
		return EINVAL;
	SPIN_SCOPE(&name_lock);
	struct bytes field = domain ? BYTES_OF(names.domain) : BYTES_OF(names.node);
	bytes_fill(field, 0);
	bytes_copy(field, name);
	return OK;
}

static err_t
name_set(bool domain, uaddr_t at, i32 len)
{
	u8 name[HOSTNAME_MAX] = {};
	if (!capable(CAP_SYS_ADMIN))
		return EPERM;
	if (len < 0 || len > (i32)HOSTNAME_MAX)
		return EINVAL;
	TRY(copy_in(bytes_sub(BYTES_OF(name), 0, (size_t)len), at));
	return process_set_hostname(domain, cbytes_sub(CBYTES_OF(name), 0, (size_t)len));
}

err_t
sys_sethostname(uaddr_t name, i32 len)
{
	return name_set(false, name, len);
}

err_t
sys_setdomainname(uaddr_t name, i32 len)
{
	return name_set(true, name, len);
}

/* --- memory and load --- */

/** struct sysinfo of <linux/sysinfo.h>, with its padding named. Plain data. */
struct sysinfo {
	i64 uptime;
	u64 loads[3], total, free, shared, buffers, swap_total, swap_free;
	u16 processes, pad;
	u32 pad2;
	u64 high_total, high_free;
	u32 unit, pad3;
};
static_assert(sizeof(struct sysinfo) == 112);

err_t
sys_sysinfo(uaddr_t at)
{
	struct memory_stat memory = memory_stat();
	u32 threads = atomic32_load_relaxed(&thread_total);
	struct sysinfo info = { .uptime = (i64)((clock_now() + NS_PER_SEC - 1) / NS_PER_SEC), .total = memory.total << PAGE_SHIFT,
		.free = memory.free << PAGE_SHIFT, .processes = (u16)MIN(threads, (u32)0xffff), .unit = 1 };
	return copy_out_value(at, info);
}

err_t
sys_getcpu(uaddr_t cpu, uaddr_t node, uaddr_t cache)
{
	u32 here = 0, zero = 0;
	(void)cache;
	preempt_disable();
	here = cpu_current();
	preempt_enable();
	if (cpu.raw != 0)
		TRY(copy_out_value(cpu, here));
	return node.raw != 0 ? copy_out_value(node, zero) : OK;
}

/* --- the log --- */

enum syslog_action : i32 {
	SYSLOG_CLOSE, SYSLOG_OPEN, SYSLOG_READ, SYSLOG_READ_ALL, SYSLOG_READ_CLEAR, SYSLOG_CLEAR, SYSLOG_CONSOLE_OFF, SYSLOG_CONSOLE_ON,
	SYSLOG_CONSOLE_LEVEL, SYSLOG_SIZE_UNREAD, SYSLOG_SIZE_BUFFER,
};
enum : u32 { LOG_BUFFER = 64 << 10, LOG_PIECE = 4096 };
static struct atomic64 log_cleared;     /* position that READ_ALL begins at */
static struct atomic64 log_taken;       /* position that READ has come to */

/** Copies log text from *pos on to the program, at most `len` bytes. */
static err_t
log_copy(uaddr_t buf, u64 len, u64 *scoped pos, u64 *scoped done)
{
	REF_SCOPE(byte_array, piece);
	piece = byte_array_alloc(LOG_PIECE);
	if (piece == nullptr)
		return ENOMEM;
	while (*done < len) {
		size_t got = log_read(pos, bytes_sub(byte_array_bytes(piece), 0, MIN(len - *done, (u64)LOG_PIECE)));
		if (got == 0)
			return OK;
		TRY(copy_out(UADDR(buf.raw + *done), bytes_const(bytes_sub(byte_array_bytes(piece), 0, got))));
		*done += got;
	}
	return OK;
}

/** Bytes of log from `pos` to the end; *end is the end's position. */
static u64
log_length(u64 pos, u64 *scoped end)
{
	u8 piece[256] = {};
	u64 total = 0;
	for (size_t got = log_read(&pos, BYTES_OF(piece)); got != 0; got = log_read(&pos, BYTES_OF(piece)))
		total += got;
	*end = pos;
	return total;
}

/** The last `len` bytes since the last clearing. */
static err_t
log_read_all(uaddr_t buf, u64 len, bool clear, u64 *scoped result)
{
	u64 pos = atomic64_load(&log_cleared), end = 0, total = log_length(pos, &end);
	if (total > len)
		pos = end - len;
	TRY(log_copy(buf, len, &pos, result));
	if (clear)
		atomic64_store(&log_cleared, end);
	return OK;
}

static err_t
log_take(uaddr_t buf, u64 len, u64 *scoped result)
{
	u64 pos = atomic64_load(&log_taken);
	while (*result == 0) {
		TRY(log_copy(buf, len, &pos, result));
		if (*result == 0)
			TRY(restartable(task_sleep_until(clock_now() + 100 * NS_PER_MS, true)));
	}
	atomic64_store(&log_taken, pos);
	return OK;
}

err_t
sys_syslog(i32 type, uaddr_t buf, i32 len, u64 *scoped result)
{
	u64 unused = 0, end = 0;
	bool reads = type == SYSLOG_READ || type == SYSLOG_READ_ALL || type == SYSLOG_READ_CLEAR;
	if (type != SYSLOG_READ_ALL && type != SYSLOG_SIZE_BUFFER && !capable(CAP_SYSLOG) && !capable(CAP_SYS_ADMIN))
		return EPERM;
	if (reads && (buf.raw == 0 || len < 0))
		return EINVAL;
	if (reads && len == 0)
		return OK;
	switch (type) {
	case SYSLOG_CLOSE:
	case SYSLOG_OPEN: return OK;
	case SYSLOG_READ: return log_take(buf, (u32)len, result);
	case SYSLOG_READ_ALL: return log_read_all(buf, (u32)len, false, result);
	case SYSLOG_READ_CLEAR: return log_read_all(buf, (u32)len, true, result);
	case SYSLOG_CLEAR: (void)log_length(atomic64_load(&log_cleared), &end); atomic64_store(&log_cleared, end); return OK;
	case SYSLOG_CONSOLE_OFF: log_console_level(LOG_ERROR); return OK;
	case SYSLOG_CONSOLE_ON: log_console_level(LOG_WARN); return OK;
	case SYSLOG_CONSOLE_LEVEL:
		if (len < 1 || len > 8)
			return EINVAL;
		log_console_level((enum log_level)(len - 1));
		return OK;
	case SYSLOG_SIZE_UNREAD: *result = log_length(atomic64_load(&log_taken), &unused); return OK;
	case SYSLOG_SIZE_BUFFER: *result = LOG_BUFFER; return OK;
	default: return EINVAL;
	}
}

/* --- the end of the machine --- */

enum reboot_number : u32 {
	REBOOT_MAGIC1 = 0xfee1dead, REBOOT_MAGIC2 = 672274793, REBOOT_MAGIC2A = 85072278, REBOOT_MAGIC2B = 369367448, REBOOT_MAGIC2C = 537993216,
	REBOOT_RESTART = 0x1234567, REBOOT_HALT = 0xcdef0123, REBOOT_CAD_ON = 0x89abcdef, REBOOT_CAD_OFF = 0, REBOOT_POWER_OFF = 0x4321fedc,
	REBOOT_RESTART2 = 0xa1b2c3d4, REBOOT_SUSPEND = 0xd000fce2, REBOOT_KEXEC = 0x45584543,
};

static bool
magic_is_right(u32 magic1, u32 magic2)
{
	return magic1 == REBOOT_MAGIC1 &&
	       (magic2 == REBOOT_MAGIC2 || magic2 == REBOOT_MAGIC2A || magic2 == REBOOT_MAGIC2B || magic2 == REBOOT_MAGIC2C);
}

err_t
sys_reboot(u32 magic1, u32 magic2, u32 command, uaddr_t arg)
{
	u8 text[256] = {};
	size_t len = 0;
	if (!capable(CAP_SYS_BOOT))
		return EPERM;
	if (!magic_is_right(magic1, magic2))
		return EINVAL;
	switch (command) {
	case REBOOT_RESTART2: TRY(copy_in_string(BYTES_OF(text), arg, &len)); [[fallthrough]];
	case REBOOT_RESTART: log_info("reboot: restarting"); tty_drain_all(); power_restart();
	case REBOOT_HALT:
	case REBOOT_POWER_OFF: log_info("reboot: power off"); tty_drain_all(); power_off(0);
	/* There is no keyboard whose Ctrl-Alt-Del could be meant. */
	case REBOOT_CAD_ON:
	case REBOOT_CAD_OFF: return OK;
	default: return EINVAL;
	}
}
