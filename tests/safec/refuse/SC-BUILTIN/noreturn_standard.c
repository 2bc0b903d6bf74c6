/* SC-BUILTIN: a false promise in C23 spelling. */
[[noreturn]] void f(int x) { if (x) for (;;) { } }
