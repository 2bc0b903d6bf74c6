/* SC-CAST: a function type with untyped context. */
typedef int (*cb)(void *ctx);
int f(cb c) { return c != nullptr; }
