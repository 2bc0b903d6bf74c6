// SPDX-License-Identifier: MPL-2.0
/**
 * Open files of a text file system: reading makes the text, writing hands the input on.
 */
#include <textfs.h>

#include "textfs_impl.h"

/** An open file's text. */
struct text_open {
	struct mutex lock;
	struct text *text GUARDED_BY(&lock); /* counted; null before the first read */
};
OBJECT_DECLARE(text_open);

static void
text_open_release(struct text_open *open) NO_THREAD_SAFETY("the last reference is gone")
{
	if (open->text != nullptr)
		text_put(open->text);
}
OBJECT_DEFINE_RELEASE(text_open);

err_t
text_open(struct inode *inode, struct file *file)
{
	struct text_node *node = text_node_of(inode);
	const struct text_special *special = node->entry->special;
	if (special != nullptr && special->open != nullptr)
		return special->open(node, file);
	if (file->ops != &text_file_ops)
		return OK;
	struct text_open *open = text_open_alloc();
	if (open == nullptr)
		return ENOMEM;
	file->private = text_open_object(open);
	return OK;
}

/** Makes the text anew. */
static err_t
text_make(struct text_open *open, struct text_node *node) MUST_HOLD(&open->lock)
{
	REF_SCOPE(text, text);
	if (node->entry->show == nullptr)
		return EINVAL;
	if (node->table->valid != nullptr && !node->table->valid(node))
		return ESRCH;
	text = text_create();
	if (text == nullptr)
		return ENOMEM;
	TRY(node->entry->show(text, node));
	if (text->failed)
		return ENOMEM;
	struct text *old = open->text;
	open->text = text;
	text = old;
	return OK;
}

static err_t
text_read(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	struct text_open *open = text_open_from(file->private);
	(void)flags;
	MUTEX_SCOPE(&open->lock);
	if (off == 0 || open->text == nullptr)
		TRY(text_make(open, text_node_of(file->inode)));
	struct text *text = open->text;
	if (off >= text->len)
		return OK;
	u64 n = MIN(text->len - off, uio->left);
	return uio_put(uio, bytes_const(bytes_sub(byte_array_bytes(text->buffer), off, n)));
}

/** A setting is one write at the start: what comes in parts would be several. */
static err_t
text_write(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	struct text_node *node = text_node_of(file->inode);
	REF_SCOPE(byte_array, input);
	(void)flags;
	if (node->entry->store == nullptr)
		return EIO;
	if (off != 0 || uio->left > TEXT_STORE_MAX)
		return EINVAL;
	if (node->table->valid != nullptr && !node->table->valid(node))
		return ESRCH;
	u64 len = uio->left;
	input = byte_array_alloc((u32)MAX(len, (u64)1));
	if (input == nullptr)
		return ENOMEM;
	struct bytes all = bytes_sub(byte_array_bytes(input), 0, len);
	err_t err = uio_take(uio, all);
	if (err == OK)
		err = node->entry->store(node, bytes_const(all));
	if (err != OK)
		uio->left = len;   /* what was taken and refused was not written */
	return err;
}

static void
text_file_release(struct file *file)
{
	text_open_put(text_open_from(file->private));
}

const struct file_ops text_file_ops = { .read = text_read, .write = text_write, .release = text_file_release };

/* --- helpers for tables --- */

static bool
is_space(u8 c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == 0;
}

/** The bounds of the text without white space around it. */
static void
trim(struct cbytes input, size_t *scoped start, size_t *scoped end)
{
	*start = 0;
	*end = cbytes_len(input);
	while (*start < *end && is_space(cbytes_get(input, *start)))
		*start += 1;
	while (*end > *start && is_space(cbytes_get(input, *end - 1)))
		*end -= 1;
}

err_t
text_parse_number(struct cbytes input, u64 *scoped value)
{
	size_t start = 0, end = 0;
	trim(input, &start, &end);
	return start < end && parse_number(cbytes_sub(input, start, end - start), 0, value) ? OK : EINVAL;
}

err_t
text_parse_signed(struct cbytes input, i64 *scoped value)
{
	size_t start = 0, end = 0;
	u64 magnitude = 0;
	trim(input, &start, &end);
	bool minus = start < end && cbytes_get(input, start) == '-';
	if (minus && start + 1 < end && is_space(cbytes_get(input, start + 1)))
		return EINVAL;
	TRY(text_parse_number(cbytes_sub(input, start + minus, end - start - minus), &magnitude));
	if (magnitude > (u64)1 << 62)
		return EINVAL;
	*value = minus ? -(i64)magnitude : (i64)magnitude;
	return OK;
}

void
text_name_number(struct text_name *scoped out, u64 number, u8 type)
{
	out->len = (u32)format_text(BYTES_OF(out->name), "{}", number);
	out->type = type;
}

bool
text_name_parse(struct cbytes name, u64 *scoped number)
{
	size_t len = cbytes_len(name);
	*number = 0;
	if (len == 0 || len > 10 || (len > 1 && cbytes_get(name, 0) == '0'))
		return false;
	for (size_t i = 0; i < len; i++) {
		u8 c = cbytes_get(name, i);
		if (c < '0' || c > '9')
			return false;
		*number = *number * 10 + (c - '0');
	}
	return true;
}
