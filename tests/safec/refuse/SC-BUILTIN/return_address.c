/* SC-BUILTIN: an address of the stack. */
int f(void) { return __builtin_return_address(0) != nullptr; }
