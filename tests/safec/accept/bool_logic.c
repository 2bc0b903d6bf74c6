/* booleans. */
#include <stdbool.h>
bool f(bool a, int b) { bool c = b; c |= a; return c ? !a : b & 1; }
