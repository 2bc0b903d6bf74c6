/* SC-BUILTIN: a function without a frame. */
__attribute__((naked)) void f(void) { }
