/* SC-CAST: a pointer to a pointer of another type. */
struct a { long x; }; struct b { int *p; };
void f(struct a *x) { struct b **pp = (struct b **)&x; (*pp)->p = nullptr; }
