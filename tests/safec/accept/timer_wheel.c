/* a timer wheel. */
enum { SLOTS = 256 };
struct timer { unsigned long when; struct timer *next; void (*fire)(struct timer *); };
struct wheel { struct timer *slots[SLOTS]; unsigned long now; };
void timer_add(struct wheel *w, struct timer *t) { t->next = w->slots[t->when % SLOTS]; w->slots[t->when % SLOTS] = t; }
void tick(struct wheel *w) { struct timer *t = w->slots[w->now++ % SLOTS]; while (t) { struct timer *n = t->next; if (t->fire) t->fire(t); t = n; } }
