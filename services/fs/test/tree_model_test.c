// SPDX-License-Identifier: MPL-2.0
// A tree of names beside a model of it: what each call answers, and what is there afterwards.
#include <program.h>

#include <syscall_handlers.h>

enum : u32 { NODES = 64, NAMES = 4, STEPS = 8000, ROOT = 0, NONE = NODES, PATH_TEXT = 80, EXCHANGE = 2, NOREPLACE = 1, AT_CWD = (u32)-100, DEEPEST = 5 };
enum kind : u8 { FREE, DIRECTORY, FILE };
enum : u64 { AT_FROM = 0, AT_TO = 256, AT_STAT = 512 };

/** An inode of the model; a directory has names. */
struct node { enum kind kind; u32 links, serial; u32 child[NAMES]; };
static struct node nodes[NODES];
static u64 seed;
static u32 serials;

static u32 draw(u32 below) { return program_random(&seed, below); }

/** A random path: directories in the model as far as they go. What it leads to: *dir (NONE: the way is broken, *why says how) and the last name. */
struct place { u32 dir, name; err_t why; char text[PATH_TEXT]; u32 way[DEEPEST + 1], depth; };

static struct place
place_draw(void)
{
	struct place place = { .dir = ROOT };
	u32 at = 0, depth = 1 + draw(DEEPEST);
	const char *start = "/tmp/tree";
	for (; start[at] != 0; at++)
		place.text[at] = start[at];
	for (u32 i = 0; i < depth; i++) {
		place.name = draw(NAMES);
		place.text[at++] = '/';
		if (draw(10) == 0)
			place.text[at++] = '/';
		if (draw(10) == 0)
			place.text[at++] = '.', place.text[at++] = '/';
		place.text[at++] = (char)('a' + place.name);
		if (place.dir != NONE)
			place.way[place.depth++] = place.dir;
		if (i + 1 == depth || place.dir == NONE)
			continue;
		u32 next = nodes[place.dir].child[place.name];
		place.why = next == NONE ? ENOENT : nodes[next].kind != DIRECTORY ? ENOTDIR : OK;
		place.dir = place.why == OK ? next : NONE;
	}
	place.text[at] = 0;
	return place;
}

static u32 place_node(const struct place *place) { return place->dir == NONE ? NONE : nodes[place->dir].child[place->name]; }

static bool
is_empty(u32 dir)
{
	for (u32 i = 0; i < NAMES; i++)
		if (nodes[dir].child[i] != NONE)
			return false;
	return true;
}

static u32
node_make(enum kind kind)
{
	for (u32 i = 1; i < NODES; i++) {
		if (nodes[i].kind != FREE)
			continue;
		nodes[i] = (struct node){ .kind = kind, .serial = ++serials, .links = 1 };
		for (u32 j = 0; j < NAMES; j++)
			nodes[i].child[j] = NONE;
		return i;
	}
	return NONE;
}

static void
node_drop(u32 node)
{
	if (--nodes[node].links == 0)
		nodes[node].kind = FREE;
}

static bool
room(void)
{
	u32 n = 0;
	for (u32 i = 0; i < NODES; i++)
		n += nodes[i].kind == FREE;
	return n > 1;
}

static void
step_make(void)
{
	struct place place = place_draw();
	u32 node = place_node(&place);
	bool directory = draw(2) == 0;
	u64 fd = 0;
	if (!room())
		return;
	err_t expected = place.dir == NONE ? place.why : node != NONE ? EEXIST : OK;
	uaddr_t path = program_text(AT_FROM, place.text);
	err_t err = directory ? sys_mkdir(path, 0755) : sys_open(path, 0301 /* O_CREAT O_EXCL O_WRONLY */, 0644, &fd);
	EXPECT_EQ(err, expected);
	if (err != OK || expected != OK)
		return;
	node = nodes[place.dir].child[place.name] = node_make(directory ? DIRECTORY : FILE);
	if (directory)
		return;
	u64 moved = 0;
	EXPECT_EQ(sys_write((i32)fd, program_put(AT_STAT, &nodes[node].serial, 4), 4, &moved), OK);
	EXPECT_EQ(sys_close((i32)fd), OK);
}

static void
step_unlink(void)
{
	struct place place = place_draw();
	u32 node = place_node(&place);
	bool directory = draw(2) == 0;
	uaddr_t path = program_text(AT_FROM, place.text);
	err_t err = directory ? sys_rmdir(path) : sys_unlink(path);
	err_t expected = place.dir == NONE ? place.why : node == NONE ? ENOENT : directory && nodes[node].kind != DIRECTORY ? ENOTDIR :
		!directory && nodes[node].kind == DIRECTORY ? EISDIR : directory && !is_empty(node) ? ENOTEMPTY : OK;
	EXPECT_EQ(err, expected);
	if (err != OK || expected != OK)
		return;
	nodes[place.dir].child[place.name] = NONE;
	node_drop(node);
}

static void
step_link(void)
{
	struct place from = place_draw(), to = place_draw();
	u32 node = place_node(&from), other = place_node(&to);
	err_t err = sys_link(program_text(AT_FROM, from.text), program_text(AT_TO, to.text));
	err_t expected = from.dir == NONE ? from.why : node == NONE ? ENOENT : to.dir == NONE ? to.why : other != NONE ? EEXIST : nodes[node].kind == DIRECTORY ? EPERM : OK;
	EXPECT_EQ(err, expected);
	if (err != OK || expected != OK)
		return;
	nodes[to.dir].child[to.name] = node;
	nodes[node].links++;
}

/** Whether `node` lies on the way that leads to the place. */
static bool
on_way(u32 node, const struct place *place)
{
	for (u32 i = 0; i < place->depth; i++)
		if (place->way[i] == node)
			return true;
	return false;
}

static err_t
rename_error(const struct place *from, const struct place *to, u32 flags)
{
	u32 node = place_node(from), other = place_node(to);
	if (from->dir == NONE)
		return from->why;
	if (to->dir == NONE)
		return to->why;
	if (node == NONE)
		return ENOENT;
	if ((flags & NOREPLACE) != 0 && other != NONE)
		return EEXIST;
	if ((flags & EXCHANGE) != 0 && other == NONE)
		return ENOENT;
	if (nodes[node].kind == DIRECTORY && on_way(node, to))
		return EINVAL;
	if (other != NONE && nodes[other].kind == DIRECTORY && on_way(other, from))
		return (flags & EXCHANGE) != 0 ? EINVAL : ENOTEMPTY;
	if (node == other || other == NONE || (flags & EXCHANGE) != 0)
		return OK;
	if (nodes[other].kind == DIRECTORY && nodes[node].kind != DIRECTORY)
		return EISDIR;
	if (nodes[other].kind != DIRECTORY && nodes[node].kind == DIRECTORY)
		return ENOTDIR;
	return nodes[other].kind == DIRECTORY && !is_empty(other) ? ENOTEMPTY : OK;
}

static void
step_rename(void)
{
	struct place from = place_draw(), to = place_draw();
	u32 flags = draw(3), node = place_node(&from), other = place_node(&to);
	err_t err = sys_renameat2((i32)AT_CWD, program_text(AT_FROM, from.text), (i32)AT_CWD, program_text(AT_TO, to.text), flags);
	err_t expected = rename_error(&from, &to, flags);
	EXPECT_EQ(err, expected);
	if (err != expected)
		log_error("rename {} -> {} flags {}: {} not {}", ((struct cbytes){ (u8 *)from.text, 40 }), ((struct cbytes){ (u8 *)to.text, 40 }), flags, (u32)err, (u32)expected);
	if (err != OK || expected != OK || node == other)
		return;
	nodes[from.dir].child[from.name] = (flags & EXCHANGE) != 0 ? other : NONE;
	nodes[to.dir].child[to.name] = node;
	if (other != NONE && (flags & EXCHANGE) == 0)
		node_drop(other);
}

/** struct stat as far as it is looked at. */
struct status { u64 device, inode, links; u32 mode, uid, gid, pad; u64 rdev; i64 size; u64 rest[12]; };

static u64
sub_directories(u32 dir)
{
	u64 n = 0;
	for (u32 i = 0; i < NAMES; i++)
		n += nodes[dir].child[i] != NONE && nodes[nodes[dir].child[i]].kind == DIRECTORY;
	return n;
}

static void
check_place(void)
{
	struct place place = place_draw();
	u32 node = place_node(&place), serial = 0;
	struct status status = {};
	u64 fd = 0, moved = 0;
	err_t err = sys_stat(program_text(AT_FROM, place.text), program_at(AT_STAT));
	EXPECT_EQ(err, place.dir == NONE ? place.why : node == NONE ? ENOENT : OK);
	if (err != OK || node == NONE)
		return;
	program_get(AT_STAT, &status, sizeof(status));
	EXPECT_EQ(status.mode >> 12, nodes[node].kind == DIRECTORY ? 4 : 8);
	EXPECT_EQ(status.links, nodes[node].kind == DIRECTORY ? 2 + sub_directories(node) : nodes[node].links);
	if (nodes[node].kind == DIRECTORY)
		return;
	EXPECT_EQ(sys_open(program_at(AT_FROM), 0, 0, &fd), OK);
	EXPECT_EQ(sys_read((i32)fd, program_at(AT_STAT), 4, &moved), OK);
	program_get(AT_STAT, &serial, 4);
	EXPECT_EQ(serial, nodes[node].serial);
	EXPECT_EQ(sys_close((i32)fd), OK);
}

/** Each name once, no other. */
static void
check_listing(u32 node, const char *path)
{
	static u8 entries[2048];
	u64 fd = 0, len = 0;
	u32 seen = 0;
	EXPECT_EQ(sys_open(program_text(AT_FROM, path), 0200000, 0, &fd), OK);
	EXPECT_EQ(sys_getdents64((i32)fd, program_at(4096), sizeof(entries), &len), OK);
	program_get(4096, entries, len);
	for (u64 at = 0; at < len; at += (u64)entries[at + 16] | (u64)entries[at + 17] << 8) {
		if (entries[at + 19] == '.')
			continue;
		u32 name = entries[at + 19] - 'a';
		EXPECT(name < NAMES && (seen & 1u << name) == 0 && nodes[node].child[name] != NONE);
		seen |= 1u << name;
	}
	for (u32 i = 0; i < NAMES; i++)
		EXPECT_EQ((seen >> i & 1), nodes[node].child[i] != NONE);
	EXPECT_EQ(sys_close((i32)fd), OK);
}

/** Empties the model and the tree together. */
static void
remove_all(u32 dir, char *path, u32 len)
{
	for (u32 i = 0; i < NAMES; i++) {
		u32 node = nodes[dir].child[i];
		if (node == NONE)
			continue;
		path[len] = '/', path[len + 1] = (char)('a' + i), path[len + 2] = 0;
		if (nodes[node].kind == DIRECTORY)
			remove_all(node, path, len + 2);
		path[len + 2] = 0;
		EXPECT_EQ(nodes[node].kind == DIRECTORY ? sys_rmdir(program_text(AT_FROM, path)) : sys_unlink(program_text(AT_FROM, path)), OK);
		nodes[dir].child[i] = NONE;
		node_drop(node);
	}
}

PROGRAM_TEST(a_tree_of_names_is_that_of_the_model)
{
	static void (*const steps[])(void) = { step_make, step_make, step_make, step_unlink, step_link, step_rename, step_rename, check_place, check_place };
	char path[PATH_TEXT] = "/tmp/tree";
	for (u64 with = 1; with <= 3; with++) {
		seed = with;
		for (u32 i = 0; i < NODES; i++)
			nodes[i] = (struct node){};
		nodes[ROOT] = (struct node){ .kind = DIRECTORY, .links = 1, .child = { NONE, NONE, NONE, NONE } };
		EXPECT_EQ(sys_mkdir(program_text(AT_FROM, "/tmp/tree"), 0755), OK);
		for (u32 i = 0; i < STEPS; i++) {
			steps[draw(COUNTOF(steps))]();
			if (i % 64 == 0)
				check_listing(ROOT, "/tmp/tree");
		}
		remove_all(ROOT, path, 9);
		path[9] = 0;
		EXPECT_EQ(sys_rmdir(program_text(AT_FROM, path)), OK);
	}
}

/* --- the same names from several threads: nothing is lost or doubled, and nothing stays --- */

static void
churn(void)
{
	static u32 numbers;
	u32 number = __atomic_fetch_add(&numbers, 1, __ATOMIC_SEQ_CST) % 8;
	u64 state = number + 77, at = 8192 + number * 1024, fd = 0;
	for (u32 i = 0; i < 1500; i++) {
		char from[] = "/tmp/churn/a/x", to[] = "/tmp/churn/a/x";
		from[11] = (char)('a' + program_random(&state, 2)), from[13] = (char)('x' + program_random(&state, 3));
		to[11] = (char)('a' + program_random(&state, 2)), to[13] = (char)('x' + program_random(&state, 3));
		uaddr_t a = program_text(at, from), b = program_text(at + 256, to);
		switch (program_random(&state, 7)) {
		case 0: (void)!sys_mkdir(a, 0755); break;
		case 1: (void)!sys_rmdir(a); break;
		case 2: (void)!sys_rename(a, b); break;
		case 3: (void)!sys_link(a, b); break;
		case 4: (void)!sys_unlink(a); break;
		case 5: (void)!sys_renameat2((i32)AT_CWD, a, (i32)AT_CWD, b, EXCHANGE); break;
		default:
			if (sys_open(a, 0102, 0644, &fd) == OK)
				EXPECT_EQ(sys_close((i32)fd), OK);
		}
	}
}

PROGRAM_TEST(names_changed_by_many_threads_leave_nothing_behind)
{
	EXPECT_EQ(sys_mkdir(program_text(AT_FROM, "/tmp/churn"), 0755), OK);
	EXPECT_EQ(sys_mkdir(program_text(AT_FROM, "/tmp/churn/a"), 0755), OK);
	EXPECT_EQ(sys_mkdir(program_text(AT_FROM, "/tmp/churn/b"), 0755), OK);
	for (u32 i = 0; i < 4; i++)
		program_thread(churn);
	program_join();
	for (u32 i = 0; i < 2; i++) {
		for (u32 j = 0; j < 3; j++) {
			char name[] = "/tmp/churn/a/x";
			name[11] = (char)('a' + i), name[13] = (char)('x' + j);
			uaddr_t path = program_text(AT_FROM, name);
			err_t unlinked = sys_unlink(path), removed = sys_rmdir(path);
			EXPECT((unlinked == OK && removed == ENOENT) || (unlinked == EISDIR && removed == OK) || (unlinked == ENOENT && removed == ENOENT));
		}
		EXPECT_EQ(sys_rmdir(program_text(AT_FROM, i == 0 ? "/tmp/churn/a" : "/tmp/churn/b")), OK);
	}
	EXPECT_EQ(sys_rmdir(program_text(AT_FROM, "/tmp/churn")), OK);
}
