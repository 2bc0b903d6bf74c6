/* SC-CAST: a cast that a service's macro of pasted names makes. */
#define MAKE(name) static inline int *name##_from(unsigned long n) { return (int *)n; }
MAKE(mine)
