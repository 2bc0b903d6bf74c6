/* SC-CAST: a pointer becomes a number. */
unsigned long f(int *p) { return (unsigned long)p; }
