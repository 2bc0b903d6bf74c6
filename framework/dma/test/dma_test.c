// SPDX-License-Identifier: MPL-2.0
// Memory for devices: what may be reached, where it lies, and that it is for devices for ever.
#include <cadre/dma.h>
#include <mm/mm.h>
#include <test.h>

static struct dma_coherent *
coherent(u32 nframes)
{
	struct dma_coherent *mem = nullptr;
	EXPECT_EQ(dma_coherent_alloc(nframes, TIME_NEVER, &mem), OK);
	return mem;
}

static struct dma_stream *
stream_of(size_t len, enum dma_dir dir)
{
	struct dma_stream *stream = nullptr;
	EXPECT_EQ(dma_stream_alloc(len, dir, TIME_NEVER, &stream), OK);
	return stream;
}

TEST(coherent_memory_reads_back_in_each_width)
{
	struct dma_coherent *mem = coherent(3);
	u8 text[5] = {};

	dma_coherent_write8(mem, 1, 0xab);
	dma_coherent_write16(mem, 2, 0xcdef);
	dma_coherent_write32(mem, 4, 0x12345678);
	dma_coherent_write64(mem, 3 * PAGE_SIZE - 8, 0x1122334455667788);
	EXPECT_EQ(dma_coherent_read64(mem, 0), 0x12345678cdefab00);
	EXPECT_EQ(dma_coherent_read32(mem, 0), 0xcdefab00);
	EXPECT_EQ(dma_coherent_read16(mem, 4), 0x5678);
	EXPECT_EQ(dma_coherent_read8(mem, 3 * PAGE_SIZE - 1), 0x11);
	dma_coherent_write(mem, PAGE_SIZE - 2, TEXT("hello"));
	dma_coherent_read(mem, PAGE_SIZE - 2, (struct bytes){ text, sizeof(text) });
	EXPECT(cbytes_equal((struct cbytes){ text, sizeof(text) }, TEXT("hello")));
	dma_coherent_free(mem);
}

TEST(coherent_memory_ends_where_it_was_asked_to)
{
	struct dma_coherent *mem = coherent(3);
	u8 byte = 0;

	EXPECT_TRAP((void)dma_coherent_read8(mem, 3 * PAGE_SIZE));
	EXPECT_TRAP((void)dma_coherent_read64(mem, 3 * PAGE_SIZE - 4));
	EXPECT_TRAP((void)dma_coherent_read32(mem, ~(size_t)0 - 3));
	EXPECT_TRAP(dma_coherent_write16(mem, 1, 0));
	EXPECT_TRAP(dma_coherent_write32(mem, 2, 0));
	EXPECT_TRAP(dma_coherent_write64(mem, 4, 0));
	EXPECT_TRAP(dma_coherent_read(mem, 3 * PAGE_SIZE, (struct bytes){ &byte, 1 }));
	EXPECT_TRAP(dma_coherent_write(mem, ~(size_t)0, (struct cbytes){ &byte, 1 }));
	dma_coherent_free(mem);
}

TEST(dma_memory_is_aligned_and_set_aside)
{
	struct dma_coherent *mem = coherent(2);
	u64 daddr = dma_coherent_daddr(mem).raw;

	EXPECT_EQ(daddr % PAGE_SIZE, 0);
	EXPECT_EQ(frame_use(daddr / PAGE_SIZE), FRAME_DMA);
	EXPECT_EQ(frame_use(daddr / PAGE_SIZE + 1), FRAME_DMA);
	dma_coherent_free(mem);
	EXPECT_EQ(frame_use(daddr / PAGE_SIZE), FRAME_DMA);
	EXPECT_EQ(frame_use(daddr / PAGE_SIZE + 1), FRAME_DMA);
}

TEST(a_block_is_used_again_and_is_zero_then)
{
	struct dma_coherent *mem = coherent(1);
	u64 daddr = dma_coherent_daddr(mem).raw;

	dma_coherent_write64(mem, 8, ~(u64)0);
	dma_coherent_free(mem);
	/* A device that still writes: its data must not be the next user's either. */
	*(u64 *)phys_to_virt(daddr + 16) = 77;
	mem = coherent(1);
	EXPECT_EQ(dma_coherent_daddr(mem).raw, daddr);
	EXPECT_EQ(dma_coherent_read64(mem, 8), 0);
	EXPECT_EQ(dma_coherent_read64(mem, 16), 0);
	dma_coherent_free(mem);
}

TEST(a_freed_handle_traps)
{
	struct dma_coherent *mem = coherent(1);
	struct dma_stream *stream = stream_of(10, DMA_BOTH);

	dma_coherent_free(mem);
	EXPECT_TRAP((void)dma_coherent_read8(mem, 0));
	EXPECT_TRAP((void)dma_coherent_daddr(mem));
	EXPECT_TRAP(dma_coherent_free(mem));
	EXPECT_TRAP((void)dma_coherent_read8(nullptr, 0));
	EXPECT_TRAP((void)dma_coherent_daddr(nullptr));
	dma_stream_free(stream);
	EXPECT_TRAP(dma_stream_fill(stream, 0, TEXT("x")));
	EXPECT_TRAP((void)dma_stream_daddr(stream));
	EXPECT_TRAP(dma_stream_free(stream));
	EXPECT_TRAP(dma_stream_fill(nullptr, 0, TEXT("x")));
	EXPECT_TRAP((void)dma_stream_daddr(nullptr));
}

TEST(an_impossible_request_is_refused)
{
	struct dma_coherent *mem = nullptr;
	struct dma_stream *stream = nullptr;

	EXPECT_EQ(dma_coherent_alloc(0, TIME_NEVER, &mem), EINVAL);
	EXPECT_EQ(dma_coherent_alloc(~(u32)0, TIME_NEVER, &mem), ENOMEM);
	EXPECT_EQ(dma_coherent_alloc(1, 0, &mem), ENOMEM);
	EXPECT_EQ(dma_coherent_alloc(2, PAGE_SIZE, &mem), ENOMEM);
	EXPECT_EQ(dma_stream_alloc(0, DMA_BOTH, TIME_NEVER, &stream), EINVAL);
	EXPECT_EQ(dma_stream_alloc(10, (enum dma_dir)3, TIME_NEVER, &stream), EINVAL);
	EXPECT_EQ(dma_stream_alloc(~(size_t)0, DMA_BOTH, TIME_NEVER, &stream), ENOMEM);
	EXPECT(mem == nullptr && stream == nullptr);
}

TEST(a_limit_holds_for_new_and_for_used_blocks)
{
	u64 limit = (u64)1 << 32;
	struct dma_coherent *mem = nullptr;

	for (u32 round = 0; round < 2; round++) {
		EXPECT_EQ(dma_coherent_alloc(4, limit, &mem), OK);
		EXPECT(dma_coherent_daddr(mem).raw + 4 * PAGE_SIZE <= limit);
		dma_coherent_free(mem);
	}
	/* The used block lies above this limit. */
	EXPECT_EQ(dma_coherent_alloc(4, PAGE_SIZE, &mem), ENOMEM);
}

TEST(a_stream_has_its_length_and_direction)
{
	struct dma_stream *to = stream_of(100, DMA_TO_DEVICE), *from = stream_of(100, DMA_FROM_DEVICE);
	u8 byte = 0;

	dma_stream_fill(to, 96, TEXT("abcd"));
	EXPECT_TRAP(dma_stream_fill(to, 97, TEXT("abcd")));
	EXPECT_TRAP(dma_stream_fill(to, ~(size_t)0, TEXT("ab")));
	EXPECT_TRAP(dma_stream_drain(to, 0, (struct bytes){ &byte, 1 }));
	EXPECT_TRAP(dma_stream_fill(from, 0, TEXT("a")));
	dma_stream_drain(from, 99, (struct bytes){ &byte, 1 });
	EXPECT_EQ(byte, 0);
	EXPECT_TRAP(dma_stream_drain(from, 100, (struct bytes){ &byte, 1 }));
	dma_stream_free(to);
	dma_stream_free(from);
}

TEST(a_stream_carries_what_is_filled_in)
{
	struct dma_stream *stream = stream_of(2 * PAGE_SIZE, DMA_BOTH);
	u8 *device = phys_to_virt(dma_stream_daddr(stream).raw);
	u8 text[4] = {};

	dma_stream_fill(stream, PAGE_SIZE - 2, TEXT("abcd"));
	EXPECT_EQ(device[PAGE_SIZE], 'c');
	device[PAGE_SIZE] = 'C';
	dma_stream_drain(stream, PAGE_SIZE - 2, (struct bytes){ text, sizeof(text) });
	EXPECT(cbytes_equal((struct cbytes){ text, sizeof(text) }, TEXT("abCd")));
	dma_stream_free(stream);
}

TEST(a_stream_is_filled_from_and_drained_to_frames)
{
	struct dma_stream *stream = stream_of(PAGE_SIZE, DMA_BOTH);
	struct frame *frame = frame_alloc();
	u8 text[4] = {};

	frame_write(frame, 10, TEXT("page"));
	dma_stream_fill_frame(stream, 20, frame, 10, 4);
	dma_stream_drain_frame(stream, 20, frame, PAGE_SIZE - 4, 4);
	frame_read(frame, PAGE_SIZE - 4, (struct bytes){ text, sizeof(text) });
	EXPECT(cbytes_equal((struct cbytes){ text, sizeof(text) }, TEXT("page")));
	EXPECT_TRAP(dma_stream_fill_frame(stream, 0, frame, PAGE_SIZE - 4, 5));
	EXPECT_TRAP(dma_stream_drain_frame(stream, 0, frame, ~(size_t)0, 1));
	EXPECT_TRAP(dma_stream_fill_frame(stream, PAGE_SIZE, frame, 0, 1));
	EXPECT_TRAP(dma_stream_fill_frame(stream, 0, nullptr, 0, 1));
	frame_put(frame);
	EXPECT_TRAP(dma_stream_fill_frame(stream, 0, frame, 0, 1));
	dma_stream_free(stream);
}

TEST(many_blocks_of_all_sizes_come_and_go_in_the_same_frames)
{
	struct dma_coherent *mems[8];
	u64 first[8];

	for (u32 round = 0; round < 10; round++) {
		for (u32 i = 0; i < COUNTOF(mems); i++) {
			mems[i] = coherent(1u << i % 4);
			if (round == 0)
				first[i] = dma_coherent_daddr(mems[i]).raw;
		}
		/* Freed in the order that hands each block to the same place again. */
		for (u32 i = COUNTOF(mems); i > 0; i--) {
			EXPECT_EQ(dma_coherent_daddr(mems[i - 1]).raw, first[i - 1]);
			dma_coherent_free(mems[i - 1]);
		}
	}
}
