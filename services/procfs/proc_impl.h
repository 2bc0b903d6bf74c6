// SPDX-License-Identifier: MPL-2.0
/**
 * What the files of services/procfs share.
 *
 * Three tables: the machine's (system.c lists it), a process' and a thread's (process.c). A node of the latter two has the process' or thread's
 * number as `id` and the time of its start as `stamp`, so a number that was given out again is not taken for it.
 */
#pragma once

#include <session.h>
#include <textfs.h>
#include <thread.h>
#include <vm_map.h>

enum : u64 { USER_HZ = 100, NS_PER_TICK = NS_PER_SEC / USER_HZ };
static inline u64 ticks_of(u64 ns) { return ns / NS_PER_TICK; }

extern const struct text_table system_table, process_table, thread_table;
/** The same for descriptors: valid while the process is. */
extern const struct text_table process_fd_table, thread_fd_table;
/** Whether a node is about a process as a whole. */
static inline bool node_is_process(const struct text_node *node) { return node->table == &process_table || node->table == &process_fd_table; }

/** hidepid= of the mount: 0 … 2, and the group that sees all. */
extern struct atomic32 hidepid, hidepid_gid;

/* --- process.c --- */
/** A node's process and thread (of a process: its leader, or what stands for it), with references. => ESRCH */
err_t proc_find(const struct text_node *node, struct process **scoped process, struct thread **scoped thread);
/** The thread's map, with a reference; null where it has none. */
struct vm_map *proc_map(struct thread *thread);
/** Whether the running thread may look into another (ptrace(2), PTRACE_MODE_READ with file system ids). => EACCES */
err_t proc_may_access(struct thread *thread);
extern const struct text_special pids_special, access_special;

/* --- stat.c --- */
err_t show_stat(struct text *text, struct text_node *node);
err_t show_statm(struct text *text, struct text_node *node);
err_t show_status(struct text *text, struct text_node *node);
err_t show_sched(struct text *text, struct text_node *node);
err_t show_schedstat(struct text *text, struct text_node *node);
err_t show_io(struct text *text, struct text_node *node);
err_t show_limits(struct text *text, struct text_node *node);
err_t show_wchan(struct text *text, struct text_node *node);
err_t show_syscall(struct text *text, struct text_node *node);
err_t show_personality(struct text *text, struct text_node *node);
void put_cpu_list(struct text *text, u64 bits);   /**< "0-3,5" */

/* --- maps.c, memory.c --- */
err_t show_maps(struct text *text, struct text_node *node);
err_t show_smaps(struct text *text, struct text_node *node);
err_t show_smaps_rollup(struct text *text, struct text_node *node);
/** What `resident` bytes of a map are, by a walk over its files' pages. */
struct proc_resident { u64 anonymous, file, shared; };
struct proc_resident proc_resident(struct vm_map *map, u64 resident);
err_t show_cmdline(struct text *text, struct text_node *node);
err_t show_environ(struct text *text, struct text_node *node);
err_t show_auxv(struct text *text, struct text_node *node);
err_t show_numa_maps(struct text *text, struct text_node *node);
extern const struct text_special mem_special;

/* --- fd.c --- */
extern const struct text_special fd_special, fdinfo_special, exe_special, cwd_special, root_special, ns_special;

/* --- locks.c --- */
err_t show_locks(struct text *text, struct text_node *node);
/** The lines "lock:" of an open file: the locks that it has, or the table. */
void put_fd_locks(struct text *text, struct file *file, struct fd_table *files);

/* --- system.c, memory_info.c, cpu.c --- */
err_t show_cpuinfo(struct text *text, struct text_node *node);
err_t show_meminfo(struct text *text, struct text_node *node);
err_t show_vmstat(struct text *text, struct text_node *node);
err_t show_zoneinfo(struct text *text, struct text_node *node);
err_t show_slabinfo(struct text *text, struct text_node *node);
err_t show_objects(struct text *text, struct text_node *node);
err_t show_cpu_stat(struct text *text, struct text_node *node);
err_t show_loadavg(struct text *text, struct text_node *node);
err_t show_buddyinfo(struct text *text, struct text_node *node);
err_t cpu_stat_init(void);
u64 cpus_idle_ns(void);
/** The load average of 1, 5 or 15 minutes, as sysinfo(2) has it. */
u64 cpu_load(u32 which);

/** Live objects of a heap type. */
u64 heap_live(struct cbytes name);

/* --- sysctl.c --- */
const struct text_entry *sysctl_at(u32 i);
void proc_put_release(struct text *text);
