/* SC-FORBID: a literal alone. */
int f(int x) { return x > 1.5; }
