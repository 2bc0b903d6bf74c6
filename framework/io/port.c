// SPDX-License-Identifier: MPL-2.0
/** Device registers behind I/O ports. */
#include <io/io_impl.h>

enum : u32 { PORTS = 0x10000 };

/** The right to a range of ports. */
struct io_port {
	struct io_range range;
};

static struct io_registry io_port_registry;

static void
io_port_gone(struct object *object)
{
	io_range_forget(&io_port_registry, &((struct io_port *)object)->range);
}
HANDLE_DEFINE(io_port, io_port_gone);

static bool
io_port_sensitive(u32 start, u32 end)
{
	u32 from, to;

	for (u32 i = 0; arch_sensitive_ports(i, &from, &to); i++)
		if (from < end && start < to)
			return true;
	return false;
}

err_t
io_port_acquire(u16 base, u16 len, struct io_port **out)
{
	if (!arch_has_ports())
		return ENODEV;
	if (len == 0 || range_exceeds(base, len, PORTS))
		return EINVAL;
	if (io_port_sensitive(base, (u32)base + len))
		return EACCES;
	struct io_port *port = (struct io_port *)heap_alloc(&io_port_handle_type);
	if (port == nullptr)
		return ENOMEM;
	port->range = (struct io_range){ .start = base, .end = (u64)base + len };
	err_t err = io_range_claim(&io_port_registry, &port->range);
	if (err != OK)
		heap_put(&io_port_handle_type, (struct object *)port);
	else
		*out = port;
	return err;
}

void
io_port_release(struct io_port *port)
{
	heap_put(&io_port_handle_type, (struct object *)port);
}

/** Pins the handle, so that the ports stay its, and checks the access. */
[[gnu::always_inline]] static inline u16
io_port_enter(struct io_port *port, u16 off, u32 size)
{
	handle_enter(&io_port_handle_type, port);
	u64 at = port->range.start + off;
	bool bad = range_exceeds(off, size, port->range.end - port->range.start) || at % size != 0;
	if (bad) {
		handle_leave(&io_port_handle_type, port);
		misuse("access beyond or across ports");
	}
	return (u16)at;
}

/* SAFETY, for each access: [at, at + size) lies in the handle's range and is aligned (io_port_enter), which nobody
 * else owns and which has no port that
 * the framework itself relies on (io_port_acquire), while the handle is pinned. */
#define IO_PORT_ACCESS(T, read, write)                                                                                 \
	T                                                                                                              \
	read(struct io_port *port, u16 off)                                                                            \
	{                                                                                                              \
		u16 at = io_port_enter(port, off, sizeof(T));                                                          \
		T value = (T)arch_port_read(at, sizeof(T));                                                            \
		handle_leave(&io_port_handle_type, port);                                                                   \
		return value;                                                                                          \
	}                                                                                                              \
	void                                                                                                           \
	write(struct io_port *port, u16 off, T value)                                                                  \
	{                                                                                                              \
		u16 at = io_port_enter(port, off, sizeof(T));                                                          \
		arch_port_write(at, sizeof(T), value);                                                                 \
		handle_leave(&io_port_handle_type, port);                                                                   \
	}
IO_PORT_ACCESS(u8, io_port_read8, io_port_write8)
IO_PORT_ACCESS(u16, io_port_read16, io_port_write16)
IO_PORT_ACCESS(u32, io_port_read32, io_port_write32)
