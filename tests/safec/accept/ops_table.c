/* an ops table with designated initialisers. */
#include <cadre/safe.h>
struct file;
struct file_ops {
	int (*read)(struct file *f, char *scoped to);
	int (*close)(struct file *f);
};
struct file { const struct file_ops *ops; int position; bool open; };
static int null_read(struct file *f, char *scoped to) { *to = 0; f->position++; return 0; }
static int null_close(struct file *f) { f->open = false; return 0; }
static const struct file_ops null_ops = { .read = null_read, .close = null_close };
static struct file null_file = { .ops = &null_ops, .open = true };
int file_read(struct file *f, char *scoped to) { return f->ops->read != nullptr ? f->ops->read(f, to) : -1; }
int test(void) { char c = 0; int r = file_read(&null_file, &c); return r + c + null_file.ops->close(&null_file); }
