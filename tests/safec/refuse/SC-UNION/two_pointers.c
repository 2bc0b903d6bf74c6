/* SC-UNION: two pointer types. */
struct a { int x; }; struct b { int *p; };
union u { struct a *a; struct b *b; };
