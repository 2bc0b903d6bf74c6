/* SC-BUILTIN: second in a list. */
__attribute__((unused, no_sanitize("all"))) static int f(int i) { static int a[4]; return a[i]; }
