// SPDX-License-Identifier: MPL-2.0
// A file written from its own mapping, and read into it: the two sides of the copy overlap. What is in the overlap is not said; all else is.
#include <program.h>

#include <syscall_handlers.h>
#include <uio.h>

enum : u64 { AT_PATH = 0, AT_BYTES = 8192, PAGE = 4096, BEHIND = 3000 };

static i32
file_make(u64 *mapping)
{
	u8 bytes[64];
	u64 fd = 0, moved = 0;
	EXPECT_EQ(sys_open(program_text(AT_PATH, "/tmp/overlap"), 01102, 0600, &fd), OK);
	EXPECT_EQ(sys_unlink(program_at(AT_PATH)), OK);
	EXPECT_EQ(sys_ftruncate((i32)fd, 2 * PAGE), OK);
	for (u32 i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)(i + 1);
	EXPECT_EQ(sys_pwrite64((i32)fd, program_put(AT_BYTES, bytes, sizeof(bytes)), sizeof(bytes), 0, &moved), OK);
	EXPECT_EQ(sys_pwrite64((i32)fd, program_at(AT_BYTES), sizeof(bytes), BEHIND, &moved), OK);
	EXPECT_EQ(sys_mmap(UADDR(0), 2 * PAGE, 3, 1 /* MAP_SHARED */, (i32)fd, 0, mapping), OK);
	return (i32)fd;
}

static u8
byte_at(u64 address)
{
	u8 byte = 0;
	EXPECT_EQ(copy_in((struct bytes){ &byte, 1 }, UADDR(address)), OK);
	return byte;
}

PROGRAM_TEST(a_file_is_written_from_its_own_mapping_and_read_into_it)
{
	u64 at = 0, moved = 0;
	i32 fd = file_make(&at);
	EXPECT_EQ(sys_pwrite64(fd, UADDR(at), 40, 13, &moved), OK);
	EXPECT_EQ(moved, 40);
	EXPECT(byte_at(at) == 1 && byte_at(at + 12) == 13 && byte_at(at + 53) == 54 && byte_at(at + BEHIND) == 1);
	EXPECT_EQ(sys_pread64(fd, UADDR(at + 7), 40, 0, &moved), OK);
	EXPECT_EQ(moved, 40);
	EXPECT(byte_at(at + 6) == 7 && byte_at(at + 53) == 54 && byte_at(at + BEHIND + 63) == 64);
	EXPECT_EQ(sys_pwrite64(fd, UADDR(at + PAGE - 10), 100, PAGE, &moved), OK);
	EXPECT_EQ(moved, 100);
	EXPECT_EQ(sys_munmap(UADDR(at), 2 * PAGE), OK);
}
