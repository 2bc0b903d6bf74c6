// SPDX-License-Identifier: MPL-2.0
/** Device registers behind I/O ports. */
#include <io/io_impl.h>

enum : u32 { PORTS = 0x10000 };

/** The right to a range of ports. */
struct io_port { struct io_range range; };

static struct io_range *io_port_ranges;   /* guarded by io_lock */

HANDLE_DEFINE(io_port, io_range_gone);

err_t
io_port_acquire(u16 base, u16 len, struct io_port **out)
{
	u32 from, to;

	if (!arch_has_ports())
		return ENODEV;
	if (len == 0 || range_exceeds(base, len, PORTS))
		return EINVAL;
	for (u32 i = 0; arch_sensitive_ports(i, &from, &to); i++)
		if (from < (u32)base + len && base < to)
			return EACCES;
	struct io_range wanted = { .list = &io_port_ranges, .start = base, .end = (u64)base + len };
	/* SAFETY: the handle is its range, and of the type that it is made of. */
	return io_range_create(&io_port_handle_type, &wanted, (struct io_range **)out);
}

void
io_port_release(struct io_port *port)
{
	heap_put(&io_port_handle_type, (struct object *)port);
}

/*
 * SAFETY, for each access: [at, at + N / 8) lies in the handle's range and is aligned (io_range_enter), which nobody
 * else owns and which has no port that the framework itself relies on (io_port_acquire), while the handle is pinned.
 */
#define LOAD(N, range, at)         (u##N)arch_port_read((u16)at, N / 8)
#define STORE(N, range, at, value) arch_port_write((u16)at, N / 8, value)
IO_ACCESS(io_port, 8)
IO_ACCESS(io_port, 16)
IO_ACCESS(io_port, 32)
