/* SC-CAST: a cast at the end of a statement expression. */
int *f(unsigned long a) { return ({ (int *)a; }); }
