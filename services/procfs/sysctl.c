// SPDX-License-Identifier: MPL-2.0
/**
 * /proc/sys: settings, and what programs read there. What can be written takes effect; all else is read-only.
 */
#include <cadre/log.h>

#include <inode.h>
#include <pid.h>
#include <pipe.h>
#include <process.h>
#include <random.h>
#include <vm_map.h>

#include "proc_impl.h"

/** Values that do not change. */
static err_t
show_value(struct text *text, struct text_node *node)
{
	text_put_signed(text, (i64)node->entry->arg);
	text_put_char(text, '\n');
	return OK;
}

enum word : u64 { WORD_OSTYPE, WORD_RELEASE, WORD_VERSION, WORD_CORE_PATTERN, WORD_PRINTK, WORD_SEM, WORD_EMPTY, WORD_PING, WORD_PORTS, WORD_OVERFLOW,
	WORD_DENTRY, WORD_INODE, WORD_INODE_NR };

static err_t
show_word(struct text *text, struct text_node *node)
{
	static const struct { u8 text[48]; } words[] = {
		[WORD_OSTYPE] = { "Linux" }, [WORD_RELEASE] = { "6.1.0-cadre" }, [WORD_VERSION] = { "#1 SMP PREEMPT Cadre" }, [WORD_CORE_PATTERN] = { "core" },
		[WORD_PRINTK] = { "7\t4\t1\t7" }, [WORD_SEM] = { "32000\t1024000000\t500\t32000" }, [WORD_EMPTY] = { "" }, [WORD_PING] = { "1\t0" },
		[WORD_PORTS] = { "32768\t60999" }, [WORD_OVERFLOW] = { "65534" }, [WORD_DENTRY] = { "0\t0\t45\t0\t0\t0" }, [WORD_INODE] = { "0\t0\t0\t0\t0\t0\t0" },
		[WORD_INODE_NR] = { "0\t0" },
	};
	text_put_string(text, CBYTES_OF(ELEM(words, node->entry->arg)->text));
	text_put_char(text, '\n');
	return OK;
}

void
proc_put_release(struct text *text)
{
	text_put_bytes(text, TEXT("6.1.0-cadre"));
}

static err_t
show_name(struct text *text, struct text_node *node)
{
	u8 name[65] = {};
	size_t len = process_hostname(node->entry->arg != 0, BYTES_OF(name));
	text_put_bytes(text, cbytes_sub(CBYTES_OF(name), 0, MIN(len, sizeof(name))));
	text_put_char(text, '\n');
	return OK;
}

static err_t
store_name(struct text_node *node, struct cbytes input)
{
	size_t len = 0;
	if (!capable(CAP_SYS_ADMIN))
		return EPERM;
	while (len < cbytes_len(input) && cbytes_get(input, len) != '\n' && cbytes_get(input, len) != 0)
		len++;
	return process_set_hostname(node->entry->arg != 0, cbytes_sub(input, 0, len));
}

static err_t
show_pid_max(struct text *text, struct text_node *node)
{
	u32 max = atomic32_load_relaxed(&pid_max);
	(void)node;
	text_print(text, "{}\n", max != 0 ? max : (u32)PID_MAX_DEFAULT);
	return OK;
}

static err_t
store_pid_max(struct text_node *node, struct cbytes input)
{
	u64 value = 0;
	(void)node;
	TRY(text_parse_number(input, &value));
	if (value <= PID_RESERVED || value > PID_MAX_LIMIT)
		return EINVAL;
	atomic32_store(&pid_max, (u32)value);
	return OK;
}

static err_t
show_thread_max(struct text *text, struct text_node *node)
{
	(void)node;
	text_print(text, "{}\n", atomic32_load_relaxed(&thread_max));
	return OK;
}

static err_t
store_thread_max(struct text_node *node, struct cbytes input)
{
	u64 value = 0;
	(void)node;
	TRY(text_parse_number(input, &value));
	if (value < 20 || value > 0x1fffffff)
		return EINVAL;
	atomic32_store(&thread_max, (u32)value);
	return OK;
}

/** 1: the page cache (nothing: files live in it alone), 2: names and inodes, 3: both. Source: proc(5). */
static err_t
store_drop_caches(struct text_node *node, struct cbytes input)
{
	u64 value = 0;
	(void)node;
	TRY(text_parse_number(input, &value));
	if (value < 1 || value > 4)
		return EINVAL;
	if ((value & 2) != 0)
		fs_drop_caches();
	return OK;
}

/** Numbers of other modules: what each may be. */
enum setting : u64 { SET_OVERCOMMIT, SET_RATIO, SET_AREAS, SET_RANDOM, SET_WATCHES, SET_INSTANCES, SET_EVENTS, SET_LEASES, SET_LEASE_TIME, SET_NOTIFY, SET_COUNT };
enum : u32 { INT_MAX = 0x7fffffff };
static const struct { struct atomic32 *value; u32 min, max; } settings[SET_COUNT] = {
	[SET_OVERCOMMIT] = { &vm_overcommit_memory, 0, 2 }, [SET_RATIO] = { &vm_overcommit_ratio, 0, INT_MAX }, [SET_AREAS] = { &vm_areas_max, 0, INT_MAX },
	[SET_RANDOM] = { &vm_randomize, 0, INT_MAX }, [SET_WATCHES] = { &inotify_watches_max, 0, INT_MAX },
	[SET_INSTANCES] = { &inotify_instances_max, 0, INT_MAX }, [SET_EVENTS] = { &inotify_events_max, 0, INT_MAX },
	[SET_LEASES] = { &lease_enabled, 0, INT_MAX }, [SET_LEASE_TIME] = { &lease_break_seconds, 0, INT_MAX }, [SET_NOTIFY] = { &notify_enabled, 0, INT_MAX },
};

static err_t
show_setting(struct text *text, struct text_node *node)
{
	text_print(text, "{}\n", atomic32_load_relaxed(ELEM(settings, node->entry->arg)->value));
	return OK;
}

static err_t
store_setting(struct text_node *node, struct cbytes input)
{
	u64 value = 0, at = node->entry->arg;
	TRY(text_parse_number(input, &value));
	if (value < ELEM(settings, at)->min || value > ELEM(settings, at)->max)
		return EINVAL;
	atomic32_store(ELEM(settings, at)->value, (u32)value);
	return OK;
}

static err_t
show_pipe_limit(struct text *text, struct text_node *node)
{
	text_print(text, "{}\n", pipe_limit((enum pipe_limit)node->entry->arg));
	return OK;
}

static err_t
store_pipe_limit(struct text_node *node, struct cbytes input)
{
	u64 value = 0;
	TRY(text_parse_number(input, &value));
	return pipe_limit_set((enum pipe_limit)node->entry->arg, value);
}

/** A random UUID (version 4); boot_id is made once. */
static err_t
show_uuid(struct text *text, struct text_node *node)
{
	static struct mutex lock;
	static u64 boot_id[2] GUARDED_BY(&lock);
	u64 id[2] = {};
	MUTEX_SCOPE(&lock);
	if (node->entry->arg == 0 || boot_id[0] == 0) {
		random_bytes(BYTES_OF(id));
		id[0] = (id[0] & ~(u64)0xf000) | 0x4000;
		id[1] = (id[1] & ~((u64)3 << 62)) | (u64)2 << 62;
	}
	if (node->entry->arg != 0 && boot_id[0] == 0)
		boot_id[0] = id[0], boot_id[1] = id[1];
	if (node->entry->arg != 0)
		id[0] = boot_id[0], id[1] = boot_id[1];
	text_put_hex(text, id[0] >> 32, 8);
	text_put_char(text, '-');
	text_put_hex(text, id[0] >> 16 & 0xffff, 4);
	text_put_char(text, '-');
	text_put_hex(text, id[0] & 0xffff, 4);
	text_put_char(text, '-');
	text_put_hex(text, id[1] >> 48, 4);
	text_put_char(text, '-');
	text_put_hex(text, id[1] & 0xffffffffffff, 12);
	text_put_char(text, '\n');
	return OK;
}

static err_t
show_file_nr(struct text *text, struct text_node *node)
{
	(void)node;
	text_print(text, "{}\t0\t9223372036854775807\n", heap_live(TEXT("file")));
	return OK;
}

enum : u32 { DIR = S_IFDIR | 0555, ALL = S_IFREG | 0444, SET = S_IFREG | 0644 };
#define FOLDER(name)   { .path = "sys/" name, .mode = DIR }
#define VALUE(name, n) { .path = "sys/" name, .mode = ALL, .show = show_value, .arg = (u64)(n) }
#define SETTING(name, n) { .path = "sys/" name, .mode = SET, .show = show_setting, .store = store_setting, .arg = n }
#define PIPES(name, n) { .path = "sys/" name, .mode = SET, .show = show_pipe_limit, .store = store_pipe_limit, .arg = n }
#define WORD(name, n)  { .path = "sys/" name, .mode = ALL, .show = show_word, .arg = n }

static const struct text_entry entries[] = {
	FOLDER("kernel"), WORD("kernel/ostype", WORD_OSTYPE), WORD("kernel/osrelease", WORD_RELEASE), WORD("kernel/version", WORD_VERSION),
	{ .path = "sys/kernel/hostname", .mode = SET, .show = show_name, .store = store_name },
	{ .path = "sys/kernel/domainname", .mode = SET, .show = show_name, .store = store_name, .arg = 1 },
	{ .path = "sys/kernel/pid_max", .mode = SET, .show = show_pid_max, .store = store_pid_max },
	{ .path = "sys/vm/drop_caches", .mode = 0200, .store = store_drop_caches },
	{ .path = "sys/kernel/threads-max", .mode = SET, .show = show_thread_max, .store = store_thread_max },
	WORD("kernel/core_pattern", WORD_CORE_PATTERN), VALUE("kernel/core_uses_pid", 0), VALUE("kernel/cap_last_cap", CAP_COUNT - 1),
	VALUE("kernel/ngroups_max", 65536), VALUE("kernel/shmmax", 18446744073692774399u), VALUE("kernel/shmall", 18446744073692774399u),
	VALUE("kernel/shmmni", 4096), WORD("kernel/sem", WORD_SEM), VALUE("kernel/msgmax", 8192), VALUE("kernel/msgmnb", 16384), VALUE("kernel/msgmni", 32000),
	VALUE("kernel/tainted", 0), WORD("kernel/printk", WORD_PRINTK), VALUE("kernel/panic", 0), VALUE("kernel/panic_on_oops", 0),
	SETTING("kernel/randomize_va_space", SET_RANDOM), VALUE("kernel/sysrq", 0), VALUE("kernel/dmesg_restrict", 1), VALUE("kernel/kptr_restrict", 2),
	VALUE("kernel/perf_event_paranoid", 3), VALUE("kernel/sched_rr_timeslice_ms", 100), VALUE("kernel/sched_rt_period_us", 1000000),
	VALUE("kernel/sched_rt_runtime_us", 950000), VALUE("kernel/overflowuid", 65534), VALUE("kernel/overflowgid", 65534), VALUE("kernel/numa_balancing", 0),
	VALUE("kernel/unprivileged_bpf_disabled", 2),
	FOLDER("kernel/random"), { .path = "sys/kernel/random/boot_id", .mode = ALL, .show = show_uuid, .arg = 1 },
	{ .path = "sys/kernel/random/uuid", .mode = ALL, .show = show_uuid }, VALUE("kernel/random/entropy_avail", 256), VALUE("kernel/random/poolsize", 256),
	FOLDER("vm"), SETTING("vm/overcommit_memory", SET_OVERCOMMIT), SETTING("vm/overcommit_ratio", SET_RATIO), VALUE("vm/overcommit_kbytes", 0), SETTING("vm/max_map_count", SET_AREAS),
	VALUE("vm/min_free_kbytes", 0), VALUE("vm/swappiness", 60), VALUE("vm/mmap_min_addr", USER_START), VALUE("vm/nr_hugepages", 0),
	VALUE("vm/panic_on_oom", 0), VALUE("vm/oom_kill_allocating_task", 0), VALUE("vm/page-cluster", 3),
	FOLDER("fs"), VALUE("fs/file-max", 9223372036854775807), { .path = "sys/fs/file-nr", .mode = ALL, .show = show_file_nr }, VALUE("fs/nr_open", 1048576),
	PIPES("fs/pipe-max-size", PIPE_LIMIT_SIZE), PIPES("fs/pipe-user-pages-soft", PIPE_LIMIT_USER_SOFT), PIPES("fs/pipe-user-pages-hard", PIPE_LIMIT_USER_HARD), FOLDER("fs/inotify"),
	SETTING("fs/inotify/max_user_watches", SET_WATCHES), SETTING("fs/inotify/max_user_instances", SET_INSTANCES), SETTING("fs/inotify/max_queued_events", SET_EVENTS),
	SETTING("fs/leases-enable", SET_LEASES), SETTING("fs/lease-break-time", SET_LEASE_TIME), SETTING("fs/dir-notify-enable", SET_NOTIFY),
	WORD("fs/inode-nr", WORD_INODE_NR), WORD("fs/inode-state", WORD_INODE), WORD("fs/dentry-state", WORD_DENTRY), FOLDER("fs/epoll"),
	VALUE("fs/epoll/max_user_watches", 100000), VALUE("fs/protected_hardlinks", 1), VALUE("fs/protected_symlinks", 1), VALUE("fs/protected_fifos", 0),
	VALUE("fs/protected_regular", 0), VALUE("fs/suid_dumpable", 0), VALUE("fs/overflowuid", 65534), VALUE("fs/overflowgid", 65534), FOLDER("fs/mqueue"),
	VALUE("fs/mqueue/msg_max", 10), VALUE("fs/mqueue/msgsize_max", 8192), VALUE("fs/mqueue/queues_max", 256), VALUE("fs/mqueue/msg_default", 10),
	VALUE("fs/mqueue/msgsize_default", 8192), VALUE("fs/mount-max", 100000),
	FOLDER("net"), FOLDER("net/core"), VALUE("net/core/somaxconn", 4096), VALUE("net/core/rmem_max", 212992), VALUE("net/core/wmem_max", 212992),
	VALUE("net/core/rmem_default", 212992), VALUE("net/core/wmem_default", 212992), FOLDER("net/unix"), VALUE("net/unix/max_dgram_qlen", 10),
	FOLDER("net/ipv4"), WORD("net/ipv4/ip_local_port_range", WORD_PORTS), WORD("net/ipv4/ping_group_range", WORD_PING),
	FOLDER("user"), VALUE("user/max_user_namespaces", 0), FOLDER("debug"), FOLDER("dev"),
};

const struct text_entry *
sysctl_at(u32 i)
{
	return i < COUNTOF(entries) ? ELEM(entries, i) : nullptr;
}
