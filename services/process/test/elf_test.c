// SPDX-License-Identifier: MPL-2.0
// Hostile programs: whatever stands in a file, execve runs it or refuses it; the one who asked goes on, and nothing stays behind.
#include <program.h>

#include <process_impl.h>

enum : u32 { FILES = 400, IMAGE = 12288, HEADERS = 5 };
enum : u64 { AT_PATH = 0, AT_IMAGE = 8192, AT_VECTOR = 256 };

/** The start of an ELF file, with its program headers behind it. */
struct program_header { u32 type, flags; u64 offset, vaddr, paddr, filesz, memsz, align; };
struct image {
	u8 ident[16]; u16 type, machine; u32 version; u64 entry, phoff, shoff; u32 flags; u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
	struct program_header headers[HEADERS];
	char interpreter[32];
};
static u8 file_bytes[IMAGE];
static u64 seed;
static u32 draw(u32 below) { return program_random(&seed, below); }

static u64
hostile_number(void)
{
	static const u64 numbers[] = { 0, 1, 0xfff, 0x1000, 0x400000, 0x7fffffff, 0xffffffff, (u64)1 << 47, ((u64)1 << 47) - 4096, (u64)1 << 63, ~(u64)0, ~(u64)4095 };
	u64 number = numbers[draw(COUNTOF(numbers))];
	return draw(3) == 0 ? number + draw(64) - 32 : number;
}

static struct image
image_good(void)
{
	struct image image = { .ident = { 0x7f, 'E', 'L', 'F', 2, 1, 1 }, .type = 2, .machine = 62, .version = 1, .entry = 0x400100, .phoff = 64, .ehsize = 64,
		.phentsize = 56, .phnum = 3 };
	image.headers[0] = (struct program_header){ 1, 5, 0, 0x400000, 0x400000, 0x1000, 0x1000, 0x1000 };
	image.headers[1] = (struct program_header){ 1, 6, 0x1000, 0x401000, 0x401000, 0x800, 0x3000, 0x1000 };
	image.headers[2] = (struct program_header){ 0x6474e551, 6, 0, 0, 0, 0, 0, 16 };
	return image;
}

/** Between no and a dozen fields of it become strange. */
static void
image_spoil(struct image *image)
{
	u8 *bytes = (u8 *)image;
	for (u32 n = draw(12); n != 0; n--) {
		struct program_header *header = &image->headers[draw(HEADERS)];
		u64 *const fields[] = { &header->offset, &header->vaddr, &header->filesz, &header->memsz, &header->align, &image->entry, &image->phoff };
		switch (draw(6)) {
		case 0: bytes[draw(sizeof(*image))] ^= (u8)(1u << draw(8)); break;
		case 1: image->phnum = (u16)draw(7); break;
		case 2: header->type = draw(8); break;
		case 3: image->type = (u16)(2 + draw(2)); break;
		default: *fields[draw(COUNTOF(fields))] = hostile_number(); break;
		}
	}
}

static void
image_write(const struct image *image, u32 len)
{
	u64 fd = 0, moved = 0;
	for (u32 i = 0; i < sizeof(*image) && i < len; i++)
		file_bytes[i] = ((const u8 *)image)[i];
	EXPECT_EQ(sys_open(program_text(AT_PATH, "/tmp/hostile"), 01101, 0755, &fd), OK);
	EXPECT_EQ(sys_write((i32)fd, program_put(AT_IMAGE, file_bytes, len), len, &moved), OK);
	EXPECT_EQ(moved, len);
	EXPECT_EQ(sys_close((i32)fd), OK);
}

static u32 executed, refused;   /* [atomic] */

/** In a child: where it works, the old memory is gone; the registers are in place. */
static void
execute(void)
{
	u64 vector[3] = { PROGRAM_AREA + AT_PATH, 0, 0 };
	program_put(AT_VECTOR, vector, sizeof(vector));
	err_t err = sys_execve(program_text(AT_PATH, "/tmp/hostile"), program_at(AT_VECTOR), program_at(AT_VECTOR + 8));
	__atomic_fetch_add(err == OK ? &executed : &refused, 1, __ATOMIC_RELAXED);
	EXPECT(err == OK || err == ENOEXEC || err == ENOMEM || err == EINVAL || err == EFAULT || err == EACCES || err == ENOENT || err == EIO ||
	       err == ELIBBAD || err == EISDIR || err == EPERM || err == E2BIG || err == ENAMETOOLONG || err == EOVERFLOW);
	struct thread *thread = thread_current();
	EXPECT(err != OK || (thread->user->regs.rip < USER_END && thread->user->regs.rsp % 16 == 0 && thread->user->regs.rsp < USER_END));
}

static void
child_wait(void)
{
	u64 got = 0;
	(void)!sys_wait4(-1, UADDR(0), 0, UADDR(0), &got);
}

PROGRAM_TEST(whatever_a_file_says_execve_runs_or_refuses_it)
{
	seed = 21;
	executed = refused = 0;
	for (u32 i = 0; i < FILES; i++) {
		struct image image = image_good();
		if (i != 0)
			image_spoil(&image);
		image_write(&image, i % 8 == 7 ? 1 + draw(600) : IMAGE);
		(void)program_fork(execute);
		child_wait();
		EXPECT(i != 0 || executed == 1);   /* the first is a good one */
	}
	EXPECT(executed > FILES / 10 && refused > FILES / 10);
	EXPECT_EQ(sys_unlink(program_text(AT_PATH, "/tmp/hostile")), OK);
}

/* --- scripts that name scripts, and lines without an end --- */

static void
script_write(const char *path, const char *text)
{
	u64 fd = 0, moved = 0;
	size_t len = 0;
	while (text[len] != 0)
		len++;
	EXPECT_EQ(sys_open(program_text(AT_PATH, path), 01101, 0755, &fd), OK);
	EXPECT_EQ(sys_write((i32)fd, program_put(AT_IMAGE, text, len), len, &moved), OK);
	EXPECT_EQ(sys_close((i32)fd), OK);
}

PROGRAM_TEST(scripts_in_circles_are_refused)
{
	static const struct { const char *text; err_t err; } scripts[] = {
		{ "#!/tmp/script\n", ELOOP }, { "#!", ENOEXEC }, { "#! \t \n", ENOEXEC }, { "#!/none/there\n", ENOENT }, { "#!/tmp\n", EACCES }, { "x", ENOEXEC }, { "", ENOEXEC },
	};
	u64 vector[2] = {};
	for (u32 i = 0; i < COUNTOF(scripts); i++) {
		script_write("/tmp/script", scripts[i].text);
		program_put(AT_VECTOR, vector, sizeof(vector));
		EXPECT_EQ(sys_execve(program_text(AT_PATH, "/tmp/script"), program_at(AT_VECTOR), program_at(AT_VECTOR)), scripts[i].err);
	}
	EXPECT_EQ(sys_unlink(program_text(AT_PATH, "/tmp/script")), OK);
}
