/* SC-BUILTIN: in a macro. */
#define FAST __attribute__((no_sanitize("all")))
FAST int f(int i) { static int a[4]; return a[i]; }
