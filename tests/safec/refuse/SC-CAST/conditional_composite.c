/* SC-CAST: two pointer types in a conditional. */
struct a { long x; }; struct b { int *p; };
struct b *f(int c, struct a *p, struct b *q) { return c ? (struct b *)p : q; }
