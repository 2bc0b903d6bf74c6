// SPDX-License-Identifier: MPL-2.0
/**
 * Unpacks a cpio archive: parses headers that may say anything, and makes the files they tell of.
 *
 * Everything about an entry is checked before its first effect. Contents go from the stream's window straight to the page cache. Directories get
 * their times at the end, since each file made in them changes those.
 */
#include <cadre/frame.h>

#include <inode.h>

#include "cpio.h"

enum : u32 {
	HEADER_LEN = 110,
	NAME_MAX_LEN = 4095,                /* PATH_MAX without NUL */
	LINK_BUCKETS = 256,
	MEMORY_RESERVE = 512,               /* frames that an archive does not get */
};

/** The fields of a header, in its order. */
enum field : u32 { F_INO, F_MODE, F_UID, F_GID, F_NLINK, F_MTIME, F_SIZE, F_MAJOR, F_MINOR, F_RMAJOR, F_RMINOR, F_NAMESIZE, F_CHECK, FIELD_COUNT };

/** A file that may have further names. */
struct cpio_link {
	struct cpio_link *next;             /* counted */
	u32 ino, major, minor;
	struct byte_array *name;            /* counted */
};
OBJECT_DECLARE(cpio_link);

static void
cpio_link_release(struct cpio_link *link)
{
	if (link->name != nullptr)
		byte_array_put(link->name);
}
OBJECT_DEFINE_RELEASE(cpio_link);

/** A directory whose time is still to be set. */
struct cpio_directory {
	struct cpio_directory *next;        /* counted */
	struct byte_array *name;            /* counted */
	u64 mtime;
};
OBJECT_DECLARE(cpio_directory);

static void
cpio_directory_release(struct cpio_directory *directory)
{
	if (directory->name != nullptr)
		byte_array_put(directory->name);
}
OBJECT_DEFINE_RELEASE(cpio_directory);

/** One archive being unpacked. [self] */
struct cpio {
	struct stream *stream;              /* not counted: the caller's */
	u64 offset;                         /* bytes taken: padding goes by it */
	u32 fields[FIELD_COUNT];
	bool has_check;                     /* "crc" format */
	struct byte_array *name;            /* counted; '/' before it, cut to its length */
	struct byte_array *target;          /* counted; null: no symbolic link */
	struct cpio_link *links[LINK_BUCKETS];
	struct cpio_directory *directories;
};
OBJECT_DECLARE(cpio);

static void
cpio_forget_name(struct cpio *cpio)
{
	if (cpio->name != nullptr)
		byte_array_put(cpio->name);
	if (cpio->target != nullptr)
		byte_array_put(cpio->target);
	cpio->name = nullptr;
	cpio->target = nullptr;
}

static void
cpio_release(struct cpio *cpio)
{
	cpio_forget_name(cpio);
	for (u32 i = 0; i < LINK_BUCKETS; i++) {
		for (struct cpio_link *link = cpio->links[i], *next = nullptr; link != nullptr; link = next) {
			next = link->next;
			cpio_link_put(link);
		}
	}
	for (struct cpio_directory *directory = cpio->directories, *next = nullptr; directory != nullptr; directory = next) {
		next = directory->next;
		cpio_directory_put(directory);
	}
}
OBJECT_DEFINE_RELEASE(cpio);

static err_t
cpio_damaged(const struct cpio *cpio, struct cbytes what)
{
	log_error("initramfs: {} at byte {} of the archive", what, cpio->offset);
	return EINVAL;
}

/** Takes exactly dst's length. */
static err_t
cpio_take(struct cpio *cpio, struct bytes dst)
{
	size_t done = 0;
	TRY(stream_read(cpio->stream, dst, &done));
	cpio->offset += done;
	return done == bytes_len(dst) ? OK : cpio_damaged(cpio, TEXT("the archive is cut off"));
}

static err_t
cpio_align(struct cpio *cpio)
{
	u8 padding[4] = {};
	return cpio_take(cpio, bytes_sub(BYTES_OF(padding), 0, -cpio->offset & 3));
}

/** Eight hexadecimal digits. => false: something else stands there */
static bool
hex_parse(struct cbytes text, u32 *scoped value)
{
	*value = 0;
	for (size_t i = 0; i < cbytes_len(text); i++) {
		u8 c = cbytes_get(text, i), letter = c | 0x20;
		if (c >= '0' && c <= '9')
			*value = *value << 4 | (u32)(c - '0');
		else if (letter >= 'a' && letter <= 'f')
			*value = *value << 4 | (u32)(letter - 'a' + 10);
		else
			return false;
	}
	return true;
}

static err_t
header_read(struct cpio *cpio)
{
	u8 header[HEADER_LEN] = {};
	TRY(cpio_take(cpio, BYTES_OF(header)));
	struct cbytes text = CBYTES_OF(header);
	cpio->has_check = cbytes_equal(cbytes_sub(text, 0, 6), TEXT("070702"));
	if (!cpio->has_check && !cbytes_equal(cbytes_sub(text, 0, 6), TEXT("070701")))
		return cpio_damaged(cpio, TEXT("what stands there is no \"newc\" header"));
	for (u32 i = 0; i < FIELD_COUNT; i++) {
		u32 value = 0;
		if (!hex_parse(cbytes_sub(text, 6 + 8 * i, 8), &value))
			return cpio_damaged(cpio, TEXT("a number of the header has no hexadecimal digits"));
		cpio->fields[i] = value;
	}
	return OK;
}

/** Length of `text` up to its first NUL. */
static u32
text_len(struct cbytes text)
{
	u32 len = 0;
	while (len < cbytes_len(text) && cbytes_get(text, len) != 0)
		len++;
	return len;
}

/** A text of `size` bytes of the archive, its NUL counted where it has one, behind `prefix`; null: memory is gone. */
static err_t
text_read(struct cpio *cpio, u32 size, struct cbytes prefix, struct byte_array **scoped out)
{
	REF_SCOPE(byte_array, raw);
	raw = byte_array_alloc(size);
	if (raw == nullptr)
		return ENOMEM;
	TRY(cpio_take(cpio, byte_array_bytes(raw)));
	TRY(cpio_align(cpio));
	u32 len = text_len(bytes_const(byte_array_bytes(raw)));
	struct byte_array *text = byte_array_alloc((u32)cbytes_len(prefix) + len);
	if (text == nullptr)
		return ENOMEM;
	bytes_copy(byte_array_bytes(text), prefix);
	bytes_copy(bytes_from(byte_array_bytes(text), cbytes_len(prefix)), bytes_const(bytes_sub(byte_array_bytes(raw), 0, len)));
	*out = text;
	return OK;
}

/** Whether a component of the path is "..". */
static bool
name_leads_out(struct cbytes name)
{
	size_t start = 0;
	for (size_t i = 0; i <= cbytes_len(name); i++) {
		if (i < cbytes_len(name) && cbytes_get(name, i) != '/')
			continue;
		if (cbytes_equal(cbytes_sub(name, start, i - start), TEXT("..")))
			return true;
		start = i + 1;
	}
	return false;
}

static err_t
name_read(struct cpio *cpio)
{
	u32 size = cpio->fields[F_NAMESIZE];
	if (size < 2 || size > NAME_MAX_LEN + 1)
		return cpio_damaged(cpio, TEXT("a name is empty or too long"));
	TRY(text_read(cpio, size, TEXT("/"), &cpio->name));
	if (name_leads_out(bytes_const(byte_array_bytes(cpio->name))))
		return cpio_damaged(cpio, TEXT("a name with \"..\" leads out of it"));
	return OK;
}

static bool
name_is_trailer(struct cpio *cpio)
{
	return cbytes_equal(bytes_const(byte_array_bytes(cpio->name)), TEXT("/TRAILER!!!"));
}

/** Reads a symbolic link's target; other contents follow the name in the stream. */
static err_t
target_read(struct cpio *cpio)
{
	u32 size = cpio->fields[F_SIZE];
	if ((cpio->fields[F_MODE] & S_IFMT) != S_IFLNK)
		return OK;
	if (size == 0 || size > NAME_MAX_LEN)
		return cpio_damaged(cpio, TEXT("a symbolic link's target is empty or too long"));
	return text_read(cpio, size, TEXT(""), &cpio->target);
}

static err_t
contents_check(struct cpio *cpio)
{
	u64 free = memory_stat().free, frames = ((u64)cpio->fields[F_SIZE] + PAGE_SIZE - 1) >> PAGE_SHIFT;
	if (frames + MEMORY_RESERVE <= free)
		return OK;
	log_error("initramfs: {} has {} bytes; that does not fit into memory", byte_array_bytes(cpio->name), cpio->fields[F_SIZE]);
	return ENOMEM;
}

/** Passes over contents that no file gets. */
static err_t
contents_skip(struct cpio *cpio)
{
	u64 left = cpio->fields[F_SIZE];
	while (left > 0) {
		struct stream *stream = cpio->stream;
		TRY(stream_fill(stream));
		u32 n = (u32)MIN(left, (u64)(stream->end - stream->at));
		if (n == 0)
			return cpio_damaged(cpio, TEXT("the archive is cut off"));
		stream->at += n;
		cpio->offset += n;
		left -= n;
	}
	return cpio_align(cpio);
}

/** Writes what lies in the window, at most `left` bytes. *moved 0: the stream has ended. */
static err_t
window_write(struct cpio *cpio, struct file *file, u64 left, u64 *scoped moved, u32 *scoped sum)
{
	struct stream *stream = cpio->stream;
	TRY(stream_fill(stream));
	u32 n = (u32)MIN(left, (u64)(stream->end - stream->at));
	struct uio uio = uio_kernel(stream->window, stream->at, n);
	*moved = 0;
	if (n == 0)
		return OK;
	TRY(file_write(file, &uio, moved));
	for (u32 i = 0; i < *moved && cpio->has_check; i++)
		*sum += bytes_get(byte_array_bytes(stream->window), stream->at + i);
	stream->at += (u32)*moved;
	cpio->offset += *moved;
	return *moved > 0 ? OK : ENOSPC;
}

static err_t
contents_write(struct cpio *cpio, struct file *file)
{
	u64 left = cpio->fields[F_SIZE];
	u32 sum = 0;
	while (left > 0) {
		u64 moved = 0;
		TRY(window_write(cpio, file, left, &moved, &sum));
		if (moved == 0)
			return cpio_damaged(cpio, TEXT("the archive is cut off"));
		left -= moved;
	}
	if (cpio->has_check && sum != cpio->fields[F_CHECK])
		return cpio_damaged(cpio, TEXT("a file's checksum is wrong"));
	return cpio_align(cpio);
}

/** Owner, mode and time of what was made. */
static err_t
attributes_set(struct cpio *cpio, struct inode *inode)
{
	u64 mtime = (u64)cpio->fields[F_MTIME] * NS_PER_SEC;
	struct attr_change owner = { .valid = ATTR_UID | ATTR_GID, .uid = cpio->fields[F_UID], .gid = cpio->fields[F_GID] };
	struct attr_change rest = { .valid = ATTR_ATIME | ATTR_MTIME, .mode = cpio->fields[F_MODE] & 07777, .atime = mtime, .mtime = mtime };
	if (cpio->target == nullptr)
		rest.valid |= ATTR_MODE;
	TRY(inode_change(inode, &owner));   /* first: it takes the set-user-ID bit off */
	return inode_change(inode, &rest);
}

static err_t
attributes_set_at(struct cpio *cpio)
{
	struct path path = {};
	TRY(path_lookup(bytes_const(byte_array_bytes(cpio->name)), 0, &path));
	err_t err = attributes_set(cpio, path.dentry->inode);
	path_put(&path);
	return err;
}

static struct cpio_link **
link_bucket(struct cpio *cpio)
{
	u32 hash = (cpio->fields[F_INO] ^ cpio->fields[F_MAJOR] << 8 ^ cpio->fields[F_MINOR]) * 0x9e3779b1;
	return ELEM(cpio->links, hash >> 24);
}

/** The first name of this entry's file; null: this is the first. */
static struct cpio_link *
link_find(struct cpio *cpio)
{
	for (struct cpio_link *link = *link_bucket(cpio); link != nullptr; link = link->next) {
		if (link->ino == cpio->fields[F_INO] && link->major == cpio->fields[F_MAJOR] && link->minor == cpio->fields[F_MINOR])
			return link;
	}
	return nullptr;
}

static err_t
link_remember(struct cpio *cpio)
{
	struct cpio_link *link = cpio_link_alloc();
	if (link == nullptr)
		return ENOMEM;
	link->ino = cpio->fields[F_INO];
	link->major = cpio->fields[F_MAJOR];
	link->minor = cpio->fields[F_MINOR];
	link->name = cpio->name;
	byte_array_get(link->name);
	struct cpio_link **bucket = link_bucket(cpio);
	link->next = *bucket;
	*bucket = link;
	return OK;
}

/** Makes the entry a further name of a file made before, where it is one. *linked says so. */
static err_t
link_make(struct cpio *cpio, bool *scoped linked)
{
	*linked = false;
	if (cpio->fields[F_NLINK] < 2)
		return OK;
	struct cpio_link *first = link_find(cpio);
	if (first == nullptr)
		return link_remember(cpio);
	*linked = true;
	return path_link(bytes_const(byte_array_bytes(first->name)), bytes_const(byte_array_bytes(cpio->name)));
}

/** A later archive replaces what an earlier one made, but for directories that stay directories. */
static void
name_clear(struct cpio *cpio)
{
	struct cbytes name = bytes_const(byte_array_bytes(cpio->name));
	struct path path = {};
	if (path_lookup(name, 0, &path) != OK)
		return;
	u32 old = POINTER_LOAD(path.dentry->inode->mode) & S_IFMT;
	path_put(&path);
	if (old == S_IFDIR && (cpio->fields[F_MODE] & S_IFMT) == S_IFDIR)
		return;
	err_t err = path_remove(name, old == S_IFDIR);
	if (err != OK)
		log_warn("initramfs: {} cannot be replaced: error {}", name, (int)err);
}

static err_t
file_make(struct cpio *cpio)
{
	bool linked = false;
	TRY(contents_check(cpio));
	TRY(link_make(cpio, &linked));
	if (linked && cpio->fields[F_SIZE] == 0)
		return cpio_align(cpio);
	REF_SCOPE(file, file);
	TRY(file_open(bytes_const(byte_array_bytes(cpio->name)), O_WRONLY | O_CREAT | O_LARGEFILE, 0600, &file));
	TRY(contents_write(cpio, file));
	return attributes_set(cpio, file->inode);
}

static err_t
directory_make(struct cpio *cpio)
{
	err_t err = path_mkdir(bytes_const(byte_array_bytes(cpio->name)), cpio->fields[F_MODE] & 07777);
	if (err != OK && err != EEXIST)
		return err;
	struct cpio_directory *directory = cpio_directory_alloc();
	if (directory == nullptr)
		return ENOMEM;
	directory->name = cpio->name;
	byte_array_get(directory->name);
	directory->mtime = (u64)cpio->fields[F_MTIME] * NS_PER_SEC;
	directory->next = cpio->directories;
	cpio->directories = directory;
	TRY(attributes_set_at(cpio));
	return contents_skip(cpio);
}

static err_t
symlink_make(struct cpio *cpio)
{
	TRY(path_symlink(bytes_const(byte_array_bytes(cpio->name)), bytes_const(byte_array_bytes(cpio->target))));
	return attributes_set_at(cpio);
}

/** Devices, FIFOs, sockets. */
static err_t
node_make(struct cpio *cpio)
{
	bool linked = false;
	TRY(link_make(cpio, &linked));
	if (!linked)
		TRY(path_mknod(bytes_const(byte_array_bytes(cpio->name)), cpio->fields[F_MODE], cpio->fields[F_RMAJOR], cpio->fields[F_RMINOR]));
	TRY(attributes_set_at(cpio));
	return contents_skip(cpio);
}

typedef err_t make_fn(struct cpio *cpio);
static make_fn *const makers[16] = {
	[S_IFIFO >> 12] = node_make, [S_IFCHR >> 12] = node_make, [S_IFDIR >> 12] = directory_make, [S_IFBLK >> 12] = node_make,
	[S_IFREG >> 12] = file_make, [S_IFLNK >> 12] = symlink_make, [S_IFSOCK >> 12] = node_make,
};

/** The next entry; *more is false behind the trailer. */
static err_t
entry_unpack(struct cpio *cpio, bool *scoped more)
{
	cpio_forget_name(cpio);
	TRY(header_read(cpio));
	TRY(name_read(cpio));
	*more = !name_is_trailer(cpio);
	if (!*more)
		return contents_skip(cpio);
	make_fn *make = makers[cpio->fields[F_MODE] >> 12 & 15];
	if (make == nullptr || cpio->fields[F_MODE] >> 16 != 0)
		return cpio_damaged(cpio, TEXT("an entry is of no kind that there is"));
	TRY(target_read(cpio));
	name_clear(cpio);
	err_t err = make(cpio);
	if (err != OK)
		log_error("initramfs: {} cannot be unpacked: error {}", byte_array_bytes(cpio->name), (int)err);
	return err;
}

static void
directory_times_set(struct cpio *cpio)
{
	for (struct cpio_directory *directory = cpio->directories; directory != nullptr; directory = directory->next) {
		struct attr_change times = { .valid = ATTR_ATIME | ATTR_MTIME, .atime = directory->mtime, .mtime = directory->mtime };
		struct path path = {};
		if (path_lookup(bytes_const(byte_array_bytes(directory->name)), 0, &path) != OK)
			continue;
		(void)inode_change(path.dentry->inode, &times);
		path_put(&path);
	}
}

err_t
cpio_unpack(struct stream *stream, struct cpio_count *scoped count)
{
	REF_SCOPE(cpio, cpio);
	cpio = cpio_alloc();
	if (cpio == nullptr)
		return ENOMEM;
	cpio->stream = stream;
	bool more = true;
	err_t err = OK;
	while (more && err == OK) {
		err = entry_unpack(cpio, &more);
		count->entries += more && err == OK;
	}
	count->bytes += cpio->offset;
	directory_times_set(cpio);
	return err;
}
