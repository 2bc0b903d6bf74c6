// SPDX-License-Identifier: MPL-2.0
// main of the hosted kernel: options, the machine's memory, boot information, the boot CPU.
#include <hosted.h>
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

/** Three RAM ranges with holes between them, as firmware leaves them; the first page is reserved for the root table. */
static void
memory_init(u64 size)
{
	u64 at = HOSTED_RAM_START, sizes[] = { size / 4, size / 4, size / 2 };
	hosted_memory = (int)HOST_CALL(HOST_MEMFD_CREATE, "cadre", 0);
	if (hosted_memory < 0 || HOST_CALL(HOST_FTRUNCATE, hosted_memory, HOSTED_PHYSICAL_LIMIT) != 0)
		die("hosted: no memory file\n");
	for (u32 i = 0; i < COUNTOF(sizes); i++, at += HOLE) {
		u64 len = align_down(sizes[i], PAGE_SIZE);
		if (mmap(phys_to_virt(at), len, HOST_PROT_RW, HOST_MAP_SHARED | HOST_MAP_FIXED | HOST_MAP_NORESERVE, hosted_memory, (long)at) !=
		    phys_to_virt(at))
			die("hosted: cannot map memory\n");
		u64 reserved = i == 0 ? PAGE_SIZE : 0;
		info.ram[info.nram++] = (struct boot_range){ at + reserved, at + len };
		at += len;
		info.ram_end = at;
	}
	info.reserved[info.nreserved++] = (struct boot_range){ HOSTED_RAM_START, HOSTED_RAM_START + PAGE_SIZE };
}

int
main(int argc, char **argv)
{
	u64 size = 128 * MIB;
	info.ncpus = 1;
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		if (text_is(argv[i], "--list"))
			cmdline_add("list", "");
		else if (text_is(argv[i], "--cpus"))
			info.ncpus = (u32)MIN(MAX(size_parse(value), 1), (u64)CPU_MAX), i++;
		else if (text_is(argv[i], "--mem"))
			size = size_parse(value), i++;
		else if (text_is(argv[i], "--filter"))
			cmdline_add("filter=", value), i++;
		else if (argv[i][0] != '-')
			cmdline_add(argv[i], "");
		else
			die("usage: unit-tests [--cpus N] [--mem SIZE] [--filter SUBSTR] [--list] [KEY=VALUE …]\n");
	}
	/* Policies that lie race by design: what they do to the services' run queue is of no interest to TSan. */
	if (!hosted_by_signal())
		cmdline_add("skip=", "policy_test");
	if (size < 16 * MIB || size > HOSTED_PHYSICAL_LIMIT / 2)
		die("hosted: --mem must be 16M to 32G\n");
	/* The sanitizers' symbolizer is a process: it is started now, from a stack of the host's and with one thread. */
	char name[64];
	if (__sanitizer_symbolize_pc != nullptr)
		__sanitizer_symbolize_pc(main, "%f", name, sizeof(name));
	memory_init(size);
	hosted_traps_init();
	hosted_timer_init();
	struct cpu *cpu = cpu_area_create(0);
	hosted_thread_init(cpu);
	framework_main(&info);
}
