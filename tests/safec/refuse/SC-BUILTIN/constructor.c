/* SC-BUILTIN: code before main. */
__attribute__((constructor)) static void f(void) { }
