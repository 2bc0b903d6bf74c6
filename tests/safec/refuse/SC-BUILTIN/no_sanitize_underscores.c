/* SC-BUILTIN: with underscores. */
__attribute__((__no_sanitize__("bounds"))) int f(int i) { static int a[4]; return a[i]; }
