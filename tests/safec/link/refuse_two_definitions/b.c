/* SC-ODR: two definitions of one function. */
int same(void) { return 2; }
