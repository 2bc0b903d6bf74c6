/* SC-CAST: void * in the middle. */
struct a { long x; }; struct b { int *p; };
struct b *f(struct a *p) { void *v = p; struct b *q = v; return q; }
