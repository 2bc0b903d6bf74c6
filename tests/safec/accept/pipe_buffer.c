/* a pipe's buffer with slices. */
#include <cadre/fw.h>
enum { ROOM = 512 };
struct pipe { u8 data[ROOM]; u32 start, len; struct spin_lock lock; };
u64 pipe_write(struct pipe *p, struct bytes from)
{
	SPIN_SCOPE(&p->lock);
	u64 n = MIN(bytes_len(from), (u64)(ROOM - p->len));
	for (u64 i = 0; i < n; i++)
		p->data[(p->start + p->len + i) % ROOM] = bytes_get(from, i);
	p->len += (u32)n;
	return n;
}
u64 pipe_read(struct pipe *p, struct bytes to)
{
	SPIN_SCOPE(&p->lock);
	u64 n = MIN(bytes_len(to), (u64)p->len);
	for (u64 i = 0; i < n; i++)
		bytes_set(to, i, p->data[(p->start + i) % ROOM]);
	p->start = (p->start + (u32)n) % ROOM;
	p->len -= (u32)n;
	return n;
}
