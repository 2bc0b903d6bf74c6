/* SC-SCOPE: the functions that a service's macro makes are a service's. */
#define MAKE(name) static int *name##_slot; static inline void name##_keep(void) { int x = 0; name##_slot = &x; }
MAKE(mine)
