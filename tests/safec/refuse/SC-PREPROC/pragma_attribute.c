/* SC-PREPROC: attributes by pragma. */
#pragma clang attribute push(__attribute__((no_sanitize("all"))), apply_to = function)
int f(void) { return 0; }
#pragma clang attribute pop
