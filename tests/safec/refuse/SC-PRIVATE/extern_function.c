/* SC-PRIVATE: another unit's function. */
int other(int *p);
int f(void) { return other(nullptr); }
