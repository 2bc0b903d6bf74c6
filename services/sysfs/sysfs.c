// SPDX-License-Identifier: MPL-2.0
/**
 * /sys as tools and run-time libraries need it: how many CPUs there are and how they hang together, one memory node, empty classes.
 */
#include <cadre/cpu.h>
#include <cadre/frame.h>
#include <cadre/sync.h>

#include <sysfs.h>
#include <textfs.h>

enum : u32 { SYSFS_MAGIC = 0x62656572 };

/** Bits of all CPUs. */
static u64
cpus_all(void)
{
	return cpu_count() < 64 ? ((u64)1 << cpu_count()) - 1 : ~(u64)0;
}

enum cpu_set_kind : u64 { SET_ALL, SET_NONE, SET_SELF };

static err_t
show_list(struct text *text, struct text_node *node)
{
	if (node->entry->arg == SET_SELF)
		text_put_number(text, node->number, 0);
	else if (node->entry->arg == SET_ALL && cpu_count() > 1)
		text_print(text, "0-{}", cpu_count() - 1);
	else if (node->entry->arg == SET_ALL)
		text_put_char(text, '0');
	text_put_char(text, '\n');
	return OK;
}

static err_t
show_mask(struct text *text, struct text_node *node)
{
	u64 bits = node->entry->arg == SET_SELF ? (u64)1 << (node->number & 63) : cpus_all();
	u32 digits = (cpu_count() + 3) / 4;
	if (cpu_count() > 32) {
		text_put_hex(text, bits >> 32, digits - 8);
		text_put_char(text, ',');
	}
	text_put_hex(text, bits & 0xffffffff, MIN(digits, (u32)8));
	text_put_char(text, '\n');
	return OK;
}

static err_t
show_value(struct text *text, struct text_node *node)
{
	text_print(text, "{}\n", node->entry->arg);
	return OK;
}

static err_t
show_core(struct text *text, struct text_node *node)
{
	text_print(text, "{}\n", node->number);
	return OK;
}

enum sysfs_word : u64 { WORD_NEVER, WORD_BLOCK_SIZE, WORD_CONSOLE };

static err_t
show_word(struct text *text, struct text_node *node)
{
	static const struct { u8 text[32]; } words[] = {
		[WORD_NEVER] = { "always madvise [never]\n" }, [WORD_BLOCK_SIZE] = { "8000000\n" }, [WORD_CONSOLE] = { "ttyS0\n" },
	};
	text_put_string(text, CBYTES_OF(ELEM(words, node->entry->arg)->text));
	return OK;
}

static err_t
show_node_memory(struct text *text, struct text_node *node)
{
	struct memory_stat stat = memory_stat();
	(void)node;
	text_print(text, "Node 0 MemTotal:       {} kB\nNode 0 MemFree:        {} kB\n", stat.total << 2, stat.free << 2);
	text_print(text, "Node 0 MemUsed:        {} kB\n", (stat.total - stat.free) << 2);
	return OK;
}

enum : u32 { DIR = S_IFDIR | 0755, ALL = S_IFREG | 0444 };
#define FOLDER(name)   { .path = name, .mode = DIR }
#define LIST(name, n)  { .path = name, .mode = ALL, .show = show_list, .arg = n }
#define MASK(name, n)  { .path = name, .mode = ALL, .show = show_mask, .arg = n }
#define VALUE(name, n) { .path = name, .mode = ALL, .show = show_value, .arg = n }
#define WORD(name, n)  { .path = name, .mode = ALL, .show = show_word, .arg = n }

/** What lies below devices/system/cpu/cpuN; the node's number is N. */
static const struct text_entry cpu_entries[] = {
	FOLDER(""), VALUE("online", 1), FOLDER("topology"), { .path = "topology/core_id", .mode = ALL, .show = show_core },
	VALUE("topology/physical_package_id", 0), VALUE("topology/die_id", 0), MASK("topology/core_cpus", SET_SELF), LIST("topology/core_cpus_list", SET_SELF),
	MASK("topology/thread_siblings", SET_SELF), LIST("topology/thread_siblings_list", SET_SELF), MASK("topology/core_siblings", SET_ALL),
	LIST("topology/core_siblings_list", SET_ALL), MASK("topology/package_cpus", SET_ALL), LIST("topology/package_cpus_list", SET_ALL),
	MASK("topology/die_cpus", SET_ALL), LIST("topology/die_cpus_list", SET_ALL), FOLDER("node0"),
};

static const struct text_entry *
cpu_at(u32 i)
{
	return i < COUNTOF(cpu_entries) ? ELEM(cpu_entries, i) : nullptr;
}
static const struct text_table cpu_table = { .at = cpu_at, .free_names = true };

/** "cpu3" is the root of cpu_table with 3 as its number. */
static err_t
cpus_lookup(struct text_node *dir, struct cbytes name, struct text_node **scoped out)
{
	u64 number = 0;
	bool is_cpu = cbytes_len(name) > 3 && cbytes_equal(cbytes_sub(name, 0, 3), TEXT("cpu")) && text_name_parse(cbytes_from(name, 3), &number);
	if (!is_cpu || number >= cpu_count())
		return ENOENT;
	struct text_node *node = text_node_create(&cpu_table, cpu_at(0), dir);
	if (node == nullptr)
		return ENOMEM;
	node->number = number;
	*out = node;
	return OK;
}

static bool
cpus_next(struct text_node *dir, u64 *scoped number, struct text_name *scoped out)
{
	(void)dir;
	if (*number >= cpu_count())
		return false;
	out->len = (u32)format_text(BYTES_OF(out->name), "cpu{}", *number);
	out->type = DT_DIR;
	return true;
}
static const struct text_special cpus_special = { .lookup = cpus_lookup, .next = cpus_next };

#define CPU  "devices/system/cpu"
#define NODE "devices/system/node"
static const struct text_entry entries[] = {
	{ .path = "", .mode = S_IFDIR | 0555 },
	FOLDER("block"), FOLDER("bus"), FOLDER("bus/cpu"), FOLDER("bus/pci"), FOLDER("bus/pci/devices"), FOLDER("bus/platform"), FOLDER("class"),
	FOLDER("class/tty"), FOLDER("class/tty/console"), WORD("class/tty/console/active", WORD_CONSOLE), FOLDER("class/tty/tty"), FOLDER("class/tty/ttyS0"),
	FOLDER("class/mem"), FOLDER("class/net"), FOLDER("class/block"), FOLDER("class/misc"), FOLDER("dev"), FOLDER("dev/block"), FOLDER("dev/char"),
	FOLDER("devices"), FOLDER("devices/virtual"), FOLDER("devices/platform"), FOLDER("devices/system"),
	{ .path = CPU, .mode = DIR, .special = &cpus_special },
	LIST(CPU "/online", SET_ALL), LIST(CPU "/possible", SET_ALL), LIST(CPU "/present", SET_ALL), LIST(CPU "/offline", SET_NONE),
	LIST(CPU "/isolated", SET_NONE), VALUE(CPU "/kernel_max", CPU_MAX - 1), FOLDER(CPU "/vulnerabilities"),
	FOLDER("devices/system/memory"), WORD("devices/system/memory/block_size_bytes", WORD_BLOCK_SIZE),
	FOLDER(NODE), VALUE(NODE "/online", 0), VALUE(NODE "/possible", 0), VALUE(NODE "/has_cpu", 0), VALUE(NODE "/has_memory", 0),
	VALUE(NODE "/has_normal_memory", 0), FOLDER(NODE "/node0"), LIST(NODE "/node0/cpulist", SET_ALL), MASK(NODE "/node0/cpumap", SET_ALL),
	VALUE(NODE "/node0/distance", 10), { .path = NODE "/node0/meminfo", .mode = ALL, .show = show_node_memory },
	FOLDER("firmware"), FOLDER("fs"), FOLDER("fs/cgroup"), FOLDER("hypervisor"), FOLDER("kernel"), FOLDER("kernel/mm"), FOLDER("kernel/mm/hugepages"),
	FOLDER("kernel/mm/transparent_hugepage"), WORD("kernel/mm/transparent_hugepage/enabled", WORD_NEVER),
	WORD("kernel/mm/transparent_hugepage/defrag", WORD_NEVER), VALUE("kernel/mm/transparent_hugepage/hpage_pmd_size", 2097152),
	FOLDER("kernel/debug"), FOLDER("kernel/tracing"), FOLDER("kernel/security"), VALUE("kernel/fscaps", 1), FOLDER("module"), FOLDER("power"),
};

static const struct text_entry *
sysfs_at(u32 i)
{
	return i < COUNTOF(entries) ? ELEM(entries, i) : nullptr;
}
static const struct text_table sysfs_table = { .at = sysfs_at, .free_names = true };

static const struct superblock_ops sysfs_ops = {};
static struct mutex mount_lock;
static struct superblock *instance GUARDED_BY(&mount_lock);   /* counted: the only one */

static err_t
sysfs_mount(const struct fs_type *type, struct cbytes source, struct cbytes options, u32 flags, struct superblock **scoped out)
{
	(void)source;
	(void)flags;
	if (cbytes_len(options) != 0)
		return EINVAL;
	MUTEX_SCOPE(&mount_lock);
	if (instance == nullptr)
		TRY(text_mount(type, &sysfs_ops, SYSFS_MAGIC, &sysfs_table, &instance));
	superblock_get(instance);
	*out = instance;
	return OK;
}
static const struct fs_type sysfs_type = { .name = "sysfs", .flags = FS_NODEV | FS_USER_MOUNT, .mount = sysfs_mount };

void
sysfs_init(void)
{
	fs_register(&sysfs_type);
}
