/* SC-BUILTIN: in C23 spelling. */
[[clang::no_sanitize("all")]] int f(int i) { static int a[4]; return a[i]; }
