/* harmless attributes. */
[[nodiscard]] static int a(void) { return 1; }
[[maybe_unused]] static int b(void) { return 1; }
__attribute__((noinline, cold)) int c(void) { return a(); }
[[gnu::always_inline]] static inline int d(void) { return c(); }
[[deprecated("old")]] int e(void);
int e(void) { return d(); }
int f(int x __attribute__((unused))) { return 0; }
