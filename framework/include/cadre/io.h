// SPDX-License-Identifier: MPL-2.0
/**
 * Device registers: memory-mapped ranges and ports.
 *
 * A range is owned by one holder at a time. Ranges that overlap RAM, the interrupt controllers, an IOMMU, PCI
 * configuration space, the timers or ports that the framework uses are never handed out. Each access checks offset and
 * alignment, and traps.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/object.h>

struct io_mem;
enum io_cache : u8 { IO_UNCACHED, IO_WRITE_COMBINING };

/**
 * => EINVAL (empty, wraps, beyond the CPU's physical addresses), EACCES (sensitive, or RAM), EBUSY (overlaps another's,
 * or shares a page with one under another cache attribute), ENOMEM.
 */
err_t io_mem_acquire(paddr_t base, u64 len, enum io_cache cache, struct io_mem **scoped out);
/** Unmaps it; later use of the handle traps. => with interrupts off: the range is free for others a little later. */
void io_mem_release(struct io_mem *mem);
u64 io_mem_len(struct io_mem *mem);
u8 io_mem_read8(struct io_mem *mem, u64 off);
u16 io_mem_read16(struct io_mem *mem, u64 off);
u32 io_mem_read32(struct io_mem *mem, u64 off);
u64 io_mem_read64(struct io_mem *mem, u64 off);
void io_mem_write8(struct io_mem *mem, u64 off, u8 value);
void io_mem_write16(struct io_mem *mem, u64 off, u16 value);
void io_mem_write32(struct io_mem *mem, u64 off, u32 value);
void io_mem_write64(struct io_mem *mem, u64 off, u64 value);

struct io_port;
/** Ports [base, base + len). => errors as for io_mem_acquire; ENODEV on machines without ports. */
err_t io_port_acquire(u16 base, u16 len, struct io_port **scoped out);
void io_port_release(struct io_port *port);
u8 io_port_read8(struct io_port *port, u64 off);
u16 io_port_read16(struct io_port *port, u64 off);
u32 io_port_read32(struct io_port *port, u64 off);
void io_port_write8(struct io_port *port, u64 off, u8 value);
void io_port_write16(struct io_port *port, u64 off, u16 value);
void io_port_write32(struct io_port *port, u64 off, u32 value);
