// SPDX-License-Identifier: MPL-2.0
/**
 * execve: another program in the same process.
 *
 * Steps: the name and the strings are copied, the file is opened, scripts lead to their interpreter; credentials and the new address space are
 * made aside. Then the point of no return: the other threads end, and what belongs to the old program goes. An error in the new program's segments
 * ends the process, as with Linux; all that was refused before leaves the caller as it was.
 */
#include "exec.h"

#include <vdso.h>

enum : u32 { AT_SYMLINK_NOFOLLOW = 0x100, AT_EMPTY_PATH = 0x1000 };
enum : u64 { ARG_LIMIT_MIN = 128 << 10, ARG_LIMIT_MAX = 6 << 20 };
enum : u32 { PERSONALITY_ADDR_NO_RANDOMIZE = 0x0040000 };

/* --- scripts: "#!interpreter argument" --- */

static bool
is_blank(u8 c)
{
	return c == ' ' || c == '\t';
}

/** The first byte at or behind `from` and before `end` that is no blank; `end` where there is none. */
static u32
skip_blanks(const struct exec *scoped exec, u32 from, u32 end)
{
	while (from < end && is_blank(exec->head[from]))
		from++;
	return from;
}

/** The first blank or NUL likewise. */
static u32
skip_word(const struct exec *scoped exec, u32 from, u32 end)
{
	while (from < end && !is_blank(exec->head[from]) && exec->head[from] != 0)
		from++;
	return from;
}

/** Where the first line ends. => ENOEXEC: it is longer than what was read, and the interpreter's name may be, too */
static err_t
script_line(const struct exec *scoped exec, u32 *scoped end)
{
	u32 last = EXEC_HEAD - 1;
	for (u32 i = 0; i < EXEC_HEAD; i++) {
		if (exec->head[i] == '\n') {
			*end = i;
			return OK;
		}
	}
	u32 name = skip_blanks(exec, 2, last);
	if (name == last || skip_word(exec, name, last) == last)
		return ENOEXEC;
	*end = last;
	return OK;
}

/** A slice of the head, up to its first NUL. */
static err_t
strings_add_head(struct exec_strings *scoped strings, const struct exec *scoped exec, u32 from, u32 to)
{
	u32 end = from;
	while (end < to && exec->head[end % EXEC_HEAD] != 0)
		end++;
	return exec_strings_add(strings, cbytes_sub(CBYTES_OF(exec->head), from, end - from));
}

static size_t
text_len(struct byte_array *text)
{
	return byte_array_len(text) - 1;
}

/** The new strings: interpreter, its argument, the script's name, the old ones but for the first. */
static err_t
script_strings(struct exec *scoped exec, u32 name, u32 name_end, u32 arg, u32 end)
{
	struct exec_strings *old = &exec->strings;
	struct exec_strings fresh = { .argc = old->argc + 1, .envc = old->envc };
	err_t err = strings_add_head(&fresh, exec, name, name_end);
	if (err == OK && arg != 0) {
		err = strings_add_head(&fresh, exec, arg, end);
		fresh.argc += 1;
	}
	if (err == OK)
		err = exec_strings_add(&fresh, cbytes_sub(bytes_const(byte_array_bytes(exec->interp)), 0, text_len(exec->interp)));
	u32 skip = 0;
	while (bytes_get(byte_array_bytes(old->text), skip) != 0)
		skip++;
	/* What is left ends in a NUL of its own. */
	u32 rest = old->len - skip - 1;
	if (err == OK && rest > 0)
		err = exec_strings_add(&fresh, bytes_const(bytes_sub(byte_array_bytes(old->text), skip + 1, rest - 1)));
	if (err == OK && fresh.len + (u64)(fresh.argc + fresh.envc) * 8 > exec->limit)
		err = E2BIG;
	struct byte_array *gone = err == OK ? old->text : fresh.text;
	if (err == OK)
		*old = fresh;
	if (gone != nullptr)
		byte_array_put(gone);
	return err;
}

static err_t
text_copy(struct cbytes from, struct byte_array **scoped out)
{
	struct byte_array *text = byte_array_alloc((u32)cbytes_len(from) + 1);
	if (text == nullptr)
		return ENOMEM;
	bytes_copy(byte_array_bytes(text), from);
	*out = text;
	return OK;
}

static void
exec_close_file(struct exec *scoped exec)
{
	if (exec->file == nullptr)
		return;
	if (exec->denied)
		inode_allow_write(exec->file->inode);
	exec->denied = false;
	file_put(exec->file);
	exec->file = nullptr;
}

/** Reads the first bytes of exec->file, which nobody may write from now on. => ETXTBSY, EIO … */
static err_t
exec_read_head(struct exec *scoped exec)
{
	REF_SCOPE(byte_array, buffer);
	u64 moved = 0;
	TRY(inode_deny_write(exec->file->inode));
	exec->denied = true;
	buffer = byte_array_alloc(EXEC_HEAD);
	if (buffer == nullptr)
		return ENOMEM;
	struct uio uio = uio_kernel(buffer, 0, EXEC_HEAD);
	TRY(file_read_at(exec->file, &uio, 0, 0, &moved));
	bytes_copy(BYTES_OF(exec->head), bytes_const(byte_array_bytes(buffer)));
	return OK;
}

/** From a script on to its interpreter. */
static err_t
script_enter(struct exec *scoped exec)
{
	u32 end = 0;
	TRY(script_line(exec, &end));
	while (end > 2 && is_blank(exec->head[(end - 1) % EXEC_HEAD]))
		end--;
	u32 name = skip_blanks(exec, 2, end), name_end = skip_word(exec, name, end);
	if (name == end || name_end == name)
		return ENOEXEC;
	u32 arg = name_end < end && exec->head[name_end % EXEC_HEAD] != 0 ? skip_blanks(exec, name_end, end) : end;
	if (exec->inaccessible)
		return ENOENT;
	TRY(script_strings(exec, name, name_end, arg < end ? arg : 0, end));
	struct byte_array *interp = nullptr;
	TRY(text_copy(cbytes_sub(CBYTES_OF(exec->head), name, name_end - name), &interp));
	byte_array_put(exec->interp);
	exec->interp = interp;
	exec_close_file(exec);
	TRY(file_open_exec_kernel(cbytes_sub(bytes_const(byte_array_bytes(interp)), 0, text_len(interp)), &exec->file));
	return exec_read_head(exec);
}

/** Follows scripts until there is a program, and opens that. */
static err_t
exec_resolve(struct exec *scoped exec)
{
	TRY(exec_read_head(exec));
	for (u32 depth = 0; exec->head[0] == '#' && exec->head[1] == '!'; depth++) {
		if (depth > EXEC_DEPTH - 1)
			return ELOOP;
		TRY(script_enter(exec));
	}
	return elf_open(exec);
}

/* --- the point of no return --- */

/** Ends all other threads of the process, and waits for it. => EAGAIN: the process ends, or another thread executes */
static err_t
others_end(struct thread *thread)
{
	struct process *process = thread->process;
	{
		SPIN_SCOPE(&process->lock);
		if (atomic32_load(&process->exiting) != 0 || process->exec_thread != nullptr)
			return EAGAIN;
		if (process->thread_count == 1 && process->leader == thread)
			return OK;
		process->exec_thread = thread;
		LIST_FOR(thread_list, other, &process->threads) {
			if (other != thread && atomic32_load_relaxed(&other->ended) == 0)
				thread_kick(other, THREAD_WORK_EXIT);
		}
	}
	err_t err = WAIT_KILLABLE(&process->child_wait, ({ SPIN_SCOPE(&process->lock); process->thread_count == 1; }));
	SPIN_SCOPE(&pid_lock);
	SPIN_SCOPE(&process->lock);
	process->exec_thread = nullptr;
	if (err != OK)
		return EAGAIN;
	struct thread *leader = process->leader;
	if (leader == thread)
		return OK;
	/* The program's id stays that of the process, whoever calls. */
	pid_exchange(thread, leader);
	process->leader = thread;
	thread_list_remove(&process->threads, leader);
	thread_forget(leader);
	return OK;
}

static void
exec_swap_map(struct thread *thread, struct exec *scoped exec)
{
	struct vm_map *old = thread_own_map(thread), *map = exec->map;
	exec->map = nullptr;
	vm_map_set_layout(map, &exec->layout);
	{
		SPIN_SCOPE(&thread->lock);
		thread->map = map;
	}
	vm_map_activate(map);
	if (old != nullptr) {
		vm_map_unuse(old);
		vm_map_put(old);
	}
}

static err_t
exec_swap_files(struct thread *thread)
{
	struct fd_table *own = nullptr, *old = thread_own_files(thread);
	TRY(fd_table_unshare(&own));
	if (own == nullptr)
		return OK;
	{
		SPIN_SCOPE(&thread->lock);
		thread->files = own;
	}
	fd_table_leave(old);
	return OK;
}

static void
exec_swap_exe(struct process *process, struct exec *scoped exec)
{
	process_drop_exe(process);
	SPIN_SCOPE(&process->lock);
	process->exe = exec->file;
	exec->file = nullptr;
	exec->denied = false;
}

/** The command's name: the last component of the path, cut to 15 bytes. */
static void
exec_set_name(struct thread *thread, struct byte_array *name)
{
	struct cbytes text = bytes_const(byte_array_bytes(name));
	size_t len = text_len(name), start = len;
	while (start > 0 && cbytes_get(text, start - 1) != '/')
		start--;
	thread_name_set(thread, cbytes_sub(text, start, len - start));
}

static void
exec_set_registers(struct thread *thread, const struct exec *scoped exec)
{
	struct user_regs *regs = &thread->user->regs;
	*regs = (struct user_regs){ .rip = exec->entry, .rsp = exec->stack, .rflags = 0x202 };
	user_fpu_reset(thread->user);
}

static void
exec_set_dumpable(struct process *process, const struct exec *scoped exec)
{
	const struct cred *cred = exec->cred;
	bool private = cred->euid != cred->uid || cred->egid != cred->gid || inode_permission(exec->elf.file->inode, MAY_READ) != OK;
	atomic32_store(&process->dumpable, private ? 0 : 1);
}

/** What others see of the exec. Before descriptors are closed, by which they may learn of it. */
static void
exec_tell(struct process *process)
{
	SPIN_SCOPE(&pid_lock);
	process->did_exec = true;
	process->exit_signal = SIGCHLD;
}

/** All that makes the process the new program's. Cannot fail but for want of memory: then the process ends. */
static err_t
exec_commit(struct thread *thread, struct exec *scoped exec)
{
	struct process *process = thread->process;
	TRY(signal_exec());
	TRY(exec_swap_files(thread));
	thread_leave_map(thread);
	exec_swap_map(thread, exec);
	rseq_exec(thread);
	exec_set_name(thread, exec->name);
	thread_watch_exec(thread);
	exec_swap_exe(process, exec);
	if (exec->secure)
		atomic32_store_relaxed(&thread->parent_death_signal, 0);
	struct cred *cred = exec->cred;
	exec->cred = nullptr;
	cred_get(cred);
	cred_install(cred);
	exec->cred = cred;
	exec_set_dumpable(process, exec);
	exec_tell(process);
	fd_table_close_on_exec(thread_own_files(thread));
	exec_set_registers(thread, exec);
	return OK;
}

static err_t
exec_make_map(struct exec *scoped exec)
{
	TRY(vm_map_create(&exec->map));
	vm_map_use(exec->map);
	vm_map_set_random(exec->map, (atomic32_load_relaxed(&process_current()->personality) & PERSONALITY_ADDR_NO_RANDOMIZE) == 0);
	return OK;
}

/** Everything that lies in the new address space. */
static err_t
exec_fill_map(struct exec *scoped exec)
{
	uaddr_t vdso = {};
	TRY(elf_map(exec));
	TRY(vdso_map(exec->map, &vdso));
	exec->layout.vdso = vdso.raw;
	/* What vm decided before anything was mapped stays. */
	exec->layout.mmap_base = vm_map_layout(exec->map).mmap_base;
	return exec_stack_build(exec);
}

/** From the opened file and the strings to the new program. */
static err_t
exec_run(struct exec *scoped exec)
{
	struct thread *thread = thread_current();
	TRY(exec_resolve(exec));
	TRY(exec_cred_make(exec));
	TRY(exec_make_map(exec));
	TRY(others_end(thread));
	err_t err = exec_fill_map(exec);
	if (err == OK)
		err = exec_commit(thread, exec);
	if (err != OK)
		process_group_exit(SIGSEGV);
	return err;
}

static void
exec_end(struct exec *scoped exec)
{
	elf_close(exec);
	exec_close_file(exec);
	if (exec->map != nullptr) {
		vm_map_unuse(exec->map);
		vm_map_put(exec->map);
	}
	if (exec->cred != nullptr)
		cred_put(exec->cred);
	if (exec->strings.text != nullptr)
		byte_array_put(exec->strings.text);
	if (exec->name != nullptr)
		byte_array_put(exec->name);
	if (exec->interp != nullptr)
		byte_array_put(exec->interp);
}

/* --- system calls --- */

static u64
arg_limit(void)
{
	return MAX(MIN(rlimit_current(RLIMIT_STACK) / 4, (u64)ARG_LIMIT_MAX), (u64)ARG_LIMIT_MIN);
}

/** "/dev/fd/N" or "/dev/fd/N/name": how scripts find what execveat was given by descriptor. */
static err_t
name_by_descriptor(struct exec *scoped exec, i32 dirfd, struct cbytes path)
{
	u8 text[32] = {};
	size_t len = format_text(BYTES_OF(text), "/dev/fd/{}", dirfd);
	exec->name = byte_array_alloc((u32)(len + (cbytes_len(path) != 0 ? 1 + cbytes_len(path) : 0) + 1));
	if (exec->name == nullptr)
		return ENOMEM;
	bytes_copy(byte_array_bytes(exec->name), cbytes_sub(CBYTES_OF(text), 0, len));
	if (cbytes_len(path) != 0) {
		bytes_set(byte_array_bytes(exec->name), len, '/');
		bytes_copy(bytes_from(byte_array_bytes(exec->name), len + 1), path);
	}
	exec->inaccessible = fd_table_cloexec(files_current(), (u32)dirfd);
	return OK;
}

/** The program's name as the caller gave it. => ENOENT where it is empty */
static err_t
exec_copy_name(struct exec *scoped exec, i32 dirfd, uaddr_t at, u32 flags)
{
	REF_SCOPE(byte_array, path);
	size_t len = 0;
	path = byte_array_alloc(PATH_MAX);
	if (path == nullptr)
		return ENOMEM;
	TRY(copy_in_string(byte_array_bytes(path), at, &len));
	struct cbytes text = bytes_const(bytes_sub(byte_array_bytes(path), 0, len));
	if (len == 0 && (flags & AT_EMPTY_PATH) == 0)
		return ENOENT;
	if (dirfd == AT_FDCWD || (len > 0 && cbytes_get(text, 0) == '/'))
		TRY(text_copy(text, &exec->name));
	else
		TRY(name_by_descriptor(exec, dirfd, text));
	return text_copy(cbytes_sub(bytes_const(byte_array_bytes(exec->name)), 0, text_len(exec->name)), &exec->interp);
}

static err_t
exec_copy_strings(struct exec *scoped exec, uaddr_t argv, uaddr_t envp)
{
	exec->limit = arg_limit();
	TRY(exec_strings_copy(&exec->strings, argv, &exec->strings.argc, exec->limit));
	if (exec->strings.argc == 0) {
		/* A program without even argv[0] is more than most can take: Linux gives it an empty one. */
		TRY(exec_strings_add(&exec->strings, TEXT("")));
		exec->strings.argc = 1;
	}
	TRY(exec_strings_copy(&exec->strings, envp, &exec->strings.envc, exec->limit));
	u64 pointers = (u64)(exec->strings.argc + exec->strings.envc) * 8;
	return pointers + exec->strings.len + byte_array_len(exec->name) > exec->limit ? E2BIG : OK;
}

static err_t
exec_user(struct exec *scoped exec, i32 dirfd, uaddr_t path, uaddr_t argv, uaddr_t envp, u32 flags)
{
	u32 walk = ((flags & AT_SYMLINK_NOFOLLOW) != 0 ? 0 : WALK_FOLLOW) | ((flags & AT_EMPTY_PATH) != 0 ? WALK_EMPTY : 0);
	if ((flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) != 0)
		return EINVAL;
	TRY(exec_copy_name(exec, dirfd, path, flags));
	TRY(exec_copy_strings(exec, argv, envp));
	TRY(file_open_exec(dirfd, path, walk, &exec->file));
	return exec_run(exec);
}

err_t
sys_execveat(i32 dirfd, uaddr_t path, uaddr_t argv, uaddr_t envp, u32 flags)
{
	struct exec exec = {};
	err_t err = exec_user(&exec, dirfd, path, argv, envp, flags);
	exec_end(&exec);
	return err;
}

err_t
sys_execve(uaddr_t path, uaddr_t argv, uaddr_t envp)
{
	return sys_execveat(AT_FDCWD, path, argv, envp, 0);
}

err_t
exec_kernel(struct cbytes path, struct exec_strings *scoped strings)
{
	struct exec exec = { .strings = *strings, .limit = ARG_LIMIT_MAX };
	strings->text = nullptr;
	err_t err = text_copy(path, &exec.name);
	if (err == OK)
		err = text_copy(path, &exec.interp);
	if (err == OK)
		err = file_open_exec_kernel(path, &exec.file);
	if (err == OK)
		err = exec_run(&exec);
	exec_end(&exec);
	return err;
}
