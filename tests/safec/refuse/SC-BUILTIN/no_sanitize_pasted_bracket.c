/* SC-BUILTIN: brackets from macros. */
#define OPEN [
OPEN OPEN clang::no_sanitize("all")]] int f(int i) { static int a[4]; return a[i]; }
