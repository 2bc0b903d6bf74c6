/* SC-CAST: a pointer to the other signedness. */
int *f(unsigned *p) { return (int *)p; }
