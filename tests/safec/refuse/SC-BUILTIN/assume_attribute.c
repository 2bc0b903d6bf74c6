/* SC-BUILTIN: as an attribute. */
int f(int x) { [[clang::assume(x > 0)]]; return x; }
