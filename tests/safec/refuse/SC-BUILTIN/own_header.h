__attribute__((no_sanitize("all"))) static inline int unchecked(int i) { static int a[4]; return a[i]; }
