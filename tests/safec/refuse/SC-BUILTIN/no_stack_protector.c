/* SC-BUILTIN: a check switched off. */
__attribute__((no_stack_protector)) int f(void) { return 0; }
