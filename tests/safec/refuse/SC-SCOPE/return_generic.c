/* SC-SCOPE: through _Generic. */
int *f(void) { int x = 1; return _Generic(x, int: &x, default: nullptr); }
