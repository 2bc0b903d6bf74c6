static inline int *forge(unsigned long x) { return (int *)x; }
