/* an LRU list with typed links. */
struct page { unsigned long index; struct page *newer, *older; };
struct lru { struct page *newest, *oldest; unsigned count; };
static void lru_remove(struct lru *l, struct page *p)
{
	if (p->newer) p->newer->older = p->older; else l->newest = p->older;
	if (p->older) p->older->newer = p->newer; else l->oldest = p->newer;
	p->newer = p->older = nullptr;
	l->count--;
}
static void lru_push(struct lru *l, struct page *p)
{
	p->older = l->newest;
	if (l->newest != nullptr) l->newest->newer = p; else l->oldest = p;
	l->newest = p;
	l->count++;
}
struct page *lru_touch(struct lru *l, struct page *p) { lru_remove(l, p); lru_push(l, p); return l->oldest; }
