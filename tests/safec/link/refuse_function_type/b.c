/* SC-ODR: one function, two types. */
unsigned long get(int x) { return (unsigned long)x; }
