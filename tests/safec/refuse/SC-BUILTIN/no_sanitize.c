/* SC-BUILTIN: checks switched off. */
__attribute__((no_sanitize("array-bounds"))) int f(int i) { static int a[4]; return a[i]; }
