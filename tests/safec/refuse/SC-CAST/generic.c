/* SC-CAST: a cast inside _Generic. */
int *f(unsigned long a) { return _Generic(a, unsigned long: (int *)a, default: nullptr); }
