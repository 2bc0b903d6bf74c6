// SPDX-License-Identifier: MPL-2.0
/** Memory that CPU and device see alike, for rings and descriptors. */
#include <arch/string.h>
#include <dma/dma_impl.h>

struct dma_coherent { struct dma_buffer buffer; };

HANDLE_DEFINE(dma_coherent, dma_buffer_gone);

err_t
dma_coherent_alloc(u32 nframes, u64 limit, struct dma_coherent **out)
{
	/* SAFETY: the handle is its buffer, and of the type that it is made of. */
	size_t len = (size_t)nframes * PAGE_SIZE;
	return dma_buffer_create(&dma_coherent_handle_type, len, limit, (struct dma_buffer **)out);
}

void
dma_coherent_free(struct dma_coherent *mem)
{
	heap_put(&dma_coherent_handle_type, (struct object *)mem);
}

daddr_t dma_coherent_daddr(struct dma_coherent *mem) { return dma_buffer_daddr((const struct dma_buffer *)mem); }

/** Where an access goes. Inline: a trap's back trace begins at the service. */
[[gnu::always_inline]] static inline u8 *
dma_coherent_at(struct dma_coherent *mem, size_t off, size_t size, size_t align)
{
	u8 *at = off % align == 0 ? dma_buffer_at((struct dma_buffer *)mem, off, size) : nullptr;

	if (at == nullptr)
		misuse("access beyond or across DMA memory, or after its release");
	return at;
}

/* SAFETY, for each access: [at, at + size) lies in frames that are for DMA for ever and is aligned: dma_coherent_at. */
#define DMA_COHERENT_ACCESS(T, N)                                                                                      \
	T                                                                                                              \
	dma_coherent_read##N(struct dma_coherent *mem, size_t off)                                                     \
	{                                                                                                              \
		return *(volatile T *)dma_coherent_at(mem, off, sizeof(T), sizeof(T));                                 \
	}                                                                                                              \
	void                                                                                                           \
	dma_coherent_write##N(struct dma_coherent *mem, size_t off, T value)                                           \
	{                                                                                                              \
		*(volatile T *)dma_coherent_at(mem, off, sizeof(T), sizeof(T)) = value;                                \
	}
DMA_COHERENT_ACCESS(u8, 8)
DMA_COHERENT_ACCESS(u16, 16)
DMA_COHERENT_ACCESS(u32, 32)
DMA_COHERENT_ACCESS(u64, 64)

/* SAFETY, for both copies: the DMA side as above; the service's side may fault, and nothing is held. */
void
dma_coherent_read(struct dma_coherent *mem, size_t off, struct bytes dst)
{
	memcpy(dst.ptr, dma_coherent_at(mem, off, dst.len, 1), dst.len);
}

void
dma_coherent_write(struct dma_coherent *mem, size_t off, struct cbytes src)
{
	memcpy(dma_coherent_at(mem, off, src.len, 1), src.ptr, src.len);
}
