// SPDX-License-Identifier: MPL-2.0
/**
 * Tables of descriptors: numbers that name open files.
 *
 * The running thread's lookups take no lock: with a table of its own it just reads; with a shared one it reads in RCU and takes a reference.
 * Bits in `open` say which numbers are taken, with a file or reserved. All changes are under the table's lock. Arrays grow by a copy that is
 * published whole, `files` last.
 *
 * Source: open(2), dup(2), getrlimit(2) (RLIMIT_NOFILE).
 */
#include "fd.h"

ARRAY_DEFINE(fd_files, struct file *);
ARRAY_DEFINE(fd_bits, u64);

static void
fd_table_release(struct fd_table *table) NO_THREAD_SAFETY("nobody else has it any more")
{
	if (table->files != nullptr)
		fd_files_put(table->files);
	if (table->open != nullptr)
		fd_bits_put(table->open);
	if (table->cloexec != nullptr)
		fd_bits_put(table->cloexec);
}
OBJECT_DEFINE_RELEASE(fd_table);

void
fd_table_ref(struct fd_table *table)
{
	fd_table_get(table);
}

void
fd_table_unref(struct fd_table *table)
{
	fd_table_put(table);
}

/** => null: ENOMEM */
static struct fd_table *
table_alloc(u32 size) NO_THREAD_SAFETY("nobody else has it yet")
{
	struct fd_table *table = fd_table_alloc();
	if (table == nullptr)
		return nullptr;
	table->files = fd_files_alloc(size);
	table->open = fd_bits_alloc(size / 64);
	table->cloexec = fd_bits_alloc(size / 64);
	atomic32_store(&table->users, 1);
	if (table->files != nullptr && table->open != nullptr && table->cloexec != nullptr)
		return table;
	fd_table_put(table);
	return nullptr;
}

err_t
fd_table_create(struct fd_table **scoped out)
{
	*out = table_alloc(FD_TABLE_MIN);
	return *out != nullptr ? OK : ENOMEM;
}

/* --- lookup --- */

static inline struct file *
table_load(struct fd_table *table, u32 fd)
{
	struct fd_files *files = POINTER_LOAD(table->files);
	return fd < fd_files_len(files) ? POINTER_LOAD(*fd_files_at(files, fd)) : nullptr;
}

/**
 * One look, with a reference. => false: it was closed meanwhile. What we hold then may be another file: its memory may have been freed and taken
 * again before we had the reference. So the table is asked again, and the caller lets go where it can sleep.
 */
static inline bool
table_look(struct fd_table *table, u32 fd, struct file **scoped out)
{
	RCU_SCOPE();
	struct file *file = table_load(table, fd);
	bool live = file != nullptr && file_get_live(file);
	*out = live ? file : nullptr;
	return file == nullptr || (live && table_load(table, fd) == file);
}

struct file *
fd_table_file(struct fd_table *table, u32 fd)
{
	struct file *file = nullptr;
	while (!table_look(table, fd, &file))
		if (file != nullptr)
			file_put(file);
	return file;
}

err_t
fd_get_any(i32 fd, struct file **scoped out)
{
	*out = fd_table_file(files_current(), (u32)fd);
	return *out != nullptr ? OK : EBADF;
}

err_t
fd_get(i32 fd, struct file **scoped out)
{
	TRY(fd_get_any(fd, out));
	if (((*out)->mode & FILE_PATH) == 0)
		return OK;
	file_put(*out);
	*out = nullptr;
	return EBADF;
}

/** Another thread may close it meanwhile: with a reference. */
static err_t
table_borrow_counted(struct fd_table *table, u32 fd, struct fd_hold *scoped out)
{
	out->counted = true;
	out->file = fd_table_file(table, fd);
	return out->file != nullptr ? OK : EBADF;
}

err_t
fd_borrow_any(i32 fd, struct fd_hold *scoped out)
{
	struct fd_table *table = files_current();
	if (__builtin_expect(atomic32_load_relaxed(&table->users) != 1, 0))
		return table_borrow_counted(table, (u32)fd, out);
	out->counted = false;
	out->file = table_load(table, (u32)fd);
	return out->file != nullptr ? OK : EBADF;
}

static err_t
table_borrow_shared(struct fd_table *table, u32 fd, struct fd_hold *scoped out)
{
	TRY(table_borrow_counted(table, fd, out));
	if ((out->file->mode & FILE_PATH) == 0)
		return OK;
	fd_return(out);
	return EBADF;
}

err_t
fd_borrow(i32 fd, struct fd_hold *scoped out)
{
	struct fd_table *table = files_current();
	if (__builtin_expect(atomic32_load_relaxed(&table->users) != 1, 0))
		return table_borrow_shared(table, (u32)fd, out);
	struct file *file = table_load(table, (u32)fd);
	out->counted = false;
	out->file = file;
	return __builtin_expect(file != nullptr && (file->mode & FILE_PATH) == 0, 1) ? OK : EBADF;
}

struct fd_files *
fd_files_unshared(void)
{
	struct fd_table *table = files_current();
	return atomic32_load_relaxed(&table->users) == 1 ? POINTER_LOAD(table->files) : nullptr;
}

/* --- bits --- */

static inline bool
bit_get(struct fd_bits *bits, u32 i)
{
	return (*fd_bits_at(bits, i / 64) >> i % 64 & 1) != 0;
}

static inline void
bit_set(struct fd_bits *bits, u32 i, bool value)
{
	u64 *word = fd_bits_at(bits, i / 64);
	*word = value ? *word | (u64)1 << i % 64 : *word & ~((u64)1 << i % 64);
}

/** The lowest clear bit at or above `from`; the number of bits where there is none. */
static u32
bit_find_clear(struct fd_bits *bits, u32 from)
{
	u32 words = fd_bits_len(bits);
	u64 skip = ((u64)1 << from % 64) - 1;
	for (u32 w = from / 64; w < words; w++, skip = 0) {
		u64 word = *fd_bits_at(bits, w) | skip;
		if (word != ~(u64)0)
			return w * 64 + (u32)(__builtin_ffsl((i64)~word) - 1);
	}
	return words * 64;
}

/** The lowest set bit at or above `from`; the number of bits where there is none. */
static u32
bit_find_set(struct fd_bits *bits, u32 from)
{
	u32 words = fd_bits_len(bits);
	u64 mask = ~(u64)0 << from % 64;
	for (u32 w = from / 64; w < words; w++, mask = ~(u64)0) {
		u64 word = *fd_bits_at(bits, w) & mask;
		if (word != 0)
			return w * 64 + (u32)(__builtin_ffsl((i64)word) - 1);
	}
	return words * 64;
}

/* --- growth --- */

static void
bits_copy(struct fd_bits *to, struct fd_bits *from)
{
	for (u32 i = 0, n = MIN(fd_bits_len(to), fd_bits_len(from)); i < n; i++)
		*fd_bits_at(to, i) = *fd_bits_at(from, i);
}

/** Gives the table `grown`'s arrays, with all it has; `grown` gets the old ones. => false: it is large enough by now */
static bool
table_swap(struct fd_table *table, struct fd_table *grown) NO_THREAD_SAFETY("grown is the caller's alone")
{
	SPIN_SCOPE(&table->lock);
	struct fd_files *files = table->files;
	struct fd_bits *open = table->open, *cloexec = table->cloexec;
	if (fd_files_len(files) >= fd_files_len(grown->files))
		return false;
	for (u32 i = 0; i < fd_files_len(files); i++)
		*fd_files_at(grown->files, i) = *fd_files_at(files, i);
	bits_copy(grown->open, open);
	bits_copy(grown->cloexec, cloexec);
	table->open = grown->open;
	table->cloexec = grown->cloexec;
	POINTER_PUBLISH(table->files, grown->files);
	grown->open = open;
	grown->cloexec = cloexec;
	grown->files = files;
	return true;
}

/** Makes room for `fd`. May sleep. */
static err_t
table_grow(struct fd_table *table, u32 fd)
{
	u32 size = FD_TABLE_MIN;
	while (size <= fd)
		size *= 2;
	struct fd_table *grown = table_alloc(size);
	if (grown == nullptr)
		return ENOMEM;
	(void)table_swap(table, grown);
	fd_table_put_rcu(grown);
	return OK;
}

/* --- taking numbers --- */

static u32
fd_limit(void)
{
	return (u32)MIN(rlimit_current(RLIMIT_NOFILE), (u64)FD_MAX);
}

/** Takes the lowest free number at or above `min`. => EMFILE; EAGAIN: the table is too small, *fd says for which number */
static err_t
table_take(struct fd_table *table, u32 min, u32 limit, bool cloexec, struct file *file, u32 *scoped fd)
{
	SPIN_SCOPE(&table->lock);
	u32 at = bit_find_clear(table->open, MAX(min, table->next));
	if (at >= limit)
		return EMFILE;
	*fd = at;
	if (at >= fd_files_len(table->files))
		return EAGAIN;
	bit_set(table->open, at, true);
	bit_set(table->cloexec, at, cloexec);
	if (min <= table->next)
		table->next = at + 1;
	POINTER_PUBLISH(*fd_files_at(table->files, at), file);
	return OK;
}

static err_t
fd_take_number(u32 min, bool cloexec, struct file *file, i32 *scoped fd)
{
	struct fd_table *table = files_current();
	u32 limit = fd_limit(), at = 0;
	if (min >= limit)
		return EMFILE;
	err_t err;
	while ((err = table_take(table, min, limit, cloexec, file, &at)) == EAGAIN)
		TRY(table_grow(table, at));
	if (err == OK)
		*fd = (i32)at;
	return err;
}

/** A descriptor is about to name it: where it is not the first, two threads may use the file at the same time from now on. */
static void
file_name(struct file *file)
{
	file_get(file);
	u32 state = atomic32_load_relaxed(&file->state);
	if ((state & FILE_INSTALLED) == 0)
		atomic32_store_relaxed(&file->state, FILE_INSTALLED);
	else if ((state & FILE_SHARED) == 0)
		(void)atomic32_or(&file->state, FILE_SHARED);
}

err_t
fd_install(struct file *file, u32 min, bool cloexec, i32 *scoped fd)
{
	file_name(file);
	err_t err = fd_take_number(min, cloexec, file, fd);
	if (err != OK)
		file_put(file);
	return err;
}

err_t
fd_reserve(u32 min, bool cloexec, i32 *scoped fd)
{
	return fd_take_number(min, cloexec, nullptr, fd);
}

void
fd_fill(i32 fd, struct file *file)
{
	struct fd_table *table = files_current();
	file_name(file);
	SPIN_SCOPE(&table->lock);
	POINTER_PUBLISH(*fd_files_at(table->files, (u32)fd), file);
}

static void
fd_free_number(struct fd_table *table, u32 fd) MUST_HOLD(&table->lock)
{
	bit_set(table->open, fd, false);
	bit_set(table->cloexec, fd, false);
	table->next = MIN(table->next, fd);
}

void
fd_unreserve(i32 fd)
{
	struct fd_table *table = files_current();
	SPIN_SCOPE(&table->lock);
	fd_free_number(table, (u32)fd);
}

/* --- closing --- */

struct file *
fd_take(struct fd_table *table, u32 fd)
{
	struct fd_files *files = table->files;
	if (fd >= fd_files_len(files))
		return nullptr;
	struct file *file = *fd_files_at(files, fd);
	if (file == nullptr)
		return nullptr;
	POINTER_PUBLISH(*fd_files_at(files, fd), nullptr);
	fd_free_number(table, fd);
	return file;
}

void
fd_finish(struct fd_table *table, struct file *file)
{
	file_locks_flush(file, table);
	file_notices_flush(file, table);
	if (file->ops->flush != nullptr)
		file->ops->flush(file);
	file_put(file);
}

err_t
fd_close(i32 fd)
{
	struct fd_table *table = files_current();
	struct file *file;
	{
		SPIN_SCOPE(&table->lock);
		file = fd_take(table, (u32)fd);
	}
	if (file == nullptr)
		return EBADF;
	fd_finish(table, file);
	return OK;
}

err_t
fd_replace(u32 fd, struct file *file, bool cloexec)
{
	struct fd_table *table = files_current();
	if (fd >= fd_limit())
		return EBADF;
	if (fd >= fd_files_len(POINTER_LOAD(table->files)))
		TRY(table_grow(table, fd));
	file_name(file);
	struct file *old;
	{
		SPIN_SCOPE(&table->lock);
		old = *fd_files_at(table->files, fd);
		if (old == nullptr && bit_get(table->open, fd)) {
			old = file;
			cloexec = false;
		} else {
			bit_set(table->open, fd, true);
			bit_set(table->cloexec, fd, cloexec);
			POINTER_PUBLISH(*fd_files_at(table->files, fd), file);
			if (old == nullptr)
				return OK;
			file = nullptr;
		}
	}
	if (file != nullptr) {
		file_put(file);
		return EBUSY;
	}
	fd_finish(table, old);
	return OK;
}

/* --- whole tables --- */

void
fd_table_join(struct fd_table *table)
{
	fd_table_get(table);
	(void)atomic32_add(&table->users, 1);
}

/** Closes [first, last], or only what is close-on-exec there. */
static void
table_close(struct fd_table *table, bool all, u32 first, u32 last)
{
	for (u32 fd = first;; fd++) {
		struct file *file;
		{
			SPIN_SCOPE(&table->lock);
			fd = bit_find_set(all ? table->open : table->cloexec, fd);
			if (fd >= fd_files_len(table->files) || fd > last)
				return;
			file = fd_take(table, fd);
		}
		if (file != nullptr)
			fd_finish(table, file);
	}
}

void
fd_table_leave(struct fd_table *table)
{
	if (atomic32_sub(&table->users, 1) == 1)
		table_close(table, true, 0, ~(u32)0);
	fd_table_put(table);
}

void
fd_table_close_on_exec(struct fd_table *table)
{
	table_close(table, false, 0, ~(u32)0);
}

void
fd_table_close_range(struct fd_table *table, u32 first, u32 last)
{
	table_close(table, true, first, last);
}

void
fd_table_mark_cloexec(struct fd_table *table, u32 first, u32 last)
{
	SPIN_SCOPE(&table->lock);
	u32 end = MIN(last, fd_files_len(table->files) - 1);
	for (u32 fd = bit_find_set(table->open, first); fd <= end; fd = bit_find_set(table->open, fd + 1))
		bit_set(table->cloexec, fd, true);
}

void
fd_give(i32 fd, struct file *file)
{
	struct fd_table *table = files_current();
	atomic32_store_relaxed(&file->state, FILE_INSTALLED);
	SPIN_SCOPE(&table->lock);
	POINTER_PUBLISH(*fd_files_at(table->files, (u32)fd), file);
}

/** How large a copy is to be: to hold its highest open descriptor below `limit`. */
static u32
table_copy_size(struct fd_table *from, u32 limit) MUST_HOLD(&from->lock)
{
	u32 w = MIN(fd_bits_len(from->open), limit / 64 + (limit % 64 != 0));
	while (w > 0 && *fd_bits_at(from->open, w - 1) == 0)
		w--;
	u32 size = FD_TABLE_MIN;
	while (size < w * 64)
		size *= 2;
	return size;
}

/** Copies all below `limit` that has a file. => false: the copy is too small, *size says how large it must be */
static bool
table_copy(struct fd_table *to, struct fd_table *from, u32 limit, u32 *scoped size) NO_THREAD_SAFETY("the copy is the caller's alone")
{
	SPIN_SCOPE(&from->lock);
	*size = table_copy_size(from, limit);
	if (fd_files_len(to->files) < *size)
		return false;
	limit = MIN(limit, fd_files_len(from->files));
	for (u32 fd = bit_find_set(from->open, 0); fd < limit; fd = bit_find_set(from->open, fd + 1)) {
		struct file *file = *fd_files_at(from->files, fd);
		if (file == nullptr)
			continue;
		file_name(file);
		*fd_files_at(to->files, fd) = file;
		bit_set(to->open, fd, true);
		bit_set(to->cloexec, fd, bit_get(from->cloexec, fd));
	}
	return true;
}

err_t
fd_table_copy_below(struct fd_table *from, u32 limit, struct fd_table **scoped out)
{
	for (u32 size = FD_TABLE_MIN;;) {
		struct fd_table *table = table_alloc(size);
		if (table == nullptr)
			return ENOMEM;
		if (table_copy(table, from, limit, &size)) {
			*out = table;
			return OK;
		}
		fd_table_put(table);
	}
}

err_t
fd_table_copy(struct fd_table *from, struct fd_table **scoped out)
{
	return fd_table_copy_below(from, ~(u32)0, out);
}

err_t
fd_table_unshare(struct fd_table **scoped out)
{
	struct fd_table *table = files_current();
	*out = nullptr;
	return atomic32_load(&table->users) != 1 ? fd_table_copy(table, out) : OK;
}

bool
fd_table_next(struct fd_table *table, u32 *scoped fd)
{
	SPIN_SCOPE(&table->lock);
	while (*fd < fd_files_len(table->files)) {
		*fd = bit_find_set(table->open, *fd);
		if (*fd < fd_files_len(table->files) && *fd_files_at(table->files, *fd) != nullptr)
			return true;
		++*fd;
	}
	return false;
}

void
fd_table_set_cloexec(struct fd_table *table, u32 fd, bool on)
{
	SPIN_SCOPE(&table->lock);
	if (fd < fd_files_len(table->files) && bit_get(table->open, fd))
		bit_set(table->cloexec, fd, on);
}

bool
fd_table_cloexec(struct fd_table *table, u32 fd)
{
	SPIN_SCOPE(&table->lock);
	return fd < fd_files_len(table->files) && bit_get(table->cloexec, fd);
}

u32
fd_table_size(struct fd_table *table)
{
	RCU_SCOPE();
	return fd_files_len(POINTER_LOAD(table->files));
}
