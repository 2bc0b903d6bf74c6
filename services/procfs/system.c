// SPDX-License-Identifier: MPL-2.0
/**
 * /proc itself: the table of what concerns the machine, and the mount.
 */
#include <cadre/boot.h>
#include <cadre/cpu.h>
#include <cadre/frame.h>
#include <cadre/time.h>

#include <clock.h>
#include <process.h>
#include <procfs.h>
#include <sysv.h>

#include "proc_impl.h"

enum : u32 { PROC_MAGIC = 0x9fa0 };

static err_t
show_uptime(struct text *text, struct text_node *node)
{
	u64 up = clock_now() / (NS_PER_SEC / 100), idle = cpus_idle_ns() / (NS_PER_SEC / 100);
	(void)node;
	text_print(text, "{}.{}{} {}.{}{}\n", up / 100, up / 10 % 10, up % 10, idle / 100, idle / 10 % 10, idle % 10);
	return OK;
}

static err_t
show_version(struct text *text, struct text_node *node)
{
	(void)node;
	text_put_bytes(text, TEXT("Linux version "));
	proc_put_release(text);
	text_put_bytes(text, TEXT(" (cadre@cadre) (clang version 22) #1 SMP PREEMPT_DYNAMIC Cadre\n"));
	return OK;
}

static err_t
show_boot_cmdline(struct text *text, struct text_node *node)
{
	(void)node;
	size_t len = boot_cmdline(bytes_from(byte_array_bytes(text_room_of(text, 8192)), text->len));
	text_add(text, len);
	text_put_char(text, '\n');
	return OK;
}

static err_t
show_filesystems(struct text *text, struct text_node *node)
{
	u64 at = 0;
	(void)node;
	for (size_t n = 1; n != 0 && !text->failed;) {
		n = fs_types_text(bytes_from(byte_array_bytes(text_room_of(text, 4096)), text->len), &at);
		text_add(text, n);
	}
	return OK;
}

/** Ranges of text that are the same for all time. */
enum fixed : u64 {
	FIXED_EMPTY, FIXED_DEVICES, FIXED_SWAPS, FIXED_PARTITIONS, FIXED_CRYPTO, FIXED_EXECDOMAINS, FIXED_IOMEM, FIXED_IOPORTS, FIXED_CONSOLES, FIXED_MISC,
	FIXED_TTY_DRIVERS, FIXED_CGROUPS, FIXED_MTRR, FIXED_DMA, FIXED_KEY_USERS,
};

static err_t
show_fixed(struct text *text, struct text_node *node)
{
	static const struct { u8 text[400]; } texts[] = {
		[FIXED_EMPTY] = { "" },
		[FIXED_DEVICES] = { "Character devices:\n  1 mem\n  4 /dev/vc/0\n  4 tty\n  4 ttyS\n  5 /dev/tty\n  5 /dev/console\n  5 /dev/ptmx\n 10 misc\n128 ptm\n136 pts\n\nBlock devices:\n" },
		[FIXED_SWAPS] = { "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n" },
		[FIXED_PARTITIONS] = { "major minor  #blocks  name\n\n" },
		[FIXED_CRYPTO] = { "" },
		[FIXED_EXECDOMAINS] = { "0-0\tLinux           \t[kernel]\n" },
		[FIXED_IOMEM] = { "" },
		[FIXED_IOPORTS] = { "" },
		[FIXED_CONSOLES] = { "ttyS0                -W- (EC p  )    4:64\n" },
		[FIXED_MISC] = { "" },
		[FIXED_TTY_DRIVERS] = { "/dev/tty             /dev/tty        5       0 system:/dev/tty\n/dev/console         /dev/console    5       1 system:console\n"
					"/dev/ptmx            /dev/ptmx       5       2 system\nserial               /dev/ttyS       4 64-67 serial\n"
					"pty_slave            /dev/pts      136 0-1048575 pty:slave\npty_master           /dev/ptm      128 0-1048575 pty:master\n" },
		[FIXED_CGROUPS] = { "#subsys_name\thierarchy\tnum_cgroups\tenabled\n" },
		[FIXED_MTRR] = { "" },
		[FIXED_DMA] = { " 4: cascade\n" },
		[FIXED_KEY_USERS] = { "" },
	};
	text_put_string(text, CBYTES_OF(ELEM(texts, node->entry->arg)->text));
	return OK;
}

/** A column for each CPU, and no lines: the framework does not count by source. */
static err_t
show_interrupts(struct text *text, struct text_node *node)
{
	text_put_bytes(text, node->entry->arg == 0 ? TEXT("           ") : TEXT("                    "));
	for (u32 cpu = 0; cpu < cpu_count(); cpu++)
		text_print(text, "CPU{}       ", cpu);
	text_put_char(text, '\n');
	return OK;
}

static err_t
show_ipc(struct text *text, struct text_node *node)
{
	static const struct { void (*show)(struct text *text); } kinds[] = { { sysv_show_shm }, { sysv_show_sem }, { sysv_show_msg } };
	ELEM(kinds, node->entry->arg)->show(text);
	return OK;
}

static err_t
show_self(struct text *text, struct text_node *node)
{
	struct thread *thread = thread_current_or_null();
	if (thread == nullptr)
		return ENOENT;
	text_put_number(text, thread->process->pid, 0);
	if (node->entry->arg != 0)
		text_print(text, "/task/{}", atomic32_load_relaxed(&thread->tid));
	return OK;
}

static err_t
show_link(struct text *text, struct text_node *node)
{
	static const struct { u8 target[16]; } links[] = { { "self/mounts" }, { "self/net" } };
	text_put_string(text, CBYTES_OF(ELEM(links, node->entry->arg)->target));
	return OK;
}

/* --- kmsg: the log as a stream of records (dev_kmsg(4) is the full one; this is what syslog(2) gives) --- */

static err_t
show_log(struct text *text, struct text_node *node)
{
	u64 at = 0;
	(void)node;
	if (!capable(CAP_SYSLOG))
		return EPERM;
	for (size_t n = 1; n != 0 && !text->failed;) {
		n = log_read(&at, bytes_sub(bytes_from(byte_array_bytes(text_room_of(text, 4096)), text->len), 0, 4096));
		text_add(text, n);
	}
	return OK;
}

enum : u32 { DIR = S_IFDIR | 0555, ALL = S_IFREG | 0444, ROOT = S_IFREG | 0400, LINK = S_IFLNK | 0777 };
#define FIXED(name, n) { .path = name, .mode = ALL, .show = show_fixed, .arg = n }

static const struct text_entry entries[] = {
	{ .path = "", .mode = DIR, .special = &pids_special },
	{ .path = "self", .mode = LINK, .show = show_self },
	{ .path = "thread-self", .mode = LINK, .show = show_self, .arg = 1 },
	{ .path = "mounts", .mode = LINK, .show = show_link },
	{ .path = "net", .mode = LINK, .show = show_link, .arg = 1 },
	{ .path = "meminfo", .mode = ALL, .show = show_meminfo }, { .path = "stat", .mode = ALL, .show = show_cpu_stat },
	{ .path = "uptime", .mode = ALL, .show = show_uptime }, { .path = "loadavg", .mode = ALL, .show = show_loadavg },
	{ .path = "version", .mode = ALL, .show = show_version }, { .path = "cmdline", .mode = ALL, .show = show_boot_cmdline },
	{ .path = "cpuinfo", .mode = ALL, .show = show_cpuinfo }, { .path = "filesystems", .mode = ALL, .show = show_filesystems },
	{ .path = "interrupts", .mode = ALL, .show = show_interrupts }, { .path = "softirqs", .mode = ALL, .show = show_interrupts, .arg = 1 },
	{ .path = "vmstat", .mode = ALL, .show = show_vmstat }, { .path = "zoneinfo", .mode = ALL, .show = show_zoneinfo },
	{ .path = "slabinfo", .mode = ROOT, .show = show_slabinfo }, { .path = "buddyinfo", .mode = ALL, .show = show_buddyinfo },
	{ .path = "kmsg", .mode = ROOT, .show = show_log }, { .path = "cadre", .mode = DIR }, { .path = "cadre/objects", .mode = ROOT, .show = show_objects },
	FIXED("devices", FIXED_DEVICES), FIXED("swaps", FIXED_SWAPS), FIXED("partitions", FIXED_PARTITIONS), FIXED("diskstats", FIXED_EMPTY),
	FIXED("modules", FIXED_EMPTY), FIXED("kallsyms", FIXED_EMPTY), { .path = "locks", .mode = ALL, .show = show_locks }, FIXED("crypto", FIXED_CRYPTO),
	FIXED("execdomains", FIXED_EXECDOMAINS), FIXED("iomem", FIXED_IOMEM), FIXED("ioports", FIXED_IOPORTS), FIXED("consoles", FIXED_CONSOLES),
	FIXED("misc", FIXED_MISC), FIXED("cgroups", FIXED_CGROUPS), FIXED("dma", FIXED_DMA), FIXED("key-users", FIXED_KEY_USERS), FIXED("keys", FIXED_EMPTY),
	{ .path = "tty", .mode = DIR }, FIXED("tty/drivers", FIXED_TTY_DRIVERS), { .path = "tty/ldisc", .mode = DIR },
	FIXED("tty/ldiscs", FIXED_EMPTY), { .path = "bus", .mode = DIR }, { .path = "driver", .mode = DIR }, { .path = "fs", .mode = DIR },
	{ .path = "irq", .mode = DIR }, { .path = "sysvipc", .mode = DIR }, { .path = "sysvipc/shm", .mode = ALL, .show = show_ipc, .arg = 0 },
	{ .path = "sysvipc/sem", .mode = ALL, .show = show_ipc, .arg = 1 }, { .path = "sysvipc/msg", .mode = ALL, .show = show_ipc, .arg = 2 }, { .path = "sys", .mode = DIR },
};

static const struct text_entry *
system_entry_at(u32 i)
{
	return i < COUNTOF(entries) ? ELEM(entries, i) : sysctl_at(i - (u32)COUNTOF(entries));
}
const struct text_table system_table = { .at = system_entry_at };

/* --- mounting --- */

/** hidepid=0|1|2|noaccess|invisible|off, gid=N; others are refused. Checked in whole before any counts. */
static err_t
options_parse(struct cbytes options, u32 *scoped hide, u32 *scoped group)
{
	size_t at = 0, start = 0, key_len = 0, value_start = 0, value_len = 0;
	while (option_next(options, &at, &start, &key_len, &value_start, &value_len)) {
		struct cbytes key = cbytes_sub(options, start, key_len), value = cbytes_sub(options, value_start, value_len);
		u64 number = 0;
		if (cbytes_equal(key, TEXT("hidepid")) && parse_number(value, 10, &number) && number <= 2)
			*hide = (u32)number;
		else if (cbytes_equal(key, TEXT("hidepid")) && cbytes_equal(value, TEXT("invisible")))
			*hide = 2;
		else if (cbytes_equal(key, TEXT("hidepid")) && cbytes_equal(value, TEXT("noaccess")))
			*hide = 1;
		else if (cbytes_equal(key, TEXT("hidepid")) && cbytes_equal(value, TEXT("off")))
			*hide = 0;
		else if (cbytes_equal(key, TEXT("gid")) && parse_number(value, 10, &number) && number < ~(u32)0)
			*group = (u32)number;
		else
			return EINVAL;
	}
	return OK;
}

static err_t
proc_remount(struct superblock *sb, struct cbytes options)
{
	u32 hide = atomic32_load_relaxed(&hidepid), group = atomic32_load_relaxed(&hidepid_gid);
	(void)sb;
	TRY(options_parse(options, &hide, &group));
	atomic32_store_relaxed(&hidepid, hide);
	atomic32_store_relaxed(&hidepid_gid, group);
	return OK;
}

static size_t
proc_show_options(struct superblock *sb, struct bytes text)
{
	u32 hide = atomic32_load_relaxed(&hidepid);
	(void)sb;
	return hide == 0 ? 0 : hide == 1 ? format_text(text, ",hidepid=noaccess") : format_text(text, ",hidepid=invisible");
}
static const struct superblock_ops proc_ops = { .remount = proc_remount, .show_options = proc_show_options };

static struct mutex mount_lock;
static struct superblock *instance GUARDED_BY(&mount_lock);   /* counted: the only one */

static err_t
proc_mount(const struct fs_type *type, struct cbytes source, struct cbytes options, u32 flags, struct superblock **scoped out)
{
	(void)source;
	(void)flags;
	MUTEX_SCOPE(&mount_lock);
	TRY(proc_remount(nullptr, options));
	if (instance == nullptr)
		TRY(text_mount(type, &proc_ops, PROC_MAGIC, &system_table, &instance));
	superblock_get(instance);
	*out = instance;
	return OK;
}
static const struct fs_type proc_type = { .name = "proc", .flags = FS_NODEV | FS_USER_MOUNT, .mount = proc_mount };

/** The process of an open /proc/PID, a zombie too. */
static err_t
directory_process(struct file *file, struct process **scoped out)
{
	struct inode *inode = file->inode;
	if (inode == nullptr || inode->sb->ops != &proc_ops)
		return EBADF;
	struct text_node *node = text_node_of(inode);
	if (node->table != &process_table || node->entry != process_table.at(0))
		return EBADF;
	*out = process_find((u32)node->id);
	return *out != nullptr && (*out)->start_ns == node->stamp ? OK : ESRCH;
}

err_t
procfs_init(void)
{
	pidfd_directory_register(directory_process);
	fs_register(&proc_type);
	return cpu_stat_init();
}
