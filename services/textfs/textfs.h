// SPDX-License-Identifier: MPL-2.0
/**
 * File systems whose files are texts made at the moment they are read: what /proc and /sys are made of.
 *
 * A tree is one or more *tables* of entries, one line a file. A file's text is made by its `show` when it is read from its start, and kept in
 * the open file, so that further reads go on in the same text. Directories whose names come and go (processes, descriptors, CPUs) have
 * `text_special` ops. A node knows what it is about by numbers, never by reference: so names in the cache hold no process.
 *
 * Lock order: an open file's lock → what `show` takes.
 */
#pragma once

#include <inode.h>
#include <text.h>

struct text_node;
/** Appends the file's text. => an error fails the read, or the open where the entry asks for that */
typedef err_t text_show(struct text *text, struct text_node *node);
/** Takes what was written, at most TEXT_STORE_MAX bytes. => EINVAL, EPERM … */
typedef err_t text_store(struct text_node *node, struct cbytes input);
enum : u32 { TEXT_STORE_MAX = 4096, TEXT_NAME_MAX = 32 };

/** A name that a directory's `next` gives. */
struct text_name { u8 name[TEXT_NAME_MAX]; u32 len; u8 type; };   /* type as in getdents(2): DT_DIR … */
enum : u8 { DT_FIFO = 1, DT_CHR = 2, DT_DIR = 4, DT_BLK = 6, DT_REG = 8, DT_LNK = 10 };

/** What is no plain text or directory. Missing ops: nothing special. */
struct text_special {
	/** A directory's names beside those of the table: a child made with text_node_create. => ENOENT */
	err_t (*lookup)(struct text_node *dir, struct cbytes name, struct text_node **scoped out);
	/** The first of them at or behind *number, which is set to its own. => false: none */
	bool (*next)(struct text_node *dir, u64 *scoped number, struct text_name *scoped out);
	err_t (*readlink)(struct text_node *node, struct text *text);
	err_t (*follow)(struct text_node *node, struct path *scoped out);
	/** Asked before an open, a walk through or a link is followed, beside the mode. => EACCES, ESRCH … */
	err_t (*permission)(struct text_node *node, u32 mask);
	/** Of files that are no text. */
	const struct file_ops *file_ops;
	err_t (*open)(struct text_node *node, struct file *file);
	/** The mode of a link whose mode says something (fd/N). */
	u32 (*mode)(struct text_node *node);
};

struct text_entry {
	u8 path[60];                        /* below the table's root, "" for the root itself */
	u32 mode;                           /* type and permission */
	text_show *show;
	text_store *store;
	u64 arg;                            /* the entry's own: for show and store that serve many */
	const struct text_special *special;
};

/** A table, and what holds for all nodes of it. */
struct text_table {
	const struct text_entry *(*at)(u32 i);                        /* null behind the last; the first is the root */
	bool (*valid)(const struct text_node *node);                  /* whether it still is what it was; in RCU, no sleep. null: always */
	bool volatile_names;                                          /* each walk looks the name up anew: it may be another by now */
	bool free_names;                                              /* making what is not there is EPERM (sysfs), and not ENOENT (procfs) */
	void (*owner)(const struct text_node *node, u32 *scoped uid, u32 *scoped gid); /* null: root */
	err_t (*permission)(struct text_node *node, u32 mask);        /* for all of them; null: none but the mode */
};

struct text_node {
	const struct text_table *table;     /* [const] */
	const struct text_entry *entry;     /* [const] */
	u64 id, stamp;                      /* [const] what it is about: e.g. a thread's id and time of start */
	u64 number;                         /* [const] e.g. a descriptor */
};
OBJECT_DECLARE(text_node);

/** A node of `table`; `dir` gives id, stamp and number. => null: ENOMEM */
struct text_node *text_node_create(const struct text_table *table, const struct text_entry *entry, const struct text_node *dir);
/** The node of an inode of such a file system. => traps on others */
struct text_node *text_node_of(struct inode *inode);

/** What `type->mount` does: an instance whose root is the first entry of `table`. */
err_t text_mount(const struct fs_type *type, const struct superblock_ops *ops, u32 magic, const struct text_table *table, struct superblock **scoped out);

/* Helpers for tables. */
/** One number in decimal, octal or hexadecimal with white space around it. => EINVAL */
err_t text_parse_number(struct cbytes input, u64 *scoped value);
err_t text_parse_signed(struct cbytes input, i64 *scoped value);
/** `number` in decimal as a name. */
void text_name_number(struct text_name *scoped out, u64 number, u8 type);
/** A name that is a decimal number without leading zeroes. => false */
bool text_name_parse(struct cbytes name, u64 *scoped number);
