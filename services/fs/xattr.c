// SPDX-License-Identifier: MPL-2.0
/**
 * Extended attributes kept in memory, for file systems that have no store.
 *
 * Source: xattr(7).
 */
#include "fs_impl.h"

struct xattr {
	struct byte_array *name, *value;    /* [const] counted */
	u64 hash, serial;                   /* [const] of the name; unique in its list */
	LIST_LINK(struct xattr) link;
	RBTREE_LINK(struct xattr) by_hash;
};
OBJECT_DECLARE(xattr);
LIST_OF(xattr_chain, struct xattr, link);

static inline int
xattr_compare(const struct xattr *scoped a, const struct xattr *scoped b)
{
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return a->serial < b->serial ? -1 : a->serial > b->serial;
}
RBTREE_OF(xattr_tree, struct xattr, by_hash, xattr_compare);

/** Of one inode, under its xattr_lock: in the order in which they are listed, and by their names' hashes. */
struct xattr_list { struct xattr_chain chain; struct xattr_tree tree; u64 serials; };
OBJECT_DECLARE(xattr_list);

enum : u32 { XATTR_CREATE = 1, XATTR_REPLACE = 2 };

static void
xattr_release(struct xattr *xattr)
{
	if (xattr->name != nullptr)
		byte_array_put(xattr->name);
	if (xattr->value != nullptr)
		byte_array_put(xattr->value);
}
OBJECT_DEFINE_RELEASE(xattr);

static void
xattr_add(struct xattr_list *list, struct xattr *xattr)
{
	xattr->serial = ++list->serials;
	xattr_chain_push_back(&list->chain, xattr);
	(void)xattr_tree_insert(&list->tree, xattr);
}

static void
xattr_drop(struct xattr_list *list, struct xattr *xattr)
{
	xattr_chain_remove(&list->chain, xattr);
	xattr_tree_remove(&list->tree, xattr);
	xattr_put(xattr);
}

static void
xattr_list_release(struct xattr_list *list)
{
	LIST_FOR_REMOVING(xattr_chain, xattr, &list->chain)
		xattr_drop(list, xattr);
}
OBJECT_DEFINE_RELEASE(xattr_list);

void
xattr_list_end(struct xattr_list *list)
{
	xattr_list_put(list);
}

static u64
xattr_hash(struct cbytes text)
{
	struct name name = {};
	name_make(&name, text);
	return name.hash;
}

static struct xattr *
xattr_find(struct inode *inode, struct cbytes name)
{
	if (inode->xattrs == nullptr)
		return nullptr;
	const struct xattr key = { .hash = xattr_hash(name) };
	for (struct xattr *xattr = xattr_tree_ceiling(&inode->xattrs->tree, &key); xattr != nullptr && xattr->hash == key.hash; xattr = xattr_tree_next(xattr)) {
		if (cbytes_equal(bytes_const(byte_array_bytes(xattr->name)), name))
			return xattr;
	}
	return nullptr;
}

static struct byte_array *
bytes_keep(struct cbytes text)
{
	struct byte_array *kept = byte_array_alloc((u32)cbytes_len(text));
	if (kept != nullptr)
		bytes_copy(byte_array_bytes(kept), text);
	return kept;
}

/** => null: ENOMEM */
static struct xattr *
xattr_make(struct cbytes name, struct cbytes value)
{
	struct xattr *xattr = xattr_alloc();
	if (xattr == nullptr)
		return nullptr;
	xattr->name = bytes_keep(name);
	xattr->value = bytes_keep(value);
	xattr->hash = xattr_hash(name);
	if (xattr->name != nullptr && xattr->value != nullptr)
		return xattr;
	xattr_put(xattr);
	return nullptr;
}

bool
text_starts(struct cbytes text, struct cbytes prefix)
{
	return cbytes_len(text) >= cbytes_len(prefix) && cbytes_equal(cbytes_sub(text, 0, cbytes_len(prefix)), prefix);
}

static err_t
namespace_check(struct cbytes name)
{
	return text_starts(name, TEXT("user.")) || text_starts(name, TEXT("trusted.")) || text_starts(name, TEXT("security.")) ? OK : EOPNOTSUPP;
}

err_t
simple_getxattr(struct inode *inode, struct cbytes name, struct bytes value, size_t *scoped len)
{
	TRY(namespace_check(name));
	MUTEX_SCOPE(&inode->xattr_lock);
	struct xattr *xattr = xattr_find(inode, name);
	if (xattr == nullptr)
		return ENODATA;
	struct cbytes kept = bytes_const(byte_array_bytes(xattr->value));
	*len = cbytes_len(kept);
	if (bytes_len(value) == 0)
		return OK;
	if (*len > bytes_len(value))
		return ERANGE;
	bytes_copy(value, kept);
	return OK;
}

err_t
simple_setxattr(struct inode *inode, struct cbytes name, struct cbytes value, u32 flags)
{
	TRY(namespace_check(name));
	REF_SCOPE(xattr, fresh);
	fresh = xattr_make(name, value);
	if (fresh == nullptr)
		return ENOMEM;
	MUTEX_SCOPE(&inode->xattr_lock);
	struct xattr *old = xattr_find(inode, name);
	if (old != nullptr && (flags & XATTR_CREATE) != 0)
		return EEXIST;
	if (old == nullptr && (flags & XATTR_REPLACE) != 0)
		return ENODATA;
	if (inode->xattrs == nullptr && (inode->xattrs = xattr_list_alloc()) == nullptr)
		return ENOMEM;
	xattr_add(inode->xattrs, fresh);
	fresh = nullptr;
	if (old != nullptr)
		xattr_drop(inode->xattrs, old);
	return OK;
}

err_t
simple_removexattr(struct inode *inode, struct cbytes name)
{
	TRY(namespace_check(name));
	MUTEX_SCOPE(&inode->xattr_lock);
	struct xattr *xattr = xattr_find(inode, name);
	if (xattr == nullptr)
		return ENODATA;
	xattr_drop(inode->xattrs, xattr);
	return OK;
}

err_t
simple_listxattr(struct inode *inode, struct bytes names, size_t *scoped len)
{
	MUTEX_SCOPE(&inode->xattr_lock);
	*len = 0;
	if (inode->xattrs == nullptr)
		return OK;
	bool trusted = capable(CAP_SYS_ADMIN);
	LIST_FOR(xattr_chain, xattr, &inode->xattrs->chain) {
		struct cbytes name = bytes_const(byte_array_bytes(xattr->name));
		if (!trusted && text_starts(name, TEXT("trusted.")))
			continue;
		size_t end = *len + cbytes_len(name) + 1;
		if (bytes_len(names) != 0) {
			if (end > bytes_len(names))
				return ERANGE;
			bytes_copy(bytes_from(names, *len), name);
			bytes_set(names, end - 1, 0);
		}
		*len = end;
	}
	return OK;
}
