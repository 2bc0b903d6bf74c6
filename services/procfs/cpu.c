// SPDX-License-Identifier: MPL-2.0
/**
 * The machine's CPUs: cpuinfo, the times in stat, the load average.
 *
 * Time is known for each CPU as a whole, and for each thread apart by mode: what user mode had of an interval is shared out among the CPUs by
 * how busy they were in it.
 */
#include <cadre/cpu.h>
#include <cadre/time.h>

#include <clock.h>
#include <pid.h>
#include <sched_policy.h>
#include <signal.h>

#include "proc_impl.h"

/* --- cpuinfo --- */


/** A flag's name, by word (1 ecx, 1 edx, 7 ebx, 7 ecx, 7 edx, 80000001 ecx, edx, d.1 eax) and bit. */
struct flag { u8 word, bit; u8 name[20]; };
enum : u8 { W_1D, W_81D, W_1C, W_81C, W_7B, W_XS, W_7C, W_7D, W_COUNT };
static const struct flag flags[] = {
	{ W_1D, 0, "fpu" }, { W_1D, 1, "vme" }, { W_1D, 2, "de" }, { W_1D, 3, "pse" }, { W_1D, 4, "tsc" }, { W_1D, 5, "msr" }, { W_1D, 6, "pae" },
	{ W_1D, 7, "mce" }, { W_1D, 8, "cx8" }, { W_1D, 9, "apic" }, { W_1D, 11, "sep" }, { W_1D, 12, "mtrr" }, { W_1D, 13, "pge" }, { W_1D, 14, "mca" },
	{ W_1D, 15, "cmov" }, { W_1D, 16, "pat" }, { W_1D, 17, "pse36" }, { W_1D, 19, "clflush" }, { W_1D, 23, "mmx" }, { W_1D, 24, "fxsr" },
	{ W_1D, 25, "sse" }, { W_1D, 26, "sse2" }, { W_1D, 27, "ss" }, { W_1D, 28, "ht" },
	{ W_81D, 11, "syscall" }, { W_81D, 20, "nx" }, { W_81D, 22, "mmxext" }, { W_81D, 25, "fxsr_opt" }, { W_81D, 26, "pdpe1gb" }, { W_81D, 27, "rdtscp" },
	{ W_81D, 29, "lm" }, { W_81D, 30, "3dnowext" }, { W_81D, 31, "3dnow" },
	{ W_1C, 0, "pni" }, { W_1C, 1, "pclmulqdq" }, { W_1C, 3, "monitor" }, { W_1C, 9, "ssse3" }, { W_1C, 12, "fma" }, { W_1C, 13, "cx16" },
	{ W_1C, 17, "pcid" }, { W_1C, 19, "sse4_1" }, { W_1C, 20, "sse4_2" }, { W_1C, 21, "x2apic" }, { W_1C, 22, "movbe" }, { W_1C, 23, "popcnt" },
	{ W_1C, 24, "tsc_deadline_timer" }, { W_1C, 25, "aes" }, { W_1C, 26, "xsave" }, { W_1C, 28, "avx" }, { W_1C, 29, "f16c" }, { W_1C, 30, "rdrand" },
	{ W_1C, 31, "hypervisor" },
	{ W_81C, 0, "lahf_lm" }, { W_81C, 1, "cmp_legacy" }, { W_81C, 2, "svm" }, { W_81C, 4, "cr8_legacy" }, { W_81C, 5, "abm" }, { W_81C, 6, "sse4a" },
	{ W_81C, 7, "misalignsse" }, { W_81C, 8, "3dnowprefetch" },
	{ W_7B, 0, "fsgsbase" }, { W_7B, 3, "bmi1" }, { W_7B, 4, "hle" }, { W_7B, 5, "avx2" }, { W_7B, 7, "smep" }, { W_7B, 8, "bmi2" }, { W_7B, 9, "erms" },
	{ W_7B, 10, "invpcid" }, { W_7B, 11, "rtm" }, { W_7B, 14, "mpx" }, { W_7B, 16, "avx512f" }, { W_7B, 17, "avx512dq" }, { W_7B, 18, "rdseed" },
	{ W_7B, 19, "adx" }, { W_7B, 20, "smap" }, { W_7B, 21, "avx512ifma" }, { W_7B, 23, "clflushopt" }, { W_7B, 24, "clwb" }, { W_7B, 28, "avx512cd" },
	{ W_7B, 29, "sha_ni" }, { W_7B, 30, "avx512bw" }, { W_7B, 31, "avx512vl" },
	{ W_XS, 0, "xsaveopt" }, { W_XS, 1, "xsavec" }, { W_XS, 2, "xgetbv1" }, { W_XS, 3, "xsaves" },
	{ W_7C, 1, "avx512vbmi" }, { W_7C, 2, "umip" }, { W_7C, 3, "pku" }, { W_7C, 4, "ospke" }, { W_7C, 6, "avx512_vbmi2" }, { W_7C, 8, "gfni" },
	{ W_7C, 9, "vaes" }, { W_7C, 10, "vpclmulqdq" }, { W_7C, 11, "avx512_vnni" }, { W_7C, 12, "avx512_bitalg" }, { W_7C, 14, "avx512_vpopcntdq" },
	{ W_7C, 16, "la57" }, { W_7C, 22, "rdpid" }, { W_7D, 4, "fsrm" }, { W_7D, 14, "serialize" }, { W_7D, 29, "arch_capabilities" },
};

static void
put_flags(struct text *text)
{
	struct cpu_leaf basic = cpu_leaf(1, 0), structured = cpu_leaf(7, 0), extended = cpu_leaf(0x80000001, 0), state = cpu_leaf(0xd, 1);
	u32 words[W_COUNT] = {
		[W_1D] = basic.edx, [W_81D] = extended.edx, [W_1C] = basic.ecx, [W_81C] = extended.ecx, [W_7B] = structured.ebx, [W_XS] = state.eax,
		[W_7C] = structured.ecx, [W_7D] = structured.edx,
	};
	text_put_bytes(text, TEXT("flags\t\t:"));
	for (u32 i = 0; i < COUNTOF(flags); i++) {
		if ((words[flags[i].word % W_COUNT] >> (flags[i].bit & 31) & 1) == 0)
			continue;
		text_put_char(text, ' ');
		text_put_string(text, CBYTES_OF(ELEM(flags, i)->name));
	}
	text_put_char(text, '\n');
}

/** The words of CPUID as the text that they hold. */
static void
put_words(struct text *text, u32 a, u32 b, u32 c, u32 d)
{
	u32 words[4] = { a, b, c, d };
	text_put_string(text, CBYTES_OF(words));
}

static void
put_model_name(struct text *text)
{
	if (cpu_leaf(0x80000000, 0).eax < 0x80000004) {
		text_put_bytes(text, TEXT("unknown"));
		return;
	}
	for (u32 leaf = 0x80000002; leaf <= 0x80000004; leaf++) {
		struct cpu_leaf id = cpu_leaf(leaf, 0);
		put_words(text, id.eax, id.ebx, id.ecx, id.edx);
	}
}

static void
put_cpu(struct text *text, u32 cpu)
{
	struct cpu_leaf vendor = cpu_leaf(0, 0), basic = cpu_leaf(1, 0), sizes = cpu_leaf(0x80000008, 0);
	u32 signature = basic.eax, family = signature >> 8 & 15, model = signature >> 4 & 15;
	model |= family >= 6 ? (signature >> 16 & 15) << 4 : 0;
	family += family == 15 ? signature >> 20 & 255 : 0;
	text_print(text, "processor\t: {}\nvendor_id\t: ", cpu);
	put_words(text, vendor.ebx, vendor.edx, vendor.ecx, 0);
	text_print(text, "\ncpu family\t: {}\nmodel\t\t: {}\nmodel name\t: ", family, model);
	put_model_name(text);
	u32 mhz = cpu_leaf(0, 0).eax >= 0x16 ? cpu_leaf(0x16, 0).eax & 0xffff : 0;
	text_print(text, "\nstepping\t: {}\nmicrocode\t: 0x1\ncpu MHz\t\t: {}.000\ncache size\t: 16384 KB\n", signature & 15, mhz != 0 ? mhz : 2000);
	text_print(text, "physical id\t: 0\nsiblings\t: {}\ncore id\t\t: {}\ncpu cores\t: {}\napicid\t\t: {}\ninitial apicid\t: {}\n", cpu_count(), cpu, cpu_count(), cpu, cpu);
	text_print(text, "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: {}\nwp\t\t: yes\n", vendor.eax);
	put_flags(text);
	text_print(text, "bugs\t\t:\nbogomips\t: {}.00\nclflush size\t: {}\ncache_alignment\t: 64\n", (mhz != 0 ? mhz : 2000) * 2, (basic.ebx >> 8 & 255) * 8);
	text_print(text, "address sizes\t: {} bits physical, {} bits virtual\npower management:\n\n", sizes.eax & 255, sizes.eax >> 8 & 255);
}

err_t
show_cpuinfo(struct text *text, struct text_node *node)
{
	(void)node;
	for (u32 cpu = 0; cpu < cpu_count(); cpu++)
		put_cpu(text, cpu);
	return OK;
}

/* --- times --- */

/** What has been told of each CPU so far, so that no number ever falls. */
struct cpu_told { u64 busy_ns, user_ns, kernel_ns; };
static struct mutex told_lock;
static struct cpu_told told[CPU_MAX] GUARDED_BY(&told_lock);
static u64 told_user_ns GUARDED_BY(&told_lock);
static struct atomic64 gone_user_ns, forks;   /* of processes whose objects have gone; threads and processes made */

static void
watch_process_free(struct process *process)
{
	(void)atomic64_add_relaxed(&gone_user_ns, atomic64_load_relaxed(&process->dead_user_ns));
}

static err_t
watch_fork(struct thread *thread, struct thread *parent, u64 clone_flags)
{
	(void)thread;
	(void)parent;
	(void)clone_flags;
	(void)atomic64_add_relaxed(&forks, 1);
	return OK;
}
static const struct thread_watch cpu_watch = { .fork = watch_fork, .process_free = watch_process_free };

/** Time in user mode of all that there was. */
static u64
user_total(void)
{
	u64 sum = atomic64_load_relaxed(&gone_user_ns);
	u32 pid = 1;
	for (;; pid++) {
		REF_SCOPE(process, process);
		process = process_next(&pid);
		if (process == nullptr)
			return sum;
		sum += signal_process_times(process).user_ns;
	}
}

static void
told_update(void) MUST_HOLD(&told_lock)
{
	u64 busy[CPU_MAX] = {}, all = 0, user = user_total();
	for (u32 cpu = 0; cpu < cpu_count() && cpu < CPU_MAX; cpu++) {
		u64 now = sched_cpu_stat(cpu).busy_ns;
		busy[cpu] = now - MIN(told[cpu].busy_ns, now);
		told[cpu].busy_ns = now;
		all += busy[cpu];
	}
	u64 in_user = MIN(user - MIN(told_user_ns, user), all);
	told_user_ns += in_user;
	for (u32 cpu = 0; cpu < cpu_count() && cpu < CPU_MAX && all != 0; cpu++) {
		/* in microseconds, so that the product fits */
		u64 share = busy[cpu] / 1000 * (in_user / 1000) / MAX(all / 1000, (u64)1) * 1000;
		told[cpu].user_ns += share;
		told[cpu].kernel_ns += busy[cpu] - MIN(share, busy[cpu]);
	}
}

static void
put_times(struct text *text, u64 user, u64 kernel, u64 idle)
{
	text_print(text, " {} 0 {} {} 0 0 0 0 0 0\n", ticks_of(user), ticks_of(kernel), ticks_of(idle));
}

static u64
idle_of(u64 now, u64 busy)
{
	return now - MIN(now, busy);
}

err_t
show_cpu_stat(struct text *text, struct text_node *node)
{
	u64 user = 0, kernel = 0, idle = 0, switches = 0, now = clock_now();
	(void)node;
	MUTEX_SCOPE(&told_lock);
	told_update();
	for (u32 cpu = 0; cpu < cpu_count() && cpu < CPU_MAX; cpu++) {
		user += told[cpu].user_ns;
		kernel += told[cpu].kernel_ns;
		idle += idle_of(now, told[cpu].busy_ns);
		switches += sched_cpu_stat(cpu).switches;
	}
	text_put_bytes(text, TEXT("cpu "));
	put_times(text, user, kernel, idle);
	for (u32 cpu = 0; cpu < cpu_count() && cpu < CPU_MAX; cpu++) {
		text_print(text, "cpu{}", cpu);
		put_times(text, told[cpu].user_ns, told[cpu].kernel_ns, idle_of(now, told[cpu].busy_ns));
	}
	text_print(text, "intr 0\nctxt {}\nbtime {}\nprocesses {}\nprocs_running {}\nprocs_blocked 0\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n", switches,
		clock_realtime_offset() / NS_PER_SEC, atomic64_load_relaxed(&forks), sched_running_count());
	return OK;
}

/** Idle time of all CPUs together. */
u64
cpus_idle_ns(void)
{
	u64 idle = 0, now = clock_now();
	for (u32 cpu = 0; cpu < cpu_count(); cpu++)
		idle += idle_of(now, sched_cpu_stat(cpu).busy_ns);
	return idle;
}

/* --- load: an average of the number of ready tasks that forgets by e^(-5s/period) each 5 s, with 11 binary places (proc_loadavg(5)) --- */

enum : u64 { LOAD_PERIOD = 5 * NS_PER_SEC, LOAD_ONE = 1 << 11 };
static const u64 load_decay[3] = { 1884, 2014, 2037 };
static struct atomic64 loads[3];
static struct timer *load_timer;        /* [const] once started */

static void
load_sample(struct object *unused)
{
	u64 ready = sched_running_count() * LOAD_ONE;
	(void)unused;
	for (u32 i = 0; i < COUNTOF(loads); i++) {
		u64 load = atomic64_load_relaxed(ELEM(loads, i));
		u64 next = load * load_decay[i] + ready * (LOAD_ONE - load_decay[i]) + (ready >= load ? LOAD_ONE - 1 : 0);
		atomic64_store_relaxed(ELEM(loads, i), next / LOAD_ONE);
	}
	timer_set(load_timer, clock_now() + LOAD_PERIOD);
}

u64
cpu_load(u32 which)
{
	return atomic64_load_relaxed(ELEM(loads, which)) << 5;   /* sysinfo(2): 16 binary places */
}

err_t
show_loadavg(struct text *text, struct text_node *node)
{
	(void)node;
	for (u32 i = 0; i < COUNTOF(loads); i++) {
		u64 load = atomic64_load_relaxed(ELEM(loads, i)) + LOAD_ONE / 200, cents = (load % LOAD_ONE) * 100 / LOAD_ONE;
		text_print(text, "{}.{}{} ", load / LOAD_ONE, cents / 10, cents % 10);
	}
	text_print(text, "{}/{} {}\n", sched_running_count(), atomic32_load_relaxed(&thread_total), atomic32_load_relaxed(&pid_last));
	return OK;
}

err_t
cpu_stat_init(void)
{
	thread_watch_register(&cpu_watch);
	TRY(timer_create(load_sample, nullptr, &load_timer));
	timer_set(load_timer, clock_now() + LOAD_PERIOD);
	return OK;
}
