/* SC-BUILTIN: a false promise. */
__attribute__((noreturn)) void f(int x) { if (x) for (;;) { } }
