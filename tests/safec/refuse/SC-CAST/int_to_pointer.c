/* SC-CAST: an integer becomes a pointer. */
int *f(unsigned long a) { return (int *)a; }
