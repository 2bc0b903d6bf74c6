// SPDX-License-Identifier: MPL-2.0
/**
 * prctl: a table of small settings of threads and processes.
 *
 * Source: prctl(2) and the pages it names. An option that is not in the table is EINVAL, as with a Linux that was built without it.
 */
#include "process_impl.h"

enum prctl_option : u32 {
	PR_SET_PDEATHSIG = 1, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_KEEPCAPS = 7, PR_SET_KEEPCAPS, PR_GET_TIMING = 13,
	PR_SET_TIMING, PR_SET_NAME = 15, PR_GET_NAME, PR_GET_SECCOMP = 21, PR_SET_SECCOMP, PR_CAPBSET_READ = 23, PR_CAPBSET_DROP, PR_GET_TSC = 25, PR_SET_TSC,
	PR_GET_SECUREBITS = 27, PR_SET_SECUREBITS, PR_SET_TIMERSLACK = 29, PR_GET_TIMERSLACK, PR_SET_MM = 35, PR_SET_CHILD_SUBREAPER = 36,
	PR_GET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 38, PR_GET_NO_NEW_PRIVS, PR_GET_TID_ADDRESS = 40, PR_SET_THP_DISABLE = 41,
	PR_GET_THP_DISABLE, PR_CAP_AMBIENT = 47, PR_LIMIT,
	PR_SET_VMA = 0x53564d41,
};
enum : u64 {
	SECURE_ALL_BITS = 0x55, SECURE_ALL_LOCKS = 0xaa, SECURE_NO_CAP_AMBIENT_RAISE = 64, SECURE_KEEP_CAPS = 16, SECURE_KEEP_CAPS_LOCKED = 32,
	CAP_AMBIENT_IS_SET = 1, CAP_AMBIENT_RAISE, CAP_AMBIENT_LOWER, CAP_AMBIENT_CLEAR_ALL,
};

struct prctl_args { u64 arg[4]; };
typedef err_t prctl_fn(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result);

/** Whether the arguments from `first` on are zeroes, as many options want it. */
static bool
rest_zero(const struct prctl_args *scoped args, u32 first)
{
	u64 bits = 0;
	for (u32 i = first; i < COUNTOF(args->arg); i++)
		bits |= args->arg[i];
	return bits == 0;
}

static err_t
out_u32(u64 at, u32 value)
{
	return copy_out_value(UADDR(at), value);
}

/* --- death of the parent, dumps, name --- */

static err_t
set_parent_death(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)result;
	if (args->arg[0] > SIGNAL_MAX)
		return EINVAL;
	atomic32_store_relaxed(&thread->parent_death_signal, (u32)args->arg[0]);
	return OK;
}

static err_t
get_parent_death(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)result;
	return out_u32(args->arg[0], atomic32_load_relaxed(&thread->parent_death_signal));
}

static err_t
get_dumpable(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)args;
	*result = atomic32_load(&thread->process->dumpable);
	return OK;
}

static err_t
set_dumpable(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)result;
	if (args->arg[0] > 1)
		return EINVAL;
	atomic32_store(&thread->process->dumpable, (u32)args->arg[0]);
	return OK;
}

static err_t
set_name(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	u8 name[16] = {};
	size_t len = 0;
	(void)result;
	err_t err = copy_in_string(BYTES_OF(name), UADDR(args->arg[0]), &len);
	if (err != OK && err != ENAMETOOLONG)
		return err;
	if (err == ENAMETOOLONG)
		name[15] = 0;
	else
		bytes_fill(bytes_from(BYTES_OF(name), len), 0);
	thread_name_set(thread, CBYTES_OF(name));
	return OK;
}

static err_t
get_name(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	u8 name[THREAD_NAME_SIZE];
	(void)result;
	thread_name_get(thread, BYTES_OF(name));
	return copy_out(UADDR(args->arg[0]), CBYTES_OF(name));
}

static err_t
get_timing(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)thread;
	(void)args;
	*result = 0;
	return OK;
}

static err_t
set_timing(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)thread;
	(void)result;
	return args->arg[0] == 0 ? OK : EINVAL;
}

static err_t
get_tsc(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)thread;
	(void)result;
	return out_u32(args->arg[0], 1);
}

static err_t
set_tsc(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)thread;
	(void)result;
	return args->arg[0] == 1 ? OK : EINVAL;
}

static err_t
get_seccomp(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)thread;
	(void)args;
	*result = 0;
	return OK;
}

/* --- capabilities --- */

static bool
cap_valid(u64 cap)
{
	return cap < CAP_COUNT;
}

static err_t
bounding_read(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	if (!cap_valid(args->arg[0]))
		return EINVAL;
	*result = thread->cred->cap_bounding >> args->arg[0] & 1;
	return OK;
}

static err_t
bounding_drop(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)thread;
	(void)result;
	if (!capable(CAP_SETPCAP))
		return EPERM;
	if (!cap_valid(args->arg[0]))
		return EINVAL;
	struct cred *cred = cred_copy();
	if (cred == nullptr)
		return ENOMEM;
	cred->cap_bounding &= ~((u64)1 << args->arg[0]);
	cred_install(cred);
	return OK;
}

static err_t
get_keep_caps(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)args;
	*result = (thread->cred->securebits & SECURE_KEEP_CAPS) != 0;
	return OK;
}

static err_t
securebits_install(u64 bits)
{
	struct cred *cred = cred_copy();
	if (cred == nullptr)
		return ENOMEM;
	cred->securebits = (u32)bits;
	cred_install(cred);
	return OK;
}

static err_t
set_keep_caps(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	u64 old = thread->cred->securebits;
	(void)result;
	if (args->arg[0] > 1)
		return EINVAL;
	if ((old & SECURE_KEEP_CAPS_LOCKED) != 0)
		return EPERM;
	return securebits_install(args->arg[0] != 0 ? old | SECURE_KEEP_CAPS : old & ~(u64)SECURE_KEEP_CAPS);
}

static err_t
get_securebits(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)args;
	*result = thread->cred->securebits;
	return OK;
}

/** A locked bit stays as it is, locks stay locked, and no unknown bit is set. */
static err_t
set_securebits(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	u64 old = thread->cred->securebits, fresh = args->arg[0], all = SECURE_ALL_BITS | SECURE_ALL_LOCKS;
	(void)result;
	bool locked = ((old & SECURE_ALL_LOCKS) >> 1 & (old ^ fresh)) != 0, unlocks = (old & SECURE_ALL_LOCKS & ~fresh) != 0;
	if (locked || unlocks || (fresh & ~all) != 0 || !capable(CAP_SETPCAP))
		return EPERM;
	return securebits_install(fresh);
}

static err_t
ambient(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	const struct cred *old = thread->cred;
	u64 what = args->arg[0], cap = args->arg[1];
	if (what == CAP_AMBIENT_CLEAR_ALL ? !rest_zero(args, 1) : what < CAP_AMBIENT_IS_SET || what > CAP_AMBIENT_LOWER || !rest_zero(args, 2) || !cap_valid(cap))
		return EINVAL;
	u64 bit = what == CAP_AMBIENT_CLEAR_ALL ? 0 : (u64)1 << cap;
	if (what == CAP_AMBIENT_IS_SET) {
		*result = (old->cap_ambient & bit) != 0;
		return OK;
	}
	bool may_raise = (old->cap_permitted & old->cap_inheritable & bit) != 0 && (old->securebits & SECURE_NO_CAP_AMBIENT_RAISE) == 0;
	if (what == CAP_AMBIENT_RAISE && !may_raise)
		return EPERM;
	struct cred *cred = cred_copy();
	if (cred == nullptr)
		return ENOMEM;
	cred->cap_ambient = what == CAP_AMBIENT_RAISE ? old->cap_ambient | bit : what == CAP_AMBIENT_LOWER ? old->cap_ambient & ~bit : 0;
	cred_install(cred);
	return OK;
}

/* --- timer slack, reaping, privileges --- */

static err_t
set_slack(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)result;
	thread->timer_slack_ns = (i64)args->arg[0] > 0 ? args->arg[0] : thread->timer_slack_default_ns;
	return OK;
}

static err_t
get_slack(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)args;
	*result = MIN(thread->timer_slack_ns, (u64)0x7fffffffffffffff);
	return OK;
}

static err_t
set_subreaper(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)result;
	atomic32_store(&thread->process->child_subreaper, args->arg[0] != 0);
	return OK;
}

static err_t
get_subreaper(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)result;
	return out_u32(args->arg[0], atomic32_load(&thread->process->child_subreaper));
}

static err_t
set_no_new_privs(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)result;
	if (args->arg[0] != 1 || !rest_zero(args, 1))
		return EINVAL;
	atomic32_store(&thread->process->no_new_privs, 1);
	return OK;
}

static err_t
get_no_new_privs(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	if (!rest_zero(args, 0))
		return EINVAL;
	*result = atomic32_load(&thread->process->no_new_privs);
	return OK;
}

static err_t
get_tid_address(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	u64 at = thread->clear_child_tid.raw;
	(void)result;
	return copy_out_value(UADDR(args->arg[0]), at);
}

/* --- memory --- */

/** There are no huge pages: off is what they always are, and on changes nothing that a program could see. */
static err_t
set_thp_disable(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)result;
	if (!rest_zero(args, 1))
		return EINVAL;
	atomic32_store(&thread->process->thp_disable, args->arg[0] != 0);
	return OK;
}

static err_t
get_thp_disable(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	if (!rest_zero(args, 0))
		return EINVAL;
	*result = atomic32_load(&thread->process->thp_disable);
	return OK;
}

/** Fields of the layout in the order of PR_SET_MM_START_CODE (1) and up. */
static err_t
layout_set(struct vm_layout *scoped layout, u64 what, u64 address)
{
	switch (what) {
	case 1: layout->code_start = address; return OK;
	case 2: layout->code_end = address; return OK;
	case 3: layout->data_start = address; return OK;
	case 4: layout->data_end = address; return OK;
	case 5: layout->stack_start = address; return OK;
	case 6: layout->brk_start = address; return OK;
	case 7: layout->brk = address; return OK;
	case 8: layout->arg_start = address; return OK;
	case 9: layout->arg_end = address; return OK;
	case 10: layout->env_start = address; return OK;
	case 11: layout->env_end = address; return OK;
	default: return EINVAL;
	}
}

static err_t
set_mm(struct thread *thread, const struct prctl_args *scoped args, u64 *scoped result)
{
	(void)result;
	if (!rest_zero(args, 2))
		return EINVAL;
	if (!capable(CAP_SYS_RESOURCE))
		return EPERM;
	if (args->arg[1] < USER_START || args->arg[1] >= USER_END)
		return EINVAL;
	struct vm_layout layout = vm_map_layout(thread_own_map(thread));
	TRY(layout_set(&layout, args->arg[0], args->arg[1]));
	vm_map_set_layout(thread_own_map(thread), &layout);
	return OK;
}

static const struct { prctl_fn *fn; } prctl_table[PR_LIMIT] = {
	[PR_SET_PDEATHSIG] = { set_parent_death }, [PR_GET_PDEATHSIG] = { get_parent_death },
	[PR_GET_DUMPABLE] = { get_dumpable }, [PR_SET_DUMPABLE] = { set_dumpable },
	[PR_GET_KEEPCAPS] = { get_keep_caps }, [PR_SET_KEEPCAPS] = { set_keep_caps },
	[PR_GET_TIMING] = { get_timing }, [PR_SET_TIMING] = { set_timing },
	[PR_SET_NAME] = { set_name }, [PR_GET_NAME] = { get_name },
	[PR_GET_SECCOMP] = { get_seccomp },
	[PR_CAPBSET_READ] = { bounding_read }, [PR_CAPBSET_DROP] = { bounding_drop },
	[PR_GET_TSC] = { get_tsc }, [PR_SET_TSC] = { set_tsc },
	[PR_GET_SECUREBITS] = { get_securebits }, [PR_SET_SECUREBITS] = { set_securebits },
	[PR_SET_TIMERSLACK] = { set_slack }, [PR_GET_TIMERSLACK] = { get_slack },
	[PR_SET_MM] = { set_mm },
	[PR_SET_CHILD_SUBREAPER] = { set_subreaper }, [PR_GET_CHILD_SUBREAPER] = { get_subreaper },
	[PR_SET_NO_NEW_PRIVS] = { set_no_new_privs }, [PR_GET_NO_NEW_PRIVS] = { get_no_new_privs },
	[PR_GET_TID_ADDRESS] = { get_tid_address },
	[PR_SET_THP_DISABLE] = { set_thp_disable }, [PR_GET_THP_DISABLE] = { get_thp_disable },
	[PR_CAP_AMBIENT] = { ambient },
};

err_t
sys_prctl(i32 option, u64 arg2, u64 arg3, u64 arg4, u64 arg5, u64 *scoped result)
{
	struct prctl_args args = { { arg2, arg3, arg4, arg5 } };
	prctl_fn *fn = (u32)option < PR_LIMIT ? ELEM(prctl_table, (u32)option)->fn : nullptr;
	return fn != nullptr ? fn(thread_current(), &args, result) : EINVAL;
}

/* --- arch_prctl, personality, unshare --- */

enum arch_prctl_code : i32 { ARCH_SET_GS = 0x1001, ARCH_SET_FS, ARCH_GET_FS, ARCH_GET_GS, ARCH_GET_CPUID = 0x1011, ARCH_SET_CPUID };

err_t
sys_arch_prctl(i32 option, u64 addr)
{
	struct user_context *user = thread_current()->user;
	u64 value = 0;
	switch (option) {
	case ARCH_SET_FS:
		if (addr >= USER_END)
			return EPERM;
		user->regs.fs_base = addr;
		return OK;
	case ARCH_SET_GS:
		if (addr >= USER_END)
			return EPERM;
		user->regs.gs_base = addr;
		return OK;
	case ARCH_GET_FS: value = user->regs.fs_base; return copy_out_value(UADDR(addr), value);
	case ARCH_GET_GS: value = user->regs.gs_base; return copy_out_value(UADDR(addr), value);
	default: return EINVAL;
	}
}

err_t
sys_personality(u32 persona, u64 *scoped result)
{
	struct process *process = process_current();
	*result = atomic32_load(&process->personality);
	if (persona != 0xffffffff)
		atomic32_store(&process->personality, persona);
	return OK;
}
