// SPDX-License-Identifier: MPL-2.0
/**
 * /proc/PID and /proc/PID/task/TID: the two tables, whose they are, and who may look.
 *
 * Source: proc(5), ptrace(2) ("Ptrace access mode checking").
 */
#include <cadre/log.h>

#include <signal.h>

#include "proc_impl.h"

struct atomic32 hidepid, hidepid_gid;

/** The leader, or where that is gone any thread. With a reference; null: none. */
static struct thread *
process_thread(struct process *process)
{
	SPIN_SCOPE(&process->lock);
	struct thread *thread = process->leader != nullptr ? process->leader : thread_list_first(&process->threads);
	return thread != nullptr && thread_get_live(thread) ? thread : nullptr;
}

err_t
proc_find(const struct text_node *node, struct process **scoped process, struct thread **scoped thread)
{
	if (node_is_process(node)) {
		*process = process_find((u32)node->id);
		if (*process == nullptr || (*process)->start_ns != node->stamp)
			return ESRCH;
		*thread = process_thread(*process);
		return *thread != nullptr ? OK : ESRCH;
	}
	*thread = thread_find((u32)node->id);
	if (*thread == nullptr || (*thread)->start_ns != node->stamp)
		return ESRCH;
	*process = (*thread)->process;
	process_get(*process);
	return OK;
}

struct vm_map *
proc_map(struct thread *thread)
{
	SPIN_SCOPE(&thread->lock);
	if (thread->map != nullptr)
		vm_map_get(thread->map);
	return thread->map;
}

static bool
cred_is_same(const struct cred *own, const struct cred *other)
{
	return own->fsuid == other->euid && own->fsuid == other->suid && own->fsuid == other->uid && own->fsgid == other->egid &&
		own->fsgid == other->sgid && own->fsgid == other->gid;
}

err_t
proc_may_access(struct thread *thread)
{
	struct thread *self = thread_current_or_null();
	if (self == nullptr || self->process == thread->process || capable(CAP_SYS_PTRACE))
		return OK;
	REF_SCOPE(cred, cred);
	cred = thread_cred_get(thread);
	const struct cred *own = cred_current();
	if (cred == nullptr || !cred_is_same(own, cred) || (cred->cap_permitted & ~own->cap_permitted) != 0)
		return EACCES;
	return atomic32_load_relaxed(&thread->process->dumpable) == 1 ? OK : EACCES;
}

static err_t
access_permission(struct text_node *node, u32 mask)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	u32 granted = node->entry->mode >> 6;
	TRY(proc_find(node, &process, &thread));
	if ((mask & ~granted & 7) != 0)
		return EACCES;
	return proc_may_access(thread);
}
const struct text_special access_special = { .permission = access_permission };

/** Whether the node is still about the thread or process that it was made for. No reference is taken: in RCU. */
static bool
process_is_valid(const struct text_node *node)
{
	struct process *process = process_find((u32)node->id);
	if (process == nullptr)
		return false;
	bool valid = process->start_ns == node->stamp;
	process_put(process);
	return valid;
}

static bool
thread_is_valid(const struct text_node *node)
{
	struct thread *thread = thread_find((u32)node->id);
	if (thread == nullptr)
		return false;
	bool valid = thread->start_ns == node->stamp;
	thread_put(thread);
	return valid;
}

static void
proc_owner(const struct text_node *node, u32 *scoped uid, u32 *scoped gid)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	REF_SCOPE(cred, cred);
	*uid = *gid = 0;
	if (proc_find(node, &process, &thread) != OK)
		return;
	bool open = node->entry->mode == (S_IFDIR | 0555) || atomic32_load_relaxed(&process->dumpable) == 1;
	cred = open ? thread_cred_get(thread) : nullptr;
	if (cred != nullptr) {
		*uid = cred->euid;
		*gid = cred->egid;
	}
}

/** hidepid=1: what lies in another user's directory is closed; 2: the directory is not even there. */
static err_t
proc_permission(struct text_node *node, u32 mask)
{
	u32 hide = atomic32_load_relaxed(&hidepid);
	(void)mask;
	if (hide == 0 || node->entry->path[0] != 0 || cred_in_group(cred_current(), atomic32_load_relaxed(&hidepid_gid)))
		return OK;
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	TRY(proc_find(node, &process, &thread));
	return proc_may_access(thread) == OK ? OK : hide >= 2 ? ENOENT : EPERM;
}

/* --- small files of a process --- */

static err_t
show_comm(struct text *text, struct text_node *node)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	u8 name[THREAD_NAME_SIZE];
	TRY(proc_find(node, &process, &thread));
	thread_name_get(thread, BYTES_OF(name));
	text_put_string(text, CBYTES_OF(name));
	text_put_char(text, '\n');
	return OK;
}

/** Only by the same process. What is too long is cut, and a newline at the end dropped. */
static err_t
store_comm(struct text_node *node, struct cbytes input)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	TRY(proc_find(node, &process, &thread));
	if (process_current() != process)
		return EINVAL;
	size_t len = MIN(cbytes_len(input), (size_t)THREAD_NAME_SIZE - 1);
	if (len > 0 && cbytes_get(input, len - 1) == '\n')
		len--;
	thread_name_set(thread, cbytes_sub(input, 0, len));
	return OK;
}

static err_t
show_oom_score_adj(struct text *text, struct text_node *node)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	TRY(proc_find(node, &process, &thread));
	i32 adjust = (i32)atomic32_load_relaxed(&process->oom_score_adj);
	text_put_signed(text, node->entry->arg == 0 ? adjust : adjust == 1000 ? 15 : adjust * 17 / 1000);
	text_put_char(text, '\n');
	return OK;
}

/** -1000 … 1000, or by the old oom_adj -17 … 15. Less than before takes CAP_SYS_RESOURCE. */
static err_t
store_oom_score_adj(struct text_node *node, struct cbytes input)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	i64 value = 0;
	TRY(proc_find(node, &process, &thread));
	TRY(text_parse_signed(input, &value));
	bool old_scale = node->entry->arg != 0;
	if (old_scale && (value < -17 || value > 15))
		return EINVAL;
	if (old_scale)
		value = value == 15 ? 1000 : value * 1000 / 17;
	if (value < -1000 || value > 1000)
		return EINVAL;
	if (value < (i32)atomic32_load_relaxed(&process->oom_score_adj) && !capable(CAP_SYS_RESOURCE))
		return EACCES;
	atomic32_store(&process->oom_score_adj, (u32)value);
	return OK;
}

/** As the one that is killed for want of memory is chosen: by how much of it a process has. */
static err_t
show_oom_score(struct text *text, struct text_node *node)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	REF_SCOPE(vm_map, map);
	TRY(proc_find(node, &process, &thread));
	map = proc_map(thread);
	u64 pages = map != nullptr ? vm_map_usage(map).resident >> PAGE_SHIFT : 0;
	i64 score = (i64)(pages * 1000 / MAX(memory_stat().total, (u64)1)) + (i32)atomic32_load_relaxed(&process->oom_score_adj);
	text_print(text, "{}\n", MAX(score * 2 / 3 + 666, (i64)0));
	return OK;
}

static err_t
show_constant(struct text *text, struct text_node *node)
{
	static const struct { u8 text[80]; } constants[] = {
		{ "0::/\n" }, { "4294967295" }, { "0" }, { "00000033\n" }, { "         0          0 4294967295\n" }, { "allow\n" }, { "" }, { "50000\n" },
	};
	text_put_string(text, CBYTES_OF(ELEM(constants, node->entry->arg)->text));
	return OK;
}
enum constant : u64 { CONSTANT_CGROUP, CONSTANT_NOBODY, CONSTANT_ZERO, CONSTANT_COREDUMP, CONSTANT_ID_MAP, CONSTANT_SETGROUPS, CONSTANT_EMPTY };

static err_t
show_timerslack(struct text *text, struct text_node *node)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	TRY(proc_find(node, &process, &thread));
	text_print(text, "{}\n", thread->timer_slack_ns);
	return OK;
}

/** Pids of the children, in order of pid. */
static err_t
show_children(struct text *text, struct text_node *node)
{
	u32 pid = 1;
	for (;; pid++) {
		REF_SCOPE(process, child);
		child = process_next(&pid);
		if (child == nullptr)
			return OK;
		if (process_parent_id(child) == node->id)
			text_print(text, "{} ", child->pid);
	}
}

static err_t
show_mounts(struct text *text, struct text_node *node)
{
	u64 at = 0;
	for (;;) {
		struct bytes room = bytes_from(byte_array_bytes(text_room_of(text, 8192)), text->len);
		size_t n = node->entry->arg == 0 ? mounts_text(room, &at) : mountinfo_text(room, &at);
		if (n == 0 || text->failed)
			return OK;
		text_add(text, n);
	}
}

/** "device ROOT mounted on …", from the lines of mounts. */
static err_t
show_mountstats(struct text *text, struct text_node *node)
{
	REF_SCOPE(text, mounts);
	mounts = text_create();
	if (mounts == nullptr)
		return ENOMEM;
	TRY(show_mounts(mounts, node));
	struct cbytes all = bytes_const(bytes_sub(byte_array_bytes(mounts->buffer), 0, mounts->len));
	for (size_t at = 0, word = 0, start = 0; at < cbytes_len(all); at++) {
		u8 c = cbytes_get(all, at);
		if (c != ' ' && c != '\n')
			continue;
		if (word < 3) {
			text_put_bytes(text, word == 0 ? TEXT("device ") : word == 1 ? TEXT(" mounted on ") : TEXT(" with fstype "));
			text_put_bytes(text, cbytes_sub(all, start, at - start));
		}
		if (c == '\n')
			text_put_char(text, '\n');
		word = c == '\n' ? 0 : word + 1;
		start = at + 1;
	}
	return OK;
}

static err_t
show_timers(struct text *text, struct text_node *node)
{
	(void)text;
	(void)node;
	return OK;
}

static err_t
show_attr(struct text *text, struct text_node *node)
{
	(void)text;
	(void)node;
	return EINVAL;   /* no security module */
}

/* --- task --- */

static err_t
task_lookup(struct text_node *dir, struct cbytes name, struct text_node **scoped out)
{
	REF_SCOPE(thread, thread);
	u64 tid = 0;
	if (!text_name_parse(name, &tid))
		return ENOENT;
	thread = thread_find((u32)tid);
	if (thread == nullptr || thread->process->pid != dir->id)
		return ENOENT;
	*out = text_node_create(&thread_table, thread_table.at(0), dir);
	if (*out == nullptr)
		return ENOMEM;
	(*out)->id = tid;
	(*out)->stamp = thread->start_ns;
	return OK;
}

static bool
task_next(struct text_node *dir, u64 *scoped number, struct text_name *scoped out)
{
	REF_SCOPE(process, process);
	process = process_find((u32)dir->id);
	if (process == nullptr)
		return false;
	u64 best = ~(u64)0;
	SPIN_SCOPE(&process->lock);
	LIST_FOR(thread_list, thread, &process->threads) {
		u64 tid = atomic32_load_relaxed(&thread->tid);
		if (tid >= *number && tid < best)
			best = tid;
	}
	*number = best;
	if (best == ~(u64)0)
		return false;
	text_name_number(out, best, DT_DIR);
	return true;
}
static const struct text_special task_special = { .lookup = task_lookup, .next = task_next };

/* --- net: there are no network devices and no sockets of the Internet families --- */

enum net_file : u64 { NET_DEV, NET_UNIX, NET_TCP, NET_UDP, NET_RAW, NET_ROUTE, NET_ARP, NET_PACKET, NET_NETLINK, NET_SOCKSTAT, NET_IF_INET6, NET_PROTOCOLS };

static err_t
show_net(struct text *text, struct text_node *node)
{
	static const struct { u8 text[240]; } heads[] = {
		[NET_DEV] = { "Inter-|   Receive                                                |  Transmit\n"
			      " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n" },
		[NET_UNIX] = { "Num       RefCount Protocol Flags    Type St Inode Path\n" },
		[NET_TCP] = { "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" },
		[NET_UDP] = { "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n" },
		[NET_RAW] = { "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n" },
		[NET_ROUTE] = { "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" },
		[NET_ARP] = { "IP address       HW type     Flags       HW address            Mask     Device\n" },
		[NET_PACKET] = { "sk       RefCnt Type Proto  Iface R Rmem   User   Inode\n" },
		[NET_NETLINK] = { "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n" },
		[NET_SOCKSTAT] = { "sockets: used 0\nTCP: inuse 0 orphan 0 tw 0 alloc 0 mem 0\nUDP: inuse 0 mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n" },
		[NET_IF_INET6] = { "" },
		[NET_PROTOCOLS] = { "protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re sp bi br ha uh gp em\n" },
	};
	text_put_string(text, CBYTES_OF(ELEM(heads, node->entry->arg)->text));
	return OK;
}

/* --- the directories of all processes --- */

static err_t
pids_lookup(struct text_node *dir, struct cbytes name, struct text_node **scoped out)
{
	REF_SCOPE(process, process);
	REF_SCOPE(thread, thread);
	u64 pid = 0;
	if (!text_name_parse(name, &pid))
		return ENOENT;
	process = process_find((u32)pid);
	if (process == nullptr)   /* a thread that is no leader can be looked up, but is not listed */
		thread = thread_find((u32)pid);
	if (process == nullptr && thread == nullptr)
		return ENOENT;
	const struct text_table *table = process != nullptr ? &process_table : &thread_table;
	*out = text_node_create(table, table->at(0), dir);
	if (*out == nullptr)
		return ENOMEM;
	(*out)->id = pid;
	(*out)->stamp = process != nullptr ? process->start_ns : thread->start_ns;
	return OK;
}

static bool
pid_is_hidden(struct process *process)
{
	if (atomic32_load_relaxed(&hidepid) < 2 || cred_in_group(cred_current(), atomic32_load_relaxed(&hidepid_gid)))
		return false;
	REF_SCOPE(thread, thread);
	thread = process_thread(process);
	return thread != nullptr && proc_may_access(thread) != OK;
}

static bool
pids_next(struct text_node *dir, u64 *scoped number, struct text_name *scoped out)
{
	(void)dir;
	u32 pid = (u32)MAX(*number, (u64)1);
	for (;; pid++) {
		REF_SCOPE(process, process);
		process = process_next(&pid);
		if (process == nullptr)
			return false;
		if (pid_is_hidden(process))
			continue;
		*number = pid;
		text_name_number(out, pid, DT_DIR);
		return true;
	}
}
const struct text_special pids_special = { .lookup = pids_lookup, .next = pids_next };

/* --- the tables --- */

enum : u32 { DIR = S_IFDIR | 0555, FILE_ALL = S_IFREG | 0444, FILE_OWN = S_IFREG | 0400, LINK = S_IFLNK | 0777 };
#define ALL(name, fn)        { .path = name, .mode = FILE_ALL, .show = fn }
#define ALL_ARG(name, fn, n) { .path = name, .mode = FILE_ALL, .show = fn, .arg = n }
#define OWN(name, fn)        { .path = name, .mode = FILE_OWN, .show = fn, .special = &access_special }
#define NEEDS(name, fn)      { .path = name, .mode = FILE_ALL, .show = fn, .special = &access_special }
#define SET(name, fn, put, n) { .path = name, .mode = S_IFREG | 0644, .show = fn, .store = put, .arg = n }
#define JUMP(name, what)     { .path = name, .mode = LINK, .special = &what }
#define NAMESPACE(name, n)   { .path = name, .mode = LINK, .special = &ns_special, .arg = n }

/* The first ones are a thread's, too. */
static const struct text_entry entries[] = {
	{ .path = "", .mode = DIR },
	{ .path = "fd", .mode = S_IFDIR | 0500, .special = &fd_special },
	{ .path = "fdinfo", .mode = S_IFDIR | 0555, .special = &fdinfo_special },
	{ .path = "ns", .mode = S_IFDIR | 0511 },
	NAMESPACE("ns/cgroup", 0), NAMESPACE("ns/ipc", 1), NAMESPACE("ns/mnt", 2), NAMESPACE("ns/net", 3), NAMESPACE("ns/pid", 4),
	NAMESPACE("ns/pid_for_children", 4), NAMESPACE("ns/time", 5), NAMESPACE("ns/time_for_children", 5), NAMESPACE("ns/user", 6), NAMESPACE("ns/uts", 7),
	{ .path = "attr", .mode = DIR },
	ALL("attr/current", show_attr), ALL("attr/exec", show_attr), ALL("attr/fscreate", show_attr), ALL("attr/keycreate", show_attr),
	ALL("attr/prev", show_attr), ALL("attr/sockcreate", show_attr),
	OWN("environ", show_environ), OWN("auxv", show_auxv), ALL("status", show_status), OWN("personality", show_personality),
	ALL("limits", show_limits), ALL("sched", show_sched), SET("comm", show_comm, store_comm, 0), OWN("syscall", show_syscall),
	ALL("cmdline", show_cmdline), ALL("stat", show_stat), ALL("statm", show_statm), NEEDS("maps", show_maps), NEEDS("numa_maps", show_numa_maps),
	{ .path = "mem", .mode = S_IFREG | 0600, .special = &mem_special },
	JUMP("cwd", cwd_special), JUMP("root", root_special), JUMP("exe", exe_special),
	ALL_ARG("mounts", show_mounts, 0), ALL_ARG("mountinfo", show_mounts, 1),
	NEEDS("smaps", show_smaps), NEEDS("smaps_rollup", show_smaps_rollup), ALL("wchan", show_wchan), { .path = "stack", .mode = FILE_OWN, .show = show_timers },
	ALL("schedstat", show_schedstat), ALL_ARG("cgroup", show_constant, CONSTANT_CGROUP), ALL("oom_score", show_oom_score),
	SET("oom_adj", show_oom_score_adj, store_oom_score_adj, 1), SET("oom_score_adj", show_oom_score_adj, store_oom_score_adj, 0),
	ALL_ARG("loginuid", show_constant, CONSTANT_NOBODY), ALL_ARG("sessionid", show_constant, CONSTANT_NOBODY), OWN("io", show_io),
	ALL_ARG("uid_map", show_constant, CONSTANT_ID_MAP), ALL_ARG("gid_map", show_constant, CONSTANT_ID_MAP),
	ALL_ARG("projid_map", show_constant, CONSTANT_ID_MAP), ALL_ARG("setgroups", show_constant, CONSTANT_SETGROUPS),
	ALL("children", show_children),
	{ .path = "net", .mode = DIR },
	ALL_ARG("net/dev", show_net, NET_DEV), ALL_ARG("net/unix", show_net, NET_UNIX), ALL_ARG("net/tcp", show_net, NET_TCP), ALL_ARG("net/udp", show_net, NET_UDP),
	ALL_ARG("net/raw", show_net, NET_RAW), ALL_ARG("net/route", show_net, NET_ROUTE), ALL_ARG("net/arp", show_net, NET_ARP),
	ALL_ARG("net/packet", show_net, NET_PACKET), ALL_ARG("net/netlink", show_net, NET_NETLINK), ALL_ARG("net/sockstat", show_net, NET_SOCKSTAT),
	ALL_ARG("net/protocols", show_net, NET_PROTOCOLS),
	/* A process' alone. */
	{ .path = "task", .mode = DIR, .special = &task_special, },
	ALL_ARG("mountstats", show_mountstats, 0), ALL("timers", show_timers), ALL("timerslack_ns", show_timerslack),
	ALL_ARG("coredump_filter", show_constant, CONSTANT_COREDUMP),
};

static const struct text_entry *
process_at(u32 i)
{
	return i < COUNTOF(entries) ? ELEM(entries, i) : nullptr;
}

/** The first that only processes have. */
static bool
entry_is_task(const struct text_entry *entry)
{
	return cbytes_equal(cbytes_sub(CBYTES_OF(entry->path), 0, 5), cbytes_sub(TEXT("task\0"), 0, 5));
}

static const struct text_entry *
thread_at(u32 i)
{
	return i < COUNTOF(entries) && !entry_is_task(ELEM(entries, i)) ? ELEM(entries, i) : nullptr;
}

const struct text_table process_table = { .at = process_at, .valid = process_is_valid, .owner = proc_owner, .permission = proc_permission };
const struct text_table thread_table = { .at = thread_at, .valid = thread_is_valid, .owner = proc_owner };
const struct text_table process_fd_table = { .at = process_at, .valid = process_is_valid, .owner = proc_owner, .volatile_names = true };
const struct text_table thread_fd_table = { .at = thread_at, .valid = thread_is_valid, .owner = proc_owner, .volatile_names = true };
