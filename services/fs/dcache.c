// SPDX-License-Identifier: MPL-2.0
/**
 * The dentry cache: names of directories, found by hash without locks.
 *
 * A dentry's `refs` counts its users: walks' results, files, children, and for pinned ones their directory. Two bits tell more:
 *
 *	DENTRY_LOOSE   it is not in the cache, so its last user ends it
 *	DENTRY_DEAD    it has been ended: by its last user, or (unused, in the cache) by reclaim
 *
 * Who ends it changes the word from LOOSE (or 0) to DEAD, so it happens once. Its memory, its inode's and its parent's stay until the RCU
 * readers of now are done. The heap's count of a dentry is always one.
 *
 * Names and parents change in dentry_move alone, which makes `rename_sequence` odd meanwhile: a walk that sees it change starts again.
 *
 * Lock order: move_lock → a bucket's lock → lru_lock.
 */
#include <cadre/frame.h>
#include <cadre/log.h>

#include "fs_impl.h"

struct bucket { struct dentry *head; };             /* RCU; written under its lock */
ARRAY_DECLARE(bucket_array, struct bucket);
ARRAY_DEFINE(bucket_array, struct bucket);
LIST_OF(lru_list, struct dentry, lru);

enum : u32 { BUCKET_LOCKS = 64, BUCKETS_MIN = 4096, BUCKETS_MAX = 1 << 20, SHRINK_BATCH = 32 };
enum : u64 { HASH_MULTIPLIER = 0x9e3779b97f4a7c15 };

static struct bucket_array *buckets;                /* [boot] */
static u32 bucket_shift;                            /* [boot] 64 - log2 of their number */
static struct spin_lock bucket_locks[BUCKET_LOCKS];
enum : u32 { DROP_ROUNDS = 8 };
static struct spin_lock lru_lock;
static struct lru_list lru GUARDED_BY(&lru_lock);
static u32 lru_count GUARDED_BY(&lru_lock);
static u32 lru_limit;                               /* [boot] */
static struct atomic64 seeds;
static struct spin_lock move_lock;
struct atomic32 rename_sequence;
struct mutex rename_mutex;

static void
dentry_release(struct dentry *dentry)
{
	if (dentry->long_name != nullptr)
		byte_array_put(dentry->long_name);
}
OBJECT_DEFINE_RELEASE(dentry);

void
dcache_init(void)
{
	u64 frames = memory_stat().total;
	u32 bits = 12;
	while ((u32)1 << bits < BUCKETS_MAX && (u64)4 << bits < frames)
		bits++;
	buckets = bucket_array_alloc((u32)1 << bits);
	assert(buckets != nullptr);
	bucket_shift = 64 - bits;
	lru_limit = (u32)MIN(frames / 8, (u64)1 << 20);
}

/* --- names and hashes --- */

void
name_make(struct name *scoped name, struct cbytes text)
{
	u32 len = (u32)cbytes_len(text);
	u64 word = 0, hash = 0;
	for (u32 i = 0; i < len; i++) {
		word |= (u64)cbytes_get(text, i) << i % 8 * 8;
		if (i % 8 == 7 || i + 1 == len) {
			if (i < NAME_SHORT)
				name->word[i / 8] = word;
			hash = name_hash_step(hash, word);
			word = 0;
		}
	}
	name->hash = name_hash_step(hash, len);
	name->len = len;
}

static inline bool
name_equal(const struct dentry *dentry, const struct name *scoped name, struct cbytes text)
{
	u64 differs = dentry->name_len ^ name->len;
	for (u32 i = 0; i < NAME_SHORT / 8; i++)
		differs |= dentry->name[i] ^ name->word[i];
	if (differs != 0)
		return false;
	if (name->len <= NAME_SHORT)
		return true;
	struct byte_array *long_name = POINTER_LOAD(dentry->long_name);
	return long_name != nullptr && cbytes_equal(bytes_const(byte_array_bytes(long_name)), text);
}

size_t
dentry_name(struct dentry *dentry, struct bytes name)
{
	struct cbytes text = dentry_text(dentry);
	bytes_copy(name, cbytes_sub(text, 0, MIN(cbytes_len(text), bytes_len(name))));
	return cbytes_len(text);
}

static inline u32
bucket_index(u64 hash)
{
	return (u32)(hash * HASH_MULTIPLIER >> bucket_shift);
}

static inline struct spin_lock *
bucket_lock(u64 hash)
{
	return ELEM(bucket_locks, bucket_index(hash) % BUCKET_LOCKS);
}

static inline struct dentry *
chain_find(struct dentry *parent, u64 hash, const struct name *scoped name, struct cbytes text)
{
	struct dentry *dentry = POINTER_LOAD(bucket_array_at(buckets, bucket_index(hash))->head);
	while (dentry != nullptr && !(dentry->hash == hash && dentry->parent == parent && name_equal(dentry, name, text)))
		dentry = POINTER_LOAD(dentry->next);
	return dentry;
}

struct dentry *
dcache_find(struct dentry *parent, const struct name *scoped name, struct cbytes text)
{
	return chain_find(parent, name->hash ^ parent->seed, name, text);
}

static void
dentry_hash(struct dentry *dentry)
{
	struct spin_lock *lock = bucket_lock(dentry->hash);
	SPIN_SCOPE(lock);
	struct bucket *bucket = bucket_array_at(buckets, bucket_index(dentry->hash));
	POINTER_PUBLISH(dentry->next, bucket->head);
	POINTER_PUBLISH(bucket->head, dentry);
	(void)atomic32_or(&dentry->flags, DENTRY_HASHED);
}

/** Takes it out of its chain; its own `next` stays, for those who stand on it. => false: it was not in */
static bool
dentry_unhash(struct dentry *dentry)
{
	struct spin_lock *lock = bucket_lock(dentry->hash);
	SPIN_SCOPE(lock);
	if ((atomic32_and(&dentry->flags, ~(u32)DENTRY_HASHED) & DENTRY_HASHED) == 0)
		return false;
	struct bucket *bucket = bucket_array_at(buckets, bucket_index(dentry->hash));
	if (bucket->head == dentry) {
		POINTER_PUBLISH(bucket->head, dentry->next);
		return true;
	}
	struct dentry *before = bucket->head;
	while (before->next != dentry)
		before = before->next;
	POINTER_PUBLISH(before->next, dentry->next);
	return true;
}

/* --- users --- */

void
dentry_ref(struct dentry *dentry)
{
	u32 old = atomic32_add_relaxed(&dentry->refs, 1);
	assert((old & DENTRY_DEAD) == 0);
}

bool
dentry_ref_live(struct dentry *dentry)
{
	if ((atomic32_add(&dentry->refs, 1) & DENTRY_DEAD) == 0)
		return true;
	(void)atomic32_sub(&dentry->refs, 1);
	return false;
}

bool
dentry_is_dead(struct dentry *dentry)
{
	return (atomic32_load(&dentry->refs) & DENTRY_DEAD) != 0;
}

/** Claims the end of a dentry whose word is `from`. => false: it has users again, or another ends it. */
static bool
dentry_claim(struct dentry *dentry, u32 from)
{
	return atomic32_cas(&dentry->refs, &from, DENTRY_DEAD);
}

static void
inode_leave(struct inode *inode)
{
	bool gone = atomic32_sub(&inode->aliases, 1) == 1 && atomic32_load(&inode->nlink) == 0;
	if (gone && inode->watches != nullptr)
		fs_notify_gone(inode);
	if (gone && inode->ops->evict != nullptr && (atomic32_or(&inode->fs_flags, INODE_EVICTED) & INODE_EVICTED) == 0)
		inode->ops->evict(inode);
	inode_put_rcu(inode);
}

/** Ends a claimed dentry. => its parent, whose use the caller takes over; null at a root. */
static struct dentry *
dentry_end(struct dentry *dentry)
{
	struct dentry *parent = dentry->parent;
	if (dentry->inode != nullptr)
		inode_leave(dentry->inode);
	bool root = parent == dentry;
	dentry_put_rcu(dentry);
	return root ? nullptr : parent;
}

void
dentry_unref(struct dentry *dentry)
{
	while (dentry != nullptr) {
		u32 old = atomic32_sub(&dentry->refs, 1);
		assert((old & ~(u32)(DENTRY_LOOSE | DENTRY_DEAD)) != 0);
		if (old != (DENTRY_LOOSE | 1) || !dentry_claim(dentry, DENTRY_LOOSE))
			return;
		dentry = dentry_end(dentry);
	}
}

/* --- making and finding --- */

static err_t
dentry_set_name(struct dentry *dentry, struct cbytes text)
{
	struct name name = {};
	name_make(&name, text);
	if (name.len > NAME_SHORT) {
		dentry->long_name = byte_array_alloc(name.len);
		if (dentry->long_name == nullptr)
			return ENOMEM;
		bytes_copy(byte_array_bytes(dentry->long_name), text);
	}
	for (u32 i = 0; i < NAME_SHORT / 8; i++)
		dentry->name[i] = name.word[i];
	dentry->name_len = name.len;
	dentry->hash = name.hash ^ dentry->parent->seed;
	return OK;
}

/** A negative dentry that is not in the cache, with one user. `parent` null: a root. */
struct dentry *
dentry_create(struct dentry *parent, struct superblock *sb, struct cbytes text)
{
	struct dentry *dentry = dentry_alloc();
	if (dentry == nullptr)
		return nullptr;
	dentry->sb = sb;
	dentry->parent = parent != nullptr ? parent : dentry;
	atomic32_store(&dentry->refs, DENTRY_LOOSE | 1);
	if (dentry_set_name(dentry, text) != OK) {
		dentry_put(dentry);
		return nullptr;
	}
	if (parent != nullptr)
		dentry_ref(parent);
	return dentry;
}

/** Into the directory of a pinned file system: the directory is a user from now on. */
static void
dentry_pin(struct dentry *dentry)
{
	struct inode *dir = dentry->parent->inode;
	dentry->cookie = dir->next_cookie++;
	bool fresh = dentry_tree_insert(&dir->entries, dentry);
	assert(fresh);
	(void)atomic32_add(&dentry->refs, 1);
	(void)atomic32_and(&dentry->refs, ~(u32)DENTRY_LOOSE);
	(void)atomic32_or(&dentry->flags, DENTRY_PINNED);
	dentry_hash(dentry);
}

void
dentry_attach(struct dentry *dentry, struct inode *inode)
{
	assert(dentry->inode == nullptr);
	(void)atomic32_add(&inode->aliases, 1);
	if (inode_is(inode, S_IFDIR)) {
		dentry->seed = (atomic64_add(&seeds, 1) + 1) * HASH_MULTIPLIER;
		inode->next_cookie = MAX(inode->next_cookie, (u64)2);
	}
	POINTER_PUBLISH(dentry->inode, inode);
}

void
dentry_fill(struct dentry *dentry, struct inode *inode)
{
	dentry_attach(dentry, inode);
	if ((dentry->sb->flags & SB_PINNED) != 0)
		dentry_pin(dentry);
}

/** Puts a looked-up dentry of a file system with a store into the cache. */
static void
dentry_cache(struct dentry *dentry)
{
	bool full;
	{
		SPIN_SCOPE(&lru_lock);
		lru_list_push_back(&lru, dentry);
		full = ++lru_count > lru_limit;
	}
	(void)atomic32_and(&dentry->refs, ~(u32)DENTRY_LOOSE);
	dentry_hash(dentry);
	if (full)
		(void)dcache_shrink(SHRINK_BATCH);
}

/** Off the list of what can be reclaimed. => false: it was not on it */
static bool
lru_leave(struct dentry *dentry)
{
	SPIN_SCOPE(&lru_lock);
	if (!lru_list_linked(&lru, dentry))
		return false;
	lru_list_remove(&lru, dentry);
	lru_count--;
	return true;
}

void
dentry_forget(struct dentry *dentry)
{
	if (!dentry_unhash(dentry))
		return;
	(void)lru_leave(dentry);
	(void)atomic32_or(&dentry->refs, DENTRY_LOOSE);
}

/** The next that reclaim ends, out of the cache and claimed; null: none within `tries`. `sb` null: of all. */
static struct dentry *
lru_take(struct superblock *sb, u32 *scoped tries)
{
	SPIN_SCOPE(&lru_lock);
	for (; *tries > 0; --*tries) {
		struct dentry *dentry = lru_list_pop_front(&lru);
		if (dentry == nullptr)
			return nullptr;
		bool wanted = sb != nullptr ? dentry->sb == sb : (atomic32_and(&dentry->flags, ~(u32)DENTRY_REFERENCED) & DENTRY_REFERENCED) == 0;
		if (wanted && dentry_claim(dentry, 0)) {
			lru_count--;
			return dentry;
		}
		lru_list_push_back(&lru, dentry);
	}
	return nullptr;
}

static u32
shrink(struct superblock *sb, u32 count, u32 tries)
{
	u32 done = 0;
	while (done < count) {
		struct dentry *dentry = lru_take(sb, &tries);
		if (dentry == nullptr)
			break;
		(void)dentry_unhash(dentry);
		struct dentry *parent = dentry_end(dentry);
		if (parent != nullptr)
			dentry_unref(parent);
		done++;
	}
	return done;
}

u32
dcache_shrink(u32 count)
{
	return shrink(nullptr, count, count * 4);
}

void
dcache_purge(struct superblock *sb)
{
	/* Children first: each round frees parents for the next. */
	u32 all;
	do {
		{
			SPIN_SCOPE(&lru_lock);
			all = lru_count;
		}
	} while (shrink(sb, all, all) > 0);
}

void
fs_drop_caches(void)
{
	/* A round takes their second chance from what was used lately, or frees the parents of what it ends. */
	for (u32 i = 0; i < DROP_ROUNDS; i++)
		dcache_purge(nullptr);
}

/** In the cache, and still what its file system says; with a reference. The directory's lock keeps the name where it is. */
static struct dentry *
dentry_find_locked(struct dentry *dir, const struct name *scoped name, struct cbytes text)
{
	u64 hash = name->hash ^ dir->seed;
	struct dentry *dentry;
	{
		struct spin_lock *lock = bucket_lock(hash);
		SPIN_SCOPE(lock);
		dentry = chain_find(dir, hash, name, text);
		if (dentry == nullptr || !dentry_ref_live(dentry))
			return nullptr;
	}
	if (dentry->ops == nullptr || dentry->ops->valid == nullptr)
		return dentry;
	{
		RCU_SCOPE();
		if (dentry->ops->valid(dentry))
			return dentry;
	}
	dentry_forget(dentry);
	dentry_unref(dentry);
	return nullptr;
}

err_t
dentry_lookup_locked(struct dentry *dir, struct cbytes text, struct dentry **scoped out)
{
	struct name name = {};
	name_make(&name, text);
	struct dentry *dentry = dentry_find_locked(dir, &name, text);
	if (dentry != nullptr) {
		*out = dentry;
		return OK;
	}
	struct inode *inode = dir->inode;
	if ((atomic32_load(&inode->fs_flags) & INODE_DEAD) != 0)
		return ENOENT;
	dentry = dentry_create(dir, dir->sb, text);
	if (dentry == nullptr)
		return ENOMEM;
	if ((dir->sb->flags & SB_PINNED) == 0) {
		err_t err = inode->ops->lookup != nullptr ? inode->ops->lookup(inode, dentry) : ENOENT;
		if (err != OK) {
			dentry_unref(dentry);
			return err;
		}
		dentry_cache(dentry);
	}
	*out = dentry;
	return OK;
}

/** In the cache, with a reference. => null: not there; *sure: and no rename was on the way. */
static struct dentry *
dentry_find_live(struct dentry *dir, const struct name *scoped name, struct cbytes text, bool *scoped sure)
{
	RCU_SCOPE();
	u32 sequence = atomic32_load(&rename_sequence);
	struct dentry *dentry = dcache_find(dir, name, text);
	if (dentry != nullptr && !dentry_ref_live(dentry))
		dentry = nullptr;
	*sure = (sequence & 1) == 0 && atomic32_load(&rename_sequence) == sequence;
	return dentry;
}

static bool
dentry_valid(struct dentry *dentry)
{
	RCU_SCOPE();
	return dentry->ops == nullptr || dentry->ops->valid == nullptr || dentry->ops->valid(dentry);
}

err_t
dentry_lookup(struct dentry *dir, const struct name *scoped name, struct cbytes text, struct dentry **scoped out)
{
	bool sure = false;
	struct dentry *dentry = dentry_find_live(dir, name, text, &sure);
	if (sure && dentry != nullptr && dentry_valid(dentry)) {
		*out = dentry;
		return dentry->inode != nullptr ? OK : (dentry_unref(dentry), *out = nullptr, ENOENT);
	}
	if (dentry != nullptr)
		dentry_unref(dentry);
	else if (sure && (dir->sb->flags & SB_PINNED) != 0)
		return ENOENT;
	RW_WRITE_SCOPE(&dir->inode->lock);
	TRY(dentry_lookup_locked(dir, text, &dentry));
	if (dentry->inode == nullptr) {
		dentry_unref(dentry);
		return ENOENT;
	}
	*out = dentry;
	return OK;
}

struct dentry *
dentry_find(struct dentry *parent, struct cbytes text)
{
	struct name name = {};
	name_make(&name, text);
	RW_READ_SCOPE(&parent->inode->lock);
	return dentry_find_locked(parent, &name, text);
}

/* --- changing --- */

/** Out of its pinned directory, which is no user any more once `unref` is called. */
static bool
dentry_unpin(struct dentry *dentry)
{
	if ((atomic32_and(&dentry->flags, ~(u32)DENTRY_PINNED) & DENTRY_PINNED) == 0)
		return false;
	dentry_tree_remove(&dentry->parent->inode->entries, dentry);
	return true;
}

void
dentry_remove(struct dentry *dentry)
{
	bool pinned = dentry_unpin(dentry);
	(void)dentry_unhash(dentry);
	(void)lru_leave(dentry);
	(void)atomic32_or(&dentry->refs, DENTRY_LOOSE);
	if (pinned)
		dentry_unref(dentry);
}

/** Gives `dentry` the place of `to`. Both are out of their chains and trees. */
static void
dentry_take_place(struct dentry *dentry, struct dentry *parent, u64 hash, const struct name *scoped name, struct byte_array *long_name)
{
	for (u32 i = 0; i < NAME_SHORT / 8; i++)
		dentry->name[i] = name->word[i];
	dentry->name_len = name->len;
	POINTER_PUBLISH(dentry->long_name, long_name);
	dentry->hash = hash;
	POINTER_PUBLISH(dentry->parent, parent);
}

static struct name
dentry_name_words(const struct dentry *dentry)
{
	struct name name = { .len = dentry->name_len };
	for (u32 i = 0; i < NAME_SHORT / 8; i++)
		name.word[i] = dentry->name[i];
	return name;
}

static void
dentry_repin(struct dentry *dentry, bool pinned)
{
	if (pinned) {
		struct inode *dir = dentry->parent->inode;
		dentry->cookie = dir->next_cookie++;
		bool fresh = dentry_tree_insert(&dir->entries, dentry);
		assert(fresh);
		(void)atomic32_or(&dentry->flags, DENTRY_PINNED);
	}
	dentry_hash(dentry);
}

void
dentry_move(struct dentry *dentry, struct dentry *to, bool exchange)
{
	bool to_pinned = false;
	{
		SPIN_SCOPE(&move_lock);
		(void)atomic32_add(&rename_sequence, 1);
		bool pinned = dentry_unpin(dentry);
		to_pinned = dentry_unpin(to);
		(void)dentry_unhash(dentry);
		(void)dentry_unhash(to);
		struct name from_name = dentry_name_words(dentry), to_name = dentry_name_words(to);
		struct dentry *parent = dentry->parent, *to_parent = to->parent;
		struct byte_array *long_name = dentry->long_name;
		u64 hash = dentry->hash;
		dentry_take_place(dentry, to_parent, to->hash, &to_name, to->long_name);
		dentry_take_place(to, parent, hash, &from_name, long_name);
		dentry_repin(dentry, pinned);
		if (exchange)
			dentry_repin(to, to_pinned);
		(void)atomic32_add(&rename_sequence, 1);
	}
	if (exchange)
		return;
	(void)lru_leave(to);
	(void)atomic32_or(&to->refs, DENTRY_LOOSE);
	if (to_pinned)
		dentry_unref(to);
}

err_t
dentry_make(struct dentry *parent, struct cbytes text, struct inode *inode, struct dentry **scoped out)
{
	RW_WRITE_SCOPE(&parent->inode->lock);
	struct dentry *dentry = nullptr;
	TRY(dentry_lookup_locked(parent, text, &dentry));
	if (dentry->inode != nullptr) {
		dentry_unref(dentry);
		return EEXIST;
	}
	dentry_fill(dentry, inode);
	if (inode_is(inode, S_IFDIR))
		(void)atomic32_add(&parent->inode->nlink, 1);
	inode_touch(parent->inode, true);
	*out = dentry;
	return OK;
}

void
dentry_drop(struct dentry *dentry)
{
	MUTEX_SCOPE(&rename_mutex);
	struct dentry *parent = dentry->parent;
	RW_WRITE_SCOPE(&parent->inode->lock);
	if (!dentry_is_hashed(dentry))
		return;
	(void)(inode_is(dentry->inode, S_IFDIR) ? pinned_rmdir : pinned_unlink)(parent->inode, dentry);
	dentry_remove(dentry);
}

bool
dentry_below(struct dentry *dentry, struct dentry *ancestor)
{
	RCU_SCOPE();
	while (dentry != ancestor) {
		struct dentry *parent = POINTER_LOAD(dentry->parent);
		if (parent == dentry)
			return false;
		dentry = parent;
	}
	return true;
}
