/* SC-CAST: another pointee, cast. */
struct a { long x; }; struct b { int *p; };
struct b *f(struct a *p) { return (struct b *)p; }
