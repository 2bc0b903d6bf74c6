/* SC-CAST: an integer becomes a pointer without a cast. */
int *f(unsigned long a) { int *p; p = a; return p; }
