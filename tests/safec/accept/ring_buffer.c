/* a ring buffer. */
enum { SIZE = 128 };
struct ring { unsigned char data[SIZE]; unsigned head, tail; };
bool ring_put(struct ring *r, unsigned char c)
{
	if (r->head - r->tail == SIZE)
		return false;
	r->data[r->head % SIZE] = c;
	r->head++;
	return true;
}
bool ring_get(struct ring *r, unsigned char *out)
{
	if (r->head == r->tail)
		return false;
	*out = r->data[r->tail++ % SIZE];
	return true;
}
