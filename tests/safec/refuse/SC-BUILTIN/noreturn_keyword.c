/* SC-BUILTIN: a false promise in C11 spelling. */
_Noreturn void f(int x) { if (x) for (;;) { } }
