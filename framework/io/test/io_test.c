// SPDX-License-Identifier: MPL-2.0
// Device memory and ports: who gets a range, what an access may reach, what is left after the release.
#include <cadre/io.h>
#include <cadre/task.h>
#include <cadre/time.h>
#include <mm/mm.h>
#include <test.h>

/**
 * The start of `npages` pages of physical address space without RAM or anything else, in the middle of what the CPU can
 * address.
 */
static paddr_t
hole(u64 npages)
{
	u64 start = align_down(arch_physical_limit() / 2, PAGE_SIZE);
	EXPECT(!ram_overlaps(start, start + npages * PAGE_SIZE));
	return PADDR(start);
}

static struct io_mem *
acquire(u64 start, u64 len)
{
	struct io_mem *mem = nullptr;
	EXPECT_EQ(io_mem_acquire(PADDR(start), len, IO_UNCACHED, &mem), OK);
	return mem;
}

static err_t
try(u64 start, u64 len, enum io_cache cache)
{
	struct io_mem *mem = nullptr;
	err_t err = io_mem_acquire(PADDR(start), len, cache, &mem);
	if (err == OK)
		io_mem_release(mem);
	EXPECT((err == OK) == (mem != nullptr));
	return err;
}

TEST(a_range_must_lie_within_the_cpus_addresses)
{
	u64 limit = arch_physical_limit();

	EXPECT_EQ(try(hole(1).raw, 0, IO_UNCACHED), EINVAL);
	EXPECT_EQ(try(limit, 1, IO_UNCACHED), EINVAL);
	EXPECT_EQ(try(limit - PAGE_SIZE, PAGE_SIZE + 1, IO_UNCACHED), EINVAL);
	EXPECT_EQ(try(~(u64)0 - 7, 16, IO_UNCACHED), EINVAL);
	EXPECT_EQ(try(PAGE_SIZE, ~(u64)0, IO_UNCACHED), EINVAL);
	EXPECT_EQ(try(hole(1).raw, 4, (enum io_cache)2), EINVAL);
}

TEST(ram_is_never_a_device)
{
	struct frame *frame = frame_alloc();
	u64 pa = frame_number(frame).raw * PAGE_SIZE;

	EXPECT_EQ(try(pa, 4, IO_UNCACHED), EACCES);
	EXPECT_EQ(try(pa + 100, 4, IO_WRITE_COMBINING), EACCES);
	frame_put(frame);
}

TEST(sensitive_pages_are_never_handed_out)
{
	u64 start, end;

	for (u32 i = 0; arch_sensitive_memory(i, &start, &end); i++) {
		if (start >= end)
			continue;
		EXPECT_EQ(try(start, 4, IO_UNCACHED), EACCES);
		EXPECT_EQ(try(end - 1, 1, IO_UNCACHED), EACCES);
		/* A byte beside it in the same page would map it too. */
		EXPECT_EQ(try(align_down(start, PAGE_SIZE), 1, IO_UNCACHED), EACCES);
		EXPECT(start < PAGE_SIZE || try(align_down(start, PAGE_SIZE) - 8, 16, IO_UNCACHED) == EACCES);
	}
}

TEST(two_owners_never_have_one_byte)
{
	u64 base = hole(4).raw;
	struct io_mem *mem = acquire(base + 0x100, 0x100);

	EXPECT_EQ(try(base + 0x1ff, 1, IO_UNCACHED), EBUSY);
	EXPECT_EQ(try(base, 0x101, IO_UNCACHED), EBUSY);
	EXPECT_EQ(try(base, 3 * PAGE_SIZE, IO_UNCACHED), EBUSY);
	EXPECT_EQ(try(base + 0x200, 0x100, IO_UNCACHED), OK);
	EXPECT_EQ(try(base, 0x100, IO_UNCACHED), OK);
	io_mem_release(mem);
	EXPECT_EQ(try(base, 3 * PAGE_SIZE, IO_UNCACHED), OK);
}

TEST(one_page_has_one_cache_attribute)
{
	u64 base = hole(4).raw;
	struct io_mem *mem = acquire(base + 0x100, 0x100);

	EXPECT_EQ(try(base + 0x800, 0x100, IO_WRITE_COMBINING), EBUSY);
	EXPECT_EQ(try(base + PAGE_SIZE, PAGE_SIZE, IO_WRITE_COMBINING), OK);
	io_mem_release(mem);
	EXPECT_EQ(try(base + 0x800, 0x100, IO_WRITE_COMBINING), OK);
}

TEST(an_access_stays_within_the_range_and_aligned)
{
	struct io_mem *mem = acquire(hole(1).raw + 0x10, 0x18);

	EXPECT_EQ(io_mem_len(mem), 0x18);
	io_mem_write64(mem, 0x10, 1);
	EXPECT_TRAP((void)io_mem_read8(mem, 0x18));
	EXPECT_TRAP((void)io_mem_read16(mem, 0x18));
	EXPECT_TRAP((void)io_mem_read32(mem, 0x16));
	EXPECT_TRAP((void)io_mem_read64(mem, 0x14));
	EXPECT_TRAP((void)io_mem_read64(mem, ~(u64)0 - 7));
	EXPECT_TRAP(io_mem_write8(mem, 0x18, 0));
	EXPECT_TRAP(io_mem_write16(mem, 1, 0));
	EXPECT_TRAP(io_mem_write32(mem, 2, 0));
	EXPECT_TRAP(io_mem_write64(mem, 4, 0));
	io_mem_release(mem);
}

TEST(each_width_reaches_the_device)
{
	struct io_mem *mem = acquire(hole(1).raw, PAGE_SIZE);

	io_mem_write32(mem, 8, 0x12345678);
	if (io_mem_read32(mem, 8) != 0x12345678) {
		io_mem_release(mem);
		return test_skip("no device memory that can be written here");
	}
	io_mem_write8(mem, 0, 0xab);
	io_mem_write16(mem, 2, 0xcdef);
	io_mem_write64(mem, PAGE_SIZE - 8, 0x1122334455667788);
	EXPECT_EQ(io_mem_read8(mem, 0), 0xab);
	EXPECT_EQ(io_mem_read16(mem, 2), 0xcdef);
	EXPECT_EQ(io_mem_read64(mem, PAGE_SIZE - 8), 0x1122334455667788);
	io_mem_write64(mem, 0, 0);
	io_mem_write64(mem, 8, 0);
	io_mem_release(mem);
}

TEST(a_released_handle_traps)
{
	struct io_mem *mem = acquire(hole(1).raw, 64);

	io_mem_release(mem);
	EXPECT_TRAP((void)io_mem_read32(mem, 0));
	EXPECT_TRAP(io_mem_write32(mem, 0, 1));
	EXPECT_TRAP((void)io_mem_len(mem));
	EXPECT_TRAP(io_mem_release(mem));
	EXPECT_TRAP((void)io_mem_read8(nullptr, 0));
	EXPECT_TRAP(io_mem_release(nullptr));
}

TEST(a_release_with_interrupts_off_is_caught_up_later)
{
	u64 base = hole(1).raw, flags, deadline = clock_now() + 30 * NS_PER_SEC;
	struct io_mem *mem = acquire(base, 64);

	flags = arch_irq_save();
	io_mem_release(mem);
	EXPECT_TRAP((void)io_mem_read8(mem, 0));
	arch_irq_restore(flags);
	while (try(base, 64, IO_UNCACHED) == EBUSY && clock_now() < deadline)
		(void)task_sleep_until(clock_now() + NS_PER_MS, false);
	EXPECT_EQ(try(base, 64, IO_UNCACHED), OK);
}

TEST(ranges_come_and_go_without_using_addresses_up)
{
	u64 base = hole(64).raw;
	struct io_mem *mems[16];

	for (u32 round = 0; round < 20; round++) {
		for (u32 i = 0; i < COUNTOF(mems); i++)
			mems[i] = acquire(base + i * 4 * PAGE_SIZE, (1 + i % 4) * PAGE_SIZE);
		for (u32 i = 0; i < COUNTOF(mems); i++)
			io_mem_release(mems[(i * 7 + round) % COUNTOF(mems)]);
	}
}

/* A PC's fourth serial port, which the test machines do not have. */
enum : u32 { PORT_HARMLESS = 0x2e8 };

TEST(ports_are_refused_where_there_are_none_or_they_are_taken)
{
	struct io_port *port = nullptr, *second = nullptr;
	u32 start, end;

	if (!arch_has_ports()) {
		EXPECT_EQ(io_port_acquire(PORT_HARMLESS, 4, &port), ENODEV);
		return test_skip("no ports");
	}
	EXPECT_EQ(io_port_acquire(PORT_HARMLESS, 0, &port), EINVAL);
	EXPECT_EQ(io_port_acquire(0xfffe, 4, &port), EINVAL);
	for (u32 i = 0; arch_sensitive_ports(i, &start, &end); i++) {
		if (start >= end)
			continue;
		EXPECT_EQ(io_port_acquire((u16)start, 1, &port), EACCES);
		EXPECT_EQ(io_port_acquire((u16)(end - 1), 1, &port), EACCES);
	}
	EXPECT_EQ(io_port_acquire(PORT_HARMLESS, 8, &port), OK);
	EXPECT_EQ(io_port_acquire(PORT_HARMLESS + 7, 1, &second), EBUSY);
	io_port_release(port);
	EXPECT_EQ(io_port_acquire(PORT_HARMLESS + 7, 1, &second), OK);
	io_port_release(second);
}

TEST(a_port_access_stays_within_the_range_and_aligned)
{
	struct io_port *port = nullptr;

	if (!arch_has_ports())
		return test_skip("no ports");
	EXPECT_EQ(io_port_acquire(PORT_HARMLESS, 6, &port), OK);
	io_port_write8(port, 5, 0);
	io_port_write16(port, 4, 0);
	io_port_write32(port, 0, 0);
	(void)io_port_read8(port, 5);
	(void)io_port_read16(port, 4);
	(void)io_port_read32(port, 0);
	EXPECT_TRAP((void)io_port_read8(port, 6));
	EXPECT_TRAP((void)io_port_read16(port, 5));
	EXPECT_TRAP((void)io_port_read32(port, 4));
	EXPECT_TRAP(io_port_write8(port, 0xffff, 0));
	EXPECT_TRAP(io_port_write16(port, 1, 0));
	EXPECT_TRAP(io_port_write32(port, 2, 0));
	io_port_release(port);
	EXPECT_TRAP((void)io_port_read8(port, 0));
	EXPECT_TRAP(io_port_release(port));
	EXPECT_TRAP(io_port_write8(nullptr, 0, 0));
}
