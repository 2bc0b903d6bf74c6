/* SC-ODR: one variable, const and not. */
const int limit = 2;
