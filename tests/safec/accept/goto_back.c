/* a jump back. */
int f(int n) { int tries = 0; again: tries++; if (n-- > 0 && tries < 5) goto again; return tries; }
