/* a scheduler's run queue. */
enum { PRIORITIES = 32 };
struct task { int priority; struct task *next; unsigned long runtime; };
struct queue { struct task *head, *tail; };
struct scheduler { struct queue queues[PRIORITIES]; unsigned ready; struct task *current; };
void enqueue(struct scheduler *s, struct task *t)
{
	unsigned p = (unsigned)t->priority;
	if (p >= PRIORITIES)
		p = PRIORITIES - 1;
	if (s->queues[p].tail != nullptr)
		s->queues[p].tail->next = t;
	else
		s->queues[p].head = t;
	s->queues[p].tail = t;
	s->ready |= 1u << p;
}
struct task *pick(struct scheduler *s)
{
	for (int p = PRIORITIES - 1; p >= 0; p--) {
		struct task *t = s->queues[p].head;
		if (t == nullptr)
			continue;
		s->queues[p].head = t->next;
		if (t->next == nullptr) {
			s->queues[p].tail = nullptr;
			s->ready &= ~(1u << p);
		}
		t->next = nullptr;
		return s->current = t;
	}
	return nullptr;
}
