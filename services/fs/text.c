// SPDX-License-Identifier: MPL-2.0
/** Text that the file system reads and writes: paths, numbers, mount options. */
#include "fs_impl.h"

/* --- paths --- */

/** Where a path is being put together, from its end. */
struct path_builder { size_t at; bool full; };

static void
builder_put(struct path_builder *scoped builder, struct bytes text, struct cbytes part)
{
	if (builder->at < cbytes_len(part) + 1) {
		builder->full = true;
		return;
	}
	builder->at -= cbytes_len(part);
	bytes_copy(bytes_from(text, builder->at), part);
	builder->at--;
	bytes_set(text, builder->at, '/');
}

/** The components up to the root of the process, or of the tree where that does not lie above. => false: it did not */
static bool
path_build(const struct path *scoped path, const struct path *scoped root, struct path_builder *scoped builder, struct bytes text)
{
	struct mount *mount = path->mount;
	struct dentry *dentry = path->dentry;
	while (!(dentry == root->dentry && mount == root->mount)) {
		struct dentry *parent = POINTER_LOAD(dentry->parent);
		if (mount != nullptr && dentry == mount->root) {
			struct dentry *mountpoint = POINTER_LOAD(mount->mountpoint);
			if (mount->parent == mount || mountpoint == nullptr)
				return false;
			dentry = mountpoint;
			mount = POINTER_LOAD(mount->parent);
			continue;
		}
		if (parent == dentry)
			return false;
		builder_put(builder, text, dentry_text(dentry));
		dentry = parent;
	}
	return true;
}

/** Moves the built text to the front. */
static size_t
builder_finish(const struct path_builder *scoped builder, struct bytes text, size_t end)
{
	size_t len = end - builder->at;
	bytes_copy(text, cbytes_sub(bytes_const(text), builder->at, len));
	return len;
}

/** => *reachable: the process' root lies above */
err_t
path_text_from_root(const struct path *scoped path, struct bytes text, size_t *scoped len, bool *scoped reachable)
{
	struct path_builder builder;
	u32 sequence;
	do {
		RCU_SCOPE();
		sequence = atomic32_load(&rename_sequence);
		struct path root = POINTER_LOAD(fs_context_current()->root)->path;
		builder = (struct path_builder){ .at = bytes_len(text) };
		*reachable = path_build(path, &root, &builder, text);
	} while ((sequence & 1) != 0 || atomic32_load(&rename_sequence) != sequence);
	if (builder.at == bytes_len(text) && !builder.full)
		builder_put(&builder, text, TEXT(""));
	if (builder.full)
		return ENAMETOOLONG;
	*len = builder_finish(&builder, text, bytes_len(text));
	return OK;
}

err_t
dentry_path_text(struct dentry *dentry, struct dentry *root, struct bytes text, size_t *scoped len)
{
	struct path_builder builder = { .at = bytes_len(text) };
	struct path from = { nullptr, dentry }, to = { nullptr, root };
	{
		RCU_SCOPE();
		(void)path_build(&from, &to, &builder, text);
	}
	if (builder.at == bytes_len(text) && !builder.full)
		builder_put(&builder, text, TEXT(""));
	*len = builder_finish(&builder, text, bytes_len(text));
	return builder.full ? ENAMETOOLONG : OK;
}

bool
path_is_removed(const struct path *scoped path)
{
	return path->dentry->parent != path->dentry && !dentry_is_hashed(path->dentry);
}

err_t
path_text(const struct path *scoped path, struct bytes text, size_t *scoped len)
{
	bool reachable = false;
	struct dentry *dentry = path->dentry;
	if (dentry->ops != nullptr && dentry->ops->text != nullptr) {
		*len = dentry->ops->text(dentry, text);
		return *len <= bytes_len(text) ? OK : ENAMETOOLONG;
	}
	if (path->mount == nullptr) {
		*len = format_text(text, "{}", dentry_text(dentry));
		return *len <= bytes_len(text) ? OK : ENAMETOOLONG;
	}
	TRY(path_text_from_root(path, text, len, &reachable));
	if (!path_is_removed(path))
		return OK;
	struct cbytes deleted = TEXT(" (deleted)");
	if (bytes_len(text) - *len < cbytes_len(deleted))
		return ENAMETOOLONG;
	bytes_copy(bytes_from(text, *len), deleted);
	*len += cbytes_len(deleted);
	return OK;
}

err_t
file_text(struct file *file, struct bytes text, size_t *scoped len)
{
	if ((file->mode & FILE_ANONYMOUS) == 0) {
		struct path path = { file->mount, file->dentry };
		return path_text(&path, text, len);
	}
	*len = kind_text(file, text);
	return *len <= bytes_len(text) ? OK : ENAMETOOLONG;
}

/* --- options and numbers --- */

static size_t
find_byte(struct cbytes text, size_t from, size_t end, u8 byte)
{
	while (from < end && cbytes_get(text, from) != byte)
		from++;
	return from;
}

bool
option_next(struct cbytes options, size_t *scoped at, size_t *scoped start, size_t *scoped key_len, size_t *scoped value_start, size_t *scoped value_len)
{
	size_t len = cbytes_len(options);
	while (*at < len && cbytes_get(options, *at) == ',')
		++*at;
	if (*at >= len)
		return false;
	size_t end = find_byte(options, *at, len, ','), equals = find_byte(options, *at, end, '=');
	*start = *at;
	*key_len = equals - *at;
	*value_start = MIN(equals + 1, end);
	*value_len = end - *value_start;
	*at = end;
	return true;
}

static u32
digit_value(u8 c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

bool
parse_number(struct cbytes text, u32 base, u64 *scoped out)
{
	size_t at = 0, len = cbytes_len(text);
	u64 value = 0;
	if (base == 0) {
		bool zero = len > 1 && cbytes_get(text, 0) == '0', hex = zero && len > 2 && (cbytes_get(text, 1) | 32) == 'x';
		base = hex ? 16 : zero ? 8 : 10;
		at = hex ? 2 : 0;
	}
	if (at == len)
		return false;
	for (; at < len; at++) {
		u32 digit = digit_value(cbytes_get(text, at));
		if (digit >= base || __builtin_mul_overflow(value, (u64)base, &value) || __builtin_add_overflow(value, (u64)digit, &value))
			return false;
	}
	*out = value;
	return true;
}
