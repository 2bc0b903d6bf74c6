// SPDX-License-Identifier: MPL-2.0
// main of the hosted kernel: options, the machine's memory, boot information, the boot CPU.
#include <hosted.h>
#include <guest.h>
#include <boot/boot.h>
#include <cpu/cpu.h>
#include <arch/string.h>

int main(int argc, char **argv);

int hosted_memory;

static struct boot_info info;

enum : u64 { MIB = 1 << 20, HOLE = 4 * MIB };

static void
die(const char *text)
{
	hosted_write(2, text, __builtin_strlen(text));
	exit(2);
}

static bool
text_is(const char *a, const char *b)
{
	while (*a != 0 && *a == *b)
		a++, b++;
	return *a == *b;
}

/** A number with an optional K, M or G. */
static u64
size_parse(const char *text)
{
	u64 n = 0;
	for (; *text >= '0' && *text <= '9'; text++)
		n = n * 10 + (u64)(*text - '0');
	return *text == 'G' ? n << 30 : *text == 'M' ? n << 20 : *text == 'K' ? n << 10 : n;
}

static void
cmdline_add(const char *key, const char *value)
{
	static size_t len;
	const char *parts[] = { len == 0 ? "" : " ", key, value };
	for (u32 i = 0; i < COUNTOF(parts); i++)
		for (const char *p = parts[i]; *p != 0 && len + 1 < BOOT_CMDLINE_MAX; p++)
			info.cmdline[len++] = *p;
}

/** A file's length, opened; ends the program where that cannot be. */
static int
file_open(const char *path, u64 flags, u64 *len)
{
	struct { u64 dev, ino, nlink; u32 mode, uid, gid, pad; u64 rdev; i64 size, rest[13]; } stat;   /* struct stat of the ABI */
	int fd = (int)HOST_CALL(HOST_OPEN, path, flags, 0644);
	if (fd < 0 || HOST_CALL(HOST_FSTAT, fd, &stat) != 0) {
		hosted_write(2, path, __builtin_strlen(path));
		die(": cannot be opened\n");
	}
	*len = (u64)stat.size;
	return fd;
}

/**
 * Three RAM ranges with holes between them, as firmware leaves them; the first page is reserved for the root table, the end of the last for
 * the initial RAM disk.
 */
static void
memory_init(u64 size, u64 initrd_len)
{
	u64 at = HOSTED_RAM_START, sizes[] = { size / 4, size / 4, size / 2 };
	/* Out of the way of the descriptors that a guest has: guest.c. */
	long fd = HOST_CALL(HOST_MEMFD_CREATE, "cadre", 0);
	hosted_memory = (int)HOST_CALL(HOST_FCNTL, fd, HOST_F_DUPFD_CLOEXEC, 16);
	HOST_CALL(HOST_CLOSE, fd);
	if (hosted_memory < 0 || HOST_CALL(HOST_FTRUNCATE, hosted_memory, HOSTED_PHYSICAL_LIMIT + GUEST_SLOTS) != 0)
		die("hosted: cannot run here: no file for its memory (memfd_create, ftruncate)\n");
	for (u32 i = 0; i < COUNTOF(sizes); i++, at += HOLE) {
		u64 len = align_down(sizes[i], PAGE_SIZE), first = i == 0 ? PAGE_SIZE : 0, last = i == 2 ? align_up(initrd_len, PAGE_SIZE) : 0;
		if (last > len / 2)
			die("hosted: the initial RAM disk does not fit; more --mem\n");
		if (mmap(phys_to_virt(at), len, HOST_PROT_RW, HOST_MAP_SHARED | HOST_MAP_FIXED | HOST_MAP_NORESERVE, hosted_memory, (long)at) !=
		    phys_to_virt(at))
			die("hosted: cannot map memory\n");
		info.ram[info.nram++] = (struct boot_range){ at + first, at + len - last };
		if (last != 0)
			info.reserved[info.nreserved++] = info.initrd = (struct boot_range){ at + len - last, at + len };
		at += len;
		info.ram_end = at;
	}
	info.initrd.end = info.initrd.start + initrd_len;
	info.reserved[info.nreserved++] = (struct boot_range){ HOSTED_RAM_START, HOSTED_RAM_START + PAGE_SIZE };
}

static void
initrd_read(int fd, u64 len)
{
	for (u64 done = 0; done < len;) {
		long n = HOST_CALL(HOST_READ, fd, (u8 *)phys_to_virt(info.initrd.start) + done, len - done);
		if (n <= 0)
			die("hosted: the initial RAM disk cannot be read\n");
		done += (u64)n;
	}
}

/* --- options --- */

static struct { u64 mem, initrd_len, seed; int initrd, trace; bool raw; } options = { .mem = 128 * MIB, .initrd = -1, .trace = -1 };

static void
option_cpus(const char *value)
{
	info.ncpus = (u32)MIN(MAX(size_parse(value), 1), (u64)CPU_MAX);
}

static void
option_mem(const char *value)
{
	options.mem = size_parse(value);
	if (options.mem < 16 * MIB || options.mem > HOSTED_PHYSICAL_LIMIT / 2)
		die("hosted: --mem must be 16M to 32G\n");
}

static void
option_initrd(const char *path)
{
	options.initrd = file_open(path, 0, &options.initrd_len);
}

static void
option_log(const char *path)
{
	u64 len;
	hosted_log = file_open(path, HOST_O_WRITE_ANEW, &len);
}

/** terminal: standard input, raw, and output; stdio: them as they are; null; a descriptor's number or a file: output only. */
static void
option_serial(const char *what)
{
	u64 len;
	bool terminal = text_is(what, "terminal"), stdio = terminal || text_is(what, "stdio");
	options.raw |= terminal;
	int out = stdio ? 1 : text_is(what, "null") ? -1 : *what >= '0' && *what <= '9' ? (int)size_parse(what) :
	          file_open(what, HOST_O_WRITE_ANEW, &len);
	if (!hosted_uart_add(stdio ? 0 : -1, out))
		die("hosted: at most four --serial\n");
}

static void
option_backend(const char *name)
{
	if (!guest_backend_choose(name))
		die("hosted: --backend is seccomp or ptrace\n");
}

static void
option_seed(const char *value)
{
	hosted_seeded = true;
	options.seed = size_parse(value);
	/* Unit tests whose programs spin until somebody else has done something: no virtual time passes there. */
	cmdline_add("skip=", "never_call,nobody_elses,while_they_are_loaded");
}

static void
option_events(const char *path)
{
	u64 len;
	options.trace = file_open(path, HOST_O_WRITE_ANEW, &len);
}

static void option_append(const char *words) { cmdline_add(words, ""); }
static void option_filter(const char *text) { cmdline_add("filter=", text); }

static const struct { const char *name; void (*take)(const char *value); } known[] = {
	{ "--cpus", option_cpus }, { "--mem", option_mem }, { "--initrd", option_initrd }, { "--log", option_log }, { "--serial", option_serial },
	{ "--backend", option_backend }, { "--seed", option_seed }, { "--events", option_events }, { "--append", option_append }, { "--filter", option_filter },
};

static void
option_take(const char *name, const char *value)
{
	for (u32 i = 0; i < COUNTOF(known); i++)
		if (text_is(name, known[i].name) && value != nullptr)
			return known[i].take(value);
	die("usage: [--cpus N] [--mem SIZE] [--initrd FILE] [--log FILE] [--serial terminal|stdio|null|FD|FILE]… [--append WORDS]\n"
	    "       [--backend seccomp|ptrace] [--seed N [--events FILE]] [--filter SUBSTR] [--list] [KEY=VALUE …]\n");
}

int
main(int argc, char **argv)
{
	int i = 1;
	info.ncpus = 1;
	for (; i < argc && !text_is(argv[i], "--"); i++) {
		if (text_is(argv[i], "--list"))
			cmdline_add("list", "");
		else if (argv[i][0] != '-')
			cmdline_add(argv[i], "");
		else
			option_take(argv[i], argv[i + 1]), i++;
	}
	/* Policies that lie race by design: what they do to the services' run queue is of no interest to TSan. */
	if (__tsan_create_fiber != nullptr)
		cmdline_add("skip=", "policy_test");
	/* The sanitizers' symbolizer is a process: it is started now, from a stack of the host's and with one thread. */
	char name[64];
	if (__sanitizer_symbolize_pc != nullptr)
		__sanitizer_symbolize_pc(main, "%f", name, sizeof(name));
	if (hosted_seeded && (info.ncpus != 1 || __tsan_create_fiber != nullptr))
		die("hosted: --seed is for one CPU, and not for the thread sanitizer\n");
	memory_init(options.mem, options.initrd_len);
	initrd_read(options.initrd, options.initrd_len);
	hosted_traps_init();
	hosted_timer_init();
	hosted_uart_start();
	if (options.raw)
		hosted_terminal_raw();
	if (hosted_beside != nullptr) {
		int rest = MIN(i, argc - 1);
		argv[rest] = argv[0];
		hosted_beside(argc - rest, argv + rest);
	}
	struct cpu *cpu = cpu_area_create(0);
	hosted_thread_init(cpu);
	if (hosted_seeded)
		seeded_start(options.seed, options.trace);
	framework_main(&info);
}
