/* a visitor with a context object. */
struct context { int sum; };
struct list { int value; struct list *next; };
static void each(const struct list *l, void (*visit)(struct context *, int), struct context *c) { for (; l; l = l->next) visit(c, l->value); }
static void add(struct context *c, int v) { c->sum += v; }
static struct context total;
int f(const struct list *l) { each(l, add, &total); return total.sum; }
