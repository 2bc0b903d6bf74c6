/* SC-ODR: one function, other parameters. */
int put(long n) { return (int)n; }
