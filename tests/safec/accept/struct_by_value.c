/* structs as values. */
struct point { int x, y; };
static struct point add(struct point a, struct point b) { return (struct point){ a.x + b.x, a.y + b.y }; }
int f(void) { struct point p = { .x = 1 }, q = p; q.y = 4; struct point r = add(p, q); return r.x * r.y; }
