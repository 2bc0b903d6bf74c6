/* SC-PRIVATE: a function that the compiler calls. */
int *memcpy(int *d, const int *s, unsigned long n) { return d; }
